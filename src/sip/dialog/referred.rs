//! A call that a peer has us place (REFER, RFC 3515, RFC 5589), blind or to take the place of another: where it is answered,
//! our call goes on with whom it reached, and for the reader of the events that is a change of the session. The peer hears
//! how it went by NOTIFY, also when it has left meanwhile.
//!
//! It is placed as a call of its own, like any other, and nobody but the first hears of it. Once answered the two change
//! places: the first goes on in the dialog of the second, which is left with the peer, and takes its leave.
//!
//! Whom callers name is called at our cost: only where the configuration permits it at all, and then by the door that all
//! calls leave by. It knows no session description: the offer is the reader's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::Transaction;
use tokio::sync::oneshot;
use tracing::debug;

use super::apart::Leg;
use super::call::{Call, Done, Phase};
use super::inside::sequence;
use super::placed::set_out;
use super::refer_to::{ReferTo, Unfit, referred_by};
use super::replaces::REPLACED;
use crate::sip::core::{Core, finish};
use crate::sip::registry::Input;
use crate::sip::{Action, CallId, Ended, Event, Referred};

/// How long the reader has for an offer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long whom we call may take to answer.
const RINGING: Duration = Duration::from_secs(60);

/// Whom one may have called in a call: nobody uses up alone what may be called in a day.
const MOST: u8 = 5;
/// How long who is left may take to answer the last report.
const ANSWERED: Duration = Duration::from_secs(4);

type Report = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whom a peer wants us to go on with.
pub(super) struct Sought {
    /// The call that is placed.
    call: CallId,
    /// Of its INVITE.
    headers: Vec<Header>,
    /// The Event of what is reported: with the number of the REFER, since there may be another (section 2.4.6).
    event: String,
    step: Step,
    until: Instant,
}

enum Step {
    /// The offer is awaited.
    Offer(Action),
    /// What becomes of it is. Who waits no longer closes this, and it is hung up.
    Placed(oneshot::Receiver<Outcome>),
}

/// What became of a call that was placed for another.
pub(super) enum Outcome {
    /// It was answered.
    Answered(Box<Call>),
    /// It was not, with this code.
    Lost(u16),
}

impl Sought {
    /// It comes to something by then, or to nothing.
    pub fn until(&self) -> Instant {
        self.until
    }

    fn owes_offer(&self) -> bool {
        matches!(self.step, Step::Offer(_))
    }
}

/// What a call is about that is none of the reader's.
pub(super) enum Errand {
    /// It is placed for the call that is told here what becomes of it.
    For(oneshot::Sender<Outcome>),
    /// It takes its leave.
    Leaving,
}

impl Errand {
    /// The code of an end.
    fn lost(event: &Event) -> Option<u16> {
        match event {
            Event::Refused { code, .. } => Some(*code),
            Event::Ended { call, cause } => Some(match cause {
                Ended::ByUs | Ended::Cancelled => 487,
                Ended::ByPeer => 480,
                Ended::AckTimeout => 408,
                Ended::Failed(why) => {
                    debug!(%call, why, "whom a peer has us call is not reached");
                    503
                }
            }),
            Event::Invited { .. }
            | Event::Acknowledged { .. }
            | Event::Changed { .. }
            | Event::Refreshed { .. }
            | Event::Referred { .. }
            | Event::Joined { .. }
            | Event::NotJoined { .. }
            | Event::Progressed { .. }
            | Event::Answered { .. }
            | Event::Transferred { .. }
            | Event::Key { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::TrunkDown { .. }
            | Event::TrunkUp { .. } => None,
        }
    }

    /// To the call that it is placed for. One that is gone needs no word.
    fn tell(&mut self, core: &Core, event: &Event) {
        core.tolls().told(event, crate::clock::now());
        let Some(code) = Errand::lost(event) else { return };
        if let Errand::For(call) = std::mem::replace(self, Errand::Leaving) {
            let _ = call.send(Outcome::Lost(code));
        }
    }

    /// Until nobody waits for it any more.
    async fn unwanted(&mut self) {
        match self {
            Errand::For(call) => call.closed().await,
            Errand::Leaving => std::future::pending().await,
        }
    }
}

/// Never, where the call is one of the reader's.
pub(super) async fn unwanted(errand: &mut Option<Errand>) {
    match errand {
        Some(errand) => errand.unwanted().await,
        None => std::future::pending().await,
    }
}

/// Never, where none was placed.
pub(super) async fn outcome_of(sought: &mut Option<Box<Sought>>) -> Outcome {
    match sought.as_mut().map(|sought| &mut sought.step) {
        // Its task ended before its time.
        Some(Step::Placed(outcome)) => outcome.await.unwrap_or(Outcome::Lost(500)),
        Some(Step::Offer(_)) | None => std::future::pending().await,
    }
}

impl Call {
    /// To the reader of events, where it is one of theirs.
    pub async fn tell(&mut self, event: Event) {
        match &mut self.errand {
            None => self.core.tell(event).await,
            Some(errand) => errand.tell(&self.core, &event),
        }
    }

