//! Chinese text as a voice must have it: numbers, dates, money and signs in 汉字, Latin letters apart, Chinese punctuation.
//!
//! Knows how things are written and said; no tones and no phonemes. Whatever comes in, something that can be spoken comes out.

mod calendar;
mod figures;
mod quantities;

use super::scan::{Said, digits_end};

/// The text with nothing left in it but 汉字, separated Latin letters, and the pauses ，。！？；：.
pub(super) fn normalise(text: &str) -> String {
    let text: Vec<char> = text.chars().map(half_width).collect();
    let mut spoken = String::new();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let said = read(&text, at).unwrap_or_else(|| Said {
            words: symbol(&text, at, c),
            end: at + 1,
        });
        spoken.push_str(&said.words);
        // Every reading consumes something, so the loop ends.
        at = said.end.max(at + 1);
    }
    tidy(&spoken)
}

/// What is longer than one sign and begins at `at`.
fn read(text: &[char], at: usize) -> Option<Said> {
    let c = *text.get(at)?;
    match c {
        '¥' | '￥' | '$' | '€' | '£' => quantities::priced(text, at),
        '-' | '−' => negative(text, at),
        _ if c.is_ascii_alphanumeric() => address(text, at)
            .or_else(|| calendar::date(text, at))
            .or_else(|| calendar::time(text, at))
            .or_else(|| quantities::quantity(text, at))
            .or_else(|| letters(text, at)),
        _ => None,
    }
}

/// A minus sign, where nothing stands before it that it could join to the number.
fn negative(text: &[char], at: usize) -> Option<Said> {
    let joined = at
        .checked_sub(1)
        .and_then(|before| text.get(before))
        .is_some_and(|c| c.is_ascii_alphanumeric());
    if joined {
        return None;
    }
    let said = match text.get(at + 1)? {
        c if c.is_ascii_digit() => quantities::quantity(text, at + 1)?,
        _ => quantities::priced(text, at + 1)?,
    };
    match said.words.strip_suffix("摄氏度") {
        Some(degrees) => Some(Said {
            words: format!("零下{degrees}度"),
            end: said.end,
        }),
        None => Some(Said {
            words: format!("负{}", said.words),
            end: said.end,
        }),
    }
}

/// An e-mail or web address: letters one by one, digits by name, its signs in words.
fn address(text: &[char], at: usize) -> Option<Said> {
    let inside =
        |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '-' | '_' | '/' | ':' | '+' | '=' | '?');
    let starts_here = !at
        .checked_sub(1)
        .and_then(|before| text.get(before))
        .is_some_and(char::is_ascii_alphanumeric);
    let mut run: String = text.iter().skip(at).take_while(|c| inside(c)).collect();
    let end = at + run.trim_end_matches(['.', ':', '-', '?', '/']).len();
    run.truncate(end - at);
    let lower = run.to_ascii_lowercase();
    let mail = run
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let web = lower.starts_with("www.") || lower.starts_with("http://") || lower.starts_with("https://");
    if !starts_here || !(mail || web) {
        return None;
    }
    let run = run.split_once("://").map_or(run.as_str(), |(_, rest)| rest);
    let mut words = String::new();
    for c in run.chars() {
        match c {
            '@' => words.push_str("艾特"),
            '.' => words.push('点'),
            '-' => words.push_str("横杠"),
            '_' => words.push_str("下划线"),
            '/' => words.push_str("斜杠"),
            '+' => words.push('加'),
            '=' => words.push_str("等于"),
            '0'..='9' => words.push_str(&figures::dictated(&c.to_string())),
            c if c.is_ascii_alphabetic() => {
                words.push(' ');
                words.push(c.to_ascii_uppercase());
            }
            _ => {}
        }
    }
    Some(Said { words, end })
}

/// A Latin word, letter by letter; a few are better known in Chinese.
fn letters(text: &[char], at: usize) -> Option<Said> {
    let word: String = text.iter().skip(at).take_while(|c| c.is_ascii_alphabetic()).collect();
    if word.is_empty() {
        return None;
    }
    let (known, length) = match word.to_ascii_lowercase().as_str() {
        "wifi" => (Some("无线网"), 4),
        "wi" if text
            .iter()
            .skip(at + 2)
            .take(3)
            .map(char::to_ascii_lowercase)
            .eq("-fi".chars()) =>
        {
            (Some("无线网"), 5)
        }
        "email" => (Some("电子邮件"), 5),
        "e" if text
            .iter()
            .skip(at + 1)
            .take(5)
            .map(char::to_ascii_lowercase)
            .eq("-mail".chars()) =>
        {
            (Some("电子邮件"), 6)
        }
        _ => (None, word.len()),
    };
    let words = known
        .map(str::to_owned)
        .unwrap_or_else(|| word.chars().map(|c| format!(" {}", c.to_ascii_uppercase())).collect());
    Some(Said {
        words,
        end: at + length,
    })
}

