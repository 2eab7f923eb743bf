//! Yes or no, in the many ways in which people say it.
//!
//! It knows no question: "that's it" is a yes here, and who asks "anything else?" must know better.

use crate::dialogue::words::{clauses, plain, tokens};
use crate::language::Language;

/// What the words answer a yes-or-no question with; `None` where they answer neither, both, or that the caller does not
/// know.
pub fn yes_or_no(words: &str, language: Language) -> Option<bool> {
    let plain = plain(words);
    match language {
        Language::English => english(&plain),
        Language::Mandarin => mandarin(&plain).or_else(|| english(&plain).filter(|_| plain.is_ascii())),
    }
}

/// What a phrase does to the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Yes,
    No,
    /// "I don't know": no answer, whatever else is said.
    Unsure,
    /// Says nothing by itself, and hides the words in it.
    Neutral,
}

use Sense::{Neutral, No, Unsure, Yes};

/// Phrases that answer wherever they stand; of two that begin at a place the longer is taken.
const ENGLISH: [(Sense, &str); 4] = [
    (
        Unsure,
        "i don't know, i do not know, don't know, no idea, not sure, not certain, maybe, perhaps, it depends",
    ),
    (
        Neutral,
        "can't complain, isn't it, right away, right now, good morning, good afternoon, good evening, no one, right \
         item, okay so, isn't that",
    ),
    (
        No,
        "i don't think so, i do not think so, don't think so, i'd rather not, rather not, i'm afraid not, afraid not, \
         of course not, absolutely not, definitely not, certainly not, probably not, please don't, not really, not \
         quite, not exactly, not at all, not today, not now, not yet, not that, not me, not right, not correct, not \
         true, not interested, not even close, not what i said, isn't right, isn't correct, doesn't sound right, doesn't look right, \
         don't do that, don't do it, i disagree, disagree, misheard me, misheard, misunderstood, wrong number, wrong, incorrect, mistaken, negative, nope, \
         nah, naw, nay, no way, uh uh, nuh uh, no, cancel that, i don't want, i do not want, don't want, i don't \
         need, don't need, it is not, that is not, it's wrong, never mind, nevermind, no thanks",
    ),
    (
        Yes,
        "no problem, not a problem, no worries, no doubt, why not, i don't mind, don't mind, wouldn't mind, that's \
         right, that is right, all right, that's it, that is it, that's the one, that's me, this is she, this is he, \
         this is him, this is her, you got it, you bet, of course, by all means, go ahead, go for it, please do, yes \
         please, sounds good, sounds right, sounds great, looks good, i think so, i guess so, i believe so, i suppose \
         so, that works, works for me, fine by me, fine with me, i'd love to, i would like that, i'd like that, i agree, agreed, spot on, \
         hundred percent, roger that, very well, as you wish, let's do it, let's do that, that'd be great, that would be great, would be great, would be good, would be nice, yes, yeah, yea, yep, \
         yup, yah, ya, yas, aye, uh huh, uhuh, mm hmm, mm hm, mmhmm, mhm, sure, certainly, absolutely, definitely, \
         totally, indeed, correct, right, exactly, precisely, affirmative, okay, ok, okey, alright",
    ),
];

/// Phrases that answer only where a clause ends with them: "I do" does, "I do not see my order" does not.
const ENGLISH_AT_THE_END: [(Sense, &str); 2] = [
    (
        No,
        "isn't, it's not, is not, that's not, i'm not, am not, i don't, i do not, i didn't, i did not, i haven't, i \
         have not, i can't, i cannot, i won't, i wouldn't, it doesn't, it wasn't, we don't, we haven't, do not, \
         don't, that isn't it, false, never, stop, not",
    ),
    (
        Yes,
        "speaking, got it, do it, do that, i guess, i would, i do, i did, i am, i have, i can, i will, we do, we \
         have, it is, it was, it does, they are, true, fine, good, great, perfect, cool, bingo, please, confirmed, confirm",
    ),
];

