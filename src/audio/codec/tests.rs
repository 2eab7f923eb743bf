//! Tones, losses and damage through every codec.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::audio::tone::{level_at, sine};
use crate::audio::{FRAME_DURATION, FRAME_SAMPLES, Frame, frames, level_dbfs};

const SECOND: Duration = Duration::from_secs(1);

fn wishes() -> Wishes {
    Wishes {
        correction: Correction::Wanted,
        ..Wishes::default()
    }
}

fn coded(codec: Codec, sound: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, wishes());
    frames(sound).map(|frame| encoder.encode(&frame)).collect()
}

/// What is heard of `sound` where the packets in `lost` never come, told by the one behind or made up. At the codec's sample rate.
fn heard(codec: Codec, sound: &[i16], lost: &[usize]) -> Vec<i16> {
    let packets = coded(codec, sound);
    let mut decoder = Decoder::new(codec);
    let length = codec.samples(codec.clock_rate() / 50);
    let mut out = Vec::new();
    for (i, packet) in packets.iter().enumerate() {
        let made = if lost.contains(&i) {
            let next = packets.get(i + 1).filter(|_| !lost.contains(&(i + 1)));
            let told = next.and_then(|next| decoder.recover(codec, next, length));
            let guessed = told.or_else(|| decoder.conceal(length));
            guessed.unwrap_or_else(|| vec![0; length])
        } else {
            decoder.decode(codec, packet)
        };
        assert_eq!(made.len(), length, "{codec}: packet {i}");
        out.extend(made);
    }
    out
}

#[test]
fn a_tone_keeps_its_level_and_pitch() {
    for codec in Codec::ALL {
        let rate = codec.sample_rate();
        let tone = heard(codec, &sine(1_000.0, -20.0, SECOND), &[]);
        let level = level_at(&tone[tone.len() / 2..], rate, 1_000.0);
        assert!((level + 20.0).abs() < 1.0, "{codec}: {level} dBFS");
        let beside = level_at(&tone[tone.len() / 2..], rate, 1_500.0);
        assert!(beside < -40.0, "{codec}: {beside} dBFS beside the tone");
    }
}

#[test]
fn what_a_telephone_cannot_carry_survives_in_wide_band() {
    for codec in [Codec::G722, Codec::Opus] {
        let tone = heard(codec, &sine(6_000.0, -20.0, SECOND), &[]);
        let level = level_at(&tone[8_000..], 16_000, 6_000.0);
        assert!((level + 20.0).abs() < 3.0, "{codec}: {level} dBFS");
    }
    let narrow = heard(Codec::Pcmu, &sine(6_000.0, -20.0, SECOND), &[]);
    assert!(level_dbfs(&narrow[4_000..]) < -60.0);
}

#[test]
fn a_lost_packet_of_opus_leaves_no_hole() {
    // A voice, more or less: a low tone and its overtones.
    let voice = [150.0, 300.0, 450.0, 900.0].map(|hz| sine(hz, -30.0, SECOND));
    let voice: Vec<i16> = (0..16_000).map(|i| voice.iter().map(|tone| tone[i]).sum()).collect();
    for lost in [&[20, 30, 40][..], &[20, 21, 30]] {
        let out = heard(Codec::Opus, &voice, lost);
        for i in lost {
            let level = level_dbfs(&out[i * 320..(i + 1) * 320]);
            // Around −24 dBFS; what is steady is told fainter than speech, which loses less than one decibel.
            assert!((-33.0..-18.0).contains(&level), "packet {i} of {lost:?}: {level} dBFS");
        }
    }
}

#[test]
fn either_law_is_understood_beside_wide_band() {
    let tone = sine(1_000.0, -20.0, SECOND);
    for codec in Codec::TELEPHONE {
        let mut decoder = Decoder::new(Codec::G722);
        let packets = coded(codec, &tone);
        let out: Vec<i16> = packets
            .iter()
            .flat_map(|packet| decoder.decode(codec, packet))
            .collect();
        assert_eq!(out.len(), 16_000);
        assert!((level_at(&out[8_000..], 16_000, 1_000.0) + 20.0).abs() < 0.5);
        assert!(
            decoder.decode(Codec::Opus, &[8, 1, 2]).is_empty(),
            "nobody agreed on it"
        );
    }
}

