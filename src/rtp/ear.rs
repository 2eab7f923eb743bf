//! From packets to frames: the jitter buffer, the decoder behind it, and what fills the gaps.
//!
//! [`Ear`] is told of packets of sound as they come, and gives 20 ms for every tick: received, concealed or silent, never none. It knows neither
//! who sends nor whether they may.

use std::time::{Duration, Instant};

use super::jitter::{Decode, Depth, Insertion, JitterBuffer, Slot};
use super::packet::Packet;
use super::stream::Sound;
use crate::audio::Frame;
use crate::audio::codec::{Codec, Decoder};
use crate::audio::conceal::Concealer;
use crate::audio::resample::Resampler;

/// The delay of [`Resampler::widening`].
const RESAMPLING: Duration = Duration::from_millis(4);

/// See the module.
#[derive(Debug)]
pub struct Ear {
    jitter: JitterBuffer<Coded>,
    decoder: Decoder,
    concealer: Concealer,
    /// For what is not wide-band.
    widen: Option<Resampler>,
}

/// What a packet carries.
#[derive(Debug)]
struct Coded {
    codec: Codec,
    payload: Vec<u8>,
}

/// What a tick brings.
pub struct Heard {
    pub frame: Frame,
    pub sound: Sound,
    /// Of the two halves, those that were made up.
    pub concealed: u8,
}

impl Ear {
    /// For the codec that was agreed on.
    pub fn new(codec: Codec, depth: Depth) -> Ear {
        let narrow = codec.sample_rate() != crate::audio::SAMPLE_RATE;
        Ear {
            jitter: JitterBuffer::new(depth, codec.clock_rate()),
            decoder: Decoder::new(codec),
            concealer: Concealer::new(codec.sample_rate()),
            widen: narrow.then(Resampler::widening),
        }
    }

    /// Whether nothing has to begin anew for `codec` to be heard.
    pub fn suits(&self, codec: Codec) -> bool {
        let agreed = self.decoder.agreed();
        agreed == codec || (agreed.law().is_some() && codec.law().is_some())
    }

    /// Takes a packet of sound.
    pub fn insert(&mut self, now: Instant, codec: Codec, packet: &Packet<'_>) -> Insertion {
        let Some(length) = codec.duration(packet.payload) else {
            return Insertion::Refused;
        };
        let coded = Coded {
            codec,
            payload: packet.payload.to_vec(),
        };
        self.jitter
            .insert(now, packet.sequence, packet.timestamp, length, coded)
    }

    /// The next 20 ms. To be called every 20 ms.
    pub fn tick(&mut self, now: Instant) -> Heard {
        let mut samples = Vec::with_capacity(2 * self.decoder.block());
        let (mut real, mut concealed) = (0, 0);
        for slot in self.jitter.pop(now, &mut self.decoder) {
            match slot {
                Slot::Payload(mut block) => {
                    real += 1;
                    self.concealer.heard(&mut block);
                    samples.extend(block);
                }
                Slot::Recovered(mut block) => {
                    concealed += 1;
                    self.concealer.heard(&mut block);
                    samples.extend(block);
                }
                Slot::Lost => {
                    concealed += 1;
                    samples.extend(self.filled_in());
                }
                Slot::Filling => samples.extend(self.filled_in()),
            }
        }
        let sound = match (real, concealed) {
            (0, 0) => Sound::Nothing,
            (0, _) => Sound::Concealed,
            (_, _) => Sound::Real,
        };
        let frame = match &mut self.widen {
            Some(widen) => Frame::from_slice(&widen.push(&samples)),
            None => Frame::from_slice(&samples),
        };
        Heard {
            frame,
            sound,
            concealed,
        }
    }

    /// Another source takes over.
    pub fn restart(&mut self) {
        self.jitter.restart();
    }

    /// How long ago the sound of the tick that comes next was received.
    pub fn delay(&self, now: Instant) -> Duration {
        let resampling = self.widen.as_ref().map_or(Duration::ZERO, |_| RESAMPLING);
        self.jitter.depth(now).saturating_add(resampling)
    }

    /// A decoder with a memory knows better than its last samples tell.
    fn filled_in(&mut self) -> Vec<i16> {
        let length = self.decoder.block();
        if let Some(block) = self.decoder.conceal(length) {
            return block;
        }
        let mut block = vec![0; length];
        self.concealer.missing(&mut block);
        block
    }
}

impl Decode<Coded> for Decoder {
    fn block(&self) -> usize {
        self.agreed()
            .samples(self.agreed().clock_rate() / super::jitter::BLOCKS)
    }

    fn decode(&mut self, coded: &Coded) -> Vec<i16> {
        Decoder::decode(self, coded.codec, &coded.payload)
    }

    fn recover(&mut self, next: &Coded, samples: usize) -> Option<Vec<i16>> {
        Decoder::recover(self, next.codec, &next.payload, samples)
    }
}
