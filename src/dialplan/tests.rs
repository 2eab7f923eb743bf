//! Plans that are refused, and walks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::document::Problem;
use crate::language::Language;

const PLAN: &str = r#"
version: 1
hours:
  desk: {timezone: Europe/Berlin, open: ["mon-fri 08:00-18:00"]}
routes:
  - {name: blocked, match: {from: "666*"}, reject: 603}
  - {name: all, match: any, assistant: mia, flow: welcome}
assistants:
  mia: {languages: [en], disclosure: "I am a machine."}
slots:
  order: {type: digits, length: 4, confirm: readback}
  reason: {type: enum, values: {damaged: [broken], changed_mind: []}}
  count: {type: number, min: 1, max: 9}
flows:
  welcome: {steps: [{say: "How can I help?"}]}
  status:
    use_when: "where is an order"
    steps:
      - {collect: order, ask: "Which order?", retries: 1, on_fail: person}
      - {say: "Order {order} is on its way."}
  return:
    use_when: "send something back"
    steps:
      - {collect: reason, ask: "Why?"}
      - {set: {count: "1 + 1"}}
      - {switch: reason, damaged: [{say: "Oh no."}], default: [{say: "Fine."}]}
      - {if: "count == 2 && !hours.desk.open", then: [{say: "We are closed."}], else: [{run_flow: open}]}
      - {say: "Bye for now."}
  open: {steps: [{say: "We are open."}]}
  ask: {use_when: "a question", steps: [{answer: last_words}]}
  person: {steps: [{transfer: "sip:agent@127.0.0.1", say: "One moment.", on_fail: sorry}]}
  sorry: {steps: [{say: "Nobody is there."}]}
patterns: {person: person}
"#;

fn plan(yaml: &str) -> Arc<Plan> {
    Arc::new(parse(yaml, "test.yaml").unwrap_or_else(|problems| panic!("{problems:#?}")))
}

fn enter(plan: &Arc<Plan>) -> (Walk, Order) {
    // A Sunday.
    let facts = Facts {
        at: "2026-11-22T10:00:00Z".parse().expect("a time"),
        caller: BTreeMap::new(),
        call: BTreeMap::new(),
    };
    Walk::enter(Arc::clone(plan), "mia", "welcome", Language::English, facts)
}

/// Walks until the caller, the knowledge or the far end is needed; what was said on the way, and then what is wanted.
fn until_wanted(walk: &mut Walk, mut order: Order) -> String {
    let mut said = String::new();
    loop {
        match order {
            Order::Say { text, .. } => {
                said += &format!("{text} ");
                order = walk.step(Outcome::Done);
            }
            Order::Listen { prompt, expect, .. } => {
                let expect = match expect {
                    Expect::Anything => "?".to_owned(),
                    Expect::Slot(slot) => format!("?{}", slot.name),
                    Expect::Confirm => "?yes".to_owned(),
                };
                return format!("{said}{}{expect}", prompt.map(|p| format!("{p} ")).unwrap_or_default());
            }
            Order::Answer { question } => return format!("{said}!{question}"),
            Order::Transfer { to, say } => return format!("{said}{} ->{to}", say.unwrap_or_default()),
            Order::Hangup { say } => return format!("{said}{} end", say.unwrap_or_default()),
        }
    }
}

fn hear(walk: &mut Walk, commands: &[Command]) -> String {
    let order = walk.step(Outcome::Heard {
        words: "words".into(),
        commands: commands.to_vec(),
    });
    until_wanted(walk, order)
}

fn set(slot: &str, value: &str) -> Command {
    Command::Set {
        slot: slot.into(),
        value: Value::Text(value.into()),
    }
}

fn start(flow: &str) -> Command {
    Command::StartFlow(flow.into())
}

#[test]
fn routes_by_the_first_that_matches() {
    let plan = plan(PLAN);
    assert_eq!(plan.route("6661", "1").map(|r| r.then.clone()), Some(Then::Reject(603)));
    assert_eq!(plan.route("1", "1").map(|r| r.name.as_str()), Some("all"));
}

#[test]
fn a_wish_a_number_read_back_and_the_goodbye() {
    let (mut walk, order) = enter(&plan(PLAN));
    assert_eq!(
        order,
        Order::Say {
            text: "I am a machine.".into(),
            bargein: false
        }
    );
    assert_eq!(until_wanted(&mut walk, order), "I am a machine. How can I help? ?");
    assert_eq!(hear(&mut walk, &[start("status")]), "Which order? ?order");
    assert_eq!(
        hear(&mut walk, &[set("order", "1234")]),
        "I have 1234. Is that right? ?yes"
    );
    assert_eq!(
        hear(&mut walk, &[Command::Deny, set("order", "1235")]),
        "I have 1235. Is that right? ?yes"
    );
    assert_eq!(
        hear(&mut walk, &[Command::Affirm]),
        "Order 1235 is on its way. Is there anything else? ?"
    );
    assert_eq!(hear(&mut walk, &[Command::Deny]), "Thank you for calling. Goodbye. end");
    assert_eq!(walk.path(), ["welcome", "status"]);
}

#[test]
fn a_number_said_with_the_wish_is_read_back_at_once() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    assert_eq!(
        hear(&mut walk, &[start("status"), set("order", "7777")]),
        "I have 7777. Is that right? ?yes"
    );
}

