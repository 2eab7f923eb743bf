//! What is wrong is named, with its cure, and never a panic.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use super::bot::{Bot, LIMIT, offhook, root, run, script, text};

fn refused(arguments: &[&str], names: &[&str]) {
    let output = offhook(arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for name in names {
        assert!(said.contains(name), "`{name}` is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn files_that_are_wrong_are_told_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("bad.yaml"), "version: 1\nroutes: [{match: any, assistant: mia, flow: welcom}]\nassistants: {mia: {languages: [en], disclosure: Hi.}}\nflows: {welcome: {steps: [{sya: Hi.}]}}\n").expect("written");
    refused(
        &["check", &at("bad.yaml")],
        &[
            "bad.yaml:2:",
            "did you mean `welcome`",
            "bad.yaml:4:",
            "did you mean `say`",
        ],
    );
    std::fs::write(at("offhook.yaml"), "plan: bad.yaml\nsipp: {}\n").expect("written");
    refused(
        &["check", "-c", &at("offhook.yaml")],
        &["offhook.yaml:2:1", "did you mean `sip`"],
    );
    refused(&["serve", "-c", &at("none.yaml")], &["none.yaml", "cannot be read"]);
    std::fs::write(at("caller.yaml"), "language: en\nsteps: [{play: noise.wav}]\n").expect("written");
    std::fs::write(at("noise.wav"), "this is no sound").expect("written");
    refused(
        &["ring", "sip:x@127.0.0.1:9", "--as", &at("caller.yaml")],
        &["noise.wav"],
    );
    std::fs::write(at("caller.yaml"), "language: en\nsteps: [{press: x}]\n").expect("written");
    refused(
        &["ring", "sip:x@127.0.0.1:9", "--as", &at("caller.yaml")],
        &["there is no key `x`"],
    );
}

#[test]
fn what_may_not_be_meant_is_cautioned_and_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("offhook.yaml");
    let plan = root().join("dialplans/support.yaml");
    let written = |srtp: &str| format!("plan: {}\ncalls: {{srtp: {srtp}}}\n", plan.display());
    for (srtp, cautioned) in [("required", true), ("offered", false)] {
        std::fs::write(&config, written(srtp)).expect("written");
        let output = offhook(&["check", "-c", &config.display().to_string()]);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert_eq!(
            said.contains("warning: `calls.srtp` is required, but SIP comes without TLS"),
            cautioned,
            "{said}"
        );
    }
}

#[test]
fn missing_and_damaged_models_are_named_with_the_cure() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_offhook"));
    serve
        .arg("serve")
        .current_dir(root())
        .env("OFFHOOK_MODELS", folder.path());
    let (worked, said) = run(&mut serve, LIMIT);
    assert!(!worked && said.contains("offhook models pull"), "{said}");
    std::fs::write(folder.path().join("ggml-base.bin"), "short").expect("written");
    let mut verify = Command::new(env!("CARGO_BIN_EXE_offhook"));
    let (worked, said) = run(
        verify.args(["models", "verify"]).env("OFFHOOK_MODELS", folder.path()),
        LIMIT,
    );
    assert!(!worked && said.contains("ggml-base.bin"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("offhook.yaml");
    let plan = root().join("dialplans/support.yaml");
    std::fs::write(
        &config,
        format!(
            "sip: {{listen: [\"udp:127.0.0.1:{port}\"]}}\nplan: {}\n",
            plan.display()
        ),
    )
    .expect("written");
    let said = format!("127.0.0.1:{port}");
    refused(
        &["serve", "-c", &config.display().to_string()],
        &[said.as_str(), "another program holds the port"],
    );
}

#[test]
fn a_model_that_never_answers_and_a_disk_that_takes_nothing_do_not_end_a_call() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let more = format!("models: [{{url: \"http://127.0.0.1:{port}/v1\", model: none, first_token: 1s, total: 2s}}]");
    let bot = Bot::start("dialplans/support.yaml", &more);
    // A file where the folder of recordings should be.
    std::fs::write(bot.folder.path().join("data/recordings"), "in the way").expect("written");
    let yaml = "language: en\nsteps:\n  - hear: \"how can I help\"\n  - say: \"Where is my order?\"\n  - hear: \"order number\"\n  - end: caller\n";
    let report = bot.ring(&script(bot.folder.path(), yaml), &[]);
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(0), "{report:#}");
    let record = bot.last_call().to_string();
    assert!(record.contains("the language model did not answer"), "{record}");
    bot.stop();
}
