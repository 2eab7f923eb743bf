//! Numbers, addresses and promises: what a clause may hold only where it was told.

use crate::dialogue::slots::numerals_in;
use crate::dialogue::words::{is_han, plain, tokens};
use crate::language::Language;

/// Why a clause is not said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the number {0} was told by nobody")]
    Number(String),
    #[error("the address {0} was told by nobody")]
    Address(String),
    /// Something for nothing, or a warranty.
    #[error("`{0}` was promised by nobody")]
    Promise(String),
    #[error("the plan forbids it: {0}")]
    Forbidden(String),
}

/// What costs the business something when it is said.
const PROMISES: [&[&str]; 6] = [
    &[
        "free",
        "gratis",
        "complimentary",
        "free of charge",
        "no charge",
        "no cost",
        "costs nothing",
        "免费",
        "不收费",
        "不要钱",
        "免运费",
        "包邮",
    ],
    &[
        "guarantee",
        "guaranteed",
        "guarantees",
        "promise",
        "promised",
        "保证",
        "承诺",
        "包您",
    ],
    &[
        "discount",
        "discounts",
        "coupon",
        "coupons",
        "voucher",
        "vouchers",
        "折扣",
        "打折",
        "优惠券",
        "代金券",
        "优惠",
    ],
    &[
        "compensation",
        "goodwill",
        "bonus",
        "gift",
        "赔偿",
        "补偿",
        "赠送",
        "赠品",
        "礼品",
    ],
    &["warranty", "lifetime", "质保", "保修", "终身"],
    &[
        "full refund",
        "money back",
        "double",
        "triple",
        "全额退款",
        "双倍",
        "加倍",
        "三倍",
        "翻倍",
    ],
];

pub(super) fn within(clause: &str, grounds: &str, language: Language) -> Result<(), Refusal> {
    let known = numbers(grounds, language);
    if let Some(number) = numbers(clause, language)
        .into_iter()
        .find(|number| !known.contains(number))
    {
        return Err(Refusal::Number(number));
    }
    let known = addresses(grounds);
    let told = |address: &String| known.iter().any(|known| is_part(address, known));
    if let Some(address) = addresses(clause).into_iter().find(|address| !told(address)) {
        return Err(Refusal::Address(address));
    }
    let (clause, grounds) = (plain(clause), plain(grounds));
    let (said, known) = (tokens(&clause), tokens(&grounds));
    for names in PROMISES {
        let promised = names.iter().find(|name| stands_in(name, &clause, &said));
        if let Some(name) = promised
            && !names.iter().any(|name| stands_in(name, &grounds, &known))
        {
            return Err(Refusal::Promise((*name).to_owned()));
        }
    }
    Ok(())
}

fn stands_in(name: &str, plain: &str, tokens: &[String]) -> bool {
    if name.chars().all(is_han) {
        return plain.contains(name);
    }
    let words: Vec<&str> = name.split(' ').collect();
    tokens
        .windows(words.len())
        .any(|window| window.iter().zip(&words).all(|(a, b)| a == b))
}

/// `help@acme.example` also tells `acme.example`, and a page also its host.
fn is_part(address: &str, known: &str) -> bool {
    address == known
        || known
            .strip_suffix(address)
            .is_some_and(|rest| rest.ends_with(['@', '.', '/']))
        || known.strip_prefix(address).is_some_and(|rest| rest.starts_with('/'))
}

