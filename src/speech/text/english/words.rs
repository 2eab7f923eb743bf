//! Words that are not read as they are written: abbreviations, acronyms, codes, e-mail and web addresses.
//!
//! Knows spelling, no numbers beyond their digits. Letters that are spelled out are joined by full stops (V.I.P): espeak-ng then
//! says their names in one breath, where it would read a lone A as the article.

use super::super::scan::{Said, before, run_end, skip_spaces, slice};
use super::numbers::{cardinal, dictated, plain};
use super::{ends_sentence, previous_word};

/// How an abbreviation is told from a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Short {
    /// With a full stop or without; a name follows, so the stop ends no sentence.
    Title,
    /// With a full stop or without; may end a sentence.
    Always,
    /// Only with a full stop that is not the sentence's, or behind which a sentence ends.
    Stopped,
    /// Only with a full stop, and only before a number.
    Numbered,
}

/// Lower case, without the last full stop.
const ABBREVIATIONS: [(&str, Short, &str); 49] = [
    ("mr", Short::Title, "mister"),
    ("mrs", Short::Title, "missus"),
    ("ms", Short::Title, "mizz"),
    ("messrs", Short::Title, "messers"),
    ("prof", Short::Title, "professor"),
    ("jr", Short::Always, "junior"),
    ("sr", Short::Stopped, "senior"),
    ("e.g", Short::Title, "for example"),
    ("eg", Short::Stopped, "for example"),
    ("i.e", Short::Title, "that is"),
    ("etc", Short::Always, "et cetera"),
    ("vs", Short::Title, "versus"),
    ("approx", Short::Title, "approximately"),
    ("incl", Short::Title, "including"),
    ("excl", Short::Title, "excluding"),
    ("no", Short::Numbered, "number"),
    ("nos", Short::Numbered, "numbers"),
    ("ext", Short::Title, "extension"),
    ("tel", Short::Title, "telephone"),
    ("fig", Short::Numbered, "figure"),
    ("vol", Short::Numbered, "volume"),
    ("p", Short::Numbered, "page"),
    ("pp", Short::Numbered, "pages"),
    ("inc", Short::Stopped, "incorporated"),
    ("ltd", Short::Always, "limited"),
    ("co", Short::Stopped, "company"),
    ("corp", Short::Stopped, "corporation"),
    ("ave", Short::Stopped, "avenue"),
    ("rd", Short::Stopped, "road"),
    ("blvd", Short::Always, "boulevard"),
    ("hwy", Short::Always, "highway"),
    ("apt", Short::Stopped, "apartment"),
    ("ste", Short::Stopped, "suite"),
    ("dept", Short::Always, "department"),
    ("govt", Short::Always, "government"),
    ("max", Short::Stopped, "maximum"),
    ("min", Short::Stopped, "minimum"),
    ("avg", Short::Always, "average"),
    ("qty", Short::Always, "quantity"),
    ("amt", Short::Always, "amount"),
    ("acct", Short::Always, "account"),
    ("appt", Short::Always, "appointment"),
    ("hr", Short::Stopped, "hour"),
    ("hrs", Short::Always, "hours"),
    ("mins", Short::Always, "minutes"),
    ("mt", Short::Stopped, "mount"),
    ("ref", Short::Numbered, "reference"),
    ("a.m", Short::Always, "A.M"),
    ("p.m", Short::Always, "P.M"),
];

