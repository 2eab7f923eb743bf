//! The jitter buffer: sound that comes in unevenly goes out evenly, in order, as little delayed as the network allows.
//!
//! [`JitterBuffer`] is told of packets as they come and is asked for 20 ms at a time. It places sound by its timestamp, so that packets
//! of any length, pauses of the sender, duplicates and disorder need no cases of their own. Its depth follows how late packets have been:
//! it grows at once, by waiting, and shrinks where it is quiet, by skipping. It knows no codecs (it holds 8 kHz samples) and no network.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::audio::level_dbfs;

/// Half a tick, the smallest stretch that is waited or skipped. 10 ms, in samples.
pub const BLOCK: usize = 80;

/// What there is for one [`BLOCK`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Sound, [`BLOCK`] samples of 8 kHz.
    Payload(Vec<i16>),
    /// Sound is missing, or being waited for: to be concealed.
    Lost,
    /// There is nothing to play: before the first packet, and while the sender pauses.
    Filling,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    Kept,
    /// Its time had passed.
    Late,
    /// Its sound is there already.
    Duplicate,
    /// Empty, longer than 200 ms, or more than there is room for.
    Refused,
    /// It lies far from what was expected, and is set aside until the next one says whether the sender has begun anew.
    Suspect,
}

/// How deep the buffer may be. The depth is how long the packet that came fastest waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub min: Duration,
    /// Before anything is known of the network.
    pub start: Duration,
    /// Packets later than this are given up; more would make a conversation impossible.
    pub max: Duration,
}

impl Default for Depth {
    fn default() -> Depth {
        Depth {
            min: Duration::from_millis(20),
            start: Duration::from_millis(40),
            max: Duration::from_millis(200),
        }
    }
}

/// The longest packet, in samples: 200 ms.
const LONGEST: usize = 1_600;
/// Packets kept, at most; 256 of 10 ms are more than the timeline admits.
const ROOM: usize = 256;
/// Packets whose transit is remembered: 5 s of 20 ms packets.
const MEMORY: usize = 256;
/// One packet in this many may be later than the buffer is deep.
const TOLERATED: usize = 100;
/// So many packets too late, one after the other, and the sender or the path is another one.
const LATE_RUN: u32 = 10;
/// A packet this far ahead of its time is not early, but of another clock. Samples: 2 s.
const TOO_EARLY: i64 = 16_000;
/// The buffer grows by a block at most once in so many: 50 ms.
const GROW_PAUSE: u32 = 5;
/// The buffer must have been too deep for this long before it shrinks by a block, in blocks: 300 ms.
const SHRINK_PAUSE: u32 = 30;
/// Too deep by less than this is well. Samples: 15 ms.
const SURPLUS: i64 = 120;
/// Too shallow by less than this is well: ticks wobble. Samples: 5 ms.
const SHORTAGE: i64 = 40;
/// Below this a block is quiet and can be left out unheard, dBFS.
const QUIET: f32 = -45.0;
/// After so many blocks with nothing in the buffer the sender is taken to pause: 100 ms.
const STARVED: u32 = 10;

/// See the module.
#[derive(Debug)]
pub struct JitterBuffer {
    depth: Depth,
    /// None before the first packet.
    line: Option<Timeline>,
    /// By extended timestamp.
    chunks: BTreeMap<i64, Chunk>,
    suspect: Option<Suspect>,
}

/// The sound of a packet.
#[derive(Debug)]
struct Chunk {
    sequence: u16,
    samples: Vec<i16>,
}

/// A packet that does not fit the timeline.
#[derive(Debug)]
struct Suspect {
    at: Instant,
    sequence: u16,
    timestamp: u32,
    samples: Vec<i16>,
}

/// The sender's clock laid beside ours. All in samples of 8 kHz; timestamps extended to 64 bits.
#[derive(Debug)]
struct Timeline {
    /// Zero of our clock.
    epoch: Instant,
    /// The latest timestamp seen.
    newest: i64,
    newest_sequence: u16,
    /// What is played next.
    cursor: i64,
    /// The end of the last sound played: nothing before it is played again.
    played: i64,
    played_sequence: u16,
    /// Arrival minus timestamp of the last packets.
    transits: VecDeque<i64>,
    /// The least and the tolerably greatest of them.
    fastest: i64,
    slowest: i64,
    late_run: u32,
    since_growth: u32,
    too_deep: u32,
    starved: u32,
}

impl JitterBuffer {
    pub fn new(depth: Depth) -> JitterBuffer {
        JitterBuffer {
            depth,
            line: None,
            chunks: BTreeMap::new(),
            suspect: None,
        }
    }

