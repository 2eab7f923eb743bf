//! Tones that the network and machines make: ringing, busy, special information, fax and modem, and the beep before a message.
//!
//! 40 ms are looked at every 20 ms (Goertzel): one frequency, or two beside each other, and hardly anything else; what stays so for a while is a
//! burst, and bursts and the silence between them are a tone. A voice wanders too much to be one. It knows neither calls nor what follows.

use std::collections::VecDeque;

use super::Frame;
use super::tone::{power_at, windowed};

/// A sound that says something by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// It rings at the other end (ITU-T E.180).
    RingBack,
    /// The line is engaged.
    Busy,
    /// The network is: the same, twice as fast.
    Congestion,
    /// Three rising tones before an announcement of the network (ITU-T E.180).
    SpecialInformation,
    /// A fax that calls: 1100 Hz for half a second of every three and a half (ITU-T T.30, CNG).
    FaxCalling,
    /// A fax or a modem that answers: 2100 Hz (ITU-T T.30, CED; V.25, V.8), or 2225 Hz (Bell 103).
    FaxAnswering,
    /// One frequency that was heard alone for a moment and has ended. A fax that calls begins with one.
    Beep,
}

/// Of what is looked at: a telephone has no more than 4 kHz.
const RATE: u32 = 8_000;
const WINDOW: usize = 320;
/// From one frequency of the window to the next, Hz.
const BIN: f32 = 25.0;
/// Frequencies that are tried at first, two bins apart, Hz.
const LOWEST: u16 = 350;
const HIGHEST: u16 = 2_350;
/// Mean square below which nothing is heard: −48 dBFS.
const FAINT: f32 = 1.6e-5;
/// Share of the sound that a tone makes, at least.
const PURE: f32 = 0.8;
/// So far, Hz, may a tone be from where it was before.
const SAME: f32 = 20.0;
/// Windows without it in the middle of a burst: a lost packet, or the reversal of phase of an answering modem (V.8).
const MISSED: usize = 2;
/// Longer ones, in windows, are no bursts of anything that is counted: 5 s.
const LONGEST: usize = 250;
/// Bursts that are remembered.
const BURSTS: usize = 4;

/// Windows at the edges of a burst, which are half of something else.
const EDGES: usize = 2;
/// A beep is as long as this, in windows: 120 ms to 2 s, and 40 ms more, in which it comes into the window and leaves it.
const BEEP: std::ops::RangeInclusive<usize> = 7..=104;
/// So steady is it, Hz and dB; no voice is.
const STEADY_HZ: f32 = 6.0;
const STEADY_DB: f32 = 2.0;
/// After it the line is this much quieter, dB, for so many frames.
const QUIETER: f32 = 15.0;
const QUIET: usize = 4;
/// In windows: 400 ms of 2100 Hz.
const ANSWERING: usize = 20;
/// The three special tones in Hz, and how far off they may be.
const SPECIAL: [f32; 3] = [950.0, 1_400.0, 1_800.0];
const OFF: f32 = 60.0;

/// One look.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    hz: f32,
    /// dBFS.
    level: f32,
    /// One frequency alone; else two.
    pure: bool,
}

/// Something that stays the same.
#[derive(Clone, Debug, Default)]
struct Burst {
    looks: Vec<Look>,
    /// Windows since the last of them.
    missed: usize,
    /// Windows of something else before it.
    after: usize,
    /// It has been told what it is.
    told: bool,
}

/// A burst that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Past {
    hz: f32,
    /// In windows.
    long: usize,
    after: usize,
}

/// Listens for them.
#[derive(Debug, Default)]
pub struct ToneDetector {
    /// Of 8 kHz, −1 to 1, oldest first; a window at most.
    heard: VecDeque<f32>,
    burst: Option<Burst>,
    past: VecDeque<Past>,
    /// Windows since the last burst.
    quiet: usize,
    /// Its cadence has been told.
    told: bool,
    /// How loud a beep was, dBFS, and how many frames it has been quiet since.
    beeped: Option<(f32, usize)>,
}

impl ToneDetector {
    /// 20 ms; the tone that is plain by now, once for each time that it is heard. A beep is told 140 ms after its end.
    pub fn hear(&mut self, frame: &Frame) -> Option<Tone> {
        for sample in frame.halved() {
            if self.heard.len() == WINDOW {
                self.heard.pop_front();
            }
            self.heard.push_back(sample);
        }
        let look = self.look();
        let told = self.follow(look);
        told.or_else(|| self.quiet_after_beep(frame.level()))
    }

