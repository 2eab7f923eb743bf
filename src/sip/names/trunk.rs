//! What follows from a trunk's configuration: whose hosts are its own, where what is sent to it goes first, and who we are there.
//!
//! It asks nobody.

use std::net::IpAddr;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::sip::{Host, HostWithPort, Param, Scheme, Uri, typed};
use rsipstack::transport::SipAddr;

use super::transport::Transport;
use crate::sip::Trunk;
use crate::sip::message::grammar;

impl Trunk {
    /// Who calls there.
    pub(in crate::sip) fn user(&self) -> &str {
        self.from_user.as_deref().unwrap_or(self.account())
    }

    /// Who we are there; a trunk that knows us by our address is told a name nevertheless.
    pub(in crate::sip) fn account(&self) -> &str {
        if self.username.is_empty() {
            "offhook"
        } else {
            &self.username
        }
    }

    /// Whose the numbers are.
    pub(in crate::sip) fn domain(&self) -> Result<HostWithPort, String> {
        self.host(&self.server)
    }

    /// Where all that is sent to the trunk goes first.
    pub(in crate::sip) fn next_hop(&self) -> Result<HostWithPort, String> {
        self.host(self.outbound_proxy.as_ref().unwrap_or(&self.server))
    }

    fn host(&self, text: &str) -> Result<HostWithPort, String> {
        let wrong = || format!("trunk `{}`: `{text}` is no host or host:port", self.name);
        if !grammar::host_is_sound(&format!("sip:{text}")) {
            return Err(wrong());
        }
        HostWithPort::try_from(text).map_err(|_| wrong())
    }

    /// Whether a host is its own: as it is written, or by the list of its addresses.
    pub(in crate::sip) fn owns(&self, host: &Host) -> bool {
        let written = [self.domain(), self.next_hop()].into_iter().flatten();
        let named = host.to_string();
        written
            .map(|known| known.host.to_string())
            .any(|known| known.eq_ignore_ascii_case(&named))
            || matches!(host, Host::IpAddr(ip) if self.lists(*ip))
    }

    /// Whether its list of addresses has this one.
    pub(in crate::sip) fn lists(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.contains(ip))
    }

    pub(in crate::sip) fn credential(&self) -> Credential {
        Credential {
            username: self.username.clone(),
            password: self.password.clone(),
            realm: None,
            auth_username: None,
        }
    }

    pub(in crate::sip) fn uri(&self, host_with_port: HostWithPort) -> Result<Uri, String> {
        Ok(Uri {
            scheme: Some(Scheme::Sip),
            host_with_port,
            params: self.transport.parameters(),
            ..Uri::default()
        })
    }

    pub(in crate::sip) fn target(&self) -> Result<SipAddr, String> {
        Transport::sought(&self.uri(self.next_hop()?)?)
    }

    /// Takes requests through the trunk's server, or its proxy.
    pub(in crate::sip) fn route(&self) -> Result<typed::Route, String> {
        let mut uri = self.uri(self.next_hop()?)?;
        uri.params.push(Param::Lr);
        Ok(uri.into())
    }
}
