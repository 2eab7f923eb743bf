//! Understanding without a model: what the caller meant, as commands, from the plan's own words.
//!
//! What is expected comes first; a clear wish for something else wins over an answer that cannot be read. Flows are
//! chosen by likeness to their examples, values by their slots' kinds, answers are passages as they are written. It
//! knows no calls, remembers nothing, and waits for nothing.

mod corrections;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;

use super::choosing::{Chosen, choose};
use super::knowledge::{Knowledge, LEAST_SCORE, Passage};
use super::meaning::Meaning;
use super::names;
use super::phrases::{
    asks_for_a_person, asks_to_repeat, besides, ends_with_leave, gives_up, only_thanks, says_something, takes_leave,
};
use super::similarity::Similarity;
use super::slots::{extract, yes_or_no};
use super::wishes::{DESCRIPTION, EXAMPLE, NAME, TITLE, Wishes};
use super::words::{is_han, plain, tokens};
use crate::dialplan::plan::Action;
use crate::dialplan::{Command, Expect, Flow, Plan, Slot, SlotKind, Step, Value};
use crate::language::Language;

/// An assistant's understanding in one language.
pub struct Grounded {
    language: Language,
    knowledge: Arc<Knowledge>,
    /// A passage that scores less is no answer.
    least_score: f32,
    /// Flows that a caller can wish for, as labels of `similarity`.
    wishes: Vec<String>,
    similarity: Wishes,
    /// Wishes and, after them, the questions that the knowledge answers, on one scale.
    all: Similarity,
    /// The sources of those questions, in that order.
    sources: Vec<String>,
    /// All flows' slots that may be told unasked, by flow.
    slots: Vec<(String, Vec<Slot>)>,
    /// Whether the plan has a flow for callers who want a person.
    has_person: bool,
    names: Arc<str>,
}

/// What an assistant understands, in each language that it speaks.
pub type Understanding = BTreeMap<Language, Arc<Grounded>>;

/// For `assistant` of `plan`, by name. Takes a second with `meaning`: it is made once for a plan, not for each call.
pub fn understanding(
    plan: &Plan,
    assistant: &str,
    knowledge: &Arc<Knowledge>,
    meaning: Option<&Arc<dyn Meaning>>,
) -> Understanding {
    let spoken = plan
        .assistants
        .get(assistant)
        .map(|assistant| assistant.languages.iter().copied());
    let grounded = |language| {
        let grounded = Grounded::new(plan, assistant, language, Arc::clone(knowledge), meaning.cloned());
        (language, Arc::new(grounded))
    };
    spoken.into_iter().flatten().map(grounded).collect()
}

/// Where the call is when the caller speaks.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    pub expect: &'a Expect,
    /// The flow that the call is in.
    pub flow: Option<&'a str>,
    /// At the caller's place.
    pub now: DateTime,
    /// What the caller has told so far, by slot, with what is being confirmed.
    pub told: &'a BTreeMap<String, Value>,
    /// The flows between which the caller was just asked to choose, in the order in which they were named.
    pub offered: &'a [String],
}

/// Nearness from which a wish ends a question that any words would answer.
const OVER_FREE_WORDS: f32 = 0.6;
/// A passage this good answers a question in the middle of another, and before a flow that is not as near.
const GOOD_ANSWER: f32 = 0.6;

/// Of two flows that were offered one is taken from here on, and where the other is so much less near: the caller has been
/// told what there is.
const OF_TWO: f32 = 0.16;
const CLEARLY: f32 = 1.1;

/// How much nearer a question of the knowledge must be than a wish to be answered instead. A wish of many examples is
/// never as near as a single question asked word for word.
const WISH_FIRST: f32 = 1.25;

/// How much nearer a sentence must be than all words together to be taken for them.
const NEARER: f32 = 1.1;

