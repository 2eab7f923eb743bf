//! Provisional responses that arrive for certain (100rel, RFC 3262), for callers who require it: sent again until a PRACK came.
//!
//! Those we send carry no session, so the answer to the INVITE need not wait for it.

use std::time::{Duration, Instant};

use rsipstack::sip::{Header, Request};

use crate::sip::message;

/// T1 and 64 of them (RFC 3262 section 3).
const FIRST: Duration = Duration::from_millis(500);
const ALL: Duration = Duration::from_secs(32);

/// Of one provisional response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reliable {
    /// Of the response, and of its INVITE.
    number: u32,
    invite: u32,
    sent: Instant,
    again: Option<Instant>,
    wait: Duration,
}

impl Reliable {
    /// For a 180 to `invite`, if its sender requires that.
    pub fn required(invite: &Request, sequence: u32, now: Instant) -> Option<Self> {
        message::has_option(message::list_of(&invite.headers, "Require"), "100rel").then_some(Self {
            number: 1,
            invite: sequence,
            sent: now,
            again: Some(now + FIRST),
            wait: FIRST,
        })
    }

    pub fn headers(&self) -> Vec<Header> {
        vec![
            Header::Require("100rel".into()),
            Header::Other("RSeq".to_owned(), self.number.to_string()),
        ]
    }

    /// When it is to be sent again; none once it was acknowledged or no longer matters.
    pub fn again(&self) -> Option<Instant> {
        self.again
    }

    /// It is sent again now. False: it was for long enough.
    pub fn repeat(&mut self, now: Instant) -> bool {
        self.wait *= 2;
        self.again = Some(now + self.wait);
        now < self.sent + ALL
    }

    /// The INVITE was answered: nobody waits for this any more.
    pub fn rest(&mut self) {
        self.again = None;
    }

    /// Whether a PRACK with this `RAck` is for it.
    pub fn acknowledged(&mut self, rack: &str) -> bool {
        let expected = [self.number.to_string(), self.invite.to_string(), "INVITE".to_owned()];
        let is_for_it = rack.split_whitespace().eq(expected.iter().map(String::as_str));
        if is_for_it {
            self.again = None;
        }
        is_for_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now as start;

    fn sent() -> Reliable {
        Reliable {
            number: 1,
            invite: 7,
            sent: start(),
            again: None,
            wait: FIRST,
        }
    }

    #[test]
    fn it_is_repeated_ever_more_rarely_for_half_a_minute() {
        let mut reliable = sent();
        let begin = reliable.sent;
        let mut at = begin + FIRST;
        let mut times = Vec::new();
        while reliable.repeat(at) {
            times.push((at - begin).as_millis());
            at = reliable.again().expect("again");
        }
        assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    }

    #[test]
    fn only_its_own_acknowledgement_ends_it() {
        let mut reliable = sent();
        reliable.again = Some(reliable.sent);
        for other in ["", "2 7 INVITE", "1 8 INVITE", "1 7 BYE", "1 7", "1 7 INVITE x"] {
            assert!(!reliable.acknowledged(other) && reliable.again().is_some(), "{other}");
        }
        assert!(reliable.acknowledged(" 1  7\tINVITE"));
        assert_eq!(reliable.again(), None);
        assert!(
            reliable.acknowledged("1 7 INVITE"),
            "and once more, where the 200 was lost"
        );
    }
}
