//! Who has which number of the network, and what becomes of a call to them: read from a file, or the standard numbers.
//!
//! A number is known by how it ends. It knows no calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::language::Language;
use crate::simulate::caller::Step;
use crate::simulate::line::Quality;
use crate::simulate::ring::RingError;
use crate::simulate::script::{Audio, Line, Script, duration};
use crate::simulate::voices::{self, languages};
use crate::speech::Engines;

/// As written: subscribers by name, and whose a number is that ends so.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    subscribers: BTreeMap<String, Subscriber>,
    /// `07`: numbers that end so; `10-19`: any of these; `+4930…`: this number alone. Who has them: a name, or several for one call after the other, the
    /// last for all that follow.
    numbers: BTreeMap<String, String>,
}

/// Somebody, or something, who has a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscriber {
    /// What the network sounds like before the answer (early media), in place of the ringing; what follows does so after it.
    #[serde(default)]
    early: Vec<Line>,
    /// Before the answer, or the refusal: `2s`; `forever`, or `never` where nothing comes at all.
    #[serde(default)]
    rings: Option<String>,
    /// With this SIP code.
    #[serde(default)]
    refuses: Option<u16>,
    #[serde(default = "english")]
    language: String,
    #[serde(default)]
    persona: Option<String>,
    #[serde(default)]
    audio: Audio,
    /// What they do when they have answered.
    #[serde(default)]
    steps: Vec<Line>,
}

fn english() -> String {
    "en".to_owned()
}

