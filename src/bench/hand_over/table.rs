//! What hand-overs come to: a row for each thing that goes wrong and each point where it does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::script::{Fate, Script, Trouble};
use crate::bench::{milliseconds, percentile};

/// Nobody is to hear nothing for longer.
pub const SILENCE: Duration = Duration::from_secs(2);

/// One hand-over, as it went.
#[derive(Clone, Debug)]
pub struct HandOver {
    pub number: usize,
    pub script: Script,
    pub fate: Fate,
    /// From what went wrong to the first sound that is not somebody's who talks.
    pub music: Option<Duration>,
    /// And to the next ring, or to the bot.
    pub onward: Option<Duration>,
    /// The longest time without any sound.
    pub silence: Duration,
    /// What happened, in a line.
    pub told: String,
    /// What nobody wrote.
    pub odd: Vec<String>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub p50: f64,
    pub p95: f64,
    pub most: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub what: String,
    pub point: &'static str,
    pub hand_overs: usize,
    /// Who took the call in the end.
    pub first: usize,
    pub next: usize,
    pub way_out: usize,
    /// The caller hung up, as they were to.
    pub left: usize,
    /// Callers who were given nothing of what the plan promises.
    pub dropped: usize,
    /// That did not end as they were to.
    pub otherwise: usize,
    pub music: Option<Spread>,
    pub onward: Option<Spread>,
    /// The longest that any caller heard nothing, ms.
    pub silence_ms: f64,
}

/// What the bot holds when all is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    pub tickets: usize,
    /// Dialogs of SIP.
    pub calls: usize,
    /// Pairs of ports for sound.
    pub ports: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub seed: u64,
    pub rows: Vec<Row>,
    pub all: Row,
    pub left: Left,
    /// What must not be, in words; empty is good.
    pub broken: Vec<String>,
}

impl Figures {
    pub fn of(seed: u64, all: &[HandOver], left: Left) -> Self {
        let mut rows: BTreeMap<Trouble, Vec<&HandOver>> = BTreeMap::new();
        for one in all {
            rows.entry(one.script.trouble).or_default().push(one);
        }
        let rows = rows
            .into_iter()
            .map(|(trouble, of)| Row::of(trouble.what(), trouble.point(), &of));
        let rows: Vec<Row> = rows.collect();
        let all = Row::of("all".into(), "", &all.iter().collect::<Vec<_>>());
        Self {
            seed,
            broken: broken(&all, left),
            rows,
            all,
            left,
        }
    }
}

impl Row {
    fn of(what: String, point: &'static str, of: &[&HandOver]) -> Self {
        let count = |fate: Fate| of.iter().filter(|one| one.fate == fate).count();
        let spread = |time: fn(&HandOver) -> Option<Duration>| spread(of.iter().filter_map(|one| time(one)));
        let silence = of.iter().map(|one| one.silence).max().unwrap_or_default();
        Self {
            what,
            point,
            hand_overs: of.len(),
            first: count(Fate::First),
            next: count(Fate::Next),
            way_out: count(Fate::WayOut),
            left: count(Fate::Left),
            dropped: count(Fate::Dropped),
            otherwise: of.iter().filter(|one| one.fate != one.script.wanted()).count(),
            music: spread(|one| one.music),
            onward: spread(|one| one.onward),
            silence_ms: milliseconds(silence),
        }
    }
}

fn spread(times: impl Iterator<Item = Duration>) -> Option<Spread> {
    let times: Vec<f64> = times.map(milliseconds).collect();
    Some(Spread {
        p50: percentile(&times, 0.5)?,
        p95: percentile(&times, 0.95)?,
        most: percentile(&times, 1.0)?,
    })
}

fn broken(all: &Row, left: Left) -> Vec<String> {
    let mut broken = Vec::new();
    let mut none = |count: usize, what: &str| {
        if count > 0 {
            broken.push(format!("{count} {what}"));
        }
    };
    none(all.dropped, "callers were dropped");
    none(left.tickets, "tickets are left in the desk");
    none(left.calls, "calls are left");
    none(left.ports, "pairs of ports are left");
    if all.silence_ms > milliseconds(SILENCE) {
        broken.push(format!("a caller heard nothing for {:.0} ms", all.silence_ms));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::super::script::{Conduct, Then, Way};
    use super::*;

    fn went(conduct: Conduct, fate: Fate, silence: u64) -> HandOver {
        HandOver {
            number: 1,
            script: Script {
                trouble: Trouble::Person(Way::Phone, conduct),
                then: Then::Next,
            },
            fate,
            music: None,
            onward: Some(Duration::from_millis(silence)),
            silence: Duration::from_millis(silence),
            told: String::new(),
            odd: Vec::new(),
        }
    }

    #[test]
    fn each_row_has_its_own_and_the_last_all() {
        let all = [
            went(Conduct::Mute, Fate::Next, 100),
            went(Conduct::Mute, Fate::WayOut, 300),
            went(Conduct::Declines, Fate::Next, 200),
        ];
        let figures = Figures::of(1, &all, Left::default());
        let [declines, mute] = &figures.rows[..] else {
            panic!("{figures:?}");
        };
        let (declines, mute) = if mute.point == "accepting" {
            (declines, mute)
        } else {
            (mute, declines)
        };
        assert_eq!((mute.hand_overs, mute.next, mute.way_out, mute.otherwise), (2, 1, 1, 1));
        assert_eq!(
            mute.onward,
            Some(Spread {
                p50: 100.0,
                p95: 300.0,
                most: 300.0
            })
        );
        assert_eq!((declines.hand_overs, declines.otherwise, declines.music), (1, 0, None));
        assert_eq!((figures.all.hand_overs, figures.all.silence_ms), (3, 300.0));
        assert_eq!(figures.broken, [""; 0]);
    }

    #[test]
    fn what_must_not_be_is_told() {
        let left = Left {
            tickets: 1,
            ..Left::default()
        };
        let figures = Figures::of(1, &[went(Conduct::Mute, Fate::Dropped, 2_500)], left);
        assert_eq!(
            figures.broken,
            [
                "1 callers were dropped",
                "1 tickets are left in the desk",
                "a caller heard nothing for 2500 ms"
            ]
        );
    }
}
