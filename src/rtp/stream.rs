//! One leg's whole media machine: [`RtpStream`].
//!
//! Datagrams go in as they come, and every 20 ms a frame comes out: received, concealed or silent, never none. The other way a frame
//! becomes a datagram and where to send it. The driver owns the socket and the 20 ms tick; this owns everything in between: latching,
//! jitter, concealment, keys, numbering, statistics, and the time-out. It knows no SDP, no SIP, and not who is speaking.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dtls::{Fingerprint, Handshake, Identity, is_dtls};
use super::ear::{Ear, Heard};
use super::jitter::{Depth, Insertion};
use super::keypad::{KeyRefused, Keypad};
use super::latch::{Latch, Verdict};
use super::packet::Packet;
use super::rtcp::{Reporter, is_rtcp};
use super::sender::Sender;
use super::srtp::{Keys, Refused, Srtp, Suite};
use super::stats::{Seen, Stats, Tally};
use super::stun::{Ice, is_stun};
use super::telephone_event::Receiver;
use crate::audio::Frame;
use crate::audio::codec::{Codec, Encoder, Wishes};
use crate::audio::dtmf::DtmfDetector;
use crate::audio::tone::Key;

/// What was agreed on with the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where its session description says it listens.
    pub address: SocketAddr,
    /// What we send, and hear. Either law of G.711 is understood beside one that has its clock.
    pub codec: Codec,
    /// The payload type of `codec`, both ways.
    pub payload_type: u8,
    /// How it would like `codec` to be.
    pub wishes: Wishes,
    /// The payload type of RFC 4733 events, in the clock of `codec`; none if it takes no keys.
    pub telephone_event: Option<u8>,
    pub reception: Reception,
    /// Where it takes reports (RTCP); none: on the port of its sound (RFC 5761).
    pub reports: Option<SocketAddr>,
    /// All of it is encrypted by these (SRTP); none: nothing is.
    pub keys: Option<Keys>,
    /// Of the certificate that it agrees on keys with, if it told none (DTLS-SRTP); none: it does not.
    pub fingerprint: Option<Fingerprint>,
    /// It looks for the way to us itself (ICE), and shows that it knows these; none: it sends from where it says.
    pub ice: Option<Ice>,
}

impl Peer {
    /// One that says no more than it must: `codec` under its usual number, no keys, reports with the sound.
    pub fn new(address: SocketAddr, codec: Codec) -> Peer {
        Peer {
            address,
            codec,
            payload_type: codec.payload_type(),
            wishes: Wishes::default(),
            telephone_event: None,
            reception: Reception::Expected,
            reports: None,
            keys: None,
            fingerprint: None,
            ice: None,
        }
    }
}

/// Whether the other end is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    Expected,
    /// It is on hold, or holds us: its silence means nothing.
    Paused,
}

/// How a stream behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub depth: Depth,
    /// Without a packet for this long there is [`Event::Alarm`]: a diagnosis for the log, not yet a reason to end the call.
    pub alarm: Duration,
    /// Without a packet for this long there is [`Event::Silent`]. Shorter finds a dead leg sooner; too short ends the calls of those
    /// that send nothing while nobody speaks.
    pub silence: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            depth: Depth::default(),
            alarm: Duration::from_secs(3),
            silence: Duration::from_secs(20),
        }
    }
}

/// What one tick brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// 20 ms of 16 kHz.
    pub frame: Frame,
    /// Keys pressed since the last tick, each once, in order.
    pub keys: Vec<Key>,
    pub sound: Sound,
}

/// Where a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// The other end sent it, at least half of it. (What it sent may be silence.)
    Real,
    /// A packet is missing: it is guessed.
    Concealed,
    /// Nothing is sent: before the first packet, or in a pause of the sender.
    Nothing,
}

/// What the owner of a leg should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Packets come from here and not from where the session description said, and are answered there.
    Moved { to: SocketAddr },
    /// Nothing was received for [`Config::alarm`] although it should be; `ever` says whether anything was before.
    Alarm { lasted: Duration, ever: Ever },
    /// Nothing was received for [`Config::silence`]: the leg is dead. Told once, too.
    Silent { lasted: Duration },
    /// Packets come again after [`Event::Alarm`].
    Returned,
    /// The other end began anew as another source.
    SourceChanged,
}

/// Whether a packet was ever received: one-way sound from the start is another fault than a leg that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ever {
    Heard,
    NeverHeard,
}

