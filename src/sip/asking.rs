//! The ends of a call that we make: BYE, CANCEL; and the way to the peer.

use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::Header;
use rsipstack::transport::SipAddr;
use tracing::debug;

use super::agent::Core;
use super::dialog::{Call, Done, Phase, Side};
use super::{Ended, Event, Transport, message};

impl Call {
    pub async fn hang_up(&mut self, cause: Option<String>) {
        let reason = cause.map(|cause| Header::Reason(message::one_line(&cause).into()));
        match (&self.side, self.phase) {
            (_, Phase::Over | Phase::OweBye) => return,
            (Side::Callee(invite), Phase::Ringing) => {
                self.refuse(invite, 480, "", reason.into_iter().collect());
            }
            (Side::Caller, Phase::Ringing | Phase::Accepted) => self.cancel(),
            (Side::Callee(_), Phase::Accepted) => {
                self.phase = Phase::OweBye;
                self.farewell = reason;
                return self
                    .core
                    .tell(Event::Ended {
                        call: self.id,
                        cause: Ended::ByUs,
                    })
                    .await;
            }
            (_, Phase::Up) => self.send_bye(reason),
        }
        self.end(Ended::ByUs).await;
    }

    /// The library holds a CANCEL back until a provisional response came, and sends a BYE where a 200 was quicker.
    fn cancel(&mut self) {
        let (dialog, invite) = (self.dialog.clone(), self.invite.clone());
        self.work.spawn(async move {
            if let Err(error) = dialog.cancel().await {
                debug!(%error, "CANCEL failed");
            }
            if dialog.state().is_confirmed() {
                let _ = dialog.bye().await;
                invite.abort();
            }
            Done::Said
        });
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
    let Some(transport) = Transport::towards(&hop).filter(|transport| transport.is_stream()) else {
        return;
    };
    if let Err(error) = core.way_to(&transport.target(&hop)).await {
        debug!(error, "the way to the peer is closed");
    }
}
