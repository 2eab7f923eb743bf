//! The sound of many callers: a packet each 20 ms from every one of them, and what comes back, timed.
//!
//! A few sockets for all, told apart by who sends; one thread sends, and reads each millisecond what the system noted the coming of: nobody is woken by
//! a packet, which would cost its sender, and no packet is late for a reader who is. It has no jitter buffer and decodes nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::audio::FRAME_DURATION;
use crate::audio::codec::Codec;
use crate::audio::g711::Law;
use crate::audio::tone;
use crate::clock;
use crate::engine::stamped::Stamped;
use crate::rtp::packet::{Marker, Packet};
use crate::rtp::rtcp::{Reporter, Sent, is_rtcp};

/// Sockets, so that no queue of the kernel has too much to hold.
const SOCKETS: usize = 8;
/// Packets within which the earliest is the measure of the others: five seconds, so that a sender that jumped once is not late ever after.
const WINDOW: u32 = 250;

pub struct Sounds {
    groups: Vec<Arc<Group>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Group {
    socket: Stamped,
    address: SocketAddr,
    lines: Mutex<Lines>,
    measuring: AtomicBool,
}

#[derive(Default)]
struct Lines {
    /// By the numbers of their callers.
    all: BTreeMap<usize, Line>,
    /// Whom they hear: an address and a source, since one that sends everything back does so from one address.
    sources: HashMap<(SocketAddr, u32), usize>,
}

struct Line {
    to: SocketAddr,
    ssrc: u32,
    sent: u32,
    due: Instant,
    reporter: Reporter,
    first: Option<(u16, Instant)>,
    /// The number of a packet, from the first on, and how much later than its time it came, ms.
    arrivals: Vec<(u32, f32)>,
}

/// What was heard of all lines.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// How much later a packet came than the earliest around it says it should, ms.
    pub late: Vec<f64>,
    /// By how much the time between two that follow each other was not 20 ms, ms.
    pub uneven: Vec<f64>,
    pub received: u64,
    /// That their numbers tell of and that never came.
    pub lost: u64,
    /// The mean share of ours that the other ends say they never got, 0 to 1; `None` where none reported.
    pub lost_there: Option<f64>,
}

impl Sounds {
    pub fn open(ip: std::net::IpAddr) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut groups = Vec::new();
        for _ in 0..SOCKETS {
            let socket = Stamped::bind((ip, 0).into())?;
            groups.push(Arc::new(Group {
                address: socket.local_addr()?,
                socket,
                lines: Mutex::default(),
                measuring: AtomicBool::new(false),
            }));
        }
        let (all, over) = (groups.clone(), Arc::clone(&stop));
        let thread = Some(std::thread::spawn(move || converse(&all, &over)));
        Ok(Self { groups, stop, thread })
    }

    /// Where caller `number` wants sound.
    pub fn address(&self, number: usize) -> SocketAddr {
        let at = number % self.groups.len().max(1);
        self.groups
            .get(at)
            .map_or(SocketAddr::from(([127, 0, 0, 1], 9)), |group| group.address)
    }

    /// Caller `number` sends to `there` from now on, and listens to it.
    pub fn begin(&self, number: usize, there: SocketAddr) {
        let Some(group) = self.groups.get(number % self.groups.len().max(1)) else {
            return;
        };
        let now = clock::now();
        let ssrc = 0x0b00_0000 | number as u32;
        let line = Line {
            to: there,
            ssrc,
            sent: 0,
            // Spread over the tick, as callers are.
            due: now + FRAME_DURATION.mul_f64((number * 7 % 20) as f64 / 20.0),
            reporter: Reporter::new(now, ssrc, number as u64),
            first: None,
            arrivals: Vec::new(),
        };
        group.lines().all.entry(number).or_insert(line);
    }

    /// Caller `number` sends nothing more, and listens no longer.
    pub fn end(&self, number: usize) {
        if let Some(group) = self.groups.get(number % self.groups.len().max(1)) {
            let mut lines = group.lines();
            lines.all.remove(&number);
            lines.sources.retain(|_, of| *of != number);
        }
    }

    /// Whether arrivals are kept, of this time alone.
    pub fn measure(&self, on: bool) {
        for group in &self.groups {
            if on {
                group.lines().all.values_mut().for_each(Line::begin_anew);
            }
            group.measuring.store(on, Relaxed);
        }
    }

    /// Of what was measured.
    pub fn heard(&self) -> Heard {
        let mut heard = Heard::default();
        let (mut told, mut share) = (0_u32, 0.0);
        for group in &self.groups {
            for line in group.lines().all.values() {
                let (late, lost) = pacing(&line.arrivals);
                heard.received += line.arrivals.len() as u64;
                heard.lost += lost;
                heard.late.extend(late);
                heard.uneven.extend(unevenness(&line.arrivals));
                if let Some(there) = line.reporter.heard_there() {
                    told += 1;
                    share += there.lost;
                }
            }
        }
        heard.lost_there = (told > 0).then(|| share / f64::from(told));
        heard
    }

    /// Datagrams that came and for which our own sockets had no room.
    pub fn dropped(&self) -> u64 {
        let ports = self.groups.iter().map(|group| group.address.port());
        ports.map(super::process::dropped).sum()
    }
}

