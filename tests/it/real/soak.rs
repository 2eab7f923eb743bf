//! Many calls that break off anywhere, and whether the bot then holds what it held before.

use offhook::bench::soak::{self, Points, Soak, Wanted};

use super::bot::{Bot, LIMIT, until};

/// Of the configuration that bots are started with.
const PORTS: std::ops::RangeInclusive<u16> = 24_000..=25_999;

fn soaked(bot: &Bot, sequential: usize, at_once: usize, points: Points) -> Soak {
    let wanted = Wanted {
        target: ([127, 0, 0, 1], bot.port).into(),
        pid: bot.pid(),
        ports: PORTS,
        sequential,
        at_once,
        seed: 1,
        points,
    };
    let nobody = || None;
    let soaked = soak::run(&wanted, nobody, |moment| println!("{moment:?}")).expect("a bot");
    println!("{:#?}", soaked.outcomes);
    assert_eq!(soaked.left, Vec::<String>::new());
    let ended: usize = soaked.outcomes.values().sum();
    assert_eq!(ended, sequential + at_once, "every call ended");
    assert_eq!(soaked.outcomes.get("nobody ended it"), None, "{:?}", soaked.outcomes);
    soaked
}

/// Every call has a record, and every record an ending.
fn recorded(bot: &Bot) {
    until("the end of every record", LIMIT, || {
        let calls = bot.calls();
        (!calls.is_empty() && calls.iter().all(|call| !call["ending"].is_null())).then_some(())
    });
}

#[test]
fn calls_that_break_off_leave_nothing() {
    let bot = Bot::start("dialplans/hello.yaml", "calls: {most: 40, record: false}");
    let soaked = soaked(&bot, 60, 20, Points::Told);
    for way in ["the caller hung up", "the caller gave up before the answer"] {
        assert!(soaked.outcomes.contains_key(way), "{:?}", soaked.outcomes);
    }
    recorded(&bot);
    bot.stop();
}

#[test]
#[ignore = "a quarter of an hour: cargo test --release calls_that_break_off_anywhere -- --ignored --nocapture"]
fn calls_that_break_off_anywhere_leave_nothing() {
    let bot = Bot::start("dialplans/hello.yaml", "calls: {most: 300, record: false}");
    let soaked = soaked(&bot, 1_000, 200, Points::All);
    for way in ["the caller vanished", "the bot hung up"] {
        assert!(soaked.outcomes.contains_key(way), "{:?}", soaked.outcomes);
    }
    recorded(&bot);
    // It is none the worse for it.
    let script = super::bot::script(
        bot.folder.path(),
        "language: en\nsteps:\n  - hear: \"this is an automated assistant\"\n  - end: caller\n",
    );
    let report = bot.ring(&script, &[]);
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(0), "{report:#}");
    bot.stop();
}
