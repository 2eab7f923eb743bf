//! Known packets, two ends, and those who are in between.

use proptest::prelude::*;

use super::*;
use crate::rtp::packet::{Marker, Packet};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn key(suite: Suite, seed: u8) -> Key {
    let (key, salt) = suite.lengths();
    let bytes: Vec<u8> = (0..key + salt).map(|i| (i as u8).wrapping_mul(37) ^ seed).collect();
    Key::new(suite, &bytes).unwrap()
}

/// Two ends of a call.
fn ends(suite: Suite) -> (Srtp, Srtp) {
    let (ours, theirs) = (key(suite, 1), key(suite, 2));
    let other = Keys {
        ours: theirs,
        theirs: ours,
    };
    (Srtp::new(Keys { ours, theirs }), Srtp::new(other))
}

const SSRC: u32 = 0xcafe_babe;

fn packet(sequence: u16, payload: &[u8]) -> Vec<u8> {
    Packet {
        marker: Marker::Clear,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc: SSRC,
        payload,
    }
    .write()
}

/// A receiver report and a goodbye.
fn report() -> Vec<u8> {
    hex("80c90001cafebabe81cb0001cafebabe")
}

/// With the master key and salt of RFC 3711 appendix B.3, whose session keys are printed there; the packets were computed from the RFCs' text with
/// another implementation of AES, HMAC and GCM.
#[test]
fn packets_are_those_of_the_rfcs() {
    let master = "E1F97A0D3E018BE0D64FA32C06DE4139";
    let counting: String = (0..32).map(|i| format!("{i:02x}")).collect();
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    for (suite, material, expected) in [
        (
            Suite::Cm80,
            format!("{master}0EC675AD498AFEEBB6960B3AABE6"),
            "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
        ),
        (
            Suite::Cm32,
            format!("{master}0EC675AD498AFEEBB6960B3AABE6"),
            "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc",
        ),
        (
            Suite::Gcm128,
            format!("{master}0EC675AD498AFEEBB6960B3A"),
            "800f1234decafbadcafebabe0eca0cf95ee955b26cd3d288b49f6ca959171450975f4144da9cdd7ae989a277",
        ),
        (
            Suite::Gcm256,
            format!("{counting}0EC675AD498AFEEBB6960B3A"),
            "800f1234decafbadcafebabef95cd3f184810f99c1181897068d47edeafc395d2b489eaec398419d46096937",
        ),
    ] {
        let key = Key::new(suite, &hex(&material)).unwrap();
        let mut both = Srtp::new(Keys { ours: key, theirs: key });
        let protected = both.protect(&plain).unwrap();
        assert_eq!(protected, hex(expected), "{suite}");
        assert_eq!(both.open(&protected), Ok(plain.clone()), "{suite}");
    }
    let key = Key::new(Suite::Cm80, &hex(&format!("{master}0EC675AD498AFEEBB6960B3AABE6"))).unwrap();
    let protected = Srtp::new(Keys { ours: key, theirs: key })
        .protect_report(&report())
        .unwrap();
    assert_eq!(
        protected,
        hex("80c90001cafebabe5b48a8f185d2a8a88000000149eb80cd1409a3eea91d")
    );
}

#[test]
fn what_one_end_says_only_the_other_understands() {
    for suite in Suite::ALL {
        let (mut one, mut two) = ends(suite);
        for sequence in 0..50 {
            let plain = packet(sequence, &[sequence as u8; 160]);
            let protected = one.protect(&plain).unwrap();
            assert_eq!(protected[..12], plain[..12], "the header is for everybody");
            assert_ne!(protected[12..172], plain[12..], "the sound is not");
            assert_eq!(two.open(&protected), Ok(plain));
        }
        let protected = one.protect_report(&report()).unwrap();
        assert_eq!(two.open_report(&protected), Ok(report()));
        let mut stranger = Srtp::new(Keys {
            ours: key(suite, 9),
            theirs: key(suite, 8),
        });
        let protected = one.protect(&packet(60, &[1; 160])).unwrap();
        assert_eq!(stranger.open(&protected), Err(Refused::Forged), "{suite}");
        let forged = stranger.protect(&packet(60, &[1; 160])).unwrap();
        assert_eq!(two.open(&forged), Err(Refused::Forged), "{suite}");
        let forged = stranger.protect_report(&report()).unwrap();
        assert!(two.open_report(&forged).is_err(), "{suite}");
        assert_eq!(two.open(&packet(61, &[1; 160])), Err(Refused::Forged), "plain");
        assert_eq!(two.open_report(&report()), Err(Refused::Forged), "plain");
    }
}