impl Drop for Sounds {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Group {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came since.
    fn listen(&self) {
        let (mut lines, measuring) = (self.lines(), self.measuring.load(Relaxed));
        self.socket.read(clock::now(), |at, from, datagram| {
            if let Some(line) = lines.of(from, datagram) {
                line.hear(at, datagram, measuring);
            }
        });
    }
}

impl Lines {
    /// Who hears this. A source that is new is the caller's own, sent back, or that of the call at the address.
    fn of(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<&mut Line> {
        // Reports have their sender where packets have the time.
        let at = if is_rtcp(datagram) { 4 } else { 8 };
        let source = u32::from_be_bytes(*datagram.get(at..)?.first_chunk()?);
        let known = self.sources.get(&(from, source)).copied();
        let number = known.or_else(|| {
            let there = self.all.iter().filter(|(_, line)| line.to == from);
            let own = there.clone().find(|(_, line)| line.ssrc == source);
            let (number, _) = own.or_else(|| there.clone().next())?;
            self.sources.insert((from, source), *number);
            Some(*number)
        })?;
        self.all.get_mut(&number)
    }
}

impl Line {
    fn begin_anew(&mut self) {
        self.first = None;
        self.arrivals.clear();
    }

    fn hear(&mut self, now: Instant, datagram: &[u8], measuring: bool) {
        if is_rtcp(datagram) {
            let sent = Sent {
                packets: self.sent,
                octets: self.sent.wrapping_mul(160),
                timestamp: self.sent.wrapping_mul(160),
                clock_rate: Codec::Pcmu.clock_rate(),
            };
            self.reporter.read(now, datagram, None, sent).ok();
            return;
        }
        let (Ok(packet), true) = (Packet::parse(datagram), measuring) else {
            return;
        };
        let (first, began) = *self.first.get_or_insert((packet.sequence, now));
        let number = u32::from(packet.sequence.wrapping_sub(first));
        let due = began + FRAME_DURATION * number;
        let late = now.saturating_duration_since(due).as_secs_f64() - due.saturating_duration_since(now).as_secs_f64();
        self.arrivals.push((number, (late * 1_000.0) as f32));
    }
}

/// For all: what is due is sent, what came is read, a millisecond is waited.
fn converse(groups: &[Arc<Group>], stop: &AtomicBool) {
    // What a telephone carries while nobody speaks.
    let quiet = Law::Pcmu.encode(&tone::sine_at(8_000, 200.0, -60.0, FRAME_DURATION));
    while !stop.load(Relaxed) {
        for group in groups {
            let now = clock::now();
            for line in group.lines().all.values_mut() {
                if line.due > now {
                    continue;
                }
                line.due += FRAME_DURATION;
                let packet = Packet {
                    marker: if line.sent == 0 { Marker::Set } else { Marker::Clear },
                    payload_type: Codec::Pcmu.payload_type(),
                    sequence: line.sent as u16,
                    timestamp: line.sent.wrapping_mul(160),
                    ssrc: line.ssrc,
                    payload: &quiet,
                };
                line.sent = line.sent.wrapping_add(1);
                group.socket.send(line.to, &packet.write());
            }
            group.listen();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How late each packet came, ms, against the earliest of its window; and how many are missing between the first and the last.
fn pacing(arrivals: &[(u32, f32)]) -> (Vec<f64>, u64) {
    let mut earliest: HashMap<u32, f32> = HashMap::new();
    for (number, late) in arrivals {
        let least = earliest.entry(number / WINDOW).or_insert(*late);
        *least = least.min(*late);
    }
    let late = arrivals.iter().map(|(number, late)| {
        let least = earliest.get(&(number / WINDOW)).copied().unwrap_or(*late);
        f64::from(late - least)
    });
    let numbers: std::collections::BTreeSet<u32> = arrivals.iter().map(|(number, _)| *number).collect();
    let span = numbers.last().map_or(0, |last| u64::from(*last) + 1);
    (late.collect(), span.saturating_sub(numbers.len() as u64))
}

/// Of two packets one after the other, by how much the time between them was not that of a frame, ms.
fn unevenness(arrivals: &[(u32, f32)]) -> impl Iterator<Item = f64> {
    let pairs = arrivals.iter().zip(arrivals.iter().skip(1));
    pairs
        .filter(|((one, _), (next, _))| one.checked_add(1) == Some(*next))
        .map(|((_, one), (_, next))| f64::from((next - one).abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unevenness_is_between_neighbours() {
        let arrivals = [(0, 1.0), (1, 3.0), (3, 9.0), (4, 8.0)];
        assert_eq!(unevenness(&arrivals).collect::<Vec<_>>(), [2.0, 1.0]);
        assert_eq!(unevenness(&[]).count(), 0);
    }

    #[test]
    fn lateness_is_against_the_earliest_around() {
        let mut arrivals: Vec<(u32, f32)> = (0..500).map(|n| (n, 1.0)).collect();
        arrivals[3].1 = 4.0;
        // A sender that jumped by a tick is not late ever after.
        for (_, late) in &mut arrivals[250..] {
            *late += 20.0;
        }
        arrivals.remove(7);
        let (late, lost) = pacing(&arrivals);
        assert_eq!(lost, 1);
        assert_eq!(late.iter().filter(|late| **late > 0.5).count(), 1);
        assert_eq!(pacing(&[]), (Vec::new(), 0));
    }

    #[test]
    fn two_ends_hear_each_other_in_time() {
        let sounds = Sounds::open([127, 0, 0, 1].into()).expect("sockets");
        let (one, other) = (sounds.address(0), sounds.address(1));
        sounds.measure(true);
        sounds.begin(0, other);
        sounds.begin(1, one);
        // One that has left is not heard.
        sounds.begin(SOCKETS, other);
        sounds.end(SOCKETS);
        let until = clock::now() + Duration::from_secs(10);
        while sounds.heard().received < 40 && clock::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let heard = sounds.heard();
        assert!(heard.received >= 40, "{heard:?}");
        assert_eq!((heard.lost, sounds.dropped()), (0, 0));
    }
}
