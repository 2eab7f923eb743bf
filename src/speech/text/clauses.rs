//! Text cut into clauses that a voice speaks one after the other: the first is heard while the next is made.
//!
//! A text may be there at once ([`clauses`]) or arrive in pieces from a language model ([`Clauses`]): the clauses are the same
//! however it was chopped. Knows how a text is written, not what it means; numbers and signs are still as written here.

use std::time::Duration;

use super::chinese::is_hanzi;
use super::normalise;
use crate::language::Language;

/// The clauses of `text`, in order, trimmed; each has something to say.
pub fn clauses(text: &str, language: Language) -> Vec<String> {
    let mut clauses = Clauses::new(language);
    let mut all = clauses.push(text);
    all.extend(clauses.finish());
    all
}

/// How long `text` takes to say, about: English at 15 characters a second, Mandarin at 4.5 syllables.
pub fn spoken_length(text: &str, language: Language) -> Duration {
    let spoken = normalise(text, language);
    spoken.chars().map(|c| cost(c, language)).sum()
}

/// Clauses of a text that is still being written.
#[derive(Clone, Debug)]
pub struct Clauses {
    language: Language,
    /// What was written and not yet given out; at most about two of the longest clauses between calls.
    rest: String,
    /// Clauses given out so far.
    given: usize,
}

impl Clauses {
    pub fn new(language: Language) -> Self {
        Self {
            language,
            rest: String::new(),
            given: 0,
        }
    }

    /// The clauses that are complete with `delta`.
    pub fn push(&mut self, delta: &str) -> Vec<String> {
        self.rest.push_str(delta);
        self.take(More::Follows)
    }

    /// The clauses that were waiting for what might have followed. A new text begins after this.
    pub fn finish(&mut self) -> Vec<String> {
        let mut clauses = self.take(More::Never);
        clauses.extend(speakable(&self.rest));
        *self = Self::new(self.language);
        clauses
    }

    fn take(&mut self, more: More) -> Vec<String> {
        let mut clauses = Vec::new();
        let mut start = 0;
        while let Some(rest) = self.rest.get(start..) {
            let limits = Limits::of(self.language, self.given);
            let Some(end) = cut(rest, limits, self.language, more) else {
                break;
            };
            if let Some(clause) = rest.get(..end).and_then(speakable) {
                clauses.push(clause);
                self.given += 1;
            }
            start += end;
        }
        self.rest.drain(..start);
        clauses
    }
}

fn speakable(clause: &str) -> Option<String> {
    let clause = clause.trim();
    clause.chars().any(char::is_alphanumeric).then(|| clause.to_owned())
}

/// Whether the text goes on behind what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    Follows,
    Never,
}

/// All in time of speech.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// A clause shorter than this is joined to the next.
    least: Duration,
    /// A pause at or after this is good enough for a clause that is to be short.
    early: Duration,
    /// Beyond this, a clause is cut at a pause.
    most: Duration,
}

impl Limits {
    /// The first clause is short, for the caller waits for it. Mandarin's voice is seven times dearer: its clauses are shorter.
    fn of(language: Language, given: usize) -> Self {
        let least = Duration::from_millis(800);
        let most = Duration::from_millis(match (language, given) {
            (Language::English, 0) => 4_000,
            (Language::English, _) => 9_000,
            (Language::Mandarin, 0) => 3_000,
            (Language::Mandarin, _) => 6_000,
        });
        let early = if given == 0 { Duration::from_millis(1_300) } else { most };
        Self { least, early, most }
    }
}

/// Time that `c` takes to say.
fn cost(c: char, language: Language) -> Duration {
    const LETTER: Duration = Duration::from_micros(66_667);
    const SYLLABLE: Duration = Duration::from_micros(222_222);
    match language {
        _ if is_hanzi(c) => SYLLABLE,
        Language::English => LETTER,
        // A digit or a letter is said by its name.
        Language::Mandarin if c.is_alphanumeric() => SYLLABLE,
        Language::Mandarin => LETTER,
    }
}

/// Whether a clause may end somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Sentence,
    Pause,
    /// `back` bytes before this: between the items of a list, or before a conjunction.
    Weak {
        back: usize,
    },
    Nothing,
    /// What follows decides, and is not there yet.
    Unknown,
}