/// Keys of one tick, at most; more are dropped, since no thumb is that fast.
const KEYS_A_TICK: usize = 16;
/// Events not polled, at most; the oldest goes first.
const EVENTS: usize = 16;
/// A key is told so long after its tone, at most.
const TOLD_LATER: Duration = Duration::from_millis(1_500);
/// Packets that another source must send without ours in between to take over.
const TAKEOVER: u8 = 2;

/// See the module.
#[derive(Debug)]
pub struct RtpStream {
    peer: Peer,
    config: Config,
    guard: Guard,
    spent: handshake::Spent,
    identity: Option<Arc<Identity>>,
    handshake: Option<Box<Handshake>>,
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
    latch: Latch,
    source: Source,
    tally: Tally,
    ear: Ear,
    presses: Receiver,
    /// None: keys are told in another way.
    tones: Option<DtmfDetector>,
    /// The last key that was heard so.
    toned: Option<(Instant, Key)>,
    heard_keys: Vec<Key>,
    watch: Watch,
    events: VecDeque<Event>,
    stats: Stats,
    sender: Sender,
    reporter: Reporter,
    reports_from: Option<SocketAddr>,
    encoder: Encoder,
    keypad: Keypad,
}

/// What stands between the wire and a stream.
#[derive(Debug)]
enum Guard {
    /// Nothing: nothing is encrypted.
    Open,
    /// All is to be encrypted, and the keys are not there yet.
    Shut,
    Keyed(Box<Srtp>),
}

/// What a payload type stands for.
enum Kind {
    Sound(Codec),
    Key,
    ComfortNoise,
    Unknown,
}

/// Who is heard: one SSRC at a time.
#[derive(Clone, Copy, Debug)]
enum Source {
    Nobody,
    One {
        ssrc: u32,
    },
    /// Another one has sent so many packets since the last of `ssrc`.
    Two {
        ssrc: u32,
        other: u32,
        packets: u8,
    },
}

impl Source {
    fn heard(self) -> Option<u32> {
        match self {
            Source::Nobody => None,
            Source::One { ssrc } | Source::Two { ssrc, .. } => Some(ssrc),
        }
    }
}

/// The watch over silence.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// The last packet, or when packets were first to be expected.
    since: Instant,
    ever: Ever,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Alarm,
    Silent,
}

impl RtpStream {
    /// `seed` is random, and decides the source's numbers (RFC 3550 section 5.1).
    pub fn new(now: Instant, peer: Peer, config: Config, seed: u64) -> RtpStream {
        let clock_rate = peer.codec.clock_rate();
        let sender = Sender::new(seed, clock_rate);
        RtpStream {
            peer,
            config,
            guard: Guard::new(&peer),
            spent: handshake::Spent::new(&peer),
            identity: None,
            handshake: None,
            answers: VecDeque::new(),
            latch: Latch::new(peer.address),
            source: Source::Nobody,
            tally: Tally::new(clock_rate),
            ear: Ear::new(peer.codec, config.depth),
            presses: Receiver::new(clock_rate),
            tones: Some(DtmfDetector::default()),
            toned: None,
            heard_keys: Vec::new(),
            watch: Watch {
                since: now,
                ever: Ever::NeverHeard,
                told: Told::Nothing,
            },
            events: VecDeque::new(),
            stats: Stats::default(),
            reporter: Reporter::new(now, sender.ssrc(), seed),
            reports_from: None,
            sender,
            encoder: Encoder::new(peer.codec, peer.wishes),
            keypad: Keypad::new(),
        }
    }

    /// Something else was agreed on (re-INVITE): hold, resume, another address or codec. Our numbering goes on, but where the clock is another one.
    pub fn renegotiate(&mut self, now: Instant, peer: Peer) {
        if peer.ice.is_some() && peer.ice == self.peer.ice {
            self.latch.agree_checked(peer.address);
        } else {
            self.latch.agree(peer.address);
        }
        if peer.telephone_event.is_none() {
            self.keypad.clear();
        }
        self.change_codec(&peer);
        self.change_guard(&peer);
        if peer.reception != self.peer.reception {
            self.watch = Watch {
                since: now,
                told: Told::Nothing,
                ..self.watch
            };
        }
        self.reports_from = self.reports_from.filter(|_| peer.reports == self.peer.reports);
        self.peer = peer;
        self.begin_handshake();
    }

    fn change_codec(&mut self, peer: &Peer) {
        let clock_rate = peer.codec.clock_rate();
        if !self.ear.suits(peer.codec) {
            self.ear = Ear::new(peer.codec, self.config.depth);
        }
        if (peer.codec, peer.wishes) != (self.peer.codec, self.peer.wishes) {
            self.encoder = Encoder::new(peer.codec, peer.wishes);
        }
        if self.sender.change_clock(clock_rate) {
            self.tally.change_clock(clock_rate);
            self.presses = Receiver::new(clock_rate);
            self.reporter.change_source(self.sender.ssrc());
        }
    }