/// Words before the answer that are not part of it.
const LEADS: [&str; 20] = [
    "um", "uh", "er", "erm", "hmm", "well", "so", "oh", "ah", "and", "but", "actually", "honestly", "i", "think",
    "mean", "hello", "hi", "just", "like",
];

/// An answer is looked for at the start of what is said, or anywhere in words as few as this.
const SHORT: usize = 6;

fn english(plain: &str) -> Option<bool> {
    let clauses: Vec<Vec<String>> = clauses(plain).into_iter().map(tokens).collect();
    let length: usize = clauses.iter().map(Vec::len).sum();
    if let [clause] = clauses.as_slice()
        && clause.as_slice() == ["know"]
    {
        return Some(false);
    }
    let mut answer = None;
    let mut leading = true;
    for clause in &clauses {
        let mut at = 0;
        while let Some(word) = clause.get(at).filter(|_| leading || length <= SHORT) {
            let rest = clause.get(at..).unwrap_or_default();
            // "Tell me where they are" ends with no answer.
            let asked = clause.iter().take(at).any(|word| is_question(word));
            let closing: &[(Sense, &str)] = if asked { &[] } else { &ENGLISH_AT_THE_END };
            let Some((sense, used)) = phrase(rest, closing) else {
                leading = leading && LEADS.contains(&word.as_str());
                at += 1;
                continue;
            };
            at += used;
            match sense {
                Unsure => return None,
                Neutral => {}
                // Polite words close a refusal as well as they do a consent: "no, that's fine", "no, please".
                Yes if answer == Some(false) && is_polite(word) => {}
                // "yeah, no" is a no and "no, yeah" a yes: the last word counts.
                Yes => answer = Some(true),
                No => answer = Some(false),
            }
        }
    }
    answer
}

fn is_polite(word: &str) -> bool {
    matches!(
        word,
        "please" | "fine" | "good" | "great" | "ok" | "okay" | "alright" | "sure" | "perfect" | "all" | "i"
    )
}

fn is_question(word: &str) -> bool {
    matches!(
        word,
        "where" | "what" | "when" | "how" | "who" | "which" | "why" | "if" | "whether"
    )
}

