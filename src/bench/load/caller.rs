//! One call as its caller makes it, in bare SIP over UDP: a plain value that is told the time and what came, and says what to send.
//!
//! It can give up, fall silent or vanish at every point of a call, which no honest user agent does. It sends again what is not answered (RFC 3261
//! §17.1), and every state has an end. It knows no authentication, no proxies and no sockets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::sdp::{self, Capabilities, Codec, Encryption};

/// How a caller behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Acknowledges, stays for so long, and hangs up.
    Stays(Duration),
    /// Gives up with the INVITE, before anything came.
    CancelsUnheard,
    /// Gives up as soon as it rings.
    CancelsRinging,
    /// Never acknowledges the 200.
    NeverAcknowledges,
    /// Sends no more sound after so long, and waits to be hung up on.
    FallsSilent(Duration),
    /// Is gone after so long: sends nothing, answers nothing.
    Vanishes(Duration),
}

/// How a call ended, seen from its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its BYE was answered.
    HungUp,
    /// Its CANCEL was: 487.
    Cancelled,
    /// With this code.
    Refused(u16),
    /// The other end said BYE.
    HungUpOn,
    /// On purpose, and nobody was told.
    Vanished,
    /// Nothing came for so long that it gave up.
    Abandoned,
}

impl Outcome {
    pub fn words(self) -> String {
        match self {
            Outcome::HungUp => "the caller hung up".into(),
            Outcome::Cancelled => "the caller gave up before the answer".into(),
            Outcome::Refused(code) => format!("refused with {code}"),
            Outcome::HungUpOn => "the bot hung up".into(),
            Outcome::Vanished => "the caller vanished".into(),
            Outcome::Abandoned => "nobody ended it".into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Talking {
        since: Instant,
    },
    /// Its BYE or CANCEL is under way.
    Leaving,
    Over(Outcome),
}

/// A request that waits for a response.
#[derive(Debug)]
struct Unanswered {
    request: Vec<u8>,
    again: Instant,
    wait: Duration,
    until: Instant,
}

/// Timer T1 and the bound of its doublings, T2 (RFC 3261 §17.1.1.1).
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(4);
/// 64 T1: then a request has failed.
const GIVEN_UP: Duration = Duration::from_secs(32);
/// No call lasts longer, whatever becomes of it, unless it was to stay.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub struct Caller {
    /// Unique in a run; `run` keeps runs apart.
    number: u64,
    run: u64,
    local: SocketAddr,
    target: SocketAddr,
    conduct: Conduct,
    state: State,
    began: Instant,
    until: Instant,
    rung: Option<Instant>,
    answered: Option<Instant>,
    /// Where the other end wants sound.
    sound: Option<SocketAddr>,
    /// To, with its tag, and the Contact of the 200.
    dialog: Option<(String, String)>,
    unanswered: Option<Unanswered>,
    cancelled: bool,
    repeated: u32,
    outgoing: VecDeque<Vec<u8>>,
}

impl Caller {
    /// Rings `target`, and wants sound at `media`.
    pub fn ring(
        now: Instant,
        (run, number): (u64, u64),
        (local, target, media): (SocketAddr, SocketAddr, SocketAddr),
        conduct: Conduct,
    ) -> Caller {
        let stays = match conduct {
            Conduct::Stays(span) | Conduct::FallsSilent(span) | Conduct::Vanishes(span) => span,
            Conduct::CancelsUnheard | Conduct::CancelsRinging | Conduct::NeverAcknowledges => Duration::ZERO,
        };
        let mut caller = Caller {
            number,
            run,
            local,
            target,
            conduct,
            state: State::Calling,
            began: now,
            until: now + LIMIT + stays,
            rung: None,
            answered: None,
            sound: None,
            dialog: None,
            unanswered: None,
            cancelled: false,
            repeated: 0,
            outgoing: VecDeque::new(),
        };
        let description = sdp::offer(&described(media, number), &capabilities());
        let invite = caller.request("INVITE", 1, &description);
        caller.ask(now, invite);
        if conduct == Conduct::CancelsUnheard {
            caller.cancel(now);
        }
        caller
    }

    /// A message of this call.
    pub fn hear(&mut self, now: Instant, message: &Message<'_>) {
        let gone = self.state == State::Over(Outcome::Vanished);
        match message.code() {
            _ if gone => {}
            Some(code) => {
                let cseq = message.field("CSeq").unwrap_or_default();
                match cseq.split_whitespace().nth(1) {
                    Some("INVITE") => self.responded(now, code, message),
                    Some("BYE") if code >= 200 => self.end(Outcome::HungUp),
                    Some("CANCEL") if code >= 200 => self.unanswered = None,
                    Some(_) | None => {}
                }
            }
            None => self.asked(message),
        }
    }

