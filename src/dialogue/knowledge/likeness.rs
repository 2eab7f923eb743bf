//! Questions that ask the same, put together: what callers wanted to know and nothing answers.

use super::terms::terms;
use crate::language::Language;

/// Shared weight from which two questions are one.
const ALIKE: f32 = 0.5;

/// Terms and their weights, by name, each once.
type Said = Vec<(String, f32)>;

struct Group {
    /// What the first of them says.
    said: Said,
    language: Language,
    members: Vec<usize>,
}

/// Groups of questions, by their places in the list; the largest group first, and of equals the one that was asked first.
pub fn alike(questions: &[(&str, Language)]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, (question, language)) in questions.iter().enumerate() {
        let said = said(question, *language);
        let same = groups.iter_mut().filter(|group| group.language == *language);
        let nearest = same
            .map(|group| (shared(&group.said, &said), group))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match nearest.filter(|(likeness, _)| *likeness >= ALIKE) {
            Some((_, group)) => group.members.push(at),
            None => groups.push(Group {
                said,
                language: *language,
                members: vec![at],
            }),
        }
    }
    // Stable: of equals, the first stays the first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    groups.into_iter().map(|group| group.members).collect()
}

fn said(question: &str, language: Language) -> Said {
    let mut said = terms(question, language);
    said.retain(|(_, weight)| *weight > 0.2);
    said.sort_by(|(a, x), (b, y)| a.cmp(b).then(y.total_cmp(x)));
    said.dedup_by(|(a, _), (b, _)| a == b);
    said
}

/// The share of their weight that two lists have in common (Dice).
fn shared(a: &[(String, f32)], b: &[(String, f32)]) -> f32 {
    let sum = |terms: &[(String, f32)]| terms.iter().map(|(_, weight)| weight).sum::<f32>();
    let all = sum(a) + sum(b);
    if all <= 0.0 {
        // Two questions without a topic.
        return if a.is_empty() && b.is_empty() { 1.0 } else { 0.0 };
    }
    let both = a.iter().filter_map(|(name, weight)| {
        b.iter()
            .find(|(other, _)| other == name)
            .map(|(_, other)| weight + other)
    });
    both.sum::<f32>() / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_in_other_words_is_one_group() {
        let english = [
            "do you have a student discount",
            "where can I park",
            "is there a discount for students",
            "parking?",
        ]
        .map(|q| (q, Language::English));
        let mandarin = [
            ("学生有优惠吗", Language::Mandarin),
            ("有没有学生优惠", Language::Mandarin),
        ];
        let questions: Vec<(&str, Language)> = english.into_iter().chain(mandarin).collect();
        assert_eq!(alike(&questions), [vec![0, 2], vec![1, 3], vec![4, 5]]);
        assert!(alike(&[]).is_empty());
    }
}
