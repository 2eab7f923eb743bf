//! Every tone by its cadence, through the telephone; and what is none: people, keys, noise and music.

use std::time::Duration;

use super::*;
use crate::audio::frames;
use crate::audio::g711::Law;
use crate::audio::level::{amplify, normalise};
use crate::audio::tone::{Key, beep, dtmf, ring_back, sine, sine_at};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn silence(count: u64) -> Vec<i16> {
    vec![0; count as usize * 16]
}

/// Frequencies at once, each at −18 dBFS.
fn tone(hz: &[f32], count: u64) -> Vec<i16> {
    let mut sum = silence(count);
    for hz in hz {
        for (sample, more) in sum.iter_mut().zip(sine(*hz, -18.0, ms(count))) {
            *sample = sample.saturating_add(more);
        }
    }
    sum
}

/// G.711 and back, without a filter: 8 kHz are every other sample.
fn coded(sound: &[i16]) -> Vec<i16> {
    let narrow: Vec<i16> = sound.iter().step_by(2).copied().collect();
    let back = Law::Pcma.decode(&Law::Pcma.encode(&narrow));
    back.iter().flat_map(|sample| [*sample, *sample]).collect()
}

/// What is told, and when, ms.
fn told(sound: &[i16]) -> Vec<(Tone, usize)> {
    let mut detector = ToneDetector::default();
    let sound = coded(sound);
    let found = frames(&sound).enumerate().filter_map(|(n, frame)| {
        let tone = detector.hear(&frame)?;
        Some((tone, (n + 1) * 20))
    });
    found.collect()
}

fn heard(sound: &[i16]) -> Vec<Tone> {
    told(sound).into_iter().map(|(tone, _)| tone).collect()
}

/// `hz` for `on`, then silence for `off`, ms, so many times.
fn cadence(hz: &[f32], on: u64, off: u64, times: usize) -> Vec<i16> {
    [tone(hz, on), silence(off)].concat().repeat(times)
}

#[test]
fn every_land_rings_in_its_own_way() {
    for (land, ring) in [
        ("Germany", cadence(&[425.0], 1_000, 4_000, 2)),
        ("China", cadence(&[450.0], 1_000, 4_000, 2)),
        ("North America", cadence(&[440.0, 480.0], 2_000, 4_000, 2)),
        (
            "Britain",
            [
                cadence(&[400.0, 450.0], 400, 200, 1),
                cadence(&[400.0, 450.0], 400, 2_000, 1),
            ]
            .concat()
            .repeat(2),
        ),
        ("ours", ring_back(ms(12_000))),
    ] {
        let tones: Vec<Tone> = heard(&ring).into_iter().filter(|tone| *tone != Tone::Beep).collect();
        assert_eq!(tones, [Tone::RingBack; 2], "{land}");
    }
}

#[test]
fn an_engaged_line_is_told_from_a_full_network() {
    for (land, hz, on, off, wanted) in [
        ("Germany", &[425.0][..], 480, 480, Tone::Busy),
        ("China", &[450.0], 350, 350, Tone::Busy),
        ("North America", &[480.0, 620.0], 500, 500, Tone::Busy),
        ("Germany, full", &[425.0], 240, 240, Tone::Congestion),
        ("North America, full", &[480.0, 620.0], 250, 250, Tone::Congestion),
    ] {
        let tones = heard(&cadence(hz, on, off, 6));
        assert!(tones.contains(&wanted), "{land}: {tones:?}");
        let others = [Tone::Busy, Tone::Congestion, Tone::RingBack]
            .into_iter()
            .filter(|tone| *tone != wanted);
        assert!(
            others.into_iter().all(|other| !tones.contains(&other)),
            "{land}: {tones:?}"
        );
    }
}