    /// The last word of a call whose task ends before its time. Lost where the queue is full.
    pub fn tell_now(&mut self, event: Event) {
        match &mut self.errand {
            None => {
                self.core.tolls().told(&event, crate::clock::now());
                let _ = self.core.events.try_send(event);
            }
            Some(errand) => errand.tell(&self.core, &event),
        }
    }

    pub async fn on_refer(&mut self, mut request: Transaction) {
        let to = match self.judge(&request.original) {
            Ok(to) => to,
            Err(code) => return self.core.answer(request, code, Vec::new()),
        };
        let call = self.core.next_call();
        let trunk = self.channel.as_ref().map(|channel| channel.trunk().to_owned());
        let Some(target) = self.core.config.outbound.target(&to.uri, trunk.is_some()) else {
            return self.core.answer(request, 403, Vec::new());
        };
        let dial = Action::Dial {
            call,
            to: target,
            from: None,
            trunk,
            offer: Vec::new(),
        };
        if self.core.refusal(&dial).is_some() {
            return self.core.answer(request, 403, Vec::new());
        }
        let by = referred_by(&request.original).map(|by| Header::ReferredBy(by.into()));
        let replaces = to.replaces.map(|value| Header::Replaces(value.into()));
        let number = sequence(&request.original).unwrap_or_default();
        self.retarget(request.original.typed_contact_headers().ok());
        // At once: no report is to overtake it.
        finish(&mut request, 202, vec![self.own_contact()]).await;
        let sought = Sought {
            call,
            headers: by.into_iter().chain(replaces).collect(),
            event: format!("refer;id={number}"),
            step: Step::Offer(dial),
            until: crate::clock::now() + PATIENCE,
        };
        self.referred = self.referred.saturating_add(1);
        self.report_meanwhile(&sought, 100);
        self.sought = Some(Box::new(sought));
        let (call, to) = (self.id, to.uri);
        self.tell(Event::Referred { call, to }).await;
    }

    /// Whom to call, or how the REFER is to be refused.
    fn judge(&self, refer: &Request) -> Result<ReferTo, u16> {
        if self.core.config.outbound.referred == Referred::Never {
            return Err(405);
        }
        // One at a time, and nothing else beside it.
        let busy = self.sought.is_some() || self.successor.is_some() || self.change.is_some() || self.offering;
        let up = self.phase == Phase::Up && self.errand.is_none() && !self.dialog.state().is_terminated();
        if busy || !up || self.awaits_reports() {
            return Err(491);
        }
        if self.referred >= MOST {
            return Err(403);
        }
        ReferTo::of(refer).map_err(Unfit::code)
    }

    /// The reader has not said what is to be offered to whom we call.
    pub fn owes_offer(&self) -> bool {
        self.sought.as_ref().is_some_and(|sought| sought.owes_offer())
    }

    /// It is in the call no more, which waits for whom it had us call.
    pub fn peer_has_left(&self) -> bool {
        self.sought.is_some() && self.dialog.state().is_terminated()
    }

    /// The reader's offer: it is placed.
    pub async fn seek(&mut self, body: Vec<u8>) {
        let Some(sought) = self.sought.as_mut().filter(|sought| sought.owes_offer()) else {
            return;
        };
        let (tell, told) = oneshot::channel();
        let Step::Offer(mut dial) = std::mem::replace(&mut sought.step, Step::Placed(told)) else {
            return;
        };
        if let Action::Dial { offer, .. } = &mut dial {
            *offer = body;
        }
        sought.until = crate::clock::now() + RINGING;
        let headers = std::mem::take(&mut sought.headers);
        if !send_for(&self.core, dial, headers, Errand::For(tell)) {
            self.lose_sought(503).await;
        }
    }

    /// Its time is over.
    pub async fn on_sought_late(&mut self) {
        let code = if self.owes_offer() { 500 } else { 408 };
        self.lose_sought(code).await;
    }

