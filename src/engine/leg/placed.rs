//! A call that the bot places for a campaign: dialled, rung, and from the answer on a leg like any other.
//!
//! Whether it may be placed is not asked here: whoever calls this shows that it may. What came of it is told in one value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use jiff::Timestamp;
use jiff::civil::DateTime;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

pub(in crate::engine) use super::account::Step;
use super::account::{Account, Ringing};
use super::{Ending, Given, Leg, Origin};
use crate::audio::FRAME_DURATION;
use crate::audio::detect::ToneDetector;
use crate::call::{Call, Note, Start};
use crate::campaign::Permit;
use crate::campaign::outcome::{AnsweredBy, Reach};
use crate::clock;
use crate::dialplan::campaign::{Campaign, PacingMode};
use crate::engine::dialled::{Dialled, Miss, News, Placed, Way};
use crate::engine::incoming::profile;
use crate::engine::journal::{Journal, Outcome, Record};
use crate::engine::letters::{Letter, Letters};
use crate::engine::places::Place;
use crate::engine::{Bot, EVENTS, Wish};
use crate::sdp::Media;
use crate::sip::{CallerId, Ended, Event};
use crate::store::Began;

/// What may happen elsewhere while it rings, and is told to the call when it begins.
const HAPPENED: usize = 8;

/// The slot that says why they do not do what they are called for.
const REASON: &str = "reason";

