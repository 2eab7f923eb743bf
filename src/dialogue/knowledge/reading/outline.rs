//! What all readers fill: headings in force, and the paragraphs under them.
//!
//! It also joins lines to sentences, in both scripts. It knows no formats.

use super::Section;
use crate::dialogue::words::is_han;

#[derive(Default)]
pub(super) struct Outline {
    sections: Vec<Section>,
    /// Headings in force, with their levels.
    headings: Vec<(usize, String)>,
}

impl Outline {
    /// `level` 1 is the outermost.
    pub fn heading(&mut self, level: usize, text: &str) {
        let text = squeezed(text);
        if text.is_empty() {
            return;
        }
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, text));
    }

    /// `place` is the end of a link; empty: the heading is where it stands.
    pub fn paragraph(&mut self, text: &str, place: &str) {
        let text = squeezed(text);
        if !text.chars().any(char::is_alphanumeric) {
            return;
        }
        let (heading, above) = match self.headings.split_last() {
            Some(((_, heading), above)) => {
                let above = above.iter().map(|(_, heading)| heading.clone()).collect();
                (heading.clone(), above)
            }
            None => (String::new(), Vec::new()),
        };
        let place = match (place, anchor(&heading)) {
            ("", anchor) if anchor.is_empty() => String::new(),
            ("", anchor) => format!("#{anchor}"),
            (place, _) => place.to_owned(),
        };
        self.sections.push(Section {
            heading,
            above,
            text,
            place,
        });
    }

    pub fn into_sections(self) -> Vec<Section> {
        self.sections
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Prose,
    /// A bullet, a row: a sentence of its own.
    Item,
}

/// Lines of prose run on; items become sentences.
pub(super) fn joined<'a>(lines: impl IntoIterator<Item = (&'a str, Line)>) -> String {
    let mut text = String::new();
    let mut before = Line::Prose;
    for (line, kind) in lines {
        let han = text.chars().last().is_some_and(is_han_or_mark) && line.chars().next().is_some_and(is_han);
        if (before == Line::Item || kind == Line::Item) && text.chars().last().is_some_and(char::is_alphanumeric) {
            text.push(if text.chars().last().is_some_and(is_han) {
                '。'
            } else {
                '.'
            });
        }
        if !text.is_empty() && !han && !text.ends_with('。') {
            text.push(' ');
        }
        text.push_str(line);
        before = kind;
    }
    text
}

fn is_han_or_mark(c: char) -> bool {
    is_han(c) || matches!(c, '，' | '。' | '、' | '；' | '：' | '！' | '？' | '）' | '”')
}

/// White space is one blank, and control characters are none.
pub(super) fn squeezed(text: &str) -> String {
    let spaced = text.replace(|c: char| c.is_control() || c == '\u{ad}' || c == '\u{200b}', " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text ends as a question does.
pub(super) fn asks(text: &str) -> bool {
    text.trim_end().ends_with(['?', '？'])
}

/// As common Markdown renderers do: small letters, white space to hyphens, punctuation gone.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || c.is_whitespace() || matches!(c, '-' | '_'));
    kept.map(|c| if c.is_whitespace() { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}
