//! Many people's pages at once, a task each: they follow their feeds, ask for what they are told to, and lose their lines for a while.
//!
//! What each is told it hands to one [`Watch`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::watch::{Place, Sight, Watch};
use crate::clock;
use crate::simulate::page::{self, Page, Told};

/// Orders that may wait for one page.
const ORDERS: usize = 16;

/// What a page is to do.
pub enum Order {
    /// Ask for something, of which others are to see these.
    Do {
        name: &'static str,
        with: Value,
        sights: Vec<(Vec<Place>, Sight)>,
    },
    /// Its line breaks, and after so long it opens another.
    Break(Duration),
}

/// Shared by all.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Watch>>);

impl Seen {
    pub fn lock(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pages that are open; they close on drop.
pub struct Crowd {
    orders: Vec<mpsc::Sender<Order>>,
    _tasks: JoinSet<()>,
}

/// All of `names` sign in, one after the other: each proof of a password takes a core for a while.
pub async fn sign_in(at: SocketAddr, names: &[String], password: &str) -> Result<Vec<Page>, page::Error> {
    let mut pages = Vec::new();
    for name in names {
        pages.push(Page::sign_in(at, name, password).await?);
    }
    Ok(pages)
}

impl Crowd {
    /// Opens all their feeds.
    pub fn open(pages: Vec<Page>, seen: &Seen) -> Self {
        let (mut tasks, mut orders) = (JoinSet::new(), Vec::new());
        for (place, page) in pages.into_iter().enumerate() {
            let (sender, receiver) = mpsc::channel(ORDERS);
            orders.push(sender);
            let follower = Follower {
                place,
                page,
                seen: seen.clone(),
                opened: None,
                asked: BTreeMap::new(),
                counted: 0,
            };
            tasks.spawn(follower.run(receiver));
        }
        Self { orders, _tasks: tasks }
    }

    /// Whether the page takes it: one whose line ended takes nothing more.
    pub fn order(&self, place: Place, order: Order) -> bool {
        let page = self.orders.get(place);
        page.is_some_and(|page| page.try_send(order).is_ok())
    }
}

struct Follower {
    place: Place,
    page: Page,
    seen: Seen,
    /// When it opened its feed, until it is told the first thing.
    opened: Option<Instant>,
    /// Commands without an answer yet, and when they were sent.
    asked: BTreeMap<u64, Instant>,
    /// Bytes that the watch knows of.
    counted: u64,
}

impl Follower {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        if let Err(e) = self.follow(&mut orders).await {
            let mut watch = self.seen.lock();
            watch.away(self.place);
            watch.failed(format!("a page was lost: {e}"));
        }
    }

    async fn follow(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), page::Error> {
        self.open().await?;
        loop {
            tokio::select! {
                told = self.page.next() => {
                    let (now, told) = told?;
                    self.told(now, &told);
                }
                order = orders.recv() => match order {
                    Some(Order::Do { name, with, sights }) => self.ask(name, &with, sights).await?,
                    Some(Order::Break(span)) => {
                        self.page.break_off();
                        self.seen.lock().away(self.place);
                        self.asked.clear();
                        tokio::time::sleep(span).await;
                        self.open().await?;
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    async fn open(&mut self) -> Result<(), page::Error> {
        self.opened = Some(clock::now());
        self.page.open().await
    }

    async fn ask(&mut self, name: &str, with: &Value, sights: Vec<(Vec<Place>, Sight)>) -> Result<(), page::Error> {
        let now = clock::now();
        {
            let mut watch = self.seen.lock();
            for (by, sight) in sights {
                watch.expect(now, by, sight);
            }
        }
        let id = self.page.command(name, with).await?;
        self.asked.insert(id, now);
        Ok(())
    }

    fn told(&mut self, now: Instant, told: &Told) {
        let mut watch = self.seen.lock();
        if let Some(opened) = self.opened.take() {
            watch.opened(now.saturating_duration_since(opened), told);
        }
        if let Told::Answer { to: Some(to), answer } = told
            && let Some(asked) = self.asked.remove(to)
        {
            watch.answered(now.saturating_duration_since(asked), answer);
        }
        watch.came(self.page.bytes().saturating_sub(self.counted));
        self.counted = self.page.bytes();
        watch.told(now, self.place, told);
    }
}
