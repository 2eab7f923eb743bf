//! The meaning of words, one model for all calls.
//!
//! What was told lately is remembered: callers say the same things, and one utterance is asked about more than once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::dialogue::Meaning;
use crate::models::Cache;
use crate::speech::Error;
use crate::speech::meaning::MiniLm;

/// What tells the meaning of words, where there is something.
pub type Engine = Option<Arc<dyn Meaning>>;

/// The model of the cache; a bot that has none understands by words alone, and says so.
pub fn find() -> Engine {
    load(&Cache::open())
        .inspect_err(|e| tracing::warn!("wishes and questions are understood by their words alone: {e}"))
        .ok()
}

/// Loads the model.
pub fn load(cache: &Cache) -> Result<Arc<dyn Meaning>, Error> {
    Ok(Arc::new(Remembering {
        model: MiniLm::load(cache)?,
        recent: Mutex::default(),
    }))
}

/// Texts that are remembered; the oldest is forgotten.
const REMEMBERED: usize = 256;
/// Longer texts, in bytes, are not remembered: nobody says them twice.
const LONG: usize = 200;

struct Remembering {
    model: MiniLm,
    recent: Mutex<VecDeque<(String, Vec<f32>)>>,
}

impl Meaning for Remembering {
    fn of(&self, text: &str) -> Vec<f32> {
        let known = |recent: &VecDeque<(String, Vec<f32>)>| {
            let found = recent.iter().find(|(known, _)| known == text);
            found.map(|(_, direction)| direction.clone())
        };
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(direction) = known(&recent()) {
            return direction;
        }
        let direction = self.model.direction(text).unwrap_or_else(|e| {
            tracing::warn!("the meaning of words could not be told: {e}");
            Vec::new()
        });
        if text.len() <= LONG && !direction.is_empty() {
            let mut recent = recent();
            if recent.len() >= REMEMBERED {
                recent.pop_front();
            }
            recent.push_back((text.to_owned(), direction.clone()));
        }
        direction
    }
}
