//! `offhook doctor` beside a registrar that knows one password, and beside nobody.

use std::net::SocketAddr;

use offhook::sip::{Admit, Config, Listen, Transport, UserAgent};
use serde_json::Value;

use super::bot::{free_port, offhook, text};

/// What it finds of a trunk at `server` with `password`, and whether it is content.
fn examines(server: SocketAddr, password: &str) -> (bool, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("offhook.yaml");
    let config = format!(
        "sip:\n  listen: [\"udp:127.0.0.1:{}\"]\n  trunks: [{{name: t, server: \"{server}\", username: joe, password: {password}, register: 5m}}]\n",
        free_port()
    );
    std::fs::write(&file, config).expect("written");
    let output = offhook(&["doctor", "t", "--json", "-c", &file.display().to_string()]);
    let findings = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
    (output.status.success(), findings)
}

fn seen(findings: &[Value], words: &str) -> bool {
    findings
        .iter()
        .any(|finding| finding["seen"].as_str().is_some_and(|seen| seen.contains(words)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_is_diagnosed_in_plain_words() {
    let listen = Listen {
        transport: Transport::Udp,
        address: "127.0.0.1:0".parse().expect("an address"),
    };
    let started = UserAgent::start(Config {
        listen: vec![listen],
        admit: Admit::Listed,
        users: [("joe".to_owned(), "secret".to_owned())].into(),
        ..Config::default()
    });
    let (agent, _events) = started.await.expect("started");
    let (_, server) = agent.local()[0];
    let examined = tokio::task::spawn_blocking(move || (examines(server, "secret"), examines(server, "guess")));
    let ((content, good), (careless, bad)) = examined.await.expect("examined");
    assert!(content && seen(&good, "takes the password of `joe`"), "{good:#?}");
    assert!(!careless && seen(&bad, "refuses the password of `joe`"), "{bad:#?}");
    assert_eq!(agent.counts().registrations, 0, "it changes nothing");
    agent.close().await;
    let silent = tokio::task::spawn_blocking(move || examines(server, "secret"));
    let (content, nobody) = silent.await.expect("examined");
    assert!(!content && seen(&nobody, "cannot be reached over udp"), "{nobody:#?}");
}

#[test]
fn a_trunk_that_is_not_configured_is_named() {
    let output = offhook(&["doctor", "nowhere"]);
    assert!(!output.status.success() && text(&output.stderr).contains("no trunk `nowhere`"));
}
