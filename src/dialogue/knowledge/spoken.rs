//! What of a passage is said: its own sentences, whole and in their order, as few as answer.
//!
//! It knows what a sentence is in both scripts and how long one may be listened to. It words nothing.

use crate::dialogue::words::is_han;

/// What an answer may last, in letters: some twenty seconds. A Han character takes as long as [`HAN`] letters.
pub(super) const LENGTH: usize = 300;
const HAN: usize = 3;

/// Sentences of an answer that is a part of its passage.
const SENTENCES: usize = 2;

/// How long a text is to listen to, in letters.
pub(super) fn length(text: &str) -> usize {
    text.chars().map(|c| if is_han(c) { HAN } else { 1 }).sum()
}

/// The sentences of a text with the blanks after them, so that together they are the text. What is no sentence but longer than two answers is cut
/// at its commas, or at a blank.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = sentence_end(rest);
        let (sentence, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let mut piece = sentence;
        while length(piece) > 2 * LENGTH {
            let (first, later) = piece.split_at_checked(clause_end(piece)).unwrap_or((piece, ""));
            sentences.push(first);
            piece = later;
        }
        if !piece.is_empty() {
            sentences.push(piece);
        }
        rest = after;
    }
    sentences
}

/// Where the first sentence and the blanks after it end.
fn sentence_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' | '…' => {
                next.is_none_or(|c| c.is_whitespace() || is_closing(c))
                    && !(c == '.' && abbreviates(text.get(..at).unwrap_or_default(), before))
            }
            _ => false,
        };
        before = c;
        if ends {
            let mut end = at + c.len_utf8();
            let mut spaced = false;
            while let Some(&(at, c)) = chars.peek()
                && (c.is_whitespace()
                    || matches!(c, '。' | '！' | '？' | '.' | '!' | '?')
                    || (is_closing(c) && !spaced))
            {
                // What looks the same before and behind closes only where it follows at once.
                spaced |= c.is_whitespace();
                end = at + c.len_utf8();
                chars.next();
            }
            return end;
        }
    }
    text.len()
}

fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | '”' | '’' | '）' | '」' | '』' | '》' | ']')
}

/// Whether a dot after `before` belongs to a short form: "Dr.", "e.g.", "J.".
fn abbreviates(before: &str, last: char) -> bool {
    const SHORT: [&str; 16] = [
        "dr", "mr", "mrs", "ms", "prof", "no", "nr", "st", "e.g", "i.e", "etc", "approx", "incl", "vs", "p.m", "a.m",
    ];
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let initial = word.chars().count() == 1 && last.is_uppercase();
    initial || (SHORT.contains(&word.as_str()) && !matches!(word.as_str(), "etc" | "p.m" | "a.m" | "no"))
}

/// Where a long sentence may be parted: behind the last comma or blank within the length of an answer.
fn clause_end(text: &str) -> usize {
    let mut heard = 0;
    let (mut comma, mut blank, mut last) = (None, None, text.len());
    for (at, c) in text.char_indices() {
        heard += if is_han(c) { HAN } else { 1 };
        if heard > LENGTH {
            last = at;
            break;
        }
        let after = at + c.len_utf8();
        if matches!(c, ',' | ';' | ':' | '，' | '；' | '：' | '、') {
            comma = Some(after);
        } else if c == ' ' {
            blank = Some(after);
        }
    }
    comma
        .or(blank)
        .unwrap_or(last)
        .max(text.chars().next().map_or(1, char::len_utf8))
}

