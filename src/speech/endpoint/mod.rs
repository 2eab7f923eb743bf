//! Whether a caller who pauses has finished, by how it sounds: smart-turn v3.
//!
//! The model hears the last eight seconds and knows the melody with which people end, in 23 languages; it knows no words.
//! Who asks decides what follows from it.

mod mel;

use std::sync::{Mutex, PoisonError};

use ndarray::Array3;
use ort::inputs;
use ort::session::Session;
use ort::value::Tensor;

use self::mel::{FRAMES, Mel, WINDOW};
use super::Error;

/// The model, shared by all calls. A decision takes 30 ms of one core, under a lock held as long: it is made on the scheduler's
/// threads.
pub struct SmartTurn {
    mel: Mel,
    session: Mutex<Session>,
}

impl SmartTurn {
    pub fn new(session: Session) -> Self {
        Self {
            mel: Mel::new(),
            session: Mutex::new(session),
        }
    }

    /// The chance, 0 to 1, that the caller has finished. `samples`: the utterance up to and with the pause, 16 kHz mono; of a
    /// longer one the last eight seconds count.
    pub fn finished(&self, samples: &[i16]) -> Result<f32, Error> {
        let from = samples.len().saturating_sub(WINDOW);
        let features = self.mel.features(samples.get(from..).unwrap_or_default());
        let shape = (1, mel::BANDS, FRAMES);
        let input = Array3::from_shape_vec(shape, features).map_err(Error::inference)?;
        let input = Tensor::from_array(input).map_err(Error::inference)?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session
            .run(inputs!["input_features" => input])
            .map_err(Error::inference)?;
        let (_, chances) = outputs[0].try_extract_tensor::<f32>().map_err(Error::inference)?;
        let chance = chances.first().copied().filter(|chance| chance.is_finite());
        chance.ok_or_else(|| Error::inference("smart-turn gave no chance"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{self, Cache};
    use crate::speech::onnx::Onnx;

    #[test]
    fn the_model_says_what_its_authors_program_makes_it_say() {
        let cache = Cache::open();
        let model = cache.path(models::ONNXRUNTIME).and_then(|library| {
            let model = cache.path(models::SMART_TURN)?;
            Ok((library, model))
        });
        let (library, model) = match model {
            Ok(found) => found,
            Err(error) => {
                eprintln!("SKIPPED: {error}");
                return;
            }
        };
        let onnx = Onnx::load(&library).unwrap();
        let judge = SmartTurn::new(onnx.session(&model).unwrap());
        let chance = judge.finished(&mel::tests::humming()).unwrap();
        // 0.0426 there.
        assert!((chance - 0.0426).abs() < 0.01, "{chance}");
        for samples in [Vec::new(), vec![0; 100], vec![i16::MAX; 200_000]] {
            let chance = judge.finished(&samples).unwrap();
            assert!((0.0..=1.0).contains(&chance));
        }
    }
}
