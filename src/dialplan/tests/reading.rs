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
        ("{answer: last_words}", "{tool: find}", "no tool is called `find`"),
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

/// A plan with `flows` besides its entry.
fn shop(flows: &str) -> String {
    format!(
        r#"version: 1
routes: [{{name: all, match: any, assistant: mia, flow: welcome}}]
assistants: {{mia: {{languages: [en], disclosure: "Machine."}}}}
slots:
  n: {{type: number, min: 1, max: 9}}
  b: {{type: boolean}}
  e: {{type: enum, values: [damaged, other]}}
  d: {{type: digits, length: 4}}
  t: {{type: text}}
flows:
  welcome: {{steps: [{{say: "Hi."}}]}}
{flows}
"#
    )
}

/// What is wrong with the steps of a flow, `over` beside it.
fn wrong(steps: &str) -> Vec<Problem> {
    let flows = format!("  x: {{use_when: x, steps: [{steps}]}}\n  over: {{use_when: o, steps: [{{hangup: now}}]}}");
    parse(&shop(&flows), "test.yaml").err().unwrap_or_default()
}

#[test]
fn steps_that_could_not_be_carried_out_are_refused() {
    for (steps, message) in [
        ("{set: {n: \"'x'\"}}", "slot `n` cannot be `x`"),
        ("{set: {n: \"10\"}}", "slot `n` cannot be `10`"),
        ("{set: {n: t}}", "slot `n` takes a number and gets a text"),
        ("{set: {e: \"'damagd'\"}}", "did you mean `damaged`"),
        ("{set: {d: \"'12'\"}}", "slot `d` cannot be `12`"),
        (
            "{if: \"e == 'damagd'\", then: [{hangup: now}]}",
            "did you mean `damaged`",
        ),
        (
            "{if: \"e in ['damaged', 'othr']\", then: [{hangup: now}]}",
            "did you mean `other`",
        ),
        ("{if: \"d != '12'\", then: [{hangup: now}]}", "slot `d` is never `12`"),
        ("{if: b}", "step `if` needs `then`"),
        ("{switch: b, yes: [{hangup: now}]}", "slot `b` is never `yes`"),
        ("{say: \"{caller.nmae}\"}", "did you mean `caller.name`"),
        (
            "{if: \"call.ip == 'x'\", then: [{hangup: now}]}",
            "nothing is known as `call.ip`",
        ),
        ("", "flow `x` has no steps"),
        ("{run_flow: x}", "flow `x` runs itself"),
        ("{collect: b, ask: Well?}, {run_flow: x}", "flow `x` runs itself"),
        ("{run_flow: end_flow}", "no flow is called `end_flow`"),
        ("{goto_flow: ovr}", "did you mean `over`"),
        ("{transfer: \"sip:a@b\", on_fail: x}", "leads back to itself"),
        ("{transfer: \"sip:\", on_fail: over}", "no SIP URI"),
        (
            "{transfer: \"sip:a@b\\r\\nX: y\", on_fail: over}",
            "may not stand in one",
        ),
        (
            "{transfer: \"sip:{caller.name}@b\", on_fail: over}",
            "no value may be put in",
        ),
        ("{transfer: {to: \"sip:a@b\"}}", "needs `on_fail"),
        ("{transfer: {say: Wait., on_fail: over}}", "`transfer` needs `to`"),
        ("{transfer: {to: \"sip:a@b\", onfail: over}}", "did you mean `on_fail`"),
        (
            "{collect: b, ask: x, noinput: {say: [x]}}",
            "stands under `patterns: {noinput: …}`",
        ),
        (
            "{collect: b, ask: x, patterns: {goodbye: x}}",
            "`patterns` of step `collect` has no `goodbye`",
        ),
        (
            "{collect: b, ask: x, patterns: {nomatch: {then: ovr}}}",
            "did you mean `over`",
        ),
        (
            "{collect: b, ask: x, patterns: {nomatch: {say: \"{y}\"}}}",
            "`y` is no slot",
        ),
    ] {
        let told: Vec<String> = wrong(steps).iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(message)), "{steps}: {told:#?}");
    }
}

#[test]
fn steps_that_can_be_carried_out_are_taken() {
    for steps in [
        "{set: {n: \"n + 1\"}}, {set: {t: caller.number}}, {set: {b: \"n > 3\"}}, {set: {e: \"'other'\"}}",
        "{switch: b, true: [{hangup: now}], false: []}",
        "{switch: n, 3: [{hangup: now}]}",
        "{transfer: {to: \"sip:a@b\", say: Wait., on_fail: over}}",
        "{transfer: {to: \"sip:a@b\"}, on_fail: hangup}",
        "{collect: b, ask: Well?, on_fail: end_flow, patterns: {noinput: {after: 20s}, nomatch: {then: resume_flow}}}",
        "{goto_flow: resume_flow}",
        "{say: \"{caller.name} {caller.number} {call.id}\"}",
    ] {
        let problems = wrong(steps);
        assert!(problems.is_empty(), "{steps}: {problems:#?}");
    }
}

