//! What a plan would do with a call, and what is different between two.

use super::*;
use crate::dialplan::explain::{self, Opening};

/// The differences between `PLAN` and itself with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(PLAN.contains(from), "{from}");
    diff(&plan(PLAN), &plan(&PLAN.replacen(from, to, 1)))
}

#[test]
fn differences_are_told_in_words() {
    for (from, to, told) in [
        (
            "ask: \"Which order?\"",
            "ask: \"Which order is it?\"",
            "flow `status`: question for `order` now says “Which order is it?” (was “Which order?”)",
        ),
        (
            "retries: 1",
            "retries: 3",
            "flow `status`: question for `order`: `retries` now is 3 (was 1)",
        ),
        ("length: 4", "length: 6", "slot `order`: `length` now is 6 (was 4)"),
        (
            "Order {order} is on its way.",
            "Order {order} has left.",
            "flow `status`: `say` now says “Order {order} has left.” (was “Order {order} is on its way.”)",
        ),
        (
            "{answer: last_words}",
            "{answer: last_words}, {say: \"So.\"}",
            "flow `ask`: `say` is new: {say: “So.”}",
        ),
        (
            "[{say: \"Oh no.\"}]",
            "[{say: \"Oh.\"}]",
            "flow `return`: `switch` `reason`, `damaged`: `say` now says “Oh.” (was “Oh no.”)",
        ),
        (
            "damaged: [broken]",
            "damaged: [broken, torn]",
            "slot `reason`: `values.damaged` now has “torn”",
        ),
        (
            "reject: 603",
            "reject: 404",
            "route `blocked`: `reject` now is 404 (was 603)",
        ),
        (
            "mon-fri 08:00-18:00",
            "mon-fri 09:00-18:00",
            "hours `desk`: `open` now has “mon-fri 09:00-18:00”",
        ),
        (
            "use_when: \"a question\"",
            "use_when: \"questions\"",
            "flow `ask`: `use_when` now is “questions” (was “a question”)",
        ),
        (
            "patterns: {person: person}",
            "patterns: {person: person, goodbye: Bye.}",
            "`patterns.goodbye` is new: “Bye.”",
        ),
        (
            "  sorry: {steps",
            "  sad: {use_when: x, steps: [{hangup: now}]}\n  sorry: {steps",
            "flow `sad` is new: {use_when: “x”, steps: [{hangup: “now”}]}",
        ),
    ] {
        let found = changed(from, to);
        assert!(found.iter().any(|line| line.contains(told)), "{to}: {found:#?}");
        assert!(found.len() <= 2, "{to}: {found:#?}");
    }
}

#[test]
fn comments_and_the_order_of_names_are_no_difference_and_that_of_routes_is() {
    assert_eq!(
        diff(&plan(PLAN), &plan(&format!("# new\n{PLAN}"))),
        Vec::<String>::new()
    );
    assert_eq!(
        changed("{type: number, min: 1, max: 9}", "{max: 9, min: 1, type: number}"),
        Vec::<String>::new()
    );
    let swapped = changed(
        "  - {name: blocked, match: {from: \"666*\"}, reject: 603}\n  - {name: all, match: any, assistant: mia, flow: welcome}",
        "  - {name: all, match: any, assistant: mia, flow: welcome}\n  - {name: blocked, match: {from: \"666*\"}, reject: 603}",
    );
    assert_eq!(swapped, ["routes come in another order: all, blocked"]);
}

#[test]
fn a_call_is_explained_route_by_route() {
    let yaml = PLAN.replacen(
        "routes:",
        "routes:\n  - {name: night, match: {when: \"!hours.desk.open\"}, assistant: mia, flow: sorry}\n  - {name: vip, match: {when: \"caller.tier == 'vip'\"}, assistant: mia, flow: person}",
        1,
    );
    let plan = plan(&yaml);
    let at = |text: &str| text.parse().expect("a time");
    let day = explain(&plan, "+4930", "+49301", at("2026-11-23T10:00:00Z"));
    let why: Vec<(&str, bool, &str)> = day
        .tried
        .iter()
        .map(|t| (t.route.as_str(), t.takes, t.why.as_str()))
        .collect();
    assert_eq!(
        why,
        [
            ("night", false, "its condition does not hold"),
            (
                "vip",
                false,
                "its condition does not hold as long as caller.tier is not known"
            ),
            ("blocked", false, "it is for calls from 666*, not +4930"),
            ("all", true, "it takes any call"),
        ]
    );
    let open = Opening {
        open: true,
        there: "Mon 2026-11-23 11:00 Europe/Berlin".into(),
    };
    assert_eq!(day.hours, [("desk".to_owned(), open)]);
    let said = day.to_string();
    assert!(said.contains("assistant mia answers in en, with flow welcome\n    says to its end: I am a machine.\n    says: How can I help?"), "{said}");
    let night = explain(&plan, "+4930", "+49301", at("2026-11-22T10:00:00Z"));
    assert_eq!(night.tried.len(), 1);
    assert_eq!(night.to_json()["result"]["flow"], "sorry");
    let blocked = explain(&plan, "6661", "+49301", at("2026-11-23T10:00:00Z"));
    assert_eq!(blocked.result, explain::Result::Rejected(603));
}

#[test]
fn a_moment_is_read_as_people_write_it() {
    let plan = plan(PLAN);
    let now = "2026-11-21T12:00:00Z".parse().expect("a time");
    for (text, at) in [
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ("2026-11-23 11:00", "2026-11-23T10:00:00Z"),
        ("Sun 10:00", "2026-11-22T09:00:00Z"),
        ("sat 14:00", "2026-11-21T13:00:00Z"),
        ("sat 10:00", "2026-11-28T09:00:00Z"),
        ("18:30", "2026-11-21T17:30:00Z"),
    ] {
        assert_eq!(explain::moment(&plan, text, now), at.parse().ok(), "{text}");
    }
    for wrong in ["", "noon", "Sun", "Sun 25:00", "2026-13-01 10:00"] {
        assert_eq!(explain::moment(&plan, wrong, now), None, "{wrong}");
    }
}
