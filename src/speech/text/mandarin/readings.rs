//! Which pinyin a 汉字 has among its neighbours.
//!
//! `readings.tsv` beside this file has the phrases that decide, and the reading of a lone 汉字 that customers' calls need most often;
//! everything else is the dictionary's first reading. Tones are those of the dictionary, but for neutral ones.

use std::collections::HashMap;
use std::sync::LazyLock;

use pinyin::ToPinyin;

use super::{Ending, Syllable};

/// Phrase → its syllables, separated by spaces.
static READINGS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    include_str!("readings.tsv")
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect()
});

const NUMERALS: &str = "零一二两三四五六七八九十百千万亿几多半";

/// In 汉字
const LONGEST_PHRASE: usize = 5;

/// The syllables of each word, given the words of a clause. A 汉字 that no table knows has none.
pub(super) fn read(words: &[&str]) -> Vec<Vec<Syllable>> {
    let signs: Vec<char> = words.iter().flat_map(|word| word.chars()).collect();
    let mut spans = Vec::with_capacity(words.len());
    let mut start = 0;
    for word in words {
        let end = start + word.chars().count();
        spans.push((start, end));
        start = end;
    }
    let mut read: Vec<Option<Syllable>> = Vec::with_capacity(signs.len());
    for (word, &(start, end)) in words.iter().zip(&spans) {
        // A phrase over several words may have read the first of these already.
        while read.len() < end {
            let at = read.len();
            match phrase(&signs, at, (start, end), &spans) {
                Some(syllables) => read.extend(syllables),
                None => read.push(single(&signs, at, word)),
            }
        }
    }
    spans
        .iter()
        .map(|&(start, end)| melt(read.get(start..end).unwrap_or_default()))
        .collect()
}

/// The longest phrase at `at` that lies inside the word, or begins and ends where words do.
fn phrase(signs: &[char], at: usize, word: (usize, usize), spans: &[(usize, usize)]) -> Option<Vec<Option<Syllable>>> {
    (2..=LONGEST_PHRASE).rev().find_map(|length| {
        let end = at + length;
        let is_whole = end <= word.1 || (at == word.0 && spans.iter().any(|span| span.1 == end));
        if !is_whole {
            return None;
        }
        let phrase = signs.get(at..end)?;
        let syllables = READINGS.get(phrase.iter().collect::<String>().as_str())?;
        Some(
            phrase
                .iter()
                .zip(syllables.split(' '))
                .map(|(sign, syllable)| Syllable::new(*sign, syllable))
                .collect(),
        )
    })
}

fn single(signs: &[char], at: usize, word: &str) -> Option<Syllable> {
    let sign = *signs.get(at)?;
    // 快速|地|处理: the 地 of an adverb is a word of its own, with something before and after it.
    if word == "地" && at > 0 && at + 1 < signs.len() {
        return Syllable::new(sign, "de5");
    }
    let counted = at
        .checked_sub(1)
        .and_then(|before| signs.get(before))
        .is_none_or(|c| NUMERALS.contains(*c));
    if sign == '里' && word.ends_with('里') && !counted {
        // 家里, 账户|里: behind a noun it is light; 公里 is in the table.
        return Syllable::new(sign, "li5");
    }
    if word == "为" && is_for(signs, at) {
        return Syllable::new(sign, "wei4");
    }
    let listed = READINGS.get(sign.to_string().as_str()).copied();
    Syllable::new(sign, listed.or_else(|| Some(sign.to_pinyin()?.with_tone_num_end()))?)
}

/// 为 that means "for": nothing that could be somebody or something stands before it, or somebody behind it.
fn is_for(signs: &[char], at: usize) -> bool {
    let next = signs.get(at + 1);
    let number = next.is_some_and(|c| NUMERALS.contains(*c));
    let somebody = next.is_some_and(|c| "您你我他她它大客顾用".contains(*c));
    at + 1 < signs.len() && !number && (at == 0 || somebody)
}

/// 儿 at the end of a word, where no phrase says that it stands for a child.
fn melt(word: &[Option<Syllable>]) -> Vec<Syllable> {
    let mut syllables: Vec<Syllable> = word.iter().flatten().cloned().collect();
    let whole: String = syllables.iter().map(|syllable| syllable.sign).collect();
    let is_child = whole.char_indices().any(|(start, _)| {
        whole
            .get(start..)
            .is_some_and(|tail| tail.chars().count() > 1 && READINGS.contains_key(tail))
    });
    if syllables.len() > 1 && whole.ends_with('儿') && !is_child {
        syllables.pop();
        if let Some(last) = syllables.last_mut() {
            last.end = Ending::Retroflex;
        }
    }
    syllables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_phrase_with_its_syllables() {
        for (phrase, syllables) in READINGS.iter() {
            let read = syllables
                .split(' ')
                .filter_map(|syllable| Syllable::new('字', syllable))
                .count();
            assert_eq!(
                (phrase.chars().count(), syllables.split(' ').count()),
                (read, read),
                "{phrase}"
            );
            assert!(read <= LONGEST_PHRASE, "{phrase}");
        }
        assert!(READINGS.keys().filter(|phrase| phrase.chars().count() > 1).count() >= 120);
    }
}
