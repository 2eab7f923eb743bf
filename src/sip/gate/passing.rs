//! The gate in front of the library: every message from the wire passes it, from `udp` and from `connection`.
//!
//! It carries out what others decide, and counts: [`Sources`] whether the sender is listened to at all, [`sanitize`] what the message is good for,
//! [`Admission`] and [`Proofs`] whether its sender may ask, [`Registrar`] what a REGISTER comes to. It lets in only so many requests a second: the
//! library's own queues have no bound, and it remembers each transaction for half a minute.
//!
//! Strangers are not answered: nothing here tells them that there is anybody. Where there are users they are asked who they are, since any
//! of them may be one.
//!
//! It knows of calls only which there are.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rsipstack::transaction::endpoint::{EndpointInner, EndpointInnerRef};
use tracing::{debug, info, warn};

use super::admission::Admission;
use super::crowd::{Connected, Crowd, Room};
use super::proof::{Proof, Proofs};
use super::registrar::{Binding, Flow, Registrar};
use super::sanitize::{self, Bounds, Clean, Load, Reply, Verdict, Why, sanitize};
use super::scanner::is_scanner;
use super::sources::{Evidence, Misdeed, Sources, Standing};
use crate::sip::message::{DialogKey, Invitation, Raw, grammar};
use crate::sip::names::Transport;
use crate::sip::registry::Registry;
use crate::sip::{Config, Counts, Limits};

/// What those turned away for load are told, in seconds.
const RETRY_AFTER: u32 = 5;

/// Requests within dialogs that may come for each one that may open something.
const CONTINUES: u32 = 5;

/// One source may hold so many of the connections: a part in.
const SHARE: usize = 4;

/// And all strangers together all but so many: a part in.
const KEPT: usize = 4;

/// One stranger whose call was not taken is told of in the log, then nobody for so long: the log is not theirs to fill.
const TOLD: Duration = Duration::from_secs(10);

pub(in crate::sip) struct Gate {
    limits: Limits,
    bounds: Bounds,
    admission: Arc<Admission>,
    registry: Arc<Registry>,
    /// Whose transactions are counted.
    library: OnceLock<Weak<EndpointInner>>,
    opening: Mutex<Bucket>,
    continuing: Mutex<Bucket>,
    sources: Mutex<Sources>,
    crowd: Arc<Crowd>,
    proofs: Mutex<Proofs>,
    registrar: Mutex<Registrar>,
    /// When the log was last told of a stranger.
    told: Mutex<Option<Instant>>,
    tally: Tally,
}

/// Since the start.
#[derive(Default)]
struct Tally {
    malformed: AtomicU64,
    turned_away: AtomicU64,
    banned: AtomicU64,
    flooding: AtomicU64,
    scanners: AtomicU64,
    strangers: AtomicU64,
    challenged: AtomicU64,
    wrong_proofs: AtomicU64,
}

