//! Whether a pause is taken for the end of a turn: recorded people, with pauses put in where none was and left where they ended.
//!
//! A recording is cut at its quietest place between a third and two thirds, where words meet within a clause, and a pause is put in; the
//! turn is cut short if the bot takes it before the caller goes on. Then the same recording is played to its end, and the wait is taken.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::panels::{Panel, draw};
use super::recordings::{Error, recordings, through_the_telephone, trimmed};
use super::rehearsal::Rehearsal;
use super::{milliseconds, percentile, plain};
use crate::audio::{FRAME_SAMPLES, Frame, frames, level_dbfs, wav};
use crate::dialplan::assistant::Endpointing;
use crate::language::Language;
use crate::speech::Engines;

/// Pauses that are put into a clause.
pub const PAUSES: [Duration; 3] = [
    Duration::from_millis(400),
    Duration::from_millis(600),
    Duration::from_millis(1_000),
];
/// Shorter recordings hold no clause that could be interrupted by a pause.
const SHORTEST: usize = 16_000;
/// Recordings that are played, spread over all that fit.
const RECORDINGS: usize = 24;
/// What is waited for after the last sound.
const AFTER: Duration = Duration::from_secs(4);

/// One way of telling the end of a turn.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub way: String,
    /// Pauses put in, of each length.
    pub pauses: usize,
    /// Per cent of pauses of 400, 600 and 1000 ms in which the caller was cut short.
    pub cut_short: [f64; 3],
    /// From the last sound to the end of the turn, ms.
    pub wait_p50: f64,
    pub wait_p95: f64,
    /// A decision by sound, ms; not known of a timer.
    pub decision_p99: Option<f64>,
}

/// Plays the recordings of `folder` to calls that tell the end of a turn in each of `ways`, which have names.
pub fn run(
    engines: &Arc<Engines>,
    folder: &Path,
    ways: &[(&str, Endpointing)],
    mut each: impl FnMut(&str, &str),
) -> Result<Vec<Row>, Error> {
    let mut sounds = Vec::new();
    for recording in recordings(folder)? {
        let clause = recording.kind.ends_with("noizeus_clean")
            || recording.kind.ends_with("asterisk_prompts")
            || recording.kind.ends_with("cmu_arctic");
        if clause && recording.language == Language::English {
            let sound = through_the_telephone(&wav::read(&recording.path)?);
            let sound = trimmed(&sound);
            if sound.len() >= SHORTEST {
                sounds.push((recording, sound.to_vec()));
            }
        }
    }
    let every = sounds.len().div_ceil(RECORDINGS).max(1);
    let sounds: Vec<_> = sounds.into_iter().step_by(every).collect();
    let mut rows = Vec::new();
    for (way, endpointing) in ways {
        let (mut cut, mut waits, mut decisions) = ([0_usize; 3], Vec::new(), Vec::new());
        for (recording, sound) in &sounds {
            for (pause, cut) in PAUSES.iter().zip(&mut cut) {
                let at = quietest(sound);
                let (first, second) = sound.split_at(at);
                let heard = played(engines, *endpointing, &[first, second], *pause)?;
                decisions.extend(heard.decisions());
                // The sound of the second half has begun when it is too late to cut in.
                if heard.ended.is_some_and(|ended| ended < heard.resumed) {
                    *cut += 1;
                    each(
                        way,
                        &format!("{} ms: cut short: {heard}: {}", pause.as_millis(), recording.text),
                    );
                }
            }
            let heard = played(engines, *endpointing, &[sound], Duration::ZERO)?;
            decisions.extend(heard.decisions());
            match heard.ended.and_then(|ended| ended.checked_sub(heard.last_sound)) {
                Some(wait) => {
                    waits.push(milliseconds(wait));
                    each(
                        way,
                        &format!("ended after {} ms: {heard}: {}", wait.as_millis(), recording.text),
                    );
                }
                None => each(
                    way,
                    &format!(
                        "cut short at its own pause, or never ended: {heard}: {}",
                        recording.text
                    ),
                ),
            }
        }
        let share = |count: usize| 100.0 * count as f64 / sounds.len().max(1) as f64;
        rows.push(Row {
            way: (*way).to_owned(),
            pauses: sounds.len(),
            cut_short: cut.map(share),
            wait_p50: percentile(&waits, 0.5).unwrap_or(0.0),
            wait_p95: percentile(&waits, 0.95).unwrap_or(0.0),
            decision_p99: percentile(&decisions, 0.99),
        });
    }
    Ok(rows)
}

