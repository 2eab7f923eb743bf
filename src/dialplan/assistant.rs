//! The voices that answer: languages, persona, when they yield and how long they wait, and what they know.

use std::path::PathBuf;
use std::time::Duration;

use super::next::Next;
use super::prompt::Prompt;
use super::schema::{Shape, Table, keys};
use crate::document::yaml::Key;
use crate::document::{Fields, Node, Place, Problems, Tree};
use crate::language::{Language, Voice};

#[derive(Clone, Debug)]
pub struct Assistant {
    pub name: String,
    /// At least one; the first is spoken until the caller is heard to speak another.
    pub languages: Vec<Language>,
    /// The name of a voice; that of the language where there is none.
    pub voice: Option<String>,
    pub persona: String,
    /// Said first, and always to its end.
    pub disclosure: Option<Prompt>,
    pub bargein: Bargein,
    pub endpointing: Endpointing,
    pub knowledge: Vec<String>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bargein {
    pub enabled: bool,
    pub mode: Interruption,
    /// Sound of the caller over the bot that is shorter than this is none of their words. Shorter: a cough is taken for a word.
    pub min_speech: Duration,
    /// What does not count as an interruption: the bot goes on. All three where a plan does not say.
    pub resume_on: Vec<Resume>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Stops at once, and goes on if it meant nothing.
    Pause,
    /// Stops, and never goes on.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// "Mm-hm".
    Backchannel,
    /// The bot's own voice.
    Echo,
    Noise,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpointing {
    pub detector: Detector,
    /// Silence that ends a turn whose sound and words are complete. Shorter: who takes breath is cut short.
    pub min_wait: Duration,
    /// Silence that ends a caller's turn where nothing tells more.
    pub silence: Duration,
    /// A turn is over after this much silence, whatever the detector says.
    pub max_wait: Option<Duration>,
    /// Silence that ends a turn in which something is spelled or a number read out.
    pub while_spelling: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detector {
    /// Silence alone.
    Silence,
    /// A model that hears whether a sentence is complete.
    SmartTurn,
}

#[derive(Clone, Debug)]
pub struct KnowledgeBase {
    /// As written, relative to the plan's folder, with `*` for any part of a name; once loaded, the files that there are.
    pub sources: Vec<PathBuf>,
    /// 0 to 1: below it a passage is no answer.
    pub min_score: Option<f32>,
    pub below_score: BelowScore,
    pub drafts: Drafts,
    pub place: Place,
}

/// What happens to a question that nothing answers well enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BelowScore {
    /// The pattern `unknown`.
    SayUnknown,
    Go(Next),
}

/// What becomes of answers that are proposed for questions without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drafts {
    Off,
    /// Kept until a person has approved them.
    HumanReview,
}

pub(super) const ASSISTANT: Table = &[
    ("languages", Shape::Texts),
    ("voice", Shape::Text),
    ("persona", Shape::Text),
    ("disclosure", Shape::Prompt),
    ("bargein", Shape::Either(&[Shape::Boolean, Shape::Map(BARGEIN)])),
    ("endpointing", Shape::Map(ENDPOINTING)),
    ("knowledge", Shape::Texts),
];
pub(super) const BARGEIN: Table = &[
    ("mode", Shape::OneOf(&["pause", "stop"])),
    ("min_speech", Shape::Duration),
    ("resume_on", Shape::SomeOf(&["backchannel", "echo", "noise"])),
];
pub(super) const ENDPOINTING: Table = &[
    ("detector", Shape::OneOf(&["silence", "smart_turn"])),
    ("min_wait", Shape::Duration),
    ("silence", Shape::Duration),
    ("max_wait", Shape::Duration),
    ("while_spelling", Shape::Duration),
];
pub(super) const KNOWLEDGE: Table = &[
    ("sources", Shape::Texts),
    ("min_score", Shape::Number),
    ("below_score", Shape::Next),
    ("drafts", Shape::OneOf(&["off", "human_review"])),
];

/// What a knowledge source may be written in.
pub const FORMATS: [&str; 6] = ["md", "txt", "html", "pdf", "csv", "docx"];

/// Languages of the world that a plan may name before this program hears and speaks them (ISO 639-1).
const ELSEWHERE: [&str; 24] = [
    "ar", "bg", "cs", "da", "de", "el", "es", "fi", "fr", "he", "hi", "hu", "it", "ja", "ko", "nl", "no", "pl", "pt",
    "ro", "ru", "sv", "tr", "uk",
];

pub(super) const STANDARD_BARGEIN: Bargein = Bargein {
    enabled: true,
    mode: Interruption::Pause,
    min_speech: Duration::from_millis(200),
    resume_on: Vec::new(),
};
pub(super) const STANDARD_ENDPOINTING: Endpointing = Endpointing {
    detector: Detector::SmartTurn,
    min_wait: Duration::from_millis(300),
    silence: Duration::from_millis(450),
    max_wait: None,
    while_spelling: None,
};

impl Assistant {
    /// Who speaks `language` for it.
    pub fn voice(&self, language: Language) -> Voice {
        let named = self.voice.as_deref().and_then(|name| Voice::named(name, language));
        named.unwrap_or(language.into())
    }

