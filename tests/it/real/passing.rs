//! Two people with telephones, and their pages beside them, pass a caller about: hold, conference, park, on to a colleague, and back to the bot.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use offhook::clock;
use offhook::simulate::page::{Page, Told};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::agents::{PASSWORD, employs, telephone};
use super::bot::{Bot, LIMIT, free_port, script, text};

/// Somebody at a page, and the calls that it shows.
struct Seat {
    runtime: Runtime,
    page: Page,
    name: &'static str,
    calls: BTreeMap<String, Value>,
}

impl Seat {
    fn take(web: SocketAddr, name: &'static str) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let page = runtime.block_on(async {
            let mut page = Page::sign_in(web, name, PASSWORD).await?;
            page.open().await.map(|()| page)
        });
        Self {
            runtime,
            page: page.expect("a page"),
            name,
            calls: BTreeMap::new(),
        }
    }

    fn does(&mut self, what: &str, with: &Value) -> Result<Value, String> {
        println!("{} does {what} {with}", self.name);
        self.runtime
            .block_on(self.page.ask(what, with))
            .map_err(|e| e.to_string())
    }

    /// Waits until the page shows a call that is `such`; its number.
    fn until(&mut self, what: &str, such: impl Fn(&Value) -> bool) -> String {
        let end = clock::now() + LIMIT * 2;
        loop {
            if let Some((id, _)) = self.calls.iter().find(|(_, call)| such(call)) {
                return id.clone();
            }
            let left = end.saturating_duration_since(clock::now());
            let next = async { tokio::time::timeout(left, self.page.next()).await };
            let came = self.runtime.block_on(next);
            let (_, told) = came
                .unwrap_or_else(|_| panic!("{} saw no call that is {what}: {:#?}", self.name, self.calls))
                .expect("the feed goes on");
            match told {
                Told::Reset { body, .. } => {
                    let calls = body["calls"].as_array().cloned().unwrap_or_default();
                    self.calls = calls.into_iter().map(|call| (id(&call), call)).collect();
                }
                Told::Message { topic, body, .. } if topic == "call" => drop(self.calls.insert(id(&body), body)),
                Told::Message { topic, body, .. } if topic == "gone" => {
                    self.calls.remove(body["call"].as_str().unwrap_or_default());
                }
                _ => {}
            }
        }
    }

    fn stage(&mut self, stage: &str) -> String {
        self.until(stage, |call| call["stage"] == stage)
    }
}

fn id(call: &Value) -> String {
    call["id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_caller_goes_from_hand_to_hand_and_back_to_the_bot() {
    let web: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let more = format!("calls: {{record: false}}\nweb: {{listen: \"{web}\"}}");
    let bot = Bot::start("fixtures/plans/person.yaml", &more);
    let phones = ["ann", "zoe"].map(|name| {
        let phone = telephone(bot.folder.path(), name);
        employs(&bot, name, &phone.uri(name));
        phone
    });
    let [mut ann, mut zoe] = ["ann", "zoe"].map(|name| Seat::take(web, name));
    assert!(zoe.does("state", &json!({"state": "pause", "reason": "lunch"})).is_ok());
    let yaml = "language: en\nsteps:\n  - hear: \"hello this is Mia how can I help\"\n  - say: \"I want to talk to a person.\"\n\
                \x20 - hear: \"I will put you through\"\n  - wait: 150s\n  - end: caller\n";
    let caller = script(bot.folder.path(), yaml).display().to_string();
    let uri = bot.uri();
    let ringing = std::thread::spawn(move || super::bot::offhook(&["ring", &uri, "--as", &caller, "--json"]));

    let call = ann.stage("talking");
    let on = |call: &str| json!({ "call": call });
    for (on, stage) in [(true, "held"), (false, "talking")] {
        assert!(ann.does("hold", &json!({"call": call, "on": on})).is_ok());
        ann.stage(stage);
    }
    let refused = ann.does("listen", &on(&call)).expect_err("for supervisors");
    assert!(refused.contains("supervisors"), "{refused}");
    let refused = zoe.does("hang_up", &on(&call)).expect_err("not hers");
    assert!(refused.contains("not in that call"), "{refused}");

    // A conference, which goes on without whoever began it.
    assert!(
        ann.does("invite", &json!({"call": call, "to": {"person": "zoe"}}))
            .is_ok()
    );
    ann.until("a conference", |call| {
        let parties = call["parties"].as_array().map(Vec::as_slice).unwrap_or_default();
        parties.len() == 2 && parties.iter().all(|party| party["on"] == "talking")
    });
    assert!(ann.does("hang_up", &on(&call)).is_ok());
    ann.stage("wrap_up");
    assert!(
        ann.does(
            "note",
            &json!({"call": call, "text": "Zoe knows more.", "disposition": "follow up"})
        )
        .is_ok()
    );
    zoe.until("hers", |call| call["stage"] == "talking" || call["stage"] == "barging");

    // Parked, and taken up by another.
    assert!(zoe.does("park", &on(&call)).is_ok());
    zoe.stage("wrap_up");
    assert!(ann.does("retrieve", &on(&call)).is_ok());
    ann.stage("talking");
    assert!(zoe.does("done", &on(&call)).is_ok());
    let again = zoe.does("retrieve", &on(&call)).expect_err("taken up already");
    assert!(again.contains("not parked"), "{again}");

    // On to a colleague, and to the bot.
    assert!(zoe.does("state", &json!({"state": "available"})).is_ok());
    assert!(
        ann.does("transfer", &json!({"call": call, "to": {"person": "zoe"}}))
            .is_ok()
    );
    zoe.stage("talking");
    let nowhere = zoe.does("give_back", &json!({"call": call, "flow": "nowhere"}));
    assert!(nowhere.expect_err("no such flow").contains("nowhere"));
    assert!(zoe.does("give_back", &json!({"call": call, "flow": "message"})).is_ok());
    zoe.stage("wrap_up");

    let output = ringing.join().expect("a report");
    let report = text(&output.stdout);
    let record = bot.last_call();
    println!("{report}\n{record:#}");
    for words in [
        "ann left the conference",
        "zoe parks the caller",
        "ann passes the caller on to `care`",
        "gave the caller back, to `message`",
        "Zoe knows more.",
    ] {
        assert!(record.to_string().contains(words), "`{words}` is not in {record:#}");
    }
    assert!(record["path"].to_string().contains("message"), "{record:#}");
    drop(phones);
    bot.stop();
}
