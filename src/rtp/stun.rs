//! Connectivity checks of ICE (RFC 8445), answered as by one that is lite: a peer with several addresses finds the one that reaches us.
//!
//! [`answer`] reads a STUN request (RFC 8489), holds it to the password that our session description told, and says what goes back. What
//! is not genuine gets no answer: nobody is to learn or reflect anything by asking. It knows no sockets, and decides nothing about sound.

use std::fmt;
use std::net::SocketAddr;

use rtc_stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::crypto::default_provider;
use rtc_stun::error_code::{ErrorCode, ErrorCodeAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MESSAGE_HEADER_SIZE, Message, Setter};
use rtc_stun::xoraddr::XorMappedAddress;

/// Whether a datagram that came to an RTP port is STUN (RFC 7983 section 7).
pub fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first_chunk(), Some([0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42]))
}

/// What our session description tells of us (RFC 8839 section 5.4), in ASCII: random, and another one after each restart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ice {
    pub fragment: [u8; 8],
    pub password: [u8; 24],
}

impl fmt::Debug for Ice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ice")
    }
}

/// A request that was genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Goes back to where the request came from.
    pub answer: Vec<u8>,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reaches us from there.
    Valid,
    /// And that is the way that sound is to go (RFC 8445 section 7.3.2).
    Nominated,
    /// It thinks that we lead, which one that is lite cannot.
    RoleConflict,
}

/// Judges a request that came from `from`; none: it is not answered.
pub fn answer(ice: &Ice, from: SocketAddr, datagram: &[u8]) -> Option<Check> {
    let mut request = Message::default();
    request.unmarshal_binary(datagram).ok()?;
    let whole = datagram.len() == MESSAGE_HEADER_SIZE + request.length as usize;
    // What stands behind the integrity is not protected by it: nothing but the fingerprint may (RFC 8489 section 14.5). Of several the first is checked.
    let ends = matches!(&request.attributes.0[..], [before @ .., one, two]
        if one.typ == ATTR_MESSAGE_INTEGRITY
            && two.typ == ATTR_FINGERPRINT
            && before.iter().all(|attribute| attribute.typ != ATTR_MESSAGE_INTEGRITY));
    if request.typ != BINDING_REQUEST || !whole || !ends {
        return None;
    }
    FINGERPRINT.check(&request).ok()?;
    let name = request.get(ATTR_USERNAME).ok()?;
    if name.split(|byte| *byte == b':').next() != Some(&ice.fragment[..]) {
        return None;
    }
    let provider = default_provider().ok()?;
    MessageIntegrity::check(&mut request, &ice.password, provider.crypto()).ok()?;
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(ice.password, provider.crypto());
    let (kind, told, outcome): (_, Box<dyn Setter>, _) = if request.contains(ATTR_ICE_CONTROLLED) {
        let conflict = ErrorCodeAttribute {
            code: ErrorCode(487),
            reason: b"Role Conflict".to_vec(),
        };
        (BINDING_ERROR, Box::new(conflict), Outcome::RoleConflict)
    } else {
        let seen = XorMappedAddress {
            ip: from.ip().to_canonical(),
            port: from.port(),
        };
        let nominated = request.contains(ATTR_USE_CANDIDATE);
        let outcome = if nominated { Outcome::Nominated } else { Outcome::Valid };
        (BINDING_SUCCESS, Box::new(seen), outcome)
    };
    let mut answer = Message::new();
    let parts: [Box<dyn Setter + '_>; 5] = [
        Box::new(request.transaction_id),
        Box::new(kind),
        told,
        Box::new(integrity),
        Box::new(FINGERPRINT),
    ];
    answer.build(&parts).ok()?;
    Some(Check {
        answer: answer.raw,
        outcome,
    })
}

#[cfg(test)]
pub(crate) mod tests;
