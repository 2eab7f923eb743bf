//! Whom a caller rings: by which way, and how sound is to be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::audio::codec::Codec;
use crate::sdp::Encryption;
use crate::sip::{Tls, Transport};

/// Whom to ring, and how.
#[derive(Clone, Debug)]
pub struct Callee {
    pub uri: String,
    pub transport: Transport,
    /// Whom to believe, where it is TLS.
    pub tls: Tls,
    /// The one that is offered; none: as the script says.
    pub codec: Option<Codec>,
    pub encryption: Encryption,
}

impl Callee {
    /// Over UDP, and not encrypted.
    pub fn new(uri: impl Into<String>) -> Callee {
        Callee {
            uri: uri.into(),
            transport: Transport::Udp,
            tls: Tls::default(),
            codec: None,
            encryption: Encryption::Never,
        }
    }
}

/// This machine's address on the way to the host of `uri`; loopback where that cannot be told.
pub(super) async fn address_towards(uri: &str) -> IpAddr {
    let host = uri
        .rsplit('@')
        .next()
        .unwrap_or(uri)
        .trim_start_matches("sips:")
        .trim_start_matches("sip:");
    let host = host.split([';', '?', '>']).next().unwrap_or(host);
    let named = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:5060")
    };
    let resolved = tokio::net::lookup_host(named)
        .await
        .ok()
        .and_then(|mut found| found.next());
    let found = resolved.and_then(|target| {
        let any: SocketAddr = if target.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0_u16; 8], 0).into()
        };
        let probe = std::net::UdpSocket::bind(any).ok()?;
        // Sends nothing: it only asks the system which way it would go.
        probe.connect(target).ok()?;
        Some(probe.local_addr().ok()?.ip())
    });
    found.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
