//! Word documents: paragraphs by their styles, rows of tables as sentences.
//!
//! What was deleted while changes were tracked is not read, and neither are notes and comments. Only the two parts that are needed are unpacked,
//! each up to a bound.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::outline::{Line, Outline, joined};
use super::{Read, Trouble, UNPACKED, trouble};

const DAMAGED: &str = "open it in the program it was made with and save it again as .docx";
/// A bold paragraph of no more characters that does not end like a sentence is a heading.
const BOLD_HEADING: usize = 100;

pub(super) fn read(bytes: &[u8]) -> Read {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| {
        trouble(
            format!("it is no Word document, or a damaged one: {e}"),
            "save it as .docx, not as .doc",
        )
    })?;
    let styles = match part(&mut archive, "word/styles.xml") {
        Ok(xml) => levels(&xml)?,
        // A document may have none.
        Err(_) => BTreeMap::new(),
    };
    let xml = part(&mut archive, "word/document.xml")?;
    let mut document = Document {
        styles,
        ..Document::default()
    };
    walk(&xml, |event| document.take(event))?;
    document.end_block();
    Ok(document.outline.into_sections())
}

fn part(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<String, Trouble> {
    let file = archive
        .by_name(name)
        .map_err(|e| trouble(format!("its part {name} cannot be read: {e}"), DAMAGED))?;
    let mut bytes = Vec::new();
    file.take(UNPACKED as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| trouble(format!("its part {name} cannot be unpacked: {e}"), DAMAGED))?;
    if bytes.len() > UNPACKED {
        return Err(trouble(
            format!("its part {name} unpacks to more than {} MiB", UNPACKED >> 20),
            "see where it comes from, and split it",
        ));
    }
    String::from_utf8(bytes).map_err(|_| trouble(format!("its part {name} is not written in UTF-8"), DAMAGED))
}

fn walk<'x>(xml: &'x str, mut take: impl FnMut(Event<'x>)) -> Result<(), Trouble> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(event) => take(event),
            Err(e) => return Err(trouble(format!("it is damaged: {e}"), DAMAGED)),
        }
    }
}

/// What a paragraph's style makes of it.
#[derive(Clone, Copy)]
enum Style {
    Heading(usize),
    Item,
}

/// The styles that are headings or items of lists.
fn levels(xml: &str) -> Result<BTreeMap<String, Style>, Trouble> {
    let mut levels = BTreeMap::new();
    let mut style: Option<String> = None;
    walk(xml, |event| {
        let (Event::Start(tag) | Event::Empty(tag)) = event else {
            return;
        };
        match tag.local_name().as_ref() {
            "style" => style = attribute(&tag, "styleId"),
            "name" => {
                // Ids are translated, names are not.
                let name = attribute(&tag, "val").unwrap_or_default().to_lowercase();
                let level = match name.strip_prefix("heading ") {
                    Some(level) => level.trim().parse().ok(),
                    None => (name == "title").then_some(0),
                };
                if let (Some(style), Some(level)) = (&style, level) {
                    levels.insert(style.clone(), Style::Heading(level));
                }
            }
            "outlineLvl" => {
                if let (Some(style), Some(level)) = (&style, outline_level(&tag)) {
                    levels.entry(style.clone()).or_insert(Style::Heading(level));
                }
            }
            "numPr" => {
                if let Some(style) = &style {
                    levels.entry(style.clone()).or_insert(Style::Item);
                }
            }
            _ => {}
        }
    })?;
    Ok(levels)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    Some(found.value.to_string())
}

/// 0 to 8 in the file; 9 is the text itself.
fn outline_level(tag: &BytesStart<'_>) -> Option<usize> {
    let level: usize = attribute(tag, "val")?.parse().ok()?;
    (level < 9).then_some(level + 1)
}

