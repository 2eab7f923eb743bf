//! ICE as one that is lite speaks it (RFC 8839): credentials and one candidate, where the other end offers to look for a way.
//!
//! Knows no STUN: that is `rtp`'s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sdp_types::{Attribute, Media, Session};
use sha2::{Digest, Sha256};

use super::{Local, Secret};
use crate::rtp::stun::Ice;

/// What we answer with; none where it offers no ICE, is lite itself (two of that kind only listen), or wants reports on a port of
/// their own, for which we have no candidate.
pub(super) fn choose(session: &Session, media: &Media, local: &Local) -> Option<Ice> {
    let said = |name: &str| {
        let all = media.attributes.iter().chain(&session.attributes);
        let mut all = all.filter(|a| a.attribute.eq_ignore_ascii_case(name));
        all.next().map(|a| a.value.as_deref().unwrap_or_default().trim())
    };
    let (fragment, password) = (said("ice-ufrag")?, said("ice-pwd")?);
    let lengths = (4..=256).contains(&fragment.len()) && (22..=256).contains(&password.len());
    let lite = said("ice-lite").is_some();
    (lengths && !lite && said("rtcp-mux").is_some()).then(|| ours(&local.secret, fragment, password))
}

/// Ours follow from theirs, so that they are others after a restart (RFC 8839 section 4.4.1.1.1), and from what only we know.
fn ours(Secret(_, secret): &Secret, fragment: &str, password: &str) -> Ice {
    let mut hash = Sha256::new();
    for part in [&secret[..], fragment.as_bytes(), b" ", password.as_bytes()] {
        hash.update(part);
    }
    let text = STANDARD.encode(hash.finalize());
    let mut characters = text.bytes();
    let mut next = || characters.next().unwrap_or(b'/');
    Ice {
        fragment: std::array::from_fn(|_| next()),
        password: std::array::from_fn(|_| next()),
    }
}

/// For the stream: there is one way to us, the address that the other end is told anyway.
pub(super) fn say(stream: &mut Media, ice: &Ice, local: &Local) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (ip, port) = (local.address.ip(), local.address.port());
    for (name, value) in [
        ("ice-ufrag", text(&ice.fragment)),
        ("ice-pwd", text(&ice.password)),
        // Priority as RFC 8445 section 5.1.2 has it for a host with one address.
        ("candidate", format!("1 1 UDP 2130706431 {ip} {port} typ host")),
    ] {
        stream.attributes.push(Attribute::with_value(name, value));
    }
}
