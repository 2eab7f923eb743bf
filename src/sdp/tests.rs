//! Offers and answers as they are met.

use proptest::prelude::*;

use super::*;

mod security;

fn local() -> Local {
    Local::new("192.0.2.10:30000".parse().unwrap(), 4_000, secret(1))
}

fn secret(seed: u8) -> Secret {
    Secret([1, 2, 3, 4].map(|suite| [suite * 16 + seed; LONGEST]), [seed; 32])
}

fn lines(text: &str) -> Vec<u8> {
    text.split('|')
        .map(|line| format!("{line}\r\n"))
        .collect::<String>()
        .into_bytes()
}

/// An offer: session lines, with `c=` to 198.51.100.1, and then these, separated by `|`.
fn sdp(media: &str) -> Vec<u8> {
    lines(&format!(
        "v=0|o=bob 7 1 IN IP4 198.51.100.1|s=-|c=IN IP4 198.51.100.1|t=0 0|{media}"
    ))
}

fn answered(offer: &[u8]) -> (String, Media) {
    answer(offer, &local(), &Capabilities::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn rejected(offer: &[u8]) -> Rejected {
    answer(offer, &local(), &Capabilities::default()).expect_err("should be rejected")
}

#[test]
fn an_offer_says_by_which_family_its_sound_goes() {
    let at = |media: &str| wanted_at(&sdp(media)).map(|ip| ip.to_string());
    assert_eq!(at("m=audio 4000 RTP/AVP 0").as_deref(), Some("198.51.100.1"));
    let own = "m=video 4002 RTP/AVP 99|m=audio 4000 RTP/AVP 0|c=IN IP6 2001:db8::1";
    assert_eq!(at(own).as_deref(), Some("2001:db8::1"));
    assert_eq!(
        at("m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0").as_deref(),
        Some("0.0.0.0")
    );
    assert_eq!(at("m=audio 0 RTP/AVP 0"), None);
    assert_eq!(wanted_at(b"no offer"), None);
}

#[test]
fn an_offer_says_how_its_only_stream_is_coded() {
    let read = |media: &str| coding(&sdp(media), &Capabilities::default());
    let browser = "m=audio 9 UDP/TLS/RTP/SAVPF 96 63 0 110 126|a=rtpmap:96 opus/48000/2|a=fmtp:96 minptime=10;useinbandfec=1|\
        a=rtpmap:63 red/48000/2|a=rtpmap:110 telephone-event/48000|a=rtpmap:126 telephone-event/8000";
    let expected = Coding {
        codec: Codec::Opus,
        payload_type: 96,
        wishes: Wishes {
            correction: Correction::Wanted,
            ..Wishes::default()
        },
        telephone_event: Some(TelephoneEvent {
            payload_type: 110,
            clock_rate: 48_000,
        }),
    };
    assert_eq!(read(browser), Ok(expected));
    for other in [
        "m=video 9 UDP/TLS/RTP/SAVPF 96|a=rtpmap:96 VP8/90000".to_owned(),
        format!("{browser}|m=application 9 UDP/DTLS/SCTP webrtc-datachannel"),
        "m=audio 0 UDP/TLS/RTP/SAVPF 0".to_owned(),
    ] {
        assert!(matches!(read(&other), Err(Rejected::NoAudio { .. })), "{other}");
    }
    let unknown = read("m=audio 9 UDP/TLS/RTP/SAVPF 63|a=rtpmap:63 red/48000/2");
    assert!(matches!(unknown, Err(Rejected::NoCommonCodec { .. })), "{unknown:?}");
}

#[test]
fn a_usual_offer_gets_the_usual_answer() {
    let (text, media) = answered(&sdp(
        "m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16|a=ptime:20",
    ));
    let expected = "v=0|o=offhook 4000 1 IN IP4 192.0.2.10|s=-|c=IN IP4 192.0.2.10|t=0 0|m=audio 30000 RTP/AVP 0 101|\
        a=rtpmap:0 PCMU/8000|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15|a=ptime:20|a=sendrecv";
    assert_eq!(text, String::from_utf8(lines(expected)).unwrap());
    let agreed = Media {
        remote: "198.51.100.1:4000".parse().unwrap(),
        codec: Codec::Pcmu,
        payload_type: 0,
        wishes: Wishes::default(),
        telephone_event: Some(TelephoneEvent {
            payload_type: 101,
            clock_rate: 8_000,
        }),
        ptime: 20,
        direction: Direction::SendRecv,
        reports: Reports::To("198.51.100.1:4001".parse().unwrap()),
        crypto: None,
        fingerprint: None,
        ice: None,
    };
    assert_eq!(media, agreed);
}

#[test]
fn reports_go_with_the_sound_where_both_can_else_where_it_is_said() {
    let to = |more: &str| {
        let (text, media) = answered(&sdp(&format!("m=audio 4000 RTP/AVP 0{more}")));
        assert_eq!(
            text.contains("a=rtcp-mux"),
            media.reports == Reports::Multiplexed,
            "{text}"
        );
        (media.reports, media.peer().reports)
    };
    let at = |port: u16| {
        let address = SocketAddr::new("198.51.100.1".parse().unwrap(), port);
        (Reports::To(address), Some(address))
    };
    assert_eq!(to("|a=RTCP-mux"), (Reports::Multiplexed, None));
    assert_eq!(to(""), at(4001));
    assert_eq!(to("|a=rtcp:53020"), at(53_020));
    // An address of its own would be a way to have us send to somebody else.
    assert_eq!(to("|a=rtcp:53020 IN IP4 203.0.113.66"), at(53_020));
    assert_eq!(to("|a=rtcp:none"), at(4001));
    assert!(offer(&local(), &Capabilities::default()).contains("a=rtcp-mux"));
}

#[test]
fn codecs_and_payload_types() {
    for (media, codec, payload_type, event) in [
        ("m=audio 4000 RTP/AVP 8 0", Codec::Pcma, 8, None),
        ("m=audio 4000 RTP/AVP 9 18 0", Codec::G722, 9, None),
        ("m=audio 4000 RTP/AVP 18 0 9", Codec::Pcmu, 0, None),
        ("m=audio 4000 RTP/AVP 98 0|a=rtpmap:98 G722/8000", Codec::G722, 98, None),
        ("m=audio 4000 RTP/AVP 98 0|a=rtpmap:98 G722/16000", Codec::Pcmu, 0, None),
        (
            "m=audio 4000 RTP/AVP 96 0|a=rtpmap:96 pcma/8000/1",
            Codec::Pcma,
            96,
            None,
        ),
        ("m=audio 4000 RTP/AVP 0|a=rtpmap:0 PCMA/8000", Codec::Pcma, 0, None),
        ("m=audio 4000 RTP/AVP 96 8|a=rtpmap:96 PCMU/16000", Codec::Pcma, 8, None),
        (
            "m=audio 4000 RTP/AVP 97 8|a=rtpmap:97 PCMU/8000/2",
            Codec::Pcma,
            8,
            None,
        ),
        (
            "m=audio 4000 RTP/AVP 96 0 126|a=rtpmap:96 OPUS/48000/2|a=rtpmap:126 TELEPHONE-EVENT/8000",
            Codec::Opus,
            96,
            Some(126),
        ),
        (
            "m=audio 4000 RTP/AVP 111 101 110|a=rtpmap:111 opus/48000/2|a=rtpmap:101 telephone-event/8000|a=rtpmap:110 telephone-event/48000",
            Codec::Opus,
            111,
            Some(110),
        ),
        (
            "m=audio 4000 RTP/AVP 96 0|a=rtpmap:96 opus/48000",
            Codec::Opus,
            96,
            None,
        ),
        (
            "m=audio 4000 RTP/AVP 96 0|a=rtpmap:96 opus/16000/2",
            Codec::Pcmu,
            0,
            None,
        ),
        ("m=audio 4000 RTP/AVP 111 0", Codec::Pcmu, 0, None),
        (
            "m=audio 4000 RTP/AVP 0 97|a=rtpmap:97 telephone-event/16000",
            Codec::Pcmu,
            0,
            None,
        ),
        (
            "m=audio 4000 RTP/AVP 0 110 101|a=rtpmap:110 telephone-event/48000|a=rtpmap:101 telephone-event/8000",
            Codec::Pcmu,
            0,
            Some(101),
        ),
        ("m=audio 4000 RTP/AVP 0 101", Codec::Pcmu, 0, None),
        ("m=audio 4000 RTP/AVP 0 999 x 8", Codec::Pcmu, 0, None),
        ("m=audio 4000 RTP/AVPF 8", Codec::Pcma, 8, None),
    ] {
        let (text, agreed) = answered(&sdp(media));
        assert_eq!(
            (agreed.codec, agreed.payload_type, agreed.peer().telephone_event),
            (codec, payload_type, event),
            "{media}"
        );
        assert!(
            text.contains(&format!("a=rtpmap:{payload_type} {codec}\r\n")),
            "{media}: {text}"
        );
        assert!(event.is_some() == text.contains("telephone-event"), "{media}: {text}");
    }
}

#[test]
fn keys_are_answered_in_the_clock_they_were_offered_in() {
    let offered = "m=audio 4000 RTP/AVP 96 97 98|a=rtpmap:96 opus/48000/2|a=rtpmap:97 telephone-event/8000|a=rtpmap:98 telephone-event/48000";
    let (text, _) = answered(&sdp(offered));
    assert!(
        text.contains("RTP/AVP 96 98\r\n") && text.contains("a=rtpmap:98 telephone-event/48000\r\n"),
        "{text}"
    );
    let (text, _) = answered(&sdp(
        "m=audio 4000 RTP/AVP 96 97|a=rtpmap:96 opus/48000/2|a=rtpmap:97 telephone-event/8000",
    ));
    assert!(text.contains("a=rtpmap:97 telephone-event/8000\r\n"), "{text}");
}

#[test]
fn what_is_wished_of_opus_is_read_with_patience() {
    let wished = |parameters: &str| {
        let offer = sdp(&format!(
            "m=audio 4000 RTP/AVP 96|a=rtpmap:96 opus/48000/2|a=fmtp:96 {parameters}"
        ));
        let (text, media) = answered(&offer);
        assert!(text.contains("a=fmtp:96 maxplaybackrate=16000;"), "{text}");
        let Wishes {
            correction,
            playback_rate,
            most_bits,
        } = media.peer().wishes;
        (correction == Correction::Wanted, playback_rate, most_bits)
    };
    assert_eq!(wished("useinbandfec=1"), (true, 48_000, None));
    assert_eq!(
        wished("minptime=10; USEINBANDFEC=1 ;stereo=1;maxplaybackrate=8000"),
        (true, 8_000, None)
    );
    assert_eq!(
        wished("maxaveragebitrate=20000;useinbandfec=0"),
        (false, 48_000, Some(20_000))
    );
    for nonsense in [
        "useinbandfec",
        "=;;=",
        "maxplaybackrate=0;maxaveragebitrate=-7",
        "useinbandfec=yes",
        "x",
    ] {
        assert_eq!(wished(nonsense), (false, 48_000, None), "{nonsense}");
    }
}

#[test]
fn what_is_offered_is_what_was_chosen_in_its_order() {
    for (codecs, expected) in [
        (
            Codec::ALL.to_vec(),
            "m=audio 30000 RTP/AVP 111 9 0 8 101 102|a=rtpmap:111 opus/48000/2|\
            a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1|a=rtpmap:9 G722/8000|a=rtpmap:0 PCMU/8000|\
            a=rtpmap:8 PCMA/8000|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15|a=rtpmap:102 telephone-event/48000|a=fmtp:102 0-15|",
        ),
        (
            Codec::TELEPHONE.to_vec(),
            "m=audio 30000 RTP/AVP 0 8 101|a=rtpmap:0 PCMU/8000|a=rtpmap:8 PCMA/8000|a=rtpmap:101 telephone-event/8000|",
        ),
        (vec![Codec::Opus], "m=audio 30000 RTP/AVP 111 102|"),
    ] {
        let capabilities = Capabilities {
            codecs,
            ..Capabilities::default()
        };
        let text = offer(&local(), &capabilities);
        let expected = expected.replace('|', "\r\n");
        assert!(text.contains(&expected), "{text}");
        let media = accept(text.as_bytes(), &local(), &capabilities).unwrap();
        assert_eq!(
            Some(&media.codec),
            capabilities.codecs.first(),
            "the first of them is what is spoken"
        );
    }
}

#[test]
fn hold_in_its_spellings() {
    for (media, direction, said) in [
        ("m=audio 4000 RTP/AVP 0", Direction::SendRecv, "sendrecv"),
        ("m=audio 4000 RTP/AVP 0|a=sendonly", Direction::RecvOnly, "recvonly"),
        ("m=audio 4000 RTP/AVP 0|a=recvonly", Direction::SendOnly, "sendonly"),
        ("m=audio 4000 RTP/AVP 0|a=inactive", Direction::Inactive, "inactive"),
        (
            "m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0",
            Direction::RecvOnly,
            "recvonly",
        ),
        (
            "m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0|a=sendonly",
            Direction::RecvOnly,
            "recvonly",
        ),
        (
            "m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0|a=inactive",
            Direction::Inactive,
            "inactive",
        ),
        ("a=sendonly|m=audio 4000 RTP/AVP 0", Direction::RecvOnly, "recvonly"),
        (
            "a=sendonly|m=audio 4000 RTP/AVP 0|a=sendrecv",
            Direction::SendRecv,
            "sendrecv",
        ),
    ] {
        let (text, agreed) = answered(&sdp(media));
        assert_eq!(agreed.direction, direction, "{media}");
        assert!(text.ends_with(&format!("a={said}\r\n")), "{media}: {text}");
    }
}

#[test]
fn our_own_hold_limits_the_answer() {
    let holding = Local {
        direction: Direction::SendOnly,
        ..local()
    };
    for (offered, direction) in [
        ("sendrecv", Direction::SendOnly),
        ("sendonly", Direction::Inactive),
        ("recvonly", Direction::SendOnly),
    ] {
        let offer = sdp(&format!("m=audio 4000 RTP/AVP 0|a={offered}"));
        let (_, agreed) = answer(&offer, &holding, &Capabilities::default()).unwrap();
        assert_eq!(agreed.direction, direction, "{offered}");
    }
}

#[test]
fn who_is_held_is_not_expected_to_send() {
    let reception = |media: &str| answered(&sdp(media)).1.peer().reception;
    assert_eq!(reception("m=audio 4000 RTP/AVP 0"), rtp::Reception::Expected);
    assert_eq!(reception("m=audio 4000 RTP/AVP 0|a=sendonly"), rtp::Reception::Paused);
    assert_eq!(reception("m=audio 4000 RTP/AVP 0|a=inactive"), rtp::Reception::Paused);
    assert_eq!(
        reception("m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0"),
        rtp::Reception::Paused
    );
}

#[test]
fn other_streams_are_refused_in_their_place() {
    let (text, media) = answered(&sdp(
        "m=video 5000 RTP/AVP 96|a=rtpmap:96 H264/90000|m=audio 0 RTP/AVP 0|m=audio 4002 RTP/SAVP 0|m=audio 4004 RTP/AVP 8|c=IN IP4 198.51.100.9|\
         m=audio 4006 RTP/AVP 0|m=image 4008 udptl t38",
    ));
    let streams: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        streams,
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 30000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38"
        ]
    );
    assert_eq!(media.remote.to_string(), "198.51.100.9:4004");
}

