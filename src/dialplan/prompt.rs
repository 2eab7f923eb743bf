//! Words to be said: by language, with places for values.

use std::collections::BTreeMap;

use super::plan::Value;
use crate::document::{Node, Place, Problems, Tree, read};
use crate::language::Language;

/// What is said, in one language or in each.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    words: Words,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq)]
enum Words {
    /// The same in whatever language is spoken.
    Same(Template),
    Each(BTreeMap<Language, Template>),
}

#[derive(Clone, Debug, PartialEq)]
struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// A dotted name.
    Value(String),
}

/// A prompt whose words are known at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedPrompt {
    pub language: Language,
    pub text: String,
}

impl Prompt {
    /// Reads `"Hello {caller.name}."` or `{en: …, zh: …}`.
    pub fn read(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let words = match &node.value {
            Tree::Map(entries) => {
                let mut each = BTreeMap::new();
                for (key, node) in entries {
                    match key.name.parse::<Language>() {
                        Ok(language) => {
                            if let Some(template) = Template::read(node, name, problems) {
                                each.insert(language, template);
                            }
                        }
                        Err(e) => problems.error(key.place, e.to_string()),
                    }
                }
                Words::Each(each)
            }
            _ => Words::Same(Template::read(node, name, problems)?),
        };
        Some(Self {
            words,
            place: node.place,
        })
    }

    /// Built-in words, in every language.
    pub fn built_in(english: &str, mandarin: &str) -> Self {
        let template = |source: &str| Template::parse(source).unwrap_or_else(|_| Template::plain(source));
        let each = BTreeMap::from([
            (Language::English, template(english)),
            (Language::Mandarin, template(mandarin)),
        ]);
        Self {
            words: Words::Each(each),
            place: Place::default(),
        }
    }

    /// The words in `language`, with `value` asked for each name. Where there is none, the words around it close up.
    pub fn say(&self, language: Language, value: impl Fn(&str) -> Value) -> String {
        let Some(template) = self.template(language) else {
            return String::new();
        };
        let mut said = String::new();
        let mut gap = Gap::No;
        for piece in &template.pieces {
            match piece {
                Piece::Text(text) => {
                    match gap {
                        Gap::No => said.push_str(text),
                        Gap::Open => close(&mut said, text),
                    }
                    gap = Gap::No;
                }
                Piece::Value(name) => match value(name).to_string() {
                    none if none.trim().is_empty() => gap = Gap::Open,
                    value => {
                        said.push_str(&value);
                        gap = Gap::No;
                    }
                },
            }
        }
        match gap {
            Gap::No => said,
            Gap::Open => said.trim_end().to_owned(),
        }
    }

    /// The words in `language`, if no value is in them.
    pub fn fixed(&self, language: Language) -> Option<&str> {
        let template = self.template(language)?;
        let plain = template.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
        plain.then_some(template.source.as_str())
    }

    /// The words as written, in every language that there is.
    pub fn sources(&self) -> Vec<(Option<Language>, &str)> {
        match &self.words {
            Words::Same(template) => vec![(None, &template.source)],
            Words::Each(each) => each
                .iter()
                .map(|(&language, template)| (Some(language), template.source.as_str()))
                .collect(),
        }
    }

    /// Every name that is put in.
    pub fn names(&self) -> Vec<&str> {
        let templates: Vec<&Template> = match &self.words {
            Words::Same(template) => vec![template],
            Words::Each(each) => each.values().collect(),
        };
        let pieces = templates.into_iter().flat_map(|template| &template.pieces);
        pieces
            .filter_map(|piece| match piece {
                Piece::Value(name) => Some(name.as_str()),
                Piece::Text(_) => None,
            })
            .collect()
    }

    /// Whether it was written once for all languages.
    pub(super) fn is_same(&self) -> bool {
        matches!(self.words, Words::Same(_))
    }

    /// Whether there are words in `language`.
    pub fn speaks(&self, language: Language) -> bool {
        self.template(language).is_some()
    }

    fn template(&self, language: Language) -> Option<&Template> {
        match &self.words {
            Words::Same(template) => Some(template),
            Words::Each(each) => each.get(&language),
        }
    }
}

/// Whether a value was missing just before.
#[derive(Clone, Copy)]
enum Gap {
    No,
    Open,
}

