//! What stands in a contact's columns, by the kinds that the plan gives them.
//!
//! One way of writing each is taken: what 3/4/2026 or 1,500 means depends on who wrote it, and nobody is told a wrong amount.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::number::{Number, Region};
use crate::dialplan::Value;
use crate::dialplan::campaign::VarKind;

/// Longer columns are a mistake in the file, bytes.
pub const LONGEST: usize = 4096;

/// The value that `text` stands for, none if it is empty; a telephone number without a country code is of `home`.
///
/// # Errors
/// What is wrong with it, and what is right.
pub fn read(kind: VarKind, text: &str, home: Option<Region>) -> Result<Option<Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, and {LONGEST} are the most", text.len()));
    }
    let wrong = |what: &str, right: &str| format!("`{}` is no {what}; write {right}", short(text));
    let value = match kind {
        VarKind::Text => Value::Text(text.to_owned()),
        VarKind::Number => Value::Number(number(text).ok_or_else(|| wrong("number", "one such as 1500 or 12.5"))?),
        VarKind::Money => {
            let amount = number(text).filter(|_| text.split_once('.').is_none_or(|(_, cents)| cents.len() <= 2));
            Value::Number(amount.ok_or_else(|| wrong("amount", "one such as 1500 or 12.50, without its currency"))?)
        }
        VarKind::Date => {
            let day: Result<Date, _> = text.parse();
            let day = day.ok().filter(|_| text.len() == 10);
            Value::Text(day.ok_or_else(|| wrong("date", "one such as 2026-11-21"))?.to_string())
        }
        VarKind::DateTime => Value::Text(moment(text).ok_or_else(|| {
            wrong(
                "date and time",
                "one such as 2026-11-21T15:00, or 2026-11-21T15:00:00+01:00",
            )
        })?),
        VarKind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Boolean(true),
            "false" | "no" | "0" => Value::Boolean(false),
            _ => return Err(wrong("yes or no", "true or false")),
        },
        VarKind::Phone => match Number::parse(text, home) {
            Ok(number) => Value::Text(number.to_string()),
            Err(why) => return Err(format!("`{}`: {why}", short(text))),
        },
        VarKind::Email if is_address(text) => Value::Text(text.to_owned()),
        VarKind::Email => return Err(wrong("e-mail address", "one such as ann@example.com")),
        VarKind::Url if is_url(text) => Value::Text(text.to_owned()),
        VarKind::Url => return Err(wrong("address of a page", "one such as https://example.com/pay/17")),
    };
    Ok(Some(value))
}

/// Digits with one point at most: neither `1e5` nor `inf`.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let found: f64 = digits.parse().ok().filter(|_| plain)?;
    Some(if text.starts_with('-') { -found } else { found })
}

/// `2026-11-21T15:00` of a clock, or a moment with its offset.
fn moment(text: &str) -> Option<String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.to_string());
    }
    let at: DateTime = text.parse().ok()?;
    let timed = text.contains(['T', 't', ' ']) && text.contains(':');
    timed.then(|| at.strftime("%Y-%m-%dT%H:%M").to_string())
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    let whole = parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    whole && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
}

fn is_url(text: &str) -> bool {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty()) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// As much of a text as a message needs.
fn short(text: &str) -> String {
    const MOST: usize = 40;
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(MOST).collect();
    if chars.next().is_some() {
        format!("{start}…")
    } else {
        start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn germany(kind: VarKind, text: &str) -> Result<Option<Value>, String> {
        read(kind, text, Some("DE".parse().expect("a country")))
    }

    #[test]
    fn each_kind_is_read_in_one_way() {
        let text = |text: &str| Ok(Some(Value::Text(text.to_owned())));
        assert_eq!(germany(VarKind::Text, " Ann "), text("Ann"));
        assert_eq!(germany(VarKind::Text, "  "), Ok(None));
        assert_eq!(germany(VarKind::Number, "-12.5"), Ok(Some(Value::Number(-12.5))));
        assert_eq!(germany(VarKind::Money, "19.90"), Ok(Some(Value::Number(19.9))));
        assert_eq!(germany(VarKind::Date, "2026-11-21"), text("2026-11-21"));
        assert_eq!(germany(VarKind::DateTime, "2026-11-21 15:00"), text("2026-11-21T15:00"));
        assert_eq!(
            germany(VarKind::DateTime, "2026-11-21T15:00:00+01:00"),
            text("2026-11-21T14:00:00Z")
        );
        assert_eq!(germany(VarKind::Boolean, "YES"), Ok(Some(Value::Boolean(true))));
        assert_eq!(germany(VarKind::Phone, "030 123456"), text("+4930123456"));
        assert_eq!(germany(VarKind::Email, "ann@example.com"), text("ann@example.com"));
        assert_eq!(
            germany(VarKind::Url, "https://a.example/x?y=1"),
            text("https://a.example/x?y=1")
        );
    }

    #[test]
    fn what_may_mean_two_things_is_refused_with_what_is_right() {
        for (kind, wrong, right) in [
            (VarKind::Number, "1,500", "1500"),
            (VarKind::Number, "1e5", "1500"),
            (VarKind::Number, "nan", "1500"),
            (VarKind::Number, ".", "1500"),
            (VarKind::Money, "19,90", "12.50"),
            (VarKind::Money, "19.905", "12.50"),
            (VarKind::Money, "€19", "without its currency"),
            (VarKind::Date, "21.11.2026", "2026-11-21"),
            (VarKind::Date, "11/21/2026", "2026-11-21"),
            (VarKind::DateTime, "2026-11-21", "T15:00"),
            (VarKind::Boolean, "maybe", "true or false"),
            (VarKind::Phone, "call me", "+4930123456"),
            (VarKind::Email, "ann at example.com", "ann@example.com"),
            (VarKind::Email, "ann@example.com,bob@example.com", "ann@example.com"),
            (VarKind::Url, "example.com", "https://"),
            (VarKind::Url, "javascript:alert(1)", "https://"),
        ] {
            let told = germany(kind, wrong).expect_err(wrong);
            assert!(told.contains(right), "{wrong}: {told}");
        }
        assert!(germany(VarKind::Text, &"x".repeat(LONGEST + 1)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again_the_same(text in "\\PC{0,40}", kind in prop::sample::select(VarKind::ALL.to_vec())) {
            if let Ok(Some(value)) = germany(kind, &text) {
                prop_assert_eq!(germany(kind, &value.to_string()), Ok(Some(value)));
            }
        }
    }
}
