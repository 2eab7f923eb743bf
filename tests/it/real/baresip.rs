//! baresip and the real program ring each other: in the clear a hundred times, and with every codec and cipher, listening to what is said.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use offhook::audio::{FRAME_SAMPLES, level, wav};
use offhook::language::{Language, Voice};
use offhook::simulate::words::recall;
use offhook::speech::Care;

use super::bot::{Bot, LIMIT, free_port, root, run, script, until};
use super::callers::failures;
use super::placed::answering;
use super::softphone::{Baresip, Wish};
use super::voices::{hears, says};

const CALLS: usize = 100;
/// Sound to be received before the caller hangs up: more than a second, for baresip names recordings by the second.
const ENOUGH: Duration = Duration::from_millis(1125);
/// The first caller hears the whole greeting.
const GREETING: Duration = Duration::from_secs(6);

#[test]
fn a_hundred_calls_of_baresip_hear_the_bot() {
    let bot = Bot::start("dialplans/support.yaml", "calls: {record: false}");
    let wish = Wish::default();
    let mut phone = Baresip::start(&bot.folder.path().join("baresip"), "tester", &wish);
    for call in 1..=CALLS {
        phone.tell("dial", &bot.uri());
        let enough = if call == 1 { GREETING } else { ENOUGH };
        phone.await_sound(call, enough);
        phone.tell("hangup", "");
        phone.await_event("CALL_CLOSED", call);
    }
    let endings = until("every call's record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == CALLS)
    });
    assert!(
        endings.iter().all(|ending| ending == "the caller hung up"),
        "{endings:?}"
    );
    let first = phone.recordings().swap_remove(0);
    let level = level::speech_level(&wav::read(&first).expect("a WAV file"));
    assert!(level > -35.0, "what baresip heard is at {level} dBFS");
    bot.stop();
}

/// Frames of silence before the caller asks, who hears the greeting meanwhile: 8 s.
const LISTENS: usize = 400;
const ASKS: &str = "What are your opening hours?";
const GREETED: &str = "automated assistant this call is recorded how can I help";
const TOLD: &str = "Monday to Friday from eight in the morning to six in the evening";
/// To have heard all of it.
const CONVERSATION: Duration = Duration::from_secs(18);

/// Silence, then a voice that asks.
pub(super) fn question() -> Vec<i16> {
    let mut sound = vec![0; LISTENS * FRAME_SAMPLES];
    sound.extend(says(Voice::Joe, ASKS).iter());
    sound
}

/// The phone asks, and is answered: each has understood the other.
pub(super) fn converses(bot: &Bot, phone: &mut Baresip, uri: &str) {
    phone.tell("dial", uri);
    phone.await_sound(1, CONVERSATION);
    phone.tell("hangup", "");
    phone.await_event("CALL_CLOSED", 1);
    let record = bot.last_call();
    assert_eq!(record["ending"], "the caller hung up", "{record:#}");
    assert!(record["path"].to_string().contains("opening_hours"), "{record:#}");
    let heard = hears(&phone.heard(), Language::English, Care::Careful, "").text;
    for said in [GREETED, TOLD] {
        let understood = recall(said, &heard, Language::English);
        assert!(understood >= 0.7, "of `{said}` baresip heard `{heard}`");
    }
}

/// The bot is rung by a phone with this account and these modules.
fn rung_with(account: &str, more: &str) {
    let bot = Bot::start("dialplans/support.yaml", "calls: {record: false}");
    let question = question();
    let wish = Wish {
        account,
        more,
        rate: 16_000,
        says: Some(&question),
        ..Wish::default()
    };
    let mut phone = Baresip::start(&bot.folder.path().join("baresip"), "tester", &wish);
    converses(&bot, &mut phone, &bot.uri());
    bot.stop();
}

#[test]
fn a_phone_with_srtp_is_understood() {
    rung_with(
        "mediaenc=srtp-mand;audio_codecs=PCMU/8000/1",
        "module g711.so\nmodule srtp.so",
    );
}

