//! One bounded pool of threads for all inference of all calls.
//!
//! A job belongs to a call and has a [`Priority`]. The next job is of the highest priority, and among equals of the call
//! that was served longest ago, so that one talkative call cannot starve the others. A cancelled job leaves the queue
//! without running. The scheduler knows no model: a job is a closure that runs on one thread.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock;

/// Dropping the owner's end cancels; whoever works looks at [`Cancel::is_set`].
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// What is served first. The order of the variants is the order of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits in silence for it: the decode of a turn, the first clause of an answer.
    Turn,
    /// It will be needed while something else is being heard: the next clause.
    Next,
    /// No caller waits for it, but people would like to see it soon: what is said beside the bot.
    Beside,
    /// Nobody waits: prompts rendered ahead of time.
    Ahead,
}

/// The queue was full: the machine is beyond its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the inference queue is full")]
pub struct Full;

struct Job {
    call: u64,
    priority: Priority,
    /// When it should be there, in [`STEP`]s since the scheduler began.
    due: u128,
    order: u64,
    cancel: Cancel,
    run: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    /// When each call was last served, counted in jobs.
    served: HashMap<u64, u64>,
    count: u64,
    closed: bool,
    /// Running jobs that nobody waits for in silence, and how many of them may run: one thread is kept for those who wait.
    unhurried: usize,
    most_unhurried: usize,
}

impl Queue {
    /// The job to run next; cancelled ones are thrown away on the way.
    fn take(&mut self) -> Option<Job> {
        self.jobs.retain(|job| !job.cancel.is_set());
        let served = &self.served;
        let (at, _) = self
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.priority == Priority::Turn || self.unhurried < self.most_unhurried)
            .min_by_key(|(_, job)| {
                let served = served.get(&job.call).copied().unwrap_or(0);
                (job.priority, job.due, served, job.order)
            })?;
        let job = self.jobs.swap_remove(at);
        self.count += 1;
        self.unhurried += usize::from(job.priority != Priority::Turn);
        if self.served.len() > 4 * LENGTH {
            self.served.clear();
        }
        self.served.insert(job.call, self.count);
        Some(job)
    }
}

/// Jobs that may wait: some seconds of work for a small machine. Beyond it [`Scheduler::submit`] refuses, and whoever
/// asked says so to the caller of the bot.
const LENGTH: usize = 1024;

/// Deadlines closer to each other than this are the same: calls take turns among them.
const STEP: Duration = Duration::from_millis(50);

/// Owns its threads: dropping it lets the running jobs end and forgets the waiting ones.
pub struct Scheduler {
    shared: Arc<(Mutex<Queue>, Condvar)>,
    threads: Vec<JoinHandle<()>>,
    began: Instant,
}

