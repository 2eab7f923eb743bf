//! What happens at a busy desk, at a steady pace: callers come and go, agents are at work and pause, calls ring at them and are declined, lines of
//! pages break.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::callers::{Callers, Gone};
use super::crowd::{Crowd, Order, Seen};
use super::site::Member;
use super::watch::{Place, Sight, Standing, digits};
use crate::clock;
use crate::store::people::Role;

/// Every so many happenings the line of a page breaks.
const BREAKS: u64 = 8;
/// And the page is away for one of these, in turn.
const AWAY: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(1_000),
    Duration::from_millis(2_500),
];
/// For the last of the pages to be told of the last that happened.
const AFTERWARDS: Duration = Duration::from_secs(6);

/// Who does what, by their places.
pub struct Cast {
    names: Vec<String>,
    all: Vec<Place>,
    supervisors: Vec<Place>,
    /// Agents for whom no caller waits.
    idle: VecDeque<Agent>,
    /// Agents at whom calls ring as soon as they are at work.
    wanted: VecDeque<Agent>,
    /// Whose lines break; nothing else is asked of them.
    unsteady: VecDeque<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Agent {
    place: Place,
    at: At,
}

/// What an agent did last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Pause,
    Work,
    /// Declined what rang.
    Declined,
}

impl Cast {
    /// One in five has a line that breaks; of the others half are wanted.
    pub fn of(staff: &[Member]) -> Self {
        let place = |role: Role| move |(place, member): (Place, &Member)| (member.role == role).then_some(place);
        let members = || staff.iter().enumerate();
        let supervisors: Vec<Place> = members().filter_map(place(Role::Supervisor)).collect();
        let mut cast = Self {
            names: staff.iter().map(|member| member.name.clone()).collect(),
            all: (0..staff.len()).collect(),
            unsteady: supervisors.last().copied().into_iter().collect(),
            supervisors,
            idle: VecDeque::new(),
            wanted: VecDeque::new(),
        };
        for (n, place) in members().filter_map(place(Role::Agent)).enumerate() {
            let agent = Agent { place, at: At::Pause };
            let skill = staff.get(place).map(|member| member.skill);
            match (n % 5, skill) {
                (4, _) => cast.unsteady.push_back(place),
                (_, Some("care")) => cast.wanted.push_back(agent),
                (_, Some(_) | None) => cast.idle.push_back(agent),
            }
        }
        cast
    }

    /// Nobody who is wanted is at work, whatever opening a page means.
    pub fn begin(&self, crowd: &Crowd) {
        for agent in &self.wanted {
            self.pauses(crowd, agent.place);
        }
    }