    /// A beep is followed by nothing; a vowel by the rest of its word.
    fn quiet_after_beep(&mut self, level: f32) -> Option<Tone> {
        let (loud, quiet) = self.beeped?;
        if level > loud - QUIETER {
            self.beeped = None;
            return None;
        }
        self.beeped = (quiet + 1 < QUIET).then_some((loud, quiet + 1));
        self.beeped.is_none().then_some(Tone::Beep)
    }

    fn follow(&mut self, look: Option<Look>) -> Option<Tone> {
        if let Some(burst) = &mut self.burst {
            match look {
                Some(look) if burst.goes_on(look) => {
                    burst.missed = 0;
                    if burst.looks.len() < LONGEST {
                        burst.looks.push(look);
                    }
                    return self.under_way();
                }
                Some(_) | None if burst.missed < MISSED => {
                    burst.missed += 1;
                    return None;
                }
                Some(_) | None => {}
            }
        }
        let ended = self.burst.take().and_then(|burst| self.ended(burst));
        if let Some(look) = look {
            self.burst = Some(Burst {
                looks: vec![look],
                after: self.quiet,
                ..Burst::default()
            });
        } else {
            self.quiet = self.quiet.saturating_add(1);
        }
        ended.or_else(|| self.cadence())
    }

    /// What is plain before it ends.
    fn under_way(&mut self) -> Option<Tone> {
        let burst = self.burst.as_mut().filter(|burst| !burst.told)?;
        let (hz, long) = (burst.hz(), burst.looks.len());
        let answers = (hz - 2_100.0).abs() <= 30.0 || (hz - 2_225.0).abs() <= 20.0;
        let found = if answers && long >= ANSWERING {
            Some(Tone::FaxAnswering)
        } else {
            // Each lasts 330 ms, 276 at least.
            let near = |hz: f32, wanted: f32| (hz - wanted).abs() <= OFF;
            let [first, second, third] = SPECIAL;
            let before = self.past.iter().rev().take(2).collect::<Vec<_>>();
            let special = matches!(before.as_slice(), [two, one]
                if near(one.hz, first) && near(two.hz, second) && two.after <= 5 && burst.after <= 5
                    && one.long >= 8 && two.long >= 8);
            (special && near(hz, third) && long >= 6).then_some(Tone::SpecialInformation)
        };
        burst.told = found.is_some();
        found
    }

    fn ended(&mut self, burst: Burst) -> Option<Tone> {
        let past = Past {
            hz: burst.hz(),
            long: burst.looks.len(),
            after: burst.after,
        };
        // Too short for anything: it was as if it had not been.
        if past.long < 4 {
            self.quiet = burst.after + past.long + burst.missed;
            return None;
        }
        let calls = |past: &Past| (past.hz - 1_100.0).abs() <= 40.0 && (20..=34).contains(&past.long);
        let before = self.past.back();
        // 3 s lie between them, from 2.5 to 3.5.
        let again = calls(&past) && before.is_some_and(calls) && (120..=176).contains(&past.after);
        if !burst.told && burst.is_steady() && BEEP.contains(&past.long) {
            self.beeped = burst.level().map(|level| (level, 0));
        }
        if self.past.len() == BURSTS {
            self.past.pop_front();
        }
        self.past.push_back(past);
        (self.quiet, self.told) = (burst.missed, false);
        if again {
            // One of these is no beep.
            self.beeped = None;
        }
        again.then_some(Tone::FaxCalling)
    }

    /// What the last bursts of the network's frequencies and the silence between them come to.
    fn cadence(&mut self) -> Option<Tone> {
        if self.told {
            return None;
        }
        let of_network = |past: &Past| (375.0..=505.0).contains(&past.hz) || (past.hz - 550.0).abs() <= 20.0;
        let last: Vec<&Past> = self.past.iter().rev().take_while(|past| of_network(past)).collect();
        // In windows, with the 40 ms by which a burst seems longer.
        let each = |count: usize, on: std::ops::RangeInclusive<usize>, off: std::ops::RangeInclusive<usize>| {
            last.len() >= count
                && last.iter().take(count).all(|past| on.contains(&past.long))
                && last.iter().take(count - 1).all(|past| off.contains(&past.after))
        };
        let quiet = self.quiet;
        let found = if quiet >= 35 && last.first().is_some_and(|past| (37..=160).contains(&past.long)) {
            // 0.7 to 3 s, and silence.
            Some(Tone::RingBack)
        } else if quiet >= 35 && each(2, 17..=26, 6..=14) {
            // Twice 0.4 s with 0.2 s between, as in Britain.
            Some(Tone::RingBack)
        } else if (8..=34).contains(&quiet) && each(3, 9..=16, 6..=14) {
            Some(Tone::Congestion)
        } else if (12..=34).contains(&quiet) && each(2, 17..=36, 12..=34) {
            Some(Tone::Busy)
        } else {
            None
        };
        self.told = found.is_some();
        found
    }

