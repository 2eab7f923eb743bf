//! What an English sentence means, as a direction: all-MiniLM-L6-v2.
//!
//! Sentences that say the same in other words point the same way. It knows no other language (what is not written in Latin
//! letters has no pieces here), no plans and no flows.

mod pieces;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ndarray::Array2;
use ort::inputs;
use ort::session::Session;
use ort::value::Tensor;

use self::pieces::Pieces;
use super::Error;
use super::onnx::Onnx;
use crate::models::{self, Cache};

/// The model, shared by all calls. A sentence takes 2 to 6 ms of one core, under a lock held as long.
pub struct MiniLm {
    pieces: Pieces,
    session: Mutex<Session>,
}

impl MiniLm {
    /// Loads the model from `cache`, and the runtime with it.
    pub fn load(cache: &Cache) -> Result<Self, Error> {
        let onnx = Onnx::load(&cache.path(models::ONNXRUNTIME)?)?;
        let session = onnx.session(&cache.path(models::MINILM)?)?;
        let pieces = read(&cache.path(models::MINILM_PIECES)?)?;
        Ok(Self {
            pieces,
            session: Mutex::new(session),
        })
    }

    /// 384 numbers of unit length: the mean of what the model makes of each piece. The dot product of two is the likeness of
    /// the sentences, -1 to 1. What is longer than 126 pieces, some hundred words, is cut there.
    pub fn direction(&self, sentence: &str) -> Result<Vec<f32>, Error> {
        let pieces = self.pieces.of(sentence);
        let shape = (1, pieces.len());
        let input = |values: Vec<i64>| {
            let array = Array2::from_shape_vec(shape, values).map_err(Error::inference)?;
            Tensor::from_array(array).map_err(Error::inference)
        };
        let ids = inputs![
            "attention_mask" => input(vec![1; pieces.len()])?,
            "token_type_ids" => input(vec![0; pieces.len()])?,
            "input_ids" => input(pieces)?,
        ];
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(ids).map_err(Error::inference)?;
        let (_, states) = outputs["last_hidden_state"]
            .try_extract_tensor::<f32>()
            .map_err(Error::inference)?;
        Ok(mean(states, shape.1))
    }
}

fn read(path: &Path) -> Result<Pieces, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::model(path, e))?;
    Pieces::parse(&text).map_err(|e| Error::model(path, e))
}

/// The mean of `rows` rows, brought to unit length.
fn mean(states: &[f32], rows: usize) -> Vec<f32> {
    let columns = states.len() / rows.max(1);
    let mut sum = vec![0.0; columns];
    for row in states.chunks_exact(columns.max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        sum.iter_mut().for_each(|value| *value /= length);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_has_unit_length() {
        assert_eq!(mean(&[3.0, 0.0, 3.0, 8.0], 2), [0.6, 0.8]);
        assert_eq!(mean(&[0.0, 0.0], 1), [0.0, 0.0]);
        assert!(mean(&[], 0).is_empty());
    }

    #[test]
    fn other_words_for_the_same_are_near() {
        let model = match MiniLm::load(&Cache::open()) {
            Ok(model) => model,
            Err(error) => {
                eprintln!("SKIPPED: {error}");
                return;
            }
        };
        let of = |sentence| model.direction(sentence).unwrap();
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let order = of("where is my order");
        assert_eq!(order.len(), 384);
        assert!((near(&order, &order) - 1.0).abs() < 1e-3);
        // As the reference implementation has it, 0.333 and 0.128; the weights are rounded to 8 bits.
        assert!((near(&order, &of("track my parcel")) - 0.333).abs() < 0.01);
        assert!((near(&order, &of("who won the game")) - 0.128).abs() < 0.01);
        assert_eq!(of("").len(), 384);
        assert_eq!(of(&"word ".repeat(1000)).len(), 384);
    }
}
