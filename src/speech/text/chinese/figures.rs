//! Figures read out: `1204` as 一千二百零四, as 一二零四 (a year) or as 幺二零四 (an order number).
//!
//! Knows digits and what they are called, not what they count: money, dates and units are its users'.

use super::super::scan::{Figure, group_sizes};

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

impl Figure {
    /// As an amount: 三点一四, 两百零五, 二.
    pub(super) fn spoken(&self, two: Two) -> String {
        match &self.fraction {
            None => cardinal(&self.whole, two),
            Some(fraction) => format!("{}点{}", cardinal(&self.whole, Two::Er), plain(fraction)),
        }
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
