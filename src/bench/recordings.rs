//! Recorded people and what they say, as a call would bring them.

use std::path::{Path, PathBuf};

use crate::audio::g711::Law;
use crate::audio::level::last_sound;
use crate::audio::{FRAME_SAMPLES, level_dbfs, resample, wav};
use crate::dialplan::Problem;
use crate::language::Language;
use crate::speech::RATE;

/// A recording and what is said in it.
#[derive(Clone, Debug)]
pub struct Recording {
    pub path: PathBuf,
    pub language: Language,
    pub text: String,
    /// The folder that it is in: one kind of sound.
    pub kind: String,
}

/// Why a benchmark of recordings has no figures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}: {reason}; name the folder with its `transcripts.tsv` by --speech", path.display())]
    Transcripts { path: PathBuf, reason: String },
    #[error(
        "faster-whisper: {0}; `.ci/setup bench` installs it into target/tools, and it is run from the project's folder"
    )]
    Peer(String),
    #[error("the plain plan of the benchmarks cannot be read: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Plan(Vec<Problem>),
    #[error(transparent)]
    Sound(#[from] wav::WavError),
    #[error(transparent)]
    Speech(#[from] crate::speech::Error),
}

/// The exact transcripts of the WAV files of `folder/transcripts.tsv` in the languages that are known.
pub fn recordings(folder: &Path) -> Result<Vec<Recording>, Error> {
    let path = folder.join("transcripts.tsv");
    let text = std::fs::read_to_string(&path).map_err(|e| Error::Transcripts {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    let rows = text.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let file = columns.next().filter(|file| file.ends_with(".wav"))?;
        let (language, text) = (columns.next()?, columns.next()?);
        let language = language.parse().ok()?;
        let kind = Path::new(file).parent()?.display().to_string();
        Some(Recording {
            path: folder.join(file),
            language,
            text: text.to_owned(),
            kind,
        })
    });
    Ok(rows.collect())
}

/// The speech in `sound`, without the silence around it.
pub fn trimmed(sound: &[i16]) -> &[i16] {
    let levels: Vec<f32> = sound.chunks(FRAME_SAMPLES).map(level_dbfs).collect();
    let back: Vec<f32> = levels.iter().rev().copied().collect();
    let (Some(last), Some(first)) = (last_sound(&levels), last_sound(&back)) else {
        return &[];
    };
    let first = (levels.len() - 1 - first) * FRAME_SAMPLES;
    &sound[first..((last + 1) * FRAME_SAMPLES).min(sound.len())]
}

/// The sound as a call would bring it: 8 kHz, G.711 μ-law and back, 16 kHz mono.
pub fn through_the_telephone(samples: &[i16]) -> Vec<i16> {
    let rate = |samples: &[i16], from, to| resample::convert(samples, from, to).unwrap_or_default();
    let narrow = rate(samples, RATE, 8_000);
    rate(&Law::Pcmu.decode(&Law::Pcmu.encode(&narrow)), 8_000, RATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone::sine;

    #[test]
    fn silence_around_speech_is_left_out() {
        let speech = sine(300.0, -20.0, std::time::Duration::from_millis(100));
        let sound = [vec![0; 3_200], speech.clone(), vec![0; 640]].concat();
        assert_eq!(trimmed(&sound), speech);
        assert!(trimmed(&[0; 999]).is_empty() && trimmed(&[]).is_empty());
    }
}
