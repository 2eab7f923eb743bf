//! Scripted callers as files: YAML, a list of what the caller does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::line::Quality;
use super::persona::Persona;
use crate::audio::codec::Codec;
use crate::audio::tone;
use crate::language::Language;

/// A caller as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// `en` or `zh`: what the caller speaks, and what is listened for.
    pub language: String,
    /// The number or name that the caller shows.
    #[serde(default = "anonymous")]
    pub from: String,
    /// How this caller goes about it: a [`Persona`], `plain` unless told.
    #[serde(default)]
    pub persona: Option<String>,
    /// What the line is like: a good one unless told.
    #[serde(default)]
    pub audio: Audio,
    /// What the bot says is not transcribed: where many ring at once that would take the time of those who are measured.
    #[serde(skip)]
    pub deaf: bool,
    /// What the caller does, in order.
    pub steps: Vec<Line>,
}

/// A line between caller and bot, as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    /// `pcmu`, `pcma`, `g722` or `opus`; the first two are offered unless told.
    pub codec: Option<String>,
    /// The share of packets that is lost: `2%`.
    pub loss: Option<String>,
    /// The greatest delay of a packet: `30ms`.
    pub jitter: Option<String>,
    /// `street_10db`: the place, and how far below speech it is.
    pub noise: Option<String>,
    /// The bot hears itself so much lower: `25db`.
    pub echo: Option<String>,
    /// Another one makes other losses and another noise.
    pub seed: Option<u64>,
}

impl Audio {
    pub fn quality(&self) -> Result<Quality, String> {
        let mut quality = Quality::default();
        if let Some(codec) = &self.codec {
            let wrong = || format!("`codec: {codec}` is unknown; write pcmu, pcma, g722 or opus");
            quality.codec = Some(Codec::named(codec).ok_or_else(wrong)?);
        }
        if let Some(loss) = &self.loss {
            let share = loss.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok());
            let share = share.filter(|share| (0.0..=50.0).contains(share));
            quality.loss = share.ok_or(format!("`loss: {loss}` is no share up to half; write `2%`"))? / 100.0;
        }
        if let Some(jitter) = &self.jitter {
            quality.jitter = duration(jitter).and_then(|span| match span.as_millis() {
                0..=500 => Ok(span),
                _ => Err(format!("`jitter: {jitter}` is more than a line has; 500ms is the most")),
            })?;
        }
        if let Some(noise) = &self.noise {
            let (place, snr) = noise.rsplit_once('_').unwrap_or((noise, "10db"));
            quality.noise = Some((place.parse()?, decibels("noise", snr)?));
        }
        if let Some(echo) = &self.echo {
            quality.echo = Some(decibels("echo", echo)?);
        }
        quality.seed = self.seed.unwrap_or(quality.seed);
        Ok(quality)
    }
}

fn decibels(what: &str, text: &str) -> Result<f32, String> {
    let number = text
        .trim()
        .strip_suffix("db")
        .and_then(|n| n.trim().parse::<f32>().ok());
    let number = number.filter(|db| (0.0..=60.0).contains(db));
    number.ok_or(format!("`{what}: {text}` is no distance in decibels; write `10db`"))
}

fn anonymous() -> String {
    "caller".into()
}

/// One thing that the caller does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// Wait until the bot has finished, and expect these words among what it said; empty: any.
    Hear(String),
    /// Speak these words, by the voice of the language.
    Say(String),
    /// Play a recording; relative to the script.
    Play(PathBuf),
    /// Speak over the bot.
    Interrupt(Interrupt),
    /// Speak these words whatever the bot does meanwhile, as a machine does.
    Greet(String),
    /// Sound like this, whatever the bot does meanwhile.
    Sound(Signal),
    /// Keep what is heard from now on, for so long or until the call ends: `20s`.
    Record(String),
    /// Press keys.
    Press(String),
    /// Say nothing: `1500ms` or `3s`.
    Wait(String),
    /// `caller` hangs up, or the `bot` is expected to.
    End(Who),
}

