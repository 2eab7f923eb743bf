//! Records on their way to the disk.
//!
//! A call hands over and goes on. One task writes, in order; where the disk fails it tries again, slower each time, and
//! what comes meanwhile waits. When the queue is full the record is dropped and said to be: calls come first. Who wants no more calls does not wait behind
//! records, and is not given up while the bot runs.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Began, Callback, Ended, Error, Store};
use crate::campaign::Number;

/// Records that may wait: an hour of a small machine's calls.
const LENGTH: usize = 4096;
/// Between two tries, doubled each time up to the second.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Tries of one record; then it is given up, so that one that can never be written does not hold back the rest.
const TRIES: u32 = 20;

enum Letter {
    Began(Began),
    Ended(Box<Ended>),
    Callback(Box<Callback>),
    CalledBack {
        call: String,
        n: u32,
        at: Timestamp,
        outcome: String,
    },
}

/// Somebody wants no calls, ever.
struct OptOut {
    number: Number,
    at: Timestamp,
    why: String,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    letters: mpsc::Sender<Letter>,
    wishes: mpsc::Sender<OptOut>,
}

impl Outbox {
    /// The task ends when every clone of the outbox is gone and all is written.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task is owned by the handle that is returned"
    )]
    pub fn start(store: Store) -> (Self, JoinHandle<()>) {
        let (letters, mut records) = mpsc::channel(LENGTH);
        let (wishes, mut wished) = mpsc::channel(LENGTH);
        let writer = tokio::spawn(async move {
            let records = async {
                while let Some(letter) = records.recv().await {
                    if !deliver(|| write(&store, &letter)).await {
                        tracing::error!("a call's record was given up after {TRIES} tries");
                    }
                }
            };
            let wishes = async {
                while let Some(OptOut { number, at, why }) = wished.recv().await {
                    while !deliver(|| store.opt_out(number, at, &why)).await {
                        tracing::error!("somebody wants no more calls, and it is not written down yet: {why}");
                        if wished.is_closed() {
                            break;
                        }
                    }
                }
            };
            tokio::join!(records, wishes);
            store.close().await;
        });
        (Self { letters, wishes }, writer)
    }

    pub fn began(&self, call: Began) {
        self.post(Letter::Began(call));
    }

    pub fn ended(&self, call: Ended) {
        self.post(Letter::Ended(Box::new(call)));
    }

    /// Somebody of a call that has begun is to be called back.
    pub fn callback(&self, callback: Callback) {
        self.post(Letter::Callback(Box::new(callback)));
    }

    /// They were, or will not be: `outcome` says so. `n` is which callback of that call.
    pub fn called_back(&self, call: &str, n: u32, at: Timestamp, outcome: String) {
        let call = call.to_owned();
        self.post(Letter::CalledBack { call, n, at, outcome });
    }

    /// Somebody wants no calls, ever.
    pub fn opted_out(&self, number: Number, at: Timestamp, why: String) {
        if let Err(e) = self.wishes.try_send(OptOut { number, at, why }) {
            let why = e.into_inner().why;
            tracing::error!(
                "somebody wants no more calls, and it cannot be written down: {why}; see `offhook dnc add`"
            );
        }
    }

    fn post(&self, letter: Letter) {
        if self.letters.try_send(letter).is_err() {
            tracing::error!("the records cannot keep up: a call's record is lost");
        }
    }
}

/// Whether it was written, after some tries at most.
async fn deliver<W: Future<Output = Result<(), Error>>>(write: impl Fn() -> W) -> bool {
    let mut wait = FIRST_WAIT;
    for _ in 0..TRIES {
        match write().await {
            Ok(()) => return true,
            Err(e) => tracing::warn!(again_in = ?wait, "{e}"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    false
}

async fn write(store: &Store, letter: &Letter) -> Result<(), Error> {
    match letter {
        Letter::Began(call) => store.begin(call).await,
        Letter::Ended(call) => store.end(call).await,
        Letter::Callback(callback) => store.keep_callback(callback).await,
        Letter::CalledBack { call, n, at, outcome } => store.end_callback(call, *n, *at, outcome).await,
    }
}