#[test]
fn nothing_is_taken_twice() {
    for suite in Suite::ALL {
        let (mut one, mut two) = ends(suite);
        let sent: Vec<Vec<u8>> = (100..200)
            .map(|sequence| one.protect(&packet(sequence, &[7; 20])).unwrap())
            .collect();
        // In disorder, as networks have it.
        for i in (0..100).map(|i| i ^ 3) {
            assert!(two.open(&sent[i]).is_ok());
        }
        for packet in &sent {
            assert_eq!(two.open(packet), Err(Refused::Replayed), "{suite}");
        }
        let report = one.protect_report(&report()).unwrap();
        assert!(two.open_report(&report).is_ok());
        assert_eq!(two.open_report(&report), Err(Refused::Replayed), "{suite}");
    }
}

#[test]
fn a_changed_bit_is_noticed_wherever_it_is() {
    for suite in Suite::ALL {
        let (mut one, mut two) = ends(suite);
        let sound = one.protect(&packet(5, &[7; 20])).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut tampered = sound.clone();
            tampered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(two.open(&tampered), Err(Refused::Forged), "{suite}: bit {bit}");
        }
        let report = one.protect_report(&report()).unwrap();
        for bit in 0..report.len() * 8 {
            let mut tampered = report.clone();
            tampered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(two.open_report(&tampered), Err(Refused::Forged), "{suite}: bit {bit}");
        }
        assert!(two.incoming.sources.is_empty(), "what is forged is forgotten");
        assert!(two.open(&sound).is_ok() && two.open_report(&report).is_ok());
    }
}

#[test]
fn sequence_numbers_roll_over() {
    for suite in Suite::ALL {
        let (mut one, mut two) = ends(suite);
        for i in 0..140_000_u32 {
            let sequence = (65_000 + i) as u16;
            // Every packet counts for who sends; of those in the middle of the range only some arrive.
            let protected = one.protect(&packet(sequence, &[3; 4])).unwrap();
            let arrives = !(1_000..64_000).contains(&sequence) || i % 97 == 0;
            if arrives {
                assert!(two.open(&protected).is_ok(), "{suite}: {i}");
            }
        }
    }
}

#[test]
fn new_keys_take_over_and_the_same_ones_go_on() {
    for suite in Suite::ALL {
        let (mut one, mut two) = ends(suite);
        let first = one.protect(&packet(1, &[1; 9])).unwrap();
        assert!(two.open(&first).is_ok());
        let again = two.keys;
        two.change(again);
        assert_eq!(two.open(&first), Err(Refused::Replayed), "the same keys");
        let under_way = one.protect(&packet(2, &[1; 9])).unwrap();
        let (ours, theirs) = (key(suite, 3), key(Suite::Cm80, 4));
        one.change(Keys { ours, theirs });
        two.change(Keys {
            ours: theirs,
            theirs: ours,
        });
        assert!(two.open(&under_way).is_ok(), "what was under way");
        let new = one.protect(&packet(3, &[1; 9])).unwrap();
        assert!(two.open(&new).is_ok());
        let old = {
            let (mut one, _) = ends(suite);
            one.protect(&packet(4, &[1; 9])).unwrap()
        };
        assert_eq!(two.open(&old), Err(Refused::Forged), "the old key is gone");
        let answer = two.protect_report(&report()).unwrap();
        assert!(one.open_report(&answer).is_ok());
    }
}

#[test]
fn many_sources_cost_no_more_than_some() {
    let (mut one, mut two) = ends(Suite::Cm80);
    for ssrc in 0..100_u32 {
        let mut plain = packet(1, &[1; 9]);
        plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let protected = one.protect(&plain).unwrap();
        assert!(two.open(&protected).is_ok());
        assert!(two.incoming.sources.len() <= SOURCES);
    }
}

#[test]
fn keys_are_as_long_as_they_must_be_and_never_shown() {
    for suite in Suite::ALL {
        let (one, two) = suite.lengths();
        assert!(one + two <= LONGEST);
        assert_eq!(Key::new(suite, &vec![1; one + two - 1]), None);
        assert_eq!(Key::new(suite, &vec![1; one + two + 1]), None);
        let key = Key::new(suite, &vec![0xab; one + two]).unwrap();
        assert_eq!(key.bytes(), vec![0xab; one + two]);
        let keys = Keys { ours: key, theirs: key };
        let shown = format!("{key:?} {keys:?} {:?}", Srtp::new(keys));
        assert!(!shown.contains("ab, ") && !shown.contains("171"), "{shown}");
        assert_eq!(Suite::named(&suite.name().to_lowercase()), Some(suite));
    }
    assert_eq!(Suite::named("F8_128_HMAC_SHA1_80"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagram_is_refused(suite in prop::sample::select(Suite::ALL.to_vec()), header: [u8; 16], rest in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..16) {
        let (_, mut two) = ends(suite);
        let mut datagram = header[cut..].to_vec();
        datagram.extend(rest);
        prop_assert!(two.open(&datagram).is_err());
        prop_assert!(two.open_report(&datagram).is_err());
        if let Some(first) = datagram.first_mut() {
            *first = 0x80 | *first & 0x3f;
        }
        prop_assert!(two.open(&datagram).is_err());
        prop_assert!(two.open_report(&datagram).is_err());
        prop_assert!(two.incoming.sources.is_empty());
    }
}
