//! ONNX Runtime, loaded from the pulled library, and sessions that several threads share.
//!
//! Nothing outside this folder knows the runtime.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::Session;

use super::Error;

/// The runtime. One in a process: the library is loaded once and the first path wins.
pub struct Onnx {
    environment: Environment,
}

/// The runtime refuses to be set up twice in a process, so the first is kept.
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

impl Onnx {
    /// Loads `library`, the shared object of ONNX Runtime, if none was loaded before.
    pub fn load(library: &Path) -> Result<Self, Error> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = loaded.clone() {
            return Ok(Self { environment });
        }
        let wrong = |e: &dyn std::fmt::Display| Error::model(library, e);
        let environment = ort::init_from(library)
            .map_err(|e| wrong(&e))?
            .build()
            .map_err(|e| wrong(&e))?;
        *loaded = Some(environment.clone());
        Ok(Self { environment })
    }

    /// A session of one thread: the scheduler decides how many run at once.
    pub fn session(&self, model: &Path) -> Result<Session, Error> {
        self.session_of(model, 1)
    }

    /// A session that may take `threads` cores where they are free: they sleep rather than spin, so that those of other jobs get theirs.
    pub fn session_of(&self, model: &Path, threads: usize) -> Result<Session, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::model(model, e);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.clamp(1, cores);
        Session::builder(&self.environment)
            .and_then(|builder| {
                let builder = builder.with_intra_threads(threads)?.with_inter_threads(1)?;
                Ok(builder.with_intra_op_spinning(false)?)
            })
            .map_err(|e| wrong(&e))?
            .commit_from_file(model)
            .map_err(|e| wrong(&e))
    }
}

/// As many of a thing as may be in use at once; whoever comes later waits for one.
pub struct Pool<T> {
    free: Mutex<Vec<T>>,
    freed: Condvar,
}

impl<T> Pool<T> {
    pub fn new(things: Vec<T>) -> Self {
        Self {
            free: Mutex::new(things),
            freed: Condvar::new(),
        }
    }

    /// Runs `work` with one of them. Blocks while all are lent: call it on the scheduler's threads, of which there are
    /// no more than things.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let thing = loop {
            match free.pop() {
                Some(thing) => break thing,
                None => free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(free);
        let mut lent = Lent {
            pool: self,
            thing: Some(thing),
        };
        work(lent.thing.as_mut().expect("lent until dropped"))
    }
}

/// Gives the thing back, also when the work panicked.
struct Lent<'a, T> {
    pool: &'a Pool<T>,
    thing: Option<T>,
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.pool
                .free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(thing);
            self.pool.freed.notify_one();
        }
    }
}
