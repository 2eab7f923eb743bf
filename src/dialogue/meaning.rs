//! What words mean, as a direction. It knows neither the words' language nor what they are compared with.

/// Turns a text into a vector of length one; texts that mean the same point the same way.
pub trait Meaning: Send + Sync {
    fn of(&self, text: &str) -> Vec<f32>;
}
