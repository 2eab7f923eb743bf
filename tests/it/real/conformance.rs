//! SIPp holds the real program to the RFCs: each scenario of `sipp/` rings it, and what the bot has recorded of that call is compared.
//!
//! Callers of a table ring side by side, each by a name of its own, so that one start of the bot does for all of them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::Value;

use super::bot::{Bot, LIMIT, free_port, offhook, root, run, script, text, until};

/// Callers that ring at once: hardly any of them does more than wait.
const AT_ONCE: usize = 10;
/// The longest scenario, a session that nobody refreshes, takes a minute.
const SCENARIO: Duration = Duration::from_secs(100);
/// Media ports of the callers, ten for each.
const MEDIA: u16 = 27_000;

const HUNG_UP: &str = "the caller hung up";
const WE_HUNG_UP: &str = "the bot hung up";

/// One who rings.
struct Caller {
    /// Of the caller: what their call is recorded under. `slow…` is known to the plan's tool late, and hears ringing until then.
    name: &'static str,
    scenario: &'static str,
    /// What is dialled: see the routes of `sipp/wire.yaml`.
    dials: &'static str,
    options: &'static [&'static str],
    /// How the record says the call ended; none where the bot keeps none.
    ending: Option<&'static str>,
    /// What else the record tells.
    tells: &'static [&'static str],
}

const fn caller(scenario: &'static str, ending: &'static str) -> Caller {
    Caller {
        name: scenario,
        scenario,
        dials: "support",
        options: &[],
        ending: Some(ending),
        tells: &[],
    }
}

impl Caller {
    const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    const fn dials(self, dials: &'static str) -> Self {
        Self { dials, ..self }
    }

    const fn with(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    const fn tells(self, tells: &'static [&'static str]) -> Self {
        Self { tells, ..self }
    }

    const fn unrecorded(self) -> Self {
        Self { ending: None, ..self }
    }
}

/// SIPp takes what comes a second time for lost and sent again, which is what these count.
const COUNTS: &[&str] = &["-nr"];

const CALLS: &[Caller] = &[
    // The slow ones first.
    caller("timer_theirs", "the peer did not refresh the session in time"),
    caller("no_ack", "the caller never acknowledged the answer").with(COUNTS),
    caller("basic", HUNG_UP).tells(&["this is an automated assistant"]),
    caller("basic", HUNG_UP).named("basic_tcp").with(&["-t", "t1"]),
    caller("basic", HUNG_UP).named("basic_v6").with(&["-mi", "127.0.0.1"]),
    caller("let_go", WE_HUNG_UP)
        .named("let_go_tcp")
        .dials("brief")
        .with(&["-t", "t1"]),
    caller("let_go", WE_HUNG_UP)
        .named("let_go_v6")
        .dials("brief")
        .with(&["-mi", "127.0.0.1"]),
    caller("late_offer", HUNG_UP).tells(&["this is an automated assistant"]),
    caller("cancel", "the caller gave up before the answer").named("slow_cancel"),
    caller("cancel_race", HUNG_UP),
    caller("busy", "refused with 486: so says the route `busy`").dials("busy"),
    caller("declined", "refused with 603: so says the route `declined`").dials("declined"),
    caller("hold", HUNG_UP).tells(&["the caller put the bot on hold", "the caller came back"]),
    caller("hold", HUNG_UP).named("hold_tcp").with(&["-t", "t1"]),
    caller("moved", WE_HUNG_UP).dials("brief"),
    caller("timer_ours", HUNG_UP),
    caller("timer_ours_by_invite", HUNG_UP),
    caller("timer_brief", HUNG_UP),
    caller("prack", HUNG_UP).named("slow_prack").with(COUNTS),
    caller("update", HUNG_UP).tells(&["the caller put the bot on hold", "the caller came back"]),
    caller("reoffer", HUNG_UP),
    caller("info", HUNG_UP).tells(&["key 5", "key 7"]),
    caller("keys", HUNG_UP).tells(&["key 1", "key 9", "key #"]),
    caller("refer", WE_HUNG_UP)
        .dials("transfer")
        .with(&["-key", "outcome", "200 OK"])
        .tells(&["One moment"]),
    caller("refer", WE_HUNG_UP)
        .named("refer_busy")
        .dials("transfer")
        .with(&["-key", "outcome", "486 Busy Here"])
        .tells(&["nobody_free", "Nobody is free right now"]),
    caller("refer_refused", WE_HUNG_UP)
        .dials("transfer")
        .tells(&["nobody_free", "Nobody is free right now"]),
    caller("replaces", HUNG_UP),
    caller("replaces_unknown", "").unrecorded(),
    caller("merged", HUNG_UP).named("slow_merged"),
    caller("lost_ack", HUNG_UP).with(COUNTS),
    caller("lost_200", HUNG_UP).with(COUNTS),
    caller("twice", HUNG_UP).named("slow_twice").with(COUNTS),
    caller("bye_glare", WE_HUNG_UP).dials("brief"),
    caller("reinvite_glare", HUNG_UP),
    caller("route_loose", WE_HUNG_UP).dials("brief"),
];

