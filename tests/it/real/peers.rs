//! SIPp rings the real program.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::bot::{Bot, LIMIT, free_port, run, until};

const MANY: &str = "calls: {most: 100, record: false}";

/// Resident memory in kB, threads and open files of a process.
fn held(pid: u32) -> (u64, usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("memory");
    let count = |what: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{what}"))
            .expect("a process")
            .count()
    };
    (
        resident.trim().trim_end_matches(" kB").parse().expect("a number"),
        count("task"),
        count("fd"),
    )
}

pub(super) fn sipp(bot: &Bot, arguments: &[&str], folder: &Path) -> (bool, String) {
    let media = free_port().to_string();
    let mut command = Command::new("sipp");
    command.args([
        "-i",
        "127.0.0.1",
        "-s",
        "support",
        "-nostdin",
        "-timeout",
        "280s",
        "-mp",
        &media,
    ]);
    command
        .args(arguments)
        .arg(format!("127.0.0.1:{}", bot.port))
        .current_dir(folder)
        .env("TERM", "dumb");
    run(&mut command, Duration::from_secs(300))
}

#[test]
fn a_hundred_calls_of_sipp_pass_and_leave_nothing_behind() {
    let bot = Bot::start("dialplans/support.yaml", MANY);
    let (passed, said) = sipp(
        &bot,
        &["-sn", "uac", "-m", "20", "-r", "10", "-l", "10"],
        bot.folder.path(),
    );
    assert!(passed, "{said}");
    until("the first calls' records", LIMIT, || {
        (bot.endings().len() == 20).then_some(())
    });
    let before = held(bot.pid());
    let (passed, said) = sipp(
        &bot,
        &["-sn", "uac", "-m", "100", "-r", "10", "-l", "10"],
        bot.folder.path(),
    );
    assert!(passed, "{said}");
    let endings = until("every call's record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == 120)
    });
    assert!(
        endings.iter().all(|ending| ending == "the caller hung up"),
        "{endings:?}"
    );
    // SIP keeps a finished transaction for up to 32 s; threads and sockets are gone before that.
    let after = until("threads and files as before", Duration::from_secs(60), || {
        let now = held(bot.pid());
        (now.1 <= before.1 + 2 && now.2 <= before.2 + 2).then_some(now)
    });
    println!("memory kB, threads, files: {before:?} before 100 calls, {after:?} after");
    assert!(after.0 < before.0 + 30_000, "{before:?} became {after:?}");
    bot.stop();
}

#[test]
fn a_hundred_calls_with_sound_and_keys() {
    let bot = Bot::start("dialplans/support.yaml", MANY);
    // The scenario looks for its captures in `pcap`; Debian keeps them elsewhere.
    std::os::unix::fs::symlink("/usr/share/sip-tester", bot.folder.path().join("pcap")).expect("a link");
    let (passed, said) = sipp(
        &bot,
        &["-sn", "uac_pcap", "-m", "100", "-l", "10", "-r", "5"],
        bot.folder.path(),
    );
    assert!(passed, "{said}");
    let endings = until("every call's record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == 100)
    });
    assert!(
        endings.iter().all(|ending| ending == "the caller hung up"),
        "{endings:?}"
    );
    bot.stop();
}

/// SIPp counts a 503 as a failed call; its message log shows what it was told.
#[test]
fn one_call_too_many_is_refused_and_the_next_is_taken() {
    let bot = Bot::start("dialplans/support.yaml", "calls: {most: 1, record: false}");
    let (passed, said) = sipp(
        &bot,
        &[
            "-sn",
            "uac",
            "-m",
            "2",
            "-l",
            "2",
            "-r",
            "2",
            "-d",
            "4000",
            "-trace_msg",
            "-message_file",
            "messages.log",
        ],
        bot.folder.path(),
    );
    assert!(!passed, "both calls were taken: {said}");
    let log = std::fs::read_to_string(bot.folder.path().join("messages.log")).expect("a log");
    let refusal = log
        .find("SIP/2.0 503")
        .unwrap_or_else(|| panic!("nobody was refused: {log}"));
    assert!(log[refusal..].contains("Retry-After: "), "{log}");
    let endings = until("both calls' ends", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == 2)
    });
    assert!(
        endings.iter().any(|ending| ending == "refused with 503: at capacity"),
        "{endings:?}"
    );
    let (passed, said) = sipp(&bot, &["-sn", "uac", "-m", "1"], bot.folder.path());
    assert!(passed, "{said}");
    bot.stop();
}
