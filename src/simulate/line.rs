//! The line between a simulated caller and the bot: codec, loss, jitter, noise and echo.
//!
//! Sound goes through it on its way out, packets on their way in and out. It has no clock and no socket: packets that are
//! held back come out when they are due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::noise::{Noise, Place};
use crate::audio::Frame;
use crate::audio::codec::Codec;

/// How bad a line is. The default is a good one.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// `None`: what every telephone has.
    pub codec: Option<Codec>,
    /// The share of packets that is lost, each way, 0 to 1.
    pub loss: f64,
    /// The greatest delay of a packet on its way to the bot; each has its own.
    pub jitter: Duration,
    /// And how far below speech it is, dB.
    pub noise: Option<(Place, f32)>,
    /// The bot's voice comes back so many dB lower, 120 ms later.
    pub echo: Option<f32>,
    pub seed: u64,
}

impl Default for Quality {
    fn default() -> Self {
        Self {
            codec: None,
            loss: 0.0,
            jitter: Duration::ZERO,
            noise: None,
            echo: None,
            seed: 1,
        }
    }
}

/// Frames of 20 ms that an echo is late.
const ECHO_FRAMES: usize = 6;
/// Packets held back: two seconds of jitter, which is more than can be asked for. Above that the oldest go out.
const HELD: usize = 128;

pub struct Line {
    quality: Quality,
    random: StdRng,
    noise: Option<Noise>,
    echo: VecDeque<Frame>,
    held: VecDeque<(Instant, Vec<u8>)>,
}

impl Line {
    pub fn new(quality: Quality) -> Self {
        Self {
            random: StdRng::seed_from_u64(quality.seed),
            noise: quality.noise.map(|(place, snr)| Noise::new(place, snr, quality.seed)),
            echo: VecDeque::new(),
            held: VecDeque::new(),
            quality,
        }
    }

    /// What the bot is sent in place of `spoken`, while `heard` came from it.
    pub fn colour(&mut self, mut spoken: Frame, heard: &Frame) -> Frame {
        if let Some(noise) = &mut self.noise {
            noise.mix(&mut spoken);
        }
        if let Some(down) = self.quality.echo {
            self.echo.push_back(heard.clone());
            if self.echo.len() > ECHO_FRAMES
                && let Some(echo) = self.echo.pop_front()
            {
                let gain = 10_f32.powf(-down / 20.0);
                for (sample, echo) in spoken.0.iter_mut().zip(echo.samples()) {
                    *sample = sample.saturating_add((f32::from(*echo) * gain) as i16);
                }
            }
        }
        spoken
    }

    /// Takes a packet for the bot.
    pub fn send(&mut self, now: Instant, datagram: Vec<u8>) {
        if self.loses() {
            return;
        }
        let most = self.quality.jitter.as_secs_f64();
        let delay = Duration::from_secs_f64(if most > 0.0 {
            self.random.random_range(0.0..most)
        } else {
            0.0
        });
        self.held.push_back((now + delay, datagram));
    }

    /// A packet whose time has come. Later ones may overtake earlier ones.
    pub fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        let full = self.held.len() > HELD;
        let at = self.held.iter().position(|(due, _)| *due <= now || full)?;
        self.held.remove(at).map(|(_, datagram)| datagram)
    }

    /// When [`Line::due`] is to be asked again.
    pub fn next(&self) -> Option<Instant> {
        self.held.iter().map(|(due, _)| *due).min()
    }

    /// Whether the packet at hand is lost.
    pub fn loses(&mut self) -> bool {
        self.quality.loss > 0.0 && self.random.random_bool(self.quality.loss.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone;

    fn line(change: impl FnOnce(&mut Quality)) -> Line {
        let mut quality = Quality::default();
        change(&mut quality);
        Line::new(quality)
    }

    #[test]
    fn a_good_line_changes_nothing() {
        let mut line = line(|_| {});
        let now = crate::clock::now();
        let frame = Frame::from_slice(&[7; 320]);
        assert_eq!(line.colour(frame.clone(), &frame), frame);
        line.send(now, vec![1]);
        assert_eq!((line.due(now), line.due(now), line.next()), (Some(vec![1]), None, None));
    }

    #[test]
    fn packets_are_lost_and_late() {
        let now = crate::clock::now();
        let mut lossy = line(|quality| quality.loss = 0.2);
        let mut arrived = 0;
        for _ in 0..1000 {
            lossy.send(now, vec![0]);
            arrived += usize::from(lossy.due(now).is_some());
        }
        assert!((740..860).contains(&arrived), "{arrived}");

        let mut late = line(|quality| quality.jitter = Duration::from_millis(50));
        for n in 0..100_u8 {
            late.send(now, vec![n]);
        }
        let mut order = Vec::new();
        while let Some(next) = late.next() {
            assert!(next <= now + Duration::from_millis(50));
            order.extend(late.due(next));
        }
        assert_eq!(order.len(), 100);
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]), "none was overtaken");
    }

    #[test]
    fn the_bot_hears_itself_lower_and_later() {
        let mut line = line(|quality| quality.echo = Some(20.0));
        let tone = tone::sine(400.0, -10.0, Duration::from_millis(20));
        let loud = Frame::from_slice(&tone);
        for _ in 0..ECHO_FRAMES {
            assert_eq!(line.colour(Frame::silence(), &loud), Frame::silence());
        }
        let back = line.colour(Frame::silence(), &loud).level();
        assert!((back - (loud.level() - 20.0)).abs() < 0.5, "{back}");
    }
}
