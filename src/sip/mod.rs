//! The user agent: SIP over UDP, TCP, TLS and WebSocket, as [`Action`]s in and [`Event`]s out.
//!
//! Below this face transactions, dialogs and digest are rsipstack's; this is the only module that names that crate.
//! What the library lacks is here: a gate that hostile or malformed input does not pass ([`gate`]), one task that
//! owns each call, the policy of a user agent (405, 415, 420, 481, 482, 491, 503), registration with trunks, and an end
//! to every task.
//!
//! Its parts stand in reading order; each uses only those above it, and the words of this face. `ARCHITECTURE.md` has their map.
//!
//! It knows no SDP: a body is bytes. It knows no dial plan, no media and no capacity: whether a call is wanted is for
//! the reader of the events to say.
//!
//! Every call ends with exactly one [`Event::Ended`] or, for a call placed and refused, one [`Event::Refused`]; nothing
//! is said about it afterwards, and actions that come later are ignored.
//!
//! The library logs whole messages, credentials included, at level INFO: a subscriber must carry [`LOG_DIRECTIVE`].

mod network;
mod tasks;

mod message;
mod names;
mod registry;

mod gate;
mod wire;
mod outbound;

mod core;
mod trunk;
mod dialog;
mod agent;

#[doc(hidden)]
pub mod fuzzing;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use agent::UserAgent;
pub use gate::{Admit, Binding, Expiry};
pub use message::Algorithm;
pub use names::{Transport, servers};
pub use network::{Network, is_private};
pub use outbound::{Cap, Destination, Destinations, Outbound, Referred};
pub use trunk::{Answer, Heard, Probe, probe};
pub use wire::{Clients, Identity, Tls};

/// Keeps rsipstack from writing messages, bodies and credentials into the log; for `tracing_subscriber::EnvFilter`.
pub const LOG_DIRECTIVE: &str = "rsipstack=error";

/// The extensions it knows, as its `Supported` says them: reliable provisional responses (RFC 3262), a call that takes another's
/// place (RFC 3891), session timers (RFC 4028).
const SUPPORTED: &str = "100rel, replaces, timer";

/// The methods this user agent takes, as its `Allow` says them.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, NOTIFY";

/// The same where peers may refer us to others.
const ALLOW_REFERRED: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, NOTIFY, REFER";

#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one; [`UserAgent::local`] says which. What is sent goes out by the first
    /// listener of its transport, so a second one of the same transport serves callers only.
    pub listen: Vec<Listen>,
    /// The address others reach us by, in Contact and Via. Unset: the address listened on, or, where that is a
    /// wildcard, the one this machine would use towards the peer.
    pub advertised: Option<IpAddr>,
    pub tls: Tls,
    /// Who is asked for names (DNS). Empty: the system's servers.
    pub name_servers: Vec<SocketAddr>,
    /// The `User-Agent` of all that is sent.
    pub user_agent: String,
    pub trunks: Vec<Trunk>,
    /// From where calls are taken without a password, beside the addresses of trunks and of `addresses`.
    pub admit: Admit,
    /// Listed: calls from there are taken, and nothing that comes from there is counted against it or bans it.
    pub addresses: Vec<Network>,
    /// Names and passwords of those who may register phones here, and call from anywhere. None: nobody is asked, and REGISTER is answered 405.
    pub users: BTreeMap<String, String>,
    /// By which their passwords are proved, the best first: each is a challenge of its own, and nothing else is taken. Many phones know MD5 alone, or
    /// give up where there is more than one challenge; an MD5 that was heard is guessed at about as fast as a SHA-256.
    pub algorithms: Vec<Algorithm>,
    /// How long their registrations last.
    pub expiry: Expiry,
    /// Where calls may go. What may not is answered as if the far end had: 403.
    pub outbound: Outbound,
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: Vec::new(),
            advertised: None,
            tls: Tls::default(),
            name_servers: Vec::new(),
            user_agent: concat!("offhook/", env!("CARGO_PKG_VERSION")).to_owned(),
            trunks: Vec::new(),
            admit: Admit::default(),
            addresses: Vec::new(),
            users: BTreeMap::new(),
            algorithms: vec![Algorithm::Md5],
            expiry: Expiry::default(),
            outbound: Outbound::default(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    fn allow(&self) -> &'static str {
        match self.outbound.referred {
            Referred::Never => ALLOW,
            Referred::Permitted => ALLOW_REFERRED,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    pub transport: Transport,
    pub address: SocketAddr,
}

/// A provider or PBX to place calls by, and to register with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trunk {
    /// What [`Action::Dial`] calls it.
    pub name: String,
    /// `host` or `host:port`; without a port the DNS is asked for its servers first (SRV, and NAPTR where the transport is
    /// UDP, the usual one: RFC 3263), and one that does not answer is followed by the next.
    pub server: String,
    pub transport: Transport,
    /// Empty, as the password, where it knows us by our address.
    pub username: String,
    pub password: String,
    /// The user of From; the username where unset.
    pub from_user: Option<String>,
    /// Registers for this long, and again before it ends. Unset: calls are placed without registration.
    pub register: Option<Duration>,
    /// Where those whom we call may send the call instead (3xx, RFC 3261 section 8.1.3.4).
    pub redirects: Redirects,
    /// Who our callees are told that calls.
    pub caller_id: CallerId,
    /// Whether this trunk's word on who calls us is taken (P-Asserted-Identity, RFC 3325); else it is not read.
    pub trust_caller_id: bool,
    /// How it wants numbers written; the first that fits counts. A full URI is dialled as it is.
    pub numbers: Vec<Prefix>,
    /// Calls that may be placed by it in a second; more are refused with 503 before they are sent.
    pub calls_per_second: Option<u32>,
    /// Calls that it carries at once, in either direction. One more is not placed: 503. Calls received are counted and
    /// never refused for it.
    pub channels: Option<usize>,
    /// Takes all that goes to the trunk: `host` or `host:port`. Unset: the server itself.
    pub outbound_proxy: Option<String>,
    /// Where its calls come from, beside the server's own address.
    pub addresses: Vec<Network>,
    /// How often it is asked whether it is there (OPTIONS). While it is not, no call is placed by it. Unset: never.
    pub keep_alive: Option<Duration>,
}