/// Those who are asked who they are.
const USERS: &[Caller] = &[
    caller("asked", HUNG_UP)
        .named("alice")
        .with(&["-au", "alice", "-ap", "secret"]),
    caller("asked_wrong", "")
        .unrecorded()
        .with(&["-au", "alice", "-ap", "wrong"]),
    caller("registers", "")
        .named("bob")
        .unrecorded()
        .with(&["-au", "bob", "-ap", "secret"]),
];

#[test]
fn calls_that_come_in_go_as_the_rfcs_say() {
    let desk = Desk::open();
    let bot = start(&desk, "");
    hold(&bot, CALLS);
    bot.stop();
}

/// SIPp 3.6 answers the first challenge, and that only by MD5.
#[test]
fn users_prove_who_they_are() {
    let desk = Desk::open();
    let bot = start(
        &desk,
        "  admit: listed\n  users: {alice: secret, bob: secret}\n  algorithms: [md5]",
    );
    hold(&bot, USERS);
    bot.stop();
}

/// Where the plan transfers to; nobody is there.
#[test]
fn a_caller_has_the_bot_call_somebody() {
    let desk = Desk::open();
    let bot = start(&desk, "outbound: {referred: permitted}");
    let tells = &["has the bot call sip:desk@127.0.0.1:5999", "did not answer (408)"];
    hold(&bot, &[caller("refer_by_caller", HUNG_UP).tells(tells)]);
    bot.stop();
}

#[test]
fn a_strict_router_is_the_request_uri() {
    let desk = Desk::open();
    let bot = start(&desk, "");
    hold(&bot, &[caller("route_strict", WE_HUNG_UP).dials("brief")]);
    bot.stop();
}

/// The bot on both families, its sound on `addresses`.
fn on_both(desk: &Desk, addresses: &str) -> Bot {
    let plan = root().join("tests/it/real/sipp/wire.yaml");
    let config = |port: u16| {
        format!(
            "sip: {{listen: [\"udp:127.0.0.1:{port}\", \"udp:[::1]:{port}\", \"tcp:[::1]:{port}\"]}}\n\
             rtp: {{address: {addresses}, ports: 24000-25999}}\nplan: {}\ndata: data\ncalls: {{record: false}}\n",
            plan.display()
        )
    };
    Bot::start_with(config, &[("DESK", &desk.address)])
}

