//! Files of six kinds, read as headings and the paragraphs under them.
//!
//! Whatever the bytes are, there is an answer: sections, or what is wrong with the file and what would mend it. A reader works on a thread of its
//! own, so that a library that panics or does not come back takes nothing with it. It knows no languages, no scores, and no disk.

mod csv;
mod docx;
mod html;
mod markdown;
mod outline;
mod pdf;
mod pdf_layout;
mod text;

use std::sync::mpsc;
use std::time::Duration;

/// One paragraph and the headings that it stands under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The nearest heading; empty where there is none.
    pub heading: String,
    /// The headings above that one, the outermost first.
    pub above: Vec<String>,
    /// As it is to be spoken.
    pub text: String,
    /// Where it stands in its file, as the end of a link: `#opening-hours`, `#page=3` (RFC 8118), `#row=12` (RFC 7111), `#line=4`; empty where
    /// there is nothing to tell it by.
    pub place: String,
}

/// A file that gives no knowledge, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}; {cure}")]
pub struct Unreadable {
    pub file: String,
    pub reason: String,
    pub cure: String,
}

/// The kinds of file that knowledge is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Markdown,
    Text,
    Html,
    Pdf,
    Csv,
    Docx,
}

impl Format {
    /// By the ending of a file's name.
    pub fn of(file: &str) -> Option<Format> {
        let (_, ending) = file.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Format::Markdown),
            "txt" => Some(Format::Text),
            "html" | "htm" => Some(Format::Html),
            "pdf" => Some(Format::Pdf),
            "csv" => Some(Format::Csv),
            "docx" => Some(Format::Docx),
            _ => None,
        }
    }
}

/// Bytes of a file. A manual of a thousand pages without its pictures has some ten megabytes.
pub const LARGEST: usize = 32 * 1024 * 1024;
/// Bytes that any one part of a file may unpack to.
const UNPACKED: usize = 64 * 1024 * 1024;
/// Characters of one file's text: several long books.
const MOST_TEXT: usize = 8_000_000;
/// A reader that takes longer does not come back: a thousand pages take some seconds.
const LONGEST: Duration = Duration::from_secs(30);
/// What a reader's thread is called; its panics are told as problems of the file.
pub const THREAD: &str = "knowledge-reader";
/// Deeply nested files are read by recursion; the memory is only taken where it is used.
const STACK: usize = 64 * 1024 * 1024;

/// What is wrong, and the cure.
struct Trouble {
    reason: String,
    cure: &'static str,
}

fn trouble(reason: impl Into<String>, cure: &'static str) -> Trouble {
    Trouble {
        reason: reason.into(),
        cure,
    }
}

type Read = Result<Vec<Section>, Trouble>;

/// Reads a file by the ending of its name. Blocks until it is read, at most half a minute.
pub fn read(file: &str, bytes: Vec<u8>) -> Result<Vec<Section>, Unreadable> {
    let told = |trouble: Trouble| Unreadable {
        file: file.to_owned(),
        reason: trouble.reason,
        cure: trouble.cure.to_owned(),
    };
    let Some(format) = Format::of(file) else {
        let cure = "knowledge is read from .md, .txt, .html, .pdf, .csv and .docx";
        return Err(told(trouble("this kind of file is not known", cure)));
    };
    if bytes.len() > LARGEST {
        let reason = format!("it has {} MiB, and {} are allowed", bytes.len() >> 20, LARGEST >> 20);
        return Err(told(trouble(reason, "split it, or leave out its pictures")));
    }
    let reader = match format {
        // Our own, and bounded by the length of the text: no thread is needed.
        Format::Markdown => return markdown(&bytes).and_then(bounded).map_err(told),
        Format::Text => return text::read(&bytes).and_then(bounded).map_err(told),
        Format::Html => html::read,
        Format::Pdf => pdf::read,
        Format::Csv => csv::read,
        Format::Docx => docx::read,
    };
    isolated(move || reader(&bytes), LONGEST)
        .and_then(bounded)
        .map_err(told)
}

fn markdown(bytes: &[u8]) -> Read {
    Ok(markdown::sections(&decoded(bytes)?))
}

/// Markdown that is at hand as text.
pub(super) fn markdown_sections(text: &str) -> Vec<Section> {
    markdown::sections(text)
}

/// Runs `work` on a thread of its own for at most `longest`. Rust cannot end a thread: one that does not come back is left to itself.
fn isolated(work: impl FnOnce() -> Read + Send + 'static, longest: Duration) -> Read {
    let (done, result) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name(THREAD.into()).stack_size(STACK);
    let started = thread.spawn(move || {
        // A panic drops `done`, which is how it is noticed.
        done.send(work()).ok();
    });
    if let Err(e) = started {
        return Err(trouble(
            format!("no thread could be started to read it: {e}"),
            "try again with fewer programs running",
        ));
    }
    match result.recv_timeout(longest) {
        Ok(read) => read,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(trouble(
            format!("it could not be read in {} s", longest.as_secs()),
            "split it, or save it again as text or Markdown",
        )),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(trouble(
            "it is damaged, and its reader gave up in the middle",
            "open it in the program it was made with and save it again",
        )),
    }
}

fn bounded(sections: Vec<Section>) -> Read {
    let length: usize = sections
        .iter()
        .map(|section| section.text.len() + section.heading.len())
        .sum();
    if length > MOST_TEXT {
        return Err(trouble(
            format!("it has {} million characters of text", length / 1_000_000),
            "split it, and take what callers ask about",
        ));
    }
    if sections.is_empty() {
        return Err(trouble("nothing is written in it", "see that it is the right file"));
    }
    Ok(sections)
}

/// Text as people save it: UTF-8, or UTF-16 where its first two bytes say so.
fn decoded(bytes: &[u8]) -> Result<String, Trouble> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, lossy) = encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default());
        if !lossy {
            return Ok(text.into_owned());
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        Ok(_) => Err(trouble(
            "it is no text: there are zero bytes in it",
            "see that it is the right file",
        )),
        Err(e) => Err(trouble(
            format!("it is not written in UTF-8: byte {} is not", e.valid_up_to() + 1),
            "save it as UTF-8; spreadsheets offer \"CSV UTF-8\"",
        )),
    }
}

#[cfg(test)]
mod tests;
