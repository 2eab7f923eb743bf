//! Mandarin phonemes for the Kokoro voice, from text in 汉字.
//!
//! Words are cut by a dictionary, each 汉字 gets the pinyin it has in its phrase, tones are changed where neighbours change them,
//! and a table turns pinyin into the voice's phonemes. Knows no numbers and no signs: those are words already when they come here.

mod letters;
mod readings;
mod sandhi;

use std::collections::HashMap;
use std::sync::LazyLock;

use jieba_rs::Jieba;

use super::chinese::is_hanzi;

/// 33 MB and a tenth of a second to load; whoever wants no delay on the first sentence calls [`warm`].
static DICTIONARY: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Pinyin without its tone → phonemes in tones 1 to 5 (5: neutral).
static PHONEMES: LazyLock<HashMap<&str, [&str; 5]>> = LazyLock::new(|| {
    let rows = include_str!("../pinyin-phonemes.tsv")
        .lines()
        .skip(1)
        .filter_map(|row| {
            let mut cells = row.split('\t');
            let pinyin = cells.next()?;
            Some((
                pinyin,
                [
                    cells.next()?,
                    cells.next()?,
                    cells.next()?,
                    cells.next()?,
                    cells.next()?,
                ],
            ))
        });
    rows.chain([letters::KIU]).collect()
});

/// Phonemes in Kokoro's vocabulary: joined within a word, a space between words, `,.!?;:` after the word they follow.
/// Signs that it does not know are left out.
pub fn phonemes(text: &str) -> String {
    let mut phonemes = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Word(word) => {
                if !phonemes.is_empty() {
                    phonemes.push(' ');
                }
                phonemes.extend(word.syllables.iter().map(Syllable::phonemes));
            }
            Piece::Pause(pause) if !phonemes.is_empty() && !phonemes.ends_with(is_mark) => phonemes.push(pause),
            Piece::Pause(_) => {}
        }
    }
    phonemes
}

/// Loads the dictionary and the tables so that the first sentence does not wait for it.
pub fn warm() {
    let _ = phonemes("您好。");
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Word(Word),
    /// One of `,.!?;:`
    Pause(char),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    syllables: Vec<Syllable>,
    /// How third tones chain in it.
    grouping: Grouping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grouping {
    /// From the front, by twos.
    Early,
    /// Three syllables, of which the last two belong together (小老虎).
    Late,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Syllable {
    /// What it is written with; a letter for the name of a letter.
    sign: char,
    /// A key of [`PHONEMES`].
    pinyin: &'static str,
    /// 1 to 5, 5 is neutral.
    tone: u8,
    end: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Plain,
    /// 儿 melted into it.
    Retroflex,
}

impl Syllable {
    /// From `hao3`. `None` for what no syllable of the table is.
    fn new(sign: char, numbered: &str) -> Option<Self> {
        let (pinyin, tone) = match numbered.chars().last()?.to_digit(10) {
            Some(tone) => (numbered.get(..numbered.len() - 1)?, u8::try_from(tone).ok()?),
            None => (numbered, 5),
        };
        let (&pinyin, _) = PHONEMES.get_key_value(pinyin)?;
        (1..=5).contains(&tone).then_some(Self {
            sign,
            pinyin,
            tone,
            end: Ending::Plain,
        })
    }

    fn phonemes(&self) -> String {
        let row = PHONEMES.get(self.pinyin);
        let spoken = row
            .and_then(|row| row.get(usize::from(self.tone).checked_sub(1)?))
            .copied()
            .unwrap_or_default();
        match self.end {
            Ending::Plain => spoken.to_owned(),
            // The n of 点 is not said in 点儿.
            Ending::Retroflex => format!("{}ɚ", spoken.strip_suffix('n').unwrap_or(spoken)),
        }
    }
}

/// Words and pauses, tones as they are spoken.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut clause: Vec<Word> = Vec::new();
    let mut run = String::new();
    let end_run = |run: &mut String, clause: &mut Vec<Word>| {
        clause.extend(words(run));
        run.clear();
    };
    for c in text.chars() {
        let c = digit(c);
        if is_hanzi(c) {
            run.push(c);
            continue;
        }
        end_run(&mut run, &mut clause);
        if let Some(name) = letters::name(c) {
            clause.push(Word {
                syllables: name,
                grouping: Grouping::Early,
            });
        } else if let Some(pause) = pause(c) {
            end_clause(&mut clause, &mut pieces);
            pieces.push(Piece::Pause(pause));
        }
    }
    end_run(&mut run, &mut clause);
    end_clause(&mut clause, &mut pieces);
    pieces
}

fn end_clause(clause: &mut Vec<Word>, pieces: &mut Vec<Piece>) {
    sandhi::apply(clause);
    pieces.extend(clause.drain(..).map(Piece::Word));
}

/// The words of a run of 汉字, with the tones of the dictionary.
fn words(run: &str) -> Vec<Word> {
    if run.is_empty() {
        return Vec::new();
    }
    let cut: Vec<&str> = DICTIONARY.cut(run, true).into_iter().map(|token| token.word).collect();
    let mut words: Vec<Word> = Vec::new();
    for (text, syllables) in cut.iter().zip(readings::read(&cut)) {
        // 这|儿: an ending that was cut off.
        if *text == "儿"
            && let Some(last) = words.last_mut().and_then(|word| word.syllables.last_mut())
        {
            last.end = Ending::Retroflex;
        } else if !syllables.is_empty() {
            words.push(Word {
                syllables,
                grouping: grouping(text),
            });
        }
    }
    words
}

fn grouping(word: &str) -> Grouping {
    let mut starts = word.char_indices().map(|(index, _)| index);
    let (second, third, fourth) = (starts.nth(1), starts.next(), starts.next());
    match (second, third, fourth) {
        (Some(second), Some(third), None) => {
            let known = |part: Option<&str>| part.is_some_and(|part| DICTIONARY.has_word(part));
            if known(word.get(second..)) && !known(word.get(..third)) {
                Grouping::Late
            } else {
                Grouping::Early
            }
        }
        _ => Grouping::Early,
    }
}

/// A figure that nobody put in words is read as a digit.
fn digit(c: char) -> char {
    match c {
        '0' => '零',
        '1' => '一',
        '2' => '二',
        '3' => '三',
        '4' => '四',
        '5' => '五',
        '6' => '六',
        '7' => '七',
        '8' => '八',
        '9' => '九',
        _ => c,
    }
}

fn pause(c: char) -> Option<char> {
    match c {
        '，' | '、' | ',' | '…' | '—' => Some(','),
        '。' | '.' | '\n' => Some('.'),
        '！' | '!' => Some('!'),
        '？' | '?' => Some('?'),
        '；' | ';' => Some(';'),
        '：' | ':' => Some(':'),
        _ => None,
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, ',' | '.' | '!' | '?' | ';' | ':')
}

#[cfg(test)]
mod tests;
