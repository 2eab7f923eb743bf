//! People at their pages take calls, each in a browser of their own: who is rung, what they see, hear and say, what they do with the call, and what becomes of
//! callers whose agent is suddenly gone. Pictures of what they saw are left in `target/tmp/desk`.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offhook::audio::wav;
use offhook::language::{Language, Voice};
use offhook::speech::Care;
use serde_json::{Value, json};

use super::agents::{PASSWORD, employ, understood};
use super::bot::{Bot, free_port, script, text, until};
use super::chromium::{Chromium, Page, on_loopback};
use super::voices::{hears, says};

/// For a step of a call: the bot has spoken, somebody is rung.
const STEP: Duration = Duration::from_secs(60);
const AGENT: &str = "Good morning. Your order will be delivered on Monday afternoon.";
const CALLER: &str = "Thank you very much, that is good news. When do you open tomorrow?";

#[test]
fn an_agent_takes_a_call_at_their_page_and_gives_it_back() {
    on_loopback("real::seats::taken_held_and_given_back");
}

#[test]
fn a_caller_whose_agent_is_gone_goes_on_to_the_next() {
    on_loopback("real::seats::lost_and_taken_by_another");
}

#[test]
fn a_supervisor_sees_all_calls_and_takes_one_from_the_bot() {
    on_loopback("real::seats::watched_and_taken_over");
}

/// Somebody at their page.
struct Seat {
    chromium: Chromium,
    page: Page,
    name: &'static str,
}

impl Seat {
    /// `name` signs in at the desk of `bot`, and says `says` over and over.
    fn take(bot: &Bot, web: u16, name: &'static str, role: &str, says: &[i16]) -> Self {
        employ(bot, name, role, &[]);
        let file = bot.folder.path().join(format!("{name}.wav"));
        std::fs::write(&file, wav::mono(says).expect("a WAV file")).expect("written");
        let chromium = Chromium::start(&file);
        let page = chromium.open(&format!("http://127.0.0.1:{web}/"));
        let seat = Self { chromium, page, name };
        seat.page.looks(1280, 720, "light");
        seat.await_that("document.getElementById('form').hidden === false");
        seat.run(&format!(
            "document.getElementById('name').value = {}; document.getElementById('password').value = {}; \
             document.getElementById('form').requestSubmit()",
            json!(name),
            json!(PASSWORD)
        ));
        seat.await_that("location.pathname == '/desk' && document.getElementById('state')?.options.length > 2");
        seat.run(
            "const state = document.getElementById('state'); state.value = 'available'; state.dispatchEvent(new Event('change'))",
        );
        seat.await_that("document.getElementById('my-shape').dataset.state == 'available'");
        seat
    }

    fn run(&self, script: &str) {
        self.page.evaluate(&format!("{{ {script}; true }}"));
    }

    fn click(&self, id: &str) {
        println!("{} presses {id}", self.name);
        self.await_that(&format!(
            "(b => b && !b.disabled && b.checkVisibility())(document.getElementById('{id}'))"
        ));
        self.run(&format!("document.getElementById('{id}').click()"));
    }

    /// Waits until this is so at the page.
    fn await_that(&self, what: &str) {
        // A page that is being left cannot be asked.
        let asked = format!("(() => {{ try {{ return !!({what}); }} catch {{ return false; }} }})()");
        until(&format!("{} at the page of {}", what, self.name), STEP, || {
            (self.page.evaluate(&asked) == true).then_some(())
        });
    }

    fn rings(&self) {
        self.await_that("document.getElementById('incoming').hidden === false");
    }

    fn await_words(&self, id: &str, words: &str) {
        let wanted = json!(words);
        self.await_that(&format!(
            "document.getElementById('{id}').textContent.includes({wanted})"
        ));
    }

    fn await_stage(&self, stage: &str) {
        self.await_words("call-stage", stage);
    }

    /// What is heard at the page for so many seconds.
    fn hears(&self, seconds: u32) -> Vec<i16> {
        let sound = self.page.evaluate(&format!("({LISTEN})({})", seconds * 1_000));
        let bytes = STANDARD.decode(sound.as_str().expect("sound")).expect("base64");
        let pairs = bytes.as_chunks::<2>().0;
        pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
    }

    fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("desk");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file: PathBuf = folder.join(format!("{name}.png"));
        self.page.screenshot(&file);
        let bytes = std::fs::metadata(&file).expect("a picture").len();
        assert!(bytes > 5_000, "{} has {bytes} bytes", file.display());
    }
}

/// What the element that plays a call's sound plays for so long: 16 kHz mono, 16 bits, in base64.
const LISTEN: &str = r"async (milliseconds) => {
  const sound = () => [...document.querySelectorAll('audio')].map((ear) => ear.srcObject).find((stream) => stream?.active);
  for (let tries = 0; !sound() && tries < 200; tries++) await new Promise((done) => setTimeout(done, 100));
  const stream = sound();
  const context = new AudioContext({ sampleRate: 16000 });
  await context.resume();
  const tap = context.createScriptProcessor(1024, 1, 1);
  const pieces = [];
  tap.onaudioprocess = (event) => pieces.push(Int16Array.from(event.inputBuffer.getChannelData(0), (x) => Math.max(-1, Math.min(1, x)) * 32767));
  context.createMediaStreamSource(stream).connect(tap);
  tap.connect(context.destination);
  await new Promise((done) => setTimeout(done, milliseconds));
  await context.close();
  let text = '';
  for (const piece of pieces) for (const byte of new Uint8Array(piece.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}";

fn desk() -> (Bot, u16) {
    let web = free_port();
    let more = format!("calls: {{record: false}}\nweb: {{listen: \"127.0.0.1:{web}\"}}");
    (Bot::start("fixtures/plans/person.yaml", &more), web)
}

/// Somebody rings and asks for a person, then does `steps`; what the caller's program reports at the end.
fn rings(bot: &Bot, steps: &str) -> JoinHandle<Value> {
    let yaml = format!(
        "language: en\nsteps:\n  - hear: \"hello this is Mia how can I help\"\n  - say: \"I want to talk to a person.\"\n\
         \x20 - hear: \"I will put you through\"\n{steps}"
    );
    let caller = script(bot.folder.path(), &yaml).display().to_string();
    let uri = bot.uri();
    std::thread::spawn(move || {
        let output = super::bot::offhook(&["ring", &uri, "--as", &caller, "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("no report: {e}\n{}", text(&output.stderr)))
    })
}

/// A sentence and a pause, for a microphone.
fn sentence(text: &str) -> Vec<i16> {
    let mut sound = says(Voice::Joe, text).to_vec();
    sound.resize(sound.len() + 24_000, 0);
    sound
}

#[test]
#[ignore = "in a network of its own"]
fn taken_held_and_given_back() {
    let (bot, web) = desk();
    let ann = Seat::take(&bot, web, "ann", "agent", &sentence(AGENT));
    let zoe = Seat::take(&bot, web, "zoe", "agent", &sentence(AGENT));
    ann.picture("idle");
    let again = format!("  - wait: 8s\n  - say: \"{CALLER}\"\n").repeat(3);
    let steps = format!("{again}  - wait: 40s\n  - end: caller\n");
    let caller = rings(&bot, &steps);
    let (first, second) = until("one of two who is rung", STEP, || {
        let rung = |seat: &Seat| seat.page.evaluate("!document.getElementById('incoming').hidden") == true;
        [(&ann, &zoe), (&zoe, &ann)].into_iter().find(|(seat, _)| rung(seat))
    });
    first.await_words("incoming-brief", "The caller asks for a person.");
    first.await_words("incoming-brief", "I want to talk to a person");
    first.picture("ringing");
    first.click("decline");
    second.rings();
    second.click("accept");
    second.await_stage("Talking");
    let heard = hears(&second.hears(18), Language::English, Care::Careful, "").text;
    understood("Thank you very much, that is good news.", &heard);
    second.await_words("transcript", "good news");
    second.await_words("transcript", "delivered on Monday");
    second.picture("talking");
    second.page.looks(1280, 720, "dark");
    second.picture("talking-dark");
    second.page.looks(390, 844, "light");
    second.picture("talking-phone");
    second.page.looks(1280, 720, "light");
    second.click("language");
    second.picture("talking-chinese");
    second.click("language");
    second.click("keypad");
    second.await_that("document.querySelectorAll('#pad-keys button').length == 12");
    second.run("[...document.querySelectorAll('#pad-keys button')].filter((b) => ['4', '2'].includes(b.textContent.trim()[0])).forEach((b) => b.click())");
    second.click("hold");
    second.await_stage("On hold");
    second.picture("held");
    second.click("hold");
    second.await_stage("Talking");
    second.click("give-back");
    second.await_that("document.getElementById('choose').open");
    second.picture("giving-back");
    second.run("[...document.querySelectorAll('#choose-rows button')].at(0).click()");
    second.await_that("document.getElementById('wrap').hidden === false");
    second.run("document.getElementById('note').value = 'Told them it comes on Monday.'; document.getElementById('note').dispatchEvent(new Event('input', { bubbles: true })); const word = document.getElementById('disposition'); word.value = 'solved'; word.dispatchEvent(new Event('change', { bubbles: true }))");
    second.picture("writing");
    second.click("note-save");
    second.await_that("document.getElementById('call').hidden");
    let report = caller.join().expect("a report");
    let record = bot.last_call();
    println!("{report:#}\n{record:#}");
    understood(AGENT, &report.to_string());
    assert_eq!(report["keys"], "24", "each once, in the order of the pad");
    assert!(record.to_string().contains("gave the caller back"), "{record:#}");
    assert!(
        record.to_string().contains("Told them it comes on Monday."),
        "{record:#}"
    );
    assert!(record.to_string().contains("solved"), "{record:#}");
    bot.stop();
}

#[test]
#[ignore = "in a network of its own"]
fn lost_and_taken_by_another() {
    let (bot, web) = desk();
    let mut ann = Seat::take(&bot, web, "ann", "agent", &sentence(AGENT));
    let caller = rings(&bot, "  - wait: 75s\n  - end: caller\n");
    ann.rings();
    ann.click("accept");
    ann.await_stage("Talking");
    let zoe = Seat::take(&bot, web, "zoe", "agent", &sentence(AGENT));
    ann.chromium.kill();
    zoe.rings();
    zoe.click("accept");
    zoe.await_stage("Talking");
    zoe.hears(12);
    zoe.click("hang-up");
    zoe.await_that("document.getElementById('wrap').hidden === false");
    let report = caller.join().expect("a report");
    let record = bot.last_call();
    println!("{report:#}\n{record:#}");
    for words in [
        "speaks with ann",
        "the line of ann broke",
        "speaks with zoe",
        "the agent hung up",
    ] {
        assert!(record.to_string().contains(words), "`{words}` is not in {record:#}");
    }
    understood(AGENT, &report.to_string());
    bot.stop();
}

#[test]
#[ignore = "in a network of its own"]
fn watched_and_taken_over() {
    let (bot, web) = desk();
    let sup = Seat::take(&bot, web, "sue", "supervisor", &sentence(AGENT));
    let yaml = "language: en\nsteps:\n  - hear: \"hello this is Mia how can I help\"\n  - say: \"I want to return something.\"\n\
                \x20 - hear: \"What is the order number\"\n  - wait: 45s\n  - end: caller\n";
    let caller = script(bot.folder.path(), yaml).display().to_string();
    let uri = bot.uri();
    let caller = std::thread::spawn(move || {
        let output = super::bot::offhook(&["ring", &uri, "--as", &caller, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        report
    });
    sup.click("view-wall");
    sup.await_that("document.querySelectorAll('#live-rows tr').length == 1");
    sup.picture("wallboard");
    sup.run("[...document.querySelectorAll('#live-rows button')].find((b) => /listen/i.test(b.textContent)).click()");
    sup.await_stage("Listening");
    let heard = hears(&sup.hears(12), Language::English, Care::Careful, "").text;
    println!("listened: {heard}");
    sup.await_words("transcript", "return something");
    sup.click("take-over");
    sup.await_stage("Talking");
    sup.picture("taken-over");
    sup.hears(8);
    sup.click("hang-up");
    let report = caller.join().expect("a report");
    let record = bot.last_call();
    println!("{report:#}\n{record:#}");
    assert!(record.to_string().contains("speaks with sue"), "{record:#}");
    understood(AGENT, &report.to_string());
    bot.stop();
}
