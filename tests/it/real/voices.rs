//! The real voices, heard by the real recogniser.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock};

use offhook::language::{Language, Voice};
use offhook::models::Cache;
use offhook::simulate::words::recall;
use offhook::speech::engines::{Config, Engines};
use offhook::speech::{Care, Digits, Listening, Priority, Transcript};

use super::bot::LIMIT;

static ENGINES: LazyLock<Engines> = LazyLock::new(|| {
    let config = Config {
        threads: 1,
        voices: Voice::ALL.to_vec(),
        prompts: Path::new(env!("CARGO_TARGET_TMPDIR")).join("voices"),
        ears: Vec::new(),
        mouths: Vec::new(),
    };
    Engines::load(&Cache::open(), &config).expect("the models")
});

const ORDER: &str = "Good morning. Your order will be delivered on Monday afternoon.";

pub(super) fn says(voice: Voice, text: &str) -> Arc<[i16]> {
    let (gives, given) = channel();
    let done = move |sound| drop(gives.send(sound));
    let _speaking = ENGINES.speak(0, Priority::Next, voice, text, done).expect("room");
    given.recv_timeout(LIMIT).expect("in time").expect("sound")
}

pub(super) fn hears(sound: &[i16], language: Language, care: Care, names: &str) -> Transcript {
    let (gives, given) = channel();
    let listening = Listening {
        language,
        or: Vec::new(),
        digits: Digits::No,
        care,
        names: names.into(),
    };
    let done = move |words| drop(gives.send(words));
    let _hearing = ENGINES
        .hear(0, Priority::Turn, sound.to_vec(), listening, done)
        .expect("room");
    given.recv_timeout(LIMIT).expect("in time").expect("words")
}

#[test]
fn every_voice_is_its_own_and_is_understood() {
    let mut sounds = Vec::new();
    for voice in Voice::ALL {
        let language = voice.language();
        let text = match language {
            Language::English => ORDER,
            Language::Mandarin => "您好，您的订单将在星期一下午送达。",
        };
        let sound = says(voice, text);
        let heard = hears(&sound, language, Care::AsNeeded, "").text;
        let understood = recall(text, &heard, language);
        assert!(understood >= 0.8, "{voice:?} was heard as `{heard}`");
        assert!(!sounds.contains(&sound), "{voice:?} sounds like another");
        sounds.push(sound);
    }
}

#[test]
fn names_of_any_length_and_kind_do_no_harm() {
    let sound = says(Voice::Joe, ORDER);
    let many = "Łódź, 柏林, Zürich, Offhook, ".repeat(800);
    for names in [
        many.as_str(),
        "Acme\0Berlin",
        "🦀".repeat(3_000).as_str(),
        "\u{fffd}<|endoftext|>",
    ] {
        let heard = hears(&sound, Language::English, Care::Careful, names).text;
        let understood = recall(ORDER, &heard, Language::English);
        let begins: String = names.chars().take(20).collect();
        assert!(understood >= 0.5, "told of `{begins}` …, it heard `{heard}`");
    }
}
