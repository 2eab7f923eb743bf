//! Phonemes from espeak-ng, which runs beside this program: a line in, phonemes out.
//!
//! It is GPL, so it is run and not linked. Kept warm it takes about a millisecond a clause. Knows no voice model and no numbers:
//! the text is words already.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock;

/// It answers within milliseconds; one that does not in this time is dead.
const PATIENCE: Duration = Duration::from_secs(3);
/// Sent after every piece: what comes before its phonemes belongs to the piece. It is written in espeak's own phonemes, which no
/// text can contain, for brackets are taken out of it; and it sounds like no words.
const SENTINEL: &str = "[[zVzVzVzVzVz]]";
/// Lines that may wait to be read; the process waits beyond that.
const LINES: usize = 64;
/// Bytes in a line: espeak-ng reads no more than 999 at once.
const LONGEST_LINE: usize = 800;
/// Punctuation that shapes the melody; Piper has symbols for it.
const MELODY: [char; 6] = [',', '.', '!', '?', ';', ':'];

#[derive(Debug, thiserror::Error)]
pub enum EspeakError {
    #[error("the program `espeak-ng` cannot be run ({0}); on Debian, install the package espeak-ng")]
    Absent(#[source] std::io::Error),
    #[error("espeak-ng has no voice `{0}`, or cannot load it")]
    Voice(String),
    /// It was started again and is silent again.
    #[error("espeak-ng ended, or does not answer")]
    Silent,
}

/// A running espeak-ng for one voice; killed when dropped.
pub struct Espeak {
    voice: String,
    /// `None` after it failed, until it is needed again.
    running: Option<Running>,
}

impl Espeak {
    /// Starts it for `voice`, such as `en-us`.
    pub fn start(voice: &str) -> Result<Self, EspeakError> {
        Ok(Self {
            voice: voice.to_owned(),
            running: Some(Running::start(espeak_ng(voice), voice)?),
        })
    }

    /// The phonemes (IPA) of `text`, with the punctuation that shapes the melody. Blocks, for seconds at most.
    /// A process that died or hangs is started again, once.
    pub fn phonemes(&mut self, text: &str) -> Result<String, EspeakError> {
        let again = match &mut self.running {
            Some(running) => running.phonemes(text),
            None => Err(EspeakError::Silent),
        };
        let Err(EspeakError::Silent) = again else { return again };
        // Killed before the next one is begun.
        self.running = None;
        let mut running = Running::start(espeak_ng(&self.voice), &self.voice)?;
        let phonemes = running.phonemes(text)?;
        self.running = Some(running);
        Ok(phonemes)
    }
}

fn espeak_ng(voice: &str) -> Command {
    let mut command = Command::new("espeak-ng");
    command.args(["--ipa", "-q", "-v", voice]);
    command
}

/// The fields are dropped in order: when the process is killed and nobody takes its lines, its reader ends.
struct Running {
    process: Process,
    input: ChildStdin,
    lines: Receiver<String>,
    /// The phonemes of [`SENTINEL`].
    sentinel: String,
    _reader: Reader,
}

impl Running {
    fn start(mut program: Command, voice: &str) -> Result<Self, EspeakError> {
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(EspeakError::Absent)?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let process = Process(child);
        let (Some(input), Some(output)) = pipes else {
            return Err(EspeakError::Silent);
        };
        let (sender, lines) = sync_channel(LINES);
        let reader = std::thread::Builder::new().name("espeak".to_owned()).spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let reader = Reader(Some(reader.map_err(EspeakError::Absent)?));
        let mut running = Self {
            process,
            input,
            lines,
            sentinel: String::new(),
            _reader: reader,
        };
        let deadline = clock::now() + PATIENCE;
        let sentinel = running.say(SENTINEL).and_then(|()| running.line(deadline));
        running.sentinel = sentinel.map_err(|_| EspeakError::Voice(voice.to_owned()))?;
        tracing::debug!(voice, process = running.process.0.id(), "espeak-ng runs");
        Ok(running)
    }

    fn phonemes(&mut self, text: &str) -> Result<String, EspeakError> {
        let deadline = clock::now() + PATIENCE;
        let mut phonemes = String::new();
        for (words, mark) in pieces(text) {
            for line in lines(&words) {
                let said = self.line_of(&line, deadline)?;
                if !phonemes.is_empty() && !said.is_empty() {
                    phonemes.push(' ');
                }
                phonemes.push_str(&said);
            }
            if let Some(mark) = mark.filter(|_| !phonemes.is_empty() && !phonemes.ends_with(MELODY)) {
                phonemes.push(mark);
            }
        }
        Ok(phonemes)
    }

    /// The phonemes of one line. espeak-ng may give several lines for it, or none.
    fn line_of(&mut self, words: &str, deadline: Instant) -> Result<String, EspeakError> {
        self.say(words)?;
        self.say(SENTINEL)?;
        let mut said: Vec<String> = Vec::new();
        loop {
            let line = self.line(deadline)?;
            if line == self.sentinel {
                return Ok(without_switches(&said.join(" ")));
            }
            said.push(line);
        }
    }

