//! What an OpenID provider said of itself, and whether it is to be asked again.
//!
//! A value that is told the time. It knows nothing of what was said, but that it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keys that were taken back by the provider are good for no longer.
pub const OLD: Duration = Duration::from_secs(3600);
/// A provider that did not answer is left alone for so long.
pub const REST: Duration = Duration::from_secs(5);
/// Keys that are not known yet are asked for once in so long.
pub const AGAIN: Duration = Duration::from_secs(60);

pub struct Known<T> {
    said: Option<(Arc<T>, Instant)>,
    /// When it was asked in vain.
    failed: Option<Instant>,
    /// When it was asked for what had been missing.
    renewed: Option<Instant>,
}

/// Where what the provider says is to come from.
pub enum Source<T> {
    Memory(Arc<T>),
    Provider,
    /// It was asked a moment ago.
    Nowhere,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            said: None,
            failed: None,
            renewed: None,
        }
    }
}

impl<T> Known<T> {
    /// For somebody to whom `lacking`, if they have it, was not enough.
    pub fn source(&self, lacking: Option<&Arc<T>>, now: Instant) -> Source<T> {
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now.saturating_duration_since(at) < time);
        let fresh = self.said.as_ref().filter(|(_, at)| within(Some(*at), OLD));
        let lacks = |said: &Arc<T>| lacking.is_some_and(|lacking| Arc::ptr_eq(said, lacking));
        match fresh {
            Some((said, _)) if !lacks(said) => Source::Memory(Arc::clone(said)),
            Some(_) if within(self.renewed, AGAIN) => Source::Nowhere,
            Some(_) | None if within(self.failed, REST) => Source::Nowhere,
            Some(_) | None => Source::Provider,
        }
    }

    /// It answered.
    pub fn said(&mut self, said: T, now: Instant) -> Arc<T> {
        // The first time, and after an hour, nothing was missing.
        if self
            .said
            .as_ref()
            .is_some_and(|(_, at)| now.saturating_duration_since(*at) < OLD)
        {
            self.renewed = Some(now);
        }
        self.failed = None;
        let said = Arc::new(said);
        self.said = Some((Arc::clone(&said), now));
        said
    }

    /// It did not.
    pub fn failed(&mut self, now: Instant) {
        self.failed = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn word<T: Copy>(source: &Source<T>) -> Result<T, &'static str> {
        match source {
            Source::Memory(said) => Ok(**said),
            Source::Provider => Err("ask"),
            Source::Nowhere => Err("rest"),
        }
    }

    #[test]
    fn a_provider_is_asked_once_in_a_while() {
        let begun = clock::now();
        let at = |s: u64| begun + Duration::from_secs(s);
        let mut known = Known::default();
        assert_eq!(word(&known.source(None, at(0))), Err("ask"));
        known.failed(at(0));
        assert_eq!(word(&known.source(None, at(4))), Err("rest"));
        assert_eq!(word(&known.source(None, at(5))), Err("ask"));
        let first = known.said(1, at(5));
        assert_eq!(word(&known.source(None, at(5))), Ok(1));

        assert_eq!(word(&known.source(Some(&first), at(6))), Err("ask"), "a key is missing");
        let second = known.said(2, at(6));
        assert_eq!(
            word(&known.source(Some(&first), at(7))),
            Ok(2),
            "another has asked already"
        );
        assert_eq!(word(&known.source(Some(&second), at(7))), Err("rest"), "once a minute");
        assert_eq!(word(&known.source(None, at(7))), Ok(2), "nobody else is held up");
        assert_eq!(word(&known.source(Some(&second), at(66))), Err("ask"));

        assert_eq!(word(&known.source(None, at(6 + 3599))), Ok(2));
        assert_eq!(
            word(&known.source(None, at(6 + 3600))),
            Err("ask"),
            "its keys may be void"
        );
        known.failed(at(6 + 3600));
        assert_eq!(
            word(&known.source(None, at(6 + 3601))),
            Err("rest"),
            "and are not believed"
        );
        let third = known.said(3, at(6 + 3605));
        assert_eq!(word(&known.source(Some(&third), at(6 + 3606))), Err("ask"));
    }
}