    /// To be called every few milliseconds.
    pub fn tick(&mut self, now: Instant) {
        if let State::Over(_) = self.state {
            return;
        }
        if now >= self.until {
            return self.end(Outcome::Abandoned);
        }
        if let Some(unanswered) = &mut self.unanswered {
            if now >= unanswered.until {
                return self.end(Outcome::Abandoned);
            }
            if now >= unanswered.again {
                unanswered.wait = (unanswered.wait * 2).min(LONGEST);
                unanswered.again = now + unanswered.wait;
                self.repeated += 1;
                self.outgoing.push_back(unanswered.request.clone());
            }
        }
        if let State::Talking { since } = self.state {
            let lasted = now.saturating_duration_since(since);
            match self.conduct {
                Conduct::Stays(span) if lasted >= span => self.leave(now),
                Conduct::Vanishes(span) if lasted >= span => self.end(Outcome::Vanished),
                Conduct::Stays(_)
                | Conduct::Vanishes(_)
                | Conduct::FallsSilent(_)
                | Conduct::CancelsUnheard
                | Conduct::CancelsRinging
                | Conduct::NeverAcknowledges => {}
            }
        }
    }

    /// Hangs up.
    pub fn leave(&mut self, now: Instant) {
        if let State::Talking { .. } = self.state {
            self.state = State::Leaving;
            let bye = self.request("BYE", 2, "");
            self.ask(now, bye);
        }
    }

    /// What to send, oldest first, until none.
    pub fn poll(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Over(outcome) => Some(outcome),
            State::Calling | State::Talking { .. } | State::Leaving => None,
        }
    }

    /// Where sound is to be sent now.
    pub fn sounds(&self, now: Instant) -> Option<SocketAddr> {
        let State::Talking { since } = self.state else {
            return None;
        };
        match self.conduct {
            Conduct::FallsSilent(span) if now.saturating_duration_since(since) >= span => None,
            _ => self.sound,
        }
    }

    pub fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    /// From the INVITE to its 200.
    pub fn answered_after(&self) -> Option<Duration> {
        Some(self.answered?.saturating_duration_since(self.began))
    }

    /// Requests that had to be sent again.
    pub fn repeated(&self) -> u32 {
        self.repeated
    }

    fn responded(&mut self, now: Instant, code: u16, message: &Message<'_>) {
        if code < 200 {
            // Nothing is sent again from now on; the call's own limit holds.
            if !self.cancelled {
                self.unanswered = None;
            }
            if code > 100 && self.rung.is_none() {
                self.rung = Some(now);
                if self.conduct == Conduct::CancelsRinging {
                    self.cancel(now);
                }
            }
            return;
        }
        if code >= 300 {
            let to = message.field("To").unwrap_or_default().to_owned();
            let ack = self.write("ACK", 1, &self.uri(), &to, &self.branch(1), "");
            self.outgoing.push_back(ack);
            let outcome = match (code, self.cancelled) {
                (487, true) => Outcome::Cancelled,
                (code, _) => Outcome::Refused(code),
            };
            return self.end(outcome);
        }
        let first = self.dialog.is_none();
        if first {
            let to = message.field("To").unwrap_or_default().to_owned();
            let contact = message.field("Contact").map_or_else(|| self.uri(), uri_of);
            self.dialog = Some((to, contact));
            self.answered = Some(now);
            let ours = described(self.local, self.number);
            let media = sdp::accept(message.body, &ours, &capabilities()).ok();
            self.sound = media.map(|media| media.remote);
        }
        if self.conduct == Conduct::NeverAcknowledges {
            self.unanswered = None;
            return;
        }
        let ack = self.request("ACK", 1, "");
        self.outgoing.push_back(ack);
        if first {
            // A 200 that crossed the CANCEL is a call all the same, and ended as one (RFC 3261 §9.1).
            self.unanswered = None;
            self.state = State::Talking { since: now };
            let at_once = matches!(self.conduct, Conduct::Stays(Duration::ZERO));
            if self.cancelled || at_once {
                self.leave(now);
            }
        }
    }

