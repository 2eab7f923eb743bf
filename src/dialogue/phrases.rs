//! What any caller of any business may want of the conversation itself: a person, the end, the last words once more.
//!
//! It knows phrases, no plans.

use super::words::{clauses, find, plain, tokens};
use crate::language::Language;

/// Whether the caller asks for a person: "can I talk to somebody", "operator!", 转人工.
pub(super) fn asks_for_a_person(words: &str, language: Language) -> bool {
    let plain = plain(words);
    match language {
        Language::English => english_person(&tokens(&plain)),
        Language::Mandarin => mandarin_person(&plain),
    }
}

/// Whether the caller does not want to go on with what is under way, and says no more than that: "never mind", 算了.
pub(super) fn gives_up(words: &str, language: Language) -> bool {
    const FEW: usize = 5;
    let plain = plain(words);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            let said = |phrase: &str| find(&tokens, &phrase.split(' ').collect::<Vec<_>>()).is_some();
            tokens.len() <= FEW
                && [
                    "never mind",
                    "nevermind",
                    "forget it",
                    "forget about it",
                    "leave it",
                    "don't bother",
                    "drop it",
                    "skip it",
                ]
                .into_iter()
                .any(said)
        }
        Language::Mandarin => {
            plain.chars().count() <= 2 * FEW
                && ["算了", "不办了", "不用了", "不弄了", "不查了", "不退了"]
                    .iter()
                    .any(|phrase| plain.contains(phrase))
        }
    }
}

fn english_person(tokens: &[String]) -> bool {
    let any = |words: &[&str]| tokens.iter().any(|token| words.contains(&token.as_str()));
    let said = |phrase: &str| find(tokens, &phrase.split(' ').collect::<Vec<_>>()).is_some();
    let named = any(&[
        "person",
        "human",
        "humans",
        "agent",
        "operator",
        "representative",
        "rep",
        "supervisor",
        "manager",
        "adviser",
        "advisor",
        "receptionist",
    ]) || said("customer service")
        || said("human being")
        || said("real people");
    let anybody = any(&["somebody", "someone", "anybody", "anyone", "colleague", "people"]);
    let talk = any(&[
        "talk",
        "talking",
        "speak",
        "speaking",
        "chat",
        "transfer",
        "transferred",
        "connect",
        "connected",
    ]) || said("put me through")
        || said("put through")
        || said("get me")
        || said("give me")
        || said("hand me over");
    let wish = talk
        || any(&["want", "need", "rather", "get", "give"])
        || said("is there")
        || said("can i have")
        || said("i'd like");
    let machine = any(&["robot", "machine", "bot", "computer", "ai"]);
    let refused = [
        "don't want",
        "do not want",
        "don't need",
        "no need",
        "not to",
        "without",
    ]
    .iter()
    .any(|phrase| said(phrase));
    let short = tokens.len() <= 3;
    match (refused, machine && talk) {
        // "I don't want to talk to a machine."
        (true, true) => true,
        (true, false) => false,
        (false, _) => (named && (wish || short)) || (anybody && talk),
    }
}

fn mandarin_person(plain: &str) -> bool {
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| plain.contains(phrase));
    let machine = any(&["机器人", "机器", "语音助手"]) && any(&["不想", "不要", "不跟", "别跟", "烦"]);
    let refused = any(&[
        "不用转人工",
        "不要转人工",
        "不用人工",
        "不要人工",
        "不需要人工",
        "不用转",
    ]);
    let asked = any(&[
        "转人工",
        "人工客服",
        "人工服务",
        "转客服",
        "接客服",
        "找客服",
        "叫客服",
        "客服人员",
        "找真人",
        "真人",
        "活人",
        "接线员",
        "话务员",
        "工作人员",
        "找经理",
        "叫经理",
        "你们经理",
        "找个人",
        "跟人说",
        "和人说",
        "跟人讲",
        "人工坐席",
        "接人工",
        "要人工",
        "有人吗",
    ]);
    let alone: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    machine || (!refused && (asked || matches!(alone.as_str(), "人工" | "客服" | "人工吧" | "人工谢谢")))
}

/// Whether the last sentence takes leave, after others that ask nothing.
pub(super) fn ends_with_leave(words: &str, language: Language) -> bool {
    let mut sentences = words.split_terminator(['.', '!', '。', '！']);
    let last = sentences.next_back().map(str::trim).unwrap_or_default();
    takes_leave(last, language) && !words.contains(['?', '？'])
}

