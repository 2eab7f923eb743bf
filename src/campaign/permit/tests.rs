//! That nobody is called who must not be: a million cases against rules that were written a second time, with figures alone.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::*;
use crate::campaign::Region;
use crate::dialplan::campaign::{
    Attempts, Basis, Campaign, Clock, Consent, Contacts, Dnc, Holidays, Pacing, PacingMode, Public, Purpose, Scrub,
    Window, Zone,
};
use crate::document::Place;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;
/// The first of December 2026, in days since 1970.
const DECEMBER: i64 = 20_788;

/// Days of December, those of January from 32 on.
struct Country {
    number: &'static str,
    /// What its row says of the time zone.
    zone: Option<&'static str>,
    /// Minutes that its clocks are ahead of Greenwich in December and January.
    offsets: &'static [i64],
    region: Option<&'static str>,
    nationwide: &'static [i64],
    partial: &'static [i64],
}

const fn january(day: i64) -> i64 {
    31 + day
}

const COUNTRIES: [Country; 8] = [
    Country {
        number: "+4930123456",
        zone: None,
        offsets: &[60],
        region: Some("DE"),
        nationwide: &[25, 26, january(1)],
        partial: &[january(6)],
    },
    // A mobile, which may be on the Canaries.
    Country {
        number: "+34612345678",
        zone: None,
        offsets: &[60, 0],
        region: Some("ES"),
        nationwide: &[8, 25, january(1), january(6)],
        partial: &[26],
    },
    Country {
        number: "+12125550123",
        zone: None,
        offsets: &[-300],
        region: Some("US"),
        nationwide: &[25, january(1), january(18)],
        partial: &[24, 26, 28, 31, january(19)],
    },
    Country {
        number: "+81312345678",
        zone: None,
        offsets: &[540],
        region: Some("JP"),
        nationwide: &[january(1), january(11)],
        partial: &[],
    },
    // Newfoundland or Labrador.
    Country {
        number: "+17095550123",
        zone: None,
        offsets: &[-240, -210],
        region: Some("CA"),
        nationwide: &[25, january(1)],
        partial: &[26, 28],
    },
    Country {
        number: "+61293744000",
        zone: None,
        offsets: &[660],
        region: Some("AU"),
        nationwide: &[25, 26, january(1), january(26)],
        partial: &[28],
    },
    Country {
        number: "+80012345678",
        zone: None,
        offsets: &[],
        region: None,
        nationwide: &[],
        partial: &[],
    },
    Country {
        number: "+4930123456",
        zone: Some("Asia/Tokyo"),
        offsets: &[540],
        region: Some("DE"),
        nationwide: &[25, 26, january(1)],
        partial: &[january(6)],
    },
];

/// SplitMix64: the same cases whenever it is run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from) as u64) as i64
    }

    /// Once in `n` times.
    fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A campaign as figures, and as the plan has it.
struct Planned {
    days: u8,
    from: i64,
    to: i64,
    by_caller: bool,
    public: Public,
    own: Option<i64>,
    closed: Option<i64>,
    /// Of `LISTS`, by bit.
    lists: u8,
    max: u32,
    per_day: u32,
    gap: i64,
    cap: u64,
    /// What it lacks: the window, consent, the lists, the caller ID.
    lacks: Option<u64>,
    campaign: Campaign,
    opening: Opening,
}

const LISTS: [&str; 3] = [INTERNAL, "national", "own"];

fn date(day: i64) -> Date {
    let at = Timestamp::from_millisecond((DECEMBER + day - 1) * DAY).expect("a time");
    TimeZone::UTC.to_datetime(at).date()
}

fn time(minute: i64) -> jiff::civil::Time {
    jiff::civil::Time::new((minute / 60 % 24) as i8, (minute % 60) as i8, 0, 0).expect("a time")
}

fn named(bits: u8) -> Vec<String> {
    let lists = LISTS.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0);
    lists.map(|(_, name)| (*name).to_owned()).collect()
}

