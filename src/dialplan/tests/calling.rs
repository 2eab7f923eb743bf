//! Calls that the bot makes: what a plan says of them, and what a walk makes of where the person is who was called.

use jiff::civil::{Date, Time, date};

use super::*;
use crate::dialplan::campaign::{PacingMode, Public, VarKind};

const CALLING: &str = r#"
version: 1
hours: {desk: {timezone: Europe/Berlin, open: ["mon-fri 08:00-18:00"]}}
assistants: {mia: {languages: [en], disclosure: "I am a machine."}}
slots:
  at: {type: datetime, must: "within window"}
  later: {type: datetime, must: "in future"}
flows:
  book: {steps: [{collect: at, ask: "When?"}, {say: "At {at}."}, {collect: later, ask: "And then?"}, {hangup: "Until {later}."}]}
campaigns:
  by_day:
    assistant: mia
    flow: book
    contacts: {key: id, phone: phone, vars: [consent_at]}
    consent: {basis: prior_express, purpose: service, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: mon-sat, from: "09:00", to: "20:00", clock: contact}
    caller_id: "+4930123456"
  by_night:
    assistant: mia
    flow: book
    contacts: {key: id, phone: phone, vars: [consent_at]}
    consent: {basis: prior_express, purpose: service, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: daily, from: "20:00", to: "24:00", clock: caller}
    caller_id: "+4930123456"
"#;

/// Of the first campaign, with `from` replaced by `to`.
fn campaign(from: &str, to: &str) -> campaign::Campaign {
    assert!(CALLING.contains(from), "{from}");
    plan(&CALLING.replacen(from, to, 1)).campaigns["by_day"].clone()
}

fn told(from: &str, to: &str) -> String {
    assert!(CALLING.contains(from), "{from}");
    let problems = parse(&CALLING.replacen(from, to, 1), "test.yaml").expect_err("a mistake");
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
    problems.join("\n")
}

#[test]
fn holidays_are_everybody_s_unless_the_plan_says_otherwise() {
    let window = |to: &str| campaign("clock: contact}", to).window.expect("a window");
    assert_eq!(window("clock: contact}").holidays.public, Public::Anywhere);
    assert_eq!(window("holidays: true}").holidays.public, Public::Anywhere);
    assert_eq!(window("holidays: nationwide}").holidays.public, Public::Nationwide);
    assert_eq!(window("holidays: false}").holidays.public, Public::None);
    let own = window("holidays: [\"2026-12-24\", 2026-12-31]}");
    let eve: Date = date(2026, 12, 24);
    assert_eq!(
        (own.holidays.public, own.holidays.dates.as_slice()),
        (Public::Anywhere, &[eve, date(2026, 12, 31)][..])
    );
    assert!(!own.open_at(eve.at(12, 0, 0, 0)) && own.open_at(date(2026, 12, 23).at(12, 0, 0, 0)));
    for wrong in [
        "holidays: sometimes}",
        "holidays: [24.12.2026]}",
        "holidays: [2026-02-30]}",
    ] {
        assert!(
            told("clock: contact}", wrong).contains("true, nationwide, false, or days"),
            "{wrong}"
        );
    }
}

#[test]
fn a_window_may_end_with_the_day() {
    let window = campaign("to: \"20:00\"", "to: \"24:00\"").window.expect("a window");
    assert_eq!(window.to, Time::midnight());
    assert!(window.open_at(date(2026, 11, 23).at(23, 59, 59, 0)) && !window.open_at(date(2026, 11, 23).at(0, 0, 0, 0)));
    assert!(told("to: \"20:00\"", "to: \"25:00\"").contains("such as \"09:00\""));
}

#[test]
fn columns_have_kinds() {
    let contacts = campaign(
        "vars: [consent_at]",
        "vars: {consent_at: datetime, amount: money, vip: boolean}",
    )
    .contacts;
    let kinds: Vec<VarKind> = contacts.vars.iter().map(|var| var.kind).collect();
    assert_eq!(kinds, [VarKind::DateTime, VarKind::Money, VarKind::Boolean]);
    assert!(contacts.names().any(|name| name == "amount"));
    let plain = campaign("vars: [consent_at]", "vars: [consent_at, amount]").contacts;
    assert!(plain.vars.iter().all(|var| var.kind == VarKind::Text));
    assert!(told("vars: [consent_at]", "vars: {consent_at: daytime}").contains("did you mean `datetime`"));
    assert!(told("vars: [consent_at]", "vars: {consent_at: text, \"a b\": text}").contains("is no name of a column"));

    // A plan compares a column with what it can be.
    let with = |kind: &str, condition: &str| {
        let vars = format!("vars: {{consent_at: text, amount: {kind}}}");
        let say = format!("{{if: \"{condition}\", then: [{{say: \"Yes.\"}}]}}, {{say: \"At {{at}}.\"}}");
        let text = CALLING.replacen("vars: [consent_at]", &vars, 1);
        parse(&text.replacen("{say: \"At {at}.\"}", &say, 1), "test.yaml")
    };
    assert!(with("money", "amount > 100").is_ok());
    assert!(with("boolean", "amount").is_ok());
    assert!(with("date", "amount > 100").is_err());
    assert!(with("text", "amount > 100").is_ok(), "text may be anything");
}

