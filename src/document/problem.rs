//! What is wrong in a file, where, and what would be right.

use std::fmt;

use super::yaml::Place;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken; somebody should look.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    pub severity: Severity,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            file,
            line,
            column,
            severity,
            message,
        } = self;
        match severity {
            Severity::Error => write!(f, "{file}:{line}:{column}: {message}"),
            Severity::Warning => write!(f, "{file}:{line}:{column}: warning: {message}"),
        }
    }
}

/// Problems of one file in the making.
#[derive(Debug)]
pub struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
        }
    }

    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.push(place, Severity::Error, message.into());
    }

    pub fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.push(place, Severity::Warning, message.into());
    }

    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// In the order of the file, each once.
    pub fn into_vec(mut self) -> Vec<Problem> {
        self.found
            .sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        self.found.dedup();
        self.found
    }

    fn push(&mut self, place: Place, severity: Severity, message: String) {
        let Place { line, column } = place;
        self.found.push(Problem {
            file: self.file.clone(),
            line,
            column,
            severity,
            message,
        });
    }
}

/// " (did you mean `x`?)" where one of `known` is close to `name`, else what is known.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let known: Vec<&str> = known.into_iter().filter(|other| seen.insert(*other)).collect();
    let near = known.iter().map(|&other| (distance(name, other), other)).min();
    match near {
        Some((distance, other)) if distance <= 1 + name.chars().count() / 4 => format!(" (did you mean `{other}`?)"),
        Some(_) if known.len() <= 16 => format!(" (known: {})", known.join(", ")),
        Some(_) | None => String::new(),
    }
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), in characters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let mut least = (row[j] + usize::from(a[i] != b[j]))
                .min(row[j + 1] + 1)
                .min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near_and_lists_what_is_few() {
        assert_eq!(suggest("flosw", ["flows", "slots"]), " (did you mean `flows`?)");
        assert_eq!(suggest("zebra", ["flows", "slots"]), " (known: flows, slots)");
        assert_eq!(suggest("zebra", []), "");
    }

    #[test]
    fn problems_are_told_in_the_order_of_the_file() {
        let mut problems = Problems::new("a.yaml");
        problems.error(Place { line: 3, column: 1 }, "late");
        problems.warn(Place { line: 1, column: 2 }, "early");
        assert!(problems.has_errors());
        let told: Vec<String> = problems.into_vec().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a.yaml:1:2: warning: early", "a.yaml:3:1: late"]);
    }
}