    /// Never blocks for long: a line and the sentinel fit into the pipe, and nothing more is sent before they are answered.
    fn say(&mut self, line: &str) -> Result<(), EspeakError> {
        let written = self
            .input
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.input.flush());
        written.map_err(|_| EspeakError::Silent)
    }

    /// The next line that is not empty.
    fn line(&mut self, deadline: Instant) -> Result<String, EspeakError> {
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let line = self.lines.recv_timeout(left).map_err(|_| EspeakError::Silent)?;
            if !line.trim().is_empty() {
                return Ok(line.trim().to_owned());
            }
        }
    }
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

struct Reader(Option<JoinHandle<()>>);

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(reader) = self.0.take() {
            reader.join().ok();
        }
    }
}

/// The text between marks, cleaned of what espeak-ng would take for commands, and the mark behind it. The full stops of 3.14 and
/// V.I.P are no marks.
fn pieces(text: &str) -> Vec<(String, Option<char>)> {
    let clean = |c: char| {
        if c.is_control() || "[]{}<>|\\_".contains(c) {
            ' '
        } else {
            c
        }
    };
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut chars = text.chars().map(clean).peekable();
    while let Some(c) = chars.next() {
        let within = chars.peek().is_some_and(|next| next.is_alphanumeric());
        if MELODY.contains(&c) && !within {
            pieces.push((std::mem::take(&mut words), Some(c)));
        } else {
            words.push(c);
        }
    }
    pieces.push((words, None));
    pieces
}

/// What is to be said, in lines that are short enough; none where there is nothing to say.
fn lines(words: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if !words.contains(char::is_alphanumeric) {
        return lines;
    }
    for word in words.split_whitespace() {
        for part in word_parts(word) {
            match lines.last_mut() {
                Some(line) if line.len() + part.len() < LONGEST_LINE => {
                    line.push(' ');
                    line.push_str(part);
                }
                _ => lines.push(part.to_owned()),
            }
        }
    }
    lines
}

/// The word itself, unless it is no word.
fn word_parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = word;
    while rest.len() > LONGEST_LINE {
        let at = rest.floor_char_boundary(LONGEST_LINE);
        let (part, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        parts.push(part);
        rest = tail;
    }
    parts.push(rest);
    parts
}

/// espeak marks where it reads a word in another language: "(fr)…(en)".
fn without_switches(phonemes: &str) -> String {
    let mut out = String::with_capacity(phonemes.len());
    let mut rest = phonemes;
    while let Some((before, after)) = rest.split_once('(') {
        out.push_str(before);
        rest = after.split_once(')').map_or(after, |(_, after)| after);
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
        for (text, phonemes) in [
            ("Hello, world!", "həlˈoʊ, wˈɜːld!"),
            ("Hello", "həlˈoʊ"),
            ("V.I.P, nine A.M.", "vˌiːˌaɪpˈiː, nˈaɪn ˌeɪˈɛm."),
            ("Really?! Yes...", "ɹˈiəli? jˈɛs."),
            (" ... ", ""),
            ("", ""),
        ] {
            assert_eq!(espeak.phonemes(text).expect("phonemes"), phonemes, "{text}");
        }
    }

    #[test]
    fn stays_in_step_whatever_it_is_given() {
        let Some(mut espeak) = espeak() else { return };
        let long = "one two three ".repeat(400);
        let endless = "a".repeat(5000);
        for text in [
            "\0\u{7}x",
            "你好",
            "a\nb\r\nc",
            SENTINEL,
            "zuzuzuzuzuz",
            "((( —",
            "<speak>x</speak>",
            "[[h@]]",
            &long,
            &endless,
        ] {
            espeak.phonemes(text).expect(text);
            assert_eq!(espeak.phonemes("Hello").expect("in step"), "həlˈoʊ", "after {text}");
        }
        assert_eq!(espeak.phonemes(&long).expect("all of it").matches("θɹ").count(), 400);
    }

    #[test]
    fn one_that_died_is_started_again() {
        let Some(mut espeak) = espeak() else { return };
        let first = espeak.running.as_mut().expect("it runs");
        first.process.0.kill().expect("killed");
        first.process.0.wait().expect("gone");
        assert_eq!(espeak.phonemes("Hello").expect("again"), "həlˈoʊ");
    }

    #[test]
    fn one_that_does_not_answer_is_given_up() {
        let mut mute = Command::new("sleep");
        mute.arg("60");
        let begun = clock::now();
        let result = Running::start(mute, "en-us");
        assert!(matches!(result, Err(EspeakError::Voice(_))));
        assert!(clock::now() - begun < PATIENCE * 2);
    }

    #[test]
    fn what_is_missing_is_named() {
        let absent = Running::start(Command::new("/nonexistent/espeak-ng"), "en-us")
            .err()
            .expect("it is not there");
        assert!(absent.to_string().contains("install the package espeak-ng"), "{absent}");
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
        assert_eq!(without_switches("a(b"), "ab");
    }
}
