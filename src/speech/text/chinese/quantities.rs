//! Amounts read out: money, percentages, measures, fractions, ranges; and the numbers that are no amounts but names (order numbers, telephones).
//!
//! Knows which words stand around a figure. How a figure is called is [`figures`](super::figures)'.

use super::super::scan::{Figure, Said, digits_end, figure, skip_spaces};
use super::calendar::range_mark;
use super::figures::{Two, cardinal, dictated, plain};

/// Words that are counted with 两. What orders or dates (号 月 日 楼 层 期 级 班) is left out: there it is 二.
const MEASURES: &str = "个位次天件笔张种项条台单家名部款步份箱包瓶盒杯袋双只套本颗米斤吨升度秒夜晚遍声下票处小分点周年岁人元块角毛\
                        倍公厘毫平立封批类口棵座辆架根把顶支片门节场回趟串方组对页句段篇道枚粒碗桶罐排轮顿间户克里寸尺亩百千万亿刻";

/// A number right after one of these is a name: read digit by digit.
const NAMED: [&str; 25] = [
    "号",
    "号码",
    "编码",
    "编号",
    "电话",
    "手机",
    "验证码",
    "密码",
    "热线",
    "拨打",
    "账号",
    "邮编",
    "分机",
    "代码",
    "口令",
    "取件码",
    "座机",
    "传真",
    "致电",
    "拨",
    "条码",
    "序列号",
    "识别码",
    "兑换码",
    "校验码",
];

const UNITS: [(&str, &str); 42] = [
    ("kg", "公斤"),
    ("g", "克"),
    ("mg", "毫克"),
    ("t", "吨"),
    ("km", "公里"),
    ("m", "米"),
    ("cm", "厘米"),
    ("mm", "毫米"),
    ("km/h", "公里每小时"),
    ("m/s", "米每秒"),
    ("L", "升"),
    ("l", "升"),
    ("ml", "毫升"),
    ("mL", "毫升"),
    ("h", "小时"),
    ("min", "分钟"),
    ("s", "秒"),
    ("ms", "毫秒"),
    ("Hz", "赫兹"),
    ("kHz", "千赫兹"),
    ("MHz", "兆赫兹"),
    ("GHz", "吉赫兹"),
    ("W", "瓦"),
    ("kW", "千瓦"),
    ("kWh", "千瓦时"),
    ("V", "伏"),
    ("mA", "毫安"),
    ("mAh", "毫安时"),
    ("KB", "K B"),
    ("kB", "K B"),
    ("MB", "兆"),
    ("M", "兆"),
    ("Mbps", "兆"),
    ("GB", "G B"),
    ("TB", "T B"),
    ("m2", "平方米"),
    ("m²", "平方米"),
    ("㎡", "平方米"),
    ("m³", "立方米"),
    ("°C", "摄氏度"),
    ("℃", "摄氏度"),
    ("°", "度"),
];

/// What follows a figure and is spoken with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    Percent,
    Permille,
    Yuan,
    Kuai,
    Unit(&'static str),
    /// A Chinese measure word, which stays in the text.
    Measure,
    Nothing,
}

/// The figure at `at` with all that belongs to it. `None` where no figure begins.
pub(super) fn quantity(text: &[char], at: usize) -> Option<Said> {
    if let Some(said) = dotted(text, at)
        .or_else(|| fraction(text, at))
        .or_else(|| ratio(text, at))
    {
        return Some(said);
    }
    let first = figure(text, at)?;
    if is_named(text, at, &first) {
        return Some(name(text, at, &first));
    }
    if let Some(said) = range(text, at, &first) {
        return Some(said);
    }
    if let Some(said) = hyphenated(text, at) {
        return Some(said);
    }
    let (suffix, end) = suffix(text, first.end);
    if let Some(words) = padded(text, &first) {
        return Some(Said { words, end: first.end });
    }
    if first.fraction.is_none() && reads_by_digit(text, &first, suffix) {
        return Some(Said {
            words: dictated(&first.whole),
            end: first.end,
        });
    }
    if suffix == Suffix::Nothing && matches!(text.get(first.end), Some('x' | 'X' | '×' | '*')) {
        let next = first.end + 1;
        if text.get(next).is_some_and(char::is_ascii_digit) {
            return Some(Said {
                words: format!("{}乘", first.spoken(Two::Er)),
                end: next,
            });
        }
    }
    Some(Said {
        words: with_suffix(&first, suffix, two(text, at, suffix)),
        end,
    })
}

