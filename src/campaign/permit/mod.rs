//! Whether somebody may be called now: the one place.
//!
//! [`permit`] is asked at the moment of dialling with facts that were read for it, and is the only maker of a [`Permit`]; who dials for a campaign takes one. It
//! knows no store and no call. The rules are the plan's and, where those are looser, the law's.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{self, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::number::Number;
use super::outcome::Reach;
use super::window::{Closed, Opening};
use super::zones::Whereabouts;
use crate::dialplan::campaign::Campaign;

/// How long a permit is good for.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// Whom somebody speaks with is asked for again after this time.
const MINUTE: Duration = Duration::from_secs(60);
/// And what is to begin on a day, on that day.
const HOUR: Duration = Duration::from_secs(3600);
/// What stands in a column where nothing was agreed to.
const DENIALS: [&str; 9] = ["", "false", "no", "n", "0", "none", "null", "n/a", "-"];
/// The list of those who asked not to be called; it counts for every campaign.
pub const INTERNAL: &str = "internal";

/// All that is known at the moment of dialling.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub campaign: &'a Campaign,
    /// Of the campaign's window.
    pub opening: &'a Opening,
    /// Whether the campaign runs.
    pub running: bool,
    /// Whether the campaign's assistant says first who calls, and that it is a machine.
    pub disclosed: bool,
    pub contact: i64,
    pub standing: Standing,
    pub number: Number,
    pub whereabouts: &'a Whereabouts,
    /// What stands in the contact's column for the proof of consent.
    pub proof: Option<&'a str>,
    /// The contact asked to be called at this time: not before, and then beside what the plan allows.
    pub appointment: Option<Timestamp>,
    /// The do-not-call lists on which the number stands.
    pub listed: &'a [String],
    /// The do-not-call lists that there are.
    pub lists: &'a [String],
    /// All attempts to reach this contact, and those of the last two days (or the quiet gap, if that is longer) to reach the number otherwise.
    pub calls: &'a [Made],
    /// How long a number is left alone after a call that was not this contact's.
    pub quiet_gap: Duration,
    /// Whether calls may go to this number at all.
    pub destination: bool,
    /// Whether somebody is sure to speak with who answers: the bot, or an agent who is kept free for it.
    pub attended: bool,
    pub abandonment: Abandonment,
}

/// How a contact stands with its campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be called.
    Open,
    /// Kept to measure against.
    HeldOut,
    /// What the campaign is for has happened.
    GoalReached,
    /// An event called it off.
    Cancelled,
    /// They said that they want no more.
    OptedOut,
    /// All has been done.
    Closed,
}

/// An attempt that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub at: Timestamp,
    /// None as long as it goes on.
    pub reach: Option<Reach>,
    pub whose: Whose,
}

/// For whom an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// For this contact.
    Contact,
    /// For this contact, who had asked for it: it is beside the attempts that the plan allows.
    Appointment,
    /// For another contact of the campaign with the same number.
    Campaign,
    /// For another campaign's contact, or it was no campaign's.
    Other,
}

/// Of a campaign's calls over 30 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abandonment {
    /// Answered by a person whom nobody spoke to.
    pub abandoned: u64,
    /// Answered by a person, the abandoned among them.
    pub answered: u64,
    /// Now being dialled without anybody who is sure to speak.
    pub at_risk: u64,
}

/// That this contact may be dialled now. There is no other way to one than [`permit`], and it is used up by dialling.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    at: Timestamp,
    campaign: String,
    contact: i64,
    number: Number,
    caller_id: String,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotRunning,
    /// The plan lacks what it must say.
    Incomplete(&'static str),
    NoDisclosure,
    /// A list that the plan names was never imported.
    NoSuchList(String),
    Standing(Standing),
    Listed(String),
    NoProof,
    /// Consent was given later than now.
    ConsentLater {
        until: Timestamp,
    },
    Destination,
    Attempts {
        max: u32,
    },
    /// All of a day, until the next begins.
    PerDay {
        max: u32,
        until: Option<Timestamp>,
    },
    /// The number is being called.
    UnderWay {
        until: Timestamp,
    },
    /// They asked to be called later.
    Appointment {
        until: Timestamp,
    },
    /// Too soon after the attempt before.
    Gap {
        until: Timestamp,
    },
    /// Too soon after another call to the number.
    Quiet {
        until: Timestamp,
    },
    /// Not now; `until` is when it is next right.
    Window {
        why: Closed,
        until: Option<Timestamp>,
    },
    /// One more might be one too many that nobody speaks to.
    Abandonment,
}

