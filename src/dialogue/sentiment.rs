//! How the caller feels, turn by turn: from words and from how loud they are, and where it is going.
//!
//! [`mood`] judges one turn, [`Sentiment`] keeps the trend that policies read. What a call is about is no mood: a broken lamp
//! or a complaint by name is a topic until the caller says how they feel about it. It knows no plan and remembers no words.

use super::words::{plain, tokens};
use crate::language::Language;

/// What one turn sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// Insults, threats, "this is unacceptable".
    Angry,
    /// Impatient, disappointed, annoyed.
    Displeased,
    Neutral,
    /// More than polite.
    Pleased,
}

/// How loud a turn is beside the caller's own turns before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudness {
    Usual,
    Raised,
    Shouting,
}

/// Above the caller's usual level, dB: a raised voice is 6 to 12 dB above a normal one, a shout more (ISO 9921, table of vocal
/// efforts: 6 dB a step).
const RAISED: f32 = 6.0;
const SHOUTING: f32 = 12.0;

impl Loudness {
    /// Both levels are of speech, pauses left out, in dBFS; `usual` is the median of the caller's turns before.
    pub fn of(level: f32, usual: f32) -> Self {
        let above = level - usual;
        if above >= SHOUTING {
            Loudness::Shouting
        } else if above >= RAISED {
            Loudness::Raised
        } else {
            Loudness::Usual
        }
    }
}

/// The trend of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sentiment {
    negative_turns: u32,
    calm_turns: u32,
    score: f32,
}

/// Of the score, the share that the last turn makes up.
const LAST: f32 = 0.5;
/// So many calm turns together take one negative turn back.
const CALM: u32 = 2;

impl Sentiment {
    /// The caller's next turn.
    pub fn turn(&mut self, mood: Mood) {
        let value = match mood {
            Mood::Angry => -1.0,
            Mood::Displeased => -0.5,
            Mood::Neutral => 0.0,
            Mood::Pleased => 0.5,
        };
        self.score = (1.0 - LAST) * self.score + LAST * value;
        match mood {
            Mood::Angry | Mood::Displeased => {
                self.negative_turns += 1;
                self.calm_turns = 0;
            }
            Mood::Neutral => {
                self.calm_turns += 1;
                if self.calm_turns >= CALM {
                    self.calm_turns = 0;
                    self.negative_turns = self.negative_turns.saturating_sub(1);
                }
            }
            Mood::Pleased => {
                self.negative_turns = 0;
                self.calm_turns = 0;
            }
        }
    }

    /// Turns in a bad mood that were not made good since: a pleased turn forgets them all, two calm ones together one.
    /// Plans read it as `sentiment.negative_turns`.
    pub fn negative_turns(&self) -> u32 {
        self.negative_turns
    }

    /// -1 (angry for some turns) to 0.5 (pleased for some); the last turn counts half. Plans read it as `sentiment.score`.
    pub fn score(&self) -> f32 {
        self.score
    }
}

/// What the turn sounds like.
pub fn mood(words: &str, language: Language, loudness: Loudness) -> Mood {
    let plain = plain(words);
    let said = match language {
        Language::English => english(&tokens(&plain)),
        Language::Mandarin => mandarin(&plain),
    };
    let felt = match loudness {
        Loudness::Usual => said,
        // A raised voice makes bad words worse and good ones no better.
        Loudness::Raised => said.min(said * 1.5),
        Loudness::Shouting => said.min(said * 1.5) - 1.0,
    };
    if felt <= -2.0 {
        Mood::Angry
    } else if felt <= -0.9 {
        Mood::Displeased
    } else if felt >= 0.9 {
        Mood::Pleased
    } else {
        Mood::Neutral
    }
}

