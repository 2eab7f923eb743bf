//! What the WebRTC library runs on, one for each line: the program's own runtime, with an owner for every task.
//!
//! The library lets go of a task with the handle to it; here each stands in a set that ends it. It knows nothing of what the tasks do.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use super::Clock;

/// For the name of a server to be looked up: the connection does nothing else meanwhile.
const NAMED: Duration = Duration::from_secs(2);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The tasks of one line. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Tasks(Arc<Owner>);

/// The library's runtime, whose tasks have an owner.
#[derive(Debug)]
pub(super) struct Owner {
    tasks: Mutex<JoinSet<()>>,
    clock: Clock,
}

impl Tasks {
    pub fn new(clock: Clock) -> Tasks {
        Tasks(Arc::new(Owner {
            tasks: Mutex::new(JoinSet::new()),
            clock,
        }))
    }

    pub fn runtime(&self) -> Arc<Owner> {
        Arc::clone(&self.0)
    }

    /// Ends all of them where they wait.
    pub fn end(&self) {
        self.0.set().abort_all();
    }
}

impl Drop for Tasks {
    /// The tasks hold their owner, so that it would never be dropped by itself.
    fn drop(&mut self) {
        self.end();
    }
}

impl Owner {
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.set();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task)
    }

    /// Nothing that holds it can leave it half done.
    fn set(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task, as the library would hold it.
struct Task(AbortHandle);

impl JoinHandle for Task {
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Runtime for Owner {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        Box::new(Task(self.start(future)))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    /// Whom a page names would be connected to: nobody is. (The library speaks with servers over UDP.)
    fn connect_tcp(&self, _: SocketAddr) -> Boxed<'_, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let addresses = tokio::time::timeout(NAMED, TokioRuntime.resolve_host(host)).await;
            addresses.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }

    fn now(&self) -> Instant {
        (self.clock)()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "owned tokio"
    }
}