    /// Another source takes over: what is buffered is dropped and the depth begins anew.
    pub fn restart(&mut self) {
        *self = JitterBuffer::new(self.depth);
    }

    /// Takes the sound of a packet, 8 kHz, one sample for each unit of the RTP clock.
    pub fn insert(&mut self, now: Instant, sequence: u16, timestamp: u32, samples: &[i16]) -> Insertion {
        if samples.is_empty() || samples.len() > LONGEST {
            return Insertion::Refused;
        }
        let max = in_samples(self.depth.max);
        let start = in_samples(self.depth.start);
        let line = self
            .line
            .get_or_insert_with(|| Timeline::begin(now, start, sequence, timestamp));
        let at = line.extend(timestamp);
        let transit = line.clock(now).saturating_sub(at);
        let ahead = sequence.wrapping_sub(line.newest_sequence).cast_signed();
        let strange = if transit > line.fastest.saturating_add(max) {
            // One that was overtaken is just late; one that is both the newest and hopelessly late is of another clock.
            line.late_run = line.late_run.saturating_add(1);
            if (-1_000..0).contains(&ahead) && line.late_run < LATE_RUN {
                return Insertion::Late;
            }
            true
        } else {
            transit < line.fastest.saturating_sub(TOO_EARLY)
        };
        if strange {
            return self.suspect(now, sequence, timestamp, samples);
        }
        self.suspect = None;
        line.learn(transit);
        if at >= line.newest {
            (line.newest, line.newest_sequence) = (at, sequence);
        }
        let end = at.saturating_add(samples.len() as i64);
        if at < line.cursor && at >= line.played {
            // Late, but all that was played since is guesswork: go back, which makes the buffer as deep as this packet needs.
            line.cursor = at;
        }
        if end <= line.cursor {
            line.late_run = line.late_run.saturating_add(1);
            return if line.late_run < LATE_RUN {
                Insertion::Late
            } else {
                self.suspect(now, sequence, timestamp, samples)
            };
        }
        line.late_run = 0;
        if self.chunks.contains_key(&at) {
            return Insertion::Duplicate;
        }
        if self.chunks.len() >= ROOM {
            return Insertion::Refused;
        }
        self.chunks.insert(
            at,
            Chunk {
                sequence,
                samples: samples.to_vec(),
            },
        );
        Insertion::Kept
    }

    /// The next 20 ms, as two blocks. To be called every 20 ms.
    pub fn pop(&mut self, now: Instant) -> [Slot; 2] {
        self.keep_within_bounds(now);
        [self.block(now, 0), self.block(now, BLOCK as i64)]
    }

    /// How long the fastest packets wait at present.
    pub fn depth(&self, now: Instant) -> Duration {
        let samples = self
            .line
            .as_ref()
            .map_or(0, |line| line.delay(now).saturating_sub(line.fastest));
        Duration::from_micros(u64::try_from(samples).unwrap_or(0).saturating_mul(125))
    }

    /// A packet that does not fit. If the one before did not either and this one follows it, the sender has begun anew.
    fn suspect(&mut self, now: Instant, sequence: u16, timestamp: u32, samples: &[i16]) -> Insertion {
        let confirmed = self.suspect.take().filter(|before| {
            let apart = timestamp.wrapping_sub(before.timestamp);
            sequence == before.sequence.wrapping_add(1) && (1..=LONGEST as u32).contains(&apart)
        });
        match confirmed {
            Some(before) => {
                self.restart();
                self.insert(before.at, before.sequence, before.timestamp, &before.samples);
                self.insert(now, sequence, timestamp, samples)
            }
            None => {
                self.suspect = Some(Suspect {
                    at: now,
                    sequence,
                    timestamp,
                    samples: samples.to_vec(),
                });
                Insertion::Suspect
            }
        }
    }

    /// A burst after a stall, or a tick that was missed, must not leave the buffer deeper than it may be.
    fn keep_within_bounds(&mut self, now: Instant) {
        let max = in_samples(self.depth.max);
        let Some(line) = &mut self.line else { return };
        let surplus = line.delay(now).saturating_sub(line.fastest).saturating_sub(max);
        if surplus >= 2 * BLOCK as i64 {
            line.cursor = line.cursor.saturating_add(surplus - surplus % BLOCK as i64);
        }
    }

