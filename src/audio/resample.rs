//! From one sample rate to another: one band-limited filter for calls, voices and files.
//!
//! [`Resampler`] works on a stream with little delay, [`convert`] on a whole buffer with none. It knows neither codecs nor frames. What every call does
//! all the time, by a ratio of two, is [`octave`]'s; the rest is rubato's.

use std::collections::VecDeque;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use super::octave;

/// Rates outside of this are mistakes (a damaged header), not sound. Hz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Half the filter's length is the delay of a stream: 32 samples of the lower rate.
const STREAM_TAPS: usize = 64;

/// Whole buffers have no delay to save.
const BUFFER_TAPS: usize = 128;

/// Ratios that need more filter phases than this are interpolated between phases (12,345 Hz); all usual ones are exact.
const MAX_PHASES: u32 = 1_024;

/// Why a conversion cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert {from} Hz to {to} Hz: rates from 4,000 to 384,000 Hz are understood")]
pub struct UnknownRate {
    pub from: u32,
    pub to: u32,
}

/// A stream of mono sound from one rate to another.
///
/// Between 8 and 16 kHz, 20 ms in are exactly 20 ms out, 4 ms later.
#[derive(Debug)]
pub struct Resampler(Filter);

#[derive(Debug)]
enum Filter {
    Up(octave::Up),
    Down(octave::Down),
    Any(Box<Any>),
}

impl Resampler {
    /// From `from` Hz to `to` Hz.
    pub fn new(from: u32, to: u32) -> Result<Resampler, UnknownRate> {
        let filter = match (from, to) {
            (8_000, 16_000) => Filter::Up(octave::Up::default()),
            (16_000, 8_000) => Filter::Down(octave::Down::default()),
            _ => Filter::Any(Box::new(Any::new(from, to)?)),
        };
        Ok(Resampler(filter))
    }

    /// What a telephone sends, to what the bot hears: 8 to 16 kHz.
    pub fn widening() -> Resampler {
        Resampler(Filter::Up(octave::Up::default()))
    }

    /// What the bot says, to what a telephone takes: 16 to 8 kHz.
    pub fn narrowing() -> Resampler {
        Resampler(Filter::Down(octave::Down::default()))
    }

    /// Takes any number of samples and gives what is ready. Other ratios than two work in blocks of 10 ms.
    pub fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        match &mut self.0 {
            Filter::Up(filter) => filter.push(samples),
            Filter::Down(filter) => filter.push(samples),
            Filter::Any(filter) => filter.push(samples),
        }
    }
}

/// Any ratio.
struct Any {
    filter: Async<f32>,
    pending: Vec<f32>,
    ready: VecDeque<f32>,
    scratch: Vec<f32>,
}

impl Any {
    fn new(from: u32, to: u32) -> Result<Any, UnknownRate> {
        let block = from.div_ceil(100) as usize;
        let filter = filter(from, to, STREAM_TAPS, block)?;
        // The filter keeps back the samples it cannot know yet from its first block alone. The same number of silent ones in
        // front makes all blocks the same length.
        let full = (block as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize;
        let lead = full.saturating_sub(filter.output_frames_next());
        let scratch = vec![0.0; filter.output_frames_max()];
        Ok(Any {
            filter,
            pending: Vec::new(),
            ready: VecDeque::from(vec![0.0; lead]),
            scratch,
        })
    }

    fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        self.pending.extend(samples.iter().map(|s| f32::from(*s)));
        loop {
            let wanted = self.filter.input_frames_next();
            if self.pending.len() < wanted {
                break;
            }
            let made = process(&mut self.filter, &self.pending, &mut self.scratch);
            self.ready.extend(self.scratch.iter().take(made));
            self.pending.drain(..wanted);
        }
        self.ready.drain(..).map(to_i16).collect()
    }
}

impl std::fmt::Debug for Any {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Any")
            .field("ratio", &self.filter.resample_ratio())
            .finish_non_exhaustive()
    }
}

