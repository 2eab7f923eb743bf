//! What pages should be told of what happens, and how long it was until they were.
//!
//! A plain value: it is told what happened and what each page was told, with the moments, and counts. It knows the words of the feed and neither a
//! socket nor a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::bench::{milliseconds, percentile};
use crate::simulate::page::Told;

/// A page, by its place among all.
pub type Place = usize;

/// Who has not been told by then is not told any more.
pub const LIMIT: Duration = Duration::from_secs(5);

/// What is to be seen of something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A caller of this number is among the calls in progress.
    Comes { number: String },
    /// This call no longer is.
    Goes { call: String },
    /// So many callers have hung up while they waited, all day and in all queues.
    Abandoned { count: u64 },
    /// On the wallboard somebody pauses, or is at work.
    Shows { name: String, as_: Standing },
    /// And on their own page.
    Own { as_: Standing },
    /// A call rings at the page.
    Rings,
    /// A call has left it.
    Leaves { call: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    AtWork,
    Paused,
}

impl Standing {
    fn is(self, row: &Value) -> bool {
        match text(row, "state") {
            Some("pause") => self == Standing::Paused,
            Some("offline") | None => false,
            // By itself it may have become more than what was said.
            Some(_) => self == Standing::AtWork,
        }
    }
}

impl Sight {
    /// By which it comes.
    fn topic(&self) -> &'static str {
        match self {
            Sight::Comes { .. } | Sight::Goes { .. } => "live",
            Sight::Abandoned { .. } | Sight::Shows { .. } => "wall",
            Sight::Own { .. } => "me",
            Sight::Rings => "call",
            Sight::Leaves { .. } => "gone",
        }
    }

    /// Whether it is in a message of that topic.
    fn is_in(&self, body: &Value) -> bool {
        match self {
            Sight::Comes { number } => is_of(body, number),
            Sight::Goes { call } => text(body, "id") == Some(call) && body.get("gone") == Some(&Value::Bool(true)),
            Sight::Abandoned { count } => abandoned(body).is_some_and(|told| told >= *count),
            Sight::Shows { name, as_ } => {
                let mut rows = rows(body, "agents");
                rows.any(|row| text(row, "name") == Some(name) && as_.is(row))
            }
            Sight::Own { as_ } => as_.is(body),
            Sight::Rings => text(body, "stage") == Some("ringing"),
            Sight::Leaves { call } => text(body, "call") == Some(call),
        }
    }
}

/// Of one topic, milliseconds from what happened to the page that was told.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub topic: String,
    pub updates: usize,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub most: Option<f64>,
    /// Pages that were there and were not told within [`LIMIT`].
    pub missing: usize,
}

impl Row {
    fn of(topic: &str, spans: &[f64], missing: usize) -> Self {
        Self {
            topic: topic.to_owned(),
            updates: spans.len(),
            p50: percentile(spans, 0.5),
            p95: percentile(spans, 0.95),
            p99: percentile(spans, 0.99),
            most: spans.iter().copied().reduce(f64::max),
            missing,
        }
    }
}

struct Awaited {
    since: Instant,
    /// Who have not seen it.
    by: BTreeSet<Place>,
    sight: Sight,
}

/// How long it took, ms, and who waited in vain.
#[derive(Clone, Default)]
struct Spans {
    told: Vec<f64>,
    missing: usize,
}

#[derive(Default)]
pub struct Watch {
    /// Whose feed is there.
    present: BTreeSet<Place>,
    awaited: Vec<Awaited>,
    topics: BTreeMap<&'static str, Spans>,
    /// Of commands.
    answers: Vec<f64>,
    /// Until all of the present was there, or what was missed.
    snapshots: Vec<f64>,
    resumed: Vec<f64>,
    /// By topic, what pages were told: messages.
    messages: BTreeMap<String, u64>,
    bytes: u64,
    failures: BTreeMap<String, usize>,
    /// By the last of what supervisors were told: callers and their calls.
    calls: BTreeMap<String, String>,
    abandoned: u64,
    waiting: Option<u64>,
    /// What rings where.
    ringing: BTreeMap<Place, String>,
}

