//! Calls that are placed, and registrations, held to the RFCs: SIPp is who is rung, and who registers the bot.
//!
//! The program has no command that places a call by a trunk yet: its user agent does, by itself. That the program rings people is shown in
//! `baresip` and here, where nobody can be had.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use offhook::sip::{Ended, Event, Redirects, Trunk};

use super::bot::{Bot, LIMIT, free_port, offhook, root, script, text, until};
use super::conformance::scenario;
use crate::sip::phone::{Phone, trunk};

/// One who is rung.
struct Callee {
    scenario: &'static str,
    options: &'static [&'static str],
    /// Who rings hangs up at this response.
    gives_up: Option<u16>,
    last: Last,
}

/// What is last told of the call.
enum Last {
    Ended(Ended),
    Refused(u16),
}

fn callee(scenario: &'static str, last: Last) -> Callee {
    Callee {
        scenario,
        options: &[],
        gives_up: None,
        last,
    }
}

fn callees() -> Vec<Callee> {
    vec![
        callee("placed", Last::Ended(Ended::ByPeer)),
        callee("placed_early", Last::Ended(Ended::ByPeer)),
        callee("placed_fork", Last::Ended(Ended::ByPeer)),
        Callee {
            // SIPp takes what comes a second time for lost and sent again, which is what this counts.
            options: &["-nr"],
            ..callee("placed_lost_ack", Last::Ended(Ended::ByPeer))
        },
        Callee {
            // The next attempt has a Call-ID of its own (RFC 3261 §8.1.3.4 lets it): for SIPp that is another call, which may not come.
            options: &["-m", "2", "-timeout", "20s"],
            ..callee("placed_redirect", Last::Ended(Ended::ByPeer))
        },
        callee("placed_busy", Last::Refused(486)),
        callee("placed_declined", Last::Refused(603)),
        callee("placed_asked", Last::Ended(Ended::ByPeer)),
        callee("placed_wrong_password", Last::Refused(401)),
        Callee {
            gives_up: Some(180),
            ..callee("placed_cancel", Last::Ended(Ended::ByUs))
        },
        Callee {
            gives_up: Some(180),
            ..callee("placed_cancel_race", Last::Ended(Ended::ByUs))
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_placed_go_as_the_rfcs_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut complaints = Vec::new();
    for (number, callee) in callees().iter().enumerate() {
        complaints.extend(place(callee, number, folder.path()).await.err());
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
}

/// Rings `callee`, as the customer of a trunk; what SIPp saw, where it saw something else.
async fn place(callee: &Callee, number: usize, folder: &Path) -> Result<(), String> {
    let messages = folder.join(format!("{number}.messages"));
    let port = free_port();
    let mut phone = answering(callee.scenario, port, &messages, callee.options);
    let server = ([127, 0, 0, 1], port).into();
    let provider = Trunk {
        redirects: Redirects::Anywhere,
        ..trunk(server, None)
    };
    let mut caller = Phone::with(|config| config.trunks = vec![provider]).await;
    let call = caller.dial_by(Some("provider"), "4911".to_owned());
    let told = loop {
        match caller.next().await {
            Event::Progressed { code, .. } if callee.gives_up == Some(code) => caller.hang_up(call),
            Event::Progressed { .. } | Event::Answered { .. } => {}
            last => break last,
        }
    };
    let expected = match &callee.last {
        Last::Ended(cause) => matches!(&told, Event::Ended { cause: told, .. } if told == cause),
        Last::Refused(code) => matches!(&told, Event::Refused { code: told, .. } if told == code),
    };
    let went = phone.went();
    caller.agent.close().await;
    if went && expected {
        return Ok(());
    }
    let trace = std::fs::read_to_string(&messages).unwrap_or_default();
    Err(format!(
        "{}: SIPp says {went}, and the caller was told {told:?}:\n{trace}",
        callee.scenario
    ))
}

#[test]
fn the_program_says_who_cannot_be_had() {
    let folder = tempfile::tempdir().expect("a folder");
    let caller = script(
        folder.path(),
        "language: en\nfrom: \"4912\"\nsteps: [{wait: 1s}, {end: caller}]\n",
    );
    let (messages, port) = (folder.path().join("messages"), free_port());
    let mut phone = answering("placed_busy", port, &messages, &[]);
    let (uri, caller) = (format!("sip:desk@127.0.0.1:{port}"), caller.display().to_string());
    let output = offhook(&["ring", &uri, "--as", &caller, "--json"]);
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("refused the call: 486"),
        "{said}"
    );
    assert!(
        phone.went(),
        "{}",
        std::fs::read_to_string(messages).unwrap_or_default()
    );
}

/// SIPp that waits to be rung, once.
pub(super) struct Answering(Child);

pub(super) fn answering(name: &str, port: u16, messages: &Path, options: &[&str]) -> Answering {
    let mut command: Command = scenario(name, port, messages);
    command.args(["-i", "127.0.0.1"]).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command
        .spawn()
        .unwrap_or_else(|e| panic!("SIPp cannot be run: {e}; `.ci/setup test` installs it"));
    let own = format!(":{port:04X} ");
    until("SIPp to listen", LIMIT, || {
        let bound = std::fs::read_to_string("/proc/net/udp").ok()?;
        bound.contains(&own).then_some(())
    });
    Answering(child)
}

impl Answering {
    /// Whether all went by the scenario; it has a while to end.
    pub fn went(&mut self) -> bool {
        until("the end of SIPp", LIMIT, || self.0.try_wait().expect("waited")).success()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A bot that registers at `port`.
fn registering(port: u16) -> Bot {
    let plan = root().join("fixtures/plans/transfer.yaml");
    let config = |own: u16| {
        format!(
            "sip:\n  listen: [\"udp:127.0.0.1:{own}\"]\n  trunks: [{{name: exchange, server: \"127.0.0.1:{port}\", \
             username: bot, password: secret, register: 60s}}]\nplan: {}\ndata: data\n",
            plan.display()
        )
    };
    Bot::start_with(config, &[])
}

#[test]
fn it_registers_and_stays_registered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (messages, port) = (folder.path().join("messages"), free_port());
    let mut registrar = answering("registrar", port, &messages, &[]);
    let bot = registering(port);
    let went = registrar.went();
    bot.await_log("registered", LIMIT);
    assert!(went, "{}", std::fs::read_to_string(messages).unwrap_or_default());
    bot.stop();
}

#[test]
fn a_password_that_is_refused_is_not_tried_again_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (messages, port) = (folder.path().join("messages"), free_port());
    let mut registrar = answering("registrar_refuses", port, &messages, &[]);
    let bot = registering(port);
    let told = bot.await_log("registration failed", LIMIT);
    assert!(told.contains("403"), "{told}");
    assert!(
        registrar.went(),
        "{}",
        std::fs::read_to_string(messages).unwrap_or_default()
    );
    bot.stop();
}
