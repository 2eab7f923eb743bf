//! What the network does to what is heard: words heard wrong where packets are lost or late, with what is missing filled in, and with silence in its place.
//!
//! Recorded people go by the real sender over a network made from a seed, in simulated time, into the real receiver, whose jitter buffer adapts as it
//! does in a call, and from there to the recogniser.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::milliseconds;
use super::panels::{Panel, draw};
use super::recordings::{Error, Recording};
use super::stt::Decoder;
use crate::audio::codec::Codec;
use crate::audio::{FRAME_DURATION, FRAME_SAMPLES, Frame, frames, wav};
use crate::clock;
use crate::rtp::{Config, Peer, RtpStream};
use crate::simulate::words::{errors, units};
use crate::speech::whisper::Whisper;

/// How packets are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Losses {
    /// Each by itself.
    Independent,
    /// In runs of [`BURST`] on average (Gilbert's model).
    Bursty,
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Network {
    /// The share of packets that never arrive, 0 to 1.
    pub loss: f64,
    pub losses: Losses,
    /// Each packet is late by a time of its own, evenly drawn from none to this.
    pub jitter_ms: u64,
}

/// Packets that are lost in one go, on average, where losses come in bursts: 80 ms.
pub const BURST: f64 = 4.0;
/// What a network needs at the least.
const TRANSIT: Duration = Duration::from_millis(20);
/// The ports of the two ends.
const HERE: u16 = 40_000;
const THERE: u16 = 40_002;
/// Of RTP, bytes; and what stands behind it for silence, in μ-law.
const HEADER: usize = 12;
const SILENCE: u8 = 0xff;
/// Silence before and after the words, in frames: the buffer has found its depth, and all is played.
const BEFORE: usize = 25;
const AFTER: usize = 30;

/// Those of the table.
pub fn networks(quick: bool) -> Vec<Network> {
    let network = |percent: u32, losses, jitter_ms| Network {
        loss: f64::from(percent) / 100.0,
        losses,
        jitter_ms,
    };
    let mut networks = vec![network(0, Losses::Independent, 0)];
    let shares: &[u32] = if quick { &[5, 10] } else { &[2, 5, 10] };
    for losses in [Losses::Independent, Losses::Bursty] {
        networks.extend(shares.iter().map(|percent| network(*percent, losses, 0)));
    }
    let late: &[u64] = if quick { &[80] } else { &[20, 40, 80] };
    networks.extend(late.iter().map(|ms| network(0, Losses::Independent, *ms)));
    networks.push(network(5, Losses::Bursty, 40));
    networks
}

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub network: Network,
    /// What is missing is filled in; or it is silence.
    pub concealed: bool,
    pub files: usize,
    pub words: usize,
    pub errors: usize,
    /// Per cent.
    pub error_rate: f64,
    /// Of the packets, those that were lost or came too late, per cent.
    pub missing_percent: f64,
    /// From the sender's frame to the receiver's, without the network: the jitter buffer's depth, mean over the words.
    pub delay_ms: f64,
}

#[derive(Default)]
struct Tally {
    files: usize,
    words: usize,
    errors: usize,
    missing: usize,
    packets: usize,
    delay: Duration,
}

/// Sends every recording through every network. `each` is told of every row that is done.
pub fn run(
    whisper: &Whisper,
    recordings: &[Recording],
    networks: &[Network],
    mut each: impl FnMut(&Row),
) -> Result<Vec<Row>, Error> {
    let sounds: Vec<Vec<i16>> = recordings
        .iter()
        .map(|r| wav::read(&r.path))
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for network in networks {
        let mut tallies: BTreeMap<bool, Tally> = BTreeMap::new();
        let whole = network.loss == 0.0 && network.jitter_ms == 0;
        for (seed, (recording, sound)) in recordings.iter().zip(&sounds).enumerate() {
            let filled = Received::through(network, seed as u64, sound, &BTreeSet::new());
            let said = units(&recording.text, recording.language);
            // Where nothing is missing both are the same.
            let ways: &[bool] = if whole { &[true] } else { &[true, false] };
            for concealed in ways {
                let silent = (!concealed).then(|| Received::through(network, seed as u64, sound, &filled.missing));
                let heard = &silent.as_ref().unwrap_or(&filled).samples;
                let (text, _) = Decoder::Offhook.hear(whisper, heard, recording)?;
                let tally = tallies.entry(*concealed).or_default();
                tally.files += 1;
                tally.words += said.len();
                tally.errors += errors(&said, &units(&text, recording.language));
                tally.missing += filled.missing.len();
                tally.packets += filled.packets;
                tally.delay += filled.delay;
            }
        }
        for (concealed, tally) in tallies.into_iter().rev() {
            let row = tally.row(*network, concealed);
            each(&row);
            rows.push(row);
        }
    }
    Ok(rows)
}

