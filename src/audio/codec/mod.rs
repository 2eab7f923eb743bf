//! The codecs of a call, each with its clock: Opus and G.722 in wide-band, G.711 as the telephone has it.
//!
//! [`Encoder`] turns frames into payloads, [`Decoder`] payloads into sound, and makes up for those that are lost where the codec can. They know
//! no packets: what comes in which order, and what is missing, is told to them.

mod decoder;
mod encoder;

use std::fmt;

pub use self::decoder::Decoder;
pub use self::encoder::Encoder;
use super::SAMPLE_RATE;
use super::g711::Law;

/// A codec that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 6716, as RTP carries it RFC 7587. Coded here at 16 kHz in one channel, whatever the other end may send.
    Opus,
    /// 7 kHz of sound in 64 kbit/s.
    G722,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// All, the best sound first: our order of preference when we offer.
    pub const ALL: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma];
    /// What every telephone has.
    pub const TELEPHONE: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    /// Its name in an SDP `rtpmap` (RFC 3551 section 6, RFC 7587 section 6.1).
    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::G722 => "G722",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// Of G.711, which of its two laws.
    pub fn law(self) -> Option<Law> {
        match self {
            Codec::Pcmu => Some(Law::Pcmu),
            Codec::Pcma => Some(Law::Pcma),
            Codec::Opus | Codec::G722 => None,
        }
    }

    /// By its name, in letters of either case.
    pub fn named(name: &str) -> Option<Codec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Its static RTP payload type (RFC 3551 section 6); the number that we offer where it has none.
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Opus => 111,
            Codec::G722 => 9,
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// Units of the RTP clock a second. G.722's is half of its sampling rate, by an old mistake (RFC 3551 section 4.5.2).
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::G722 | Codec::Pcmu | Codec::Pcma => 8_000,
        }
    }

    /// Of its `rtpmap`: Opus says two, whatever is sent (RFC 7587 section 7).
    pub fn channels(self) -> u8 {
        match self {
            Codec::Opus => 2,
            Codec::G722 | Codec::Pcmu | Codec::Pcma => 1,
        }
    }

    /// Samples a second of what [`Decoder`] makes of it.
    pub fn sample_rate(self) -> u32 {
        match self {
            Codec::Opus | Codec::G722 => SAMPLE_RATE,
            Codec::Pcmu | Codec::Pcma => 8_000,
        }
    }

    /// How long a payload sounds, in units of the RTP clock. None where it is no payload of this codec.
    pub fn duration(self, payload: &[u8]) -> Option<u32> {
        let units = match self {
            Codec::Opus => opus::packet::get_nb_samples(payload, self.clock_rate()).ok()?,
            Codec::G722 | Codec::Pcmu | Codec::Pcma => payload.len(),
        };
        u32::try_from(units).ok().filter(|units| *units > 0)
    }

    /// For so many units of the RTP clock, samples of [`Codec::sample_rate`].
    pub fn samples(self, units: u32) -> usize {
        let samples = u64::from(units) * u64::from(self.sample_rate()) / u64::from(self.clock_rate());
        usize::try_from(samples).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Codec {
    /// As in an `rtpmap`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name(), self.clock_rate())?;
        match self.channels() {
            1 => Ok(()),
            channels => write!(f, "/{channels}"),
        }
    }
}

/// What the other end's decoder asks of our encoder (RFC 7587 section 6.1). Only Opus has anything to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Each packet is to tell the one before it once more, in few bits.
    pub correction: Correction,
    /// What it plays, Hz: sound above half of it is wasted.
    pub playback_rate: u32,
    /// Bits a second, at most; none: what we think right.
    pub most_bits: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    Wanted,
    Unused,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes {
            correction: Correction::Unused,
            playback_rate: 48_000,
            most_bits: None,
        }
    }
}

#[cfg(test)]
mod tests;
