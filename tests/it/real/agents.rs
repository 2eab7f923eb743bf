//! People at their telephones take calls: whom the caller speaks with, what that person is told first, and what follows.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use offhook::audio::FRAME_SAMPLES;
use offhook::language::{Language, Voice};
use offhook::simulate::words::recall;
use offhook::speech::Care;

use super::bot::{Bot, free_port, script, text};
use super::callers::failures;
use super::softphone::{Baresip, Wish};
use super::voices::{hears, says};

/// What the agent says, and when, since their telephone answered: the brief is over by then.
pub(super) const SAYS: &str = "Good morning. Your order will be delivered on Monday afternoon.";
const AFTER: usize = 12 * 50;

/// What everybody here signs in with.
pub(super) const PASSWORD: &str = "correct horse battery";

/// Has `name` take calls of the plan's queue at `phone`.
pub(super) fn employs(bot: &Bot, name: &str, phone: &str) {
    employ(bot, name, "agent", &["--phone", phone]);
}

/// Adds `name`, who is good at what the plan's queue wants.
pub(super) fn employ(bot: &Bot, name: &str, role: &str, more: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_offhook"))
        .args(["people", "add", name, "--role", role, "--skills", "returns"])
        .args(["--languages", "en,zh", "-c"])
        .arg(bot.folder.path().join("offhook.yaml"))
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{PASSWORD}").expect("told");
    drop(input);
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", text(&done.stderr));
}

/// The telephone of an agent who says something once they are with the caller.
pub(super) fn telephone(folder: &Path, name: &str) -> Baresip {
    let mut sound = vec![0; AFTER * FRAME_SAMPLES];
    sound.extend(says(Voice::Joe, SAYS).iter());
    let wish = Wish {
        rate: 16_000,
        says: Some(&sound),
        ..Wish::default()
    };
    Baresip::start(&folder.join(name), name, &wish)
}

/// Somebody asks for a person, and speaks with one; what the caller's program reports.
pub(super) fn asks_for_a_person(bot: &Bot, steps: &str) -> serde_json::Value {
    let yaml = format!(
        "language: en\nsteps:\n  - hear: \"hello this is Mia how can I help\"\n  - say: \"I want to talk to a person.\"\n\
         \x20 - hear: \"I will put you through\"\n{steps}"
    );
    let caller = script(bot.folder.path(), &yaml).display().to_string();
    let output = super::bot::offhook(&["ring", &bot.uri(), "--as", &caller, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("no report: {e}\n{}", text(&output.stderr)))
}

pub(super) const CONVERSATION: &str =
    "  - wait: 24s\n  - say: \"Thank you very much, that is good news. Goodbye.\"\n  - wait: 2s\n  - end: caller\n";

pub(super) fn understood(said: &str, heard: &str) {
    let share = recall(said, heard, Language::English);
    assert!(share >= 0.7, "of `{said}` was heard `{heard}`");
}

#[test]
fn an_agent_is_told_what_it_is_about_and_speaks_with_the_caller() {
    let bot = Bot::start("fixtures/plans/person.yaml", "calls: {record: false}");
    let mut phone = telephone(bot.folder.path(), "ann");
    employs(&bot, "ann", &phone.uri("ann"));
    let report = asks_for_a_person(&bot, CONVERSATION);
    let record = bot.last_call();
    phone.await_event("CALL_CLOSED", 1);
    assert!(failures(&report).is_empty(), "{report:#}");
    assert!(record.to_string().contains("speaks with ann"), "{record:#}");
    // Who of the two is first: the agent's telephone ends with what it has to say.
    let ending = record["ending"].as_str().unwrap_or_default();
    assert!(
        ["the caller hung up", "the bot hung up"].contains(&ending),
        "{record:#}"
    );
    let heard = hears(&phone.heard(), Language::English, Care::Careful, "").text;
    understood("the caller asks for a person", &heard);
    understood("thank you very much that is good news goodbye", &heard);
    understood(SAYS, &report.to_string());
    bot.stop();
}

#[test]
fn where_the_first_cannot_be_reached_the_next_is_rung() {
    let bot = Bot::start("fixtures/plans/person.yaml", "calls: {record: false}");
    let mut phone = telephone(bot.folder.path(), "zoe");
    // Nobody listens there.
    employs(&bot, "ann", &format!("sip:ann@127.0.0.1:{}", free_port()));
    employs(&bot, "zoe", &phone.uri("zoe"));
    let report = asks_for_a_person(&bot, "  - wait: 60s\n  - end: caller\n");
    phone.await_event("CALL_CLOSED", 1);
    let record = bot.last_call();
    assert!(record.to_string().contains("ann is rung no more"), "{record:#}");
    assert!(record.to_string().contains("speaks with zoe"), "{record:#}\n{report:#}");
    bot.stop();
}

#[test]
fn where_nobody_takes_calls_the_way_out_is_taken() {
    let bot = Bot::start("fixtures/plans/person.yaml", "calls: {record: false}");
    let report = asks_for_a_person(&bot, "  - end: caller\n");
    assert!(failures(&report).is_empty(), "{report:#}");
    understood("I will put you through nobody is free right now", &report.to_string());
    let record = bot.last_call();
    assert!(record["path"].to_string().contains("message"), "{record:#}");
    bot.stop();
}