#[test]
fn lengths_are_told_by_the_payload() {
    for (codec, payload, units, samples) in [
        (Codec::Pcmu, vec![0; 160], Some(160), 160),
        (Codec::G722, vec![0; 160], Some(160), 320),
        (Codec::Opus, vec![0x48], Some(960), 320), // SILK in wide-band, one frame of 20 ms that holds nothing
        (Codec::Opus, vec![0x58], Some(2_880), 960), // of 60 ms
        (Codec::Opus, vec![0x4b, 7, 0], None, 0),  // seven of them: longer than a packet may be
        (Codec::Opus, vec![], None, 0),
        (Codec::Pcma, vec![], None, 0),
    ] {
        assert_eq!(codec.duration(&payload), units, "{codec} {payload:?}");
        assert_eq!(units.map_or(0, |units| codec.samples(units)), samples, "{codec}");
    }
}

#[test]
fn what_the_other_end_asks_for_is_kept() {
    let sound = sine(6_000.0, -20.0, SECOND);
    let bytes = |wishes| {
        let mut encoder = Encoder::new(Codec::Opus, wishes);
        frames(&sound).map(|frame| encoder.encode(&frame).len()).sum::<usize>()
    };
    let few = Wishes {
        most_bits: Some(8_000),
        ..Wishes::default()
    };
    let (few, usual) = (bytes(few), bytes(Wishes::default()));
    assert!(few < 1_400 && usual > few, "{few} {usual} bytes a second");
    let narrow = Wishes {
        playback_rate: 8_000,
        ..Wishes::default()
    };
    let mut encoder = Encoder::new(Codec::Opus, narrow);
    let packet = frames(&sound).map(|frame| encoder.encode(&frame)).last().unwrap();
    assert_eq!(
        opus::packet::get_bandwidth(&packet).unwrap(),
        opus::Bandwidth::Narrowband
    );
}

#[test]
fn names_are_those_of_session_descriptions() {
    let written: Vec<String> = Codec::ALL.iter().map(Codec::to_string).collect();
    assert_eq!(written, ["opus/48000/2", "G722/8000", "PCMU/8000", "PCMA/8000"]);
    for codec in Codec::ALL {
        assert_eq!(Codec::named(&codec.name().to_lowercase()), Some(codec));
    }
    assert_eq!(Codec::named("G729"), None);
    assert_eq!(FRAME_SAMPLES, Codec::Opus.samples(960));
    assert_eq!(FRAME_DURATION, Duration::from_millis(20));
}

#[test]
fn silence_is_silent() {
    for codec in Codec::ALL {
        let mut encoder = Encoder::new(codec, Wishes::default());
        let mut decoder = Decoder::new(codec);
        for _ in 0..50 {
            let sound = decoder.decode(codec, &encoder.encode(&Frame::silence()));
            assert!(level_dbfs(&sound) < -60.0, "{codec}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes is sound of the length that it says, or nothing; and the next one is decoded as well.
    #[test]
    fn any_payloads_do_no_harm(payloads in prop::collection::vec((0_usize..4, prop::collection::vec(any::<u8>(), 0..300)), 1..20), agreed in 0_usize..4) {
        let agreed = Codec::ALL[agreed];
        let mut decoder = Decoder::new(agreed);
        for (codec, payload) in payloads {
            let codec = Codec::ALL[codec];
            let sound = decoder.decode(codec, &payload);
            if codec == agreed {
                let expected = codec.duration(&payload).map_or(0, |units| codec.samples(units));
                prop_assert_eq!(sound.len(), expected);
            }
            let _ = (decoder.recover(codec, &payload, 320), decoder.conceal(160));
        }
    }
}
