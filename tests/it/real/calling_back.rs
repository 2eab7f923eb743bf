//! Callers who would rather be called back: they hang up, an agent is rung in their turn, and their own telephone then. baresip is the customer's telephone, which the bot has by a
//! trunk, and the agent's.

use std::path::Path;
use std::time::Duration;

use offhook::audio::FRAME_SAMPLES;
use offhook::language::{Language, Voice};
use offhook::speech::Care;
use serde_json::Value;

use super::agents::{SAYS, asks_for_a_person, employs, telephone, understood};
use super::bot::{Bot, free_port, root, until};
use super::callers::failures;
use super::softphone::{Baresip, Wish};
use super::voices::{hears, says};

/// Who calls, and is called back.
const NUMBER: &str = "4915";
const CUSTOMER: &str = "Hello again. I would like to know when my order will arrive.";
/// The customer says it so long after they have answered.
const AFTER: usize = 4 * 50;
/// For both to have said what they say.
const CONVERSATION: Duration = Duration::from_secs(20);
/// Until a telephone that does not answer is given up.
const RINGS: Duration = Duration::from_secs(90);

/// The telephone of the customer, who says something when they are called back.
fn customer(folder: &Path) -> Baresip {
    let mut sound = vec![0; AFTER * FRAME_SAMPLES];
    sound.extend(says(Voice::Joe, CUSTOMER).iter());
    let wish = Wish {
        rate: 16_000,
        says: Some(&sound),
        ..Wish::default()
    };
    Baresip::start(&folder.join("customer"), NUMBER, &wish)
}

/// A bot whose trunk leads to port `exchange` of this machine, with its records in `data`.
fn bot(exchange: u16, data: &Path) -> Bot {
    let plan = root().join("fixtures/plans/callback.yaml");
    let config = |own: u16| {
        format!(
            "sip:\n  listen: [\"udp:127.0.0.1:{own}\"]\n  trunks: [{{name: exchange, server: \"127.0.0.1:{exchange}\", username: bot, \
             password: secret, addresses: [127.0.0.1]}}]\nrtp: {{ports: 24000-25999}}\nplan: {}\ndata: {}\ncalls: {{record: false}}\n\
             outbound: {{allow: [\"{NUMBER}\", \"sip:*@127.0.0.1\"]}}\n",
            plan.display(),
            data.display()
        )
    };
    Bot::start_with(config, &[])
}

/// A caller for whom nobody is there takes the offer to be called back; the record of their call.
fn wants_to_be_called_back(bot: &Bot) -> Value {
    // At work, and never there.
    employs(bot, "zoe", &format!("sip:zoe@127.0.0.1:{}", free_port()));
    // The offer comes after five seconds of music, so in the same breath, and holds for six when it was said.
    let steps = "  - press: \"1\"\n  - end: bot\n";
    let report = asks_for_a_person_as(bot, steps);
    assert!(failures(&report).is_empty(), "{report:#}");
    understood("we will call you back at this number goodbye", &report.to_string());
    let record = bot.last_call();
    assert!(record.to_string().contains("to be called back"), "{record:#}");
    let callback = &record["callbacks"][0];
    assert_eq!(
        (&callback["number"], &callback["queue"]),
        (&NUMBER.into(), &"care".into()),
        "{record:#}"
    );
    record
}

fn asks_for_a_person_as(bot: &Bot, steps: &str) -> Value {
    let yaml = format!(
        "language: en\nfrom: \"{NUMBER}\"\nsteps:\n  - hear: \"hello this is Mia how can I help\"\n  - say: \"I want to talk to a person.\"\n\
         \x20 - hear: \"I will put you through\"\n{steps}"
    );
    let caller = bot.folder.path().join("customer.yaml");
    std::fs::write(&caller, yaml).expect("written");
    bot.ring(&caller, &[])
}

/// How the callback that was asked for in this call ended.
fn outcome(bot: &Bot, call: &Value) -> String {
    let id = call["id"].as_str().expect("an id").to_owned();
    until("the end of the callback", RINGS, || {
        let record = bot.call(&id);
        record["callbacks"][0]["outcome"].as_str().map(str::to_owned)
    })
}

