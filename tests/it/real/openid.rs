//! Signing in by a provider that is not ours (node-oidc-provider): what it wants typed, RS256, and a name that it tells beside the ID token.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use offhook::clock;
use offhook::config::{self, Claim, OpenId};
use offhook::dialogue::model;
use offhook::language::Language;
use offhook::store::Store;
use offhook::store::people::{Hash, Person, Role};
use offhook::web::{Api, Web};
use reqwest::{Client, Response, Url, redirect};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::bot::{LIMIT, free_port, root, until};

/// The provider. Dropping it ends it.
struct Provider(Child, String);

impl Provider {
    /// Whose client is led back to `back`.
    fn start(back: &str) -> Self {
        let folder = root().join("target/tools/oidc-provider");
        let installed = folder.join("installed").exists();
        assert!(installed, "there is no OpenID provider; `.ci/setup test` installs it");
        let port = free_port();
        let child = Command::new("node")
            .arg(root().join("tests/it/real/openid/provider.mjs"))
            .arg(folder)
            .args([&port.to_string(), back])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("node cannot be run: {e}; `.ci/setup test` installs it"));
        let provider = Self(child, format!("http://127.0.0.1:{port}"));
        until("the provider", LIMIT, || TcpStream::connect(("127.0.0.1", port)).ok());
        provider
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A browser that keeps cookies (by host, name and path, which is all that matters here) and is led by nobody.
struct Browser {
    client: Client,
    cookies: BTreeMap<(String, String, String), String>,
}

impl Browser {
    fn new() -> Self {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        Self {
            client: client.timeout(LIMIT).build().expect("a client"),
            cookies: BTreeMap::new(),
        }
    }

    /// Gets `url`, or posts `form` to it.
    async fn go(&mut self, url: &Url, form: Option<&str>) -> Response {
        let host = url.origin().ascii_serialization();
        let sent = self
            .cookies
            .iter()
            .filter(|((of, _, path), _)| *of == host && url.path().starts_with(path));
        let sent: Vec<String> = sent.map(|((_, name, _), value)| format!("{name}={value}")).collect();
        let request = match form {
            Some(form) => {
                let request = self.client.post(url.clone()).body(form.to_owned());
                request.header("Content-Type", "application/x-www-form-urlencoded")
            }
            None => self.client.get(url.clone()),
        };
        let response = request
            .header("Cookie", sent.join("; "))
            .send()
            .await
            .expect("answered");
        for line in response.headers().get_all("Set-Cookie") {
            let line = line.to_str().expect("a cookie");
            let (name, value) = line
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a pair");
            let path = line
                .split("ath=")
                .nth(1)
                .and_then(|rest| rest.split(';').next())
                .unwrap_or("/");
            let key = (host.clone(), name.to_owned(), path.to_owned());
            if value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        response
    }

    /// From the button to wherever that ends, typing `name` where it is asked for; the last address.
    async fn sign_in(&mut self, site: &Url, name: &str) -> Url {
        let mut url = site.join("/api/openid/begin").expect("a URL");
        let mut form: Option<String> = None;
        for _ in 0..20 {
            let response = self.go(&url, form.take().as_deref()).await;
            if let Some(to) = response.headers().get("Location") {
                url = url.join(to.to_str().expect("text")).expect("a URL");
                if url.origin() == site.origin() && url.path() == "/" {
                    return url;
                }
                continue;
            }
            let page = response.text().await.expect("a page");
            let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
            url = Url::parse(action.unwrap_or_else(|| panic!("{url} has no form: {page}"))).expect("a URL");
            let asked = page.contains("name=\"login\"");
            form = Some(if asked {
                format!("prompt=login&login={name}&password=x")
            } else {
                "prompt=consent".to_owned()
            });
        }
        panic!("{name} is led on and on, to {url}");
    }

    async fn me(&mut self, site: &Url) -> Value {
        let response = self.go(&site.join("/api/me").expect("a URL"), None).await;
        response.json().await.expect("JSON")
    }
}

fn person(name: &str) -> Person {
    Person {
        name: name.to_owned(),
        display: name.to_uppercase(),
        role: Role::Agent,
        skills: Vec::new(),
        languages: vec![Language::English],
        capacity: 1,
        phone: None,
        disabled: false,
    }
}

/// A site with `alice` and her address for names, neither with a password.
async fn site(provider: &Provider, port: u16, claim: Claim, store: &Store) -> Web {
    let openid = OpenId {
        issuer: provider.1.clone(),
        client_id: "offhook".into(),
        client_secret: Some(model::Secret::new("a secret: with + and %")),
        name: "Example".into(),
        claim,
    };
    let config = config::Web {
        listen: ([127, 0, 0, 1], port).into(),
        openid: Some(openid),
        ..config::Web::default()
    };
    let (requests, _) = mpsc::channel(1);
    Web::start(&config, Api::default(), store.clone(), requests)
        .await
        .expect("started")
}

#[tokio::test]
async fn a_real_provider_says_who_people_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
    for name in ["alice", "alice@example.com", "bob@example.com"] {
        let added = store
            .add_person(&person(name), &Hash::none(), None, clock::wall())
            .await;
        assert!(added.expect("written"));
    }
    let port = free_port();
    let at = Url::parse(&format!("http://127.0.0.1:{port}")).expect("a URL");
    let provider = Provider::start(at.join("/api/openid/done").expect("a URL").as_str());
    let stranger = Some("problem=openid_stranger");
    for (claim, name, known, problem) in [
        (Claim::PreferredUsername, "alice", "alice", None),
        (Claim::PreferredUsername, "mallory", "", stranger),
        (Claim::Subject, "alice", "alice", None),
        (Claim::Email, "alice", "alice@example.com", None),
        (Claim::Email, "bob", "", Some("problem=openid_nameless")),
    ] {
        let web = site(&provider, port, claim, &store).await;
        let mut browser = Browser::new();
        let come = tokio::time::timeout(Duration::from_secs(60), browser.sign_in(&at, name));
        let url = come.await.expect("in time");
        assert_eq!(url.query(), problem, "{claim:?} of {name}");
        let me = browser.me(&at).await;
        assert_eq!(
            me["name"],
            if known.is_empty() { Value::Null } else { json!(known) },
            "{me}"
        );
        web.close().await;
    }
}
