//! What becomes of sound over the bot's voice: words that mean it, words that do not, coughs, noise, and its own echo.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::panels::{Panel, draw};
use super::recordings::{Error, recordings, through_the_telephone, trimmed};
use super::rehearsal::Rehearsal;
use super::{milliseconds, percentile, plain};
use crate::audio::clean::Cleaning;
use crate::audio::g711::Law;
use crate::audio::level::{amplify, normalise};
use crate::audio::resample::Resampler;
use crate::audio::{Frame, frames, wav};
use crate::call::Note;
use crate::dialplan::assistant::Endpointing;
use crate::language::Language;
use crate::speech::Engines;

/// Said by the bot while somebody talks over it.
const SPOKEN: &str = "You can send everything back within thirty days, as long as it was not used and is in its own box. \
    The label is in the parcel, and any post office takes it. The money is back on your account a week later, and we write to you when it is.";
/// From the bot's first sound to that of the other.
const INTO: Duration = Duration::from_millis(1_500);
/// In which what follows from a sound has followed.
const AFTER: Duration = Duration::from_secs(4);
/// "I am listening."
const BACKCHANNELS: &[&str] = &[
    "Mm-hmm.",
    "Okay.",
    "Yeah.",
    "Right.",
    "I see.",
    "Uh-huh.",
    "Sure.",
    "Okay, okay.",
    "Got it.",
    "All right.",
];

/// What became of one kind of sound.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub kind: String,
    pub sounds: usize,
    /// Per cent in which the bot fell silent.
    pub stopped: f64,
    /// From the sound's onset to the bot's silence, ms.
    pub silent_p50: Option<f64>,
    pub silent_p95: Option<f64>,
    /// Per cent of those that stopped it in which it went on, and how long after the sound, ms.
    pub resumed: f64,
    pub resumed_p50: Option<f64>,
    /// Per cent in which it was taken for the caller's turn.
    pub taken: f64,
}

/// A picture of `rows` and of how often its own echo stopped the bot, SVG; the echoes as how much softer, of how many, and in how many.
pub fn plot(rows: &[Row], echoes: &[(f32, usize, usize)], conditions: &str) -> String {
    let panel = |title: &str, unit, figure: &dyn Fn(&Row) -> Option<f64>| Panel {
        title: title.to_owned(),
        unit,
        bars: rows
            .iter()
            .filter_map(|row| Some((row.kind.clone(), figure(row)?)))
            .collect(),
    };
    let own = echoes.iter().map(|(less, said, stopped)| {
        let share = 100.0 * *stopped as f64 / (*said).max(1) as f64;
        (format!("own echo, −{less:.0} dB"), share)
    });
    let panels = [
        panel("from the onset to silence, p50", "ms", &|row| row.silent_p50),
        panel("from the onset to silence, p95", "ms", &|row| row.silent_p95),
        panel("taken for the caller's turn", "%", &|row| Some(row.taken)),
        panel("went on where it had stopped", "%", &|row| Some(row.resumed)),
        Panel {
            title: "stopped by itself".into(),
            unit: "%",
            bars: own.collect(),
        },
    ];
    draw(&format!("Sound over the bot's voice ({conditions})"), &panels)
}

/// Plays every kind of sound over the bot; `folder` holds recordings of people and noises.
pub fn run(engines: &Arc<Engines>, folder: &Path, mut each: impl FnMut(&str, &str)) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut row = |kind: &str, sounds: Vec<(String, Vec<i16>)>| -> Result<(), Error> {
        let mut outcomes = Vec::new();
        for (name, sound) in sounds {
            let outcome = over(engines, &sound)?;
            each(kind, &format!("{name}: {outcome:?}"));
            outcomes.push(outcome);
        }
        rows.push(summary(kind, &outcomes));
        Ok(())
    };
    row("words", words(folder)?)?;
    row("back-channels", backchannels(engines))?;
    row("coughs", coughs())?;
    row("noise", noises(folder)?)?;
    Ok(rows)
}

/// Says `texts`, each in a call of its own, with `cleaning` in it, whose line sends the bot's sound back `less` dB softer; tells how many times the bot stopped.
pub fn echoes(
    engines: &Arc<Engines>,
    texts: &[(Language, String)],
    less: f32,
    cleaning: Cleaning,
) -> Result<(usize, usize), Error> {
    let (mut stopped, mut said) = (0, 0);
    let mut random = StdRng::seed_from_u64(1);
    for (language, text) in texts {
        let start = plain::start(text, *language, Endpointing::default())?;
        said += 1;
        let late = random.random_range(2..20_usize);
        let mut call = Rehearsal::begin(engines, start).cleaning(cleaning);
        let (mut narrow, mut widen) = (Resampler::narrowing(), Resampler::widening());
        let (mut quiet, mut begun) = (0, false);
        while quiet < 50 && call.sent.len() < 3_000 {
            let at = call.sent.len().checked_sub(late);
            let sent = at.and_then(|at| call.sent.get(at).cloned().flatten());
            let mut back = narrow.push(sent.unwrap_or_else(Frame::silence).samples());
            amplify(&mut back, -less);
            let back = widen.push(&Law::Pcmu.decode(&Law::Pcmu.encode(&back)));
            call.tick(&Frame::from_slice(&back))?;
            let sounds = call.sent.last().is_some_and(Option::is_some);
            begun |= sounds;
            quiet = if sounds || !begun { 0 } else { quiet + 1 };
        }
        let troubled = |note: &Note| matches!(note, Note::Resumed | Note::Heard { .. });
        stopped += usize::from(call.notes.iter().any(|(_, note)| troubled(note)));
    }
    Ok((stopped, said))
}

