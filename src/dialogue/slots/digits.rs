//! Digits said one after the other: order numbers, telephone numbers, codes.
//!
//! It reads what the recogniser wrote ("double five", "oh", "twelve thirty four", `1-2-3`, 幺零二, 三个八) as a string of
//! digits. It does not know how long the number is to be, except where [`within`] is told; it knows no slots.

use super::numerals::{Numeral, cardinal, han_cardinal, han_digit, han_unit, is_han_numeral, numeral};
use crate::dialogue::words::{find, is_han, plain, syllable, tokens};
use crate::language::Language;

/// All digits in `words`, in the order said: what is told as "my number is one two, uh, double three" gives `1233`.
/// After a correction ("no, sorry, …") only what follows it counts. Numbers told over several breaths are joined by who
/// listens. Empty where there is none.
pub fn digits_in(words: &str, language: Language) -> String {
    runs(&plain(words), language, Slips::Refused).concat()
}

/// The digits in `words` where there are `min` to `max` of them: all together, else the one run of digits that fits,
/// else with the words a recogniser takes digits for ("for" 4, 山 3), else without a last group that is there twice.
pub(super) fn within(words: &str, min: usize, max: usize, language: Language) -> Option<String> {
    let plain = plain(words);
    let fits = |digits: &String| (min..=max).contains(&digits.len());
    for slips in [Slips::Refused, Slips::Heard] {
        let runs = runs(&plain, language, slips);
        let whole = runs.concat();
        let mut fitting: Vec<&String> = runs.iter().filter(|run| fits(run)).collect();
        fitting.dedup();
        let alone = runs.iter().filter(|run| run.len() > 1).count() == 1;
        if let [one] = fitting.as_slice()
            && (alone || !fits(&whole))
        {
            return Some((*one).clone());
        }
        if fits(&whole) {
            return Some(whole);
        }
        // "Oh, 1234": the first zero was a sigh.
        if let Some(rest) = whole.strip_prefix('0').map(str::to_owned)
            && plain.starts_with('o')
            && fits(&rest)
        {
            return Some(rest);
        }
    }
    let wholes = [Slips::Refused, Slips::Heard].map(|slips| runs(&plain, language, slips).concat());
    wholes.iter().find_map(|whole| last_group_once(whole, min, max))
}

/// A number that is too long because its last group is there twice, as a recogniser writes it that is not sure of the end.
fn last_group_once(digits: &str, min: usize, max: usize) -> Option<String> {
    (2..=digits.len() / 2).find_map(|group| {
        let rest = digits.get(..digits.len() - group)?;
        let twice = digits.len() > max && rest.ends_with(digits.get(rest.len()..)?);
        (twice && (min..=max).contains(&rest.len())).then(|| rest.to_owned())
    })
}

/// A telephone number: 3 to 15 digits (E.164 ends there; short codes have three), with the `+` where it was said or
/// written.
pub fn telephone(words: &str, language: Language) -> Option<String> {
    let digits = within(words, 3, 15, language)?;
    let before = plain(words);
    let plus =
        before.contains('+') || before.starts_with("plus ") || before.contains(" plus ") || before.contains('加');
    Some(if plus { format!("+{digits}") } else { digits })
}

/// Every whole number told, each in digits: "nine to twenty five" is `9` and `25`.
pub(in crate::dialogue) fn numerals_in(words: &str, language: Language) -> Vec<String> {
    let plain = plain(words);
    match language {
        Language::English => {
            let tokens = tokens(&plain);
            let mut found = Vec::new();
            let mut at = 0;
            while at < tokens.len() {
                match cardinal(tokens.get(at..).unwrap_or_default()) {
                    Some((digits, used)) => {
                        found.push(digits);
                        at += used.max(1);
                    }
                    None => at += 1,
                }
            }
            found
        }
        Language::Mandarin => {
            let pieces = plain.split(|c: char| !(c.is_ascii_digit() || is_han_numeral(c)));
            pieces
                .filter(|piece| !piece.is_empty())
                .map(|piece| mandarin_digits(&piece.chars().collect::<Vec<_>>()))
                .collect()
        }
    }
}

/// Whether words that only sound like digits count as such.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slips {
    Refused,
    Heard,
}

/// The digits, run by run: other words stand between two runs, fillers do not.
fn runs(plain: &str, language: Language, slips: Slips) -> Vec<String> {
    match language {
        Language::English => english_runs(after_correction(&tokens(plain)), slips),
        Language::Mandarin => mandarin_runs(after_mandarin_correction(plain), slips),
    }
}

const FILLERS: [&str; 16] = [
    "um", "uh", "er", "erm", "hmm", "and", "then", "dash", "hyphen", "space", "dot", "point", "slash", "comma", "ah",
    "next",
];

