//! Requests within a dialog that the library does not send, or not well: the PRACK of an early dialog, the BYE to
//! another branch of a fork, the BYE where it takes the dialog for ended, and what is reported of a call to whoever had it
//! placed, who may have left. It knows no calls' states.

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::DialogSnapshot;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Response, Uri, typed};
use rsipstack::transport::SipAddr;
use tracing::debug;

use super::call::{Call, Side};
use crate::sip::core::Core;
use crate::sip::names::Transport;

/// Enough of a dialog for a request in it.
pub(super) struct Leg {
    call_id: String,
    from: String,
    to: String,
    uri: Uri,
    routes: Vec<typed::Route>,
    /// The CSeq of the request.
    pub sequence: u32,
    /// Answers a challenge.
    pub credential: Option<Credential>,
    /// The call's connection, which is used as long as it is open: the address behind it may be nobody else's.
    pub flow: Option<SipAddr>,
    pub body: Vec<u8>,
}

impl Leg {
    /// The dialog that this response made of an INVITE of ours: early, or of another branch than the call's.
    pub fn of_response(snapshot: &DialogSnapshot, response: &Response) -> Option<Leg> {
        Some(Leg {
            call_id: snapshot.id.call_id.clone(),
            from: snapshot.from.to_string(),
            to: response.to_header().ok()?.value().to_owned(),
            uri: response.typed_contact_headers().ok()?.into_iter().next()?.uri,
            routes: recorded(response),
            sequence: snapshot.local_cseq.saturating_add(1),
            credential: None,
            flow: None,
            body: Vec::new(),
        })
    }

    /// The call's own dialog.
    pub fn of_call(call: &Call) -> Leg {
        let snapshot = call.dialog.snapshot();
        let (local, remote) = match &call.side {
            Side::Caller => (snapshot.from.to_string(), snapshot.to.to_string()),
            Side::Callee(_) => (snapshot.to.to_string(), snapshot.from.to_string()),
        };
        let typed = |route: &rsipstack::sip::Route| rsipstack::sip::prelude::ToTypedHeader::typed(route).ok();
        Leg {
            call_id: snapshot.id.call_id,
            from: local,
            to: remote,
            uri: snapshot.remote_uri,
            routes: snapshot.route_set.iter().filter_map(typed).collect(),
            sequence: snapshot.local_cseq.saturating_add(1),
            credential: None,
            flow: call.flow.clone(),
            body: Vec::new(),
        }
    }

    /// The first hop, and the request.
    fn request(self, core: &Core, method: Method, headers: Vec<Header>) -> Option<(Uri, Request)> {
        let hop = self.routes.first().map_or(&self.uri, |route| &route.uri).clone();
        let named = || Transport::towards(&hop).map(Transport::wire);
        let transport = self.flow.as_ref().map_or_else(named, |flow| flow.r#type)?;
        let listeners = core.endpoint.transport_layer.get_listen_addrs();
        let ours = listeners.into_iter().find(|address| address.r#type == Some(transport));
        let via = core.endpoint.get_via(ours, None).ok()?;
        let number = typed::CSeq {
            seq: self.sequence,
            method,
        };
        let mut all = vec![
            Header::Via(via.into()),
            Header::CallId(self.call_id.into()),
            Header::From(self.from.into()),
            Header::To(self.to.into()),
            Header::CSeq(number.into()),
            Header::MaxForwards(70.into()),
        ];
        all.extend(self.routes.into_iter().map(|route| Header::Route(route.into())));
        all.extend(headers);
        let request = Request {
            method,
            uri: self.uri,
            headers: all.into(),
            body: self.body,
            version: rsipstack::sip::Version::V2,
        };
        Some((hop, request))
    }

    /// Sends it, and its final response. `next` numbers it anew where it has to prove who sends it.
    pub async fn send(
        mut self,
        core: &Core,
        method: Method,
        headers: Vec<Header>,
        next: impl Fn() -> u32,
    ) -> Option<Response> {
        self.flow = self.flow.filter(|flow| core.streams.is_open(flow));
        let (credential, flow) = (self.credential.clone(), self.flow.clone());
        let (hop, request) = self.request(core, method, headers)?;
        let destination = match flow {
            Some(flow) => flow,
            None => core.way_to(&Transport::sought(&hop).ok()?).await.ok()?,
        };
        core.ask(request, destination, credential.as_ref(), next).await.ok()
    }

    /// The end of a dialog that is no call's.
    pub async fn bye(self, core: &Core, reason: Option<Header>) {
        let next = self.sequence.saturating_add(1);
        let answer = self
            .send(core, Method::Bye, reason.into_iter().collect(), || next)
            .await;
        if answer.is_none() {
            debug!("a BYE was not answered");
        }
    }
}

/// CANCEL of an INVITE, to where that went (RFC 3261 section 9.1).
pub(super) async fn cancel(core: &Core, invite: Request, destination: SipAddr) {
    let Ok(sequence) = invite.cseq_header().and_then(|number| number.seq()) else {
        return;
    };
    let mut headers = Vec::new();
    for header in invite.headers {
        match header {
            Header::CSeq(_) => {
                let method = Method::Cancel;
                headers.push(Header::CSeq(typed::CSeq { seq: sequence, method }.into()));
            }
            Header::Via(_) | Header::From(_) | Header::To(_) | Header::CallId(_) => headers.push(header),
            Header::MaxForwards(_) | Header::Route(_) => headers.push(header),
            _ => {}
        }
    }
    let request = Request {
        method: Method::Cancel,
        uri: invite.uri,
        headers: headers.into(),
        body: Vec::new(),
        version: rsipstack::sip::Version::V2,
    };
    if let Err(error) = core.ask(request, destination, None, || sequence).await {
        debug!(error, "a CANCEL was not answered");
    }
}

/// The routes of a dialog that began with our request: those recorded, the nearest, which is the last, first
/// (RFC 3261 section 12.1.2).
fn recorded(response: &Response) -> Vec<typed::Route> {
    let headers = response.record_route_headers().into_iter();
    let lists = headers.map(|route| typed::Route::parse_header_list(route.value()).unwrap_or_default());
    let mut routes: Vec<typed::Route> = lists.flatten().collect();
    routes.reverse();
    routes
}