/// Where the first clause of `text` ends, in bytes; more than 0. `None` where that is not known yet, or the text is one clause.
/// Every decision rests on what stands before it and a few characters behind, so that it is the same for every chopping.
fn cut(text: &str, limits: Limits, language: Language, more: More) -> Option<usize> {
    let (mut pause, mut weak, mut space) = (None, None, None);
    let mut length = Duration::ZERO;
    let mut at = 0;
    while let Some(step) = step(text, at) {
        let (before, rest) = text.split_at_checked(at)?;
        let seen = look(before, rest, step, more);
        length += rest.get(..step)?.chars().map(|c| cost(c, language)).sum::<Duration>();
        at += step;
        let here = Candidate { end: at, length };
        match seen {
            Seen::Unknown => return None,
            Seen::Sentence if length >= limits.least => return Some(at),
            Seen::Sentence | Seen::Pause => Candidate::consider(&mut pause, here, limits),
            Seen::Weak { back } => Candidate::consider(
                &mut weak,
                Candidate {
                    end: at.saturating_sub(back),
                    length,
                },
                limits,
            ),
            Seen::Nothing if rest.starts_with(char::is_whitespace) => space = Some(here),
            Seen::Nothing => {}
        }
        if length > limits.most
            && let Some(best) = pause.or(weak)
        {
            return Some(best.end);
        }
        // Somebody forgot to punctuate.
        if length > limits.most * 2 {
            return Some(space.map_or(at, |space| space.end));
        }
    }
    None
}

/// Bytes to the end of the character at `at`, or of the run of marks that it begins.
fn step(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let first = rest.chars().next()?;
    if !is_mark(first) {
        return Some(first.len_utf8());
    }
    Some(rest.find(|c| !is_mark(c) && !is_closing(c)).unwrap_or(rest.len()))
}

/// A place where a clause may end, and how long it would be.
#[derive(Clone, Copy)]
struct Candidate {
    end: usize,
    length: Duration,
}

impl Candidate {
    /// The last one wins, unless an earlier one is long enough.
    fn consider(best: &mut Option<Candidate>, new: Candidate, limits: Limits) {
        let settled = best.is_some_and(|best| best.length >= limits.early);
        if new.length >= limits.least && !settled {
            *best = Some(new);
        }
    }
}

/// What the first `step` bytes of `rest` are: a character, or a run of marks.
fn look(before: &str, rest: &str, step: usize, more: More) -> Seen {
    let (marks, after) = rest.split_at_checked(step).unwrap_or((rest, ""));
    match marks.chars().next() {
        Some('\n') => Seen::Sentence,
        Some('、') => Seen::Weak { back: 0 },
        Some('-' | '–') if before.ends_with(char::is_whitespace) => match after.chars().next() {
            None if more == More::Follows => Seen::Unknown,
            Some(next) if !next.is_whitespace() => Seen::Nothing,
            None | Some(_) => Seen::Pause,
        },
        Some(c) if c.is_whitespace() => {
            conjunction(before).map_or(Seen::Nothing, |word| Seen::Weak { back: word + step })
        }
        Some(c) if is_mark(c) => look_at_marks(before, marks, after, more),
        None | Some(_) => Seen::Nothing,
    }
}

/// An ASCII mark ends nothing where a letter or a digit follows at once: 3.14, 14:30, a@b.com.
fn look_at_marks(before: &str, marks: &str, after: &str, more: More) -> Seen {
    let wide = marks.contains(|c: char| is_mark(c) && !c.is_ascii());
    match after.chars().next() {
        None if more == More::Follows => return Seen::Unknown,
        Some(next) if next.is_ascii() && !next.is_whitespace() && !wide => return Seen::Nothing,
        None | Some(_) => {}
    }
    if marks.contains(['。', '！', '？', '；', '!', '?', ';']) {
        return Seen::Sentence;
    }
    let dots = marks.matches('.').count();
    if dots == 1 && !marks.contains([',', ':', '，', '：', '—', '…']) {
        return after_full_stop(before, after, more);
    }
    Seen::Pause
}