    /// The one or two frequencies in the last window.
    fn look(&self) -> Option<Look> {
        if self.heard.len() < WINDOW {
            return None;
        }
        let window = windowed(self.heard.iter().copied());
        // The window keeps three eighths of the power of a sound.
        let total = window.iter().map(|x| x * x).sum::<f32>() / (WINDOW as f32 * 0.375);
        if total < FAINT {
            return None;
        }
        let power = |hz: f32| power_at(&window, RATE, hz) as f32;
        let coarse = (LOWEST..=HIGHEST)
            .step_by(50)
            .map(|hz| (f32::from(hz), power(f32::from(hz))));
        let (near, strength) = coarse.max_by(|a, b| a.1.total_cmp(&b.1))?;
        // Between two of them a tone has lost six decibels in both; one of two tones has half of the power.
        if strength * 8.0 < total * PURE {
            return None;
        }
        let fine: Vec<(f32, f32)> = (-3_i8..=3)
            .map(|n| near + f32::from(n) * BIN)
            .map(|hz| (hz, power(hz)))
            .collect();
        let level = 10.0 * total.log10();
        let middle = (2..=4).max_by(|a, b| of(&fine, *a).1.total_cmp(&of(&fine, *b).1))?;
        // A tone is in three bins, at one, a quarter and a quarter of its power.
        let sum = |reach: usize| (middle - reach..=middle + reach).map(|at| of(&fine, at).1).sum::<f32>() / 1.5;
        if sum(1) >= total * PURE {
            let hz = between(of(&fine, middle - 1).1, of(&fine, middle), of(&fine, middle + 1).1);
            return Some(Look { hz, level, pure: true });
        }
        let hz = of(&fine, middle).0;
        if sum(2) >= total * PURE && hz < 510.0 {
            return Some(Look { hz, level, pure: false });
        }
        // Busy, in America: 480 and 620 Hz.
        let around = |hz: f32| (power(hz - BIN) + power(hz) + power(hz + BIN)) / 1.5;
        if [480.0, 620.0].iter().any(|one| (hz - one).abs() <= BIN) {
            let (low, high) = (around(480.0), around(620.0));
            let both = low + high >= total * PURE && low.min(high) >= total * 0.2;
            return both.then_some(Look {
                hz: 550.0,
                level,
                pure: false,
            });
        }
        None
    }
}

impl Burst {
    fn goes_on(&self, look: Look) -> bool {
        let reach = if look.pure { SAME } else { 2.0 * SAME };
        (look.hz - self.hz()).abs() <= reach
    }

    /// How loud it was, dBFS, at its loudest.
    fn level(&self) -> Option<f32> {
        self.looks.iter().map(|look| look.level).reduce(f32::max)
    }

    /// Its mean frequency.
    fn hz(&self) -> f32 {
        self.looks.iter().map(|look| look.hz).sum::<f32>() / self.looks.len().max(1) as f32
    }

    /// Whether it kept its height and its strength.
    fn is_steady(&self) -> bool {
        let inner = self.looks.len().saturating_sub(2 * EDGES);
        let core: Vec<&Look> = self.looks.iter().skip(EDGES).take(inner).collect();
        let spread = |figure: fn(&Look) -> f32| {
            let mut figures: Vec<f32> = core.iter().map(|look| figure(look)).collect();
            figures.sort_by(f32::total_cmp);
            // A lost packet is no part of it.
            let cut = figures.len() / 8;
            let last = figures.len().saturating_sub(cut + 1);
            figures
                .get(last)
                .zip(figures.get(cut))
                .map_or(0.0, |(high, low)| high - low)
        };
        let pure = core.iter().filter(|look| look.pure).count();
        pure * 10 >= core.len() * 9 && spread(|look| look.hz) <= STEADY_HZ && spread(|look| look.level) <= STEADY_DB
    }
}

fn of(fine: &[(f32, f32)], at: usize) -> (f32, f32) {
    fine.get(at).copied().unwrap_or_default()
}

/// Where a tone lies whose power is strongest at `middle`, by its stronger neighbour, under a Hann window.
fn between(below: f32, (hz, power): (f32, f32), above: f32) -> f32 {
    let towards = if above >= below { 1.0 } else { -1.0 };
    let ratio = (above.max(below) / power.max(f32::MIN_POSITIVE)).sqrt();
    let off = ((2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(-0.5, 0.5);
    hz + towards * off * BIN
}

#[cfg(test)]
mod tests;
