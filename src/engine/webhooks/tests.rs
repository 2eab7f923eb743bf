//! Webhooks against servers of their own: what is posted, how often, and who waits for whom.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::Secret;
use crate::store::campaigns::Hook;
use crate::tools::Network;

const SECRET: &str = "0123456789abcdef";
/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

/// A server that answers each post with the same, or never.
struct Server {
    url: String,
    /// Heads and bodies.
    posts: Arc<Mutex<Vec<(String, String)>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/calls", listener.local_addr().expect("an address"));
        let posts = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut tasks) = (Arc::clone(&posts), JoinSet::new());
        tasks.spawn(async move {
            let mut each = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                each.spawn(serve(stream, answer, Arc::clone(&kept)));
            }
        });
        Self {
            url,
            posts,
            _tasks: tasks,
        }
    }

    fn posts(&self) -> Vec<(String, String)> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Option<&str>, kept: Arc<Mutex<Vec<(String, String)>>>) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            continue;
        }
        let post = (head.to_owned(), body.to_owned());
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(post);
        match answer {
            Some(status) => {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.ok();
                return;
            }
            None => return std::future::pending().await,
        }
    }
}

struct Site {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("a store");
        Self { store, _folder: folder }
    }

    async fn queue(&self, endpoint: &str, bodies: &[&str]) {
        let hooks: Vec<Hook> = bodies
            .iter()
            .map(|body| Hook {
                endpoint: endpoint.into(),
                body: (*body).into(),
            })
            .collect();
        self.store.queue_webhooks(&hooks, clock::wall()).await.expect("queued");
    }

    /// What is still to be told, in a day.
    async fn left(&self, endpoint: &str) -> Vec<Webhook> {
        self.due(endpoint, 24 * 3600).await
    }

    async fn due(&self, endpoint: &str, seconds: i64) -> Vec<Webhook> {
        let then = clock::wall() + SignedDuration::from_secs(seconds);
        self.store.due_webhooks(endpoint, then, 100).await.expect("read")
    }

    /// Tells `hooks` until `done` holds.
    async fn until(&self, hooks: Vec<campaigns::Webhook>, done: impl AsyncFn() -> bool) {
        let began: Instant = clock::now();
        let waiting = async {
            while !done().await {
                assert!(began.elapsed() < LIMIT, "it took too long");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = run(self.store.clone(), hooks) => panic!("it ended"),
            () = waiting => {}
        }
    }
}

fn hook(name: &str, url: &str, network: Network) -> campaigns::Webhook {
    campaigns::Webhook {
        name: name.into(),
        url: reqwest::Url::parse(url).expect("a URL"),
        secret: Secret::new(SECRET),
        on: Vec::new(),
        network,
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name}: {head}"))
}

#[tokio::test]
async fn each_is_posted_once_and_signed() {
    let (site, server) = (Site::new().await, Server::start(Some("204 No Content")).await);
    let bodies: Vec<String> = (0..100).map(|n| format!("{{\"id\":{n},\"name\":\"ü\"}}")).collect();
    site.queue("crm", &bodies.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let hooks = vec![hook("crm", &server.url, Network::Any)];
    site.until(hooks, async || site.left("crm").await.is_empty()).await;
    let mut told: Vec<String> = server.posts().into_iter().map(|(_, body)| body).collect();
    told.sort_unstable();
    let mut wanted = bodies;
    wanted.sort_unstable();
    assert_eq!(told, wanted);
    let mut keys = std::collections::BTreeSet::new();
    for (head, body) in server.posts() {
        assert!(head.starts_with("POST /calls HTTP/1.1"), "{head}");
        assert_eq!(header(&head, "content-type"), "application/json");
        let signed = header(&head, "offhook-signature");
        assert_eq!(
            signature::verify([SECRET], signed, body.as_bytes(), clock::wall()),
            Ok(())
        );
        assert!(
            keys.insert(header(&head, "idempotency-key").to_owned()),
            "each has its own: {head}"
        );
    }
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_later() {
    let (site, server) = (Site::new().await, Server::start(Some("503 Busy")).await);
    site.queue("crm", &["{}"]).await;
    let tried = async || site.left("crm").await.first().is_some_and(|row| row.tries == 1);
    site.until(vec![hook("crm", &server.url, Network::Any)], tried).await;
    assert_eq!(server.posts().len(), 1);
    assert!(site.due("crm", 3).await.is_empty(), "not at once");
    assert_eq!(site.due("crm", 6).await.len(), 1, "within 20 % of 5 s");
    let first = server.posts().remove(0).0;
    // Made due by hand, it goes out with the same key.
    let (row, now) = (site.left("crm").await.remove(0), clock::wall());
    site.store
        .webhook_failed(row.id, now, "", Some(now))
        .await
        .expect("written");
    let there = Server::start(Some("200 OK")).await;
    let hooks = vec![hook("crm", &there.url, Network::Any)];
    site.until(hooks, async || site.left("crm").await.is_empty()).await;
    let second = there.posts().remove(0).0;
    assert_eq!(header(&first, "idempotency-key"), header(&second, "idempotency-key"));
}

#[tokio::test]
async fn who_does_not_answer_keeps_nobody_else_waiting() {
    let site = Site::new().await;
    let (silent, other) = (Server::start(None).await, Server::start(Some("200 OK")).await);
    for n in 0..50 {
        site.queue("silent", &[&format!("{{\"id\":{n}}}")]).await;
    }
    site.queue("crm", &["{\"id\":50}"]).await;
    let hooks = vec![
        hook("silent", &silent.url, Network::Any),
        hook("crm", &other.url, Network::Any),
    ];
    let began = clock::now();
    site.until(hooks, async || {
        site.left("crm").await.is_empty() && !silent.posts().is_empty()
    })
    .await;
    assert!(began.elapsed() < ANSWERED, "nobody was waited for");
    assert_eq!(site.left("silent").await.len(), 50);
    assert!(silent.posts().len() <= AT_ONCE);
}

#[tokio::test]
async fn who_is_gone_is_not_told_and_who_is_inside_only_where_that_is_allowed() {
    let (site, server) = (Site::new().await, Server::start(Some("410 Gone")).await);
    site.queue("crm", &["1"]).await;
    site.queue("old", &["2"]).await;
    site.queue("inside", &["3"]).await;
    let hooks = vec![
        hook("crm", &server.url, Network::Any),
        hook("inside", &server.url, Network::Public),
    ];
    let done = async || {
        let tried = site.left("inside").await.first().is_some_and(|row| row.tries == 1);
        tried && site.left("crm").await.is_empty() && site.left("old").await.is_empty()
    };
    site.until(hooks, done).await;
    assert_eq!(server.posts().len(), 1, "the others were not posted");
    // Whatever is forgotten, what is to be told is not.
    let later = clock::wall() + SignedDuration::from_hours(1);
    assert_eq!(site.store.forget_webhooks(later).await.expect("forgotten"), 2);
    assert_eq!(site.left("inside").await.len(), 1);
}
