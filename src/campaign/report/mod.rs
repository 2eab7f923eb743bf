//! What a campaign came to: how far its contacts got, what they said, what it cost, and whether it helped.
//!
//! [`Figures`] are counted elsewhere; here they are told, as a text, a table or a picture. Every contact and every attempt is in one row of each part, so
//! that the parts add up.

mod plot;
pub mod share;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use self::share::{Difference, Share};

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    pub contacts: Contacts,
    pub attempts: Attempts,
    pub goal: Goal,
    /// Why people did not do what the campaign is for, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// Contacts. Those who are held out, called off, refused, waiting and dialled are all there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contacts {
    pub all: u64,
    /// Never called, to measure against.
    pub held_out: u64,
    /// An event called them off before anybody dialled.
    pub called_off: u64,
    /// Closed before anybody dialled, by what closed them.
    pub refused: BTreeMap<String, u64>,
    /// Not dialled yet.
    pub waiting: u64,
    pub dialled: u64,
    /// Of those who were dialled: who will be dialled again.
    pub again: u64,
    /// Of those who were dialled: a person was there, once at least.
    pub reached: u64,
    /// Of those: it was whom the campaign asked for. None where no call asked.
    pub right_person: Option<u64>,
    /// Of those who were dialled: how their last call ended, in the plan's words, or how far it got.
    pub outcomes: BTreeMap<String, u64>,
    /// Who wants no more calls, ever.
    pub opted_out: u64,
}

/// Each time that somebody was dialled.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Attempts {
    pub all: u64,
    /// Calls that are in progress, or were when the bot ended.
    pub under_way: u64,
    /// By how far they got; with those under way they are all.
    pub reach: BTreeMap<String, u64>,
    /// Of the answered ones: who or what answered, where that was told.
    pub answered_by: BTreeMap<String, u64>,
    /// A person spoke, or was taken for one.
    pub human: u64,
    /// A person answered, and nobody spoke to them in time.
    pub abandoned: u64,
    /// From answer to end, in seconds, of all calls.
    pub seconds: f64,
}

/// Who did what the campaign is for, in time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Goal {
    /// The event; none: the campaign names none.
    pub event: Option<String>,
    /// Of all who were to be called, dialled or not: who they are was drawn, so they compare.
    pub called: Share,
    /// Of those who were held out.
    pub held_out: Share,
    /// Contacts who have not, and still have time.
    pub pending: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub reason: String,
    pub calls: u64,
    /// What some of them said.
    pub quotes: Vec<String>,
}

/// What a minute of a call costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rate {
    pub per_minute: f64,
    /// Such as EUR.
    pub currency: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub campaign: String,
    #[serde(flatten)]
    pub figures: Figures,
    pub minutes: f64,
    pub cost: Option<Cost>,
    /// By how much more of those who were to be called reached the goal; none where nobody was held out.
    pub difference: Option<Difference>,
    /// The same in words.
    pub verdict: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    pub amount: f64,
    pub currency: String,
    /// Of each contact who reached the goal; none where nobody did.
    pub per_goal: Option<f64>,
}

impl Report {
    pub fn new(campaign: &str, figures: Figures, rate: Option<&Rate>) -> Self {
        let minutes = figures.attempts.seconds / 60.0;
        let goals = figures.goal.called.hits;
        let difference = Difference::of(figures.goal.called, figures.goal.held_out);
        Self {
            campaign: campaign.to_owned(),
            minutes,
            cost: rate.map(|rate| Cost {
                amount: minutes * rate.per_minute,
                currency: rate.currency.clone(),
                per_goal: (goals > 0).then(|| minutes * rate.per_minute / goals as f64),
            }),
            difference,
            verdict: verdict(&figures.goal, difference),
            figures,
        }
    }

    /// Contacts by how far they got, each stage a part of the one before.
    pub fn funnel(&self) -> Vec<(&'static str, u64)> {
        let contacts = &self.figures.contacts;
        let mut stages = vec![
            ("contacts", contacts.all),
            ("to be called", contacts.all.saturating_sub(contacts.held_out)),
            ("dialled", contacts.dialled),
            ("reached a person", contacts.reached),
        ];
        stages.extend(contacts.right_person.map(|people| ("the right person", people)));
        stages
    }

    /// As CSV: part, name, count, share of the part. The first line has the names of the columns.
    pub fn csv(&self) -> String {
        table::csv(self)
    }

    /// As SVG: the funnel, and the goal among those who were to be called and those who were held out, with intervals.
    pub fn svg(&self) -> String {
        plot::svg(self)
    }
}

/// As a text for a terminal.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        table::text(self, f)
    }
}

fn verdict(goal: &Goal, difference: Option<Difference>) -> String {
    let Some(event) = &goal.event else {
        return "The campaign names no goal, so whether it helped cannot be told: write `goal: {event: …, holdout: 10%}`.".into();
    };
    let Goal { called, held_out, .. } = goal;
    let (Some(difference), Some(own), Some(other)) = (difference, called.percent(), held_out.percent()) else {
        return format!(
            "{} of {} contacts had `{event}` in time. Nobody was held out, so whether the calls helped cannot be told.",
            called.hits, called.of
        );
    };
    let Difference { points, low, high } = difference;
    let facts = format!(
        "Of {} contacts who were to be called {own:.1} % had `{event}` in time, of {} who were held out {other:.1} %: {points:+.1} points, with 95 % confidence between {low:+.1} and {high:+.1}.",
        called.of, held_out.of
    );
    let meaning = if low > 0.0 {
        "The calls helped."
    } else if high < 0.0 {
        "The calls did harm."
    } else {
        "That may be chance: it is not shown that the calls made a difference."
    };
    format!("{facts} {meaning}")
}
