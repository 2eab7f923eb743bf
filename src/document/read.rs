//! Strict reading: every key is known, every value is of its kind, and all that is wrong is told at once.

use std::time::Duration;

use super::problem::{Problems, suggest};
use super::yaml::{Key, Node, Place, Tree};

/// The entries of a map whose keys were checked.
pub struct Fields<'a> {
    place: Place,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// Takes `node` for a map with no other keys than `known`. `what` names it in messages.
    pub fn of(node: &'a Node, what: &str, known: &[&str], problems: &mut Problems) -> Option<Self> {
        Self::with_later(node, what, known, &[], problems)
    }

    /// As [`Fields::of`]; keys of `later` belong to the language and are refused as not yet carried out.
    pub fn with_later(
        node: &'a Node,
        what: &str,
        known: &[&str],
        later: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let Tree::Map(entries) = &node.value else {
            problems.error(
                node.place,
                format!("{what} is {} and should be a map of {}", node.kind(), known.join(", ")),
            );
            return None;
        };
        for (key, _) in entries {
            let name = key.name.as_str();
            if later.contains(&name) {
                problems.error(
                    key.place,
                    format!("`{name}` is not yet carried out by this version; take it out"),
                );
            } else if !known.contains(&name) {
                problems.error(
                    key.place,
                    format!("{what} has no `{name}`{}", suggest(name, known.iter().copied())),
                );
            }
        }
        Some(Self {
            place: node.place,
            entries,
        })
    }

    pub fn place(&self) -> Place {
        self.place
    }

    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// The entry that must be there.
    pub fn need(&self, name: &str, what: &str, problems: &mut Problems) -> Option<&'a Node> {
        let node = self.get(name);
        if node.is_none() {
            problems.error(self.place, format!("{what} needs `{name}`"));
        }
        node
    }

    pub fn text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        text(self.get(name)?, name, problems)
    }

    pub fn number(&self, name: &str, problems: &mut Problems) -> Option<f64> {
        let node = self.get(name)?;
        match node.value {
            Tree::Number(number) => Some(number),
            _ => wrong(node, name, "a number", problems),
        }
    }

    /// A whole number in `range`.
    pub fn count(&self, name: &str, range: std::ops::RangeInclusive<u32>, problems: &mut Problems) -> Option<u32> {
        let node = self.get(name)?;
        let (low, high) = (*range.start(), *range.end());
        match node.value {
            Tree::Number(n) if n.fract() == 0.0 && n >= f64::from(low) && n <= f64::from(high) => Some(n as u32),
            _ => wrong(node, name, &format!("a whole number from {low} to {high}"), problems),
        }
    }

    pub fn boolean(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        let node = self.get(name)?;
        match node.value {
            Tree::Boolean(value) => Some(value),
            _ => wrong(node, name, "true or false", problems),
        }
    }

    pub fn duration(&self, name: &str, problems: &mut Problems) -> Option<Duration> {
        let node = self.get(name)?;
        match node.scalar().as_deref().and_then(parse_duration) {
            Some(duration) => Some(duration),
            None => wrong(
                node,
                name,
                "a length of time with its unit, such as 500ms, 8s or 2m",
                problems,
            ),
        }
    }

    /// A length of time within `range`.
    pub fn span(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<Duration>,
        problems: &mut Problems,
    ) -> Option<Duration> {
        let duration = self.duration(name, problems)?;
        if !range.contains(&duration) {
            let place = self.get(name).map_or(self.place, |node| node.place);
            let (low, high) = (written_duration(*range.start()), written_duration(*range.end()));
            problems.error(place, format!("`{name}` should be between {low} and {high}"));
            return None;
        }
        Some(duration)
    }

    /// A share from 0 to 1, written `10%`.
    pub fn share(&self, name: &str, problems: &mut Problems) -> Option<f64> {
        let node = self.get(name)?;
        let written = node.scalar();
        let number = written
            .as_deref()
            .and_then(|text| text.strip_suffix('%')?.trim().parse::<f64>().ok());
        match number {
            Some(number) if (0.0..=100.0).contains(&number) => Some(number / 100.0),
            Some(_) | None => wrong(node, name, "a share with its sign, such as 10%", problems),
        }
    }

    /// One of the words of `known`, for what it stands for.
    pub fn one_of<T: Clone>(&self, name: &str, known: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        one_of(self.get(name)?, name, known, problems)
    }

    /// Words of `known`, each once; one word stands for a list of one.
    pub fn some_of<T: Clone + PartialEq>(&self, name: &str, known: &[(&str, T)], problems: &mut Problems) -> Vec<T> {
        let Some(node) = self.get(name) else {
            return Vec::new();
        };
        let items = match &node.value {
            Tree::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut found = Vec::new();
        for item in items {
            if let Some(value) = one_of(item, name, known, problems)
                && !found.contains(&value)
            {
                found.push(value);
            }
        }
        found
    }

    /// A list of texts; one text stands for a list of one.
    pub fn texts(&self, name: &str, problems: &mut Problems) -> Vec<String> {
        self.get(name)
            .map(|node| texts(node, name, problems))
            .unwrap_or_default()
    }
}

