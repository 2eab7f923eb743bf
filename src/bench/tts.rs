//! How fast the voices speak.

use std::sync::{Arc, mpsc};

use serde::Serialize;

use super::{milliseconds, percentile};
use crate::clock;
use crate::language::{Language, Voice};
use crate::speech::text::clauses;
use crate::speech::{Engines, Error, Priority, RATE};

/// One voice.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub voice: &'static str,
    pub language: &'static str,
    pub clauses: usize,
    /// Seconds of sound that were made.
    pub sound_s: f64,
    /// Seconds of one core for each second of sound.
    pub real_time_factor: f64,
    /// Until a clause is there, milliseconds; nothing else runs.
    pub clause_p50_ms: f64,
    pub clause_p95_ms: f64,
}

/// What is spoken: each sentence once, none of them a prompt of a plan.
const SENTENCES: [(Language, &[&str]); 2] = [
    (
        Language::English,
        &[
            "The parcel was handed to the carrier on Tuesday, and it should be with you before the weekend.",
            "Your refund of $42.50 will arrive within five working days.",
            "Please keep the box, since the label is printed on it.",
            "I could not find an order with the number 40718263.",
            "The shop in Main Street opens at 9:30 on Saturdays.",
        ],
    ),
    (
        Language::Mandarin,
        &[
            "包裹星期二已经交给快递公司，周末之前应该能送到。",
            "退款四十二元五角会在五个工作日内到账。",
            "请保留包装盒，标签印在上面。",
        ],
    ),
];

/// `words` in that voice, 16 kHz mono.
pub(super) fn spoken(engines: &Engines, voice: Voice, words: &str) -> Result<Arc<[i16]>, Error> {
    let (done, spoken) = mpsc::channel();
    let speaking = engines.speak(0, Priority::Turn, voice, words, move |sound| drop(done.send(sound)))?;
    let sound = spoken.recv().map_err(|_| Error::Cancelled)?;
    drop(speaking);
    sound
}

/// Speaks with every voice of `voices`.
pub fn run(engines: &Engines, voices: &[Voice]) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for &voice in voices {
        let language = voice.language();
        let sentences = SENTENCES.iter().filter(|(known, _)| *known == language);
        let (mut times, mut samples) = (Vec::new(), 0);
        for clause in sentences
            .flat_map(|(_, all)| *all)
            .flat_map(|sentence| clauses(sentence, language))
        {
            let began = clock::now();
            let sound = spoken(engines, voice, &clause)?;
            times.push(milliseconds(clock::now().saturating_duration_since(began)));
            samples += sound.len();
        }
        let sound_s = samples as f64 / f64::from(RATE);
        rows.push(Row {
            voice: voice.names()[0],
            language: language.code(),
            clauses: times.len(),
            sound_s,
            real_time_factor: times.iter().sum::<f64>() / 1000.0 / sound_s.max(1e-9),
            clause_p50_ms: percentile(&times, 0.5).unwrap_or(0.0),
            clause_p95_ms: percentile(&times, 0.95).unwrap_or(0.0),
        });
    }
    Ok(rows)
}
