//! Places: as many calls as there are places are served at once, in either direction.
//!
//! Who calls may wait for one; a call that the bot makes has one before anybody is dialled, and leaves some to those who call. It knows no calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    /// Those that are taken to dial.
    dialling: Arc<AtomicUsize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _dialling: Option<Counted>,
}

/// One more, until it is dropped.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    /// So many.
    pub fn new(all: usize) -> Self {
        let all = all.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            dialling: Arc::default(),
        }
    }

    /// For a call that came, if there is one.
    pub fn take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place::of(permit, None))
    }

    /// For a call that came, as soon as there is one: in the order of who asked.
    pub async fn wait(&self) -> Place {
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(permit) => Place::of(permit, None),
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// For a call that is to be placed: none where fewer than `reserve` would be left to those who call.
    pub fn take_to_dial(&self, reserve: usize) -> Option<Place> {
        // At once, so that nobody who calls takes one in between.
        let wanted = u32::try_from(reserve.checked_add(1)?).ok()?;
        let mut permits = Arc::clone(&self.free).try_acquire_many_owned(wanted).ok()?;
        let permit = permits.split(1)?;
        self.dialling.fetch_add(1, Ordering::Relaxed);
        Some(Place::of(permit, Some(Counted(Arc::clone(&self.dialling)))))
    }

    /// How many nobody has.
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// How many are taken by calls that the bot makes.
    pub fn dialling(&self) -> usize {
        self.dialling.load(Ordering::Relaxed)
    }
}

impl Place {
    fn of(permit: OwnedSemaphorePermit, dialling: Option<Counted>) -> Self {
        Self {
            _permit: permit,
            _dialling: dialling,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dials_leaves_places_to_those_who_call() {
        let places = Places::new(4);
        let dialled: Vec<Place> = (0..4).filter_map(|_| places.take_to_dial(2)).collect();
        assert_eq!((dialled.len(), places.dialling(), places.free()), (2, 2, 2));
        let came = places.take().expect("it is left");
        assert!(places.take_to_dial(2).is_none() && places.take_to_dial(1).is_none());
        let last = places.take_to_dial(0).expect("nobody is to be left one");
        assert!(places.take().is_none() && places.take_to_dial(0).is_none());
        drop((dialled, came, last));
        assert_eq!((places.free(), places.dialling()), (4, 0));
        assert!(places.take_to_dial(usize::MAX).is_none() && places.take_to_dial(4).is_none());
        assert_eq!(places.free(), 4);
    }

    #[tokio::test]
    async fn who_waits_for_a_place_has_the_next_one() {
        let places = Places::new(1);
        let held = places.take_to_dial(0).expect("a place");
        let mut waits = Box::pin(places.wait());
        assert!(futures_util::poll!(&mut waits).is_pending());
        drop(held);
        assert!(places.take_to_dial(0).is_none(), "it is for who waits");
        assert!(futures_util::poll!(&mut waits).is_ready());
    }
}
