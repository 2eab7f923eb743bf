//! Our registration with trunks, kept alive with ever rarer attempts where it fails; and whether they can be used at all.
//!
//! It knows no calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Auth, CallId, Header, Method, Response, Uri, typed};
use rsipstack::transaction::{make_tag, make_uuid_v4};
use rsipstack::transport::SipAddr;
use tracing::{info, warn};

use crate::sip::core::Core;
use crate::sip::names::{SILENCE, Transport};
use crate::sip::{Config, Event, StartError, Trunk, message};

/// The first wait after a failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A connection that a registration came by and that lasted so long is no sign of trouble when it closes.
const STEADY: Duration = Duration::from_secs(60);
/// How often a connection is looked at.
const GLANCE: Duration = Duration::from_secs(1);
/// 64*T1 and a little: the end of a transaction (RFC 3261 section 17.1.2.2).
const LAST_SILENCE: Duration = Duration::from_secs(34);

/// Whether the trunks can be used at all.
pub(in crate::sip) fn check(config: &Config) -> Result<(), StartError> {
    for trunk in &config.trunks {
        let wrong = match &trunk.outbound_proxy {
            _ if trunk.domain().is_err() => Some(&trunk.server),
            Some(proxy) if trunk.next_hop().is_err() => Some(proxy),
            Some(_) | None => None,
        };
        if let Some(server) = wrong {
            let (trunk, server) = (trunk.name.clone(), server.clone());
            return Err(StartError::Server { trunk, server });
        }
        // A connection that we open is ours without anything to listen on: calls come back by it.
        let opens = trunk.transport.is_stream();
        if !opens && !config.listen.iter().any(|listen| listen.transport == trunk.transport) {
            let (trunk, transport) = (trunk.name.clone(), trunk.transport);
            return Err(StartError::Transport { trunk, transport });
        }
    }
    Ok(())
}

/// Registers again and again, as long as the user agent lives.
pub(in crate::sip) async fn register(core: Arc<Core>, standing: Arc<Standing>) {
    let trunk = &standing.trunk;
    let Some(wished) = trunk.register else { return };
    let (mut asked, mut raised) = (wished, false);
    let (mut failures, mut losses) = (0, 0);
    loop {
        let (outcome, server) = standing.register(&core, asked).await;
        let mut flow = None;
        let wait = match outcome {
            Outcome::Granted(expires) => {
                (failures, raised) = (0, false);
                flow = server.filter(|server| Transport::found(server).is_ok_and(Transport::is_stream));
                info!(trunk = trunk.name, expires = expires.as_secs(), "registered");
                core.tell(Event::Registered {
                    trunk: trunk.name.clone(),
                    expires,
                })
                .await;
                // Early enough for two more attempts before it ends.
                expires.mul_f64(0.8)
            }
            // Once: a server that wants ever more is asked no quicker than one that refuses.
            Outcome::TooBrief(least) if least > asked && !raised => {
                (asked, raised) = (least, true);
                Duration::ZERO
            }
            Outcome::TooBrief(_) => {
                (asked, raised) = (wished, false);
                fail(&core, trunk, &mut failures, Some(423), "Interval Too Brief".to_owned()).await
            }
            Outcome::Refused(code, reason) => {
                raised = false;
                fail(&core, trunk, &mut failures, code, reason).await
            }
        };
        let since = crate::clock::now();
        if !closes(&core, flow, wait).await {
            losses = 0;
        } else if crate::clock::now().saturating_duration_since(since) >= STEADY || losses == 0 {
            // Calls come back by it alone.
            info!(trunk = trunk.name, "its connection is closed: registered anew");
            losses = 1;
        } else {
            tokio::time::sleep(back_off(losses, rand::random::<f64>())).await;
            losses = losses.saturating_add(1);
        }
        // What is taken back must not be asked for again.
        if core.is_closing() {
            return;
        }
    }
}

/// Waits so long, or until the connection closes: whether that was it.
async fn closes(core: &Core, flow: Option<SipAddr>, wait: Duration) -> bool {
    let Some(flow) = flow else {
        tokio::time::sleep(wait).await;
        return false;
    };
    let closed = async {
        while core.streams.is_open(&flow) {
            tokio::time::sleep(GLANCE).await;
        }
    };
    tokio::time::timeout(wait, closed).await.is_ok()
}

