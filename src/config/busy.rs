//! What happens to callers above the number that are served at once: they wait, and have a menu of keys meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::document::{Fields, Node, Place, Problems};
use crate::language::Language;

/// A text in each language that has one.
pub type Texts = Vec<(Language, String)>;

/// The keys of a telephone (RFC 4733, without A to D).
const KEYS: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Callers who may wait; one more is answered 503.
    pub waiting: usize,
    /// The longest that they wait.
    pub longest: Duration,
    /// And where they are transferred then: a SIP URI. Without it the call ends.
    pub then: Option<String>,
    /// What they hear, where it is not the usual.
    pub say: Texts,
    /// What a key brings who waits.
    pub keys: BTreeMap<char, Choice>,
}

/// What a key of the menu brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Something to hear, once; the place in the line is kept.
    Say(Texts),
    /// A transfer to this SIP URI; where nobody answers there, the place in the line is kept.
    Transfer(String),
}

impl Default for Busy {
    fn default() -> Self {
        Self {
            waiting: 0,
            longest: Duration::from_secs(180),
            then: None,
            say: Vec::new(),
            keys: BTreeMap::new(),
        }
    }
}

impl Busy {
    /// What is announced in `language`.
    pub fn announcement(&self, language: Language) -> &str {
        in_language(&self.say, language).unwrap_or(match language {
            Language::English => {
                "All our lines are busy. Please hold the line, you will be answered in the order of your call."
            }
            Language::Mandarin => "目前线路繁忙，请不要挂机，我们会按顺序接听您的来电。",
        })
    }

    /// Everything that may be said to those who wait, in `language`.
    pub fn sayings(&self, language: Language) -> Vec<&str> {
        let chosen = self.keys.values().filter_map(|choice| match choice {
            Choice::Say(texts) => in_language(texts, language),
            Choice::Transfer(_) => None,
        });
        std::iter::once(self.announcement(language)).chain(chosen).collect()
    }

    /// Where those who wait may be transferred.
    pub fn destinations(&self) -> impl Iterator<Item = &String> {
        let chosen = self.keys.values().filter_map(|choice| match choice {
            Choice::Transfer(to) => Some(to),
            Choice::Say(_) => None,
        });
        chosen.chain(&self.then)
    }

    pub(super) fn read(&mut self, node: &Node, problems: &mut Problems) {
        let known = ["waiting", "longest", "then", "say", "keys"];
        let Some(fields) = Fields::of(node, "`busy`", &known, problems) else {
            return;
        };
        if let Some(waiting) = fields.count("waiting", 0..=10_000, problems) {
            self.waiting = waiting as usize;
        }
        if let Some(longest) = fields.duration("longest", problems) {
            self.longest = longest;
        }
        self.then = uri(&fields, "then", problems);
        if let Some(say) = fields.get("say") {
            self.say = texts(say, problems);
        }
        let Some(keys) = fields
            .get("keys")
            .and_then(|keys| Fields::of(keys, "`keys`", &KEYS, problems))
        else {
            return;
        };
        for key in KEYS {
            let choice = keys.get(key).and_then(|node| choice(key, node, problems));
            self.keys.extend(key.chars().next().zip(choice));
        }
    }
}

/// The text of `texts` in `language`.
pub fn in_language(texts: &Texts, language: Language) -> Option<&str> {
    let own = texts.iter().find(|(known, _)| *known == language);
    own.map(|(_, text)| text.as_str())
}

fn choice(key: &str, node: &Node, problems: &mut Problems) -> Option<Choice> {
    let fields = Fields::of(node, &format!("key `{key}`"), &["say", "transfer"], problems)?;
    match (fields.get("say"), uri(&fields, "transfer", problems)) {
        (Some(say), None) => Some(Choice::Say(texts(say, problems))),
        (None, Some(to)) => Some(Choice::Transfer(to)),
        (Some(_), Some(_)) => wrong(fields.place(), key, problems),
        (None, None) if fields.get("transfer").is_some() => None,
        (None, None) => wrong(fields.place(), key, problems),
    }
}

fn wrong(place: Place, key: &str, problems: &mut Problems) -> Option<Choice> {
    let message = format!("key `{key}` brings one thing: write `say: {{en: …}}` or `transfer: sip:desk@pbx.example`");
    problems.error(place, message);
    None
}

fn texts(node: &Node, problems: &mut Problems) -> Texts {
    let Some(fields) = Fields::of(node, "`say`", &Language::ALL.map(Language::code), problems) else {
        return Vec::new();
    };
    Language::ALL
        .into_iter()
        .filter_map(|language| Some((language, fields.text(language.code(), problems)?)))
        .collect()
}

fn uri(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    let uri = fields.text(key, problems)?;
    if uri.starts_with("sip:") {
        return Some(uri);
    }
    let message = format!("`{key}: {uri}` is no SIP URI; write `sip:desk@pbx.example`");
    problems.error(fields.place(), message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    #[test]
    fn those_who_wait_hear_the_usual_or_what_is_configured() {
        let text =
            "calls: {most: 2, busy: {waiting: 4, longest: 90s, then: \"sip:desk@127.0.0.1\", say: {en: \"Busy.\"}}}\n";
        let busy = parse(text).expect("a configuration").calls.busy;
        assert_eq!((busy.waiting, busy.longest), (4, Duration::from_secs(90)));
        assert_eq!(busy.announcement(Language::English), "Busy.");
        assert!(busy.announcement(Language::Mandarin).contains("繁忙"));
        let problems = parse("calls: {busy: {then: desk}}\n").expect_err("no URI");
        assert!(problems[0].contains("sip:desk@"), "{problems:?}");
    }

    #[test]
    fn keys_bring_those_who_wait_something_to_hear_or_a_person() {
        let text = "calls: {busy: {keys: {1: {say: {en: \"We open at eight.\"}}, \"#\": {transfer: \"sip:desk@127.0.0.1\"}}}}\n";
        let busy = parse(text).expect("a configuration").calls.busy;
        assert_eq!(busy.keys[&'#'], Choice::Transfer("sip:desk@127.0.0.1".into()));
        assert_eq!(busy.sayings(Language::English)[1], "We open at eight.");
        assert_eq!(busy.sayings(Language::Mandarin).len(), 1);
        for (wrong, told) in [
            ("{1: {}}", "brings one thing"),
            ("{1: {say: {en: a}, transfer: \"sip:desk@x\"}}", "brings one thing"),
            ("{1: {transfer: desk}}", "is no SIP URI"),
            ("{12: {say: {en: a}}}", "`12`"),
        ] {
            let problems = parse(&format!("calls: {{busy: {{keys: {wrong}}}}}\n")).expect_err(wrong);
            assert!(problems.len() == 1 && problems[0].contains(told), "{problems:?}");
        }
    }
}
