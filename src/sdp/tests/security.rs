//! Keys and passwords in descriptions.

use super::*;

const THEIRS: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

/// Which kind of stream and which suite come of an offer, in which ¦ does not end a line; none where it is refused.
fn encrypted(encryption: Encryption, media: &str) -> Option<(String, Option<Suite>)> {
    let capabilities = Capabilities {
        encryption,
        ..Capabilities::default()
    };
    let offer = String::from_utf8(sdp(media)).unwrap().replace('¦', "|");
    let (text, media) = answer(offer.as_bytes(), &local(), &capabilities).ok()?;
    let line = text.lines().find(|line| line.starts_with("a=crypto:"));
    let suite = media.crypto.map(|crypto| {
        let (tag, suite) = (crypto.tag, crypto.keys.ours.suite());
        assert!(
            line.unwrap().starts_with(&format!("a=crypto:{tag} {suite} inline:")),
            "{text}"
        );
        assert!(!text.contains(THEIRS), "our own key: {text}");
        assert_eq!(media.peer().keys, Some(crypto.keys));
        suite
    });
    assert_eq!(line.is_some(), suite.is_some(), "{text}");
    let stream = text.lines().find(|line| line.starts_with("m=audio 30000"))?;
    Some((stream.split(' ').nth(2)?.to_owned(), suite))
}

#[test]
fn encryption_is_taken_where_it_is_offered_and_wanted() {
    use Encryption::{Never, Offered, Required};
    let (cm80, cm32, plain) = (Some(Some(Suite::Cm80)), Some(Some(Suite::Cm32)), Some(None));
    let line = |suite: &str| format!("|a=crypto:3 {suite} inline:{THEIRS}¦2^31");
    let (strong, weak) = (line("AES_CM_128_HMAC_SHA1_80"), line("AES_CM_128_HMAC_SHA1_32"));
    let (unknown, keyed) = (line("F8_128_HMAC_SHA1_80"), format!("{strong}¦1:1"));
    for (offered, never, optional, required) in [
        ("m=audio 4000 RTP/AVP 0".to_owned(), plain, plain, None),
        (format!("m=audio 4000 RTP/AVP 0{strong}"), plain, cm80, cm80),
        (format!("m=audio 4000 RTP/AVP 0{unknown}"), plain, plain, None),
        ("m=audio 4000 RTP/SAVP 0".to_owned(), None, None, None),
        (format!("m=audio 4000 RTP/SAVP 0{strong}{weak}"), None, cm80, cm80),
        (format!("m=audio 4000 RTP/SAVPF 0{weak}{strong}"), None, cm32, cm32),
        (
            format!("m=audio 4000 RTP/SAVP 0{unknown}{keyed}{weak}"),
            None,
            cm32,
            cm32,
        ),
        (format!("m=audio 4000 RTP/SAVP 0{keyed}"), None, None, None),
        (format!("m=audio 4000 UDP/TLS/RTP/SAVP 0{strong}"), None, None, None),
        (
            format!("m=audio 4000 RTP/SAVP 0{strong}|m=audio 4002 RTP/AVP 0"),
            plain,
            cm80,
            cm80,
        ),
        (
            format!("m=audio 4000 RTP/AVP 0|m=audio 4002 RTP/SAVP 0{strong}"),
            plain,
            plain,
            cm80,
        ),
    ] {
        for (encryption, expected) in [(Never, never), (Offered, optional), (Required, required)] {
            let made = encrypted(encryption, &offered);
            let suite = made.as_ref().map(|(_, suite)| *suite);
            assert_eq!(suite, expected, "{encryption:?}: {offered}");
            if let Some((kind, _)) = made {
                assert!(offered.contains(&kind), "{kind} answers {offered}");
            }
        }
    }
}

#[test]
fn our_offer_is_encrypted_where_that_is_required() {
    let capabilities = |encryption| Capabilities {
        encryption,
        ..Capabilities::default()
    };
    for encryption in [Encryption::Never, Encryption::Offered] {
        let text = offer(&local(), &capabilities(encryption));
        assert!(text.contains(" RTP/AVP ") && !text.contains("a=crypto"), "{text}");
        // Keys that nobody asked for are no agreement.
        let forward = sdp(&format!(
            "m=audio 4000 RTP/AVP 0|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}"
        ));
        let media = accept(&forward, &local(), &capabilities(encryption)).unwrap();
        assert_eq!(media.crypto, None);
    }
    let required = capabilities(Encryption::Required);
    let text = offer(&local(), &required);
    assert!(text.contains("m=audio 30000 RTP/SAVP "), "{text}");
    assert_eq!(text.matches("a=crypto:").count(), Suite::ALL.len());
    let there = Local::new("192.0.2.20:40000".parse().unwrap(), 8, secret(2));
    let (answered, theirs) = answer(text.as_bytes(), &there, &capabilities(Encryption::Offered)).unwrap();
    let ours = accept(answered.as_bytes(), &local(), &required).unwrap();
    let (ours, theirs) = (ours.crypto.unwrap(), theirs.crypto.unwrap());
    assert_eq!(ours.keys.ours.suite(), Suite::Gcm256, "the strongest of both");
    assert_eq!(
        (ours.keys.ours, ours.keys.theirs),
        (theirs.keys.theirs, theirs.keys.ours)
    );
    assert_ne!(ours.keys.ours, ours.keys.theirs);
    assert!(accept(&sdp("m=audio 4000 RTP/AVP 0"), &local(), &required).is_err());
    // The next description of the session has the same keys, so that nothing begins anew.
    assert!(
        text.lines()
            .filter(|line| line.contains("crypto"))
            .eq(offer(&local().next(), &required)
                .lines()
                .filter(|line| line.contains("crypto")))
    );
    assert!(
        !format!("{:?} {:?}", local(), ours).contains("17"),
        "nothing shows a key"
    );
}

