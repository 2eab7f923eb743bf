//! From words with places to headings and paragraphs.
//!
//! What is larger than the text, or bold and alone, is a heading; a wider gap ends a paragraph; what stands at the top or foot of most pages is on
//! no page. It knows no PDF.

use std::collections::{BTreeMap, BTreeSet};

use super::Section;
use super::outline::{Line as Kind, Outline, asks, joined};
use crate::dialogue::words::is_han;

/// Words that were put down in one go; places in points, from the lower left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub left: f32,
    pub right: f32,
    pub base: f32,
    /// Of its letters.
    pub size: f32,
    pub bold: bool,
    pub text: String,
}

impl Run {
    /// Whether it has words, and a place that a page can have.
    pub fn is_sound(&self) -> bool {
        let placed = [self.left, self.right, self.base, self.size]
            .iter()
            .all(|number| number.is_finite() && number.abs() < 1e6);
        placed && self.size > 0.1 && !self.text.is_empty()
    }
}

#[derive(Clone, Debug)]
struct Line {
    page: u32,
    left: f32,
    right: f32,
    base: f32,
    size: f32,
    bold: bool,
    text: String,
}

/// Of a size: a wider gap between two words is a blank.
const BLANK: f32 = 0.15;
/// Of the usual distance of lines: more ends a paragraph.
const APART: f32 = 1.3;
/// Of the usual size: larger letters make a heading.
const LARGER: f32 = 1.12;
/// Characters of a heading.
const HEADING: usize = 160;

pub(super) fn sections(pages: &[(u32, Vec<Run>)]) -> Vec<Section> {
    let mut lines: Vec<Line> = Vec::new();
    for (page, runs) in pages {
        lines.extend(self::lines(*page, runs));
    }
    let lines = without_edges(lines);
    let body = usual(lines.iter().map(|line| (line.size, line.text.chars().count())));
    let distances = lines.windows(2).filter_map(|pair| match pair {
        [above, below] if above.page == below.page && above.base > below.base => {
            Some((above.base - below.base, below.text.chars().count()))
        }
        _ => None,
    });
    let distance = usual(distances);
    let levels = levels(&lines, body);
    let mut outline = Outline::default();
    let mut open: Vec<&Line> = Vec::new();
    let mut heading: Option<(usize, String, &Line)> = None;
    for line in &lines {
        let level = level(line, body, &levels);
        if let Some(level) = level {
            end(&mut outline, &mut open);
            // A heading may have two lines.
            heading = match heading.take() {
                Some((before, text, above))
                    if before == level && above.page == line.page && above.base - line.base < 1.8 * line.size =>
                {
                    Some((level, format!("{text} {}", line.text), line))
                }
                other => {
                    if let Some((level, text, _)) = other {
                        outline.heading(level, &text);
                    }
                    Some((level, line.text.clone(), line))
                }
            };
            continue;
        }
        if let Some((level, text, _)) = heading.take() {
            outline.heading(level, &text);
        }
        if open.last().is_some_and(|above| parts(above, line, distance)) {
            end(&mut outline, &mut open);
        }
        open.push(line);
    }
    end(&mut outline, &mut open);
    outline.into_sections()
}

fn lines(page: u32, runs: &[Run]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for run in runs {
        let same = |line: &&mut Line| {
            (line.base - run.base).abs() < 0.4 * line.size.max(run.size)
                && run.left > line.right - line.size
                && run.left < line.right + 12.0 * line.size
        };
        let Some(line) = lines.last_mut().filter(same) else {
            if !run.text.trim().is_empty() {
                lines.push(Line {
                    page,
                    left: run.left,
                    right: run.right,
                    base: run.base,
                    size: run.size,
                    bold: run.bold,
                    text: run.text.trim_start().to_owned(),
                });
            }
            continue;
        };
        let gap = run.left - line.right > BLANK * run.size;
        let han = line.text.chars().last().is_some_and(is_han) && run.text.chars().next().is_some_and(is_han);
        if gap && !han && !line.text.ends_with(' ') {
            line.text.push(' ');
        }
        line.right = run.right.max(line.right);
        if run.text.chars().any(char::is_alphanumeric) {
            // A bullet is of any size.
            let first = !line.text.chars().any(char::is_alphanumeric);
            line.bold = run.bold && (first || line.bold);
            line.size = if first { run.size } else { line.size.max(run.size) };
        }
        line.text.push_str(&run.text);
    }
    lines.retain(|line| !line.text.trim().is_empty() && !leads(&line.text));
    lines
}

/// A line of a table of contents: dots that lead to a page.
fn leads(text: &str) -> bool {
    let close: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    ["....", "::::", "····", "……"].iter().any(|dots| close.contains(dots))
}

/// Without what stands at the top and the foot of at least half of the pages, and without the pages' numbers. Small print may have several
/// lines there; what is as large as the text stands apart from it.
fn without_edges(mut lines: Vec<Line>) -> Vec<Line> {
    let body = usual(lines.iter().map(|line| (line.size, line.text.chars().count())));
    for _ in 0..EDGE_LINES {
        let edges = edges(&lines, body);
        let pages: BTreeSet<u32> = lines.iter().map(|line| line.page).collect();
        let mut often: BTreeMap<String, usize> = BTreeMap::new();
        for line in edges.iter().filter_map(|at| lines.get(*at)) {
            *often.entry(without_number(line, body)).or_default() += 1;
        }
        let least = 3.max(pages.len() / 2);
        let mut at = 0;
        lines.retain(|line| {
            let edge = edges.contains(&at);
            at += 1;
            let key = without_number(line, body);
            let number = pages.len() > 1 && !key.contains(char::is_alphabetic);
            !edge || !(number || often.get(&key).is_some_and(|times| *times >= least))
        });
    }
    lines
}

