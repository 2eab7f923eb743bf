//! An agent's line and a real browser: what each hears, keys, two at once, and a page that is closed or killed.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offhook::audio::tone::{Key, level_at, sine};
use offhook::audio::{FRAME_DURATION, Frame, frames, wav};
use offhook::browser::{Event, IceServer, Line, Settings};
use offhook::clock;
use offhook::language::{Language, Voice};
use offhook::rtp::Stats;
use offhook::simulate::words::recall;
use offhook::speech::Care;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};

use super::bot::{LIMIT, free_port, root, until};
use super::chromium::{Chromium, Page, on_loopback};
use super::voices::{hears, says};

const RATE: u32 = 16_000;
/// Without a packet for so long a page is lost.
const LOST: Duration = Duration::from_secs(3);

#[test]
fn an_agent_in_a_browser_understands_and_is_understood() {
    on_loopback("real::browser::speech_crosses_both_ways");
}

#[test]
fn browsers_that_are_closed_or_killed_are_lost_alone() {
    on_loopback("real::browser::two_lines_are_lost_one_after_the_other");
}

#[test]
fn a_browser_that_nothing_but_a_relay_reaches_is_heard() {
    on_loopback("real::browser::a_relay_carries_it");
}

/// A line that is driven as a call drives it.
struct Driven {
    heard: Arc<Mutex<Heard>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    sound: Vec<i16>,
    keys: String,
    events: Vec<(Instant, Event)>,
    stats: Option<Stats>,
}

impl Driven {
    /// `page` offers (`codec`, or what it likes), and hears `says` over and over.
    fn answer(runtime: &Runtime, page: &Page, codec: &str, says: Arc<[i16]>) -> Self {
        let offer = page.evaluate(&format!("offer({})", json!(codec)));
        Self::answer_by(runtime, page, &offer, &[], says).0
    }

    /// With the help of `servers`; with our answer.
    fn answer_by(
        runtime: &Runtime,
        page: &Page,
        offer: &Value,
        servers: &[IceServer],
        says: Arc<[i16]>,
    ) -> (Self, String) {
        let settings = Settings {
            addresses: vec!["127.0.0.1:0".parse().expect("an address")],
            ice_servers: servers.to_vec(),
            lost: LOST,
            ..Settings::default()
        };
        let offer = offer.as_str().expect("an offer").to_owned();
        let began = clock::now();
        let answered =
            runtime.block_on(async { Line::answer(&offer, &settings, 0x0123_4567_89ab_cdef, clock::now).await });
        let (mut line, answer) = answered.expect("an answer");
        println!("answered in {:?}, by {}", clock::now() - began, line.codec());
        assert_eq!(page.evaluate(&format!("accept({})", json!(&answer))), true);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let tells = Arc::clone(&heard);
        let task = runtime.spawn(async move {
            let mut ticks = interval(FRAME_DURATION);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let caller: Vec<Frame> = frames(&says).collect();
            for frame in caller.iter().cycle() {
                ticks.tick().await;
                let now = clock::now();
                let incoming = line.tick(now);
                line.send(now, frame);
                let mut heard = tells.lock().expect("unharmed");
                heard.sound.extend(incoming.frame.samples());
                heard.keys.extend(incoming.keys.into_iter().map(Key::symbol));
                while let Some(event) = line.poll() {
                    println!("{event:?}");
                    heard.events.push((now, event));
                }
                heard.stats = line.stats().or(heard.stats);
            }
        });
        (Self { heard, task }, answer)
    }

    /// Waits until `done` of what it has heard gives something.
    fn until<T>(&self, what: &str, mut done: impl FnMut(&Heard) -> Option<T>) -> T {
        until(what, LIMIT, || done(&self.heard.lock().expect("unharmed")))
    }

    fn await_connection(&self) {
        self.until("the connection", |heard| {
            heard
                .events
                .iter()
                .any(|(_, event)| *event == Event::Connected)
                .then_some(())
        });
    }

