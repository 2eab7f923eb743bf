//! `offhook people`, as it is typed and as scripts run it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use offhook::clock;
use offhook::store::Store;
use offhook::store::people::Hash;
use serde_json::{Value, json};

use super::bot::text;

/// Runs it with `typed` as its input.
fn people(folder: &Path, arguments: &[&str], typed: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_offhook"))
        .arg("people")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("offhook runs");
    // It may not want any.
    program.stdin.take().expect("piped").write_all(typed.as_bytes()).ok();
    program.wait_with_output().expect("ended")
}

#[track_caller]
fn well(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn refused(output: &Output, told: &str) {
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains(told), "{said}");
}

#[tokio::test]
async fn accounts_are_kept_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("offhook.yaml"), "data: kept\n").expect("written");
    let run = |arguments: &[&str], typed: &str| people(folder.path(), arguments, typed);
    assert!(well(&run(&["list"], "")).contains("nobody can sign in yet"));

    let alice = [
        "add",
        "Alice",
        "--display",
        "Alice Wang",
        "--role",
        "agent",
        "--skills",
        "returns,billing",
    ];
    let alice = [
        &alice[..],
        &[
            "--languages",
            "en,zh",
            "--phone",
            "sip:alice@192.0.2.1",
            "--capacity",
            "2",
        ],
    ]
    .concat();
    refused(&run(&alice, "too short\n"), "at least 10 characters");
    assert_eq!(well(&run(&alice, "correct horse\n")), "alice can sign in\n");
    refused(&run(&alice, "correct horse\n"), "there is a `alice` already");
    let bob = well(&run(
        &["add", "bob", "--role", "supervisor", "--totp"],
        "correct horse\n",
    ));
    assert!(bob.contains("otpauth://totp/Offhook:bob?secret="), "{bob}");
    let carol = ["add", "carol", "--role", "agent", "--openid"];
    let told = well(&run(&carol, ""));
    assert!(
        told.contains("by the OpenID provider") && told.contains("`web.openid`"),
        "{told}"
    );

    let listed: Value = serde_json::from_str(&well(&run(&["list", "--json"], ""))).expect("JSON");
    let first = json!({
        "name": "alice", "display": "Alice Wang", "role": "agent", "skills": ["returns", "billing"], "languages": ["en", "zh"],
        "capacity": 2, "phone": "sip:alice@192.0.2.1", "disabled": false
    });
    assert_eq!((&listed[0], &listed[1]["role"]), (&first, &json!("supervisor")));

    well(&run(&["password", "alice"], "battery staple\r\n"));
    well(&run(&["disable", "alice"], ""));
    assert!(well(&run(&["list"], "")).contains(", disabled"));
    well(&run(&["enable", "alice"], ""));
    let store = Store::open(&folder.path().join("kept/offhook.db"))
        .await
        .expect("opened");
    let alice = store.credentials("alice").await.expect("read").expect("known");
    assert!(Hash::proves(Some(alice.password), "battery staple".into()).await);
    let bob = store.credentials("bob").await.expect("read").expect("known");
    assert!(bob.totp.is_some_and(|totp| totp.code_at(clock::wall()).is_some()));
    let carol = store.credentials("carol").await.expect("read").expect("known");
    assert!(!Hash::proves(Some(carol.password), String::new()).await);
    store.close().await;

    well(&run(&["remove", "alice"], ""));
    for command in ["password", "disable", "enable", "remove"] {
        refused(
            &run(&[command, "alice"], "correct horse\n"),
            "there is nobody named `alice`",
        );
    }
}

#[test]
fn what_is_written_wrong_is_told_with_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("offhook.yaml"), "data: kept\n").expect("written");
    for (arguments, told) in [
        (vec!["add", "a b", "--role", "agent"], "letters, digits"),
        (vec!["add", "alice"], "--role"),
        (vec!["add", "alice", "--role", "boss"], "agent, supervisor, ops"),
        (
            vec!["add", "alice", "--role", "agent", "--languages", "fr"],
            "en and zh are known",
        ),
        (
            vec!["add", "alice", "--role", "agent", "--phone", "0123 456"],
            "write a SIP URI",
        ),
        (vec!["add", "alice", "--role", "agent", "--capacity", "0"], "1..=20"),
        (
            vec!["add", "alice", "--role", "agent", "--totp", "--openid"],
            "cannot be used with",
        ),
    ] {
        refused(&people(folder.path(), &arguments, "correct horse\n"), told);
    }
}
