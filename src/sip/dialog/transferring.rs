//! Transfers that we ask for (REFER, RFC 3515), blind or to the other end of a call of ours, and what the peer reports of
//! them. A transfer has one outcome, and has it in time: where the peer loses sight of it, it is a 408.
//!
//! What a peer asks us for by REFER is the business of `referred`.

use std::time::Duration;

use rsipstack::sip::{Header, ReferTo};
use rsipstack::transaction::Transaction;

use super::asking::open_way;
use super::call::{Call, Done, Phase, Referral};
use crate::sip::core::finish;
use crate::sip::message::{self, grammar, refer_to};
use crate::sip::{CallId, Event};

/// For so long a transfer goes on without a word; a peer may ask for more or less.
const USUAL: Duration = Duration::from_secs(60);
const LEAST: Duration = Duration::from_secs(2);
const MOST: Duration = Duration::from_secs(300);

/// What a NOTIFY says of the reports to come (RFC 6665 section 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    Active(Option<Duration>),
    Terminated,
}

impl Subscription {
    /// `active;expires=60`; what is neither word is taken for `active`.
    fn read(value: &str) -> Subscription {
        let mut parts = value.split(';').map(str::trim);
        if parts
            .next()
            .is_some_and(|state| state.eq_ignore_ascii_case("terminated"))
        {
            return Subscription::Terminated;
        }
        let expires = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let named = name.trim().eq_ignore_ascii_case("expires");
            named.then(|| value.trim().parse::<u32>().ok()).flatten()
        });
        Subscription::Active(expires.map(|seconds| Duration::from_secs(seconds.into())))
    }
}

impl Call {
    /// `replaces` is another call of ours, whose other end is to be spoken to.
    pub async fn refer(&mut self, to: &str, replaces: Option<CallId>) {
        let mut to = message::one_line(to);
        let can = |allow: &String| message::has_option(Some(allow.clone()), "REFER");
        if self.phase == Phase::Up && !self.peer_allows.as_ref().is_none_or(can) {
            // It has said that it takes none (RFC 3261 section 20.5).
            return self
                .tell(Event::Transferred {
                    call: self.id,
                    code: 405,
                })
                .await;
        }
        let named = replaces.map(|other| self.core.registry.named(other));
        let mut possible = self.phase == Phase::Up && self.sought.is_none();
        match named {
            // It is over, or was never answered.
            Some(None) => possible = false,
            Some(Some(named)) => to = refer_to(&to, &named),
            None => {}
        }
        if !possible || !grammar::host_is_sound(&to) {
            if !matches!(self.phase, Phase::Over | Phase::OweBye) {
                let (call, code) = (self.id, 400);
                self.tell(Event::Transferred { call, code }).await;
            }
            return;
        }
        self.referral = Referral::Asked;
        let (core, dialog, flow) = (self.core.clone(), self.dialog.clone(), self.flow.clone());
        let by = Header::ReferredBy(format!("<{}>", self.contact).into());
        self.work.spawn(async move {
            open_way(&core, &dialog, flow).await;
            let response = dialog
                .refer(ReferTo::new(format!("<{to}>")), Some(vec![by]), None)
                .await;
            Done::Referred(response.ok().flatten().map(|response| response.status_code.code()))
        });
    }

    /// The REFER itself was answered; 2xx promises reports. 408: no answer at all.
    pub async fn on_referred(&mut self, code: Option<u16>) {
        let code = code.unwrap_or(408);
        match (self.phase, code) {
            (Phase::Up, 200..300) if self.referral == Referral::Asked => self.await_report(None),
            // The first report was quicker.
            (_, 200..300) => {}
            (Phase::Up, _) => self.transferred(code).await,
            (Phase::Ringing | Phase::Accepted | Phase::Over | Phase::OweBye, _) => {}
        }
    }

    pub async fn on_notify(&mut self, mut request: Transaction) {
        let event = message::value_of(&request.original, "Event");
        if !grammar::media_type(&event).eq_ignore_ascii_case("refer") {
            return self.core.answer(request, 489, Vec::new());
        }
        if self.referral == Referral::None {
            // Nobody asked (RFC 6665 section 4.1.3).
            return self.core.answer(request, 481, Vec::new());
        }
        let code = message::fragment_code(&request.original.body);
        let state = Subscription::read(&message::value_of(&request.original, "Subscription-State"));
        // At once: what follows of the outcome, a BYE mostly, is not to overtake the answer.
        finish(&mut request, 200, Vec::new()).await;
        match (self.referral, code, state) {
            (Referral::Over | Referral::None, ..) => {}
            (_, Some(code @ 200..), _) => self.transferred(code).await,
            (_, _, Subscription::Terminated) => self.transferred(408).await,
            (_, code, Subscription::Active(expires)) => {
                self.await_report(expires);
                if let Some(code) = code {
                    self.tell(Event::Transferred { call: self.id, code }).await;
                }
            }
        }
    }

    /// Of a transfer that we asked for.
    pub fn awaits_reports(&self) -> bool {
        matches!(self.referral, Referral::Asked | Referral::Awaited(_))
    }

    fn await_report(&mut self, expires: Option<Duration>) {
        let expires = expires.unwrap_or(USUAL).clamp(LEAST, MOST);
        self.referral = Referral::Awaited(crate::clock::now() + expires);
    }

    /// The outcome; 408 where none was reported in time.
    pub async fn transferred(&mut self, code: u16) {
        self.referral = Referral::Over;
        self.tell(Event::Transferred { call: self.id, code }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_for_how_long_reports_come() {
        let seconds = |seconds| Subscription::Active(Some(Duration::from_secs(seconds)));
        assert_eq!(Subscription::read("active;expires=90"), seconds(90));
        assert_eq!(Subscription::read("Pending ; Expires = 5 ; x"), seconds(5));
        assert_eq!(Subscription::read("active"), Subscription::Active(None));
        assert_eq!(Subscription::read(""), Subscription::Active(None));
        assert_eq!(
            Subscription::read("TERMINATED;reason=noresource"),
            Subscription::Terminated
        );
    }
}