const LOOKS: &str = "a=rtcp-mux|a=ice-ufrag:8hhY|a=ice-pwd:asd88fgpdd777uzjYhagZg|a=candidate:1 1 UDP 2130706431 198.51.100.1 4000 typ host";

#[test]
fn who_looks_for_the_way_is_told_one() {
    let (text, media) = answered(&sdp(&format!("m=audio 4000 RTP/AVP 0|{LOOKS}")));
    let ice = media.peer().ice.unwrap();
    let ascii = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (fragment, password) = (ascii(&ice.fragment), ascii(&ice.password));
    let said = format!(
        "a=ice-ufrag:{fragment}\r\na=ice-pwd:{password}\r\na=candidate:1 1 UDP 2130706431 192.0.2.10 30000 typ host\r\n"
    );
    assert!(text.contains("a=ice-lite\r\nm=audio") && text.contains(&said), "{text}");
    assert!(
        (fragment + &password)
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+/".contains(c))
    );

    // The same offer again is answered with the same, a restart with others, and another call too.
    let again = |offer: &str, here: &Local| answer(&sdp(offer), here, &Capabilities::default()).unwrap().1.ice;
    let offer = format!("m=audio 4000 RTP/AVP 0|{LOOKS}");
    assert_eq!(again(&offer, &local().next()), Some(ice));
    assert_ne!(again(&offer.replace("8hhY", "9uB6"), &local()), Some(ice));
    let another = Local {
        secret: secret(2),
        ..local()
    };
    assert_ne!(again(&offer, &another), Some(ice));
    assert!(!format!("{media:?}").contains("password"), "nothing shows it");
}

#[test]
fn who_has_yet_to_find_the_way_is_not_on_hold() {
    for (media, direction, reception) in [
        ("", Direction::SendRecv, rtp::Reception::Expected),
        ("a=sendonly|", Direction::RecvOnly, rtp::Reception::Paused),
        ("a=inactive|", Direction::Inactive, rtp::Reception::Paused),
    ] {
        for nowhere in ["IP4 0.0.0.0", "IP6 ::"] {
            let offer = |looks: &str| sdp(&format!("m=audio 9 RTP/AVP 0|c=IN {nowhere}|{media}{looks}"));
            let (text, agreed) = answered(&offer(LOOKS));
            assert_eq!((agreed.direction, agreed.peer().reception), (direction, reception));
            assert!(text.contains(&format!("a={}\r\n", direction.name())), "{text}");
            // The same without a password is hold.
            let (_, held) = answered(&offer(&LOOKS.replace("ice-pwd", "ice-pw")));
            assert_ne!(held.direction, Direction::SendRecv);
            assert_eq!(held.peer().reception, rtp::Reception::Paused);
        }
    }
}

#[test]
fn who_does_not_look_or_cannot_be_found_is_answered_as_before() {
    for media in [
        "m=audio 4000 RTP/AVP 0".to_owned(),
        format!("a=ice-lite|m=audio 4000 RTP/AVP 0|{LOOKS}"),
        format!("m=audio 4000 RTP/AVP 0|{}", LOOKS.replace("a=rtcp-mux|", "")),
        format!("m=audio 4000 RTP/AVP 0|{}", LOOKS.replace("8hhY", "8hh")),
        format!("m=audio 4000 RTP/AVP 0|{}", LOOKS.replace("777uzjYhagZg", "")),
    ] {
        let (text, agreed) = answered(&sdp(&media));
        assert!(agreed.ice.is_none() && !text.contains("ice-"), "{media}: {text}");
    }
    let (text, _) = answered(&sdp(&format!("{}|m=audio 4000 RTP/AVP 0|a=rtcp-mux", &LOOKS[11..])));
    assert!(text.contains("a=ice-ufrag:"), "said for the session: {text}");
}