#[test]
fn either_family_of_addresses() {
    let offer = lines("v=0|o=- 1 1 IN IP6 2001:db8::1|s=-|t=0 0|m=audio 4000 RTP/AVP 0|c=IN IP6 2001:db8::1");
    let here = Local::new("[2001:db8::2]:30000".parse().unwrap(), 4, secret(1));
    let (text, media) = answer(&offer, &here, &Capabilities::default()).unwrap();
    assert_eq!(media.remote.to_string(), "[2001:db8::1]:4000");
    assert!(
        text.contains("c=IN IP6 2001:db8::2\r\n") && text.contains("o=offhook 4 1 IN IP6 2001:db8::2\r\n"),
        "{text}"
    );
}

#[test]
fn versions_count_up() {
    let offered = sdp("m=audio 4000 RTP/AVP 0");
    let mut here = local();
    for version in 1..4 {
        let (text, _) = answer(&offered, &here, &Capabilities::default()).unwrap();
        assert!(text.contains(&format!("o=offhook 4000 {version} IN IP4")), "{text}");
        here = here.next();
    }
}

#[test]
fn rejections_say_what_was_offered_and_what_would_do() {
    let error = rejected(&sdp("m=audio 4000 RTP/AVP 3 18 97|a=rtpmap:97 iLBC/8000"));
    assert_eq!(error.code(), 488);
    assert_eq!(
        error.to_string(),
        "no codec in common: offered GSM/8000, G729/8000, iLBC/8000; supported opus/48000/2, G722/8000, PCMU/8000, PCMA/8000"
    );
    let only_a = Capabilities {
        codecs: vec![Codec::Pcma],
        telephone_event: None,
        encryption: Encryption::Never,
    };
    let error = answer(&sdp("m=audio 4000 RTP/AVP 0"), &local(), &only_a).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no codec in common: offered PCMU/8000; supported PCMA/8000"
    );
    for (media, expected) in [
        (
            "m=video 5000 RTP/AVP 96",
            "no audio of a kind that is supported: offered video 5000 RTP/AVP; supported audio RTP/AVP, or RTP/SAVP with a=crypto or a=fingerprint:sha-256",
        ),
        (
            "m=audio 4000 UDP/TLS/RTP/SAVPF 0",
            "no audio of a kind that is supported: offered audio 4000 UDP/TLS/RTP/SAVPF; supported audio RTP/AVP, or RTP/SAVP with a=crypto or a=fingerprint:sha-256",
        ),
        (
            "m=audio 0 RTP/AVP 0",
            "no audio of a kind that is supported: offered audio 0 RTP/AVP; supported audio RTP/AVP, or RTP/SAVP with a=crypto or a=fingerprint:sha-256",
        ),
        (
            "a=nothing",
            "no audio of a kind that is supported: offered nothing; supported audio RTP/AVP, or RTP/SAVP with a=crypto or a=fingerprint:sha-256",
        ),
    ] {
        let error = rejected(&sdp(media));
        assert_eq!((error.code(), error.to_string().as_str()), (488, expected), "{media}");
    }
}

