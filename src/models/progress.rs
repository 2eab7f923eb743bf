//! What a pull tells the person who waits for it.
//!
//! A pull does one thing at a time; each begins, moves and ends. [`Terminal`] draws that on standard error, which leaves standard
//! output to results.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock;

pub trait Progress: Sync {
    /// `what` begins. `total` in bytes, where it is known.
    fn begin(&self, what: &str, total: Option<u64>);
    /// Bytes done since it began.
    fn at(&self, bytes: u64);
    fn end(&self);
    /// A line that stays: a source that failed, a model that is there.
    fn note(&self, line: &str);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn at(&self, _bytes: u64) {}
    fn end(&self) {}
    fn note(&self, _line: &str) {}
}

/// Bars where standard error is a terminal, else a line when something begins and one every ten seconds while it lasts.
pub struct Terminal {
    drawing: Drawing,
}

enum Drawing {
    Bars(Mutex<Option<ProgressBar>>),
    Lines(Mutex<Line>),
}

#[derive(Default)]
struct Line {
    what: String,
    total: Option<u64>,
    said: Option<Instant>,
}

/// Between two lines on the same thing, so that a log shows life and stays short.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Terminal {
    pub fn new() -> Terminal {
        let drawing = match std::io::stderr().is_terminal() {
            true => Drawing::Bars(Mutex::new(None)),
            false => Drawing::Lines(Mutex::default()),
        };
        Terminal { drawing }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Terminal::new()
    }
}

impl Progress for Terminal {
    fn begin(&self, what: &str, total: Option<u64>) {
        match &self.drawing {
            Drawing::Bars(bar) => {
                let new = match total {
                    Some(total) => ProgressBar::new(total).with_style(style(
                        "{msg:32!} {bar:28} {decimal_bytes:>10} of {decimal_total_bytes:<10} {elapsed:>4}",
                    )),
                    None => ProgressBar::new_spinner()
                        .with_style(style("{msg:32!} {spinner} {decimal_bytes:>10} {elapsed:>4}")),
                };
                let new = new.with_message(what.to_owned());
                // The clock on it goes on when no byte comes.
                new.enable_steady_tick(Duration::from_millis(200));
                if let Some(old) = bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).replace(new) {
                    old.finish_and_clear();
                }
            }
            Drawing::Lines(line) => {
                let size = total
                    .map(|total| format!(" ({})", megabytes(total)))
                    .unwrap_or_default();
                say(&format!("{what}{size}"));
                let mut line = line.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                *line = Line {
                    what: what.to_owned(),
                    total,
                    said: Some(clock::now()),
                };
            }
        }
    }

    fn at(&self, bytes: u64) {
        match &self.drawing {
            Drawing::Bars(bar) => {
                if let Some(bar) = bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_ref() {
                    bar.set_position(bytes);
                }
            }
            Drawing::Lines(line) => {
                let mut line = line.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let now = clock::now();
                if line
                    .said
                    .is_some_and(|said| now.saturating_duration_since(said) >= LINE_EVERY)
                {
                    say(&standing(&line.what, bytes, line.total));
                    line.said = Some(now);
                }
            }
        }
    }

    fn end(&self) {
        match &self.drawing {
            Drawing::Bars(bar) => {
                if let Some(bar) = bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
                    bar.finish_and_clear();
                }
            }
            Drawing::Lines(line) => *line.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Line::default(),
        }
    }

    fn note(&self, text: &str) {
        match &self.drawing {
            Drawing::Bars(bar) => match bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_ref() {
                Some(bar) => bar.suspend(|| say(text)),
                None => say(text),
            },
            Drawing::Lines(_) => say(text),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A closed standard error is no reason to stop a pull.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn standing(what: &str, bytes: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{what}: {} of {}", megabytes(bytes), megabytes(total)),
        None => format!("{what}: {}", megabytes(bytes)),
    }
}

/// Decimal, as disks and registries count.
pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    match bytes {
        0..100_000 => format!("{} kB", bytes.div_ceil(1_000)),
        100_000..10_000_000 => format!("{}.{} MB", tenths / 10, tenths % 10),
        _ => format!("{} MB", bytes.saturating_add(500_000) / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        let cases = [
            (0, "0 kB"),
            (1_155, "2 kB"),
            (522_240, "0.5 MB"),
            (2_845_718, "2.8 MB"),
            (147_951_465, "148 MB"),
            (u64::MAX, "18446744073709 MB"),
        ];
        for (bytes, words) in cases {
            assert_eq!(megabytes(bytes), words);
        }
        assert_eq!(standing("a", 1_000_000, Some(20_000_000)), "a: 1.0 MB of 20 MB");
        assert_eq!(standing("a", 1_000_000, None), "a: 1.0 MB");
    }

    #[test]
    fn every_call_is_safe_in_any_order() {
        for drawing in [Drawing::Bars(Mutex::new(None)), Drawing::Lines(Mutex::default())] {
            let terminal = Terminal { drawing };
            terminal.at(5);
            terminal.end();
            terminal.begin("one", Some(10));
            terminal.begin("two", None);
            terminal.at(u64::MAX);
            terminal.note("a note");
            terminal.end();
            terminal.end();
        }
    }
}
