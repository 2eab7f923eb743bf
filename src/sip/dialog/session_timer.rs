//! Session timers (RFC 4028): a session that nobody refreshes in time is over, so that no call outlives an end that is gone.
//!
//! What is agreed on in a request and its 2xx, and when what is due, as values: no clock, no sockets. We refresh where the peer wants us to,
//! and ask for none ourselves: a line without sound is found dead sooner by its silence.

use std::time::{Duration, Instant};

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request, Response};

use crate::sip::message;

/// Before its end a session is given up so long, or a third of it where that is less (section 10).
const BEFORE_THE_END: Duration = Duration::from_secs(32);

/// A peer without session timers may be given this by a proxy at least (section 9 lets nobody make it longer).
const SHORTEST: Duration = Duration::from_secs(2);
/// No refresh is tried again sooner.
const SOON: Duration = Duration::from_millis(500);

/// Who refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresher {
    Us,
    Them,
}

/// Of a session under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval: Duration,
    refresher: Refresher,
    /// It ends then, unless it is refreshed.
    until: Instant,
    /// Our refresh.
    next: Instant,
    /// The interval is as the peer wanted it when it refused another.
    raised: bool,
}

/// What it is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ours to send.
    Refresh,
    /// Theirs did not come: BYE.
    Over,
}

/// A session that the peer wants shorter than we take: 422, with this header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooShort(pub Duration);

impl TooShort {
    pub fn header(&self) -> Header {
        Header::MinSE(self.0.as_secs().to_string().into())
    }
}

impl SessionTimer {
    /// What a request of the peer's (INVITE, re-INVITE, UPDATE) asks for; `least` is the shortest interval that we take. None: no timer.
    pub fn asked(request: &Request, least: Duration, now: Instant) -> Result<Option<Self>, TooShort> {
        let Some((interval, refresher)) = session_expires(request.header_value("Session-Expires")) else {
            return Ok(None);
        };
        let supported = message::has_option(message::list_of(&request.headers, "Supported"), "timer");
        if interval < least && supported {
            return Err(TooShort(least));
        }
        // A proxy's wish for a peer that does not know of timers: nobody but us can refresh.
        let refresher = match refresher {
            _ if !supported => Refresher::Us,
            Some(Party::Uas) => Refresher::Us,
            Some(Party::Uac) | None => Refresher::Them,
        };
        Ok(Some(Self::new(interval.max(SHORTEST), refresher, now)))
    }

    fn new(interval: Duration, refresher: Refresher, now: Instant) -> Self {
        Self {
            interval,
            refresher,
            until: now + interval,
            next: now + interval / 2,
            raised: false,
        }
    }

    /// For the 2xx to the request that asked.
    pub fn headers(&self) -> Vec<Header> {
        let refresher = match self.refresher {
            Refresher::Us => "uas",
            Refresher::Them => "uac",
        };
        let expires = format!("{};refresher={refresher}", self.interval.as_secs());
        let mut headers = vec![Header::SessionExpires(expires.into())];
        if self.refresher == Refresher::Them {
            headers.push(Header::Require("timer".into()));
        }
        headers
    }

    /// For a refresh of ours.
    pub fn request_headers(&self) -> Vec<Header> {
        let expires = format!("{};refresher=uac", self.interval.as_secs());
        vec![Header::SessionExpires(expires.into())]
    }

    /// What a 2xx to a request of ours says; without a word of it there is no timer.
    pub fn answered(response: &Response, least: Duration, now: Instant) -> Option<Self> {
        let (interval, refresher) = session_expires(response.header_value("Session-Expires"))?;
        let refresher = match refresher {
            Some(Party::Uas) => Refresher::Them,
            Some(Party::Uac) | None => Refresher::Us,
        };
        Some(Self::new(interval.max(least), refresher, now))
    }

    /// When what is due.
    pub fn due(&self) -> (Instant, Due) {
        match self.refresher {
            Refresher::Us => (self.next, Due::Refresh),
            Refresher::Them => (self.until - BEFORE_THE_END.min(self.interval / 3), Due::Over),
        }
    }

    /// A refresh of ours came to nothing for now: once more, at half of the time that is left; at its end not any more.
    pub fn again(self, now: Instant) -> Option<Self> {
        let later = self.until.checked_duration_since(now)? / 2;
        (later >= SOON).then_some(Self {
            next: now + later,
            ..self
        })
    }

    /// A refresh of ours met one of theirs: once more after `wait`, or sooner where the session would not last.
    pub fn after(self, wait: Duration, now: Instant) -> Option<Self> {
        let next = now + wait;
        match next < self.until {
            true => Some(Self { next, ..self }),
            false => self.again(now),
        }
    }

    /// The peer refused a refresh with 422: at once with an interval that it takes, and not twice (section 7.3).
    pub fn longer(self, response: &Response, now: Instant) -> Option<Self> {
        match least(response) {
            Some(wanted) if wanted > self.interval && !self.raised => Some(Self {
                interval: wanted,
                next: now,
                raised: true,
                ..self
            }),
            Some(_) | None => self.again(now),
        }
    }
}

/// The shortest session that whoever refused with 422 takes.
pub(super) fn least(response: &Response) -> Option<Duration> {
    Some(session_expires(message::list_of(&response.headers, "Min-SE"))?.0)
}

/// For an INVITE of ours that was refused so.
pub(super) fn no_shorter_than(least: Duration) -> Vec<Header> {
    let seconds = least.as_secs().to_string();
    vec![
        Header::SessionExpires(seconds.clone().into()),
        Header::MinSE(seconds.into()),
    ]
}

