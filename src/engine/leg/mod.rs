//! The driver of one call: it owns the sockets, the clock and the engines' answers, and steps [`Call`].
//!
//! It decides nothing that a caller would notice. One task, which awaits in one place.

mod account;
mod calling_back;
mod changing;
mod outputs;
mod people;
pub(super) mod placed;
mod quality;
mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

pub(super) use self::calling_back::Origin;
use self::changing::Away;
use self::placed::{Done, Side};
pub(super) use self::quality::quality;
use self::waiting::Waiting;
use super::Bot;
use super::conference::Conference;
use super::incoming::Refusal;
use super::journal::{Journal, Outcome};
use super::letters::{Letter, Letters, letter_box};
use super::line::Line;
use super::places::Place;
use super::recorder::Recording;
use super::thinking::Thinking;
use super::using::Using;
use crate::audio::clean::Cleaner;
use crate::audio::{FRAME_DURATION, Frame};
use crate::call::{Call, Heard, Note, Start};
use crate::clock;
use crate::dialplan::{Command, Plan, Value};
use crate::rtp;
use crate::sdp::{self, Direction};
use crate::sip::{Action, CallId, Event};
use crate::speech::{Hearing, Judging, Speaking, Transcript, Vad};

/// Answers of engines that may wait for the call: it has at most a handful of questions open, so it is never full.
const ANSWERS: usize = 64;
/// How often a call is told how the queues stand, where its plan asks.
const QUEUES: Duration = Duration::from_secs(1);
/// A tick that comes later than this was held up by the machine, and those behind it are let go.
const LATE: Duration = Duration::from_millis(100);

/// What was said last is known after this time, or never.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What an engine answers.
enum Answer {
    Transcribed(u64, Result<Transcript, String>),
    Judged(u64, Result<f32, String>),
    Voiced(u64, Result<Arc<[i16]>, String>),
    Clause(u64, String),
    Understood(u64, Result<Vec<Command>, String>),
    Returned(u64, Result<BTreeMap<String, Value>, String>),
    /// A sound for who waits, and what is done with it.
    ForWaiting(fn(&mut Waiting, Arc<[i16]>), Result<Arc<[i16]>, String>),
}

/// An invitation that was routed to a plan.
pub(super) struct Accepted {
    pub call: CallId,
    pub number: u64,
    pub start: Start,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    pub caller: Origin,
    pub offer: Option<Vec<u8>>,
    pub ringing: Ringing,
    pub journal: Journal,
}

/// Whether the caller hears ringing already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ringing {
    Told,
    Untold,
}

/// How a call ended, in words.
pub(super) type Ending = String;

pub(super) struct Leg {
    bot: Arc<Bot>,
    id: CallId,
    number: u64,
    side: Side,
    line: Line,
    start: Option<Start>,
    call: Option<Call>,
    /// Among those who are served.
    place: Option<Place>,
    waiting: Option<Waiting>,
    /// Where they can be called back.
    caller: Origin,
    /// How often somebody was to be called back.
    callbacks: u32,
    /// Who is with the caller, or rung for them, or listens.
    people: Conference,
    letters: mpsc::Sender<Letter>,
    vad: Vad,
    cleaner: Option<Cleaner>,
    held: bool,
    /// They have somebody called to go on with.
    away: Option<Away>,
    /// The last description that went out was our offer: the answer comes with an ACK.
    offered: bool,
    hearing: HashMap<u64, Hearing>,
    judging: Option<Judging>,
    speaking: HashMap<u64, Speaking>,
    thinking: HashMap<u64, Thinking>,
    using: HashMap<u64, Using>,
    plan: Arc<Plan>,
    answers: mpsc::Sender<Answer>,
    recording: Option<Recording>,
    journal: Journal,
    began: Instant,
    /// When the call was last told how the queues stand.
    queues_told: Instant,
}

/// Runs a call from its INVITE to its end.
pub(super) async fn run(bot: Arc<Bot>, accepted: Accepted, events: mpsc::Receiver<Event>) {
    let id = accepted.call;
    let wanted = accepted.offer.as_deref().and_then(sdp::wanted_at);
    let towards = wanted.filter(|ip| !ip.is_unspecified()).unwrap_or(accepted.source.ip());
    let config = rtp::Config {
        silence: bot.rtp_silence,
        ..rtp::Config::default()
    };
    let line = match Line::open(&bot, towards, config) {
        Ok(line) => line,
        Err(refusal) => return refusal.tell(&bot, id, accepted.journal),
    };
    let given = Given {
        call: id,
        number: accepted.number,
        start: accepted.start,
        caller: accepted.caller,
        journal: accepted.journal,
    };
    let (mut leg, mut inbox) = Leg::new(&bot, Side::Caller, given, line, (events, letter_box()));
    if let Err(refusal) = leg.accept(accepted.offer, accepted.ringing) {
        return refusal.tell(&bot, id, leg.journal);
    }
    leg.place = bot.places.take();
    let ending = leg.hold(&mut inbox).await;
    let over = leg.hear_out(&mut inbox).await;
    leg.finish(ending, over);
}