impl Watch {
    /// Counts anew; what is known of the present stays.
    pub fn begin(&mut self) {
        self.awaited.clear();
        self.topics.clear();
        self.answers.clear();
        self.snapshots.clear();
        self.resumed.clear();
        self.messages.clear();
        self.bytes = 0;
        self.failures.clear();
    }

    /// Something happened at `since`: those of `by` whose feed is there should see it.
    pub fn expect(&mut self, since: Instant, by: impl IntoIterator<Item = Place>, sight: Sight) {
        let by: BTreeSet<Place> = by.into_iter().filter(|place| self.present.contains(place)).collect();
        if !by.is_empty() {
            self.awaited.push(Awaited { since, by, sight });
        }
    }

    /// What a page was told at `now`.
    pub fn told(&mut self, now: Instant, place: Place, told: &Told) {
        match told {
            Told::Reset { body, .. } => {
                self.present.insert(place);
                self.note("reset");
                for topic in ["me", "wall"] {
                    self.learn(now, place, topic, body.get(topic).unwrap_or(&Value::Null));
                }
                for (topic, list) in [("live", "live"), ("call", "calls")] {
                    rows(body, list).for_each(|row| self.learn(now, place, topic, row));
                }
            }
            Told::Resumed { .. } => {
                self.present.insert(place);
                self.note("resumed");
            }
            Told::Message { topic, body, .. } => {
                self.note(topic);
                self.learn(now, place, topic, body);
            }
            Told::Answer { .. } => self.note("answer"),
        }
    }

    /// The line of a page broke: it is not there to see anything.
    pub fn away(&mut self, place: Place) {
        self.present.remove(&place);
        self.ringing.remove(&place);
        for awaited in &mut self.awaited {
            awaited.by.remove(&place);
        }
        self.awaited.retain(|awaited| !awaited.by.is_empty());
    }

    /// So many bytes came to a page.
    pub fn came(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A command was answered so long after it was sent.
    pub fn answered(&mut self, span: Duration, answer: &Result<Value, String>) {
        self.answers.push(milliseconds(span));
        if let Err(told) = answer {
            self.failed(format!("a command was refused: {told}"));
        }
    }

    /// A page opened its feed, and so long after that was told all of the present, or how it goes on.
    pub fn opened(&mut self, span: Duration, told: &Told) {
        match told {
            Told::Resumed { .. } => self.resumed.push(milliseconds(span)),
            Told::Reset { .. } => self.snapshots.push(milliseconds(span)),
            Told::Message { .. } | Told::Answer { .. } => {}
        }
    }

    pub fn failed(&mut self, what: String) {
        let count = self.failures.entry(what).or_default();
        *count = count.saturating_add(1);
    }

    /// Gives up on who was not told in time.
    pub fn expire(&mut self, now: Instant) {
        let late = |awaited: &mut Awaited| now.saturating_duration_since(awaited.since) > LIMIT;
        for awaited in self.awaited.extract_if(.., late) {
            self.topics.entry(awaited.sight.topic()).or_default().missing += awaited.by.len();
        }
    }

    /// Whether anything is still to be seen.
    pub fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// By topic, and of all together.
    pub fn rows(&self) -> Vec<Row> {
        let each = self
            .topics
            .iter()
            .map(|(topic, spans)| Row::of(topic, &spans.told, spans.missing));
        let all: Vec<f64> = self.topics.values().flat_map(|spans| spans.told.clone()).collect();
        let missing = self.topics.values().map(|spans| spans.missing).sum();
        each.chain([Row::of("all", &all, missing)]).collect()
    }

    pub fn answers(&self) -> Row {
        Row::of("answers of commands", &self.answers, 0)
    }

    pub fn snapshots(&self) -> Row {
        Row::of("all of the present", &self.snapshots, 0)
    }

    pub fn resumed(&self) -> Row {
        Row::of("resumed", &self.resumed, 0)
    }

    pub fn messages(&self) -> &BTreeMap<String, u64> {
        &self.messages
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn failures(&self) -> &BTreeMap<String, usize> {
        &self.failures
    }

    pub fn present(&self) -> usize {
        self.present.len()
    }

    /// Callers who wait, in all queues, as the wallboard said last.
    pub fn waiting(&self) -> Option<u64> {
        self.waiting
    }

    /// How many will have hung up when one more has.
    pub fn next_abandoned(&self) -> u64 {
        let awaited = self.awaited.iter().map(|awaited| match awaited.sight {
            Sight::Abandoned { count } => count,
            Sight::Comes { .. }
            | Sight::Goes { .. }
            | Sight::Shows { .. }
            | Sight::Own { .. }
            | Sight::Rings
            | Sight::Leaves { .. } => 0,
        });
        awaited.fold(self.abandoned, u64::max).saturating_add(1)
    }

    /// The call of a caller, once a supervisor was told of it.
    pub fn call_of(&self, number: &str) -> Option<&String> {
        self.calls.get(number)
    }

    /// What rings at a page.
    pub fn rings_at(&self, place: Place) -> Option<&String> {
        self.ringing.get(&place)
    }

    fn note(&mut self, topic: &str) {
        match self.messages.get_mut(topic) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.messages.insert(topic.to_owned(), 1)),
        }
    }

