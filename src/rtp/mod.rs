//! Sound over the network: RTP as the telephone uses it, G.711 and keypad events over UDP.
//!
//! [`RtpStream`] is one leg's whole media machine: datagrams in, a 20 ms [`crate::audio::Frame`] for every tick; frames in, datagrams out.
//! It owns no socket, reads no clock and draws no random numbers: all three are arguments. It knows nothing of SDP, SIP or calls.
//! With it go the reports of RTCP. SRTP is not spoken.

pub mod jitter;
pub mod latch;
pub mod packet;
pub mod quality;
pub mod rtcp;
pub mod sender;
pub mod stats;
pub mod stream;
pub mod telephone_event;

pub use crate::audio::tone::Key;
pub use stats::Stats;
pub use stream::{Config, Event, Ever, Incoming, KeyRefused, Peer, Reception, RtpStream, Sound};

/// Units of the RTP clock a second; G.711 and telephone events share it (RFC 3551 section 4.5.14, RFC 4733 section 2.5.1).
pub const CLOCK_RATE: u32 = 8_000;

/// 20 ms in units of the RTP clock: one tick, one packet.
pub const TICK: u32 = 160;