    /// A request of the other end.
    fn asked(&mut self, message: &Message<'_>) {
        let method = message.start.split(' ').next().unwrap_or_default();
        let code = match method {
            "ACK" => return,
            "INVITE" => "488 Not Acceptable Here",
            _ => "200 OK",
        };
        let mut response = format!("SIP/2.0 {code}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in message.fields(name) {
                response.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        response.push_str("Content-Length: 0\r\n\r\n");
        self.outgoing.push_back(response.into_bytes());
        if method == "BYE" {
            self.end(Outcome::HungUpOn);
        }
    }

    fn cancel(&mut self, now: Instant) {
        self.cancelled = true;
        self.state = State::Leaving;
        let cancel = self.write("CANCEL", 1, &self.uri(), &self.to(), &self.branch(1), "");
        self.ask(now, cancel);
    }

    fn ask(&mut self, now: Instant, request: Vec<u8>) {
        self.outgoing.push_back(request.clone());
        self.unanswered = Some(Unanswered {
            request,
            again: now + FIRST,
            wait: FIRST,
            until: now + GIVEN_UP,
        });
    }

    fn end(&mut self, outcome: Outcome) {
        self.unanswered = None;
        if self.outcome().is_none() {
            self.state = State::Over(outcome);
        }
    }

    fn request(&self, method: &str, sequence: u32, body: &str) -> Vec<u8> {
        let (to, uri) = self.dialog.clone().unwrap_or_else(|| (self.to(), self.uri()));
        let branch = self.branch(if method == "ACK" { 9 } else { sequence });
        self.write(method, sequence, &uri, &to, &branch, body)
    }

    fn write(&self, method: &str, sequence: u32, uri: &str, to: &str, branch: &str, body: &str) -> Vec<u8> {
        let Caller { local, number, run, .. } = self;
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let (length, user) = (body.len(), self.user());
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\nFrom: <sip:{user}@{local}>;tag={number}\r\nTo: {to}\r\nCall-ID: {number}.{run}@bench\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\nContact: <sip:bench@{local}>\r\n{kind}Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// The number that it calls from.
    pub fn user(&self) -> String {
        format!("+4420{:08}", self.number)
    }

    fn uri(&self) -> String {
        format!("sip:bench@{}", self.target)
    }

    fn to(&self) -> String {
        format!("<{}>", self.uri())
    }

    fn branch(&self, of: u32) -> String {
        format!("z9hG4bK{}x{}x{of}", self.run, self.number)
    }
}

/// A message as it is read here: nothing but what a caller needs.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    start: &'a str,
    head: &'a str,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    pub fn read(datagram: &'a [u8]) -> Option<Message<'a>> {
        let end = datagram.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(datagram.get(..end)?).ok()?;
        let (start, head) = head.split_once("\r\n")?;
        Some(Message {
            start,
            head,
            body: datagram.get(end + 4..)?,
        })
    }

    /// The number of the caller that it is for, in the run of that name.
    pub fn number(&self, run: u64) -> Option<u64> {
        let (number, of) = self.field("Call-ID")?.strip_suffix("@bench")?.split_once('.')?;
        (of.parse() == Ok(run)).then(|| number.parse().ok())?
    }

    /// Of a response.
    fn code(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    fn field(&self, name: &str) -> Option<&'a str> {
        self.fields(name).next()
    }

    fn fields(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.head.split("\r\n").filter_map(move |line| {
            let (found, value) = line.split_once(':')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What stands between angle brackets, or before the first parameter.
fn uri_of(contact: &str) -> String {
    let inner = contact.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let uri = inner.map_or_else(|| contact.split(';').next().unwrap_or_default(), |(uri, _)| uri);
    uri.to_owned()
}

/// It takes plain RTP alone, so that nothing of its description is secret.
fn described(media: SocketAddr, number: u64) -> sdp::Local {
    sdp::Local::new(media, number, sdp::Secret::drawn(|| 0))
}

/// G.711, unencrypted.
fn capabilities() -> Capabilities {
    Capabilities {
        codecs: Codec::TELEPHONE.to_vec(),
        encryption: Encryption::Never,
        ..Capabilities::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now as start;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn ring(now: Instant, conduct: Conduct) -> Caller {
        Caller::ring(now, (5, 3), (address(1), address(2), address(30_000)), conduct)
    }

    /// The methods and codes that it sends.
    fn sent(caller: &mut Caller) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(datagram) = caller.poll() {
            let text = String::from_utf8(datagram).expect("text");
            all.push(text.split(' ').next().unwrap_or_default().to_owned());
        }
        all
    }

    fn hears(caller: &mut Caller, now: Instant, first: &str, cseq: &str) {
        let body = sdp::offer(&described(address(40_000), 1), &capabilities());
        let text = format!(
            "{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:2;branch=z9hG4bK7\r\nFrom: <sip:bench@127.0.0.1:1>;tag=3\r\nTo: <sip:bench@127.0.0.1:2>;tag=a\r\nCall-ID: 3.5@bench\r\nCSeq: {cseq}\r\nContact: <sip:x@127.0.0.1:2;a=b>;c=d\r\n\r\n{body}"
        );
        let message = Message::read(text.as_bytes()).expect("a message");
        assert_eq!((message.number(5), message.number(6)), (Some(3), None));
        caller.hear(now, &message);
    }

    #[test]
    fn a_call_is_answered_and_hung_up() {
        let now = start();
        let mut caller = ring(now, Conduct::Stays(Duration::from_secs(1)));
        assert_eq!(sent(&mut caller), ["INVITE"]);
        caller.tick(now + Duration::from_millis(501));
        assert_eq!(sent(&mut caller), ["INVITE"]);
        hears(&mut caller, now, "SIP/2.0 180 Ringing", "1 INVITE");
        caller.tick(now + Duration::from_secs(5));
        assert_eq!(sent(&mut caller), [""; 0]);
        let at = now + Duration::from_secs(6);
        hears(&mut caller, at, "SIP/2.0 200 OK", "1 INVITE");
        assert_eq!(sent(&mut caller), ["ACK"]);
        assert_eq!(caller.sounds(at), Some(address(40_000)));
        caller.tick(at + Duration::from_secs(1));
        let bye = caller.poll().expect("BYE");
        assert!(bye.starts_with(b"BYE sip:x@127.0.0.1:2;a=b SIP/2.0"), "{bye:?}");
        hears(&mut caller, at, "SIP/2.0 200 OK", "2 BYE");
        assert_eq!(caller.outcome(), Some(Outcome::HungUp));
        assert_eq!(
            (caller.repeated(), caller.answered_after()),
            (1, Some(Duration::from_secs(6)))
        );
    }

    #[test]
    fn callers_give_up_in_many_ways() {
        let now = start();
        let mut early = ring(now, Conduct::CancelsUnheard);
        assert_eq!(sent(&mut early), ["INVITE", "CANCEL"]);
        hears(&mut early, now, "SIP/2.0 200 OK", "1 CANCEL");
        hears(&mut early, now, "SIP/2.0 487 Request Terminated", "1 INVITE");
        assert_eq!(
            (sent(&mut early), early.outcome()),
            (vec!["ACK".to_owned()], Some(Outcome::Cancelled))
        );

        let mut late = ring(now, Conduct::CancelsRinging);
        hears(&mut late, now, "SIP/2.0 100 Trying", "1 INVITE");
        assert_eq!(sent(&mut late), ["INVITE"]);
        hears(&mut late, now, "SIP/2.0 180 Ringing", "1 INVITE");
        assert_eq!(sent(&mut late), ["CANCEL"]);
        // The 200 was under way already.
        hears(&mut late, now, "SIP/2.0 200 OK", "1 INVITE");
        assert_eq!(sent(&mut late), ["ACK", "BYE"]);

        let mut deaf = ring(now, Conduct::NeverAcknowledges);
        hears(&mut deaf, now, "SIP/2.0 200 OK", "1 INVITE");
        assert_eq!(sent(&mut deaf), ["INVITE"]);
        hears(&mut deaf, now, "BYE sip:bench@127.0.0.1:1 SIP/2.0", "9 BYE");
        assert_eq!(
            (sent(&mut deaf), deaf.outcome()),
            (vec!["SIP/2.0".to_owned()], Some(Outcome::HungUpOn))
        );

        let mut gone = ring(now, Conduct::Vanishes(Duration::ZERO));
        hears(&mut gone, now, "SIP/2.0 200 OK", "1 INVITE");
        gone.tick(now);
        sent(&mut gone);
        hears(&mut gone, now, "BYE sip:bench@127.0.0.1:1 SIP/2.0", "9 BYE");
        assert_eq!((sent(&mut gone), gone.outcome()), (Vec::new(), Some(Outcome::Vanished)));
    }

    #[test]
    fn every_call_ends() {
        let now = start();
        for conduct in [
            Conduct::Stays(Duration::ZERO),
            Conduct::CancelsUnheard,
            Conduct::NeverAcknowledges,
        ] {
            let mut caller = ring(now, conduct);
            caller.tick(now + GIVEN_UP);
            assert_eq!(caller.outcome(), Some(Outcome::Abandoned));
        }
        let mut caller = ring(now, Conduct::FallsSilent(Duration::from_secs(1)));
        hears(&mut caller, now, "SIP/2.0 200 OK", "1 INVITE");
        assert_eq!(caller.sounds(now + Duration::from_secs(1)), None);
        caller.tick(now + Duration::from_secs(1) + LIMIT);
        assert_eq!(caller.outcome(), Some(Outcome::Abandoned));
    }
}