impl Grounded {
    /// `knowledge` is what the assistant may answer from; flows are chosen by `meaning` too, where there is one.
    pub fn new(
        plan: &Plan,
        assistant: &str,
        language: Language,
        knowledge: Arc<Knowledge>,
        meaning: Option<Arc<dyn Meaning>>,
    ) -> Grounded {
        let wished: Vec<&Flow> = plan
            .flows
            .iter()
            .filter(|flow| flow.use_when.is_some() || !flow.examples.is_empty())
            .collect();
        let sayings: Vec<(usize, String, f32)> = wished
            .iter()
            .enumerate()
            .flat_map(|(label, flow)| {
                sayings(flow, language)
                    .into_iter()
                    .map(move |(text, worth)| (label, text, worth))
            })
            .collect();
        let similarity = Wishes::new(language, &sayings, meaning);
        let questions: Vec<(&str, &str)> = knowledge.questions(language).collect();
        let headings = questions
            .iter()
            .enumerate()
            .map(|(at, (_, heading))| (wished.len() + at, *heading, EXAMPLE));
        let all = Similarity::new(
            language,
            sayings
                .iter()
                .map(|(label, text, worth)| (*label, text.as_str(), *worth))
                .chain(headings),
        );
        let names = names::names(plan, &knowledge, language).into();
        let sources = questions.iter().map(|(source, _)| (*source).to_owned()).collect();
        Grounded {
            language,
            knowledge,
            least_score: plan.min_score(assistant).unwrap_or(LEAST_SCORE),
            wishes: wished.into_iter().map(|flow| flow.name.clone()).collect(),
            similarity,
            all,
            sources,
            slots: plan
                .flows
                .iter()
                .map(|flow| (flow.name.clone(), told_unasked(plan, flow)))
                .collect(),
            has_person: plan.patterns.person.is_some(),
            names,
        }
    }

    /// Names that callers are likely to say, with commas between.
    pub fn names(&self) -> Arc<str> {
        Arc::clone(&self.names)
    }

    /// What `words` mean at this moment, the most important first; nothing where they are not understood.
    pub fn understand(&self, words: &str, moment: Moment<'_>) -> Vec<Command> {
        if words.trim().is_empty() {
            return Vec::new();
        }
        if self.has_person && asks_for_a_person(words, self.language) {
            return vec![Command::HandOver];
        }
        match moment.expect {
            Expect::Slot(slot) => self.for_slot(words, slot, moment),
            Expect::Confirm => self.for_confirmation(words, moment),
            Expect::Anything => self.for_anything(words, moment),
        }
    }

    /// The passage that answers `question`, for a plan's `answer` step.
    pub fn answer(&self, question: &str) -> Option<Passage> {
        self.knowledge
            .ask(question, self.language)
            .filter(|passage| passage.score >= self.least_score)
    }

    /// At most `count` whole passages that may answer `question`, for a language model to answer from.
    pub fn passages(&self, question: &str, count: usize) -> Vec<Passage> {
        let mut passages = self.knowledge.best(question, self.language, count);
        passages.retain(|passage| passage.score >= self.least_score);
        passages
    }

    /// The passage that is nearest to `question`, whether it answers it or not.
    pub fn nearest(&self, question: &str) -> Option<Passage> {
        self.knowledge.ask(question, self.language)
    }

    fn for_slot(&self, words: &str, slot: &Slot, moment: Moment<'_>) -> Vec<Command> {
        let free = match &slot.kind {
            SlotKind::Name | SlotKind::Text => true,
            SlotKind::Digits { .. }
            | SlotKind::Number { .. }
            | SlotKind::Money { .. }
            | SlotKind::Boolean
            | SlotKind::Enum(_)
            | SlotKind::Date
            | SlotKind::Time
            | SlotKind::DateTime
            | SlotKind::Phone
            | SlotKind::Email => false,
        };
        if free && let Some(commands) = self.aside(words, moment, OVER_FREE_WORDS) {
            return commands;
        }
        if let Some(value) = extract(words, slot, self.language, moment.now) {
            let mut commands = vec![Command::Set {
                slot: slot.name.clone(),
                value,
            }];
            commands.extend(self.values(words, moment.flow, Some(slot), moment));
            if !free {
                commands.extend(self.wish_besides(words, moment));
            }
            return commands;
        }
        if let Some(commands) = self.aside(words, moment, 0.0) {
            return commands;
        }
        let corrections = self.put_right(words, Some(slot), moment);
        if !corrections.is_empty() {
            return corrections;
        }
        self.good_answer(words).into_iter().collect()
    }

    fn for_confirmation(&self, words: &str, moment: Moment<'_>) -> Vec<Command> {
        let corrections = self.put_right(words, None, moment);
        match yes_or_no(words, self.language) {
            // "Yes, and where is my order?" is both.
            Some(true) => std::iter::once(Command::Affirm)
                .chain(self.wish_besides(words, moment))
                .collect(),
            Some(false) => {
                if corrections.is_empty()
                    && let Some(commands) = self.aside(words, moment, 0.0)
                {
                    return commands;
                }
                std::iter::once(Command::Deny).chain(corrections).collect()
            }
            None if !corrections.is_empty() => corrections,
            None => self
                .aside(words, moment, 0.0)
                .unwrap_or_else(|| self.good_answer(words).into_iter().collect()),
        }
    }