/// How long a refusal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// This contact is not called again.
    ForEver,
    Until(Timestamp),
    /// Until somebody changes something: the plan, a list, the contact's row.
    Cured,
    /// It is the campaign's, not the contact's.
    Campaign,
}

/// Whether `facts` allow a call at `at`.
///
/// # Errors
/// Why not: the first reason, those that hold for ever before those that pass.
pub fn permit(at: Timestamp, facts: &Facts<'_>) -> Result<Permit, Refusal> {
    let caller_id = of_campaign(facts)?;
    of_contact(at, facts)?;
    of_time(at, facts)?;
    if !facts.attended && !facts.abandonment.bears_one_more(facts.campaign.pacing.abandon_cap) {
        return Err(Refusal::Abandonment);
    }
    Ok(Permit {
        at,
        campaign: facts.campaign.name.clone(),
        contact: facts.contact,
        number: facts.number,
        caller_id,
    })
}

/// What the campaign must have, and the number that it shows.
fn of_campaign(facts: &Facts<'_>) -> Result<String, Refusal> {
    let Facts { campaign, .. } = facts;
    if !facts.running {
        return Err(Refusal::NotRunning);
    }
    let caller_id = campaign.caller_id.as_ref().filter(|number| !number.trim().is_empty());
    let Some(caller_id) = caller_id else {
        return Err(Refusal::Incomplete("caller_id"));
    };
    if campaign.window.is_none() {
        return Err(Refusal::Incomplete("window"));
    }
    if campaign.consent.is_none() {
        return Err(Refusal::Incomplete("consent"));
    }
    let Some(dnc) = &campaign.dnc else {
        return Err(Refusal::Incomplete("dnc"));
    };
    if !facts.disclosed {
        return Err(Refusal::NoDisclosure);
    }
    let missing = dnc
        .lists
        .iter()
        .find(|name| *name != INTERNAL && !facts.lists.contains(name));
    match missing {
        Some(name) => Err(Refusal::NoSuchList(name.clone())),
        None => Ok(caller_id.clone()),
    }
}

/// What holds of the contact at any time.
fn of_contact(at: Timestamp, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.standing != Standing::Open {
        return Err(Refusal::Standing(facts.standing));
    }
    let named = facts.campaign.dnc.iter().flat_map(|dnc| &dnc.lists).map(String::as_str);
    for name in std::iter::once(INTERNAL).chain(named) {
        if facts.listed.iter().any(|list| list == name) {
            return Err(Refusal::Listed(name.to_owned()));
        }
    }
    let proof = facts.proof.map(str::trim).unwrap_or_default();
    if DENIALS.iter().any(|denial| denial.eq_ignore_ascii_case(proof)) {
        return Err(Refusal::NoProof);
    }
    if let Some(until) = given_after(proof, at, facts) {
        return Err(Refusal::ConsentLater { until });
    }
    if !facts.destination {
        return Err(Refusal::Destination);
    }
    Ok(())
}

/// Where a proof is a date that has not come yet: when it is to be looked at again.
fn given_after(proof: &str, at: Timestamp, facts: &Facts<'_>) -> Option<Timestamp> {
    if let Ok(given) = proof.parse::<Timestamp>() {
        return (given > at).then_some(given);
    }
    let given = proof.parse::<Date>().ok()?;
    let today = facts.opening.day(facts.whereabouts, at)?;
    if given <= today {
        return None;
    }
    // The first place on earth where it is that day; from then on each hour.
    let begins = given.to_zoned(TimeZone::fixed(tz::offset(14))).ok()?.timestamp();
    Some(begins.max(after(at, HOUR)))
}

