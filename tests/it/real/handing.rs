//! Callers who are handed over to somebody elsewhere: SIPp is the caller's line and who is called, or baresip is, with a voice.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offhook::language::Language;
use offhook::speech::Care;

use super::agents::{CONVERSATION, SAYS, asks_for_a_person, telephone, understood};
use super::bot::{Bot, free_port, root, run};
use super::callers::failures;
use super::conformance::scenario;
use super::placed::answering;
use super::voices::hears;

/// For a caller to be greeted, put through and let go.
const SCENARIO: Duration = Duration::from_secs(100);
/// Who is called, and a folder for what everybody was sent.
struct Desk {
    folder: tempfile::TempDir,
    port: u16,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
        }
    }

    /// Puts every caller through by a handoff with `more`.
    fn bot(&self, more: &str) -> Bot {
        let plan = self.folder.path().join("handing.yaml");
        let yaml = format!(
            "version: 1\nroutes: [{{name: all, match: any, assistant: mia, flow: through}}]\n\
             assistants: {{mia: {{languages: [en], disclosure: \"Hello, this is an automated assistant.\"}}}}\n\
             handoff: {{desk: {{to: \"sip:desk@127.0.0.1:{}\", no_agent: nobody, agent_declines: unwanted, {more}}}}}\nflows:\n\
             \x20 through: {{steps: [{{transfer: desk, say: \"One moment, please.\"}}]}}\n\
             \x20 nobody: {{steps: [{{hangup: \"Nobody is free right now. Goodbye.\"}}]}}\n\
             \x20 unwanted: {{steps: [{{hangup: \"They are busy right now. Goodbye.\"}}]}}\n",
            self.port
        );
        std::fs::write(&plan, yaml).expect("written");
        // SIPp sends no sound.
        let config = |port: u16| {
            format!(
                "sip: {{listen: [\"udp:127.0.0.1:{port}\"]}}\nrtp: {{ports: 24000-25999, timeout: 200s}}\nplan: {}\ndata: data\n\
                 calls: {{record: false}}\n",
                plan.display()
            )
        };
        Bot::start_with(config, &[])
    }

    fn messages(&self, of: &str) -> PathBuf {
        self.folder.path().join(format!("{of}.messages"))
    }

    /// Rings the bot by this scenario; what was sent and received.
    fn rings(&self, bot: &Bot, name: &str, options: &[&str]) -> String {
        let messages = self.messages("caller");
        let mut command = scenario(name, free_port(), &messages);
        command
            .args(["-i", "127.0.0.1", "-s", "support", "-key", "caller", "caller"])
            .args(options)
            .arg(format!("127.0.0.1:{}", bot.port))
            .current_dir(self.folder.path());
        let (passed, said) = run(&mut command, SCENARIO);
        let trace = read(&messages);
        assert!(passed, "SIPp was told otherwise: {said}\n{trace}");
        trace
    }
}

fn read(messages: &Path) -> String {
    std::fs::read_to_string(messages).unwrap_or_default()
}

/// The field of the first message in which `start` stands.
fn field(trace: &str, start: &str, name: &str) -> String {
    let message = trace.find(start).map(|at| &trace[at..]).unwrap_or_default();
    let value = message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.unwrap_or_else(|| panic!("no {name} after `{start}`:\n{trace}"));
    value.trim().to_owned()
}

fn tag(value: &str) -> &str {
    value.split(";tag=").nth(1).unwrap_or_default()
}

/// RFC 3261 section 19.1.2, undone.
fn plain(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = u8::from_str_radix(&part[..2], 16).expect("two digits");
        write!(text, "{}{}", char::from(code), &part[2..]).expect("written");
    }
    text
}

#[test]
fn a_line_is_asked_to_call_them_and_let_go_when_they_have_answered() {
    let desk = Desk::new();
    let bot = desk.bot("mode: blind");
    let trace = desk.rings(&bot, "refer", &["-key", "outcome", "200 OK"]);
    assert!(!field(&trace, "REFER sip:", "Refer-To").contains("Replaces"), "{trace}");
    let record = bot.last_call();
    assert_eq!(record["ending"], "the bot hung up", "{record:#}");
    assert!(!record.to_string().contains("right now"), "{record:#}");
    bot.stop();
}

