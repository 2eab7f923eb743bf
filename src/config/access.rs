//! Who may call, and how much: the keys of `sip` that keep strangers and floods out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Reader;
use crate::document::{Fields, Node, read};
use crate::sip::{self, Admit, Algorithm, Expiry, Limits, Network};

/// The keys of `sip` that are read here.
pub(super) const KEYS: [&str; 6] = ["admit", "addresses", "users", "algorithms", "registrations", "limits"];

#[derive(Clone, Debug)]
pub struct Access {
    pub admit: Admit,
    /// Beside those of trunks.
    pub addresses: Vec<Network>,
    /// Names and passwords.
    pub users: BTreeMap<String, String>,
    /// By which they prove them, the best first.
    pub algorithms: Vec<Algorithm>,
    pub expiry: Expiry,
    pub limits: Limits,
}

impl Default for Access {
    fn default() -> Access {
        let standard = sip::Config::default();
        Access {
            admit: standard.admit,
            addresses: standard.addresses,
            users: standard.users,
            algorithms: standard.algorithms,
            expiry: standard.expiry,
            limits: standard.limits,
        }
    }
}

/// Of a registration.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Access {
    pub(super) fn read(&mut self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let words = [
            ("anyone", Admit::Anyone),
            ("local", Admit::Local),
            ("listed", Admit::Listed),
        ];
        if let Some(admit) = fields.one_of("admit", &words, reader.problems) {
            self.admit = admit;
        }
        if let Some(node) = fields.get("addresses") {
            let texts = read::texts(node, "addresses", reader.problems);
            let networks = texts.iter().filter_map(|text| match text.parse::<Network>() {
                Ok(network) => Some(network),
                Err(reason) => {
                    reader.problems.error(node.place, format!("`addresses`: {reason}"));
                    None
                }
            });
            self.addresses = networks.collect();
        }
        if let Some(node) = fields.get("users") {
            self.users(node, reader);
        }
        if let Some(node) = fields.get("algorithms") {
            self.algorithms(node, reader);
        }
        if let Some(node) = fields.get("registrations") {
            self.registrations(node, reader);
        }
        if let Some(node) = fields.get("limits") {
            self.limits(node, reader);
        }
    }

    fn users(&mut self, node: &Node, reader: &mut Reader<'_>) {
        for (key, node) in read::named(node, "`users`", reader.problems) {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
            if key.name.is_empty() || !key.name.bytes().all(plain) {
                let message = format!("the user `{}` should have a name of letters, digits and -_.+", key.name);
                reader.problems.error(key.place, message);
            }
            if let Some(text) = read::text(node, &key.name, reader.problems) {
                let password = reader.secret(&text, node.place);
                self.users.insert(key.name.clone(), password);
            }
        }
    }

    fn algorithms(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let texts = read::texts(node, "algorithms", reader.problems);
        if texts.is_empty() && !reader.problems.has_errors() {
            let message = "`algorithms` is empty: nobody could prove a password; write md5, sha-256 or both";
            reader.problems.error(node.place, message);
        }
        let mut wanted = Vec::new();
        for text in texts {
            match Algorithm::named(Some(&text)) {
                Some(algorithm) if wanted.contains(&algorithm) => {}
                Some(algorithm) => wanted.push(algorithm),
                None => {
                    let message = format!("`algorithms`: `{text}` is not known; write md5, sha-256 or both");
                    reader.problems.error(node.place, message);
                }
            }
        }
        self.algorithms = wanted;
    }

    fn registrations(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(fields) = Fields::of(node, "`registrations`", &["shortest", "longest"], reader.problems) else {
            return;
        };
        let expiry = &mut self.expiry;
        for (name, wanted) in [("shortest", &mut expiry.shortest), ("longest", &mut expiry.longest)] {
            *wanted = fields
                .span(name, SHORTEST..=LONGEST, reader.problems)
                .unwrap_or(*wanted);
        }
        if expiry.shortest > expiry.longest {
            let message = "`shortest` is longer than `longest`: no phone could register";
            reader.problems.error(node.place, message);
        }
    }

    fn limits(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let known = [
            "requests",
            "per_source",
            "calls",
            "transactions",
            "connections",
            "message",
            "headers",
            "header",
            "session_lines",
        ];
        let Some(fields) = Fields::of(node, "`limits`", &known, reader.problems) else {
            return;
        };
        let limits = &mut self.limits;
        for (name, rate) in [
            ("requests", &mut limits.opening_per_second),
            ("per_source", &mut limits.per_source),
        ] {
            *rate = fields.count(name, 1..=100_000, reader.problems).unwrap_or(*rate);
        }
        for (name, most, range) in [
            ("calls", &mut limits.dialogs, 1..=100_000),
            ("transactions", &mut limits.transactions, 16..=1_000_000),
            ("connections", &mut limits.connections, 1..=100_000),
            ("message", &mut limits.message, 1024..=8192),
            ("headers", &mut limits.headers, 16..=1024),
            ("header", &mut limits.header, 256..=8192),
            ("session_lines", &mut limits.session_lines, 16..=4096),
        ] {
            let count = fields.count(name, range, reader.problems);
            *most = count.map_or(*most, |count| count as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn who_may_call_is_configured() {
        let standard = parse("{}").expect("a configuration").sip.access;
        assert_eq!((standard.admit, standard.users.len()), (Admit::Local, 0));
        assert_eq!(standard.algorithms, [Algorithm::Md5]);
        let text = "sip:\n  admit: listed\n  addresses: [203.0.113.0/28, 198.51.100.7]\n  users: {alice: \"${PASSWORD}\", \"4912\": plain}\n  \
                    algorithms: [sha-256, md5]\n  registrations: {shortest: 30s, longest: 5m}\n  limits: {per_source: 20, calls: 50, headers: 64}\n";
        let access = parse(text).expect("a configuration").sip.access;
        assert_eq!(access.admit, Admit::Listed);
        assert!(access.addresses[0].contains("203.0.113.9".parse().expect("an address")));
        assert_eq!(
            (access.users["alice"].as_str(), access.users["4912"].as_str()),
            ("secret", "plain")
        );
        assert_eq!(access.algorithms, [Algorithm::Sha256, Algorithm::Md5]);
        assert_eq!(access.expiry.longest, Duration::from_secs(300));
        assert_eq!(
            (access.limits.per_source, access.limits.dialogs, access.limits.headers),
            (20, 50, 64)
        );
        assert_eq!(access.limits.connections, Limits::default().connections);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (keys, told) in [
            ("admit: all", "`admit` is `all`"),
            ("addresses: [pbx.example]", "`pbx.example` is no address"),
            ("users: {\"a b\": x}", "the user `a b`"),
            ("users: {alice: \"${NOWHERE}\"}", "`NOWHERE`"),
            ("algorithms: [md5, sha-1]", "`sha-1` is not known; write md5"),
            ("algorithms: []", "`algorithms` is empty"),
            ("registrations: {shortest: 20m}", "no phone could register"),
            ("limits: {headers: 1}", "from 16 to 1024"),
            ("limits: {call: 1}", "did you mean `calls`"),
        ] {
            let problems = parse(&format!("sip: {{{keys}}}\n")).expect_err(keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
    }
}
