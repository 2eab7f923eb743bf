//! What names were found to lead to, kept for a while.
//!
//! Kept, so that what follows an INVITE goes where that went, though its name may lead elsewhere the next time it is asked;
//! and so that a server that does not answer is not the first to be asked again. It opens no connection.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rsipstack::sip::{Host, HostWithPort};
use rsipstack::transport::SipAddr;
use rsipstack::transport::transport_layer::DomainResolver;

use super::dns::Dns;
use super::locate::{Names, Sought, locate};
use crate::sip::Trunk;

/// Longer than a call rings.
const KEPT: Duration = Duration::from_secs(240);
/// Names kept; when full, all are forgotten.
const NAMES: usize = 256;
const PATIENCE: Duration = Duration::from_secs(6);
/// How long it is remembered that a name leads nowhere.
const NOWHERE: Duration = Duration::from_secs(30);
/// The library takes no message while it waits for a name.
const HASTE: Duration = Duration::from_millis(500);

/// How long a server may be silent before the next one is asked; the last one has the 32 s of RFC 3261. Four sendings.
pub(in crate::sip) const SILENCE: Duration = Duration::from_secs(4);

pub(in crate::sip) struct Resolver {
    names: Box<dyn Names>,
    known: Mutex<HashMap<String, (VecDeque<SipAddr>, Instant)>>,
}

impl Resolver {
    pub fn new(servers: &[SocketAddr]) -> Resolver {
        Resolver {
            names: Box::new(Dns::new(servers)),
            known: Mutex::default(),
        }
    }

    pub async fn find(&self, target: &SipAddr) -> Result<SipAddr, String> {
        let first = self.all(target).await?.pop_front();
        first.ok_or_else(|| format!("no address for `{target}`"))
    }

    /// Every address of it, in the order in which they are to be tried; one at least.
    pub async fn all(&self, target: &SipAddr) -> Result<VecDeque<SipAddr>, String> {
        let Host::Domain(name) = &target.addr.host else {
            return Ok(VecDeque::from([target.clone()]));
        };
        let now = crate::clock::now();
        let nowhere = || format!("no address for `{name}`");
        match self.recall(target, now) {
            Some(known) if known.is_empty() => return Err(nowhere()),
            Some(known) => return Ok(known),
            None => {}
        }
        // RFC 5626 section 10: a name that stands for none.
        if name.0 == "invalid" || name.0.ends_with(".invalid") {
            return Err(nowhere());
        }
        let sought = Sought {
            host: name.0.clone(),
            port: target.addr.port.as_ref().map(|port| port.0),
            transport: target.r#type,
        };
        let mut lot = rand::random::<f64>;
        let located = locate(self.names.as_ref(), &sought, &mut lot);
        let found = tokio::time::timeout(PATIENCE, located).await.unwrap_or_default();
        let found = VecDeque::from(found);
        self.keep(target, found.clone(), crate::clock::now());
        if found.is_empty() { Err(nowhere()) } else { Ok(found) }
    }

    /// Where calls by `trunk` go; nowhere where its name is not known.
    pub async fn servers(&self, trunk: &Trunk) -> Vec<SocketAddr> {
        let Ok(target) = trunk.target() else { return Vec::new() };
        let found = self.all(&target).await.unwrap_or_default();
        let usual = |server: SipAddr| SipAddr {
            addr: HostWithPort {
                port: server.addr.port.or(Some(trunk.transport.port().into())),
                ..server.addr
            },
            ..server
        };
        let addresses = found.into_iter().map(usual);
        addresses.filter_map(|server| server.get_socketaddr().ok()).collect()
    }

    /// This address of `target` is the one to use from now on.
    pub fn prefer(&self, target: &SipAddr, address: &SipAddr) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((addresses, _)) = known.get_mut(&target.to_string()) else {
            return;
        };
        if let Some(at) = addresses.iter().position(|known| known == address) {
            addresses.rotate_left(at);
        }
    }

    /// Empty where it led nowhere a moment ago.
    fn recall(&self, target: &SipAddr, now: Instant) -> Option<VecDeque<SipAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (addresses, since) = known.get(&target.to_string())?;
        let kept = if addresses.is_empty() { NOWHERE } else { KEPT };
        (now.saturating_duration_since(*since) < kept).then(|| addresses.clone())
    }

    fn keep(&self, target: &SipAddr, found: VecDeque<SipAddr>, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES {
            known.clear();
        }
        known.insert(target.to_string(), (found, now));
    }
}

/// Where calls by `trunk` would go, in the order in which its servers are tried (RFC 3263). Without `name_servers` the system's are asked.
pub async fn servers(trunk: &Trunk, name_servers: &[SocketAddr]) -> Vec<SocketAddr> {
    Resolver::new(name_servers).servers(trunk).await
}

/// The library asks it for every name in a Request-URI or Route.
pub(in crate::sip) struct Shared(pub std::sync::Arc<Resolver>);

#[async_trait::async_trait]
impl DomainResolver for Shared {
    async fn resolve(&self, target: &SipAddr) -> rsipstack::Result<SipAddr> {
        let found = tokio::time::timeout(HASTE, self.0.find(target)).await;
        let found = found.unwrap_or_else(|_| Err(format!("`{target}` is not found yet")));
        found.map_err(rsipstack::Error::DnsResolutionError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn that_a_name_leads_nowhere_is_remembered_for_a_while() {
        let resolver = Resolver::new(&[]);
        let target = SipAddr {
            r#type: None,
            addr: HostWithPort::try_from("sip.test").unwrap(),
        };
        let now = crate::clock::now();
        resolver.keep(&target, VecDeque::new(), now);
        assert!(resolver.all(&target).await.is_err());
        assert_eq!(
            resolver.recall(&target, now + Duration::from_secs(29)),
            Some(VecDeque::new())
        );
        assert_eq!(resolver.recall(&target, now + Duration::from_secs(30)), None);
    }

    #[tokio::test]
    async fn a_server_is_looked_up_with_a_port_or_without() {
        for (server, address) in [
            ("127.0.0.1", "127.0.0.1:5060"),
            ("127.0.0.1:5070", "127.0.0.1:5070"),
            ("[::1]:5070", "[::1]:5070"),
            ("[::1]", "[::1]:5060"),
        ] {
            let trunk = Trunk {
                server: server.to_owned(),
                ..Trunk::default()
            };
            let found: Vec<String> = servers(&trunk, &[]).await.iter().map(ToString::to_string).collect();
            assert_eq!(found, [address], "{server}");
        }
    }
}