/// What a leg begins with, whoever has called.
struct Given {
    call: CallId,
    number: u64,
    start: Start,
    caller: Origin,
    journal: Journal,
}

/// What reaches a call.
struct Inbox {
    events: mpsc::Receiver<Event>,
    /// Of the telephones of its people.
    telephones: mpsc::Receiver<Event>,
    letters: mpsc::Receiver<Letter>,
    answers: mpsc::Receiver<Answer>,
}

impl Leg {
    fn new(
        bot: &Arc<Bot>,
        side: Side,
        given: Given,
        line: Line,
        (events, (letters, received)): (mpsc::Receiver<Event>, Letters),
    ) -> (Self, Inbox) {
        let (answers, answered) = mpsc::channel(ANSWERS);
        let (telephones, of_telephones) = mpsc::channel(super::EVENTS);
        let plan = Arc::clone(&given.start.plan);
        let people = Conference::new(bot, &plan, given.number, (letters.clone(), telephones));
        let leg = Self {
            id: given.call,
            number: given.number,
            side,
            line,
            call: None,
            place: None,
            waiting: None,
            caller: given.caller,
            callbacks: 0,
            people,
            letters,
            vad: bot.engines.vad(),
            cleaner: Cleaner::new(bot.cleaning),
            held: false,
            away: None,
            offered: false,
            hearing: HashMap::new(),
            judging: None,
            speaking: HashMap::new(),
            thinking: HashMap::new(),
            using: HashMap::new(),
            plan,
            start: Some(given.start),
            answers,
            recording: None,
            journal: given.journal,
            began: clock::now(),
            queues_told: clock::now(),
            bot: Arc::clone(bot),
        };
        let inbox = Inbox {
            events,
            telephones: of_telephones,
            letters: received,
            answers: answered,
        };
        (leg, inbox)
    }

    /// Answers the INVITE.
    fn accept(&mut self, offer: Option<Vec<u8>>, ringing: Ringing) -> Result<(), Refusal> {
        let body = match offer {
            Some(offer) => self.negotiate(&offer)?,
            None => {
                self.offered = true;
                self.line.offer()
            }
        };
        if ringing == Ringing::Untold {
            self.bot.act(Action::Ring { call: self.id });
        }
        self.bot.act(Action::Accept {
            call: self.id,
            body: body.into_bytes(),
        });
        Ok(())
    }