impl Tally {
    fn row(&self, network: Network, concealed: bool) -> Row {
        let share = |part: usize, of: usize| part as f64 * 100.0 / of.max(1) as f64;
        Row {
            network,
            concealed,
            files: self.files,
            words: self.words,
            errors: self.errors,
            error_rate: share(self.errors, self.words),
            missing_percent: share(self.missing, self.packets),
            delay_ms: milliseconds(self.delay) / self.files.max(1) as f64,
        }
    }
}

/// What came out at the other end.
struct Received {
    /// 16 kHz mono.
    samples: Vec<i16>,
    packets: usize,
    /// The numbers of those that were lost or came too late.
    missing: BTreeSet<u32>,
    /// The mean depth of the jitter buffer.
    delay: Duration,
}

impl Received {
    /// In place of the packets of `silent` come packets of silence, in time: there is nothing to fill in.
    fn through(network: &Network, seed: u64, sound: &[i16], silent: &BTreeSet<u32>) -> Received {
        let silence = |frames| std::iter::repeat_with(Frame::silence).take(frames);
        let spoken: Vec<Frame> = silence(BEFORE).chain(frames(sound)).chain(silence(AFTER)).collect();
        let start = clock::now();
        let (mut here, mut there) = (end(start, HERE, THERE), end(start, THERE, HERE));
        let mut line = Line::new(network, seed);
        let (mut samples, mut missing, mut delay) = (Vec::new(), BTreeSet::new(), Duration::ZERO);
        for (n, frame) in (0_u32..).zip(&spoken) {
            let now = start + FRAME_DURATION * n;
            // What arrives between two ticks arrives at its own time.
            while let Some((at, number, datagram)) = line.arrives(now) {
                let late = there.stats().late;
                there.handle_datagram(at, address(HERE), &datagram);
                if there.stats().late > late {
                    missing.insert(number);
                }
            }
            samples.extend_from_slice(there.tick(now).frame.samples());
            if let Some((_, datagram)) = here.send(now, frame)
                && !line.send(now, n, datagram, silent.contains(&n))
            {
                missing.insert(n);
            }
            delay += there.delay(now);
        }
        Received {
            samples: samples.split_off(samples.len().min(BEFORE * FRAME_SAMPLES)),
            packets: spoken.len(),
            missing,
            delay: delay / u32::try_from(spoken.len().max(1)).unwrap_or(1),
        }
    }
}

/// The way between the two.
struct Line {
    network: Network,
    random: StdRng,
    /// In a burst of losses.
    losing: bool,
    under_way: Vec<(Instant, u32, Vec<u8>)>,
}

impl Line {
    fn new(network: &Network, seed: u64) -> Line {
        Line {
            network: *network,
            random: StdRng::seed_from_u64(seed),
            losing: false,
            under_way: Vec::new(),
        }
    }

    /// Whether it will arrive; in time, and with nothing but silence in it, where it is to be `silent`.
    fn send(&mut self, now: Instant, number: u32, mut datagram: Vec<u8>, silent: bool) -> bool {
        let lost = self.loses();
        let late = self.random.random_range(0.0..=1.0) * self.network.jitter_ms as f64;
        if silent {
            datagram.iter_mut().skip(HEADER).for_each(|byte| *byte = SILENCE);
            self.under_way.push((now + TRANSIT, number, datagram));
        } else if !lost {
            let late = Duration::from_secs_f64(late / 1_000.0);
            self.under_way.push((now + TRANSIT + late, number, datagram));
        }
        silent || !lost
    }

    /// The next packet that has arrived by now, when it did, and its number.
    fn arrives(&mut self, now: Instant) -> Option<(Instant, u32, Vec<u8>)> {
        let due = self.under_way.iter().enumerate().filter(|(_, (at, ..))| *at <= now);
        let (next, _) = due.min_by_key(|(_, (at, ..))| *at)?;
        Some(self.under_way.remove(next))
    }