    fn learn(&mut self, now: Instant, place: Place, topic: &str, body: &Value) {
        match topic {
            "wall" => {
                self.abandoned = abandoned(body).unwrap_or(0).max(self.abandoned);
                self.waiting = Some(rows(body, "queues").filter_map(|queue| count(queue, "waiting")).sum());
            }
            "live" => {
                if let (Some(caller), Some(call)) = (text(body, "caller"), text(body, "id")) {
                    self.calls.insert(digits(caller), call.to_owned());
                }
            }
            "call" => {
                if let Some(call) = text(body, "id").filter(|_| Sight::Rings.is_in(body)) {
                    self.ringing.insert(place, call.to_owned());
                }
            }
            "gone" if self.ringing.get(&place).map(String::as_str) == text(body, "call") => {
                self.ringing.remove(&place);
            }
            _ => {}
        }
        for awaited in &mut self.awaited {
            let seen = awaited.sight.topic() == topic && awaited.by.contains(&place) && awaited.sight.is_in(body);
            // What was told before it happened is not of it.
            if seen && now >= awaited.since {
                awaited.by.remove(&place);
                let spans = self.topics.entry(awaited.sight.topic()).or_default();
                spans
                    .told
                    .push(milliseconds(now.saturating_duration_since(awaited.since)));
            }
        }
        self.awaited.retain(|awaited| !awaited.by.is_empty());
    }
}

/// As callers are told apart, however their numbers are written.
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn is_of(live: &Value, number: &str) -> bool {
    text(live, "caller").is_some_and(|caller| digits(caller) == digits(number))
}

fn abandoned(wall: &Value) -> Option<u64> {
    wall.get("queues")?;
    let today = rows(wall, "queues").filter_map(|queue| queue.get("today"));
    Some(today.filter_map(|today| count(today, "abandoned")).sum())
}

fn rows<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    body.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

