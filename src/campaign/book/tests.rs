//! The book beside one that looks at everybody.

use proptest::prelude::*;

use super::*;

/// Open for `length` in every `every`, from `from` on, in seconds; `every: 0` cannot tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Daily {
    every: i64,
    from: i64,
    length: i64,
}

impl Hours for Daily {
    fn next(&self, after: Timestamp) -> Option<Range<Timestamp>> {
        if self.every == 0 {
            return None;
        }
        let second = after.as_second();
        let begin = (second - self.from).div_euclid(self.every) * self.every + self.from;
        let begin = if second < begin + self.length {
            begin
        } else {
            begin + self.every
        };
        Some(at(begin)..at(begin + self.length))
    }
}

const ALWAYS: Daily = Daily {
    every: 1,
    from: 0,
    length: 1,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn entry(due: i64, lane: Lane, hours: HoursId) -> Entry {
    Entry {
        number: 493_023_125_000,
        due: at(due),
        lane,
        hours,
    }
}

#[test]
fn appointments_go_first_and_then_who_has_waited_longest() {
    let mut book = Book::default();
    let hours = book.hours(&ALWAYS);
    for (id, due, lane) in [
        (1, 30, Lane::Attempt),
        (2, 10, Lane::Attempt),
        (3, 40, Lane::Appointment),
        (4, 900, Lane::Appointment),
        (5, 20, Lane::Attempt),
    ] {
        book.put(ContactId(id), entry(due, lane, hours));
    }
    assert_eq!(book.first(at(9)), None);
    assert_eq!(book.next(at(9)), Some(at(10)));
    let order: Vec<i64> = std::iter::from_fn(|| book.take(at(100))).map(|(id, _)| id.0).collect();
    assert_eq!(order, [3, 2, 5, 1]);
    assert_eq!((book.len(), book.next(at(100))), (1, Some(at(900))));
    assert_eq!(book.remove(ContactId(4)).map(|entry| entry.due), Some(at(900)));
    assert_eq!((book.remove(ContactId(4)), book.next(at(100))), (None, None));
}

#[test]
fn who_may_not_be_called_at_this_hour_keeps_nobody_waiting() {
    let mut book = Book::default();
    let night = book.hours(&Daily {
        every: 86_400,
        from: 0,
        length: 3_600,
    });
    let day = book.hours(&Daily {
        every: 86_400,
        from: 36_000,
        length: 36_000,
    });
    book.put(ContactId(1), entry(0, Lane::Appointment, night));
    book.put(ContactId(2), entry(5, Lane::Attempt, day));
    assert_eq!(book.next(at(7_200)), Some(at(36_000)));
    assert_eq!(book.take(at(7_200)), None);
    assert_eq!(book.take(at(36_000)).map(|(id, _)| id), Some(ContactId(2)));
    assert_eq!(book.next(at(36_000)), Some(at(86_400)));
    assert_eq!(book.take(at(86_399)), None);
    assert_eq!(book.take(at(86_400)).map(|(id, _)| id), Some(ContactId(1)));
}

#[test]
fn whose_hours_cannot_be_told_is_given_for_the_permit_to_say_why() {
    let mut book = Book::default();
    let hours = book.hours(&Daily {
        every: 0,
        from: 0,
        length: 0,
    });
    book.put(ContactId(1), entry(50, Lane::Attempt, hours));
    assert_eq!((book.next(at(10)), book.take(at(49))), (Some(at(50)), None));
    assert_eq!(book.take(at(50)).map(|(id, _)| id), Some(ContactId(1)));
}

#[test]
fn a_contact_is_small() {
    // With the key of the map, and its place in the order.
    let bytes = size_of::<(ContactId, Kept)>() + size_of::<(i64, ContactId)>();
    assert!(bytes <= 64, "{bytes} bytes");
}

#[test]
fn a_part_of_a_millisecond_is_never_early() {
    let due = Timestamp::new(10, 500_001).expect("a time");
    assert_eq!(milliseconds(due), 10_001);
    assert_eq!(milliseconds(at(10)), 10_000);
}

#[derive(Clone, Debug)]
enum Step {
    Settle {
        id: i64,
        due: Option<i64>,
    },
    Put {
        id: i64,
        due: i64,
        appointment: bool,
        hours: usize,
    },
    Remove {
        id: i64,
    },
    Take,
    Pass {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_i64..40, 0_i64..5_000, any::<bool>(), 0_usize..4)
            .prop_map(|(id, due, appointment, hours)| Step::Put { id, due, appointment, hours }),
        1 => (0_i64..40).prop_map(|id| Step::Remove { id }),
        4 => Just(Step::Take),
        3 => (0_i64..40, prop_oneof![Just(None), (0_i64..5_000).prop_map(Some)]).prop_map(|(id, due)| Step::Settle { id, due }),
        // Now and then the clock is put back.
        2 => (-100_i64..600).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn gives_whom_one_gives_that_looks_at_everybody(steps in prop::collection::vec(step(), 1..120)) {
        let kinds = [
            ALWAYS,
            Daily { every: 1_000, from: 300, length: 200 },
            Daily { every: 700, from: 0, length: 699 },
            Daily { every: 1_000, from: 300, length: 201 },
        ];
        let mut book = Book::default();
        let ids = kinds.clone().map(|hours| book.hours(&hours));
        prop_assert_eq!(ids, kinds.clone().map(|hours| book.hours(&hours)));
        let mut all: BTreeMap<ContactId, (Lane, i64, usize)> = BTreeMap::new();
        let mut out: BTreeMap<ContactId, Return> = BTreeMap::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Put { id, due, appointment, hours } => {
                    let lane = if appointment { Lane::Appointment } else { Lane::Attempt };
                    book.put(ContactId(id), entry(due, lane, ids[hours]));
                    if !out.contains_key(&ContactId(id)) {
                        all.insert(ContactId(id), (lane, due, hours));
                    }
                }
                Step::Settle { id, due } => {
                    let again = due.map(|due| entry(due, Lane::Attempt, ids[0]));
                    book.settle(ContactId(id), again);
                    if let (Some(Return::Welcome), Some(due)) = (out.remove(&ContactId(id)), due) {
                        all.insert(ContactId(id), (Lane::Attempt, due, 0));
                    }
                }
                Step::Remove { id } => {
                    let known = all.remove(&ContactId(id));
                    out.entry(ContactId(id)).and_modify(|to| *to = Return::Unwanted);
                    prop_assert_eq!(book.remove(ContactId(id)).map(|entry| entry.due), known.map(|(_, due, _)| at(due)));
                }
                Step::Pass { seconds } => now += seconds,
                Step::Take => {
                    let may = |hours: usize| kinds[hours].next(at(now)).is_some_and(|open| open.start <= at(now));
                    let able = all.iter().filter(|(_, (_, due, hours))| *due <= now && may(*hours));
                    let wanted = able.map(|(id, (lane, due, _))| (*lane, *due, *id)).min();
                    prop_assert_eq!(book.first(at(now)), wanted.map(|(lane, ..)| lane));
                    if wanted.is_some() {
                        prop_assert!(book.next(at(now)).is_some_and(|next| next <= at(now)));
                    } else if let Some(next) = book.next(at(now)) {
                        // Nobody is missed by whoever sleeps until then.
                        prop_assert!(next > at(now));
                        let sooner = |(_, due, hours): &(Lane, i64, usize)| {
                            let from = at((*due).max(now));
                            kinds[*hours].next(from).is_some_and(|open| open.start.max(from) < next)
                        };
                        prop_assert!(!all.values().any(sooner), "{next} is late at {now}: {all:?}");
                    } else {
                        prop_assert!(all.is_empty());
                    }
                    let found = book.take(at(now));
                    prop_assert_eq!(found.map(|(id, entry)| (entry.lane, entry.due.as_second(), id)), wanted);
                    if let Some((id, _)) = found {
                        all.remove(&id);
                        out.insert(id, Return::Welcome);
                    }
                }
            }
            prop_assert_eq!(book.len(), all.len());
        }
    }
}
