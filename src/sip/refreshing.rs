//! A session timer in a call: our refreshes, and the end of a session that was not refreshed.

use rsipstack::sip::{Header, Response, StatusCode};
use tracing::debug;

use super::asking::open_way;
use super::dialog::{Call, Done, Phase, is_success};
use super::session_timer::{Due, SessionTimer, has_option};
use super::{Ended, message};

impl Call {
    /// What the timer was waited for.
    pub async fn on_timer(&mut self) {
        let Some(timer) = self.timer else { return };
        match timer.due().1 {
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
        let (core, dialog, flow, session) = (self.core.clone(), self.dialog.clone(), self.flow, self.session.clone());
        let mut headers = timer.request_headers();
        headers.push(Header::Contact(format!("<{}>", self.contact).into()));
        let updates = self.takes_updates();
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
        has_option(self.peer_allows.clone(), "UPDATE")
    }

    /// Section 10: a peer that has forgotten the call, or that answers nothing, is gone; any other refusal leaves time to try again.
    pub async fn on_refreshed(&mut self, timer: SessionTimer, response: Option<Response>) {
        let now = crate::clock::now();
        match response {
            Some(response) if is_success(&response) => self.timer = SessionTimer::answered(&response, now),
            Some(response) if response.status_code == StatusCode::CallTransactionDoesNotExist => {
                self.give_up("the peer does not know the call any more").await;
            }
            None => self.give_up("the peer does not answer any more").await,
            Some(response) => {
                debug!(call = %self.id, code = %response.status_code, "a refresh was refused");
                self.timer = timer.again(now);
                if self.timer.is_none() {
                    self.give_up("the peer refuses to refresh the session (RFC 4028)").await;
                }
            }
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
