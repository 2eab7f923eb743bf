//! How different people make the same call: the lines of a script, as each kind of caller would have them.
//!
//! A persona changes what is said, when, and how; never what it is about. It knows no sound and no bot.

use std::str::FromStr;

use super::script::{Interrupt, Line};
use crate::language::Language;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persona {
    /// Says the script as it stands.
    #[default]
    Plain,
    /// Answers before the question is over.
    Impatient,
    /// Comes to the point late.
    Rambling,
    /// Numbers in groups, with long breaths between them.
    Hesitant,
    /// Answers beside the question first.
    WrongAnswers,
    /// Says nothing the first time.
    Silent,
    /// Loud, and says so.
    Angry,
    /// Slow, with another melody, from a noisy room.
    NonNative,
    /// Begins in another language.
    CodeSwitching,
}

impl Persona {
    pub const ALL: [Persona; 9] = [
        Persona::Plain,
        Persona::Impatient,
        Persona::Rambling,
        Persona::Hesitant,
        Persona::WrongAnswers,
        Persona::Silent,
        Persona::Angry,
        Persona::NonNative,
        Persona::CodeSwitching,
    ];

    /// As it is written in plans.
    pub fn name(self) -> &'static str {
        match self {
            Persona::Plain => "plain",
            Persona::Impatient => "impatient",
            Persona::Rambling => "rambling",
            Persona::Hesitant => "hesitant",
            Persona::WrongAnswers => "wrong_answers",
            Persona::Silent => "silent",
            Persona::Angry => "angry",
            Persona::NonNative => "non_native",
            Persona::CodeSwitching => "code_switching",
        }
    }

    /// How the voice is changed.
    pub fn manner(self) -> Manner {
        match self {
            Persona::Angry => Manner { tempo: 1.08, gain: 6.0 },
            Persona::NonNative => Manner { tempo: 0.88, gain: 0.0 },
            Persona::Impatient => Manner { tempo: 1.1, gain: 0.0 },
            Persona::Plain
            | Persona::Rambling
            | Persona::Hesitant
            | Persona::WrongAnswers
            | Persona::Silent
            | Persona::CodeSwitching => Manner::default(),
        }
    }

    /// The script as this caller would have it.
    pub fn applied(self, lines: Vec<Line>, language: Language) -> Vec<Line> {
        match self {
            Persona::Plain | Persona::NonNative => lines,
            Persona::Impatient => impatient(lines),
            Persona::Hesitant => lines.into_iter().flat_map(|line| hesitant(line, language)).collect(),
            Persona::Rambling => each_wish(lines, |n, text| vec![say(format!("{}{text}", ramble(n, language)))]),
            Persona::Angry => each_wish(lines, |n, text| match n {
                0 => vec![say(format!("{}{text}", complaint(language)))],
                _ => vec![say(text)],
            }),
            Persona::CodeSwitching => each_wish(lines, |n, text| match n {
                0 => vec![say(format!("{}{text}", greeting(language.other())))],
                _ => vec![say(text)],
            }),
            Persona::WrongAnswers => each_wish(lines, |n, text| match n {
                1 => vec![say(beside(language)), Line::Hear(String::new()), say(text)],
                _ => vec![say(text)],
            }),
            Persona::Silent => each_wish(lines, |n, text| match n {
                0 => vec![Line::Hear(String::new()), say(text)],
                _ => vec![say(text)],
            }),
        }
    }
}

impl FromStr for Persona {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Persona::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            let known = Persona::ALL.map(Persona::name).join(", ");
            format!("no persona is called `{text}`; there are {known}")
        })
    }
}

/// How a voice is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// 1 is the voice as it is; above it faster, and higher.
    pub tempo: f32,
    /// dB.
    pub gain: f32,
}

impl Default for Manner {
    fn default() -> Self {
        Self { tempo: 1.0, gain: 0.0 }
    }
}

fn say(text: impl Into<String>) -> Line {
    Line::Say(text.into())
}

/// `change` is given each line's count, from 0, and its words.
fn each_wish(lines: Vec<Line>, mut change: impl FnMut(usize, String) -> Vec<Line>) -> Vec<Line> {
    let mut count = 0;
    let mut changed = Vec::new();
    for line in lines {
        match line {
            Line::Say(text) => {
                changed.extend(change(count, text));
                count += 1;
            }
            Line::Hear(_)
            | Line::Play(_)
            | Line::Interrupt(_)
            | Line::Greet(_)
            | Line::Sound(_)
            | Line::Record(_)
            | Line::Press(_)
            | Line::Wait(_)
            | Line::End(_) => {
                changed.push(line);
            }
        }
    }
    changed
}

