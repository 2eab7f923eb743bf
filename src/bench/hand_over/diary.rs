//! What happens in one hand-over, as all its parties tell it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::script::Stage;
use super::sound::Who;
use crate::audio::FRAME_DURATION;
use crate::clock;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The caller's call was answered by the bot.
    Began,
    Rung(Who),
    /// They have answered.
    Answered(Who),
    /// They hear the caller.
    Bridged(Who),
    /// What the script has go wrong did.
    Failed,
    /// The bot has told them that they are wanted no more.
    LetGo(Who),
    /// They have talked with the caller, and hung up.
    Finished(Who),
    /// The caller has hung up.
    Left,
    /// The caller's call is over, and why.
    Ended(String),
    /// Nobody wrote this.
    Odd(String),
}

/// Entries, the oldest first. Each has the moment when it was made.
#[derive(Debug)]
pub struct Diary {
    began: Instant,
    entries: Mutex<Vec<(Instant, Entry)>>,
}

/// Of one hand-over; one that has more goes round in circles.
const MOST: usize = 1_000;

impl Diary {
    pub fn new() -> Self {
        Self {
            began: clock::now(),
            entries: Mutex::default(),
        }
    }

    pub fn note(&self, entry: Entry) {
        let mut entries = self.lock();
        if entries.len() < MOST {
            entries.push((clock::now(), entry));
        }
    }

    /// When it happened first.
    pub fn when(&self, wanted: &Entry) -> Option<Instant> {
        let entries = self.lock();
        entries.iter().find(|(_, entry)| entry == wanted).map(|(at, _)| *at)
    }

    /// The first ring after `at`.
    pub fn rung_after(&self, at: Instant) -> Option<Instant> {
        let entries = self.lock();
        let mut rings = entries.iter().filter(|(_, entry)| matches!(entry, Entry::Rung(_)));
        rings.find(|(rung, _)| *rung > at).map(|(rung, _)| *rung)
    }

    /// How far it has come, and since when.
    pub fn stage(&self) -> Option<(Stage, Instant)> {
        let entries = self.lock();
        entries.iter().rev().find_map(|(at, entry)| {
            let stage = match entry {
                Entry::Began | Entry::Failed | Entry::LetGo(_) | Entry::Finished(_) => Stage::Waiting,
                Entry::Rung(_) => Stage::Ringing,
                Entry::Answered(_) => Stage::Brief,
                Entry::Bridged(_) => Stage::Bridged,
                Entry::Left | Entry::Ended(_) | Entry::Odd(_) => return None,
            };
            Some((stage, *at))
        })
    }

    /// Whether nobody is rung or in the call any more, within `limit`.
    pub async fn comes_to_rest(&self, limit: Duration) -> bool {
        let until = clock::now() + limit;
        loop {
            if self.stage().is_none_or(|(stage, _)| stage == Stage::Waiting) {
                return true;
            }
            if clock::now() >= until {
                return false;
            }
            tokio::time::sleep(FRAME_DURATION).await;
        }
    }

    /// What nobody wrote, in words.
    pub fn odd(&self) -> Vec<String> {
        let entries = self.lock();
        let odd = entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Odd(what) => Some(what.clone()),
            _ => None,
        });
        odd.collect()
    }

    /// All of it in a line, with seconds since the beginning.
    pub fn told(&self) -> String {
        let entries = self.lock();
        let told = entries
            .iter()
            .map(|(at, entry)| format!("{:.2} {}", self.since(*at).as_secs_f64(), entry.told()));
        told.collect::<Vec<_>>().join("; ")
    }

    pub fn since(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Entry)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn told(&self) -> String {
        match self {
            Entry::Began => "the bot answers".into(),
            Entry::Rung(who) => format!("{} is rung", who.name()),
            Entry::Answered(who) => format!("{} answers", who.name()),
            Entry::Bridged(who) => format!("{} hears the caller", who.name()),
            Entry::Failed => "it goes wrong".into(),
            Entry::LetGo(who) => format!("{} is let go", who.name()),
            Entry::Finished(who) => format!("{} hangs up", who.name()),
            Entry::Left => "the caller hangs up".into(),
            Entry::Ended(why) => format!("over: {why}"),
            Entry::Odd(what) => format!("ODD {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_that_of_the_last_entry_that_has_one() {
        let diary = Diary::new();
        let stage = || diary.stage().map(|(stage, _)| stage);
        assert_eq!(stage(), None);
        for (entry, then) in [
            (Entry::Began, Stage::Waiting),
            (Entry::Rung(Who::First), Stage::Ringing),
            (Entry::Answered(Who::First), Stage::Brief),
            (Entry::Odd("x".into()), Stage::Brief),
            (Entry::Failed, Stage::Waiting),
            (Entry::Rung(Who::Next), Stage::Ringing),
        ] {
            diary.note(entry);
            assert_eq!(stage(), Some(then));
        }
        let failed = diary.when(&Entry::Failed).expect("noted");
        assert_eq!(diary.rung_after(failed), diary.when(&Entry::Rung(Who::Next)));
        assert_eq!(diary.odd(), ["x"]);
    }
}
