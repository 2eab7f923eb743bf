//! How well callers are understood without a language model: flow choice on sayings of known intent, by words, by meaning
//! and by both; as they were written, or as the recogniser heard them when a voice spoke them through the telephone.

use std::path::Path;
use std::sync::{Arc, mpsc};

use serde::Serialize;

use super::recordings::through_the_telephone;
use super::tts::spoken;
use super::{milliseconds, percentile};
use crate::audio::level::{amplify, speech_level};
use crate::audio::{level_dbfs, wav};
use crate::clock;
use crate::dialogue::Meaning;
use crate::dialogue::choosing::choose;
use crate::dialogue::measure::{Evaluation, Table};
use crate::dialogue::wishes::By;
use crate::language::{Language, Voice};
use crate::simulate::words::{errors, units};
use crate::speech::{Care, Digits, Engines, Listening, Priority, RATE};

/// One way of judging.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `words`, `meaning`, `both`.
    pub by: &'static str,
    /// Whether the intents' descriptions were learnt from too.
    pub descriptions: &'static str,
    pub in_scope: usize,
    /// Per cent of the utterances in scope: the right intent chosen at once.
    pub accuracy: f64,
    pub out_of_scope: usize,
    /// Per cent of the utterances out of scope: none chosen, none asked for.
    pub refused: f64,
    /// Per cent of all utterances: asked which of two intents it is.
    pub asked_back: f64,
    /// To learn the table, milliseconds.
    pub learning_ms: f64,
    /// An utterance, milliseconds of one core.
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub confusions: Vec<Confusion>,
}