/// A call that is to be placed.
pub(in crate::engine) struct Placing {
    /// Whom to dial, for which campaign, and the number that is shown: used up by dialling.
    pub permit: Permit,
    /// From [`Bot::next_record`]: known before anybody is dialled, so that the attempt can name it.
    pub record: Record,
    /// By which the number is dialled; none: only a phone that is registered here by the name of the number can be.
    pub trunk: Option<String>,
    /// How long it may ring.
    pub ring: Duration,
    /// Of a plan that has the campaign: its pacing says who takes the calls, its trigger which events call them off.
    pub start: Start,
    /// From [`Places::take_to_dial`](crate::engine::places::Places::take_to_dial).
    pub place: Place,
    /// From [`letter_box`](crate::engine::letters::letter_box): by which the call is told of events.
    pub letters: Letters,
    pub wishes: watch::Receiver<Option<Wish>>,
    /// Is told at once what cannot wait for the end; must not block.
    pub progress: Box<dyn Fn(Step) + Send + Sync>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct Done {
    /// Of its record.
    pub call: String,
    pub reach: Reach,
    /// The status code of SIP with which the network said that nobody answered; none: it said nothing.
    pub code: Option<u16>,
    /// When the network wants to be asked again, where it said so.
    pub retry_after: Option<Duration>,
    pub answered: Option<Timestamp>,
    /// From the answer to the end.
    pub talked: Duration,
    pub answered_by: Option<AnsweredBy>,
    /// A person answered, as far as can be told.
    pub human_reached: bool,
    pub disposition: Option<String>,
    /// What was collected, as it may be kept.
    pub slots: BTreeMap<String, String>,
    /// Why they do not do what they are called for: what the plan's slot `reason` holds.
    pub reason: Option<Reason>,
    /// They want no more calls.
    pub opted_out: bool,
    /// They want to be called again then, by the clock of the call.
    pub callback_at: Option<DateTime>,
    /// An agent has had them.
    pub bridged: bool,
    /// A person answered, and nobody was there for them in time.
    pub abandoned: bool,
    /// An event called it off before anybody answered.
    pub called_off: Option<String>,
    /// How it ended, in words.
    pub ending: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Reason {
    pub category: String,
    /// What they said, in their own words.
    pub quote: Option<String>,
}

impl Done {
    /// Nobody was reached.
    fn missed(call: String, reach: Reach, ending: String) -> Self {
        Self {
            call,
            reach,
            code: None,
            retry_after: None,
            answered: None,
            talked: Duration::ZERO,
            answered_by: None,
            human_reached: false,
            disposition: None,
            slots: BTreeMap::new(),
            reason: None,
            opted_out: false,
            callback_at: None,
            bridged: false,
            abandoned: false,
            called_off: None,
            ending,
        }
    }

    /// Its task failed: whether somebody was reached is not known.
    pub fn lost(call: String) -> Self {
        Self::missed(call, Reach::Interrupted, "the call's task failed".into())
    }
}

/// Who is at the other end of a leg.
pub(super) enum Side {
    /// They called.
    Caller,
    /// We called them.
    Called(Box<Called>),
}

/// What only a leg has that we placed.
pub(super) struct Called {
    /// Hung up on, whatever becomes of the leg.
    _placed: Placed,
    account: Account,
    answered: Timestamp,
    progress: Box<dyn Fn(Step) + Send + Sync>,
}

impl Side {
    /// A SIP ending in words for the record.
    pub fn ending(&self, cause: Ended) -> Ending {
        let who = match self {
            Self::Caller => "the caller",
            Self::Called(_) => "the called person",
        };
        match cause {
            Ended::ByPeer => format!("{who} hung up"),
            Ended::Cancelled => format!("{who} gave up before the answer"),
            Ended::ByUs => "the bot hung up".into(),
            Ended::AckTimeout => format!("{who} never acknowledged the answer"),
            Ended::Failed(reason) => reason,
        }
    }

    /// Something is noted of the call.
    pub fn note(&mut self, note: &Note) {
        if let Self::Called(called) = self
            && let Some(step) = called.account.note(note)
        {
            (called.progress)(step);
        }
    }

    /// What came of a call that we placed and that was over at `now`; `call` is its conversation.
    pub fn done(self, id: &str, call: Option<&Call>, ending: &str, now: Instant) -> Option<Done> {
        let Self::Called(called) = self else { return None };
        let (account, slots) = (&called.account, call.map(Call::collected).unwrap_or_default());
        let reason = slots.get(REASON).map(|category| Reason {
            category: category.clone(),
            quote: call.and_then(|call| call.quote(REASON)).map(str::to_owned),
        });
        let who = call.and_then(Call::answered_by).or(account.who());
        let waited = call.and_then(|call| call.kept_waiting(now));
        let waited = waited.unwrap_or_else(|| account.talked(now));
        Some(Done {
            answered: Some(called.answered),
            talked: account.talked(now),
            answered_by: who,
            human_reached: matches!(who, None | Some(AnsweredBy::Human)),
            disposition: call.and_then(Call::disposition).map(str::to_owned),
            slots,
            reason,
            opted_out: account.opted_out() || call.is_some_and(Call::opted_out),
            callback_at: account.callback(),
            bridged: account.bridged(),
            abandoned: account.is_abandoned(waited),
            ..Done::missed(id.to_owned(), Reach::Answered, ending.to_owned())
        })
    }
}

/// Places a call, and sees to it until it is over and its record is on its way. What other systems know is asked while it rings.
///
/// The future is the call: who drops it hangs up. It ends by itself: ringing lasts [`Placing::ring`], a call as long as calls may.
pub(in crate::engine) async fn place(bot: Arc<Bot>, placing: Placing) -> Done {
    let Placing {
        permit,
        record,
        trunk,
        ring,
        mut start,
        place,
        letters: (letters, mut received),
        mut wishes,
        progress,
    } = placing;
    let number = permit.number().to_string();
    let mut journal = journal(&bot, &permit, &record, &start);
    let campaign = start.plan.campaigns.get(permit.campaign());
    let mode = campaign.map_or(PacingMode::Agentless, |campaign| campaign.pacing.mode);
    let mut rung = Rung::of(campaign, &mut journal);
    let (events, mut told) = mpsc::channel(EVENTS);
    let way = Way {
        to: number.clone(),
        trunk: trunk.clone(),
        from: Some(permit.caller_id().to_owned()),
    };
    let dialled = may_dial(&bot, &permit, trunk.as_deref()).and_then(|()| Dialled::dial(&bot, way, ring, &events));
    let asked = start.plan.call_start(&start.facts, &start.told);
    let asks = !asked.is_empty() && dialled.is_ok();
    let (end, known) = match dialled {
        Ok(dialled) => {
            let by = trunk.as_ref().map(|trunk| format!(" by {trunk}")).unwrap_or_default();
            rung.journal.event(format!("{number} is called{by}"));
            let profile = profile(&bot, &start.plan, start.facts.clone(), asked);
            let rings = rung.ring(dialled, (&mut told, &mut received, &mut wishes));
            beside(rings, asks.then_some(profile)).await
        }
        Err(why) => (End::NotDialled(why), None),
    };
    let (dialled, media) = match end {
        End::Answered(dialled, media) => (dialled, media),
        end => {
            let done = rung.missed(record.id, end);
            journal.end(Outcome::of_nothing(done.ending.clone()));
            return done;
        }
    };
    match known {
        Some((facts, more)) => {
            start.facts = facts;
            start.told.extend(more);
        }
        // Who has answered does not wait for it.
        None if asks => rung.journal.event("other systems did not say in time what they know"),
        None => {}
    }
    let happened = std::mem::take(&mut rung.happened);
    let (placed, line) = dialled.up(&media);
    let given = Given {
        call: placed.id,
        number: record.number,
        start,
        caller: Origin {
            uri: String::new(),
            user: number,
            trunk,
        },
        journal,
    };
    let side = Side::Called(Box::new(Called {
        _placed: placed,
        account: Account::new(clock::now(), mode),
        answered: clock::wall(),
        progress,
    }));
    let (mut leg, mut inbox) = Leg::new(&bot, side, given, line, (told, (letters, received)));
    leg.place = Some(place);
    leg.agree(&media);
    leg.begin();
    for event in happened {
        leg.letter(Letter::Event(event));
    }
    let ending = tokio::select! {
        ending = leg.hold(&mut inbox) => ending,
        () = ended(&mut wishes) => leg.hang_up("the bot was shut down"),
    };
    let over = leg.hear_out(&mut inbox).await;
    let done = leg.finish(ending, over);
    done.unwrap_or_else(|| Done::lost(record.id))
}

/// The record of a call that is placed: its caller is whoever is outside, as of all calls.
fn journal(bot: &Bot, permit: &Permit, record: &Record, start: &Start) -> Journal {
    let began = Began {
        id: record.id.clone(),
        caller: permit.number().to_string(),
        callee: permit.campaign().to_owned(),
        plan: start.plan.name.clone(),
        plan_hash: start.plan.hash.clone(),
        assistant: start.assistant.clone(),
        at: clock::wall(),
    };
    Journal::begin(bot.outbox.clone(), began, &bot.recordings)
}

/// Whether what was permitted still holds, and is what the called person will see.
fn may_dial(bot: &Bot, permit: &Permit, trunk: Option<&str>) -> Result<(), String> {
    if !permit.is_fresh(clock::wall()) {
        return Err("the permit to dial is too old".into());
    }
    let mut trunks = bot.sip.trunks().map(|(known, _)| known);
    match trunks.find(|known| Some(known.name.as_str()) == trunk && known.caller_id == CallerId::Withheld) {
        Some(known) => Err(format!(
            "trunk `{}` withholds who calls (`caller_id: withheld`), and a campaign may not",
            known.name
        )),
        None => Ok(()),
    }
}

/// Does `work` to its end; and `aside` beside it, as far as that comes.
async fn beside<T, U>(work: impl Future<Output = T>, aside: Option<impl Future<Output = U>>) -> (T, Option<U>) {
    let aside = aside.map_or_else(Fuse::terminated, FutureExt::fuse);
    let (mut work, mut aside) = (std::pin::pin!(work), std::pin::pin!(aside));
    let mut known = None;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return (done, known),
            found = &mut aside, if !aside.is_terminated() => known = Some(found),
        }
    }
}

