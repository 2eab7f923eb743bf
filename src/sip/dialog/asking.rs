//! The ends of a call that we make, and the way to the peer. A call that is not answered yet `elsewhere` cancels.

use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::Header;
use rsipstack::transport::SipAddr;
use tracing::debug;

use super::call::{Call, Done, Phase, Side};
use crate::sip::core::Core;
use crate::sip::names::Transport;
use crate::sip::{Ended, Event, message};

impl Call {
    pub async fn hang_up(&mut self, cause: Option<String>) {
        let reason = cause.map(|cause| Header::Reason(message::one_line(&cause).into()));
        match (&self.side, self.phase) {
            (_, Phase::Over | Phase::OweBye) => return,
            (Side::Callee(invite), Phase::Ringing) => {
                self.refuse(invite, 480, "", reason.into_iter().collect());
            }
            (Side::Caller, Phase::Ringing | Phase::Accepted) => self.abandon(),
            (Side::Callee(_), Phase::Accepted) => {
                self.phase = Phase::OweBye;
                self.channel = None;
                self.farewell = reason;
                let cause = Ended::ByUs;
                return self.tell(Event::Ended { call: self.id, cause }).await;
            }
            (_, Phase::Up) => self.send_bye(reason),
        }
        self.end(Ended::ByUs).await;
    }

    pub fn send_bye(&mut self, reason: Option<Header>) {
        let (core, dialog, flow) = (self.core.clone(), self.dialog.clone(), self.flow.clone());
        self.phase = Phase::Over;
        self.work.spawn(async move {
            open_way(&core, &dialog, flow).await;
            if let Err(error) = dialog.bye_with_headers(reason.map(|reason| vec![reason])).await {
                debug!(%error, "BYE failed");
            }
            Done::Said
        });
    }
}

/// Where the call's own connection is gone and the next hop is reached by one, opens one through the gate, before the
/// library opens one that is not.
pub(super) async fn open_way(core: &Core, dialog: &InviteDialog, flow: Option<SipAddr>) {
    if flow.is_some_and(|flow| core.streams.is_open(&flow)) {
        return;
    }
    let snapshot = dialog.snapshot();
    let first = snapshot
        .route_set
        .first()
        .and_then(|route| rsipstack::sip::prelude::ToTypedHeader::typed(route).ok());
    let hop = first.map_or(snapshot.remote_uri, |route| route.uri);
    let opened = match Transport::sought(&hop) {
        Ok(sought) => core.way_to(&sought).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = opened {
        debug!(error, "the way to the peer is closed");
    }
}
