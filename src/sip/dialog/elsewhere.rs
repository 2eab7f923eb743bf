//! A call that we placed and that is not answered where it was tried: the next attempt, with a dialog of its own, or the
//! end. Which it is [`attempts`](super::attempts) decides.

use std::sync::Arc;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::Response;
use rsipstack::transport::SipAddr;
use tokio::task::AbortHandle;
use tracing::debug;

use super::apart::cancel;
use super::asking::open_way;
use super::attempts::{Met, Next};
use super::call::{Call, Done, Phase};
use super::early::{Early, tag_of};
use super::inside::sequence;
use super::placed::{Attempt, Way, attempt, drive, key_of};
use crate::sip::core::Core;
use crate::sip::names::SILENCE;
use crate::sip::{Ended, Event, Refuser, message};

impl Call {
    /// An attempt came to nothing: the next, or the end.
    pub async fn on_not_answered(&mut self, outcome: Result<Response, String>) {
        let Some(placing) = &mut self.placing else { return };
        let met = match &outcome {
            Ok(response) => Met::Refusal(response),
            Err(_) => Met::Silence,
        };
        let (core, order, old) = (self.core.clone(), placing.order.clone(), placing.way.clone());
        let next = placing.attempts.after(&met);
        let again = self.attempt.wrapping_add(1);
        match next {
            Next::Nothing => return self.not_answered(outcome).await,
            Next::Longer(least) => {
                placing.least = Some(least);
                self.work.spawn(async move { Done::Way(again, Ok(old)) });
            }
            Next::Address(address) => {
                let all = std::iter::once(address).chain(placing.attempts.left()).collect();
                self.work
                    .spawn(async move { Done::Way(again, order.open(&core, old.uri, all).await) });
            }
            Next::Place(uri) => {
                let permitted = !order.may_be_led_anywhere() || core.permits(&uri.to_string());
                self.work.spawn(async move {
                    let way = match permitted {
                        true => order.way(&core, uri).await,
                        false => Err(format!("redirected to `{uri}`, where calls may not go")),
                    };
                    Done::Way(again, way)
                });
            }
        }
        debug!(call = %self.id, "the call is tried once more");
        placing.last = outcome.ok().or(placing.last.take());
        self.attempt = again;
        self.patience = None;
    }

    /// The way to the next place is known, or there is none.
    pub async fn on_way(&mut self, way: Result<Way, String>) {
        let attempted = match (way, &mut self.placing) {
            (Ok(mut way), Some(placing)) => {
                if way.uri != placing.way.uri || way.destination != placing.way.destination {
                    placing.attempts.at(std::mem::take(&mut way.rest));
                }
                placing.way = way;
                let option = placing.order.invite(&self.core, &placing.way, placing.least);
                option.and_then(|option| attempt(&self.core, option))
            }
            (Err(error), _) => Err(error),
            (Ok(_), None) => return,
        };
        match attempted {
            Ok(next) => self.try_again(next),
            // One more that cannot be reached: what is left may be.
            Err(error) => Box::pin(self.on_not_answered(Err(error))).await,
        }
    }

    /// The call goes on with another dialog.
    fn try_again(&mut self, next: Attempt) {
        self.entered.has_dialog(key_of(&next.dialog));
        let driven = drive(
            self.core.clone(),
            self.id,
            self.attempt,
            next.inner.clone(),
            next.transaction,
        );
        self.invite = self.work.spawn(driven);
        (self.dialog, self.inner, self.states) = (next.dialog, next.inner, next.states);
        (self.contact, self.flow, self.credential) = (next.contact, next.flow, next.credential);
        self.early = Early::default();
        let more = self.placing.as_ref().is_some_and(|placing| placing.attempts.has_more());
        self.patience = more.then(|| crate::clock::now() + SILENCE);
    }

    /// Nothing came of an attempt, not even a provisional response. It is left to itself.
    pub async fn on_silence(&mut self) {
        self.patience = None;
        self.abandon();
        self.on_not_answered(Err("no response".to_owned())).await;
    }

    /// Nothing more is wanted of the attempt.
    pub fn abandon(&mut self) {
        let Some(placing) = &self.placing else { return };
        let (_, none) = self.core.layer.new_dialog_state_channel();
        let attempt = Abandoned {
            core: self.core.clone(),
            dialog: self.dialog.clone(),
            states: std::mem::replace(&mut self.states, none),
            destination: placing.way.destination.clone(),
            flow: self.flow.clone(),
            invite: self.invite.clone(),
        };
        self.work.spawn(attempt.see_off());
    }

    async fn not_answered(&mut self, outcome: Result<Response, String>) {
        let call = self.id;
        let last = self.placing.as_mut().and_then(|placing| placing.last.take());
        match (outcome, last) {
            (Ok(response), _) | (Err(_), Some(response)) => {
                self.phase = Phase::Over;
                self.channel = None;
                let refused = Event::Refused {
                    call,
                    code: response.status_code.code(),
                    by: refuser(&response),
                    reason: message::phrase(&response),
                    retry_after: message::retry_after(&response),
                };
                self.tell(refused).await;
            }
            (Err(error), None) => self.end(Ended::Failed(error)).await,
        }
    }
}

/// The library says that nothing came by a response of its own; those that come have a tag (RFC 3261 section 8.2.6.2).
fn refuser(response: &Response) -> Refuser {
    match tag_of(response) {
        None if response.status_code.code() == 408 => Refuser::Silence,
        None | Some(_) => Refuser::Peer,
    }
}

/// An attempt that was given up.
struct Abandoned {
    core: Arc<Core>,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    /// Where its INVITE went; the library would send a CANCEL to where the URI leads.
    destination: SipAddr,
    flow: Option<SipAddr>,
    /// Drives the INVITE.
    invite: AbortHandle,
}

impl Abandoned {
    /// Once a response came, or should one come after all, it is cancelled (RFC 3261 section 9.1), and a 200 hung up on.
    async fn see_off(mut self) -> Done {
        let mut cancelled = None;
        let mut next = Some(self.dialog.state());
        // Its last state is the end of its transaction, at 32 s the latest.
        while let Some(state) = next {
            match state {
                DialogState::Trying(_) | DialogState::Early(..) => {
                    // Another INVITE where a challenge was quicker.
                    let invite = self.dialog.initial_request();
                    let number = sequence(&invite);
                    if cancelled != number {
                        cancelled = number;
                        // Beside this: a 200 that crossed it is hung up on without waiting for its answer.
                        let (core, destination) = (self.core.clone(), self.destination.clone());
                        self.core.tasks.spawn(async move {
                            cancel(&core, invite, destination).await;
                        });
                    }
                }
                DialogState::Confirmed(..) => {
                    open_way(&self.core, &self.dialog, self.flow.take()).await;
                    if let Err(error) = self.dialog.bye().await {
                        debug!(%error, "BYE failed");
                    }
                    self.invite.abort();
                    break;
                }
                DialogState::Terminated(..) => break,
                _ => {}
            }
            next = self.states.recv().await;
        }
        Done::Said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_from_a_far_end_that_says_that_nobody_answers() {
        let response = |code: &str, tag: &str| {
            let text = format!(
                "SIP/2.0 {code} Request Timeout\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:0@b>;tag=1\r\nTo: <sip:1@h>{tag}\r\n\
                 Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
            );
            Response::try_from(text).expect("a response")
        };
        assert_eq!(refuser(&response("408", "")), Refuser::Silence);
        assert_eq!(refuser(&response("408", ";tag=2")), Refuser::Peer);
        // Some leave the tag out.
        assert_eq!(refuser(&response("486", "")), Refuser::Peer);
    }
}