/// `Mr.`, `e.g.`, `St.`, `U.S.`, `J.`
pub(super) fn abbreviation(text: &[char], at: usize) -> Option<Said> {
    let end = run_end(text, at, |c| c.is_ascii_alphabetic() || c == '.');
    let written = slice(text, at, end);
    let bare = written.trim_end_matches('.');
    let lower = bare.to_ascii_lowercase();
    let stop = at + bare.len();
    let stopped = written.len() > bare.len();
    let shouted = !stopped && bare.len() > 1 && !bare.contains(|c: char| c.is_ascii_lowercase() || c == '.');
    if shouted || written.len() > bare.len() + 1 || text.get(end).is_some_and(|c| c.is_alphanumeric() || *c == '@') {
        return None;
    }
    let ends = stopped && ends_sentence(text, stop);
    let after_stop = if ends { stop } else { end };
    if let Some(words) = street_or_title(text, at, stop, &lower, stopped) {
        let title = matches!(words, "Saint" | "doctor");
        return Some(Said {
            words: words.to_owned(),
            end: if title { end } else { after_stop },
        });
    }
    let number_follows = || {
        text.get(skip_spaces(text, end))
            .is_some_and(|c| c.is_ascii_digit() || *c == '#')
    };
    let known = ABBREVIATIONS.iter().find(|(short, ..)| *short == lower);
    if let Some((_, kind, words)) = known {
        let said = |end| {
            Some(Said {
                words: (*words).to_owned(),
                end,
            })
        };
        return match kind {
            Short::Title => said(end),
            Short::Always => said(after_stop),
            Short::Stopped if stopped => said(after_stop),
            Short::Numbered if stopped && number_follows() => said(end),
            Short::Stopped | Short::Numbered => None,
        };
    }
    let parts: Vec<&str> = bare.split('.').collect();
    let initials = parts.iter().all(|part| part.len() == 1) || lower == "ph.d";
    match parts.len() {
        1 if stopped && initials && is_initial(text, at, bare, end) => Some(Said {
            words: spelled(bare),
            end,
        }),
        // A box follows, and no sentence.
        2.. if lower == "p.o" => Some(Said {
            words: spelled("PO"),
            end,
        }),
        2.. if initials => Some(Said {
            words: spelled(&bare.replace('.', "")),
            end: after_stop,
        }),
        _ => None,
    }
}

/// `J. Smith`, and not the last letter of a sentence.
fn is_initial(text: &[char], at: usize, letter: &str, end: usize) -> bool {
    let name = text.get(end) == Some(&' ') && text.get(end + 1).is_some_and(|c| c.is_uppercase());
    letter != "I" && letter.starts_with(|c: char| c.is_ascii_uppercase()) && name && !names_a_letter(text, at)
}

/// St. is a saint before a name and a street behind one; Dr. is a drive at the end of an address.
fn street_or_title(text: &[char], at: usize, stop: usize, lower: &str, stopped: bool) -> Option<&'static str> {
    let capital = |c: Option<char>| c.is_some_and(char::is_uppercase);
    let next = skip_spaces(text, stop + usize::from(stopped));
    let name_follows = capital(text.get(next).copied());
    let word_before = before_word_start(text, at);
    let name_before = capital(word_before) || word_before.is_some_and(|c| c.is_ascii_digit());
    match (lower, name_before, name_follows) {
        ("st", false, true) => Some("Saint"),
        ("st", true, _) => Some("Street"),
        ("st", false, false) if stopped => Some("Street"),
        ("dr", true, false) => Some("Drive"),
        ("dr", _, _) => Some("doctor"),
        _ => None,
    }
}

/// The first character of the word before the one at `at`.
fn before_word_start(text: &[char], at: usize) -> Option<char> {
    let head: Vec<char> = text
        .get(..at)?
        .iter()
        .rev()
        .skip_while(|c| **c == ' ')
        .take_while(|c| c.is_alphanumeric())
        .copied()
        .collect();
    head.last().copied()
}

/// Capitals that are said as a word.
const SAID_AS_WORDS: [&str; 66] = [
    "PIN", "SIM", "NASA", "NATO", "RAM", "ROM", "LAN", "WAN", "ZIP", "GIF", "COVID", "CAPTCHA", "AIDS", "UNESCO",
    "IKEA", "VISA", "SWIFT", "LASER", "RADAR", "NO", "YES", "NOT", "NOW", "NEW", "ON", "OFF", "ALL", "AND", "OR",
    "THE", "BUT", "FOR", "YOU", "YOUR", "ARE", "IS", "IN", "OF", "TO", "WE", "OUR", "MY", "ME", "BE", "DO", "DONT",
    "GO", "UP", "FREE", "STOP", "HELP", "ONLY", "MUST", "CALL", "OPEN", "SALE", "WILL", "ANY", "ONE", "TWO", "THIS",
    "THAT", "HERE", "NEVER", "VERY", "END",
];

