//! The transports of SIP, and what each is called: in a configuration, in a URI, in the library.
//!
//! It opens nothing.

use std::fmt;

use rsipstack::sip::uri::ParamsExt;
use rsipstack::sip::{Host, Param, Scheme, Transport as Wire, Uri};
use rsipstack::transport::SipAddr;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    pub const ALL: [Transport; 5] = [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ];

    /// As a configuration and a URI write it.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    pub fn named(name: &str) -> Option<Transport> {
        Transport::ALL.into_iter().find(|transport| transport.name() == name)
    }

    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// Messages come over a connection.
    pub fn is_stream(self) -> bool {
        self != Transport::Udp
    }

    pub(in crate::sip) fn is_web(self) -> bool {
        matches!(self, Transport::Ws | Transport::Wss)
    }

    /// Where no other port is named (RFC 3261 section 19.1.2, RFC 7118 section 5.1).
    pub fn port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }

    pub(in crate::sip) fn wire(self) -> Wire {
        match self {
            Transport::Udp => Wire::Udp,
            Transport::Tcp => Wire::Tcp,
            Transport::Tls => Wire::Tls,
            Transport::Ws => Wire::Ws,
            Transport::Wss => Wire::Wss,
        }
    }

    pub(in crate::sip) fn of(wire: Wire) -> Option<Transport> {
        Transport::ALL.into_iter().find(|transport| transport.wire() == wire)
    }

    /// By which to reach a URI, as far as it says so itself; none: by one that is not spoken here.
    pub(in crate::sip) fn towards(uri: &Uri) -> Option<Transport> {
        let named = match uri.transport() {
            Some(wire) => Transport::of(*wire)?,
            None => Transport::Udp,
        };
        if uri.scheme != Some(Scheme::Sips) {
            return Some(named);
        }
        // RFC 3261 section 26.2.2: `sips` is TLS, whatever carries it.
        Some(if named.is_web() { Transport::Wss } else { Transport::Tls })
    }

    /// What a URI that is reached by it says of it.
    pub(in crate::sip) fn parameters(self) -> Vec<Param> {
        match self {
            Transport::Udp => Vec::new(),
            stream => vec![Param::Transport(stream.wire())],
        }
    }

    /// Where to look for `uri`: by which transport, as far as it says so itself, else as the owner of its name prefers (RFC 3263 section 4.1).
    pub(in crate::sip) fn sought(uri: &Uri) -> Result<SipAddr, String> {
        let transport = Transport::towards(uri).ok_or_else(|| format!("`{uri}`: its transport is not spoken here"))?;
        Ok(match transport {
            Transport::Udp if uri.transport().is_none() => SipAddr {
                r#type: None,
                ..transport.target(uri)
            },
            named => named.target(uri),
        })
    }

    /// What an address that was found says; none: UDP.
    pub(in crate::sip) fn found(address: &SipAddr) -> Result<Transport, String> {
        let spoken = |wire| Transport::of(wire).ok_or_else(|| format!("{wire} is not spoken here"));
        address.r#type.map_or(Ok(Transport::Udp), spoken)
    }

    /// Where `uri` is reached by it; an address without a port gets the usual one. (A name may have SRV records that say which.)
    fn target(self, uri: &Uri) -> SipAddr {
        let mut addr = uri.host_with_port.clone();
        if matches!(addr.host, Host::IpAddr(_)) && addr.port.is_none() {
            addr.port = Some(self.port().into());
        }
        SipAddr {
            r#type: Some(self.wire()),
            addr,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_says_how_it_is_reached() {
        for (uri, transport, target) in [
            ("sip:a@192.0.2.1", Some(Transport::Udp), "UDP 192.0.2.1:5060"),
            (
                "sip:a@192.0.2.1;transport=tcp",
                Some(Transport::Tcp),
                "TCP 192.0.2.1:5060",
            ),
            (
                "sip:a@192.0.2.1;transport=tls",
                Some(Transport::Tls),
                "TLS 192.0.2.1:5061",
            ),
            (
                "sips:a@192.0.2.1:5071;transport=tcp",
                Some(Transport::Tls),
                "TLS 192.0.2.1:5071",
            ),
            ("sips:a@example.com", Some(Transport::Tls), "TLS example.com"),
            (
                "sip:a@[2001:db8::1];transport=ws",
                Some(Transport::Ws),
                "WS [2001:db8::1]:80",
            ),
            (
                "sips:a@192.0.2.1;transport=ws",
                Some(Transport::Wss),
                "WSS 192.0.2.1:443",
            ),
            ("sip:a@192.0.2.1;transport=sctp", None, ""),
        ] {
            let read = Uri::try_from(uri).unwrap();
            assert_eq!(Transport::towards(&read), transport, "{uri}");
            let found = transport.map_or(String::new(), |transport| transport.target(&read).to_string());
            assert_eq!(found, target, "{uri}");
        }
    }

    #[test]
    fn every_name_is_read_again() {
        for transport in Transport::ALL {
            assert_eq!(Transport::named(transport.name()), Some(transport));
            assert_eq!(Transport::of(transport.wire()), Some(transport));
        }
    }
}
