//! Where the clock of a contact may be.
//!
//! A number tells it by its prefix, or does not: then every zone of the country counts, and what holds for a contact must hold in all of them. The table is
//! libphonenumber's (`tables/README.md`). It knows no window.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;

use super::number::{Number, Region};

/// Time zones, none twice. A clone is cheap, and all numbers of a prefix share one.
#[derive(Clone, PartialEq, Eq)]
pub struct Zones(Arc<[TimeZone]>);

/// Where a contact may be: what window and holidays are judged by. Contacts have few different ones, so they can be counted off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Whereabouts {
    pub zones: Zones,
    /// None where a number is of no country, such as +800.
    pub region: Option<Region>,
}

impl Whereabouts {
    /// Of a number, and of the time zone that the contact's row names, if it does.
    ///
    /// # Errors
    /// If there is no such time zone.
    pub fn of(number: Number, zone: Option<&str>) -> Result<Self, String> {
        let (telling, region) = number.located();
        let zones = match zone.map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => Zones::named(name)?,
            None => Zones::told_by(&telling),
        };
        Ok(Self { zones, region })
    }
}

impl Zones {
    /// Those of a number; none where nothing tells.
    pub fn of(number: Number) -> Self {
        Self::told_by(&number.located().0)
    }

    /// Those of the longest prefix of `digits` that has any.
    fn told_by(digits: &str) -> Self {
        let prefixes = (1..=digits.len().min(TABLE.longest)).rev();
        prefixes
            .filter_map(|n| TABLE.prefixes.get(digits.get(..n)?))
            .find_map(|set| TABLE.sets.get(*set))
            .cloned()
            .unwrap_or_else(|| Self(Arc::new([])))
    }

    /// One, by its name in the time zone database.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn named(name: &str) -> Result<Self, String> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Self(Arc::new([zone]))),
            Err(_) => Err(format!("`{name}` is no time zone; write one like Europe/Berlin")),
        }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, TimeZone> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<TimeZone> for Zones {
    fn from(zone: TimeZone) -> Self {
        Self(Arc::new([zone]))
    }
}

impl Hash for Zones {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for zone in self.iter() {
            zone.iana_name().hash(state);
        }
    }
}

/// The names, with commas between them.
impl fmt::Display for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, zone) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{}", zone.iana_name().unwrap_or("?"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zones({self})")
    }
}

struct Table {
    sets: Vec<Zones>,
    /// The digits that a number in E.164 begins with, and the place of their set.
    prefixes: HashMap<&'static str, usize>,
    /// Digits of the longest prefix.
    longest: usize,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| table(include_str!("tables/zones.tsv")));

fn table(text: &'static str) -> Table {
    let mut table = Table {
        sets: Vec::new(),
        prefixes: HashMap::new(),
        longest: 0,
    };
    for line in text.lines() {
        let Some((names, prefixes)) = line.split_once('\t') else {
            continue;
        };
        // A name that this build's database lacks is left out of its set; a test sees that none is.
        let zones: Vec<TimeZone> = names.split(' ').filter_map(|name| TimeZone::get(name).ok()).collect();
        for prefix in prefixes.split(' ') {
            table.prefixes.insert(prefix, table.sets.len());
            table.longest = table.longest.max(prefix.len());
        }
        table.sets.push(Zones(zones.into()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(number: &str) -> Vec<String> {
        let number = Number::parse(number, None).unwrap_or_else(|why| panic!("{number}: {why}"));
        let zones = Zones::of(number);
        zones
            .iter()
            .map(|zone| zone.iana_name().expect("a name").to_owned())
            .collect()
    }

    #[test]
    fn the_longest_prefix_tells() {
        for (number, zone) in [
            ("+4930123456", "Europe/Berlin"),
            ("+12125550123", "America/New_York"),
            ("+13125550100", "America/Chicago"),
            ("+14232021234", "America/New_York"), // in Tennessee, which has two
            ("+8613800138000", "Asia/Shanghai"),
            ("+34922123456", "Atlantic/Canary"),
        ] {
            assert!(
                zones(number).iter().any(|name| name == zone),
                "{number}: {:?}",
                zones(number)
            );
        }
        assert_eq!(zones("+34922123456"), ["Atlantic/Canary"]);
    }

    #[test]
    fn what_does_not_tell_may_be_anywhere_in_its_country() {
        let mobile = zones("+79261234567");
        assert!(
            mobile.len() > 10 && mobile.iter().any(|name| name == "Asia/Kamchatka"),
            "{mobile:?}"
        );
        assert_eq!(zones("+34612345678"), ["Atlantic/Canary", "Europe/Madrid"]);
        assert!(zones("+18005550199").len() > 30, "a number that is free to call");
        assert!(zones("+80012345678").is_empty(), "a number of no country");
    }

    #[test]
    fn the_whole_table_is_read() {
        let named: usize = include_str!("tables/zones.tsv")
            .lines()
            .filter_map(|line| Some(line.split_once('\t')?.0.split(' ').count()))
            .sum();
        let read: usize = TABLE.sets.iter().map(|set| set.iter().count()).sum();
        assert_eq!(read, named, "each name is in the time zone database");
        assert!(TABLE.prefixes.len() > 3_000, "{}", TABLE.prefixes.len());
        assert!(TABLE.longest >= 7, "{}", TABLE.longest);
    }

    #[test]
    fn a_row_may_name_its_own() {
        let number = "+79261234567".parse().expect("a number");
        let here = Whereabouts::of(number, Some(" Europe/Moscow ")).expect("a zone");
        assert_eq!(
            (here.zones.to_string(), here.region),
            ("Europe/Moscow".to_owned(), "RU".parse().ok())
        );
        assert_eq!(Whereabouts::of(number, Some(" ")), Whereabouts::of(number, None));
        assert!(Whereabouts::of(number, Some("Moscow")).is_err_and(|why| why.contains("Europe/Berlin")));
    }

    #[test]
    fn contacts_of_one_place_share_it() {
        let of = |number: &str| Whereabouts::of(number.parse().expect("a number"), None).expect("known");
        let (one, other) = (of("+4930123456"), of("+4989123456"));
        assert!(Arc::ptr_eq(&one.zones.0, &other.zones.0));
        let places: std::collections::HashSet<_> = [one, other, of("+12125550123")].into_iter().collect();
        assert_eq!(places.len(), 2);
    }
}
