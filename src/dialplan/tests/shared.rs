//! The plans that the language was drawn up with load whole, and can be walked through.

use std::path::{Path, PathBuf};

use super::*;

/// A copy of a plan beside the knowledge that it names; nothing where the plans are not there.
fn copied(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/plans").join(name);
    let Ok(text) = std::fs::read_to_string(&from) else {
        eprintln!("SKIPPED: {} is not there", from.display());
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::create_dir_all(folder.path().join("kb/returns")).expect("made");
    std::fs::write(folder.path().join("kb/faq.md"), "## When?\nNow.\n").expect("written");
    std::fs::write(folder.path().join("kb/returns/terms.pdf"), b"%PDF-1.4").expect("written");
    std::fs::write(&path, text).expect("written");
    Some((folder, path))
}

#[test]
fn support_loads_whole() {
    let Some((_folder, path)) = copied("support.yaml") else {
        return;
    };
    let plan = load(&path).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(plan.tools["open_return"].sets, "return");
    assert_eq!(plan.knowledge["shop"].sources.len(), 2);
    assert_eq!((plan.policies.len(), plan.never.len()), (3, 2));
    let warnings = check(&path).expect("good");
    for expected in ["`de`", "`wrap_up`", "same words in each", "human_review"] {
        assert!(
            warnings.iter().any(|w| w.message.contains(expected)),
            "{expected}: {warnings:#?}"
        );
    }
}

#[test]
fn the_reminder_loads_whole() {
    let Some((_folder, path)) = copied("reminder.yaml") else {
        return;
    };
    let plan = load(&path).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let campaign = &plan.campaigns["unpaid_order"];
    assert_eq!((campaign.pacing.max_calls, campaign.attempts.max), (20, 3));
    assert_eq!(plan.tests.len(), 2);
    assert_eq!(plan.queues_from(&campaign.flow), ["pay_help"]);
    assert!(plan.queues_from("leave_message").is_empty());
    check(&path).expect("good");
}

fn tool(walk: &mut Walk, values: &[(&str, Value)]) -> String {
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let order = walk.step(Outcome::Returned(values));
    until_wanted(walk, order)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn begin(path: &Path, assistant: &str, flow: &str) -> (Walk, Order) {
    let plan = Arc::new(load(path).unwrap_or_else(|problems| panic!("{problems:#?}")));
    // A Monday, eleven in Berlin.
    let facts = Facts {
        at: "2026-11-23T10:00:00Z".parse().expect("a time"),
        caller: BTreeMap::from([("number".into(), text("+4930999"))]),
        call: BTreeMap::from([("id".into(), text("c1"))]),
        queues: BTreeMap::new(),
    };
    Walk::enter(plan, assistant, flow, Language::English, facts)
}

#[test]
fn a_return_is_opened_once_and_only_after_a_yes() {
    let Some((_folder, path)) = copied("support.yaml") else {
        return;
    };
    let (mut walk, order) = begin(&path, "mia", "welcome");
    assert!(until_wanted(&mut walk, order).ends_with("How can I help? ?"));
    hear(&mut walk, &[start("return_item"), set("order_id", "12345678")]);
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "@find_order");
    let call = walk.using().cloned().expect("a tool");
    assert_eq!(call.filler.as_deref(), Some("One moment, I'm looking."));
    assert_eq!(call.value("order_id"), text("12345678"));
    let title = [("title", text("the lamp")), ("age_days", Value::Number(3.0))];
    assert_eq!(tool(&mut walk, &title), "What went wrong with it? ?reason");
    assert_eq!(
        hear(&mut walk, &[set("reason", "damaged")]),
        "Shall I open the return for the lamp? ?yes"
    );
    let mut no = walk.clone();
    assert!(hear(&mut no, &[Command::Deny]).ends_with("anything else? ?"));
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "@open_return");
    let call = walk.using().cloned().expect("a tool");
    assert_eq!(call.idempotency.as_deref(), Some("c1/12345678"));
    assert_eq!(call.slots.len(), 2, "{call:?}");
    assert_eq!(
        tool(&mut walk, &[("code", text("R7"))]),
        "Done. Label R7 is on its way by e-mail. Is there anything else? ?"
    );
}

#[test]
fn an_old_order_of_a_caller_who_is_no_vip_goes_to_a_person_who_is_not_there() {
    let Some((_folder, path)) = copied("support.yaml") else {
        return;
    };
    let (mut walk, order) = begin(&path, "mia", "welcome");
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("return_item"), set("order_id", "12345678")]);
    hear(&mut walk, &[Command::Affirm]);
    let mut vip = walk.clone();
    vip.observe("caller", "tier", text("vip"));
    let old = [("age_days", Value::Number(60.0))];
    assert!(tool(&mut vip, &old).ends_with("?reason"));
    assert_eq!(tool(&mut walk, &old), "Returns close after thirty days.  ->care");
    let mut declined = walk.clone();
    let order = declined.step(Outcome::Declined);
    assert_eq!(until_wanted(&mut declined, order), "Is there anything else? ?");
    let order = walk.step(Outcome::Failed("nobody is there".into()));
    assert_eq!(until_wanted(&mut walk, order), "#message");
    let mut failed = walk.clone();
    let order = failed.step(Outcome::Failed("no disk".into()));
    assert_eq!(
        until_wanted(&mut failed, order),
        "I'm sorry, that did not work just now. Thank you for calling. Goodbye. end"
    );
    let order = walk.step(Outcome::Done);
    assert_eq!(until_wanted(&mut walk, order), "#voicemail");
    let order = walk.step(Outcome::Done);
    assert_eq!(until_wanted(&mut walk, order), "Thank you. We'll call back. end");
}

