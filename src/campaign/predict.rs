//! Whether one more call may be dialled for agents to take, and how many of those who answer would find nobody.
//!
//! It knows what has become of a campaign's calls so far, and nothing of lines and contacts.
//!
//! **Never above the cap.** Be `A` of the `H` calls that people answered abandoned, and `E` the calls under way that would find no agent if all of them were
//! answered at once and no agent became free. A call that makes `E` more than 0 is dialled only where `A + E ≤ cap · (H + E)`. A call that is abandoned moves one from `E` to
//! both `A` and `H`, one that is not makes `H` larger or `E` smaller, and an agent who becomes free makes `E` smaller: so it goes on to hold, and `A ≤ cap · H` with it.
//! What it cannot hold against is an agent who goes away while a call is under way that was dialled for them: each costs one call at most. It is held for each day by
//! itself, so that it holds for all spans of days, whichever fall out of the count, and for all campaigns together whose calls the same agents take.

use std::time::Duration;

use super::tally::Share;

/// What is thought beforehand counts as so many calls.
const BELIEF: f64 = 10.0;
/// What each call leaves of those before it: the mean is of the last two hundred.
const FADING: f64 = 0.995;
/// That somebody who is dialled answers, until it is known better: rather too many than too few.
const ANSWERING: f64 = 0.5;
/// From dialling to the first word, until it is known better.
const RINGING: Duration = Duration::from_secs(12);
/// With an agent, until it is known better: rather too long than too short.
const TALKING: Duration = Duration::from_secs(180);
/// Of the cap, what is aimed at: the rest is for chance, and where it is used up there is a call for each free agent and no more.
const AIM: f64 = 0.6;
/// A chance that is no matter.
const SLIGHT: f64 = 1e-9;

/// What a campaign's calls are like.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    /// 0 to 1: a person answers.
    answering: Recent,
    /// Seconds.
    ringing: Recent,
    /// Seconds.
    talking: Recent,
}

/// The calls under way for agents, and the agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scene {
    /// Agents.
    pub free: u32,
    pub busy: u32,
    /// For whom in the queues nobody is free.
    pub short: u32,
    /// It is not known yet who answers.
    pub dialled: u32,
    /// A person is on the line, and neither an agent nor a queue yet.
    pub waiting: u32,
}

/// The mean of what was lately.
#[derive(Clone, Copy, Debug)]
struct Recent {
    sum: f64,
    count: f64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            answering: Recent::of(ANSWERING),
            ringing: Recent::of(RINGING.as_secs_f64()),
            talking: Recent::of(TALKING.as_secs_f64()),
        }
    }
}

impl Habits {
    /// A person answered after so long.
    pub fn human(&mut self, ringing: Duration) {
        self.answering.add(1.0);
        self.ringing.add(ringing.as_secs_f64());
    }

    /// Nobody did, or no person.
    pub fn nobody(&mut self) {
        self.answering.add(0.0);
    }

    pub fn talked(&mut self, length: Duration) {
        self.talking.add(length.as_secs_f64());
    }

    /// How many are expected to find no agent, and how many to be answered, of all that are without one.
    fn expected(&self, scene: Scene) -> (f64, f64) {
        let answering = self.answering.mean().clamp(0.01, 0.99);
        let free_again = 1.0 - (-self.ringing.mean() / self.talking.mean().max(1.0)).exp();
        let answers = chances(scene.dialled, answering);
        let returns = chances(scene.busy, free_again.clamp(0.0, 0.99));
        let short = f64::from(scene.waiting) + f64::from(scene.short) - f64::from(scene.free);
        let mut without = 0.0;
        for (answered, chance) in &answers {
            for (back, also) in &returns {
                without += chance * also * (short + answered - back).max(0.0);
            }
        }
        let answered = f64::from(scene.waiting) + f64::from(scene.short) + f64::from(scene.dialled) * answering;
        (without, answered)
    }
}

impl Scene {
    /// How many would find no agent if all were answered at once: `E`.
    pub fn at_risk(&self) -> u32 {
        let in_need = self.dialled.saturating_add(self.waiting).saturating_add(self.short);
        in_need.saturating_sub(self.free)
    }

    /// Whether there is an agent for one call more, whatever becomes of the others.
    pub fn has_agent(&self) -> bool {
        self.with_one_more().at_risk() == 0
    }

    fn with_one_more(self) -> Self {
        Self {
            dialled: self.dialled.saturating_add(1),
            ..self
        }
    }

    /// Whether one call more is well, where `cap` (0 to 1) of the calls that people answer may be abandoned. `shares`: of each campaign that has its agents
    /// in common, of each day with calls under way, of today and of all days.
    pub fn may_dial(&self, habits: &Habits, cap: f64, shares: impl IntoIterator<Item = Share>) -> bool {
        if self.has_agent() {
            return true;
        }
        let more = u64::from(self.with_one_more().at_risk());
        let fits = |share: Share| {
            let (abandoned, answered) = (
                share.abandoned.saturating_add(more),
                share.answered.saturating_add(more),
            );
            abandoned as f64 <= cap * answered as f64
        };
        if !shares.into_iter().all(fits) {
            return false;
        }
        let (without, answered) = habits.expected(self.with_one_more());
        without <= cap * AIM * answered
    }
}

impl Recent {
    fn of(belief: f64) -> Self {
        Self {
            sum: belief * BELIEF,
            count: BELIEF,
        }
    }

    fn add(&mut self, value: f64) {
        self.sum = self.sum * FADING + value;
        self.count = self.count * FADING + 1.0;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// How many of `count` it happens to, each by `chance` (0 to 1, not 1), and how likely that is; what is unlikely is left out.
fn chances(count: u32, chance: f64) -> Vec<(f64, f64)> {
    if chance <= 0.0 {
        return vec![(0.0, 1.0)];
    }
    let odds = (chance / (1.0 - chance)).ln();
    // As logarithms: of many, that it happens to none is too unlikely for a number.
    let mut likely = f64::from(count) * (1.0 - chance).ln();
    let mut found = Vec::new();
    for happened in 0..=count {
        if likely.exp() > SLIGHT {
            found.push((f64::from(happened), likely.exp()));
        }
        likely += odds + (f64::from(count - happened) / f64::from(happened + 1)).ln();
    }
    found
}

#[cfg(test)]
mod tests;
