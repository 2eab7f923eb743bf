//! What was done in a call: each deed by its key, begun once.
//!
//! A deed that was begun is not begun again, whoever asks: not after the caller cut in, not after a correction that leads the same way. It knows
//! neither what a deed is nor how it is done.

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
    Failed(Failed),
}

/// How a deed failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Certainly nothing was done: it may be tried again.
    Nothing,
    /// Its request went out and no answer came: perhaps it was done.
    Unknown,
}

/// What is to be done where a deed is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin<'a> {
    /// It has not been done: do it now.
    Do,
    /// Wait for what comes of it.
    UnderWay,
    /// It was done before, and this came of it.
    Done(&'a BTreeMap<String, Value>),
    /// Nobody knows whether it was done: it is not repeated.
    Unknown,
}

impl Deeds {
    /// A deed is wanted. `key` is the same for the same deed: of the call and the slots that it is done with. `words` name it: its tool, and what the
    /// caller was asked before it.
    pub fn begin(&mut self, key: &str, words: &str) -> Begin<'_> {
        let again = match self.by_key.get(key).map(|deed| &deed.state) {
            None | Some(State::Failed(Failed::Nothing)) => true,
            Some(State::UnderWay | State::Succeeded(_) | State::Failed(Failed::Unknown)) => false,
        };
        if again {
            let deed = Deed {
                kinds: named(words),
                state: State::UnderWay,
            };
            self.by_key.insert(key.to_owned(), deed);
            return Begin::Do;
        }
        match self.by_key.get(key).map(|deed| &deed.state) {
            Some(State::Succeeded(result)) => Begin::Done(result),
            Some(State::Failed(_)) => Begin::Unknown,
            Some(State::UnderWay) | None => Begin::UnderWay,
        }
    }

    /// It was done. An answer to what is not under way changes nothing.
    pub fn succeeded(&mut self, key: &str, result: BTreeMap<String, Value>) {
        self.over(key, State::Succeeded(result));
    }

    /// It was not done, as far as is known.
    pub fn failed(&mut self, key: &str, how: Failed) {
        self.over(key, State::Failed(how));
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
            State::UnderWay | State::Failed(_) => None.into_iter().flatten(),
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
    use proptest::prelude::*;

    use super::*;

    fn label() -> BTreeMap<String, Value> {
        BTreeMap::from([("code".to_owned(), Value::Text("R77".to_owned()))])
    }

    #[test]
    fn a_deed_is_done_once() {
        let mut deeds = Deeds::default();
        assert_eq!(deeds.begin("call-1/40718263", "open_return"), Begin::Do);
        assert_eq!(deeds.begin("call-1/40718263", "open_return"), Begin::UnderWay);
        deeds.succeeded("call-1/40718263", label());
        assert_eq!(deeds.begin("call-1/40718263", "open_return"), Begin::Done(&label()));
        deeds.failed("call-1/40718263", Failed::Nothing);
        assert_eq!(deeds.begin("call-1/40718263", "open_return"), Begin::Done(&label()));
        assert_eq!(
            deeds.begin("call-1/11112222", "open_return"),
            Begin::Do,
            "another order"
        );
        assert_eq!(deeds.results().count(), 1);
    }

    #[test]
    fn only_what_certainly_did_nothing_is_tried_again() {
        let mut deeds = Deeds::default();
        deeds.begin("a", "cancel_order");
        deeds.failed("a", Failed::Nothing);
        assert_eq!(deeds.begin("a", "cancel_order"), Begin::Do);
        deeds.failed("a", Failed::Unknown);
        assert_eq!(deeds.begin("a", "cancel_order"), Begin::Unknown);
        assert!(!deeds.back(Action::Cancel) && !deeds.may_back(Action::Cancel));
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

    proptest! {
        /// Whatever happens in whatever order, nothing is done twice that may have been done.
        #[test]
        fn never_twice(events in prop::collection::vec((0..3_usize, 0..4_u8), 0..60)) {
            let mut deeds = Deeds::default();
            let mut done = [0; 3];
            let mut under_way = [false; 3];
            for (at, event) in events {
                let key = ["a", "b", "c"][at];
                match event {
                    0 => if deeds.begin(key, "cancel") == Begin::Do {
                        prop_assert!(!under_way[at] && done[at] == 0);
                        under_way[at] = true;
                    },
                    1 => {
                        deeds.succeeded(key, label());
                        done[at] += usize::from(std::mem::take(&mut under_way[at]));
                    }
                    2 => {
                        deeds.failed(key, Failed::Nothing);
                        under_way[at] = false;
                    }
                    _ => {
                        deeds.failed(key, Failed::Unknown);
                        done[at] += usize::from(std::mem::take(&mut under_way[at]));
                    }
                }
            }
            prop_assert!(done.iter().all(|count| *count <= 1));
        }
    }
}