/// How long to wait where our re-INVITE met one of the peer's (RFC 3261 section 14.1): longer for whoever made the
/// Call-ID, so that they do not meet again. `spread` is 0 to 1.
pub(super) fn glare(made_the_call: bool, spread: f64) -> Duration {
    let (from, to): (u32, u32) = if made_the_call { (2_100, 4_000) } else { (0, 2_000) };
    let within = f64::from(to - from) * spread.clamp(0.0, 1.0);
    // In steps of 10 ms.
    Duration::from_millis(u64::from(from) + (within / 10.0) as u64 * 10)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Uac,
    Uas,
}

/// `1800;refresher=uac`.
fn session_expires(value: Option<String>) -> Option<(Duration, Option<Party>)> {
    let value = value?;
    let mut parts = value.split(';').map(str::trim);
    let seconds: u32 = parts.next()?.parse().ok()?;
    let refresher = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        match name.trim().eq_ignore_ascii_case("refresher") {
            true if value.eq_ignore_ascii_case("uac") => Some(Party::Uac),
            true if value.eq_ignore_ascii_case("uas") => Some(Party::Uas),
            _ => None,
        }
    });
    Some((Duration::from_secs(seconds.into()), refresher))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::now as start;

    const LEAST: Duration = Duration::from_secs(90);

    fn request(headers: &str) -> Request {
        let text = format!(
            "INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1@h>\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Request::try_from(text).expect("a request")
    }

    fn asked(headers: &str) -> Result<Option<SessionTimer>, TooShort> {
        SessionTimer::asked(&request(headers), LEAST, start())
    }

    fn written(timer: SessionTimer) -> Vec<String> {
        timer.headers().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nobody_asks_and_there_is_none() {
        assert_eq!(asked("Supported: timer\r\n"), Ok(None));
        assert_eq!(asked("Session-Expires: soon\r\n"), Ok(None));
    }

    #[test]
    fn who_refreshes_is_who_is_named_else_the_one_who_asks() {
        for (headers, refresher, lines) in [
            (
                "Supported: timer\r\nSession-Expires: 1800\r\n",
                Refresher::Them,
                vec!["Session-Expires: 1800;refresher=uac", "Require: timer"],
            ),
            (
                "Supported: 100rel , Timer\r\nSession-Expires: 600 ; refresher=uas\r\n",
                Refresher::Us,
                vec!["Session-Expires: 600;refresher=uas"],
            ),
            (
                "Session-Expires: 30\r\n",
                Refresher::Us,
                vec!["Session-Expires: 30;refresher=uas"],
            ),
        ] {
            let timer = asked(headers).expect("long enough").expect("a timer");
            assert_eq!(timer.refresher, refresher, "{headers}");
            assert_eq!(written(timer), lines, "{headers}");
        }
    }

    #[test]
    fn too_short_is_refused_with_what_would_do() {
        let refused = asked("Supported: timer\r\nSession-Expires: 89\r\n").expect_err("too short");
        assert_eq!(refused.header().to_string(), "Min-SE: 90");
    }

    #[test]
    fn we_refresh_at_half_and_give_them_up_before_the_end() {
        let now = start();
        let timer = |refresher, seconds| SessionTimer::new(Duration::from_secs(seconds), refresher, now);
        let after = |timer: SessionTimer| {
            let (at, due) = timer.due();
            ((at - now).as_secs(), due)
        };
        assert_eq!(after(timer(Refresher::Us, 1800)), (900, Due::Refresh));
        assert_eq!(after(timer(Refresher::Them, 1800)), (1768, Due::Over));
        assert_eq!(after(timer(Refresher::Them, 90)), (60, Due::Over));
    }

    #[test]
    fn a_refresh_that_failed_is_made_again_ever_sooner_until_the_end() {
        let now = start();
        let mut timer = SessionTimer::new(LEAST, Refresher::Us, now);
        let mut times = Vec::new();
        let at = loop {
            let at = timer.due().0;
            times.push((at - now).as_secs());
            match timer.again(at) {
                Some(again) => {
                    timer = again;
                    let asked = timer.request_headers()[0].to_string();
                    assert_eq!(asked, "Session-Expires: 90;refresher=uac", "the same as ever");
                }
                None => break at,
            }
        };
        assert_eq!(&times[..4], [45, 67, 78, 84]);
        assert!(at < now + LEAST && times.len() < 10, "{times:?}");
    }

    #[test]
    fn after_a_glare_the_two_do_not_wait_alike() {
        let ms = |made, spread| glare(made, spread).as_millis();
        assert_eq!((ms(true, 0.0), ms(true, 1.0)), (2_100, 4_000));
        assert_eq!((ms(false, 0.0), ms(false, 1.0)), (0, 2_000));
        let now = start();
        let timer = SessionTimer::new(LEAST, Refresher::Us, now);
        let wait = Duration::from_secs(3);
        assert_eq!(timer.after(wait, now).map(|timer| timer.due().0 - now), Some(wait));
        let late = now + LEAST - Duration::from_secs(2);
        assert!(timer.after(wait, late).is_some_and(|timer| timer.due().0 < now + LEAST));
        assert_eq!(timer.after(wait, now + LEAST), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read(value: String, list: String) {
            let _ = (session_expires(Some(value)), message::has_option(Some(list), "timer"));
        }
    }
}
