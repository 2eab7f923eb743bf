//! Tones that the network and machines make: ringing, busy, special information, fax and modem, and the beep before a message.
//!
//! It tells what it hears, and knows neither calls nor what follows from it.

use super::Frame;

/// A sound that says something by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// It rings at the other end (ITU-T E.180).
    RingBack,
    /// The line is engaged.
    Busy,
    /// The network is: the same, twice as fast.
    Congestion,
    /// Three rising tones before an announcement of the network (ITU-T E.180, Q.35).
    SpecialInformation,
    /// A fax that calls: 1100 Hz (ITU-T T.30, CNG).
    FaxCalling,
    /// A fax or a modem that answers: 2100 Hz (ITU-T T.30, CED; V.25, V.8).
    FaxAnswering,
    /// One tone that was heard alone for a moment and has ended.
    Beep,
}

/// Listens for them.
#[derive(Debug, Default)]
pub struct ToneDetector {}

impl ToneDetector {
    /// 20 ms; the tone that is plain by now, once for each time that it is heard.
    pub fn hear(&mut self, _frame: &Frame) -> Option<Tone> {
        None
    }
}