/// What was taken for something else.
#[derive(Clone, Debug, Serialize)]
pub struct Confusion {
    pub intent: String,
    /// Empty: none was chosen.
    pub taken_for: String,
    pub times: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sound(#[from] wav::WavError),
    #[error(transparent)]
    Speech(#[from] crate::speech::Error),
}

/// Chooses for every utterance of `table`, in every way that there is; without a meaning by words alone.
pub fn run(table: &Table, meaning: Option<&Arc<dyn Meaning>>) -> Vec<Row> {
    let mut rows = Vec::new();
    let ways: &[(By, &str)] = match meaning {
        Some(_) => &[(By::Words, "words"), (By::Meaning, "meaning"), (By::Both, "both")],
        None => &[(By::Words, "words")],
    };
    let bare = table.undescribed();
    let tables = match &bare {
        Some(bare) => vec![(table, "used"), (bare, "ignored")],
        None => vec![(table, "none")],
    };
    for (table, descriptions) in tables {
        for &(by, name) in ways {
            rows.push(row(table, meaning, by, name, descriptions));
        }
    }
    rows
}

fn row(
    table: &Table,
    meaning: Option<&Arc<dyn Meaning>>,
    by: By,
    name: &'static str,
    descriptions: &'static str,
) -> Row {
    let began = clock::now();
    let wishes = table.wishes(Language::English, meaning.cloned(), by);
    let learning_ms = milliseconds(clock::now().saturating_duration_since(began));
    let mut evaluation = Evaluation::default();
    let mut times = Vec::new();
    for asked in &table.asked {
        let began = clock::now();
        let chosen = choose(&wishes.scores(&asked.words));
        times.push(milliseconds(clock::now().saturating_duration_since(began)));
        evaluation.count(table, asked, chosen);
    }
    let confusions = evaluation
        .confusions
        .iter()
        .map(|((intent, taken_for), times)| Confusion {
            intent: intent.clone(),
            taken_for: taken_for.clone(),
            times: *times,
        });
    Row {
        by: name,
        descriptions,
        in_scope: evaluation.in_scope,
        accuracy: 100.0 * evaluation.accuracy(),
        out_of_scope: evaluation.out_of_scope,
        refused: 100.0 * evaluation.refusal(),
        asked_back: 100.0 * evaluation.asked_back(),
        learning_ms,
        p50_ms: percentile(&times, 0.5).unwrap_or(0.0),
        p95_ms: percentile(&times, 0.95).unwrap_or(0.0),
        confusions: confusions.collect(),
    }
}

/// What is around the caller.
pub struct Room {
    noise: Vec<i16>,
    /// Of the speech's level over the noise's, dB.
    snr: f32,
}

impl Room {
    /// `noise` is a WAV file, which is repeated.
    pub fn with(noise: &Path, snr: f32) -> Result<Self, Error> {
        let noise = wav::read(noise)?;
        Ok(Self { noise, snr })
    }

    /// Mixes the noise, from sample `from` of it, under an utterance.
    fn around(&self, speech: &mut [i16], from: usize) {
        if self.noise.is_empty() {
            return;
        }
        let start = from % self.noise.len();
        let mut noise: Vec<i16> = self
            .noise
            .iter()
            .cycle()
            .skip(start)
            .take(speech.len())
            .copied()
            .collect();
        let gain = speech_level(speech) - self.snr - level_dbfs(&noise);
        amplify(&mut noise, gain);
        for (sample, noise) in speech.iter_mut().zip(noise) {
            *sample = sample.saturating_add(noise);
        }
    }
}

/// Utterances as they were heard.
pub struct Heard {
    pub table: Table,
    /// Per cent of the words.
    pub word_error_rate: f64,
}

/// Before and after an utterance, samples: what a call's ear has of silence.
const AROUND: usize = 400 * RATE as usize / 1000;

/// The table as it was heard: every utterance spoken by the English voice, in the room, through 8 kHz G.711, and
/// transcribed. `each` is told of every utterance what was said and heard.
pub fn heard(engines: &Engines, table: &Table, room: &Room, mut each: impl FnMut(&str, &str)) -> Result<Heard, Error> {
    let mut table = table.clone();
    let (mut said_units, mut wrong) = (0, 0);
    for (at, asked) in table.asked.iter_mut().enumerate() {
        let mut sound = vec![0; AROUND];
        sound.extend(spoken(engines, Voice::Joe, &asked.words)?.iter());
        sound.resize(sound.len() + AROUND, 0);
        // Another stretch of the noise each time.
        room.around(&mut sound, at * 7919 * 16);
        let words = transcribed(engines, through_the_telephone(&sound))?;
        each(&asked.words, &words);
        let said = units(&asked.words, Language::English);
        said_units += said.len();
        wrong += errors(&said, &units(&words, Language::English));
        asked.words = words;
    }
    Ok(Heard {
        table,
        word_error_rate: 100.0 * wrong as f64 / said_units.max(1) as f64,
    })
}

fn transcribed(engines: &Engines, sound: Vec<i16>) -> Result<String, Error> {
    let (done, heard) = mpsc::channel();
    let listening = Listening {
        language: Language::English,
        or: Vec::new(),
        digits: Digits::No,
        care: Care::AsNeeded,
        names: "".into(),
    };
    let hearing = engines
        .hear(0, Priority::Turn, sound, listening, move |transcript| {
            drop(done.send(transcript))
        })
        .map_err(crate::speech::Error::from)?;
    let transcript = heard.recv().map_err(|_| crate::speech::Error::Cancelled)??;
    drop(hearing);
    Ok(transcript.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_far_under_speech_as_asked() {
        let noise: Vec<i16> = (0..16_000).map(|n| if n % 2 == 0 { 100 } else { -100 }).collect();
        let room = Room { noise, snr: 10.0 };
        let speech: Vec<i16> = (0..16_000)
            .map(|n| ((f64::from(n) * 0.2).sin() * 8000.0) as i16)
            .collect();
        let mut mixed = speech.clone();
        room.around(&mut mixed, 12_345);
        let rest: Vec<i16> = mixed.iter().zip(&speech).map(|(a, b)| a - b).collect();
        let far = speech_level(&speech) - level_dbfs(&rest);
        assert!((far - 10.0).abs() < 0.5, "{far}");
    }

    #[test]
    fn every_way_has_a_row() {
        let table = Table::parse(
            "intent\tsplit\tutterance\norder\texample\twhere is my order\norder\tuse_when\tcaller asks for an order\n\
             order\theldout\tmy order\nout_of_scope\theldout\tsing\n",
        );
        let rows = run(&table, None);
        assert_eq!(rows.len(), 2);
        assert!(
            rows.iter()
                .all(|row| row.by == "words" && row.in_scope == 1 && row.out_of_scope == 1)
        );
        assert_eq!(rows[0].accuracy, 100.0);
    }
}
