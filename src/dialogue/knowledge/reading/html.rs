//! HTML: headings, terms and summaries ask; paragraphs, list items and rows of tables answer.
//!
//! Menus, scripts and forms are passed over. It reads tags as they come and builds no tree, so nothing is nested too deeply for it.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, Token, Tokenizer};

use super::outline::{Line, Outline, joined, squeezed};
use super::{Read, Trouble, decoded};

pub(super) fn read(bytes: &[u8]) -> Read {
    let text = page(bytes)?;
    let sections = sections(&text, Chrome::Skipped);
    if sections.is_empty() {
        // Whoever puts all of a page between the marks of a menu still wrote it to be read.
        return Ok(self::sections(&text, Chrome::Read));
    }
    Ok(sections)
}

/// What surrounds the contents of a page: menus, side columns, feet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chrome {
    Skipped,
    Read,
}

/// The page as text, in the encoding that it names.
fn page(bytes: &[u8]) -> Result<String, Trouble> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(2048)).unwrap_or_default()).to_lowercase();
    let named = head.split("charset=").nth(1).map(|rest| {
        let rest = rest.trim_start_matches(['"', '\'']);
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .next()
            .unwrap_or_default()
    });
    match named.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes())) {
        Some(encoding) if encoding != encoding_rs::UTF_8 => Ok(encoding.decode(bytes).0.into_owned()),
        Some(_) | None => decoded(bytes),
    }
}

const ALWAYS_SKIPPED: [&str; 9] = [
    "script", "style", "noscript", "template", "svg", "select", "button", "iframe", "math",
];
const CHROME: [&str; 5] = ["nav", "footer", "aside", "header", "form"];
/// Begin and end a paragraph.
const BLOCKS: [&str; 24] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "blockquote",
    "pre",
    "ul",
    "ol",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "dl",
    "dd",
    "details",
    "figure",
    "figcaption",
    "body",
    "html",
    "hr",
    "address",
    "fieldset",
    "center",
];

fn sections(text: &str, chrome: Chrome) -> Vec<super::Section> {
    let mut emitter = DefaultEmitter::default();
    // Scripts and titles hold no tags.
    emitter.naively_switch_states(true);
    let mut page = Page {
        chrome,
        ..Page::default()
    };
    for token in Tokenizer::new_with_emitter(text, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => {
                let attribute = |name: &str| {
                    let value = tag.attributes.get(&HtmlString(name.as_bytes().to_vec()));
                    value.map(|value| String::from_utf8_lossy(value).into_owned())
                };
                let id = attribute("id").unwrap_or_default();
                page.open(&String::from_utf8_lossy(&tag.name), id);
            }
            Ok(Token::EndTag(tag)) => page.close(&String::from_utf8_lossy(&tag.name)),
            Ok(Token::String(words)) => page.words(&String::from_utf8_lossy(&words)),
            Ok(Token::Comment(_) | Token::Doctype(_) | Token::Error(_)) | Err(_) => {}
        }
    }
    page.end_paragraph();
    page.outline.into_sections()
}

struct Page {
    outline: Outline,
    chrome: Chrome,
    /// Of each skipped kind, how many are open.
    skipped: Vec<String>,
    lines: Vec<(String, Line)>,
    line: String,
    kind: Line,
    heading: Option<usize>,
    /// The heading's own name, where it has one.
    id: String,
}

impl Default for Page {
    fn default() -> Self {
        Page {
            outline: Outline::default(),
            chrome: Chrome::Skipped,
            skipped: Vec::new(),
            lines: Vec::new(),
            line: String::new(),
            kind: Line::Prose,
            heading: None,
            id: String::new(),
        }
    }
}

/// The level of a tag that asks.
fn level(tag: &str) -> Option<usize> {
    match tag {
        "title" => Some(0),
        "h1" => Some(1),
        "h2" => Some(2),
        "h3" => Some(3),
        "h4" => Some(4),
        "h5" => Some(5),
        "h6" => Some(6),
        "dt" | "summary" => Some(7),
        _ => None,
    }
}

impl Page {
    fn open(&mut self, tag: &str, id: String) {
        let chrome = self.chrome == Chrome::Skipped && CHROME.contains(&tag);
        if chrome || ALWAYS_SKIPPED.contains(&tag) {
            self.end_line();
            self.skipped.push(tag.to_owned());
            return;
        }
        if !self.skipped.is_empty() {
            return;
        }
        if let Some(level) = level(tag) {
            self.end_paragraph();
            (self.heading, self.id) = (Some(level), id);
            return;
        }
        match tag {
            "li" | "tr" => {
                self.end_line();
                self.kind = Line::Item;
            }
            "td" | "th" if !self.line.trim().is_empty() => self.line.push_str(", "),
            "br" => self.line.push(' '),
            // A paragraph inside an item is the item.
            "p" if self.kind == Line::Item => {}
            tag if BLOCKS.contains(&tag) => self.end_block(tag),
            _ => {}
        }
    }

    fn close(&mut self, tag: &str) {
        if let Some(at) = self.skipped.iter().rposition(|open| open == tag) {
            self.skipped.truncate(at);
            return;
        }
        if !self.skipped.is_empty() {
            return;
        }
        match tag {
            "li" | "tr" => {
                self.end_line();
                self.kind = Line::Prose;
            }
            tag if level(tag).is_some() => self.end_heading(),
            "p" if self.kind == Line::Item => self.line.push(' '),
            tag if BLOCKS.contains(&tag) => self.end_block(tag),
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if self.skipped.is_empty() {
            self.line.push_str(words);
        }
    }

    /// A list belongs to the words that announce it.
    fn end_block(&mut self, tag: &str) {
        self.end_line();
        let announces = self.lines.last().is_some_and(|(line, _)| line.ends_with([':', '：']));
        if !(announces && matches!(tag, "p" | "ul" | "ol" | "div" | "table")) {
            self.end_paragraph();
        }
    }

    fn end_line(&mut self) {
        let line = squeezed(&std::mem::take(&mut self.line));
        if self.heading.is_none() && !line.is_empty() {
            self.lines.push((line, self.kind));
        } else if self.heading.is_some() {
            self.line = line;
        }
    }

    fn end_heading(&mut self) {
        if let Some(level) = self.heading.take() {
            self.outline.heading(level, &std::mem::take(&mut self.line));
        }
    }

    fn end_paragraph(&mut self) {
        self.end_heading();
        self.end_line();
        let lines = std::mem::take(&mut self.lines);
        let text = joined(lines.iter().map(|(line, kind)| (line.as_str(), *kind)));
        let place = if self.id.is_empty() {
            String::new()
        } else {
            format!("#{}", self.id)
        };
        self.outline.paragraph(&text, &place);
        if !text.is_empty() {
            self.kind = Line::Prose;
        }
    }
}