    /// One block, to be played `offset` samples after `now`.
    fn block(&mut self, now: Instant, offset: i64) -> Slot {
        let (min, max) = (in_samples(self.depth.min), in_samples(self.depth.max));
        let Some(line) = &mut self.line else {
            return Slot::Filling;
        };
        // A packet must have come by the time its tick begins: half a tick more than its transit on average.
        let wanted = line.slowest.saturating_add(BLOCK as i64);
        let wanted = wanted.clamp(
            line.fastest.saturating_add(min),
            line.fastest.saturating_add(max.max(min)),
        );
        let surplus = line.delay(now).saturating_add(offset).saturating_sub(wanted);
        line.since_growth = line.since_growth.saturating_add(1);
        line.too_deep = if surplus > SURPLUS {
            line.too_deep.saturating_add(1)
        } else {
            0
        };
        if surplus < -SHORTAGE && line.since_growth >= GROW_PAUSE && line.has_played() {
            line.since_growth = 0;
            return Slot::Lost;
        }
        let shrink = line.too_deep >= SHRINK_PAUSE;
        let slot = self.take();
        let spare = match &slot {
            Slot::Payload(samples) => level_dbfs(samples) < QUIET,
            // Between two pieces of sound. An empty buffer has nothing to hurry to.
            Slot::Lost | Slot::Filling => {
                !self.chunks.is_empty() && self.line.as_ref().is_some_and(Timeline::has_played)
            }
        };
        if shrink && spare {
            if let Some(line) = &mut self.line {
                line.too_deep = 0;
            }
            return self.take();
        }
        slot
    }

    /// The block at the cursor, which moves on.
    fn take(&mut self) -> Slot {
        let Some(line) = &mut self.line else {
            return Slot::Filling;
        };
        let from = line.cursor;
        let to = from.saturating_add(BLOCK as i64);
        line.cursor = to;
        let mut samples = Vec::with_capacity(BLOCK);
        let mut sequence = line.played_sequence;
        for (at, chunk) in &self.chunks {
            let next = from.saturating_add(samples.len() as i64);
            if *at > next || samples.len() >= BLOCK {
                break;
            }
            let skip = usize::try_from(next.saturating_sub(*at)).unwrap_or(usize::MAX);
            let room = BLOCK - samples.len();
            samples.extend(chunk.samples.iter().skip(skip).take(room));
            sequence = chunk.sequence;
        }
        self.chunks
            .retain(|at, chunk| at.saturating_add(chunk.samples.len() as i64) > to);
        if samples.len() == BLOCK {
            (line.played, line.played_sequence, line.starved) = (to, sequence, 0);
            return Slot::Payload(samples);
        }
        if !line.has_played() {
            return Slot::Filling;
        }
        match self.chunks.values().next() {
            // The next packet is the next one sent: the sender paused, nothing is missing.
            Some(next) if next.sequence == line.played_sequence.wrapping_add(1) => Slot::Filling,
            Some(_) => Slot::Lost,
            None => {
                line.starved = line.starved.saturating_add(1);
                if line.starved <= STARVED {
                    Slot::Lost
                } else {
                    Slot::Filling
                }
            }
        }
    }
}

impl Default for JitterBuffer {
    fn default() -> JitterBuffer {
        JitterBuffer::new(Depth::default())
    }
}

impl Timeline {
    fn begin(now: Instant, start: i64, sequence: u16, timestamp: u32) -> Timeline {
        let at = i64::from(timestamp);
        Timeline {
            epoch: now,
            newest: at,
            newest_sequence: sequence,
            // Whole blocks before the packet, so that blocks and packets begin together.
            cursor: at - start / BLOCK as i64 * BLOCK as i64,
            played: i64::MIN,
            played_sequence: sequence,
            transits: VecDeque::new(),
            fastest: -at,
            slowest: -at,
            late_run: 0,
            since_growth: 0,
            too_deep: 0,
            starved: 0,
        }
    }

    fn has_played(&self) -> bool {
        self.played > i64::MIN
    }

    /// Our clock.
    fn clock(&self, now: Instant) -> i64 {
        in_samples(now.saturating_duration_since(self.epoch))
    }

    /// How late sound is played: the transit a packet may have and still be in time.
    fn delay(&self, now: Instant) -> i64 {
        self.clock(now).saturating_sub(self.cursor)
    }

    /// The timestamp nearest to the newest that has these 32 bits.
    fn extend(&self, timestamp: u32) -> i64 {
        let ahead = timestamp.wrapping_sub(self.newest as u32).cast_signed();
        self.newest.saturating_add(i64::from(ahead))
    }

    fn learn(&mut self, transit: i64) {
        if self.transits.len() >= MEMORY {
            self.transits.pop_front();
        }
        self.transits.push_back(transit);
        let mut sorted: Vec<i64> = self.transits.iter().copied().collect();
        sorted.sort_unstable();
        let tolerable = sorted.len() - 1 - sorted.len() / TOLERATED;
        self.fastest = sorted.first().copied().unwrap_or(transit);
        self.slowest = sorted.get(tolerable).copied().unwrap_or(transit);
    }
}

fn in_samples(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros() / 125).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