impl Line {
    fn check(&self) -> Result<(), String> {
        match self {
            Line::Wait(span) | Line::Record(span) => duration(span).map(drop),
            Line::Interrupt(interrupt) => duration(&interrupt.after).map(drop),
            Line::Press(keys) => match keys.chars().find(|key| !"0123456789*#ABCD".contains(*key)) {
                Some(key) => Err(format!(
                    "`press: {keys}`: there is no key `{key}`; keys are 0-9 * # A-D"
                )),
                None => Ok(()),
            },
            Line::Hear(_) | Line::Say(_) | Line::Greet(_) | Line::Sound(_) | Line::Play(_) | Line::End(_) => Ok(()),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupt {
    pub say: String,
    /// After the bot has begun: `1500ms` or `3s`.
    pub after: String,
}

/// What machines sound like where they do not speak.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Of an answering machine: now it records.
    Beep,
    /// Of a fax that answers (CED, ITU-T T.30: 2,100 Hz for 3 s).
    Fax,
    /// The special information tone (ITU-T E.180: 950, 1,400 and 1,800 Hz) before an announcement of the network.
    Intercept,
    /// Of a network whose callee is in another call (425 Hz, 480 ms on and off, as in most of Europe: ITU-T E.180), for 10 s.
    Busy,
    /// Of a network that lets it ring (ANSI T1.401), for 12 s.
    Ringback,
}

impl Signal {
    pub fn name(self) -> &'static str {
        match self {
            Signal::Beep => "beep",
            Signal::Fax => "fax",
            Signal::Intercept => "intercept",
            Signal::Busy => "busy",
            Signal::Ringback => "ringback",
        }
    }

    /// 16 kHz mono.
    pub fn sound(self) -> Vec<i16> {
        match self {
            Signal::Beep => tone::beep(),
            Signal::Fax => tone::sine(2_100.0, -15.0, Duration::from_secs(3)),
            Signal::Intercept => {
                let third = |hz| tone::sine(hz, -18.0, Duration::from_millis(330));
                [950.0, 1_400.0, 1_800.0].into_iter().flat_map(third).collect()
            }
            Signal::Busy => {
                let mut beat = tone::sine(425.0, -15.0, Duration::from_millis(480));
                beat.resize(beat.len() * 2, 0);
                beat.repeat(10)
            }
            Signal::Ringback => tone::ring_back(Duration::from_secs(12)),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Caller,
    Bot,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ScriptError {
    path: PathBuf,
    reason: String,
}

impl Script {
    /// Reads and checks `path`; recordings are looked for beside it.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let mut script = Self::read(path)?;
        script.relative_to(path.parent().unwrap_or(Path::new("")));
        Ok(script)
    }

    /// Reads and checks `path`; [`Self::relative_to`] tells where its recordings are.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let wrong = |reason: String| ScriptError {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let script: Script = serde_saphyr::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        script.check().map_err(&wrong)?;
        Ok(script)
    }

    /// Recordings are looked for in `folder`.
    pub fn relative_to(&mut self, folder: &Path) {
        for line in &mut self.steps {
            if let Line::Play(file) = line {
                *file = folder.join(&*file);
            }
        }
    }

    /// What is wrong with it, beside what reading it has shown.
    pub fn check(&self) -> Result<(), String> {
        self.language().map_err(|e| e.to_string())?;
        self.persona()?;
        self.audio.quality()?;
        self.steps.iter().try_for_each(Line::check)
    }

    pub fn persona(&self) -> Result<Persona, String> {
        self.persona.as_deref().map_or(Ok(Persona::default()), str::parse)
    }

    pub fn language(&self) -> Result<Language, crate::language::UnknownLanguage> {
        self.language.parse()
    }
}

/// `1500ms` or `3s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = if let Some(ms) = text.strip_suffix("ms") {
        ms.trim().parse().ok().map(Duration::from_millis)
    } else {
        text.strip_suffix('s')
            .and_then(|s| s.trim().parse().ok())
            .map(Duration::from_secs)
    };
    parsed.ok_or_else(|| format!("`{text}` is no length of time; write `1500ms` or `3s`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(yaml: &str) -> String {
        let script: Result<Script, _> = serde_saphyr::from_str(yaml);
        script.expect("YAML").check().expect_err("it is wrong")
    }

    #[test]
    fn a_line_is_described_in_words() {
        let yaml = "language: en\npersona: angry\naudio: {codec: pcma, loss: 2%, jitter: 30ms, noise: street_10db, echo: 25db, seed: 4}\nsteps: []";
        let script: Script = serde_saphyr::from_str(yaml).expect("YAML");
        let quality = script.audio.quality().expect("a line");
        assert_eq!(
            (quality.codec, quality.loss, quality.seed),
            (Some(Codec::Pcma), 0.02, 4)
        );
        assert_eq!((quality.jitter.as_millis(), quality.echo), (30, Some(25.0)));
        assert_eq!(script.persona(), Ok(Persona::Angry));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (part, named) in [
            ("persona: grumpy", "no persona is called `grumpy`"),
            ("audio: {codec: g729}", "g722 or opus"),
            ("audio: {loss: 80%}", "write `2%`"),
            ("audio: {jitter: 9s}", "500ms is the most"),
            ("audio: {noise: beach_3db}", "street"),
            ("audio: {noise: street_3}", "write `10db`"),
            ("audio: {echo: loud}", "write `10db`"),
        ] {
            let reason = wrong(&format!("language: en\n{part}\nsteps: []"));
            assert!(reason.contains(named), "{reason}");
        }
        assert!(wrong("language: en\nsteps: [{press: x}]").contains("no key"));
        assert!(wrong("language: en\nsteps: [{wait: long}]").contains("1500ms"));
    }
}
