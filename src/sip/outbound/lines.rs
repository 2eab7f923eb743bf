//! How many calls a trunk carries: its channels, the calls that may be placed by it in a second, and none while it is
//! down. A provider that is asked for more refuses at best.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sip::{Room, Trunk};

#[derive(Default)]
pub(in crate::sip) struct Lines {
    trunks: Mutex<HashMap<String, Line>>,
}

#[derive(Default)]
struct Line {
    /// Calls in either direction.
    held: usize,
    /// Why it is down, if it is.
    ill: Option<String>,
    /// When the next call would be due if they were spaced evenly (GCRA, ITU-T I.371).
    due: Option<Instant>,
}

/// A call on a trunk, for as long as this lasts.
pub(in crate::sip) struct Channel {
    lines: Arc<Lines>,
    trunk: String,
}

/// Why a call is not placed, in words for who placed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Full {
    pub why: String,
    pub again: Duration,
}

impl Lines {
    /// For a call to place.
    pub fn place(self: &Arc<Self>, trunk: &Trunk, now: Instant) -> Result<Channel, Full> {
        let mut trunks = self.lock();
        let line = trunks.entry(trunk.name.clone()).or_default();
        if let Some(ill) = &line.ill {
            return Err(Full {
                why: format!("trunk `{}` does not answer: {ill}", trunk.name),
                again: Duration::from_secs(10),
            });
        }
        if let Some(most) = trunk.channels.filter(|most| line.held >= *most) {
            return Err(Full {
                why: format!(
                    "trunk `{}` has no channel free: {} of {most} are in use",
                    trunk.name, line.held
                ),
                again: Duration::from_secs(1),
            });
        }
        if let Some(rate) = trunk.calls_per_second.filter(|rate| *rate > 0) {
            let apart = Duration::from_secs(1) / rate;
            // As many at once as in a second.
            let burst = Duration::from_secs(1).saturating_sub(apart);
            let due = line.due.map_or(now, |due| due.max(now));
            let early = due.saturating_duration_since(now);
            if early > burst {
                return Err(Full {
                    why: format!("trunk `{}` takes {rate} calls a second and had them", trunk.name),
                    again: early.saturating_sub(burst),
                });
            }
            line.due = Some(due + apart);
        }
        line.held = line.held.saturating_add(1);
        Ok(self.channel(trunk))
    }

    /// For a call that came: it is there, whatever was agreed.
    pub fn take(self: &Arc<Self>, trunk: &Trunk) -> Channel {
        let mut trunks = self.lock();
        let line = trunks.entry(trunk.name.clone()).or_default();
        line.held = line.held.saturating_add(1);
        self.channel(trunk)
    }

    /// It is down for this reason, or it is not. Whether that is another state than before.
    pub fn mark(&self, trunk: &Trunk, ill: Option<String>) -> bool {
        let mut trunks = self.lock();
        let line = trunks.entry(trunk.name.clone()).or_default();
        let changed = line.ill.is_some() != ill.is_some();
        line.ill = ill;
        changed
    }

    /// How many calls may be placed by it now, were there no rate: none that is known where it counts no channels. No call at all while it is down.
    pub fn room(&self, trunk: &Trunk) -> Room {
        let trunks = self.lock();
        let line = trunks.get(&trunk.name);
        if line.is_some_and(|line| line.ill.is_some()) {
            return Room::Down;
        }
        let held = line.map_or(0, |line| line.held);
        Room::Up(trunk.channels.map(|most| most.saturating_sub(held)))
    }

    fn channel(self: &Arc<Self>, trunk: &Trunk) -> Channel {
        Channel {
            lines: self.clone(),
            trunk: trunk.name.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.trunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// The trunk's name.
    pub fn trunk(&self) -> &str {
        &self.trunk
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(line) = self.lines.lock().get_mut(&self.trunk) {
            line.held = line.held.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now as start;

    fn trunk(channels: Option<usize>, calls_per_second: Option<u32>) -> Trunk {
        Trunk {
            name: "t".to_owned(),
            channels,
            calls_per_second,
            ..Trunk::default()
        }
    }

    #[test]
    fn a_channel_is_free_again_when_its_call_is_over() {
        let (lines, trunk, now) = (Arc::new(Lines::default()), trunk(Some(2), None), start());
        let received = lines.take(&trunk);
        let placed = lines.place(&trunk, now).unwrap_or_else(|_| panic!("one is free"));
        let full = lines.place(&trunk, now).err().expect("none is");
        assert!(full.why.contains("2 of 2"), "{full:?}");
        assert_eq!(lines.room(&trunk), Room::Up(Some(0)));
        drop(placed);
        assert_eq!(lines.room(&trunk), Room::Up(Some(1)));
        assert!(lines.place(&trunk, now).is_ok(), "and it is free again at once");
        drop(received);
    }

    #[test]
    fn nothing_is_placed_by_a_trunk_that_is_down() {
        let (lines, trunk, now) = (Arc::new(Lines::default()), trunk(None, None), start());
        assert!(!lines.mark(&trunk, None), "that it is up is no news");
        assert_eq!(lines.room(&trunk), Room::Up(None));
        assert!(lines.mark(&trunk, Some("no response".to_owned())));
        assert_eq!(lines.room(&trunk), Room::Down);
        assert!(!lines.mark(&trunk, Some("503 Busy".to_owned())));
        let full = lines.place(&trunk, now).err().expect("down");
        assert!(full.why.contains("503 Busy"), "{full:?}");
        assert!(lines.mark(&trunk, None) && lines.place(&trunk, now).is_ok());
    }

    #[test]
    fn so_many_are_placed_in_a_second() {
        let (lines, trunk, now) = (Arc::new(Lines::default()), trunk(None, Some(5)), start());
        let placed = |at| (0..100).filter(|_| lines.place(&trunk, at).is_ok()).count();
        assert_eq!(placed(now), 5);
        let full = lines.place(&trunk, now).err().expect("too many");
        assert_eq!(full.again, Duration::from_millis(200));
        assert_eq!(placed(now + Duration::from_millis(199)), 0);
        assert_eq!(placed(now + Duration::from_millis(400)), 2);
        assert_eq!(placed(now + Duration::from_secs(60)), 5);
    }
}
