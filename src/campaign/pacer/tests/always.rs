//! Whatever happens in whatever order: what must hold of each call, and that nobody is forgotten.

use proptest::prelude::*;

use super::*;

/// Open in the first part of every 600 s.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sometimes {
    open: i64,
}

impl Hours for Sometimes {
    fn next(&self, after: Timestamp) -> Option<Range<Timestamp>> {
        let second = after.as_second();
        let begin = second.div_euclid(600) * 600;
        let begin = if second < begin + self.open { begin } else { begin + 600 };
        Some(at(begin)..at(begin + self.open))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        campaign: usize,
        contact: i64,
        number: u64,
        after: i64,
        open: i64,
    },
    Remove {
        campaign: usize,
        contact: i64,
    },
    Dial,
    Permit,
    End {
        call: usize,
        reach: usize,
        again: Option<i64>,
    },
    Answer {
        call: usize,
    },
    Pass {
        milliseconds: u64,
    },
    /// Until it may be that somebody is dialled.
    Sleep,
    Places(u32),
    Free {
        trunk: usize,
        free: u32,
    },
    Hold(usize),
    Release(usize),
    Halt(usize),
    Start(usize),
    Agents {
        campaign: usize,
        free: u32,
    },
}

const NAMES: [&str; 3] = ["a", "b", "c"];
const RATES: [f64; 3] = [20.0, 3.0, 0.5];
const MOST: [u32; 3] = [4, 3, 2];
const TRUNKS: [(&str, Option<u32>); 2] = [("one", Some(4)), ("two", None)];
const REACHES: [Reach; 6] = [
    Reach::Answered,
    Reach::Busy,
    Reach::NoAnswer,
    Reach::Congestion,
    Reach::Congestion,
    Reach::Failed,
];

fn step() -> impl Strategy<Value = Step> {
    let again = prop_oneof![Just(None), (0_i64..900).prop_map(Some)];
    prop_oneof![
        6 => (0_usize..3, 0_i64..12, 0_u64..20, 0_i64..700, 100_i64..700)
            .prop_map(|(campaign, contact, number, after, open)| Step::Put { campaign, contact, number, after, open: open.min(600) }),
        1 => (0_usize..3, 0_i64..12).prop_map(|(campaign, contact)| Step::Remove { campaign, contact }),
        12 => Just(Step::Dial),
        1 => Just(Step::Permit),
        6 => (0_usize..8, 0_usize..6, again).prop_map(|(call, reach, again)| Step::End { call, reach, again }),
        1 => (0_usize..8).prop_map(|call| Step::Answer { call }),
        4 => (0_u64..3_000).prop_map(|milliseconds| Step::Pass { milliseconds }),
        4 => Just(Step::Sleep),
        1 => (0_u32..9).prop_map(Step::Places),
        1 => (0_usize..2, 0_u32..3).prop_map(|(trunk, free)| Step::Free { trunk, free }),
        1 => (0_usize..3).prop_map(Step::Hold),
        2 => (0_usize..3).prop_map(Step::Release),
        1 => (0_usize..3).prop_map(Step::Halt),
        2 => (0_usize..3).prop_map(Step::Start),
        2 => (0_usize..3, 0_u32..4).prop_map(|(campaign, free)| Step::Agents { campaign, free }),
    ]
}

/// What was done, kept in the plainest way.
struct Scene {
    pacer: Pacer<Sometimes>,
    world: World,
    waiting: BTreeMap<(String, ContactId), (u64, i64, i64)>,
    /// With the number, and whether they may be called again.
    calls: Vec<(Dial, bool, i64)>,
    running: [bool; 3],
    dialled: Vec<(Instant, String, String)>,
}

