//! Deeds by their keys: what was begun once is not begun again.
//!
//! It owns the deeds under way, so that none is given up because the one who asked has gone. What a deed is it does not
//! know. It forgets when the program ends; the key goes to the server too, which may remember longer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Failure, Returned};

type Outcome = Result<Returned, Failure>;

/// Deeds that are remembered; the oldest that is over is forgotten first.
const REMEMBERED: usize = 10_000;

#[derive(Default)]
pub struct Ledger {
    deeds: Mutex<Deeds>,
}

#[derive(Default)]
struct Deeds {
    by_key: HashMap<String, Deed>,
    /// In the order of their beginning.
    keys: VecDeque<String>,
}

struct Deed {
    /// `None` until it is over.
    outcome: watch::Receiver<Option<Outcome>>,
    // Held for its drop: a deed ends with the ledger at the latest.
    _task: AbortOnDropHandle<()>,
}

impl Ledger {
    /// What came of the deed called `key`: `deed` is begun where there is none, or where the last one certainly did nothing.
    pub async fn once(&self, key: String, deed: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
        let mut outcome = self.begun(key, deed);
        let over = outcome.wait_for(Option::is_some).await;
        let lost = || Err(Failure::Lost("the deed was given up".to_owned()));
        match over {
            Ok(over) => over.clone().unwrap_or_else(lost),
            Err(_) => lost(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the task is owned by its entry")]
    fn begun(
        &self,
        key: String,
        deed: impl Future<Output = Outcome> + Send + 'static,
    ) -> watch::Receiver<Option<Outcome>> {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = deeds.by_key.get(&key) {
            let void = matches!(&*known.outcome.borrow(), Some(Err(failure)) if failure.nothing_done());
            if !void {
                return known.outcome.clone();
            }
        }
        let (tell, outcome) = watch::channel(None);
        let task = tokio::spawn(async move {
            let came = deed.await;
            tell.send_replace(Some(came));
        });
        let entry = Deed {
            outcome: outcome.clone(),
            _task: AbortOnDropHandle::new(task),
        };
        if deeds.by_key.insert(key.clone(), entry).is_none() {
            deeds.keys.push_back(key);
        }
        deeds.forget();
        outcome
    }
}

impl Deeds {
    fn forget(&mut self) {
        while self.keys.len() > REMEMBERED {
            let over = |key: &String| self.by_key.get(key).is_none_or(|deed| deed.outcome.borrow().is_some());
            // More than ten thousand under way at once: all of them are kept.
            let Some(at) = self.keys.iter().position(over) else {
                return;
            };
            if let Some(key) = self.keys.remove(at) {
                self.by_key.remove(&key);
            }
        }
    }
}