#[derive(Default)]
struct Document {
    outline: Outline,
    styles: BTreeMap<String, Style>,
    /// Of the paragraph that is being read.
    text: String,
    level: Option<usize>,
    item: bool,
    /// Runs that are bold, and that are not.
    bold: (usize, usize),
    run_is_bold: bool,
    /// Inside of what is not read: moved away, or said twice for older programs.
    skipped: usize,
    in_text: bool,
    /// Of the row that is being read; `None` outside of tables.
    cells: Option<Vec<String>>,
    cell: String,
    lines: Vec<(String, Line)>,
}

impl Document {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::Empty(tag) => {
                let name = tag.local_name();
                if !matches!(name.as_ref(), "moveFrom" | "Fallback" | "t") {
                    self.open(&tag);
                    self.close(tag.local_name().as_ref());
                }
            }
            Event::End(tag) => self.close(tag.local_name().as_ref()),
            Event::Text(text) if self.in_text && self.skipped == 0 => self.text.push_str(&text),
            Event::CData(text) if self.in_text && self.skipped == 0 => self.text.push_str(&text),
            Event::GeneralRef(name) if self.in_text && self.skipped == 0 => {
                let named = match &*name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => name.resolve_char_ref().ok().flatten(),
                };
                self.text.extend(named);
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::Eof => {}
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) {
        match tag.local_name().as_ref() {
            "moveFrom" | "Fallback" => self.skipped += 1,
            _ if self.skipped > 0 => {}
            "pStyle" => match attribute(tag, "val").and_then(|style| self.styles.get(&style)) {
                Some(Style::Heading(level)) => self.level = Some(*level),
                Some(Style::Item) => self.item = true,
                None => {}
            },
            "outlineLvl" => self.level = outline_level(tag),
            "numPr" => self.item = true,
            "r" => self.run_is_bold = false,
            "b" => {
                let off = attribute(tag, "val").is_some_and(|value| matches!(value.as_str(), "0" | "false" | "off"));
                self.run_is_bold = !off;
            }
            "t" => {
                self.in_text = true;
                if self.run_is_bold {
                    self.bold.0 += 1;
                } else {
                    self.bold.1 += 1;
                }
            }
            "tab" | "br" | "cr" => self.text.push(' '),
            "noBreakHyphen" => self.text.push('-'),
            "tbl" if !self.lines.last().is_some_and(|(line, _)| line.ends_with([':', '：'])) => self.end_block(),
            "tr" => self.cells = Some(Vec::new()),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "moveFrom" | "Fallback" => self.skipped = self.skipped.saturating_sub(1),
            _ if self.skipped > 0 => {}
            "t" => self.in_text = false,
            "p" => self.end_paragraph(),
            "tc" => {
                let cell = std::mem::take(&mut self.cell);
                if let Some(cells) = self.cells.as_mut().filter(|_| !cell.trim().is_empty()) {
                    cells.push(cell.trim().to_owned());
                }
            }
            "tr" => {
                let row = self.cells.take().unwrap_or_default().join(", ");
                self.lines.push((row, Line::Item));
            }
            "tbl" => self.end_block(),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let (level, item) = (self.level.take(), std::mem::take(&mut self.item));
        let (bold, plain) = std::mem::take(&mut self.bold);
        if text.is_empty() {
            return;
        }
        if self.cells.is_some() {
            if !self.cell.is_empty() {
                self.cell.push(' ');
            }
            self.cell.push_str(text);
            return;
        }
        let all_bold = bold > 0 && plain == 0 && text.chars().count() <= BOLD_HEADING;
        let level = level.or((all_bold && !item && !text.ends_with(['.', '。', ':', '：'])).then_some(8));
        if let Some(level) = level {
            self.end_block();
            self.outline.heading(level, text);
        } else if item {
            self.lines.push((text.to_owned(), Line::Item));
        } else {
            self.end_block();
            self.lines.push((text.to_owned(), Line::Prose));
            if !text.ends_with([':', '：']) {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let text = joined(lines.iter().map(|(line, kind)| (line.as_str(), *kind)));
        self.outline.paragraph(&text, "");
    }
}
