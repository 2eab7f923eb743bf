//! The jitter buffer: sound that comes in unevenly goes out evenly, in order, as little delayed as the network allows.
//!
//! [`JitterBuffer`] is told of packets as they come and is asked for 20 ms at a time. It places sound by its timestamp, so that packets
//! of any length, pauses of the sender, duplicates and disorder need no cases of their own. Its depth follows how late packets have been:
//! it grows at once, by waiting, and shrinks where it is quiet, by skipping. A packet is decoded when its time has come, each once and in order, by
//! a [`Decode`] that it is handed: it knows no codecs and no network, and counts in units of the RTP clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::audio::level_dbfs;

/// Half a tick is the smallest stretch that is waited or skipped: so many of it make a second.
pub const BLOCKS: u32 = 100;

/// What there is for one block of 10 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Sound, [`Decode::block`] samples.
    Payload(Vec<i16>),
    /// Sound that is missing, as the packet behind it tells it.
    Recovered(Vec<i16>),
    /// Sound is missing, or being waited for: to be concealed.
    Lost,
    /// There is nothing to play: before the first packet, and while the sender pauses.
    Filling,
}

/// Turns what packets carry into sound.
pub trait Decode<P> {
    /// Samples in 10 ms of what it gives.
    fn block(&self) -> usize;
    /// The sound of a packet.
    fn decode(&mut self, payload: &P) -> Vec<i16>;
    /// So many samples before `next`, whose packet is lost, from what `next` tells of them. None: nothing.
    fn recover(&mut self, next: &P, samples: usize) -> Option<Vec<i16>>;
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

/// Packets kept, at most; 256 of 10 ms are more than the timeline admits.
const ROOM: usize = 256;
/// Packets whose transit is remembered: 5 s of 20 ms packets.
const MEMORY: usize = 256;
/// One packet in this many may be later than the buffer is deep.
const TOLERATED: usize = 100;
/// So many packets too late, one after the other, and the sender or the path is another one.
const LATE_RUN: u32 = 10;
/// The longest packet.
const LONGEST: Duration = Duration::from_millis(200);
/// A packet this far ahead of its time is not early, but of another clock.
const TOO_EARLY: Duration = Duration::from_secs(2);
/// The buffer grows by a block at most once in so many: 50 ms.
const GROW_PAUSE: u32 = 5;
/// The buffer must have been too deep for this long before it shrinks by a block, in blocks: 300 ms.
const SHRINK_PAUSE: u32 = 30;
/// Too deep by less than this is well.
const SURPLUS: Duration = Duration::from_millis(15);
/// Too shallow by less than this is well: ticks wobble.
const SHORTAGE: Duration = Duration::from_millis(5);
/// Below this a block is quiet and can be left out unheard, dBFS.
const QUIET: f32 = -45.0;
/// After so many blocks with nothing in the buffer the sender is taken to pause: 100 ms.
const STARVED: u32 = 10;

/// See the module. `P` is what packets carry.
#[derive(Debug)]
pub struct JitterBuffer<P> {
    depth: Depth,
    clock: Clock,
    /// None before the first packet.
    line: Option<Timeline>,
    /// By extended timestamp.
    chunks: BTreeMap<i64, Chunk<P>>,
    suspect: Option<Suspect<P>>,
}

/// Units of the RTP clock a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock(u32);

impl Clock {
    fn units(self, span: Duration) -> i64 {
        let units = span.as_micros().saturating_mul(u128::from(self.0)) / 1_000_000;
        i64::try_from(units).unwrap_or(i64::MAX)
    }

    fn span(self, units: i64) -> Duration {
        let units = u64::try_from(units).unwrap_or(0);
        Duration::from_micros(units.saturating_mul(1_000_000) / u64::from(self.0))
    }