/// What was to be heard before a line is not heard out; the first words of the bot, which must be said, are.
fn impatient(lines: Vec<Line>) -> Vec<Line> {
    let mut changed: Vec<Line> = Vec::new();
    let mut heard = 0;
    for line in lines {
        match (line, changed.last()) {
            (Line::Say(say), Some(Line::Hear(_))) if heard > 1 => {
                changed.pop();
                let after = "1800ms".to_owned();
                changed.push(Line::Interrupt(Interrupt { say, after }));
            }
            (line, _) => {
                heard += usize::from(matches!(line, Line::Hear(_)));
                changed.push(line);
            }
        }
    }
    changed
}

/// A line of four digits or more is said in groups of three, 1.2 s apart.
fn hesitant(line: Line, language: Language) -> Vec<Line> {
    let Line::Say(text) = &line else { return vec![line] };
    let digits = spoken_digits(text, language);
    if digits.len() < 4 {
        return vec![line];
    }
    let mut groups = Vec::new();
    for (n, group) in digits.chunks(3).enumerate() {
        if n > 0 {
            groups.push(Line::Wait("1200ms".into()));
        }
        let hesitation = match (n, language) {
            (0, Language::English) => "Um, it's ",
            (0, Language::Mandarin) => "嗯，是",
            _ => "",
        };
        let joint = match language {
            Language::English => " ",
            Language::Mandarin => "",
        };
        groups.push(say(format!("{hesitation}{}.", group.join(joint))));
    }
    groups
}

/// The digits of a line that has nothing else in it.
fn spoken_digits(text: &str, language: Language) -> Vec<String> {
    let words: Vec<String> = match language {
        Language::English => text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect(),
        Language::Mandarin => text.chars().filter(|c| c.is_alphanumeric()).map(String::from).collect(),
    };
    let known: &[&str] = match language {
        Language::English => &[
            "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ],
        Language::Mandarin => &[
            "零", "〇", "一", "幺", "二", "两", "三", "四", "五", "六", "七", "八", "九",
        ],
    };
    if words.iter().all(|word| known.contains(&word.as_str())) {
        words
    } else {
        Vec::new()
    }
}

fn ramble(n: usize, language: Language) -> &'static str {
    match (language, n) {
        (Language::English, 0) => "Well, you see, my daughter told me that I should give you a call, so here I am. ",
        (Language::English, 1) => "Let me see, I had it here a minute ago. Right. ",
        (Language::English, _) => "",
        (Language::Mandarin, 0) => "是这样的，我女儿让我给你们打个电话，所以我就打过来了。",
        (Language::Mandarin, 1) => "我看看啊，刚才还在这儿的。好，",
        (Language::Mandarin, _) => "",
    }
}

fn complaint(language: Language) -> &'static str {
    match language {
        Language::English => "I have been waiting for ages, this is really annoying. ",
        Language::Mandarin => "我都等了半天了，太气人了。",
    }
}

fn greeting(language: Language) -> &'static str {
    match language {
        Language::English => "Hello, ",
        Language::Mandarin => "喂，你好，",
    }
}

fn beside(language: Language) -> &'static str {
    match language {
        Language::English => "The blue one, I think, with the laces.",
        Language::Mandarin => "应该是蓝色的那个，带鞋带的。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Vec<Line> {
        let hear = || Line::Hear(String::new());
        vec![
            hear(),
            say("Where is my order?"),
            hear(),
            say("Four zero seven one, eight two six three."),
            hear(),
            say("Yes."),
        ]
    }

    #[test]
    fn numbers_come_in_breaths() {
        let lines = Persona::Hesitant.applied(script(), Language::English);
        let said: Vec<&str> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Say(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(
            said,
            [
                "Where is my order?",
                "Um, it's four zero seven.",
                "one eight two.",
                "six three.",
                "Yes."
            ]
        );
        assert_eq!(lines.iter().filter(|line| matches!(line, Line::Wait(_))).count(), 2);
        let lines = Persona::Hesitant.applied(vec![say("二零二四，六八九零。")], Language::Mandarin);
        assert_eq!(lines.len(), 5, "{lines:?}");
    }

    #[test]
    fn the_impatient_cut_in_but_hear_the_disclosure() {
        let lines = Persona::Impatient.applied(script(), Language::English);
        assert!(matches!(lines[..2], [Line::Hear(_), Line::Say(_)]), "{lines:?}");
        assert!(
            matches!(&lines[2], Line::Interrupt(cut) if cut.say.starts_with("Four")),
            "{lines:?}"
        );
    }

    #[test]
    fn each_says_what_the_script_says_and_none_loses_a_line() {
        for persona in Persona::ALL {
            assert_eq!(persona.name().parse(), Ok(persona));
            for language in [Language::English, Language::Mandarin] {
                let all = format!("{:?}", persona.applied(script(), language)).to_lowercase();
                assert!(all.contains("where is my order?") && all.contains("yes."), "{all}");
            }
        }
        assert!("grumpy".parse::<Persona>().is_err_and(|e| e.contains("impatient")));
    }
}