/// `¥12.50`, `$30`, `¥30-50`, `¥3万`.
pub(super) fn priced(text: &[char], at: usize) -> Option<Said> {
    let sign = *text.get(at)?;
    let currency = match sign {
        '¥' | '￥' => "元",
        '$' => "美元",
        '€' => "欧元",
        '£' => "英镑",
        _ => return None,
    };
    let first = figure(text, skip_spaces(text, at + 1))?;
    let amount = |figure: Figure| {
        let myriads = text.get(figure.end).copied().filter(|c| matches!(c, '万' | '亿'));
        let end = figure.end + usize::from(myriads.is_some());
        let words = match myriads {
            Some(myriads) => format!("{}{myriads}{currency}", figure.trimmed().spoken(Two::Liang)),
            None if currency == "元" => yuan(&figure),
            None => format!("{}{currency}", figure.trimmed().spoken(Two::Liang)),
        };
        (words, end)
    };
    let (mut words, mut end) = amount(first);
    if let Some(start) = range_mark(text, end) {
        let start = if text.get(start) == Some(&sign) {
            start + 1
        } else {
            start
        };
        if let Some(second) = figure(text, start) {
            let (more, after) = amount(second);
            words = format!("{words}到{more}");
            end = after;
        }
    }
    if text.get(end) == Some(&'元') {
        end += 1;
    }
    Some(Said { words, end })
}

/// Versions and addresses, `1.2.3`: digit by digit.
fn dotted(text: &[char], at: usize) -> Option<Said> {
    let mut parts = Vec::new();
    let mut start = at;
    let end = loop {
        let end = digits_end(text, start);
        if end == start {
            return None;
        }
        parts.push(plain(&text.get(start..end)?.iter().collect::<String>()));
        if text.get(end) == Some(&'.') && text.get(end + 1).is_some_and(char::is_ascii_digit) {
            start = end + 1;
        } else {
            break end;
        }
    };
    (parts.len() > 2).then(|| Said {
        words: parts.join("点"),
        end,
    })
}

/// `3/4`; what is no proper fraction is none.
fn fraction(text: &[char], at: usize) -> Option<Said> {
    let (above, below, end) = pair(text, at, '/')?;
    let proper = above.parse::<u32>().ok()? < below.parse::<u32>().ok()?;
    proper.then(|| Said {
        words: format!("{}分之{}", cardinal(&below, Two::Er), cardinal(&above, Two::Er)),
        end,
    })
}

/// `3:1`; times of day were looked for before.
fn ratio(text: &[char], at: usize) -> Option<Said> {
    let (left, right, end) = pair(text, at, ':')?;
    Some(Said {
        words: format!("{}比{}", cardinal(&left, Two::Er), cardinal(&right, Two::Er)),
        end,
    })
}

/// Two whole numbers of one to three digits without leading zeros, joined by `by`, and nothing more of the kind after them.
fn pair(text: &[char], at: usize, by: char) -> Option<(String, String, usize)> {
    let first = figure(text, at)?;
    if text.get(first.end) != Some(&by) {
        return None;
    }
    let second = figure(text, first.end + 1)?;
    let plain =
        |f: &Figure| f.fraction.is_none() && f.whole.len() <= 3 && (f.whole == "0" || !f.whole.starts_with('0'));
    let goes_on = text.get(second.end) == Some(&by) || text.get(second.end).is_some_and(char::is_ascii_alphabetic);
    (plain(&first) && plain(&second) && !goes_on).then_some((first.whole, second.whole, second.end))
}

