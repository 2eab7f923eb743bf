//! The two companding laws of the telephone network, G.711 µ-law and A-law: 8 kHz, one byte a sample.
//!
//! Without state and without delay; as codecs of a call they are [`super::codec::Codec`]'s. Knows nothing of packets.

use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::pcmu::{PcmuDecoder, PcmuEncoder};
use audio_codec::{Decoder, Encoder};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    Pcmu,
    Pcma,
}

impl Law {
    pub const ALL: [Law; 2] = [Law::Pcmu, Law::Pcma];

    /// One sample of 8 kHz for every byte.
    pub fn decode(self, payload: &[u8]) -> Vec<i16> {
        match self {
            Law::Pcmu => PcmuDecoder::new().decode(payload),
            Law::Pcma => PcmaDecoder::new().decode(payload),
        }
    }

    /// One byte for every sample of 8 kHz.
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Law::Pcmu => PcmuEncoder::new().encode(samples),
            Law::Pcma => {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest of the 256 values a law has, found by trying all of them.
    fn nearest(law: Law, sample: i16) -> i32 {
        let all: Vec<u8> = (0..=255).collect();
        law.decode(&all)
            .iter()
            .map(|v| (i32::from(*v) - i32::from(sample)).abs())
            .min()
            .unwrap()
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same_sound() {
        let all: Vec<u8> = (0..=255).collect();
        for law in Law::ALL {
            let decoded = law.decode(&all);
            assert_eq!(decoded.len(), 256);
            assert_eq!(law.decode(&law.encode(&decoded)), decoded, "{law:?}");
        }
    }

    #[test]
    fn values_are_those_of_the_standard() {
        assert_eq!(Law::Pcmu.decode(&[0x00, 0x80, 0xff, 0x7f]), [-32_124, 32_124, 0, 0]);
        assert_eq!(Law::Pcma.decode(&[0x2a, 0xaa, 0x55, 0xd5]), [-32_256, 32_256, -8, 8]);
        assert_eq!(Law::Pcmu.encode(&[0, 32_767, -32_768]), [0xff, 0x80, 0x00]);
        assert_eq!(Law::Pcma.encode(&[0, 32_767, -32_768, -1]), [0xd5, 0xaa, 0x2a, 0x55]);
    }

    #[test]
    fn every_sample_becomes_one_near_it() {
        for law in Law::ALL {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let heard = law.decode(&law.encode(&[sample]))[0];
                let error = (i32::from(heard) - i32::from(sample)).abs();
                // At the ends of µ-law's segments the standard's thresholds are not half way.
                let allowed = nearest(law, sample) + 1 + i32::from(sample).abs() / 64;
                assert!(error <= allowed, "{law:?}: {sample} became {heard}");
            }
        }
    }
}