/// A picture of `rows`, SVG.
pub fn plot(rows: &[Row], conditions: &str) -> String {
    let panel = |title: String, unit, figure: &dyn Fn(&Row) -> Option<f64>| Panel {
        title,
        unit,
        bars: rows
            .iter()
            .filter_map(|row| Some((row.way.clone(), figure(row)?)))
            .collect(),
    };
    let mut panels: Vec<Panel> = PAUSES
        .iter()
        .enumerate()
        .map(|(n, pause)| {
            let title = format!("cut short in pauses of {} ms", pause.as_millis());
            panel(title, "%", &move |row| row.cut_short.get(n).copied())
        })
        .collect();
    panels.push(panel("wait after the last sound, p50".into(), "ms", &|row| {
        Some(row.wait_p50)
    }));
    panels.push(panel("wait after the last sound, p95".into(), "ms", &|row| {
        Some(row.wait_p95)
    }));
    panels.push(panel("a decision by sound, p99".into(), "ms", &|row| row.decision_p99));
    draw(&format!("The end of a turn ({conditions})"), &panels)
}

struct Played {
    /// When the turn was taken first.
    ended: Option<Duration>,
    /// When the last part began.
    resumed: Duration,
    last_sound: Duration,
    words: String,
    judged: Vec<(Option<f32>, Duration)>,
}

impl Played {
    /// ms.
    fn decisions(&self) -> impl Iterator<Item = f64> {
        self.judged.iter().map(|(_, took)| milliseconds(*took))
    }
}

impl std::fmt::Display for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "heard “{}”, chances", self.words)?;
        for (chance, _) in &self.judged {
            write!(f, " {:.2}", chance.unwrap_or(f32::NAN))?;
        }
        Ok(())
    }
}

/// A call in which the caller says `parts` with `pause` between them, when the bot has asked.
fn played(
    engines: &Arc<Engines>,
    endpointing: Endpointing,
    parts: &[&[i16]],
    pause: Duration,
) -> Result<Played, Error> {
    let start = plain::start("How can I help?", Language::English, endpointing)?;
    let mut call = Rehearsal::begin(engines, start);
    call.await_silence(Duration::from_millis(600))?;
    let (mut resumed, mut last) = (Duration::ZERO, Duration::ZERO);
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            for _ in 0..pause.as_millis() / 20 {
                call.tick(&Frame::silence())?;
            }
        }
        resumed = call.at();
        for frame in frames(part) {
            call.tick(&frame)?;
        }
        last = call.at();
    }
    let until = call.at() + AFTER;
    while call.at() < until && call.heard().is_empty() {
        call.tick(&Frame::silence())?;
    }
    Ok(Played {
        ended: call.heard().first().map(|(at, _)| *at),
        resumed,
        last_sound: last,
        words: call
            .heard()
            .iter()
            .map(|(_, text)| *text)
            .collect::<Vec<_>>()
            .join(" | "),
        judged: call.judged,
    })
}

/// The quietest 60 ms between a third and two thirds.
fn quietest(sound: &[i16]) -> usize {
    let (from, to) = (sound.len() / 3, sound.len() * 2 / 3);
    let level = |at: usize| level_dbfs(&sound[at..(at + 3 * FRAME_SAMPLES).min(sound.len())]);
    let best = (from..to)
        .step_by(FRAME_SAMPLES / 2)
        .min_by(|a, b| level(*a).total_cmp(&level(*b)));
    best.unwrap_or(from) + FRAME_SAMPLES * 3 / 2
}