#[test]
fn a_phone_with_dtls_srtp_is_understood() {
    rung_with(
        "mediaenc=dtls_srtp;audio_codecs=PCMU/8000/1",
        "module g711.so\nmodule dtls_srtp.so",
    );
}

#[test]
fn a_phone_with_opus_is_understood() {
    rung_with("audio_codecs=opus/48000/2", "module opus.so");
}

#[test]
fn a_phone_with_g722_is_understood() {
    rung_with("audio_codecs=G722/16000/1", "module g722.so");
}

#[test]
fn a_phone_with_pcma_is_understood() {
    rung_with("audio_codecs=PCMA/8000/1", "module g711.so");
}

#[test]
fn a_phone_over_tls_with_srtp_is_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = certificate(folder.path());
    let tls = free_port();
    let plan = root().join("dialplans/support.yaml");
    let config = |port: u16| {
        format!(
            "sip:\n  listen: [\"udp:127.0.0.1:{port}\", \"tls:127.0.0.1:{tls}\"]\n  tls: {{certificate: {certificate}, key: {key}}}\n\
             rtp: {{ports: 24000-25999}}\nplan: {}\ndata: data\ncalls: {{record: false}}\n",
            plan.display()
        )
    };
    let bot = Bot::start_with(config, &[]);
    let question = question();
    let more = format!("module g711.so\nmodule srtp.so\nsip_cafile {certificate}");
    let wish = Wish {
        account: "mediaenc=srtp-mand;audio_codecs=PCMU/8000/1",
        more: &more,
        rate: 16_000,
        says: Some(&question),
        ..Wish::default()
    };
    let mut phone = Baresip::start(&bot.folder.path().join("baresip"), "tester", &wish);
    converses(&bot, &mut phone, &format!("sip:support@127.0.0.1:{tls};transport=tls"));
    bot.stop();
}