#[test]
fn a_line_that_they_do_not_answer_is_with_the_bot_again() {
    let desk = Desk::new();
    let bot = desk.bot("mode: blind");
    for (outcome, words) in [
        ("486 Busy Here", "They are busy right now"),
        ("404 Not Found", "Nobody is free right now"),
    ] {
        desk.rings(&bot, "refer", &["-key", "outcome", outcome]);
        let record = bot.last_call();
        assert!(record.to_string().contains(words), "{outcome}: {record:#}");
    }
    bot.stop();
}

#[test]
fn a_line_takes_the_bots_place_with_who_took_the_call() {
    let desk = Desk::new();
    let called = desk.messages("desk");
    let mut answers = answering("consulted", desk.port, &called, &[]);
    let bot = desk.bot("mode: replaces, whisper: 3s");
    let trace = desk.rings(&bot, "released", &["-key", "outcome", "200 OK"]);
    assert!(answers.went(), "{}", read(&called));
    let called = read(&called);
    // The bot's call to them, as they know it.
    let (call, to, from) = (
        field(&called, "SIP/2.0 200 OK", "Call-ID"),
        field(&called, "SIP/2.0 200 OK", "To"),
        field(&called, "SIP/2.0 200 OK", "From"),
    );
    let dialog = format!("{call};to-tag={};from-tag={}", tag(&to), tag(&from));
    let refer_to = field(&trace, "REFER sip:", "Refer-To");
    let (target, replaces) = refer_to
        .trim_matches(['<', '>'])
        .split_once("?Replaces=")
        .expect("Replaces");
    assert_eq!(plain(replaces), dialog, "{trace}\n{called}");
    assert!(target.contains(&format!("desk@127.0.0.1:{}", desk.port)), "{target}");
    let record = bot.last_call();
    let told = record.to_string();
    assert!(
        told.contains("speaks with sip:desk@") && told.contains("asked to take the bot's place"),
        "{record:#}"
    );
    assert_eq!(record["ending"], "the bot hung up", "{record:#}");
    bot.stop();
}

#[test]
fn a_line_that_will_not_take_its_place_stays_with_the_bot_between() {
    let desk = Desk::new();
    let called = desk.messages("desk");
    let mut answers = answering("consulted", desk.port, &called, &[]);
    let bot = desk.bot("mode: replaces, whisper: 3s");
    desk.rings(&bot, "not_released", &[]);
    // They are hung up on when the caller has.
    assert!(answers.went(), "{}", read(&called));
    let record = bot.last_call();
    assert!(
        record
            .to_string()
            .contains("the transfer failed: the far end answered 603"),
        "{record:#}"
    );
    assert_eq!(record["ending"], "the caller hung up", "{record:#}");
    bot.stop();
}

#[test]
fn who_is_called_elsewhere_hears_what_it_is_about_and_speaks_with_the_caller() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut phone = telephone(folder.path(), "desk");
    let person = std::fs::read_to_string(root().join("fixtures/plans/person.yaml")).expect("a plan");
    let elsewhere = format!("warm: {{to: \"{}\",", phone.uri("desk"));
    let plan = folder.path().join("person.yaml");
    std::fs::write(&plan, person.replace("warm: {queue: care,", &elsewhere)).expect("written");
    let bot = Bot::start(&plan.display().to_string(), "calls: {record: false}");
    let report = asks_for_a_person(&bot, CONVERSATION);
    let record = bot.last_call();
    phone.await_event("CALL_CLOSED", 1);
    assert!(failures(&report).is_empty(), "{report:#}");
    assert!(record.to_string().contains("speaks with sip:desk@"), "{record:#}");
    // Who goes first is a matter of who has more to say.
    let ending = record["ending"].as_str().unwrap_or_default();
    assert!(
        ["the caller hung up", "the bot hung up"].contains(&ending),
        "{record:#}"
    );
    let heard = hears(&phone.heard(), Language::English, Care::Careful, "").text;
    understood("the caller asks for a person", &heard);
    understood("thank you very much that is good news goodbye", &heard);
    understood(SAYS, &report.to_string());
    bot.stop();
}
