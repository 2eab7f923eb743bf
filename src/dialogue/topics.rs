//! What a turn is about, where a plan may want to treat it apart: the law, the body, the press, personal data, despair.
//!
//! It looks for words that are seldom said by chance, in either language, and decides nothing: policies do.

use super::words::{find, plain, tokens};
use crate::language::Language;

/// The topics, as policies name them, and their words in English (a phrase is found word by word) and Mandarin.
const TOPICS: [(&str, &str, &str); 5] = [
    (
        "crisis",
        "kill myself,end my life,suicide,suicidal,want to die,hurt myself,harm myself",
        "自杀,不想活,想死,轻生,活不下去,伤害自己",
    ),
    (
        "medical",
        "hospital,ambulance,injured,injury,allergic reaction,emergency room,chest pain,bleeding,poisoned,unconscious,\
         got burned,got burnt,electric shock,heart attack,can't breathe,cannot breathe",
        "医院,救护车,受伤,过敏,急诊,胸口疼,流血,中毒,昏迷,烫伤,触电,心脏病发,喘不过气",
    ),
    (
        "legal",
        "lawyer,lawyers,attorney,solicitor,sue,suing,lawsuit,court,legal action,legal advice,take you to court,\
         consumer protection,ombudsman,trading standards,press charges",
        "律师,起诉,法院,法律途径,打官司,消费者协会,消协,工商局,市场监管,投诉热线,一二三一五,12315",
    ),
    (
        "press",
        "journalist,newspaper,press office,press inquiry,press enquiry,reporter,television station",
        "记者,报社,电视台,媒体采访,曝光",
    ),
    (
        "privacy",
        "gdpr,delete my data,erase my data,my personal data,data protection,delete my account,data breach",
        "个人信息,删除我的数据,删除我的信息,注销账号,注销我的账户,信息泄露,隐私",
    ),
];

/// The gravest topic of `words`, as plans name it.
pub fn topic(words: &str, language: Language) -> Option<&'static str> {
    let found = TOPICS.iter().find(|(_, english, mandarin)| match language {
        Language::English => says(words, english, language),
        Language::Mandarin => says(words, mandarin, language),
    });
    found.map(|(name, ..)| *name)
}

/// "Stop calling me", "take my number off your list": the caller wants no more calls. In doubt they do.
pub fn opts_out(words: &str, language: Language) -> bool {
    match language {
        Language::English => says(
            words,
            "stop calling,don't call me,do not call me,don't call again,do not call again,never call,no more calls,not call me again,\
             don't ring me,stop ringing,take me off,take my number off,remove my number,remove me from,delete my number,\
             do not contact me,don't contact me,unsubscribe,opt out",
            language,
        ),
        Language::Mandarin => says(
            words,
            "别再打,不要再打,别打了,不要打了,别给我打电话,不要给我打电话,不要打电话给我,别打电话,停止来电,删掉我的号码,删除我的号码,\
             不要再联系,别再联系,退订,拉黑,不想再接到",
            language,
        ),
    }
}

fn says(words: &str, phrases: &str, language: Language) -> bool {
    let plain = plain(words);
    let phrases = phrases.split(',').map(str::trim);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            phrases
                .map(|phrase| phrase.split(' ').collect::<Vec<_>>())
                .any(|phrase| find(&tokens, &phrase).is_some())
        }
        Language::Mandarin => phrases.into_iter().any(|phrase| plain.contains(phrase)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Language::{English, Mandarin};

    #[test]
    fn topics_are_found_and_everyday_words_are_none() {
        for (words, language, wanted) in [
            ("I'm going to call my lawyer about this.", English, Some("legal")),
            ("You'll hear from us in court!", English, Some("legal")),
            ("My son is in hospital because of your toy", English, Some("medical")),
            ("I'm a journalist with the Daily News", English, Some("press")),
            ("please delete my data", English, Some("privacy")),
            ("I want to die", English, Some("crisis")),
            ("I'm dying to know where my order is", English, None),
            ("the tennis shoes are too small", English, None),
            ("我要找律师起诉你们", Mandarin, Some("legal")),
            ("孩子过敏了,在医院", Mandarin, Some("medical")),
            ("请删除我的信息", Mandarin, Some("privacy")),
            ("我想退货", Mandarin, None),
        ] {
            assert_eq!(topic(words, language), wanted, "{words}");
        }
    }

    #[test]
    fn who_wants_no_more_calls_says_so() {
        for words in [
            "Stop calling me!",
            "Please don't call me again.",
            "take my number off your list",
            "I want to opt out",
        ] {
            assert!(opts_out(words, English), "{words}");
        }
        for words in ["别再打来了", "请不要再打电话", "把我的号码删掉,不要再联系我"] {
            assert!(opts_out(words, Mandarin), "{words}");
        }
        for words in [
            "call me back tomorrow",
            "I'm calling about my order",
            "please stop my order",
        ] {
            assert!(!opts_out(words, English), "{words}");
        }
        assert!(!opts_out("明天再打给我", Mandarin));
    }

    proptest! {
        #[test]
        fn any_words_are_read(words: String) {
            for language in Language::ALL {
                let _ = (topic(&words, language), opts_out(&words, language));
            }
        }
    }
}
