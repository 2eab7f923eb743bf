//! The gate as functions of bytes, for `fuzz/`, which throws at it whatever there is.
//!
//! No part of the user agent: nothing here is used by it, and nothing is decided.

use std::net::SocketAddr;

use rsipstack::sip::SipMessage;

use crate::sip::gate::{Verdict, sanitize};
use crate::sip::message::{Frame, frame};

/// What the gate makes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is let in, as these bytes.
    In(Vec<u8>),
    /// It is answered with these bytes, which carry this code.
    Back {
        bytes: Vec<u8>,
        code: u16,
        to: SocketAddr,
    },
    Dropped,
}

/// `limit` is that of [`crate::sip::Limits::message`].
pub fn judge(bytes: &[u8], source: SocketAddr, limit: usize) -> Judged {
    match sanitize(bytes, source, limit) {
        Verdict::Clean(clean) => Judged::In(clean.bytes),
        Verdict::Reply(reply) => Judged::Back {
            bytes: reply.bytes,
            code: reply.code,
            to: reply.to,
        },
        Verdict::Drop(_) => Judged::Dropped,
    }
}

/// Whether the library takes it for a message.
pub fn is_read(bytes: &[u8]) -> bool {
    SipMessage::try_from(bytes).is_ok()
}

/// How many bytes of a stream are its first message, or the line ends before one; `Err` where no more can be made of the stream than its first so
/// many bytes, `None` where more must come.
pub fn first(stream: &[u8], limit: usize) -> Option<Result<usize, usize>> {
    match frame(stream, limit) {
        Frame::Message(len) | Frame::LineEnds(len) => Some(Ok(len)),
        Frame::Broken(len) => Some(Err(len)),
        Frame::Incomplete => None,
    }
}
