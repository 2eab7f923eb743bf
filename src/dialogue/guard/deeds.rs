//! What was done in a call: what claims may rest on.
//!
//! It is told what is begun and what came of it. That a deed is done once is the matter of the walk and of the tools, not
//! of this.

use std::collections::BTreeMap;

use super::action::{Action, named};
use crate::dialplan::Value;

/// The deeds of one call.
#[derive(Clone, Debug, Default)]
pub struct Deeds {
    by_key: BTreeMap<String, Deed>,
}

#[derive(Clone, Debug)]
struct Deed {
    /// What it may be called when it is spoken of.
    kinds: Vec<Action>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    UnderWay,
    Succeeded(BTreeMap<String, Value>),
    Failed,
}

impl Deeds {
    /// A deed is begun. `key` tells it from the others: its tool, and what it is done with. `words` name it: its tool, and
    /// what the caller was asked before it. One that has succeeded stays so.
    pub fn begin(&mut self, key: &str, words: &str) {
        if self
            .by_key
            .get(key)
            .is_some_and(|deed| matches!(deed.state, State::Succeeded(_)))
        {
            return;
        }
        let deed = Deed {
            kinds: named(words),
            state: State::UnderWay,
        };
        self.by_key.insert(key.to_owned(), deed);
    }

    /// It was done. An answer to what is not under way changes nothing.
    pub fn succeeded(&mut self, key: &str, result: BTreeMap<String, Value>) {
        self.over(key, State::Succeeded(result));
    }

    /// It was not done, as far as is known.
    pub fn failed(&mut self, key: &str) {
        self.over(key, State::Failed);
    }

    /// Whether a deed of this kind has succeeded. That something is done is true after any.
    pub fn back(&self, action: Action) -> bool {
        self.any(action, |state| matches!(state, State::Succeeded(_)))
    }

    /// Whether one is under way.
    pub fn may_back(&self, action: Action) -> bool {
        self.any(action, |state| matches!(state, State::UnderWay))
    }

    /// What the deeds that succeeded answered.
    pub fn results(&self) -> impl Iterator<Item = &Value> {
        self.by_key.values().flat_map(|deed| match &deed.state {
            State::Succeeded(result) => Some(result.values()).into_iter().flatten(),
            State::UnderWay | State::Failed => None.into_iter().flatten(),
        })
    }

    fn any(&self, action: Action, is: impl Fn(&State) -> bool) -> bool {
        self.by_key
            .values()
            .any(|deed| is(&deed.state) && (action == Action::Settle || deed.kinds.contains(&action)))
    }

    fn over(&mut self, key: &str, state: State) {
        if let Some(deed) = self.by_key.get_mut(key)
            && matches!(deed.state, State::UnderWay)
        {
            deed.state = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> BTreeMap<String, Value> {
        BTreeMap::from([("code".to_owned(), Value::Text("R77".to_owned()))])
    }

    #[test]
    fn what_failed_backs_nothing_and_what_succeeded_stays_so() {
        let mut deeds = Deeds::default();
        deeds.begin("a", "cancel_order");
        deeds.failed("a");
        assert!(!deeds.back(Action::Cancel) && !deeds.may_back(Action::Cancel));
        deeds.begin("a", "cancel_order");
        deeds.succeeded("a", label());
        deeds.begin("a", "cancel_order");
        deeds.failed("a");
        assert!(deeds.back(Action::Cancel));
        assert_eq!(deeds.results().count(), 1);
    }

    #[test]
    fn a_success_backs_claims_of_its_kind() {
        let mut deeds = Deeds::default();
        deeds.begin("a", "open_return Shall I open the return? 要为您登记退货吗？");
        assert!(deeds.may_back(Action::Open) && !deeds.back(Action::Open));
        deeds.succeeded("a", label());
        assert!(deeds.back(Action::Open) && deeds.back(Action::Settle) && deeds.back(Action::Return));
        assert!(!deeds.back(Action::Cancel) && !deeds.back(Action::Refund));
    }
}
