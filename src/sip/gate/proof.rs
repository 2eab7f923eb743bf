//! Proofs of identity that phones give us (RFC 7616, RFC 8760): our challenges, and what comes back.
//!
//! A nonce needs no memory until it was used: it carries when and to which address it was given, sealed. Of one that was used the count is kept, so
//! that no proof is taken twice, but for the repetition of a datagram. What is kept is bounded; where it is too much, the oldest nonces are void,
//! which costs their owners one more challenge.
//!
//! Proofs are checked here and not by the library, which misreads nonce counts and knows no SHA-256. It is told the time; it knows no dialogs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sha2::Sha256;

use crate::sip::message::{Algorithm, Asked, Raw, digest, grammar, hex};

pub(super) const REALM: &str = "offhook";
/// After so long a nonce is stale.
const FRESH: Duration = Duration::from_secs(300);
/// A datagram is repeated for so long: 64*T1.
const REPEATED: Duration = Duration::from_secs(32);
/// Used nonces whose counts are kept.
const USED: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// By this user.
    Given(String),
    /// None, or one that is not about us.
    Absent,
    /// Right, but by a nonce whose time is over, or for the second time: asked for again, and nobody's password is wrong.
    Stale,
    /// A user who is unknown, or a wrong password. `shown` where the nonce was ours, so that it is sure who sent this.
    Wrong { shown: bool },
}

struct Used {
    count: u32,
    /// Of the request that used it last.
    print: u64,
    at: Instant,
}

pub(super) struct Proofs {
    users: BTreeMap<String, String>,
    /// Those that are taken, the first the one we like best.
    algorithms: Vec<Algorithm>,
    seal: [u8; 32],
    began: Instant,
    /// Numbers the nonces.
    given: u64,
    /// By the number of the nonce.
    used: BTreeMap<u64, Used>,
    /// Nonces up to this number are void.
    void: Option<u64>,
}

impl Proofs {
    /// `users` are names and passwords; `seal` is a secret of this run.
    pub fn new(users: BTreeMap<String, String>, algorithms: Vec<Algorithm>, seal: [u8; 32], now: Instant) -> Proofs {
        Proofs {
            users,
            algorithms,
            seal,
            began: now,
            given: 0,
            used: BTreeMap::new(),
            void: None,
        }
    }

    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// The values of WWW-Authenticate, one for each algorithm (RFC 8760 §2.3).
    pub fn challenge(&mut self, ip: IpAddr, stale: bool, now: Instant) -> Vec<String> {
        let nonce = self.nonce(ip, now);
        let stale = if stale { ", stale=true" } else { "" };
        let names = self.algorithms.iter().map(|algorithm| algorithm.name());
        names
            .map(|name| format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}"))
            .collect()
    }

    /// What this request from `ip` proves.
    pub fn check(&mut self, request: &Raw, ip: IpAddr, now: Instant) -> Proof {
        let mut about_us = request.all("Authorization").filter_map(Authorization::read);
        let answers = |given: &Authorization| given.realm == REALM && self.algorithms.contains(&given.algorithm);
        let Some(given) = about_us.find(answers) else {
            return Proof::Absent;
        };
        let mut line = request.start.split(' ');
        let (method, uri) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let nonce = self.opened(&given.nonce, ip);
        // A password is reckoned with for an unknown user too: nobody learns from the time it takes who there is.
        let password = self.users.get(&given.username);
        let right = given.is_right(password.map_or("", String::as_str), method) && password.is_some();
        if !right || !leads_there(&given.uri, uri) {
            return Proof::Wrong { shown: nonce.is_some() };
        }
        match nonce {
            Some((number, at)) if self.is_fresh(number, at, now) && self.counts(number, &given, request, now) => {
                Proof::Given(given.username)
            }
            Some(_) | None => Proof::Stale,
        }
    }

    fn nonce(&mut self, ip: IpAddr, now: Instant) -> String {
        let at = now.saturating_duration_since(self.began).as_millis() as u64;
        self.given = self.given.wrapping_add(1);
        format!("{at:016x}{:016x}{}", self.given, self.sealed(at, self.given, ip))
    }

