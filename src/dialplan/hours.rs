//! Opening hours: open or not at a moment, in a time zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::schema::{Shape, Table, keys};
use crate::document::{Fields, Node, Problems};

#[derive(Clone, Debug)]
pub struct Hours {
    zone: TimeZone,
    open: Vec<Span>,
    closed: Vec<Date>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    days: Vec<Weekday>,
    from: Time,
    /// Not included; midnight stands for the end of the day.
    to: Time,
}

pub(super) const HOURS: Table = &[
    ("timezone", Shape::Text),
    ("open", Shape::Texts),
    ("closed", Shape::Texts),
];

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Hours {
    pub(super) fn read(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let what = format!("hours `{name}`");
        let fields = Fields::of(node, &what, &keys(HOURS), problems)?;
        let zone = fields.need("timezone", &what, problems)?;
        let zone_name = zone.scalar().unwrap_or_default();
        let parsed = TimeZone::get(&zone_name);
        if parsed.is_err() {
            problems.error(
                zone.place,
                format!("`{zone_name}` is no time zone; write one like Europe/Berlin"),
            );
        }
        let mut open = Vec::new();
        let place = fields
            .need("open", &what, problems)
            .map_or(fields.place(), |node| node.place);
        for text in fields.texts("open", problems) {
            match span(&text) {
                Some(span) => open.push(span),
                None => problems.error(
                    place,
                    format!("`{text}` is no span of hours; write `mon-fri 08:00-18:00`"),
                ),
            }
        }
        let mut closed = Vec::new();
        for text in fields.texts("closed", problems) {
            match text.parse() {
                Ok(date) => closed.push(date),
                Err(_) => problems.error(fields.place(), format!("`{text}` is no date; write `2026-12-25`")),
            }
        }
        Some(Self {
            zone: parsed.ok()?,
            open,
            closed,
        })
    }

    /// Whether it is open at `at`.
    pub fn open_at(&self, at: Timestamp) -> bool {
        self.open_on(at.to_zoned(self.zone.clone()).datetime())
    }

    /// Where its clock is.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether it is open at `at` by its own clock.
    pub fn open_on(&self, at: DateTime) -> bool {
        let (date, time) = (at.date(), at.time());
        if self.closed.contains(&date) {
            return false;
        }
        self.open.iter().any(|span| {
            let until = span.to == Time::midnight() || time < span.to;
            span.days.contains(&date.weekday()) && time >= span.from && until
        })
    }
}

/// `mon-fri 08:00-18:00`, `sat,sun 10:00-14:00`, `daily 00:00-24:00`.
fn span(text: &str) -> Option<Span> {
    let (days, hours) = text.trim().split_once(' ')?;
    let (from, to) = hours.trim().split_once('-')?;
    let to = if to.trim() == "24:00" {
        Time::midnight()
    } else {
        time(to)?
    };
    let from = time(from)?;
    let fine = to == Time::midnight() || from < to;
    fine.then_some(Span {
        days: weekdays(days)?,
        from,
        to,
    })
}

pub(super) fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

pub(super) fn weekdays(text: &str) -> Option<Vec<Weekday>> {
    if text == "daily" {
        return Some(DAYS.iter().map(|(_, day)| *day).collect());
    }
    let index = |name: &str| DAYS.iter().position(|(short, _)| *short == name.trim().to_lowercase());
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(DAYS[index(part)?].1),
            Some((first, last)) => {
                let (first, last) = (index(first)?, index(last)?);
                let count = (last + 7 - first) % 7;
                days.extend((0..=count).map(|n| DAYS[(first + n) % 7].1));
            }
        }
    }
    Some(days)
}

/// The time zone of the plan's first hours; without any, that of Greenwich.
pub(super) fn zone(plan: &super::plan::Plan) -> TimeZone {
    plan.hours
        .values()
        .next()
        .map_or(TimeZone::UTC, |hours| hours.zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::yaml::parse;

    fn hours(yaml: &str) -> (Option<Hours>, Vec<String>) {
        let mut problems = Problems::new("f");
        let hours = Hours::read(&parse(yaml).expect("YAML"), "desk", &mut problems);
        (hours, problems.into_vec().into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn open_by_day_hour_and_date_in_its_zone() {
        let yaml =
            r#"{timezone: Europe/Berlin, open: ["mon-fri 08:00-18:00", "sat 10:00-24:00"], closed: ["2026-12-25"]}"#;
        let (hours, wrong) = hours(yaml);
        assert!(wrong.is_empty(), "{wrong:?}");
        let hours = hours.expect("read");
        for (at, open) in [
            ("2026-11-20T07:00:00Z", true), // Friday, 8:00 in Berlin
            ("2026-11-20T06:59:00Z", false),
            ("2026-11-20T17:00:00Z", false), // 18:00
            ("2026-07-20T06:00:00Z", true),  // Monday in summer, 8:00
            ("2026-11-21T22:30:00Z", true),  // Saturday 23:30
            ("2026-11-22T10:00:00Z", false), // Sunday
            ("2026-12-25T10:00:00Z", false), // Friday, closed
        ] {
            assert_eq!(hours.open_at(at.parse().expect("a time")), open, "{at}");
        }
    }

    #[test]
    fn refuses_what_is_no_span() {
        for wrong in [
            "mon",
            "mon 8-18",
            "mon 18:00-08:00",
            "moon 08:00-18:00",
            "mon 25:00-26:00",
            "",
        ] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
        assert_eq!(weekdays("fri-mon").map(|d| d.len()), Some(4));
        assert!(!hours("{timezone: Nowhere, open: [\"mon 08:00-09:00\"]}").1.is_empty());
        assert!(!hours("{open: []}").1.is_empty());
    }
}
