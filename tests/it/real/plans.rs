//! Plans at work: tools that ask a real server, a plan that changes while the bot runs, and the tests that live with a plan.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use super::bot::{Bot, LIMIT, offhook, root, script, text};

/// A customer system: answers every request, and tells what it was asked.
fn customers() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") && stream.read_line(&mut request).is_ok_and(|read| read > 0) {}
            let answer = if request.starts_with("GET") {
                r#"{"title": "blue shoes", "age_days": 12}"#
            } else {
                r#"{"code": "R 7"}"#
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
            stream.get_mut().write_all(answer.as_bytes()).expect("answered");
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (address, told)
}

#[test]
fn a_call_uses_the_tools_of_its_plan_and_writes_once() {
    let (address, asked) = customers();
    let plan = std::fs::read_to_string(root().join("fixtures/plans/acts.yaml")).expect("a plan");
    // The server is on this machine, which the plan has to allow.
    let plan = plan.replace("effect: ", "allow_private: true, effect: ");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("acts.yaml");
    std::fs::write(&path, plan).expect("written");
    let bot = Bot::start_in(&path.display().to_string(), "", &[("CRM", &address)]);
    let yaml = "language: en\nsteps:\n  - hear: \"how can I help\"\n  - say: \"I want to return something.\"\n  - hear: \"order number\"\n  - press: \"4071\"\n  - hear: \"return for blue shoes\"\n  - say: \"Yes, please.\"\n  - hear: \"your return code is\"\n  - end: caller\n";
    let report = bot.ring(&script(bot.folder.path(), yaml), &[]);
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(0), "{report:#}");
    let record = bot.last_call();
    assert_eq!(record["disposition"], "return_opened", "{record:#}");
    assert_eq!(record["slots"]["order_id"], "4071", "{record:#}");
    let tools: Vec<&str> = record["acts"]
        .as_array()
        .expect("acts")
        .iter()
        .filter_map(|act| act["name"].as_str())
        .collect();
    assert_eq!(tools, ["find_order", "open_return"], "{record:#}");
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].starts_with("GET /orders/4071 "), "{asked:?}");
    assert!(
        asked[1].starts_with("POST /returns ") && asked[1].to_lowercase().contains("idempotency-key: "),
        "{asked:?}"
    );
    bot.stop();
}

#[test]
fn a_plan_is_loaded_anew_for_new_calls_and_a_bad_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.yaml");
    let plan = std::fs::read_to_string(root().join("dialplans/hello.yaml")).expect("a plan");
    std::fs::write(&path, &plan).expect("written");
    let bot = Bot::start(&path.display().to_string(), "");
    std::fs::write(&path, plan.replace("order a pizza?", "order a cake?")).expect("written");
    bot.await_log("loaded anew: new calls", LIMIT);
    let yaml = "language: en\nsteps:\n  - hear: \"would you like to order a cake\"\n  - end: caller\n";
    let caller = script(bot.folder.path(), yaml);
    assert_eq!(bot.ring(&caller, &[])["failures"].as_array().map(Vec::len), Some(0));
    std::fs::write(&path, plan.replace("flow: welcome", "flow: welcom")).expect("written");
    let line = bot.await_log("not loaded anew", LIMIT);
    assert!(line.contains("calls go on by the old one"), "{line}");
    assert_eq!(bot.ring(&caller, &[])["failures"].as_array().map(Vec::len), Some(0));
    bot.stop();
}

#[test]
fn the_tests_of_a_plan_are_rung_and_what_fails_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let plan = std::fs::read_to_string(root().join("dialplans/hello.yaml")).expect("a plan");
    let tests = "tests:\n  - {name: a small one, caller: {persona: hesitant, says: [\"Yes, please.\", \"A small one, please.\"], audio: {codec: pcma, loss: 1%}}, expect: [{flows: [order]}, {slots: {size: small}}, {heard: small pizza}, {ended_by: bot}]}\n  - {name: a wrong one, caller: {says: [\"Yes, please.\", \"A large one, please.\"]}, expect: [{slots: {size: small}}]}\n";
    std::fs::write(at("hello.yaml"), plan + tests).expect("written");
    let output = offhook(&[
        "sim",
        &at("hello.yaml"),
        "--junit",
        &at("junit.xml"),
        "--into",
        &at("sim"),
    ]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("passed   a small one"), "{said}");
    assert!(said.contains("`size` is `large`, not `small`"), "{said}");
    let junit = std::fs::read_to_string(at("junit.xml")).expect("results");
    assert!(junit.contains("tests=\"2\" failures=\"1\""), "{junit}");
    assert!(folder.path().join("sim/001/transcript.txt").is_file());
}

/// The plan of a campaign, whose callees are rung: a silent person who is one, and a machine that is left a whole message.
#[test]
fn callees_are_rung_by_the_campaign_of_their_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("sim").display().to_string();
    let shared = root().join("../shared/plans/reminder.yaml").display().to_string();
    let mut rung = vec![("dialplans/reminder.yaml", "machine", 1)];
    if std::path::Path::new(&shared).is_file() {
        rung.push((&shared, "", 2));
    } else {
        println!("SKIPPED: there is no {shared}");
    }
    for (plan, only, calls) in rung {
        let output = offhook(&[
            "sim",
            plan,
            "--only",
            only,
            "--json",
            "--into",
            &into,
            "--in-parallel",
            "1",
        ]);
        let said = text(&output.stdout) + &text(&output.stderr);
        let results: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
        let results = results.as_array().expect("results");
        assert_eq!(results.len(), calls, "{said}");
        for result in results {
            assert_eq!(
                result["failures"].as_array().map(Vec::len),
                Some(0),
                "{plan}: {result:#}"
            );
        }
        assert!(output.status.success(), "{said}");
    }
}