/// How a number ends, or the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern {
    Whole(String),
    /// Of so many digits, first and last included.
    Ending(usize, u64, u64),
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Part {
    pub name: String,
    /// What is heard before the answer; empty: it rings.
    pub early: Vec<Step>,
    pub rings: Rings,
    pub then: Then,
    pub quality: Quality,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Rings {
    For(Duration),
    /// Until who calls gives up.
    Forever,
    /// The same, but nobody is told that it rings.
    Never,
}

#[derive(Clone, Debug)]
pub(in crate::simulate) enum Then {
    Refuse(u16),
    Answer(Vec<Step>),
}

/// With every line as sound: what [`Exchange`](super::Exchange) plays.
#[derive(Clone, Debug)]
pub struct Prepared {
    patterns: Vec<(Pattern, Vec<Arc<Part>>)>,
    /// Of a number that is nobody's.
    nobody: Arc<Part>,
}

impl Numbers {
    /// The numbers of the network where no file names others, as written.
    pub const STANDARD: &str = include_str!("standard.yaml");

    /// Those that `standard.yaml` describes: the last two digits decide.
    pub fn standard() -> Result<Numbers, String> {
        Numbers::parse(Self::STANDARD)
    }

    /// Reads and checks `file`; recordings are looked for beside it.
    pub fn load(file: &Path) -> Result<Numbers, String> {
        let named = |reason: String| format!("{}: {reason}", file.display());
        let text = std::fs::read_to_string(file).map_err(|e| named(format!("cannot be read: {e}")))?;
        let mut numbers = Numbers::parse(&text).map_err(named)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let lines = numbers.subscribers.values_mut();
        for line in lines.flat_map(|one| one.early.iter_mut().chain(&mut one.steps)) {
            if let Line::Play(recording) = line {
                *recording = folder.join(&*recording);
            }
        }
        Ok(numbers)
    }

    /// Reads and checks what is written as in a file.
    pub fn parse(text: &str) -> Result<Numbers, String> {
        let numbers: Numbers = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        for (name, subscriber) in &numbers.subscribers {
            subscriber
                .check()
                .map_err(|reason| format!("subscriber `{name}`: {reason}"))?;
        }
        for (pattern, names) in &numbers.numbers {
            Pattern::read(pattern)?;
            for name in listed(names) {
                if !numbers.subscribers.contains_key(name) {
                    let known: Vec<&str> = numbers.subscribers.keys().map(String::as_str).collect();
                    return Err(format!(
                        "`{pattern}: {names}`: no subscriber is called `{name}`; there are {}",
                        known.join(", ")
                    ));
                }
            }
        }
        Ok(numbers)
    }

    /// The languages whose voices its lines need; none where nobody speaks.
    pub fn languages(&self) -> Result<Vec<Language>, String> {
        let mut all = Vec::new();
        for subscriber in self.subscribers.values().filter(|one| one.speaks()) {
            all.extend(languages(&subscriber.script(&subscriber.steps))?);
            all.extend(languages(&subscriber.script(&subscriber.early))?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Every line as sound, by `engines`; without them only numbers at which nobody speaks can be had.
    pub async fn prepare(&self, engines: Option<&Arc<Engines>>) -> Result<Prepared, RingError> {
        let mut parts = BTreeMap::new();
        for (name, subscriber) in &self.subscribers {
            parts.insert(name.as_str(), Arc::new(subscriber.prepare(name, engines).await?));
        }
        let mut patterns = Vec::new();
        for (pattern, names) in &self.numbers {
            let pattern = Pattern::read(pattern).map_err(RingError::Script)?;
            let parts: Vec<Arc<Part>> = listed(names).filter_map(|name| parts.get(name).cloned()).collect();
            patterns.push((pattern, parts));
        }
        // The most particular first: a whole number, then the longer ending.
        patterns.sort_by_key(|(pattern, _)| match pattern {
            Pattern::Whole(_) => 0,
            Pattern::Ending(digits, first, last) => usize::MAX / 2 - digits * 1_000 + usize::from(first != last),
        });
        Ok(Prepared {
            patterns,
            nobody: Arc::new(Part {
                name: "nobody".to_owned(),
                early: Vec::new(),
                rings: Rings::For(Duration::ZERO),
                then: Then::Refuse(404),
                quality: Quality::default(),
            }),
        })
    }
}

fn listed(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty())
}

impl Subscriber {
    fn speaks(&self) -> bool {
        self.early
            .iter()
            .chain(&self.steps)
            .any(|line| matches!(line, Line::Say(_) | Line::Greet(_) | Line::Interrupt(_)))
    }

    fn rings(&self) -> Result<Rings, String> {
        match self.rings.as_deref() {
            None => Ok(Rings::For(Duration::ZERO)),
            Some("forever") => Ok(Rings::Forever),
            Some("never") => Ok(Rings::Never),
            Some(span) => duration(span)
                .map(Rings::For)
                .map_err(|e| format!("`rings`: {e}, forever or never")),
        }
    }

    fn check(&self) -> Result<(), String> {
        let rings = self.rings()?;
        self.script(&self.early).check()?;
        self.script(&self.steps).check()?;
        let ends = matches!(rings, Rings::For(_));
        match (self.refuses, self.steps.is_empty(), ends) {
            (Some(code), ..) if !(400..700).contains(&code) => {
                Err(format!("`refuses: {code}` is no SIP code of a refusal; write 486"))
            }
            (Some(_), false, _) => Err("it either `refuses` or has `steps`".to_owned()),
            (Some(_), true, false) | (None, false, false) => {
                Err("what rings forever, or never, is neither refused nor answered".to_owned())
            }
            (None, true, true) => {
                Err("nothing becomes of a call; write `refuses`, `steps` or `rings: forever`".to_owned())
            }
            (Some(_), true, true) | (None, false, true) | (None, true, false) => Ok(()),
        }
    }

    fn script(&self, steps: &[Line]) -> Script {
        Script {
            language: self.language.clone(),
            from: String::new(),
            persona: self.persona.clone(),
            audio: self.audio.clone(),
            deaf: true,
            steps: steps.to_vec(),
        }
    }

    async fn prepare(&self, name: &str, engines: Option<&Arc<Engines>>) -> Result<Part, RingError> {
        let (early, steps) = (self.script(&self.early), self.script(&self.steps));
        let language = steps.language().map_err(|e| RingError::Script(e.to_string()))?;
        let then = match self.refuses {
            Some(code) => Then::Refuse(code),
            None => Then::Answer(voices::prepare(engines, &steps, language).await?),
        };
        let early = match self.early.as_slice() {
            [] => Vec::new(),
            [_, ..] => voices::prepare(engines, &early, language).await?,
        };
        Ok(Part {
            name: name.to_owned(),
            early,
            rings: self.rings().map_err(RingError::Script)?,
            then,
            quality: steps.audio.quality().map_err(RingError::Script)?,
        })
    }
}

impl Pattern {
    fn read(text: &str) -> Result<Pattern, String> {
        let wrong = || format!("`{text}` is no ending of a number; write \"07\", \"10-19\" or \"+4930231250\"");
        if text.strip_prefix('+').is_some_and(all_digits) {
            return Ok(Pattern::Whole(digits(text)));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        if !all_digits(first) || !all_digits(last) || first.len() != last.len() || first.len() > 15 {
            return Err(wrong());
        }
        match (first.parse(), last.parse()) {
            (Ok(from), Ok(to)) if from <= to => Ok(Pattern::Ending(first.len(), from, to)),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(wrong()),
        }
    }

    fn fits(&self, number: &str) -> bool {
        match self {
            Pattern::Whole(whole) => whole == number,
            Pattern::Ending(count, first, last) => {
                let ending = number.len().checked_sub(*count).and_then(|at| number.get(at..));
                ending
                    .and_then(|ending| ending.parse::<u64>().ok())
                    .is_some_and(|ending| (*first..=*last).contains(&ending))
            }
        }
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What of a number is dialled: its digits.
fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

impl Prepared {
    /// A network in which every number is answered alike.
    pub(in crate::simulate) fn everybody(part: Part) -> Self {
        Self {
            patterns: Vec::new(),
            nobody: Arc::new(part),
        }
    }

    /// Who takes the `attempt`-th call to `number`, from 1 on.
    pub(super) fn part(&self, number: &str, attempt: u32) -> Arc<Part> {
        let number = digits(number);
        let found = self.patterns.iter().find(|(pattern, _)| pattern.fits(&number));
        let parts = found.map(|(_, parts)| parts.as_slice()).unwrap_or_default();
        let nth = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        Arc::clone(parts.get(nth).or(parts.last()).unwrap_or(&self.nobody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: &str = "subscribers:\n  busy: {refuses: 486}\n  keys: {rings: 1s, steps: [{wait: 1s}, {press: \"1\"}]}\n  \
                          dead: {rings: never}\n  only: {refuses: 603}\n  tens: {refuses: 503}\nnumbers:\n  \"00-49\": keys\n  \
                          \"50-69\": \"busy, keys\"\n  \"107\": tens\n  \"+493023125007\": only\n  \"99\": dead\n";

    async fn prepared() -> Prepared {
        let numbers = Numbers::parse(SILENT).expect("numbers");
        numbers.prepare(None).await.expect("nobody speaks")
    }

    #[tokio::test]
    async fn the_end_of_a_number_says_whose_it_is() {
        let prepared = prepared().await;
        let who = |number: &str, attempt| prepared.part(number, attempt).name.clone();
        assert_eq!(who("+493023125042", 1), "keys");
        assert_eq!(who("03023125042", 9), "keys", "however it is dialled");
        assert_eq!(
            who("+493023125007", 1),
            "only",
            "the whole number counts more than its end"
        );
        assert_eq!(
            who("+493023125107", 1),
            "tens",
            "and the longer end more than the shorter"
        );
        assert_eq!(who("+493023125070", 1), "nobody");
        assert_eq!(who("7", 1), "nobody");
        assert_eq!(who("", 1), "nobody");
        assert_eq!(who("+493023125099", 1), "dead");
    }

    #[tokio::test]
    async fn calls_may_go_one_way_and_then_another() {
        let prepared = prepared().await;
        let who = |attempt| prepared.part("+493023125055", attempt).name.clone();
        assert_eq!(
            [0, 1, 2, 3, u32::MAX].map(who),
            ["busy", "busy", "keys", "keys", "keys"]
        );
    }

    #[tokio::test]
    async fn who_speaks_needs_a_voice() {
        let numbers =
            Numbers::parse("subscribers: {a: {steps: [{say: \"Hello?\"}]}}\nnumbers: {\"1\": a}").expect("numbers");
        assert_eq!(numbers.languages(), Ok(vec![Language::English]));
        assert!(matches!(numbers.prepare(None).await, Err(RingError::Voice(why)) if why.contains("Hello?")));
    }

    #[test]
    fn the_standard_numbers_leave_none_out() {
        let numbers = Numbers::standard().expect("they are in order");
        let patterns: Vec<Pattern> = numbers
            .numbers
            .keys()
            .map(|text| Pattern::read(text).expect("a pattern"))
            .collect();
        for last in 0..100 {
            let number = format!("4930231250{last:02}");
            assert_eq!(patterns.iter().filter(|one| one.fits(&number)).count(), 1, "{number}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (yaml, named) in [
            ("subscribers: {a: {refuses: 200}}\nnumbers: {}", "`refuses: 200`"),
            ("subscribers: {a: {}}\nnumbers: {}", "nothing becomes"),
            ("subscribers: {a: {rings: long, refuses: 486}}\nnumbers: {}", "forever"),
            ("subscribers: {a: {rings: never, refuses: 486}}\nnumbers: {}", "neither"),
            (
                "subscribers: {a: {refuses: 486, steps: [{press: \"1\"}]}}\nnumbers: {}",
                "either",
            ),
            ("subscribers: {a: {steps: [{press: x}]}}\nnumbers: {}", "no key"),
            (
                "subscribers: {a: {refuses: 486}}\nnumbers: {\"1\": b}",
                "no subscriber is called `b`; there are a",
            ),
            ("subscribers: {}\nnumbers: {\"9-10\": a}", "`9-10` is no ending"),
            ("subscribers: {}\nnumbers: {\"x\": a}", "`x` is no ending"),
            ("subscribers: {}\nnumbers: {\"20-10\": a}", "`20-10` is no ending"),
        ] {
            let reason = Numbers::parse(yaml).expect_err(yaml);
            assert!(reason.contains(named), "{reason}");
        }
    }
}
