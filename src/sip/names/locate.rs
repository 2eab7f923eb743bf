//! Where a name leads (RFC 3263): which transports, hosts and addresses, in the order in which they are to be tried.
//!
//! It asks [`Names`] and draws a lot where it is given one: no network, no clock. Numeric hosts are no business of its.

use std::net::{IpAddr, SocketAddr};

use rsipstack::sip::Transport;
use rsipstack::transport::SipAddr;

/// Addresses of one name that are tried at most.
const ADDRESSES: usize = 16;

/// RFC 3403 section 4.1, as far as SIP needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub service: String,
    pub replacement: String,
}

/// RFC 2782.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// What the DNS knows. What it does not know is an empty list, for whatever reason.
#[async_trait::async_trait]
pub(super) trait Names: Send + Sync {
    async fn naptr(&self, name: &str) -> Vec<Naptr>;
    async fn srv(&self, name: &str) -> Vec<Srv>;
    async fn addresses(&self, name: &str) -> Vec<IpAddr>;
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sought {
    pub host: String,
    /// With one there is nothing to look up but addresses (section 4.2).
    pub port: Option<u16>,
    /// Unset: as the name's owner prefers (section 4.1).
    pub transport: Option<Transport>,
}

/// Best first. `lot` yields 0 to 1, for servers of equal priority.
pub(super) async fn locate(names: &dyn Names, sought: &Sought, lot: &mut (dyn FnMut() -> f64 + Send)) -> Vec<SipAddr> {
    let mut found = Vec::new();
    // A name without a dot is a machine's own, not a domain's.
    if sought.port.is_none() && sought.host.trim_end_matches('.').contains('.') {
        for (transport, service) in services(names, sought).await {
            let servers = ordered(names.srv(&service).await, lot);
            for server in servers.into_iter().take(ADDRESSES) {
                let addresses = names.addresses(&server.target).await;
                found.extend(addresses.into_iter().map(|ip| at(ip, server.port, transport)));
            }
        }
    }
    if found.is_empty() {
        let transport = sought.transport.unwrap_or(Transport::Udp);
        let port = sought.port.unwrap_or(transport.default_port().0);
        let addresses = names.addresses(&sought.host).await;
        found.extend(addresses.into_iter().map(|ip| at(ip, port, transport)));
    }
    found.truncate(ADDRESSES);
    found
}

fn at(ip: IpAddr, port: u16, transport: Transport) -> SipAddr {
    SipAddr {
        r#type: Some(transport),
        addr: SocketAddr::new(ip, port).into(),
    }
}

/// Transports, and under which name their servers are listed.
async fn services(names: &dyn Names, sought: &Sought) -> Vec<(Transport, String)> {
    let usual = |transport| Some((transport, format!("{}.{}", prefix(transport)?, sought.host)));
    if let Some(transport) = sought.transport {
        return usual(transport).into_iter().collect();
    }
    let mut rules = names.naptr(&sought.host).await;
    rules.sort_by_key(|rule| (rule.order, rule.preference));
    let listed: Vec<_> = rules
        .iter()
        .filter(|rule| rule.flags.eq_ignore_ascii_case("s"))
        .filter_map(|rule| {
            let service = rule.service.to_ascii_uppercase();
            let transport = match service.as_str() {
                "SIP+D2U" => Transport::Udp,
                "SIP+D2T" => Transport::Tcp,
                "SIPS+D2T" => Transport::Tls,
                _ => return None,
            };
            Some((transport, rule.replacement.clone()))
        })
        .collect();
    if !listed.is_empty() {
        return listed;
    }
    [Transport::Udp, Transport::Tcp].into_iter().filter_map(usual).collect()
}

fn prefix(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp"),
        Transport::Tcp => Some("_sip._tcp"),
        Transport::Tls => Some("_sips._tcp"),
        _ => None,
    }
}