    /// A block.
    fn block(self) -> i64 {
        i64::from(self.0 / BLOCKS)
    }
}

/// The sound of a packet.
#[derive(Debug)]
struct Chunk<P> {
    sequence: u16,
    length: i64,
    content: Content<P>,
}

#[derive(Debug)]
enum Content<P> {
    Coded(P),
    Decoded(Vec<i16>),
    /// The packet never came; the one behind it told its sound.
    Recovered(Vec<i16>),
}

impl<P> Chunk<P> {
    /// Decodes it, if that was not done before.
    fn sound(&mut self, decoder: &mut impl Decode<P>) -> &[i16] {
        if let Content::Coded(payload) = &self.content {
            self.content = Content::Decoded(decoder.decode(payload));
        }
        match &self.content {
            Content::Coded(_) => &[],
            Content::Decoded(sound) | Content::Recovered(sound) => sound,
        }
    }
}

/// A packet that does not fit the timeline.
#[derive(Debug)]
struct Suspect<P> {
    at: Instant,
    sequence: u16,
    timestamp: u32,
    length: u32,
    payload: P,
}

/// The sender's clock laid beside ours. All in its units; timestamps extended to 64 bits.
#[derive(Debug)]
struct Timeline {
    clock: Clock,
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
    /// And in order of size.
    sorted: Vec<i64>,
    /// The least and the tolerably greatest of them.
    fastest: i64,
    slowest: i64,
    late_run: u32,
    since_growth: u32,
    too_deep: u32,
    starved: u32,
}

impl<P> JitterBuffer<P> {
    /// For packets of a clock of `rate` units a second, at least [`BLOCKS`].
    pub fn new(depth: Depth, rate: u32) -> JitterBuffer<P> {
        JitterBuffer {
            depth,
            clock: Clock(rate.max(BLOCKS)),
            line: None,
            chunks: BTreeMap::new(),
            suspect: None,
        }
    }

    /// Another source takes over: what is buffered is dropped and the depth begins anew.
    pub fn restart(&mut self) {
        *self = JitterBuffer::new(self.depth, self.clock.0);
    }

    /// Takes what a packet carries: `length` units of the RTP clock.
    pub fn insert(&mut self, now: Instant, sequence: u16, timestamp: u32, length: u32, payload: P) -> Insertion {
        let clock = self.clock;
        if length == 0 || i64::from(length) > clock.units(LONGEST) {
            return Insertion::Refused;
        }
        let max = clock.units(self.depth.max);
        let start = clock.units(self.depth.start);
        let line = self
            .line
            .get_or_insert_with(|| Timeline::begin(now, clock, start, sequence, timestamp));
        let at = line.extend(timestamp);
        let transit = line.since(now).saturating_sub(at);
        let ahead = sequence.wrapping_sub(line.newest_sequence).cast_signed();
        let strange = if transit > line.fastest.saturating_add(max) {
            // One that was overtaken is just late; one that is both the newest and hopelessly late is of another clock.
            line.late_run = line.late_run.saturating_add(1);
            if (-1_000..0).contains(&ahead) && line.late_run < LATE_RUN {
                return Insertion::Late;
            }
            true
        } else {
            transit < line.fastest.saturating_sub(clock.units(TOO_EARLY))
        };
        if strange {
            return self.suspect(now, sequence, timestamp, length, payload);
        }
        self.suspect = None;
        line.learn(transit);
        if at >= line.newest {
            (line.newest, line.newest_sequence) = (at, sequence);
        }
        let end = at.saturating_add(i64::from(length));
        if at < line.cursor && at >= line.played {
            // Late, but all that was played since is guesswork: go back, which makes the buffer as deep as this packet needs.
            line.cursor = at;
        }
        if end <= line.cursor {
            line.late_run = line.late_run.saturating_add(1);
            return if line.late_run < LATE_RUN {
                Insertion::Late
            } else {
                self.suspect(now, sequence, timestamp, length, payload)
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
                length: i64::from(length),
                content: Content::Coded(payload),
            },
        );
        Insertion::Kept
    }

    /// The next 20 ms, as two blocks. To be called every 20 ms.
    pub fn pop(&mut self, now: Instant, decoder: &mut impl Decode<P>) -> [Slot; 2] {
        self.keep_within_bounds(now);
        let block = self.clock.block();
        [self.block(now, 0, decoder), self.block(now, block, decoder)]
    }

    /// How long the fastest packets wait at present.
    pub fn depth(&self, now: Instant) -> Duration {
        let units = self
            .line
            .as_ref()
            .map_or(0, |line| line.delay(now).saturating_sub(line.fastest));
        self.clock.span(units)
    }

