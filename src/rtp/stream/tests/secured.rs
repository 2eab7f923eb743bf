//! The same with keys.

use super::*;
use crate::rtp::srtp::{Key as Master, Suite};

fn master(suite: Suite, seed: u8) -> Master {
    let (key, salt) = suite.lengths();
    Master::new(suite, &vec![seed; key + salt]).unwrap()
}

/// Two ends that know each other's keys.
fn ends(begin: Instant, suite: Suite, codec: Codec) -> (RtpStream, RtpStream) {
    let (one, two) = (master(suite, 1), master(suite, 2));
    (
        RtpStream::new(begin, secured(codec, one, two), Config::default(), 1 << 40 | 77),
        RtpStream::new(begin, secured(codec, two, one), Config::default(), 1 << 41 | 78),
    )
}

fn secured(codec: Codec, ours: Master, theirs: Master) -> Peer {
    Peer {
        keys: Some(Keys { ours, theirs }),
        ..speaking(codec)
    }
}

fn is_heard(sound: &[i16]) -> bool {
    (level_at(&sound[sound.len() / 4..], 16_000, 1_000.0) + 20.0).abs() < 1.5
}

#[test]
fn sound_keys_and_reports_go_through_encrypted() {
    for suite in Suite::ALL {
        for codec in Codec::ALL {
            let begin = start();
            let (mut one, mut two) = ends(begin, suite, codec);
            one.send_key(Key::from_symbol('9').unwrap()).unwrap();
            let (heard, keys) = exchange(&mut one, &mut two, begin, 0..400);
            assert!(is_heard(&heard) && keys == "9", "{suite} {codec}: {keys}");
            let stats = two.stats();
            assert!(stats.reports > 0 && stats.heard_there.is_some());
            assert_eq!(
                (stats.forged, stats.replayed, stats.malformed, stats.lost),
                (0, 0, 0, 0)
            );
        }
    }
}

#[test]
fn who_has_not_the_key_is_neither_heard_nor_followed() {
    let begin = start();
    let (mut one, mut two) = ends(begin, Suite::Cm80, Codec::Pcmu);
    exchange(&mut one, &mut two, begin, 0..50);
    let now = begin + ms(1_000);
    let stranger: SocketAddr = "203.0.113.66:4000".parse().unwrap();
    let (mut other, _) = ends(now, Suite::Cm80, Codec::Pcmu);
    other.renegotiate(
        now,
        secured(Codec::Pcmu, master(Suite::Cm80, 7), master(Suite::Cm80, 2)),
    );
    let mut plain = RtpStream::new(now, speaking(Codec::Pcmu), Config::default(), 5);
    let before = two.stats();
    let (_, forged) = other.send(now, &Frame::silence()).unwrap();
    let (_, report) = other.goodbye(now).unwrap();
    let (_, open) = plain.send(now, &Frame::silence()).unwrap();
    for datagram in [&forged, &open] {
        two.handle_datagram(now, stranger, datagram);
        two.handle_datagram(now, HERE.parse().unwrap(), datagram);
    }
    two.handle_datagram(now, HERE.parse().unwrap(), &report);
    let stats = two.stats();
    // Where its number was seen before it is not even looked at.
    assert_eq!(stats.forged + stats.replayed, 5);
    assert_eq!((stats.received, stats.reports), (before.received, before.reports));
    assert_eq!(two.destination().unwrap().to_string(), HERE);

    // What was genuine is not taken again, nor with a bit changed.
    let (_, sound) = one.send(now, &Frame::silence()).unwrap();
    let mut tampered = sound.clone();
    tampered[20] ^= 1;
    for datagram in [&tampered, &sound, &sound, &sound] {
        two.handle_datagram(now, HERE.parse().unwrap(), datagram);
    }
    let then = two.stats();
    assert_eq!((then.forged - stats.forged, then.replayed - stats.replayed), (1, 2));
    assert_eq!(then.received, before.received + 1);
}

#[test]
fn a_call_goes_on_with_other_keys_and_without() {
    let begin = start();
    let (mut one, mut two) = ends(begin, Suite::Cm80, Codec::Pcmu);
    let changes = [
        Some((Suite::Cm80, 1)),
        Some((Suite::Cm80, 3)),
        Some((Suite::Gcm256, 3)),
        None,
        Some((Suite::Cm32, 5)),
    ];
    for (i, change) in (0_u32..).zip(changes) {
        let now = begin + FRAME_DURATION * (i * 100);
        let peer = |ours: u8, theirs: u8| match change {
            Some((suite, seed)) => secured(Codec::Pcmu, master(suite, seed + ours), master(suite, seed + theirs)),
            None => speaking(Codec::Pcmu),
        };
        // One is under way when the other end has changed already.
        let late = one.send(now, &Frame::silence()).unwrap().1;
        one.renegotiate(now, peer(0, 1));
        two.renegotiate(now, peer(1, 0));
        two.handle_datagram(now, HERE.parse().unwrap(), &late);
        let (heard, _) = exchange(&mut one, &mut two, begin, i * 100..(i + 1) * 100);
        assert!(is_heard(&heard), "{change:?}");
    }
    let stats = two.stats();
    assert!(stats.received >= 503 && stats.lost <= 2, "{stats:?}");
}

#[test]
fn no_number_is_sent_twice_by_a_key() {
    let begin = start();
    let a = secured(Codec::Pcmu, master(Suite::Cm80, 1), master(Suite::Cm80, 2));
    let b = secured(Codec::Pcmu, master(Suite::Gcm128, 1), master(Suite::Gcm128, 2));
    for between in [speaking(Codec::Pcmu), b] {
        let mut stream = RtpStream::new(begin, a, Config::default(), 1 << 40 | 77);
        let mut sent = std::collections::HashSet::new();
        let mut tick = 0;
        // Between the times with the key as many go out as there are sequence numbers.
        for (peer, packets) in [(a, 100), (between, 65_500), (a, 100), (between, 65_500), (a, 100)] {
            stream.renegotiate(begin + FRAME_DURATION * tick, peer);
            for _ in 0..packets {
                let (_, datagram) = stream.send(begin + FRAME_DURATION * tick, &Frame::silence()).unwrap();
                tick += 1;
                if peer == a {
                    let (sequence, ssrc) = (datagram[2..4].to_vec(), datagram[8..12].to_vec());
                    assert!(sent.insert((ssrc, sequence)), "the same keystream");
                }
            }
        }
    }
}

#[test]
fn a_key_that_is_taken_up_again_is_understood_and_one_that_stays_keeps_the_source() {
    let begin = start();
    let (mut one, mut two) = ends(begin, Suite::Cm80, Codec::Pcmu);
    let (first, second) = (*one.peer(), *two.peer());
    let source = |stream: &RtpStream| stream.sender.ssrc();
    let before = source(&one);
    one.renegotiate(begin, first);
    assert_eq!(source(&one), before);
    exchange(&mut one, &mut two, begin, 0..100);
    for stream in [&mut one, &mut two] {
        stream.renegotiate(begin + ms(2_000), speaking(Codec::Pcmu));
    }
    exchange(&mut one, &mut two, begin, 100..200);
    assert_eq!(source(&one), before);
    one.renegotiate(begin + ms(4_000), first);
    two.renegotiate(begin + ms(4_000), second);
    assert_ne!(source(&one), before);
    let (heard, _) = exchange(&mut one, &mut two, begin, 200..400);
    assert!(is_heard(&heard));
    let stats = two.stats();
    assert_eq!((stats.forged, stats.replayed, stats.restarts), (0, 0, 1));
}
