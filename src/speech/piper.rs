//! The English voice: Piper, on phonemes from espeak-ng.
//!
//! espeak-ng runs as a co-process and is not linked in: it is GPL.

use std::collections::BTreeMap;
use std::path::Path;

use ort::inputs;
use ort::session::Session;
use ort::value::Tensor;
use serde::Deserialize;

use super::onnx::{Onnx, Pool};
use super::text::english::piper_phoneme_ids;
use super::text::espeak::Espeak;
use super::text::normalise;
use super::{Cancel, Error, Tts, finish};
use crate::language::Language;
use crate::models::{self, Cache};

/// What the voice's own file says of it.
#[derive(Deserialize)]
struct Card {
    audio: Audio,
    espeak: EspeakVoice,
    inference: Inference,
    phoneme_id_map: BTreeMap<String, Vec<i64>>,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct EspeakVoice {
    voice: String,
}

#[derive(Deserialize)]
struct Inference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

pub struct Piper {
    card: Card,
    sessions: Pool<Session>,
    espeak: Pool<Espeak>,
}

impl Piper {
    /// `threads` clauses can be spoken at once; one alone has that many cores, since a caller waits for it in silence.
    pub fn load(onnx: &Onnx, cache: &Cache, threads: usize) -> Result<Self, Error> {
        let model = cache.path(models::PIPER_EN)?;
        let card = read_card(&cache.path(models::PIPER_EN_CONFIG)?)?;
        let sessions = (0..threads)
            .map(|_| onnx.session_of(&model, threads))
            .collect::<Result<_, _>>()?;
        let espeak = Espeak::start(&card.espeak.voice).map_err(|e| Error::Program(e.to_string()))?;
        Ok(Self {
            card,
            sessions: Pool::new(sessions),
            espeak: Pool::new(vec![espeak]),
        })
    }

    fn synthesise(&self, ids: Vec<i64>) -> Result<Vec<f32>, Error> {
        let Inference {
            noise_scale,
            length_scale,
            noise_w,
        } = self.card.inference;
        let count = ids.len();
        let inputs = inputs![
            "input" => Tensor::from_array(([1, count], ids)).map_err(Error::inference)?,
            "input_lengths" => Tensor::from_array(([1], vec![count as i64])).map_err(Error::inference)?,
            "scales" => Tensor::from_array(([3], vec![noise_scale, length_scale, noise_w])).map_err(Error::inference)?,
        ];
        self.sessions.with(|session| {
            let outputs = session.run(inputs).map_err(Error::inference)?;
            let (_, sound) = outputs["output"]
                .try_extract_tensor::<f32>()
                .map_err(Error::inference)?;
            Ok(sound.to_vec())
        })
    }
}

impl Tts for Piper {
    fn speak(&self, clause: &str, cancel: &Cancel) -> Result<Vec<i16>, Error> {
        let words = normalise(clause, Language::English);
        let phonemes = self
            .espeak
            .with(|espeak| espeak.phonemes(&words))
            .map_err(|e| Error::Program(e.to_string()))?;
        if cancel.is_set() {
            return Err(Error::Cancelled);
        }
        let ids = piper_phoneme_ids(&phonemes, &self.card.phoneme_id_map);
        finish::finish(&self.synthesise(ids)?, self.card.audio.sample_rate)
    }

    fn name(&self) -> &str {
        models::PIPER_EN
    }
}

fn read_card(path: &Path) -> Result<Card, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::model(path, e))?;
    serde_json::from_str(&text).map_err(|e| Error::model(path, e))
}