/// Whether the caller takes leave, in so many words and no others: "that's all, thanks, bye".
pub(super) fn takes_leave(words: &str, language: Language) -> bool {
    let plain = plain(words);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            let leave: [&str; 20] = [
                "goodbye",
                "good bye",
                "bye",
                "bye bye",
                "that's all",
                "that is all",
                "that's everything",
                "that will be all",
                "that'll be all",
                "that would be all",
                "that's it for today",
                "nothing else",
                "i'm done",
                "we're done",
                "hang up",
                "have a nice day",
                "have a good day",
                "have a good one",
                "see you",
                "talk to you later",
            ];
            only(&tokens, &leave, &POLITE)
        }
        Language::Mandarin => {
            let leave = [
                "再见",
                "拜拜",
                "挂了",
                "就这样",
                "没别的了",
                "没有别的了",
                "没其他的了",
                "没有其他",
                "没事了",
                "结束通话",
                "再会",
                "先这样",
            ];
            let alone: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
            leave.iter().any(|phrase| alone.contains(phrase)) && alone.chars().count() <= 12
        }
    }
}

/// Words that may stand around leave and thanks.
const POLITE: [&str; 26] = [
    "thanks", "thank", "you", "very", "much", "a", "lot", "so", "no", "okay", "ok", "great", "perfect", "well", "then",
    "for", "now", "today", "yes", "good", "right", "all", "alright", "your", "help", "i",
];

/// Whether the caller only thanks, which after an answer means that there is nothing else.
pub(super) fn only_thanks(words: &str, language: Language) -> bool {
    let plain = plain(words);
    match language {
        Language::English => only(
            &tokens(&plain),
            &[
                "thanks",
                "thank you",
                "i'm good",
                "i'm fine",
                "i'm all set",
                "that's fine",
                "cheers",
            ],
            &POLITE,
        ),
        Language::Mandarin => {
            let alone: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
            let rest = alone.replace("谢谢", "").replace("多谢", "").replace("感谢", "");
            rest.len() < alone.len() && rest.chars().all(|c| "你您啊了好的嗯哦行".contains(c))
        }
    }
}

/// Whether the caller asks to hear the last words again: "say that again", "pardon?", 没听清.
pub(super) fn asks_to_repeat(words: &str, language: Language) -> bool {
    let plain = plain(words);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            let asks: [&str; 22] = [
                "repeat",
                "say that again",
                "say it again",
                "say again",
                "come again",
                "pardon",
                "what did you say",
                "what was that",
                "what was the question",
                "i didn't hear",
                "i couldn't hear",
                "i didn't catch",
                "i didn't get that",
                "i didn't understand",
                "i don't understand",
                "i did not understand",
                "i did not hear",
                "one more time",
                "once more",
                "once again",
                "sorry what",
                "excuse me",
            ];
            let alone = matches!(
                plain.trim_matches(|c: char| !c.is_alphanumeric()),
                "what" | "sorry" | "huh" | "again" | "again please" | "eh"
            );
            let said = asks
                .iter()
                .any(|phrase| find(&tokens, &phrase.split(' ').collect::<Vec<_>>()).is_some());
            alone || (said && tokens.len() <= 10)
        }
        Language::Mandarin => {
            let asks = [
                "再说一遍",
                "再说一次",
                "再讲一遍",
                "重复一遍",
                "重复一下",
                "没听清",
                "没听到",
                "没听见",
                "没听懂",
                "听不清",
                "听不懂",
                "你说什么",
                "您说什么",
                "再来一遍",
            ];
            let alone: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
            let short = alone.chars().count() <= 14;
            (short && asks.iter().any(|phrase| alone.contains(phrase)))
                || matches!(alone.as_str(), "什么" | "啊" | "啥" | "嗯什么")
        }
    }
}

/// What is said besides an answer, in the same breath: of "yes, and where is my order?" the second half.
pub(super) fn besides(words: &str, language: Language) -> Option<String> {
    let plain = plain(words);
    let clauses = clauses(&plain);
    match language {
        Language::English => {
            const JOINTS: [&str; 7] = ["and", "but", "also", "then", "oh", "so", "plus"];
            let rest: Vec<String> = match clauses.split_first()? {
                (first, []) => {
                    let tokens = tokens(first);
                    let joint = tokens
                        .iter()
                        .skip(1)
                        .position(|token| matches!(token.as_str(), "and" | "but" | "also"))?;
                    tokens.into_iter().skip(joint + 1).collect()
                }
                (_, rest) => rest.iter().flat_map(|clause| tokens(clause)).collect(),
            };
            let rest: Vec<String> = rest
                .into_iter()
                .skip_while(|token| JOINTS.contains(&token.as_str()))
                .collect();
            (rest.len() >= 3).then(|| rest.join(" "))
        }
        Language::Mandarin => {
            let rest = match clauses.split_first()? {
                (first, []) => {
                    let joints = ["还有", "另外", "顺便", "然后", "那我", "那么"];
                    let at = joints
                        .iter()
                        .filter_map(|joint| first.find(joint))
                        .filter(|at| *at > 0)
                        .min()?;
                    first.get(at..)?.to_owned()
                }
                (_, rest) => rest.concat(),
            };
            (rest.chars().count() >= 4).then_some(rest)
        }
    }
}

