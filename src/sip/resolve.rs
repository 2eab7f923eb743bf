//! Where a name leads: SRV and addresses through the library, then the system's resolver, each answer kept for a while.
//!
//! Kept, because a CANCEL must go where its INVITE went (RFC 3261 §9.1), and a name may lead elsewhere the next time it
//! is asked. It opens no connection.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rsipstack::sip::Host;
use rsipstack::transport::SipAddr;
use rsipstack::transport::transport_layer::{DefaultDomainResolver, DomainResolver};

use super::Transport;

/// Longer than a call rings.
const KEPT: Duration = Duration::from_secs(240);
/// Names kept; when full, all are forgotten.
const NAMES: usize = 256;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Resolver {
    library: DefaultDomainResolver,
    known: Mutex<HashMap<String, (SipAddr, Instant)>>,
}

impl Resolver {
    pub async fn find(&self, target: &SipAddr) -> Result<SipAddr, String> {
        let Host::Domain(name) = &target.addr.host else {
            return Ok(target.clone());
        };
        let now = crate::clock::now();
        if let Some(known) = self.recall(target, now) {
            return Ok(known);
        }
        let asked = tokio::time::timeout(PATIENCE, self.library.resolve(target)).await;
        let found = match asked {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => {
                let port = target.addr.port.as_ref().map(|port| port.0);
                let usual = target.r#type.and_then(Transport::of).unwrap_or(Transport::Udp).port();
                let port = port.unwrap_or(usual);
                let lookup = tokio::net::lookup_host((name.0.as_str(), port));
                let addresses = tokio::time::timeout(PATIENCE, lookup).await;
                let address: Option<SocketAddr> = addresses.ok().and_then(Result::ok).and_then(|mut all| all.next());
                let address = address.ok_or_else(|| format!("no address for `{name}`"))?;
                SipAddr {
                    r#type: target.r#type,
                    addr: address.into(),
                }
            }
        };
        self.keep(target, &found, now);
        Ok(found)
    }

    /// The address that `target` was found at last, however long ago. Nobody is asked.
    pub fn known(&self, target: &SipAddr) -> Option<IpAddr> {
        match &target.addr.host {
            Host::IpAddr(ip) => Some(*ip),
            Host::Domain(_) => {
                let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                Some(known.get(&target.to_string())?.0.get_socketaddr().ok()?.ip())
            }
        }
    }

    fn recall(&self, target: &SipAddr, now: Instant) -> Option<SipAddr> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (address, since) = known.get(&target.to_string())?;
        (now.saturating_duration_since(*since) < KEPT).then(|| address.clone())
    }

    fn keep(&self, target: &SipAddr, found: &SipAddr, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES {
            known.clear();
        }
        known.insert(target.to_string(), (found.clone(), now));
    }
}

/// The library asks it for every name in a Request-URI or Route.
pub(super) struct Shared(pub std::sync::Arc<Resolver>);

#[async_trait::async_trait]
impl DomainResolver for Shared {
    async fn resolve(&self, target: &SipAddr) -> rsipstack::Result<SipAddr> {
        self.0.find(target).await.map_err(rsipstack::Error::DnsResolutionError)
    }
}