/// Rings the bot at `host`, and waits for its greeting; what was said where it was not heard.
fn greeted(bot: &Bot, host: &str, more: &[&str]) -> Result<Value, String> {
    let yaml =
        "language: en\nsteps: [{hear: \"this is an automated assistant how can I help you today\"}, {end: caller}]\n";
    let caller = script(bot.folder.path(), yaml).display().to_string();
    let uri = format!("sip:support@{host}:{}", bot.port);
    let arguments = [&["ring", &uri, "--as", &caller, "--json"], more].concat();
    let output = offhook(&arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let report = serde_json::from_slice(&output.stdout)
        .ok()
        .filter(|_| output.status.success());
    report.ok_or(out + &err)
}

#[test]
fn sound_goes_by_the_family_that_the_caller_speaks() {
    let desk = Desk::open();
    let bot = on_both(&desk, "[127.0.0.1, \"::1\"]");
    for host in ["127.0.0.1", "[::1]"] {
        greeted(&bot, host, &[]).unwrap_or_else(|said| panic!("{host}: {said}"));
        assert_eq!(bot.last_call()["ending"], HUNG_UP, "{host}");
    }
    bot.stop();
}

#[test]
fn a_call_whose_family_has_no_address_is_refused_and_recorded() {
    let desk = Desk::open();
    let bot = on_both(&desk, "127.0.0.1");
    let said = greeted(&bot, "[::1]", &[]).expect_err("a call without sound was taken");
    assert!(said.contains("refused the call: 488"), "{said}");
    let ending = bot.last_call()["ending"].to_string();
    assert!(
        ending.contains("refused with 488") && ending.contains("no IPv6 address"),
        "{ending}"
    );
    greeted(&bot, "127.0.0.1", &[]).unwrap_or_else(|said| panic!("{said}"));
    bot.stop();
}

#[test]
fn sound_is_encrypted_and_of_the_codec_that_is_asked_for() {
    let desk = Desk::open();
    let bot = on_both(&desk, "127.0.0.1");
    for codec in ["opus", "g722", "pcma"] {
        let report = greeted(&bot, "127.0.0.1", &["--srtp", "--codec", codec]).unwrap_or_else(|said| panic!("{said}"));
        let spoken = report["codec"].as_str().unwrap_or_default().to_ascii_lowercase();
        assert!(spoken.starts_with(codec), "{report:#}");
        assert_eq!(report["encryption"], "AEAD_AES_256_GCM", "{codec}");
        let record = bot.last_call().to_string();
        assert!(record.contains("AEAD_AES_256_GCM"), "{record}");
    }
    bot.stop();
}

/// The trunk is known by the address that the call came from.
#[test]
fn a_trunk_that_asks_within_a_call_is_answered() {
    let desk = Desk::open();
    let trunk = "  trunks: [{name: exchange, server: 127.0.0.1, username: bot, password: secret}]";
    let bot = start(&desk, trunk);
    let asks = caller("refer_asked", WE_HUNG_UP)
        .dials("transfer")
        .tells(&["One moment"]);
    hold(&bot, &[asks]);
    bot.stop();
}

/// The bot, for every caller of a table; `more` is of `sip`.
fn start(desk: &Desk, more: &str) -> Bot {
    let plan = root().join("tests/it/real/sipp/wire.yaml");
    let config = |port: u16| {
        format!(
            "sip:\n  listen: [\"udp:127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\", \"udp:[::1]:{port}\"]\n{more}\n\
             rtp: {{ports: 24000-25999, timeout: 200s}}\nplan: {}\ndata: data\ncalls: {{most: 50, record: false}}\n",
            plan.display()
        )
    };
    Bot::start_with(config, &[("DESK", &desk.address)])
}

/// Has all of `callers` ring, and compares what became of them with the table and with the bot's records.
fn hold(bot: &Bot, callers: &[Caller]) {
    let (port, folder) = (bot.port, bot.folder.path());
    let complaints = side_by_side(callers, AT_ONCE, |caller| ring(port, folder, caller));
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
    let recorded = callers.iter().filter(|caller| caller.ending.is_some()).count();
    let calls = until("the record of every call", LIMIT, || {
        let calls = bot.calls();
        let ended = calls.iter().filter(|call| !call["ended"].is_null()).count();
        (ended == calls.len() && ended >= recorded).then_some(calls)
    });
    let complaints: Vec<String> = callers
        .iter()
        .filter_map(|caller| compare(bot, caller, &calls).err())
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
}

/// Does `each` with all of `items`, `at_once` at a time; what it complains about.
fn side_by_side<T: Sync>(items: &[T], at_once: usize, each: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)));
        let own = numbers.map_while(|number| items.get(number));
        own.filter_map(|item| each(item).err()).collect::<Vec<String>>()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|one| one.join().expect("joined"))
            .collect()
    })
}