fn english_runs(tokens: &[String], slips: Slips) -> Vec<String> {
    let mut runs = vec![String::new()];
    let mut at = 0;
    while let Some(word) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        let (digits, used) = repeated(rest)
            .or_else(|| sounds(tokens, at, slips))
            .or_else(|| cardinal(rest).filter(|_| !is_pronoun(tokens, at)))
            .unwrap_or_default();
        match runs.last_mut() {
            Some(run) if used > 0 => run.push_str(&digits),
            Some(run) if !run.is_empty() && !FILLERS.contains(&word.as_str()) => runs.push(String::new()),
            Some(_) | None => {}
        }
        at += used.max(1);
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// "double five", "triple oh", "double 5".
fn repeated(tokens: &[String]) -> Option<(String, usize)> {
    let times = match tokens.first()?.as_str() {
        "double" => 2,
        "triple" | "treble" => 3,
        "quadruple" => 4,
        _ => return None,
    };
    let word = tokens.get(1)?;
    let digits = match numeral(word) {
        Some(Numeral::Unit(value)) => value.to_string(),
        Some(Numeral::Written(digits)) => digits,
        Some(Numeral::Teen(_) | Numeral::Tens(_) | Numeral::Scale(_)) => return None,
        None if word == "o" || word == "oh" => "0".to_owned(),
        None => return None,
    };
    let first = digits.chars().next()?;
    let rest = digits.get(1..).unwrap_or_default();
    Some((format!("{}{rest}", String::from(first).repeat(times)), 2))
}

/// Words that are digits by their neighbours only: "oh" beside any digit; "for", "to" and the like between two short
/// ones, or, where slips are heard, beside one.
fn sounds(tokens: &[String], at: usize, slips: Slips) -> Option<(String, usize)> {
    let digit = match tokens.get(at)?.as_str() {
        "oh" | "o" => 0,
        "won" => 1,
        "to" | "too" | "tu" => 2,
        "tree" | "free" => 3,
        "for" | "fore" => 4,
        "sex" | "sicks" => 6,
        "ate" => 8,
        "nein" | "nigh" => 9,
        _ => return None,
    };
    let short = |at: Option<usize>| {
        let word = at.and_then(|at| tokens.get(at));
        word.is_some_and(|word| {
            word == "oh" || word == "double" || cardinal(std::slice::from_ref(word)).is_some_and(|(d, _)| d.len() <= 2)
        })
    };
    let (before, after) = (short(at.checked_sub(1)), short(Some(at + 1)));
    let any = at
        .checked_sub(1)
        .is_some_and(|at| tokens.get(at).is_some_and(|word| numeral(word).is_some()))
        || tokens
            .get(at + 1)
            .is_some_and(|word| numeral(word).is_some() || word == "double" || word == "oh");
    let heard = match slips {
        Slips::Refused => (before && after) || (digit == 0 && (any || before)),
        Slips::Heard => before || after || any,
    };
    heard.then(|| (digit.to_string(), 1))
}

/// "one" that counts nothing: "this one", "one moment".
fn is_pronoun(tokens: &[String], at: usize) -> bool {
    if tokens.get(at).is_none_or(|word| word != "one") {
        return false;
    }
    let before = at
        .checked_sub(1)
        .and_then(|at| tokens.get(at))
        .map_or("", String::as_str);
    let after = tokens.get(at + 1).map_or("", String::as_str);
    matches!(
        before,
        "this"
            | "that"
            | "the"
            | "which"
            | "no"
            | "any"
            | "every"
            | "each"
            | "another"
            | "some"
            | "other"
            | "wrong"
            | "first"
            | "last"
            | "right"
            | "new"
            | "old"
    ) || matches!(
        after,
        "moment" | "second" | "sec" | "minute" | "more" | "of" | "thing" | "question"
    )
}

/// What follows the last "no", "sorry", "I mean" after which digits are still said; all, where there is none.
pub(super) fn after_correction(tokens: &[String]) -> &[String] {
    const MARKS: [&[&str]; 10] = [
        &["no"],
        &["sorry"],
        &["correction"],
        &["i", "mean"],
        &["i", "meant"],
        &["wait"],
        &["actually"],
        &["rather"],
        &["scratch", "that"],
        &["make", "that"],
    ];
    let mut rest = tokens;
    while let Some(after) = MARKS
        .iter()
        .filter_map(|mark| Some(find(rest, mark)? + mark.len()))
        .min()
    {
        let later = rest.get(after..).unwrap_or_default();
        if english_runs_in(later) {
            rest = later;
        } else {
            break;
        }
    }
    rest
}

fn english_runs_in(tokens: &[String]) -> bool {
    (0..tokens.len()).any(|at| cardinal(tokens.get(at..).unwrap_or_default()).is_some())
}

/// Words in which a numeral counts nothing; they are taken out before digits are read.
const MANDARIN_PROSE: [&str; 33] = [
    "一下",
    "一些",
    "一样",
    "一点",
    "一直",
    "一起",
    "一共",
    "一定",
    "一般",
    "一会",
    "一遍",
    "一边",
    "一旦",
    "一切",
    "第一",
    "万一",
    "唯一",
    "统一",
    "同一",
    "千万",
    "十分",
    "百分之",
    "三番两次",
    "星期一",
    "星期二",
    "星期三",
    "星期四",
    "星期五",
    "星期六",
    "周一",
    "周五",
    "两个人",
    "一句",
];

/// A single numeral before one of these counts things and is no digit of a number.
const CLASSIFIERS: &str = "个件条次天块元位种张只双月日年岁楼层点分半家间句遍份套台部本";

fn mandarin_runs(plain: &str, slips: Slips) -> Vec<String> {
    let mut text = plain.to_owned();
    for prose in MANDARIN_PROSE {
        text = text.replace(prose, "|");
    }
    for filler in ["嗯", "呃", "那个", "然后", "杠", "再来", "额", "啊"] {
        text = text.replace(filler, " ");
    }
    let chars: Vec<char> = text
        .chars()
        .filter(|c| !matches!(c, ' ' | ',' | '.' | '-' | '、' | '。' | '·'))
        .collect();
    let chars = match slips {
        Slips::Refused => chars,
        Slips::Heard => by_sound(&chars),
    };
    let mut runs = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = chars.get(at..).unwrap_or_default();
        let width = run_width(rest);
        let run = rest.get(..width).unwrap_or_default();
        let counts = rest.get(width).is_some_and(|c| CLASSIFIERS.contains(*c))
            || at.checked_sub(1).and_then(|at| chars.get(at)) == Some(&'第');
        if width > 0 && !(counts && run.len() == 1 && run.iter().all(|c| is_han(*c))) {
            runs.push(mandarin_digits(run));
        }
        at += width.max(1);
    }
    runs
}