    /// The next so many seconds of the agent.
    fn listen(&self, seconds: usize) -> Vec<i16> {
        let from = self.until("a beginning", |heard| Some(heard.sound.len()));
        let length = seconds * RATE as usize;
        self.until("sound", |heard| {
            heard.sound.get(from..from + length).map(<[i16]>::to_vec)
        })
    }

    /// When it was told to be over.
    fn lost(&self) -> Option<Instant> {
        let heard = self.heard.lock().expect("unharmed");
        let lost = heard.events.iter().find(|(_, event)| matches!(event, Event::Lost(_)));
        lost.map(|(at, _)| *at)
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime")
}

fn page() -> String {
    format!("file://{}", root().join("tests/it/real/browser.html").display())
}

fn microphone(folder: &Path, sound: &[i16]) -> PathBuf {
    let file = folder.join("microphone.wav");
    std::fs::write(&file, wav::mono(sound).expect("a WAV file")).expect("written");
    file
}

/// What the page hears for so many seconds.
fn heard_there(page: &Page, seconds: u32) -> Vec<i16> {
    let sound = page.evaluate(&format!("listen({})", seconds * 1_000));
    let bytes = STANDARD.decode(sound.as_str().expect("sound")).expect("base64");
    bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| i16::from_le_bytes(*pair))
        .collect()
}

/// With a pause, so that sentences that are said over and over stay apart.
fn sentence(voice: Voice, text: &str) -> Arc<[i16]> {
    let mut sound = says(voice, text).to_vec();
    sound.resize(sound.len() + RATE as usize, 0);
    sound.into()
}

const AGENT: &str = "Good morning. Your order will be delivered on Monday afternoon.";
const CALLER: &str = "Thank you very much, that is good news. Goodbye.";

#[test]
#[ignore = "in a network of its own"]
fn speech_crosses_both_ways() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let agent = sentence(Voice::Joe, AGENT);
    let chromium = Chromium::start(&microphone(folder.path(), &agent));
    for codec in ["", "audio/PCMU"] {
        let page = chromium.open(&page());
        let line = Driven::answer(&runtime, &page, codec, sentence(Voice::Joe, CALLER));
        line.await_connection();
        let there = std::thread::scope(|scope| {
            let there = scope.spawn(|| heard_there(&page, 10));
            understood(AGENT, &line.listen(10));
            there.join().expect("heard")
        });
        understood(CALLER, &there);
        page.evaluate("press('42#')");
        line.until("the keys", |heard| (heard.keys == "42#").then_some(()));
        let figures = page.evaluate("figures()");
        let stats = line.until("figures", |heard| heard.stats);
        println!("there: {figures}\nhere: {stats:?}");
        let coded = if codec.is_empty() { "audio/opus" } else { codec };
        assert_eq!(
            (&figures["codec"], &figures["sends"]),
            (&json!(coded), &json!(coded)),
            "{figures}"
        );
        assert_eq!(figures["pair"], json!([["host", "127.0.0.1"], ["host", "127.0.0.1"]]));
        assert!(stats.received > 400 && stats.lost == 0, "{stats:?}");
        assert!(
            figures["received"].as_u64() > Some(400) && figures["lost"] == 0,
            "{figures}"
        );
        let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser.png");
        page.screenshot(&picture);
        let shown = std::fs::metadata(&picture).expect("a picture").len();
        assert!(shown > 1_000, "{} has {shown} bytes", picture.display());
        page.close();
    }
}

fn understood(said: &str, sound: &[i16]) {
    let heard = hears(sound, Language::English, Care::Careful, "").text;
    println!("`{said}` was heard as `{heard}`");
    let understood = recall(said, &heard, Language::English);
    assert!(understood >= 0.7, "of `{said}` `{heard}` was heard");
}

/// Hz: of the microphone, and what each page is to hear.
const MICROPHONE: f32 = 1_000.0;
const CALLERS: [f32; 2] = [440.0, 700.0];

