//! Likeness in meaning, as whoever can tell it gives it.
//!
//! It knows no model: with one that is loaded texts are compared by meaning too, without one by their words alone.

/// What a text means, as a direction.
pub trait Meaning: Send + Sync {
    /// Of unit length, of as many dimensions for every text; the dot product of two is their likeness in meaning, -1 to
    /// 1. Takes milliseconds of one core. Empty where it could not be told: such a text is compared by its words.
    fn of(&self, text: &str) -> Vec<f32>;
}

/// The likeness of two meanings, -1 to 1; 0 where one of them could not be told.
pub fn likeness(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return 0.0;
    }
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_told_is_like_nothing() {
        assert_eq!(likeness(&[0.6, 0.8], &[0.6, 0.8]), 1.0);
        assert_eq!(likeness(&[0.6, 0.8], &[]), 0.0);
        assert_eq!(likeness(&[], &[]), 0.0);
    }
}
