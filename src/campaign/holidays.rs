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
    let (Some(country), true) = (country, (TABLE.first..=TABLE.last).contains(&day.year())) else {
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
            };
            table.countries.insert(region, country);
        }
    }
    table
}
