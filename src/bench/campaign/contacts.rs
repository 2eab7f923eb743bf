//! A table of contacts who are nobody's: numbers of five countries and a dozen time zones, and whatever columns the plan wants.

use std::io::{self, Write};

use crate::campaign::contact;
use crate::dialplan::campaign::{Campaign, VarKind};

/// Writes `contacts` rows as CSV.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write(campaign: &Campaign, contacts: u64, into: &mut impl Write) -> io::Result<()> {
    let columns = contact::columns(campaign);
    let proof = campaign.consent.as_ref().map(|consent| consent.proof.as_str());
    let kind = |name: &str| {
        campaign
            .contacts
            .columns()
            .find(|(own, _)| *own == name)
            .map(|(_, kind)| kind)
    };
    writeln!(into, "{}", columns.join(","))?;
    for n in 0..contacts {
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                into.write_all(b",")?;
            }
            if *column == campaign.contacts.phone {
                into.write_all(number(n).as_bytes())?;
            } else if *column == campaign.contacts.key {
                write!(into, "key-{n}")?;
            } else if Some(*column) == proof {
                into.write_all(b"2026-11-01T10:00Z")?;
            } else if let Some(kind) = kind(column) {
                value(kind, n, into)?;
            }
        }
        into.write_all(b"\n")?;
    }
    into.flush()
}

fn value(kind: VarKind, n: u64, into: &mut impl Write) -> io::Result<()> {
    match kind {
        VarKind::Text => write!(into, "text {n}"),
        VarKind::Number => write!(into, "{n}"),
        VarKind::Money => write!(into, "{}.50", n % 1_000),
        VarKind::Date => into.write_all(b"2026-11-21"),
        VarKind::DateTime => into.write_all(b"2026-11-21T15:00"),
        VarKind::Boolean => into.write_all(b"true"),
        VarKind::Phone => into.write_all(number(n).as_bytes()),
        VarKind::Email => write!(into, "n{n}@example.com"),
        VarKind::Url => write!(into, "https://example.com/{n}"),
    }
}

/// Of the American ones, from the east to the west.
const AREAS: [u64; 6] = [212, 312, 214, 303, 213, 808];

/// The same `n` always the same, none twice.
pub(super) fn number(n: u64) -> String {
    let own = n / 5;
    match n % 5 {
        0 => format!("+4930{}", 20_000_000 + own),
        1 => {
            let area = AREAS.get((own % 6) as usize).copied().unwrap_or(212);
            let rest = own / 6;
            format!("+1{area}{}{:04}", 220 + rest / 10_000, rest % 10_000)
        }
        2 => format!("+44207{}", 1_000_000 + own),
        // A mobile number: it may be anywhere in the country.
        3 => format!("+61412{own:06}"),
        _ => format!("+3314{}", 1_000_000 + own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Number;

    #[test]
    fn numbers_are_ones_that_can_be_called_and_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for n in (0..1_000_000).step_by(997).chain(0..1_000) {
            let text = number(n);
            let read = Number::parse(&text, None);
            assert!(
                read.as_ref().is_ok_and(|read| read.to_string() == text),
                "{text}: {read:?}"
            );
            seen.insert(text);
        }
        // 0 and 997 are among both.
        assert_eq!(seen.len(), 1_004 + 1_000 - 2);
    }
}
