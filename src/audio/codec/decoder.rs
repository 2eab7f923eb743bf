//! Payloads into sound: [`Decoder`].

use audio_codec::Decoder as _;
use audio_codec::g722::G722Decoder;

use super::{Codec, Law, SAMPLE_RATE};
use crate::audio::resample::Resampler;

/// One direction of a call. Payloads are given to it in the order they were sent, each once.
pub struct Decoder {
    agreed: Codec,
    state: State,
    /// For G.711 where wide-band was agreed on; none before the first.
    widen: Option<Box<Resampler>>,
}

enum State {
    None,
    G722(Box<G722Decoder>),
    Opus(opus::Decoder),
}

/// Which of the two packets that an Opus payload tells of is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Itself,
    Before,
}

impl Decoder {
    /// For what was agreed on; either law of G.711 is understood beside it.
    pub fn new(agreed: Codec) -> Decoder {
        let state = match agreed {
            // Without memory for it there is silence.
            Codec::Opus => opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).map_or(State::None, State::Opus),
            Codec::G722 => State::G722(Box::new(G722Decoder::new())),
            Codec::Pcmu | Codec::Pcma => State::None,
        };
        Decoder {
            agreed,
            state,
            widen: None,
        }
    }

    /// All that it gives is at [`Codec::sample_rate`] of this.
    pub fn agreed(&self) -> Codec {
        self.agreed
    }

    /// The sound of a payload; of a damaged one what may have been in it.
    pub fn decode(&mut self, codec: Codec, payload: &[u8]) -> Vec<i16> {
        match codec {
            Codec::Pcmu => self.law(Law::Pcmu, payload),
            Codec::Pcma => self.law(Law::Pcma, payload),
            Codec::G722 => match &mut self.state {
                State::G722(decoder) => decoder.decode(payload),
                State::None | State::Opus(_) => Vec::new(),
            },
            Codec::Opus => {
                let samples = codec.duration(payload).map_or(0, |units| codec.samples(units));
                let sound = self.opus(payload, samples, Told::Itself);
                if sound.is_empty() {
                    self.conceal(samples).unwrap_or_default()
                } else {
                    sound
                }
            }
        }
    }

    /// The sound of a payload that is lost, `samples` long, of which the one behind it, `next`, may tell. None where the codec has no such thing.
    pub fn recover(&mut self, codec: Codec, next: &[u8], samples: usize) -> Option<Vec<i16>> {
        match codec {
            Codec::Opus => Some(self.opus(next, samples, Told::Before)).filter(|sound| !sound.is_empty()),
            Codec::G722 | Codec::Pcmu | Codec::Pcma => None,
        }
    }

    /// What may have been in a gap: 2.5 ms of samples or a multiple. None where the codec cannot tell.
    pub fn conceal(&mut self, samples: usize) -> Option<Vec<i16>> {
        match &self.state {
            State::Opus(_) => Some(self.opus(&[], samples, Told::Itself)).filter(|sound| !sound.is_empty()),
            State::None | State::G722(_) => None,
        }
    }

    fn law(&mut self, law: Law, payload: &[u8]) -> Vec<i16> {
        let narrow = law.decode(payload);
        if self.agreed.law().is_some() {
            return narrow;
        }
        let widen = self.widen.get_or_insert_with(|| Box::new(Resampler::widening()));
        widen.push(&narrow)
    }

    /// Empty where there is no decoder, or it refuses.
    fn opus(&mut self, payload: &[u8], samples: usize, told: Told) -> Vec<i16> {
        let State::Opus(decoder) = &mut self.state else {
            return Vec::new();
        };
        let mut sound = vec![0; samples];
        let made = decoder.decode(payload, &mut sound, told == Told::Before).unwrap_or(0);
        sound.truncate(made);
        sound
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder({})", self.agreed)
    }
}
