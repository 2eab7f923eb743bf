//! Words as the recogniser wrote them, brought to one form: small letters, plain apostrophes, half-width digits,
//! simplified characters.
//!
//! It knows how to cut text into words, clauses and syllables, in both languages. It knows no slots, flows or meanings.

use pinyin::ToPinyin;

use crate::language::simplified;

/// Small letters, straight quotes, half-width forms and simplified characters; white space is one space. Punctuation
/// stays.
pub(crate) fn plain(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    for c in simplified(words).chars() {
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{3000}' => ' ',
            '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' => '\'',
            '\u{2010}'..='\u{2015}' => '-',
            // The account of a bank or a till; and what the recogniser writes of Cantonese.
            '帐' => '账',
            '嘅' => '的',
            '咗' => '了',
            c => c,
        };
        if c.is_whitespace() {
            if !plain.is_empty() && !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else {
            plain.extend(c.to_lowercase());
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// The words of a text that is already [`plain`]: letters and digits with the apostrophes inside them, and what stands
/// between two digits and belongs to them (`12:30`, `3.5`, `1,200`, `11/21`, `1-2-3`). Every Han character is a word of
/// its own.
pub(crate) fn tokens(plain: &str) -> Vec<String> {
    let chars: Vec<char> = plain.chars().collect();
    let mut tokens: Vec<String> = Vec::new();
    let mut token = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
        let after = chars.get(at + 1).copied().unwrap_or(' ');
        let inside = match c {
            '\'' => before.is_alphabetic() && after.is_alphabetic(),
            '.' | ',' | ':' | '/' | '-' => before.is_ascii_digit() && after.is_ascii_digit(),
            c => c.is_alphanumeric() && !is_han(c),
        };
        if inside {
            token.push(c);
            continue;
        }
        if !token.is_empty() {
            tokens.push(std::mem::take(&mut token));
        }
        if is_han(c) {
            tokens.push(c.to_string());
        }
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    tokens
}

/// The clauses of a [`plain`] text, cut at punctuation that does not stand between two digits; none is empty.
pub(crate) fn clauses(plain: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    let mut chars = plain.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |&(_, c)| c);
        let between_digits = before.is_ascii_digit() && after.is_ascii_digit();
        if matches!(
            c,
            ',' | '.' | ';' | '!' | '?' | ':' | '。' | '、' | '…' | '“' | '”' | '"'
        ) && !between_digits
        {
            clauses.push(plain.get(start..at).unwrap_or_default().trim());
            start = at + c.len_utf8();
        }
        before = c;
    }
    clauses.push(plain.get(start..).unwrap_or_default().trim());
    clauses.retain(|clause| !clause.is_empty());
    clauses
}

/// Whether `c` is written by Mandarin alone: CJK ideographs and the circle for zero.
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '〇' | '○')
}

/// How `c` is pronounced, without its tone, where it is a Han character; slips of a recogniser keep it.
pub(crate) fn syllable(c: char) -> Option<&'static str> {
    c.to_pinyin().map(|pinyin| pinyin.plain())
}

/// Whether `phrase` stands in `tokens` word for word, and where it first does.
pub(crate) fn find(tokens: &[String], phrase: &[&str]) -> Option<usize> {
    if phrase.is_empty() {
        return None;
    }
    tokens
        .windows(phrase.len())
        .position(|window| window.iter().zip(phrase).all(|(token, word)| token == word))
}

/// The single changes (a letter more, less, other, or two swapped) that turn `a` into `b`, counted up to `bound`.
pub(crate) fn edits(a: &str, b: &str, bound: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > bound {
        return bound + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let swapped = (i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x))
                .then(|| before.get(j - 1).copied().unwrap_or(bound) + 1);
            let replaced = row.get(j).copied().unwrap_or(bound) + usize::from(x != y);
            let removed = row.get(j + 1).copied().unwrap_or(bound) + 1;
            let added = next.last().copied().unwrap_or(bound) + 1;
            next.push(replaced.min(removed).min(added).min(swapped.unwrap_or(usize::MAX)));
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0).min(bound + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_form() {
        assert_eq!(plain("  I’m HERE,\u{3000}１２３ "), "i'm here, 123");
        assert_eq!(plain("訂單號 兩點"), "订单号 两点");
        assert_eq!(plain("感謝您的來電，我嘅帳戶"), "感谢您的来电,我的账户");
    }

    #[test]
    fn cuts_words() {
        assert_eq!(
            tokens("it's 12:30, twenty-five 1,200."),
            ["it's", "12:30", "twenty", "five", "1,200"]
        );
        assert_eq!(tokens("查单 a1"), ["查", "单", "a1"]);
        assert_eq!(tokens("1-2-3 x-y"), ["1-2-3", "x", "y"]);
    }

    #[test]
    fn cuts_clauses() {
        assert_eq!(clauses("no, it's 3.5. thanks"), ["no", "it's 3.5", "thanks"]);
        assert_eq!(clauses("不对,是1,200。"), ["不对", "是1,200"]);
        assert!(clauses("...").is_empty());
    }

    #[test]
    fn counts_edits() {
        assert_eq!(edits("damaged", "damaged", 2), 0);
        assert_eq!(edits("damaged", "damged", 2), 1);
        assert_eq!(edits("wrong", "worng", 2), 1);
        assert_eq!(edits("wrong", "banana", 2), 3);
    }

    proptest! {
        #[test]
        fn any_text_is_cut(text: String) {
            let text = plain(&text);
            let _ = (tokens(&text), clauses(&text), edits(&text, "order", 3));
        }
    }
}