    /// Half of a SHA-256 over a secret and what is sealed: cut in half, it cannot be lengthened.
    fn sealed(&self, at: u64, number: u64, ip: IpAddr) -> String {
        use sha2::Digest;
        let mut hash = Sha256::new();
        hash.update(self.seal);
        hash.update(at.to_be_bytes());
        hash.update(number.to_be_bytes());
        match ip.to_canonical() {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
        hex(hash.finalize().get(..16).unwrap_or_default())
    }

    /// The number and the time of a nonce that was given to `ip`; `None` where it is not ours.
    fn opened(&self, nonce: &str, ip: IpAddr) -> Option<(u64, Instant)> {
        let (at, rest) = nonce.split_at_checked(16)?;
        let (number, seal) = rest.split_at_checked(16)?;
        let (at, number) = (u64::from_str_radix(at, 16).ok()?, u64::from_str_radix(number, 16).ok()?);
        let given = self.began.checked_add(Duration::from_millis(at))?;
        same(seal.as_bytes(), self.sealed(at, number, ip).as_bytes()).then_some((number, given))
    }

    fn is_fresh(&self, number: u64, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) < FRESH && self.void.is_none_or(|void| number > void)
    }

    /// Whether the nonce was not used with this count before, or only by a repetition of this request.
    fn counts(&mut self, number: u64, given: &Authorization, request: &Raw, now: Instant) -> bool {
        let print = print(request, given);
        if let Some(used) = self.used.get_mut(&number) {
            if given.count == used.count {
                return print == used.print && now.saturating_duration_since(used.at) < REPEATED;
            }
            if given.count < used.count {
                return false;
            }
            (used.count, used.print, used.at) = (given.count, print, now);
            return true;
        }
        if self.used.len() >= USED
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.void = self.void.max(Some(oldest));
        }
        let count = given.count;
        self.used.insert(number, Used { count, print, at: now });
        // It may itself be older than those that were just declared void.
        self.void.is_none_or(|void| number > void)
    }
}

/// What the header says; names as in RFC 7616 §3.4.
struct Authorization {
    algorithm: Algorithm,
    username: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    /// With qop, as they were written.
    proof: Option<(String, String)>,
    /// 0 where there is no qop: then the nonce is good for one request.
    count: u32,
}

impl Authorization {
    /// `None` where it is no digest, or one of a kind that is not known.
    fn read(value: &str) -> Option<Authorization> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let pairs = digest::parameters(rest)?;
        let part = |wanted: &str| {
            let named = pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value.trim_matches('"'))
        };
        let algorithm = Algorithm::named(part("algorithm"))?;
        let (proof, count) = match part("qop") {
            None => (None, 0),
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let count = part("nc")?;
                let number = u32::from_str_radix(count, 16).ok()?;
                (Some((count.to_owned(), part("cnonce")?.to_owned())), number)
            }
            Some(_) => return None,
        };
        Some(Authorization {
            algorithm,
            username: part("username")?.to_owned(),
            realm: part("realm")?.to_owned(),
            nonce: part("nonce")?.to_owned(),
            uri: part("uri")?.to_owned(),
            response: part("response")?.to_ascii_lowercase(),
            proof,
            count,
        })
    }

    fn is_right(&self, password: &str, method: &str) -> bool {
        let asked = Asked {
            algorithm: self.algorithm,
            realm: &self.realm,
            nonce: &self.nonce,
        };
        let proof = self
            .proof
            .as_ref()
            .map(|(count, cnonce)| (count.as_str(), cnonce.as_str()));
        let right = asked.response((&self.username, password), (method, &self.uri), proof);
        same(right.as_bytes(), self.response.as_bytes())
    }
}

/// Whether the digest was made for this Request-URI: proxies may have changed its parameters, but not whom it is for. Some phones (SIPp is one) name the
/// server alone, whomever they call.
fn leads_there(uri: &str, request_uri: &str) -> bool {
    let (ours, theirs) = (grammar::party_of_uri(request_uri), grammar::party_of_uri(uri));
    (theirs.user.is_empty() || ours.user == theirs.user) && ours.host.eq_ignore_ascii_case(&theirs.host)
}