    pub async fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered(next) => self.on_joined(next).await,
            Outcome::Lost(code) => self.lose_sought(code).await,
        }
    }

    /// Nobody was reached. The call goes on with the peer; where that has left, nobody is left.
    pub async fn lose_sought(&mut self, code: u16) {
        let Some(sought) = self.call_off() else { return };
        self.report_meanwhile(&sought, code);
        if self.phase != Phase::Up {
            return;
        }
        self.tell(Event::NotJoined { call: self.id, code }).await;
        if self.dialog.state().is_terminated() {
            self.end(Ended::ByPeer).await;
        }
    }

    /// Whom we call is not wanted any more.
    pub fn call_off(&mut self) -> Option<Box<Sought>> {
        let mut sought = self.sought.take()?;
        let (call, cause) = (sought.call, Ended::ByUs);
        // Nothing more is counted, though it may never have come to be.
        self.core
            .tolls()
            .told(&Event::Ended { call, cause }, crate::clock::now());
        if let Step::Placed(outcome) = &mut sought.step {
            outcome.close();
            // Answered in this moment.
            if let Ok(Outcome::Answered(call)) = outcome.try_recv() {
                take_leave(call, None);
            }
        }
        Some(sought)
    }

    /// Whom we called answered: the call goes on in that dialog, and the one before it takes its leave.
    async fn on_joined(&mut self, mut next: Box<Call>) {
        let Some(answer) = next.heard.clone() else {
            take_leave(next, None);
            // An answer that says nothing of its sound is none.
            return self.lose_sought(488).await;
        };
        let Some(sought) = self.sought.take() else {
            return take_leave(next, None);
        };
        debug!(call = %self.id, "the call goes on with whom its peer had us call");
        let report = self.report(&sought.event, 200);
        std::mem::swap(self, next.as_mut());
        // What the reader and the registry know the call by stays.
        std::mem::swap(&mut self.id, &mut next.id);
        std::mem::swap(&mut self.entered, &mut next.entered);
        std::mem::swap(&mut self.inputs, &mut next.inputs);
        self.entered.trade(&next.entered);
        self.core.tolls().trade(self.id, next.id);
        self.errand = None;
        // What came for it while it was on its way here.
        let late: Vec<Input> = std::iter::from_fn(|| next.inputs.try_recv().ok()).collect();
        take_leave(next, Some(report));
        self.is_up();
        self.tell(Event::Joined { call: self.id, answer }).await;
        self.resume().await;
        for input in late {
            match input {
                Input::Request(request) => self.on_request(*request).await,
                Input::Replace(invite, replaces) => self.on_replaces(*invite, replaces).await,
                // Nobody but us knew of it.
                Input::Action(_) => {}
            }
        }
    }

    fn report_meanwhile(&mut self, sought: &Sought, code: u16) {
        let report = self.report(&sought.event, code);
        self.work.spawn(async move {
            report.await;
            Done::Said
        });
    }

    /// A NOTIFY of how it goes (section 2.4.5), seen through. Past the library, which lets nothing follow a BYE.
    fn report(&self, event: &str, code: u16) -> Report {
        let state = match code {
            100..200 => format!("active;expires={}", (PATIENCE + RINGING).as_secs()),
            _ => "terminated;reason=noresource".to_owned(),
        };
        let headers = vec![
            Header::Event(event.to_owned().into()),
            Header::SubscriptionState(state.into()),
            self.own_contact(),
            Header::ContentType("message/sipfrag;version=2.0".into()),
        ];
        let mut leg = Leg::of_call(self);
        leg.sequence = self.inner.increment_local_seq();
        leg.credential = self.credential.clone();
        leg.body = format!("SIP/2.0 {code} {}\r\n", StatusCode::from(code).text()).into_bytes();
        let (core, inner) = (self.core.clone(), self.inner.clone());
        Box::pin(async move {
            let next = || inner.increment_local_seq();
            if leg.send(&core, Method::Notify, headers, next).await.is_none() {
                debug!("a report was not answered");
            }
        })
    }

    fn own_contact(&self) -> Header {
        Header::Contact(format!("<{}>", self.contact).into())
    }

    /// It was placed for another, and is answered.
    pub fn is_awaited(&self) -> bool {
        self.phase == Phase::Up && matches!(self.errand, Some(Errand::For(_)))
    }
}

/// Gives a call that was answered to the one that it was placed for.
pub(super) fn hand_over(mut call: Call) {
    let Some(Errand::For(to)) = call.errand.replace(Errand::Leaving) else {
        return;
    };
    if let Err(Outcome::Answered(call)) = to.send(Outcome::Answered(Box::new(call))) {
        take_leave(call, None);
    }
}

/// Places it as a call of its own. False: there is no room.
fn send_for(core: &Arc<Core>, dial: Action, headers: Vec<Header>, mut errand: Errand) -> bool {
    let call = dial.call();
    let Some((entered, inputs)) = core.registry.enter(call) else {
        return false;
    };
    let placing = core.clone();
    core.tasks.spawn(async move {
        let placed = tokio::select! {
            placed = set_out(&placing, entered, inputs, dial, headers) => placed,
            () = errand.unwanted() => Err(Box::new(Event::Ended { call, cause: Ended::ByUs })),
        };
        match placed {
            Ok(mut call) => {
                call.errand = Some(errand);
                call.run().await;
            }
            Err(event) => errand.tell(&placing, &event),
        }
    });
    true
}

/// Its peer hears the `report` that it is owed, and goodbye, unless it is quicker.
fn take_leave(mut call: Box<Call>, report: Option<Report>) {
    call.errand = Some(Errand::Leaving);
    call.work.spawn(async move {
        let replaced = report.is_some().then(|| REPLACED.to_owned());
        if let Some(report) = report {
            // Who does not answer it is hung up on all the same.
            tokio::time::timeout(ANSWERED, report).await.ok();
        }
        Done::Reported(replaced)
    });
    call.core.clone().tasks.spawn((*call).run());
}