impl Scene {
    fn new() -> Self {
        let mut pacer = Pacer::new(Limits { lines: 6, reserve: 2 });
        for (name, (rate, most)) in NAMES.into_iter().zip(RATES.into_iter().zip(MOST)) {
            let mode = if name == "c" {
                Mode::Progressive
            } else {
                Mode::Agentless
            };
            pacer.enter(name, rules(mode, most, rate));
            pacer.start(name);
        }
        let mut world = world();
        world.trunks = TRUNKS
            .map(|(name, calls_per_second)| Trunk {
                calls_per_second,
                ..trunk(name)
            })
            .to_vec();
        Self {
            pacer,
            world,
            waiting: BTreeMap::new(),
            calls: Vec::new(),
            running: [true; 3],
            dialled: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Put {
                campaign,
                contact,
                number,
                after,
                open,
            } => {
                let (name, contact) = (NAMES[campaign], ContactId(contact));
                let hours = self.pacer.book(name).expect("the campaign").hours(&Sometimes { open });
                let due = self.world.wall.as_second() + after;
                let entry = Entry {
                    number,
                    due: at(due),
                    lane: Lane::Attempt,
                    hours,
                };
                self.pacer.book(name).expect("the campaign").put(contact, entry);
                if !self
                    .calls
                    .iter()
                    .any(|(dial, ..)| dial.campaign == name && dial.contact == contact)
                {
                    self.waiting.insert((name.to_owned(), contact), (number, due, open));
                }
            }
            Step::Remove { campaign, contact } => {
                let (name, contact) = (NAMES[campaign], ContactId(contact));
                let was = self.waiting.remove(&(name.to_owned(), contact)).is_some();
                assert_eq!(self.pacer.remove(name, contact).is_some(), was);
                for (dial, wanted, _) in &mut self.calls {
                    *wanted &= !(dial.campaign == name && dial.contact == contact);
                }
            }
            Step::Dial => {
                self.dial();
            }
            Step::Permit => {
                let before = self.dialled.len();
                if self.dial() {
                    let (dial, ..) = self.calls.pop().expect("the call");
                    self.pacer.refused(&dial.campaign, dial.contact, None);
                    self.dialled.truncate(before);
                }
            }
            Step::End { call, reach, again } => self.end(call, REACHES[reach], again),
            Step::Answer { call } => {
                if let Some((dial, ..)) = self.calls.get(call) {
                    self.pacer
                        .told(self.world.now, &dial.campaign, dial.contact, Progress::Machine);
                }
            }
            Step::Pass { milliseconds } => pass(&mut self.world, Duration::from_millis(milliseconds)),
            Step::Sleep => self.sleep(),
            Step::Places(places) => self.world.places = places,
            Step::Free { trunk, free } => self.world.trunks[trunk].free = Some(free).filter(|free| *free < 2),
            Step::Hold(campaign) => {
                self.world.held.insert(NAMES[campaign].to_owned());
            }
            Step::Release(campaign) => {
                self.world.held.remove(NAMES[campaign]);
            }
            Step::Halt(campaign) => {
                self.pacer.halt(NAMES[campaign]);
                self.running[campaign] = false;
            }
            Step::Start(campaign) => {
                self.pacer.start(NAMES[campaign]);
                self.running[campaign] = true;
            }
            Step::Agents { campaign, free } => {
                let agents = agents(free, 1);
                self.world.agents.insert(NAMES[campaign].to_owned(), agents);
            }
        }
        self.check();
    }

    /// Whether somebody was dialled; who may not be, never is.
    fn dial(&mut self) -> bool {
        let (now, wall) = (self.world.now, self.world.wall);
        let Some(dial) = self.pacer.next(&self.world) else {
            return false;
        };
        let place = NAMES
            .iter()
            .position(|name| *name == dial.campaign)
            .expect("a campaign of ours");
        let key = (dial.campaign.clone(), dial.contact);
        let (number, due, open) = self.waiting.remove(&key).expect("nobody is dialled who does not wait");
        assert_eq!(number, dial.number);
        assert!(wall >= at(due), "too early");
        assert!(
            Sometimes { open }.next(wall).is_some_and(|open| open.start <= wall),
            "not at this hour"
        );
        assert!(self.running[place], "it is halted");
        assert!(!self.world.held.contains(&dial.campaign), "it is held");
        assert!(self.calls.len() < 6 && self.world.places > 2, "no line is free");
        let own = self.calls.iter().filter(|(other, ..)| other.campaign == dial.campaign);
        assert!(own.count() < MOST[place] as usize, "its lines are all in use");
        assert!(
            !self.calls.iter().any(|(other, ..)| other.number == number),
            "the number is on the line"
        );
        let trunk = self
            .world
            .trunks
            .iter()
            .find(|trunk| trunk.name == dial.trunk)
            .expect("a trunk of ours");
        assert_ne!(trunk.free, Some(0), "the trunk is full");
        if place == 2 {
            let free = self.world.agents.get("c").map_or(0, |agents| agents.free);
            assert!(free > 0, "nobody can take the call");
        }
        self.dialled.push((now, dial.campaign.clone(), dial.trunk.clone()));
        self.rates(&dial, RATES[place], trunk.calls_per_second);
        self.calls.push((dial, true, open));
        true
    }

