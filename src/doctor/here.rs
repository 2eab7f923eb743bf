//! This machine: its addresses, and the ports that SIP and sound need.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

use super::{Finding, Level};
use crate::config::Config;
use crate::sip::{Listen, Transport, is_private};

const LISTENING: &str = "listening";
/// Of addresses.
/// The name of one, and what belongs to it.
type Family = (&'static str, fn(&IpAddr) -> bool);
const FAMILIES: [Family; 2] = [("IPv4", IpAddr::is_ipv4), ("IPv6", IpAddr::is_ipv6)];

/// Whether the port could be had; it is given back at once.
pub(super) fn bind(listen: &Listen) -> Result<(), ErrorKind> {
    let bound = match listen.transport {
        Transport::Udp => UdpSocket::bind(listen.address).map(drop),
        _ => TcpListener::bind(listen.address).map(drop),
    };
    bound.map_err(|error| error.kind())
}

pub(super) fn listening(listen: &Listen, bound: Result<(), ErrorKind>) -> Finding {
    let at = format!("{} {}", listen.transport, listen.address);
    let problem = |seen: &str| Finding::new(LISTENING, Level::Problem, format!("{at}: {seen}"));
    match bound {
        Ok(()) => Finding::new(LISTENING, Level::Good, format!("{at} is free")),
        Err(ErrorKind::AddrInUse) => Finding::new(LISTENING, Level::Note, format!("{at} is held by a program"))
            .means("that is right if Offhook runs; if it does not, it will not start")
            .cure("where it is another program, end it or take another port"),
        Err(ErrorKind::AddrNotAvailable) => problem("this machine has no such address")
            .means("SIP cannot listen there")
            .cure("write an address of this machine into `sip.listen`, and the outer one into `sip.advertised`"),
        Err(ErrorKind::PermissionDenied) => problem("not permitted")
            .means("ports below 1024 need privileges")
            .cure("take a higher port"),
        Err(other) => problem(&other.to_string()),
    }
}

/// Pairs of ports that could be had.
pub(super) fn free_pairs(address: IpAddr, ports: &RangeInclusive<u16>) -> usize {
    let free = |port| UdpSocket::bind(SocketAddr::new(address, port)).is_ok();
    let first = ports.start().saturating_add(ports.start() % 2);
    let pairs = (first..*ports.end()).step_by(2);
    pairs.filter(|port| free(*port) && free(port.saturating_add(1))).count()
}

pub(super) fn sound(config: &Config, address: IpAddr, free: usize) -> Finding {
    let (first, last) = (config.rtp.ports.start(), config.rtp.ports.end());
    let needed = config.calls.most + config.calls.busy.waiting;
    let seen = format!("{free} pairs of ports are free on {address} in {first}-{last}; {needed} calls need as many");
    if free >= needed {
        return Finding::new("sound", Level::Good, seen);
    }
    let level = if free == 0 { Level::Problem } else { Level::Warning };
    let finding = Finding::new("sound", level, seen).means("calls beyond that are answered 503");
    match free {
        0 => finding.cure("see that `rtp.address` is one of this machine, and that nothing else holds `rtp.ports`"),
        _ => finding.cure("widen `rtp.ports`; while calls run their ports are not free, and that is no fault"),
    }
}

/// Where others are told to reach us, and whether they can.
pub(super) fn addresses(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listens = || config.sip.listen.iter().map(|listen| listen.address.ip());
    if !config.sip.trunks.is_empty() && listens().all(|ip| ip.is_loopback()) {
        let finding = Finding::new(
            "addresses",
            Level::Problem,
            "SIP listens on this machine alone, and there are trunks",
        );
        findings.push(
            finding
                .means("no trunk can send a call here")
                .cure("write `udp:0.0.0.0:5060`, or this machine's address, into `sip.listen`"),
        );
    }
    for (family, is_of) in FAMILIES {
        let reached: Vec<IpAddr> = listens().filter(is_of).collect();
        let ours = config.rtp.addresses.iter().find(|ip| is_of(ip));
        let told = config.sip.advertised.filter(is_of);
        let finding = match ours {
            None if reached.is_empty() => continue,
            None => Finding::new(
                "addresses",
                Level::Warning,
                format!("SIP is reached over {family}, and `rtp.address` has no such address"),
            )
            .means("who wants their sound there is refused with 488")
            .cure("write one of each family: `rtp: {address: [192.0.2.10, \"2001:db8::10\"]}`"),
            Some(ip) if ip.is_loopback() && told.is_none() && reached.iter().any(|ip| !ip.is_loopback()) => {
                Finding::new(
                    "addresses",
                    Level::Problem,
                    format!("`rtp.address` is {ip}, and SIP is reached from elsewhere"),
                )
                .means("callers are told to send their sound to themselves: nobody is heard")
                .cure("write this machine's address into `rtp.address`")
            }
            Some(_) => continue,
        };
        findings.push(finding);
    }
    match config.sip.advertised {
        Some(ip) if is_private(ip) && config.sip.trunks.iter().any(|trunk| is_public(&trunk.server)) => findings.push(
            Finding::new(
                "addresses",
                Level::Warning,
                format!("`sip.advertised` is {ip}, of a private network, and a trunk is outside"),
            )
            .means("the trunk sends calls and sound to an address it cannot reach")
            .cure("write the public address of the router, and forward the SIP and RTP ports"),
        ),
        Some(ip) => findings.push(Finding::new("addresses", Level::Good, format!("others are told {ip}"))),
        None => {}
    }
    if config.sip.is_open() {
        findings.push(
            Finding::new("addresses", Level::Warning, "`sip.admit` is `anyone`")
                .means("whoever reaches the port may call, and scanners will")
                .cure("write `admit: listed`, and yours into `sip.addresses` or `sip.users`"),
        );
    }
    findings
}

/// An address of the open network, or a name, of which that is to be supposed.
fn is_public(server: &str) -> bool {
    let host = match server.parse::<SocketAddr>() {
        Ok(address) => return !is_private(address.ip()),
        Err(_) => server.trim_matches(['[', ']']),
    };
    host.parse::<IpAddr>().map_or(host != "localhost", |ip| !is_private(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(text: &str) -> Config {
        Config::parse(text, "offhook.yaml", &|_| Some("secret".into())).expect("a configuration")
    }

    fn seen(findings: &[Finding], level: Level, words: &str) -> bool {
        findings
            .iter()
            .any(|finding| finding.level == level && finding.seen.contains(words) && !finding.cure.is_empty())
    }

    const TRUNK: &str = "trunks: [{name: t, server: sip.provider.example, username: u, password: p}]";

    #[test]
    fn addresses_that_nobody_reaches_are_found() {
        let lonely = addresses(&configured(&format!("sip: {{{TRUNK}}}")));
        assert!(seen(&lonely, Level::Problem, "this machine alone"), "{lonely:?}");
        let deaf = addresses(&configured("sip: {listen: [\"udp:192.168.1.5:5060\"]}"));
        assert!(seen(&deaf, Level::Problem, "`rtp.address` is 127.0.0.1"), "{deaf:?}");
        let inner = format!("sip: {{listen: [\"udp:0.0.0.0:5060\"], advertised: 192.168.1.5, {TRUNK}}}");
        let inner = addresses(&configured(&inner));
        assert!(seen(&inner, Level::Warning, "192.168.1.5"), "{inner:?}");
        let open = addresses(&configured(
            "sip: {listen: [\"udp:0.0.0.0:5060\"], admit: anyone, advertised: 203.0.113.1}",
        ));
        assert!(seen(&open, Level::Warning, "anyone"), "{open:?}");
        let mut both = configured("sip: {listen: [\"udp:127.0.0.1:5060\", \"udp:[::1]:5060\"]}");
        assert!(seen(&addresses(&both), Level::Warning, "over IPv6"), "{both:?}");
        both.rtp.addresses.push("::1".parse().expect("an address"));
        assert!(addresses(&both).is_empty(), "{both:?}");
        assert!(addresses(&Config::default()).is_empty(), "as it ships");
    }

    #[test]
    fn ports_are_tried() {
        let holder = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let listen = Listen {
            transport: Transport::Udp,
            address: holder.local_addr().expect("an address"),
        };
        assert_eq!(bind(&listen), Err(ErrorKind::AddrInUse));
        assert_eq!(listening(&listen, bind(&listen)).level, Level::Note);
        drop(holder);
        assert_eq!(listening(&listen, bind(&listen)).level, Level::Good);
        let elsewhere = Listen {
            address: "203.0.113.77:5060".parse().expect("an address"),
            ..listen
        };
        assert_eq!(listening(&elsewhere, bind(&elsewhere)).level, Level::Problem);
        let config = Config::default();
        for (free, level) in [(0, Level::Problem), (3, Level::Warning), (8, Level::Good)] {
            assert_eq!(sound(&config, [127, 0, 0, 1].into(), free).level, level, "{free}");
        }
        assert_eq!(free_pairs([203, 0, 113, 77].into(), &(42_900..=42_909)), 0);
        assert_eq!(free_pairs([127, 0, 0, 1].into(), &(42_901..=42_906)), 2);
    }
}