    /// Takes a datagram from the socket of the sound, or of the reports, whatever it is.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        if is_stun(datagram) {
            return self.handle_check(now, from, datagram);
        }
        if is_dtls(datagram) {
            return self.handle_handshake(now, from, datagram);
        }
        if is_rtcp(datagram) {
            return self.handle_report(now, from, datagram);
        }
        let opened = match &mut self.guard {
            Guard::Open => Ok(Cow::Borrowed(datagram)),
            Guard::Shut => Err(Refused::Forged),
            Guard::Keyed(guard) => guard.open(datagram).map(Cow::Owned),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(refused) => return self.count(refused),
        };
        let Ok(packet) = Packet::parse(&opened) else {
            self.stats.malformed += 1;
            return;
        };
        let kind = self.kind(packet.payload_type);
        if let Kind::Unknown = kind {
            self.stats.unknown_payload += 1;
            return;
        }
        match self.latch.judge(now, from, packet.ssrc, packet.sequence) {
            Verdict::Known => {}
            Verdict::Moved => self.tell(Event::Moved { to: from }),
            Verdict::Stranger => {
                self.stats.refused += 1;
                return;
            }
        }
        if self.watch.told != Told::Nothing {
            self.tell(Event::Returned);
        }
        self.watch = Watch {
            since: now,
            ever: Ever::Heard,
            told: Told::Nothing,
        };
        match kind {
            Kind::Key => self.key(now, &packet),
            Kind::Sound(codec) => self.sound(now, codec, &packet),
            Kind::ComfortNoise => {
                self.stats.comfort_noise += 1;
                if self.follows(packet.ssrc) {
                    self.tally.saw(now, packet.sequence, packet.timestamp);
                }
            }
            Kind::Unknown => {}
        }
    }

    /// The next 20 ms of the other end. To be called every 20 ms.
    pub fn tick(&mut self, now: Instant) -> Incoming {
        let Heard {
            frame,
            sound,
            concealed,
        } = self.ear.tick(now);
        self.stats.concealed += u64::from(concealed > 0);
        self.stats.buffered = self.delay(now);
        self.watch_over(now);
        self.tick_handshake(now);
        // Who has no other way to tell a key may play its tones.
        let tones = self.tones.as_mut().filter(|_| self.peer.telephone_event.is_none());
        if let Some(key) = tones.and_then(|tones| tones.hear(&frame)) {
            self.toned = Some((now, key));
            self.heard_keys.push(key);
        }
        Incoming {
            frame,
            keys: std::mem::take(&mut self.heard_keys),
            sound,
        }
    }

    /// The datagram for these 20 ms and where to send it. To be called every 20 ms while we are to send; not calling is silence.
    /// None while there is nowhere to send to. While a key is pressed it is sent in place of the sound.
    pub fn send(&mut self, now: Instant, frame: &Frame) -> Option<(SocketAddr, Vec<u8>)> {
        let payload = self.encoder.encode(frame);
        let to = self.latch.destination()?;
        let timestamp = self.sender.tick(now);
        let step = self.sender.step();
        let part = self
            .peer
            .telephone_event
            .and_then(|kind| Some((kind, self.keypad.part(timestamp, step)?)));
        let datagram = match part {
            Some((kind, (part, began))) => self.sender.event(part.marker, kind, began, &part.payload),
            None if payload.is_empty() => return None,
            None => self.sender.sound(timestamp, self.peer.payload_type, &payload),
        };
        let datagram = match &mut self.guard {
            Guard::Open => datagram,
            Guard::Shut => return None,
            Guard::Keyed(guard) => guard.protect(&datagram)?,
        };
        self.stats.sent += 1;
        Some((to, datagram))
    }

    /// Presses a key, after those that are waiting. Each takes 240 ms with its pause.
    pub fn send_key(&mut self, key: Key) -> Result<(), KeyRefused> {
        if self.peer.telephone_event.is_none() {
            return Err(KeyRefused::NotAgreed);
        }
        self.keypad.press(key)
    }

    /// The other end tells its keys in another way: their tones are listened to no more. The key that was heard a moment ago is the one that is
    /// told now.
    pub fn keys_are_told(&mut self, now: Instant) -> Option<Key> {
        self.tones = None;
        let (at, key) = self.toned.take()?;
        (now.saturating_duration_since(at) < TOLD_LATER).then_some(key)
    }

    /// What has happened, oldest first, until none.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How long ago the sound of the tick that comes next was received: its wait in the jitter buffer, and in the resampler if there is one.
    pub fn delay(&self, now: Instant) -> Duration {
        self.ear.delay(now)
    }

    /// What was agreed on.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What all of it is encrypted by; none: nothing is, or not yet.
    pub fn suite(&self) -> Option<Suite> {
        match &self.guard {
            Guard::Open | Guard::Shut => None,
            Guard::Keyed(guard) => Some(guard.suite()),
        }
    }

    /// Where packets are sent now.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.latch.destination()
    }

    /// Counts since the beginning.
    pub fn stats(&self) -> Stats {
        Stats {
            received: self.tally.received(),
            lost: self.tally.lost(),
            jitter: self.tally.jitter(),
            round_trip: self.reporter.round_trip(),
            heard_there: self.reporter.heard_there(),
            ..self.stats
        }
    }

    fn count(&mut self, refused: Refused) {
        match refused {
            Refused::Replayed => self.stats.replayed += 1,
            Refused::Forged => self.stats.forged += 1,
        }
    }

    fn kind(&self, payload_type: u8) -> Kind {
        match payload_type {
            event if Some(event) == self.peer.telephone_event => Kind::Key,
            agreed if agreed == self.peer.payload_type => Kind::Sound(self.peer.codec),
            0 | 8 if self.peer.codec.clock_rate() != Codec::Pcmu.clock_rate() => Kind::Unknown,
            0 => Kind::Sound(Codec::Pcmu),
            8 => Kind::Sound(Codec::Pcma),
            13 | 19 => Kind::ComfortNoise, // RFC 3389, and its draft
            _ => Kind::Unknown,
        }
    }

    fn sound(&mut self, now: Instant, codec: Codec, packet: &Packet<'_>) {
        if !self.follows(packet.ssrc) {
            return;
        }
        match self.tally.saw(now, packet.sequence, packet.timestamp) {
            Seen::New => {}
            Seen::Duplicate => {
                self.stats.duplicates += 1;
                return;
            }
        }
        match self.ear.insert(now, codec, packet) {
            Insertion::Kept | Insertion::Refused | Insertion::Suspect => {}
            Insertion::Late => self.stats.late += 1,
            Insertion::Duplicate => self.stats.duplicates += 1,
        }
    }

    /// Keys may come from a source of their own, which does not interrupt the one of the sound.
    fn key(&mut self, now: Instant, packet: &Packet<'_>) {
        match self.source {
            Source::Nobody => {}
            Source::One { ssrc } | Source::Two { ssrc, .. } => {
                if ssrc == packet.ssrc && self.tally.saw(now, packet.sequence, packet.timestamp) == Seen::Duplicate {
                    self.stats.duplicates += 1;
                }
            }
        }
        if let Some(key) = self.presses.handle(packet.timestamp, packet.marker, packet.payload)
            && self.heard_keys.len() < KEYS_A_TICK
        {
            self.heard_keys.push(key);
        }
    }

    /// Whether a packet of this source is to be heard. Two that send alternately (a mixer gone wrong) do not take turns.
    fn follows(&mut self, from: u32) -> bool {
        let (ssrc, packets) = match self.source {
            Source::Nobody => {
                self.source = Source::One { ssrc: from };
                return true;
            }
            Source::One { ssrc } => (ssrc, 0),
            Source::Two { ssrc, other, packets } => (ssrc, if other == from { packets } else { 0 }),
        };
        if ssrc == from {
            self.source = Source::One { ssrc };
            return true;
        }
        let packets = packets.saturating_add(1);
        if packets < TAKEOVER {
            self.source = Source::Two {
                ssrc,
                other: from,
                packets,
            };
            return false;
        }
        self.source = Source::One { ssrc: from };
        self.tally.end_run();
        self.ear.restart();
        self.presses.restart();
        self.stats.restarts += 1;
        self.tell(Event::SourceChanged);
        true
    }

    fn watch_over(&mut self, now: Instant) {
        match self.peer.reception {
            Reception::Expected => {}
            Reception::Paused => return,
        }
        let Watch { since, ever, told } = self.watch;
        let lasted = now.saturating_duration_since(since);
        if told == Told::Nothing && lasted >= self.config.alarm {
            self.watch.told = Told::Alarm;
            self.tell(Event::Alarm { lasted, ever });
        }
        if told != Told::Silent && lasted >= self.config.silence {
            self.watch.told = Told::Silent;
            self.tell(Event::Silent { lasted });
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

mod checks;
mod handshake;
mod reports;
#[cfg(test)]
mod tests;