    fn for_anything(&self, words: &str, moment: Moment<'_>) -> Vec<Command> {
        if takes_leave(words, self.language) {
            return vec![Command::Goodbye];
        }
        if asks_to_repeat(words, self.language) {
            return vec![Command::Repeat];
        }
        if only_thanks(words, self.language) {
            return vec![Command::Deny];
        }
        if let Some(flow) = self.of_the_offered(words, moment.offered) {
            return self.start(flow, words, moment);
        }
        let point = self.point(words);
        let chosen = choose(&self.similarity.scores(point));
        let answer = yes_or_no(words, self.language).map(|yes| if yes { Command::Affirm } else { Command::Deny });
        let sure = matches!(chosen, Chosen::One { sure: true, .. });
        if let Some(answer) = &answer
            && !sure
            && tokens(&plain(words)).len() <= 4
        {
            return vec![answer.clone()];
        }
        if !sure && ends_with_leave(words, self.language) {
            return vec![Command::Goodbye];
        }
        let passage = self.answer(point);
        if let Some(passage) = &passage
            && passage.score >= GOOD_ANSWER
            && self.is_question_rather_than_wish(point, &passage.source)
        {
            return vec![spoken(passage)];
        }
        match chosen {
            Chosen::One { label, .. } => self.start(label, words, moment),
            Chosen::Either(a, b) => {
                let flows: Vec<String> = [a, b]
                    .into_iter()
                    .filter_map(|label| self.wish(label).map(str::to_owned))
                    .collect();
                vec![Command::Clarify { flows }]
            }
            Chosen::None => match (passage, answer) {
                (Some(passage), _) => vec![spoken(&passage)],
                (None, Some(answer)) => vec![answer],
                (None, None) if says_something(words) => vec![Command::OutOfScope],
                (None, None) => Vec::new(),
            },
        }
    }

