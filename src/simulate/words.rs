//! How far what was heard is from what was said: word error rate, and character error rate for Mandarin.

use crate::language::Language;
use crate::speech::text::normalise;

/// Words (English) or characters (Mandarin), in lower case and without punctuation; digits are spelled out, in Mandarin as they are spoken.
pub fn units(text: &str, language: Language) -> Vec<String> {
    match language {
        Language::English => {
            let plain: String = text.to_lowercase().replace(['\'', '’'], "");
            plain
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .flat_map(spelled)
                .collect()
        }
        Language::Mandarin => normalise(text, language)
            .chars()
            .filter(|c| c.is_alphanumeric())
            .map(|c| c.to_lowercase().collect())
            .collect(),
    }
}

/// "7" is "seven" and "12" is "one two": recognisers write digits, transcripts words.
fn spelled(word: &str) -> Vec<String> {
    const DIGITS: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    if !word.bytes().all(|b| b.is_ascii_digit()) {
        return vec![word.to_owned()];
    }
    word.bytes().map(|b| DIGITS[usize::from(b - b'0')].to_owned()).collect()
}

/// Insertions, deletions and substitutions that lead from `said` to `heard`.
pub fn errors(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, a) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()]
}

/// The share (0 to 1) of the words of `expected` that occur in `heard`, in order.
pub fn recall(expected: &str, heard: &str, language: Language) -> f64 {
    let (expected, heard) = (units(expected, language), units(heard, language));
    if expected.is_empty() {
        return 1.0;
    }
    // Longest common subsequence.
    let mut row = vec![0_usize; heard.len() + 1];
    for a in &expected {
        let mut diagonal = 0;
        for (j, b) in heard.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if a == b { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[heard.len()] as f64 / expected.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_errors_of_words_and_characters() {
        let count = |said, heard, language| errors(&units(said, language), &units(heard, language));
        assert_eq!(
            count("The quick brown fox.", "the quick, brown fox", Language::English),
            0
        );
        assert_eq!(count("seven", "7", Language::English), 0);
        assert_eq!(count("one two three", "one three four", Language::English), 2);
        assert_eq!(count("我想退货", "我要退货。", Language::Mandarin), 1);
        assert_eq!(count("", "a b", Language::English), 2);
    }

    #[test]
    fn recall_counts_what_was_heard_in_order() {
        assert!((recall("how can i help", "Hello. How can I help?", Language::English) - 1.0).abs() < 1e-9);
        assert!((recall("one two three four", "four three two one", Language::English) - 0.25).abs() < 1e-9);
    }
}
