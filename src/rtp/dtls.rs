//! Keys for encrypted sound that no session description carries: DTLS-SRTP (RFC 5763, RFC 5764), as the one that waits to be called.
//!
//! [`Identity`] is a certificate of our own, made once when the program starts; [`Handshake`] takes a leg's datagrams and ends with the keys for both
//! ways, of whoever has the certificate that their session description told. The protocol is a crate's (rtc-dtls), which draws random numbers
//! for it; it owns no socket and no clock. What is ours is who may begin one, and how many.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::default_provider;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;
use sha2::{Digest, Sha256};

use super::srtp::{Key, Keys, Suite};

/// SHA-256 of a certificate (RFC 8122 section 5).
pub type Fingerprint = [u8; 32];

/// Places from which a leg's handshake may be tried: so many where the other end is expected, and as many elsewhere. Each costs memory before
/// anything is proven.
const TRIED: usize = 4;
/// Bytes that are read from each of them: a handshake takes two thousand or so, and some of them again for each time that it is lost. The crate keeps
/// fragments of messages without counting those that are empty, and puts them together by recursion.
const READ: usize = 16 * 1_024;
/// Of the keys that are exported (RFC 5764 section 4.2).
const LABEL: &str = "EXTRACTOR-dtls_srtp";

/// Whether a datagram that came to an RTP port is DTLS (RFC 7983 section 7).
pub fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

/// Whether a datagram is what a handshake begins with: a record with the first piece of a ClientHello (RFC 6347 sections 4.1 and 4.2.2).
fn begins(datagram: &[u8]) -> bool {
    let [22, 254, _, 0, 0, _, _, _, _, _, _, high, low, hello @ ..] = datagram else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let whole = hello.get(..length);
    whole.is_some_and(|hello| matches!(hello, [1, _, _, _, _, _, 0, 0, 0, _, _, _, ..]))
}

/// No certificate could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate for encrypted sound could be made: {0}")]
pub struct NoIdentity(String);

/// Who we are to those who call: a certificate that nobody has signed, which session descriptions tell the fingerprint of.
pub struct Identity {
    config: Arc<HandshakeConfig>,
    fingerprint: Fingerprint,
}

impl Identity {
    pub fn generate() -> Result<Identity, NoIdentity> {
        let wrong = |error: &dyn fmt::Display| NoIdentity(error.to_string());
        let provider = default_provider().map_err(|error| wrong(&error))?;
        let certificate = Certificate::generate_self_signed(["offhook".to_owned()], provider.crypto());
        let certificate = certificate.map_err(|error| wrong(&error))?;
        let der = certificate.certificate.first().ok_or_else(|| wrong(&"it is empty"))?;
        let fingerprint = Sha256::digest(der).into();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_srtp_protection_profiles(Suite::ALL.map(profile).to_vec())
            .build(false, None)
            .map_err(|error| wrong(&error))?;
        Ok(Identity {
            config: Arc::new(config),
            fingerprint,
        })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// One leg's.
pub struct Handshake {
    endpoint: Endpoint,
    theirs: Fingerprint,
    /// The one tried last is the last.
    tried: Vec<Try>,
}

/// What has come from one place.
struct Try {
    from: SocketAddr,
    place: Place,
    bytes: usize,
}

/// Where a datagram comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The address of the session description, or one that has proven itself.
    Expected,
    Elsewhere,
}

impl Handshake {
    /// With whoever has the certificate of the fingerprint `theirs`.
    pub fn new(identity: &Identity, theirs: Fingerprint) -> Handshake {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Handshake {
            endpoint: Endpoint::new(nowhere, TransportProtocol::UDP, Some(Arc::clone(&identity.config))),
            theirs,
            tried: Vec::new(),
        }
    }

    pub fn theirs(&self) -> &Fingerprint {
        &self.theirs
    }