/// `VIP`, `SMS`, `IDs`, `OK`.
pub(super) fn acronym(text: &[char], at: usize) -> Option<Said> {
    let capitals_end = run_end(text, at, |c| c.is_ascii_uppercase());
    let capitals = slice(text, at, capitals_end);
    let rest_end = run_end(text, capitals_end, |c| c.is_alphanumeric() || c == '\'');
    let rest = slice(text, capitals_end, rest_end);
    let plural = matches!(rest.as_str(), "s" | "'s");
    if !(2..=6).contains(&capitals.len()) || !(plural || rest.is_empty()) {
        return None;
    }
    let vowelless = !capitals.contains(['A', 'E', 'I', 'O', 'U', 'Y']);
    let words = match capitals.as_str() {
        "OK" => "okay".to_owned(),
        "ASAP" => "as soon as possible".to_owned(),
        "PM" | "AM" => spelled(&capitals),
        known if SAID_AS_WORDS.contains(&known) => known.to_ascii_lowercase(),
        long if long.len() > 5 && !vowelless => return None,
        _ => spelled(&capitals),
    };
    Some(Said {
        words: words + if plural { "'s" } else { "" },
        end: rest_end,
    })
}

/// V.I.P; a letter by itself by its name.
fn spelled(letters: &str) -> String {
    if letters.eq_ignore_ascii_case("a") {
        return "eigh".to_owned();
    }
    let letters: Vec<String> = letters.chars().map(|c| c.to_ascii_uppercase().to_string()).collect();
    letters.join(".")
}