/// What passes.
fn of_time(at: Timestamp, facts: &Facts<'_>) -> Result<(), Refusal> {
    let Facts {
        campaign,
        opening,
        whereabouts,
        ..
    } = facts;
    if facts.calls.iter().any(|made| made.reach.is_none()) {
        let until = after(at, MINUTE);
        return Err(Refusal::UnderWay { until });
    }
    // What never rang is not counted against anybody: the network was at its limit.
    let counted = || facts.calls.iter().filter(|made| made.reach != Some(Reach::Congestion));
    let own = || counted().filter(|made| matches!(made.whose, Whose::Contact | Whose::Appointment));
    if let Some(until) = facts.appointment.filter(|asked| *asked > at) {
        return Err(Refusal::Appointment { until });
    }
    let agreed = facts
        .appointment
        .is_some_and(|asked| !own().any(|made| made.at >= asked));
    if !agreed {
        let attempts = &campaign.attempts;
        if own().filter(|made| made.whose == Whose::Contact).count() >= attempts.max as usize {
            return Err(Refusal::Attempts { max: attempts.max });
        }
        let of_campaign = counted().filter(|made| made.whose != Whose::Other);
        let today = of_campaign.filter(|made| opening.same_day(whereabouts, made.at, at));
        if today.count() >= attempts.per_day as usize {
            return Err(Refusal::PerDay {
                max: attempts.per_day,
                until: opening.next_day(whereabouts, at),
            });
        }
        if let Some(until) = own()
            .map(|made| after(made.at, attempts.gap))
            .max()
            .filter(|until| *until > at)
        {
            return Err(Refusal::Gap { until });
        }
        let others = counted().filter(|made| matches!(made.whose, Whose::Campaign | Whose::Other));
        let quiet = others.map(|made| after(made.at, facts.quiet_gap)).max();
        if let Some(until) = quiet.filter(|until| *until > at) {
            return Err(Refusal::Quiet { until });
        }
    }
    opening
        .check(whereabouts, at)
        .map_err(|why| match opening.next_open(whereabouts, at) {
            Ok(until) => Refusal::Window {
                why,
                until: Some(until),
            },
            Err(why) => Refusal::Window { why, until: None },
        })
}

fn after(at: Timestamp, gap: Duration) -> Timestamp {
    let gap = SignedDuration::try_from(gap).unwrap_or(SignedDuration::MAX);
    at.saturating_add(gap).unwrap_or(Timestamp::MAX)
}

impl Abandonment {
    /// Whether the share stays within `cap` even if all who are being dialled answer, and one more, and nobody speaks to any of them.
    pub fn bears_one_more(&self, cap: f64) -> bool {
        let more = self.at_risk.saturating_add(1);
        let abandoned = self.abandoned.saturating_add(more);
        let answered = self.answered.saturating_add(more);
        // A cap such as 3 % is no number of the computer's: what is exactly the cap is within it.
        abandoned as f64 <= cap * answered as f64 + 1e-9
    }
}

impl Permit {
    /// Whether it is still good: what it was given for may have changed since.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        !age.is_negative() && age <= FRESH
    }

    pub fn campaign(&self) -> &str {
        &self.campaign
    }

    pub fn contact(&self) -> i64 {
        self.contact
    }

    /// Whom to dial.
    pub fn number(&self) -> Number {
        self.number
    }

    /// The number that is shown.
    pub fn caller_id(&self) -> &str {
        &self.caller_id
    }
}

impl Refusal {
    /// One word, for records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRunning => "not_running",
            Self::Incomplete(_) => "incomplete",
            Self::NoDisclosure => "no_disclosure",
            Self::NoSuchList(_) => "no_such_list",
            Self::Standing(Standing::Open) => "open",
            Self::Standing(Standing::HeldOut) => "held_out",
            Self::Standing(Standing::GoalReached) => "goal_reached",
            Self::Standing(Standing::Cancelled) => "cancelled",
            Self::Standing(Standing::OptedOut) => "opted_out",
            Self::Standing(Standing::Closed) => "closed",
            Self::Listed(_) => "do_not_call",
            Self::NoProof => "no_proof",
            Self::ConsentLater { .. } => "consent_later",
            Self::Destination => "destination",
            Self::Attempts { .. } => "attempts",
            Self::PerDay { .. } => "per_day",
            Self::UnderWay { .. } => "under_way",
            Self::Appointment { .. } => "appointment",
            Self::Gap { .. } => "gap",
            Self::Quiet { .. } => "quiet",
            Self::Window { why: Closed::Hours, .. } => "window",
            Self::Window {
                why: Closed::Holiday(_),
                ..
            } => "holiday",
            Self::Window {
                why: Closed::HolidaysUnknown { .. },
                ..
            } => "holidays_unknown",
            Self::Window {
                why: Closed::ZoneUnknown,
                ..
            } => "zone_unknown",
            Self::Window { why: Closed::Never, .. } => "never_open",
            Self::Abandonment => "abandonment",
        }
    }

    pub fn lasts(&self) -> Lasts {
        match self {
            Self::NotRunning | Self::Incomplete(_) | Self::NoDisclosure | Self::NoSuchList(_) | Self::Abandonment => {
                Lasts::Campaign
            }
            Self::Standing(_) | Self::Listed(_) | Self::Attempts { .. } => Lasts::ForEver,
            Self::NoProof | Self::Destination => Lasts::Cured,
            Self::PerDay { until, .. } | Self::Window { until, .. } => until.map_or(Lasts::Cured, Lasts::Until),
            Self::ConsentLater { until }
            | Self::UnderWay { until }
            | Self::Appointment { until }
            | Self::Gap { until }
            | Self::Quiet { until } => Lasts::Until(*until),
        }
    }
}