/// Phrases and what they weigh; of two that begin at a place the longer is taken, so that a longer one also hides a shorter.
const ENGLISH: [(f32, &str); 7] = [
    (
        -2.0,
        "unacceptable, outrageous, ridiculous, disgusting, disgraceful, furious, livid, pathetic, worst, scam, scammers, \
         fraudsters, rip off, ripped off, thieves, crooks, liars, idiot, idiots, stupid, moron, morons, bullshit, \
         bloody, damn, goddamn, hell, fuck, fucking, fucked, shit, crap, screw you, shut up, i'll sue, sue you, my lawyer, my \
         solicitor, thanks for nothing, what the hell, are you kidding, are you deaf, how dare, hate you, sick of this, \
         sick and tired, fed up, had enough, last straw, take you to court",
    ),
    (
        -1.0,
        "annoyed, annoying, annoys, angry, mad, upset, disappointed, disappointing, frustrated, frustrating, unhappy, \
         dissatisfied, terrible, horrible, awful, hopeless, useless, unbelievable, incompetent, rude, unprofessional, \
         nonsense, joke of a company, is a joke, waste of time, wasting my time, wasted my time, no help, unhelpful, impatient, \
         for ages, still waiting, keep waiting, kept waiting, been waiting, waiting for hours, waited for hours, already told you, i told you, i just told you, told you \
         already, said that already, already said, how many times, third time, fourth time, fifth time, tenth time, over and over, again and \
         again, every time, once and for all, nobody helps, nobody cares, no one cares, you don't listen, not listening, \
         you never, hate, sick of, tired of, shame, can't believe, come on, for god's sake, for heaven's sake, \
         you people, what is wrong with you, what's wrong with you, this is taking, taking forever, takes forever, hurry up, \
         get on with it, stop wasting, do your job, never again, lost my patience, losing my patience",
    ),
    (
        -0.5,
        "bad, poor, slow, unfortunately, confusing, confused, worried, sadly, ugh, sigh, seriously",
    ),
    (
        0.0,
        "no problem, no problems, not bad, not too bad, can't complain, cannot complain, no worries, bad luck, bad connection, bad line, \
         good morning, good afternoon, good evening, good day, great britain, no thanks, no thank you, thank you but, thanks but, what the helpline, \
         in case of bad, not stupid, so far so good, as well, hell of a nice",
    ),
    (
        0.5,
        "thank you, thanks, nice, good, fine, cheers, kind of you, helpful, glad",
    ),
    (
        1.0,
        "thank you so much, thank you very much, thanks so much, thanks a lot, very kind, so kind, great, excellent, perfect, \
         wonderful, amazing, awesome, brilliant, fantastic, lovely, superb, very helpful, so helpful, really helpful, very good, really good, well \
         done, good job, great job, appreciate, appreciated, happy, pleased, delighted, impressed, love it, i love, you saved, \
         made my day, that's a relief, what a relief, relieved, best service, best, can't thank you enough",
    ),
    (2.0, "absolutely wonderful, absolutely brilliant"),
];

/// Turns a word round where it stands at most this many words before: "not at all happy".
const REACH: usize = 3;

fn english(tokens: &[String]) -> f32 {
    const NEGATIONS: [&str; 20] = [
        "not", "no", "never", "don't", "didn't", "doesn't", "isn't", "wasn't", "aren't", "won't", "can't", "cannot",
        "haven't", "hasn't", "nothing", "nobody", "hardly", "without", "neither", "ain't",
    ];
    const STRONGER: [&str; 9] = [
        "very",
        "really",
        "so",
        "absolutely",
        "totally",
        "completely",
        "extremely",
        "bloody",
        "utterly",
    ];
    let mut sum = 0.0;
    let mut at = 0;
    let mut negated: Option<usize> = None;
    let mut stronger = 1.0;
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        let fits = |phrase: &str| {
            let words = phrase.split(' ').count();
            let here = rest.get(..words)?;
            here.iter().zip(phrase.split(' ')).all(|(a, b)| a == b).then_some(words)
        };
        let phrases = ENGLISH
            .iter()
            .flat_map(|(weight, list)| list.split(", ").map(move |phrase| (*weight, phrase)));
        let found = phrases
            .filter_map(|(weight, phrase)| Some((fits(phrase)?, weight)))
            .max_by_key(|(words, _)| *words);
        let near = negated.is_some_and(|before| at - before <= REACH);
        match found {
            Some((words, weight)) => {
                sum += turned(weight * stronger, near);
                stronger = 1.0;
                at += words;
                negated = negated.filter(|_| weight == 0.0);
                continue;
            }
            None if NEGATIONS.contains(&token.as_str()) => negated = Some(at),
            None if STRONGER.contains(&token.as_str()) => {
                stronger = 1.5;
                at += 1;
                continue;
            }
            None => {}
        }
        stronger = 1.0;
        at += 1;
    }
    sum
}

/// "Not happy" is unhappy; "not angry" is no praise.
fn turned(weight: f32, negated: bool) -> f32 {
    match (negated, weight > 0.0) {
        (false, _) => weight,
        (true, true) => -weight.max(1.0),
        (true, false) => 0.0,
    }
}