impl Scheduler {
    /// `threads` jobs run at once, each on one thread: more than cores makes every one of them slower.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let most_unhurried = threads.max(2) - 1;
        let shared = Arc::new((
            Mutex::new(Queue {
                most_unhurried,
                ..Queue::default()
            }),
            Condvar::new(),
        ));
        let threads = (0..threads.max(1))
            .map(|n| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("inference-{n}"))
                    .spawn(move || work(&shared))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            shared,
            threads,
            began: clock::now(),
        })
    }

    /// How many jobs run at once.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Queues `run` for `call`; among those of one priority the first deadline is served first: `within` from now.
    pub fn submit(
        &self,
        call: u64,
        (priority, within): (Priority, Duration),
        cancel: &Cancel,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), Full> {
        let due = clock::now().saturating_duration_since(self.began) + within;
        let due = due.as_millis() / STEP.as_millis();
        let mut queue = lock(&self.shared.0);
        if queue.jobs.len() >= LENGTH {
            queue.jobs.retain(|job| !job.cancel.is_set());
        }
        // What no caller waits for may fill half of the queue and no more.
        let room = match priority {
            Priority::Turn | Priority::Next => LENGTH,
            Priority::Beside | Priority::Ahead => LENGTH / 2,
        };
        if queue.jobs.len() >= room {
            return Err(Full);
        }
        queue.count += 1;
        let order = queue.count;
        queue.jobs.push(Job {
            call,
            priority,
            due,
            order,
            cancel: cancel.clone(),
            run: Box::new(run),
        });
        drop(queue);
        self.shared.1.notify_one();
        Ok(())
    }

    /// By how much the job that a caller waits for in silence, and that should have been begun first, is overdue.
    pub fn behind(&self) -> Duration {
        let queue = lock(&self.shared.0);
        let hurried = queue
            .jobs
            .iter()
            .filter(|job| job.priority == Priority::Turn && !job.cancel.is_set());
        let Some(due) = hurried.map(|job| job.due).min() else {
            return Duration::ZERO;
        };
        let now = clock::now().saturating_duration_since(self.began).as_millis() / STEP.as_millis();
        STEP.saturating_mul(u32::try_from(now.saturating_sub(due)).unwrap_or(u32::MAX))
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        lock(&self.shared.0)
            .jobs
            .iter()
            .filter(|job| !job.cancel.is_set())
            .count()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        {
            let mut queue = lock(&self.shared.0);
            queue.closed = true;
            queue.jobs.clear();
        }
        self.shared.1.notify_all();
        for thread in self.threads.drain(..) {
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

fn work(shared: &(Mutex<Queue>, Condvar)) {
    loop {
        let mut queue = lock(&shared.0);
        let job = loop {
            if queue.closed {
                return;
            }
            match queue.take() {
                Some(job) => break job,
                None => queue = shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(queue);
        let unhurried = job.priority != Priority::Turn;
        if catch_unwind(AssertUnwindSafe(job.run)).is_err() {
            tracing::error!(
                call = job.call,
                "an inference job panicked; its call goes on without the result"
            );
        }
        lock(&shared.0).unhurried -= usize::from(unhurried);
    }
}

/// A panic inside the lock is impossible short of memory running out; the queue is whole either way.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Far enough from the next step that all deadlines of a test are the same.
    const SOON: Duration = Duration::from_secs(3600);

    /// A scheduler of one thread that is kept busy until `go` is dropped.
    fn busy() -> (Scheduler, mpsc::Sender<()>) {
        let scheduler = Scheduler::new(1).expect("a thread");
        let (go, wait) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel();
        scheduler
            .submit(0, (Priority::Turn, SOON), &Cancel::default(), move || {
                began.send(()).ok();
                wait.recv().ok();
            })
            .expect("room");
        begun.recv().expect("it runs");
        (scheduler, go)
    }

    fn order_of(jobs: &[(u64, Priority, &'static str)], cancelled: Option<&str>) -> Vec<&'static str> {
        let (scheduler, go) = busy();
        let (said, hear) = mpsc::channel();
        for &(call, priority, name) in jobs {
            let (said, cancel) = (said.clone(), Cancel::default());
            scheduler
                .submit(call, (priority, SOON), &cancel, move || said.send(name).expect("heard"))
                .expect("room");
            if cancelled == Some(name) {
                cancel.set();
            }
        }
        drop((said, go));
        hear.iter().collect()
    }

    #[test]
    fn serves_whoever_waits_in_silence_first() {
        let jobs = [
            (1, Priority::Ahead, "ahead"),
            (1, Priority::Beside, "beside"),
            (1, Priority::Next, "next"),
            (1, Priority::Turn, "turn"),
        ];
        assert_eq!(order_of(&jobs, None), ["turn", "next", "beside", "ahead"]);
    }

    #[test]
    fn serves_the_first_deadline_first() {
        let (scheduler, go) = busy();
        let (said, hear) = mpsc::channel();
        for (name, within) in [("late", 900), ("now", 0), ("soon", 300)] {
            let said = said.clone();
            let wanted = (Priority::Turn, Duration::from_millis(within));
            scheduler
                .submit(1, wanted, &Cancel::default(), move || said.send(name).expect("heard"))
                .expect("room");
        }
        drop((said, go));
        assert_eq!(hear.iter().collect::<Vec<_>>(), ["now", "soon", "late"]);
    }

    #[test]
    fn tells_by_how_much_it_is_behind() {
        let (scheduler, go) = busy();
        assert_eq!(scheduler.behind(), Duration::ZERO);
        let submit = |priority, within, cancel: &Cancel| {
            scheduler.submit(1, (priority, within), cancel, || ()).expect("room");
        };
        let cancel = Cancel::default();
        submit(Priority::Turn, SOON, &cancel);
        submit(Priority::Next, Duration::ZERO, &cancel);
        assert_eq!(
            scheduler.behind(),
            Duration::ZERO,
            "there is time, and nobody waits for the other"
        );
        submit(Priority::Turn, Duration::ZERO, &cancel);
        let began = clock::now();
        while scheduler.behind() < 2 * STEP {
            assert!(clock::now().saturating_duration_since(began) < SOON);
            std::thread::yield_now();
        }
        cancel.set();
        assert_eq!(scheduler.behind(), Duration::ZERO);
        drop(go);
    }

    #[test]
    fn is_fair_among_calls() {
        let t = Priority::Turn;
        let jobs = [(1, t, "a1"), (1, t, "a2"), (1, t, "a3"), (2, t, "b1"), (2, t, "b2")];
        assert_eq!(order_of(&jobs, None), ["a1", "b1", "a2", "b2", "a3"]);
    }

    #[test]
    fn drops_what_was_cancelled_while_it_waited() {
        let jobs = [(1, Priority::Turn, "kept"), (1, Priority::Turn, "gone")];
        assert_eq!(order_of(&jobs, Some("gone")), ["kept"]);
    }

    #[test]
    fn refuses_beyond_its_length_and_survives_a_panic() {
        let (scheduler, go) = busy();
        let cancel = Cancel::default();
        scheduler
            .submit(1, (Priority::Turn, SOON), &cancel, || panic!("on purpose"))
            .expect("room");
        while scheduler.submit(1, (Priority::Turn, SOON), &cancel, || ()).is_ok() {}
        assert_eq!(scheduler.waiting(), LENGTH);
        cancel.set();
        let (said, hear) = mpsc::channel();
        scheduler
            .submit(2, (Priority::Turn, SOON), &Cancel::default(), move || {
                said.send(()).expect("heard")
            })
            .expect("room");
        drop(go);
        hear.recv().expect("the worker lives");
    }
}