/// Lines that a page's top and foot may have.
const EDGE_LINES: usize = 3;
/// Characters of such a line.
const EDGE: usize = 100;

/// The first and the last line of each page, where they may be what is on every page.
fn edges(lines: &[Line], body: f32) -> BTreeSet<usize> {
    let mut pages: BTreeMap<u32, Vec<(usize, &Line)>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        pages.entry(line.page).or_default().push((at, line));
    }
    let mut edges = BTreeSet::new();
    for on_page in pages.values_mut() {
        on_page.sort_by(|(_, a), (_, b)| b.base.total_cmp(&a.base));
        let outer = [
            (on_page.first(), on_page.get(1)),
            (
                on_page.last(),
                on_page.len().checked_sub(2).and_then(|at| on_page.get(at)),
            ),
        ];
        for (line, inner) in outer {
            let Some((at, line)) = line else { continue };
            let apart = inner.is_none_or(|(_, inner)| {
                let gap = (inner.base - line.base).abs();
                gap < 0.1 * body || gap > 1.7 * body
            });
            if line.text.chars().count() <= EDGE && (apart || line.size < 0.9 * body) {
                edges.insert(*at);
            }
        }
    }
    edges
}

/// What two pages' edges have in common; the number of a heading is a part of it.
fn without_number(line: &Line, body: f32) -> String {
    if line.size > LARGER * body {
        return line.text.clone();
    }
    line.text
        .chars()
        .filter(|c| !c.is_numeric() && !c.is_whitespace())
        .collect()
}

/// The number that most characters have, to a tenth.
fn usual(numbers: impl Iterator<Item = (f32, usize)>) -> f32 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for (number, count) in numbers {
        *counts.entry((number * 10.0).round() as i64).or_default() += count;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(10.0, |(number, _)| number as f32 / 10.0)
}

/// The sizes of headings, the largest first, in tenths of a point.
fn levels(lines: &[Line], body: f32) -> Vec<i64> {
    let larger = lines.iter().filter(|line| line.size > LARGER * body);
    let mut sizes: Vec<i64> = larger.map(|line| (line.size * 10.0).round() as i64).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
}

fn level(line: &Line, body: f32, levels: &[i64]) -> Option<usize> {
    let text = line.text.trim();
    if bullet(text).is_some() || text.chars().count() > HEADING || !text.chars().any(char::is_alphabetic) {
        return None;
    }
    if line.size > LARGER * body {
        let size = (line.size * 10.0).round() as i64;
        return levels.iter().position(|level| *level == size).map(|at| at + 1);
    }
    let sentence = text.ends_with(['.', '。', ',', '，', ';', '；', ':', '：']);
    (line.bold && !sentence && (asks(text) || text.chars().count() <= 90)).then_some(levels.len() + 1)
}

/// Whether a paragraph ends between two lines.
fn parts(above: &Line, below: &Line, distance: f32) -> bool {
    if bullet(&below.text).is_some() {
        // A list stays with what announces it.
        return false;
    }
    if above.page != below.page || below.base > above.base + 0.5 * above.size {
        return ends_a_sentence(&above.text);
    }
    let gap = above.base - below.base > APART * distance;
    let indented = below.left - above.left > 1.2 * below.size
        && below.left - above.left < 5.0 * below.size
        && ends_a_sentence(&above.text)
        && bullet(&above.text).is_none();
    gap || indented
}

fn ends_a_sentence(text: &str) -> bool {
    text.trim_end()
        .ends_with(['.', '!', '?', '。', '！', '？', '”', '"', ')', '）'])
}

fn bullet(text: &str) -> Option<&str> {
    let text = text.trim_start();
    text.strip_prefix(['•', '‣', '▪', '●', '◦', '\u{f0b7}', '·', '–', '-'])
        .filter(|rest| rest.starts_with(|c: char| c == ' ' || is_han(c) || c.is_alphabetic()))
        .map(str::trim)
}

fn end(outline: &mut Outline, open: &mut Vec<&Line>) {
    let Some(first) = open.first() else { return };
    let place = format!("#page={}", first.page);
    let mut lines: Vec<(String, Kind)> = Vec::new();
    for line in open.drain(..) {
        let text = line.text.trim();
        match (bullet(text), lines.last_mut()) {
            (Some(item), _) => lines.push((item.to_owned(), Kind::Item)),
            (None, Some((before, Kind::Item))) if !ends_a_sentence(before) => {
                // An item of several lines.
                *before = run_on(before, text);
            }
            (None, Some((before, Kind::Prose))) => *before = run_on(before, text),
            (None, Some((_, Kind::Item)) | None) => lines.push((text.to_owned(), Kind::Prose)),
        }
    }
    outline.paragraph(&joined(lines.iter().map(|(line, kind)| (line.as_str(), *kind))), &place);
}

/// Two lines as one; a word that was parted at the end of the line is whole again.
fn run_on(above: &str, below: &str) -> String {
    let parted = above
        .strip_suffix(['-', '\u{2010}', '\u{ad}'])
        .filter(|start| start.ends_with(|c: char| c.is_lowercase()));
    match parted {
        Some(start) if below.starts_with(|c: char| c.is_lowercase()) => format!("{start}{below}"),
        Some(_) | None => joined([(above, Kind::Prose), (below, Kind::Prose)]),
    }
}