/// Who a callee is told that calls (RFC 3323, RFC 3325).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallerId {
    /// From says it, and nothing else.
    #[default]
    Plain,
    /// From says it, and P-Asserted-Identity once more, for trunks that go by that.
    Asserted,
    /// The trunk alone is told, by P-Asserted-Identity; the callee gets an anonymous From and `Privacy: id`.
    Withheld,
}

/// A rule for numbers: one that begins with `from` is dialled with `to` in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    pub from: String,
    pub to: String,
}

/// Which redirections of calls placed by a trunk are followed. A call by no trunk is never redirected.
///
/// A redirection makes us call somebody else at our cost on a stranger's word, which is how toll fraud is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// None: the call is refused with the 3xx.
    Never,
    /// To the number that was dialled, at the trunk's own hosts: its server, its proxy, its addresses.
    #[default]
    Trunk,
    /// To any SIP URI. Credentials are still proven to the trunk's own hosts alone.
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message taken, head and body, in bytes. The library's UDP buffer bounds it to 8192.
    pub message: usize,
    /// The most header fields of a message.
    pub headers: usize,
    /// The longest header field, in bytes.
    pub header: usize,
    /// The most lines of a session description.
    pub session_lines: usize,
    /// Calls, ringing ones included, until the last transaction of each has ended. More are answered 503.
    pub dialogs: usize,
    /// Transactions under way. More are answered 503, and within calls dropped.
    pub transactions: usize,
    /// Messages a second from one IPv4 address or IPv6 /64 that is not listed; for moments twice as many. More are dropped.
    pub per_source: u32,
    /// Requests a second that may open something (a call, an OPTIONS). More are answered 503. Five times as many may
    /// come within dialogs; more are dropped, and their senders ask again.
    pub opening_per_second: u32,
    /// Connections held at once. More are closed as they come; so are those of one source that is not listed, from a quarter of them on.
    pub connections: usize,
    /// The shortest interval at which peers may have their session refreshed (RFC 4028 section 5: 90 s).
    pub least_session: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message: 8192,
            headers: 128,
            header: 4096,
            session_lines: 256,
            dialogs: 4096,
            transactions: 32_768,
            per_source: 100,
            opening_per_second: 200,
            connections: 256,
            least_session: Duration::from_secs(90),
        }
    }
}

/// Whether calls can be placed by a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It does not answer.
    Down,
    /// It has so many channels free; none: it does not count them.
    Up(Option<usize>),
}

/// Names a call while it lasts, in one user agent; not the Call-ID on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call-{}", self.0)
    }
}