    fn loses(&mut self) -> bool {
        let Network { loss, losses, .. } = self.network;
        if loss <= 0.0 {
            return false;
        }
        match losses {
            Losses::Independent => self.random.random_bool(loss.min(1.0)),
            Losses::Bursty => {
                // Out of a burst so that it is BURST long on average, into one so that the share is `loss`.
                let out = 1.0 / BURST;
                let into = (out * loss / (1.0 - loss).max(f64::EPSILON)).min(1.0);
                let turns = self.random.random_bool(if self.losing { out } else { into });
                self.losing ^= turns;
                self.losing
            }
        }
    }
}

fn end(now: Instant, port: u16, far: u16) -> RtpStream {
    let peer = Peer {
        telephone_event: Some(101),
        ..Peer::new(address(far), Codec::Pcmu)
    };
    RtpStream::new(now, peer, Config::default(), u64::from(port))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Network {
    /// `5 % in bursts, 40 ms`.
    pub fn name(&self) -> String {
        let bursts = match self.losses {
            Losses::Bursty => " in bursts",
            Losses::Independent => "",
        };
        format!("{:.0} %{bursts}, {} ms", self.loss * 100.0, self.jitter_ms)
    }
}

/// A picture of `rows`, SVG.
pub fn plot(rows: &[Row], conditions: &str) -> String {
    let panel = |title: &str, concealed: bool| Panel {
        title: title.to_owned(),
        unit: "%",
        bars: rows
            .iter()
            .filter(|row| row.concealed == concealed)
            .map(|row| (row.network.name(), row.error_rate))
            .collect(),
    };
    draw(
        &format!("Words heard wrong over a bad network ({conditions})"),
        &[
            panel("what is missing is filled in", true),
            panel("what is missing is silence", false),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone;

    fn network(loss: f64, losses: Losses, jitter_ms: u64) -> Network {
        Network {
            loss,
            losses,
            jitter_ms,
        }
    }

    #[test]
    fn losses_are_as_many_and_as_long_as_they_should_be() {
        for (losses, long) in [(Losses::Independent, 1.0 / 0.9), (Losses::Bursty, BURST)] {
            let mut line = Line::new(&network(0.1, losses, 0), 3);
            let lost: Vec<bool> = (0..100_000).map(|_| line.loses()).collect();
            let all = lost.iter().filter(|lost| **lost).count();
            let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            assert!((9_000..11_000).contains(&all), "{losses:?}: {all}");
            let mean = all as f64 / bursts as f64;
            assert!((mean / long - 1.0).abs() < 0.1, "{losses:?}: {mean}");
        }
    }

    #[test]
    fn what_is_missing_is_counted_and_filled_in_or_not() {
        let sound = tone::sine(440.0, -20.0, Duration::from_secs(4));
        let through = |network: &Network, silent: &BTreeSet<u32>| Received::through(network, 1, &sound, silent);
        let none = BTreeSet::new();
        let whole = through(&network(0.0, Losses::Independent, 0), &none);
        assert_eq!(whole.missing, none);
        let lossy = network(0.1, Losses::Independent, 0);
        let filled = through(&lossy, &none);
        let share = filled.missing.len() as f64 / filled.packets as f64;
        assert!((0.05..0.15).contains(&share), "{share}");
        let silent = through(&lossy, &filled.missing);
        assert_eq!(silent.missing, none);
        let loud = |received: &Received| {
            received
                .samples
                .iter()
                .filter(|sample| sample.unsigned_abs() > 100)
                .count()
        };
        let (whole_loud, filled_loud, silent_loud) = (loud(&whole), loud(&filled), loud(&silent));
        assert!(filled_loud > silent_loud, "{filled_loud}, {silent_loud}");
        let quiet = 1.0 - silent_loud as f64 / whole_loud as f64;
        assert!(
            (quiet - share).abs() < 0.05,
            "{quiet} of the sound is silent, {share} was missing"
        );
        let late = through(&network(0.0, Losses::Independent, 80), &none);
        assert!(
            late.delay > whole.delay + Duration::from_millis(20),
            "{:?}, {:?}",
            late.delay,
            whole.delay
        );
    }

    #[test]
    fn the_table_begins_with_a_good_network() {
        for quick in [true, false] {
            let networks = networks(quick);
            assert_eq!(networks[0].name(), "0 %, 0 ms");
            assert_eq!(
                networks.last().map(Network::name),
                Some("5 % in bursts, 40 ms".to_owned())
            );
        }
    }
}
