//! Public holidays, by country and day.
//!
//! The table is made of the Python package `holidays` (`tables/README.md`). It ends: beyond its last year, and for a country that it lacks, nothing is
//! known, which is never taken for no holiday. It knows no window.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::Date;

use super::number::Region;
use crate::dialplan::campaign::Public;

/// What is known of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Holiday,
    Workday,
    /// The table does not reach so far, or has no such country.
    Nothing,
}

/// What `day` is in `region`, by the holidays that count.
pub fn on(day: Date, region: Option<Region>, public: Public) -> Known {
    let anywhere = match public {
        Public::None => return Known::Workday,
        Public::Nationwide => false,
        Public::Anywhere => true,
    };
    let country = region.and_then(|region| TABLE.countries.get(&region));
    let Some(country) = country.filter(|country| (TABLE.first..=country.last).contains(&day.year())) else {
        return Known::Nothing;
    };
    if country.nationwide.has(day) || (anywhere && country.partial.has(day)) {
        Known::Holiday
    } else {
        Known::Workday
    }
}

/// The first and the last year of the table.
pub fn years() -> (i16, i16) {
    (TABLE.first, TABLE.last)
}

struct Table {
    first: i16,
    last: i16,
    countries: HashMap<Region, Country>,
}

struct Country {
    nationwide: Days,
    /// Of parts of the country only.
    partial: Days,
    /// The last year of which they are known.
    last: i16,
}

/// Sorted.
struct Days {
    /// Month and day, of each year.
    every: Vec<(i8, i8)>,
    single: Vec<Date>,
}

impl Days {
    /// `0101 20260403`: a day of every year, a day of one.
    fn read(text: &str) -> Self {
        let (mut every, mut single) = (Vec::new(), Vec::new());
        for word in text.split_ascii_whitespace() {
            let part = |from: usize, to: usize| word.get(from..to).and_then(|digits| digits.parse::<i8>().ok());
            match word
                .get(..4)
                .filter(|_| word.len() == 8)
                .and_then(|year| year.parse().ok())
            {
                Some(year) => {
                    let day = part(4, 6).zip(part(6, 8));
                    single.extend(day.and_then(|(month, day)| Date::new(year, month, day).ok()));
                }
                None => every.extend(part(0, 2).zip(part(2, 4))),
            }
        }
        every.sort_unstable();
        single.sort_unstable();
        Self { every, single }
    }

    fn has(&self, day: Date) -> bool {
        let yearly = self.every.binary_search(&(day.month(), day.day())).is_ok();
        yearly || self.single.binary_search(&day).is_ok()
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/holidays.tsv")));

fn table(text: &str) -> Table {
    let mut table = Table {
        first: 0,
        last: -1,
        countries: HashMap::new(),
    };
    for line in text.lines() {
        let mut columns = line.split('\t');
        let (Some(name), Some(one)) = (columns.next(), columns.next()) else {
            continue;
        };
        let two = columns.next().unwrap_or_default();
        if name == "years" {
            table.first = one.parse().unwrap_or(table.first);
            table.last = two.parse().unwrap_or(table.last);
        } else if let Ok(region) = name.parse() {
            let country = Country {
                nationwide: Days::read(one),
                partial: Days::read(two),
                last: columns.next().and_then(|year| year.parse().ok()).unwrap_or(table.last),
            };
            table.countries.insert(region, country);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn on_day(day: Date, country: &str, public: Public) -> Known {
        on(day, country.parse().ok(), public)
    }

    #[test]
    fn days_of_the_country_and_of_its_parts() {
        for (day, country, nationwide, anywhere) in [
            (date(2026, 12, 25), "DE", Known::Holiday, Known::Holiday),
            (date(2026, 4, 3), "DE", Known::Holiday, Known::Holiday), // Good Friday
            (date(2027, 4, 3), "DE", Known::Workday, Known::Workday),
            (date(2030, 11, 1), "DE", Known::Workday, Known::Holiday), // All Saints', in some states
            (date(2026, 11, 26), "US", Known::Holiday, Known::Holiday), // Thanksgiving
            (date(2027, 2, 9), "US", Known::Workday, Known::Holiday),  // Mardi Gras, in Louisiana
            (date(2026, 10, 1), "CN", Known::Holiday, Known::Holiday),
            (date(2026, 7, 14), "FR", Known::Holiday, Known::Holiday),
            (date(2026, 7, 14), "DE", Known::Workday, Known::Workday),
        ] {
            assert_eq!(on_day(day, country, Public::Nationwide), nationwide, "{day} {country}");
            assert_eq!(on_day(day, country, Public::Anywhere), anywhere, "{day} {country}");
            assert_eq!(on_day(day, country, Public::None), Known::Workday, "{day} {country}");
        }
    }

    #[test]
    fn what_is_not_known_is_no_workday() {
        let (first, last) = years();
        assert!(first <= 2026 && last >= 2031, "{first} to {last}");
        assert_eq!(on_day(date(last + 1, 3, 3), "DE", Public::Nationwide), Known::Nothing);
        assert_eq!(on_day(date(first - 1, 12, 31), "DE", Public::Anywhere), Known::Nothing);
        assert_eq!(on_day(date(first, 3, 3), "AC", Public::Anywhere), Known::Nothing);
        // Sri Lanka announces its days year by year.
        assert_eq!(on_day(date(2027, 3, 3), "LK", Public::Nationwide), Known::Nothing);
        assert_eq!(on_day(date(2026, 4, 14), "LK", Public::Nationwide), Known::Holiday);
        assert_eq!(on(date(first, 3, 3), None, Public::Anywhere), Known::Nothing);
    }

    #[test]
    fn the_whole_table_is_read() {
        let (first, last) = years();
        let text = include_str!("tables/holidays.tsv");
        let rows = text.lines().filter(|line| line.as_bytes().get(2) == Some(&b'\t'));
        let mut lacking = Vec::new();
        for row in rows {
            let name = row.get(..2).unwrap_or_default();
            let Ok(region) = name.parse::<Region>() else {
                lacking.push(name);
                continue;
            };
            let words = row
                .split('\t')
                .skip(1)
                .take(2)
                .flat_map(str::split_ascii_whitespace)
                .count();
            let country = &TABLE.countries[&region];
            let read = [&country.nationwide, &country.partial];
            let read: usize = read.iter().map(|days| days.every.len() + days.single.len()).sum();
            assert_eq!(read, words, "{name}");
            assert!((first..=last).contains(&country.last), "{name}");
        }
        assert!(TABLE.countries.len() > 230, "{}", TABLE.countries.len());
        assert!(lacking.len() < 12, "no telephone numbers: {lacking:?}");
    }
}