/// `3-5天`, `10%-20%`, `2到3公里`.
fn range(text: &[char], at: usize, first: &Figure) -> Option<Said> {
    let (own, after) = suffix(text, first.end);
    let (start, own) = match own {
        Suffix::Measure | Suffix::Nothing => (range_mark(text, first.end)?, Suffix::Nothing),
        _ => (range_mark(text, after)?, own),
    };
    let second = figure(text, start)?;
    let (shared, end) = suffix(text, second.end);
    if own != Suffix::Nothing && own != shared {
        return None;
    }
    let padded = |f: &Figure| f.whole.len() > 1 && f.whole.starts_with('0');
    let too_long = |f: &Figure| f.whole.len() > if shared == Suffix::Nothing { 2 } else { 8 };
    let more = text.get(second.end) == Some(&'-') && text.get(second.end + 1).is_some_and(char::is_ascii_digit);
    let rises = first.value() < second.value();
    if padded(first) || padded(&second) || too_long(first) || too_long(&second) || more || !rises {
        return None;
    }
    if first.whole.len() == 4 && second.whole.len() == 4 && text.get(second.end) == Some(&'年') {
        // Years, which are read by their digits.
        return Some(Said {
            words: format!("{}到{}", plain(&first.whole), plain(&second.whole)),
            end: second.end,
        });
    }
    let two = two(text, at, shared);
    let left = match shared {
        Suffix::Percent | Suffix::Permille => with_suffix(first, shared, two),
        Suffix::Yuan | Suffix::Kuai | Suffix::Unit(_) | Suffix::Measure | Suffix::Nothing => first.spoken(two),
    };
    Some(Said {
        words: format!("{left}到{}", with_suffix(&second, shared, two)),
        end,
    })
}

/// `400-800-1234`, `010-62345678`: a telephone number, or another that is dictated.
fn hyphenated(text: &[char], at: usize) -> Option<Said> {
    let mut groups = Vec::new();
    let mut start = at;
    let end = loop {
        let end = digits_end(text, start);
        groups.push(dictated(&text.get(start..end)?.iter().collect::<String>()));
        if text.get(end) == Some(&'-') && text.get(end + 1).is_some_and(char::is_ascii_digit) {
            start = end + 1;
        } else {
            break end;
        }
    };
    (groups.len() > 1).then(|| Said {
        words: groups.join("，"),
        end,
    })
}

/// `09月`, `9点05分`: a zero in front that only fills the place, or is said with minutes.
fn padded(text: &[char], figure: &Figure) -> Option<String> {
    if figure.whole.len() != 2 || !figure.whole.starts_with('0') || figure.fraction.is_some() {
        return None;
    }
    match text.get(figure.end)? {
        '月' | '日' | '号' | '时' | '点' => Some(cardinal(&figure.whole, Two::Er)),
        '分' | '秒' if figure.is_zero() => Some("零".to_owned()),
        '分' | '秒' => Some(format!("零{}", cardinal(&figure.whole, Two::Er))),
        _ => None,
    }
}

fn is_named(text: &[char], at: usize, figure: &Figure) -> bool {
    if figure.separated || figure.fraction.is_some() {
        return false;
    }
    // 手机2部, 拨打3次
    if figure.whole.len() < 3 && suffix(text, figure.end).0 != Suffix::Nothing {
        return false;
    }
    let before = text.get(..at).unwrap_or_default();
    // 订单号是：12345, 单号 AB12345
    let connecting = |c: &char| matches!(c, ' ' | ':' | '：' | '是' | '为' | '#' | '-' | '+') || c.is_ascii_uppercase();
    let end = before.iter().rposition(|c| !connecting(c)).map_or(0, |last| last + 1);
    if before.len() - end > 6 {
        return false;
    }
    let tail: String = before
        .iter()
        .skip(end.saturating_sub(4))
        .take(end - end.saturating_sub(4))
        .collect();
    NAMED.iter().any(|name| tail.ends_with(name))
}

fn name(text: &[char], at: usize, figure: &Figure) -> Said {
    hyphenated(text, at).unwrap_or_else(|| Said {
        words: dictated(&figure.whole),
        end: figure.end,
    })
}

/// Long numbers that count nothing, numbers with a zero in front, rooms, and the digits of a code.
fn reads_by_digit(text: &[char], figure: &Figure, suffix: Suffix) -> bool {
    let length = figure.whole.len();
    let start = figure.end - length;
    let before = start.checked_sub(1).and_then(|index| text.get(index));
    let after = text.get(figure.end);
    let letter = |c: Option<&char>| c.is_some_and(char::is_ascii_alphabetic);
    if figure.separated {
        return false;
    }
    // 138****8000
    let hidden = (before == Some(&'*') && start.checked_sub(2).and_then(|index| text.get(index)) == Some(&'*'))
        || (after == Some(&'*') && text.get(figure.end + 1) == Some(&'*'));
    hidden
        || (length > 1 && figure.whole.starts_with('0'))
        || (length >= 5 && suffix == Suffix::Nothing)
        || (length >= 3 && (letter(before) || matches!(after, Some('号' | '室' | '房'))))
        || (suffix == Suffix::Nothing && letter(before) && letter(after))
}