#[test]
fn what_is_not_a_description_is_malformed() {
    for (offer, what) in [
        (b"".to_vec(), "malformed session description: "),
        (b"<xml/>".to_vec(), "malformed session description: "),
        (
            lines("v=0|o=- 1 1 IN IP4 1.2.3.4|s=-|t=0 0|m=audio 70000 RTP/AVP 0"),
            "malformed session description: ",
        ),
        (
            lines("v=0|o=- 1 1 IN IP4 1.2.3.4|s=-|t=0 0|m=audio 4000 RTP/AVP 0"),
            "malformed session description: no address (c=) for the audio",
        ),
        (
            sdp("m=audio 4000 RTP/AVP 0|c=IN IP4 host.example.com"),
            "malformed session description: the audio's address host.example.com: not an IP",
        ),
        (
            sdp("m=audio 4000 RTP/AVP 0|c=IN IP4 224.2.1.1/127"),
            "malformed session description: the audio's address 224.2.1.1/127: multicast",
        ),
        (
            sdp(&"m=audio 0 RTP/AVP 0|".repeat(40)),
            "malformed session description: 40 streams",
        ),
    ] {
        let error = rejected(&offer);
        assert_eq!(error.code(), 400, "{error}");
        assert!(error.to_string().starts_with(what), "{error}");
    }
}

