//! Sound inside the bot: 20 ms frames of 16 kHz mono, 16-bit samples, and what is done to them.
//!
//! Every stage between the codecs and the speech engines speaks [`Frame`]; other rates and formats exist only at the edges, in the
//! modules below. Nothing here knows packets, sockets, calls or clocks, or what the sound says.

pub mod clean;
pub mod codec;
pub mod conceal;
pub mod detect;
pub mod dtmf;
pub mod echo;
pub mod g711;
pub mod level;
pub mod music;
mod octave;
pub mod resample;
pub mod tone;
pub mod wav;

/// Samples a second in every [`Frame`].
pub const SAMPLE_RATE: u32 = 16_000;

/// Samples in one [`Frame`].
pub const FRAME_SAMPLES: usize = 320;

/// How long one [`Frame`] lasts.
pub const FRAME_DURATION: std::time::Duration = std::time::Duration::from_millis(20);

/// The level of digital silence, in dBFS: below the smallest sine 16 bits can hold, and finite so that it can be averaged.
pub const SILENCE_DBFS: f32 = -100.0;

/// 20 ms of 16 kHz mono sound, 16-bit signed samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(pub Box<[i16; FRAME_SAMPLES]>);

impl Frame {
    /// 20 ms of digital silence.
    pub fn silence() -> Frame {
        Frame(Box::new([0; FRAME_SAMPLES]))
    }

    /// The first 320 of `samples` (16 kHz mono), with silence after them where there are fewer.
    pub fn from_slice(samples: &[i16]) -> Frame {
        let mut frame = Frame::silence();
        for (to, from) in frame.0.iter_mut().zip(samples) {
            *to = *from;
        }
        frame
    }

    /// Both at once; what is too loud for 16 bits is clipped.
    pub fn mixed(&self, other: &Frame) -> Frame {
        let mut mixed = self.clone();
        for (sample, more) in mixed.0.iter_mut().zip(other.samples()) {
            *sample = sample.saturating_add(*more);
        }
        mixed
    }

    /// The samples, 320 of them.
    pub fn samples(&self) -> &[i16] {
        self.0.as_slice()
    }

    /// At 8 kHz, −1 to 1, without a filter: for detectors, which do not mind: a telephone has no more than 4 kHz, and what of
    /// wide-band is folded down is no pure tone.
    pub fn halved(&self) -> impl Iterator<Item = f32> {
        let pairs = self.0.as_chunks::<2>().0.iter();
        pairs.map(|[one, two]| (f32::from(*one) + f32::from(*two)) / (2.0 * 32_768.0))
    }

    /// The level of the frame in dBFS (see [`level_dbfs`]).
    pub fn level(&self) -> f32 {
        level_dbfs(self.samples())
    }
}

impl Default for Frame {
    fn default() -> Frame {
        Frame::silence()
    }
}

/// Sound of any length cut into frames; the last one is filled up with silence.
pub fn frames(samples: &[i16]) -> impl Iterator<Item = Frame> + '_ {
    samples.chunks(FRAME_SAMPLES).map(Frame::from_slice)
}

/// The root mean square of `samples` in dB under a full-scale square wave, at least [`SILENCE_DBFS`].
/// A full-scale sine measures −3.01 dBFS; speech at a comfortable level about −20 dBFS.
pub fn level_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    let power = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / samples.len() as f64;
    let level = 10.0 * (power / (32_768.0 * 32_768.0)).max(1e-10).log10();
    level as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_filled_up_with_silence() {
        let frame = Frame::from_slice(&[1, 2, 3]);
        assert_eq!(&frame.samples()[..5], &[1, 2, 3, 0, 0]);
        assert_eq!(Frame::from_slice(&[7; 400]).samples(), &[7; 320]);
        assert_eq!(frames(&[1; 321]).count(), 2);
        assert_eq!(frames(&[]).count(), 0);
    }

    #[test]
    fn levels_are_in_dbfs() {
        assert_eq!(Frame::silence().level(), SILENCE_DBFS);
        assert!((level_dbfs(&[-32_768; 320])).abs() < 0.01);
        assert!((level_dbfs(&[3_277; 320]) + 20.0).abs() < 0.01);
        assert_eq!(level_dbfs(&[]), SILENCE_DBFS);
    }
}