/// The record of the call in which the customer was dialled, once it has ended.
fn called(bot: &Bot) -> Value {
    let calls = until("the call back", RINGS, || {
        let ended = bot
            .calls()
            .into_iter()
            .find(|call| call["callee"] == "care" && !call["ended"].is_null());
        ended.map(|call| call["id"].as_str().unwrap_or_default().to_owned())
    });
    bot.call(&calls)
}

#[test]
fn who_takes_the_offer_is_called_back_and_speaks_with_an_agent() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut customer = customer(folder.path());
    let bot = bot(customer.port, &folder.path().join("data"));
    let first = wants_to_be_called_back(&bot);
    assert!(customer.recordings().is_empty(), "nobody is there who could call");
    let mut agent = telephone(bot.folder.path(), "ann");
    employs(&bot, "ann", &agent.uri("ann"));
    customer.await_event("CALL_ESTABLISHED", 1);
    customer.await_sound(1, CONVERSATION);
    customer.tell("hangup", "");
    customer.await_event("CALL_CLOSED", 1);
    agent.await_event("CALL_CLOSED", 1);
    let record = called(&bot);
    let told = record.to_string();
    let id = first["id"].as_str().expect("an id");
    assert!(told.contains(&format!("asked for in call {id}")), "{record:#}");
    assert!(
        told.contains("the customer answered") && told.contains("speaks with ann"),
        "{record:#}"
    );
    assert_eq!(record["ending"], "the customer hung up", "{record:#}");
    assert_eq!(record["caller"], NUMBER, "{record:#}");
    let ended = outcome(&bot, &first);
    assert!(
        ended.starts_with("called back, in call ") && !ended.contains("nobody"),
        "{ended}"
    );
    // Each has understood the other.
    understood(
        CUSTOMER,
        &hears(&agent.heard(), Language::English, Care::Careful, "").text,
    );
    understood(
        SAYS,
        &hears(&customer.heard(), Language::English, Care::Careful, "").text,
    );
    bot.stop();
}

#[test]
fn a_customer_who_does_not_answer_leaves_the_agent_free() {
    let folder = tempfile::tempdir().expect("a folder");
    // Nobody listens there.
    let bot = bot(free_port(), &folder.path().join("data"));
    let first = wants_to_be_called_back(&bot);
    let mut agent = telephone(bot.folder.path(), "ann");
    employs(&bot, "ann", &agent.uri("ann"));
    let record = called(&bot);
    assert!(
        record["ending"]
            .as_str()
            .is_some_and(|why| why.contains("was not reached")),
        "{record:#}"
    );
    agent.await_event("CALL_CLOSED", 1);
    // It is tried again, and not now.
    let id = first["id"].as_str().expect("an id");
    assert!(bot.call(id)["callbacks"][0]["outcome"].is_null());
    let report = asks_for_a_person(&bot, "  - wait: 45s\n  - end: caller\n");
    assert!(failures(&report).is_empty(), "{report:#}");
    agent.await_event("CALL_CLOSED", 2);
    let record = bot.last_call();
    assert!(record.to_string().contains("speaks with ann"), "{record:#}");
    // Nobody waits for who is to be called back.
    bot.stop();
}

#[test]
fn who_is_to_be_called_back_is_not_forgotten_by_a_bot_that_is_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut customer = customer(folder.path());
    let before = bot(customer.port, &data);
    let first = wants_to_be_called_back(&before);
    before.stop();
    let bot = bot(customer.port, &data);
    let mut agent = telephone(bot.folder.path(), "ann");
    employs(&bot, "ann", &agent.uri("ann"));
    customer.await_event("CALL_ESTABLISHED", 1);
    agent.await_sound(1, Duration::from_secs(8));
    agent.tell("hangup", "");
    customer.await_event("CALL_CLOSED", 1);
    let record = called(&bot);
    assert_eq!(record["ending"], "the agent hung up", "{record:#}");
    assert!(outcome(&bot, &first).starts_with("called back, in call "));
    bot.stop();
}
