//! Between the INVITE and the answer: who calls, and where the plan sends them.
//!
//! The caller hears ringing while other systems are asked about them; one that fails or is late costs the profile, not
//! the call.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::journal::{Journal, Outcome, Record};
use super::leg::{self, Accepted, Origin, Ringing};
use super::load::Script;
use super::{Bot, using};
use crate::call::{Manager, Start};
use crate::clock;
use crate::dialplan::{Facts, Plan, Then, Value};
use crate::language::Language;
use crate::sip::{Action, CallId, Event, Party};
use crate::store::Began;
use futures_util::future::join_all;
use tokio::sync::mpsc;

pub(super) struct Invitation {
    pub call: CallId,
    pub number: u64,
    pub from: Party,
    pub to: Party,
    /// Whom it was for before, the last first.
    pub diverted_from: Vec<Party>,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// The trunk that it came by, if it did.
    pub trunk: Option<String>,
    pub offer: Option<Vec<u8>>,
}

/// Runs a call from its INVITE to its end, by the script of this moment.
pub(super) async fn run(bot: Arc<Bot>, invitation: Invitation, events: mpsc::Receiver<Event>) {
    let script = bot.script();
    let call = invitation.call;
    let facts = facts(&bot, &script.plan, &invitation);
    let asked = script.plan.call_start(&facts, &BTreeMap::new());
    let (facts, told, ringing) = if asked.is_empty() {
        (facts, BTreeMap::new(), Ringing::Untold)
    } else {
        bot.act(Action::Ring { call });
        let (facts, told) = profile(&bot, &script.plan, facts, asked).await;
        (facts, told, Ringing::Told)
    };
    let Some(route) = script.plan.route(&facts) else {
        bot.sip.misdialled(invitation.source);
        return refuse(
            &bot,
            &script,
            &invitation,
            &facts,
            Refusal::new(404, "no route of the plan fits"),
        );
    };
    match &route.then {
        Then::Reject(code) => {
            let why = format!("so says the route `{}`", route.name);
            refuse(&bot, &script, &invitation, &facts, Refusal::new(*code, why));
        }
        Then::Answer { assistant, flow } => {
            let (assistant, flow) = (assistant.clone(), flow.clone());
            let accepted = accepted(&bot, &script, invitation, (assistant, flow), facts, told);
            leg::run(bot, Accepted { ringing, ..accepted }, events).await;
        }
    }
}

/// Why a call is not taken.
pub(super) struct Refusal {
    /// Of SIP.
    pub code: u16,
    pub reason: String,
    /// When it may come again, where there is no room now.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            retry_after: (code == 503).then_some(super::RETRY_AFTER),
        }
    }

    /// The caller is told the code, and the record why.
    pub fn tell(self, bot: &Bot, call: CallId, journal: Journal) {
        journal.end(Outcome::refused(self.code, &self.reason));
        bot.refuse(call, self.code, self.retry_after);
    }
}

/// Does not take a call, whoever it would have been for.
pub(super) fn turn_away(bot: &Bot, invitation: &Invitation, refusal: Refusal) {
    let script = bot.script();
    let facts = facts(bot, &script.plan, invitation);
    refuse(bot, &script, invitation, &facts, refusal);
}

fn refuse(bot: &Bot, script: &Script, invitation: &Invitation, facts: &Facts, refusal: Refusal) {
    let began = began(script, invitation, facts, "");
    let journal = Journal::begin(bot.outbox.clone(), began, &bot.recordings);
    refusal.tell(bot, invitation.call, journal);
}

fn facts(bot: &Bot, plan: &Plan, invitation: &Invitation) -> Facts {
    let at = clock::wall();
    let id = Record::of(invitation.number, at).id;
    let text = |words: &str| Value::Text(words.to_owned());
    let name = invitation
        .from
        .display
        .as_deref()
        .map(|name| ("name".to_owned(), text(name)));
    let diverted = invitation
        .diverted_from
        .first()
        .map(|party| ("diverted_from".to_owned(), text(&party.user)));
    Facts {
        at,
        caller: [("number".to_owned(), text(&invitation.from.user))]
            .into_iter()
            .chain(name)
            .collect(),
        call: [
            ("id".to_owned(), text(&id)),
            ("to".to_owned(), text(&invitation.to.user)),
        ]
        .into_iter()
        .chain(diverted)
        .collect(),
        queues: bot.floor.loads(&plan.asked_queues),
    }
}

/// What other systems know: of the caller into the facts, anything else by its dotted name.
pub(super) async fn profile(
    bot: &Bot,
    plan: &Plan,
    mut facts: Facts,
    asked: Vec<crate::dialplan::ToolCall>,
) -> (Facts, BTreeMap<String, Value>) {
    let answers = join_all(asked.iter().map(|call| using::run(&bot.toolbox, plan, call))).await;
    let mut told = BTreeMap::new();
    for (call, answer) in asked.iter().zip(answers) {
        let root = plan
            .tools
            .get(&call.tool)
            .map(|tool| tool.sets.clone())
            .unwrap_or_default();
        match answer {
            Ok(values) if root == "caller" => facts.caller.extend(values),
            Ok(values) => told.extend(
                values
                    .into_iter()
                    .map(|(name, value)| (format!("{root}.{name}"), value)),
            ),
            Err(reason) => tracing::warn!(tool = call.tool, "nothing is known of the caller: {reason}"),
        }
    }
    (facts, told)
}

fn accepted(
    bot: &Bot,
    script: &Script,
    invitation: Invitation,
    (assistant, flow): (String, String),
    facts: Facts,
    told: BTreeMap<String, Value>,
) -> Accepted {
    let plan = Arc::clone(&script.plan);
    let began = began(script, &invitation, &facts, &assistant);
    let journal = Journal::begin(bot.outbox.clone(), began, &bot.recordings);
    let spoken = plan
        .assistants
        .get(&assistant)
        .and_then(|a| a.languages.first().copied());
    let start = Start {
        flow,
        language: spoken.unwrap_or(Language::English),
        facts,
        told,
        opening: None,
        understanding: script.understanding.get(&assistant).cloned().unwrap_or_default(),
        manager: if bot.model.is_some() {
            Manager::Model
        } else {
            Manager::Grounded
        },
        plan,
        assistant,
    };
    Accepted {
        call: invitation.call,
        number: invitation.number,
        start,
        source: invitation.source,
        caller: Origin {
            uri: invitation.from.uri,
            user: invitation.from.user,
            trunk: invitation.trunk,
        },
        offer: invitation.offer,
        ringing: Ringing::Untold,
        journal,
    }
}

/// `assistant` is empty where no one answers.
fn began(script: &Script, invitation: &Invitation, facts: &Facts, assistant: &str) -> Began {
    Began {
        id: facts.call.get("id").map(ToString::to_string).unwrap_or_default(),
        caller: invitation.from.user.clone(),
        callee: invitation.to.user.clone(),
        plan: script.plan.name.clone(),
        plan_hash: script.plan.hash.clone(),
        assistant: assistant.to_owned(),
        at: facts.at,
    }
}
