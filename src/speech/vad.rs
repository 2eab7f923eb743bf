//! Is this speech? Silero's detector, one state a call.
//!
//! It knows no turns: it turns sound into a probability, window by window.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, Array3, arr0};
use ort::inputs;
use ort::session::Session;
use ort::value::Tensor;

use super::Error;

/// Samples of a window at 16 kHz: 32 ms. The model was trained on no other length.
const WINDOW: usize = 512;
/// Samples of the window before that the model sees again.
const CONTEXT: usize = 64;

/// The model, shared by all calls. A window takes about 0.07 ms, so it runs where the frame is, under a lock held as long.
pub struct Silero(Mutex<Session>);

impl Silero {
    pub(super) fn new(session: Session) -> Self {
        Self(Mutex::new(session))
    }
}

/// One caller's ear for speech.
pub struct Vad {
    model: Arc<Silero>,
    state: Array3<f32>,
    context: [f32; CONTEXT],
    pending: Vec<f32>,
    probability: f32,
}

impl Vad {
    pub fn new(model: Arc<Silero>) -> Self {
        Self {
            model,
            state: Array3::zeros((2, 1, 128)),
            context: [0.0; CONTEXT],
            pending: Vec::with_capacity(2 * WINDOW),
            probability: 0.0,
        }
    }

    /// Hears 16 kHz mono samples; answers the probability (0 to 1) that the last whole window of 32 ms is speech.
    pub fn hear(&mut self, samples: &[i16]) -> Result<f32, Error> {
        self.pending.extend(samples.iter().map(|&s| f32::from(s) / 32768.0));
        while self.pending.len() >= WINDOW {
            let window: Vec<f32> = self
                .context
                .iter()
                .copied()
                .chain(self.pending.drain(..WINDOW))
                .collect();
            self.context.copy_from_slice(&window[WINDOW..]);
            self.probability = self.run(window)?;
        }
        Ok(self.probability)
    }

    fn run(&mut self, window: Vec<f32>) -> Result<f32, Error> {
        let input = Array2::from_shape_vec((1, CONTEXT + WINDOW), window).map_err(Error::inference)?;
        let mut session = self.model.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session
            .run(inputs![
                "input" => Tensor::from_array(input).map_err(Error::inference)?,
                "state" => Tensor::from_array(self.state.clone()).map_err(Error::inference)?,
                "sr" => Tensor::from_array(arr0(16_000_i64)).map_err(Error::inference)?,
            ])
            .map_err(Error::inference)?;
        let state = outputs["stateN"].try_extract_array::<f32>().map_err(Error::inference)?;
        self.state = state.to_owned().into_dimensionality().map_err(Error::inference)?;
        let (_, probability) = outputs["output"]
            .try_extract_tensor::<f32>()
            .map_err(Error::inference)?;
        Ok(probability.first().copied().unwrap_or(0.0))
    }
}
