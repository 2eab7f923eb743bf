//! `outbound`: where calls may go, and how many a day.

use std::ops::RangeInclusive;

use super::Reader;
use crate::document::{Fields, Node, Place, read};
use crate::sip::{Cap, Destination, Destinations, Outbound, Referred};

const MOST: RangeInclusive<u32> = 0..=10_000_000;

/// Unless something is allowed, what the plan and the configuration name and nothing else.
pub(super) fn standard() -> Outbound {
    Outbound {
        allow: Destinations::Named,
        ..Outbound::default()
    }
}

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Outbound {
    let mut outbound = standard();
    let Some(fields) = Fields::of(
        node,
        "`outbound`",
        &["allow", "a_day", "caps", "referred"],
        reader.problems,
    ) else {
        return outbound;
    };
    if let Some(node) = fields.get("allow") {
        let texts = read::texts(node, "allow", reader.problems);
        let listed = texts.iter().filter_map(|text| destination(text, node.place, reader));
        outbound.allow = Destinations::Listed(listed.collect());
    }
    if let Some(node) = fields.get("a_day") {
        outbound.cap = cap(node, "`a_day`", reader);
    }
    if let Some(node) = fields.get("caps") {
        for (key, node) in read::named(node, "`caps`", reader.problems) {
            let destination = destination(&key.name, key.place, reader);
            let cap = cap(node, &format!("the cap of `{}`", key.name), reader);
            outbound.caps.extend(destination.map(|destination| (destination, cap)));
        }
    }
    let referred = [("never", Referred::Never), ("permitted", Referred::Permitted)];
    let wanted = fields.one_of("referred", &referred, reader.problems);
    outbound.referred = wanted.unwrap_or_default();
    outbound
}

fn destination(text: &str, place: Place, reader: &mut Reader<'_>) -> Option<Destination> {
    let read = text.parse();
    if let Err(reason) = &read {
        reader.problems.error(place, format!("`outbound`: {reason}"));
    }
    read.ok()
}

fn cap(node: &Node, what: &str, reader: &mut Reader<'_>) -> Cap {
    let fields = Fields::of(node, what, &["calls", "minutes"], reader.problems);
    let mut count = |name| fields.as_ref()?.count(name, MOST, reader.problems);
    Cap {
        calls: count("calls"),
        minutes: count("minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn calls_go_where_they_are_allowed_to() {
        assert_eq!(
            parse("{}").expect("a configuration").outbound.allow,
            Destinations::Named
        );
        let text = "outbound:\n  allow: [\"+44\", \"sip:*@pbx.example\"]\n  a_day: {calls: 200, minutes: 600}\n  caps: {\"+4490\": {calls: 0}}\n";
        let outbound = parse(text).expect("a configuration").outbound;
        let Destinations::Listed(listed) = &outbound.allow else {
            panic!("{outbound:?}")
        };
        assert_eq!(
            listed.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["+44", "sip:*@pbx.example"]
        );
        assert_eq!(
            outbound.cap,
            Cap {
                calls: Some(200),
                minutes: Some(600)
            }
        );
        assert_eq!(
            outbound.caps,
            [(
                "+4490".parse().expect("a prefix"),
                Cap {
                    calls: Some(0),
                    minutes: None
                }
            )]
        );
        assert_eq!(outbound.referred, Referred::Never);
        let permitted = parse("outbound: {referred: permitted}\n").expect("a configuration");
        assert_eq!(permitted.outbound.referred, Referred::Permitted);
        for (keys, told) in [
            ("referred: always", "permitted"),
            ("allow: [anywhere]", "`anywhere` is no destination"),
            ("caps: {\"+44\": {call: 1}}", "did you mean `calls`"),
            ("caps: {x: {calls: 1}}", "`x` is no destination"),
        ] {
            let problems = parse(&format!("outbound: {{{keys}}}\n")).expect_err(keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
    }
}