/// As [`ENGLISH`].
const MANDARIN: [(f32, &str); 6] = [
    (
        -2.0,
        "气死, 垃圾, 骗子, 骗人, 坑人, 混蛋, 王八, 他妈, 妈的, 去死, 滚, 傻, 蠢, 白痴, 恶心, 离谱, 太过分, 岂有此理, 忍无可忍, \
         起诉, 律师, 法院, 消协, 曝光, 受够, 什么破, 什么玩意, 狗屁, 放屁, 不要脸, 黑心, 无耻",
    ),
    (
        -1.0,
        "生气, 气人, 愤怒, 火大, 恼火, 失望, 不满, 不爽, 差劲, 太差, 很差, 真差, 糟糕, 烦死, 烦人, 很烦, 太烦, 真烦, 烦不烦, 受不了, \
         过分, 无语, 没用, 浪费时间, 浪费我, 搞什么, 什么意思啊, 怎么回事啊, 说了几遍, 说了多少遍, 说过多少, 几次了, 多少次, 好几次, 第三次, \
         第四次, 等了半天, 等了好久, 等了很久, 等这么久, 要等多久, 等到什么时候, 还没解决, 没人管, 不负责, 推卸, 敷衍, 态度, 听不懂人话, 有没有搞错, 太慢, \
         急死, 讨厌, 难用, 不耐烦, 不像话, 快点",
    ),
    (-0.5, "着急, 担心, 郁闷, 麻烦死, 可惜, 唉, 差"),
    (
        0.0,
        "麻烦您, 麻烦你, 麻烦, 不错, 没关系, 没问题, 没事, 不客气, 好的, 好吧, 差不多, 出差, 时差, 差价, 快点儿好, 差一点, 你好, 您好, 好久, 最好",
    ),
    (0.5, "谢谢, 感谢, 多谢, 辛苦了, 还行, 挺好, 可以的"),
    (
        1.0,
        "非常感谢, 太感谢, 十分感谢, 太谢谢, 满意, 太好了, 太棒, 真棒, 很棒, 很好, 非常好, 真好, 开心, 高兴, 喜欢, 厉害, 帮了大忙, 帮大忙, 放心了, \
         服务好, 周到, 贴心, 专业, 完美, 点赞, 优秀, 真不错, 很不错",
    ),
];