    /// No more in any span of time than its rate, and one.
    fn rates(&self, dial: &Dial, rate: f64, of_trunk: Option<u32>) {
        let by_campaign = self
            .dialled
            .iter()
            .filter(|(_, campaign, _)| *campaign == dial.campaign);
        let by_trunk = self.dialled.iter().filter(|(.., trunk)| *trunk == dial.trunk);
        let check = |times: Vec<Instant>, rate: f64| {
            for (place, begin) in times.iter().enumerate() {
                let span = self.world.now.duration_since(*begin) + Duration::from_millis(50);
                let most = span.as_secs_f64() * rate + 1.0 + 1e-6;
                assert!(
                    (times.len() - place) as f64 <= most,
                    "{} calls in {span:?} at {rate}",
                    times.len() - place
                );
            }
        };
        check(by_campaign.map(|(at, ..)| *at).collect(), rate);
        if let Some(rate) = of_trunk {
            check(by_trunk.map(|(at, ..)| *at).collect(), f64::from(rate));
        }
    }

    fn end(&mut self, call: usize, reach: Reach, again: Option<i64>) {
        if call >= self.calls.len() {
            return;
        }
        let (dial, wanted, open) = self.calls.remove(call);
        let due = again.map(|after| self.world.wall.as_second() + after);
        let again = due.map(|due| Again {
            due: at(due),
            lane: Lane::Attempt,
        });
        let outcome = Outcome::of(reach);
        self.pacer
            .ended(&self.world, &dial.campaign, dial.contact, &outcome, again);
        if let (Some(due), true) = (due, wanted) {
            self.waiting
                .insert((dial.campaign, dial.contact), (dial.number, due, open));
        }
    }

    /// Who is not asked before the time that is told misses nobody.
    fn sleep(&mut self) {
        while self.dial() {}
        let engaged: BTreeSet<u64> = self.calls.iter().map(|(dial, ..)| dial.number).collect();
        match self.pacer.poll_timeout(&self.world) {
            Some(until) => {
                assert!(until > self.world.now, "whoever waits for that turns in circles");
                let whole = until - self.world.now;
                // A moment before it is too early.
                if let Some(early) = whole.checked_sub(Duration::from_millis(1)) {
                    pass(&mut self.world, early);
                    assert!(!self.dial(), "somebody was missed");
                    pass(&mut self.world, whole - early);
                } else {
                    pass(&mut self.world, whole);
                }
                let others = self.waiting.values().any(|(number, ..)| !engaged.contains(number));
                let dialled = self.dial();
                let due = |(number, due, _): &(u64, i64, i64)| at(*due) <= self.world.wall && engaged.contains(number);
                assert!(
                    dialled || !others || self.waiting.values().any(due) || self.may_be_closed(),
                    "nobody is dialled"
                );
            }
            None => assert!(self.is_full(), "it is not told when somebody is due"),
        }
    }

    /// Who is due at a time when hours have closed meanwhile.
    fn may_be_closed(&self) -> bool {
        let closed = |open: i64| {
            Sometimes { open }
                .next(self.world.wall)
                .is_none_or(|range| range.start > self.world.wall)
        };
        self.waiting
            .values()
            .any(|(_, due, open)| at(*due) <= self.world.wall && closed(*open))
    }

    /// Whether nobody can be dialled however long one waits.
    fn is_full(&self) -> bool {
        let may = |place: usize| {
            let name = NAMES[place];
            let own = self.calls.iter().filter(|(dial, ..)| dial.campaign == name).count();
            // Whether an agent is free for it is looked at elsewhere.
            place != 2
                && self.running[place]
                && !self.world.held.contains(name)
                && own < MOST[place] as usize
                && self.waiting.keys().any(|(campaign, _)| campaign == name)
        };
        let trunk = self.world.trunks.iter().any(|trunk| trunk.free != Some(0));
        self.calls.len() >= 6 || self.world.places <= 2 || !trunk || !(0..3).any(may)
    }

    /// Nobody is forgotten, and nobody waits whom a call is under way with.
    fn check(&mut self) {
        for name in NAMES {
            let waiting = self.waiting.keys().filter(|(campaign, _)| campaign == name);
            let calls = self.calls.iter().filter(|(dial, ..)| dial.campaign == name);
            let under_way = self.pacer.calls(name);
            let book = self.pacer.book(name).expect("the campaign");
            assert_eq!((book.len(), under_way), (waiting.clone().count(), calls.count()));
            for (_, contact) in waiting {
                assert!(book.get(*contact).is_some());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn holds(steps in prop::collection::vec(step(), 1..200)) {
        let mut scene = Scene::new();
        for step in steps {
            scene.take(step);
        }
    }
}
