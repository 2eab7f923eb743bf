//! The tasks of a user agent, owned in one place, so that closing it ends them all.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

pub(super) struct Tasks {
    handle: Handle,
    running: Mutex<Running>,
}

struct Running {
    set: JoinSet<()>,
    closed: bool,
}

impl Tasks {
    /// Must be called on the runtime that the tasks are to run on.
    pub fn new() -> Tasks {
        let running = Running {
            set: JoinSet::new(),
            closed: false,
        };
        Tasks {
            handle: Handle::current(),
            running: Mutex::new(running),
        }
    }

    /// After `stop` nothing is started.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.lock();
        while running.set.try_join_next().is_some() {}
        if !running.closed {
            running.set.spawn_on(task, &self.handle);
        }
    }

    /// How many run.
    pub fn len(&self) -> usize {
        let mut running = self.lock();
        while running.set.try_join_next().is_some() {}
        running.set.len()
    }

    /// Tells all tasks to end where they stand; they have when the returned set is empty.
    pub fn stop(&self) -> JoinSet<()> {
        let mut running = self.lock();
        running.closed = true;
        running.set.abort_all();
        std::mem::take(&mut running.set)
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