/// The lowest priority first; among equals by lot, heavier ones more often (RFC 2782).
fn ordered(mut servers: Vec<Srv>, lot: &mut (dyn FnMut() -> f64 + Send)) -> Vec<Srv> {
    // "." says that there is decidedly no such service.
    servers.retain(|server| !server.target.trim_end_matches('.').is_empty());
    // Weightless ones first, so that they have a chance at all.
    servers.sort_by_key(|server| (server.priority, server.weight));
    let mut order = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|server| server.priority) {
        let equal = servers.iter().take_while(|server| server.priority == priority);
        let total: u32 = equal.clone().map(|server| u32::from(server.weight)).sum();
        let drawn = (lot().clamp(0.0, 1.0) * f64::from(total)) as u32;
        let mut sum = 0;
        let chosen = equal
            .map(|server| {
                sum += u32::from(server.weight);
                sum
            })
            .position(|sum| sum >= drawn);
        order.push(servers.remove(chosen.unwrap_or(0)));
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Default)]
    struct Book {
        naptr: HashMap<&'static str, Vec<Naptr>>,
        srv: HashMap<&'static str, Vec<Srv>>,
        addresses: HashMap<&'static str, Vec<IpAddr>>,
    }

    #[async_trait::async_trait]
    impl Names for Book {
        async fn naptr(&self, name: &str) -> Vec<Naptr> {
            self.naptr.get(name).cloned().unwrap_or_default()
        }
        async fn srv(&self, name: &str) -> Vec<Srv> {
            self.srv.get(name).cloned().unwrap_or_default()
        }
        async fn addresses(&self, name: &str) -> Vec<IpAddr> {
            self.addresses.get(name).cloned().unwrap_or_default()
        }
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port,
            target: target.to_owned(),
        }
    }

    fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
        Naptr {
            order,
            preference,
            flags: "S".to_owned(),
            service: service.to_owned(),
            replacement: replacement.to_owned(),
        }
    }

    fn book() -> Book {
        let ip = |last| IpAddr::from([192, 0, 2, last]);
        Book {
            naptr: HashMap::from([(
                "rules.example",
                vec![
                    naptr(20, 1, "SIP+D2U", "_sip._udp.rules.example"),
                    naptr(10, 2, "SIP+D2T", "second.example"),
                    naptr(10, 1, "SIP+D2T", "first.example"),
                    naptr(1, 1, "E2U+sip", "enum.example"),
                ],
            )]),
            srv: HashMap::from([
                (
                    "first.example",
                    vec![srv(2, 0, 5062, "b.example"), srv(1, 0, 5061, "a.example")],
                ),
                ("second.example", vec![srv(1, 0, 5063, "c.example")]),
                (
                    "_sip._udp.plain.example",
                    vec![srv(1, 0, 5064, "c.example"), srv(0, 0, 0, ".")],
                ),
                ("_sip._tcp.plain.example", vec![srv(1, 0, 5065, "c.example")]),
                ("_sip._udp.none.example", vec![srv(1, 0, 5066, "nowhere.example")]),
            ]),
            addresses: HashMap::from([
                ("a.example", vec![ip(1), ip(11)]),
                ("b.example", vec![ip(2)]),
                ("c.example", vec![ip(3)]),
                ("none.example", vec![ip(4)]),
                ("desk", vec![ip(5)]),
            ]),
        }
    }

    fn found(host: &str, port: Option<u16>, transport: Option<Transport>) -> Vec<String> {
        let sought = Sought {
            host: host.to_owned(),
            port,
            transport,
        };
        let book = book();
        let mut lot = || 0.0;
        let all = futures_util::FutureExt::now_or_never(locate(&book, &sought, &mut lot));
        let all = all.expect("nothing to wait for");
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_owner_of_a_name_says_how_it_is_reached() {
        assert_eq!(
            found("rules.example", None, None),
            [
                "TCP 192.0.2.1:5061",
                "TCP 192.0.2.11:5061",
                "TCP 192.0.2.2:5062",
                "TCP 192.0.2.3:5063"
            ]
        );
        assert_eq!(
            found("plain.example", None, None),
            ["UDP 192.0.2.3:5064", "TCP 192.0.2.3:5065"]
        );
    }

    #[test]
    fn what_is_given_is_not_asked_for() {
        assert_eq!(
            found("plain.example", None, Some(Transport::Tcp)),
            ["TCP 192.0.2.3:5065"]
        );
        assert_eq!(
            found("a.example", Some(7), None),
            ["UDP 192.0.2.1:7", "UDP 192.0.2.11:7"]
        );
        assert_eq!(
            found("a.example", None, Some(Transport::Tls)),
            ["TLS 192.0.2.1:5061", "TLS 192.0.2.11:5061"]
        );
        assert_eq!(
            found("none.example", None, None),
            ["UDP 192.0.2.4:5060"],
            "a server without an address"
        );
        assert_eq!(found("desk", None, None), ["UDP 192.0.2.5:5060"]);
        assert!(found("unknown.example", None, None).is_empty());
    }

    #[test]
    fn equals_are_drawn_by_weight_and_all_are_tried() {
        let servers = vec![
            srv(1, 30, 3, "c"),
            srv(1, 0, 1, "a"),
            srv(0, 9, 0, "z"),
            srv(1, 10, 2, "b"),
        ];
        let ports = |lot: f64| -> Vec<u16> {
            let drawn = ordered(servers.clone(), &mut || lot);
            drawn.iter().map(|server| server.port).collect()
        };
        assert_eq!(ports(0.0), [0, 1, 2, 3]);
        assert_eq!(ports(1.0), [0, 3, 2, 1]);
        assert_eq!(ports(0.2), [0, 2, 3, 1]);
        assert_eq!(ports(f64::NAN), [0, 1, 2, 3]);
    }
}