/// One sign by itself.
fn symbol(text: &[char], at: usize, c: char) -> String {
    let before = at.checked_sub(1).and_then(|index| text.get(index)).copied();
    let after = text.get(at + 1).copied();
    let is_key = before == Some('按') || after == Some('键') || before == Some('和') || before == Some('或');
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let word = match c {
        '，' | '、' | ',' | '(' | ')' | '（' | '）' | '[' | ']' | '【' | '】' | '—' | '–' | '…' | '→' | '|' | '{'
        | '}' => "，",
        '。' | '.' | '\n' | '．' => "。",
        '！' | '!' => "！",
        '？' | '?' => "？",
        '；' | ';' => "；",
        '：' | ':' => "：",
        '&' => "和",
        '%' => "百分号",
        '+' => "加",
        '=' => "等于",
        '@' => "艾特",
        '№' => "号",
        '½' => "二分之一",
        '¼' => "四分之一",
        '¾' => "四分之三",
        '×' if digit(before) || digit(after) => "乘",
        '÷' => "除以",
        '±' => "正负",
        '≥' => "大于等于",
        '≤' => "小于等于",
        '>' if digit(after) => "大于",
        '<' if digit(after) => "小于",
        '~' | '～' if before.is_some() && after.is_some() => "到",
        '-' if before.is_some_and(is_hanzi) && after.is_some_and(is_hanzi) => "到",
        // 50元/月, 5元/件
        '/' if matches!(before, Some('元' | '块' | '角' | '毛' | '分' | '次')) && after.is_some_and(is_hanzi) => {
            "每"
        }
        '/' if before.is_some_and(is_hanzi) && after != Some('或') && after.is_some_and(is_hanzi) => "或",
        '#' if after == Some('号') => "井",
        '#' if is_key || digit(before) => "井号",
        '*' if after == Some('号') => "星",
        '*' if is_key => "星号",
        // 138****8000: one word for however many are hidden.
        '*' if digit(before) && after == Some('*') => "，星号，",
        '*' if digit(after) && before != Some('*') => "乘",
        // 1、退货 2、换货: the next item of a list.
        ' ' if numbers_an_item(text, at + 1) => "，",
        c if c.is_whitespace() => " ",
        c if is_hanzi(c) => return c.to_string(),
        _ => "",
    };
    word.to_owned()
}

/// `2、`
fn numbers_an_item(text: &[char], at: usize) -> bool {
    let end = digits_end(text, at);
    end > at && text.get(end) == Some(&'、')
}

/// Full-width forms of ASCII, as keyboards for Chinese make them; Chinese punctuation stays.
fn half_width(c: char) -> char {
    match c {
        '，' | '！' | '？' | '；' | '：' | '（' | '）' | '～' => {
            if c == '：' {
                ':'
            } else {
                c
            }
        }
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

pub(super) fn is_hanzi(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}' | '〇')
}

fn is_pause(c: char) -> bool {
    matches!(c, '，' | '。' | '！' | '？' | '；' | '：')
}

/// One pause where several meet (the strongest), none at the head, and spaces only between letters.
fn tidy(spoken: &str) -> String {
    let strength = |c: char| match c {
        '，' => 1,
        '：' => 2,
        '；' => 3,
        '。' => 4,
        '！' => 5,
        _ => 6,
    };
    let mut tidy = String::new();
    let mut space = false;
    for c in spoken.chars() {
        let last = tidy.chars().last();
        if c == ' ' {
            space = true;
            continue;
        }
        match last {
            None if is_pause(c) => continue,
            Some(last) if is_pause(c) && is_pause(last) => {
                if strength(c) > strength(last) {
                    tidy.pop();
                    tidy.push(c);
                }
            }
            Some(last) if space && last.is_ascii_alphabetic() && c.is_ascii_alphabetic() => tidy.extend([' ', c]),
            _ => tidy.push(c),
        }
        space = false;
    }
    tidy
}

#[cfg(test)]
mod tests;