/// One of the words of `known`, for what it stands for.
pub fn one_of<T: Clone>(node: &Node, name: &str, known: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let written = node.scalar();
    let found = known.iter().find(|(word, _)| Some(*word) == written.as_deref());
    if found.is_none() {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        match written {
            Some(written) => {
                let near = suggest(&written, words.iter().copied());
                problems.error(node.place, format!("`{name}` is `{written}`{near}"));
            }
            None => return wrong(node, name, &format!("one of {}", words.join(", ")), problems),
        }
    }
    found.map(|(_, value)| value.clone())
}

/// A scalar as text.
pub fn text(node: &Node, name: &str, problems: &mut Problems) -> Option<String> {
    match node.scalar() {
        Some(text) if !text.trim().is_empty() => Some(text),
        _ => wrong(node, name, "text", problems),
    }
}

pub fn texts(node: &Node, name: &str, problems: &mut Problems) -> Vec<String> {
    match &node.value {
        Tree::List(items) => items.iter().filter_map(|item| text(item, name, problems)).collect(),
        _ => text(node, name, problems).into_iter().collect(),
    }
}

/// The entries of a map with names of the writer's own choice.
pub fn named<'a>(node: &'a Node, what: &str, problems: &mut Problems) -> &'a [(Key, Node)] {
    match &node.value {
        Tree::Map(entries) => entries,
        Tree::Null => &[],
        _ => {
            problems.error(
                node.place,
                format!("`{what}` is {} and should be a map of names", node.kind()),
            );
            &[]
        }
    }
}

/// The items of a list.
pub fn list<'a>(node: &'a Node, what: &str, problems: &mut Problems) -> &'a [Node] {
    match &node.value {
        Tree::List(items) => items,
        _ => {
            problems.error(node.place, format!("`{what}` is {} and should be a list", node.kind()));
            &[]
        }
    }
}

/// `500ms`, `8s`, `2m`, `1h`, `30d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// As a file would have it.
fn written_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

fn wrong<T>(node: &Node, name: &str, right: &str, problems: &mut Problems) -> Option<T> {
    let found = node
        .scalar()
        .map_or_else(|| node.kind().to_owned(), |text| format!("`{text}`"));
    problems.error(node.place, format!("`{name}` is {found} and should be {right}"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::yaml::parse;

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        for wrong in ["5", "s", "", "-1s", "5 s", "1..5s", "9e99s", "99999999999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tells_all_that_is_wrong_with_a_map() {
        let node = parse("{langauge: en, wait: 5, count: 99, queue: x}").expect("YAML");
        let mut problems = Problems::new("f");
        let known = ["language", "wait", "count"];
        let fields = Fields::with_later(&node, "the thing", &known, &["queue"], &mut problems).expect("a map");
        fields.duration("wait", &mut problems);
        fields.count("count", 0..=10, &mut problems);
        fields.need("language", "the thing", &mut problems);
        let told: Vec<String> = problems.into_vec().into_iter().map(|p| p.message).collect();
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told.iter().any(|m| m.contains("did you mean `language`")));
        assert!(told.iter().any(|m| m.contains("not yet carried out")));
    }
}
