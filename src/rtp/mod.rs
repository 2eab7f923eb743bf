//! Sound over the network: RTP as the telephone uses it, sound and keypad events over UDP.
//!
//! [`RtpStream`] is one leg's whole media machine: datagrams in, a 20 ms [`crate::audio::Frame`] for every tick; frames in, datagrams out.
//! It owns no socket, reads no clock and draws no random numbers: all three are arguments. It knows nothing of SDP, SIP or calls.
//! With it go the reports of RTCP, and where keys were agreed on all of it is encrypted (SRTP).

pub mod dtls;
pub mod ear;
pub mod jitter;
pub mod keypad;
pub mod latch;
pub mod packet;
pub mod quality;
pub mod rtcp;
pub mod sender;
pub mod srtp;
pub mod stats;
pub mod stream;
pub mod stun;
pub mod telephone_event;

pub use crate::audio::tone::Key;
pub use keypad::KeyRefused;
pub use stats::Stats;
pub use stream::{Config, Event, Ever, Incoming, Peer, Reception, RtpStream, Sound};