/// Rings as `caller`; the messages, where it did not go by the scenario.
fn ring(port: u16, folder: &Path, caller: &Caller) -> Result<(), String> {
    let v6 = caller.name.ends_with("_v6");
    let host = if v6 { "[::1]" } else { "127.0.0.1" };
    let messages = folder.join(format!("{}.messages", caller.name));
    let mut command = scenario(caller.scenario, free_port(), &messages);
    command
        .args(["-i", host, "-s", caller.dials, "-key", "caller", caller.name])
        .args(caller.options)
        .arg(format!("{host}:{port}"))
        .current_dir(folder);
    let (passed, said) = run(&mut command, SCENARIO);
    if passed {
        return Ok(());
    }
    let trace = std::fs::read_to_string(&messages).unwrap_or(said);
    Err(format!("{}: SIPp was told otherwise:\n{trace}", caller.name))
}

/// SIPp with a scenario of ours, once, at `port`, with ports for sound that no other has.
pub(super) fn scenario(name: &str, port: u16, messages: &Path) -> Command {
    let file = root().join(format!("tests/it/real/sipp/{name}.xml"));
    // Tests run beside each other: no two of them name the same.
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let media = MEDIA + 10 * (TAKEN.fetch_add(1, Relaxed) % 300);
    let limit = SCENARIO.as_secs().to_string();
    let mut command = Command::new("sipp");
    command
        .arg("-sf")
        .arg(file)
        .args(["-m", "1", "-nostdin", "-trace_msg", "-message_file"])
        .arg(messages)
        .args([
            "-timeout",
            &format!("{limit}s"),
            "-timeout_error",
            "-recv_timeout",
            "20000",
        ])
        .args(["-p", &port.to_string(), "-mp", &media.to_string()])
        .env("TERM", "dumb");
    command
}

/// What the bot kept of the call is what the table says, and it kept it once.
fn compare(bot: &Bot, caller: &Caller, calls: &[Value]) -> Result<(), String> {
    let own: Vec<&Value> = calls.iter().filter(|call| call["caller"] == caller.name).collect();
    let (Some(ending), [call]) = (caller.ending, own.as_slice()) else {
        let kept = usize::from(caller.ending.is_some());
        return match own.len() {
            found if found == kept => Ok(()),
            found => Err(format!("{}: {found} records, and not {kept}", caller.name)),
        };
    };
    let record = bot.call(call["id"].as_str().unwrap_or_default());
    let told = record["ending"].as_str().unwrap_or_default();
    if !told.contains(ending) {
        return Err(format!("{}: ended with `{told}`, and not `{ending}`", caller.name));
    }
    let text = record.to_string();
    let missing = caller.tells.iter().find(|words| !text.contains(**words));
    missing.map_or(Ok(()), |words| {
        Err(format!("{}: `{words}` is not in {record:#}", caller.name))
    })
}

/// What the plan's tool asks who calls: it never answers for those whose names begin with `slow`.
struct Desk {
    address: String,
}

impl Desk {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for line in listener.incoming().flatten() {
                kept.extend(asked(line));
            }
        });
        Self { address }
    }
}

/// The line, where it is to be left open.
fn asked(mut line: TcpStream) -> Option<TcpStream> {
    let mut question = [0; 2048];
    line.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let length = line.read(&mut question).ok()?;
    if question[..length].starts_with(b"GET /slow") {
        return Some(line);
    }
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    line.write_all(answer.as_bytes()).ok()?;
    None
}
