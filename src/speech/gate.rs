//! What must not be believed of a transcript.
//!
//! Whisper loops when its context is cut to the utterance, and invents set phrases in noise and silence. Everything here
//! is a pure function of tokens and words.

use crate::language::{Language, simplified};

/// Where a repetition begins, if `tokens` (text tokens only, in order) loop.
///
/// A run of `span` tokens that was there before is a loop: within an utterance of a few seconds people hardly ever say four
/// tokens twice (a Mandarin character is two or three tokens, hence eight). A short run must come several times on end: "no no"
/// and "five five five" are speech. The index is that of the first token of the repetition: what stands before it is kept.
pub fn repetition(tokens: &[i32], language: Language) -> Option<usize> {
    let span = match language {
        Language::English => 4,
        Language::Mandarin => 8,
    };
    let end = tokens.len();
    if end >= 2 * span {
        let (before, last) = tokens.split_at(end - span);
        if before.windows(span).any(|run| run == last) {
            return Some(before.len());
        }
    }
    // All of it twice: a short utterance that was begun again.
    let half = end / 2;
    if half >= 4 && end.is_multiple_of(2) && tokens[..half] == tokens[half..] {
        return Some(half);
    }
    // (tokens in the run, times on end)
    for (run, times) in [(1, 6), (2, 4), (3, 3)] {
        if end >= run * times {
            let tail = &tokens[end - run * times..];
            if tail.chunks(run).all(|chunk| chunk == &tail[..run]) {
                return Some(end - run * (times - 1));
            }
        }
    }
    None
}

/// Phrases that Whisper learnt from subtitles and says over silence. Compared without case and punctuation.
const INVENTED: &[&str] = &[
    "thank you for watching",
    "thanks for watching",
    "thank you so much for watching",
    "please subscribe",
    "subscribe to my channel",
    "like and subscribe",
    "see you in the next video",
    "ill see you next time",
    "subtitles by the amara org community",
    "transcription by castingwords",
    "you",
    "字幕由amara org社区提供",
    "字幕志愿者",
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
    "谢谢观看",
    "感谢观看",
    "谢谢大家观看",
    "我们下期再见",
    "以下是普通话的句子",
];

/// Mean log-probability below which words over likely silence are not believed; OpenAI's own threshold.
const DOUBTFUL: f32 = -1.0;
/// Probability of "no speech" above which doubtful words are not believed; OpenAI's own threshold.
const SILENT: f32 = 0.6;

/// What the words came with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Mean log-probability of the tokens.
    pub confidence: f32,
    /// 0 to 1, from the model.
    pub no_speech: f32,
}

/// The words that may be believed, Mandarin in simplified characters: without annotations in brackets, and nothing at all
/// where nothing was said.
pub fn believe(text: &str, evidence: Evidence) -> String {
    let text = without_annotations(&simplified(text));
    let words = bare(&text);
    if words.is_empty() || (evidence.no_speech > SILENT && evidence.confidence < DOUBTFUL) {
        return String::new();
    }
    if INVENTED.contains(&words.as_str()) {
        return String::new();
    }
    text
}

/// A text that was stopped because it grew too long, without the words in which it began anew: "And where is it? And".
pub fn without_a_new_beginning(text: &str) -> &str {
    let Some(end) = text.rfind(['.', '?', '!', '。', '？', '！']) else {
        return text;
    };
    let (sentence, rest) = text.split_at(end);
    let mark = rest.chars().next().map_or(0, char::len_utf8);
    let begun = rest[mark..].trim().to_lowercase();
    let anew = !begun.is_empty() && sentence.trim_start().to_lowercase().starts_with(&begun);
    if anew { &text[..end + mark] } else { text }
}

/// A number that was written twice or more in a row, once. Tokens do not show it where only the first copy has no blank before
/// it; a number that really repeats itself is shorter than six characters ("1234 1234").
pub fn number_once(text: &str) -> &str {
    let spoken: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| c.is_alphanumeric()).collect();
    let digits = spoken.iter().filter(|(_, c)| c.is_ascii_digit()).count();
    if digits * 2 < spoken.len() {
        return text;
    }
    for period in 6..=spoken.len() / 2 {
        let repeats = spoken.iter().zip(&spoken[period..]).all(|((_, a), (_, b))| a == b);
        if repeats {
            return text[..spoken[period].0].trim_end();
        }
    }
    text
}

