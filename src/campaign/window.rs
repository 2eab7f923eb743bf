//! When a contact may be called: the hours of the plan, wherever the contact's clock may be, and no public holiday there.
//!
//! It knows one contact at a time and no pace.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::holidays::{self, Known};
use super::number::Region;
use super::zones::{Whereabouts, Zones};
use crate::dialplan::campaign::{Clock, Window};

/// How far ahead an open hour is looked for, in days: as good as never, for an order that is unpaid.
pub const HORIZON: i64 = 60;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// When one campaign may call.
#[derive(Clone, Debug)]
pub struct Opening {
    window: Window,
    /// Days of the configuration on which no campaign calls.
    closed: Vec<Date>,
    /// The clock of who calls.
    home: Zones,
}

/// Why nobody may be called at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is not the hour, or not a day of the week, at one of the places where the contact may be.
    Hours,
    Holiday(Date),
    /// Whether it is a holiday cannot be told.
    HolidaysUnknown {
        region: Option<Region>,
        year: i16,
    },
    /// Neither the number nor its row tells the time.
    ZoneUnknown,
    /// No hour within [`HORIZON`] is right at all the places where the contact may be.
    Never,
}

impl Opening {
    /// `closed` are days of the configuration, `home` the time zone of who calls, for plans that go by it.
    pub fn new(window: &Window, closed: &[Date], home: TimeZone) -> Self {
        Self {
            window: window.clone(),
            closed: closed.to_vec(),
            home: home.into(),
        }
    }

    pub fn is_open(&self, whereabouts: &Whereabouts, at: Timestamp) -> bool {
        self.check(whereabouts, at).is_ok()
    }

    /// # Errors
    /// Why a contact who may be there must not be called at `at`.
    pub fn check(&self, whereabouts: &Whereabouts, at: Timestamp) -> Result<(), Closed> {
        if self.clocks(whereabouts).is_empty() {
            return Err(Closed::ZoneUnknown);
        }
        for clock in self.calendars(whereabouts).iter() {
            self.workday(whereabouts.region, clock.to_datetime(at).date())?;
        }
        let open = |clock: &TimeZone| self.window.open_at(clock.to_datetime(at));
        if self.clocks(whereabouts).iter().all(open) {
            Ok(())
        } else {
            Err(Closed::Hours)
        }
    }

    /// The earliest moment, at `after` or later, at which a contact who may be there may be called.
    ///
    /// # Errors
    /// If there is none within [`HORIZON`], or it cannot be told.
    pub fn next_open(&self, whereabouts: &Whereabouts, after: Timestamp) -> Result<Timestamp, Closed> {
        let last = after
            .saturating_add(SignedDuration::from_hours(24 * HORIZON))
            .unwrap_or(after);
        let mut at = after;
        while at <= last {
            match self.check(whereabouts, at) {
                Ok(()) => return Ok(at),
                Err(why @ (Closed::ZoneUnknown | Closed::HolidaysUnknown { .. })) => return Err(why),
                Err(Closed::Hours | Closed::Holiday(_) | Closed::Never) => {}
            }
            let opens = self.clocks(whereabouts).iter().map(|clock| self.opens(clock, at));
            let begins = self
                .calendars(whereabouts)
                .iter()
                .map(|clock| self.begins(whereabouts.region, clock, at));
            // It is closed until the last of them says otherwise. In an hour that the clock has twice none may move on.
            let moved = opens.chain(begins).max().unwrap_or(last);
            at = moved.max(at.saturating_add(MINUTE).unwrap_or(last));
        }
        Err(Closed::Never)
    }

    /// Until when it stays open, if it is at `at`; the moment after the last. It is looked at again then, for the next day may follow at once.
    ///
    /// # Errors
    /// Why it is not open.
    pub fn open_until(&self, whereabouts: &Whereabouts, at: Timestamp) -> Result<Timestamp, Closed> {
        self.check(whereabouts, at)?;
        let closes = self.clocks(whereabouts).iter().filter_map(|clock| {
            let today = clock.to_datetime(at).date();
            match self.window.to {
                to if to == Time::midnight() => midnight(clock, today),
                to => moment(clock, today.to_datetime(to)),
            }
        });
        let days = self.calendars(whereabouts).iter();
        let days = days.filter_map(|clock| midnight(clock, clock.to_datetime(at).date()));
        // An hour that the clock has twice may close it before its time, never after.
        Ok(closes.chain(days).min().unwrap_or(at).max(at))
    }

    /// The beginning of the contact's next day, wherever they may be.
    pub fn next_day(&self, whereabouts: &Whereabouts, at: Timestamp) -> Option<Timestamp> {
        let calendars = self.calendars(whereabouts).iter();
        calendars
            .filter_map(|clock| midnight(clock, clock.to_datetime(at).date()))
            .max()
    }