/// Every number told, in digits: "thirty" and 三十 are `30`. One is too often an article, also the one of 一下.
pub(in crate::dialogue) fn numbers(text: &str, language: Language) -> Vec<String> {
    let mut apart = String::new();
    let text = plain(text);
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        // 12:30 is two numbers, 1,200 and 3.5 are one each.
        let inside =
            matches!(c, ',' | '.') && before.is_ascii_digit() && chars.peek().is_some_and(char::is_ascii_digit);
        match c {
            c if c.is_alphanumeric() => apart.push(c),
            '.' if inside => apart.push('.'),
            ',' if inside => {}
            _ => apart.push(' '),
        }
        before = c;
    }
    // Figures are taken as they stand, whatever letters are glued to them.
    let mut found: Vec<String> = Vec::new();
    let mut rest = String::new();
    for c in apart.chars().chain([' ']) {
        let figure = c.is_ascii_digit() || (c == '.' && rest.ends_with(|c: char| c.is_ascii_digit()));
        if figure {
            rest.push(c);
        } else if !rest.is_empty() {
            found.push(std::mem::take(&mut rest).trim_end_matches('.').to_owned());
        }
    }
    let words: String = apart
        .chars()
        .map(|c| if c.is_ascii_digit() || c == '.' { ' ' } else { c })
        .collect();
    for language in [Language::English, Language::Mandarin]
        .into_iter()
        .filter(|other| *other == language || has_script(&words, *other))
    {
        found.extend(numerals_in(&words, language));
    }
    for number in &mut found {
        let trimmed = number.trim_start_matches('0');
        if !trimmed.is_empty() && number.len() <= 2 {
            *number = trimmed.to_owned(); // 09:30 is half past nine
        }
    }
    found.retain(|number| number != "1" && !number.is_empty());
    found
}

fn has_script(text: &str, language: Language) -> bool {
    match language {
        Language::English => text.chars().any(|c| c.is_ascii_alphabetic()),
        Language::Mandarin => text.chars().any(is_han),
    }
}

/// Words that lead somewhere: e-mail addresses, hosts, links; as written or as they are said ("help at acme dot example", acme点com).
pub(in crate::dialogue) fn addresses(text: &str) -> Vec<String> {
    let text = written(&plain(text));
    let words = text.split(|c: char| {
        c.is_whitespace()
            || is_han(c)
            || matches!(
                c,
                ',' | ';' | '(' | ')' | '"' | '\'' | '<' | '>' | '。' | '、' | '“' | '”' | '《' | '》'
            )
    });
    words
        .map(|word| word.trim_matches(|c: char| matches!(c, '.' | '!' | '?' | ':' | '…')))
        .filter(|word| word.contains('@') || word.contains("://") || word.starts_with("www.") || has_dotted_host(word))
        .map(|word| {
            let bare = word.split_once("://").map_or(word, |(_, rest)| rest);
            bare.trim_start_matches("mailto:")
                .trim_start_matches("www.")
                .trim_end_matches('/')
                .to_owned()
        })
        .collect()
}

/// "acme dot example" as `acme.example`, and "help at acme.example" as `help@acme.example`.
fn written(plain: &str) -> String {
    let mut text = plain
        .replace(" dot ", ".")
        .replace("[dot]", ".")
        .replace("(dot)", ".")
        .replace(" slash ", "/");
    let chars: Vec<char> = text.chars().collect();
    let latin = |at: Option<usize>| {
        at.and_then(|at| chars.get(at))
            .is_some_and(|c| c.is_ascii_alphanumeric())
    };
    text = chars
        .iter()
        .enumerate()
        .map(|(at, c)| {
            if *c == '点' && latin(at.checked_sub(1)) && chars.get(at + 1).is_some_and(char::is_ascii_alphabetic) {
                '.'
            } else {
                *c
            }
        })
        .collect();
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let at = words.len() >= 2 && words.last().is_some_and(|last| last == "at") && has_dotted_host(word);
        if at {
            words.pop();
            let name = words.pop().unwrap_or_default();
            words.push(format!("{name}@{word}"));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

fn has_dotted_host(word: &str) -> bool {
    word.split_once('.').is_some_and(|(host, domain)| {
        host.chars().any(char::is_alphabetic)
            && host.chars().count() > 1
            && domain.chars().take_while(|c| c.is_ascii_alphabetic()).count() >= 2
    })
}
