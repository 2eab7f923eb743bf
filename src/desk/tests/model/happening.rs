//! What happens to the model: callers and agents, one event at a time.

use super::*;

impl Model {
    pub fn tell(&mut self, event: &Event) {
        self.happen(event);
        self.look();
    }

    fn customer(&self, id: u64) -> Option<usize> {
        let live = |customer: &Customer| customer.id == id && !matches!(customer.at, Where::Ended(_));
        self.customers.iter().position(live)
    }

    fn person(&mut self, id: u64) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.id == id)
    }

    fn come(&mut self, wish: &Wish, came: u64, line: Line, at: Where) {
        let id = self.customers.len() as u64 + 1;
        self.customers.push(Customer {
            id,
            wish: wish.clone(),
            came,
            since: came,
            line,
            at,
            asked: Vec::new(),
            last_told: None,
            offered: false,
            alone: None,
        });
    }

    fn happen(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::SignIn(id, profile) => {
                if self.person(*id).is_none() {
                    let (id, profile) = (*id, profile.clone());
                    let person = Person {
                        id,
                        profile,
                        signed_in: false,
                        paused: false,
                        writes_until: 0,
                        idle: now,
                        calls: 0,
                        missed: 0,
                    };
                    self.people.push(person);
                    self.people.sort_by_key(|person| person.id);
                }
                let person = self.person(*id).expect("just put there");
                person.profile = profile.clone();
                if !person.signed_in {
                    (person.signed_in, person.paused, person.idle, person.missed) = (true, false, now, 0);
                }
            }
            Event::SignOut(id) => {
                if let Some(person) = self.person(*id) {
                    if person.writes_until > now {
                        person.idle = now;
                    }
                    (person.signed_in, person.paused, person.writes_until) = (false, false, 0);
                    self.withdraw(*id);
                }
            }
            Event::Pause(id) => {
                if let Some(person) = self.person(*id)
                    && person.signed_in
                {
                    person.paused = true;
                    self.withdraw(*id);
                }
            }
            Event::Resume(id) => {
                if let Some(person) = self.person(*id)
                    && person.signed_in
                    && person.paused
                {
                    (person.paused, person.idle, person.missed) = (false, now, 0);
                }
            }
            Event::Done(id) => {
                if let Some(person) = self.person(*id)
                    && person.writes_until > now
                {
                    (person.writes_until, person.idle) = (0, now);
                }
            }
            Event::Enqueue(wish) => {
                let id = self.customers.len() + 1;
                let rules = self.rules(&wish.queue);
                let holds = |customer: &&Customer| {
                    let in_line = !matches!(customer.at, Where::Talking(_) | Where::Ended(_));
                    customer.wish.queue == wish.queue && in_line && !matches!(customer.line, Line::Away { .. })
                };
                let length = self.customers.iter().filter(holds).count();
                let why = if self.doors(&wish.queue) == Doors::Closed {
                    Some("Closed")
                } else if length >= rules.max_length as usize {
                    Some("Full")
                } else {
                    None
                };
                let at = if why.is_some() {
                    Where::Ended("overflowed")
                } else {
                    Where::Waiting
                };
                self.come(wish, now, Line::Holding, at);
                if let Some(why) = why {
                    self.say(format!("overflow {id}: {why}"));
                }
            }
            Event::Book(wish, after) => {
                let at = now + after;
                self.come(wish, at, Line::Away { since: at, tries: 0 }, Where::Resting(at));
            }
            Event::Doors(queue, doors) => {
                let queue = self
                    .queues
                    .iter_mut()
                    .find(|(rules, _, _)| rules.name == *queue)
                    .expect("a queue");
                queue.1 = *doors;
            }
            Event::Leave(id)
            | Event::Accept(_, id)
            | Event::Decline(_, id)
            | Event::Lost(_, id)
            | Event::Bridged(id)
            | Event::Reached(id)
            | Event::NotReached(id)
            | Event::CallBack(id)
            | Event::Requeue(id, ..) => {
                if let Some(n) = self.customer(*id) {
                    self.happen_to(n, event);
                }
            }
        }
    }

    fn happen_to(&mut self, n: usize, event: &Event) {
        let (now, id) = (self.now, self.customers[n].id);
        let (at, line) = (self.customers[n].at.clone(), self.customers[n].line);
        let queue = self.customers[n].wish.queue.clone();
        let away = matches!(line, Line::Away { .. });
        match (event, at) {
            (Event::Leave(_), Where::Talking(person)) => {
                self.customers[n].at = Where::Ended("answered");
                self.close(person, &queue);
            }
            (Event::Leave(_), at) => {
                self.customers[n].at = Where::Ended(if away { "given up" } else { "abandoned" });
                if let Where::Ringing(whom, _) = &at {
                    whom.iter()
                        .for_each(|person| self.say(format!("stop {id} at {person}: CallerGone")));
                }
                if let Where::Connecting(person, _) = at {
                    if away {
                        self.say(format!("stop dialling {id}"));
                    }
                    self.say(format!("stop {id} at {person}: CallerGone"));
                }
            }
            (Event::Accept(person, _), Where::Ringing(whom, _)) if whom.contains(person) => {
                self.customers[n].at = Where::Connecting(*person, now);
                let others = whom.iter().filter(|other| *other != person);
                others.for_each(|other| self.say(format!("stop {id} at {other}: Taken")));
                self.person(*person).expect("known").missed = 0;
                if away {
                    self.say(format!("dial {id} for {person}"));
                }
            }
            (Event::Decline(person, _), Where::Connecting(whom, _)) if whom == *person => {
                self.customers[n].at = Where::Waiting;
                if away {
                    self.say(format!("stop dialling {id}"));
                }
                self.customers[n].asked.push((*person, now));
                self.person(*person).expect("known").missed = 0;
            }
            (Event::Decline(person, _), _) => {
                let rung = self.unring(n, *person);
                if rung {
                    self.customers[n].asked.push((*person, now));
                    self.person(*person).expect("known").missed = 0;
                }
            }
            (Event::Lost(person, _), Where::Ringing(..)) => {
                let rung = self.unring(n, *person);
                if rung {
                    self.miss(n, *person);
                }
            }
            (Event::Lost(person, _), Where::Connecting(whom, _)) if whom == *person => {
                self.customers[n].at = Where::Waiting;
                if away {
                    self.say(format!("stop dialling {id}"));
                }
                self.miss(n, *person);
            }
            (Event::Lost(person, _), Where::Talking(whom)) if whom == *person => {
                self.person(whom).expect("known").idle = now;
                self.again(n, whom);
            }
            (Event::Bridged(_), Where::Connecting(person, _)) => {
                self.customers[n].at = Where::Talking(person);
                self.customers[n].line = Line::Holding;
                self.customers[n].alone = None;
                self.person(person).expect("known").calls += 1;
            }
            (Event::Reached(_), at) if away => {
                let customer = &mut self.customers[n];
                (customer.line, customer.since, customer.last_told) = (Line::Back, now, None);
                if let Where::Resting(_) = at {
                    customer.at = Where::Waiting;
                }
            }
            (Event::NotReached(_), Where::Connecting(..)) if away => self.not_reached(n),
            (Event::CallBack(_), Where::Waiting | Where::Ringing(..)) if line == Line::Holding => {
                let customer = &mut self.customers[n];
                customer.line = Line::Away { since: now, tries: 0 };
                customer.alone = None;
            }
            (Event::Requeue(_, to, preferred), Where::Talking(person)) => {
                self.close(person, &queue);
                self.customers[n].wish.queue = (*to).to_owned();
                self.customers[n].wish.preferred = preferred.map(AgentId);
                self.again(n, person);
            }
            _ => {}
        }
    }
}
