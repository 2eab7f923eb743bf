//! What a person is told of a call before they take it: why, what it is about, what is known, how the caller feels, and what was said last.
//!
//! It holds what the caller told, personal values among it: it is for the person who serves them, and for no record.

use std::time::Duration;

use super::Call;
use crate::dialogue::conversation::{Speaker, Turn};
use crate::dialplan::Value;
use crate::dialplan::queue::Brief as Part;
use crate::language::Language;
use crate::speech::text::{clauses, spoken_length};

/// Turns that are shown.
const TURNS: usize = 8;
/// The longest that words of the caller are quoted, in characters.
const QUOTE: usize = 120;
/// Where the plan does not say how long it is spoken.
const WHISPER: Duration = Duration::from_secs(8);
/// What a plan without a handoff tells.
const ALL: [Part; 5] = [
    Part::Reason,
    Part::Summary,
    Part::Slots,
    Part::Sentiment,
    Part::LastTurns,
];

/// Parts that the plan does not give are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brief {
    pub language: Option<Language>,
    /// Why there is a person needed.
    pub reason: String,
    /// Of the conversation, in two sentences.
    pub summary: String,
    /// What was collected: name, value, and whether it is personal.
    pub slots: Vec<(String, String, bool)>,
    /// -1 to 0.5, as [`crate::dialogue::sentiment::Sentiment::score`] has it.
    pub mood: Option<f32>,
    /// The oldest first.
    pub turns: Vec<Turn>,
    /// What the person hears of it before the caller is there: as much of the above as its time holds.
    pub whisper: String,
}

impl Call {
    /// Of the call so far, as handoff `name` of the plan has it.
    pub(super) fn brief(&self, name: Option<&str>) -> Brief {
        let handoff = name.and_then(|name| self.plan.handoffs.get(name));
        let parts = handoff
            .map(|handoff| &handoff.brief[..])
            .filter(|parts| !parts.is_empty());
        let parts = parts.unwrap_or(&ALL);
        let told = |part: &Part| parts.contains(part);
        let slots = self.walk.slots().iter().filter(|(name, value)| {
            **value != Value::Null && (told(&Part::Slots) || told(&Part::Slot((*name).clone())))
        });
        let mut brief = Brief {
            language: Some(self.language),
            slots: slots
                .map(|(name, value)| {
                    let slot = self.plan.slots.get(name);
                    let said = slot.map_or_else(|| value.to_string(), |slot| slot.aloud(value, self.language));
                    (name.clone(), said, slot.is_some_and(|slot| slot.pii))
                })
                .collect(),
            ..Brief::default()
        };
        if told(&Part::Reason) {
            brief.reason = self.reason();
        }
        if told(&Part::Summary) {
            brief.summary = self.summary();
        }
        if told(&Part::Sentiment) {
            brief.mood = Some(self.sentiment.score());
        }
        if told(&Part::LastTurns) {
            brief.turns = self.conversation.recent(TURNS).to_vec();
        }
        let longest = handoff.and_then(|handoff| handoff.whisper).unwrap_or(WHISPER);
        brief.whisper = brief.spoken(longest);
        brief
    }

    pub(super) fn reason(&self) -> String {
        let upset = self.sentiment.negative_turns() > 0;
        match (self.language, self.wants_person, upset) {
            (Language::English, true, true) => "The caller is upset and asks for a person.".into(),
            (Language::English, true, false) => "The caller asks for a person.".into(),
            (Language::English, false, true) => "The caller is upset.".into(),
            (Language::English, false, false) => "The caller needs a person to go on.".into(),
            (Language::Mandarin, true, true) => "客户情绪不好，要求人工服务。".into(),
            (Language::Mandarin, true, false) => "客户要求人工服务。".into(),
            (Language::Mandarin, false, true) => "客户情绪不好。".into(),
            (Language::Mandarin, false, false) => "需要人工继续处理。".into(),
        }
    }

    /// What the caller came for, in their own words, and where it got to.
    fn summary(&self) -> String {
        let said = self.conversation.turns().iter();
        let said = said.filter(|turn| turn.speaker == Speaker::Caller).map(Turn::shown);
        // What was said at most length says most.
        let wish = said.max_by_key(|words| words.chars().count()).unwrap_or_default();
        let wish: String = wish.chars().take(QUOTE).collect();
        let flows = self.walk.path().iter().filter_map(|name| self.titled(name));
        let flows: Vec<String> = flows.collect();
        let sentences = match self.language {
            Language::English => [
                Some(format!("They said: {wish}")).filter(|_| !wish.is_empty()),
                Some(format!("It is about {}.", flows.join(", "))).filter(|_| !flows.is_empty()),
            ],
            Language::Mandarin => [
                Some(format!("客户说：{wish}")).filter(|_| !wish.is_empty()),
                Some(format!("涉及：{}。", flows.join("、"))).filter(|_| !flows.is_empty()),
            ],
        };
        sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What a flow is called, where the plan gives it a name that people know.
    pub(super) fn titled(&self, flow: &str) -> Option<String> {
        let flow = self.plan.flows.iter().find(|one| one.name == flow)?;
        let title = flow.title.as_ref()?.fixed(self.language)?;
        Some(title.to_owned())
    }
}

impl Brief {
    /// Of one who is to be called back, and of whose call nothing else is known any more.
    pub fn of_callback(language: Language) -> Self {
        let reason = match language {
            Language::English => "The caller asked to be called back.",
            Language::Mandarin => "客户要求回电。",
        };
        Self {
            language: Some(language),
            reason: reason.into(),
            whisper: reason.into(),
            ..Self::default()
        }
    }

    /// What takes no longer than `longest` to say: why, what is known, and the summary, as far as there is time for whole clauses.
    fn spoken(&self, longest: Duration) -> String {
        let language = self.language.unwrap_or(Language::English);
        let known = self
            .slots
            .iter()
            .map(|(name, value, _)| format!("{}: {value}.", name.replace('_', " ")));
        let mut parts = vec![self.reason.clone()];
        parts.extend(known);
        parts.push(self.summary.clone());
        let mut left = longest;
        let mut spoken: Vec<String> = Vec::new();
        for clause in parts.iter().flat_map(|part| clauses(part, language)) {
            let takes = spoken_length(&clause, language);
            if takes > left {
                break;
            }
            left -= takes;
            spoken.push(clause);
        }
        spoken.join(" ")
    }
}