    /// The contact's day: the latest, where they may be at several places.
    pub fn day(&self, whereabouts: &Whereabouts, at: Timestamp) -> Option<Date> {
        let calendars = self.calendars(whereabouts).iter();
        calendars.map(|clock| clock.to_datetime(at).date()).max()
    }

    /// Whether `one` and `other` are on one day of the contact, wherever they may be.
    pub fn same_day(&self, whereabouts: &Whereabouts, one: Timestamp, other: Timestamp) -> bool {
        let date = |clock: &TimeZone, at| clock.to_datetime(at).date();
        self.calendars(whereabouts)
            .iter()
            .any(|clock| date(clock, one) == date(clock, other))
    }

    /// The clocks by which the hours are judged.
    fn clocks<'a>(&'a self, whereabouts: &'a Whereabouts) -> &'a Zones {
        match self.window.clock {
            Clock::Contact => &whereabouts.zones,
            Clock::Caller => &self.home,
        }
    }

    /// The clocks by which days are judged: the contact's, if they are known, whoever's hours count.
    fn calendars<'a>(&'a self, whereabouts: &'a Whereabouts) -> &'a Zones {
        if whereabouts.zones.is_empty() {
            &self.home
        } else {
            &whereabouts.zones
        }
    }

    fn workday(&self, region: Option<Region>, day: Date) -> Result<(), Closed> {
        let own = &self.window.holidays;
        if self.closed.contains(&day) || own.dates.contains(&day) {
            return Err(Closed::Holiday(day));
        }
        match holidays::on(day, region, own.public) {
            Known::Workday => Ok(()),
            Known::Holiday => Err(Closed::Holiday(day)),
            // Who wrote the holidays of a year knew them.
            Known::Nothing if own.dates.iter().any(|date| date.year() == day.year()) => Ok(()),
            Known::Nothing => {
                let year = day.year();
                Err(Closed::HolidaysUnknown { region, year })
            }
        }
    }

    /// When the hours of `clock` are next open, holidays aside: `at` if they are.
    fn opens(&self, clock: &TimeZone, at: Timestamp) -> Timestamp {
        let local = clock.to_datetime(at);
        if self.window.open_at(local) {
            return at;
        }
        let today = if local.time() < self.window.from {
            Some(local.date())
        } else {
            local.date().tomorrow().ok()
        };
        let days = today.into_iter().flat_map(|first| first.series(1.day()).take(7));
        let mut days = days.filter(|day| self.window.days.contains(&day.weekday()));
        let opening = days
            .next()
            .and_then(|day| moment(clock, day.to_datetime(self.window.from)));
        opening.unwrap_or(at)
    }

    /// When the first day of `clock` begins that is no holiday: `at` if it is none.
    fn begins(&self, region: Option<Region>, clock: &TimeZone, at: Timestamp) -> Timestamp {
        let today = clock.to_datetime(at).date();
        match self.workday(region, today) {
            Err(Closed::Holiday(_)) => midnight(clock, today).unwrap_or(at),
            Ok(()) | Err(_) => at,
        }
    }
}

/// The end of a day.
fn midnight(clock: &TimeZone, day: Date) -> Option<Timestamp> {
    moment(clock, day.tomorrow().ok()?.to_datetime(Time::midnight()))
}

/// When a clock shows it; where clocks are put forward over it, as much later.
fn moment(clock: &TimeZone, at: DateTime) -> Option<Timestamp> {
    Some(at.to_zoned(clock.clone()).ok()?.timestamp())
}

/// What is wrong, and what helps.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours => f.write_str("it is not the hour, by the contact's clock"),
            Self::Holiday(day) => write!(f, "{day} is a holiday there"),
            Self::HolidaysUnknown { region, year } => {
                let (first, last) = holidays::years();
                let place = region.map_or_else(|| "a number of no country".to_owned(), |region| region.to_string());
                write!(
                    f,
                    "the holidays of {place} in {year} are not known (the table is of {first} to {last}); write them into the plan's \
                     `window: {{holidays: [\"{year}-01-01\", …]}}`, or `holidays: false`"
                )
            }
            Self::ZoneUnknown => f.write_str(
                "the number does not tell the time zone; name a column for it: `contacts: {timezone: COLUMN}`",
            ),
            Self::Never => write!(
                f,
                "there is no hour within {HORIZON} days that is right at all the places where the contact may be; name a column for the \
                 time zone: `contacts: {{timezone: COLUMN}}`"
            ),
        }
    }
}

impl std::error::Error for Closed {}