#[derive(Debug)]
struct Outcome {
    /// After the onset.
    silent: Option<Duration>,
    /// After the sound's end.
    resumed: Option<Duration>,
    taken: bool,
}

fn over(engines: &Arc<Engines>, sound: &[i16]) -> Result<Outcome, Error> {
    let start = plain::start(SPOKEN, Language::English, Endpointing::default())?;
    let mut call = Rehearsal::begin(engines, start);
    while !call.sent.last().is_some_and(Option::is_some) && call.sent.len() < 3_000 {
        call.tick(&Frame::silence())?;
    }
    for _ in 0..INTO.as_millis() / 20 {
        call.tick(&Frame::silence())?;
    }
    let began = call.at();
    let (mut silent, mut resumed, mut ended) = (None, None, began);
    let mut sounds = frames(sound);
    let mut after = None;
    loop {
        match sounds.next() {
            Some(frame) => {
                call.tick(&frame)?;
                ended = call.at();
            }
            None => {
                let until = *after.get_or_insert(call.at() + AFTER);
                if call.at() >= until {
                    break;
                }
                call.tick(&Frame::silence())?;
            }
        }
        let speaks = call.sent.last().is_some_and(Option::is_some);
        if !speaks && silent.is_none() {
            silent = Some(call.at().saturating_sub(began));
        }
        if speaks && silent.is_some() && resumed.is_none() && call.notes.iter().any(|(_, note)| *note == Note::Resumed)
        {
            resumed = Some(call.at().saturating_sub(ended));
        }
    }
    Ok(Outcome {
        silent,
        resumed,
        taken: !call.heard().is_empty(),
    })
}

fn summary(kind: &str, outcomes: &[Outcome]) -> Row {
    let share = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
    let silent: Vec<f64> = outcomes.iter().filter_map(|o| o.silent).map(milliseconds).collect();
    let resumed: Vec<f64> = outcomes.iter().filter_map(|o| o.resumed).map(milliseconds).collect();
    Row {
        kind: kind.to_owned(),
        sounds: outcomes.len(),
        stopped: share(silent.len(), outcomes.len()),
        silent_p50: percentile(&silent, 0.5),
        silent_p95: percentile(&silent, 0.95),
        resumed: share(resumed.len(), silent.len()),
        resumed_p50: percentile(&resumed, 0.5),
        taken: share(outcomes.iter().filter(|o| o.taken).count(), outcomes.len()),
    }
}

fn words(folder: &Path) -> Result<Vec<(String, Vec<i16>)>, Error> {
    let mut sounds = Vec::new();
    for recording in recordings(folder)? {
        let people = recording.kind.ends_with("noizeus_clean") || recording.kind.ends_with("asterisk_prompts");
        if people && recording.text.split(' ').count() >= 3 {
            let sound = through_the_telephone(&wav::read(&recording.path)?);
            sounds.push((recording.text, trimmed(&sound).to_vec()));
        }
    }
    Ok(sounds)
}

fn backchannels(engines: &Arc<Engines>) -> Vec<(String, Vec<i16>)> {
    let spoken = BACKCHANNELS.iter().filter_map(|text| {
        let (gives, given) = std::sync::mpsc::channel();
        let done = move |result| drop(gives.send(result));
        let job = engines
            .speak(0, crate::speech::Priority::Turn, Language::English, text, done)
            .ok()?;
        let sound = given.recv().ok()?.ok()?;
        drop(job);
        Some(((*text).to_owned(), trimmed(&through_the_telephone(&sound)).to_vec()))
    });
    spoken.collect()
}

/// Bursts of shaped noise: an explosion and what rings after it, once or twice.
fn coughs() -> Vec<(String, Vec<i16>)> {
    let mut random = StdRng::seed_from_u64(7);
    let mut cough = |long: usize, tone: f32| -> Vec<i16> {
        let mut low = 0.0_f32;
        let samples = (0..long).map(|n| {
            let rest = 1.0 - n as f32 / long as f32;
            low += tone * (random.random_range(-1.0..1.0_f32) - low);
            low * rest * rest * 20_000.0
        });
        samples.map(|s| s as i16).collect()
    };
    let mut sounds = Vec::new();
    for n in 0..20_usize {
        let long = 1_600 + n * 240;
        let mut sound = cough(long, 0.2 + 0.03 * n as f32);
        if n % 3 == 0 {
            sound.extend(vec![0; 1_600]);
            sound.extend(cough(long, 0.3));
        }
        normalise(&mut sound);
        sounds.push((format!("cough {n}"), through_the_telephone(&sound)));
    }
    sounds
}

/// Two seconds each out of the recorded noises, 10 dB under speech, and the onset is the beginning.
fn noises(folder: &Path) -> Result<Vec<(String, Vec<i16>)>, Error> {
    let mut sounds = Vec::new();
    for name in [
        "psst_cafe",
        "psst_traffic",
        "sb_noise1",
        "sb_noise2",
        "tau2_dog_bark",
        "tau2_siren",
    ] {
        let path = folder.join("noise").join(name).with_extension("wav");
        let mut sound = through_the_telephone(&wav::read(&path)?);
        normalise(&mut sound);
        amplify(&mut sound, -10.0);
        for (n, piece) in sound.chunks(32_000).take(4).enumerate() {
            sounds.push((format!("{name} {n}"), piece.to_vec()));
        }
    }
    Ok(sounds)
}
