//! Kokoro's voices: Mandarin on phonemes made from pinyin, English on those of espeak-ng.
//!
//! About seven times dearer than Piper: prompts are rendered ahead of time, and clauses are kept short.

use std::collections::HashMap;
use std::sync::Arc;

use ort::inputs;
use ort::session::Session;
use ort::value::Tensor;
use serde::Deserialize;

use super::onnx::{Onnx, Pool};
use super::text::english::kokoro_phonemes;
use super::text::espeak::Espeak;
use super::text::{mandarin, normalise};
use super::{Cancel, Error, Tts, finish};
use crate::language::Language;
use crate::models::{self, Cache};

/// Samples a second of what the model makes.
const RATE: u32 = 24_000;
/// Numbers in a style, of which the voice has one for each length of text.
const WIDTH: usize = 256;
/// Tokens that the model takes, without the one at either end.
const LONGEST: usize = 510;

/// The file of the vocabulary.
#[derive(Deserialize)]
struct Card {
    vocab: HashMap<String, i64>,
}

/// What all its voices share.
pub struct Model {
    /// One: a second would cost another 90 MB for a voice that speaks ahead of time.
    session: Pool<Session>,
    vocabulary: HashMap<char, i64>,
}

impl Model {
    /// On `threads` cores.
    pub fn load(onnx: &Onnx, cache: &Cache, threads: usize) -> Result<Self, Error> {
        let path = cache.path(models::KOKORO_VOCAB)?;
        let text = std::fs::read_to_string(&path).map_err(|e| Error::model(&path, e))?;
        let card: Card = serde_json::from_str(&text).map_err(|e| Error::model(&path, e))?;
        let vocabulary = card
            .vocab
            .into_iter()
            .filter_map(|(symbol, id)| Some((one(&symbol)?, id)))
            .collect();
        let session = onnx.session_of(&cache.path(models::KOKORO)?, threads)?;
        Ok(Self {
            session: Pool::new(vec![session]),
            vocabulary,
        })
    }
}

/// One of its voices.
pub struct Kokoro {
    model: Arc<Model>,
    reader: Reader,
    /// The name of the file that `styles` come from.
    name: &'static str,
    styles: Vec<f32>,
}

/// Who turns words into phonemes.
enum Reader {
    English(Pool<Espeak>),
    Mandarin,
}

impl Kokoro {
    /// `speaker`: the file of its styles.
    pub fn load(model: Arc<Model>, cache: &Cache, speaker: &'static str, language: Language) -> Result<Self, Error> {
        let path = cache.path(speaker)?;
        let bytes = std::fs::read(&path).map_err(|e| Error::model(&path, e))?;
        let numbers = bytes.as_chunks::<4>().0.iter();
        let styles: Vec<f32> = numbers.map(|&four| f32::from_le_bytes(four)).collect();
        if styles.len() < WIDTH || !styles.len().is_multiple_of(WIDTH) {
            return Err(Error::model(&path, "not a table of 256 numbers a row"));
        }
        let reader = match language {
            Language::English => {
                let espeak = Espeak::start("en-us").map_err(|e| Error::Program(e.to_string()))?;
                Reader::English(Pool::new(vec![espeak]))
            }
            Language::Mandarin => {
                mandarin::warm();
                Reader::Mandarin
            }
        };
        Ok(Self {
            model,
            reader,
            name: speaker,
            styles,
        })
    }

    fn phonemes(&self, clause: &str) -> Result<String, Error> {
        match &self.reader {
            Reader::Mandarin => Ok(mandarin::phonemes(&normalise(clause, Language::Mandarin))),
            Reader::English(espeak) => {
                let words = normalise(clause, Language::English);
                let ipa = espeak.with(|espeak| espeak.phonemes(&words));
                let ipa = ipa.map_err(|e| Error::Program(e.to_string()))?;
                Ok(kokoro_phonemes(&ipa))
            }
        }
    }

    fn synthesise(&self, tokens: &[i64]) -> Result<Vec<f32>, Error> {
        let rows = self.styles.len() / WIDTH;
        let row = tokens.len().saturating_sub(1).min(rows - 1);
        let style = self.styles[row * WIDTH..(row + 1) * WIDTH].to_vec();
        let padded: Vec<i64> = std::iter::once(0)
            .chain(tokens.iter().copied())
            .chain(std::iter::once(0))
            .collect();
        let inputs = inputs![
            "tokens" => Tensor::from_array(([1, padded.len()], padded)).map_err(Error::inference)?,
            "style" => Tensor::from_array(([1, WIDTH], style)).map_err(Error::inference)?,
            "speed" => Tensor::from_array(([1], vec![1.0_f32])).map_err(Error::inference)?,
        ];
        self.model.session.with(|session| {
            let outputs = session.run(inputs).map_err(Error::inference)?;
            let (_, sound) = outputs["audio"].try_extract_tensor::<f32>().map_err(Error::inference)?;
            Ok(sound.to_vec())
        })
    }
}

impl Tts for Kokoro {
    fn speak(&self, clause: &str, cancel: &Cancel) -> Result<Vec<i16>, Error> {
        let vocabulary = &self.model.vocabulary;
        let phonemes = self.phonemes(clause)?;
        let tokens: Vec<i64> = phonemes.chars().filter_map(|c| vocabulary.get(&c).copied()).collect();
        let mut sound = Vec::new();
        for part in tokens.chunks(LONGEST) {
            if cancel.is_set() {
                return Err(Error::Cancelled);
            }
            sound.extend(self.synthesise(part)?);
        }
        finish::finish(&sound, RATE)
    }

    fn name(&self) -> &str {
        self.name
    }
}

fn one(symbol: &str) -> Option<char> {
    let mut chars = symbol.chars();
    chars.next().filter(|_| chars.next().is_none())
}
