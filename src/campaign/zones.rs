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
        let zones = match zone.map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => Zones::named(name)?,
            None => Zones::of(number),
        };
        let region = number.region();
        Ok(Self { zones, region })
    }
}

impl Zones {
    /// Those of a number; none where nothing tells.
    pub fn of(number: Number) -> Self {
        let told = number.telling();
        let digits = told.as_str();
        let prefixes = (1..=digits.len().min(TABLE.longest))
            .rev()
            .filter_map(|n| digits.get(..n));
        prefixes
            .filter_map(|prefix| TABLE.prefixes.get(prefix))
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