fn count(one: &AtomicU64) {
    one.fetch_add(1, Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(in crate::sip) enum Passage {
    /// To be handed to the library.
    In(Vec<u8>),
    /// To be sent back.
    Back(Reply),
    Nothing,
}

/// Where a message came from.
#[derive(Clone, Copy)]
struct Sender {
    address: SocketAddr,
    transport: Transport,
    trusted: bool,
}

impl Sender {
    fn ip(self) -> IpAddr {
        self.address.ip()
    }

    /// A connection shows who it comes from; a datagram says so.
    fn evidence(self) -> Evidence {
        match self.transport.is_stream() {
            true => Evidence::Shown,
            false => Evidence::Claimed,
        }
    }
}

impl Gate {
    /// `seal` is a secret of this run.
    pub fn new(
        config: &Config,
        limits: Limits,
        admission: Arc<Admission>,
        registry: Arc<Registry>,
        seal: [u8; 32],
        now: Instant,
    ) -> Gate {
        let proofs = Proofs::new(config.users.clone(), config.algorithms.clone(), seal, now);
        Gate {
            limits,
            bounds: Bounds {
                registers: proofs.has_users(),
                allow: config.allow(),
                ..limits.into()
            },
            admission,
            registry,
            library: OnceLock::new(),
            opening: Mutex::new(Bucket::new(limits.opening_per_second, now)),
            continuing: Mutex::new(Bucket::new(limits.opening_per_second.saturating_mul(CONTINUES), now)),
            sources: Mutex::new(Sources::new(limits.per_source, now)),
            crowd: Arc::default(),
            proofs: Mutex::new(proofs),
            registrar: Mutex::new(Registrar::new(config.expiry)),
            told: Mutex::new(None),
            tally: Tally::default(),
        }
    }

    /// Counts the transactions of `library` from now on.
    pub fn watch(&self, library: &EndpointInnerRef) {
        // The library lives as long as its sockets, which hold the gate: the gate must not hold the library.
        let _ = self.library.set(Arc::downgrade(library));
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Its part of the counts.
    pub fn counts(&self) -> Counts {
        let tally = &self.tally;
        let (sources, bans) = {
            let sources = lock(&self.sources);
            (sources.len(), sources.bans())
        };
        Counts {
            registrations: lock(&self.registrar).len(),
            sources,
            bans,
            malformed: tally.malformed.load(Relaxed),
            turned_away: tally.turned_away.load(Relaxed),
            banned: tally.banned.load(Relaxed),
            flooding: tally.flooding.load(Relaxed),
            scanners: tally.scanners.load(Relaxed),
            strangers: tally.strangers.load(Relaxed),
            challenged: tally.challenged.load(Relaxed),
            wrong_proofs: tally.wrong_proofs.load(Relaxed),
            ..Counts::default()
        }
    }

    /// Where the phones of `user` are, the preferred first.
    pub fn contacts(&self, user: &str, now: Instant) -> Vec<Binding> {
        lock(&self.registrar).contacts(user, now)
    }

    /// A connection from there; `None` where nothing that came by it would be answered, or where its source holds its share of them.
    pub fn connect(&self, address: SocketAddr, transport: Transport, now: Instant) -> Option<Connected> {
        let (sender, most) = (self.sender(address, transport), self.limits.connections);
        if sender.trusted {
            let room = Room {
                source: most,
                strangers: None,
            };
            return self.crowd.enter(sender.ip(), room);
        }
        let room = Room {
            source: most.div_ceil(SHARE),
            strangers: Some(most.saturating_sub(most.div_ceil(KEPT)).max(1)),
        };
        let banned = lock(&self.sources).is_banned(sender.ip(), now);
        let welcome = !banned && self.talks_to(sender, now);
        welcome.then(|| self.crowd.enter(sender.ip(), room)).flatten()
    }

    fn sender(&self, address: SocketAddr, transport: Transport) -> Sender {
        let ip = address.ip();
        let trusted = match transport.is_web() {
            true => self.admission.trusts_web(ip),
            false => self.admission.trusts(ip),
        };
        Sender {
            address,
            transport,
            trusted,
        }
    }

    /// Its address alone is enough.
    fn admits(&self, sender: Sender) -> bool {
        match sender.transport.is_web() {
            true => self.admission.admits_web(sender.ip()),
            false => self.admission.admits(sender.ip()),
        }
    }

    /// A keep-alive that came from there; whether it is answered.
    pub fn keep_alive(&self, address: SocketAddr, transport: Transport, now: Instant) -> bool {
        self.hears(self.sender(address, transport), now)
    }

    /// Whether it is neither banned nor sends too much.
    fn hears(&self, sender: Sender, now: Instant) -> bool {
        if sender.trusted {
            return true;
        }
        let standing = lock(&self.sources).arrive(sender.ip(), now);
        match standing {
            Standing::Good => return true,
            Standing::Flooding => count(&self.tally.flooding),
            Standing::Banned => count(&self.tally.banned),
        }
        false
    }

    /// A message that came from there by `transport`.
    pub fn pass(&self, bytes: &[u8], address: SocketAddr, transport: Transport, now: Instant) -> Passage {
        let sender = self.sender(address, transport);
        if !self.hears(sender, now) {
            return Passage::Nothing;
        }
        if !sender.trusted && is_scanner(bytes) {
            self.accuse(sender, Misdeed::Scanner, now);
            return drop_as(&self.tally.scanners);
        }
        match sanitize(bytes, address, self.bounds) {
            Verdict::Clean(clean) => self.admit(clean, sender, now),
            Verdict::Reply(reply) => {
                if matches!(reply.code, 400 | 505 | 513) {
                    self.accuse(sender, Misdeed::Malformed, now);
                }
                match self.talks_to(sender, now) {
                    true => self.back(reply),
                    false => drop_as(&self.tally.strangers),
                }
            }
            Verdict::Drop(Why::KeepAlive) => Passage::Nothing,
            Verdict::Drop(why @ (Why::Unreadable | Why::Unanswerable | Why::TooLong)) => {
                debug!(source = %address, ?why, len = bytes.len(), "message dropped");
                self.accuse(sender, Misdeed::Malformed, now);
                drop_as(&self.tally.malformed)
            }
        }
    }

    /// Whether anything at all is said to those there.
    fn talks_to(&self, sender: Sender, now: Instant) -> bool {
        self.bounds.registers || self.admits(sender) || lock(&self.sources).is_vouched(sender.ip(), now)
    }

    /// A call from there was for a number that nobody has.
    pub fn misdialled(&self, address: SocketAddr, now: Instant) {
        // However it came: those who dial a wrong number once a minute are honest.
        let sender = self.sender(address, Transport::Udp);
        self.accuse(sender, Misdeed::Misdialled, now);
    }

    fn accuse(&self, sender: Sender, misdeed: Misdeed, now: Instant) {
        self.accuse_by(sender, misdeed, sender.evidence(), now);
    }

    fn accuse_by(&self, sender: Sender, misdeed: Misdeed, evidence: Evidence, now: Instant) {
        if sender.trusted {
            return;
        }
        let ban = lock(&self.sources).accuse(sender.ip(), misdeed, evidence, now);
        if let Some(ban) = ban {
            info!(source = %sender.ip(), last = ?misdeed, seconds = ban.as_secs(), "a source is banned");
        }
    }

    fn vouch(&self, sender: Sender, now: Instant) {
        if !sender.trusted {
            lock(&self.sources).vouch(sender.ip(), now);
        }
    }

    fn admit(&self, clean: Clean, sender: Sender, now: Instant) -> Passage {
        if clean.raw.is_response() {
            // Without a transaction of ours it comes to nothing.
            return Passage::In(clean.bytes);
        }
        if clean.raw.method() == "REGISTER" {
            return self.register(&clean.raw, sender, now);
        }
        if self.is_known(&clean.raw) {
            // Our tag was sent to the parties of the call and to nobody else.
            self.vouch(sender, now);
            return self.weigh(clean, sender, now);
        }
        if self.admits(sender) {
            return self.weigh(clean, sender, now);
        }
        match clean.load {
            Load::Opens if self.bounds.registers => match self.prove(&clean.raw, sender, now) {
                Ok(user) if speaks_for(&clean.raw, &user) => self.weigh(clean, sender, now),
                Ok(_) => self.reply(&clean.raw, sender, (403, "Not Your Address"), Vec::new()),
                Err(asked) => asked,
            },
            Load::Opens => {
                self.tell(&clean.raw, sender, now);
                self.accuse(sender, Misdeed::Stranger, now);
                drop_as(&self.tally.strangers)
            }
            Load::Continues | Load::Follows if lock(&self.sources).is_vouched(sender.ip(), now) => {
                self.weigh(clean, sender, now)
            }
            // Every phone acknowledges a challenge.
            Load::Follows => Passage::Nothing,
            Load::Continues => {
                self.accuse(sender, Misdeed::Stranger, now);
                drop_as(&self.tally.strangers)
            }
        }
    }

    /// The dialog is one of ours.
    fn is_known(&self, request: &Raw) -> bool {
        let tag = request.first("To").and_then(grammar::tag);
        let Some((tag, call_id)) = tag.zip(request.first("Call-ID")) else {
            return false;
        };
        let key = DialogKey {
            call_id: call_id.to_owned(),
            local_tag: tag.to_owned(),
        };
        self.registry.with_owner(&key, |owner| owner.is_some())
    }

    /// Who it is, by their proof; else what they are answered.
    fn prove(&self, request: &Raw, sender: Sender, now: Instant) -> Result<String, Passage> {
        let proof = lock(&self.proofs).check(request, sender.ip(), now);
        let stale = match proof {
            Proof::Given(user) => {
                self.vouch(sender, now);
                return Ok(user);
            }
            Proof::Absent => {
                self.accuse(sender, Misdeed::Unproved, now);
                false
            }
            Proof::Stale => true,
            Proof::Wrong { shown } => {
                count(&self.tally.wrong_proofs);
                self.accuse_by(
                    sender,
                    Misdeed::WrongProof,
                    if shown { Evidence::Shown } else { sender.evidence() },
                    now,
                );
                false
            }
        };
        count(&self.tally.challenged);
        let challenges = lock(&self.proofs).challenge(sender.ip(), stale, now);
        let fields = challenges.into_iter().map(|challenge| ("WWW-Authenticate", challenge));
        Err(self.reply(request, sender, (401, "Unauthorized"), fields.collect()))
    }

    fn register(&self, request: &Raw, sender: Sender, now: Instant) -> Passage {
        if !has_room(&self.opening, now) {
            return self.overload(request, sender);
        }
        let user = match self.prove(request, sender, now) {
            Ok(user) => user,
            Err(asked) => return asked,
        };
        let flow = Flow {
            source: sender.address,
            transport: sender.transport,
        };
        let outcome = lock(&self.registrar).register(&user, request, flow, now);
        debug!(user, code = outcome.code, source = %sender.address, "REGISTER");
        self.reply(request, sender, (outcome.code, outcome.phrase), outcome.fields)
    }

    fn weigh(&self, clean: Clean, sender: Sender, now: Instant) -> Passage {
        match clean.load {
            Load::Follows => Passage::In(clean.bytes),
            Load::Continues if self.has_memory() && has_room(&self.continuing, now) => Passage::In(clean.bytes),
            // Its sender asks again.
            Load::Continues => drop_as(&self.tally.turned_away),
            // Its call was taken, and is not refused because it asks again.
            Load::Opens if self.is_invited(&clean.raw) => match self.has_memory() {
                true => Passage::In(clean.bytes),
                false => drop_as(&self.tally.turned_away),
            },
            Load::Opens if self.is_full(&clean.raw) || !has_room(&self.opening, now) => {
                self.overload(&clean.raw, sender)
            }
            Load::Opens => Passage::In(clean.bytes),
        }
    }

    /// An INVITE that came before, and whose call is there.
    fn is_invited(&self, request: &Raw) -> bool {
        let tag = request.first("From").and_then(grammar::tag);
        let sequence = request.first("CSeq").and_then(sanitize::sequence);
        let named = tag.zip(request.first("Call-ID")).zip(sequence);
        let invited = |((tag, call), sequence)| self.registry.is_invited(&Invitation::new(call, tag, sequence));
        request.method() == "INVITE" && named.is_some_and(invited)
    }

    /// No more calls, or nothing more at all.
    fn is_full(&self, request: &Raw) -> bool {
        let calls = request.method() == "INVITE" && self.registry.len() >= self.limits.dialogs;
        calls || !self.has_memory()
    }

    fn has_memory(&self) -> bool {
        let library = self.library.get().and_then(Weak::upgrade);
        library.is_none_or(|library| library.get_stats().running_transactions < self.limits.transactions)
    }

    fn overload(&self, request: &Raw, sender: Sender) -> Passage {
        count(&self.tally.turned_away);
        let retry_after = ("Retry-After", RETRY_AFTER.to_string());
        self.reply(request, sender, (503, "Service Unavailable"), vec![retry_after])
    }

    fn reply(
        &self,
        request: &Raw,
        sender: Sender,
        status: (u16, &'static str),
        fields: Vec<(&'static str, String)>,
    ) -> Passage {
        let reply = sanitize::answer(request, sender.address, status, fields);
        reply.map_or(Passage::Nothing, Passage::Back)
    }

    fn back(&self, reply: Reply) -> Passage {
        count(&self.tally.turned_away);
        debug!(to = %reply.to, code = reply.code, "request answered at the gate");
        Passage::Back(reply)
    }

    /// Who runs the machine should know whose call was not taken, and what to do about it.
    fn tell(&self, request: &Raw, sender: Sender, now: Instant) {
        let mut told = lock(&self.told);
        let rested = |told: Instant| now.saturating_duration_since(told) >= TOLD;
        if request.method() != "INVITE" || !told.is_none_or(rested) {
            return;
        }
        *told = Some(now);
        let source = sender.ip();
        warn!(%source, "a call was not taken, for nothing lists where it came from: is it yours, add {source} to `sip.addresses`");
    }
}

/// Whether `user` may ask this in the name that it bears: a call is one's own, or nobody's (RFC 3323 section 4.1.1.3).
fn speaks_for(request: &Raw, user: &str) -> bool {
    let from = grammar::party(request.first("From").unwrap_or_default()).user;
    request.method() != "INVITE" || from == user || from == "anonymous"
}

fn drop_as(tally: &AtomicU64) -> Passage {
    count(tally);
    Passage::Nothing
}

fn has_room(bucket: &Mutex<Bucket>, now: Instant) -> bool {
    lock(bucket).take(now)
}

/// A token bucket that holds two seconds' worth.
struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(per_second: u32, now: Instant) -> Bucket {
        let per_second = f64::from(per_second.max(1));
        Bucket {
            per_second,
            tokens: per_second * 2.0,
            filled: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled);
        self.filled = now;
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.per_second).min(self.per_second * 2.0);
        let room = self.tokens >= 1.0;
        if room {
            self.tokens -= 1.0;
        }
        room
    }
}

#[cfg(test)]
mod tests;