    pub(super) fn read(key: &Key, node: &Node, problems: &mut Problems) -> Option<Self> {
        let what = format!("assistant `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(ASSISTANT), problems)?;
        let languages = languages(&fields, &what, problems);
        let disclosure = fields
            .get("disclosure")
            .and_then(|node| Prompt::read(node, "disclosure", problems));
        if fields.get("disclosure").is_none() {
            problems.warn(
                key.place,
                format!("{what} has no `disclosure`: callers must be told that it is a machine"),
            );
        }
        Some(Self {
            name: key.name.clone(),
            languages,
            voice: voice(&fields, problems),
            persona: fields.text("persona", problems).unwrap_or_default(),
            disclosure,
            bargein: fields
                .get("bargein")
                .map_or(STANDARD_BARGEIN, |node| Bargein::read(node, problems)),
            endpointing: fields
                .get("endpointing")
                .map_or(STANDARD_ENDPOINTING, |node| Endpointing::read(node, problems)),
            knowledge: fields.texts("knowledge", problems),
            place: key.place,
        })
    }
}

fn voice(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let name = fields.text("voice", problems)?;
    if !Voice::is_known(&name) {
        let known = Voice::ALL.map(|voice| format!("{} ({})", voice.names()[0], voice.language()));
        let known = known.join(", ");
        let message =
            format!("no voice is called `{name}`; write {known}, or warm_female or neutral_male of each language");
        problems.error(fields.get("voice").map_or(fields.place(), |node| node.place), message);
    }
    Some(name)
}

fn languages(fields: &Fields<'_>, what: &str, problems: &mut Problems) -> Vec<Language> {
    let place = fields
        .need("languages", what, problems)
        .map_or(fields.place(), |node| node.place);
    let mut known = Vec::new();
    let mut elsewhere = Vec::new();
    for code in fields.texts("languages", problems) {
        match code.parse::<Language>() {
            Ok(language) if known.contains(&language) => {
                problems.error(place, format!("`{code}` stands here for the second time"));
            }
            Ok(language) => known.push(language),
            Err(_) if ELSEWHERE.contains(&code.as_str()) => elsewhere.push(code),
            Err(e) => problems.error(place, e.to_string()),
        }
    }
    for code in elsewhere {
        let message = format!("no language `{code}` is heard or spoken by this version");
        match known.first() {
            Some(first) => problems.warn(place, format!("{message}: its speakers are answered in `{first}`")),
            None => problems.error(place, format!("{message}; write en or zh")),
        }
    }
    if known.is_empty() {
        known.push(Language::English);
    }
    known
}

impl Bargein {
    /// `false`, or `{mode: pause, min_speech: 300ms, resume_on: [backchannel]}`.
    fn read(node: &Node, problems: &mut Problems) -> Self {
        if let Tree::Boolean(enabled) = node.value {
            return Self {
                enabled,
                ..STANDARD_BARGEIN
            };
        }
        let Some(fields) = Fields::of(node, "`bargein`", &keys(BARGEIN), problems) else {
            return STANDARD_BARGEIN;
        };
        let mode = fields.one_of(
            "mode",
            &[("pause", Interruption::Pause), ("stop", Interruption::Stop)],
            problems,
        );
        let resumes = [
            ("backchannel", Resume::Backchannel),
            ("echo", Resume::Echo),
            ("noise", Resume::Noise),
        ];
        Self {
            enabled: true,
            mode: mode.unwrap_or(Interruption::Pause),
            min_speech: fields
                .span(
                    "min_speech",
                    Duration::from_millis(60)..=Duration::from_secs(5),
                    problems,
                )
                .unwrap_or(STANDARD_BARGEIN.min_speech),
            resume_on: fields.some_of("resume_on", &resumes, problems),
        }
    }
}

impl Default for Bargein {
    fn default() -> Self {
        STANDARD_BARGEIN
    }
}

impl Bargein {
    /// Whether the bot goes on after `what`.
    pub fn resumes_on(&self, what: Resume) -> bool {
        self.mode == Interruption::Pause && (self.resume_on.is_empty() || self.resume_on.contains(&what))
    }
}

impl Default for Endpointing {
    fn default() -> Self {
        STANDARD_ENDPOINTING
    }
}

impl Endpointing {
    fn read(node: &Node, problems: &mut Problems) -> Self {
        let Some(fields) = Fields::of(node, "`endpointing`", &keys(ENDPOINTING), problems) else {
            return STANDARD_ENDPOINTING;
        };
        let detectors = [("silence", Detector::Silence), ("smart_turn", Detector::SmartTurn)];
        let detector = fields
            .one_of("detector", &detectors, problems)
            .unwrap_or(STANDARD_ENDPOINTING.detector);
        let (shortest, longest) = (Duration::from_millis(200), Duration::from_secs(5));
        let silence = fields.span("silence", shortest..=longest, problems);
        let min_wait = fields.span("min_wait", shortest..=longest, problems);
        let max_wait = fields.span("max_wait", shortest..=Duration::from_secs(10), problems);
        if let (Some(silence), Some(max)) = (silence, max_wait)
            && silence > max
        {
            problems.error(
                node.place,
                "`silence` is longer than `max_wait`; write the longer one there",
            );
        }
        Self {
            detector,
            min_wait: min_wait.unwrap_or(STANDARD_ENDPOINTING.min_wait),
            silence: silence.unwrap_or(STANDARD_ENDPOINTING.silence),
            max_wait,
            while_spelling: fields.span("while_spelling", shortest..=Duration::from_secs(10), problems),
        }
    }
}

impl KnowledgeBase {
    pub(super) fn read(key: &Key, node: &Node, flows: &[&str], problems: &mut Problems) -> Option<Self> {
        let what = format!("knowledge `{}`", key.name);
        let fields = Fields::of(node, &what, &keys(KNOWLEDGE), problems)?;
        let place = fields.need("sources", &what, problems)?.place;
        let sources: Vec<PathBuf> = fields
            .texts("sources", problems)
            .into_iter()
            .map(PathBuf::from)
            .collect();
        for source in &sources {
            let ending = source.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            if !FORMATS.contains(&ending.as_str()) {
                let message = format!(
                    "`{}`: knowledge is read from .{}",
                    source.display(),
                    FORMATS.join(", .")
                );
                problems.error(place, message);
            }
        }
        let min_score = fields.number("min_score", problems).map(|score| score as f32);
        if min_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
            let place = fields.get("min_score").map_or(node.place, |node| node.place);
            problems.error(place, "`min_score` should be from 0 to 1");
        }
        let below = fields.get("below_score");
        let unknown = |node: &&Node| node.scalar().as_deref() != Some("say_unknown");
        let below_score = below
            .filter(unknown)
            .and_then(|node| Next::read(node, "below_score", flows, problems))
            .map_or(BelowScore::SayUnknown, BelowScore::Go);
        let drafts = [("off", Drafts::Off), ("human_review", Drafts::HumanReview)];
        Some(Self {
            sources,
            min_score,
            below_score,
            drafts: fields.one_of("drafts", &drafts, problems).unwrap_or(Drafts::Off),
            place: key.place,
        })
    }
}