/// Until calls are to end.
async fn ended(wishes: &mut watch::Receiver<Option<Wish>>) {
    // Who could wish it is gone with the bot.
    wishes.wait_for(|wish| *wish == Some(Wish::End)).await.ok();
}

/// A call that rings, and what is told of it meanwhile.
struct Rung<'a> {
    ringing: Ringing,
    /// Events that call it off.
    calls_off: Vec<String>,
    /// Those that do not.
    happened: Vec<String>,
    journal: &'a mut Journal,
}

/// How ringing ended.
enum End {
    Answered(Box<Dialled>, Box<Media>),
    NotDialled(String),
    Missed(Miss),
    /// By this event.
    CalledOff(String),
    /// The bot ends.
    Ends,
}

type Ears<'a> = (
    &'a mut mpsc::Receiver<Event>,
    &'a mut mpsc::Receiver<Letter>,
    &'a mut watch::Receiver<Option<Wish>>,
);

impl<'a> Rung<'a> {
    fn of(campaign: Option<&Campaign>, journal: &'a mut Journal) -> Self {
        let trigger = campaign.and_then(|campaign| campaign.trigger.as_ref());
        Self {
            ringing: Ringing::default(),
            calls_off: trigger.map(|trigger| trigger.cancel_on.clone()).unwrap_or_default(),
            happened: Vec::new(),
            journal,
        }
    }