/// Whether one full stop ends a sentence, or a word that is cut short.
fn after_full_stop(before: &str, after: &str, more: More) -> Seen {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = bare.to_lowercase();
    // "1. Open the box."
    let numbers_an_item = before.trim() == word && !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
    let initial = bare.chars().count() == 1 && bare.chars().all(char::is_uppercase) && bare != "I";
    if TITLES.contains(&lower.as_str()) || numbers_an_item || initial {
        return Seen::Nothing;
    }
    let (before_digit, before_capital) = (
        BEFORE_DIGITS.contains(&lower.as_str()),
        SHORT_WORDS.contains(&lower.as_str()),
    );
    let next = after.chars().find(|c| !c.is_whitespace());
    match next {
        _ if !before_digit && !before_capital => Seen::Sentence,
        None if more == More::Follows => Seen::Unknown,
        None => Seen::Sentence,
        Some(next) if before_digit && next.is_ascii_digit() => Seen::Nothing,
        Some(next) if before_capital && !next.is_uppercase() => Seen::Nothing,
        Some(_) => Seen::Sentence,
    }
}

/// Abbreviations that something always follows.
const TITLES: [&str; 15] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "mt", "vs", "e.g", "i.e", "approx", "rev", "gen", "hon", "cf",
];

/// Abbreviations only where a number follows.
const BEFORE_DIGITS: [&str; 21] = [
    "no", "nos", "ext", "tel", "fig", "vol", "p", "pp", "art", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec",
];

/// Abbreviations that may also end a sentence; then the next word has a capital.
const SHORT_WORDS: [&str; 26] = [
    "etc", "inc", "ltd", "co", "corp", "a.m", "p.m", "u.s", "u.k", "u.s.a", "e.u", "jr", "sr", "ave", "rd", "blvd",
    "apt", "dept", "max", "min", "est", "hr", "hrs", "mins", "lb", "ph.d",
];

/// Bytes of the conjunction that `before` ends with, and that something stands before.
fn conjunction(before: &str) -> Option<usize> {
    let word = before.rsplit(char::is_whitespace).next()?;
    let known = CONJUNCTIONS
        .iter()
        .any(|conjunction| conjunction.eq_ignore_ascii_case(word));
    (known && word.len() < before.len()).then_some(word.len())
}

const CONJUNCTIONS: [&str; 16] = [
    "and", "but", "or", "so", "because", "which", "while", "although", "unless", "until", "if", "when", "where",
    "since", "than", "then",
];

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '。' | '！' | '？' | '；' | '…' | '，' | '：' | '—' | '.' | '!' | '?' | ';' | ',' | ':'
    )
}

