//! What is agreed with a trunk beyond its address: who is said to call, how numbers are written, how much it carries, and
//! which redirections are followed.

use crate::document::{Fields, Problems, read};
use crate::sip::{CallerId, Network, Prefix, Redirects, Trunk};

/// Of a trunk's keys those that are read here.
pub(super) const KEYS: &[&str] = &[
    "redirects",
    "caller_id",
    "trust_caller_id",
    "numbers",
    "calls_per_second",
    "channels",
    "outbound_proxy",
    "addresses",
    "keep_alive",
];

/// A trunk with nothing but its policies.
pub(super) fn policies(fields: &Fields<'_>, problems: &mut Problems) -> Trunk {
    let redirects = [
        ("never", Redirects::Never),
        ("trunk", Redirects::Trunk),
        ("anywhere", Redirects::Anywhere),
    ];
    let caller_id = [
        ("plain", CallerId::Plain),
        ("asserted", CallerId::Asserted),
        ("withheld", CallerId::Withheld),
    ];
    Trunk {
        redirects: fields.one_of("redirects", &redirects, problems).unwrap_or_default(),
        caller_id: fields.one_of("caller_id", &caller_id, problems).unwrap_or_default(),
        trust_caller_id: fields.boolean("trust_caller_id", problems).unwrap_or_default(),
        numbers: numbers(fields, problems),
        calls_per_second: fields.count("calls_per_second", 1..=10_000, problems),
        channels: fields
            .count("channels", 1..=100_000, problems)
            .and_then(|most| usize::try_from(most).ok()),
        outbound_proxy: fields.text("outbound_proxy", problems),
        addresses: addresses(fields, problems),
        keep_alive: fields.duration("keep_alive", problems),
        ..Trunk::default()
    }
}

/// `[{from: "+49", to: "0"}]`
fn numbers(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Prefix> {
    let Some(node) = fields.get("numbers") else {
        return Vec::new();
    };
    let mut rules = Vec::new();
    for node in read::list(node, "numbers", problems) {
        let Some(rule) = Fields::of(node, "a rule for numbers", &["from", "to"], problems) else {
            continue;
        };
        let mut side = |name: &str| {
            let text = rule.text(name, problems)?;
            let dialled = text
                .chars()
                .all(|letter| letter.is_ascii_digit() || "+*#".contains(letter));
            if !dialled {
                problems.error(
                    rule.place(),
                    format!("`{name}: {text}` is no beginning of a number; write digits, `+`, `*` and `#`, in quotes"),
                );
            }
            dialled.then_some(text)
        };
        if let (Some(from), Some(to)) = (side("from"), side("to")) {
            rules.push(Prefix { from, to });
        } else if rule.get("from").is_none() || rule.get("to").is_none() {
            problems.error(
                node.place,
                "a rule for numbers needs `from` and `to`; write `{from: \"+49\", to: \"0\"}`".to_owned(),
            );
        }
    }
    rules
}

fn addresses(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Network> {
    let Some(node) = fields.get("addresses") else {
        return Vec::new();
    };
    let mut networks = Vec::new();
    for text in read::texts(node, "addresses", problems) {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(reason) => problems.error(node.place, format!("`addresses`: {reason}")),
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    const TRUNK: &str = "sip: {trunks: [{name: t, server: sip.example, username: u, password: p, MORE}]}";

    fn trunk(more: &str) -> Result<Trunk, Vec<String>> {
        let mut config = parse(&TRUNK.replace("MORE", more))?;
        Ok(config.sip.trunks.remove(0))
    }

    #[test]
    fn a_trunk_that_knows_us_by_our_address_needs_no_password() {
        let named = |more: &str| parse(&format!("sip: {{trunks: [{{name: t, server: sip.example{more}}}]}}"));
        let trunk = named("").expect("valid").sip.trunks.remove(0);
        assert_eq!((trunk.username.as_str(), trunk.password.as_str()), ("", ""));
        for (more, missing) in [(", username: u", "`password`"), (", register: 5m", "`username`")] {
            let problems = named(more).expect_err("half of it");
            assert!(problems.iter().any(|why| why.contains(missing)), "{problems:?}");
        }
    }

    #[test]
    fn a_trunk_has_its_policies() {
        let more = "redirects: never, keep_alive: 30s, caller_id: withheld, trust_caller_id: true, calls_per_second: 5, channels: 30, \
                    outbound_proxy: \"proxy.example:5070\", addresses: [192.0.2.0/24, \"2001:db8::1\"], \
                    numbers: [{from: \"+49\", to: \"0\"}, {from: \"+\", to: \"00\"}]";
        let trunk = trunk(more).expect("valid");
        assert_eq!(
            (trunk.redirects, trunk.caller_id),
            (Redirects::Never, CallerId::Withheld)
        );
        assert!(trunk.trust_caller_id);
        assert_eq!(trunk.keep_alive, Some(std::time::Duration::from_secs(30)));
        assert_eq!((trunk.calls_per_second, trunk.channels), (Some(5), Some(30)));
        assert_eq!(trunk.outbound_proxy.as_deref(), Some("proxy.example:5070"));
        let nets: Vec<String> = trunk.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(nets, ["192.0.2.0/24", "2001:db8::1"]);
        let rule = |from: &str, to: &str| Prefix {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        assert_eq!(trunk.numbers, [rule("+49", "0"), rule("+", "00")]);
    }

    #[test]
    fn without_them_it_is_careful() {
        let trunk = trunk("register: 5m").expect("valid");
        assert_eq!((trunk.redirects, trunk.caller_id), (Redirects::Trunk, CallerId::Plain));
        assert!(!trunk.trust_caller_id && trunk.addresses.is_empty() && trunk.numbers.is_empty());
    }

    #[test]
    fn says_what_is_wrong_and_what_would_be_right() {
        for (more, words) in [
            ("redirects: always", "never"),
            ("addresses: [provider]", "192.0.2.0/24"),
            ("numbers: [{from: \"+49\"}]", "needs `from` and `to`"),
            ("numbers: [{from: x, to: \"0\"}]", "no beginning of a number"),
            ("channels: 0", "channels"),
        ] {
            let problems = trunk(more).expect_err("refused");
            assert!(
                problems.iter().any(|problem| problem.contains(words)),
                "{more}: {problems:?}"
            );
        }
    }
}