#[test]
fn bytes_that_are_not_text_are_read_past() {
    let mut offer = lines(
        "v=0|o=- 1 1 IN IP4 198.51.100.1|s=Anr\u{1}ufer|c=IN IP4 198.51.100.1|t=0 0|m=audio 4000 RTP/AVP 0|a=x:\u{1}",
    );
    offer.iter_mut().filter(|b| **b == 1).for_each(|b| *b = 0xfc); // ü in Latin-1
    assert_eq!(answered(&offer).1.codec, Codec::Pcmu);
}

#[test]
fn lines_may_end_in_a_bare_newline() {
    let offer: Vec<u8> = sdp("m=audio 4000 RTP/AVP 8")
        .into_iter()
        .filter(|b| *b != b'\r')
        .collect();
    assert_eq!(answered(&offer).1.codec, Codec::Pcma);
}

#[test]
fn our_offer_meets_our_answer() {
    let capabilities = Capabilities::default();
    let there = Local::new("192.0.2.20:40000".parse().unwrap(), 8, secret(2));
    let offer = offer(&local(), &capabilities);
    assert!(offer.contains("m=audio 30000 RTP/AVP 111 9 0 8 101 102\r\n"), "{offer}");
    let (answer, theirs) = answer(offer.as_bytes(), &there, &capabilities).unwrap();
    let ours = accept(answer.as_bytes(), &local(), &capabilities).unwrap();
    assert_eq!(
        (ours.codec, ours.payload_type, ours.telephone_event),
        (theirs.codec, theirs.payload_type, theirs.telephone_event)
    );
    assert_eq!((ours.remote, theirs.remote), (there.address, local().address));
}