/// "[BLANK_AUDIO]", "(music)", "♪": heard, not said.
fn without_annotations(text: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '[' | '(' | '（' | '【' => depth += 1,
            ']' | ')' | '）' | '】' => depth = depth.saturating_sub(1),
            '♪' | '♫' | '*' => {}
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lower case, letters and digits only, single spaces.
fn bare(text: &str) -> String {
    let spaced: String = text
        .chars()
        .filter(|c| *c != '\'' && *c != '’')
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                ' '
            }
        })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_loop_and_keeps_what_was_said() {
        let said = [1, 2, 3, 4, 5, 6, 7, 8];
        let looped: Vec<i32> = said.into_iter().chain([1, 2, 3, 4]).collect();
        assert_eq!(repetition(&looped, Language::English), Some(8));
        assert_eq!(repetition(&said, Language::English), None);
        assert_eq!(repetition(&[4, 0, 7, 1, 8, 4, 0, 7, 1, 8], Language::Mandarin), Some(5));
        assert_eq!(
            repetition(&[9, 7, 7, 7, 7], Language::Mandarin),
            None,
            "a double double is speech"
        );
        assert_eq!(repetition(&[9, 7, 7, 7, 7, 7, 7], Language::Mandarin), Some(2));
        assert_eq!(repetition(&[9, 1, 2, 1, 2, 1, 2, 1, 2], Language::Mandarin), Some(3));
    }

    #[test]
    fn a_sentence_that_begins_anew_is_one() {
        for (text, kept) in [
            ("and where's my order? And", "and where's my order?"),
            ("我的订单在哪里？我的", "我的订单在哪里？"),
            ("Yes. Yes, please", "Yes. Yes, please"),
            ("Where is it? And when", "Where is it? And when"),
            ("Where is it?", "Where is it?"),
            ("where is it where", "where is it where"),
            ("? a", "? a"),
            ("", ""),
        ] {
            assert_eq!(without_a_new_beginning(text), kept, "{text}");
        }
    }

    #[test]
    fn a_number_written_twice_is_one() {
        for (text, once) in [
            ("40728690 40728690 40", "40728690"),
            ("2024 6890 2024 6890 20", "2024 6890"),
            ("407以8263407以8263", "407以8263"),
            ("668820256688202566882025", "66882025"),
            ("1234 1234", "1234 1234"),
            ("4071 8263", "4071 8263"),
            (
                "where is my order where is my order",
                "where is my order where is my order",
            ),
            ("", ""),
        ] {
            assert_eq!(number_once(text), once, "{text}");
        }
    }

    #[test]
    fn does_not_believe_subtitles_and_silence() {
        let sure = Evidence {
            confidence: -0.2,
            no_speech: 0.1,
        };
        for (text, believed) in [
            (" Thank you for watching!", ""),
            (" [BLANK_AUDIO]", ""),
            (" (upbeat music) ♪", ""),
            ("謝謝觀看。", ""),
            ("...", ""),
            (" Thank you.", "Thank you."),
            (" I want to return (noise) my order.", "I want to return my order."),
            ("我想退货。", "我想退货。"),
            ("我的訂單號碼，謝謝。", "我的订单号码，谢谢。"),
        ] {
            assert_eq!(believe(text, sure), believed, "{text}");
        }
        let unsure = Evidence {
            confidence: -1.4,
            no_speech: 0.8,
        };
        assert_eq!(believe("Where is my order?", unsure), "");
    }

    proptest! {
        #[test]
        fn any_tokens_and_any_text_are_taken(tokens: Vec<i32>, text: String) {
            if let Some(at) = repetition(&tokens, Language::English) { prop_assert!(at < tokens.len()); }
            believe(&text, Evidence { confidence: -0.5, no_speech: 0.0 });
            prop_assert!(text.starts_with(number_once(&text)));
        }
    }
}