fn count(body: &Value, name: &str) -> Option<u64> {
    body.get(name)?.as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::now as start;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn message(topic: &str, body: Value) -> Told {
        let topic = topic.to_owned();
        Told::Message { n: 1, topic, body }
    }

    /// Three pages that were told all of the present, which is nothing.
    fn watch(at: Instant) -> Watch {
        let mut watch = Watch::default();
        for place in 0..3 {
            let (of, body) = ("a".to_owned(), json!({"wall": {"queues": [], "agents": []}}));
            watch.told(at, place, &Told::Reset { n: 0, of, body });
        }
        watch
    }

    fn wall(abandoned: u64, state: &str) -> Told {
        let queue = json!({"name": "care", "waiting": 7, "today": {"abandoned": abandoned}});
        message(
            "wall",
            json!({"queues": [queue], "agents": [{"name": "ann", "state": state}]}),
        )
    }

    fn row(watch: &Watch, topic: &str) -> Row {
        let mut rows = watch.rows().into_iter();
        rows.find(|row| row.topic == topic).expect("a row")
    }

    #[test]
    fn each_page_is_timed_until_it_is_told() {
        let at = start();
        let mut watch = watch(at);
        watch.begin();
        watch.expect(at, 0..3, Sight::Abandoned { count: 2 });
        assert_eq!(watch.next_abandoned(), 3);
        watch.told(at + ms(50), 0, &wall(1, "busy"));
        watch.told(at + ms(100), 0, &wall(2, "busy"));
        watch.told(at + ms(200), 0, &wall(3, "busy"));
        watch.told(at + ms(150), 1, &wall(2, "busy"));
        assert!(watch.is_waiting());
        watch.expire(at + LIMIT);
        assert_eq!((row(&watch, "wall").updates, row(&watch, "wall").missing), (2, 0));
        watch.expire(at + LIMIT + ms(1));
        let told = row(&watch, "wall");
        assert_eq!(
            (told.updates, told.missing, told.p50, told.most),
            (2, 1, Some(100.0), Some(150.0))
        );
        assert_eq!((row(&watch, "all").missing, watch.waiting()), (1, Some(7)));
        assert_eq!((watch.next_abandoned(), watch.messages()["wall"]), (4, 4));
    }

    #[test]
    fn a_page_that_is_away_is_not_waited_for() {
        let at = start();
        let mut watch = watch(at);
        let paused = || Sight::Shows {
            name: "ann".into(),
            as_: Standing::Paused,
        };
        watch.expect(at, 0..3, paused());
        watch.away(1);
        watch.expect(at, [1], paused());
        for place in [0, 2] {
            watch.told(at + ms(10), place, &wall(0, "available"));
            watch.told(at + ms(20), place, &wall(0, "pause"));
        }
        assert!(!watch.is_waiting());
        assert_eq!((row(&watch, "wall").updates, row(&watch, "wall").p95), (2, Some(20.0)));
        watch.told(at, 1, &Told::Resumed { n: 4 });
        assert_eq!(watch.present(), 3);
    }

    #[test]
    fn calls_are_followed_by_their_callers_and_by_what_rings() {
        let at = start();
        let mut watch = watch(at);
        let number = "+44 20 00000017".to_owned();
        watch.expect(at, [0], Sight::Comes { number });
        watch.told(at, 0, &message("live", json!({"id": "9", "caller": "+442000000016"})));
        assert!(watch.is_waiting());
        watch.told(at, 0, &message("live", json!({"id": "12", "caller": "+442000000017"})));
        assert!(!watch.is_waiting());
        assert_eq!(watch.call_of("442000000017"), Some(&"12".to_owned()));
        watch.expect(at, [0], Sight::Goes { call: "12".into() });
        watch.told(at, 0, &message("live", json!({"id": "12", "gone": true})));
        watch.expect(at, [1], Sight::Rings);
        watch.told(at, 1, &message("call", json!({"id": "3", "stage": "talking"})));
        assert!(watch.is_waiting() && watch.rings_at(1).is_none());
        watch.told(at, 1, &message("call", json!({"id": "3", "stage": "ringing"})));
        assert_eq!(watch.rings_at(1), Some(&"3".to_owned()));
        watch.expect(at, [1], Sight::Leaves { call: "3".into() });
        watch.told(at, 1, &message("gone", json!({"call": "3"})));
        assert!(!watch.is_waiting() && watch.rings_at(1).is_none());
        assert_eq!((row(&watch, "live").updates, row(&watch, "all").updates), (2, 4));
    }

    #[test]
    fn standing_is_what_was_said_and_what_came_of_it() {
        let is = |standing: Standing, state: &str| standing.is(&json!({"state": state}));
        for state in ["available", "busy", "wrap_up"] {
            assert!(is(Standing::AtWork, state) && !is(Standing::Paused, state), "{state}");
        }
        assert!(is(Standing::Paused, "pause") && !is(Standing::AtWork, "pause"));
        assert!(!is(Standing::Paused, "offline") && !is(Standing::AtWork, "offline"));
        assert!(!Standing::AtWork.is(&Value::Null));
    }
}
