//! `offhook campaign`, `offhook dnc` and `offhook audit`, as they are typed and as scripts run them. No bot runs beside them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::bot::text;

const CONFIGURATION: &str = r#"
plan: plan.yaml
data: kept
outbound: {allow: ["+49"]}
campaigns: {region: DE, cost_per_minute: {amount: 0.02, currency: EUR}}
"#;

const PLAN: &str = r#"
version: 1
campaigns:
  unpaid:
    assistant: leo
    flow: remind
    contacts: {key: order_id, phone: phone, vars: {first_name: text, amount: money, consent_at: text}}
    consent: {basis: existing_customer, purpose: reminder, proof: consent_at}
    dnc: {lists: [internal, national], opt_out: [speech]}
    window: {days: mon-sat, from: "09:00", to: "20:00", clock: contact}
    caller_id: "+493023125999"
    pacing: {mode: agentless, max_calls: 20, calls_per_second: 0.5}
    goal: {event: payment.succeeded, within: 48h}
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant."}
flows:
  remind: {steps: [{say: "Hello {first_name}, {amount} is open."}, {hangup: now}]}
"#;

const ORDERS: &str = "order_id;phone;first_name;amount;consent_at;note\r\n\
                      1;030 23125000;Ann;12.50;2026-01-02;\r\n\
                      2;nobody;Bob;12.50;2026-01-02;\r\n\
                      3;+493023125001;\"Eve;\r\nMary\";a lot;2026-01-02;\r\n\
                      \r\n\
                      4;+493023125002;Kim;8;;\r\n\
                      1;+493023125003;Ann;12.50;2026-01-02;\r\n\
                      5;+493023125004;Sue;7.00;2026-01-02;\r\n\
                      6;+33142685300;Lou;7.00;2026-01-02;\r\n";

/// A Monday, 9:00 in Berlin.
const MONDAY: &str = "2026-11-23T08:00:00Z";

fn offhook(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_offhook"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("offhook runs")
}

#[track_caller]
fn well(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn refused(output: &Output, told: &str) {
    let said = text(&output.stderr) + &text(&output.stdout);
    assert!(!output.status.success() && said.contains(told), "{said}");
}

#[track_caller]
fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)))
}

fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("offhook.yaml", CONFIGURATION),
        ("plan.yaml", PLAN),
        ("orders.csv", ORDERS),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

#[test]
fn contacts_are_loaded_once_and_every_row_is_accounted_for() {
    let folder = site();
    let run = |arguments: &[&str]| offhook(folder.path(), arguments);
    refused(&run(&["campaign", "load", "unpayed", "orders.csv"]), "it has unpaid");
    refused(&run(&["campaign", "load", "unpaid", "nothing.csv"]), "nothing.csv");
    let count = |added: u64, known: u64| json!({"rows": 7, "added": added, "known": known, "bad": 2, "listed": 0});
    let same = |told: &Value, count: &Value| {
        let count = count.as_object().expect("a map");
        assert!(
            count.iter().all(|(name, number)| told.get(name) == Some(number)),
            "{told}"
        );
    };
    let load = [
        "campaign",
        "load",
        "unpaid",
        "orders.csv",
        "--from",
        "2026-01-01T00:00:00Z",
    ];
    // In vain first: nothing is kept of it.
    let dry = run(&[&load[..], &["--dry-run", "--json"]].concat());
    assert!(!dry.status.success());
    same(&parsed(&dry), &count(4, 1));
    assert!(!folder.path().join("kept").join("offhook.db").exists());
    let loaded = run(&[&load[..], &["--json", "--errors", "bad.csv"]].concat());
    assert!(!loaded.status.success());
    same(&parsed(&loaded), &count(4, 1));
    let bad = std::fs::read_to_string(folder.path().join("bad.csv")).expect("written");
    let lines: Vec<&str> = bad.lines().collect();
    for (at, has) in [(1, "3,bad,"), (2, "4,bad,"), (3, "8,known,")] {
        assert!(lines.get(at).is_some_and(|line| line.starts_with(has)), "{bad}");
    }
    assert_eq!(lines.len(), 4);
    assert!(bad.contains("`amount`") && bad.contains("an earlier row"), "{bad}");
    let again = run(&[&load[..], &["--json"]].concat());
    same(&parsed(&again), &count(0, 5));
    refused(&run(&load), "was loaded at");
    let status = parsed(&run(&["campaign", "status", "unpaid", "--json"]));
    let told = &status[0];
    assert_eq!(
        (&told["name"], &told["state"], &told["contacts"], &told["open"]),
        (&json!("unpaid"), &json!("stopped"), &json!(4), &json!(4))
    );
    // A table without a column says so at once.
    std::fs::write(folder.path().join("short.csv"), "order_id,phone\n9,+493023125009\n").expect("written");
    refused(
        &run(&["campaign", "load", "unpaid", "short.csv"]),
        "lacks first_name, amount, consent_at",
    );
    let objects = "{\"order_id\": 9, \"phone\": \"+493023125009\", \"consent_at\": \"2026-01-02\"}\n";
    std::fs::write(folder.path().join("more.json"), objects).expect("written");
    assert!(well(&run(&["campaign", "load", "unpaid", "more.json"])).contains("1 of 1 rows added"));
}