#[test]
fn pacing_may_foresee_within_what_regulators_allow() {
    let pacing = |to: &str| {
        campaign(
            "caller_id: \"+4930123456\"",
            &format!("pacing: {to}\n    caller_id: \"+4930123456\""),
        )
        .pacing
    };
    let foreseeing = pacing("{mode: predictive, max_calls: 20, abandon_cap: 1%}");
    assert_eq!(
        (foreseeing.mode, foreseeing.abandon_cap),
        (PacingMode::Predictive, 0.01)
    );
    assert_eq!(pacing("{mode: progressive}").abandon_cap, 0.03);
    let wrong = "pacing: {mode: predictive, abandon_cap: 5%}\n    caller_id: \"+4930123456\"";
    assert!(told("caller_id: \"+4930123456\"", wrong).contains("at most 3%"));
}

#[test]
fn who_wants_no_more_calls_can_say_so_and_is_let_go() {
    assert!(told("opt_out: [speech]", "opt_out: []").contains("want no more"));
    let warned = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.yaml");
        std::fs::write(&path, text).expect("written");
        let warnings = check(&path).expect("good");
        warnings.iter().any(|w| w.message.contains("this call goes on"))
    };
    assert!(warned(CALLING));
    let policies = "policies: [{when: \"caller.opts_out\", do: {hangup: \"Goodbye.\"}}]\nflows:";
    assert!(!warned(&CALLING.replacen("flows:", policies, 1)));
}

#[test]
fn a_flow_knows_the_call_and_what_happens_meanwhile() {
    for name in ["name", "caller_id", "attempt", "number", "timezone", "event"] {
        let say = format!("{{say: \"{{campaign.{name}}}\"}}");
        assert!(
            parse(&CALLING.replacen("{say: \"At {at}.\"}", &say, 1), "test.yaml").is_ok(),
            "{name}"
        );
    }
    let policies =
        "policies: [{when: \"campaign.event == 'payment.succeeded'\", do: {hangup: \"Thank you.\"}}]\nflows:";
    let plan = plan(&CALLING.replacen("flows:", policies, 1));
    let (mut walk, order) = called(&plan, "by_day", "Europe/Berlin");
    assert!(until_wanted(&mut walk, order).ends_with("When? ?at"));
    walk.observe("campaign", "event", Value::Text("payment.succeeded".into()));
    assert_eq!(hear(&mut walk, &[set("at", "2026-11-24T10:00")]), "Thank you. end");
}

/// A walk of a call that `campaign` made to somebody in `zone`, on a Sunday at eleven in Berlin.
fn called(plan: &Arc<Plan>, campaign: &str, zone: &str) -> (Walk, Order) {
    let text = |text: &str| Value::Text(text.into());
    let known = BTreeMap::from([
        ("campaign.name".to_owned(), text(campaign)),
        ("campaign.timezone".to_owned(), text(zone)),
    ]);
    let facts = Facts::of_nobody("2026-11-22T10:00:00Z".parse().expect("a time"));
    Walk::enter_knowing(Arc::clone(plan), "mia", "book", Language::English, facts, known)
}

#[test]
fn an_appointment_is_within_the_window_by_the_clock_of_whom_was_called() {
    let plan = plan(CALLING);
    let taken = |campaign: &str, zone: &str, at: &str| {
        let (mut walk, order) = called(&plan, campaign, zone);
        until_wanted(&mut walk, order);
        hear(&mut walk, &[set("at", at)]).starts_with("At ")
    };
    for (campaign, zone, at, right) in [
        ("by_day", "America/New_York", "2026-11-24T10:00", true),
        ("by_day", "America/New_York", "2026-11-24T19:59", true),
        ("by_day", "America/New_York", "2026-11-24T20:00", false),
        ("by_day", "America/New_York", "2026-11-29T10:00", false), // Sunday
        ("by_night", "America/New_York", "2026-11-24T15:00", true), // nine in Berlin
        ("by_night", "America/New_York", "2026-11-24T21:00", false),
        ("by_night", "Europe/Berlin", "2026-11-24T21:00", true),
        // Of a call that nobody's campaign made both windows count, and they have no hour in common.
        ("", "Europe/Berlin", "2026-11-24T21:00", false),
    ] {
        assert_eq!(taken(campaign, zone, at), right, "{campaign} {zone} {at}");
    }
}

#[test]
fn the_future_begins_where_the_person_is() {
    let plan = plan(CALLING);
    for (zone, right) in [("Europe/Berlin", false), ("America/New_York", true)] {
        let (mut walk, order) = called(&plan, "by_day", zone);
        until_wanted(&mut walk, order);
        hear(&mut walk, &[set("at", "2026-11-24T10:00")]);
        // It is eleven in Berlin, and five in New York.
        let said = hear(&mut walk, &[set("later", "2026-11-22T10:30")]);
        assert_eq!(said.starts_with("Until"), right, "{zone}: {said}");
        assert_eq!(
            walk.zone()
                .and_then(|zone| zone.iana_name().map(str::to_owned))
                .as_deref(),
            Some(zone)
        );
    }
}