#[test]
#[ignore = "in a network of its own"]
fn two_lines_are_lost_one_after_the_other() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let tone = |hz| sine(hz, -20.0, Duration::from_secs(1));
    let mut chromium = Chromium::start(&microphone(folder.path(), &tone(MICROPHONE)));
    let [(first, one), (second, two)] = CALLERS.map(|hz| {
        let page = chromium.open(&page());
        let line = Driven::answer(&runtime, &page, "", tone(hz).into());
        (page, line)
    });
    for (page, line, own, other) in [(&first, &one, 0, 1), (&second, &two, 1, 0)] {
        line.await_connection();
        line.listen(1);
        let level = level_at(&line.listen(1), RATE, MICROPHONE);
        let there = heard_there(page, 2);
        let [own, other] = [own, other].map(|at| level_at(&there[there.len() / 2..], RATE, CALLERS[at]));
        println!("here {level} dBFS; there {own} dBFS, and of the other caller {other}");
        assert!((level + 20.0).abs() < 4.0, "the agent is heard at {level} dBFS");
        assert!(
            (own + 20.0).abs() < 4.0 && other < -50.0,
            "the page hears {own} and {other} dBFS"
        );
    }
    let closed = clock::now();
    first.close();
    assert_lost(&one, closed);
    assert!((level_at(&two.listen(1), RATE, MICROPHONE) + 20.0).abs() < 4.0 && two.lost().is_none());
    let killed = clock::now();
    chromium.kill();
    assert_lost(&two, killed);
}

/// coturn, for one user. Dropping it ends it.
struct Turn(Child, u16);

impl Turn {
    fn start(folder: &Path) -> Self {
        let port = free_port();
        let child = Command::new("turnserver")
            .args([
                "-n",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--allow-loopback-peers",
                "--lt-cred-mech",
            ])
            .args([
                "--listening-ip=127.0.0.1",
                "--relay-ip=127.0.0.1",
                "--realm=offhook",
                "--user=agent:secret",
            ])
            .args([
                "--log-file=stdout",
                "--pidfile=",
                "--min-port=26500",
                "--max-port=26600",
            ])
            .arg(format!("--listening-port={port}"))
            .arg(format!("--userdb={}", folder.join("turn.db").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("turnserver cannot be run: {e}; `.ci/setup test` installs it"));
        until("the relay", LIMIT, || TcpStream::connect(("127.0.0.1", port)).ok());
        Self(child, port)
    }

    fn server(&self) -> IceServer {
        IceServer {
            urls: vec![format!("turn:127.0.0.1:{}?transport=udp", self.1)],
            username: "agent".to_owned(),
            credential: "secret".to_owned(),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
#[ignore = "in a network of its own"]
fn a_relay_carries_it() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let tone = |hz| sine(hz, -20.0, Duration::from_secs(1));
    let chromium = Chromium::start(&microphone(folder.path(), &tone(MICROPHONE)));
    let (turn, page) = (Turn::start(folder.path()), chromium.open(&page()));
    let server = turn.server();
    let relayed = json!({
        "iceServers": [{"urls": server.urls, "username": server.username, "credential": server.credential}],
        "iceTransportPolicy": "relay",
    });
    let offer = page.evaluate(&format!("offer('', {relayed})"));
    let (line, answer) = Driven::answer_by(&runtime, &page, &offer, &[server], tone(CALLERS[0]).into());
    assert!(
        answer.contains(" typ host") && answer.contains(" typ relay"),
        "{answer}"
    );
    line.await_connection();
    let heard = |what: &str, hz: f32, listen: &dyn Fn() -> Vec<i16>| {
        until(what, LIMIT, || {
            let level = level_at(&listen(), RATE, hz);
            println!("{what}: {level} dBFS");
            ((level + 20.0).abs() < 4.0).then_some(())
        });
    };
    heard("the microphone here", MICROPHONE, &|| line.listen(1));
    heard("the bot there", CALLERS[0], &|| heard_there(&page, 1));
    let figures = page.evaluate("figures()");
    println!("{figures}");
    assert_eq!(figures["pair"][0][0], "relay", "{figures}");
}

/// It is noticed that the page went `then`, and not by a limit that is longer.
fn assert_lost(line: &Driven, then: Instant) {
    let after = until("the loss", LIMIT, || line.lost()) - then;
    println!("lost after {after:?}");
    assert!(after < LOST * 3, "{after:?}");
}