/// One side of a call, as the wire names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The display name, without its quotes.
    pub display: Option<String>,
    /// The user part, escapes undone: usually a number. Empty where there is none.
    pub user: String,
    pub host: String,
    /// The whole URI, as it stood.
    pub uri: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a thousand wait at most, and those that ring are the ones to read"
)]
pub enum Event {
    /// Somebody rings. Asks for `Ring`, `Accept` or `Refuse`.
    Invited {
        call: CallId,
        /// From; or, by a trunk that is believed, whom that vouches for.
        from: Party,
        /// The Request-URI: its user is what was dialled.
        to: Party,
        source: SocketAddr,
        /// The trunk that it came by, if it did.
        trunk: Option<String>,
        /// Whom it was for before it was sent here, the last first (Diversion, History-Info). Nobody vouches for it.
        diverted_from: Vec<Party>,
        /// Absent where the caller wants our offer and answers it with its ACK.
        offer: Option<Vec<u8>>,
    },
    /// The ACK of our 200 came. Said once after `Accept`, and after an `Answer` to a change that carried no offer.
    Acknowledged {
        call: CallId,
        /// The answer, where the 200 carried the offer.
        body: Option<Vec<u8>>,
    },
    /// The peer renegotiates (hold, resume, another address), or another takes its place (Replaces, RFC 3891). Asks for `Answer` or `RefuseChange` within 20 s.
    Changed {
        call: CallId,
        /// Absent where the peer wants our offer.
        offer: Option<Vec<u8>>,
    },
    /// The peer answered a refresh of ours (session timer) with another session description than its last: it wants the
    /// sound elsewhere. Asks for nothing.
    Refreshed { call: CallId, answer: Vec<u8> },
    /// The peer has us call somebody to go on with (REFER, RFC 3515), if [`Outbound::referred`] lets it. Asks for an offer to
    /// them by `Answer`, or for `RefuseChange`, within 20 s; then it is [`Joined`](Event::Joined) or
    /// [`NotJoined`](Event::NotJoined), within a minute. Until then the peer may have left already.
    Referred { call: CallId, to: String },
    /// They answered: the call goes on with them, and the peer is hung up on.
    Joined { call: CallId, answer: Vec<u8> },
    /// They did not: the call goes on with the peer as before, unless it has left; then it ends.
    NotJoined { call: CallId, code: u16 },
    /// A call we placed rings (180) or sends early media (183). Said once of each branch of a fork and each news of it; a
    /// branch may give another session than the one that answers in the end.
    Progressed {
        call: CallId,
        code: u16,
        body: Option<Vec<u8>>,
    },
    /// A call we placed was answered; the ACK is sent.
    Answered { call: CallId, body: Option<Vec<u8>> },
    /// A call we placed was not answered. The call is over.
    Refused {
        call: CallId,
        code: u16,
        by: Refuser,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// How the transfer we asked for with `Refer` goes: what the peer reports, 100 to 699, or why it refused the
    /// request; 405 also where it has said (Allow) that it takes none.
    Transferred { call: CallId, code: u16 },
    /// A key pressed, told by INFO (`application/dtmf-relay`, `application/dtmf`): `0` to `9`, `*`, `#`, `A` to `D`.
    Key {
        call: CallId,
        digit: char,
        duration: Duration,
    },
    /// The call is over.
    Ended { call: CallId, cause: Ended },
    /// The trunk knows where we are, for `expires`.
    Registered { trunk: String, expires: Duration },
    /// The trunk does not; it is asked again, ever more rarely, at least every five minutes.
    RegistrationFailed {
        trunk: String,
        /// Absent where it could not be reached.
        code: Option<u16>,
        reason: String,
    },
    /// A trunk that is kept alive does not answer any more: calls by it are refused with 503 until it does.
    TrunkDown { trunk: String, reason: String },
    /// It answers again.
    TrunkUp { trunk: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// BYE from the peer.
    ByPeer,
    /// The caller gave up before an answer.
    Cancelled,
    /// `Hangup` or `Refuse`.
    ByUs,
    /// Our 200 was never acknowledged, 32 s long.
    AckTimeout,
    /// What went wrong, in words for a log.
    Failed(String),
}

/// By whom a call that we placed was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// The far end, or the network before it.
    Peer,
    /// Us, before anything was sent: 403 where [`Config::outbound`] does not permit it, 503 where its trunk carries as much as it may or does not
    /// answer. The reason says so.
    Us,
    /// Nobody: there was no response at all. 408.
    Silence,
}

/// What to do with a call. One that does not fit the call's state, or comes after its end, is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// 180.
    Ring { call: CallId },
    /// 183 with the answer: we are heard before the call is answered (early media, RFC 3960). Who wants each response acknowledged (RFC 3262) is told that
    /// it rings instead.
    Progress { call: CallId, body: Vec<u8> },
    /// 200 to the INVITE, with the answer, or with the offer where the INVITE had none.
    Accept { call: CallId, body: Vec<u8> },
    /// A final response from 300 to 699.
    Refuse {
        call: CallId,
        code: u16,
        /// The reason phrase; empty for the usual one.
        reason: String,
        /// Whole seconds, rounded up.
        retry_after: Option<Duration>,
    },
    /// 200 to the change; or the offer to whom the peer has us call.
    Answer { call: CallId, body: Vec<u8> },
    /// A final response from 300 to 699 to the change, or to having us call; the call goes on as before it.
    RefuseChange { call: CallId, code: u16 },
    /// BYE, CANCEL or a final response, whatever the state asks. `Ended` follows at once.
    Hangup {
        call: CallId,
        /// The text of a Reason header, such as `Q.850;cause=16`.
        cause: Option<String>,
    },
    /// Places a call. The id is from [`UserAgent::next_call`].
    Dial {
        call: CallId,
        /// A SIP URI; a number will do where a trunk is named.
        to: String,
        /// The user of From. Unset: the trunk's.
        from: Option<String>,
        trunk: Option<String>,
        offer: Vec<u8>,
    },
    /// REFER: asks the peer to call `to`, a SIP URI, in our stead.
    Refer {
        call: CallId,
        /// May be empty where `replaces` is given: then it is the address of that call's other end.
        to: String,
        /// An attended transfer: the peer is to take the place of this other call of ours (Replaces, RFC 3891), which
        /// must have been answered. It ends when the peer has done so.
        replaces: Option<CallId>,
    },
}

