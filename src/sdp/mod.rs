//! What the two ends agree to send each other: session descriptions (RFC 8866) by offer and answer (RFC 3264), as functions.
//!
//! [`offer`], [`answer`] and [`accept`] turn descriptions into a [`Media`], or say why not. One audio stream with telephone
//! events is what we do, in Opus, G.722 or G.711, with reports on the same port or the next; every other stream of an offer is refused in the answer, politely and in its place. This knows no SIP (a
//! description is bytes), sends nothing and holds no state: the version that counts up is the caller's, in [`Local`].

mod choice;
mod crypto;
mod dtls;
mod ice;
mod write;

use std::net::{IpAddr, SocketAddr};

pub use crate::audio::codec::{Codec, Correction, Wishes};
use crate::rtp;
use crate::rtp::dtls::Fingerprint;
use crate::rtp::srtp::{Keys, LONGEST, Suite};
use crate::rtp::stun::Ice;

/// Our side of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we want RTP: the address that the other end can reach.
    pub address: SocketAddr,
    /// Of the session, the same in all of its descriptions; random.
    pub session: u64,
    /// Of the description: counts up with each that is sent (RFC 3264 section 8). See [`Local::next`].
    pub version: u64,
    /// What we wish; an answer gives no more than the offer allows.
    pub direction: Direction,
    /// What our keys and passwords are made of, should there be any.
    pub secret: Secret,
    /// Of the certificate that we agree on keys with (DTLS-SRTP); none: we do not.
    pub fingerprint: Option<Fingerprint>,
    /// As it was agreed on last: what is encrypted is offered so again.
    pub protection: Protection,
}

/// How sound is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    None,
    /// By keys that the descriptions tell.
    Keys,
    /// By keys that are agreed on beside the sound.
    Certificate,
}

/// Random bytes for one session: a key of ours for each suite, so that none is ever used with two, and what passwords follow from. Not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [[u8; LONGEST]; Suite::ALL.len()], pub [u8; 32]);

impl Secret {
    /// Of bytes that `random` yields.
    pub fn drawn(mut random: impl FnMut() -> u8) -> Secret {
        let keys = std::array::from_fn(|_| std::array::from_fn(|_| random()));
        Secret(keys, std::array::from_fn(|_| random()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether sound is encrypted (SRTP with keys in the description, RFC 4568).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    Never,
    /// Where the other end offers it, also beside `RTP/AVP` (RFC 8643); our own offers are without, since not everybody would take them.
    Offered,
    /// What is not encrypted is refused, and ours is offered so.
    Required,
}

impl Local {
    /// For the first description of a session, sound both ways.
    pub fn new(address: SocketAddr, session: u64, secret: Secret) -> Local {
        // Numbers that are negative where 64 bits have a sign are trouble for some parsers.
        Local {
            address,
            session: session & (u64::MAX >> 2),
            version: 1,
            direction: Direction::SendRecv,
            secret,
            fingerprint: None,
            protection: Protection::None,
        }
    }

    /// For the next description of the same session.
    pub fn next(self) -> Local {
        Local {
            version: self.version.saturating_add(1),
            ..self
        }
    }
}

/// What we can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// In our order of preference, which counts when we offer.
    pub codecs: Vec<Codec>,
    /// The payload type that we offer for telephone events of 8 kHz (96 to 126), with the next one for those beside Opus; none if we do without.
    pub telephone_event: Option<u8>,
    pub encryption: Encryption,
}

impl Default for Capabilities {
    fn default() -> Capabilities {
        Capabilities {
            codecs: Codec::ALL.to_vec(),
            telephone_event: Some(101),
            encryption: Encryption::Offered,
        }
    }
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Where the other end wants RTP. Unspecified (0.0.0.0) where it holds as RFC 2543 spelled it.
    pub remote: SocketAddr,
    pub codec: Codec,
    pub payload_type: u8,
    /// How the other end would like the codec to be.
    pub wishes: Wishes,
    /// None if the other end takes none.
    pub telephone_event: Option<TelephoneEvent>,
    /// Milliseconds of sound the other end would like in a packet. We send 20 all the same, which every receiver takes.
    pub ptime: u32,
    /// Ours.
    pub direction: Direction,
    pub reports: Reports,
    /// None: nothing is encrypted.
    pub crypto: Option<Crypto>,
    /// Of the other end's certificate, where keys are agreed on beside the sound (DTLS-SRTP, in which it leads). None: they are not.
    pub fingerprint: Option<Fingerprint>,
    /// What we tell of ourselves where the other end looks for the way to us (ICE). None: it does not.
    pub ice: Option<Ice>,
}

/// How sound is coded, wherever it flows and whatever encrypts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    pub codec: Codec,
    pub payload_type: u8,
    /// How the other end would like the codec to be.
    pub wishes: Wishes,
    /// None if the other end takes none.
    pub telephone_event: Option<TelephoneEvent>,
}

/// Keys that were told, and the tag of the line that told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    pub tag: u32,
    pub keys: Keys,
}