    /// The sentence that callers who ramble come to the point in; all words, where none is nearer to anything than they
    /// are together.
    pub fn point<'a>(&self, words: &'a str) -> &'a str {
        let nearness = |words: &str| self.all.scores(words).first().map_or(0.0, |score| score.nearness);
        let sentences = words.split_inclusive(['.', '?', '!', '。', '？', '！']);
        let scored = sentences.map(|sentence| (nearness(sentence), sentence.trim()));
        let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
        match best {
            Some((near, sentence)) if near > nearness(words) * NEARER => sentence,
            Some(_) | None => words,
        }
    }

    /// Whether `words` are nearer to the question that the passage at `source` answers than to any wish. Where plan and
    /// knowledge say the same, the plan's flow is taken.
    fn is_question_rather_than_wish(&self, words: &str, source: &str) -> bool {
        let scores = self.all.scores(words);
        let nearest = |of: &dyn Fn(usize) -> bool| {
            scores
                .iter()
                .find(|score| of(score.label))
                .map_or(0.0, |score| score.nearness)
        };
        let wish = nearest(&|label| label < self.wishes.len());
        let question = nearest(&|label| {
            let at = label.checked_sub(self.wishes.len());
            at.and_then(|at| self.sources.get(at)).is_some_and(|at| at == source)
        });
        question > wish * WISH_FIRST
    }

    /// What interrupts a question: leave, "never mind", "pardon?", a clear wish for another flow.
    fn aside(&self, words: &str, moment: Moment<'_>, least: f32) -> Option<Vec<Command>> {
        if takes_leave(words, self.language) {
            return Some(vec![Command::Goodbye]);
        }
        if gives_up(words, self.language) {
            return Some(vec![Command::Cancel]);
        }
        if asks_to_repeat(words, self.language) {
            return Some(vec![Command::Repeat]);
        }
        self.clear_wish(words, moment, least)
    }

    /// A wish for another flow that is sure, and at least so near.
    fn clear_wish(&self, words: &str, moment: Moment<'_>, least: f32) -> Option<Vec<Command>> {
        let scores = self.similarity.scores(words);
        let near = scores.first().is_some_and(|score| score.nearness >= least);
        match choose(&scores) {
            Chosen::One { label, sure: true } if near && self.wish(label) != moment.flow => {
                Some(self.start(label, words, moment))
            }
            Chosen::One { .. } | Chosen::Either(..) | Chosen::None => None,
        }
    }

    /// What is wished for in the same breath as an answer.
    fn wish_besides(&self, words: &str, moment: Moment<'_>) -> Vec<Command> {
        besides(words, self.language)
            .and_then(|rest| self.clear_wish(&rest, moment, 0.0))
            .unwrap_or_default()
    }

    /// Which of the flows that were offered is meant, as a label: by its place, or by what is nearer of the two.
    fn of_the_offered(&self, words: &str, offered: &[String]) -> Option<usize> {
        let label = |flow: &String| self.wishes.iter().position(|wish| wish == flow);
        if offered.len() < 2 {
            return None;
        }
        if let Some(place) = corrections::one_of_two(words, self.language) {
            return offered.get(place).and_then(label);
        }
        let labels: Vec<usize> = offered.iter().filter_map(label).collect();
        let mut scores = self.similarity.scores(words);
        // What is wished for instead is no choice between them.
        let instead = matches!(choose(&scores), Chosen::One { label, .. } if !labels.contains(&label));
        scores.retain(|score| labels.contains(&score.label));
        let [best, second, ..] = scores.as_slice() else {
            return None;
        };
        (!instead && best.nearness >= OF_TWO && best.nearness > second.nearness * CLEARLY).then_some(best.label)
    }

    /// Values that `words` give anew, or say what is wrong with: "not seven, eight".
    fn put_right(&self, words: &str, asked: Option<&Slot>, moment: Moment<'_>) -> Vec<Command> {
        let slots = self.slots.iter().find(|(name, _)| Some(name.as_str()) == moment.flow);
        let Some((_, slots)) = slots else { return Vec::new() };
        let others = || {
            slots
                .iter()
                .filter(|slot| asked.is_none_or(|asked| asked.name != slot.name))
        };
        let corrected = |correct: &dyn Fn(&Slot, &Value) -> Option<Value>| -> Vec<Command> {
            let told = others().filter_map(|slot| Some((slot, moment.told.get(&slot.name)?)));
            let right = told.filter_map(|(slot, known)| {
                Some(Command::Set {
                    slot: slot.name.clone(),
                    value: correct(slot, known)?,
                })
            });
            right.collect()
        };
        let half = corrected(&|slot, known| self.half_corrected(words, slot, known, moment.now));
        if let [_] = half.as_slice() {
            return half;
        }
        let values = self.values(words, moment.flow, asked, moment);
        if !values.is_empty() {
            return values;
        }
        let right = corrected(&|slot, known| corrections::corrected(words, slot, known, self.language));
        // What fits two values puts neither right.
        if right.len() == 1 { right } else { Vec::new() }
    }

    /// Of a day and a time one was told anew: "no, Thursday".
    fn half_corrected(&self, words: &str, slot: &Slot, known: &Value, now: DateTime) -> Option<Value> {
        let (SlotKind::DateTime, Value::Text(known)) = (&slot.kind, known) else {
            return None;
        };
        let (day, time) = known.split_once('T')?;
        let half =
            |kind| extract(words, &Slot::plain(&slot.name, kind), self.language, now).map(|half| half.to_string());
        let at = match (half(SlotKind::Date), half(SlotKind::Time)) {
            (Some(day), None) => format!("{day}T{time}"),
            (None, Some(time)) => format!("{day}T{time}"),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        (at != *known).then_some(Value::Text(at)).filter(|_| day.len() == 10)
    }

    fn start(&self, label: usize, words: &str, moment: Moment<'_>) -> Vec<Command> {
        let Some(flow) = self.wish(label) else {
            return Vec::new();
        };
        let mut commands = vec![Command::StartFlow(flow.to_owned())];
        commands.extend(self.values(words, Some(flow), None, moment));
        commands
    }

    fn wish(&self, label: usize) -> Option<&str> {
        self.wishes.get(label).map(String::as_str)
    }

    /// What `words` tell for the slots of `flow`, besides the one that was asked for. Of two slots that the same digits
    /// would fill, neither is.
    fn values(&self, words: &str, flow: Option<&str>, asked: Option<&Slot>, moment: Moment<'_>) -> Vec<Command> {
        let Some((_, slots)) = self.slots.iter().find(|(name, _)| Some(name.as_str()) == flow) else {
            return Vec::new();
        };
        let told: Vec<(&Slot, Value)> = slots
            .iter()
            .filter(|slot| asked.is_none_or(|asked| asked.name != slot.name))
            .filter(|slot| may_be_told(slot, moment.told))
            .filter_map(|slot| Some((slot, extract(words, slot, self.language, moment.now)?)))
            .collect();
        let numeral = |slot: &Slot| matches!(slot.kind, SlotKind::Digits { .. } | SlotKind::Number { .. });
        let digits = told
            .iter()
            .filter(|(slot, _)| matches!(slot.kind, SlotKind::Digits { .. }))
            .count();
        let numbers = told
            .iter()
            .filter(|(slot, _)| matches!(slot.kind, SlotKind::Number { .. }))
            .count();
        let taken_by_asked =
            asked.is_some_and(|asked| numeral(asked) && extract(words, asked, self.language, moment.now).is_some());
        let dated = told
            .iter()
            .any(|(slot, _)| matches!(slot.kind, SlotKind::Date | SlotKind::Time | SlotKind::DateTime));
        told.into_iter()
            .filter(|(slot, _)| match slot.kind {
                SlotKind::Digits { .. } => digits == 1 && !taken_by_asked,
                SlotKind::Number { .. } => numbers == 1 && digits == 0 && !taken_by_asked && !dated,
                SlotKind::Enum(_)
                | SlotKind::Money { .. }
                | SlotKind::Boolean
                | SlotKind::Date
                | SlotKind::Time
                | SlotKind::DateTime
                | SlotKind::Phone
                | SlotKind::Name
                | SlotKind::Email
                | SlotKind::Text => true,
            })
            .map(|(slot, value)| Command::Set {
                slot: slot.name.clone(),
                value,
            })
            .collect()
    }

    fn good_answer(&self, words: &str) -> Option<Command> {
        self.answer(words)
            .filter(|passage| passage.score >= GOOD_ANSWER)
            .map(|passage| spoken(&passage))
    }
}

