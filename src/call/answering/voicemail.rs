//! A machine that is to take a message: when to begin, so that none of it is lost, and whether it has to be said again.

use std::time::{Duration, Instant};

/// From when the beep is known to be over: with what that takes the message begins 300 ms after it, when the machine records.
const AFTER_BEEP: Duration = Duration::from_millis(140);
/// Silence after which a greeting is over and no beep comes, or was not heard.
const OVER: Duration = Duration::from_secs(5);
/// The same where it has beeped before.
const OVER_AGAIN: Duration = Duration::from_millis(2_500);
/// A pause in a greeting that does not end.
const PAUSE: Duration = Duration::from_millis(400);
/// Silence after words that only a person says.
const PERSON: Duration = Duration::from_millis(700);
/// Where there is never a pause, so long after `no_beep` nobody will take a message.
const ENDLESS: Duration = Duration::from_secs(30);
/// How long a machine is waited for at first, where the plan does not say.
const NO_BEEP: Duration = Duration::from_secs(25);
/// How often a message is begun.
const TRIES: u32 = 4;

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The message is said from its beginning.
    Speak,
    /// It is a person after all.
    Person,
    /// It takes none.
    Leave,
}

/// Waits for the beep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    since: Instant,
    no_beep: Duration,
    /// When somebody was heard last.
    spoke: Option<Instant>,
    beeped: Option<Instant>,
    /// Since when the words are a person's.
    person: Option<Instant>,
    /// Silence after which the greeting is over.
    over: Duration,
    /// Messages begun.
    tries: u32,
}

impl Voicemail {
    /// `no_beep`: the longest time to wait for a beep.
    pub fn new(now: Instant, no_beep: Option<Duration>) -> Self {
        Self {
            since: now,
            no_beep: no_beep.unwrap_or(NO_BEEP),
            spoke: None,
            beeped: None,
            person: None,
            over: OVER,
            tries: 0,
        }
    }

    /// Somebody is heard: whatever beeped before, this was not the end of the greeting.
    pub fn spoke(&mut self, now: Instant) {
        (self.spoke, self.beeped, self.person) = (Some(now), None, None);
    }

    /// The beep has ended at `at`, or not long before it.
    pub fn beeped(&mut self, at: Instant) {
        (self.beeped, self.person, self.over) = (Some(at), None, OVER_AGAIN);
    }

    /// What was said is what a person says.
    pub fn sounds_human(&mut self, now: Instant) {
        self.person = Some(now);
    }

    /// The message was interrupted: all of it is to be said again.
    pub fn again(&mut self, now: Instant) {
        self.since = now;
        (self.spoke, self.beeped, self.person) = (Some(now), None, None);
    }

    /// What is to be done now.
    pub fn then(&mut self, now: Instant) -> Option<Then> {
        let past = |since: Instant, span: Duration| now.saturating_duration_since(since) >= span;
        let quiet = |span: Duration| {
            let last = self.spoke.max(self.beeped).unwrap_or(self.since);
            past(last, span)
        };
        if self.person.is_some() && quiet(PERSON) {
            return Some(Then::Person);
        }
        let begins = self.beeped.is_some_and(|at| past(at, AFTER_BEEP))
            || (self.spoke.is_some() && quiet(self.over.min(self.no_beep)))
            || (past(self.since, self.no_beep) && quiet(PAUSE));
        if begins {
            if self.tries >= TRIES {
                return Some(Then::Leave);
            }
            self.tries += 1;
            return Some(Then::Speak);
        }
        past(self.since, self.no_beep + ENDLESS).then_some(Then::Leave)
    }
}