/// Begins with what only makes sense after the sentence before it.
fn leans(sentence: &str) -> bool {
    const WORDS: [&str; 25] = [
        "it",
        "its",
        "it's",
        "they",
        "them",
        "this",
        "that",
        "these",
        "those",
        "then",
        "however",
        "but",
        "also",
        "otherwise",
        "after",
        "so",
        "and",
        "in",
        "he",
        "she",
        "there",
        "therefore",
        "instead",
        "both",
        "yes",
    ];
    const HAN_WORDS: [&str; 14] = [
        "它", "这", "那", "但", "不过", "因此", "所以", "另外", "此外", "否则", "同时", "而且", "并且", "其",
    ];
    let sentence = sentence.trim_start();
    let first = sentence
        .split(|c: char| !c.is_alphabetic() && c != '\'')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let two = sentence.to_lowercase();
    let condition = first == "in" && !two.starts_with("in that case") && !two.starts_with("in this case");
    let follows = first == "after" && !two.starts_with("after that") && !two.starts_with("after this");
    (WORDS.contains(&first.as_str()) && !condition && !follows)
        || HAN_WORDS.iter().any(|word| sentence.starts_with(word))
}

/// The part of `text` that is said. `worth` tells how much a sentence has of what was asked, 0 or more.
pub(super) fn answer(text: &str, worth: impl Fn(&str) -> f32) -> String {
    let text = text.trim();
    if length(text) <= LENGTH {
        return text.to_owned();
    }
    let sentences = sentences(text);
    // Of equals the first: what is said first matters most.
    let mut best = (0, f32::MIN);
    for (at, sentence) in sentences.iter().enumerate() {
        let worth = worth(sentence);
        if worth > best.1 + 1e-3 {
            best = (at, worth);
        }
    }
    let fits = |from: usize, to: usize| {
        let part = sentences.get(from..=to)?;
        let long: usize = part.iter().map(|sentence| length(sentence)).sum();
        (part.len() <= SENTENCES && long <= LENGTH).then_some((from, to))
    };
    let (best, _) = best;
    let leaning = sentences.get(best).is_some_and(|sentence| leans(sentence));
    let before = best
        .checked_sub(1)
        .filter(|_| leaning)
        .and_then(|before| fits(before, best));
    let after = sentences
        .get(best + 1)
        .filter(|next| leans(next) || worth(next) > 0.0)
        .and_then(|_| fits(best, best + 1));
    let (from, to) = before.or(after).unwrap_or((best, best));
    let said = sentences.get(from..=to).unwrap_or_default();
    said.concat().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_where_people_end_them() {
        assert_eq!(
            sentences("Ask Dr. Lee at 3.5 km, e.g. today. \"Really?\" Yes! 好的。再见！"),
            [
                "Ask Dr. Lee at 3.5 km, e.g. today. ",
                "\"Really?\" ",
                "Yes! ",
                "好的。",
                "再见！"
            ]
        );
    }

    #[test]
    fn short_passages_are_said_whole() {
        let text = "Thirty days. It must be unused. Bring the receipt.";
        assert_eq!(answer(text, |_| 0.0), text);
    }

    #[test]
    fn of_a_long_passage_the_sentences_that_answer() {
        let filler = "Our shops have been in the family for many years, and every one of them has its own history that is told on the wall. ".repeat(3);
        let text =
            format!("{filler}Lost luggage is covered up to a thousand euros. It is paid within ten days. {filler}");
        let worth = |sentence: &str| if sentence.contains("luggage") { 1.0 } else { 0.0 };
        assert_eq!(
            answer(&text, worth),
            "Lost luggage is covered up to a thousand euros. It is paid within ten days."
        );
        let worth = |sentence: &str| if sentence.contains("ten days") { 1.0 } else { 0.0 };
        assert_eq!(
            answer(&text, worth),
            "Lost luggage is covered up to a thousand euros. It is paid within ten days."
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_sentences(text: String) {
            prop_assert_eq!(sentences(&text).concat(), text);
        }

        #[test]
        fn an_answer_is_a_part_of_its_passage(text in "([A-Za-z中文 ]{0,90}[.。,，?]? ?){0,30}") {
            let said = answer(&text, |sentence| sentence.len() as f32);
            prop_assert!(text.contains(&said));
            prop_assert!(length(&said) <= 2 * LENGTH);
        }
    }
}