/// How many characters at the start are numerals, "three eights" (三个八) included.
fn run_width(chars: &[char]) -> usize {
    let mut width = 0;
    while let Some(&c) = chars.get(width) {
        let rest = chars.get(width..).unwrap_or_default();
        if c.is_ascii_digit() || is_han_numeral(c) {
            width += repeated_han(rest).map_or(1, |(_, used)| used);
        } else {
            break;
        }
    }
    width
}

/// 三个八 is 888, where no unit follows the digit.
fn repeated_han(chars: &[char]) -> Option<(String, usize)> {
    let &[times, '个', digit, ref rest @ ..] = chars else {
        return None;
    };
    let times = times
        .to_digit(10)
        .or(han_digit(times).map(u32::from))
        .filter(|times| (2..=6).contains(times))?;
    let digit = digit.to_digit(10).or(han_digit(digit).map(u32::from))?;
    let counts = rest
        .first()
        .is_some_and(|c| han_unit(*c).is_some() || CLASSIFIERS.contains(*c));
    (!counts).then(|| (digit.to_string().repeat(times as usize), 3))
}

fn mandarin_digits(run: &[char]) -> String {
    let mut digits = String::new();
    let mut at = 0;
    while let Some(&c) = run.get(at) {
        let rest = run.get(at..).unwrap_or_default();
        if let Some((repeated, used)) = repeated_han(rest) {
            digits.push_str(&repeated);
            at += used;
        } else if let Some((value, used)) = han_cardinal(rest) {
            digits.push_str(&value.to_string());
            at += used;
        } else {
            if let Some(digit) = han_digit(c)
                .map(|digit| digit + b'0')
                .or(c.is_ascii_digit().then_some(c as u8))
            {
                digits.push(char::from(digit));
            }
            at += 1;
        }
    }
    digits
}

/// Characters that sound like digits made digits, in stretches of at least three of which at least half are numerals.
fn by_sound(chars: &[char]) -> Vec<char> {
    let sounded = |c: &char| {
        let digit = match syllable(*c)? {
            "ling" => '0',
            "yi" | "yao" => '1',
            "er" | "liang" => '2',
            "san" | "shan" => '3',
            "si" => '4',
            "wu" => '5',
            "liu" => '6',
            "qi" => '7',
            "ba" => '8',
            "jiu" => '9',
            _ => return None,
        };
        Some(digit)
    };
    let is_numeral = |c: &char| c.is_ascii_digit() || is_han_numeral(*c);
    let mut out = Vec::with_capacity(chars.len());
    for stretch in
        chars.chunk_by(|a, b| (is_numeral(a) || sounded(a).is_some()) == (is_numeral(b) || sounded(b).is_some()))
    {
        let numerals = stretch.iter().filter(|c| is_numeral(c)).count();
        if stretch.len() >= 3 && numerals * 2 >= stretch.len() {
            out.extend(
                stretch
                    .iter()
                    .map(|c| if is_numeral(c) { *c } else { sounded(c).unwrap_or(*c) }),
            );
        } else {
            out.extend(stretch);
        }
    }
    out
}

/// What follows 不对, 不是, 错了, 应该是 and numerals still come after it.
pub(super) fn after_mandarin_correction(plain: &str) -> &str {
    let mut rest = plain;
    for mark in ["不对", "不是", "错了", "说错", "应该是", "更正", "抱歉", "对不起", "是"] {
        if let Some((before, later)) = rest.rsplit_once(mark)
            && !before.ends_with('还') // 还是 is "or"
            && later.chars().any(|c| c.is_ascii_digit() || is_han_numeral(c))
        {
            rest = later;
        }
    }
    rest
}