/// `AB1234`, `A-1234`, `5G`, `MP3`, `COVID-19`, `iPhone15`: letters and digits in one.
pub(super) fn code(text: &[char], at: usize) -> Option<Said> {
    let end = run_end(text, at, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let written = slice(text, at, end);
    let written = written.trim_end_matches(['-', '_']);
    let end = at + written.len();
    let letters = written.contains(|c: char| c.is_ascii_alphabetic());
    let small = written.contains(|c: char| c.is_ascii_lowercase());
    let joined = written.contains(['-', '_']);
    if !letters || !written.contains(|c: char| c.is_ascii_digit()) || (small && joined) {
        return None;
    }
    let runs = runs(written);
    let mut words = String::new();
    for (index, run) in runs.iter().enumerate() {
        let number = run.starts_with(|c: char| c.is_ascii_digit());
        let said = match run.len() {
            0..=2 if number && !run.starts_with('0') => cardinal(run),
            _ if number => dictated(run),
            _ if SAID_AS_WORDS.contains(run) => run.to_ascii_lowercase(),
            _ if small && run.len() > 3 => (*run).to_owned(),
            _ if run.len() > 5 => run.to_ascii_lowercase(),
            _ => spelled(run),
        };
        if index > 0 {
            // A breath before the digits of an order number.
            words.push_str(if run.len() > 2 || words.contains(',') {
                ", "
            } else {
                " "
            });
        }
        words.push_str(&said);
    }
    Some(Said { words, end })
}

/// Runs of letters and runs of digits; what stands between is dropped.
fn runs(written: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = written;
    while let Some(first) = rest.chars().next() {
        let such = |c: char| (c.is_ascii_digit(), c.is_ascii_alphabetic());
        let kind = such(first);
        let end = rest.find(|c| such(c) != kind).unwrap_or(rest.len());
        let (run, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if first.is_ascii_alphanumeric() {
            runs.push(run);
        }
        rest = tail;
    }
    runs
}

/// Endings of addresses that stand without `www.`
const DOMAINS: [&str; 24] = [
    "com", "org", "net", "info", "biz", "edu", "gov", "io", "ai", "app", "dev", "shop", "store", "online", "example",
    "test", "uk", "de", "eu", "us", "cn", "co", "me", "fr",
];

/// Short parts of an address that are said as words nevertheless.
const SHORT_PARTS: [&str; 16] = [
    "co", "me", "my", "go", "to", "we", "no", "do", "so", "hi", "on", "it", "is", "by", "the", "app",
];

/// `support@acme.com`, `https://www.acme.com/help`, `acme.com`.
pub(super) fn address(text: &[char], at: usize) -> Option<Said> {
    if before(text, at).is_some_and(|c| c.is_alphanumeric() || c == '@') {
        return None;
    }
    let inside = |c: char| c.is_ascii_alphanumeric() || ".@-_/:+=?&%#~".contains(c);
    let run = slice(text, at, run_end(text, at, inside));
    let run = run.trim_end_matches(['.', ':', '?', '-', '&', '#']);
    let end = at + run.len();
    let (bare, schemed) = match run.split_once("://") {
        Some(("http" | "https" | "HTTP" | "HTTPS", bare)) => (bare, true),
        Some(_) => return None,
        None => (run.strip_prefix("mailto:").unwrap_or(run), false),
    };
    let bare = bare.trim_end_matches('/');
    let mail = bare.split_once('@').is_some_and(|(name, host)| {
        name.contains(|c: char| c.is_ascii_alphanumeric()) && host.contains('.') && !host.contains('@')
    });
    if !(mail || schemed || is_site(bare)) || bare.is_empty() {
        return None;
    }
    Some(Said {
        words: address_in_words(bare),
        end,
    })
}

fn is_site(bare: &str) -> bool {
    let host = bare.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let fine = labels
        .iter()
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    let ending = labels
        .last()
        .map(|label| label.to_ascii_lowercase())
        .unwrap_or_default();
    let www = labels.first().is_some_and(|label| label.eq_ignore_ascii_case("www"));
    let named = labels
        .first()
        .is_some_and(|label| label.len() > 1 && label.contains(|c: char| c.is_ascii_alphabetic()));
    fine && labels.len() > 1 && named && (www || DOMAINS.contains(&ending.as_str()))
}

fn address_in_words(bare: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for run in bare.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let sign = run.chars().last().filter(|c| !c.is_ascii_alphanumeric());
        for part in runs(run) {
            words.push(part_in_words(part));
        }
        let name = match sign {
            Some('.') => "dot",
            Some('@') => "at",
            Some('-') => "dash",
            Some('_') => "underscore",
            Some('/') => "slash",
            Some('+') => "plus",
            Some('=') => "equals",
            Some('?') => "question mark",
            Some('&') => "and",
            Some(':') => "colon",
            Some('%') => "percent",
            Some('#') => "hash",
            Some('~') => "tilde",
            Some(_) | None => continue,
        };
        words.push(name.to_owned());
    }
    words.join(" ")
}

fn part_in_words(part: &str) -> String {
    if part.starts_with(|c: char| c.is_ascii_digit()) {
        return plain(part);
    }
    let lower = part.to_ascii_lowercase();
    let sayable = part.len() > 2 && lower.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if lower == "www" {
        "W W W".to_owned()
    } else if sayable || SHORT_PARTS.contains(&lower.as_str()) {
        lower
    } else {
        spelled(part)
    }
}

/// `and/or`, `N/A`, `w/o`, `he/she`, `TCP/IP`.
pub(super) fn slashed(text: &[char], at: usize) -> Option<Said> {
    let end = run_end(text, at, |c| c.is_ascii_alphabetic() || c == '/');
    let written = slice(text, at, end);
    if text.get(end).is_some_and(|c| c.is_alphanumeric()) {
        return None;
    }
    let words = match written.to_ascii_lowercase().as_str() {
        "and/or" => "and or",
        "n/a" => "not applicable",
        "w/o" => "without",
        "w/" => "with",
        "c/o" => "care of",
        // A/B
        _ if end == at + 3 && written.contains('/') && written.bytes().filter(u8::is_ascii_uppercase).count() == 2 => {
            return Some(Said {
                words: spelled(&written.replace('/', "")),
                end,
            });
        }
        _ => return None,
    };
    Some(Said {
        words: words.to_owned(),
        end,
    })
}

/// "plan A": not the article.
pub(super) fn lone_letter(text: &[char], at: usize) -> Option<Said> {
    let alone = !text.get(at + 1).is_some_and(|c| c.is_alphanumeric() || *c == '\'');
    let named = text.get(at) == Some(&'A') && alone && names_a_letter(text, at);
    named.then(|| Said {
        words: spelled("A"),
        end: at + 1,
    })
}

fn names_a_letter(text: &[char], at: usize) -> bool {
    const NAMED: [&str; 12] = [
        "plan", "option", "letter", "gate", "vitamin", "grade", "class", "type", "terminal", "group", "team", "press",
    ];
    NAMED.contains(&previous_word(text, at).as_str())
}

#[cfg(test)]
pub(super) fn is_abbreviation(word: &str) -> bool {
    ABBREVIATIONS.iter().any(|(short, ..)| *short == word) || matches!(word, "st" | "dr")
}