    /// A packet that does not fit. If the one before did not either and this one follows it, the sender has begun anew.
    fn suspect(&mut self, now: Instant, sequence: u16, timestamp: u32, length: u32, payload: P) -> Insertion {
        let longest = self.clock.units(LONGEST);
        let confirmed = self.suspect.take().filter(|before| {
            let apart = i64::from(timestamp.wrapping_sub(before.timestamp));
            sequence == before.sequence.wrapping_add(1) && (1..=longest).contains(&apart)
        });
        match confirmed {
            Some(before) => {
                self.restart();
                self.insert(
                    before.at,
                    before.sequence,
                    before.timestamp,
                    before.length,
                    before.payload,
                );
                self.insert(now, sequence, timestamp, length, payload)
            }
            None => {
                self.suspect = Some(Suspect {
                    at: now,
                    sequence,
                    timestamp,
                    length,
                    payload,
                });
                Insertion::Suspect
            }
        }
    }

    /// A burst after a stall, or a tick that was missed, must not leave the buffer deeper than it may be.
    fn keep_within_bounds(&mut self, now: Instant) {
        let (max, block) = (self.clock.units(self.depth.max), self.clock.block());
        let Some(line) = &mut self.line else { return };
        let surplus = line.delay(now).saturating_sub(line.fastest).saturating_sub(max);
        if surplus >= 2 * block {
            line.cursor = line.cursor.saturating_add(surplus - surplus % block);
        }
    }

    /// One block, to be played `offset` units after `now`.
    fn block(&mut self, now: Instant, offset: i64, decoder: &mut impl Decode<P>) -> Slot {
        let clock = self.clock;
        let (min, max) = (clock.units(self.depth.min), clock.units(self.depth.max));
        let within = self.is_within_a_packet();
        let Some(line) = &mut self.line else {
            return Slot::Filling;
        };
        // A packet must have come by the time its tick begins: half a tick more than its transit on average.
        let wanted = line.slowest.saturating_add(clock.block());
        let wanted = wanted.clamp(
            line.fastest.saturating_add(min),
            line.fastest.saturating_add(max.max(min)),
        );
        let surplus = line.delay(now).saturating_add(offset).saturating_sub(wanted);
        line.since_growth = line.since_growth.saturating_add(1);
        line.too_deep = if surplus > clock.units(SURPLUS) {
            line.too_deep.saturating_add(1)
        } else {
            0
        };
        // Decoders with a memory go on from the end of a packet: none is torn apart to wait.
        let short = surplus < -clock.units(SHORTAGE) && !within;
        if short && line.since_growth >= GROW_PAUSE && line.has_played() {
            line.since_growth = 0;
            return Slot::Lost;
        }
        let shrink = line.too_deep >= SHRINK_PAUSE;
        let slot = self.take(decoder);
        let spare = match &slot {
            Slot::Payload(samples) | Slot::Recovered(samples) => level_dbfs(samples) < QUIET,
            // Between two pieces of sound. An empty buffer has nothing to hurry to.
            Slot::Lost | Slot::Filling => {
                !self.chunks.is_empty() && self.line.as_ref().is_some_and(Timeline::has_played)
            }
        };
        if shrink && spare {
            if let Some(line) = &mut self.line {
                line.too_deep = 0;
            }
            return self.take(decoder);
        }
        slot
    }

    fn is_within_a_packet(&self) -> bool {
        let cursor = self.line.as_ref().map(|line| line.cursor);
        let first = self.chunks.first_key_value().map(|(at, _)| *at);
        first.zip(cursor).is_some_and(|(at, cursor)| at < cursor)
    }

    /// Where exactly one packet is missing at the cursor, the one behind it may tell its sound.
    fn recover(&mut self, decoder: &mut impl Decode<P>) {
        let Some(line) = self.line.as_ref().filter(|line| line.has_played()) else {
            return;
        };
        let Some((at, next)) = self.chunks.first_key_value() else {
            return;
        };
        let (cursor, length) = (line.cursor, next.length);
        let follows = next.sequence == line.played_sequence.wrapping_add(1);
        let Content::Coded(payload) = &next.content else { return };
        if follows || at.saturating_sub(cursor) != length {
            return;
        }
        let samples = samples_in(length, self.clock, decoder.block());
        if let Some(sound) = decoder.recover(payload, samples) {
            let lost = Chunk {
                sequence: next.sequence.wrapping_sub(1),
                length,
                content: Content::Recovered(sound),
            };
            self.chunks.insert(cursor, lost);
        }
    }

