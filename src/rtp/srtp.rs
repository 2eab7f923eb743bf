//! Encrypted sound: SRTP and SRTCP (RFC 3711; AES-GCM as in RFC 7714), with keys that the session descriptions tell (RFC 4568).
//!
//! [`Srtp`] turns datagrams into protected ones and back, or says why not. The cryptography is a crate's (rtc-srtp); ours is what it leaves open: a
//! source is remembered only once a packet of it was genuine, so that forged ones cost no memory, and a report that is not encrypted is refused,
//! since the crate would take it unseen. It draws no random numbers and knows neither SDP nor sockets. Nothing here shows a key.

use std::collections::VecDeque;
use std::fmt;

use rtc_shared::error::Error;
use rtc_srtp::context::Context;
use rtc_srtp::crypto::default_provider;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

/// The longest master key with its salt, in bytes.
pub const LONGEST: usize = 44;

/// Packets so far behind the newest are too old to be told from replayed ones: more than the jitter buffer ever waits for.
const WINDOW: usize = 256;
/// Sources of one key that are remembered: the one that has been silent longest goes first. A call has one, and another for each codec of another clock.
const SOURCES: usize = 32;
/// From the end of an SRTCP packet of HMAC-SHA1: the tag, and before it the index (RFC 3711 section 3.4).
const HMAC_INDEX: usize = 14;
/// And of AES-GCM: the index alone (RFC 7714 section 9.2).
const GCM_INDEX: usize = 4;

/// A crypto-suite (RFC 4568 section 6.2, RFC 7714 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    Gcm256,
    Gcm128,
    Cm80,
    Cm32,
}

impl Suite {
    /// All, the strongest first: our order when we offer.
    pub const ALL: [Suite; 4] = [Suite::Gcm256, Suite::Gcm128, Suite::Cm80, Suite::Cm32];

    /// Its name in a session description.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Gcm256 => "AEAD_AES_256_GCM",
            Suite::Gcm128 => "AEAD_AES_128_GCM",
            Suite::Cm80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::Cm32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// By its name, in letters of either case.
    pub fn named(name: &str) -> Option<Suite> {
        Suite::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Master key and master salt, in bytes.
    pub fn lengths(self) -> (usize, usize) {
        (self.profile().key_len(), self.profile().salt_len())
    }

    fn profile(self) -> ProtectionProfile {
        match self {
            Suite::Gcm256 => ProtectionProfile::AeadAes256Gcm,
            Suite::Gcm128 => ProtectionProfile::AeadAes128Gcm,
            Suite::Cm80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Suite::Cm32 => ProtectionProfile::Aes128CmHmacSha1_32,
        }
    }

    /// Where in an SRTCP packet its index begins, counted from the end.
    fn index(self) -> usize {
        match self {
            Suite::Gcm256 | Suite::Gcm128 => GCM_INDEX,
            Suite::Cm80 | Suite::Cm32 => HMAC_INDEX,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A master key and its salt, and what they are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    suite: Suite,
    /// As many as the suite has; zeros behind them.
    bytes: [u8; LONGEST],
}

impl Key {
    /// The key and after it the salt. None where they are not as long as the suite has them.
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Key> {
        let (key, salt) = suite.lengths();
        if bytes.len() != key + salt {
            return None;
        }
        let mut all = [0; LONGEST];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Key { suite, bytes: all })
    }

    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The key and after it the salt, for a session description.
    pub fn bytes(&self) -> &[u8] {
        let (key, salt) = self.suite.lengths();
        self.bytes.get(..key + salt).unwrap_or_default()
    }

    fn context(&self) -> Option<Context> {
        let (key, salt) = self.bytes().split_at_checked(self.suite.lengths().0)?;
        let provider = default_provider().ok()?;
        Context::new(
            key,
            salt,
            self.suite.profile(),
            Some(srtp_replay_protection(WINDOW)),
            Some(srtcp_replay_protection(WINDOW)),
            provider.crypto(),
        )
        .ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.suite)
    }
}

/// What two ends have told each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// What we send is protected by.
    pub ours: Key,
    pub theirs: Key,
}

/// Why a datagram is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it was taken before, or is too old to tell")]
    Replayed,
    #[error("it is not of whom we have the key of, or was changed under way")]
    Forged,
}

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rtp,
    Rtcp,
}

/// Protects one leg, both ways.
pub struct Srtp {
    keys: Keys,
    /// None: the cryptography is not to be had, and nothing goes out.
    out: Option<Context>,
    incoming: Incoming,
    /// By the key before, until one by the new key comes (RFC 4568 section 7.1.4).
    before: Option<Incoming>,
}

impl Srtp {
    pub fn new(keys: Keys) -> Srtp {
        Srtp {
            keys,
            out: keys.ours.context(),
            incoming: Incoming::new(keys.theirs),
            before: None,
        }
    }

