//! Figures read out: `1204` as 一千二百零四, as 一二零四 (a year) or as 幺二零四 (an order number).
//!
//! Knows digits and what they are called, not what they count: money, dates and units are its users'.

/// A number as written, found at some place of a text.
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

/// What stands after a figure, as far as 二 or 两 depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Two {
    /// A number by itself, an ordinal, a date: 二.
    Er,
    /// A count of something: 两.
    Liang,
}

/// Longer than this and nobody says it as one number (9999 亿).
const LONGEST_CARDINAL: usize = 12;

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

/// Where the run of digits that begins at `at` ends.
pub(super) fn digits_end(text: &[char], at: usize) -> usize {
    let run = text.iter().skip(at).take_while(|c| c.is_ascii_digit()).count();
    at.saturating_add(run)
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

impl Figure {
    /// As an amount: 三点一四, 两百零五, 二.
    pub(super) fn spoken(&self, two: Two) -> String {
        match &self.fraction {
            None => cardinal(&self.whole, two),
            Some(fraction) => format!("{}点{}", cardinal(&self.whole, Two::Er), plain(fraction)),
        }
    }

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
}

/// 一千二百零四. With `Two::Liang`, 2 is 两; a leading 2 before 百, 千, 万 or 亿 always is.
/// What is too long to be said as a number is read digit by digit.
pub(super) fn cardinal(digits: &str, two: Two) -> String {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return "零".to_owned();
    }
    if digits.len() > LONGEST_CARDINAL {
        return plain(digits);
    }
    if digits == "2" && two == Two::Liang {
        return "两".to_owned();
    }
    let spoken = in_myriads(digits);
    // 一十二 is said 十二, but only at the head.
    let spoken = spoken
        .strip_prefix('一')
        .filter(|rest| rest.starts_with('十'))
        .map(str::to_owned)
        .unwrap_or(spoken);
    match spoken.strip_prefix('二') {
        Some(rest) if rest.starts_with(['百', '千', '万', '亿']) => format!("两{rest}"),
        _ => spoken,
    }
}

pub(super) fn cardinal_of(number: u32, two: Two) -> String {
    cardinal(&number.to_string(), two)
}

/// Groups of four digits with 亿 and 万; one 零 for a gap, however wide.
fn in_myriads(digits: &str) -> String {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(10)).collect();
    let mut spoken = String::new();
    let mut gap = false;
    let mut group_said = false;
    for (index, &digit) in digits.iter().enumerate() {
        let place = digits.len() - 1 - index;
        if digit == 0 {
            gap = true;
        } else {
            if gap && !spoken.is_empty() {
                spoken.push('零');
            }
            gap = false;
            group_said = true;
            spoken.push(name(digit));
            spoken.push_str(["", "十", "百", "千"].get(place % 4).copied().unwrap_or_default());
        }
        if place.is_multiple_of(4) {
            if group_said {
                spoken.push_str(["", "万", "亿"].get(place / 4).copied().unwrap_or_default());
            }
            group_said = false;
        }
    }
    spoken
}

/// 二零二六: each digit by its name, 1 as 一.
pub(super) fn plain(digits: &str) -> String {
    digits.chars().filter_map(|c| c.to_digit(10)).map(name).collect()
}

/// 幺三八，零零幺三，八零零零: as on the telephone, 1 as 幺, with a breath between groups that can be written down.
pub(super) fn dictated(digits: &str) -> String {
    let names: Vec<char> = digits
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|digit| if digit == 1 { '幺' } else { name(digit) })
        .collect();
    let mut spoken = String::new();
    let mut start = 0;
    let mobile = names.len() == 11 && names.first() == Some(&'幺');
    let sizes = if mobile {
        vec![3, 4, 4]
    } else {
        group_sizes(names.len())
    };
    for size in sizes {
        if !spoken.is_empty() {
            spoken.push('，');
        }
        spoken.extend(names.iter().skip(start).take(size));
        start += size;
    }
    spoken
}

/// How so many digits are grouped, but for mobile numbers, which are 3 + 4 + 4.
fn group_sizes(count: usize) -> Vec<usize> {
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

fn name(digit: u32) -> char {
    match digit {
        1 => '一',
        2 => '二',
        3 => '三',
        4 => '四',
        5 => '五',
        6 => '六',
        7 => '七',
        8 => '八',
        9 => '九',
        _ => '零',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals() {
        for (digits, spoken) in [
            ("0", "零"),
            ("2", "二"),
            ("10", "十"),
            ("12", "十二"),
            ("20", "二十"),
            ("22", "二十二"),
            ("100", "一百"),
            ("105", "一百零五"),
            ("110", "一百一十"),
            ("115", "一百一十五"),
            ("200", "两百"),
            ("222", "两百二十二"),
            ("1000", "一千"),
            ("1001", "一千零一"),
            ("1010", "一千零一十"),
            ("2008", "两千零八"),
            ("10000", "一万"),
            ("10001", "一万零一"),
            ("12000", "一万二千"),
            ("100000", "十万"),
            ("120000", "十二万"),
            ("1050000", "一百零五万"),
            ("10000000", "一千万"),
            ("100000000", "一亿"),
            ("100000001", "一亿零一"),
            ("1200000000", "十二亿"),
            ("20000", "两万"),
            ("0000", "零"),
        ] {
            assert_eq!(cardinal(digits, Two::Er), spoken, "{digits}");
        }
        assert_eq!(cardinal("2", Two::Liang), "两");
        assert_eq!(cardinal("12", Two::Liang), "十二");
    }

    #[test]
    fn dictation_breathes() {
        for (digits, spoken) in [
            ("110", "幺幺零"),
            ("13800138000", "幺三八，零零幺三，八零零零"),
            ("123456", "幺二三，四五六"),
            ("20261121001", "二零二六，幺幺二幺，零零幺"),
            ("2026112100017", "二零二六，幺幺二幺，零零零幺七"),
        ] {
            assert_eq!(dictated(digits), spoken, "{digits}");
        }
    }
}