/// Tells, and says how long to wait: ever longer, and not in step with others that failed at the same time.
async fn fail(core: &Core, trunk: &Trunk, failures: &mut u32, code: Option<u16>, reason: String) -> Duration {
    warn!(trunk = trunk.name, code, reason, "not registered");
    let failed = Event::RegistrationFailed {
        trunk: trunk.name.clone(),
        code,
        reason,
    };
    core.tell(failed).await;
    let wait = back_off(*failures, rand::random::<f64>());
    *failures = failures.saturating_add(1);
    wait
}

/// `spread` is 0 to 1.
fn back_off(failures: u32, spread: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2u32.saturating_pow(failures));
    doubled.min(LONGEST_WAIT).mul_f64(1.0 - spread.clamp(0.0, 1.0) / 4.0)
}

/// Takes the registrations back, as far as the servers answer.
pub(in crate::sip) async fn leave(core: &Core, registered: &[Arc<Standing>]) {
    for standing in registered {
        standing.register(core, Duration::ZERO).await;
    }
}

enum Outcome {
    Granted(Duration),
    /// 423, and the least that the server takes.
    TooBrief(Duration),
    Refused(Option<u16>, String),
}

/// What stays the same from one request to the next that is no call's (RFC 3261 §10.2).
struct Series {
    call_id: String,
    sequence: AtomicU32,
}

impl Default for Series {
    fn default() -> Series {
        Series {
            call_id: make_uuid_v4(),
            sequence: AtomicU32::new(0),
        }
    }
}

impl Series {
    fn next(&self) -> u32 {
        self.sequence.fetch_add(1, Relaxed).wrapping_add(1)
    }
}

/// Where a trunk stands with us.
pub(in crate::sip) struct Standing {
    trunk: Trunk,
    series: Series,
}

impl Standing {
    pub fn new(trunk: Trunk) -> Standing {
        let series = Series::default();
        Standing { trunk, series }
    }

    /// Nothing for `expires` takes the registration back. And which server it was.
    async fn register(&self, core: &Core, expires: Duration) -> (Outcome, Option<SipAddr>) {
        match self.ask(core, Method::Register, Some(expires), LAST_SILENCE).await {
            Ok(answer) => (judge(&answer.response, expires, &answer.contact), Some(answer.server)),
            Err(reason) => (Outcome::Refused(None, reason), None),
        }
    }

    /// A final response, of the first of the trunk's servers that has one (RFC 3263 §4.3).
    /// The last of them has `patience`; nobody is asked for longer than a transaction lasts.
    pub(super) async fn ask(
        &self,
        core: &Core,
        method: Method,
        expires: Option<Duration>,
        patience: Duration,
    ) -> Result<Answer, String> {
        let target = self.trunk.target()?;
        let mut servers = core.resolver.all(&target).await?;
        let mut last = Err(format!("no address for `{target}`"));
        while let Some(server) = servers.pop_front() {
            let asked = self.ask_at(core, server.clone(), method, expires);
            let wait = if servers.is_empty() { patience } else { SILENCE };
            last = match tokio::time::timeout(wait, asked).await {
                // Also the library's word for a connection that broke.
                Ok(Ok(answer)) if answer.response.status_code.code() == 503 => Ok(answer),
                Ok(Ok(answer)) => {
                    core.resolver.prefer(&target, &server);
                    return Ok(answer);
                }
                Ok(Err(why)) => Err(why),
                Err(_) => Err("no response".to_owned()),
            };
        }
        last
    }