/// Why not, and what helps where something does.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the campaign does not run"),
            Self::Incomplete(what) => write!(f, "the plan's campaign has no `{what}`"),
            Self::NoDisclosure => f.write_str("the campaign's assistant has no `disclosure`"),
            Self::NoSuchList(name) => {
                write!(
                    f,
                    "there is no list `{name}`; import it with `offhook dnc import FILE --list {name}`"
                )
            }
            Self::Standing(Standing::Open) => f.write_str("to be called"),
            Self::Standing(Standing::HeldOut) => f.write_str("not called, to measure against"),
            Self::Standing(Standing::GoalReached) => f.write_str("the goal is reached"),
            Self::Standing(Standing::Cancelled) => f.write_str("an event called it off"),
            Self::Standing(Standing::OptedOut) => f.write_str("they want no more calls"),
            Self::Standing(Standing::Closed) => f.write_str("all has been done"),
            Self::Listed(list) => write!(f, "the number stands on the do-not-call list `{list}`"),
            Self::NoProof => f.write_str("there is no proof of consent"),
            Self::ConsentLater { .. } => f.write_str("the consent is of a time to come"),
            Self::Destination => f.write_str("calls may not go to this number; see `outbound` in offhook.yaml"),
            Self::Attempts { max } => write!(f, "{max} attempts were made, which are all"),
            Self::PerDay { max, .. } => write!(f, "{max} attempts were made on this day, which are all of one"),
            Self::UnderWay { .. } => f.write_str("the number is being called"),
            Self::Appointment { until } => write!(f, "they asked to be called at {until}"),
            Self::Gap { until } => write!(f, "the attempt before is too recent, until {until}"),
            Self::Quiet { until } => write!(f, "another call to the number is too recent, until {until}"),
            Self::Window {
                why,
                until: Some(until),
            } => write!(f, "{why}; next at {until}"),
            Self::Window { why, until: None } => write!(f, "{why}"),
            Self::Abandonment => f.write_str("nobody may be free to speak, and too many were left without before"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What the audit record keeps of an answer, and of what it was given on.
pub fn record(facts: &Facts<'_>, answer: &Result<Permit, Refusal>) -> Value {
    let consent = facts.campaign.consent.as_ref();
    let own = |made: &&Made| matches!(made.whose, Whose::Contact | Whose::Appointment);
    let mut told = json!({
        "what": "dial",
        "campaign": facts.campaign.name,
        "contact": facts.contact,
        "number": facts.number.to_string(),
        "caller_id": facts.campaign.caller_id,
        "basis": consent.map(|consent| consent.basis.word()),
        "purpose": consent.map(|consent| consent.purpose.word()),
        "proof": facts.proof,
        "zones": facts.whereabouts.zones.to_string(),
        "region": facts.whereabouts.region.map(|region| region.to_string()),
        "attempts": facts.calls.iter().filter(own).count(),
        "appointment": facts.appointment.map(|at| at.to_string()),
        "lists": facts.campaign.dnc.as_ref().map(|dnc| dnc.lists.clone()),
        "allowed": answer.is_ok(),
    });
    if let (Err(refusal), Value::Object(told)) = (answer, &mut told) {
        told.insert("why".to_owned(), refusal.code().into());
        told.insert("told".to_owned(), refusal.to_string().into());
    }
    told
}
