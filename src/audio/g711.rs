//! The two codecs of the telephone network, G.711 µ-law (PCMU) and A-law (PCMA): 8 kHz, one byte a sample.
//!
//! Knows nothing of packets or payload types on the wire beyond the static ones the codecs are born with.

use std::fmt;

use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::pcmu::{PcmuDecoder, PcmuEncoder};
use audio_codec::{Decoder, Encoder};

/// Samples a second, and units of the RTP clock a second.
pub const RATE: u32 = 8_000;

/// One of the two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcmu,
    Pcma,
}

impl Codec {
    /// Both, in our order of preference when we offer.
    pub const ALL: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    /// Its name in an SDP `rtpmap` (RFC 3551 section 6).
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// Its static RTP payload type (RFC 3551 section 6).
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// One sample of 8 kHz for every byte.
    pub fn decode(self, payload: &[u8]) -> Vec<i16> {
        match self {
            Codec::Pcmu => PcmuDecoder::new().decode(payload),
            Codec::Pcma => PcmaDecoder::new().decode(payload),
        }
    }

    /// One byte for every sample of 8 kHz.
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Codec::Pcmu => PcmuEncoder::new().encode(samples),
            Codec::Pcma => {
                // The crate's encoder is exact for positive samples alone (negative ones come out up to a step too small):
                // it is given the one's complement of a negative sample, and the sign bit is set here.
                let magnitudes: Vec<i16> = samples.iter().map(|s| if *s < 0 { !*s } else { *s }).collect();
                let mut payload = PcmaEncoder::new().encode(&magnitudes);
                for (byte, sample) in payload.iter_mut().zip(samples) {
                    if *sample < 0 {
                        *byte ^= 0x80;
                    }
                }
                payload
            }
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{RATE}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest of the 256 values a codec has, found by trying all of them.
    fn nearest(codec: Codec, sample: i16) -> i32 {
        let all: Vec<u8> = (0..=255).collect();
        codec
            .decode(&all)
            .iter()
            .map(|v| (i32::from(*v) - i32::from(sample)).abs())
            .min()
            .unwrap()
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same_sound() {
        let all: Vec<u8> = (0..=255).collect();
        for codec in Codec::ALL {
            let decoded = codec.decode(&all);
            assert_eq!(decoded.len(), 256);
            assert_eq!(codec.decode(&codec.encode(&decoded)), decoded, "{codec}");
        }
    }

    #[test]
    fn values_are_those_of_the_standard() {
        assert_eq!(Codec::Pcmu.decode(&[0x00, 0x80, 0xff, 0x7f]), [-32_124, 32_124, 0, 0]);
        assert_eq!(Codec::Pcma.decode(&[0x2a, 0xaa, 0x55, 0xd5]), [-32_256, 32_256, -8, 8]);
        assert_eq!(Codec::Pcmu.encode(&[0, 32_767, -32_768]), [0xff, 0x80, 0x00]);
        assert_eq!(Codec::Pcma.encode(&[0, 32_767, -32_768, -1]), [0xd5, 0xaa, 0x2a, 0x55]);
    }

    #[test]
    fn every_sample_becomes_one_near_it() {
        for codec in Codec::ALL {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let heard = codec.decode(&codec.encode(&[sample]))[0];
                let error = (i32::from(heard) - i32::from(sample)).abs();
                // At the ends of µ-law's segments the standard's thresholds are not half way.
                let allowed = nearest(codec, sample) + 1 + i32::from(sample).abs() / 64;
                assert!(error <= allowed, "{codec}: {sample} became {heard}");
            }
        }
    }
}
