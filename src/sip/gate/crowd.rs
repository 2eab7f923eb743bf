//! How many connections each source holds, and all strangers together, so that neither can hold all there are.
//!
//! It knows no messages, and is told who is a stranger.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sources::Key;

/// Bounded by the connections that there may be.
#[derive(Default)]
pub(super) struct Crowd {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    sources: HashMap<Key, usize>,
    strangers: usize,
}

/// For how many connections there is room.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Of one source.
    pub source: usize,
    /// Of all strangers, where it is one who asks.
    pub strangers: Option<usize>,
}

/// A connection, for as long as this lasts.
pub(in crate::sip) struct Connected {
    crowd: Arc<Crowd>,
    source: Key,
    is_stranger: bool,
}

impl Connected {
    pub fn is_stranger(&self) -> bool {
        self.is_stranger
    }
}

impl Crowd {
    /// `None` where there is no room.
    pub fn enter(self: &Arc<Self>, ip: IpAddr, room: Room) -> Option<Connected> {
        let source = Key::of(ip);
        let mut open = self.lock();
        let held = open.sources.get(&source).copied().unwrap_or_default();
        if held >= room.source || room.strangers.is_some_and(|most| open.strangers >= most) {
            return None;
        }
        let is_stranger = room.strangers.is_some();
        open.sources.insert(source, held.saturating_add(1));
        open.strangers = open.strangers.saturating_add(is_stranger.into());
        let crowd = self.clone();
        Some(Connected {
            crowd,
            source,
            is_stranger,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        open.strangers = open.strangers.saturating_sub(self.is_stranger.into());
        if let Some(held) = open.sources.get_mut(&self.source) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                open.sources.remove(&self.source);
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
        let room = Room {
            source: 2,
            strangers: None,
        };
        let enter = |ip: &str| crowd.enter(ip.parse().unwrap(), room);
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
        assert!(crowd.lock().sources.is_empty());
    }

    #[test]
    fn strangers_leave_room_for_others() {
        let crowd = Arc::new(Crowd::default());
        let enter = |ip: &str, strangers| crowd.enter(ip.parse().unwrap(), Room { source: 2, strangers });
        let strangers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|ip| enter(ip, Some(3)));
        assert!(strangers.iter().flatten().all(Connected::is_stranger));
        assert_eq!(strangers.iter().flatten().count(), 3);
        assert!(enter("192.0.2.4", Some(3)).is_none());
        let known = enter("192.0.2.4", None);
        assert!(known.is_some_and(|known| !known.is_stranger()));
        drop(strangers);
        assert!(enter("192.0.2.4", Some(3)).is_some());
    }
}
