//! What comes of a call that was placed, gathered from what is told of it while it goes on.
//!
//! It is told the time, and knows no call, no network and no store.

use std::time::{Duration, Instant};

use jiff::civil::DateTime;

use crate::audio::detect::Tone;
use crate::call::{Note, Task};
use crate::campaign::outcome::{AnsweredBy, Reach};
use crate::campaign::pacer::Progress;
use crate::dialplan::campaign::PacingMode;
use crate::engine::dialled::Miss;
use crate::sip::Refuser;

/// Who has answered hears a person, or the bot, within so long of their greeting (47 CFR 64.1200(a)(7), 16 CFR 310.4(b)(4)).
const PROMPTLY: Duration = Duration::from_secs(2);
/// The network may say in numbers what it has said by a tone, for so long.
const AFTER_TONE: Duration = Duration::from_secs(6);

/// What is to be known while the call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Step {
    Progress(Progress),
    /// They want no more calls, from this moment on.
    OptedOut,
}

/// Before anybody answers.
#[derive(Debug, Default)]
pub(super) struct Ringing {
    /// What the network said by a tone, the last that says something.
    heard: Option<Tone>,
    /// It rang, or the network said something else.
    progressed: bool,
    /// Their telephone rang.
    rang: bool,
}

impl Ringing {
    /// The network said something, by this code.
    pub fn progressed(&mut self, code: u16) {
        self.progressed = true;
        self.rang |= code == 180;
    }

    /// A tone was heard; until when it is to ring at most, if that changes it.
    pub fn hear(&mut self, now: Instant, tone: Tone) -> Option<Instant> {
        match tone {
            Tone::Busy | Tone::Congestion | Tone::SpecialInformation => {
                let first = self.heard.replace(tone).is_none();
                first.then(|| now + AFTER_TONE)
            }
            Tone::RingBack => {
                self.rang = true;
                None
            }
            Tone::FaxCalling | Tone::FaxAnswering | Tone::Beep => None,
        }
    }

    /// How far the call got, and the code that the network gave.
    pub fn reach(&self, miss: &Miss) -> (Reach, Option<u16>) {
        match self.said(miss) {
            // Whose telephone rang was called.
            (Reach::Congestion, code) if self.rang => (Reach::NoAnswer, code),
            said => said,
        }
    }

    fn said(&self, miss: &Miss) -> (Reach, Option<u16>) {
        match miss {
            // Nobody was rung: it is us whom the trunk does not want, or not for this.
            Miss::Refused {
                code: code @ (401 | 402 | 403 | 407),
                by: Refuser::Peer,
                ..
            } if !self.progressed => (Reach::Congestion, Some(*code)),
            Miss::Refused {
                code,
                by: Refuser::Peer,
                ..
            } => {
                let said = Reach::of_code(*code);
                let vague = matches!(said, Reach::NoAnswer | Reach::Failed);
                (self.by_tone().filter(|_| vague).unwrap_or(said), Some(*code))
            }
            // Nobody was rung: the trunk carries no more or does not answer, or today's calls are used up.
            Miss::Refused {
                by: Refuser::Us | Refuser::Silence,
                ..
            } => (Reach::Congestion, None),
            Miss::Unanswered(_) => (self.by_tone().unwrap_or(Reach::NoAnswer), None),
            Miss::Failed(_) if self.progressed => (Reach::Failed, None),
            // Not even the trunk was reached.
            Miss::Failed(_) => (Reach::Congestion, None),
        }
    }

    fn by_tone(&self) -> Option<Reach> {
        match self.heard? {
            Tone::Busy => Some(Reach::Busy),
            Tone::Congestion => Some(Reach::Congestion),
            // Of what the announcement after it says nothing is known.
            Tone::SpecialInformation => Some(Reach::Failed),
            Tone::RingBack | Tone::FaxCalling | Tone::FaxAnswering | Tone::Beep => None,
        }
    }

    /// Who was heard instead of anybody.
    pub fn heard(&self) -> Option<AnsweredBy> {
        (self.heard == Some(Tone::SpecialInformation)).then_some(AnsweredBy::Intercept)
    }
}

/// From the answer on.
#[derive(Debug)]
pub(super) struct Account {
    /// Who takes the calls.
    mode: PacingMode,
    answered: Instant,
    who: Option<AnsweredBy>,
    queued: bool,
    bridged: bool,
    callback: Option<DateTime>,
    opted_out: bool,
}

impl Account {
    pub fn new(now: Instant, mode: PacingMode) -> Self {
        Self {
            mode,
            answered: now,
            who: None,
            queued: false,
            bridged: false,
            callback: None,
            opted_out: false,
        }
    }

