//! A leg, and what may happen to it.
//!
//! Holds what must be true after each; what the other end does it leaves to [`Other`].

mod other;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use offhook::audio::{FRAME_DURATION, FRAME_SAMPLES, Frame};
use offhook::rtp::packet::Packet;
use offhook::rtp::rtcp::is_rtcp;
use offhook::rtp::stun::{Ice, is_stun};
use offhook::rtp::{Config, Key, Peer, RtpStream, Stats};

use self::other::Other;
use crate::bytes::Bytes;

/// What the checks were made with.
const ICE: Ice = Ice {
    fragment: *b"ufragone",
    password: *b"passwordpasswordpassword",
};

const CHECKS: [&[u8]; 3] = [
    include_bytes!("../../seeds/stun/check"),
    include_bytes!("../../seeds/stun/check-nominates"),
    include_bytes!("../../seeds/stun/check-controlled"),
];

pub struct Leg {
    pub ticks: u32,
    stream: RtpStream,
    now: Instant,
    other: Other,
    /// Where packets may be sent to.
    known: Vec<SocketAddr>,
    /// Who has shown the password; none: too much has changed since to say.
    proven: Option<Vec<SocketAddr>>,
    last: Option<(u32, u16)>,
    /// What was taken last, as it came.
    taken: Option<(SocketAddr, Vec<u8>)>,
}

impl Leg {
    pub fn new(how: u8) -> Leg {
        let now = offhook::clock::now();
        let peer = other::peer(0, how);
        Leg {
            ticks: 0,
            stream: RtpStream::new(now, peer, Config::default(), 1),
            now,
            other: Other::new(now, &peer),
            known: vec![peer.address],
            proven: Some(Vec::new()),
            last: None,
            taken: None,
        }
    }

    /// One thing that happens; `None` when there are no more bytes.
    pub fn act(&mut self, bytes: &mut Bytes) -> Option<()> {
        match bytes.next()? % 14 {
            0 => {
                let from = other::address(bytes.next()?);
                let len = bytes.next()?;
                self.foreign(from, bytes.take(len));
            }
            1 => {
                let packet = self.other.packet(bytes)?;
                self.genuine(packet);
            }
            2 | 3 => self.tick(),
            4 => self.now += Duration::from_millis(u64::from(bytes.next()?) * 10),
            5 => {
                let peer = other::peer(bytes.next()?, bytes.next()?);
                self.renegotiate(peer);
            }
            6 => {
                let key = Key::from_code(bytes.next()? % 16)?;
                let _ = self.stream.send_key(key);
            }
            7 => {
                let report = self.stream.report(self.now);
                self.reported(report);
                let goodbye = self.stream.goodbye(self.now);
                self.reported(goodbye);
            }
            8 => {
                let packet = self.other.packet(bytes)?;
                self.changed(packet, bytes)?;
            }
            9 => {
                let from = other::address(bytes.next()?);
                let report = self.other.report(self.now, self.last.map(|(ssrc, _)| ssrc));
                self.genuine((from, report));
            }
            10 => {
                let from = other::address(bytes.next()?);
                let report = self.other.report(self.now, self.last.map(|(ssrc, _)| ssrc));
                self.changed((from, report), bytes)?;
            }
            11 => self.check(bytes)?,
            12 => {
                let packet = self.other.sound(bytes)?;
                self.genuine(packet);
            }
            _ => self.again(),
        }
        Some(())
    }

    fn arrives(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.known.push(from);
        self.stream.handle_datagram(self.now, from, datagram);
        self.answers();
        self.bounds();
    }

    /// From whoever has no keys.
    fn foreign(&mut self, from: SocketAddr, datagram: &[u8]) {
        let before = self.stream.stats();
        self.arrives(from, datagram);
        if self.stream.peer().keys.is_some() || self.is_shut() {
            self.took_nothing(before);
        }
    }

    fn genuine(&mut self, (from, datagram): (SocketAddr, Vec<u8>)) {
        let before = self.stream.stats();
        self.arrives(from, &datagram);
        if self.is_shut() {
            self.took_nothing(before);
        } else if heard(before) != heard(self.stream.stats()) {
            self.taken = Some((from, datagram));
        }
    }

    /// With a byte changed, or some missing at the end.
    fn changed(&mut self, (from, datagram): (SocketAddr, Vec<u8>), bytes: &mut Bytes) -> Option<()> {
        let (at, by) = (bytes.next()?, bytes.next()?);
        match altered(&datagram, at, by) {
            Some(altered) => self.foreign(from, &altered),
            None => self.genuine((from, datagram)),
        }
        Some(())
    }

    /// The same datagram once more.
    fn again(&mut self) {
        if let Some((from, datagram)) = self.taken.clone() {
            self.foreign(from, &datagram);
        }
    }