/// Belongs to the clause before it.
fn is_closing(c: char) -> bool {
    matches!(
        c,
        '"' | '”' | '’' | '\'' | ')' | '）' | ']' | '」' | '』' | '》' | '】' | '*'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use Language::{English, Mandarin};

    const TABLE: &[(&str, Language, &[&str])] = &[
        ("Hello. How can I help?", English, &["Hello. How can I help?"]),
        (
            "Thanks for calling. How can I help?",
            English,
            &["Thanks for calling.", "How can I help?"],
        ),
        (
            "Mr. Smith paid $3.14 to a.b@c.de, e.g. yesterday.",
            English,
            &["Mr. Smith paid $3.14 to a.b@c.de, e.g. yesterday."],
        ),
        (
            "I met J. R. Smith at No. 5 today. No. I did not.",
            English,
            &["I met J. R. Smith at No. 5 today.", "No. I did not."],
        ),
        (
            "We open at 9 a.m. on weekdays.",
            English,
            &["We open at 9 a.m. on weekdays."],
        ),
        (
            "We open at 9 a.m. Please come.",
            English,
            &["We open at 9 a.m.", "Please come."],
        ),
        (
            "It is due Nov. 21. Please pay.",
            English,
            &["It is due Nov. 21.", "Please pay."],
        ),
        ("Well, yes, of course.", English, &["Well, yes, of course."]),
        (
            "Are you really sure?! Yes... I am.",
            English,
            &["Are you really sure?!", "Yes... I am."],
        ),
        (
            "He said \"that is all.\" Then he left us.",
            English,
            &["He said \"that is all.\"", "Then he left us."],
        ),
        (
            "1. Open the box.\n2. Plug it in please.",
            English,
            &["1. Open the box.", "2. Plug it in please."],
        ),
        (
            "Orders placed before two in the afternoon leave the same day, and they usually arrive within two or three working days.",
            English,
            &[
                "Orders placed before two in the afternoon leave the same day,",
                "and they usually arrive within two or three working days.",
            ],
        ),
        (
            "I have found your order, it was sent on Monday from our warehouse in the north, and it will be with you tomorrow.",
            English,
            &[
                "I have found your order,",
                "it was sent on Monday from our warehouse in the north, and it will be with you tomorrow.",
            ],
        ),
        (
            "You can send the parcel back to us within thirty days and we will refund the whole amount to your card",
            English,
            &[
                "You can send the parcel back to us within thirty days",
                "and we will refund the whole amount to your card",
            ],
        ),
        (
            "Open from 9:00 - 18:00 today",
            English,
            &["Open from 9:00 - 18:00 today"],
        ),
        ("您好。请问有什么可以帮您？", Mandarin, &["您好。请问有什么可以帮您？"]),
        (
            "您好，您昨天提交的订单还没有完成支付，请问需要帮您处理吗？好的。",
            Mandarin,
            &[
                "您好，您昨天提交的订单还没有完成支付，",
                "请问需要帮您处理吗？",
                "好的。",
            ],
        ),
        (
            "我们支持微信、支付宝和银行卡，价格是3.14元，包邮！！谢谢您。",
            Mandarin,
            &["我们支持微信、支付宝和银行卡，", "价格是3.14元，包邮！！", "谢谢您。"],
        ),
        (
            "您的订单已发货,预计三天到.请注意查收!",
            Mandarin,
            &["您的订单已发货,预计三天到.", "请注意查收!"],
        ),
        ("", English, &[]),
        (" ... ", English, &[]),
        ("👍", Mandarin, &[]),
    ];

    #[test]
    fn cuts_where_a_speaker_would_pause() {
        for (text, language, parts) in TABLE {
            assert_eq!(clauses(text, *language), *parts, "{text}");
        }
    }

    #[test]
    fn gives_out_a_sentence_as_soon_as_it_is_over() {
        let mut clauses = Clauses::new(English);
        assert!(clauses.push("Your order was shi").is_empty());
        assert!(clauses.push("pped yesterday.").is_empty());
        assert_eq!(clauses.push(" It"), ["Your order was shipped yesterday."]);
        assert!(clauses.push(" costs $3.").is_empty());
        assert!(clauses.push("50.").is_empty());
        assert_eq!(clauses.finish(), ["It costs $3.50."]);
        assert!(clauses.finish().is_empty());
    }

    #[test]
    fn a_text_without_punctuation_is_cut_between_words() {
        let text = "word ".repeat(200);
        let parts = clauses(&text, English);
        assert!(
            parts
                .iter()
                .all(|part| part.len() <= 275 && part.split(' ').all(|word| word == "word")),
            "{parts:?}"
        );
        assert!(parts.first().is_some_and(|part| part.len() <= 125));
        let parts = clauses(&"好".repeat(200), Mandarin);
        assert!(parts.iter().all(|part| part.chars().count() <= 55), "{parts:?}");
    }

    #[test]
    fn length_counts_what_is_said() {
        let about = |text, language, seconds: f64| {
            let length = spoken_length(text, language).as_secs_f64();
            assert!((length - seconds).abs() < 0.3, "{text}: {length} s");
        };
        about("How can I help you today?", English, 1.67);
        about("$12.50", English, 2.13);
        about("您好，请问有什么可以帮您？", Mandarin, 2.6);
        about("13800138000", Mandarin, 2.6);
        about("", English, 0.0);
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_is_lost(text in "\\PC{0,200}|([a-zA-Z]{1,9}[ .,\n]{1,2}){0,80}|[好了一，。、 a.]{0,120}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            for language in Language::ALL {
                let clauses = clauses(&text, language);
                prop_assert_eq!(letters(&clauses.concat()), letters(&text));
                prop_assert!(clauses.iter().all(|clause| clause.trim() == clause && !letters(clause).is_empty()));
            }
        }

        #[test]
        fn however_it_is_chopped_the_clauses_are_the_same(
            text in "(([a-zA-Z]{1,9}|Mr|no|etc|a\\.m|and|[0-9]{1,3}|[好的您可以]{1,9})([ .,!?\"\n]{0,3}|[，。！”、]{0,2}| - )){0,60}",
            size in 1_usize..9,
        ) {
            for language in Language::ALL {
                let mut streamed = Clauses::new(language);
                let chars: Vec<char> = text.chars().collect();
                let mut parts: Vec<String> = Vec::new();
                for chunk in chars.chunks(size) {
                    parts.extend(streamed.push(&chunk.iter().collect::<String>()));
                }
                parts.extend(streamed.finish());
                prop_assert_eq!(parts, clauses(&text, language));
            }
        }
    }
}
