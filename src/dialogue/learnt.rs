//! Boundaries between kinds of sayings, learnt from a few of each.
//!
//! [`Learnt`] knows sayings by nothing but their likeness to each other, and tells of another saying, by its likeness to
//! them, how probable each kind is: logistic regression over several classes with a kernel. It is small (tens to hundreds of
//! sayings), takes milliseconds to learn, and learns the same from the same.

/// What was learnt.
pub(super) struct Learnt {
    /// How each known saying draws to each kind, `[saying][kind]`.
    pulls: Vec<Vec<f64>>,
    kinds: usize,
}

/// One known saying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lesson {
    /// Counted from 0.
    pub kind: usize,
    /// How much it counts beside the others, above 0.
    pub weight: f32,
}

/// How much a likeness of 1 says. Larger makes boundaries follow single sayings more closely.
const SHARPNESS: f64 = 64.0;
/// Against believing few sayings too much. Set on tables of our own, together with [`SHARPNESS`].
const CAUTION: f64 = 0.1;
/// Each step goes at least halfway in what is left; later ones change no third digit.
const STEPS: usize = 15;

impl Learnt {
    /// `likeness[a][b]` is that of the lessons `a` and `b`, -1 to 1, symmetric; `kinds` is how many kinds there are.
    /// `None` of nothing, or where the numbers are none.
    pub fn new(likeness: &[Vec<f32>], lessons: &[Lesson], kinds: usize) -> Option<Self> {
        let count = lessons.len();
        let total: f64 = lessons.iter().map(|lesson| f64::from(lesson.weight)).sum();
        if count == 0 || total <= 0.0 || likeness.len() != count || likeness.iter().any(|row| row.len() != count) {
            return None;
        }
        let weights: Vec<f64> = lessons
            .iter()
            .map(|lesson| (f64::from(lesson.weight) / total).max(1e-9))
            .collect();
        let kernel: Vec<Vec<f64>> = likeness
            .iter()
            .map(|row| row.iter().map(|l| felt(*l)).collect())
            .collect();
        // Böhning's bound: the curvature of the loss is nowhere above half the kernel, so that one factor serves all steps.
        let curvature = kernel.iter().enumerate().map(|(at, row)| {
            let mut row: Vec<f64> = row.iter().map(|value| value / 2.0).collect();
            row[at] += CAUTION / weights[at];
            row
        });
        let factor = factor(curvature.collect())?;
        let mut pulls = vec![vec![0.0; kinds]; count];
        for _ in 0..STEPS {
            let shares: Vec<Vec<f64>> = kernel.iter().map(|row| shares(row, &pulls, kinds)).collect();
            for kind in 0..kinds {
                let missing = lessons.iter().enumerate().map(|(at, lesson)| {
                    let truth = f64::from(u8::from(lesson.kind == kind));
                    truth - shares[at][kind] - CAUTION * pulls[at][kind] / weights[at]
                });
                let step = solve(&factor, missing.collect());
                for (pull, step) in pulls.iter_mut().zip(step) {
                    pull[kind] += step;
                }
            }
        }
        Some(Self { pulls, kinds })
    }

    /// How probable each kind is, 0 to 1 and 1 together, for a saying of this likeness to each lesson.
    pub fn shares(&self, likeness: &[f32]) -> Vec<f32> {
        let row: Vec<f64> = likeness.iter().map(|l| felt(*l)).collect();
        let shares = shares(&row, &self.pulls, self.kinds);
        shares.into_iter().map(|share| share as f32).collect()
    }
}

/// The kernel; its constant stands for what a kind has whatever is said.
fn felt(likeness: f32) -> f64 {
    SHARPNESS * f64::from(likeness) + 1.0
}

