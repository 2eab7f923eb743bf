//! Word error rate and speed of the recogniser on recorded people, brought to the telephone's band and codec.
//!
//! Beside it in the same run: the same model with its whole context of 30 s, or faster-whisper with the same weights.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::faster_whisper::FasterWhisper;
use super::panels::{Panel, draw};
use super::recordings::{Error, Recording, through_the_telephone};
use super::{milliseconds, percentile};
use crate::audio::wav;
use crate::clock;
use crate::language::Language;
use crate::simulate::words::{errors, units};
use crate::speech::whisper::{Context, Whisper};
use crate::speech::{Cancel, Care, Digits, Listening, RATE, Stt, gate};

/// How well and how fast one kind of sound was heard.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub kind: String,
    /// `offhook`, `whole context` or `faster-whisper`.
    pub decoder: &'static str,
    pub files: usize,
    /// Words, or characters in Mandarin.
    pub units: usize,
    pub errors: usize,
    /// Per cent.
    pub error_rate: f64,
    /// Seconds of one core for each second of speech.
    pub real_time_factor: f64,
    /// An utterance.
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
}

struct Tally {
    kind: String,
    decoder: &'static str,
    files: usize,
    units: usize,
    errors: usize,
    sound: f64,
    times: Vec<f64>,
}

/// Runs every recording through each decoder; `each` is shown what was said and heard.
pub fn run(
    whisper: &Whisper,
    recordings: &[Recording],
    decoders: &mut [Decoder],
    mut each: impl FnMut(&Recording, &'static str, &str, Duration),
) -> Result<Vec<Row>, Error> {
    let mut tallies: Vec<Tally> = Vec::new();
    for recording in recordings {
        let samples = through_the_telephone(&wav::read(&recording.path)?);
        let said = units(&recording.text, recording.language);
        for decoder in &mut *decoders {
            let (text, took) = decoder.hear(whisper, &samples, recording)?;
            each(recording, decoder.name(), &text, took);
            let heard = units(&text, recording.language);
            let found = tallies
                .iter()
                .position(|t| t.kind == recording.kind && t.decoder == decoder.name());
            let at = found.unwrap_or_else(|| {
                tallies.push(Tally::new(&recording.kind, decoder.name()));
                tallies.len() - 1
            });
            let tally = &mut tallies[at];
            tally.files += 1;
            tally.units += said.len();
            tally.errors += errors(&said, &heard);
            tally.sound += samples.len() as f64 / f64::from(RATE);
            tally.times.push(milliseconds(took));
        }
    }
    let mut rows: Vec<Row> = tallies.iter().map(Tally::row).collect();
    for language in Language::ALL {
        for decoder in decoders.iter().map(Decoder::name) {
            let kinds = tallies
                .iter()
                .filter(|tally| tally.decoder == decoder && tally.kind.starts_with(language.code()));
            let whole = kinds.fold(Tally::new(&format!("{language}, all"), decoder), Tally::with);
            rows.extend((whole.files > 0).then(|| whole.row()));
        }
    }
    Ok(rows)
}

/// Kinds with fewer recordings are not drawn but in the rows for all of them.
const PLOTTED: usize = 15;

/// A picture of `rows`, SVG.
pub fn plot(rows: &[Row], conditions: &str) -> String {
    let large = rows.iter().filter(|row| row.files >= PLOTTED);
    let mut kinds: Vec<&str> = large.map(|row| row.kind.as_str()).collect();
    kinds.dedup();
    let panels: Vec<Panel> = kinds
        .into_iter()
        .flat_map(|kind| {
            let of = |title: &str, unit, figure: fn(&Row) -> f64| Panel {
                title: format!("{kind}: {title}"),
                unit,
                bars: rows
                    .iter()
                    .filter(|row| row.kind == kind)
                    .map(|row| (row.decoder.to_owned(), figure(row)))
                    .collect(),
            };
            [
                of("errors", "%", |row| row.error_rate),
                of("an utterance, mean", "ms", |row| row.mean_ms),
            ]
        })
        .collect();
    draw(&format!("Recorded people over G.711 ({conditions})"), &panels)
}

/// Which way of decoding.
pub enum Decoder {
    /// As calls are heard.
    Offhook,
    /// As whisper.cpp does by itself: 30 s of context, no guard.
    Whole,
    /// Another program with the same weights.
    FasterWhisper(FasterWhisper),
}

impl Decoder {
    pub fn name(&self) -> &'static str {
        match self {
            Decoder::Offhook => "offhook",
            Decoder::Whole => "whole context",
            Decoder::FasterWhisper(_) => "faster-whisper",
        }
    }

    /// The words, and how long they took.
    pub(super) fn hear(
        &mut self,
        whisper: &Whisper,
        samples: &[i16],
        recording: &Recording,
    ) -> Result<(String, Duration), Error> {
        let (cancel, began) = (Cancel::default(), clock::now());
        let text = match self {
            Decoder::Offhook => {
                let digits = if recording.kind.ends_with("fsdd") {
                    Digits::Expected
                } else {
                    Digits::No
                };
                let listening = Listening {
                    language: recording.language,
                    or: Vec::new(),
                    digits,
                    care: Care::AsNeeded,
                    names: "".into(),
                };
                whisper.transcribe(samples, &listening, &cancel)?.text
            }
            Decoder::Whole => {
                let decoded = whisper.decode(samples, recording.language, Context::Whole, &cancel)?;
                gate::believe(&decoded.text, decoded.evidence)
            }
            Decoder::FasterWhisper(peer) => return peer.hear(samples, recording.language),
        };
        Ok((text, since(began)))
    }
}

impl Tally {
    fn new(kind: &str, decoder: &'static str) -> Self {
        Self {
            kind: kind.to_owned(),
            decoder,
            files: 0,
            units: 0,
            errors: 0,
            sound: 0.0,
            times: Vec::new(),
        }
    }

    /// Both together.
    fn with(mut self, other: &Self) -> Self {
        self.files += other.files;
        self.units += other.units;
        self.errors += other.errors;
        self.sound += other.sound;
        self.times.extend(&other.times);
        self
    }

    fn row(&self) -> Row {
        Row {
            kind: self.kind.clone(),
            decoder: self.decoder,
            files: self.files,
            units: self.units,
            errors: self.errors,
            error_rate: 100.0 * self.errors as f64 / self.units.max(1) as f64,
            real_time_factor: self.times.iter().sum::<f64>() / 1000.0 / self.sound.max(1e-9),
            mean_ms: self.times.iter().sum::<f64>() / self.times.len().max(1) as f64,
            p50_ms: percentile(&self.times, 0.5).unwrap_or(0.0),
            p95_ms: percentile(&self.times, 0.95).unwrap_or(0.0),
        }
    }
}

fn since(began: Instant) -> Duration {
    clock::now().saturating_duration_since(began)
}
