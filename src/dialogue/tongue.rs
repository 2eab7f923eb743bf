//! Which language the caller speaks, from the first words, and which one they ask for.
//!
//! It sees words as a recogniser wrote them, no sound, and changes nothing: who calls it locks the language.

use super::words::{find, is_han, plain, tokens};
use crate::language::Language;

/// The language of what was said; `None` where it may be either ("OK", "hello", a number) or nothing was said.
pub fn spoken(words: &str) -> Option<Language> {
    let plain = plain(words);
    let han = plain.chars().filter(|c| is_han(*c) && !FILLERS.contains(*c)).count();
    let latin: Vec<String> = tokens(&plain)
        .into_iter()
        .filter(|token| token.chars().all(|c| c.is_ascii_alphabetic() || c == '\''))
        .collect();
    if latin.iter().any(|word| PINYIN.contains(&word.as_str())) && han == 0 {
        return Some(Language::Mandarin);
    }
    let english = latin.iter().filter(|word| !SHARED.contains(&word.as_str())).count();
    match (han, english) {
        (0, 0) => None,
        (0, _) => Some(Language::English),
        (_, 0) => Some(Language::Mandarin),
        // An English word has about the weight of two characters: 我想查一下我的 order 的 status is Mandarin.
        (han, english) if han >= 2 * english => Some(Language::Mandarin),
        (han, english) if english >= 2 * han => Some(Language::English),
        (_, _) => None,
    }
}

/// The language that the caller asks to go on in: "can we speak English?", 请说中文, "中文 please".
pub fn asked_for(words: &str) -> Option<Language> {
    let plain = plain(words);
    let tokens = tokens(&plain);
    let said = |phrases: &[&str]| {
        phrases.iter().any(|phrase| match phrase.is_ascii() {
            true => find(&tokens, &phrase.split(' ').collect::<Vec<_>>()).is_some(),
            false => plain.contains(phrase),
        })
    };
    let named = |language: Language| match language {
        Language::English => said(&["english", "英语", "英文"]),
        Language::Mandarin => said(&[
            "chinese",
            "mandarin",
            "中文",
            "普通话",
            "国语",
            "汉语",
            "华语",
            "putonghua",
        ]),
    };
    let refused = said(&[
        "don't speak",
        "do not speak",
        "can't speak",
        "don't understand",
        "not good",
        "no english",
        "no chinese",
        "不会",
        "不懂",
        "听不懂",
        "不要",
        "不是",
        "不说",
    ]);
    let asks = said(&[
        "speak",
        "speaking",
        "talk",
        "switch",
        "in english",
        "in chinese",
        "in mandarin",
        "please",
        "prefer",
        "can we",
        "do you",
        "use",
        "说",
        "讲",
        "用",
        "换",
        "转",
        "请",
        "会",
        "可以",
        "能",
        "有没有",
    ]) || tokens.len() <= 2
        || plain.chars().count() <= 4;
    let wanted: Vec<Language> = Language::ALL.into_iter().filter(|language| named(*language)).collect();
    match wanted.as_slice() {
        // "I don't speak English" asks for the other.
        [one] if refused => Language::ALL.into_iter().find(|other| other != one),
        [one] if asks => Some(*one),
        [] | [_] | [..] => None,
    }
}

/// Said in both languages.
const SHARED: [&str; 16] = [
    "ok", "okay", "hello", "hi", "hey", "bye", "um", "uh", "er", "ah", "oh", "yeah", "vip", "pin", "app", "wifi",
];

/// Mandarin in Latin letters, as a recogniser that listens for English writes it.
const PINYIN: [&str; 8] = ["nihao", "ni", "hao", "xiexie", "wei", "nin", "zhongwen", "putonghua"];

/// Sounds, written as characters whatever is spoken.
const FILLERS: &str = "嗯呃啊哦喔噢唉哎诶额哈";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Language::{English, Mandarin};

    #[test]
    fn the_first_words_tell() {
        for (words, language) in [
            ("Hello, I'd like to track my order.", Some(English)),
            ("where is my parcel", Some(English)),
            ("yes", Some(English)),
            ("你好,我想查一下订单", Some(Mandarin)),
            ("我想查一下我的 order 的 status", Some(Mandarin)),
            ("喂?", Some(Mandarin)),
            ("Ni hao", Some(Mandarin)),
            ("I ordered a 茶 pot from you last week", Some(English)),
            ("查訂單", Some(Mandarin)),
            ("OK", None),
            ("hello?", None),
            ("嗯", None),
            ("12345", None),
            ("", None),
        ] {
            assert_eq!(spoken(words), language, "{words}");
        }
    }

    #[test]
    fn another_language_is_asked_for() {
        for (words, language) in [
            ("Can we speak English, please?", Some(English)),
            ("English please", Some(English)),
            ("do you speak Chinese", Some(Mandarin)),
            ("could you switch to Mandarin", Some(Mandarin)),
            ("请说中文", Some(Mandarin)),
            ("可以说英语吗", Some(English)),
            ("我听不懂英语", Some(Mandarin)),
            ("I don't speak English", Some(Mandarin)),
            ("我不会说中文", Some(English)),
            ("中文", Some(Mandarin)),
            ("where is my order", None),
            ("I bought an English dictionary last week", None),
            ("do you speak Chinese or English", None),
            ("", None),
        ] {
            assert_eq!(asked_for(words), language, "{words}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read(words: String) {
            let _ = (spoken(&words), asked_for(&words));
        }
    }
}