/// Puts `rest` behind `said` where a value is missing between them: "Hello , how" becomes "Hello, how", and "Hello, ." "Hello.".
fn close(said: &mut String, rest: &str) {
    let stop = |c: char| ",.;:!?，。；：！？、".contains(c);
    let kept = said.trim_end().len();
    let spaced = kept < said.len();
    said.truncate(kept);
    let bare = rest.trim_start();
    if said.is_empty() {
        let bare = bare.trim_start_matches(|c: char| stop(c) || c.is_whitespace());
        let mut letters = bare.chars();
        said.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        said.push_str(letters.as_str());
        return;
    }
    if bare.starts_with(stop) {
        said.truncate(said.trim_end_matches([',', '，', '、']).len());
    } else if spaced || bare.len() < rest.len() {
        said.push(' ');
    }
    said.push_str(bare);
}

impl Template {
    fn read(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let source = read::text(node, name, problems)?;
        match Self::parse(&source) {
            Ok(template) => Some(template),
            Err(reason) => {
                problems.error(node.place, reason);
                None
            }
        }
    }

    fn plain(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            pieces: vec![Piece::Text(source.to_owned())],
        }
    }

    fn parse(source: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].to_owned()));
            }
            let after = &rest[open + 1..];
            let close = after
                .find('}')
                .ok_or_else(|| format!("`{{` without `}}` in `{source}`"))?;
            let name = after[..close].trim();
            let fine = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
            if !fine {
                return Err(format!(
                    "`{{{name}}}` is no name of a value; write `{{slot}}` or `{{caller.name}}`"
                ));
            }
            pieces.push(Piece::Value(name.to_owned()));
            rest = &after[close + 1..];
        }
        if rest.contains('}') {
            return Err(format!("`}}` without `{{` in `{source}`"));
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self {
            source: source.to_owned(),
            pieces,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::yaml::parse;

    fn prompt(yaml: &str) -> (Option<Prompt>, Vec<String>) {
        let mut problems = Problems::new("f");
        let prompt = Prompt::read(&parse(yaml).expect("YAML"), "say", &mut problems);
        (prompt, problems.into_vec().into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn puts_values_in() {
        let (prompt, wrong) = prompt("\"Hello {caller.name}, {n} left.\"");
        let prompt = prompt.expect("read");
        assert!(wrong.is_empty());
        let said = prompt.say(Language::English, |name| match name {
            "n" => Value::Number(2.0),
            _ => Value::Text("Ann".into()),
        });
        assert_eq!(said, "Hello Ann, 2 left.");
        assert_eq!(prompt.names(), ["caller.name", "n"]);
        assert_eq!(prompt.fixed(Language::English), None);
    }

    #[test]
    fn closes_up_where_a_value_is_missing() {
        for (source, said) in [
            ("Hello {x}, how are you?", "Hello, how are you?"),
            ("Hello, {x}. How are you?", "Hello. How are you?"),
            ("{x}, how are you?", "How are you?"),
            ("Hello {x} {x} again.", "Hello again."),
            ("Hello {n} {x}", "Hello 2"),
            ("{x}", ""),
            ("您好，{x}。请说。", "您好。请说。"),
            ("您好{x}先生", "您好先生"),
            ("{x}您好", "您好"),
            ("Wait...", "Wait..."),
        ] {
            let (prompt, _) = prompt(&format!("{source:?}"));
            let value = |name: &str| if name == "n" { Value::Number(2.0) } else { Value::Null };
            assert_eq!(prompt.expect(source).say(Language::English, value), said, "{source}");
        }
    }

    #[test]
    fn speaks_the_languages_that_it_has() {
        let (prompt, _) = prompt("{en: Hello., zh: 您好。}");
        let prompt = prompt.expect("read");
        assert_eq!(prompt.fixed(Language::Mandarin), Some("您好。"));
        let (only, _) = self::prompt("{en: Hello.}");
        assert!(!only.expect("read").speaks(Language::Mandarin));
    }

    #[test]
    fn refuses_what_it_cannot_put_in() {
        for wrong in ["\"{a\"", "\"a}\"", "\"{a b}\"", "\"{}\"", "[x]", "{fr: x}"] {
            assert!(!prompt(wrong).1.is_empty(), "{wrong}");
        }
    }
}
