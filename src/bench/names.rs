//! Whether the recogniser hears names better when it is told of them, and whether it then hears them where nobody says them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::recordings::{Error, recordings, through_the_telephone};
use super::tts::spoken;
use crate::audio::wav;
use crate::language::{Language, Voice};
use crate::simulate::words::{errors, units};
use crate::speech::whisper::Whisper;
use crate::speech::{Cancel, Care, Digits, Engines, Listening, Stt};

/// One way to listen.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Whether the recogniser was told the names.
    pub told: bool,
    /// Sentences with a name in them, each in every English voice.
    pub sentences: usize,
    /// Per cent of them in which the name was heard as it is written.
    pub names_heard: f64,
    /// Per cent of their words.
    pub error_rate: f64,
    /// Recordings without any of the names.
    pub recordings: usize,
    /// Per cent of the words of those.
    pub error_rate_without_names: f64,
    /// Names that were heard in them.
    pub names_invented: usize,
}

/// Names, each with a sentence that has it: a table with a head and two columns.
pub fn table(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::Transcripts {
        path: PathBuf::from(path),
        reason: e.to_string(),
    })?;
    let rows = text.lines().skip(1).filter_map(|line| line.split_once('\t'));
    Ok(rows
        .map(|(name, sentence)| (name.to_owned(), sentence.to_owned()))
        .collect())
}

/// Every careful decode twice: without the names, and with all of them.
pub fn run(engines: &Engines, whisper: &Whisper, table: &[(String, String)], speech: &Path) -> Result<Vec<Row>, Error> {
    let names: Vec<&str> = table.iter().map(|(name, _)| name.as_str()).collect();
    let all = names.join(", ");
    let mut sentences = Vec::new();
    for (name, sentence) in table {
        for voice in Voice::ALL
            .into_iter()
            .filter(|voice| voice.language() == Language::English)
        {
            sentences.push((
                name,
                sentence,
                through_the_telephone(&spoken(engines, voice, sentence)?),
            ));
        }
    }
    let mut people = Vec::new();
    for one in recordings(speech)? {
        if one.language == Language::English && !one.kind.ends_with("fsdd") {
            people.push((one.text, through_the_telephone(&wav::read(&one.path)?)));
        }
    }
    let mut rows = Vec::new();
    for told in [false, true] {
        let told_names = if told { all.as_str() } else { "" };
        let (mut heard_names, mut tally) = (0, Tally::default());
        for (name, sentence, sound) in &sentences {
            let heard = words(whisper, sound, told_names)?;
            heard_names += usize::from(mentions(&heard, name));
            tally.add(sentence, &heard);
        }
        let (mut invented, mut others) = (0, Tally::default());
        for (said, sound) in &people {
            let heard = words(whisper, sound, told_names)?;
            invented += names.iter().filter(|name| mentions(&heard, name)).count();
            others.add(said, &heard);
        }
        rows.push(Row {
            told,
            sentences: sentences.len(),
            names_heard: 100.0 * f64::from(heard_names as u32) / sentences.len().max(1) as f64,
            error_rate: tally.rate(),
            recordings: people.len(),
            error_rate_without_names: others.rate(),
            names_invented: invented,
        });
    }
    Ok(rows)
}

fn words(whisper: &Whisper, sound: &[i16], names: &str) -> Result<String, Error> {
    let listening = Listening {
        language: Language::English,
        or: Vec::new(),
        digits: Digits::No,
        care: Care::Careful,
        names: names.into(),
    };
    Ok(whisper.transcribe(sound, &listening, &Cancel::default())?.text)
}

fn mentions(heard: &str, name: &str) -> bool {
    units(heard, Language::English).contains(&name.to_lowercase())
}

#[derive(Default)]
struct Tally {
    said: usize,
    wrong: usize,
}

impl Tally {
    fn add(&mut self, said: &str, heard: &str) {
        let said = units(said, Language::English);
        self.said += said.len();
        self.wrong += errors(&said, &units(heard, Language::English));
    }

    fn rate(&self) -> f64 {
        100.0 * self.wrong as f64 / self.said.max(1) as f64
    }
}
