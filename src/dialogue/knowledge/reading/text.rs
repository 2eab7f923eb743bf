//! Plain text: paragraphs between blank lines, and what stands above them like a heading.
//!
//! A short line of its own, a question before its answer, and "Q:" or "问：" are headings. It knows no marks of any format.

use super::outline::{Line, Outline, asks, joined};
use super::{Read, decoded};

/// A heading has at most so many characters; longer lines are prose.
const HEADING: usize = 90;

pub(super) fn read(bytes: &[u8]) -> Read {
    let text = decoded(bytes)?;
    let mut outline = Outline::default();
    for block in blocks(&text) {
        block.enter(&mut outline);
    }
    Ok(outline.into_sections())
}

/// Lines without a blank one between them.
struct Block<'a> {
    lines: Vec<&'a str>,
    /// Of the first, counted from 1.
    line: usize,
    /// Another block follows.
    followed: bool,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    // Where no line is blank, each is a paragraph.
    let apart = lines.iter().any(|line| line.is_empty());
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (at, line) in lines.into_iter().enumerate() {
        if line.is_empty() {
            open = false;
            continue;
        }
        match blocks.last_mut().filter(|_| open) {
            Some(block) => block.lines.push(line),
            None => blocks.push(Block {
                lines: vec![line],
                line: at + 1,
                followed: false,
            }),
        }
        open = apart;
    }
    let count = blocks.len();
    for (at, block) in blocks.iter_mut().enumerate() {
        block.followed = at + 1 < count;
    }
    blocks
}

impl Block<'_> {
    fn enter(&self, outline: &mut Outline) {
        let place = format!("#line={}", self.line);
        let mut lines = self.lines.as_slice();
        let is_rule = |line: &&&str| line.len() >= 3 && line.chars().all(|c| matches!(c, '=' | '-' | '*' | '_'));
        if let [heading, rule, rest @ ..] = lines
            && is_rule(&rule)
        {
            outline.heading(if rule.starts_with('=') { 1 } else { 2 }, heading);
            lines = rest;
        } else if let [question, rest @ ..] = lines
            && let Some(asked) = marked(question, &["q:", "q.", "question:", "问：", "问:", "问题：", "问题:"])
        {
            outline.heading(3, asked);
            lines = rest;
        } else if let [question, rest @ ..] = lines
            && asks(question)
            && question.chars().count() <= HEADING
            && (!rest.is_empty() || self.followed)
        {
            outline.heading(3, question);
            lines = rest;
        } else if let [line] = lines
            && self.followed
            && is_title(line)
        {
            outline.heading(2, line);
            lines = &[];
        }
        let mut open: Vec<(&str, Line)> = Vec::new();
        for line in lines.iter().filter(|line| !is_rule(line)) {
            let line = marked(line, &["a:", "a.", "answer:", "答：", "答:", "回答：", "答案："]).unwrap_or(line);
            let bullet = line
                .strip_prefix(['-', '*', '•', '·', '–'])
                .filter(|rest| rest.starts_with(' '));
            open.push(bullet.map_or((line, Line::Prose), |item| (item.trim(), Line::Item)));
        }
        outline.paragraph(&joined(open), &place);
    }
}

/// What follows one of `marks` at the beginning of a line, whatever its case.
fn marked<'a>(line: &'a str, marks: &[&str]) -> Option<&'a str> {
    marks.iter().find_map(|mark| {
        let start = line.get(..mark.len())?;
        start
            .eq_ignore_ascii_case(mark)
            .then(|| line.get(mark.len()..))?
            .map(str::trim)
    })
}

/// A line that ends like no sentence.
fn is_title(line: &str) -> bool {
    let sentence = ['.', '。', '!', '！', ';', '；', ',', '，', ':', '：', '…'];
    line.chars().count() <= HEADING && !line.ends_with(sentence) && !line.starts_with(['-', '*', '•'])
}
