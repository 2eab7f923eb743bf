//! The page's server on 127.0.0.1, as browsers and others come to it.

mod api;
mod feeds;
mod openid;
mod page;
mod pages;
mod signing;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use offhook::clock;
use offhook::config;
use offhook::language::Language;
use offhook::store::Store;
use offhook::store::people::{Hash, Person, Role, Secret};
use offhook::web::{Api, Request, Web};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::sip::phone::soon;

const PASSWORD: &str = "correct horse battery";

/// A server, its accounts, and what its engine is asked.
struct Site {
    web: Web,
    at: SocketAddr,
    store: Store,
    requests: mpsc::Receiver<Request>,
    browser: Client,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Site {
        Site::with(config::Web::default()).await
    }

    /// With an agent `alice`, and `bob` who needs a code.
    async fn with(config: config::Web) -> Site {
        Site::open_to(config, Api::default()).await
    }

    /// And programs that ask.
    async fn open_to(config: config::Web, api: Api) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("offhook.db")).await.unwrap();
        let (sender, requests) = mpsc::channel(16);
        let config = config::Web {
            listen: ([127, 0, 0, 1], 0).into(),
            ..config
        };
        let web = Web::start(&config, api, store.clone(), sender).await.unwrap();
        let site = Site {
            at: web.local(),
            web,
            store,
            requests,
            browser: browser(),
            _folder: folder,
        };
        site.add("alice", None).await;
        site
    }

    async fn add(&self, name: &str, totp: Option<&Secret>) {
        self.add_as(name, Role::Agent, totp).await;
    }

    async fn add_as(&self, name: &str, role: Role, totp: Option<&Secret>) {
        let hash = Hash::of(PASSWORD.into()).await.unwrap();
        self.put(name, role, &hash, totp).await;
    }

    async fn add_with(&self, name: &str, hash: &Hash, totp: Option<&Secret>) {
        self.put(name, Role::Agent, hash, totp).await;
    }

    async fn put(&self, name: &str, role: Role, hash: &Hash, totp: Option<&Secret>) {
        let person = Person {
            name: name.into(),
            display: name.to_uppercase(),
            role,
            skills: vec!["returns".into()],
            languages: vec![Language::English],
            capacity: 1,
            phone: None,
            disabled: false,
        };
        assert!(self.store.add_person(&person, hash, totp, clock::wall()).await.unwrap());
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    fn origin(&self) -> String {
        self.url("")
    }

    /// As our own page posts.
    fn post(&self, path: &str) -> RequestBuilder {
        let request = self.browser.post(self.url(path));
        request
            .header("Origin", self.origin())
            .header("Sec-Fetch-Site", "same-origin")
    }

    async fn try_sign_in(&self, form: &Value) -> Response {
        self.post("/api/sign-in").json(form).send().await.unwrap()
    }

    /// The cookie of a session of `name`, who needs no code.
    async fn sign_in(&self, name: &str) -> String {
        let response = self.try_sign_in(&json!({"name": name, "password": PASSWORD})).await;
        assert_eq!(response.status(), StatusCode::OK);
        cookie(&response).split(';').next().unwrap().to_owned()
    }

    /// Who the cookie is of, as the server says.
    async fn me(&self, cookie: &str) -> (StatusCode, Value) {
        let request = self.browser.get(self.url("/api/me")).header("Cookie", cookie);
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Opens the feed as a browser whose page is of `origin` does, with a receive buffer of so many bytes.
    async fn connect(&self, cookie: &str, origin: &str, buffer: Option<u32>) -> Result<Page, Error> {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(self.at).await.unwrap();
        let uri = format!("ws://{}/api/feed", self.at).parse().unwrap();
        let request = ClientRequestBuilder::new(uri)
            .with_header("Cookie", cookie)
            .with_header("Origin", origin);
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Page { socket })
    }

    /// A page that has said `hello`.
    async fn page(&self, cookie: &str, hello: Value) -> Page {
        let mut page = self.connect(cookie, &self.origin(), None).await.unwrap();
        page.say(&hello).await;
        page
    }

    /// A page of somebody who comes for the first time; its feed.
    async fn new_page(&mut self, cookie: &str) -> (Page, String) {
        let mut page = self.page(cookie, json!({})).await;
        self.give(&json!("now")).await;
        let told = page.told().await;
        let of = told["of"].as_str().unwrap().to_owned();
        assert_eq!(told, json!({"reset": "now", "n": 0, "of": of}));
        (page, of)
    }

    async fn asked(&mut self) -> Request {
        soon("a request", self.requests.recv()).await.unwrap()
    }

    /// Gives the snapshot that the engine is asked for.
    async fn give(&mut self, body: &Value) {
        match self.asked().await {
            Request::Snapshot { answer, .. } => answer.give(body),
            Request::Do { command, .. } => panic!("asked for {command:?}"),
        }
    }

    fn publish(&self, body: &Value) {
        self.web.feeds().publish(["alice"], "queue", body);
    }

    async fn until_nobody_is_there(&self) {
        let mut present = self.web.feeds().present();
        soon("nobody", present.wait_for(|present| present.is_empty()))
            .await
            .unwrap();
    }
}

/// Each request has a connection of its own: one that was refused before it was read may be closed.
fn browser() -> Client {
    let browser = Client::builder().no_proxy().pool_max_idle_per_host(0);
    browser.timeout(Duration::from_secs(10)).build().unwrap()
}

fn cookie(response: &Response) -> &str {
    response.headers()["Set-Cookie"].to_str().unwrap()
}

/// The word that a refusal has for the page.
async fn refused(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let told: Value = response.json().await.unwrap();
    assert!(told["told"].as_str().is_some_and(|told| !told.is_empty()), "{told}");
    (status, told["error"].as_str().unwrap().to_owned())
}

/// A browser's end of the feed.
struct Page {
    socket: WebSocketStream<TcpStream>,
}

impl Page {
    async fn say(&mut self, words: &Value) {
        self.socket.send(Message::text(words.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        loop {
            match soon("a message", self.socket.next()).await.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    async fn told(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The code that it is closed with.
    async fn closed(mut self) -> u16 {
        match self.next().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("{other:?}"),
        }
    }
}

fn milliseconds(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}
