//! Where the phones of our users are (RFC 3261 §10.3): a book of bindings, kept in memory, for minutes.
//!
//! A phone is reached at where its REGISTER came from, by the same transport, whatever it wrote into its Contact: behind NAT it does not know its own
//! address. A restart forgets all, and phones come again before their short registrations end. Answers are without state, so a repeated REGISTER
//! gets the same one.
//!
//! It is told the time, and who was proved to ask. It knows no sockets and no passwords.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::sanitize;
use crate::sip::message::{Raw, grammar};
use crate::sip::names::Transport;

/// Phones of one user; where one more comes, the one that would be forgotten first is.
const CONTACTS: usize = 8;
/// The longest Contact that is kept, in bytes.
const LONGEST_URI: usize = 512;

/// How long registrations last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Shorter ones are refused with 423.
    pub shortest: Duration,
    /// Longer ones are cut to this, and those that do not say are given it.
    pub longest: Duration,
}

impl Default for Expiry {
    fn default() -> Expiry {
        Expiry {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(600),
        }
    }
}

/// A phone of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The Contact as the phone wrote it: the Request-URI of what is sent there.
    pub uri: String,
    /// Where its REGISTER came from, which is where it is reached.
    pub source: SocketAddr,
    pub transport: Transport,
    pub expires: Instant,
    /// Preference, 0 to 1.
    pub q: f32,
    call_id: String,
    sequence: u32,
}

/// What a REGISTER is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub code: u16,
    pub phrase: &'static str,
    pub fields: Vec<(&'static str, String)>,
}

impl Outcome {
    fn refused(code: u16, phrase: &'static str) -> Outcome {
        Outcome {
            code,
            phrase,
            fields: Vec::new(),
        }
    }
}

/// One Contact of a REGISTER; nothing for `expires` takes it back.
struct Wish {
    uri: String,
    expires: Duration,
    q: f32,
}

/// Where a REGISTER came from.
#[derive(Clone, Copy)]
pub(super) struct Flow {
    pub source: SocketAddr,
    pub transport: Transport,
}

pub(super) struct Registrar {
    expiry: Expiry,
    users: BTreeMap<String, Vec<Binding>>,
}

impl Registrar {
    pub fn new(expiry: Expiry) -> Registrar {
        Registrar {
            expiry,
            users: BTreeMap::new(),
        }
    }

    /// A REGISTER of `user`, who has proved to be that. All of it is done, or nothing.
    pub fn register(&mut self, user: &str, request: &Raw, flow: Flow, now: Instant) -> Outcome {
        if grammar::party(request.first("To").unwrap_or_default()).user != user {
            return Outcome::refused(403, "Not Your Address");
        }
        let sequence = request.first("CSeq").and_then(sanitize::sequence);
        let (Some(call_id), Some(sequence)) = (request.first("Call-ID"), sequence) else {
            return Outcome::refused(400, "Malformed CSeq");
        };
        let wishes = match self.wishes(request) {
            Ok(wishes) => wishes,
            Err(refusal) => return refusal,
        };
        self.forget(now);
        let bindings = self.users.entry(user.to_owned()).or_default();
        let order = |binding: &Binding| (binding.call_id == call_id).then(|| binding.sequence.cmp(&sequence));
        let touched = |binding: &&Binding| match &wishes {
            None => true,
            Some(wishes) => wishes.iter().any(|wish| wish.uri == binding.uri),
        };
        let orders = || bindings.iter().filter(touched).filter_map(order);
        // RFC 3261 §10.3 step 7: what was overtaken does nothing; what comes again did it already.
        if orders().any(std::cmp::Ordering::is_gt) {
            self.forget(now);
            return Outcome::refused(500, "Overtaken By A Later Request");
        }
        let repeated = orders().any(std::cmp::Ordering::is_eq);
        match wishes {
            _ if repeated => {}
            None => bindings.clear(),
            Some(wishes) => {
                for wish in wishes {
                    bindings.retain(|binding| binding.uri != wish.uri);
                    let Some(expires) = now.checked_add(wish.expires).filter(|expires| *expires > now) else {
                        continue;
                    };
                    if bindings.len() >= CONTACTS
                        && let Some((first, _)) = bindings.iter().enumerate().min_by_key(|(_, binding)| binding.expires)
                    {
                        bindings.remove(first);
                    }
                    bindings.push(Binding {
                        uri: wish.uri,
                        source: flow.source,
                        transport: flow.transport,
                        expires,
                        q: wish.q,
                        call_id: call_id.to_owned(),
                        sequence,
                    });
                }
            }
        }
        self.forget(now);
        let listed = |binding: &Binding| {
            let left = binding.expires.saturating_duration_since(now).as_secs();
            ("Contact", format!("<{}>;expires={left}", binding.uri))
        };
        let bindings = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        Outcome {
            code: 200,
            phrase: "OK",
            fields: bindings.iter().map(listed).collect(),
        }
    }