#[test]
fn an_answer_that_refuses_or_holds() {
    let capabilities = Capabilities::default();
    let accepted = |media: &str| accept(&sdp(media), &local(), &capabilities);
    assert!(matches!(accepted("m=audio 0 RTP/AVP 0"), Err(Rejected::NoAudio { .. })));
    assert!(matches!(
        accepted("m=audio 4000 RTP/AVP 18"),
        Err(Rejected::NoCommonCodec { .. })
    ));
    assert_eq!(
        accepted("m=audio 4000 RTP/AVP 0|a=recvonly").unwrap().direction,
        Direction::SendOnly
    );
    // Nobody was offered to look for a way.
    let nowhere =
        "m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0|a=rtcp-mux|a=ice-ufrag:abcd|a=ice-pwd:abcdefghijklmnopqrstuvwx";
    assert_eq!(accepted(nowhere).unwrap().direction, Direction::RecvOnly);
    assert_eq!(accepted("m=audio 4000 RTP/AVP 0|a=ptime:40").unwrap().ptime, 40);
    assert_eq!(accepted("m=audio 4000 RTP/AVP 0|a=ptime:x").unwrap().ptime, 20);
}

/// Lines that make trouble together.
fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]=[ -~]{0,30}",
        "m=(audio|video|x) [0-9]{1,6}(/[0-9])? (RTP/AVP|RTP/SAVP|udptl)( [0-9]{1,4}){0,4}",
        "c=IN IP[46] [0-9a-f.:/]{1,20}",
        "a=(rtpmap|fmtp|ptime|sendonly|inactive):?[0-9]{0,3} ?[a-zA-Z/0-9=;-]{0,20}",
        "a=crypto:[0-9]{1,2} AES_CM_128_HMAC_SHA1_(80|32) inline:[A-Za-z0-9+/]{40}( WSH=64)?",
        "a=(ice-ufrag|ice-pwd):[a-zA-Z0-9+/]{0,30}",
        Just("a=rtcp-mux".to_owned()),
        Just("m=audio 4000 RTP/SAVP 0 8 101".to_owned()),
        "a=rtpmap:[0-9]{1,3} (opus/48000/2|G722/8000|telephone-event/48000)",
        Just("c=IN IP4 198.51.100.1".to_owned()),
        Just("m=audio 4000 RTP/AVP 0 8 101".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_answered_or_rejected(bytes: Vec<u8>) {
        let _ = answer(&bytes, &local(), &Capabilities::default());
        let _ = accept(&bytes, &local(), &Capabilities::default());
    }

    #[test]
    fn any_lines_are_answered_or_rejected(these in proptest::collection::vec(any_line(), 0..12)) {
        let offer = sdp(&these.join("|"));
        match answer(&offer, &local(), &Capabilities::default()) {
            Ok((text, media)) => {
                // What we answer is itself in order, and refuses as many streams as were offered beyond the one.
                let encryption = media.crypto.map_or(Encryption::Never, |_| Encryption::Required);
                let capabilities = Capabilities { encryption, ..Capabilities::default() };
                let again = accept(text.as_bytes(), &local(), &capabilities).unwrap();
                prop_assert_eq!(again.crypto.map(|it| it.keys.theirs), media.crypto.map(|it| it.keys.ours));
                prop_assert_eq!((again.codec, again.payload_type), (media.codec, media.payload_type));
                let streams = |text: &str| text.lines().filter(|l| l.starts_with("m=")).count();
                prop_assert_eq!(streams(&text), streams(&String::from_utf8_lossy(&offer)));
            }
            Err(error) => prop_assert!(matches!(error.code(), 400 | 488)),
        }
    }
}