#[test]
fn branches_switches_and_flows_that_return() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    let said = hear(&mut walk, &[start("return"), set("reason", "damaged")]);
    assert_eq!(said, "Oh no. We are closed. Bye for now. Is there anything else? ?");
}

#[test]
fn a_digression_comes_back_to_the_question() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    assert_eq!(
        hear(&mut walk, &[start("return"), set("reason", "changed_mind")]),
        "Fine. We are closed. Bye for now. Which order? ?order"
    );
    let answer = Command::Answer {
        text: "In two days.".into(),
        source: "kb".into(),
    };
    assert_eq!(hear(&mut walk, &[answer]), "In two days. Which order? ?order");
}

#[test]
fn a_question_asked_too_often_takes_its_exit() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    assert_eq!(
        hear(&mut walk, &[]),
        "Sorry, could you say that another way? Which order? ?order"
    );
    assert_eq!(hear(&mut walk, &[]), "One moment. ->sip:agent@127.0.0.1");
    let order = walk.step(Outcome::Failed("486".into()));
    assert_eq!(
        until_wanted(&mut walk, order),
        "Nobody is there. Is there anything else? ?"
    );
}

#[test]
fn keys_answer_what_was_asked() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("status")]);
    let press = |walk: &mut Walk, keys: &str| {
        let order = walk.step(Outcome::Keys(keys.into()));
        until_wanted(walk, order)
    };
    assert!(press(&mut walk, "12").ends_with("?order"));
    assert!(press(&mut walk, "1234").starts_with("Order 1234 is on its way."));
}

#[test]
fn silence_is_asked_about_twice_and_then_the_call_ends() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    let mut silence = || {
        let order = walk.step(Outcome::NoInput);
        until_wanted(&mut walk, order)
    };
    assert_eq!(silence(), "Are you still there? ?");
    assert_eq!(silence(), "I can't hear you. ?");
    assert_eq!(silence(), "Thank you for calling. Goodbye. end");
}

#[test]
fn what_is_out_of_scope_or_not_understood_is_told_and_ends() {
    for commands in [vec![], vec![Command::OutOfScope]] {
        let (mut walk, order) = enter(&plan(PLAN));
        until_wanted(&mut walk, order);
        assert!(hear(&mut walk, &commands).ends_with('?'));
        assert!(hear(&mut walk, &commands).ends_with('?'));
        assert!(hear(&mut walk, &commands).ends_with("end"));
    }
}

#[test]
fn a_person_is_one_word_away_and_two_near_flows_are_asked_about() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    let near = Command::Clarify {
        flows: vec!["status".into(), "return".into()],
    };
    assert_eq!(hear(&mut walk, &[near]), "Is it about status, or about return? ?");
    assert_eq!(
        hear(&mut walk, &[Command::HandOver]),
        "One moment. ->sip:agent@127.0.0.1"
    );
}

#[test]
fn the_knowledge_is_asked_with_the_callers_words() {
    let (mut walk, order) = enter(&plan(PLAN));
    until_wanted(&mut walk, order);
    assert_eq!(hear(&mut walk, &[start("ask")]), "!words");
    let order = walk.step(Outcome::Answered(None));
    assert_eq!(
        until_wanted(&mut walk, order),
        "I'm sorry, I don't know that. Is there anything else? ?"
    );
}

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

#[test]
fn every_shipped_plan_loads_and_says_something() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("dialplans") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let plan = load(&path).unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert!(!plan.prompts().is_empty(), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 3, "{count} plans");
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        prop::sample::select(vec!["status", "return", "ask", "person", "open", "nowhere"]).prop_map(start),
        prop::sample::select(vec![("order", "1234"), ("reason", "damaged"), ("nothing", "x")])
            .prop_map(|(s, v)| set(s, v)),
        Just(Command::Affirm),
        Just(Command::Deny),
        Just(Command::Repeat),
        Just(Command::OutOfScope),
        Just(Command::HandOver),
        Just(Command::Answer {
            text: "So.".into(),
            source: String::new()
        }),
        Just(Command::Clarify {
            flows: vec!["status".into(), "return".into()]
        }),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Done),
        Just(Outcome::NoInput),
        Just(Outcome::Failed("no".into())),
        Just(Outcome::Answered(None)),
        Just(Outcome::Answered(Some("So.".into()))),
        "[0-9*#]{0,6}".prop_map(Outcome::Keys),
        prop::collection::vec(any_command(), 0..3).prop_map(|commands| Outcome::Heard {
            words: "w".into(),
            commands
        }),
    ]
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

    /// Whatever happens, the walk goes on, waits or ends; and silence alone ends it.
    #[test]
    fn every_walk_ends(outcomes in prop::collection::vec(any_outcome(), 0..40)) {
        let (mut walk, mut order) = enter(&plan(PLAN));
        for outcome in outcomes { order = walk.step(outcome); }
        for _ in 0..100 {
            let outcome = match order {
                Order::Say { .. } => Outcome::Done,
                Order::Listen { .. } => Outcome::NoInput,
                Order::Answer { .. } => Outcome::Answered(None),
                Order::Transfer { .. } => Outcome::Failed("no".into()),
                Order::Hangup { .. } => return Ok(()),
            };
            order = walk.step(outcome);
        }
        prop_assert!(false, "it did not end");
    }
}
