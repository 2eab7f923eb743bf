//! When a score is good enough: one flow, a question between two, or none.
//!
//! The thresholds of flow choice are here and nowhere else. They were set on sayings of our own, none of which a plan
//! or a benchmark holds. It knows neither words nor flows.

use super::similarity::Score;

/// What the scores of an utterance come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Chosen {
    One {
        label: usize,
        /// Clear enough to leave what is being asked for it.
        sure: bool,
    },
    /// Both are near, and neither is nearer.
    Either(usize, usize),
    None,
}

/// Nearness from which a label is taken.
const TAKEN: f32 = 0.24;
/// Nearness from which a label is taken in the middle of something else.
const SURE: f32 = 0.45;
/// A second label within this share of the first makes it a question.
const MARGIN: f32 = 0.95;

/// `scores` are the nearest first, as [`super::similarity::Similarity::scores`] gives them.
pub fn choose(scores: &[Score]) -> Chosen {
    let Some(best) = scores.first().filter(|best| best.nearness >= TAKEN) else {
        return Chosen::None;
    };
    match scores.get(1) {
        Some(second) if second.nearness >= TAKEN && second.nearness > best.nearness * MARGIN => {
            Chosen::Either(best.label, second.label)
        }
        Some(_) | None => Chosen::One {
            label: best.label,
            sure: best.nearness >= SURE,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_enough_and_nearer_than_the_next() {
        let choose = |nearness: &[f32]| {
            let scores: Vec<Score> = nearness
                .iter()
                .enumerate()
                .map(|(label, &nearness)| Score { label, nearness })
                .collect();
            choose(&scores)
        };
        assert_eq!(choose(&[]), Chosen::None);
        assert_eq!(choose(&[0.2, 0.1]), Chosen::None);
        assert_eq!(choose(&[0.3]), Chosen::One { label: 0, sure: false });
        assert_eq!(choose(&[0.9, 0.5]), Chosen::One { label: 0, sure: true });
        assert_eq!(choose(&[0.5, 0.49, 0.1]), Chosen::Either(0, 1));
        assert_eq!(choose(&[0.25, 0.239]), Chosen::One { label: 0, sure: false });
    }
}