impl Action {
    pub fn call(&self) -> CallId {
        match self {
            Action::Ring { call }
            | Action::Progress { call, .. }
            | Action::Accept { call, .. }
            | Action::Refuse { call, .. }
            | Action::Answer { call, .. }
            | Action::RefuseChange { call, .. }
            | Action::Hangup { call, .. }
            | Action::Dial { call, .. }
            | Action::Refer { call, .. } => *call,
        }
    }
}

/// The call's queue of 32 is full, or the id of a `Dial` is taken; the action was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call does not keep up with what it is told")]
pub struct Busy;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls, ringing ones included, until the last transaction of each has ended.
    pub dialogs: usize,
    pub transactions: usize,
    /// Connections: TCP, TLS and WebSocket.
    pub connections: usize,
    /// Tasks of the user agent.
    pub tasks: usize,
    /// Phones of users that are registered here.
    pub registrations: usize,
    /// Sources of messages that are remembered.
    pub sources: usize,
    // From here on since the start.
    /// Messages dropped unanswered, for nothing could be made of them.
    pub malformed: u64,
    /// Requests answered with an error before they reached a call, or dropped for load.
    pub turned_away: u64,
    /// How often a source was banned.
    pub bans: u64,
    /// Messages dropped, for their source was banned.
    pub banned: u64,
    /// Messages dropped, for their source had sent its share.
    pub flooding: u64,
    /// Messages of tools that look for open doors, dropped.
    pub scanners: u64,
    /// Requests from addresses that are not listed, dropped.
    pub strangers: u64,
    /// Requests answered with the question who asks.
    pub challenged: u64,
    /// Proofs of identity that were wrong.
    pub wrong_proofs: u64,
    /// Calls and transfers that [`Config::outbound`] did not permit.
    pub not_permitted: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("nothing to listen on: name at least one address, such as udp 0.0.0.0:5060")]
    NoListener,
    #[error("SIP cannot listen on {transport} {address}: {source}{}", cure(source))]
    Bind {
        transport: Transport,
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(
        "trunk `{trunk}` uses {transport}, but SIP does not listen on {transport}: add such an address to listen on"
    )]
    Transport { trunk: String, transport: Transport },
    #[error("SIP cannot do TLS: {0}")]
    Tls(String),
    #[error("SIP listens on {0}, which needs a certificate: name `sip.tls.certificate` and `sip.tls.key`")]
    NoCertificate(Transport),
    #[error("trunk `{trunk}`: `{server}` is no host or host:port")]
    Server { trunk: String, server: String },
    #[error("the SIP stack did not start: {0}")]
    Stack(String),
}

fn cure(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => ": another program holds the port; end it or choose another port",
        std::io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        std::io::ErrorKind::PermissionDenied => ": ports below 1024 need privileges; choose another port",
        _ => "",
    }
}