    /// A connectivity check, and whether it is genuine.
    fn check(&mut self, bytes: &mut Bytes) -> Option<()> {
        let (from, which, at, by) = (bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?);
        let (from, genuine) = (other::address(from), CHECKS[usize::from(which) % CHECKS.len()]);
        let before = self.stream.stats();
        let altered = altered(genuine, at, by);
        let is_genuine = altered.is_none() && self.stream.peer().ice.is_some();
        self.arrives(from, &altered.unwrap_or(genuine.to_vec()));
        let after = self.stream.stats();
        assert_eq!(after.checks - before.checks, u64::from(is_genuine));
        self.took_nothing(before);
        // The third one says that we lead, which proves no way.
        if is_genuine && usize::from(which) % CHECKS.len() != 2 {
            self.proven.iter_mut().for_each(|proven| proven.push(from));
        }
        Some(())
    }

    fn renegotiate(&mut self, peer: Peer) {
        self.known.push(peer.address);
        // Another clock is another source's, and so is a key that may have been sent by before.
        if peer.codec.clock_rate() != self.stream.peer().codec.clock_rate() || peer.keys.is_some() {
            self.last = None;
        }
        // Another address may begin anew.
        self.proven = self.proven.take().filter(Vec::is_empty);
        self.taken = None;
        self.stream.renegotiate(self.now, peer);
        self.other.renegotiate(&peer);
    }

    fn tick(&mut self) {
        self.ticks += 1;
        self.now += FRAME_DURATION;
        let incoming = self.stream.tick(self.now);
        assert_eq!(incoming.frame.samples().len(), FRAME_SAMPLES);
        assert!(incoming.keys.len() <= 17, "{} keys in a tick", incoming.keys.len());
        let stats = self.stream.stats();
        assert!(stats.buffered <= Duration::from_millis(300), "{stats:?}");
        match self.stream.send(self.now, &incoming.frame) {
            Some((to, datagram)) => self.sent(to, &datagram),
            // What cannot be protected takes a number all the same.
            None if self.is_shut() => self.last = None,
            None => {}
        }
        assert_eq!(Frame::from_slice(incoming.frame.samples()), incoming.frame);
        self.answers();
        self.bounds();
    }

    fn sent(&mut self, to: SocketAddr, datagram: &[u8]) {
        assert!(self.known.contains(&to), "{to} is nobody's address");
        let proven = self.proven.as_ref().filter(|proven| !proven.is_empty());
        assert!(
            proven.is_none_or(|proven| proven.contains(&to)),
            "{to} has proven nothing"
        );
        assert!(!self.is_shut(), "sent without keys");
        let opened = self.other.open(datagram);
        let packet = Packet::parse(&opened).expect("what we send");
        let peer = self.stream.peer();
        assert!([Some(peer.payload_type), peer.telephone_event].contains(&Some(packet.payload_type)));
        if let Some((ssrc, sequence)) = self.last {
            assert_eq!(packet.ssrc, ssrc);
            assert_eq!(packet.sequence, sequence.wrapping_add(1));
        }
        self.last = Some((packet.ssrc, packet.sequence));
    }

    fn reported(&mut self, report: Option<(SocketAddr, Vec<u8>)>) {
        let Some((to, report)) = report else { return };
        assert!(!self.is_shut(), "reported without keys");
        assert!(is_rtcp(&report) && report.len() < 1_400);
        assert!(is_rtcp(&self.other.open_report(&report)));
        assert!(
            self.known.iter().any(|known| known.ip() == to.ip()),
            "{to} is nobody's address"
        );
    }

    /// What goes out at once: answers to checks, and to nobody else.
    fn answers(&mut self) {
        let mut answers = 0;
        while let Some((to, answer)) = self.stream.answer() {
            answers += 1;
            assert!(is_stun(&answer) && answer.len() <= 128);
            assert_eq!(self.known.last(), Some(&to), "only who asked is answered");
        }
        assert!(answers <= 1, "{answers} answers");
    }

    fn bounds(&mut self) {
        let mut events = 0;
        while self.stream.poll().is_some() {
            events += 1;
        }
        assert!(events <= 16);
        let stats = self.stream.stats();
        assert!(stats.mos().is_none_or(|mos| (1.0..=4.6).contains(&mos)), "{stats:?}");
        assert!(stats.round_trip.is_none_or(|trip| trip <= Duration::from_secs(30)));
        assert!(stats.heard_there.is_none_or(|there| (0.0..=1.0).contains(&there.lost)));
    }

    /// Whether all is to be encrypted and no keys are there, nor will be.
    fn is_shut(&self) -> bool {
        let peer = self.stream.peer();
        peer.keys.is_none() && peer.fingerprint.is_some()
    }

    fn took_nothing(&self, before: Stats) {
        assert_eq!(
            heard(before),
            heard(self.stream.stats()),
            "taken: {:?}",
            self.stream.stats()
        );
    }
}

/// What was taken for the peer's.
fn heard(stats: Stats) -> [u64; 4] {
    [stats.received, stats.reports, stats.comfort_noise, stats.duplicates]
}

/// None where it would be the same.
fn altered(datagram: &[u8], at: u8, by: u8) -> Option<Vec<u8>> {
    let mut altered = datagram.to_vec();
    if at == 0xff {
        altered.truncate(datagram.len().saturating_sub(usize::from(by)));
    } else if let Some(byte) = altered.get_mut(usize::from(at) % datagram.len().max(1)) {
        *byte ^= by;
    }
    (altered != datagram).then_some(altered)
}
