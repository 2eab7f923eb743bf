//! Plans that are refused, and why.

use proptest::prelude::*;

use super::*;
use crate::document::Problem;

/// Problems of `PLAN` with `from` replaced by `to`.
fn problems(from: &str, to: &str) -> Vec<Problem> {
    assert!(PLAN.contains(from), "{from}");
    parse(&PLAN.replacen(from, to, 1), "test.yaml").expect_err(to)
}

#[test]
fn every_mistake_has_its_place_and_its_cure() {
    for (from, to, message) in [
        ("flows:", "flosw:", "did you mean `flows`"),
        (
            "say: \"How can I help?\"",
            "sya: \"How can I help?\"",
            "did you mean `say`",
        ),
        ("{collect: order, ask", "{collect: oder, ask", "did you mean `order`"),
        ("on_fail: person}", "on_fail: persom}", "did you mean `person`"),
        ("Order {order}", "Order {oder}", "did you mean `order`"),
        ("count == 2 &&", "count == 'two' &&", "never equal"),
        ("hours.desk.open", "hours.desc.open", "did you mean `desk`"),
        (", on_fail: sorry}", "}", "needs `on_fail"),
        ("sip:agent@127.0.0.1", "tel:1", "no SIP URI"),
        (
            "use_when: \"a question\", ",
            "",
            "no route, step or caller leads to flow `ask`",
        ),
        (
            "[{say: \"How can I help?\"}]",
            "[{goto_flow: welcome}]",
            "leads back to itself",
        ),
        ("languages: [en]", "languages: [fr]", "no language `fr`"),
        ("match: any", "mtach: any", "did you mean `match`"),
        ("assistant: mia", "assistant: mai", "did you mean `mia`"),
        ("type: digits", "type: digit", "did you mean `digits`"),
        ("length: 4", "length: 99", "whole number from 1 to 32"),
        ("damaged: [{say", "damagd: [{say", "did you mean `damaged`"),
        ("Europe/Berlin", "Europe/Berlinn", "no time zone"),
        ("mon-fri 08:00-18:00", "mon-fri 8-18", "no span of hours"),
        ("patterns:", "queues: {}\npatterns:", "not yet carried out"),
        ("{answer: last_words}", "{tool: find}", "not yet carried out"),
        ("version: 1", "version: 2", "`version` should be 1"),
        ("reject: 603", "reject: 200", "from 400 to 699"),
        ("\"Why?\"", "{zh: \"为什么?\"}", "has no words in it"),
    ] {
        let found = problems(from, to);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(message)), "{to}: {told:#?}");
        assert!(
            found
                .iter()
                .all(|p| p.file == "test.yaml" && p.line >= 1 && p.column >= 1)
        );
    }
}

#[test]
fn all_mistakes_are_told_at_once_where_they_stand() {
    let yaml = PLAN
        .replacen("collect: order", "collect: oder", 1)
        .replacen("on_fail: sorry", "on_fail: sory", 1);
    let found = parse(&yaml, "test.yaml").expect_err("refused");
    let lines: Vec<u32> = found.iter().map(|p| p.line).collect();
    let line = |text: &str| {
        yaml.lines()
            .position(|l| l.contains(text))
            .map(|n| n as u32 + 1)
            .expect(text)
    };
    assert!(
        lines.contains(&line("collect: oder")) && lines.contains(&line("on_fail: sory")),
        "{found:#?}"
    );
}

#[test]
fn a_check_tells_the_warnings_of_a_good_plan_and_all_of_a_bad_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.yaml");
    let yaml = PLAN.replacen("disclosure: \"I am a machine.\"", "persona: calm", 1);
    std::fs::write(&path, &yaml).expect("written");
    let warnings = check(&path).expect("good");
    assert!(
        warnings.iter().all(|w| w.severity == Severity::Warning),
        "{warnings:#?}"
    );
    assert!(
        warnings.iter().any(|w| w.message.contains("disclosure")),
        "{warnings:#?}"
    );
    std::fs::write(&path, yaml.replacen("flows:", "flosw:", 1)).expect("written");
    assert!(check(&path).is_err_and(|found| found.iter().any(|p| p.severity == Severity::Error)));
    assert!(check(&folder.path().join("nothing.yaml")).is_err());
}

#[test]
fn the_hash_covers_the_knowledge() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, kb) = (folder.path().join("shop.yaml"), folder.path().join("kb.md"));
    std::fs::write(
        &path,
        PLAN.replacen("slots:", "knowledge: {shop: {sources: [kb.md]}}\nslots:", 1),
    )
    .expect("written");
    std::fs::write(&kb, "## When?\nNow.\n").expect("written");
    let before = load(&path).expect("good").hash;
    assert_eq!(load(&path).expect("good").hash, before);
    std::fs::write(&kb, "## When?\nLater.\n").expect("written");
    assert_ne!(load(&path).expect("good").hash, before);
    assert_eq!(before.len(), 12);
}

proptest! {
    #[test]
    fn any_text_is_a_plan_or_refused_with_places(yaml in "\\PC{0,80}") {
        if let Err(problems) = parse(&yaml, "f") { prop_assert!(!problems.is_empty()); }
    }

    /// A line of a good plan is damaged.
    #[test]
    fn any_damage_is_taken_or_refused(line in 0_usize..40, with in "[a-z{}\\[\\]:,\" -]{0,20}") {
        let damaged: Vec<&str> = PLAN.lines().enumerate().map(|(n, l)| if n == line { with.as_str() } else { l }).collect();
        if let Err(problems) = parse(&damaged.join("\n"), "f") {
            prop_assert!(!problems.is_empty() && problems.iter().all(|p| p.line >= 1));
        }
    }
}