    async fn ask_at(
        &self,
        core: &Core,
        destination: SipAddr,
        method: Method,
        expires: Option<Duration>,
    ) -> Result<Answer, String> {
        let say = |error: rsipstack::Error| error.to_string();
        let server = self.trunk.uri(self.trunk.domain()?)?;
        let by = Transport::found(&destination)?;
        core.open(&destination, &self.trunk.target()?).await?;
        let listeners = core.endpoint.transport_layer.get_listen_addrs();
        let ours = listeners.into_iter().find(|address| address.r#type == Some(by.wire()));
        let via = core.endpoint.get_via(ours, None).map_err(say)?;
        let user = Some(Auth {
            user: self.trunk.username.clone(),
            password: None,
        });
        let us = Uri {
            auth: user,
            params: Vec::new(),
            ..server.clone()
        };
        let to = match method {
            Method::Register => us.clone(),
            _ => server.clone(),
        };
        let contact = core.contact(&self.trunk.username, by, destination.get_socketaddr().ok());

        let mut request = core.endpoint.make_request(
            method,
            server,
            via,
            typed::From::from(us).with_tag(make_tag()),
            typed::To {
                display_name: None,
                uri: to,
                params: Vec::new(),
            },
            self.series.next(),
            Some(CallId::from(self.series.call_id.clone())),
        );
        request.headers.push(Header::Contact(format!("<{contact}>").into()));
        if let Some(expires) = expires {
            request
                .headers
                .push(Header::Expires(expires.as_secs().to_string().into()));
        }
        request.headers.push(Header::Allow(core.config.allow().into()));
        if self.trunk.outbound_proxy.is_some() {
            request.headers.push(self.trunk.route()?.into());
        }
        let credential = self.trunk.credential();
        let asked = core.ask(request, destination.clone(), Some(&credential), || self.series.next());
        Ok(Answer {
            response: asked.await?,
            contact,
            server: destination,
        })
    }
}

/// What a server said.
pub(super) struct Answer {
    pub response: Response,
    /// Of ours, as it was told.
    contact: Uri,
    server: SipAddr,
}

/// What makes two Contacts the same place.
fn place(uri: &Uri) -> (Option<&str>, String, u16) {
    let user = uri.auth.as_ref().map(|auth| auth.user.as_str());
    let host = uri.host_with_port.host.to_string().to_ascii_lowercase();
    let usual = Transport::towards(uri).unwrap_or_default().port();
    (
        user,
        host,
        uri.host_with_port.port.as_ref().map_or(usual, |port| port.0),
    )
}

fn judge(response: &Response, asked: Duration, ours: &Uri) -> Outcome {
    let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
    match response.status_code.code() {
        200..300 => {
            // Servers list the bindings of other phones as well. Where none is ours, one that ends when we asked may be it,
            // written otherwise.
            let own = response.expires_header().and_then(|expires| seconds(expires.value()));
            let contacts = response.typed_contact_headers().unwrap_or_default();
            let until = |contact: &typed::Contact| contact.expires().map(|granted| Duration::from_secs(granted.into()));
            let ours = contacts.iter().find(|contact| place(&contact.uri) == place(ours));
            let listed = match ours {
                Some(ours) => until(ours),
                None => contacts
                    .iter()
                    .filter_map(until)
                    .filter(|granted| *granted <= asked)
                    .max(),
            };
            let granted = listed.or(own).unwrap_or(asked);
            match granted.min(asked) {
                Duration::ZERO if !asked.is_zero() => Outcome::Refused(None, "granted for no time at all".to_owned()),
                granted => Outcome::Granted(granted),
            }
        }
        423 => {
            let least = response.min_expires_header().and_then(|least| seconds(least.value()));
            Outcome::TooBrief(least.unwrap_or_default())
        }
        code => Outcome::Refused(Some(code), message::phrase(response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a 200 with these headers comes to, where a minute was asked for.
    fn granted(headers: &str) -> Option<u64> {
        let response = format!("SIP/2.0 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        let ours = Uri::try_from("sip:joe@192.0.2.9:5060").unwrap();
        match judge(
            &Response::try_from(response.as_str()).unwrap(),
            Duration::from_secs(60),
            &ours,
        ) {
            Outcome::Granted(granted) => Some(granted.as_secs()),
            Outcome::TooBrief(_) | Outcome::Refused(..) => None,
        }
    }

    #[test]
    fn a_registration_lasts_as_long_as_it_was_granted() {
        assert_eq!(granted("Expires: 4\r\n"), Some(4));
        assert_eq!(granted("Expires: 3600\r\n"), Some(60));
        assert_eq!(granted("Contact: <sip:a@b>;expires=1\r\nExpires: 50\r\n"), Some(1));
        assert_eq!(granted(""), Some(60));
        let (other, ours) = (
            "Contact: <sip:joe@192.0.2.8>;expires=50\r\n",
            "<sip:joe@192.0.2.9>;expires=7\r\n",
        );
        assert_eq!(
            granted(&format!("{other}Contact: {ours}")),
            Some(7),
            "not that of the other phone"
        );
        assert_eq!(
            granted("Expires: 0\r\n"),
            None,
            "asked again at once it would be a flood"
        );
    }

    #[test]
    fn waits_ever_longer_and_never_very_long() {
        assert_eq!(back_off(0, 0.0), Duration::from_secs(5));
        assert_eq!(back_off(1, 0.0), Duration::from_secs(10));
        assert_eq!(back_off(40, 0.0), LONGEST_WAIT);
        assert_eq!(back_off(u32::MAX, 1.0), Duration::from_secs(225));
    }
}