#[test]
fn transfers_that_fail_in_a_circle_are_refused() {
    let flows = "  a: {use_when: x, steps: [{transfer: \"sip:a@b\", on_fail: b}]}\n  b: {steps: [{say: Sorry.}, {transfer: \"sip:b@b\", on_fail: a}]}";
    let found = parse(&shop(flows), "f").expect_err("refused");
    assert!(
        found.iter().any(|p| p.message.contains("leads back to itself")),
        "{found:#?}"
    );
    let runs = "  a: {use_when: x, steps: [{collect: b, ask: x}, {run_flow: c}]}\n  c: {steps: [{collect: t, ask: x}, {run_flow: a}]}";
    let found = parse(&shop(runs), "f").expect_err("refused");
    assert!(found.iter().any(|p| p.message.contains("runs itself")), "{found:#?}");
}

#[test]
fn one_mistake_is_told_once() {
    for (steps, count) in [
        ("{sya: x}", 1),
        ("{goto_flow: ovr}", 1),
        ("{collect: b}", 1),
        ("{say: \"{y}\"}", 1),
        ("{collect: bb}", 1),
    ] {
        assert_eq!(wrong(steps).len(), count, "{steps}: {:#?}", wrong(steps));
    }
    let inherited = shop("patterns: {nomatch: {say: \"{y}\"}, noinput: {say: [\"{y}\"]}}");
    assert_eq!(parse(&inherited, "f").map_err(|found| found.len()).err(), Some(2));
}

#[test]
fn names_of_ways_are_not_names_of_flows() {
    let found = parse(&shop("  end_flow: {use_when: x, steps: [{say: x}]}"), "f").expect_err("refused");
    assert!(
        found
            .iter()
            .any(|p| p.message.contains("no flow may be called `end_flow`")),
        "{found:#?}"
    );
}

#[test]
fn numbers_to_call_are_texts_without_quotes() {
    let takes = |to: &str, called: &str| {
        let plan = plan(&shop("").replacen("match: any", &format!("match: {{to: {to}}}"), 1));
        plan.route(&from_to("1", called)).is_some()
    };
    assert!(takes("+4930123456", "+4930123456") && !takes("+4930123456", "4930123456"));
    assert!(takes("0049301", "0049301") && !takes("0049301", "49301"));
    assert!(takes("100", "100") && takes("+49*", "+49301"));
}

#[test]
fn what_patterns_lead_to_is_complained_of_where_it_stands() {
    let yaml = shop("patterns:\n  nomatch: {max: 2, then: welcom}\n  person: nobody");
    let line = |text: &str| {
        yaml.lines()
            .position(|l| l.contains(text))
            .map(|n| n as u32 + 1)
            .expect(text)
    };
    let told: Vec<(u32, u32, String)> = parse(&yaml, "f")
        .expect_err("refused")
        .into_iter()
        .map(|p| (p.line, p.column, p.message))
        .collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!((told[0].0, told[0].1), (line("nomatch"), 27), "{told:#?}");
    assert_eq!((told[1].0, told[1].1), (line("person"), 11), "{told:#?}");
}

#[test]
fn what_is_no_yaml_tells_its_place_once() {
    let found = parse("a: [1, 2\nb: 3\n", "f").expect_err("refused");
    assert!(!found[0].message.contains("line"), "{}", found[0]);
}

#[test]
fn keys_that_stand_twice_are_all_told_with_everything_else() {
    let twice = PLAN
        .replacen("length: 4,", "length: 4, length: 5, confrim: no,", 1)
        .replacen("ask: \"Why?\"", "ask: \"Why?\", ask: x", 1);
    let told: Vec<String> = parse(&twice, "f")
        .expect_err("refused")
        .into_iter()
        .map(|p| p.message)
        .collect();
    let count = |text: &str| told.iter().filter(|told| told.contains(text)).count();
    assert_eq!(
        (count("second time"), count("did you mean `confirm`")),
        (2, 1),
        "{told:#?}"
    );
}

/// Branches in branches; each is a map in a list.
fn nested(depth: usize) -> String {
    let branches = "{if: b, then: [".repeat(depth) + "{hangup: now}" + &"]}".repeat(depth);
    shop(&format!("  x: {{use_when: x, steps: [{branches}]}}"))
}

#[test]
fn deep_branches_load_and_deeper_ones_are_refused_on_little_stack() {
    let work = || {
        assert!(parse(&nested(16), "f").is_ok());
        for depth in [17, 25, 60, 80, 1000] {
            assert!(parse(&nested(depth), "f").is_err(), "{depth}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(work);
    thread.expect("a thread").join().expect("no overflow");
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

#[test]
fn what_could_not_be_read_is_not_complained_of_where_it_is_used() {
    let tools = "tools: {find: {http: \"FETCH https://a.b\", effect: read}}\nslots:\n  x: {type: digit}\n";
    let yaml =
        shop("  a: {use_when: x, steps: [{collect: x, ask: Well?}, {tool: find}, {say: \"{x} {find.b} {order.c}\"}]}")
            .replacen("slots:\n", tools, 1);
    let found = parse(&yaml, "f").expect_err("refused");
    assert_eq!(found.len(), 2, "{found:#?}");
}