    /// The phones of `user`, the preferred and the newest first.
    pub fn contacts(&self, user: &str, now: Instant) -> Vec<Binding> {
        let bindings = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        let mut bindings: Vec<Binding> = bindings
            .iter()
            .rev()
            .filter(|binding| binding.expires > now)
            .cloned()
            .collect();
        bindings.sort_by(|one, other| other.q.total_cmp(&one.q));
        bindings
    }

    /// Phones that are known.
    pub fn len(&self) -> usize {
        self.users.values().map(Vec::len).sum()
    }

    /// What the Contacts ask for; `None` where it is to forget all, `Some` of nothing where it only asks.
    fn wishes(&self, request: &Raw) -> Result<Option<Vec<Wish>>, Outcome> {
        let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
        let general = request
            .first("Expires")
            .map(|text| seconds(text).unwrap_or(self.expiry.longest));
        let mut contacts = Vec::new();
        for mut rest in request.all("Contact") {
            while !rest.is_empty() {
                let (first, others) = grammar::first_item(rest);
                contacts.push(first);
                rest = others;
            }
        }
        if contacts.contains(&"*") {
            return match (contacts.len(), general) {
                (1, Some(Duration::ZERO)) => Ok(None),
                _ => Err(Outcome::refused(400, "A Star Alone And Expires 0")),
            };
        }
        if contacts.len() > CONTACTS {
            return Err(Outcome::refused(403, "Too Many Contacts"));
        }
        let mut wishes = Vec::new();
        for contact in contacts {
            let malformed = || Outcome::refused(400, "Malformed Contact");
            let (uri, parameters) = grammar::contact(contact).ok_or_else(malformed)?;
            let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if !matches!(scheme.as_str(), "sip" | "sips") || uri.len() > LONGEST_URI || !grammar::host_is_sound(uri) {
                return Err(malformed());
            }
            // RFC 3261 §10.2.1.1: one that is no number counts as none.
            let own = grammar::parameter(parameters, "expires").and_then(seconds);
            let expires = own.or(general).unwrap_or(self.expiry.longest);
            if expires < self.expiry.shortest && !expires.is_zero() {
                let least = self.expiry.shortest.as_secs().to_string();
                return Err(Outcome {
                    fields: vec![("Min-Expires", least)],
                    ..Outcome::refused(423, "Interval Too Brief")
                });
            }
            let q = grammar::parameter(parameters, "q").and_then(|q| q.parse::<f32>().ok());
            wishes.push(Wish {
                uri: uri.to_owned(),
                expires: expires.min(self.expiry.longest),
                q: q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0),
            });
        }
        Ok(Some(wishes))
    }

    /// Takes out what has ended.
    fn forget(&mut self, now: Instant) {
        self.users.retain(|_, bindings| {
            bindings.retain(|binding| binding.expires > now);
            !bindings.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Field;
    use proptest::prelude::*;

    struct Book {
        registrar: Registrar,
        start: Instant,
    }

    impl Book {
        fn new() -> Book {
            Book {
                registrar: Registrar::new(Expiry::default()),
                start: crate::clock::now(),
            }
        }

        /// At second `at`, with call-id `call` and number `sequence`.
        fn asks(&mut self, at: u64, call: &str, sequence: u32, fields: &str) -> Outcome {
            let text = format!(
                "REGISTER sip:here SIP/2.0\r\nTo: <sip:alice@here>\r\nCall-ID: {call}\r\nCSeq: {sequence} REGISTER\r\n{fields}\r\n"
            );
            let request = Raw::read(text.as_bytes()).unwrap();
            let source = "203.0.113.5:40001".parse().unwrap();
            let flow = Flow {
                source,
                transport: Transport::Udp,
            };
            self.registrar
                .register("alice", &request, flow, self.start + Duration::from_secs(at))
        }

        fn uris(&self, at: u64) -> Vec<String> {
            let contacts = self.registrar.contacts("alice", self.start + Duration::from_secs(at));
            contacts.into_iter().map(|binding| binding.uri).collect()
        }
    }

    fn contacts(outcome: &Outcome) -> Vec<&str> {
        assert_eq!(outcome.code, 200, "{outcome:?}");
        outcome.fields.iter().map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn a_phone_comes_and_stays_and_goes() {
        let mut book = Book::new();
        let said = book.asks(0, "a", 1, "Contact: <sip:alice@10.0.0.5:5060;ob>\r\nExpires: 120\r\n");
        assert_eq!(contacts(&said), ["<sip:alice@10.0.0.5:5060;ob>;expires=120"]);
        let phone = &book.registrar.contacts("alice", book.start)[0];
        assert_eq!(phone.source.to_string(), "203.0.113.5:40001", "where it came from");
        assert_eq!(
            contacts(&book.asks(20, "x", 1, "")),
            ["<sip:alice@10.0.0.5:5060;ob>;expires=100"],
            "a question"
        );
        book.asks(100, "a", 2, "Contact: <sip:alice@10.0.0.5:5060;ob>;expires=90\r\n");
        assert_eq!(book.uris(189).len(), 1);
        assert_eq!(book.uris(190).len(), 0, "nobody came again");
        book.asks(
            200,
            "a",
            3,
            "Contact: <sip:a@h1>, <sip:a@h2>;q=0.2\r\nContact: sip:a@h3;q=0.5\r\n",
        );
        assert_eq!(book.uris(200), ["sip:a@h1", "sip:a@h3", "sip:a@h2"]);
        book.asks(201, "a", 4, "Contact: <sip:a@h1>;expires=0\r\n");
        assert_eq!(book.uris(201), ["sip:a@h3", "sip:a@h2"]);
        assert!(contacts(&book.asks(202, "a", 5, "Contact: *\r\nExpires: 0\r\n")).is_empty());
        assert!(book.registrar.users.is_empty(), "no trace is left");
    }

    #[test]
    fn times_are_kept_within_bounds() {
        let mut book = Book::new();
        let brief = book.asks(0, "a", 1, "Contact: <sip:a@h>;expires=5\r\n");
        assert_eq!(
            (brief.code, brief.fields),
            (423, vec![("Min-Expires", "60".to_owned())])
        );
        for (fields, expires) in [
            ("Contact: <sip:a@h>\r\n", 600),
            ("Contact: <sip:a@h>\r\nExpires: 99999999999999999999\r\n", 600),
            ("Contact: <sip:a@h>;expires=86400\r\n", 600),
            ("Contact: <sip:a@h>;expires=61\r\nExpires: 300\r\n", 61),
        ] {
            let said = Book::new().asks(0, "a", 1, fields);
            assert_eq!(contacts(&said), [format!("<sip:a@h>;expires={expires}")], "{fields}");
        }
    }

    #[test]
    fn what_was_overtaken_does_nothing_and_what_is_repeated_does_it_once() {
        let mut book = Book::new();
        book.asks(0, "a", 5, "Contact: <sip:a@h>;expires=100\r\n");
        let again = book.asks(1, "a", 5, "Contact: <sip:a@h>;expires=100\r\n");
        assert_eq!(contacts(&again), ["<sip:a@h>;expires=99"]);
        let late = book.asks(2, "a", 4, "Contact: <sip:a@h>;expires=0\r\n");
        assert_eq!((late.code, book.uris(2).len()), (500, 1));
        assert_eq!(book.asks(2, "a", 4, "Contact: *\r\nExpires: 0\r\n").code, 500);
        let restarted = book.asks(3, "b", 1, "Contact: <sip:a@h>;expires=200\r\n");
        assert_eq!(
            contacts(&restarted),
            ["<sip:a@h>;expires=200"],
            "a phone that began anew"
        );
    }

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let mut book = Book::new();
        book.asks(0, "a", 1, "Contact: <sip:a@h>\r\n");
        for (fields, code) in [
            ("Contact: *\r\n", 400),
            ("Contact: *\r\nExpires: 60\r\n", 400),
            ("Contact: *, <sip:a@h>\r\nExpires: 0\r\n", 400),
            ("Contact: <sip:a@h2>, <tel:+1>\r\n", 400),
            ("Contact: <sip:a@>\r\n", 400),
            ("Contact: <sip:a@h2>, <sip:a@h>;expires=1\r\n", 423),
        ] {
            assert_eq!(
                (book.asks(1, "a", 2, fields).code, book.uris(1)),
                (code, vec!["sip:a@h".to_owned()]),
                "{fields}"
            );
        }
        let text = "REGISTER sip:here SIP/2.0\r\nTo: <sip:bob@here>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\nContact: <sip:x@y>\r\n\r\n";
        let flow = Flow {
            source: "203.0.113.5:1".parse().unwrap(),
            transport: Transport::Udp,
        };
        let theft = book
            .registrar
            .register("alice", &Raw::read(text.as_bytes()).unwrap(), flow, book.start);
        assert_eq!((theft.code, book.registrar.len()), (403, 1));
    }

    #[test]
    fn a_user_has_so_many_phones_and_the_oldest_makes_room() {
        let mut book = Book::new();
        for n in 0..20 {
            book.asks(n, &format!("c{n}"), 1, &format!("Contact: <sip:a@h{n}>\r\n"));
        }
        let uris = book.uris(20);
        assert_eq!(
            (uris.len(), uris[0].as_str(), uris[7].as_str()),
            (CONTACTS, "sip:a@h19", "sip:a@h12")
        );
    }

    proptest! {
        #[test]
        fn any_register_is_answered_and_keeps_the_bounds(contacts: Vec<String>, expires: String, parameter: String) {
            let mut book = Book::new();
            let field = |name: &str, value: String| Field { name: name.to_owned(), value };
            let mut fields = vec![
                field("To", "<sip:alice@here>".to_owned()),
                field("Call-ID", "a".to_owned()),
                field("CSeq", "1 REGISTER".to_owned()),
                field("Expires", expires),
                field("Contact", format!("<sip:a@h>;expires={parameter}")),
            ];
            fields.extend(contacts.into_iter().map(|contact| field("Contact", contact)));
            let request = Raw { start: "REGISTER sip:here SIP/2.0".to_owned(), fields, body: Vec::new(), broken: false };
            let flow = Flow { source: "203.0.113.5:1".parse().unwrap(), transport: Transport::Udp };
            let outcome = book.registrar.register("alice", &request, flow, book.start);
            prop_assert!(matches!(outcome.code, 200 | 400 | 403 | 423));
            for binding in book.registrar.contacts("alice", book.start) {
                let left = binding.expires.saturating_duration_since(book.start);
                prop_assert!(left <= Expiry::default().longest && binding.uri.len() <= LONGEST_URI);
            }
            prop_assert!(book.registrar.len() <= CONTACTS);
        }
    }
}