fn shares(row: &[f64], pulls: &[Vec<f64>], kinds: usize) -> Vec<f64> {
    let mut drawn = vec![0.0; kinds];
    for (likeness, pulls) in row.iter().zip(pulls) {
        for (drawn, pull) in drawn.iter_mut().zip(pulls) {
            *drawn += likeness * pull;
        }
    }
    let most = drawn.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    drawn.iter_mut().for_each(|drawn| *drawn = (*drawn - most).exp());
    let sum: f64 = drawn.iter().sum();
    drawn.iter_mut().for_each(|drawn| *drawn /= sum);
    drawn
}

/// Cholesky's factor of a symmetric matrix, its lower half; `None` where it is not positive definite.
fn factor(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    for row in 0..matrix.len() {
        let (above, rest) = matrix.split_at_mut(row);
        let current = rest.first_mut()?;
        for column in 0..row {
            let other = &above[column];
            let known: f64 = current[..column].iter().zip(&other[..column]).map(|(a, b)| a * b).sum();
            current[column] = (current[column] - known) / other[column];
        }
        let known: f64 = current[..row].iter().map(|value| value * value).sum();
        let square = current[row] - known;
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        current[row] = square.sqrt();
    }
    Some(matrix)
}

/// What, times the matrix of `factor`, is `right`.
fn solve(factor: &[Vec<f64>], mut right: Vec<f64>) -> Vec<f64> {
    for row in 0..right.len() {
        let known: f64 = factor[row][..row].iter().zip(&right[..row]).map(|(a, b)| a * b).sum();
        right[row] = (right[row] - known) / factor[row][row];
    }
    for row in (0..right.len()).rev() {
        right[row] /= factor[row][row];
        let value = right[row];
        for (right, factor) in right[..row].iter_mut().zip(&factor[row][..row]) {
            *right -= factor * value;
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sayings on a circle, by angle in degrees.
    fn likeness(a: f32, b: f32) -> f32 {
        (a - b).to_radians().cos()
    }

    fn learnt(sayings: &[(f32, usize)], kinds: usize) -> Learnt {
        let table: Vec<Vec<f32>> = sayings
            .iter()
            .map(|(a, _)| sayings.iter().map(|(b, _)| likeness(*a, *b)).collect())
            .collect();
        let lessons: Vec<Lesson> = sayings
            .iter()
            .map(|(_, kind)| Lesson {
                kind: *kind,
                weight: 1.0,
            })
            .collect();
        Learnt::new(&table, &lessons, kinds).unwrap()
    }

    #[test]
    fn what_lies_between_two_kinds_is_shared() {
        let sayings = [(0.0, 0), (10.0, 0), (80.0, 1), (90.0, 1), (225.0, 2)];
        let learnt = learnt(&sayings, 3);
        let shares = |angle: f32| learnt.shares(&sayings.map(|(a, _)| likeness(angle, a)));
        assert!(shares(5.0)[0] > 0.7, "{:?}", shares(5.0));
        assert!(shares(85.0)[1] > 0.7, "{:?}", shares(85.0));
        assert!(shares(225.0)[2] > 0.6, "{:?}", shares(225.0));
        assert!((shares(45.0)[0] - shares(45.0)[1]).abs() < 0.05, "{:?}", shares(45.0));
        assert!((shares(123.0).iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn what_cannot_be_learnt_from_is_refused() {
        let lesson = Lesson { kind: 0, weight: 1.0 };
        assert!(Learnt::new(&[], &[], 2).is_none());
        assert!(Learnt::new(&[vec![1.0, 0.0]], &[lesson], 2).is_none());
        assert!(Learnt::new(&[vec![f32::NAN]], &[lesson], 2).is_none());
    }

    proptest! {
        #[test]
        fn shares_are_shares(sayings in prop::collection::vec((0.0f32..360.0, 0usize..4), 1..20), angle in 0.0f32..360.0) {
            let learnt = learnt(&sayings, 4);
            let row: Vec<f32> = sayings.iter().map(|(a, _)| likeness(angle, *a)).collect();
            let shares = learnt.shares(&row);
            prop_assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(shares.iter().all(|share| (0.0..=1.0001).contains(share)));
        }
    }
}
