//! Two streams and the network between them.

use proptest::prelude::*;

use super::*;
use crate::audio::FRAME_DURATION;
use crate::audio::codec::Correction;
use crate::audio::tone::{level_at, sine};
use crate::clock::now as start;
use crate::rtp::keypad::KEYS;

mod checked;
mod shaken;
mod secured;

const HERE: &str = "10.0.0.1:4000";
const NAT: &str = "203.0.113.9:61000";

const PEER: Peer = Peer {
    address: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 4_000),
    codec: Codec::Pcma,
    payload_type: 8,
    wishes: Wishes {
        correction: Correction::Wanted,
        playback_rate: 48_000,
        most_bits: None,
    },
    telephone_event: Some(101),
    reception: Reception::Expected,
    reports: None,
    keys: None,
    fingerprint: None,
    ice: None,
};

fn stream(begin: Instant) -> RtpStream {
    RtpStream::new(begin, PEER, Config::default(), 0x1234_5678_9abc_def0)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn packet(payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    Packet {
        marker: super::super::packet::Marker::Clear,
        payload_type,
        sequence,
        timestamp,
        ssrc,
        payload: &[0x2a; 160],
    }
    .write()
}

#[test]
fn reports_cross_the_network_and_tell_of_the_line() {
    let begin = start();
    let mut one = RtpStream::new(begin, PEER, Config::default(), 1 << 40 | 77);
    let mut two = RtpStream::new(begin, PEER, Config::default(), 1 << 41 | 78);
    let from = HERE.parse().unwrap();
    let mut wire: VecDeque<(Instant, bool, Vec<u8>)> = VecDeque::new();
    for tick in 0..1_500_u32 {
        let now = begin + FRAME_DURATION * tick;
        while let Some((_, to_two, datagram)) = wire.pop_front_if(|(at, ..)| *at <= now) {
            if to_two { &mut two } else { &mut one }.handle_datagram(now, from, &datagram);
        }
        // 60 ms each way; of what the first sends, every tenth packet of sound is lost.
        let arrives = now + ms(60);
        let frame = Frame::silence();
        let sound = one.send(now, &frame).filter(|_| tick % 10 != 5);
        wire.extend(
            sound
                .into_iter()
                .chain(one.report(now))
                .map(|(_, datagram)| (arrives, true, datagram)),
        );
        let sound = two.send(now, &frame);
        wire.extend(
            sound
                .into_iter()
                .chain(two.report(now))
                .map(|(_, datagram)| (arrives, false, datagram)),
        );
        one.tick(now);
        two.tick(now);
    }
    let (one, two) = (one.stats(), two.stats());
    assert!(one.reports >= 3 && two.reports >= 3, "{} {}", one.reports, two.reports);
    let trip = one.round_trip.unwrap();
    assert!((ms(115)..=ms(125)).contains(&trip), "{trip:?}");
    let there = one.heard_there.unwrap().lost;
    assert!((0.08..0.12).contains(&there), "{there}");
    assert!(one.mos() > two.mos(), "{:?} {:?}", one.mos(), two.mos());
}

#[test]
fn keys_are_heard_in_the_sound_of_those_who_tell_them_in_no_other_way() {
    for (telephone_event, expected) in [(None, "42#"), (Some(101), "")] {
        let begin = start();
        let peer = Peer {
            telephone_event,
            ..PEER
        };
        let mut speaker = RtpStream::new(begin, PEER, Config::default(), 7);
        let mut listener = RtpStream::new(begin, peer, Config::default(), 8);
        let tones = "42#"
            .chars()
            .filter_map(Key::from_symbol)
            .flat_map(|key| [crate::audio::tone::dtmf(key, ms(80)), vec![0; 16 * 100]].concat());
        let sound: Vec<i16> = tones.chain(vec![0; 16 * 300]).collect();
        let mut keys = String::new();
        for (tick, frame) in (0_u32..).zip(crate::audio::frames(&sound)) {
            let now = begin + FRAME_DURATION * tick;
            let (_, datagram) = speaker.send(now, &frame).unwrap();
            listener.handle_datagram(now, HERE.parse().unwrap(), &datagram);
            keys.extend(listener.tick(now).keys.into_iter().map(Key::symbol));
        }
        assert_eq!(keys, expected);
        let told = |after| begin + ms(840) + ms(after);
        assert_eq!(
            listener.keys_are_told(told(100)).map(Key::symbol),
            expected.chars().last()
        );
        assert_eq!(listener.keys_are_told(told(200)), None, "once");
    }
}

#[test]
fn a_stranger_reports_nothing() {
    let begin = start();
    let mut stream = stream(begin);
    let mut other = RtpStream::new(begin, PEER, Config::default(), 5);
    let (_, report) = other.goodbye(begin).unwrap();
    stream.handle_datagram(begin, "198.51.100.7:4001".parse().unwrap(), &report);
    assert_eq!((stream.stats().reports, stream.stats().refused), (0, 1));
    // The same machine, another port: reports have one of their own.
    stream.handle_datagram(begin, "10.0.0.1:4001".parse().unwrap(), &report);
    assert_eq!((stream.stats().reports, stream.stats().refused), (1, 1));
    stream.handle_datagram(begin, HERE.parse().unwrap(), &report[..6]);
    assert_eq!(stream.stats().malformed, 1);
}

#[test]
fn reports_go_where_theirs_come_from() {
    let begin = start();
    let agreed = "10.0.0.1:4001".parse().unwrap();
    let peer = Peer {
        reports: Some(agreed),
        ..PEER
    };
    let mut stream = RtpStream::new(begin, peer, Config::default(), 9);
    assert_eq!(stream.goodbye(begin).map(|(to, _)| to), Some(agreed));
    let (_, report) = RtpStream::new(begin, PEER, Config::default(), 5)
        .goodbye(begin)
        .unwrap();
    let behind_nat = "10.0.0.1:61001".parse().unwrap();
    stream.handle_datagram(begin, behind_nat, &report);
    assert_eq!(stream.goodbye(begin).map(|(to, _)| to), Some(behind_nat));
    stream.renegotiate(begin, PEER);
    assert_eq!(stream.goodbye(begin).map(|(to, _)| to), Some(PEER.address));
}

fn events(stream: &mut RtpStream) -> Vec<Event> {
    std::iter::from_fn(|| stream.poll()).collect()
}

fn speaking(codec: Codec) -> Peer {
    Peer {
        codec,
        payload_type: codec.payload_type(),
        ..PEER
    }
}

/// What is heard of two seconds of a tone of `hz`, over a network that may drop or delay the i-th datagram (None is a drop).
fn talk(codec: Codec, hz: f32, network: impl Fn(usize) -> Option<u64>) -> (Vec<Incoming>, Stats) {
    let begin = start();
    let peer = speaking(codec);
    let mut speaker = RtpStream::new(begin, peer, Config::default(), 77);
    let mut listener = RtpStream::new(begin, peer, Config::default(), 78);
    let mut wire: Vec<(Duration, Vec<u8>)> = Vec::new();
    for (i, frame) in crate::audio::frames(&sine(hz, -20.0, ms(2_000))).enumerate() {
        let at = ms(20) * i as u32;
        let (_, datagram) = speaker.send(begin + at, &frame).unwrap();
        wire.extend(network(i).map(|delay| (at + ms(delay), datagram)));
    }
    wire.sort_by_key(|(at, _)| *at);
    let mut wire = wire.into_iter().peekable();
    let heard = (0..110).map(|i| {
        let at = ms(20) * i + ms(3);
        while let Some((at, datagram)) = wire.next_if(|(sent, _)| *sent <= at) {
            listener.handle_datagram(begin + at, HERE.parse().unwrap(), &datagram);
        }
        listener.tick(begin + at)
    });
    (heard.collect(), listener.stats())
}

#[test]
fn what_is_said_is_heard() {
    for codec in Codec::ALL {
        let (heard, stats) = talk(codec, 1_000.0, |_| Some(0));
        assert_eq!(
            (stats.received, stats.lost, stats.late, stats.concealed),
            (100, 0, 0, 5),
            "the end is concealed"
        );
        let sound: Vec<i16> = heard[4..100].iter().flat_map(|i| i.frame.samples().to_vec()).collect();
        let level = level_at(&sound, 16_000, 1_000.0);
        assert!((level + 20.0).abs() < 1.0, "{codec}: {level} dBFS");
        assert!(heard[4..100].iter().all(|i| i.sound == Sound::Real));
        assert_eq!(
            (heard[0].sound, heard[104].sound, heard[109].sound),
            (Sound::Nothing, Sound::Concealed, Sound::Nothing)
        );
    }
}

#[test]
fn wide_band_goes_through_as_it_is() {
    for (codec, loudest) in [(Codec::Opus, -10.0), (Codec::G722, -10.0), (Codec::Pcmu, -60.0)] {
        let (heard, _) = talk(codec, 6_000.0, |_| Some(0));
        let sound: Vec<i16> = heard[10..100].iter().flat_map(|i| i.frame.samples().to_vec()).collect();
        let level = level_at(&sound, 16_000, 6_000.0);
        let carried = (level + 20.0).abs() < 3.0;
        assert!(
            level < loudest && carried == (codec != Codec::Pcmu),
            "{codec}: {level} dBFS"
        );
    }
}

#[test]
fn one_packet_in_ten_lost_is_hardly_heard() {
    for codec in Codec::ALL {
        let (heard, stats) = talk(codec, 1_000.0, |i| (i % 10 != 7).then_some(0));
        assert_eq!((stats.received, stats.lost), (90, 10), "{codec}");
        assert!(stats.concealed >= 10, "{codec}: {}", stats.concealed);
        let sound: Vec<i16> = heard[4..100].iter().flat_map(|i| i.frame.samples().to_vec()).collect();
        let level = level_at(&sound, 16_000, 1_000.0);
        assert!(level > -21.5, "{codec}: {level} dBFS");
        let quietest = heard[10..95].iter().map(|i| i.frame.level()).fold(0.0, f32::min);
        // Opus tells a steady tone once more in few bits, and fainter.
        let deepest = if codec == Codec::Opus { -34.0 } else { -24.0 };
        assert!(quietest > deepest, "{codec}: a hole of {quietest} dBFS");
    }
}

/// So many ticks of a call, in which `one` sends a tone: what is heard of it, and keys.
fn exchange(
    one: &mut RtpStream,
    two: &mut RtpStream,
    begin: Instant,
    ticks: std::ops::Range<u32>,
) -> (Vec<i16>, String) {
    let tone = crate::audio::frames(&sine(1_000.0, -20.0, ms(20))).next().unwrap();
    let (mut heard, mut keys) = (Vec::new(), String::new());
    for tick in ticks {
        let now = begin + FRAME_DURATION * tick;
        let from: SocketAddr = HERE.parse().unwrap();
        if let Some((_, datagram)) = one.send(now, &tone) {
            two.handle_datagram(now, from, &datagram);
        }
        if let Some((_, datagram)) = two.send(now, &Frame::silence()) {
            one.handle_datagram(now, from, &datagram);
        }
        if let Some((_, report)) = one.report(now) {
            two.handle_datagram(now, from, &report);
        }
        one.tick(now);
        let incoming = two.tick(now);
        heard.extend_from_slice(incoming.frame.samples());
        keys.extend(incoming.keys.into_iter().map(Key::symbol));
    }
    (heard, keys)
}

#[test]
fn a_call_goes_on_in_another_codec() {
    let codecs = [
        Codec::Pcma,
        Codec::Opus,
        Codec::G722,
        Codec::Pcmu,
        Codec::Pcma,
        Codec::Opus,
    ];
    let begin = start();
    let mut one = RtpStream::new(begin, speaking(codecs[0]), Config::default(), 1 << 40 | 77);
    let mut two = RtpStream::new(begin, speaking(codecs[0]), Config::default(), 1 << 41 | 78);
    for (i, codec) in (0_u32..).zip(codecs) {
        let from = i * 400;
        let now = begin + FRAME_DURATION * from;
        one.renegotiate(now, speaking(codec));
        two.renegotiate(now, speaking(codec));
        one.send_key(Key::from_symbol('7').unwrap()).unwrap();
        let (heard, keys) = exchange(&mut one, &mut two, begin, from..from + 400);
        assert_eq!(keys, "7", "{codec}");
        let level = level_at(&heard[16_000..], 16_000, 1_000.0);
        assert!((level + 20.0).abs() < 1.0, "{codec}: {level} dBFS");
        assert!(two.stats().jitter < ms(1), "{codec}: {:?}", two.stats().jitter);
    }
    let stats = two.stats();
    assert_eq!((stats.unknown_payload, stats.malformed, stats.refused), (0, 0, 0));
    assert!(stats.reports > 5, "{}", stats.reports);
    assert!(stats.lost < 10 && stats.received > 2_350, "{stats:?}");
}

#[test]
fn keys_are_told_in_the_clock_of_the_sound() {
    for (codec, length) in [(Codec::Opus, 5_760), (Codec::G722, 960), (Codec::Pcmu, 960)] {
        let begin = start();
        let mut stream = RtpStream::new(begin, speaking(codec), Config::default(), 3);
        stream.send_key(Key::from_symbol('5').unwrap()).unwrap();
        let mut longest = 0;
        for tick in 0..8 {
            let (_, datagram) = stream.send(begin + FRAME_DURATION * tick, &Frame::silence()).unwrap();
            let packet = Packet::parse(&datagram).unwrap();
            assert_eq!((packet.payload_type, packet.payload[0]), (101, 5));
            longest = u16::from_be_bytes([packet.payload[2], packet.payload[3]]).max(longest);
        }
        assert_eq!(longest, length, "{codec}: 120 ms");
    }
}

#[test]
fn a_law_of_the_telephone_is_understood_where_the_clock_is_its_own() {
    for (codec, understood) in [(Codec::G722, true), (Codec::Opus, false)] {
        let begin = start();
        let mut stream = RtpStream::new(begin, speaking(codec), Config::default(), 3);
        for i in 0..10u16 {
            stream.handle_datagram(begin + ms(20) * u32::from(i), HERE.parse().unwrap(), &packet(8, i, 5));
        }
        let stats = stream.stats();
        assert_eq!(
            (stats.received > 0, stats.unknown_payload == 0),
            (understood, understood),
            "{codec}"
        );
    }
}

#[test]
fn keys_are_pressed_and_heard_once_each() {
    let begin = start();
    let (mut speaker, mut listener) = (stream(begin), stream(begin));
    let typed = "4711*#0A";
    for symbol in typed.chars() {
        speaker.send_key(Key::from_symbol(symbol).unwrap()).unwrap();
    }
    let mut heard = String::new();
    for i in 0..110u32 {
        let now = begin + ms(20) * i;
        let (_, datagram) = speaker.send(now, &Frame::silence()).unwrap();
        if i % 3 != 1 {
            listener.handle_datagram(now, HERE.parse().unwrap(), &datagram);
            listener.handle_datagram(now, HERE.parse().unwrap(), &datagram);
        }
        heard.extend(listener.tick(now).keys.iter().map(|key| key.symbol()));
    }
    assert_eq!(heard, typed);
}

#[test]
fn the_delay_is_how_long_sound_was_kept() {
    let begin = start();
    let mut stream = stream(begin);
    // Packets at 0, 20, 40 … ms, ticks at 10, 30, 50 …: packet 1 is whole after four blocks of waiting.
    let mut delays = Vec::new();
    for i in 0..10u16 {
        let at = ms(20) * u32::from(i);
        stream.handle_datagram(begin + at, HERE.parse().unwrap(), &packet(8, i, 5));
        let now = begin + at + ms(10);
        let delay = stream.delay(now);
        if stream.tick(now).sound == Sound::Real {
            delays.push(delay);
        }
    }
    assert!(delays.len() == 8 && delays.iter().all(|d| *d == ms(54)), "{delays:?}");
}

#[test]
fn keys_are_refused_where_they_cannot_be_sent() {
    let begin = start();
    let key = Key::from_symbol('1').unwrap();
    let mut deaf = RtpStream::new(
        begin,
        Peer {
            telephone_event: None,
            ..PEER
        },
        Config::default(),
        1,
    );
    assert_eq!(deaf.send_key(key), Err(KeyRefused::NotAgreed));
    let mut stream = stream(begin);
    let taken = (0..100).filter(|_| stream.send_key(key).is_ok()).count();
    assert_eq!(taken, KEYS);
}

#[test]
fn sends_to_where_packets_come_from() {
    let begin = start();
    let mut stream = stream(begin);
    assert_eq!(stream.send(begin, &Frame::silence()).unwrap().0.to_string(), HERE);
    stream.handle_datagram(begin, NAT.parse().unwrap(), &packet(8, 1, 5));
    assert_eq!(
        stream.poll(),
        Some(Event::Moved {
            to: NAT.parse().unwrap()
        })
    );
    assert_eq!(stream.send(begin, &Frame::silence()).unwrap().0.to_string(), NAT);
    stream.handle_datagram(begin, "192.0.2.1:9".parse().unwrap(), &packet(8, 900, 6));
    assert_eq!((stream.stats().refused, stream.poll()), (1, None));
    stream.renegotiate(
        begin,
        Peer {
            address: "0.0.0.0:4000".parse().unwrap(),
            ..PEER
        },
    );
    assert_eq!(stream.send(begin, &Frame::silence()), None);
}

#[test]
fn what_nobody_agreed_on_is_counted_and_does_not_latch() {
    let begin = start();
    let mut stream = stream(begin);
    let from: SocketAddr = NAT.parse().unwrap();
    for datagram in [
        packet(96, 1, 5),
        packet(13, 2, 5),
        packet(0, 3, 5),
        b"OPTIONS sip:a SIP/2.0".to_vec(),
    ] {
        stream.handle_datagram(begin, from, &datagram);
        let moved = (datagram[1] == 13).then_some(Event::Moved { to: from });
        assert_eq!(stream.poll(), moved, "the first packet that was agreed on latches");
    }
    let stats = stream.stats();
    assert_eq!((stats.unknown_payload, stats.comfort_noise, stats.malformed), (1, 1, 1));
    assert_eq!(stats.received, 2, "either law is understood");
    assert_eq!(stream.tick(begin).sound, Sound::Nothing);
}

#[test]
fn a_dead_leg_is_told_of_and_a_held_one_is_not() {
    let begin = start();
    let mut stream = stream(begin);
    let mut told = Vec::new();
    let mut run = |stream: &mut RtpStream, from: u64, to: u64| {
        for i in from * 50..to * 50 {
            stream.tick(begin + ms(20) * i as u32);
            told.extend(events(stream));
        }
        std::mem::take(&mut told)
    };
    let never = Event::Alarm {
        lasted: ms(3_000),
        ever: Ever::NeverHeard,
    };
    assert_eq!(run(&mut stream, 0, 5), [never]);
    stream.handle_datagram(begin + ms(5_000), HERE.parse().unwrap(), &packet(8, 1, 5));
    assert_eq!(
        run(&mut stream, 5, 60),
        [
            Event::Returned,
            Event::Alarm {
                lasted: ms(3_000),
                ever: Ever::Heard
            },
            Event::Silent { lasted: ms(20_000) }
        ]
    );
    stream.renegotiate(
        begin + ms(60_000),
        Peer {
            reception: Reception::Paused,
            ..PEER
        },
    );
    assert_eq!(run(&mut stream, 60, 120), []);
    stream.renegotiate(begin + ms(120_000), PEER);
    assert_eq!(run(&mut stream, 120, 122), []);
}

#[test]
fn another_source_takes_over_and_alternating_ones_do_not() {
    let begin = start();
    let mut changed = stream(begin);
    for i in 0..20u16 {
        changed.handle_datagram(
            begin + ms(20) * u32::from(i),
            HERE.parse().unwrap(),
            &packet(8, i, if i < 10 { 5 } else { 6 }),
        );
    }
    assert_eq!(
        (events(&mut changed), changed.stats().restarts),
        (vec![Event::SourceChanged], 1)
    );
    let mut mixed = stream(begin);
    for i in 0..20u16 {
        mixed.handle_datagram(
            begin + ms(20) * u32::from(i),
            HERE.parse().unwrap(),
            &packet(8, i, 5 + u32::from(i % 2)),
        );
    }
    assert_eq!((events(&mut mixed), mixed.stats().restarts), (vec![], 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any loss and delay: a frame for every tick, and never a sudden roar.
    #[test]
    fn any_network_gives_frames(codec in prop::sample::select(Codec::ALL.to_vec()), fates in proptest::collection::vec((0u64..120, 0u8..8), 100)) {
        let (heard, stats) = talk(codec, 300.0, |i| (fates[i].1 > 0).then_some(if fates[i].1 > 5 { fates[i].0 } else { 0 }));
        prop_assert_eq!(heard.len(), 110);
        prop_assert!(heard.iter().all(|i| i.frame.level() < -15.0));
        let dropped = fates.iter().filter(|f| f.1 == 0).count() as u64;
        prop_assert_eq!(stats.received, 100 - dropped);
    }

    #[test]
    fn any_datagrams_do_no_harm(codec in prop::sample::select(Codec::ALL.to_vec()), datagrams in proptest::collection::vec((any::<u16>(), any::<[u8; 12]>(), 0usize..400, 0u8..4), 1..60)) {
        let mut now = start();
        let mut stream = RtpStream::new(now, speaking(codec), Config::default(), 9);
        for (later, header, length, kind) in datagrams {
            now += Duration::from_micros(u64::from(later) * 8);
            let mut datagram = header.to_vec();
            if kind > 0 {
                datagram[0] = 0x80;
                datagram[1] = [codec.payload_type(), 8, 101][usize::from(kind) - 1];
            }
            datagram.extend(vec![header[3]; length]);
            stream.handle_datagram(now, HERE.parse().unwrap(), &datagram);
            let _ = (stream.tick(now), stream.send(now, &Frame::silence()), stream.poll(), stream.stats());
        }
    }
}
