//! The line of a human agent in a browser: WebRTC (RFC 8825), which the page offers and we answer.
//!
//! [`Line::answer`] makes a line of the offer, and the answer to it; from then on a frame comes out and a frame goes in every 20 ms, as on any leg: beneath what WebRTC
//! has decrypted works the media machine of the telephone ([`RtpStream`]). It knows neither how offers and answers travel nor who the agent is, what they
//! are bridged to, or what time it is: the clock is an argument.

mod connection;
mod page;
mod tasks;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use self::connection::{Connection, Sent, State};
pub use self::page::Page;
use crate::audio::Frame;
use crate::audio::codec::Codec;
use crate::rtp::packet::Packet;
use crate::rtp::{self, Incoming, RtpStream, Sound, Stats};
use crate::sdp::{self, Capabilities, Coding, Encryption};

/// Keeps the library from writing packets, addresses and descriptions into the log; for `tracing_subscriber::EnvFilter`.
pub const LOG_DIRECTIVES: [&str; 2] = ["webrtc=off", "rtc=off"];

/// Tells the time.
pub type Clock = fn() -> Instant;

/// What lines are made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen: a port of its own for each line and address, a free one for port 0. Those that the page can reach; a wildcard is every
    /// address of this machine but loopback.
    pub addresses: Vec<SocketAddr>,
    /// Which tell us how the world sees us (STUN), or relay (TURN), over UDP. The page is told them too.
    pub ice_servers: Vec<IceServer>,
    /// A page that is not connected by then is lost.
    pub connecting: Duration,
    /// Without a packet for this long there is [`Event::Faltered`].
    pub falters: Duration,
    /// Without a packet for this long the page is lost.
    pub lost: Duration,
}

/// As a browser's `RTCIceServer`.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`.
    pub urls: Vec<String>,
    /// Of TURN; empty for STUN.
    pub username: String,
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            addresses: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)],
            ice_servers: Vec::new(),
            connecting: Duration::from_secs(15),
            falters: Duration::from_secs(1),
            lost: Duration::from_secs(5),
        }
    }
}

/// What the owner of a line should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Sound may flow.
    Connected,
    /// Nothing was received for [`Settings::falters`]: whoever is bridged to the page hears nothing.
    Faltered,
    /// Packets come again after [`Event::Faltered`].
    Returned,
    /// It is over. The last event.
    Lost(Lost),
}

/// Why a line is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No way to the page was found, or none that was encrypted.
    NeverConnected,
    /// Nothing was received for [`Settings::lost`].
    Silent,
    /// The page answers no checks any more, or has taken its leave, which browsers seldom do.
    Gone,
    /// It could not be sent to any more.
    Stopped,
}

/// Why there is no line, or no such place to look for the page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("an offer of {0} bytes, more than {LONGEST_OFFER}")]
    TooLong(usize),
    #[error(transparent)]
    Offer(#[from] sdp::Rejected),
    #[error("more than {CANDIDATES} candidates")]
    TooMany,
    #[error("a candidate that is not one of UDP")]
    NoCandidate,
    #[error("no answer within {ANSWERING:?}")]
    TooSlow,
    #[error("there is nothing to answer with")]
    NoAnswer,
    /// What the library says, cut.
    #[error("WebRTC: {0}")]
    Library(String),
}

/// Bytes. A browser's offer of sound has 2 to 10 KiB.
const LONGEST_OFFER: usize = 32 * 1024;
/// Places where a page may be looked for.
const CANDIDATES: usize = 64;
/// Bytes.
const LONGEST_CANDIDATE: usize = 512;
/// From an offer to its answer.
const ANSWERING: Duration = Duration::from_secs(5);
/// Events not polled, at most; the oldest goes first.
const EVENTS: usize = 16;

/// Where the page is to the stream beneath, which sends by the connection: anywhere, and always there.
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// See the module. Dropping it ends it at once.
pub struct Line {
    connection: Connection,
    coding: Coding,
    stream: rtp::Config,
    connecting: Duration,
    seed: u64,
    standing: Standing,
    events: VecDeque<Event>,
    candidates: usize,
    dropped: u64,
}

/// How a line stands.
enum Standing {
    Connecting { since: Instant },
    Talking(Box<RtpStream>),
    Over,
}

impl Line {
    /// A line by the `offer` of a page, and our answer, in which all that we can be reached by is told. `seed` is random, and decides the numbers of what we send.
    pub async fn answer(offer: &str, settings: &Settings, seed: u64, clock: Clock) -> Result<(Line, String), Error> {
        if offer.len() > LONGEST_OFFER {
            return Err(Error::TooLong(offer.len()));
        }
        let candidates = offer.matches("a=candidate:").count();
        if candidates > CANDIDATES {
            return Err(Error::TooMany);
        }
        let coding = sdp::coding(offer.as_bytes(), &capabilities())?;
        let answered = Connection::answer(offer, &coding, settings, ssrc_of(seed), clock);
        let (connection, answer) = tokio::time::timeout(ANSWERING, answered)
            .await
            .map_err(|_| Error::TooSlow)??;
        let line = Line {
            connection,
            coding,
            stream: rtp::Config {
                alarm: settings.falters,
                silence: settings.lost,
                ..rtp::Config::default()
            },
            connecting: settings.connecting,
            seed,
            standing: Standing::Connecting { since: clock() },
            events: VecDeque::new(),
            candidates,
            dropped: 0,
        };
        Ok((line, answer))
    }

