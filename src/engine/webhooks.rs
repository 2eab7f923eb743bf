//! Other systems are told what comes of calls: what is queued in the store is posted until it was taken, or a day has passed.
//!
//! One task for each webhook, so that a server that is slow or down keeps nobody else waiting; no call waits for any. What is on its way when the program
//! ends is posted again: a receiver that must not count twice looks at `Idempotency-Key`. When to try again says [`Patience`], which knows no network.

mod patience;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use reqwest::header::CONTENT_TYPE;
use tokio::task::JoinSet;

use self::patience::{Patience, again};
use crate::clock;
use crate::config::campaigns;
use crate::store::{self, Store, campaigns::Webhook};
use crate::tools::{Clients, Failure, ask};
use crate::web::signature;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Posts of one webhook at once.
const AT_ONCE: usize = 4;
/// Rows that are taken at a time.
const BATCH: u32 = 32;
/// For a server to take a post.
const ANSWERED: Duration = Duration::from_secs(10);
/// What is done with is kept for so long, for whoever looks.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
const SWEEP: Duration = Duration::from_secs(3600);

/// Tells `hooks` what is queued for them. It does not return; dropping it ends it.
pub async fn run(store: Store, hooks: Vec<campaigns::Webhook>) {
    let clients = match Clients::new() {
        Ok(clients) => Arc::new(clients),
        Err(e) => return tracing::error!("webhooks cannot be told: {e}"),
    };
    let known: Vec<&str> = hooks.iter().map(|hook| hook.name.as_str()).collect();
    let gone = "the configuration has no webhook of this name any more";
    match store.abandon_webhooks(&known, clock::wall(), gone).await {
        Ok(0) => {}
        Ok(count) => tracing::warn!("{count} posts are given up: {gone}"),
        Err(e) => tracing::error!("{e}"),
    }
    let mut tasks = JoinSet::new();
    for hook in hooks {
        let (store, clients) = (store.clone(), Arc::clone(&clients));
        tasks.spawn(Teller { store, clients, hook }.run());
    }
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        sweep.tick().await;
        let before = clock::wall().saturating_sub(KEPT).unwrap_or_default();
        if let Err(e) = store.forget_webhooks(before).await {
            tracing::error!("{e}");
        }
    }
}

/// Of one webhook.
struct Teller {
    store: Store,
    clients: Arc<Clients>,
    hook: campaigns::Webhook,
}

impl Teller {
    async fn run(self) {
        let mut patience = Patience::default();
        loop {
            let most = if patience.is_tried() { 1 } else { BATCH };
            let told = self.turn(most).await.unwrap_or_else(|e| {
                // What cannot be written down would be posted again and again.
                tracing::error!("{e}");
                vec![false]
            });
            let full = told.len() == BATCH as usize;
            if !told.is_empty() {
                patience.told(told.contains(&true));
            }
            match patience.rest() {
                Some(rest) => tokio::time::sleep(rest).await,
                // There is more.
                None if full => {}
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Posts what is due, `most` of it: for each whether the server could be reached.
    async fn turn(&self, most: u32) -> Result<Vec<bool>, store::Error> {
        let due = self.store.due_webhooks(&self.hook.name, clock::wall(), most).await?;
        let posts: Vec<_> = due.iter().map(|row| self.tell(row)).collect();
        let posts = stream::iter(posts).buffer_unordered(AT_ONCE);
        posts.collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Posts it, and writes down what came of that: whether the server could be reached.
    async fn tell(&self, row: &Webhook) -> Result<bool, store::Error> {
        let posted = tokio::time::timeout(ANSWERED, self.post(row)).await;
        let Err(failure) = posted.unwrap_or(Err(Failure::Late(ANSWERED))) else {
            self.store.webhook_done(row.id, clock::wall()).await?;
            return Ok(true);
        };
        let (name, now) = (&self.hook.name, clock::wall());
        let again = match failure {
            Failure::Status(410) => None,
            _ => again(row.tries, row.made, now, rand::random()),
        };
        match again {
            Some(at) => tracing::info!(webhook = name, tries = row.tries, "not taken, again at {at}: {failure}"),
            None => tracing::warn!(webhook = name, id = row.id, tries = row.tries, "given up: {failure}"),
        }
        let why = failure.to_string();
        self.store.webhook_failed(row.id, now, &why, again).await?;
        Ok(is_reached(&failure))
    }

    async fn post(&self, row: &Webhook) -> Result<(), Failure> {
        let (hook, at) = (&self.hook, clock::wall());
        let signed = signature::sign(hook.secret.reveal(), at, row.body.as_bytes());
        let request = self.clients.to(&hook.url, hook.network)?.post(hook.url.clone());
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(signature::HEADER, signed)
            // The same each time that it is posted, and of no other store's.
            .header("Idempotency-Key", format!("{}-{}", row.made.as_millisecond(), row.id))
            .body(row.body.clone());
        ask(request).await.map(drop)
    }
}

/// Whether the server was there, and it is this post that it did not take.
fn is_reached(failure: &Failure) -> bool {
    match failure {
        Failure::Status(code) => (300..500).contains(code) && ![408, 429].contains(code),
        // It was taken; what is said of it is too much.
        Failure::NotJson | Failure::TooLong => true,
        Failure::Unfilled(_)
        | Failure::Address
        | Failure::Private { .. }
        | Failure::Late(_)
        | Failure::Unreachable(_)
        | Failure::Lost(_)
        | Failure::NoKey
        | Failure::NoGateway
        | Failure::NoMail
        | Failure::NoNumber => false,
    }
}