    /// Has everything happen, one each `every`, for `span`, and waits until the pages were told. `waiting` are the callers, the first first; it is kept
    /// up to date. How much happened.
    pub async fn play(
        &mut self,
        (callers, crowd, seen): (&Callers, &Crowd, &Seen),
        waiting: &mut VecDeque<(u64, String)>,
        every: Duration,
        span: Duration,
    ) -> Result<u64, Gone> {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let until = clock::now() + span;
        let mut count = 0;
        while clock::now() < until {
            tick.tick().await;
            seen.lock().expire(clock::now());
            match count % 4 {
                0 => self.one_goes_and_one_comes(callers, seen, waiting).await?,
                1 => self.one_pauses_or_works(crowd),
                _ => self.one_is_rung(crowd, seen),
            }
            if count % BREAKS == BREAKS - 1 {
                let away = AWAY.get((count / BREAKS) as usize % AWAY.len());
                self.one_is_away(crowd, away.copied().unwrap_or_default());
            }
            count += 1;
        }
        let until = clock::now() + AFTERWARDS;
        while seen.lock().is_waiting() && clock::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
            seen.lock().expire(clock::now());
        }
        Ok(count)
    }

    async fn one_goes_and_one_comes(
        &self,
        callers: &Callers,
        seen: &Seen,
        waiting: &mut VecDeque<(u64, String)>,
    ) -> Result<(), Gone> {
        // One of the middle: the first may be ringing at somebody, the last still be greeted.
        if let Some((number, user)) = waiting.remove(waiting.len() / 2) {
            let now = callers.hang_up(number).await?;
            let mut watch = seen.lock();
            if let Some(call) = watch.call_of(&digits(&user)).cloned() {
                watch.expect(now, self.supervisors.iter().copied(), Sight::Goes { call });
            }
            let count = watch.next_abandoned();
            watch.expect(now, self.all.iter().copied(), Sight::Abandoned { count });
        }
        let (number, user, now) = callers.ring().await?;
        let comes = Sight::Comes { number: user.clone() };
        seen.lock().expect(now, self.supervisors.iter().copied(), comes);
        waiting.push_back((number, user));
        Ok(())
    }

    fn one_pauses_or_works(&mut self, crowd: &Crowd) {
        let Some(mut agent) = self.idle.pop_front() else {
            return;
        };
        agent.at = match agent.at {
            At::Work => self.pauses(crowd, agent.place),
            At::Pause | At::Declined => self.works(crowd, agent.place, Vec::new()),
        };
        self.idle.push_back(agent);
    }

    /// An agent is at work, then declines what rings, then pauses: each when it is their turn.
    fn one_is_rung(&mut self, crowd: &Crowd, seen: &Seen) {
        let Some(mut agent) = self.wanted.pop_front() else {
            return;
        };
        let (place, rings) = (agent.place, seen.lock().rings_at(agent.place).cloned());
        agent.at = match (agent.at, rings) {
            (At::Pause, _) => self.works(crowd, place, vec![(vec![place], Sight::Rings)]),
            (At::Work, Some(call)) => {
                let with = json!({"call": call});
                let sights = vec![(vec![place], Sight::Leaves { call })];
                crowd.order(
                    place,
                    Order::Do {
                        name: "decline",
                        with,
                        sights,
                    },
                );
                At::Declined
            }
            // Whatever rings meanwhile is withdrawn.
            (At::Work, None) | (At::Declined, _) => self.pauses(crowd, place),
        };
        // The next time round they go on, and two others meanwhile.
        match agent.at {
            At::Pause => self.wanted.push_back(agent),
            At::Work | At::Declined => self.wanted.insert(self.wanted.len().min(2), agent),
        }
    }

    fn works(&self, crowd: &Crowd, place: Place, more: Vec<(Vec<Place>, Sight)>) -> At {
        let with = json!({"state": "available"});
        let mut sights = self.shown(place, Standing::AtWork);
        sights.extend(more);
        let name = "state";
        crowd.order(place, Order::Do { name, with, sights });
        At::Work
    }

    fn pauses(&self, crowd: &Crowd, place: Place) -> At {
        let with = json!({"state": "pause", "reason": "lunch"});
        let sights = self.shown(place, Standing::Paused);
        let name = "state";
        crowd.order(place, Order::Do { name, with, sights });
        At::Pause
    }

    /// What all see of somebody, and they themselves.
    fn shown(&self, place: Place, as_: Standing) -> Vec<(Vec<Place>, Sight)> {
        let name = self.names.get(place).cloned().unwrap_or_default();
        vec![
            (self.all.clone(), Sight::Shows { name, as_ }),
            (vec![place], Sight::Own { as_ }),
        ]
    }

    fn one_is_away(&mut self, crowd: &Crowd, span: Duration) {
        if let Some(place) = self.unsteady.pop_front() {
            crowd.order(place, Order::Break(span));
            self.unsteady.push_back(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_one_part() {
        let member = |n: usize, role, skill| Member {
            name: format!("p{n}"),
            role,
            skill,
        };
        let mut staff: Vec<Member> = (0..4).map(|n| member(n, Role::Supervisor, "care")).collect();
        staff.extend((4..50).map(|n| member(n, Role::Agent, if n % 2 == 0 { "care" } else { "sales" })));
        let cast = Cast::of(&staff);
        assert_eq!((cast.supervisors.len(), cast.unsteady.len()), (4, 10));
        assert_eq!(cast.idle.len() + cast.wanted.len(), 37);
        assert!(cast.idle.len() >= 15 && cast.wanted.len() >= 15);
        for agent in cast.idle.iter().chain(&cast.wanted) {
            assert!(!cast.unsteady.contains(&agent.place) && !cast.supervisors.contains(&agent.place));
        }
    }
}
