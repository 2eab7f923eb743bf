//! Callers above the number that are served at once: they wait, press keys, are transferred, are told goodbye, are served.

use super::bot::{Bot, LIMIT, offhook, root, script, until};
use super::callers::failures;
use super::peers::sipp;

/// A bot that serves one caller, and `busy` for those above.
fn bot(busy: &str) -> Bot {
    Bot::start("dialplans/support.yaml", &format!("calls: {{most: 1, busy: {busy}}}"))
}

/// `second` calls while another is served, who hangs up `after` so long in silence.
fn while_another_is_served(bot: &Bot, after: &str, second: impl FnOnce()) {
    let first = format!(
        "language: en\nfrom: first\nsteps:\n  - hear: \"how can I help\"\n  - wait: {after}\n  - end: caller\n"
    );
    let (uri, first) = (bot.uri(), script(bot.folder.path(), &first).display().to_string());
    std::thread::scope(|threads| {
        let served = threads.spawn(move || offhook(&["ring", &uri, "--as", &first, "--json"]));
        until("the first call", LIMIT, || (!bot.calls().is_empty()).then_some(()));
        second();
        assert!(served.join().expect("it rang").status.success());
    });
}

/// Rings with `steps`, and everything that is expected is heard.
fn rings(bot: &Bot, steps: &str) {
    let second = bot.folder.path().join("second.yaml");
    std::fs::write(&second, format!("language: en\nfrom: second\nsteps:\n{steps}")).expect("written");
    let report = bot.ring(&second, &[]);
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
}

fn ends_with(bot: &Bot, ending: &str) {
    until("its record", LIMIT, || {
        let endings = bot.endings();
        endings.iter().any(|known| known.contains(ending)).then_some(())
    });
}

const SERVED: &str = "  - hear: \"how can I help\"\n  - say: \"What are your opening hours?\"\n  - hear: \"Monday to Friday\"\n  - end: caller\n";

#[test]
fn a_caller_too_many_waits_is_told_so_and_is_served_in_turn() {
    let bot = bot("{waiting: 1, longest: 60s}");
    while_another_is_served(&bot, "12s", || {
        rings(
            &bot,
            &format!("  - hear: \"our lines are busy please hold the line\"\n{SERVED}"),
        );
    });
    let record = bot.last_call().to_string();
    assert!(
        record.contains("the caller waits") && record.contains("the caller is served"),
        "{record}"
    );
    bot.stop();
}

#[test]
fn who_waits_has_a_menu_and_keeps_the_place_where_nobody_takes_the_transfer() {
    let bot = bot(
        "{waiting: 1, keys: {1: {say: {en: \"We open every morning at eight.\"}}, 0: {transfer: \"sip:desk@127.0.0.1:5999\"}}}",
    );
    while_another_is_served(&bot, "25s", || {
        let busy = "  - hear: \"our lines are busy\"\n";
        let keys = "  - press: \"1\"\n  - hear: \"open every morning at eight\"\n  - press: \"0\"\n";
        rings(&bot, &format!("{busy}{keys}{busy}{SERVED}"));
    });
    let record = bot.last_call().to_string();
    for event in [
        "pressed 1",
        "transferred to sip:desk",
        "the caller waits on",
        "the caller is served",
    ] {
        assert!(record.contains(event), "`{event}` is not in {record}");
    }
    bot.stop();
}

#[test]
fn who_has_waited_long_enough_is_told_goodbye_by_the_line() {
    let bot = bot("{waiting: 1, longest: 1s}");
    while_another_is_served(&bot, "8s", || rings(&bot, "  - end: bot\n"));
    ends_with(&bot, "no place was free");
    bot.stop();
}

#[test]
fn who_has_waited_long_enough_is_transferred_where_somebody_is() {
    let bot = bot("{waiting: 1, longest: 1s, then: \"sip:desk@127.0.0.1:5999\"}");
    while_another_is_served(&bot, "12s", || {
        let scenario = root().join("fixtures/sipp/transferred.xml").display().to_string();
        let call = ["-sf", &scenario, "-key", "outcome", "200 OK", "-m", "1"];
        let (passed, said) = sipp(&bot, &call, bot.folder.path());
        assert!(passed, "{said}");
    });
    ends_with(&bot, "transferred without having been served");
    bot.stop();
}