fn mandarin(plain: &str) -> f32 {
    let chars: Vec<char> = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    let mut sum = 0.0;
    let mut at = 0;
    while at < chars.len() {
        let rest = chars.get(at..).unwrap_or_default();
        let fits = |phrase: &str| {
            let width = phrase.chars().count();
            let here = rest.get(..width)?;
            here.iter().copied().eq(phrase.chars()).then_some(width)
        };
        let phrases = MANDARIN
            .iter()
            .flat_map(|(weight, list)| list.split(", ").map(move |phrase| (*weight, phrase)));
        let found = phrases
            .filter_map(|(weight, phrase)| Some((fits(phrase)?, weight)))
            .max_by_key(|(width, _)| *width);
        let Some((width, weight)) = found else {
            at += 1;
            continue;
        };
        // 不满意, 不太满意, 没有生气: the word itself, or an adverb between.
        let before = chars.get(at.saturating_sub(3)..at).unwrap_or_default();
        let negated = matches!(
            before,
            [.., '不' | '没' | '别']
                | [.., '不' | '没', '太' | '是' | '怎' | '很' | '大' | '有' | '会']
                | [.., '不', '怎', '么']
                | [.., '不', '是', '很']
                | [.., '没', '那', '么']
        );
        let stronger =
            matches!(before, [.., '太' | '真' | '很'] | [.., '非', '常'] | [.., '特', '别']) && weight.abs() >= 1.0;
        sum += turned(if stronger { weight * 1.5 } else { weight }, negated);
        at += width;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Language::{English, Mandarin};
    use Mood::{Angry, Displeased, Neutral, Pleased};

    fn check(language: Language, rows: &[(&str, Mood)]) {
        let wrong: Vec<String> = rows
            .iter()
            .map(|(words, wanted)| (words, *wanted, mood(words, language, Loudness::Usual)))
            .filter(|(_, wanted, found)| wanted != found)
            .map(|(words, wanted, found)| format!("{words}: {found:?}, not {wanted:?}"))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn moods_in_english() {
        check(
            English,
            &[
                ("where is my order", Neutral),
                ("the lamp I bought is broken", Neutral),
                ("I want to return a pair of shoes", Neutral),
                ("I'd like to make a complaint", Neutral),
                ("my payment failed", Neutral),
                ("yes please", Neutral),
                ("thank you", Neutral),
                ("no thanks, that's all", Neutral),
                ("no problem", Neutral),
                ("it's not bad", Neutral),
                ("good morning", Neutral),
                ("I'm not angry", Neutral),
                ("I can't complain", Neutral),
                ("sorry, the line is bad", Neutral),
                ("I'm really disappointed", Displeased),
                ("I'm not happy with this", Displeased),
                ("I am not at all pleased", Displeased),
                ("this is the third time I'm calling", Displeased),
                ("I already told you my number", Displeased),
                ("I'm still waiting for my parcel", Displeased),
                ("that was not very helpful", Displeased),
                ("your service is terrible", Displeased),
                ("this is taking forever", Displeased),
                ("this is ridiculous", Angry),
                ("that's absolutely unacceptable", Angry),
                ("you idiots lost my parcel", Angry),
                ("I'm fed up with you people", Angry),
                ("what the hell is going on", Angry),
                ("thanks for nothing", Angry),
                ("I will call my lawyer", Angry),
                ("terrible, just awful", Angry),
                ("that's great, thank you", Pleased),
                ("thank you so much", Pleased),
                ("you've been very helpful", Pleased),
                ("perfect", Pleased),
                ("I'm very happy with it", Pleased),
                ("I really appreciate your help", Pleased),
            ],
        );
    }

    #[test]
    fn moods_in_mandarin() {
        check(
            Mandarin,
            &[
                ("我的订单到哪了", Neutral),
                ("我要退货", Neutral),
                ("你好", Neutral),
                ("谢谢", Neutral),
                ("麻烦您帮我查一下", Neutral),
                ("没关系", Neutral),
                ("我没有生气", Neutral),
                ("好的", Neutral),
                ("我要出差", Neutral),
                ("我很失望", Displeased),
                ("我不满意", Displeased),
                ("我对你们不太满意", Displeased),
                ("我都打了好几次了", Displeased),
                ("怎么还没解决啊", Displeased),
                ("你们的服务太差了", Displeased),
                ("烦死了", Displeased),
                ("你们就是骗子", Angry),
                ("太离谱了", Angry),
                ("气死我了", Angry),
                ("我要找律师告你们", Angry),
                ("又等了半天,真是太过分了", Angry),
                ("太好了,谢谢你", Pleased),
                ("非常感谢", Pleased),
                ("你们的服务我很满意", Pleased),
                ("我很高兴", Pleased),
            ],
        );
    }

    #[test]
    fn loudness_makes_it_worse_and_never_better() {
        let words = |words| move |loudness| mood(words, English, loudness);
        let disappointed = words("I'm disappointed, nobody cares");
        assert_eq!(disappointed(Loudness::Usual), Angry);
        let annoyed = words("this is annoying");
        assert_eq!(annoyed(Loudness::Usual), Displeased);
        assert_eq!(annoyed(Loudness::Shouting), Angry);
        let order = words("where is my order");
        assert_eq!(order(Loudness::Raised), Neutral);
        assert_eq!(order(Loudness::Shouting), Displeased);
        assert_eq!(words("that's great, thank you")(Loudness::Raised), Pleased);
        assert_eq!(Loudness::of(-20.0, -21.0), Loudness::Usual);
        assert_eq!(Loudness::of(-14.0, -21.0), Loudness::Raised);
        assert_eq!(Loudness::of(-8.0, -21.0), Loudness::Shouting);
        assert_eq!(Loudness::of(f32::NAN, -21.0), Loudness::Usual);
    }

    #[test]
    fn the_trend_forgets_what_was_made_good() {
        let after = |moods: &[Mood]| {
            let mut sentiment = Sentiment::default();
            moods.iter().for_each(|mood| sentiment.turn(*mood));
            sentiment
        };
        assert_eq!(after(&[Displeased, Neutral, Angry]).negative_turns(), 2);
        assert_eq!(after(&[Displeased, Displeased, Neutral, Neutral]).negative_turns(), 1);
        assert_eq!(after(&[Angry, Angry, Pleased]).negative_turns(), 0);
        assert_eq!(after(&[Neutral; 9]), after(&[Neutral; 1]));
        assert!(after(&[Angry; 5]).score() < -0.9);
        assert!(after(&[Pleased, Neutral]).score() > 0.0);
    }

    proptest! {
        #[test]
        fn any_words_have_a_mood(words: String) {
            for language in Language::ALL {
                for loudness in [Loudness::Usual, Loudness::Raised, Loudness::Shouting] {
                    let _ = mood(&words, language, loudness);
                }
            }
        }
    }
}