fn spoken(passage: &Passage) -> Command {
    Command::Answer {
        text: passage.text.clone(),
        source: passage.source.clone(),
    }
}

/// The sayings that a flow is known by in a language, and what a likeness to each is worth.
fn sayings(flow: &Flow, language: Language) -> Vec<(String, f32)> {
    let speaks = |text: &str| match language {
        Language::English => !text.chars().any(is_han),
        Language::Mandarin => text.chars().any(is_han),
    };
    let examples = flow
        .examples
        .iter()
        .filter(|example| speaks(example))
        .map(|example| (example.clone(), EXAMPLE));
    let described = flow
        .use_when
        .iter()
        .filter(|text| speaks(text))
        .map(|text| (text.replace("来电者", ""), DESCRIPTION));
    let title = flow
        .title
        .iter()
        .map(|title| (title.say(language, |_| Value::Null), TITLE));
    let name = std::iter::once((flow.name.replace('_', " "), NAME));
    examples
        .chain(described)
        .chain(title)
        .chain(name)
        .filter(|(text, _)| !text.trim().is_empty())
        .collect()
}

/// The slots of a flow that can be recognised without being asked for: any words are a name or a text.
fn told_unasked(plan: &Plan, flow: &Flow) -> Vec<Slot> {
    let mut names = Vec::new();
    collected(&flow.steps, &mut names);
    let slots = names.into_iter().filter_map(|name| plan.slots.get(name));
    slots
        .filter(|slot| !matches!(slot.kind, SlotKind::Boolean | SlotKind::Name | SlotKind::Text))
        .cloned()
        .collect()
}

/// Whether a value is not easily mistaken for something else; one that was told before may be told anew.
fn may_be_told(slot: &Slot, told: &BTreeMap<String, Value>) -> bool {
    match slot.kind {
        SlotKind::Digits { .. }
        | SlotKind::Number { .. }
        | SlotKind::Enum(_)
        | SlotKind::DateTime
        | SlotKind::Email => true,
        SlotKind::Money { .. } | SlotKind::Date | SlotKind::Time | SlotKind::Phone => told.contains_key(&slot.name),
        SlotKind::Boolean | SlotKind::Name | SlotKind::Text => false,
    }
}

fn collected<'a>(steps: &'a [Step], names: &mut Vec<&'a str>) {
    for step in steps {
        match &step.action {
            Action::Collect(collect) if !names.contains(&collect.slot.as_str()) => names.push(&collect.slot),
            Action::If { then, otherwise, .. } => {
                collected(then, names);
                collected(otherwise, names);
            }
            Action::Switch { cases, default, .. } => {
                for (_, steps) in cases {
                    collected(steps, names);
                }
                collected(default, names);
            }
            Action::Collect(_)
            | Action::Say { .. }
            | Action::Answer { .. }
            | Action::Set(_)
            | Action::GotoFlow(_)
            | Action::RunFlow(_)
            | Action::Tool(_)
            | Action::Transfer(_)
            | Action::Callback(_)
            | Action::Record(_)
            | Action::Ticket(_)
            | Action::Disposition(_)
            | Action::Hangup { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
