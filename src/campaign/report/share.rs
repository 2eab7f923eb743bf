//! Shares of people, and how sure one can be of them.
//!
//! Intervals are Wilson's (1927) for a share, and Newcombe's (Statistics in Medicine 17, 1998, method 10) for the difference of two: both hold where counts
//! are small or a share is 0 or 1, where the textbook's do not.

use serde::Serialize;

/// Of the normal distribution, two-sided: 95 %.
const Z: f64 = 1.959_963_984_540_054;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    pub hits: u64,
    pub of: u64,
}

/// In points of percent, -100 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub points: f64,
    /// With 95 % confidence it is no less, and no more.
    pub low: f64,
    pub high: f64,
}

impl Share {
    /// 0 to 100; none of nobody.
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| self.value() * 100.0)
    }

    /// Between which percentages it is with 95 % confidence, 0 to 100; of nobody it may be any.
    pub fn interval(self) -> (f64, f64) {
        let (low, high) = self.wilson();
        (low * 100.0, high * 100.0)
    }

    fn value(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    fn wilson(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (p, n) = (self.value(), self.of as f64);
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).max(0.0).sqrt();
        let whole = 1.0 + Z * Z / n;
        (
            ((middle - reach) / whole).clamp(0.0, p),
            ((middle + reach) / whole).clamp(p, 1.0),
        )
    }
}

impl Difference {
    /// Of the first over the second; none where one of them is of nobody.
    pub fn of(first: Share, second: Share) -> Option<Self> {
        if first.of == 0 || second.of == 0 {
            return None;
        }
        let (p1, p2) = (first.value(), second.value());
        let ((l1, u1), (l2, u2)) = (first.wilson(), second.wilson());
        let points = p1 - p2;
        Some(Self {
            points: points * 100.0,
            low: (points - (p1 - l1).hypot(u2 - p2)) * 100.0,
            high: (points + (u1 - p1).hypot(p2 - l2)) * 100.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(hits: u64, of: u64) -> Share {
        Share { hits, of }
    }

    #[test]
    fn intervals_are_those_of_the_literature() {
        // Wilson: Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
        for (hits, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let told = share(hits, of).wilson();
            assert!(
                (told.0 - low).abs() < 1e-4 && (told.1 - high).abs() < 1e-4,
                "{hits}/{of}: {told:?}"
            );
        }
        // The difference: the same volume, 873, table II, method 10.
        for (first, second, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
        ] {
            let told = Difference::of(share(first.0, first.1), share(second.0, second.1)).expect("both have people");
            let (own, upper) = (told.low / 100.0, told.high / 100.0);
            assert!(
                (own - low).abs() < 1e-4 && (upper - high).abs() < 1e-4,
                "{first:?} {second:?}: {told:?}"
            );
        }
        assert_eq!(Difference::of(share(1, 2), share(0, 0)), None);
        assert_eq!((share(0, 0).percent(), share(0, 0).interval()), (None, (0.0, 100.0)));
    }

    proptest! {
        #[test]
        fn an_interval_has_its_share_in_it(of in 1_u64..100_000, part in 0.0..=1.0_f64, other in 1_u64..100_000) {
            let one = share((of as f64 * part) as u64, of);
            let (low, high) = one.interval();
            let percent = one.percent().expect("of somebody");
            prop_assert!((0.0..=100.0).contains(&low) && (0.0..=100.0).contains(&high));
            prop_assert!(low <= percent && percent <= high);
            let two = share((other as f64 * (1.0 - part)) as u64, other);
            let difference = Difference::of(one, two).expect("of somebody");
            let back = Difference::of(two, one).expect("of somebody");
            prop_assert!(difference.low <= difference.points && difference.points <= difference.high);
            prop_assert!((difference.low + back.high).abs() < 1e-9);
            prop_assert!(difference.low >= -100.0 - 1e-9 && difference.high <= 100.0 + 1e-9);
        }
    }
}
