//! faster-whisper, a process beside this one that transcribes what it is given.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::recordings::Error;
use crate::language::Language;

const PYTHON: &str = "target/tools/faster-whisper/bin/python";
const MODEL: &str = "target/tools/faster-whisper/model";
const SCRIPT: &str = "benches/transcribe.py";

/// Ended when it is dropped.
pub struct FasterWhisper {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    ms: f64,
}

impl FasterWhisper {
    pub fn start() -> Result<Self, Error> {
        let peer = |reason: std::io::Error| Error::Peer(reason.to_string());
        let mut child = Command::new(PYTHON)
            .args([SCRIPT, MODEL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(peer)?;
        let (Some(asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Peer("it has no input and output".into()));
        };
        Ok(Self {
            child,
            asks,
            answers: BufReader::new(answers),
        })
    }

    /// `samples` are 16 kHz mono.
    pub fn hear(&mut self, samples: &[i16], language: Language) -> Result<(String, Duration), Error> {
        let sound: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut line = String::new();
        writeln!(self.asks, "{} {}", sound.len(), language.code())
            .and_then(|()| self.asks.write_all(&sound))
            .and_then(|()| self.asks.flush())
            .and_then(|()| self.answers.read_line(&mut line))
            .map_err(|reason| Error::Peer(reason.to_string()))?;
        let answer: Answer =
            serde_json::from_str(&line).map_err(|reason| Error::Peer(format!("it answered {line:?}: {reason}")))?;
        Ok((answer.text, Duration::from_secs_f64(answer.ms.max(0.0) / 1000.0)))
    }
}

impl Drop for FasterWhisper {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
