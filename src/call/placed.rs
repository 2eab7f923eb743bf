//! A call that the bot placed: who answers it, as far as that is known, and how long they were kept waiting.
//!
//! It is told the time; what is done with it [`opening`](super::opening) says.

use std::time::{Duration, Instant};

use super::answering::{Answering, Ask, Voice, Voicemail};
use super::utterance::Utterance;
use crate::audio::detect::ToneDetector;
use crate::campaign::outcome::AnsweredBy;
use crate::dialplan::campaign::{Amd, Answered, Campaign, OptOut};

/// How long after the answer a verdict may still change.
const WATCH: Duration = Duration::from_secs(40);
/// What somebody says who answers takes so long.
const GREETING: Duration = Duration::from_secs(2);

/// How a call that the bot placed begins, and how who was called says that they want no more.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// What is done with whatever answers; without it whoever answers is a person.
    pub amd: Option<Amd>,
    /// The keys with which they say that they want no more calls.
    pub keys: Vec<char>,
}

impl Opening {
    /// As a campaign has it.
    pub fn of(campaign: &Campaign) -> Self {
        let ways = campaign.dnc.iter().flat_map(|dnc| &dnc.opt_out);
        Self {
            amd: campaign.amd.clone(),
            keys: ways
                .filter_map(|way| match way {
                    OptOut::Key(key) => Some(*key),
                    OptOut::Speech => None,
                })
                .collect(),
        }
    }
}

/// What the call does with who answered.
#[derive(Debug)]
pub(super) enum Phase {
    /// It listens, and there is no verdict.
    Listening,
    /// It is a person, who still speaks; until then.
    Courtesy { until: Instant },
    /// The plan's flow is under way with a person, as it seems.
    Person,
    /// It waits for the beep.
    Machine(Voicemail),
    /// The message is being said; this is what waited for the beep.
    Message(Voicemail),
    /// Somebody asks who calls.
    Screening(Screening),
    /// Whoever it is, it does not change any more.
    Settled,
}

#[derive(Debug)]
pub(super) struct Screening {
    /// The line is to be said in the next pause.
    pub(super) due: bool,
    pub(super) lines: u32,
    pub(super) since: Instant,
}

/// Words that were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) id: u64,
    pub(super) what: Ask,
    pub(super) at: Instant,
}

/// The call that we placed.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) opening: Opening,
    /// Of the plan, for a person.
    pub(super) flow: String,
    pub(super) answered: Instant,
    pub(super) answering: Answering,
    pub(super) tones: ToneDetector,
    pub(super) ear: Utterance,
    pub(super) asked: Option<Asked>,
    pub(super) phase: Phase,
    pub(super) told: Option<AnsweredBy>,
    pub(super) beeped: Option<Instant>,
    /// How long they were kept waiting for the first word.
    pub(super) waited: Option<Duration>,
}

impl Placed {
    pub(super) fn new(now: Instant, opening: Opening, flow: String) -> Self {
        let amd = opening.amd.as_ref();
        let within = amd.map_or(Duration::ZERO, |amd| amd.decide_within);
        let unsure = amd.map_or(Answered::Human, |amd| amd.unsure);
        Self {
            answering: Answering::new(now, within, unsure),
            opening,
            flow,
            answered: now,
            tones: ToneDetector::default(),
            ear: Utterance::default(),
            asked: None,
            phase: Phase::Listening,
            told: None,
            beeped: None,
            waited: None,
        }
    }

    /// How long they were kept waiting for the first word: since what they said before it, or, where they said nothing, since the greeting that they might
    /// have given.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        let silent = || {
            let since_answer = now.saturating_duration_since(self.answered);
            let silent = self.voice().silent(now);
            silent.unwrap_or_else(|| since_answer.saturating_sub(GREETING))
        };
        self.waited.unwrap_or_else(silent)
    }

    /// The bot is heard.
    pub(super) fn sounded(&mut self, now: Instant) {
        self.waited = Some(self.waited(now));
    }

    /// What the plan says of a machine, a menu and so on.
    pub(super) fn amd<T>(&self, part: impl FnOnce(&Amd) -> Option<T>) -> Option<T> {
        self.opening.amd.as_ref().and_then(part)
    }

    pub(super) fn voice(&self) -> &Voice {
        self.answering.voice()
    }

    /// Whether the verdict may still change.
    pub(super) fn watches(&self, now: Instant) -> bool {
        match self.phase {
            Phase::Person => now.saturating_duration_since(self.answered) < WATCH,
            Phase::Settled => false,
            Phase::Listening | Phase::Courtesy { .. } | Phase::Machine(_) | Phase::Message(_) | Phase::Screening(_) => {
                true
            }
        }
    }
}