    /// Sees to all that reaches the call, until it is over; how it ended.
    async fn hold(&mut self, inbox: &mut Inbox) -> Ending {
        let places = self.bot.places.clone();
        let mut place = std::pin::pin!(places.wait());
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let over = tokio::select! {
                biased;
                event = inbox.events.recv() => match event {
                    Some(event) => self.signalled(event),
                    None => Some("the bot was shut down".to_owned()),
                },
                Some(event) = inbox.telephones.recv() => { self.people.signalled(event); None }
                Some(letter) = inbox.letters.recv() => { self.letter(letter); None }
                Some(answer) = inbox.answers.recv() => { self.answered(answer); None }
                place = &mut place, if self.place.is_none() => { self.admitted(place); None }
                due = tick.tick() => {
                    let now = clock::now();
                    let late = now.saturating_duration_since(due.into_std());
                    self.bot.ticked(now, late);
                    if late > LATE {
                        // The machine stood still: what was missed is missed, and not sent in a burst.
                        tick.reset();
                    }
                    self.line.receive(now);
                    self.tick()
                }
            };
            self.follow_people();
            self.carry_out();
            if let Some(ending) = over {
                return ending;
            }
        }
    }

    /// Answers an offer, and sends where it says from now on.
    fn negotiate(&mut self, offer: &[u8]) -> Result<String, Refusal> {
        let (answer, media) = self.line.answer(offer)?;
        self.agree(&media);
        Ok(answer)
    }

    fn agree(&mut self, media: &sdp::Media) {
        self.held = match media.direction {
            Direction::SendRecv | Direction::SendOnly => false,
            Direction::RecvOnly | Direction::Inactive => true,
        };
        let peer = self.meanwhile(media.peer());
        self.line.agree(media, peer);
    }

    fn signalled(&mut self, event: Event) -> Option<Ending> {
        match event {
            Event::Acknowledged { body, .. } => self.acknowledged(body),
            Event::Changed { offer, .. } => {
                self.changed(offer);
                None
            }
            Event::Refreshed { answer, .. } => {
                match self.line.accept(&answer) {
                    Ok(media) => self.agree(&media),
                    Err(e) => tracing::warn!(call = %self.id, "the answer to a refresh: {e}"),
                }
                None
            }
            Event::Referred { to, .. } => {
                self.referred(&to);
                None
            }
            Event::Joined { answer, .. } => self.joined(&answer),
            Event::NotJoined { code, .. } => {
                self.not_joined(code);
                None
            }
            Event::Transferred { code, .. } => match &mut self.call {
                Some(call) => {
                    call.transferred(clock::now(), code);
                    None
                }
                None => self.transferred_waiting(clock::now(), code),
            },
            // Of who is called in their stead it is not.
            Event::Key { .. } if self.away.is_some() => None,
            Event::Key { digit, .. } => {
                let told = self
                    .line
                    .stream
                    .as_mut()
                    .and_then(|stream| stream.keys_are_told(clock::now()));
                if told.is_some_and(|key| key.symbol() == digit) {
                    return None;
                }
                match &mut self.call {
                    Some(call) => call.key(clock::now(), digit),
                    None => self.waiting_key(clock::now(), digit),
                }
                None
            }
            Event::Ended { cause, .. } => Some(self.side.ending(cause)),
            Event::Invited { .. }
            | Event::Progressed { .. }
            | Event::Answered { .. }
            | Event::Refused { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::TrunkDown { .. }
            | Event::TrunkUp { .. } => None,
        }
    }

    /// The caller has our 200: the conversation begins.
    fn acknowledged(&mut self, body: Option<Vec<u8>>) -> Option<Ending> {
        let asked = std::mem::take(&mut self.offered);
        if let (true, Some(answer)) = (asked, &body) {
            match self.line.accept(answer) {
                Ok(media) => self.agree(&media),
                Err(e) if self.call.is_some() => tracing::warn!(call = %self.id, "the answer to our offer: {e}"),
                Err(e) => return Some(self.hang_up(&format!("the answer to our offer: {e}"))),
            }
        }
        if self.line.stream.is_none() {
            return Some(self.hang_up("no session description came with the ACK"));
        }
        if self.place.is_some() {
            self.begin();
        } else if self.waiting.is_none() {
            self.wait();
        }
        None
    }

    /// There is a place, and the caller has our 200: the conversation begins.
    fn begin(&mut self) {
        let Some(mut start) = self.start.take() else { return };
        start.facts.queues = self.bot.floor.loads(&self.plan.asked_queues);
        self.journal.answered();
        let recorder = self.bot.recorder.as_ref();
        self.recording = recorder.map(|recorder| recorder.record(&self.journal.recording_path()));
        self.appear(&start);
        self.call = Some(Call::new(clock::now(), start));
    }

    /// 20 ms.
    fn tick(&mut self) -> Option<Ending> {
        let now = clock::now();
        let delay = self.line.stream.as_ref()?.delay(now);
        let incoming = self.line.tick(now)?;
        // Before the ACK nobody has shown that they are where they say.
        if self.call.is_some() || self.waiting.is_some() {
            self.line.report(now);
        }
        let stream = self.line.stream.as_mut()?;
        while let Some(event) = stream.poll() {
            match event {
                rtp::Event::Silent { lasted } => {
                    return Some(self.hang_up(&format!("no RTP was received for {} s", lasted.as_secs())));
                }
                rtp::Event::Alarm { lasted, .. } => {
                    tracing::warn!(call = %self.id, "no sound from the caller for {} s: is their RTP let through?", lasted.as_secs());
                }
                rtp::Event::Moved { to } => {
                    tracing::info!(call = %self.id, %to, "the caller's sound comes from elsewhere")
                }
                rtp::Event::Returned | rtp::Event::SourceChanged => {}
            }
        }
        if now.saturating_duration_since(self.began) >= self.bot.longest {
            return Some(self.hang_up("the call reached its longest time"));
        }
        if self.waiting.is_some() {
            for key in incoming.keys {
                self.waiting_key(now, key.symbol());
            }
            return self.await_place(now);
        }
        if now.saturating_duration_since(self.queues_told) >= QUEUES {
            self.tell_of_queues();
        }
        let rests = self.rests();
        let call = self.call.as_mut()?;
        for key in incoming.keys.into_iter().filter(|_| self.away.is_none()) {
            call.key(now, key.symbol());
        }
        let line = incoming.frame;
        let cleaned = self.cleaner.as_mut().map(|cleaner| cleaner.clean(&line));
        let frame = cleaned.as_ref().unwrap_or(&line);
        let probability = if call.heeds_speech() {
            self.vad.hear(frame.samples()).unwrap_or_else(|e| {
                tracing::error!("{e}");
                0.0
            })
        } else {
            0.0
        };
        let arrived = now.checked_sub(delay).unwrap_or(now);
        let spoken = if rests {
            call.hold(now);
            None
        } else {
            call.tick(
                now,
                Heard {
                    frame,
                    line: &line,
                    probability,
                    arrived,
                },
            )
        };
        let heard = cleaned.as_ref().unwrap_or(&line);
        let of_people = self
            .people
            .tick(now, heard, spoken.as_ref(), |who, frame, probability| {
                call.agent_said(now, who, frame, probability);
            });
        let spoken = of_people.or(spoken).unwrap_or_else(Frame::silence);
        if let Some(recording) = &mut self.recording {
            recording.write(cleaned.unwrap_or(line), spoken.clone());
        }
        if !rests {
            if let Some(cleaner) = &mut self.cleaner {
                cleaner.play(&spoken);
            }
            self.line.send(now, &spoken);
        }
        None
    }

    fn answered(&mut self, answer: Answer) {
        let now = clock::now();
        if let Answer::ForWaiting(then, sound) = answer {
            match (sound, &mut self.waiting) {
                (Ok(sound), Some(waiting)) => then(waiting, sound),
                (Err(e), Some(_)) => tracing::warn!("those who wait hear nothing: {e}"),
                (_, None) => {}
            }
            return;
        }
        self.tell_of_queues();
        let Some(call) = &mut self.call else { return };
        match answer {
            Answer::ForWaiting(..) => {}
            Answer::Transcribed(id, result) => {
                self.hearing.remove(&id);
                call.transcribed(now, id, result);
            }
            Answer::Voiced(id, result) => {
                self.speaking.remove(&id);
                call.voiced(now, id, result);
            }
            Answer::Judged(id, result) => call.judged(now, id, result),
            Answer::Clause(id, text) => call.clause(now, id, &text),
            Answer::Understood(id, result) => {
                self.thinking.remove(&id);
                call.understood(now, id, result);
            }
            Answer::Returned(id, result) => {
                self.using.remove(&id);
                call.returned(now, id, result);
            }
        }
    }

    /// How the queues stand that the plan asks about.
    fn tell_of_queues(&mut self) {
        self.queues_told = clock::now();
        if let Some(call) = self.call.as_mut().filter(|_| !self.plan.asked_queues.is_empty()) {
            call.queues_stand(self.bot.floor.loads(&self.plan.asked_queues));
        }
    }

    fn refuse(&self, answer: Answer) {
        self.answers.try_send(answer).ok();
    }

    fn note(&mut self, note: Note) {
        self.side.note(&note);
        if note == Note::OptedOut && matches!(self.side, Side::Caller) {
            // Who calls us is not called by campaigns any more either.
            self.bot.opted_out(&self.caller.user, self.journal.id());
        }
        self.journal.note(note);
    }

    fn hang_up(&mut self, reason: &str) -> Ending {
        self.bot.act(Action::Hangup {
            call: self.id,
            cause: Some(format!("SIP;text=\"{reason}\"")),
        });
        reason.to_owned()
    }

    /// It is over since the moment that is told. What they said last counts, though they hung up in the same breath: it is waited for, and nothing else
    /// comes of it.
    async fn hear_out(&mut self, inbox: &mut Inbox) -> Instant {
        self.people.leave();
        self.carry_out();
        let over = clock::now();
        if let Some(call) = &mut self.call {
            call.hung_up(over);
        }
        self.carry_out();
        let until = (over + LAST_WORDS).into();
        while self.call.as_ref().is_some_and(Call::awaits_last_words) {
            let Ok(Some(answer)) = tokio::time::timeout_at(until, inbox.answers.recv()).await else {
                break;
            };
            self.answered(answer);
        }
        over
    }

    /// Its record is on its way. What came of it, if we placed it.
    fn finish(mut self, ending: Ending, over: Instant) -> Option<Done> {
        let last = self.call.as_mut().map(|call| call.interrupted(clock::now()));
        for note in last.into_iter().flatten() {
            self.note(note);
        }
        if let Some(minutes) = self.call.as_mut().and_then(Call::minutes) {
            self.bot.live.minutes(self.number, Box::new(minutes));
        }
        drop(self.people);
        let path = self.call.as_ref().map(|call| call.path().to_vec()).unwrap_or_default();
        let recording = self
            .recording
            .as_ref()
            .map(|recording| recording.path().display().to_string());
        if self.call.is_some() || self.waiting.is_some() {
            self.line.goodbye(clock::now());
        }
        let quality = self.line.stream.as_ref().map(quality);
        let disposition = self.call.as_ref().and_then(Call::disposition).map(str::to_owned);
        let slots = self.call.as_ref().map(Call::collected).unwrap_or_default();
        let done = self.side.done(self.journal.id(), self.call.as_ref(), &ending, over);
        self.journal.end(Outcome {
            ending,
            path,
            disposition,
            slots,
            recording,
            quality,
        });
        done
    }
}