/// The longest phrase at the start of what is left of a clause, its sense and how many words it has; `closing` are
/// those that answer only at its end.
fn phrase(tokens: &[String], closing: &[(Sense, &'static str)]) -> Option<(Sense, usize)> {
    let anywhere = ENGLISH.iter().map(|table| (table, false));
    let at_the_end = closing.iter().map(|table| (table, true));
    anywhere
        .chain(at_the_end)
        .flat_map(|((sense, phrases), ends)| phrases.split(", ").map(move |phrase| (*sense, phrase, ends)))
        .filter_map(|(sense, phrase, ends)| {
            let words = phrase.split(' ').count();
            let here = tokens.get(..words)?;
            let fits = here.iter().zip(phrase.split(' ')).all(|(token, word)| token == word);
            (fits && (!ends || words == tokens.len())).then_some((sense, words))
        })
        .max_by_key(|(_, words)| *words)
}

/// Phrases a clause begins with; of two the longer is taken.
const MANDARIN: [(Sense, &str); 4] = [
    (Unsure, "不知道, 不清楚, 不确定, 不一定, 说不好, 不好说, 随便"),
    (
        Neutral,
        "是不是, 对不对, 好不好, 行不行, 可不可以, 有没有, 对不起, 不好意思",
    ),
    (
        No,
        "不太对, 不大对, 不太行, 先不, 暂时不, 才不是, 并不是, 并不, 好像不, 我觉得不, 有点不, 绝对不, 这不, 听错, 你听错, 您听错, 你搞错, 您搞错, 说错, 拒绝, 不完全是, 不怎么, 不是, 不对, 不用, 不要, 不需要, 不必, 不行, 不可以, \
         不可, 不能, 不好, 不想, 不了, 不正确, 不同意, 不确认, 不满意, 没有, 没, 还没, 别, \
         算了, 打错, 搞错, 错, 否, 不",
    ),
    (
        Yes,
        "没错, 没有错, 是这样, 就这样, 完全正确, 非常正确, 说得对, 你说得对, 您说得对, 你说得没错, 您说得没错, 说对, 说得没错, 必须的, 成交, \
         好嘞, 好滴, ok, 没问题, 没关系, 没毛病, 不介意, 不错, 是的, 对的, 好的, 可以, 正确, 确认, 同意, \
         愿意, 当然, 一定, 需要, 没事, 就是, 是我, 我就是, 我是, 我要, 我想, 要的, 有的, 行的, \
         嗯嗯, 确定, 满意, 麻烦你, 麻烦您, 好, 对, 是, 行, 要, 有, 成, 嗯, 恩, 中",
    ),
];

/// Around the answer, without one of their own.
const PARTICLES: &str = "呃额啊呀呢吧了哦噢喔嘛的哈唉哎诶那这个您你我它谢请";

fn mandarin(plain: &str) -> Option<bool> {
    let mut answer = None;
    for (index, clause) in clauses(plain).into_iter().enumerate() {
        let chars: Vec<char> = clause.chars().filter(|c| !c.is_whitespace()).collect();
        match mandarin_clause(&chars) {
            Some(Unsure) => return None,
            Some(Yes) if index == 0 || answer.is_none() => answer = Some(true),
            Some(No) => answer = Some(false),
            Some(Yes | Neutral) | None => {}
        }
        // After an answer the rest says what is meant instead ("不对,是1234"); a sentence without one is not searched to
        // its end.
        if answer.is_some() || index >= 1 {
            break;
        }
    }
    answer
}

fn mandarin_clause(chars: &[char]) -> Option<Sense> {
    let start = chars
        .iter()
        .take_while(|c| "呃额啊哦噢喔哈唉哎诶那".contains(**c))
        .count();
    let body = chars.get(start..).unwrap_or_default();
    let (sense, used) = mandarin_phrase(body)?;
    let rest = body.get(used..).unwrap_or_default();
    let (closed, last) = to_the_end(rest);
    let first = body.first().copied().unwrap_or(' ');
    match sense {
        // 不用了谢谢, 不是1234, 没有收到: a refusal may go on.
        No if used >= 2 || closed || rest.len() <= 4 => Some(sense),
        // 对对对, 是的没错, 好像不对: the last word counts.
        Yes if closed => Some(last.unwrap_or(Yes)),
        // 是的我要退货 is a consent, 可以帮我查吗 is none; one of a single character must stand alone.
        Yes if used >= 2 && first != '我' && !rest.iter().any(|c| "吗么呢几多怎哪什".contains(*c)) => {
            Some(sense)
        }
        Unsure | Neutral => Some(sense),
        Yes | No => None,
    }
}

/// Whether a rest is nothing but particles and further answers, and the sense of the last of these.
fn to_the_end(mut rest: &[char]) -> (bool, Option<Sense>) {
    let mut last = None;
    loop {
        let particles = rest.iter().take_while(|c| PARTICLES.contains(**c)).count();
        let body = rest.get(particles..).unwrap_or_default();
        let Some((sense, used)) =
            mandarin_phrase(rest).or_else(|| mandarin_phrase(body).map(|(sense, used)| (sense, particles + used)))
        else {
            return (body.is_empty(), last);
        };
        if sense != Neutral {
            last = Some(sense);
        }
        rest = rest.get(used..).unwrap_or_default();
    }
}

fn mandarin_phrase(chars: &[char]) -> Option<(Sense, usize)> {
    MANDARIN
        .iter()
        .flat_map(|(sense, phrases)| phrases.split(", ").map(move |phrase| (*sense, phrase)))
        .filter_map(|(sense, phrase)| {
            let width = phrase.chars().count();
            let here = chars.get(..width)?;
            here.iter().copied().eq(phrase.chars()).then_some((sense, width))
        })
        .max_by_key(|(_, width)| *width)
}
