//! Callers on a thread of their own: they ring and hang up when they are told to, and have sound meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::bench::load::caller::Outcome;
use crate::bench::load::caller::{Caller, Conduct};
use crate::bench::load::exchange::Exchange;
use crate::bench::load::sound::Sounds;
use crate::clock;

/// Orders that may wait.
const ORDERS: usize = 64;
/// Longer than anything that is measured.
const STAYS: Duration = Duration::from_secs(3600);
/// Between two looks at the orders.
const TURN: Duration = Duration::from_millis(2);
/// For all to have hung up.
const DRAIN: Duration = Duration::from_secs(10);

enum Order {
    Ring(oneshot::Sender<(u64, String, Instant)>),
    HangUp(u64, oneshot::Sender<Instant>),
    Tell(oneshot::Sender<Present>),
}

/// Who is there.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// Callers that were answered and have not hung up.
    pub talking: usize,
    /// Calls that ended otherwise than by their caller's will, and how.
    pub lost: BTreeMap<String, usize>,
}

/// They hang up on drop.
pub struct Callers {
    /// Absent once the thread is to end.
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    pub sounds: Arc<Sounds>,
}

#[derive(Debug, thiserror::Error)]
#[error("the callers' thread has ended")]
pub struct Gone;

impl Callers {
    /// Who will ring `target`.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let exchange = Exchange::open(target)?;
        let sounds = Arc::new(Sounds::open(target.ip())?);
        let (orders, receiver) = sync_channel(ORDERS);
        let line = Line {
            exchange,
            sounds: Arc::clone(&sounds),
            heard: BTreeSet::new(),
        };
        let thread = std::thread::Builder::new()
            .name("callers".into())
            .spawn(move || line.run(&receiver))?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            sounds,
        })
    }

    /// One more caller: by whom they are told apart here and on the wire, and when their INVITE was sent.
    pub async fn ring(&self) -> Result<(u64, String, Instant), Gone> {
        self.order(Order::Ring).await
    }

    /// When the BYE was sent.
    pub async fn hang_up(&self, number: u64) -> Result<Instant, Gone> {
        self.order(|answer| Order::HangUp(number, answer)).await
    }

    pub async fn present(&self) -> Result<Present, Gone> {
        self.order(Order::Tell).await
    }

    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or(Gone)?;
        orders.try_send(order(answer)).map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Line {
    exchange: Exchange,
    sounds: Arc<Sounds>,
    /// Who have sound under way.
    heard: BTreeSet<u64>,
}

impl Line {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.try_recv() {
                // Who asked may have gone.
                Ok(Order::Ring(answer)) => {
                    let place = place(self.exchange.rung() + 1);
                    let now = clock::now();
                    let number = self.exchange.ring(Conduct::Stays(STAYS), self.sounds.address(place));
                    let called = self.exchange.caller(number).map(Caller::user).unwrap_or_default();
                    answer.send((number, called, now)).ok();
                }
                Ok(Order::HangUp(number, answer)) => {
                    let now = clock::now();
                    self.exchange.hang_up(number);
                    answer.send(now).ok();
                }
                Ok(Order::Tell(answer)) => drop(answer.send(self.present())),
                Err(TryRecvError::Empty) => self.turn(),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        self.exchange.leave();
        self.exchange.drain(DRAIN);
    }

    fn turn(&mut self) {
        self.exchange.turn(TURN);
        let now = clock::now();
        for number in self.exchange.numbers() {
            let there = self.exchange.caller(number).and_then(|caller| caller.sounds(now));
            match there {
                Some(there) if self.heard.insert(number) => self.sounds.begin(place(number), there),
                Some(_) | None => {}
            }
        }
        let (exchange, sounds) = (&self.exchange, &self.sounds);
        self.heard.retain(|number| {
            let caller = exchange.caller(*number);
            let goes_on = caller.is_some_and(|caller| caller.sounds(now).is_some());
            if !goes_on {
                sounds.end(place(*number));
            }
            goes_on
        });
    }

    fn present(&self) -> Present {
        let ended = self.exchange.outcomes().into_iter();
        let lost = ended.filter(|(outcome, _)| *outcome != Outcome::HungUp);
        Present {
            talking: self.exchange.talking(),
            lost: lost.map(|(outcome, count)| (outcome.words(), count)).collect(),
        }
    }
}

/// Callers are counted from one, lines from none.
fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)
}
