//! How many connections each source holds, so that one of them cannot hold all there are.
//!
//! It knows no messages, and nothing of who is trusted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sources::Key;

/// Bounded by the connections that there may be.
#[derive(Default)]
pub(super) struct Crowd {
    open: Mutex<HashMap<Key, usize>>,
}

/// A connection, for as long as this lasts.
pub(super) struct Connected {
    crowd: Arc<Crowd>,
    source: Key,
}

impl Crowd {
    /// `None` where the source holds `most` already.
    pub fn enter(self: &Arc<Self>, ip: IpAddr, most: usize) -> Option<Connected> {
        let source = Key::of(ip);
        let mut open = self.lock();
        let held = open.entry(source).or_default();
        if *held >= most {
            return None;
        }
        *held = held.saturating_add(1);
        let crowd = self.clone();
        Some(Connected { crowd, source })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        if let Some(held) = open.get_mut(&self.source) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                open.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_holds_so_many_and_leaves_no_trace() {
        let crowd = Arc::new(Crowd::default());
        let enter = |ip: &str| crowd.enter(ip.parse().unwrap(), 2);
        let (one, two) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(
            one.is_some() && two.is_some() && enter("2001:db8::3").is_none(),
            "one customer"
        );
        let other = enter("192.0.2.1");
        assert!(other.is_some());
        drop(one);
        assert!(enter("2001:db8::3").is_some());
        drop((two, other));
        assert!(crowd.lock().is_empty());
    }
}
