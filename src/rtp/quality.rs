//! How a leg sounds to those who talk on it, as one number: the E-model (ITU-T G.107) with delay, loss and the codec.
//!
//! A mean opinion score (MOS) of 4.4 is a perfect telephone; below 3.6 many are dissatisfied, below 3.1 nearly all. It knows no packets.

use std::time::Duration;

/// What the E-model gives a line without any fault, with its default values (G.107 section 7.7).
const PERFECT: f64 = 93.2;
/// How well G.711 with concealment stands random loss: its packet-loss robustness Bpl (G.113 appendix I). Taken for every codec: wide-band and
/// what Opus tells twice sound better than the score says, never worse.
const ROBUSTNESS: f64 = 25.1;
/// Delay beyond which people begin to talk at the same time, one way, in ms.
const NOTICED: f64 = 177.3;

/// The mean opinion score, 1 to 4.5, of a line that takes `delay` from mouth to ear and loses the share `lost` (0 to 1) of its packets.
pub fn mos(delay: Duration, lost: f64) -> f64 {
    let delay = delay.as_secs_f64() * 1_000.0;
    let lost = lost.clamp(0.0, 1.0) * 100.0;
    let by_delay = 0.024 * delay + 0.11 * (delay - NOTICED).max(0.0);
    let by_loss = 95.0 * lost / (lost + ROBUSTNESS);
    let rating = PERFECT - by_delay - by_loss;
    if rating <= 0.0 {
        return 1.0;
    }
    if rating >= 100.0 {
        return 4.5;
    }
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_e_model() {
        let of = |ms, lost| mos(Duration::from_millis(ms), lost);
        assert!((of(0, 0.0) - 4.41).abs() < 0.01, "{}", of(0, 0.0));
        assert!((of(150, 0.0) - 4.34).abs() < 0.03, "{}", of(150, 0.0));
        // A fifth of G.107's rating goes at 5 % of random loss.
        assert!((3.6..4.0).contains(&of(50, 0.05)), "{}", of(50, 0.05));
        assert!(of(400, 0.0) < of(150, 0.0) - 0.5);
        assert!(of(50, 0.2) < 2.8);
    }

    #[test]
    fn nothing_is_better_than_perfect_or_worse_than_bad() {
        for ms in [0, 100, 1_000, 100_000] {
            for lost in [-1.0, 0.0, 0.3, 1.0, 7.0, f64::NAN] {
                let score = mos(Duration::from_millis(ms), lost);
                assert!((1.0..=4.5).contains(&score) || lost.is_nan(), "{ms} {lost}: {score}");
            }
        }
    }
}
