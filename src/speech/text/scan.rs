//! What stands written at a place of a text: runs of digits, numbers, words.
//!
//! Knows no language: what is found here is read out by others. A place is an index into the text's characters, and one beyond
//! its end has nothing there.

/// A piece of text read out, and where the reading goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub words: String,
    /// Index of the first character that is still to be read.
    pub end: usize,
}

/// A number as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figure {
    /// Decimal digits, thousands separators removed; never empty.
    pub whole: String,
    /// Digits after the point, where there is one; never empty.
    pub fraction: Option<String>,
    /// Written with thousands separators: surely an amount, never an order number.
    pub separated: bool,
    /// Index of the first character after it.
    pub end: usize,
}

impl Figure {
    /// Without the zeros at the end of the fraction, which nobody says of money and measures.
    pub(super) fn trimmed(mut self) -> Self {
        self.fraction = self
            .fraction
            .map(|f| f.trim_end_matches('0').to_owned())
            .filter(|remaining| !remaining.is_empty());
        self
    }

    pub(super) fn is_zero(&self) -> bool {
        self.whole.bytes().all(|digit| digit == b'0')
    }

    /// For comparing; what is too large is infinite.
    pub(super) fn value(&self) -> f64 {
        format!("{}.{}", self.whole, self.fraction.as_deref().unwrap_or("0"))
            .parse()
            .unwrap_or(f64::INFINITY)
    }
}

/// The figure that begins exactly at `at`, with its thousands separators and its fraction.
pub(super) fn figure(text: &[char], at: usize) -> Option<Figure> {
    let mut end = digits_end(text, at);
    if end == at {
        return None;
    }
    let mut whole: String = text.get(at..end)?.iter().collect();
    let mut separated = false;
    if whole.len() <= 3 {
        while text.get(end) == Some(&',') && digits_end(text, end + 1) == end + 4 {
            whole.extend(text.get(end + 1..end + 4)?);
            separated = true;
            end += 4;
        }
    }
    let after_point = digits_end(text, end + 1);
    let fraction = if text.get(end) == Some(&'.') && after_point > end + 1 {
        let digits = text.get(end + 1..after_point)?.iter().collect();
        end = after_point;
        Some(digits)
    } else {
        None
    };
    Some(Figure {
        whole,
        fraction,
        separated,
        end,
    })
}

/// The small number written at `at` with `least` to `most` digits and no digit after it, and where it ends.
pub(super) fn small(text: &[char], at: usize, least: usize, most: usize) -> Option<(u32, usize)> {
    let end = digits_end(text, at);
    if !(least..=most.min(9)).contains(&(end - at)) {
        return None;
    }
    let value: String = text.get(at..end)?.iter().collect();
    Some((value.parse().ok()?, end))
}

/// Where the run of digits that begins at `at` ends.
pub(super) fn digits_end(text: &[char], at: usize) -> usize {
    run_end(text, at, |c| c.is_ascii_digit())
}

pub(super) fn skip_spaces(text: &[char], at: usize) -> usize {
    run_end(text, at, |c| c == ' ')
}

/// Where the characters that begin at `at` cease to be `such`.
pub(super) fn run_end(text: &[char], at: usize, such: impl Fn(char) -> bool) -> usize {
    at.saturating_add(text.iter().skip(at).take_while(|c| such(**c)).count())
}

pub(super) fn slice(text: &[char], start: usize, end: usize) -> String {
    text.get(start..end).unwrap_or_default().iter().collect()
}

/// The character before `at`.
pub(super) fn before(text: &[char], at: usize) -> Option<char> {
    text.get(at.checked_sub(1)?).copied()
}

/// How so many digits are grouped when they are dictated; 3 + 3 + 4 is an American telephone number.
pub(super) fn group_sizes(count: usize) -> Vec<usize> {
    match count {
        0 => vec![],
        1..=5 => vec![count],
        6 => vec![3, 3],
        7 => vec![3, 4],
        8 => vec![4, 4],
        9 => vec![3, 3, 3],
        10 => vec![3, 3, 4],
        // Fours; a last one left over would hang in the air and joins its neighbour.
        _ => {
            let mut sizes = vec![4; count / 4];
            match (count % 4, sizes.last_mut()) {
                (0, _) => {}
                (1, Some(last)) => *last += 1,
                (rest, _) => sizes.push(rest),
            }
            sizes
        }
    }
}