/// A datagram that comes again is the same in these.
fn print(request: &Raw, given: &Authorization) -> u64 {
    let mut hasher = DefaultHasher::new();
    for name in ["Via", "CSeq", "Call-ID"] {
        request.first(name).hash(&mut hasher);
    }
    given.response.hash(&mut hasher);
    hasher.finish()
}

/// Takes as long whether the first byte differs or the last.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Field;
    use md5::Md5;
    use proptest::prelude::*;

    const SECRET: &str = "open sesame";

    fn ip() -> IpAddr {
        "192.0.2.7".parse().unwrap()
    }

    fn proofs(now: Instant) -> Proofs {
        let users = BTreeMap::from([("alice".to_owned(), SECRET.to_owned())]);
        Proofs::new(users, vec![Algorithm::Sha256, Algorithm::Md5], [7; 32], now)
    }

    fn nonce(proofs: &mut Proofs, now: Instant) -> String {
        proofs.challenge(ip(), false, now)[0]
            .split("nonce=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    }

    /// The Authorization of a phone, reckoned here anew.
    fn authorization(algorithm: &str, user: &str, password: &str, nonce: &str, count: u32) -> String {
        let hash = |text: String| match algorithm {
            "MD5" => hex(&<Md5 as md5::Digest>::digest(text)),
            _ => hex(&<Sha256 as sha2::Digest>::digest(text)),
        };
        let (who, what) = (
            hash(format!("{user}:{REALM}:{password}")),
            hash("REGISTER:sip:here".to_owned()),
        );
        let response = hash(format!("{who}:{nonce}:{count:08x}:abc:auth:{what}"));
        format!(
            "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"sip:here\", response=\"{response}\", \
             algorithm={algorithm}, qop=auth, nc={count:08x}, cnonce=\"abc\""
        )
    }

    fn request(branch: u32, authorization: &str) -> Raw {
        let text = format!(
            "REGISTER sip:here SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{branch}\r\nCSeq: {branch} REGISTER\r\n\
             Authorization: {authorization}\r\n\r\n"
        );
        Raw::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn takes_a_proof_of_either_kind() {
        let now = crate::clock::now();
        let mut proofs = proofs(now);
        for algorithm in ["MD5", "SHA-256"] {
            let nonce = nonce(&mut proofs, now);
            let given = authorization(algorithm, "alice", SECRET, &nonce, 1);
            assert_eq!(
                proofs.check(&request(1, &given), ip(), now),
                Proof::Given("alice".into())
            );
        }
        let nonce = nonce(&mut proofs, now);
        for (user, password) in [("alice", "wrong"), ("bob", SECRET), ("bob", "")] {
            let given = authorization("SHA-256", user, password, &nonce, 1);
            assert_eq!(
                proofs.check(&request(1, &given), ip(), now),
                Proof::Wrong { shown: true }
            );
        }
        let made_up = authorization("MD5", "alice", "wrong", &"0".repeat(64), 1);
        assert_eq!(
            proofs.check(&request(1, &made_up), ip(), now),
            Proof::Wrong { shown: false }
        );
        for none in [
            "Basic YWxpY2U6",
            "Digest x",
            "Digest username=\"a\", realm=\"elsewhere\", nonce=\"\", uri=\"\", response=\"\"",
        ] {
            assert_eq!(proofs.check(&request(1, none), ip(), now), Proof::Absent, "{none}");
        }
        let elsewhere = authorization("MD5", "alice", SECRET, &nonce, 1);
        let elsewhere = Raw {
            start: "REGISTER sip:there SIP/2.0".into(),
            ..request(1, &elsewhere)
        };
        assert_eq!(proofs.check(&elsewhere, ip(), now), Proof::Wrong { shown: true });
    }

    /// The worked example of RFC 7616 §3.9.1, both algorithms.
    #[test]
    fn reckons_as_the_rfc_does() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let header = format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
                 cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\""
            );
            let given = Authorization::read(&header).unwrap();
            assert!(given.is_right("Circle of Life", "GET"), "{algorithm}");
            assert!(!given.is_right("Circle of Life", "PUT"));
        }
    }

    #[test]
    fn a_proof_may_name_the_server_alone_but_nobody_else() {
        assert!(leads_there("sip:here:5060", "sip:100@here;transport=tcp"));
        assert!(leads_there("sip:100@HERE", "sip:100@here:5060"));
        assert!(!leads_there("sip:101@here", "sip:100@here"));
        assert!(!leads_there("sip:101@here", "sip:here"));
        assert!(!leads_there("sip:there", "sip:100@here"));
    }

    #[test]
    fn what_was_not_offered_proves_nothing() {
        let now = crate::clock::now();
        let mut proofs = Proofs {
            algorithms: vec![Algorithm::Sha256],
            ..proofs(now)
        };
        let asked = proofs.challenge(ip(), false, now);
        assert!(asked.len() == 1 && asked[0].contains("algorithm=SHA-256,"), "{asked:?}");
        let nonce = nonce(&mut proofs, now);
        let mut given = |algorithm| {
            let given = authorization(algorithm, "alice", SECRET, &nonce, 1);
            proofs.check(&request(1, &given), ip(), now)
        };
        assert_eq!(given("MD5"), Proof::Absent);
        assert_eq!(given("SHA-256"), Proof::Given("alice".to_owned()));
    }

    #[test]
    fn takes_no_proof_twice() {
        let start = crate::clock::now();
        let mut proofs = proofs(start);
        let nonce = nonce(&mut proofs, start);
        let given = |count| authorization("SHA-256", "alice", SECRET, &nonce, count);
        let mut check = |branch, count, now| proofs.check(&request(branch, &given(count)), ip(), now);
        let good = Proof::Given("alice".to_owned());
        assert_eq!(check(1, 1, start), good);
        assert_eq!(
            check(1, 1, start + Duration::from_secs(4)),
            good,
            "the datagram came again"
        );
        assert_eq!(check(1, 1, start + REPEATED), Proof::Stale, "but not for ever");
        assert_eq!(check(2, 1, start), Proof::Stale, "another request with the same proof");
        assert_eq!(check(3, 16, start), good);
        assert_eq!(check(4, 15, start), Proof::Stale, "counts only grow");
        assert_eq!(check(5, 17, start + FRESH), Proof::Stale, "its time is over");
        let elsewhere = proofs.check(&request(6, &given(18)), "192.0.2.8".parse().unwrap(), start);
        assert_eq!(elsewhere, Proof::Stale, "a nonce is good where it was given");
    }

    #[test]
    fn what_is_forgotten_is_void() {
        let now = crate::clock::now();
        let mut proofs = proofs(now);
        let first = nonce(&mut proofs, now);
        let late = nonce(&mut proofs, now);
        let given = authorization("MD5", "alice", SECRET, &first, 1);
        assert!(matches!(proofs.check(&request(1, &given), ip(), now), Proof::Given(_)));
        for _ in 0..USED + 10 {
            let nonce = nonce(&mut proofs, now);
            let given = authorization("MD5", "alice", SECRET, &nonce, 1);
            assert!(matches!(proofs.check(&request(1, &given), ip(), now), Proof::Given(_)));
        }
        assert_eq!(proofs.used.len(), USED);
        for old in [first, late] {
            let given = authorization("MD5", "alice", SECRET, &old, 2);
            assert_eq!(proofs.check(&request(2, &given), ip(), now), Proof::Stale);
        }
    }

    proptest! {
        #[test]
        fn any_authorization_is_read_or_refused(value: String) {
            let now = crate::clock::now();
            let mut proofs = proofs(now);
            for value in [value.clone(), format!("Digest {value}")] {
                let raw = Raw {
                    start: "INVITE sip:a SIP/2.0".into(),
                    fields: vec![Field { name: "Authorization".into(), value }],
                    body: Vec::new(),
                    broken: false,
                };
                let given = matches!(proofs.check(&raw, ip(), now), Proof::Given(_));
                prop_assert!(!given);
            }
        }
    }
}
