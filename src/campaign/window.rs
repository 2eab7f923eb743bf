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

    /// The earliest moment, at `after` or later, at which a contact who may be there may be called. In the night that has an hour twice the second of
    /// them is passed over.
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
        let until = closes.chain(days).min().unwrap_or(at);
        // In the second of an hour that the clock has twice the first is past.
        let soon = at.saturating_add(MINUTE).unwrap_or(at);
        Ok(if until > at { until } else { soon })
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

#[cfg(test)]
mod tests {
    use jiff::civil::{Weekday, date};

    use super::*;
    use crate::dialplan::campaign::{Holidays, Public};

    const WORKDAYS: [Weekday; 6] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
    ];

    /// Monday to Saturday, from nine to eight, by the contact's clock.
    fn window() -> Window {
        Window {
            days: WORKDAYS.to_vec(),
            from: Time::constant(9, 0, 0, 0),
            to: Time::constant(20, 0, 0, 0),
            clock: Clock::Contact,
            holidays: Holidays {
                public: Public::Nationwide,
                dates: Vec::new(),
            },
        }
    }

    fn opening(window: &Window) -> Opening {
        Opening::new(window, &[], TimeZone::get("Europe/Berlin").expect("a zone"))
    }

    fn place(number: &str) -> Whereabouts {
        Whereabouts::of(number.parse().expect("a number"), None).expect("known")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn hours_are_those_of_the_contact() {
        let opening = opening(&window());
        for (number, time, open) in [
            ("+4930123456", "2026-11-23T08:00:00Z", true), // Monday, nine in Berlin
            ("+4930123456", "2026-11-23T07:59:59Z", false),
            ("+4930123456", "2026-11-23T18:59:59Z", true),
            ("+4930123456", "2026-11-23T19:00:00Z", false),
            ("+4930123456", "2026-11-22T10:00:00Z", false),  // Sunday
            ("+12125550123", "2026-11-23T13:59:00Z", false), // not yet nine in New York
            ("+12125550123", "2026-11-23T14:00:00Z", true),
            ("+12125550123", "2026-11-24T00:59:00Z", true), // still Monday there
            ("+8613800138000", "2026-11-22T23:30:00Z", false), // Monday, half past seven
            ("+8613800138000", "2026-11-23T01:00:00Z", true),
        ] {
            assert_eq!(opening.is_open(&place(number), at(time)), open, "{number} {time}");
        }
    }

    #[test]
    fn it_must_be_the_hour_wherever_the_contact_may_be() {
        let opening = opening(&window());
        let spain = place("+34612345678"); // Madrid or the Canaries, which are an hour behind
        assert_eq!(opening.check(&spain, at("2026-11-23T08:30:00Z")), Err(Closed::Hours));
        assert_eq!(opening.check(&spain, at("2026-11-23T09:00:00Z")), Ok(()));
        assert_eq!(opening.check(&spain, at("2026-11-23T19:00:00Z")), Err(Closed::Hours));
        assert_eq!(
            opening.next_open(&spain, at("2026-11-23T00:00:00Z")),
            Ok(at("2026-11-23T09:00:00Z"))
        );
        assert_eq!(
            opening.open_until(&spain, at("2026-11-23T09:00:00Z")),
            Ok(at("2026-11-23T19:00:00Z"))
        );
        // Kaliningrad and Kamchatka are ten hours apart.
        let russia = place("+79261234567");
        let open = opening.next_open(&russia, at("2026-11-23T00:00:00Z")).expect("an hour");
        assert!(opening.open_until(&russia, open).expect("open").duration_since(open) <= SignedDuration::from_hours(1));
        // From Newfoundland to Guam it is never the hour of an office.
        let mut office = window();
        office.to = Time::constant(17, 0, 0, 0);
        let (office, monday) = (super::tests::opening(&office), at("2026-11-23T00:00:00Z"));
        assert_eq!(office.next_open(&place("+18005550199"), monday), Err(Closed::Never));
        let named = Whereabouts::of("+18005550199".parse().expect("a number"), Some("America/Denver"));
        assert!(office.next_open(&named.expect("a zone"), monday).is_ok());
        assert_eq!(
            opening.check(&place("+80012345678"), at("2026-11-23T10:00:00Z")),
            Err(Closed::ZoneUnknown)
        );
    }

    #[test]
    fn no_holiday_of_the_country_of_its_parts_or_of_ones_own() {
        let (mut plan, berlin) = (window(), place("+4930123456"));
        let noon = |day: Date| at(&format!("{day}T11:00:00Z"));
        let check = |plan: &Window, day: Date| opening(plan).check(&berlin, noon(day));
        let (christmas, epiphany, eve) = (date(2026, 12, 25), date(2027, 1, 6), date(2026, 12, 24));
        assert_eq!(check(&plan, christmas), Err(Closed::Holiday(christmas)));
        assert_eq!(check(&plan, epiphany), Ok(()));
        assert_eq!(check(&plan, eve), Ok(()));
        plan.holidays.public = Public::Anywhere;
        assert_eq!(check(&plan, epiphany), Err(Closed::Holiday(epiphany)));
        plan.holidays.dates.push(eve);
        assert_eq!(check(&plan, eve), Err(Closed::Holiday(eve)));
        plan.holidays.public = Public::None;
        assert_eq!(check(&plan, christmas), Ok(()));
        let configured = Opening::new(&plan, &[christmas], TimeZone::UTC);
        assert_eq!(
            configured.check(&berlin, noon(christmas)),
            Err(Closed::Holiday(christmas))
        );
        // Christmas is a Friday, and the 26th a holiday; then it is Sunday.
        let first = opening(&window()).next_open(
            &berlin,
            noon(eve).saturating_add(SignedDuration::from_hours(9)).expect("a time"),
        );
        assert_eq!(first, Ok(at("2026-12-28T08:00:00Z")));
    }

    #[test]
    fn what_is_not_known_of_a_day_is_not_taken_for_a_workday() {
        let (mut plan, berlin) = (window(), place("+4930123456"));
        let later = date(holidays::years().1 + 1, 3, 4);
        let noon = at(&format!("{later}T11:00:00Z"));
        let unknown = Closed::HolidaysUnknown {
            region: berlin.region,
            year: later.year(),
        };
        assert_eq!(opening(&plan).check(&berlin, noon), Err(unknown.clone()));
        assert_eq!(opening(&plan).next_open(&berlin, noon), Err(unknown.clone()));
        assert!(unknown.to_string().contains("holidays: false"), "{unknown}");
        plan.holidays.dates.push(date(later.year(), 12, 25));
        assert_eq!(
            opening(&plan).check(&berlin, noon),
            Ok(()),
            "who wrote those of the year knows them"
        );
        plan.holidays.dates.clear();
        plan.holidays.public = Public::None;
        assert_eq!(opening(&plan).check(&berlin, noon), Ok(()));
    }

    #[test]
    fn the_caller_s_clock_may_count() {
        let mut plan = window();
        plan.clock = Clock::Caller;
        let opening = opening(&plan);
        let tokyo = place("+81312345678");
        assert!(
            opening.is_open(&tokyo, at("2026-11-24T18:00:00Z")),
            "seven in Berlin, three in Tokyo"
        );
        // The holiday is one where the contact is: the 23rd is Labour Thanksgiving Day.
        assert_eq!(
            opening.check(&tokyo, at("2026-11-23T14:00:00Z")),
            Err(Closed::Holiday(date(2026, 11, 23)))
        );
        assert!(opening.is_open(&tokyo, at("2026-11-23T15:00:00Z")), "it is over there");
    }

    #[test]
    fn round_the_clock_is_open_and_ends_with_the_day() {
        let mut plan = window();
        (plan.from, plan.to) = (Time::midnight(), Time::midnight());
        plan.days.push(Weekday::Sunday);
        plan.holidays.public = Public::None;
        let (opening, berlin) = (opening(&plan), place("+4930123456"));
        let late = at("2026-11-22T22:59:59.999Z");
        assert_eq!(opening.next_open(&berlin, late), Ok(late));
        assert_eq!(opening.open_until(&berlin, late), Ok(at("2026-11-22T23:00:00Z")));
    }

    /// Minute by minute, over the days on which clocks are changed and holidays follow each other.
    #[test]
    fn the_next_opening_is_the_first_minute_that_is_open() {
        const CHANGES: [&str; 3] = ["2026-10-24T00:00:00Z", "2027-03-27T00:00:00Z", "2026-12-23T12:00:00Z"];
        let mut by_night = window();
        (by_night.from, by_night.to) = (Time::constant(2, 15, 0, 0), Time::constant(2, 45, 0, 0));
        by_night.days.push(Weekday::Sunday);
        let mut far = window();
        (far.days, far.holidays.public) = (vec![Weekday::Thursday], Public::Anywhere);
        // In March the night has no quarter past two; in October it has two of them, and the second is passed over.
        for (plan, step, times) in [
            (window(), 7, &CHANGES[..]),
            (by_night, 1, &CHANGES[1..]),
            (far, 11, &CHANGES[..]),
        ] {
            let opening = opening(&plan);
            for number in ["+4930123456", "+34612345678", "+12125550123", "+61293744000"] {
                let place = place(number);
                for from in times {
                    let mut next = None;
                    for minute in (0..5 * 1440).rev() {
                        let now = at(from)
                            .saturating_add(SignedDuration::from_mins(minute))
                            .expect("a time");
                        if opening.is_open(&place, now) {
                            next = Some(now);
                        }
                        // What comes after the last of these minutes is not known here.
                        let Some(next) = next.filter(|_| minute % step == 0) else {
                            continue;
                        };
                        let found = opening.next_open(&place, now).expect("an opening");
                        assert_eq!(found, next, "{number} {now}");
                        let until = opening.open_until(&place, found).expect("open");
                        assert!(until > found, "{number} {found}");
                    }
                }
            }
        }
    }
}