#[test]
fn who_has_a_certificate_is_told_ours() {
    let pairs = ["4A"; 32].join(":");
    let here = Local {
        fingerprint: Some([0xb7; 32]),
        ..local()
    };
    let with = |encryption| Capabilities {
        encryption,
        ..Capabilities::default()
    };
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}");
    let certificate = format!("a=fingerprint:sha-256 {pairs}");
    for (offer, taken) in [
        (
            format!("m=audio 4000 UDP/TLS/RTP/SAVPF 0|{certificate}|a=setup:actpass"),
            true,
        ),
        (
            format!("m=audio 4000 UDP/TLS/RTP/SAVP 0|{certificate}|a=setup:active"),
            true,
        ),
        (format!("{certificate}|m=audio 4000 UDP/TLS/RTP/SAVP 0"), true),
        (format!("m=audio 4000 RTP/SAVP 0|{certificate}|a=setup:actpass"), true),
        (
            format!("m=audio 4000 UDP/TLS/RTP/SAVP 0|{certificate}|a=setup:passive"),
            false,
        ),
        (
            format!("m=audio 4000 UDP/TLS/RTP/SAVP 0|{certificate}|a=setup:holdconn"),
            false,
        ),
        (
            "m=audio 4000 UDP/TLS/RTP/SAVP 0|a=fingerprint:sha-1 4A:4A|a=setup:active".to_owned(),
            false,
        ),
        (format!("m=audio 4000 UDP/TLS/RTP/SAVP 0|{crypto}"), false),
    ] {
        for encryption in [Encryption::Offered, Encryption::Required] {
            let made = answer(&sdp(&offer), &here, &with(encryption));
            assert_eq!(made.is_ok(), taken, "{offer}");
            let Ok((text, media)) = made else { continue };
            assert_eq!(media.peer().fingerprint, Some([0x4a; 32]));
            assert!(media.crypto.is_none() && !text.contains("crypto"), "{text}");
            let ours = format!("a=fingerprint:sha-256 {}\r\na=setup:passive\r\n", ["B7"; 32].join(":"));
            assert!(text.contains(&ours), "{text}");
        }
        assert!(answer(&sdp(&offer), &here, &with(Encryption::Never)).is_err());
        assert!(
            answer(&sdp(&offer), &local(), &with(Encryption::Offered)).is_err(),
            "we have none"
        );
    }
    // Keys that are told go before a certificate, and neither is asked of one who wants plain sound.
    let both = format!("m=audio 4000 RTP/SAVP 0|{crypto}|{certificate}|a=setup:actpass");
    let (text, media) = answer(&sdp(&both), &here, &with(Encryption::Offered)).unwrap();
    assert!(
        media.crypto.is_some() && media.fingerprint.is_none() && !text.contains("fingerprint"),
        "{text}"
    );
    let plain = format!("m=audio 4000 RTP/AVP 0|{certificate}|a=setup:actpass");
    let (text, media) = answer(&sdp(&plain), &here, &with(Encryption::Offered)).unwrap();
    assert!(media.fingerprint.is_none() && !text.contains("fingerprint"), "{text}");
}

#[test]
fn what_is_encrypted_is_offered_so_again() {
    let capabilities = Capabilities::default();
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}");
    let certificate = format!("a=fingerprint:sha-256 {}", ["4A"; 32].join(":"));
    let here = Local {
        fingerprint: Some([0xb7; 32]),
        ..local()
    };
    for (stream, protection, kind) in [
        ("m=audio 4000 RTP/AVP 0".to_owned(), Protection::None, "RTP/AVP"),
        (format!("m=audio 4000 RTP/AVP 0|{crypto}"), Protection::Keys, "RTP/SAVP"),
        (
            format!("m=audio 4000 RTP/SAVP 0|{crypto}"),
            Protection::Keys,
            "RTP/SAVP",
        ),
        (
            format!("m=audio 4000 UDP/TLS/RTP/SAVP 0|{certificate}|a=setup:active"),
            Protection::Certificate,
            "UDP/TLS/RTP/SAVP",
        ),
    ] {
        let (_, media) = answer(&sdp(&stream), &here, &capabilities).unwrap();
        assert_eq!(media.protection(), protection, "{stream}");
        let next = Local {
            protection: media.protection(),
            ..here.next()
        };
        let text = offer(&next, &capabilities);
        assert!(text.contains(&format!("m=audio 30000 {kind} ")), "{text}");
        // The other end says what it said before, and nothing changes.
        let again = accept(&sdp(&stream), &next, &capabilities).unwrap();
        assert_eq!(again.peer(), media.peer(), "{stream}");
        let plain = accept(&sdp("m=audio 4000 RTP/AVP 0"), &next, &capabilities);
        assert_eq!(plain.is_ok(), protection == Protection::None, "no way back: {stream}");
    }
}
