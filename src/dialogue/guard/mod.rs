//! What a language model may not say, whatever it writes: that something was done which was not, and what nobody told it.
//!
//! [`Guard`] looks at single clauses: numbers, prices, addresses and promises must have grounds, and what the plan forbids is not said. [`Gate`] keeps
//! claims of finished actions back until the deed that they speak of has succeeded, and puts an honest sentence in their place where it has not;
//! [`Deeds`] knows which have. Pure. It knows no model, no calls and no sound; the plan's own words do not pass through it.

mod action;
mod deeds;
mod english;
mod grounds;
mod mandarin;
mod never;

#[cfg(test)]
mod tests;

pub use action::Action;
pub use deeds::Deeds;
pub use grounds::Refusal;

pub(super) use grounds::{addresses, numbers};

use self::never::Forbidden;
use super::words::{plain, tokens};
use crate::language::Language;

/// What is checked in every clause.
#[derive(Clone, Debug)]
pub struct Guard {
    language: Language,
    never: Vec<Forbidden>,
}

impl Guard {
    /// `never`: what the plan forbids, in words: "promise a refund amount".
    pub fn new(never: &[String], language: Language) -> Guard {
        let never = never.iter().map(|words| Forbidden::new(words)).collect();
        Guard { language, never }
    }

    /// Whether `clause` stays within `grounds` (passages, values of slots, answers of tools) and breaks no rule of the plan.
    pub fn judge(&self, clause: &str, grounds: &str) -> Result<(), Refusal> {
        grounds::within(clause, grounds, self.language)?;
        match self
            .never
            .iter()
            .find(|forbidden| forbidden.is_in(clause, self.language))
        {
            Some(forbidden) => Err(Refusal::Forbidden(forbidden.words().to_owned())),
            None => Ok(()),
        }
    }
}

/// Finds claims clause by clause; a condition holds to the end of its sentence.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    conditional: bool,
}

impl Claims {
    /// What `clause` claims to have been done, to be under way, or to be done at once; in either language, for models mix them. What may be,
    /// what is asked, denied or true of all customers is no claim. In doubt it is one.
    pub fn read(&mut self, clause: &str) -> Vec<Action> {
        let mut found = english::claims(clause, self.conditional);
        found.extend(mandarin::claims(clause));
        found.dedup();
        let end = clause.trim_end().chars().next_back();
        self.conditional = match end {
            Some('.' | '!' | '?' | ';' | '。' | '！' | '？' | '；') | None => false,
            Some(_) => self.conditional || english::opens_condition(clause),
        };
        found
    }
}

/// What becomes of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    Speak(String),
    /// The deed that it speaks of is under way.
    Held,
    /// Said in its place; what would have followed is dropped.
    Instead(&'static str),
    /// It follows a claim that was not true.
    Dropped,
}

/// The clauses of one answer on their way to the voice.
#[derive(Clone, Debug)]
pub struct Gate {
    language: Language,
    claims: Claims,
    /// In their order: the first claims what is under way.
    held: Vec<(String, Vec<Action>)>,
    closed: bool,
}

impl Gate {
    pub fn new(language: Language) -> Gate {
        Gate {
            language,
            claims: Claims::default(),
            held: Vec::new(),
            closed: false,
        }
    }

    /// `grounds`: what is written there word for word is the business's own claim.
    pub fn pass(&mut self, clause: &str, grounds: &str, deeds: &Deeds) -> Passed {
        let claimed = self.claims.read(clause);
        if self.closed {
            return Passed::Dropped;
        }
        let claimed = if is_quoted(clause, grounds) {
            Vec::new()
        } else {
            claimed
        };
        if self.held.is_empty() && claimed.iter().all(|action| deeds.back(*action)) {
            return Passed::Speak(clause.to_owned());
        }
        if claimed
            .iter()
            .all(|action| deeds.back(*action) || deeds.may_back(*action))
        {
            self.held.push((clause.to_owned(), claimed));
            return Passed::Held;
        }
        self.closed = true;
        // What is held comes first, and may still be true.
        if self.held.is_empty() {
            Passed::Instead(honest(self.language))
        } else {
            Passed::Dropped
        }
    }

    /// A deed is over: what may be said now.
    pub fn settle(&mut self, deeds: &Deeds) -> Vec<String> {
        let mut said = Vec::new();
        while let Some((clause, claimed)) = self.held.first() {
            if claimed.iter().all(|action| deeds.back(*action)) {
                said.push(clause.clone());
                self.held.remove(0);
            } else if claimed
                .iter()
                .all(|action| deeds.back(*action) || deeds.may_back(*action))
            {
                break;
            } else {
                said.push(honest(self.language).to_owned());
                self.held.clear();
                self.closed = true;
            }
        }
        said
    }

    /// Whether clauses wait for a deed.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }
}

/// In place of a claim that is not known to be true; itself always true.
pub fn honest(language: Language) -> &'static str {
    match language {
        Language::English => "I can't confirm that yet.",
        Language::Mandarin => "这一点我现在还不能确认。",
    }
}

/// Fewer words than this stand in any text by chance.
const QUOTED: usize = 4;

fn is_quoted(clause: &str, grounds: &str) -> bool {
    let (clause, grounds) = (tokens(&plain(clause)), tokens(&plain(grounds)));
    clause.len() >= QUOTED && grounds.windows(clause.len()).any(|window| window == clause)
}
