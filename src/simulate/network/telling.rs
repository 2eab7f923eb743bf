//! What happens in the network, as it is told and as it is added up.
//!
//! A [`Happening`] is one thing that happened in one call, a line of JSON for scripts; a [`Ledger`] makes calls of them again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock;

pub(super) type Watch = Arc<dyn Fn(&Happening) + Send + Sync>;

/// One thing that happened in one call.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    pub at: Timestamp,
    /// Counts the calls of this network, from 1 on.
    pub call: u64,
    /// Who was called, as it was dialled, and who was shown to call.
    pub number: String,
    pub from: String,
    /// Which call to this number it is, from 1 on.
    pub attempt: u32,
    /// The subscriber that the number belongs to.
    pub who: String,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The INVITE came; nothing was answered yet.
    Rung,
    Refused {
        code: u16,
    },
    Answered,
    /// Who was called has said this, or sounded like it.
    Said {
        text: String,
    },
    Pressed {
        key: char,
    },
    /// The other end has spoken for so long, and paused.
    Heard {
        ms: u64,
    },
    /// A machine has recorded.
    Recorded {
        ms: u64,
        /// 16 kHz mono.
        #[serde(skip)]
        sound: Arc<[i16]>,
    },
    /// Who was called had waited too long for something.
    GaveUp {
        why: String,
    },
    Ended {
        by: By,
    },
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Who called, in the call.
    Caller,
    /// Who called, before it was answered.
    GaveUp,
    /// Who was called, or the network.
    Callee,
    /// The line broke.
    Failure,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            By::Caller => "who called",
            By::GaveUp => "who called, before it was answered",
            By::Callee => "who was called",
            By::Failure => "a broken line",
        })
    }
}

/// Tells what happens in one call.
pub(super) struct Teller {
    watch: Watch,
    call: u64,
    attempt: u32,
    number: String,
    from: String,
    who: String,
}

impl Teller {
    pub fn new(watch: Watch, (call, attempt): (u64, u32), (number, from): (String, String), who: String) -> Teller {
        Teller {
            watch,
            call,
            attempt,
            number,
            from,
            who,
        }
    }

    pub fn tell(&self, what: What) {
        (self.watch)(&Happening {
            at: clock::wall(),
            call: self.call,
            number: self.number.clone(),
            from: self.from.clone(),
            attempt: self.attempt,
            who: self.who.clone(),
            what,
        });
    }
}

/// One call, as it went.
#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    pub number: String,
    pub from: String,
    pub attempt: u32,
    pub who: String,
    pub rung: Timestamp,
    pub answered: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// The SIP code that it was refused with.
    pub refused: Option<u16>,
    pub by: Option<By>,
    /// Keys that who was called has pressed.
    pub keys: String,
    /// What was recorded, 16 kHz mono; empty where nothing was.
    #[serde(skip)]
    pub recorded: Arc<[i16]>,
}

/// The calls of a network, added up.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<u64, Placed>);

impl Ledger {
    /// Adds what happened.
    pub fn note(&mut self, happening: &Happening) {
        let placed = self.0.entry(happening.call).or_insert_with(|| Placed {
            number: happening.number.clone(),
            from: happening.from.clone(),
            attempt: happening.attempt,
            who: happening.who.clone(),
            rung: happening.at,
            answered: None,
            ended: None,
            refused: None,
            by: None,
            keys: String::new(),
            recorded: Arc::from([]),
        });
        match &happening.what {
            What::Answered => placed.answered = Some(happening.at),
            What::Refused { code } => placed.refused = Some(*code),
            What::Pressed { key } => placed.keys.push(*key),
            What::Recorded { sound, .. } => placed.recorded = Arc::clone(sound),
            What::Ended { by } => (placed.ended, placed.by) = (Some(happening.at), Some(*by)),
            What::Rung | What::Said { .. } | What::Heard { .. } | What::GaveUp { .. } => {}
        }
    }

    /// In the order of their INVITEs.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &Placed> {
        self.0.values()
    }

    /// How often each number was called.
    pub fn by_number(&self) -> BTreeMap<&str, u32> {
        let mut counts = BTreeMap::new();
        for placed in self.0.values() {
            *counts.entry(placed.number.as_str()).or_default() += 1;
        }
        counts
    }

    /// How many calls each subscriber had.
    pub fn by_subscriber(&self) -> BTreeMap<&str, u32> {
        let mut counts = BTreeMap::new();
        for placed in self.0.values() {
            *counts.entry(placed.who.as_str()).or_default() += 1;
        }
        counts
    }

    /// Calls at the same time, at most; calls that have not ended go on.
    pub fn at_once(&self) -> usize {
        let begins = self.0.values().map(|placed| (placed.rung, 1_i64));
        let ends = self.0.values().filter_map(|placed| Some((placed.ended?, -1_i64)));
        let mut changes: Vec<(Timestamp, i64)> = begins.chain(ends).collect();
        changes.sort_unstable();
        let running = changes.iter().scan(0_i64, |now, (_, change)| {
            *now += change;
            Some(*now)
        });
        usize::try_from(running.max().unwrap_or(0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(call: u64, second: i64, what: What) -> Happening {
        Happening {
            at: Timestamp::from_second(1_800_000_000 + second).expect("a time"),
            call,
            number: format!("+49302312500{}", call % 2),
            from: "+4930123456".into(),
            attempt: 1,
            who: "somebody".into(),
            what,
        }
    }

    #[test]
    fn calls_are_added_up() {
        let mut ledger = Ledger::default();
        for (call, second, what) in [
            (1, 0, What::Rung),
            (2, 1, What::Rung),
            (1, 2, What::Answered),
            (2, 2, What::Refused { code: 486 }),
            (2, 2, What::Ended { by: By::Callee }),
            (1, 3, What::Pressed { key: '1' }),
            (3, 4, What::Rung),
            (1, 5, What::Pressed { key: '9' }),
            (1, 6, What::Ended { by: By::Caller }),
        ] {
            ledger.note(&happening(call, second, what));
        }
        let calls: Vec<&Placed> = ledger.calls().collect();
        assert_eq!(calls.len(), 3);
        assert_eq!((calls[0].keys.as_str(), calls[0].by), ("19", Some(By::Caller)));
        assert_eq!((calls[1].refused, calls[1].answered), (Some(486), None));
        assert!(calls[2].ended.is_none());
        assert_eq!(
            ledger.by_number(),
            BTreeMap::from([("+493023125000", 1), ("+493023125001", 2)])
        );
        assert_eq!(ledger.by_subscriber(), BTreeMap::from([("somebody", 3)]));
        assert_eq!(ledger.at_once(), 2);
    }

    #[test]
    fn a_happening_is_a_line_of_json() {
        let line = serde_json::to_value(happening(1, 0, What::Ended { by: By::GaveUp })).expect("JSON");
        assert_eq!(line["event"], "ended");
        assert_eq!(line["by"], "gave_up");
        assert_eq!(line["number"], "+493023125001");
        let sound = Arc::from([1_i16, 2]);
        let line = serde_json::to_value(happening(1, 0, What::Recorded { ms: 7, sound })).expect("JSON");
        assert_eq!((&line["ms"], &line["sound"]), (&7.into(), &serde_json::Value::Null));
    }
}
