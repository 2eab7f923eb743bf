//! PDF: the words of each page with their places and sizes, as the page's own program puts them there.
//!
//! It follows the operators that show text (ISO 32000-1 §9) and no others; [`pdf_layout`](super::pdf_layout) makes headings and paragraphs of
//! what it finds. Whatever is unpacked is bounded, and so is the number of operators.

use std::collections::BTreeMap;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Encoding, LoadOptions, Object};

use super::pdf_layout::{Run, sections};
use super::{Read, Trouble, UNPACKED, trouble};

/// Pages of one file.
const PAGES: usize = 3000;
/// Operators of one file; a full page has some hundreds.
const OPERATORS: usize = 5_000_000;
/// Forms inside of forms.
const DEPTH: usize = 6;
/// A character's width where its font does not tell it, in thousandths of its size.
const USUAL_WIDTH: f32 = 500.0;

pub(super) fn read(bytes: &[u8]) -> Read {
    let options = LoadOptions {
        max_decompressed_size: Some(UNPACKED),
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(bytes, options).map_err(|e| match e {
        lopdf::Error::InvalidPassword => locked(),
        e => trouble(
            format!("it is no PDF, or a damaged one: {e}"),
            "open it in the program it was made with and save it again",
        ),
    })?;
    if document.is_encrypted() {
        return Err(locked());
    }
    let pages = document.get_pages();
    if pages.len() > PAGES {
        return Err(trouble(
            format!("it has {} pages, and {PAGES} are allowed", pages.len()),
            "split it, and take what callers ask about",
        ));
    }
    let mut left = OPERATORS;
    let mut found = Vec::new();
    for (&number, &id) in &pages {
        let Ok(content) = document.get_page_content_with_limit(id, UNPACKED) else {
            continue;
        };
        let Ok(content) = Content::decode(&content) else {
            continue;
        };
        let resources = resources(&document, id);
        let mut page = Page {
            document: &document,
            runs: Vec::new(),
            left: &mut left,
        };
        page.show(&content.operations, &resources, UNMOVED, 0)?;
        found.push((number, page.runs));
    }
    let pages_with_words = found.iter().filter(|(_, runs)| !runs.is_empty()).count();
    if pages_with_words == 0 {
        return Err(trouble(
            format!("none of its {} pages has text: they are pictures", pages.len()),
            "have the text recognised (OCR), and save the PDF with it",
        ));
    }
    Ok(sections(&found))
}

fn locked() -> Trouble {
    trouble("it is locked with a password", "save it without one")
}

/// Of a page, and of what is above it in the tree of pages; the nearest first.
fn resources(document: &Document, page: lopdf::ObjectId) -> Vec<&Dictionary> {
    let Ok((own, above)) = document.get_page_resources(page) else {
        return Vec::new();
    };
    let above = above.into_iter().filter_map(|id| document.get_dictionary(id).ok());
    own.into_iter().chain(above).collect()
}

/// What a name stands for among the resources of one kind.
fn resource<'d>(document: &'d Document, resources: &[&'d Dictionary], kind: &[u8], name: &[u8]) -> Option<&'d Object> {
    resources.iter().find_map(|resources| {
        let kind = document.get_dict_in_dict(resources, kind).ok()?;
        kind.get_deref(name, document).ok()
    })
}

/// `[a b c d e f]`: x' = ax + cy + e, y' = bx + dy + f.
type Matrix = [f32; 6];
const UNMOVED: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `a`, then `b`.
fn then(a: Matrix, b: Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}

fn moved(x: f32, y: f32) -> Matrix {
    [1.0, 0.0, 0.0, 1.0, x, y]
}

struct Font<'d> {
    encoding: Option<Encoding<'d>>,
    widths: BTreeMap<u32, f32>,
    /// Of a character that `widths` leaves out.
    usual: f32,
    bytes: usize,
    bold: bool,
}

/// What an operator of text leaves set (§9.3).
#[derive(Clone, Default)]
struct Text {
    font: Vec<u8>,
    size: f32,
    between_characters: f32,
    between_words: f32,
    leading: f32,
    /// 1 is the font's own width.
    stretch: f32,
}

struct Page<'d, 'l> {
    document: &'d Document,
    runs: Vec<Run>,
    left: &'l mut usize,
}

/// Where the next character goes.
struct Pen {
    here: Matrix,
    line: Matrix,
}

impl Pen {
    fn to(&mut self, line: Matrix) {
        (self.here, self.line) = (line, line);
    }

    fn next_line(&mut self, x: f32, y: f32) {
        self.to(then(moved(x, y), self.line));
    }
}

impl<'d> Page<'d, '_> {
    fn show(
        &mut self,
        operations: &[Operation],
        resources: &[&'d Dictionary],
        placed: Matrix,
        depth: usize,
    ) -> Result<(), Trouble> {
        let mut fonts: BTreeMap<Vec<u8>, Font<'d>> = BTreeMap::new();
        let mut place = placed;
        let mut text = Text {
            stretch: 1.0,
            ..Text::default()
        };
        let mut kept: Vec<(Matrix, Text)> = Vec::new();
        let mut pen = Pen {
            here: UNMOVED,
            line: UNMOVED,
        };
        for Operation { operator, operands } in operations {
            *self.left = self.left.checked_sub(1).ok_or_else(|| {
                trouble(
                    "its pages are more drawing than text",
                    "save it again as text or Markdown",
                )
            })?;
            let number = |at: usize| {
                operands
                    .get(at)
                    .and_then(|operand| operand.as_float().ok())
                    .unwrap_or(0.0)
            };
            match operator.as_str() {
                "q" if kept.len() < 256 => kept.push((place, text.clone())),
                "Q" => {
                    if let Some(before) = kept.pop() {
                        (place, text) = before;
                    }
                }
                "cm" => place = then(std::array::from_fn(number), place),
                "BT" => pen.to(UNMOVED),
                "Tc" => text.between_characters = number(0),
                "Tw" => text.between_words = number(0),
                "Tz" => text.stretch = number(0) / 100.0,
                "TL" => text.leading = number(0),
                "Tf" => {
                    let name = operands
                        .first()
                        .and_then(|name| name.as_name().ok())
                        .unwrap_or_default();
                    (text.font, text.size) = (name.to_vec(), number(1));
                    if !fonts.contains_key(name) {
                        let found =
                            resource(self.document, resources, b"Font", name).and_then(|font| font.as_dict().ok());
                        fonts.insert(name.to_vec(), font(self.document, found));
                    }
                }
                "Tm" => pen.to(std::array::from_fn(number)),
                "Td" => pen.next_line(number(0), number(1)),
                "TD" => {
                    text.leading = -number(1);
                    pen.next_line(number(0), number(1));
                }
                "T*" => pen.next_line(0.0, -text.leading),
                "Tj" => self.string(operands.first(), &text, &fonts, &mut pen, place),
                "'" => {
                    pen.next_line(0.0, -text.leading);
                    self.string(operands.first(), &text, &fonts, &mut pen, place);
                }
                "\"" => {
                    (text.between_words, text.between_characters) = (number(0), number(1));
                    pen.next_line(0.0, -text.leading);
                    self.string(operands.get(2), &text, &fonts, &mut pen, place);
                }
                "TJ" => {
                    for part in operands
                        .first()
                        .and_then(|parts| parts.as_array().ok())
                        .into_iter()
                        .flatten()
                    {
                        match part.as_float() {
                            Ok(back) => {
                                pen.here = then(moved(-back / 1000.0 * text.size * text.stretch, 0.0), pen.here)
                            }
                            Err(_) => self.string(Some(part), &text, &fonts, &mut pen, place),
                        }
                    }
                }
                "Do" if depth < DEPTH => {
                    let name = operands
                        .first()
                        .and_then(|name| name.as_name().ok())
                        .unwrap_or_default();
                    self.form(name, resources, place, depth)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A page inside the page (§8.10).
    fn form(&mut self, name: &[u8], resources: &[&'d Dictionary], place: Matrix, depth: usize) -> Result<(), Trouble> {
        let form = resource(self.document, resources, b"XObject", name).and_then(|form| form.as_stream().ok());
        let Some(form) = form.filter(|form| {
            form.dict
                .get(b"Subtype")
                .and_then(Object::as_name)
                .is_ok_and(|kind| kind == b"Form")
        }) else {
            return Ok(());
        };
        let Ok(content) = form.get_plain_content_with_limit(UNPACKED) else {
            return Ok(());
        };
        let Ok(content) = Content::decode(&content) else {
            return Ok(());
        };
        let own = self.document.get_dict_in_dict(&form.dict, b"Resources").ok();
        let inner: Vec<&Dictionary> = own
            .into_iter()
            .chain(resources.iter().copied().filter(|_| own.is_none()))
            .collect();
        let matrix = form.dict.get_deref(b"Matrix", self.document).and_then(Object::as_array);
        let matrix: Matrix = match matrix {
            Ok(numbers) if numbers.len() == 6 => {
                std::array::from_fn(|at| numbers.get(at).and_then(|number| number.as_float().ok()).unwrap_or(0.0))
            }
            Ok(_) | Err(_) => UNMOVED,
        };
        self.show(&content.operations, &inner, then(matrix, place), depth + 1)
    }

    fn string(
        &mut self,
        string: Option<&Object>,
        text: &Text,
        fonts: &BTreeMap<Vec<u8>, Font<'_>>,
        pen: &mut Pen,
        place: Matrix,
    ) {
        let Some(bytes) = string.and_then(|string| string.as_str().ok()) else {
            return;
        };
        let Some(font) = fonts.get(&text.font) else { return };
        let words = font
            .encoding
            .as_ref()
            .and_then(|encoding| encoding.bytes_to_string(bytes).ok());
        let mut width = 0.0;
        for code in bytes.chunks(font.bytes.max(1)) {
            let code = code.iter().fold(0_u32, |code, byte| code << 8 | u32::from(*byte));
            let own = font.widths.get(&code).copied().unwrap_or(font.usual) / 1000.0 * text.size;
            let word = if font.bytes == 1 && code == 32 {
                text.between_words
            } else {
                0.0
            };
            width += (own + text.between_characters + word) * text.stretch;
        }
        let from = then(pen.here, place);
        pen.here = then(moved(width, 0.0), pen.here);
        let to = then(pen.here, place);
        let run = Run {
            left: from[4],
            right: to[4],
            base: from[5],
            size: (from[2].hypot(from[3]) * text.size).abs(),
            bold: font.bold,
            text: words.unwrap_or_default(),
        };
        // Text that stands on its side is a mark at the edge.
        let upright = from[1].abs() <= from[0].abs();
        if upright && run.is_sound() {
            self.runs.push(run);
        }
    }
}

fn font<'d>(document: &'d Document, dictionary: Option<&'d Dictionary>) -> Font<'d> {
    let mut font = Font {
        encoding: None,
        widths: BTreeMap::new(),
        usual: USUAL_WIDTH,
        bytes: 1,
        bold: false,
    };
    let Some(dictionary) = dictionary else { return font };
    let name = dictionary
        .get(b"BaseFont")
        .and_then(Object::as_name)
        .unwrap_or_default();
    let name = String::from_utf8_lossy(name).to_lowercase();
    font.bold = ["bold", "black", "heavy", "semibold"]
        .iter()
        .any(|weight| name.contains(weight));
    font.encoding = encoding(document, dictionary);
    let composite = dictionary
        .get(b"Subtype")
        .and_then(Object::as_name)
        .is_ok_and(|kind| kind == b"Type0");
    if composite {
        font.bytes = 2;
        let inner = dictionary
            .get_deref(b"DescendantFonts", document)
            .and_then(Object::as_array)
            .ok();
        let inner = inner.and_then(|fonts| document.dereference(fonts.first()?).ok()?.1.as_dict().ok());
        font.usual = inner
            .and_then(|inner| inner.get(b"DW").ok()?.as_float().ok())
            .unwrap_or(1000.0);
        let listed = inner.and_then(|inner| inner.get_deref(b"W", document).ok()?.as_array().ok());
        font.widths = listed
            .map(|listed| composite_widths(document, listed))
            .unwrap_or_default();
    } else {
        let first = dictionary.get(b"FirstChar").and_then(Object::as_i64).unwrap_or(0);
        let widths = dictionary.get_deref(b"Widths", document).and_then(Object::as_array);
        for (at, width) in widths.into_iter().flatten().take(256).enumerate() {
            if let (Ok(code), Ok(width)) = (u32::try_from(first.saturating_add(at as i64)), width.as_float()) {
                font.widths.insert(code, width);
            }
        }
    }
    font
}

/// What a font's codes stand for; its own table of what they read as comes first.
fn encoding<'d>(document: &'d Document, dictionary: &'d Dictionary) -> Option<Encoding<'d>> {
    if dictionary.has(b"ToUnicode") {
        let mut mapped = dictionary.clone();
        mapped.remove(b"Encoding");
        if let Ok(Encoding::UnicodeMapEncoding(map)) = mapped.get_font_encoding_with_limit(document, UNPACKED) {
            return Some(Encoding::UnicodeMapEncoding(map));
        }
    }
    dictionary.get_font_encoding_with_limit(document, UNPACKED).ok()
}

/// `c [w w w]` and `from to w` (§9.7.4.3).
fn composite_widths(document: &Document, listed: &[Object]) -> BTreeMap<u32, f32> {
    let mut widths = BTreeMap::new();
    let mut rest = listed;
    while let [first, second, after @ ..] = rest {
        let code = |object: &Object| {
            object
                .as_i64()
                .ok()
                .and_then(|code| u32::try_from(code).ok())
                .filter(|code| *code < 0x1_0000)
        };
        let list = document
            .dereference(second)
            .ok()
            .and_then(|(_, object)| object.as_array().ok());
        match (code(first), list, code(second), after) {
            (Some(first), Some(list), _, after) => {
                for (code, width) in (first..).zip(list) {
                    widths.insert(code, width.as_float().unwrap_or(1000.0));
                }
                rest = after;
            }
            (Some(first), None, Some(last), [width, after @ ..]) => {
                let width = width.as_float().unwrap_or(1000.0);
                widths.extend((first..=last).map(|code| (code, width)));
                rest = after;
            }
            _ => return widths,
        }
    }
    widths
}