fn suffix(text: &[char], end: usize) -> (Suffix, usize) {
    let start = skip_spaces(text, end);
    let Some(&next) = text.get(start) else {
        return (Suffix::Nothing, end);
    };
    match next {
        '%' => (Suffix::Percent, start + 1),
        '‰' => (Suffix::Permille, start + 1),
        '元' => (Suffix::Yuan, start + 1),
        '块' if text.get(start + 1) == Some(&'钱') => (Suffix::Kuai, start + 2),
        '块' => (Suffix::Kuai, start + 1),
        _ => match unit(text, start) {
            Some((unit, after)) => (Suffix::Unit(unit), after),
            None if MEASURES.contains(next) => (Suffix::Measure, end),
            None => (Suffix::Nothing, end),
        },
    }
}

/// The longest unit written at `start` that no letter or digit follows.
fn unit(text: &[char], start: usize) -> Option<(&'static str, usize)> {
    UNITS
        .iter()
        .filter(|(written, _)| {
            written
                .chars()
                .eq(text.iter().skip(start).take(written.chars().count()).copied())
        })
        .map(|(written, spoken)| (*spoken, start + written.chars().count()))
        .filter(|(_, after)| !text.get(*after).is_some_and(|c| c.is_ascii_alphanumeric()))
        .max_by_key(|(_, after)| *after)
}

/// 第2 stays 二 whatever follows.
fn two(text: &[char], at: usize, suffix: Suffix) -> Two {
    let ordinal = at
        .checked_sub(1)
        .and_then(|index| text.get(index))
        .is_some_and(|c| matches!(c, '第' | '初'));
    match suffix {
        _ if ordinal => Two::Er,
        Suffix::Percent | Suffix::Permille | Suffix::Nothing => Two::Er,
        Suffix::Yuan | Suffix::Kuai | Suffix::Unit(_) | Suffix::Measure => Two::Liang,
    }
}

fn with_suffix(figure: &Figure, suffix: Suffix, two: Two) -> String {
    match suffix {
        Suffix::Percent => format!("百分之{}", figure.spoken(Two::Er)),
        Suffix::Permille => format!("千分之{}", figure.spoken(Two::Er)),
        Suffix::Yuan => yuan(figure),
        Suffix::Kuai => kuai(figure),
        Suffix::Unit(unit) => format!("{}{unit}", figure.spoken(two)),
        Suffix::Measure | Suffix::Nothing => figure.spoken(two),
    }
}

/// 三十元五角, 五角, 十二元零五分.
fn yuan(figure: &Figure) -> String {
    let figure = figure.clone().trimmed();
    let Some((jiao, fen)) = coins(&figure) else {
        return format!("{}元", figure.spoken(Two::Liang));
    };
    let mut words = String::new();
    if !figure.is_zero() {
        words = format!("{}元", cardinal(&figure.whole, Two::Liang));
    }
    let first = if words.is_empty() { Two::Liang } else { Two::Er };
    match (jiao, fen) {
        ("0", fen) if words.is_empty() => words = format!("{}分", cardinal(fen, Two::Liang)),
        ("0", fen) => words.push_str(&format!("零{}分", plain(fen))),
        (jiao, "") => words.push_str(&format!("{}角", cardinal(jiao, first))),
        (jiao, fen) => words.push_str(&format!("{}角{}分", cardinal(jiao, first), plain(fen))),
    }
    words
}

/// 十二块五, 十二块五毛五: as it is said at a counter.
fn kuai(figure: &Figure) -> String {
    let figure = figure.clone().trimmed();
    let Some((jiao, fen)) = coins(&figure).filter(|_| !figure.is_zero()) else {
        return if coins(&figure).is_some() {
            yuan(&figure)
        } else {
            format!("{}块", figure.spoken(Two::Liang))
        };
    };
    let whole = cardinal(&figure.whole, Two::Liang);
    match (jiao, fen) {
        ("0", fen) => format!("{whole}块零{}分", plain(fen)),
        (jiao, "") => format!("{whole}块{}", plain(jiao)),
        (jiao, fen) => format!("{whole}块{}毛{}", plain(jiao), plain(fen)),
    }
}

/// 角 and 分 (empty where there is none) of a fraction of at most two digits, no zeros at its end.
fn coins(figure: &Figure) -> Option<(&str, &str)> {
    figure
        .fraction
        .as_deref()
        .filter(|fraction| fraction.len() <= 2)
        .and_then(|fraction| fraction.split_at_checked(1))
}
