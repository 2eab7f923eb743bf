//! The feeds of all people, which the engine publishes to and the pages read; and whose page is there.
//!
//! A person has one feed, however many pages they have open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::feed::{After, Feed, Said};
use crate::clock;

/// Pages that one person has open at once.
const PAGES: usize = 8;
/// A feed that nobody reads is kept for so long; who comes later is told all of the present.
const UNREAD: Duration = Duration::from_secs(600);

/// Cheap to clone.
#[derive(Clone)]
pub struct Feeds(Arc<Shared>);

struct Shared {
    streams: Mutex<BTreeMap<String, Stream>>,
    present: watch::Sender<BTreeSet<String>>,
    /// Of this run.
    run: u64,
}

struct Stream {
    feed: Feed,
    /// The number of the newest message, to wake those who read.
    told: watch::Sender<u64>,
    readers: usize,
    /// When the last of them left.
    left: Instant,
}

impl Feeds {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            streams: Mutex::default(),
            present: watch::Sender::new(BTreeSet::new()),
            run: rand::random(),
        }))
    }

    /// Tells the pages of the people named `to`. Who has none open, and had none lately, is told all of the present when they do.
    pub fn publish<'a>(&self, to: impl IntoIterator<Item = &'a str>, topic: &str, body: &Value) {
        let (said, now) = (Said::new(topic, body), clock::now());
        let mut streams = self.streams();
        for name in to {
            let Some(stream) = streams.get_mut(name) else { continue };
            if stream.readers == 0 && now.saturating_duration_since(stream.left) > UNREAD {
                streams.remove(name);
            } else {
                let n = stream.feed.publish(said.clone());
                stream.told.send_replace(n);
            }
        }
    }

    /// Whose page is there, at every moment.
    pub fn present(&self) -> watch::Receiver<BTreeSet<String>> {
        self.0.present.subscribe()
    }

    /// One more page of `name`; nothing if they have too many.
    pub(super) fn join(&self, name: &str) -> Option<Reader> {
        let mut streams = self.streams();
        let stream = streams.entry(name.to_owned()).or_insert_with(|| Stream {
            // Another each time: numbers of a feed that was forgotten mean nothing in this one.
            feed: Feed::new(format!("{:x}-{:x}", self.0.run, rand::random::<u32>())),
            told: watch::Sender::new(0),
            readers: 0,
            left: clock::now(),
        });
        if stream.readers >= PAGES {
            return None;
        }
        stream.readers += 1;
        let told = stream.told.subscribe();
        drop(streams);
        self.tell_present(name);
        Some(Reader {
            feeds: self.clone(),
            name: name.to_owned(),
            told,
        })
    }

    fn leave(&self, name: &str) {
        if let Some(stream) = self.streams().get_mut(name) {
            stream.readers = stream.readers.saturating_sub(1);
            stream.left = clock::now();
        }
        self.tell_present(name);
    }

    /// Whether any page of `name` is there, as it is now. Feeds are looked at while who is present is being changed, and never the other way round:
    /// whoever reads who is present may publish meanwhile.
    fn tell_present(&self, name: &str) {
        self.0.present.send_if_modified(|present| {
            let there = self.streams().get(name).is_some_and(|stream| stream.readers > 0);
            if there {
                present.insert(name.to_owned())
            } else {
                present.remove(name)
            }
        });
    }

    fn last(&self, name: &str) -> u64 {
        self.streams().get(name).map_or(0, |stream| stream.feed.last())
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page's place at its person's feed, given back on drop.
pub(super) struct Reader {
    feeds: Feeds,
    name: String,
    told: watch::Receiver<u64>,
}

/// As [`After`], in words for the page.
pub(super) enum Next {
    Message(u64, String),
    Nothing,
    Lost,
}

impl Reader {
    pub fn after(&self, n: u64) -> Next {
        let streams = self.feeds.streams();
        let after = streams.get(&self.name).map(|stream| stream.feed.after(n));
        match after {
            Some(After::Message(n, said)) => Next::Message(n, said.numbered(n)),
            Some(After::Nothing) => Next::Nothing,
            Some(After::Lost) | None => Next::Lost,
        }
    }

    pub fn resumes(&self, of: &str, n: u64) -> bool {
        let streams = self.feeds.streams();
        streams.get(&self.name).is_some_and(|stream| stream.feed.resumes(of, n))
    }

    /// Of the feed.
    pub fn id(&self) -> String {
        let streams = self.feeds.streams();
        let id = streams.get(&self.name).map(|stream| stream.feed.id().to_owned());
        id.unwrap_or_default()
    }

    /// Resolves when something was published since it last did.
    pub async fn told(&mut self) {
        if self.told.changed().await.is_err() {
            // The feed stays while it has a reader.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feeds.leave(&self.name);
    }
}

/// Where all that a person's page is to show is handed in.
pub struct Snapshot {
    feeds: Feeds,
    name: String,
    answer: oneshot::Sender<(u64, String)>,
}

impl Snapshot {
    /// To be given, and where it comes out with the number of the last message that is in it.
    pub(super) fn new(feeds: Feeds, name: &str) -> (Self, oneshot::Receiver<(u64, String)>) {
        let (answer, given) = oneshot::channel();
        let name = name.to_owned();
        (Self { feeds, name, answer }, given)
    }

    /// All of the present. What was published before this must be in it, and what comes after not: whoever gives it is the one who publishes.
    pub fn give(self, body: &Value) {
        let n = self.feeds.last(&self.name);
        // The page may have gone.
        self.answer.send((n, body.to_string())).ok();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(next: Next) -> String {
        match next {
            Next::Message(_, text) => text,
            Next::Nothing => "nothing".into(),
            Next::Lost => "lost".into(),
        }
    }

    #[test]
    fn each_is_told_what_is_theirs() {
        let feeds = Feeds::new();
        let (alice, bob) = (
            feeds.join("alice").expect("a place"),
            feeds.join("bob").expect("a place"),
        );
        feeds.publish(["alice", "bob", "carol"], "queue", &json!(1));
        feeds.publish(["bob"], "queue", &json!(2));
        assert_eq!(text(alice.after(0)), r#"{"n":1,"topic":"queue","body":1}"#);
        assert_eq!(text(alice.after(1)), "nothing");
        assert_eq!(text(bob.after(1)), r#"{"n":2,"topic":"queue","body":2}"#);
        let carol = feeds.join("carol").expect("a place");
        assert_eq!(text(carol.after(0)), "nothing", "she was told nothing before she came");
        assert!(alice.id() != carol.id());
        assert!(alice.resumes(&alice.id(), 0) && !alice.resumes(&bob.id(), 0));
    }

    #[test]
    fn who_was_away_for_a_moment_goes_on() {
        let feeds = Feeds::new();
        let first = feeds.join("alice").expect("a place");
        let id = first.id();
        feeds.publish(["alice"], "t", &json!("before"));
        drop(first);
        feeds.publish(["alice"], "t", &json!("meanwhile"));
        let second = feeds.join("alice").expect("a place");
        assert!(second.resumes(&id, 1));
        assert_eq!(text(second.after(1)), r#"{"n":2,"topic":"t","body":"meanwhile"}"#);
    }

    #[tokio::test]
    async fn a_snapshot_is_up_to_where_it_is_given() {
        let feeds = Feeds::new();
        let reader = feeds.join("alice").expect("a place");
        feeds.publish(["alice"], "t", &json!(1));
        let (snapshot, given) = Snapshot::new(feeds.clone(), "alice");
        feeds.publish(["alice"], "t", &json!(2));
        snapshot.give(&json!([1, 2]));
        feeds.publish(["alice"], "t", &json!(3));
        let (n, body) = given.await.expect("given");
        assert_eq!((n, body.as_str()), (2, "[1,2]"));
        assert_eq!(text(reader.after(n)), r#"{"n":3,"topic":"t","body":3}"#);
    }

    #[test]
    fn who_reads_who_is_there_may_publish_while_somebody_comes() {
        let feeds = Feeds::new();
        let _alice = feeds.join("alice").expect("a place");
        let (gives, given) = std::sync::mpsc::channel();
        let publishing = feeds.clone();
        std::thread::spawn(move || {
            let present = publishing.present();
            let there = present.borrow();
            let coming = publishing.clone();
            let comes = std::thread::spawn(move || coming.join("bob").is_some());
            // As often as it takes for the other to be in the middle of it.
            for n in 0..2_000 {
                publishing.publish(there.iter().map(String::as_str), "t", &json!(n));
                std::thread::yield_now();
            }
            drop(there);
            gives.send(comes.join().expect("bob came")).ok();
        });
        let came = given.recv_timeout(Duration::from_secs(30));
        assert_eq!(came, Ok(true), "the two wait for each other");
    }

    #[test]
    fn somebody_is_there_while_any_of_their_pages_is() {
        let feeds = Feeds::new();
        let mut present = feeds.present();
        let mut changes = || {
            let changed = present.has_changed().expect("open");
            (changed, present.borrow_and_update().iter().cloned().collect::<Vec<_>>())
        };
        let one = feeds.join("alice").expect("a place");
        assert_eq!(changes(), (true, vec!["alice".to_owned()]));
        let two = feeds.join("alice").expect("a place");
        drop(one);
        assert!(!changes().0, "one of two is left");
        drop(two);
        assert_eq!(changes(), (true, Vec::new()));
        let many: Vec<Reader> = (0..PAGES).filter_map(|_| feeds.join("alice")).collect();
        assert_eq!(many.len(), PAGES);
        assert!(feeds.join("alice").is_none(), "that is enough");
        assert!(feeds.join("bob").is_some());
    }
}