/// Whether `tokens` hold one of the phrases, and otherwise only words of `around`.
fn only(tokens: &[String], phrases: &[&str], around: &[&str]) -> bool {
    let mut at = 0;
    let mut found = false;
    while at < tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        let here = phrases
            .iter()
            .filter(|phrase| find(rest, &phrase.split(' ').collect::<Vec<_>>()) == Some(0));
        match here.map(|phrase| phrase.split(' ').count()).max() {
            Some(words) => {
                found = true;
                at += words;
            }
            None if rest.first().is_some_and(|word| around.contains(&word.as_str())) => at += 1,
            None => return false,
        }
    }
    found
}

/// Whether anything is said that could have a meaning: more than "um" and "hello".
pub(super) fn says_something(words: &str) -> bool {
    let plain = plain(words);
    let spoken: usize = clauses(&plain)
        .into_iter()
        .flat_map(tokens)
        .filter(|word| {
            !matches!(
                word.as_str(),
                "um" | "uh" | "er" | "erm" | "hmm" | "mm" | "ah" | "oh" | "hello" | "hi" | "hey" | "well" | "so"
            )
        })
        .filter(|word| !"嗯呃啊哦喂额你您好".contains(word.as_str()))
        .count();
    spoken >= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Mandarin};

    fn check(asks: fn(&str, Language) -> bool, language: Language, yes: &[&str], no: &[&str]) {
        for words in yes {
            assert!(asks(words, language), "{words}");
        }
        for words in no {
            assert!(!asks(words, language), "{words}");
        }
    }

    #[test]
    fn a_person() {
        check(
            asks_for_a_person,
            English,
            &[
                "I want to talk to a person.",
                "Can I speak to a human, please?",
                "operator!",
                "Representative.",
                "put me through to someone",
                "Give me an agent.",
                "I'd rather talk to a real person",
                "is there a human there",
                "let me speak with your manager",
                "I don't want to talk to a machine",
                "can I talk to somebody",
                "customer service please",
            ],
            &[
                "where is my order",
                "someone stole my parcel",
                "I don't want to talk to a person",
                "I ordered it for another person",
                "the person who delivered it was late and rude",
                "can I speak English",
            ],
        );
        check(
            asks_for_a_person,
            Mandarin,
            &[
                "转人工",
                "轉人工",
                "我要人工客服",
                "我想和真人说话",
                "人工",
                "帮我找个人来接电话",
                "我不想跟机器人讲",
            ],
            &["我的订单在哪", "不用转人工了", "我要退货", "这是人工做的吗"],
        );
    }

    #[test]
    fn leave() {
        check(
            takes_leave,
            English,
            &[
                "Goodbye.",
                "bye bye",
                "no, that's all, thanks",
                "okay thank you very much, bye",
                "that's everything",
                "nothing else thank you",
            ],
            &[
                "no",
                "that's all I know about my order",
                "goodbye my money",
                "thank you",
                "where is my order",
            ],
        );
        check(
            takes_leave,
            Mandarin,
            &["再见", "好的,拜拜", "就这样吧,谢谢", "没别的了"],
            &["没有", "谢谢", "我要退货"],
        );
        check(
            only_thanks,
            English,
            &["thank you", "okay, thanks a lot", "I'm good, thanks"],
            &["thank you, and where is my order", "okay"],
        );
        check(
            only_thanks,
            Mandarin,
            &["谢谢", "好的,谢谢你"],
            &["谢谢,我还想问退货", "好的"],
        );
    }

    #[test]
    fn what_is_said_besides() {
        for (words, rest) in [
            ("Yes, and where is my order?", Some("where is my order")),
            (
                "yes and what are your opening hours",
                Some("what are your opening hours"),
            ),
            (
                "That's right. I also want to return a lamp",
                Some("i also want to return a lamp"),
            ),
            ("yes", None),
            ("yes, thank you", None),
            ("and yes", None),
        ] {
            assert_eq!(besides(words, English).as_deref(), rest, "{words}");
        }
        assert_eq!(besides("对,我还想退货", Mandarin).as_deref(), Some("我还想退货"));
        assert_eq!(
            besides("是的另外我的订单到哪了", Mandarin).as_deref(),
            Some("另外我的订单到哪了")
        );
        assert_eq!(besides("对", Mandarin), None);
    }

    #[test]
    fn once_more() {
        check(
            asks_to_repeat,
            English,
            &[
                "Can you repeat that, please?",
                "say that again",
                "Pardon?",
                "Sorry?",
                "what?",
                "I didn't catch that",
                "could you say it again",
            ],
            &[
                "sorry, I want to return it",
                "what are your opening hours",
                "I want to order again",
            ],
        );
        check(
            asks_to_repeat,
            Mandarin,
            &["再说一遍", "没听清", "什么?", "请您重复一下", "啊?"],
            &["什么时候开门", "我要退货"],
        );
    }
}