    /// One more place where the page may be found: a `candidate:` of its own, as it tells them after its offer. One that only the page's own network could
    /// name (`.local`) is passed over: the page's checks reach us all the same.
    pub async fn add_candidate(&mut self, candidate: &str) -> Result<(), Error> {
        let candidate = candidate.trim().trim_start_matches("a=");
        // After the last one an empty one is told.
        if candidate.is_empty() {
            return Ok(());
        }
        let mut parts = candidate.split_ascii_whitespace();
        let over_udp = parts
            .nth(2)
            .is_some_and(|transport| transport.eq_ignore_ascii_case("udp"));
        if !over_udp || candidate.len() > LONGEST_CANDIDATE {
            return Err(Error::NoCandidate);
        }
        if self.candidates >= CANDIDATES {
            return Err(Error::TooMany);
        }
        self.candidates += 1;
        if parts.nth(1).is_some_and(|address| address.ends_with(".local")) {
            return Ok(());
        }
        self.connection.add(candidate).await
    }

    /// The next 20 ms of the agent, with the keys of the page's keypad. To be called every 20 ms; before it is connected and after it is over that is silence.
    pub fn tick(&mut self, now: Instant) -> Incoming {
        self.follow(now);
        let Standing::Talking(stream) = &mut self.standing else {
            return Incoming {
                frame: Frame::silence(),
                keys: Vec::new(),
                sound: Sound::Nothing,
            };
        };
        while let Some((at, packet)) = self.connection.packet() {
            stream.handle_datagram(at, PAGE, &packet);
        }
        let incoming = stream.tick(now);
        let told: Vec<rtp::Event> = std::iter::from_fn(|| stream.poll()).collect();
        for event in told {
            match event {
                rtp::Event::Alarm { .. } => self.tell(Event::Faltered),
                rtp::Event::Returned => self.tell(Event::Returned),
                rtp::Event::Silent { .. } => self.lose(Lost::Silent),
                rtp::Event::Moved { .. } | rtp::Event::SourceChanged => {}
            }
        }
        incoming
    }

    /// What the agent is to hear in these 20 ms. To be called every 20 ms while they are to hear anything; before it is connected and after it is over it
    /// is dropped.
    pub fn send(&mut self, now: Instant, frame: &Frame) {
        let Standing::Talking(stream) = &mut self.standing else {
            return;
        };
        let Some((_, datagram)) = stream.send(now, frame) else {
            return;
        };
        let Ok(packet) = Packet::parse(&datagram) else { return };
        match self.connection.send(&packet) {
            Sent::Taken => {}
            Sent::Dropped => self.dropped += 1,
            Sent::Stopped => self.lose(Lost::Stopped),
        }
    }

    /// What has happened, oldest first, until none.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What sound is coded by.
    pub fn codec(&self) -> Codec {
        self.coding.codec
    }

    /// Counts since it was connected; none before, and after it is over. How the page hears is not among them.
    pub fn stats(&self) -> Option<Stats> {
        match &self.standing {
            Standing::Talking(stream) => Some(stream.stats()),
            Standing::Connecting { .. } | Standing::Over => None,
        }
    }

    /// Packets that the library had no room for.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes leave of servers that relay, within a second. The page learns of the end in another way: browsers do not tell it soon.
    pub async fn close(mut self) {
        self.standing = Standing::Over;
        self.connection.close().await;
    }

    /// What the connection has come to.
    fn follow(&mut self, now: Instant) {
        match (&self.standing, self.connection.state()) {
            (Standing::Over, _) => {}
            (Standing::Connecting { .. }, State::Gone) => self.lose(Lost::NeverConnected),
            (Standing::Talking(_), State::Gone) => self.lose(Lost::Gone),
            (Standing::Connecting { .. }, State::Made) => {
                let peer = rtp::Peer {
                    payload_type: self.coding.payload_type,
                    wishes: self.coding.wishes,
                    telephone_event: self.coding.telephone_event.map(|event| event.payload_type),
                    ..rtp::Peer::new(PAGE, self.coding.codec)
                };
                self.standing = Standing::Talking(Box::new(RtpStream::new(now, peer, self.stream, self.seed)));
                self.tell(Event::Connected);
            }
            (Standing::Connecting { since }, State::Making) => {
                if now.saturating_duration_since(*since) >= self.connecting {
                    self.lose(Lost::NeverConnected);
                }
            }
            (Standing::Talking(_), State::Making | State::Made) => {}
        }
    }

    fn lose(&mut self, lost: Lost) {
        if let Standing::Over = self.standing {
            return;
        }
        self.standing = Standing::Over;
        self.connection.end();
        self.tell(Event::Lost(lost));
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// The source that a stream with this seed has.
fn ssrc_of(seed: u64) -> u32 {
    let [a, b, c, d, ..] = seed.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// What browsers have in common with us, the best first; they offer it so.
fn capabilities() -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Opus, Codec::Pcmu],
        telephone_event: Some(101),
        encryption: Encryption::Required,
    }
}

#[cfg(test)]
mod tests;
