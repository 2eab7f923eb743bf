//! From which addresses calls are taken without a password.
//!
//! An address is listed by the configuration, or is that of a trunk's server. On a datagram it can be forged, and then it is the network's word alone that a call
//! is the trunk's: who needs more lists nobody, and has users prove a password, or trunks come by connections. It knows no message, and nothing of what becomes of those who are
//! not admitted.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tracing::debug;

use crate::sip::names::Resolver;
use crate::sip::network::{Network, is_private};
use crate::sip::{Config, Trunk};

/// How often the servers of trunks are looked up anew.
const LOOK: Duration = Duration::from_secs(120);
/// And how soon, where one was not found.
const LOOK_SOON: Duration = Duration::from_secs(10);

/// Who is admitted without a password, beside trunks and listed addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admit {
    /// Whoever reaches the port.
    Anyone,
    /// This machine, and private networks (RFC 1918, RFC 4193, link-local).
    #[default]
    Local,
    /// Nobody else, not even this machine.
    Listed,
}

/// Who is admitted, as it is at the moment.
pub(in crate::sip) struct Admission {
    admit: Admit,
    listed: Vec<Network>,
    trunks: RwLock<Found>,
}

/// Where the servers of trunks are, and whose each is.
type Found = BTreeSet<(IpAddr, String)>;

impl Admission {
    pub fn new(config: &Config) -> Admission {
        let written = |trunk: &Trunk| {
            let address = trunk.target().ok()?.get_socketaddr().ok()?;
            Some((address.ip().to_canonical(), trunk.name.clone()))
        };
        let trunks = config.trunks.iter().filter_map(written);
        let by_trunk = config.trunks.iter().flat_map(|trunk| trunk.addresses.iter().copied());
        Admission {
            admit: config.admit,
            listed: config.addresses.iter().copied().chain(by_trunk).collect(),
            trunks: RwLock::new(trunks.collect()),
        }
    }

    /// Listed: never counted, never banned. This machine is, unless only the list counts: a proxy on it brings the calls of everybody.
    pub fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let this_machine = self.admit != Admit::Listed && ip.is_loopback();
        this_machine || self.trusts_web(ip)
    }

    /// Whether the server of the trunk of this name was found there. Nobody is asked.
    pub fn is_of(&self, ip: IpAddr, trunk: &str) -> bool {
        let ip = ip.to_canonical();
        self.trunks().iter().any(|(at, name)| *at == ip && name == trunk)
    }

    /// Whether calls from there are taken without a password.
    pub fn admits(&self, ip: IpAddr) -> bool {
        match self.admit {
            Admit::Anyone => true,
            Admit::Local => is_private(ip.to_canonical()) || self.trusts(ip),
            Admit::Listed => self.trusts(ip),
        }
    }

    /// By a web socket: a page that somebody here looks at comes from an address of ours, whoever wrote it, so it must be listed.
    pub fn trusts_web(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.listed.iter().any(|network| network.contains(ip)) || self.trunks().iter().any(|(at, _)| *at == ip)
    }

    /// Whether calls from there by a web socket are taken without a password.
    pub fn admits_web(&self, ip: IpAddr) -> bool {
        self.admit == Admit::Anyone || self.trusts_web(ip)
    }

    /// The addresses that the servers of trunks have now.
    fn follow(&self, addresses: Found) {
        let mut trunks = self.trunks.write().unwrap_or_else(PoisonError::into_inner);
        if *trunks != addresses {
            debug!(?addresses, "the addresses of trunks");
            *trunks = addresses;
        }
    }

    fn trunks(&self) -> std::sync::RwLockReadGuard<'_, Found> {
        self.trunks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the addresses of trunks that are named by a host, as long as the user agent lives.
pub(in crate::sip) async fn follow_trunks(admission: Arc<Admission>, resolver: Arc<Resolver>, trunks: Vec<Trunk>) {
    let mut last: Found = admission.trunks().clone();
    loop {
        let mut found = BTreeSet::new();
        let mut all = true;
        for trunk in &trunks {
            let before = found.len();
            found.extend(addresses(&resolver, trunk).await);
            all &= found.len() > before;
        }
        // What was known is kept where a name server is out of order: calls are not refused for that.
        let known = if all {
            found
        } else {
            found.union(&last).cloned().collect()
        };
        admission.follow(known.clone());
        last = known;
        tokio::time::sleep(if all { LOOK } else { LOOK_SOON }).await;
    }
}

/// All that its name leads to, as calls find it.
async fn addresses(resolver: &Resolver, trunk: &Trunk) -> Found {
    let found = resolver.servers(trunk).await.into_iter();
    found
        .map(|address| (address.ip().to_canonical(), trunk.name.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(admit: Admit, listed: &[&str]) -> Admission {
        Admission::new(&Config {
            admit,
            addresses: listed.iter().map(|text| text.parse().unwrap()).collect(),
            trunks: vec![Trunk {
                name: "provider".into(),
                server: "198.51.100.4:5070".into(),
                username: "u".into(),
                password: "p".into(),
                ..Trunk::default()
            }],
            ..Config::default()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn strangers_are_not_admitted_unless_it_is_wanted() {
        let (anyone, local, listed) = (
            admission(Admit::Anyone, &[]),
            admission(Admit::Local, &["203.0.113.0/24"]),
            admission(Admit::Listed, &["203.0.113.7", "2001:db8::/48"]),
        );
        for (address, all, near, few) in [
            ("127.0.0.1", true, true, false),
            ("::1", true, true, false),
            ("192.168.1.20", true, true, false),
            ("::ffff:10.1.1.1", true, true, false),
            ("fd00::1", true, true, false),
            ("203.0.113.7", true, true, true),
            ("203.0.113.8", true, true, false),
            ("2001:db8:0:5::1", true, false, true),
            ("198.51.100.4", true, true, true),
            ("198.51.100.5", true, false, false),
        ] {
            let admitted = [&anyone, &local, &listed].map(|admission| admission.admits(ip(address)));
            assert_eq!(admitted, [all, near, few], "{address}");
        }
        assert!(anyone.trusts(ip("198.51.100.4")) && !anyone.trusts(ip("198.51.100.5")));
        assert!(anyone.trusts(ip("127.0.0.1")) && !local.trusts(ip("192.168.1.20")));
    }

    #[test]
    fn trunks_move() {
        let listed = admission(Admit::Listed, &[]);
        assert!(listed.is_of(ip("198.51.100.4"), "provider") && !listed.is_of(ip("198.51.100.4"), "other"));
        listed.follow([(ip("198.51.100.9"), "provider".to_owned())].into());
        assert!(listed.trusts(ip("198.51.100.9")) && !listed.trusts(ip("198.51.100.4")));
    }
}