/// Keys as RFC 4733 has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    pub payload_type: u8,
    /// Units a second: that of the codec, unless the other end knows no better.
    pub clock_rate: u32,
}

/// Where the other end takes reports on our sound (RTCP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// On the port of its sound, and so do we (RFC 5761).
    Multiplexed,
    /// On a port of their own: the next one, unless it says another (RFC 3605).
    To(SocketAddr),
}

/// Which ways sound flows, seen from the one that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn sends(self) -> bool {
        match self {
            Direction::SendRecv | Direction::SendOnly => true,
            Direction::RecvOnly | Direction::Inactive => false,
        }
    }

    pub fn receives(self) -> bool {
        self.reversed().sends()
    }

    /// The same, seen from the other end.
    pub fn reversed(self) -> Direction {
        match self {
            Direction::SendRecv => Direction::SendRecv,
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }

    /// What both allow.
    pub fn and(self, other: Direction) -> Direction {
        match (self.sends() && other.sends(), self.receives() && other.receives()) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// The attribute (RFC 8866 section 6.7).
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

impl Media {
    /// For [`Local::protection`].
    pub fn protection(&self) -> Protection {
        match (&self.crypto, &self.fingerprint) {
            (Some(_), _) => Protection::Keys,
            (None, Some(_)) => Protection::Certificate,
            (None, None) => Protection::None,
        }
    }

    /// For [`rtp::RtpStream`].
    pub fn peer(&self) -> rtp::Peer {
        // One that holds us may play music, and mostly sends nothing: its silence must not end the call.
        let somewhere = !self.remote.ip().is_unspecified() || self.ice.is_some();
        let expected = self.direction == Direction::SendRecv && somewhere;
        rtp::Peer {
            address: self.remote,
            codec: self.codec,
            payload_type: self.payload_type,
            wishes: self.wishes,
            telephone_event: self.telephone_event.map(|event| event.payload_type),
            reception: if expected {
                rtp::Reception::Expected
            } else {
                rtp::Reception::Paused
            },
            reports: match self.reports {
                Reports::Multiplexed => None,
                Reports::To(address) => Some(address),
            },
            keys: self.crypto.map(|crypto| crypto.keys),
            fingerprint: self.fingerprint,
            ice: self.ice,
        }
    }
}

/// Why there is no agreement. Messages name what was offered and what would do, for the log and for a Warning header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// 488
    #[error("no codec in common: offered {offered}; supported {supported}")]
    NoCommonCodec { offered: String, supported: String },
    /// 488
    #[error("no audio of a kind that is supported: offered {offered}; supported {supported}")]
    NoAudio { offered: String, supported: &'static str },
    /// 400
    #[error("malformed session description: {0}")]
    Malformed(String),
}

impl Rejected {
    /// The SIP status that says so.
    pub fn code(&self) -> u16 {
        match self {
            Rejected::NoCommonCodec { .. } | Rejected::NoAudio { .. } => 488,
            Rejected::Malformed(_) => 400,
        }
    }
}

/// Our offer.
pub fn offer(local: &Local, capabilities: &Capabilities) -> String {
    write::offer(local, capabilities)
}

/// Where an offer wants its sound; none where it offers none, which [`answer`] says in words. Unspecified where it holds.
pub fn wanted_at(offer: &[u8]) -> Option<IpAddr> {
    choice::wanted_at(&choice::parse(offer).ok()?)
}

/// How sound would be coded by the answer to an offer of one stream of audio and no other, for who makes that answer in another way than
/// [`answer`] does. The offerer's order of codecs decides.
pub fn coding(offer: &[u8], capabilities: &Capabilities) -> Result<Coding, Rejected> {
    choice::coding(&choice::parse(offer)?, capabilities)
}

/// Our answer to an offer, and what is agreed on by it. The offerer's order of codecs decides.
pub fn answer(offer: &[u8], local: &Local, capabilities: &Capabilities) -> Result<(String, Media), Rejected> {
    let session = choice::parse(offer)?;
    let chosen = choice::choose(&session, local, capabilities, capabilities.encryption)?;
    let media = Media {
        direction: chosen.media.direction.and(local.direction),
        ..chosen.media
    };
    Ok((write::answer(&session, chosen.line, &media, local), media))
}

/// What is agreed on by an answer to [`offer`] made with the same arguments.
pub fn accept(answer: &[u8], local: &Local, capabilities: &Capabilities) -> Result<Media, Rejected> {
    let session = choice::parse(answer)?;
    // Keys that nobody offered are no agreement.
    let offered = match write::protection(local, capabilities) {
        Protection::None => Encryption::Never,
        Protection::Keys | Protection::Certificate => Encryption::Required,
    };
    let media = choice::choose(&session, local, capabilities, offered)?.media;
    // Nobody was offered to look for a way: who is nowhere holds.
    let direction = match media.remote.ip().is_unspecified() {
        true => media.direction.and(Direction::RecvOnly),
        false => media.direction,
    };
    Ok(Media {
        ice: None,
        direction,
        ..media
    })
}

#[cfg(test)]
mod tests;