    /// Takes a datagram; the keys, when it was the one that the handshake ends with.
    pub fn read(&mut self, now: Instant, from: SocketAddr, place: Place, datagram: &[u8]) -> Option<Keys> {
        if !self.may_go_on(now, from, place, datagram) {
            return None;
        }
        // What cannot be read is as good as lost: whoever meant it sends it again.
        let events = self.endpoint.read(now, from, None, datagram.into()).ok()?;
        let complete = |event: &EndpointEvent| matches!(event, EndpointEvent::HandshakeComplete);
        if !events.iter().any(complete) {
            return None;
        }
        let state = self.endpoint.get_connection_state(from)?;
        let certificate = state.peer_certificates.first()?;
        if Sha256::digest(certificate)[..] != self.theirs[..] {
            return None;
        }
        keys(state)
    }

    /// Who is expected is tried in place of the oldest of their kind; strangers only while there is room.
    fn makes_room(&mut self, now: Instant, place: Place) -> bool {
        let alike = |tried: &Try| tried.place == place;
        if self.tried.iter().filter(|tried| alike(tried)).count() < TRIED {
            return true;
        }
        match (place, self.tried.iter().position(alike)) {
            (Place::Expected, Some(oldest)) => {
                let gone = self.tried.remove(oldest);
                self.endpoint.stop(now, gone.from);
                true
            }
            (_, _) => false,
        }
    }

    /// Somebody has proven themselves: only with those of whom `admits` says so does it go on.
    pub fn keep(&mut self, now: Instant, admits: impl Fn(SocketAddr) -> bool) {
        let endpoint = &mut self.endpoint;
        self.tried.retain(|tried| {
            let kept = admits(tried.from);
            if !kept {
                endpoint.stop(now, tried.from);
            }
            kept
        });
    }

    /// Time has passed: what was lost is sent again. To be called every 20 ms.
    pub fn tick(&mut self, now: Instant) {
        for tried in &self.tried {
            // One that gives up is begun anew by the other end, or not at all.
            self.endpoint.handle_timeout(tried.from, now).ok();
        }
    }

    /// What is to be sent, until none.
    pub fn answer(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let message = self.endpoint.poll_transmit()?;
        Some((message.transport.peer_addr, message.message.to_vec()))
    }

    /// Whether so many more bytes from there are read.
    fn may_go_on(&mut self, now: Instant, from: SocketAddr, place: Place, datagram: &[u8]) -> bool {
        let bytes = datagram.len();
        if let Some(known) = self.tried.iter_mut().find(|known| known.from == from) {
            known.bytes = known.bytes.saturating_add(bytes);
            return known.bytes <= READ;
        }
        let taken = begins(datagram) && self.makes_room(now, place);
        if taken {
            self.tried.push(Try { from, place, bytes });
        }
        taken
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}

/// What the handshake agreed on: keys of the one that called and of us, then the salts.
fn keys(state: &State) -> Option<Keys> {
    let agreed = state.srtp_protection_profile();
    let suite = Suite::ALL.into_iter().find(|suite| profile(*suite) == agreed)?;
    let (key, salt) = suite.lengths();
    let material = state.export_keying_material(LABEL, &[], 2 * (key + salt)).ok()?;
    let (keys, salts) = material.as_ref().split_at_checked(2 * key)?;
    let whole = |at: usize| {
        let bytes = [
            keys.get(at * key..(at + 1) * key)?,
            salts.get(at * salt..(at + 1) * salt)?,
        ]
        .concat();
        Key::new(suite, &bytes)
    };
    let (caller, called) = (whole(0)?, whole(1)?);
    Some(if state.is_client() {
        Keys {
            ours: caller,
            theirs: called,
        }
    } else {
        Keys {
            ours: called,
            theirs: caller,
        }
    })
}

fn profile(suite: Suite) -> SrtpProtectionProfile {
    match suite {
        Suite::Gcm256 => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        Suite::Gcm128 => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        Suite::Cm80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        Suite::Cm32 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32,
    }
}

#[cfg(test)]
pub(crate) mod tests;