fn planned(dice: &mut Dice) -> Planned {
    use jiff::civil::Weekday;
    let days = if dice.once_in(3) {
        0b111_1111
    } else {
        dice.below(128) as u8 | 0b10101
    };
    let from = dice.one_of(&[0, 0, 8 * 60, 9 * 60 + 30, 12 * 60]);
    let to = dice.one_of(&[24 * 60, 24 * 60, 20 * 60, 17 * 60 + 1, 12 * 60 + 45]);
    let by_caller = dice.once_in(4);
    let public = dice.one_of(&[Public::Anywhere, Public::Nationwide, Public::None]);
    let own = dice.once_in(3).then(|| dice.between(10, 50));
    let closed = dice.once_in(3).then(|| dice.between(10, 50));
    let lists = dice.one_of(&[0b000, 0b001, 0b010, 0b011, 0b110, 0b111]);
    let (max, per_day) = (1 + dice.below(4) as u32, 1 + dice.below(3) as u32);
    let gap = dice.one_of(&[5, 60, 20 * 60, 48 * 60]);
    let cap = dice.one_of(&[30, 30, 10]);
    let lacks = dice.once_in(20).then(|| dice.below(4));
    let week = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let window = Window {
        days: (0..7).filter(|n| days & (1 << n) != 0).map(|n| week[n]).collect(),
        from: time(from),
        to: time(to),
        clock: if by_caller { Clock::Caller } else { Clock::Contact },
        holidays: Holidays {
            public,
            dates: own.map(date).into_iter().collect(),
        },
    };
    let closings: Vec<Date> = closed.map(date).into_iter().collect();
    let opening = Opening::new(&window, &closings, TimeZone::get("Europe/Berlin").expect("a zone"));
    let campaign = Campaign {
        name: "unpaid_order".to_owned(),
        assistant: "leo".to_owned(),
        flow: "remind".to_owned(),
        trigger: None,
        contacts: Contacts {
            key: "order_id".to_owned(),
            phone: "phone".to_owned(),
            timezone: Zone::FromNumber,
            vars: Vec::new(),
        },
        consent: (lacks != Some(1)).then(|| Consent {
            basis: Basis::PriorExpressWritten,
            purpose: Purpose::Reminder,
            proof: "consent_at".to_owned(),
        }),
        dnc: (lacks != Some(2)).then(|| Dnc {
            lists: named(lists),
            scrub: Scrub::AtDial,
            opt_out: Vec::new(),
        }),
        window: (lacks != Some(0)).then_some(window),
        caller_id: match lacks {
            Some(3) if dice.once_in(2) => Some("  ".to_owned()),
            Some(3) => None,
            _ => Some("+4930999999".to_owned()),
        },
        pacing: Pacing {
            mode: PacingMode::Predictive,
            max_calls: 20,
            calls_per_second: 1.0,
            abandon_cap: cap as f64 / 1000.0,
            hold_if: None,
        },
        attempts: Attempts {
            max,
            per_day,
            gap: Duration::from_millis((gap * MINUTE) as u64),
            retry_on: Vec::new(),
            stop_on: Vec::new(),
        },
        amd: None,
        breaker: None,
        dispositions: Vec::new(),
        goal: None,
        place: Place::default(),
    };
    Planned {
        days,
        from,
        to,
        by_caller,
        public,
        own,
        closed,
        lists,
        max,
        per_day,
        gap,
        cap,
        lacks,
        campaign,
        opening,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Proof {
    Nothing,
    Blank,
    Words,
    /// Days from today by Greenwich.
    Day(i64),
    /// Milliseconds from now.
    Moment(i64),
}

/// The moment, in milliseconds since 1970, and all else as figures.
struct Case {
    at: i64,
    country: usize,
    running: bool,
    disclosed: bool,
    standing: Standing,
    proof: Proof,
    /// Minutes from now.
    appointment: Option<i64>,
    listed: u8,
    known: u8,
    /// Minutes ago, whether the network was at its limit, and whose.
    calls: Vec<(i64, bool, Whose)>,
    /// Whether the first of them goes on.
    under_way: bool,
    quiet: i64,
    destination: bool,
    attended: bool,
    abandonment: Abandonment,
}

fn case(dice: &mut Dice) -> Case {
    let standings = [
        Standing::HeldOut,
        Standing::GoalReached,
        Standing::Cancelled,
        Standing::OptedOut,
        Standing::Closed,
    ];
    let whose = [
        Whose::Contact,
        Whose::Contact,
        Whose::Appointment,
        Whose::Campaign,
        Whose::Other,
    ];
    let calls = dice.below(12).saturating_sub(7);
    Case {
        at: (DECEMBER + 9) * DAY + dice.below((46 * DAY) as u64) as i64,
        country: dice.below(COUNTRIES.len() as u64) as usize,
        running: !dice.once_in(30),
        disclosed: !dice.once_in(30),
        standing: if dice.once_in(10) {
            dice.one_of(&standings)
        } else {
            Standing::Open
        },
        proof: match dice.below(30) {
            0 => Proof::Nothing,
            1 => Proof::Blank,
            2..=9 => Proof::Day(dice.between(-3, 4)),
            10..=15 => Proof::Moment(dice.between(-3 * DAY, DAY / 2)),
            16..=20 => Proof::Moment(dice.between(-1, 2)),
            _ => Proof::Words,
        },
        appointment: dice.once_in(6).then(|| dice.between(-600, 120)),
        listed: if dice.once_in(8) { dice.below(8) as u8 } else { 0 },
        known: if dice.once_in(10) { dice.below(8) as u8 } else { 0b110 },
        calls: (0..calls)
            .map(|_| {
                let ago = dice.one_of(&[10, 100, 1500, 3000]);
                (dice.between(0, ago), dice.once_in(5), dice.one_of(&whose))
            })
            .collect(),
        under_way: dice.once_in(10),
        quiet: dice.one_of(&[0, 30, 240]),
        destination: !dice.once_in(30),
        attended: !dice.once_in(3),
        abandonment: Abandonment {
            abandoned: dice.below(6),
            answered: 6 + dice.below(500),
            at_risk: dice.below(5),
        },
    }
}

/// The rules, a second time.
fn allowed(case: &Case, plan: &Planned) -> bool {
    let whole = case.running && plan.lacks.is_none() && case.disclosed;
    // Each list of the plan is there (the internal one always is), and the number on none of them, nor on the internal one.
    let lists = plan.lists & !(case.known | 0b001) == 0 && case.listed & (plan.lists | 0b001) == 0;
    let contact = case.standing == Standing::Open && case.destination;
    let Case { abandonment: past, .. } = case;
    let worst = (past.abandoned + past.at_risk + 1) * 1000 <= plan.cap * (past.answered + past.at_risk + 1);
    whole && lists && contact && proven(case) && in_time(case, plan) && open(case, plan) && (case.attended || worst)
}

/// The clocks by which days are counted.
fn clocks(case: &Case) -> &'static [i64] {
    match COUNTRIES[case.country].offsets {
        [] => &[60],
        offsets => offsets,
    }
}

fn day(at: i64, offset: i64) -> i64 {
    (at + offset * MINUTE).div_euclid(DAY)
}

fn proven(case: &Case) -> bool {
    match case.proof {
        Proof::Nothing | Proof::Blank => false,
        Proof::Words => true,
        Proof::Moment(after) => after <= 0,
        Proof::Day(after) => clocks(case)
            .iter()
            .any(|offset| day(case.at, 0) + after <= day(case.at, *offset)),
    }
}

fn in_time(case: &Case, plan: &Planned) -> bool {
    let rang = || case.calls.iter().filter(|(_, congested, _)| !congested);
    let own = |whose: &Whose| matches!(whose, Whose::Contact | Whose::Appointment);
    if case.under_way && !case.calls.is_empty() {
        return false;
    }
    match case.appointment {
        Some(after) if after > 0 => return false,
        Some(after) if !rang().any(|(ago, _, whose)| own(whose) && *ago <= -after) => return true,
        _ => {}
    }
    let today = rang().filter(|(ago, _, whose)| {
        let then = case.at - ago * MINUTE;
        *whose != Whose::Other
            && clocks(case)
                .iter()
                .any(|offset| day(then, *offset) == day(case.at, *offset))
    });
    (rang().filter(|(_, _, whose)| *whose == Whose::Contact).count() as u32) < plan.max
        && (today.count() as u32) < plan.per_day
        && rang().all(|(ago, _, whose)| {
            if own(whose) {
                *ago >= plan.gap
            } else {
                *ago >= case.quiet
            }
        })
}

fn open(case: &Case, plan: &Planned) -> bool {
    let country = &COUNTRIES[case.country];
    let hours: &[i64] = if plan.by_caller { &[60] } else { country.offsets };
    let right_hour = |offset: &i64| {
        let local = case.at + offset * MINUTE;
        let minute = local.rem_euclid(DAY) / MINUTE;
        // The first of January 1970 was a Thursday.
        let weekday = (local.div_euclid(DAY) + 3).rem_euclid(7);
        plan.days & (1 << weekday) != 0 && minute >= plan.from && minute < plan.to
    };
    let off = |offset: &i64| {
        let date = day(case.at, *offset) - DECEMBER + 1;
        let public = match plan.public {
            Public::None => false,
            Public::Nationwide => country.nationwide.contains(&date),
            Public::Anywhere => country.nationwide.contains(&date) || country.partial.contains(&date),
        };
        public || plan.own == Some(date) || plan.closed == Some(date)
    };
    // Days of the plan's own are off by the clock of its hours too.
    let own = |offset: &i64| plan.own == Some(day(case.at, *offset) - DECEMBER + 1);
    // Of a number of no country it is not known what is a holiday, unless the plan says so for the year.
    let year = |date: i64| if date <= 31 { 2026 } else { 2027 };
    let told = plan.public == Public::None
        || country.region.is_some()
        || plan
            .own
            .is_some_and(|own| year(own) == year(day(case.at, 60) - DECEMBER + 1));
    !hours.is_empty() && hours.iter().all(right_hour) && !hours.iter().any(own) && !clocks(case).iter().any(off) && told
}

#[test]
fn nobody_is_called_who_must_not_be() {
    const CASES: u32 = 1_000_000;
    let mut dice = Dice(7);
    let plans: Vec<Planned> = (0..500).map(|_| planned(&mut dice)).collect();
    let places: Vec<(Number, Whereabouts)> = COUNTRIES
        .iter()
        .map(|country| {
            let number = country.number.parse().expect("a number");
            let place = Whereabouts::of(number, country.zone).expect("a zone");
            assert_eq!(
                place.region,
                country.region.map(|name| name.parse::<Region>().expect("a country"))
            );
            assert_eq!(place.zones.iter().count(), country.offsets.len(), "{}", country.number);
            (number, place)
        })
        .collect();
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    let mut permits = 0;
    for n in 0..CASES {
        let plan = &plans[dice.below(plans.len() as u64) as usize];
        let case = case(&mut dice);
        let at = Timestamp::from_millisecond(case.at).expect("a time");
        let moment = |minutes: i64| Timestamp::from_millisecond(case.at + minutes * MINUTE).expect("a time");
        let proof = match case.proof {
            Proof::Nothing => None,
            Proof::Blank => Some(" ".to_owned()),
            Proof::Words => Some("signed form 7".to_owned()),
            Proof::Day(after) => Some(date(day(case.at, 0) - DECEMBER + 1 + after).to_string()),
            Proof::Moment(after) => Some(
                Timestamp::from_millisecond(case.at + after)
                    .expect("a time")
                    .to_string(),
            ),
        };
        let calls: Vec<Made> = case
            .calls
            .iter()
            .enumerate()
            .map(|(n, (ago, congested, whose))| Made {
                at: moment(-ago),
                reach: match congested {
                    _ if case.under_way && n == 0 => None,
                    true => Some(Reach::Congestion),
                    false => Some(Reach::Interrupted),
                },
                whose: *whose,
            })
            .collect();
        let (number, whereabouts) = &places[case.country];
        let facts = Facts {
            campaign: &plan.campaign,
            opening: &plan.opening,
            running: case.running,
            disclosed: case.disclosed,
            contact: i64::from(n),
            standing: case.standing,
            number: *number,
            whereabouts,
            proof: proof.as_deref(),
            appointment: case.appointment.map(moment),
            listed: &named(case.listed),
            lists: &named(case.known),
            calls: &calls,
            quiet_gap: Duration::from_millis((case.quiet * MINUTE) as u64),
            destination: case.destination,
            attended: case.attended,
            abandonment: case.abandonment,
        };
        let answer = permit(at, &facts);
        assert_eq!(
            answer.is_ok(),
            allowed(&case, plan),
            "case {n}: {answer:?} at {at} of {facts:#?}"
        );
        match answer {
            Ok(permit) => {
                assert_eq!((permit.number(), permit.contact()), (*number, i64::from(n)));
                permits += 1;
            }
            Err(refusal) => {
                if let Lasts::Until(until) = refusal.lasts() {
                    assert!(until > at, "case {n}: {refusal:?} at {at}");
                }
                *told.entry(refusal.code()).or_default() += 1;
            }
        }
    }
    // Each rule was needed, and not all were refused.
    assert!(permits > CASES / 50, "{permits} permits, {told:#?}");
    for code in [
        "not_running",
        "incomplete",
        "no_disclosure",
        "no_such_list",
        "held_out",
        "goal_reached",
        "cancelled",
        "opted_out",
        "closed",
        "do_not_call",
        "no_proof",
        "consent_later",
        "destination",
        "attempts",
        "per_day",
        "under_way",
        "appointment",
        "gap",
        "quiet",
        "window",
        "holiday",
        "holidays_unknown",
        "zone_unknown",
        "abandonment",
    ] {
        assert!(told.get(code).is_some_and(|n| *n > 100), "{code} of {told:#?}");
    }
}
