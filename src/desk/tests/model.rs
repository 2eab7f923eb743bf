//! The desk once more: simple, slow, and written from the rules.
//!
//! It looks at everything every second, knows no timers, and keeps what has been instead of what is due. Agents and tickets are plain
//! lists; a ticket that is over stays, with how it ended.

mod happening;

use super::*;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Where {
    Waiting,
    Resting(u64),
    /// Whom, since when.
    Ringing(Vec<u64>, u64),
    /// With whom, since when.
    Connecting(u64, u64),
    Talking(u64),
    Ended(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line {
    Holding,
    Away { since: u64, tries: u32 },
    Back,
}

pub(super) struct Customer {
    pub id: u64,
    pub wish: Wish,
    pub came: u64,
    /// Has waited since then.
    pub since: u64,
    pub line: Line,
    pub at: Where,
    /// Which agents did not take it, and when; the last of an agent counts.
    pub asked: Vec<(u64, u64)>,
    pub last_told: Option<u64>,
    pub offered: bool,
    pub alone: Option<u64>,
}

pub(super) struct Person {
    pub id: u64,
    pub profile: Profile,
    pub signed_in: bool,
    pub paused: bool,
    pub writes_until: u64,
    pub idle: u64,
    pub calls: u32,
    pub missed: u32,
}

pub(super) struct Model {
    pub now: u64,
    pub queues: Vec<(Queue, Doors, Option<u64>)>,
    pub people: Vec<Person>,
    pub customers: Vec<Customer>,
    pub log: Log,
}

impl Model {
    pub fn new(queues: &[Queue]) -> Self {
        Self {
            now: 0,
            queues: queues.iter().map(|queue| (queue.clone(), Doors::Open, None)).collect(),
            people: Vec::new(),
            customers: Vec::new(),
            log: Vec::new(),
        }
    }

    pub fn until(&mut self, second: u64) {
        while self.now < second {
            self.now += 1;
            self.look();
        }
        self.look();
    }

    fn say(&mut self, what: String) {
        self.log.push((self.now, what));
    }

    fn rules(&self, queue: &str) -> Queue {
        self.queues
            .iter()
            .find(|(rules, _, _)| rules.name == queue)
            .expect("a queue")
            .0
            .clone()
    }

    fn doors(&self, queue: &str) -> Doors {
        self.queues
            .iter()
            .find(|(rules, _, _)| rules.name == queue)
            .expect("a queue")
            .1
    }

    /// Whose ring or call a person has now.
    pub fn ringing(&self, person: u64) -> usize {
        let rings = |customer: &&Customer| matches!(&customer.at, Where::Ringing(whom, _) if whom.contains(&person));
        self.customers.iter().filter(rings).count()
    }

    pub fn with(&self, person: u64) -> usize {
        let with = |customer: &&Customer| match customer.at {
            Where::Connecting(whom, _) | Where::Talking(whom) => whom == person,
            _ => false,
        };
        self.customers.iter().filter(with).count()
    }

    fn at_work(&self, person: &Person) -> bool {
        person.signed_in && !person.paused && person.profile.capacity > 0
    }

    fn free(&self, person: &Person) -> bool {
        let room = self.with(person.id) < person.profile.capacity;
        self.at_work(person) && room && self.ringing(person.id) == 0 && person.writes_until <= self.now
    }

    /// Whether somebody has what a customer needs after so long.
    fn suits(&self, person: &Person, customer: &Customer, waited: u64) -> bool {
        if customer.wish.preferred == Some(AgentId(person.id)) {
            return true;
        }
        if let Some(language) = customer.wish.language
            && !person.profile.languages.contains(&language)
        {
            return false;
        }
        let rules = self.rules(&customer.wish.queue);
        for skill in rules.skills.iter().chain(&customer.wish.skills) {
            let dropped = rules
                .widen
                .iter()
                .any(|step| step.drop == *skill && step.after.as_secs() <= waited);
            if !dropped && !person.profile.skills.contains(skill) {
                return false;
            }
        }
        true
    }

    /// Points times sixty.
    fn points(&self, customer: &Customer) -> i64 {
        let ageing = i64::from(self.rules(&customer.wish.queue).ageing);
        i64::from(customer.wish.priority) * 60 + ageing * (self.now.saturating_sub(customer.came) as i64)
    }

    /// The places in `customers` of those who wait, the first first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.customers.len())
            .filter(|n| self.customers[*n].at == Where::Waiting)
            .collect();
        order.sort_by(|a, b| {
            let (a, b) = (&self.customers[*a], &self.customers[*b]);
            let by_points = self.points(b).cmp(&self.points(a));
            by_points.then(a.came.cmp(&b.came)).then(a.id.cmp(&b.id))
        });
        order
    }

    /// Whom a customer who waits may ring now.
    pub fn candidates(&self, customer: &Customer) -> Vec<u64> {
        let waited = self.now - customer.since;
        if matches!(customer.line, Line::Away { .. }) && self.doors(&customer.wish.queue) == Doors::Closed {
            return Vec::new();
        }
        let last = |person: u64| {
            customer
                .asked
                .iter()
                .filter(|(who, _)| *who == person)
                .map(|(_, at)| *at)
                .max()
        };
        let able: Vec<&Person> = self
            .people
            .iter()
            .filter(|p| self.at_work(p) && self.suits(p, customer, waited))
            .collect();
        let mut found = Vec::new();
        for person in &able {
            if !self.free(person) {
                continue;
            }
            if let Some(asked) = last(person.id) {
                let others = able
                    .iter()
                    .all(|other| last(other.id).is_some_and(|other| other >= asked));
                if self.now - asked < 15 || (self.now - asked < 60 && !others) {
                    continue;
                }
            }
            found.push(person.id);
        }
        if let Some(AgentId(first)) = customer.wish.preferred
            && waited < 30
            && able.iter().any(|person| person.id == first)
            && last(first).is_none()
        {
            found.retain(|person| *person == first);
        }
        found
    }

    /// Whom of these the queue's strategy takes.
    fn pick(&self, customer: &Customer, from: Vec<u64>) -> Vec<u64> {
        let (rules, _, turn) = self
            .queues
            .iter()
            .find(|(rules, _, _)| rules.name == customer.wish.queue)
            .expect("a queue");
        if rules.strategy == Strategy::RingAll {
            return from;
        }
        let last = |person: u64| {
            customer
                .asked
                .iter()
                .filter(|(who, _)| *who == person)
                .map(|(_, at)| *at)
                .max()
        };
        let oldest = from.iter().map(|person| last(*person)).min();
        let mut left: Vec<&Person> = self
            .people
            .iter()
            .filter(|p| from.contains(&p.id) && Some(last(p.id)) == oldest)
            .collect();
        left.sort_by_key(|person| match rules.strategy {
            Strategy::LongestIdle => (self.with(person.id) as u64, person.idle, person.id),
            Strategy::FewestCalls => (u64::from(person.calls), person.idle, person.id),
            // Those after the last come before those up to it.
            Strategy::RoundRobin | Strategy::RingAll => {
                (u64::from(turn.is_some_and(|last| person.id <= last)), person.id, 0)
            }
        });
        left.first().map(|person| person.id).into_iter().collect()
    }

    /// Everything that follows from what there is at this second.
    fn look(&mut self) {
        let now = self.now;
        for person in &mut self.people {
            if person.writes_until == now && person.signed_in {
                person.idle = now;
            }
        }
        for n in 0..self.customers.len() {
            self.expire(n);
        }
        for n in self.order() {
            let customer = &self.customers[n];
            let chosen = self.pick(customer, self.candidates(customer));
            if chosen.is_empty() {
                continue;
            }
            let (id, name) = (customer.id, customer.wish.queue.clone());
            let until = now + self.rules(&name).ring.as_secs();
            for person in &chosen {
                self.say(format!("ring {id} at {person} until {until}"));
            }
            let queue = self
                .queues
                .iter_mut()
                .find(|(rules, _, _)| rules.name == name)
                .expect("a queue");
            queue.2 = chosen.last().copied();
            self.customers[n].alone = None;
            self.customers[n].at = Where::Ringing(chosen, now);
        }
        self.announce();
    }

    fn expire(&mut self, n: usize) {
        let (now, id) = (self.now, self.customers[n].id);
        let rules = self.rules(&self.customers[n].wish.queue);
        match (self.customers[n].at.clone(), self.customers[n].line) {
            (Where::Ringing(whom, since), _) if now - since >= rules.ring.as_secs() => {
                self.customers[n].at = Where::Waiting;
                for person in whom {
                    self.say(format!("stop {id} at {person}: Unanswered"));
                    self.miss(n, person);
                }
            }
            (Where::Connecting(_, since), Line::Away { .. }) if now - since >= 90 => {
                self.say(format!("stop dialling {id}"));
                self.not_reached(n);
            }
            (Where::Connecting(whom, since), Line::Holding | Line::Back) if now - since >= 90 => {
                self.customers[n].at = Where::Waiting;
                self.say(format!("stop {id} at {whom}: NotConnected"));
                self.miss(n, whom);
            }
            _ => {}
        }
        let customer = &self.customers[n];
        match (customer.at.clone(), customer.line) {
            (Where::Waiting | Where::Resting(_), Line::Away { since, .. }) if now >= since + 72 * 3600 => {
                self.say(format!("give up {id}"));
                self.customers[n].at = Where::Ended("given up");
            }
            (Where::Resting(until), _) if now >= until => self.customers[n].at = Where::Waiting,
            (Where::Waiting, Line::Holding | Line::Back) => {
                let somebody = self
                    .people
                    .iter()
                    .any(|p| p.signed_in && self.suits(p, customer, u64::MAX));
                let alone = if somebody {
                    None
                } else {
                    Some(customer.alone.unwrap_or(now))
                };
                let waited = now - customer.since;
                self.customers[n].alone = alone;
                if waited >= rules.max_wait.as_secs() {
                    self.say(format!("overflow {id}: Waited"));
                    self.customers[n].at = Where::Ended("overflowed");
                } else if alone.is_some_and(|since| now - since >= 15) {
                    self.say(format!("overflow {id}: NoAgents"));
                    self.customers[n].at = Where::Ended("overflowed");
                }
            }
            _ => {}
        }
    }

    fn announce(&mut self) {
        let order = self.order();
        for (at, n) in order.iter().enumerate() {
            let customer = &self.customers[*n];
            let rules = self.rules(&customer.wish.queue);
            if matches!(customer.line, Line::Away { .. }) {
                continue;
            }
            let every = rules.announce_wait.map(|every| every.as_secs());
            let due = every.is_some_and(|every| customer.last_told.is_none_or(|last| self.now - last >= every));
            let waited = self.now - customer.since;
            let offer = rules.offer_callback.is_some_and(|after| waited >= after.as_secs());
            let (id, offered) = (customer.id, customer.offered);
            let before = order[..at]
                .iter()
                .filter(|n| self.customers[**n].wish.queue == rules.name)
                .count();
            if due {
                self.say(format!("announce {id} at {}", before + 1));
                self.customers[*n].last_told = Some(self.now);
            }
            if offer && !offered && self.customers[*n].line == Line::Holding {
                self.say(format!("offer callback {id}"));
                self.customers[*n].offered = true;
            }
        }
    }

    /// Somebody did not answer, or was not there when they had accepted.
    fn miss(&mut self, n: usize, person: u64) {
        self.customers[n].asked.push((person, self.now));
        let known = self.people.iter_mut().find(|p| p.id == person).expect("known");
        known.missed += 1;
        if known.missed >= 2 && known.signed_in && !known.paused && known.profile.capacity > 0 {
            known.missed = 0;
            known.paused = true;
            self.say(format!("paused {person}"));
        }
    }

    fn not_reached(&mut self, n: usize) {
        let id = self.customers[n].id;
        if let Line::Away { tries, .. } = &mut self.customers[n].line {
            *tries += 1;
            if *tries >= 3 {
                self.customers[n].at = Where::Ended("given up");
                self.say(format!("give up {id}"));
            } else {
                self.customers[n].at = Where::Resting(self.now + 900);
            }
        }
    }

    /// A call is over for somebody.
    fn close(&mut self, person: u64, queue: &str) {
        let writing = self.rules(queue).wrap_up.as_secs();
        let now = self.now;
        let known = self.people.iter_mut().find(|p| p.id == person).expect("known");
        known.idle = now;
        if writing > 0 && known.signed_in {
            known.writes_until = known.writes_until.max(now + writing);
        }
    }

    fn again(&mut self, n: usize, person: u64) {
        let now = self.now;
        let customer = &mut self.customers[n];
        customer.since = now;
        customer.at = Where::Waiting;
        customer.asked = vec![(person, now)];
        (customer.last_told, customer.offered) = (None, false);
    }

    fn withdraw(&mut self, person: u64) {
        for n in 0..self.customers.len() {
            let id = self.customers[n].id;
            if let Where::Ringing(whom, _) = &mut self.customers[n].at
                && whom.contains(&person)
            {
                whom.retain(|other| *other != person);
                if whom.is_empty() {
                    self.customers[n].at = Where::Waiting;
                }
                self.say(format!("stop {id} at {person}: Withdrawn"));
            }
        }
    }

    /// Takes a ring from somebody who did not take it; whether there was one.
    fn unring(&mut self, n: usize, person: u64) -> bool {
        let Where::Ringing(whom, _) = &mut self.customers[n].at else {
            return false;
        };
        if !whom.contains(&person) {
            return false;
        }
        whom.retain(|other| *other != person);
        if whom.is_empty() {
            self.customers[n].at = Where::Waiting;
        }
        true
    }
}