    /// Until somebody answers, or nobody will.
    async fn ring(&mut self, mut dialled: Dialled, (events, letters, wishes): Ears<'_>) -> End {
        let mut tones = ToneDetector::default();
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let news = tokio::select! {
                biased;
                () = ended(wishes) => return End::Ends,
                event = events.recv() => match event {
                    Some(event) => self.signalled(&mut dialled, &event),
                    None => return End::Ends,
                },
                Some(letter) = letters.recv() => match self.letter(letter) {
                    Some(event) => return End::CalledOff(event),
                    None => continue,
                },
                _ = tick.tick() => self.tick(&mut dialled, &mut tones, clock::now()),
            };
            match news {
                None => {}
                Some(News::Rings) => self.journal.event("it rings"),
                Some(News::Answered(media)) => return End::Answered(Box::new(dialled), media),
                Some(News::NotReached(miss)) => return End::Missed(miss),
            }
        }
    }

    fn signalled(&mut self, dialled: &mut Dialled, event: &Event) -> Option<News> {
        match event {
            Event::Progressed { code, .. } => self.ringing.progressed(*code),
            Event::Answered { .. } => self.ringing.progressed(200),
            _ => {}
        }
        dialled.signalled(event)
    }

    /// What the network has to say is listened to; nothing is said.
    fn tick(&mut self, dialled: &mut Dialled, tones: &mut ToneDetector, now: Instant) -> Option<News> {
        let (heard, miss) = dialled.tick(now);
        if let Some(tone) = heard.as_ref().and_then(|frame| tones.hear(frame))
            && let Some(until) = self.ringing.hear(now, tone)
        {
            self.journal.event(format!("the network says by a tone: {tone:?}"));
            dialled.end_by(until);
        }
        miss.map(News::NotReached)
    }

    /// The event that calls it off.
    fn letter(&mut self, letter: Letter) -> Option<String> {
        match letter {
            Letter::Event(event) => {
                self.journal.event(format!("meanwhile: {event}"));
                if self.calls_off.contains(&event) {
                    return Some(event);
                }
                if self.happened.len() < HAPPENED {
                    self.happened.push(event);
                }
            }
            Letter::Page(order) => drop(order.answer.send(Err("nobody has answered yet".into()))),
            // It has neither a ticket nor people.
            Letter::Desk(..) | Letter::Brief { .. } => {}
        }
        None
    }

    fn missed(&self, call: String, end: End) -> Done {
        match end {
            End::Missed(miss) => {
                let (reach, code) = self.ringing.reach(&miss);
                let retry_after = match &miss {
                    Miss::Refused { retry_after, .. } => *retry_after,
                    Miss::Unanswered(_) | Miss::Failed(_) => None,
                };
                Done {
                    code,
                    retry_after,
                    answered_by: self.ringing.heard(),
                    ..Done::missed(call, reach, format!("not reached: {}", miss.words()))
                }
            }
            End::CalledOff(event) => {
                let ending = format!("called off before an answer: {event}");
                Done {
                    called_off: Some(event),
                    ..Done::missed(call, Reach::NoAnswer, ending)
                }
            }
            // It is our limit that was met, not theirs.
            End::NotDialled(why) => Done::missed(call, Reach::Congestion, format!("not dialled: {why}")),
            End::Answered(..) | End::Ends => Done::missed(call, Reach::Interrupted, "the bot was shut down".into()),
        }
    }
}

#[cfg(test)]
mod tests;