/// A certificate for 127.0.0.1 that is its own authority, and its key, as PEM files.
pub(super) fn certificate(folder: &Path) -> (String, String) {
    let at = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (at("certificate.pem"), at("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            // One that may vouch for others is not taken for a server's.
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", &key, "-out", &certificate]);
    let (made, said) = run(&mut openssl, LIMIT);
    assert!(made, "{said}");
    (certificate, key)
}

pub(super) const SAYS: &str = "Good morning. Your order will be delivered on Monday afternoon.";

/// Rings `uri` by `codec`, where `phone` speaks into its microphone: each understands the other.
pub(super) fn rings(uri: &str, phone: &mut Baresip, codec: &str, folder: &Path) {
    let yaml = format!(
        "language: en\nsteps:\n  - hear: \"{SAYS}\"\n  - say: \"Thank you very much, that is good news. Goodbye.\"\n  - wait: 1s\n  - end: caller\n"
    );
    let caller = script(folder, &yaml).display().to_string();
    let output = super::bot::offhook(&["ring", uri, "--as", &caller, "--codec", codec, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("no report: {e}\n{}", super::bot::text(&output.stderr)));
    assert!(failures(&report).is_empty(), "{report:#}");
    let agreed = report["codec"].as_str().unwrap_or_default().to_lowercase();
    assert!(agreed.starts_with(codec), "{report:#}");
    phone.await_event("CALL_CLOSED", 1);
    let heard = hears(&phone.heard(), Language::English, Care::Careful, "").text;
    let understood = recall(
        "thank you very much that is good news goodbye",
        &heard,
        Language::English,
    );
    assert!(understood >= 0.7, "baresip heard `{heard}`");
}

/// The program rings a phone with this codec.
fn answered_with(codec: &str, account: &str, more: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let words = says(Voice::Joe, SAYS);
    let wish = Wish {
        account,
        more,
        rate: 16_000,
        says: Some(&words),
        ..Wish::default()
    };
    let mut phone = Baresip::start(&folder.path().join("baresip"), "desk", &wish);
    let uri = phone.uri("desk");
    rings(&uri, &mut phone, codec, folder.path());
}

#[test]
fn a_phone_that_is_rung_is_understood() {
    answered_with("pcmu", "audio_codecs=PCMU/8000/1", "module g711.so");
}

#[test]
fn a_phone_that_is_rung_with_opus_is_understood() {
    answered_with("opus", "audio_codecs=opus/48000/2", "module opus.so");
}

#[test]
fn a_phone_that_is_rung_with_g722_is_understood() {
    answered_with("g722", "audio_codecs=G722/16000/1", "module g722.so");
}

/// A phone has the bot call the desk, which asks and is answered in its stead.
fn transferred_by(account: &str, desk: &str, more: &str) {
    let config = "outbound: {allow: [\"sip:*@127.0.0.1\"], referred: permitted}\ncalls: {record: false}";
    let bot = Bot::start("dialplans/support.yaml", config);
    let question = question();
    let wish = |account, says| Wish {
        account,
        more,
        rate: 16_000,
        says,
        ..Wish::default()
    };
    let folder = bot.folder.path();
    let mut desk = Baresip::start(&folder.join("desk"), "desk", &wish(desk, Some(&question)));
    let mut phone = Baresip::start(&folder.join("baresip"), "tester", &wish(account, None));
    phone.tell("dial", &bot.uri());
    phone.await_sound(1, ENOUGH);
    phone.tell("transfer", &desk.uri("desk"));
    phone.await_event("CALL_CLOSED", 1);
    desk.await_sound(1, CONVERSATION);
    desk.tell("hangup", "");
    desk.await_event("CALL_CLOSED", 1);
    let record = bot.last_call();
    assert_eq!(record["ending"], "the caller hung up", "{record:#}");
    assert!(record["path"].to_string().contains("opening_hours"), "{record:#}");
    assert!(record.to_string().contains("the call goes on with them"), "{record:#}");
    let heard = hears(&desk.heard(), Language::English, Care::Careful, "").text;
    let understood = recall(TOLD, &heard, Language::English);
    assert!(understood >= 0.7, "of `{TOLD}` the desk heard `{heard}`");
    bot.stop();
}

#[test]
fn a_phone_transfers_the_bot_to_another_codec() {
    transferred_by(
        "audio_codecs=G722/16000/1",
        "audio_codecs=PCMU/8000/1",
        "module g711.so\nmodule g722.so",
    );
}

#[test]
fn a_phone_with_srtp_transfers_the_bot_to_other_keys() {
    let account = "mediaenc=srtp-mand;audio_codecs=PCMU/8000/1";
    transferred_by(account, account, "module g711.so\nmodule srtp.so");
}

/// The phone calls the desk in the bot's stead, and tells how that went; then the bot takes its leave.
#[test]
fn a_phone_that_is_referred_rings_the_desk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (messages, desk) = (folder.path().join("messages"), free_port());
    let plan = std::fs::read_to_string(root().join("fixtures/plans/transfer.yaml")).expect("a plan");
    let own = folder.path().join("transfer.yaml");
    std::fs::write(&own, plan.replace("127.0.0.1:5999", &format!("127.0.0.1:{desk}"))).expect("written");
    let mut answers = answering("desk", desk, &messages, &[]);
    let bot = Bot::start(&own.display().to_string(), "calls: {record: false}");
    let mut phone = Baresip::start(&bot.folder.path().join("baresip"), "tester", &Wish::default());
    phone.tell("dial", &bot.uri());
    let record = bot.last_call();
    assert_eq!(record["path"], serde_json::json!(["through"]), "{record:#}");
    assert_eq!(record["ending"], "the bot hung up", "{record:#}");
    assert!(
        answers.went(),
        "{}",
        std::fs::read_to_string(messages).unwrap_or_default()
    );
    bot.stop();
}