#[test]
fn the_network_s_information_and_what_is_no_telephone() {
    let special = |each: u64| {
        [
            tone(&[950.0], each),
            tone(&[1_400.0], each),
            tone(&[1_800.0], each),
            silence(500),
        ]
        .concat()
    };
    for each in [276, 330, 380] {
        assert!(heard(&special(each)).contains(&Tone::SpecialInformation), "{each} ms");
    }
    assert_eq!(
        heard(&[silence(700), tone(&[2_100.0], 3_000), silence(300)].concat()),
        [Tone::FaxAnswering]
    );
    assert_eq!(
        heard(&[tone(&[2_225.0], 3_000), silence(300)].concat()),
        [Tone::FaxAnswering]
    );
    let calling = heard(&cadence(&[1_100.0], 500, 3_000, 3));
    assert_eq!(calling, [Tone::Beep, Tone::FaxCalling, Tone::FaxCalling]);
    // V.8: the phase is turned every 450 ms.
    let mut turned = Vec::new();
    for n in 0..6 {
        let mut part = tone(&[2_100.0], 450);
        if n % 2 == 1 {
            part.iter_mut().for_each(|sample| *sample = sample.saturating_neg());
        }
        turned.extend(part);
    }
    assert_eq!(heard(&turned), [Tone::FaxAnswering]);
}

#[test]
fn beeps_of_all_kinds_are_told_soon_after_their_end() {
    for hz in [425.0, 620.0, 850.0, 1_000.0, 1_234.0, 1_400.0, 2_000.0] {
        for long in [150, 300, 500, 1_000] {
            let found = told(&[silence(400), tone(&[hz], long), silence(900)].concat());
            let at = 400 + long as usize;
            assert!(
                matches!(found.as_slice(), [(Tone::Beep, end), ..] if (at + 100..=at + 180).contains(end)),
                "{hz} Hz, {long} ms: {found:?}"
            );
        }
    }
    assert_eq!(heard(&[silence(200), beep(), silence(400)].concat()), [Tone::Beep]);
    let mut soft = [silence(200), beep(), silence(400)].concat();
    amplify(&mut soft, -22.0);
    assert_eq!(heard(&soft), [Tone::Beep]);
}

#[test]
fn a_beep_is_heard_over_noise_and_with_a_packet_lost() {
    let mut seed = 7_u32;
    let mut noise = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as i16 / 128
    };
    let mut sound = [silence(500), tone(&[950.0], 600), silence(600)].concat();
    sound
        .iter_mut()
        .for_each(|sample| *sample = sample.saturating_add(noise()));
    assert_eq!(heard(&sound), [Tone::Beep]);
    sound.get_mut(11_200..11_520).expect("20 ms of the beep").fill(0);
    assert_eq!(heard(&sound), [Tone::Beep]);
    let mut hiss = silence(60_000);
    hiss.iter_mut().for_each(|sample| *sample = noise().saturating_mul(20));
    assert_eq!(heard(&hiss), []);
}

#[test]
fn keys_and_too_short_or_endless_tones_are_no_beeps() {
    for symbol in "0123456789*#".chars() {
        let key = Key::from_symbol(symbol).expect("a key");
        assert_eq!(heard(&[dtmf(key, ms(300)), silence(300)].concat()), [], "{symbol}");
    }
    assert_eq!(heard(&[tone(&[1_000.0], 60), silence(300)].concat()), []);
    assert_eq!(heard(&[tone(&[1_000.0], 6_000), silence(300)].concat()), []);
    // A siren wanders.
    let siren: Vec<i16> = (0..200)
        .flat_map(|n| sine_at(16_000, 600.0 + 8.0 * n as f32, -15.0, ms(10)))
        .collect();
    assert_eq!(heard(&siren), []);
}

/// Recorded people, noises and greetings, where they are at hand: none of them is a tone, but for the beeps that greetings end with.
#[test]
fn nobody_is_a_tone() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/speech");
    let Ok(languages) = std::fs::read_dir(&folder) else {
        return eprintln!("SKIPPED: no recordings at {}", folder.display());
    };
    let inside = |path: std::path::PathBuf| {
        std::fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let of_people = languages
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with("moh"));
    let files = of_people.flat_map(inside).flat_map(|path| {
        if path.is_dir() {
            inside(path).collect()
        } else {
            vec![path]
        }
    });
    let (mut recordings, mut wrong) = (0, Vec::new());
    for path in files.filter(|path| path.extension().is_some_and(|end| end == "wav")) {
        let Ok(mut sound) = crate::audio::wav::read(&path) else {
            continue;
        };
        normalise(&mut sound);
        recordings += 1;
        let tones = heard(&sound);
        if !tones.is_empty() {
            wrong.push((tones, path));
        }
    }
    eprintln!("{recordings} recordings, {} taken for tones: {wrong:#?}", wrong.len());
    assert!(wrong.len() * 100 <= recordings, "{wrong:#?}");
}
