//! Frames into payloads: [`Encoder`].

use audio_codec::Encoder as _;
use audio_codec::g722::G722Encoder;

use super::{Codec, Correction, Law, SAMPLE_RATE, Wishes};
use crate::audio::Frame;
use crate::audio::resample::Resampler;

/// Bits a second of Opus: speech in wide-band with correction, where more is not heard (RFC 7587 section 3.1.1).
const BITS: u32 = 24_000;
/// The least that Opus does anything with.
const FEWEST_BITS: u32 = 6_000;
/// Of 10: the quality that the last steps bring is not heard at this rate, and each costs a tenth more.
const COMPLEXITY: i32 = 5;
/// Packets in a hundred that Opus is to expect to be lost where correction is wanted; with none it would send no correction.
const LOSS: i32 = 10;
/// The longest Opus packet of one frame (RFC 6716 section 3.4).
const LONGEST: usize = 1_275;

/// One direction of a call.
pub struct Encoder(Kind);

enum Kind {
    Law(Law, Resampler),
    G722(Box<G722Encoder>),
    /// None: the library had no memory for it, and nothing is sent.
    Opus(Option<opus::Encoder>),
}

impl Encoder {
    pub fn new(codec: Codec, wishes: Wishes) -> Encoder {
        let law = |law| Kind::Law(law, Resampler::narrowing());
        Encoder(match codec {
            Codec::Opus => Kind::Opus(opus(wishes).ok()),
            Codec::G722 => Kind::G722(Box::new(G722Encoder::new())),
            Codec::Pcmu => law(Law::Pcmu),
            Codec::Pcma => law(Law::Pcma),
        })
    }

    /// The payload of 20 ms. Empty: there is nothing to be sent.
    pub fn encode(&mut self, frame: &Frame) -> Vec<u8> {
        match &mut self.0 {
            Kind::Law(law, narrow) => law.encode(&narrow.push(frame.samples())),
            Kind::G722(encoder) => encoder.encode(frame.samples()),
            Kind::Opus(encoder) => {
                let coded = encoder.as_mut().map(|one| one.encode_vec(frame.samples(), LONGEST));
                coded.and_then(Result::ok).unwrap_or_default()
            }
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Kind::Law(Law::Pcmu, _) => "Encoder(PCMU)",
            Kind::Law(Law::Pcma, _) => "Encoder(PCMA)",
            Kind::G722(_) => "Encoder(G722)",
            Kind::Opus(_) => "Encoder(opus)",
        })
    }
}

fn opus(wishes: Wishes) -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip)?;
    encoder.set_signal(opus::Signal::Voice)?;
    encoder.set_complexity(COMPLEXITY)?;
    let bits = wishes.most_bits.unwrap_or(BITS).clamp(FEWEST_BITS, BITS);
    encoder.set_bitrate(opus::Bitrate::Bits(i32::try_from(bits).unwrap_or(i32::MAX)))?;
    encoder.set_max_bandwidth(match wishes.playback_rate {
        ..12_000 => opus::Bandwidth::Narrowband,
        12_000..16_000 => opus::Bandwidth::Mediumband,
        16_000.. => opus::Bandwidth::Wideband,
    })?;
    match wishes.correction {
        Correction::Wanted => {
            encoder.set_inband_fec(true)?;
            encoder.set_packet_loss_perc(LOSS)?;
        }
        Correction::Unused => {}
    }
    Ok(encoder)
}
