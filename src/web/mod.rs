//! Where people meet the bot with a browser: signing in, and the feed of what their page shows; and where programs ask it for something.
//!
//! HTTP on one port, which a reverse proxy may give TLS. It knows who people are and nothing of calls or the desk: the engine publishes by
//! [`Feeds`], and is handed what pages ask for as [`Request`]s. What programs ask for goes into the store.

pub mod api;
mod attempts;
mod command;
mod door;
mod feed;
mod feeds;
mod headers;
mod openid;
mod pages;
pub mod signature;
mod socket;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use self::api::Api;
use self::attempts::Attempts;
pub use self::command::{Act, Command, Request, State, To};
pub use self::feeds::{Feeds, Snapshot};
use self::headers::{Cookies, Origins};
use self::openid::Provider;
use crate::config;
use crate::store::Store;

/// Connections that have not become feeds: pages that are being fetched. One more is closed.
const CONNECTIONS: usize = 512;
/// A browser that does not finish a request's head, or ask anything more, is let go.
const HEAD: Duration = Duration::from_secs(20);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// After a failure of the system to take a connection.
const BREATH: Duration = Duration::from_millis(200);
/// For pages to be told goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen for browsers on {address}: {source}; see `web.listen` in the configuration")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the OpenID provider cannot be asked: {0}; see `web.openid` in the configuration")]
    OpenId(String),
}

/// What all requests share.
struct Site {
    store: Store,
    feeds: Feeds,
    requests: mpsc::Sender<Request>,
    attempts: Mutex<Attempts>,
    /// Of programs that do not show what they should: they keep nobody from signing in.
    strangers: Mutex<Attempts>,
    origins: Origins,
    cookies: Cookies,
    proxies: Vec<IpAddr>,
    session: Duration,
    openid: Option<Provider>,
    api: Api,
    /// Campaigns are played through one at a time.
    rehearsing: Arc<Semaphore>,
    /// Told when somebody signs out.
    signed_out: watch::Sender<()>,
    closing: CancellationToken,
    /// Of feeds, which outlive the connection that asked for them.
    tasks: TaskTracker,
}

/// Who connected.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

/// The running server; dropping it ends it.
pub struct Web {
    local: SocketAddr,
    site: Arc<Site>,
    accepting: JoinHandle<()>,
    _closing: DropGuard,
}

impl Web {
    /// Listens. What pages ask for goes to `requests`; where that is full or closed, they are told so.
    #[expect(clippy::disallowed_methods, reason = "the task is owned by what is returned")]
    pub async fn start(
        config: &config::Web,
        api: Api,
        store: Store,
        requests: mpsc::Sender<Request>,
    ) -> Result<Self, StartError> {
        let wrong = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(wrong)?;
        let local = listener.local_addr().map_err(wrong)?;
        let openid = config.openid.as_ref().map(Provider::new).transpose();
        let openid = openid.map_err(StartError::OpenId)?;
        let closing = CancellationToken::new();
        let site = Arc::new(Site {
            store,
            feeds: Feeds::new(),
            requests,
            attempts: Mutex::default(),
            strangers: Mutex::default(),
            origins: Origins::of(config, local),
            cookies: Cookies::of(config),
            proxies: config.proxies.clone(),
            session: config.session,
            openid,
            api,
            rehearsing: Arc::new(Semaphore::new(1)),
            signed_out: watch::Sender::new(()),
            closing: closing.clone(),
            tasks: TaskTracker::new(),
        });
        let accepting = tokio::spawn(accept(listener, door::router(&site), closing.clone()));
        Ok(Self {
            local,
            site,
            accepting,
            _closing: closing.drop_guard(),
        })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Where pages are told things.
    pub fn feeds(&self) -> &Feeds {
        &self.site.feeds
    }

    /// Says goodbye to every page, and waits for that a little.
    pub async fn close(self) {
        self.site.closing.cancel();
        self.accepting.await.ok();
        self.site.tasks.close();
        tokio::time::timeout(GOODBYE, self.site.tasks.wait()).await.ok();
    }
}

/// One task a connection, all of which end with this one.
async fn accept(listener: TcpListener, router: Router, closing: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if connections.len() < CONNECTIONS => {
                    connections.spawn(serve(stream, router.clone().layer(Extension(Peer(peer.ip())))));
                }
                Ok((_, peer)) => tracing::warn!("{peer} was not let in: {CONNECTIONS} browsers are being served"),
                Err(e) => {
                    tracing::warn!("a browser could not be let in: {e}");
                    tokio::time::sleep(BREATH).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, router: Router) {
    stream.set_nodelay(true).ok();
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    if let Err(e) = served.await {
        tracing::debug!("a browser's connection ended: {e}");
    }
}
