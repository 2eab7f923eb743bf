//! What a person's pages are told, in order and numbered, and kept for those that were away.
//!
//! [`Feed`] keeps the newest messages. A page remembers the number that it saw last; told that, the feed has the next one, or says
//! that it is lost, and the page needs all of the present instead. No page has a queue of its own: a slow one is merely behind. It knows no
//! page, no socket and no clock.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

/// Messages that are kept: a minute or so of a busy call.
pub const KEPT: usize = 256;
/// Bytes of them.
pub const BYTES: usize = 1 << 20;

/// A message before it has a number. Cheap to clone: the same words go to many people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// JSON, as the body is.
    topic: Arc<str>,
    body: Arc<str>,
}

impl Said {
    pub fn new(topic: &str, body: &Value) -> Self {
        Self {
            topic: Value::from(topic).to_string().into(),
            body: body.to_string().into(),
        }
    }

    /// As the page reads it: `{"n": 17, "topic": "queue", "body": …}`.
    pub fn numbered(&self, n: u64) -> String {
        format!(r#"{{"n":{n},"topic":{},"body":{}}}"#, self.topic, self.body)
    }

    fn bytes(&self) -> usize {
        self.topic.len().saturating_add(self.body.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After<'a> {
    /// The next, and its number.
    Message(u64, &'a Said),
    /// There is none yet.
    Nothing,
    /// It is not kept any more, or never was.
    Lost,
}

pub struct Feed {
    id: String,
    /// The number of the newest; the first is 1.
    last: u64,
    kept: VecDeque<Said>,
    bytes: usize,
}

impl Feed {
    /// `id` tells it from others, which number from 1 as well.
    pub fn new(id: String) -> Self {
        Self {
            id,
            last: 0,
            kept: VecDeque::new(),
            bytes: 0,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of the newest message; 0: there was none.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn publish(&mut self, said: Said) -> u64 {
        self.last = self.last.saturating_add(1);
        self.bytes = self.bytes.saturating_add(said.bytes());
        self.kept.push_back(said);
        while self.kept.len() > KEPT || self.bytes > BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
        self.last
    }

    /// What follows the message `n`.
    pub fn after(&self, n: u64) -> After<'_> {
        if n == self.last {
            return After::Nothing;
        }
        let before_oldest = self.last.saturating_sub(self.kept.len() as u64);
        let place = n
            .checked_sub(before_oldest)
            .and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.kept.get(place)) {
            Some(said) => After::Message(n.saturating_add(1), said),
            None => After::Lost,
        }
    }

    /// Whether a page that saw `n` of the feed `of` can go on from there.
    pub fn resumes(&self, of: &str, n: u64) -> bool {
        of == self.id && self.after(n) != After::Lost
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn feed(count: u64) -> Feed {
        let mut feed = Feed::new("a".into());
        for n in 1..=count {
            assert_eq!(feed.publish(Said::new("t", &json!(n))), n);
        }
        feed
    }

    #[test]
    fn what_was_missed_is_told_from_where_it_was_missed() {
        let feed = feed(3);
        let said = |n: u64| Said::new("t", &json!(n));
        assert_eq!(feed.after(0), After::Message(1, &said(1)));
        assert_eq!(feed.after(2), After::Message(3, &said(3)));
        assert_eq!(feed.after(3), After::Nothing);
        assert_eq!(feed.after(4), After::Lost, "nobody has seen it");
        assert_eq!(feed.after(u64::MAX), After::Lost);
        assert!(feed.resumes("a", 1) && feed.resumes("a", 3));
        assert!(!feed.resumes("b", 1), "numbers of another feed");
        assert!(!feed.resumes("a", 4));
        assert!(self::feed(0).resumes("a", 0));
    }

    #[test]
    fn the_newest_are_kept_by_count_and_by_size() {
        let full = feed(KEPT as u64 + 10);
        assert_eq!(full.after(9), After::Lost);
        assert!(matches!(full.after(10), After::Message(11, _)));
        let mut heavy = feed(1);
        for _ in 0..20 {
            heavy.publish(Said::new("t", &json!("x".repeat(BYTES / 8))));
        }
        assert!(heavy.bytes <= BYTES && heavy.kept.len() == 7, "{}", heavy.kept.len());
        heavy.publish(Said::new("t", &json!("x".repeat(BYTES))));
        assert_eq!((heavy.bytes, heavy.kept.len()), (0, 0), "too large to keep at all");
        assert_eq!(heavy.after(21), After::Lost);
        assert_eq!(heavy.after(22), After::Nothing);
    }

    #[test]
    fn a_message_is_json_whatever_is_in_it() {
        let text = Said::new("a \"topic\"", &json!({"words": "\u{2028}\"}"})).numbered(7);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            read,
            json!({"n": 7, "topic": "a \"topic\"", "body": {"words": "\u{2028}\"}"}})
        );
    }

    #[derive(Clone, Debug)]
    enum Happening {
        Published(u64),
        /// A page connects, and says what it saw last.
        Connected(u8),
        /// Its line breaks; what it was sent until then has come.
        Broken(u8),
        /// It is sent so many messages.
        Sent(u8, u16),
        /// The server starts anew, and numbers from 1.
        Restarted,
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let page = 0..3_u8;
        prop_oneof![
            4 => (1..KEPT as u64).prop_map(Happening::Published),
            3 => page.clone().prop_map(Happening::Connected),
            2 => page.clone().prop_map(Happening::Broken),
            6 => (page, 0..2 * KEPT as u16).prop_map(|(page, count)| Happening::Sent(page, count)),
            1 => Just(Happening::Restarted),
        ]
    }

    /// A page: what it saw last, and of which feed; what it knows of all that was ever published.
    #[derive(Default)]
    struct Page {
        of: String,
        n: u64,
        connected: bool,
        knows: u64,
    }

    impl Page {
        /// As the server treats it: resumed, or told all of the present.
        fn connect(&mut self, feed: &Feed, published: u64) {
            self.connected = true;
            if !feed.resumes(&self.of, self.n) {
                self.reset(feed, published);
            }
        }

        fn reset(&mut self, feed: &Feed, published: u64) {
            (self.of, self.n) = (feed.id().to_owned(), feed.last());
            assert!(published >= self.knows);
            self.knows = published;
        }

        /// Whether there was one.
        fn sent(&mut self, feed: &Feed, published: u64) -> bool {
            match feed.after(self.n) {
                After::Message(n, said) => {
                    assert_eq!(n, self.n + 1);
                    self.n = n;
                    self.knows += 1;
                    assert_eq!(*said, Said::new("t", &json!(self.knows)), "none lost, none twice");
                    true
                }
                After::Nothing => false,
                After::Lost => {
                    self.reset(feed, published);
                    true
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_page_misses_a_message_or_hears_one_twice(happenings in proptest::collection::vec(happening(), 0..60)) {
            let (mut feed, mut feeds, mut published) = (Feed::new("0".into()), 0, 0);
            let mut pages: BTreeMap<u8, Page> = (0..3).map(|page| (page, Page::default())).collect();
            for happening in happenings {
                match happening {
                    Happening::Published(count) => for _ in 0..count {
                        published += 1;
                        feed.publish(Said::new("t", &json!(published)));
                    },
                    Happening::Connected(page) => pages.get_mut(&page).expect("one of three").connect(&feed, published),
                    Happening::Broken(page) => pages.get_mut(&page).expect("one of three").connected = false,
                    Happening::Sent(page, count) => {
                        let page = pages.get_mut(&page).expect("one of three");
                        let _ = (0..count).take_while(|_| page.connected && page.sent(&feed, published)).count();
                    }
                    Happening::Restarted => {
                        feeds += 1;
                        feed = Feed::new(feeds.to_string());
                        pages.values_mut().for_each(|page| page.connected = false);
                    }
                }
                prop_assert!(feed.kept.len() <= KEPT);
            }
            for page in pages.values_mut() {
                page.connect(&feed, published);
                while page.sent(&feed, published) {}
                prop_assert_eq!(page.knows, published);
            }
        }
    }
}