#[test]
fn a_dry_run_says_who_would_be_rung_and_why_others_not() {
    let folder = site();
    let run = |arguments: &[&str]| offhook(folder.path(), arguments);
    run(&[
        "campaign",
        "load",
        "unpaid",
        "orders.csv",
        "--from",
        "2026-01-01T00:00:00Z",
    ]);
    let dry = ["campaign", "dry-run", "unpaid", "--json", "--at"];
    let why = |told: &Value, contact: &str| {
        let left = told["left"].as_array().expect("a list").iter();
        left.filter(|left| left["contact"] == contact)
            .map(|left| left["why"].clone())
            .collect::<Vec<_>>()
    };
    let rung = |told: &Value| -> Vec<(String, String)> {
        let rung = told["rung"].as_array().expect("a list").iter();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rung.map(|rung| (word(&rung["contact"]), word(&rung["at"]))).collect()
    };
    // A list that the plan names is not there yet.
    refused(
        &run(&["dnc", "add", "+493023125004", "--list", "national"]),
        "there is no list `national`",
    );
    let told = parsed(&run(&[&dry[..], &[MONDAY]].concat()));
    assert_eq!((rung(&told).len(), why(&told, "1")), (0, vec![json!("no_such_list")]));
    std::fs::write(folder.path().join("register.csv"), "number\n+493023125004\nnonsense\n").expect("written");
    let import = ["dnc", "import", "register.csv", "--list", "national"];
    refused(&run(&import), "line 3");
    let told = parsed(&run(&[&dry[..], &[MONDAY]].concat()));
    let first = ("1".to_owned(), MONDAY.to_owned());
    assert_eq!(rung(&told), [first]);
    assert_eq!(why(&told, "4"), [json!("no_proof")]);
    assert_eq!(why(&told, "5"), [json!("do_not_call")]);
    assert_eq!(why(&told, "6"), [json!("destination")]);
    // On a Sunday nobody is rung before Monday; without the list both are, two seconds apart.
    std::fs::write(folder.path().join("register.csv"), "").expect("written");
    well(&run(&[&import[..], &["--replace"]].concat()));
    let told = parsed(&run(&[&dry[..], &["2026-11-22T12:00:00Z"]].concat()));
    let at = |second: u32| format!("2026-11-23T08:00:{second:02}Z");
    assert_eq!(rung(&told), [("1".to_owned(), at(0)), ("5".to_owned(), at(2))]);
    let text = well(&run(&["campaign", "dry-run", "unpaid", "--at", MONDAY]));
    assert!(
        text.contains("2 would be rung") && text.contains("2 would not be rung"),
        "{text}"
    );
    // Who says so is never called.
    assert!(
        well(&run(&["dnc", "add", "030 23125000", "--why", "wrote to us"])).contains("+493023125000 is on `internal`")
    );
    let told = parsed(&run(&[&dry[..], &[MONDAY]].concat()));
    assert_eq!(why(&told, "1"), [json!("do_not_call")]);
    assert!(well(&run(&["dnc", "check", "+493023125000"])).contains("is on internal"));
}

#[test]
fn a_campaign_is_commanded_reported_and_audited() {
    let folder = site();
    let run = |arguments: &[&str]| offhook(folder.path(), arguments);
    refused(&run(&["audit", "verify"]), "no records yet");
    refused(&run(&["campaign", "pause", "unpaid"]), "nothing to pause");
    assert!(well(&run(&["campaign", "start", "unpaid"])).contains("has nobody to call"));
    run(&["campaign", "load", "unpaid", "orders.csv"]);
    assert!(well(&run(&["campaign", "pause", "unpaid", "--why", "a holiday"])).contains("4 contacts wait"));
    assert!(well(&run(&["campaign", "status"])).contains("a holiday"));
    assert!(well(&run(&["campaign", "resume", "unpaid"])).contains("4 contacts may be called"));
    refused(&run(&["campaign", "resume", "unpaid"]), "it runs already");
    well(&run(&["campaign", "stop", "unpaid"]));
    let report = [
        "campaign",
        "report",
        "unpaid",
        "--json",
        "--csv",
        "figures.csv",
        "--plot",
        "figures.svg",
        "--calls",
        "calls.csv",
    ];
    let told = parsed(&run(&report));
    assert_eq!(
        (&told["contacts"]["all"], &told["contacts"]["waiting"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(
        (&told["cost"]["currency"], &told["goal"]["pending"]),
        (&json!("EUR"), &json!(4))
    );
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
    assert!(file("figures.csv").contains("contacts,waiting for the first call,4,"));
    assert!(file("figures.svg").starts_with("<svg ") && file("calls.csv").starts_with("contact,number,"));
    assert!(well(&run(&["campaign", "report", "unpaid"])).contains("waiting for the first call"));
    // The record: whole, longer by each entry, and not what it never was.
    well(&run(&["dnc", "add", "+493023125000", "--why", "wrote to us"]));
    let verified = parsed(&run(&["audit", "verify", "--json"]));
    assert_eq!((&verified["whole"], &verified["entries"]), (&json!(true), &json!(1)));
    let head = verified["head"].as_str().expect("an end").to_owned();
    well(&run(&[
        "dnc",
        "remove",
        "+493023125000",
        "--why",
        "asked to be called again",
    ]));
    assert!(well(&run(&["audit", "verify", "--head", &head])).starts_with("2 entries"));
    let cut = head.replacen("1:", "9:", 1);
    refused(&run(&["audit", "verify", "--head", &cut]), "broken");
    let other = format!("1:{}", "0".repeat(64));
    refused(&run(&["audit", "verify", "--head", &other]), "broken");
    let shown = well(&run(&["audit", "show", "--about", "asked to be called again"]));
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.contains("remove"), "{shown}");
}
