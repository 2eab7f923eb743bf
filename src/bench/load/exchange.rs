//! Many callers on one UDP socket.
//!
//! Whoever owns it says who rings when, and gives it time by [`Exchange::turn`]. It draws nothing at random and knows no sound.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::caller::{Caller, Conduct, Message, Outcome};
use crate::clock;

pub struct Exchange {
    socket: UdpSocket,
    local: SocketAddr,
    target: SocketAddr,
    run: u64,
    /// Those that are over are kept: what they sent may be asked for again.
    callers: BTreeMap<u64, Caller>,
    active: BTreeSet<u64>,
    ticked: Instant,
    buffer: Vec<u8>,
}

/// How often callers are told the time.
const TICK: Duration = Duration::from_millis(5);
/// The longest wait for a datagram.
const WAIT: Duration = Duration::from_millis(1);

impl Exchange {
    /// Rings `target` from a port of its own of the same address.
    pub fn open(target: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((target.ip(), 0))?;
        socket.set_read_timeout(Some(WAIT))?;
        let now = clock::now();
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            target,
            run: u64::from(std::process::id()) << 20
                | u64::from(clock::wall().subsec_nanosecond().unsigned_abs() >> 10),
            callers: BTreeMap::new(),
            active: BTreeSet::new(),
            ticked: now,
            buffer: vec![0; 65_536],
        })
    }

    /// A new caller, who wants sound at `media`; their number.
    pub fn ring(&mut self, conduct: Conduct, media: SocketAddr) -> u64 {
        let number = self.rung() + 1;
        let caller = Caller::ring(
            clock::now(),
            (self.run, number),
            (self.local, self.target, media),
            conduct,
        );
        self.callers.insert(number, caller);
        self.active.insert(number);
        self.send(number);
        number
    }

    /// Takes what comes, for `span` or a little more.
    pub fn turn(&mut self, span: Duration) {
        let until = clock::now() + span;
        loop {
            // What waits is read before the clock is: at most as much as a socket holds.
            for _ in 0..256 {
                match self.socket.recv_from(&mut self.buffer) {
                    Ok((length, _)) => self.heard(length),
                    Err(_) => break,
                }
                if clock::now().saturating_duration_since(self.ticked) >= TICK {
                    break;
                }
            }
            let now = clock::now();
            if now.saturating_duration_since(self.ticked) >= TICK {
                self.ticked = now;
                self.tick(now);
            }
            if now >= until {
                return;
            }
        }
    }

    /// As [`Exchange::turn`], until nobody is on the line, or until `limit` is over: whether they all ended.
    pub fn drain(&mut self, limit: Duration) -> bool {
        let until = clock::now() + limit;
        while !self.active.is_empty() && clock::now() < until {
            self.turn(TICK);
        }
        self.active.is_empty()
    }

    /// All hang up.
    pub fn leave(&mut self) {
        for number in self.active.clone() {
            self.hang_up(number);
        }
    }

    /// One does, if they are on the line.
    pub fn hang_up(&mut self, number: u64) {
        if let Some(caller) = self.callers.get_mut(&number) {
            caller.leave(clock::now());
        }
        self.send(number);
    }

    /// How many rang; that is the number of the last.
    pub fn rung(&self) -> u64 {
        self.callers.len() as u64
    }

    pub fn caller(&self, number: u64) -> Option<&Caller> {
        self.callers.get(&number)
    }

    /// Of those whose calls are not over.
    pub fn numbers(&self) -> Vec<u64> {
        self.active.iter().copied().collect()
    }

    /// Whose calls are not over.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    pub fn talking(&self) -> usize {
        self.active
            .iter()
            .filter_map(|number| self.callers.get(number))
            .filter(|caller| caller.is_talking())
            .count()
    }

    /// How many calls ended so.
    pub fn outcomes(&self) -> Vec<(Outcome, usize)> {
        let mut counted: Vec<(Outcome, usize)> = Vec::new();
        for outcome in self.callers.values().filter_map(Caller::outcome) {
            match counted.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, count)) => *count += 1,
                None => counted.push((outcome, 1)),
            }
        }
        counted
    }

    /// Of all calls that were answered, from the INVITE to the 200.
    pub fn answered_after(&self) -> Vec<Duration> {
        self.callers.values().filter_map(Caller::answered_after).collect()
    }

    /// Requests that had to be sent again.
    pub fn repeated(&self) -> u32 {
        self.callers.values().map(Caller::repeated).sum()
    }

    fn heard(&mut self, length: usize) {
        let datagram = self.buffer.get(..length).unwrap_or_default();
        let Some(message) = Message::read(datagram) else { return };
        let Some(number) = message.number(self.run) else { return };
        let Some(caller) = self.callers.get_mut(&number) else {
            return;
        };
        caller.hear(clock::now(), &message);
        if caller.outcome().is_some() {
            self.active.remove(&number);
        }
        self.send(number);
    }

    fn tick(&mut self, now: Instant) {
        let mut told = Vec::new();
        for number in &self.active {
            if let Some(caller) = self.callers.get_mut(number) {
                caller.tick(now);
                told.push((*number, caller.outcome().is_some()));
            }
        }
        for (number, over) in told {
            if over {
                self.active.remove(&number);
            }
            self.send(number);
        }
    }

    fn send(&mut self, number: u64) {
        let Some(caller) = self.callers.get_mut(&number) else {
            return;
        };
        while let Some(datagram) = caller.poll() {
            // A datagram that cannot be sent is one that is lost: it is sent again.
            self.socket.send_to(&datagram, self.target).ok();
        }
    }
}