    pub fn suite(&self) -> Suite {
        self.keys.ours.suite
    }

    /// What is sent is protected by it.
    pub fn sends_by(&self) -> Key {
        self.keys.ours
    }

    /// What was opened by the key before is not opened any more.
    pub fn forget_former(&mut self) {
        self.before = None;
    }

    /// Keys that are the same go on counting; others begin anew: one that was sent by before needs another SSRC.
    pub fn change(&mut self, keys: Keys) {
        if keys.ours != self.keys.ours {
            self.out = keys.ours.context();
        }
        if keys.theirs != self.keys.theirs {
            let before = std::mem::replace(&mut self.incoming, Incoming::new(keys.theirs));
            self.before = Some(before);
        }
        self.keys = keys;
    }

    /// What is sent of an RTP packet; none: it cannot be protected, and must not be sent.
    pub fn protect(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let protected = self.out.as_mut()?.encrypt_rtp(datagram).ok()?;
        Some(protected.into())
    }

    /// What is sent of a compound RTCP packet.
    pub fn protect_report(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let protected = self.out.as_mut()?.encrypt_rtcp(datagram).ok()?;
        Some(protected.into())
    }

    /// The RTP packet in a datagram.
    pub fn open(&mut self, datagram: &[u8]) -> Result<Vec<u8>, Refused> {
        let [_, _, _, _, _, _, _, _, ssrc @ ..] = *datagram.first_chunk::<12>().ok_or(Refused::Forged)?;
        self.open_any(Kind::Rtp, u32::from_be_bytes(ssrc), datagram)
    }

    /// The compound RTCP packet in a datagram.
    pub fn open_report(&mut self, datagram: &[u8]) -> Result<Vec<u8>, Refused> {
        let [_, _, _, _, ssrc @ ..] = *datagram.first_chunk::<8>().ok_or(Refused::Forged)?;
        self.open_any(Kind::Rtcp, u32::from_be_bytes(ssrc), datagram)
    }

    fn open_any(&mut self, kind: Kind, ssrc: u32, datagram: &[u8]) -> Result<Vec<u8>, Refused> {
        let opened = self.incoming.open(kind, ssrc, datagram);
        match (opened, &mut self.before) {
            (Ok(packet), before) => {
                *before = None;
                Ok(packet)
            }
            (Err(Refused::Forged), Some(before)) => before.open(kind, ssrc, datagram),
            (Err(refused), _) => Err(refused),
        }
    }
}

impl fmt::Debug for Srtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Srtp({})", self.suite())
    }
}

/// All that comes by one key.
struct Incoming {
    key: Key,
    /// Each source has a context of its own, made when its first genuine packet came; the one heard last is the last.
    sources: VecDeque<(u32, Context)>,
}

impl Incoming {
    fn new(key: Key) -> Incoming {
        Incoming {
            key,
            sources: VecDeque::new(),
        }
    }

    fn open(&mut self, kind: Kind, ssrc: u32, datagram: &[u8]) -> Result<Vec<u8>, Refused> {
        if let Kind::Rtcp = kind {
            self.check_encrypted(datagram)?;
        }
        if let Some(known) = self.sources.iter().position(|(of, _)| *of == ssrc) {
            let opened = self
                .sources
                .get_mut(known)
                .map(|(_, context)| open(context, kind, datagram));
            let opened = opened.unwrap_or(Err(Refused::Forged));
            if opened.is_ok() && known + 1 < self.sources.len() {
                let heard = self.sources.remove(known);
                self.sources.extend(heard);
            }
            return opened;
        }
        let mut context = self.key.context().ok_or(Refused::Forged)?;
        let packet = open(&mut context, kind, datagram)?;
        if self.sources.len() >= SOURCES {
            self.sources.pop_front();
        }
        self.sources.push_back((ssrc, context));
        Ok(packet)
    }

    /// The crate takes an SRTCP packet without encryption (RFC 3711 section 3.4, E = 0) unseen. Nobody agrees to such packets here.
    fn check_encrypted(&self, datagram: &[u8]) -> Result<(), Refused> {
        let index = datagram.len().checked_sub(self.key.suite.index());
        let first = index.and_then(|at| datagram.get(at)).ok_or(Refused::Forged)?;
        if first & 0x80 == 0 {
            return Err(Refused::Forged);
        }
        Ok(())
    }
}

fn open(context: &mut Context, kind: Kind, datagram: &[u8]) -> Result<Vec<u8>, Refused> {
    let opened = match kind {
        Kind::Rtp => context.decrypt_rtp(datagram),
        Kind::Rtcp => context.decrypt_rtcp(datagram),
    };
    match opened {
        Ok(packet) => Ok(packet.into()),
        Err(Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..)) => Err(Refused::Replayed),
        Err(_) => Err(Refused::Forged),
    }
}

#[cfg(test)]
mod tests;
