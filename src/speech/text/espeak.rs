//! Phonemes from espeak-ng, which runs beside this program: a line in, phonemes out.
//!
//! It is GPL, so it is run and not linked. Kept warm it takes about a millisecond a clause.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// It answers within milliseconds; one that does not in this time is dead.
const PATIENCE: Duration = Duration::from_secs(3);
/// Said after every piece: what comes before its phonemes belongs to the piece.
const SENTINEL: &str = "zebra quartz accordion";
/// Lines that may wait to be read; the process waits beyond that.
const LINES: usize = 64;
/// Punctuation that shapes the melody; Piper has symbols for it.
const MELODY: [char; 6] = [',', '.', '!', '?', ';', ':'];

#[derive(Debug, thiserror::Error)]
pub enum EspeakError {
    #[error("the program `espeak-ng` cannot be run: {0}; install the package espeak-ng")]
    Absent(std::io::Error),
    #[error("espeak-ng ended or gives no answer")]
    Silent,
    #[error("espeak-ng has no voice `{0}`")]
    Voice(String),
}

pub struct Espeak {
    voice: String,
    running: Running,
}

struct Running {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    sentinel: String,
}

impl Espeak {
    /// Starts it for `voice`, such as `en-us`.
    pub fn start(voice: &str) -> Result<Self, EspeakError> {
        Ok(Self {
            voice: voice.to_owned(),
            running: Running::start(voice)?,
        })
    }

    /// The phonemes (IPA) of `text`, with the punctuation that shapes the melody. A process that died is started again, once.
    pub fn phonemes(&mut self, text: &str) -> Result<String, EspeakError> {
        match self.running.phonemes(text) {
            Err(EspeakError::Silent) => {
                self.running = Running::start(&self.voice)?;
                self.running.phonemes(text)
            }
            result => result,
        }
    }
}

impl Running {
    fn start(voice: &str) -> Result<Self, EspeakError> {
        let mut child = Command::new("espeak-ng")
            .args(["--ipa", "-q", "-v", voice])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(EspeakError::Absent)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(EspeakError::Silent);
        };
        let (sender, lines) = sync_channel(LINES);
        // Ends with the process's output.
        std::thread::Builder::new()
            .name("espeak".into())
            .spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
            .map_err(EspeakError::Absent)?;
        let mut running = Self {
            child,
            input,
            lines,
            sentinel: String::new(),
        };
        running
            .say(SENTINEL)
            .map_err(|_| EspeakError::Voice(voice.to_owned()))?;
        running.sentinel = running.line().map_err(|_| EspeakError::Voice(voice.to_owned()))?;
        Ok(running)
    }

    fn phonemes(&mut self, text: &str) -> Result<String, EspeakError> {
        let mut phonemes = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(MELODY).unwrap_or(rest.len());
            let (piece, tail) = rest.split_at(end);
            let piece: String = piece.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            if piece.chars().any(char::is_alphanumeric) {
                if !phonemes.is_empty() {
                    phonemes.push(' ');
                }
                phonemes.push_str(&self.piece(piece.trim())?);
            }
            let mark = tail.chars().next();
            if let Some(mark) = mark.filter(|_| !phonemes.is_empty() && !phonemes.ends_with(MELODY)) {
                phonemes.push(mark);
            }
            rest = &tail[mark.map_or(0, char::len_utf8)..];
        }
        Ok(phonemes)
    }

    fn piece(&mut self, piece: &str) -> Result<String, EspeakError> {
        self.say(piece)?;
        self.say(SENTINEL)?;
        let mut lines: Vec<String> = Vec::new();
        loop {
            let line = self.line()?;
            if line == self.sentinel {
                return Ok(without_switches(&lines.join(" ")));
            }
            lines.push(line);
        }
    }

    fn say(&mut self, line: &str) -> Result<(), EspeakError> {
        let written = writeln!(self.input, "{line}").and_then(|()| self.input.flush());
        written.map_err(|_| EspeakError::Silent)
    }

    /// The next line that is not empty.
    fn line(&mut self) -> Result<String, EspeakError> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => return Ok(line.trim().to_owned()),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(EspeakError::Silent),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// espeak marks where it reads a word in another language: "(fr)…(en)".
fn without_switches(phonemes: &str) -> String {
    let mut out = String::with_capacity(phonemes.len());
    let mut rest = phonemes;
    while let Some(open) = rest.find('(') {
        out.push_str(&rest[..open]);
        rest = match rest[open..].find(')') {
            Some(close) => &rest[open + close + 1..],
            None => &rest[open + 1..],
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn espeak() -> Option<Espeak> {
        match Espeak::start("en-us") {
            Ok(espeak) => Some(espeak),
            Err(e) => {
                eprintln!("SKIPPED: {e}");
                None
            }
        }
    }

    #[test]
    fn gives_phonemes_with_the_melody() {
        let Some(mut espeak) = espeak() else { return };
        assert_eq!(espeak.phonemes("Hello, world!").expect("phonemes"), "həlˈoʊ, wˈɜːld!");
        assert_eq!(
            espeak
                .phonemes("Are you there?!\nYes.")
                .expect("phonemes")
                .matches(['?', '.'])
                .count(),
            2
        );
        assert_eq!(espeak.phonemes(" ... ").expect("phonemes"), "");
        for text in ["zebra. zebra", "a zebra", "\0\u{7}x", "你好"] {
            espeak.phonemes(text).expect(text);
        }
        assert_eq!(espeak.phonemes("Hello").expect("in step"), "həlˈoʊ");
    }

    #[test]
    fn one_that_died_is_started_again() {
        let Some(mut espeak) = espeak() else { return };
        espeak.running.child.kill().expect("killed");
        espeak.running.child.wait().expect("gone");
        assert_eq!(espeak.phonemes("Hello").expect("again"), "həlˈoʊ");
    }

    #[test]
    fn a_voice_that_is_not_there_is_named() {
        if espeak().is_some() {
            assert!(
                Espeak::start("xx-nowhere")
                    .err()
                    .is_some_and(|e| e.to_string().contains("xx-nowhere"))
            );
        }
    }

    #[test]
    fn switches_of_language_are_taken_out() {
        assert_eq!(without_switches("ðə (fr)bɔ̃ʒˈuʁ(en) θɪŋ"), "ðə bɔ̃ʒˈuʁ θɪŋ");
    }
}
