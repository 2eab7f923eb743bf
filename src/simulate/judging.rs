//! Whether a call went as its test expects, from what the bot kept and what the caller heard.
//!
//! Pure; it rings nobody.

use super::Report;
use super::network::left;
use super::trial::Called;
use super::words::{recall, units};
use crate::campaign::outcome::AnsweredBy;
use crate::dialplan::scenario::{self, Expectation, Scenario, Side};
use crate::language::Language;
use crate::store::{Kind, Record, Speaker, TurnTimes};

/// The share of expected words that the caller must have heard: a transcript of a transcript is never perfect.
const ENOUGH: f64 = 0.7;

/// What there is to judge a call by.
struct Evidence<'a> {
    record: &'a Record,
    /// What was heard of the bot.
    heard: String,
    /// Before its replies, milliseconds.
    gaps: Vec<f64>,
    /// Of a call that the bot placed.
    called: Option<&'a Called>,
    language: Language,
}

/// Every expectation of a call to the bot that does not hold, in words.
pub fn failures(scenario: &Scenario, record: &Record, report: &Report, language: Language) -> Vec<String> {
    let evidence = Evidence {
        record,
        heard: heard(report),
        gaps: report.gaps(),
        called: None,
        language,
    };
    let mut failures = evidence.failures(scenario);
    failures.extend(report.failures.iter().cloned());
    failures
}

/// The same of a call that the bot placed: what it said is what its record tells.
pub fn placed(scenario: &Scenario, record: &Record, called: &Called, language: Language) -> Vec<String> {
    let bot = record.lines.iter().filter(|line| line.speaker == Speaker::Bot);
    let evidence = Evidence {
        record,
        heard: bot.map(|line| line.text.as_str()).collect::<Vec<_>>().join(" "),
        gaps: record.turns.iter().map(TurnTimes::gap).collect(),
        called: Some(called),
        language,
    };
    evidence.failures(scenario)
}

impl Evidence<'_> {
    fn failures(&self, scenario: &Scenario) -> Vec<String> {
        scenario
            .expect
            .iter()
            .filter_map(|expected| self.failure(expected))
            .collect()
    }

    fn failure(&self, expected: &Expectation) -> Option<String> {
        let record = self.record;
        match expected {
            Expectation::Flows(flows) => {
                let mut path = record.summary.path.iter();
                let all = flows.iter().all(|flow| path.any(|entered| entered == flow));
                (!all).then(|| {
                    format!(
                        "the flows were {}, not {}",
                        record.summary.path.join(" › "),
                        flows.join(" › ")
                    )
                })
            }
            Expectation::Slots(slots) => {
                let wrong = slots.iter().find(|(name, value)| record.slots.get(name) != Some(value));
                wrong.map(|(name, value)| match record.slots.get(name) {
                    Some(other) => format!("`{name}` is `{other}`, not `{value}`"),
                    None => format!("`{name}` was not collected; expected `{value}`"),
                })
            }
            Expectation::Tool { name, times } => {
                let tools = record.acts.iter().filter(|act| act.kind == Kind::Tool);
                let used = tools.filter(|act| act.name == *name).count();
                (used != *times as usize).then(|| format!("tool `{name}` was used {used} times, not {times}"))
            }
            Expectation::Heard(words) => {
                (recall(words, &self.heard, self.language) < ENOUGH).then(|| format!("`{words}` was not heard"))
            }
            Expectation::NotHeard(words) => said(record, words, self.language).then(|| format!("`{words}` was said")),
            Expectation::Disposition(wanted) => {
                let disposition = record.summary.disposition.as_deref();
                (disposition != Some(wanted))
                    .then(|| format!("the disposition is {}, not {wanted}", disposition.unwrap_or("not told")))
            }
            Expectation::ReplyP95(limit) => {
                let p95 = percentile(self.gaps.clone(), 0.95)?;
                (p95 > limit.as_secs_f64() * 1000.0)
                    .then(|| format!("replies came after {p95:.0} ms (p95), not {} ms", limit.as_millis()))
            }
            Expectation::Transfer(to) => {
                let went = |text: &str| text.starts_with("transferring to ") && text.contains(to.as_str());
                let events = record.lines.iter().filter(|line| line.speaker == Speaker::Event);
                (!events.into_iter().any(|line| went(&line.text)))
                    .then(|| format!("the caller was not transferred to {to}"))
            }
            Expectation::EndedBy(side) => {
                let ending = match side {
                    Side::Bot => "the bot hung up",
                    Side::Caller => "the caller hung up",
                };
                let was = record.summary.ending.as_deref().unwrap_or("not told");
                (was != ending).then(|| format!("the call ended so: {was}"))
            }
            Expectation::Amd(wanted) => {
                let answered = self.called.and_then(|called| called.attempt.answered_by);
                (answered != answerer(*wanted)).then(|| {
                    let was = answered.map_or("nobody".to_owned(), |answered| answered.to_string());
                    format!("who answered was taken for: {was}")
                })
            }
            Expectation::AfterBeep { flow, clipped } => self.message(flow, *clipped),
        }
    }

    /// Whether a machine has the message of `flow`.
    fn message(&self, flow: &str, clipped: bool) -> Option<String> {
        if !self.record.summary.path.iter().any(|entered| entered == flow) {
            return Some(format!("`{flow}` was not said after the beep"));
        }
        let called = self.called?;
        let whole = left(&called.said_last, &called.recorded).map(|left| left.is_whole());
        match (whole, clipped) {
            (None, _) => Some("the machine has nothing of the message".to_owned()),
            (Some(true), true) => Some("the machine has the whole message".to_owned()),
            (Some(false), false) => Some("the machine has not the whole message".to_owned()),
            (Some(true), false) | (Some(false), true) => None,
        }
    }
}

fn answerer(wanted: scenario::AnsweredBy) -> Option<AnsweredBy> {
    match wanted {
        scenario::AnsweredBy::Human => Some(AnsweredBy::Human),
        scenario::AnsweredBy::Machine => Some(AnsweredBy::Machine),
        scenario::AnsweredBy::Busy | scenario::AnsweredBy::Nobody => None,
    }
}

fn heard(report: &Report) -> String {
    let bot = report.said.iter().filter(|said| said.speaker == "bot");
    bot.map(|said| said.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Whether the bot said `words`, one after the other.
fn said(record: &Record, words: &str, language: Language) -> bool {
    let bot = record.lines.iter().filter(|line| line.speaker == Speaker::Bot);
    let said: Vec<String> = bot.flat_map(|line| units(&line.text, language)).collect();
    let words = units(words, language);
    !words.is_empty() && said.windows(words.len()).any(|window| window == words)
}

/// By the nearest rank; `None` of nothing.
fn percentile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}
