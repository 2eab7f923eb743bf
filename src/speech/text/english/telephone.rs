//! Groups of digits that are dictated: telephone numbers, card numbers, order numbers with hyphens.
//!
//! Knows how they are grouped in writing; which lone number is a name is for [`amounts`](super::amounts).

use super::super::scan::{Said, digits_end, slice};
use super::numbers::dictated;

/// `+1 (555) 123-4567`, `800-555-0199`, `020 7946 0958`, `4111 1111 1111 1111`: groups of digits that are dictated.
pub(super) fn telephone(text: &[char], at: usize) -> Option<Said> {
    let plus = text.get(at) == Some(&'+');
    let mut groups: Vec<Group> = Vec::new();
    let mut start = at + usize::from(plus);
    // A bank account in groups of four has no more than eight.
    while groups.len() < 9 {
        let bracket = text.get(start) == Some(&'(');
        let digits_start = start + usize::from(bracket);
        let digits_end = digits_end(text, digits_start);
        let closed = text.get(digits_end) == Some(&')');
        if digits_end == digits_start || bracket && !closed {
            break;
        }
        let end = digits_end + usize::from(bracket);
        let next = text.get(end).copied().unwrap_or('\n');
        let mark = if bracket { '(' } else { next };
        groups.push(Group {
            digits: slice(text, digits_start, digits_end),
            mark,
            end,
        });
        start = match next {
            ' ' | '-' | '.' => end + 1,
            _ if bracket => end,
            _ => break,
        };
    }
    let whole = |groups: &&[Group]| {
        let goes_on = |c: &char| c.is_alphanumeric() || matches!(c, '%' | '/' | ':');
        let over = groups
            .last()
            .is_some_and(|last| !text.get(last.end).is_some_and(goes_on));
        over && is_telephone(groups, plus)
    };
    let groups = (1..=groups.len())
        .rev()
        .filter_map(|count| groups.get(..count))
        .find(whole)?;
    let spoken: Vec<String> = groups.iter().map(|group| dictated(&group.digits)).collect();
    let words = format!("{}{}", if plus { "plus " } else { "" }, spoken.join(", "));
    Some(Said {
        words,
        end: groups.last()?.end,
    })
}

struct Group {
    digits: String,
    /// What stands behind it; `(` where it stands in brackets.
    mark: char,
    end: usize,
}

fn is_telephone(groups: &[Group], plus: bool) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let total: usize = lengths.iter().sum();
    let padded = groups.first().is_some_and(|first| first.digits.starts_with('0'));
    let marks: Vec<char> = groups
        .iter()
        .map(|group| group.mark)
        .take(groups.len().saturating_sub(1))
        .collect();
    let all = |mark: char| marks.iter().all(|m| *m == mark);
    match lengths.len() {
        _ if total < 7 => false,
        0 | 1 => plus,
        _ if plus || marks.contains(&'(') => true,
        2 => padded || (all('-') && (lengths == [3, 4] || total >= 9)),
        _ if all('.') => lengths == [3, 3, 4],
        _ if all('-') => true,
        _ => padded || lengths.iter().skip(1).all(|length| (3..=4).contains(length)),
    }
}

/// `4071-22`: every group is dictated, however short. `None` for one group.
pub(super) fn hyphenated(text: &[char], at: usize) -> Option<Said> {
    let mut groups = Vec::new();
    let mut start = at;
    let end = loop {
        let end = digits_end(text, start);
        groups.push(dictated(&slice(text, start, end)));
        if text.get(end) == Some(&'-') && text.get(end + 1).is_some_and(char::is_ascii_digit) {
            start = end + 1;
        } else {
            break end;
        }
    };
    (groups.len() > 1).then(|| Said {
        words: groups.join(", "),
        end,
    })
}