    /// The block at the cursor, which moves on.
    fn take(&mut self, decoder: &mut impl Decode<P>) -> Slot {
        self.recover(decoder);
        let (clock, block) = (self.clock, decoder.block());
        let Some(line) = &mut self.line else {
            return Slot::Filling;
        };
        let from = line.cursor;
        let to = from.saturating_add(clock.block());
        line.cursor = to;
        let mut samples = Vec::with_capacity(block);
        let mut sequence = line.played_sequence;
        let mut recovered = false;
        // Where a sample lasts several units, sound that begins within one begins with it.
        let grain = (clock.block() / i64::try_from(block).unwrap_or(1).max(1)).max(1);
        for (at, chunk) in &mut self.chunks {
            let next = from.saturating_add(units_in(samples.len(), clock, block));
            if at.saturating_sub(next) >= grain || samples.len() >= block {
                break;
            }
            let skip = samples_in(next.saturating_sub(*at), clock, block);
            let length = samples_in(chunk.length, clock, block);
            let sound = chunk.sound(decoder).iter().copied().chain(std::iter::repeat(0));
            let room = block - samples.len();
            samples.extend(sound.take(length).skip(skip).take(room));
            recovered |= matches!(chunk.content, Content::Recovered(_));
            sequence = chunk.sequence;
        }
        self.chunks.retain(|at, chunk| at.saturating_add(chunk.length) > to);
        if samples.len() == block {
            (line.played, line.played_sequence, line.starved) = (to, sequence, 0);
            return if recovered {
                Slot::Recovered(samples)
            } else {
                Slot::Payload(samples)
            };
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

/// What so many units of the clock are in samples, of which `block` make 10 ms. 0 where there is less than nothing.
fn samples_in(units: i64, clock: Clock, block: usize) -> usize {
    let units = usize::try_from(units).unwrap_or(0);
    units.saturating_mul(block) / usize::try_from(clock.block()).unwrap_or(1).max(1)
}

fn units_in(samples: usize, clock: Clock, block: usize) -> i64 {
    let samples = i64::try_from(samples).unwrap_or(i64::MAX);
    samples.saturating_mul(clock.block()) / i64::try_from(block).unwrap_or(1).max(1)
}

impl Timeline {
    fn begin(now: Instant, clock: Clock, start: i64, sequence: u16, timestamp: u32) -> Timeline {
        let at = i64::from(timestamp);
        Timeline {
            clock,
            epoch: now,
            newest: at,
            newest_sequence: sequence,
            // Whole blocks before the packet, so that blocks and packets begin together.
            cursor: at - start / clock.block() * clock.block(),
            played: i64::MIN,
            played_sequence: sequence,
            transits: VecDeque::new(),
            sorted: Vec::new(),
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
    fn since(&self, now: Instant) -> i64 {
        self.clock.units(now.saturating_duration_since(self.epoch))
    }

    /// How late sound is played: the transit a packet may have and still be in time.
    fn delay(&self, now: Instant) -> i64 {
        self.since(now).saturating_sub(self.cursor)
    }

    /// The timestamp nearest to the newest that has these 32 bits.
    fn extend(&self, timestamp: u32) -> i64 {
        let ahead = timestamp.wrapping_sub(self.newest as u32).cast_signed();
        self.newest.saturating_add(i64::from(ahead))
    }

    fn learn(&mut self, transit: i64) {
        if self.transits.len() >= MEMORY
            && let Some(oldest) = self.transits.pop_front()
            && let Ok(at) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(at);
        }
        self.transits.push_back(transit);
        let at = self.sorted.partition_point(|other| *other < transit);
        self.sorted.insert(at, transit);
        let tolerable = self.sorted.len() - 1 - self.sorted.len() / TOLERATED;
        self.fastest = self.sorted.first().copied().unwrap_or(transit);
        self.slowest = self.sorted.get(tolerable).copied().unwrap_or(transit);
    }
}

#[cfg(test)]
mod tests;