/// A whole buffer of mono sound from `from` Hz to `to` Hz, in time with the original (within 0.2 ms), `len × to / from` samples long.
pub fn convert(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, UnknownRate> {
    if from == to && RATES.contains(&from) {
        return Ok(samples.to_vec());
    }
    let mut filter = filter(from, to, BUFFER_TAPS, 1_024)?;
    let input: Vec<f32> = samples.iter().map(|s| f32::from(*s)).collect();
    let refused = UnknownRate { from, to };
    let adapter = InterleavedSlice::new(&input, 1, input.len()).map_err(|_| refused.clone())?;
    let output = filter.process_all(&adapter, input.len(), None).map_err(|_| refused)?;
    Ok(output.take_data().into_iter().map(to_i16).collect())
}

/// `taps` are counted at the lower of the two rates, so that both directions are equally steep.
fn filter(from: u32, to: u32, taps: usize, block: usize) -> Result<Async<f32>, UnknownRate> {
    let refused = UnknownRate { from, to };
    if !RATES.contains(&from) || !RATES.contains(&to) {
        return Err(refused);
    }
    let ratio = f64::from(to) / f64::from(from);
    let taps = (taps as f64 / ratio.min(1.0)).ceil() as usize;
    let phases = to / greatest_common_divisor(from, to);
    let parameters = SincInterpolationParameters::new(taps, WindowFunction::Blackman);
    let parameters = if phases <= MAX_PHASES {
        parameters
            .oversampling_factor(phases as usize)
            .interpolation(SincInterpolationType::Nearest)
    } else {
        parameters
    };
    Async::new_sinc(ratio, 1.0, &parameters, block, 1, FixedAsync::Input).map_err(|_| refused)
}

/// One block through the filter; the number of samples made. A refusal of the sizes (which are its own) would give silence.
fn process(filter: &mut Async<f32>, input: &[f32], output: &mut [f32]) -> usize {
    let expected = filter.output_frames_next().min(output.len());
    let frames = output.len();
    let made = InterleavedSlice::new(input, 1, input.len()).ok().and_then(|input| {
        let mut output = InterleavedSlice::new_mut(output, 1, frames).ok()?;
        filter.process_into_buffer(&input, &mut output, None).ok()
    });
    match made {
        Some((_, made)) => made,
        None => {
            output.fill(0.0);
            expected
        }
    }
}

fn to_i16(sample: f32) -> i16 {
    sample.round() as i16 // saturates
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::tone::{level_at, sine_at};

    const SECOND: Duration = Duration::from_secs(1);

    /// A second of a tone through a stream in 20 ms steps, without its first 20 ms.
    fn through(from: u32, to: u32, hz: f32) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = Vec::new();
        for step in sine_at(from, hz, -10.0, SECOND).chunks(from as usize / 50) {
            let made = resampler.push(step);
            assert_eq!(made.len(), to as usize / 50, "every 20 ms are 20 ms");
            out.extend(made);
        }
        out.split_off(to as usize / 50)
    }

    #[test]
    fn a_tone_keeps_its_level() {
        for (from, to) in [
            (8_000, 16_000),
            (16_000, 8_000),
            (24_000, 16_000),
            (48_000, 16_000),
            (16_000, 48_000),
        ] {
            for hz in [300.0, 1_000.0, 3_000.0] {
                let level = level_at(&through(from, to, hz), to, hz);
                assert!((level + 10.0).abs() < 0.2, "{hz} Hz from {from} to {to}: {level} dBFS");
            }
            let edge = level_at(&through(from, to, 3_400.0), to, 3_400.0);
            assert!(edge > -10.3, "3.4 kHz from {from} to {to}: {edge} dBFS");
        }
    }

    #[test]
    fn nothing_is_heard_that_was_not_there() {
        for hz in [1_000.0, 2_000.0, 3_000.0] {
            let image = level_at(&through(8_000, 16_000, hz), 16_000, 8_000.0 - hz);
            assert!(image < -80.0, "{hz} Hz mirrored up at {image} dBFS");
        }
        for hz in [4_200.0, 5_000.0, 6_000.0, 7_000.0] {
            let alias = level_at(&through(16_000, 8_000, hz), 8_000, 8_000.0 - hz);
            assert!(alias < -80.0, "{hz} Hz folded down at {alias} dBFS");
        }
        for (from, hz) in [
            (22_050, 9_500.0),
            (24_000, 9_500.0),
            (44_100, 12_000.0),
            (48_000, 10_000.0),
        ] {
            let out = convert(&sine_at(from, hz, -10.0, SECOND), from, 16_000).unwrap();
            let alias = level_at(&out, 16_000, (16_000.0 - hz).abs());
            assert!(alias < -60.0, "{hz} Hz of {from} folded down at {alias} dBFS");
        }
    }

    #[test]
    fn whole_buffers_keep_level_length_and_time() {
        for from in [8_000, 11_025, 12_345, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
            let out = convert(&sine_at(from, 1_000.0, -10.0, SECOND), from, 16_000).unwrap();
            assert_eq!(out.len(), 16_000, "{from}");
            let level = level_at(&out[800..15_200], 16_000, 1_000.0);
            assert!((level + 10.0).abs() < 0.1, "{from}: {level}");
            // 120 Hz: a period is long enough to tell early from late. 0.2 ms are 2,210 of its peak of 14,654.
            let slow = convert(&sine_at(from, 120.0, -10.0, SECOND), from, 16_000).unwrap();
            let expected = sine_at(16_000, 120.0, -10.0, SECOND);
            for (a, b) in slow.iter().zip(&expected).skip(800).take(14_000) {
                assert!(
                    (i32::from(*a) - i32::from(*b)).abs() < 2_100,
                    "{from}: {a} for {b}, out of time by 0.2 ms"
                );
            }
        }
    }

    #[test]
    fn a_stream_is_late_by_as_much_as_it_says() {
        for (from, to, late) in [(8_000, 16_000, 4.0), (16_000, 8_000, 4.0)] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut input = vec![0; from as usize / 10];
            input[from as usize / 50] = 20_000; // a click after 20 ms
            let out = resampler.push(&input);
            let peak = out.iter().enumerate().max_by_key(|(_, s)| s.unsigned_abs()).unwrap().0;
            let measured = peak as f64 * 1_000.0 / f64::from(to) - 20.0;
            assert!((measured - late).abs() < 0.15, "{from} to {to}: {measured} ms");
        }
    }

    #[test]
    fn odd_sizes_and_full_scale_do_no_harm() {
        let mut resampler = Resampler::new(8_000, 16_000).unwrap();
        let square: Vec<i16> = (0..8_000)
            .map(|i| if i / 13 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        let made: usize = square.chunks(37).map(|chunk| resampler.push(chunk).len()).sum();
        assert_eq!(made, 16_000);
        assert!(convert(&[], 8_000, 16_000).unwrap().is_empty());
        assert_eq!(convert(&[1, 2, 3], 16_000, 16_000).unwrap(), [1, 2, 3]);
        assert!(convert(&[5; 3], 44_100, 16_000).is_ok());
    }

    #[test]
    fn impossible_rates_are_refused() {
        for rate in [0, 1, 3_999, 384_001, u32::MAX] {
            assert!(Resampler::new(rate, 16_000).is_err());
            assert!(convert(&[0; 10], rate, 16_000).is_err());
            assert!(convert(&[0; 10], rate, rate).is_err());
        }
    }
}