#[test]
fn policies_lead_to_a_person_and_set_the_style() {
    let Some((_folder, path)) = copied("support.yaml") else {
        return;
    };
    let (mut walk, order) = begin(&path, "mia", "welcome");
    until_wanted(&mut walk, order);
    walk.observe("sentiment", "negative_turns", Value::Number(2.0));
    assert_eq!(
        hear(&mut walk, &[start("order_status")]),
        "What is your eight-digit order number? You can also key it in. ?order_id"
    );
    assert_eq!(walk.style(), Some("apologetic_and_short"));
    walk.observe("topic", "", text("legal"));
    assert!(hear(&mut walk, &[set("order_id", "12345678")]).ends_with("->care"));
}

#[test]
fn the_reminder_is_walked_to_a_link_and_to_a_wrong_number() {
    let Some((_folder, path)) = copied("reminder.yaml") else {
        return;
    };
    let (mut walk, order) = begin(&path, "leo", "remind");
    for (name, value) in [
        ("first_name", "Ann"),
        ("item", "the lamp"),
        ("order_id", "O1"),
        ("pay_link", "https://x"),
    ] {
        walk.observe(name, "", text(value));
    }
    assert!(until_wanted(&mut walk, order).ends_with("@order_now"));
    let mut paid = walk.clone();
    assert_eq!(
        tool(&mut paid, &[("paid", Value::Boolean(true))]),
        "Your order is already settled. Have a good day. end"
    );
    assert_eq!(paid.disposition(), Some("paid"));
    assert_eq!(
        tool(&mut walk, &[("paid", Value::Boolean(false))]),
        "Am I speaking with Ann? ?right_person"
    );
    let person = |right: bool| Command::Set {
        slot: "right_person".into(),
        value: Value::Boolean(right),
    };
    let mut wrong = walk.clone();
    assert_eq!(hear(&mut wrong, &[person(false)]), "Sorry to have disturbed you. end");
    assert_eq!(wrong.disposition(), Some("wrong_number"));
    assert!(hear(&mut walk, &[person(true)]).starts_with("Your order for the lamp"));
    let mut leaves = walk.clone();
    leaves.observe("caller", "opts_out", Value::Boolean(true));
    assert_eq!(hear(&mut leaves, &[]), "I've removed your number. Goodbye. end");
    assert_eq!(leaves.disposition(), Some("dnc"));
    assert_eq!(hear(&mut walk, &[set("choice", "send_link")]), "Shall I go ahead? ?yes");
    assert_eq!(hear(&mut walk, &[Command::Affirm]), "@send_link");
    let call = walk.using().cloned().expect("a tool");
    assert_eq!(
        call.message.map(|message| message.text).as_deref(),
        Some("Ann, your Acme payment link: https://x")
    );
    assert_eq!(call.idempotency.as_deref(), Some("O1/link"));
    assert_eq!(tool(&mut walk, &[]), "Sent. Thank you, Ann. end");
    assert_eq!(walk.disposition(), Some("link_sent"));
}

#[test]
fn a_callback_is_booked_within_the_window() {
    let Some((_folder, path)) = copied("reminder.yaml") else {
        return;
    };
    let (mut walk, order) = begin(&path, "leo", "offer_callback");
    assert!(until_wanted(&mut walk, order).ends_with("?when"));
    assert!(
        hear(&mut walk, &[set("when", "2026-11-22T10:00")]).ends_with("?when"),
        "a Sunday"
    );
    assert!(
        hear(&mut walk, &[set("when", "2026-11-23T21:00")]).ends_with("?when"),
        "late"
    );
    assert_eq!(
        hear(&mut walk, &[set("when", "2026-11-23T15:00")]),
        "#+4930999 at 2026-11-23T15:00"
    );
    let order = walk.step(Outcome::Done);
    assert_eq!(until_wanted(&mut walk, order), "Booked. Goodbye. end");
}

#[test]
fn what_is_known_before_the_first_word_is_in_it() {
    let yaml = PLAN
        .replacen("I am a machine.", "Hello {first_name}.", 1)
        .replacen("flows:", "campaigns:\n  c: {assistant: mia, flow: welcome, contacts: {key: id, phone: number, vars: [first_name, proof]}, consent: {basis: prior_express, purpose: service, proof: proof}, dnc: {lists: [internal], opt_out: [speech]}, window: {days: daily, from: \"09:00\", to: \"20:00\"}, caller_id: \"+49301\"}\nflows:", 1);
    let known = BTreeMap::from([("first_name".to_owned(), text("Ann"))]);
    let facts = from_to("1", "2");
    let (_, order) = Walk::enter_knowing(plan(&yaml), "mia", "welcome", Language::English, facts, known);
    assert_eq!(
        order,
        Order::Say {
            text: "Hello Ann.".into(),
            bargein: false
        }
    );
}

#[test]
fn a_question_without_an_answer_goes_where_the_knowledge_says() {
    let knowledge = "knowledge: {shop: {sources: [kb.md], below_score: person}}\nflows:";
    let yaml =
        PLAN.replacen("flows:", knowledge, 1)
            .replacen("languages: [en],", "languages: [en], knowledge: [shop],", 1);
    let (mut walk, order) = enter(&plan(&yaml));
    until_wanted(&mut walk, order);
    hear(&mut walk, &[start("ask")]);
    let order = walk.step(Outcome::Answered(None));
    assert_eq!(until_wanted(&mut walk, order), "One moment. ->sip:agent@127.0.0.1");
}