    /// Something was noted; what is to be known of it at once.
    pub fn note(&mut self, note: &Note) -> Option<Step> {
        match note {
            Note::AnsweredBy(who) => {
                let told = self.who.replace(*who) == Some(*who);
                let progress = match who {
                    AnsweredBy::Human => Progress::Human,
                    AnsweredBy::Machine
                    | AnsweredBy::Fax
                    | AnsweredBy::Ivr
                    | AnsweredBy::Screening
                    | AnsweredBy::Intercept => Progress::Machine,
                };
                (!told).then_some(Step::Progress(progress))
            }
            Note::Queued { .. } => self.with_agent(|account| account.queued = true),
            Note::Bridged { .. } => self.with_agent(|account| account.bridged = true),
            Note::Task(Task::Callback { at, queue: None, .. }) => {
                self.callback = at.parse().ok().or(self.callback);
                None
            }
            Note::OptedOut => (!std::mem::replace(&mut self.opted_out, true)).then_some(Step::OptedOut),
            Note::Said { .. }
            | Note::Heard { .. }
            | Note::AgentSaid { .. }
            | Note::Meant(_)
            | Note::Answered { .. }
            | Note::Unanswered { .. }
            | Note::Language(_)
            | Note::Key(_)
            | Note::Silence
            | Note::Resumed
            | Note::Turn(_)
            | Note::Used { .. }
            // An agent of the queue calls them.
            | Note::Task(Task::Callback { queue: Some(_), .. } | Task::Ticket(_))
            | Note::Transferring { .. }
            | Note::TransferFailed { .. }
            | Note::Releasing
            | Note::Returned(_)
            | Note::Problem(_) => None,
        }
    }

    /// No agent is kept free for it from now on: told once.
    fn with_agent(&mut self, mark: impl FnOnce(&mut Self)) -> Option<Step> {
        let told = self.queued || self.bridged;
        mark(self);
        (!told).then_some(Step::Progress(Progress::WithAgent))
    }

