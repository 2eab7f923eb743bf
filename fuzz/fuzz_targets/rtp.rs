//! RTP: any datagram as a packet, and a leg that is fed with datagrams, ticks and changes as the bytes say.
//!
//! What is read can be written and read again. Whatever comes, each tick has its frame, what we send is in order, and it goes to where the peer said
//! or something came from.

#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use offhook::audio::{FRAME_DURATION, FRAME_SAMPLES, Frame};
use offhook::rtp::packet::{Marker, Packet};
use offhook::rtp::rtcp::is_rtcp;
use offhook::rtp::{Config, Key, Peer, Reception, RtpStream};
use offhook::sdp::Codec;

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = Packet::parse(data) {
        assert!(packet.payload_type < 128);
        let written = packet.write();
        if !is_rtcp(&written) {
            assert_eq!(Packet::parse(&written), Ok(packet));
        }
    }
    let mut bytes = Bytes(data);
    let mut leg = Leg::new();
    while leg.ticks < 200 && leg.act(&mut bytes).is_some() {}
});

struct Leg {
    stream: RtpStream,
    now: Instant,
    ticks: u32,
    /// Where packets may be sent to.
    known: Vec<SocketAddr>,
    last: Option<(u32, u16)>,
    theirs: (u16, u32),
}

impl Leg {
    fn new() -> Leg {
        let now = offhook::clock::now();
        Leg {
            stream: RtpStream::new(now, peer(0), Config::default(), 1),
            now,
            ticks: 0,
            known: vec![peer(0).address],
            last: None,
            theirs: (0, 0),
        }
    }

    /// One thing that happens; `None` when there are no more bytes.
    fn act(&mut self, bytes: &mut Bytes) -> Option<()> {
        match bytes.next()? % 8 {
            0 => {
                let from = address(bytes.next()?);
                let len = usize::from(bytes.next()?);
                let datagram = bytes.take(len);
                self.arrives(from, datagram);
            }
            1 => self.packet(bytes)?,
            2 | 3 => self.tick(),
            4 => self.now += Duration::from_millis(u64::from(bytes.next()?) * 10),
            5 => {
                let peer = peer(bytes.next()?);
                self.known.push(peer.address);
                self.stream.renegotiate(self.now, peer);
            }
            6 => {
                let key = Key::from_code(bytes.next()? % 16)?;
                let _ = self.stream.send_key(key);
            }
            _ => {
                let report = self.stream.report(self.now);
                self.reported(report);
                let goodbye = self.stream.goodbye(self.now);
                self.reported(goodbye);
            }
        }
        Some(())
    }

    /// A packet of a sender who is nearly in order.
    fn packet(&mut self, bytes: &mut Bytes) -> Option<()> {
        let (how, ahead, later, fill) = (bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?);
        let (sequence, timestamp) = &mut self.theirs;
        *sequence = sequence.wrapping_add_signed(i16::from(ahead.cast_signed()));
        *timestamp = timestamp.wrapping_add_signed(i32::from(later.cast_signed()) * 80);
        let kinds = [0, 8, 101, 13];
        let lengths = [160, 4, 80, 240, 1_600, 1, 0, 161];
        let mut payload = vec![fill; lengths[usize::from(how >> 2 & 7)]];
        if let Some(duration) = payload.get_mut(2) {
            *duration = how;
        }
        let packet = Packet {
            marker: if how & 0x20 == 0 { Marker::Clear } else { Marker::Set },
            payload_type: kinds[usize::from(how & 3)],
            sequence: *sequence,
            timestamp: *timestamp,
            ssrc: u32::from(how >> 6),
            payload: &payload,
        };
        let datagram = packet.write();
        self.arrives(address(how >> 7), &datagram);
        Some(())
    }

    fn arrives(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.known.push(from);
        self.stream.handle_datagram(self.now, from, datagram);
        self.bounds();
    }

    fn tick(&mut self) {
        self.ticks += 1;
        self.now += FRAME_DURATION;
        let incoming = self.stream.tick(self.now);
        assert_eq!(incoming.frame.samples().len(), FRAME_SAMPLES);
        assert!(incoming.keys.len() <= 17, "{} keys in a tick", incoming.keys.len());
        assert!(
            self.stream.stats().buffered <= Duration::from_millis(300),
            "{:?}",
            self.stream.stats()
        );
        if let Some((to, datagram)) = self.stream.send(self.now, &incoming.frame) {
            self.sent(to, &datagram);
        }
        assert_eq!(Frame::from_slice(incoming.frame.samples()), incoming.frame);
        self.bounds();
    }

    fn sent(&mut self, to: SocketAddr, datagram: &[u8]) {
        assert!(self.known.contains(&to), "{to} is nobody's address");
        let packet = Packet::parse(datagram).expect("what we send");
        if let Some((ssrc, sequence)) = self.last {
            assert_eq!(packet.ssrc, ssrc);
            assert_eq!(packet.sequence, sequence.wrapping_add(1));
        }
        self.last = Some((packet.ssrc, packet.sequence));
    }

    fn reported(&mut self, report: Option<(SocketAddr, Vec<u8>)>) {
        let Some((to, report)) = report else { return };
        assert!(is_rtcp(&report) && report.len() < 1_400);
        let ips: Vec<_> = self.known.iter().map(SocketAddr::ip).collect();
        assert!(ips.contains(&to.ip()), "{to} is nobody's address");
    }

    fn bounds(&mut self) {
        let mut events = 0;
        while self.stream.poll().is_some() {
            events += 1;
        }
        assert!(events <= 16);
        let stats = self.stream.stats();
        assert!(stats.mos().is_none_or(|mos| (1.0..=4.6).contains(&mos)), "{stats:?}");
    }
}

fn address(which: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, which % 4], 40_000 + u16::from(which >> 4)))
}

fn peer(which: u8) -> Peer {
    Peer {
        address: if which == 0xff {
            SocketAddr::from(([0, 0, 0, 0], 9))
        } else {
            address(which)
        },
        codec: if which & 4 == 0 { Codec::Pcmu } else { Codec::Pcma },
        payload_type: if which & 4 == 0 { 0 } else { 8 },
        telephone_event: (which & 8 == 0).then_some(101),
        reception: if which & 1 == 0 {
            Reception::Expected
        } else {
            Reception::Paused
        },
        reports: (which & 2 == 0).then(|| address(which)),
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// As many of `len` as there are.
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
