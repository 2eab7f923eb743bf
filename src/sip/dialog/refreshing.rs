//! A session timer in a call: our refreshes, and the end of a session that was not refreshed.

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Response};
use tracing::debug;

use super::asking::open_way;
use super::call::{Call, Done, Phase, Side};
use super::session_timer::{Due, SessionTimer, glare};
use crate::sip::{Ended, Event, message};

impl Call {
    /// What the timer was waited for.
    pub async fn on_timer(&mut self) {
        let Some(timer) = self.timer else { return };
        match timer.due().1 {
            // Theirs first (RFC 3261 section 14.1).
            Due::Refresh if self.change.is_some() => self.timer = timer.again(crate::clock::now()),
            Due::Refresh => {
                self.timer = None;
                self.refresh(timer);
            }
            Due::Over => {
                self.give_up("the peer did not refresh the session in time (RFC 4028)")
                    .await
            }
        }
    }

    /// By UPDATE, which says nothing about the session, where the peer takes that; else by the description as it is.
    fn refresh(&mut self, timer: SessionTimer) {
        let (core, dialog, flow, session) = (
            self.core.clone(),
            self.dialog.clone(),
            self.flow.clone(),
            self.session.clone(),
        );
        let mut headers = timer.request_headers();
        let updates = self.takes_updates();
        self.offering = !updates;
        self.work.spawn(async move {
            open_way(&core, &dialog, flow).await;
            let answer = if updates {
                dialog.update(Some(headers), None).await
            } else {
                headers.push(message::session_type());
                dialog.reinvite(Some(headers), Some(session)).await
            };
            if let Err(error) = &answer {
                debug!(%error, "a refresh failed");
            }
            Done::Refreshed(timer, answer.ok().flatten())
        });
    }

    fn takes_updates(&self) -> bool {
        message::has_option(self.peer_allows.clone(), "UPDATE")
    }

    /// Section 10: a peer that has forgotten the call, or that answers nothing (the library says 408), is gone; any other refusal leaves time to
    /// try again.
    pub async fn on_refreshed(&mut self, timer: SessionTimer, response: Option<Response>) {
        let now = crate::clock::now();
        self.offering = false;
        let code = response.as_ref().map(|response| response.status_code.code());
        debug!(call = %self.id, ?code, "a refresh was answered");
        if self.peer_has_left() {
            return;
        }
        let next = match (code, response) {
            (Some(200..300), Some(response)) => {
                self.retarget(response.typed_contact_headers().ok());
                self.timer = SessionTimer::answered(&response, self.core.config.limits.least_session, now);
                return self.on_answer(&response).await;
            }
            (Some(408), _) => return self.give_up("the peer does not answer any more").await,
            (Some(481), _) => return self.give_up("the peer does not know the call any more").await,
            (Some(422), Some(response)) => timer.longer(&response, now),
            (Some(491), _) => {
                let wait = glare(matches!(self.side, Side::Caller), rand::random::<f64>());
                timer.after(wait, now)
            }
            (_, _) => timer.again(now),
        };
        self.timer = next;
        if next.is_none() {
            self.give_up("the peer does not refresh the session (RFC 4028)").await;
        }
    }

    /// A re-INVITE offers what was offered before; the answer need not be what it was.
    async fn on_answer(&mut self, response: &Response) {
        let answer = message::session_of_response(response).filter(|answer| self.heard.as_ref() != Some(answer));
        if let (Some(answer), Phase::Up) = (answer, self.phase) {
            self.heard = Some(answer.clone());
            self.tell(Event::Refreshed { call: self.id, answer }).await;
        }
    }

    async fn give_up(&mut self, why: &str) {
        if self.phase != Phase::Up {
            return;
        }
        self.send_bye(Some(Header::Reason(format!("SIP;cause=408;text=\"{why}\"").into())));
        self.end(Ended::Failed(why.to_owned())).await;
    }
}