    pub fn talked(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.answered)
    }

    /// A person answered, and nobody was there for them in time; told when the call is over. `waited` is how long they were kept waiting for the first word
    /// once they had greeted.
    pub fn is_abandoned(&self, waited: Duration) -> bool {
        if !matches!(self.who, None | Some(AnsweredBy::Human)) {
            return false;
        }
        let silent = waited > PROMPTLY && !self.bridged;
        match self.mode {
            PacingMode::Agentless => silent,
            // The bot only bridges the time to an agent.
            PacingMode::Progressive | PacingMode::Predictive => silent || (self.queued && !self.bridged),
        }
    }

    pub fn who(&self) -> Option<AnsweredBy> {
        self.who
    }

    pub fn bridged(&self) -> bool {
        self.bridged
    }

    /// By the clock of the call.
    pub fn callback(&self) -> Option<DateTime> {
        self.callback
    }

    pub fn opted_out(&self) -> bool {
        self.opted_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::playout::Ending;
    use crate::clock;

    fn refused(code: u16, by: Refuser) -> Miss {
        Miss::Refused {
            code,
            by,
            reason: String::new(),
            retry_after: None,
        }
    }

    #[test]
    fn what_the_network_says_is_told_from_what_we_say_ourselves() {
        let ringing = Ringing::default();
        for (miss, reach, code) in [
            (refused(486, Refuser::Peer), Reach::Busy, Some(486)),
            (refused(603, Refuser::Peer), Reach::Rejected, Some(603)),
            (refused(403, Refuser::Peer), Reach::Congestion, Some(403)),
            (refused(407, Refuser::Peer), Reach::Congestion, Some(407)),
            (refused(408, Refuser::Peer), Reach::NoAnswer, Some(408)),
            (refused(503, Refuser::Peer), Reach::Congestion, Some(503)),
            (refused(488, Refuser::Peer), Reach::Failed, Some(488)),
            (refused(403, Refuser::Us), Reach::Congestion, None),
            (refused(503, Refuser::Us), Reach::Congestion, None),
            (refused(408, Refuser::Silence), Reach::Congestion, None),
            (Miss::Unanswered(Duration::from_secs(30)), Reach::NoAnswer, None),
            (Miss::Failed("no way there".into()), Reach::Congestion, None),
        ] {
            assert_eq!(ringing.reach(&miss), (reach, code), "{miss:?}");
        }
        let mut rang = Ringing::default();
        rang.progressed(180);
        assert_eq!(rang.reach(&Miss::Failed("no codec".into())), (Reach::Failed, None));
        for (miss, reach) in [
            (refused(403, Refuser::Peer), Reach::Rejected),
            (refused(503, Refuser::Peer), Reach::NoAnswer),
            (refused(408, Refuser::Silence), Reach::NoAnswer),
            (refused(486, Refuser::Peer), Reach::Busy),
        ] {
            assert_eq!(rang.reach(&miss).0, reach, "it rang: {miss:?}");
        }
        let mut announced = Ringing::default();
        announced.progressed(183);
        assert_eq!(announced.reach(&refused(503, Refuser::Peer)).0, Reach::Congestion);
    }

    #[test]
    fn a_tone_tells_what_a_code_leaves_open_and_nothing_else() {
        let now = clock::now();
        let heard = |tone| {
            let mut ringing = Ringing::default();
            let until = ringing.hear(now, tone);
            (ringing, until)
        };
        let unanswered = Miss::Unanswered(Duration::from_secs(30));
        for (tone, reach) in [
            (Tone::Busy, Reach::Busy),
            (Tone::Congestion, Reach::Congestion),
            (Tone::SpecialInformation, Reach::Failed),
        ] {
            let (mut ringing, until) = heard(tone);
            assert_eq!(until, Some(now + AFTER_TONE));
            assert_eq!(ringing.hear(now + AFTER_TONE, tone), None, "it is put off once");
            assert_eq!(ringing.reach(&unanswered).0, reach);
            assert_eq!(ringing.reach(&refused(480, Refuser::Peer)), (reach, Some(480)));
            assert_eq!(ringing.reach(&refused(404, Refuser::Peer)).0, Reach::NotFound);
        }
        let (intercepted, _) = heard(Tone::SpecialInformation);
        assert_eq!(intercepted.heard(), Some(AnsweredBy::Intercept));
        for tone in [Tone::RingBack, Tone::Beep, Tone::FaxCalling] {
            let (ringing, until) = heard(tone);
            assert_eq!((until, ringing.reach(&unanswered).0), (None, Reach::NoAnswer));
        }
    }

    fn account(mode: PacingMode) -> Account {
        Account::new(clock::now(), mode)
    }

    fn said() -> Note {
        Note::Said {
            text: "This is Leo.".into(),
            ending: Ending::Whole,
        }
    }

    fn queued() -> Note {
        Note::Queued { queue: "care".into() }
    }

    fn bridged() -> Note {
        Note::Bridged { agent: "ann".into() }
    }

    #[test]
    fn who_hears_nothing_in_time_was_abandoned_unless_it_is_a_machine() {
        let second = Duration::from_secs(1);
        for (notes, waited, abandoned) in [
            (vec![], second, false),
            (vec![], 2 * second, false),
            (vec![], 3 * second, true),
            // It came too late.
            (vec![said()], 3 * second, true),
            (vec![said()], second, false),
            (vec![Note::AnsweredBy(AnsweredBy::Human)], 3 * second, true),
            (vec![Note::AnsweredBy(AnsweredBy::Machine)], 30 * second, false),
            (vec![Note::AnsweredBy(AnsweredBy::Fax)], 5 * second, false),
            (vec![bridged()], 9 * second, false),
            // In a campaign of the bot's a queue is help that was asked for.
            (vec![said(), queued()], second, false),
        ] {
            let mut account = account(PacingMode::Agentless);
            for note in &notes {
                account.note(note);
            }
            assert_eq!(account.is_abandoned(waited), abandoned, "{notes:?} {waited:?}");
        }
    }

    #[test]
    fn where_agents_take_the_calls_who_waits_for_nobody_was_abandoned() {
        for (notes, abandoned) in [
            (vec![said()], false),
            (vec![said(), queued()], true),
            (vec![said(), queued(), bridged()], false),
            (vec![said(), queued(), Note::AnsweredBy(AnsweredBy::Machine)], false),
        ] {
            let mut account = account(PacingMode::Progressive);
            for note in &notes {
                account.note(note);
            }
            assert_eq!(account.is_abandoned(Duration::from_secs(1)), abandoned, "{notes:?}");
        }
    }

    #[test]
    fn what_must_be_known_at_once_is_told_once() {
        let mut account = account(PacingMode::Progressive);
        let told: Vec<Option<Step>> = [
            Note::AnsweredBy(AnsweredBy::Human),
            Note::AnsweredBy(AnsweredBy::Human),
            Note::AnsweredBy(AnsweredBy::Machine),
            Note::AnsweredBy(AnsweredBy::Human),
            queued(),
            bridged(),
            Note::OptedOut,
            Note::OptedOut,
            said(),
        ]
        .iter()
        .map(|note| account.note(note))
        .collect();
        let progress = |progress| Some(Step::Progress(progress));
        assert_eq!(
            told,
            [
                progress(Progress::Human),
                None,
                progress(Progress::Machine),
                progress(Progress::Human),
                progress(Progress::WithAgent),
                None,
                Some(Step::OptedOut),
                None,
                None
            ]
        );
        assert!(account.opted_out() && account.bridged() && account.who() == Some(AnsweredBy::Human));
    }

    #[test]
    fn who_is_called_again_by_an_agent_is_no_appointment_of_the_bot() {
        let mut account = account(PacingMode::Agentless);
        let callback = |at: &str, queue: Option<&str>| {
            Note::Task(Task::Callback {
                at: at.into(),
                number: "+4930".into(),
                queue: queue.map(str::to_owned),
            })
        };
        account.note(&callback("2026-11-24T15:00", Some("care")));
        assert_eq!(account.callback(), None);
        account.note(&callback("2026-11-24T15:00", None));
        account.note(&callback("soon", None));
        let at = account.callback().map(|at| at.to_string());
        assert_eq!(at.as_deref(), Some("2026-11-24T15:00:00"));
    }
}
