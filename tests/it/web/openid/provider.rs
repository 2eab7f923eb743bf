//! An OpenID provider that says what it is told to. It grants codes to all who are sent to it, and holds whoever redeems one to what was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, Mac};
use offhook::clock;
use openidconnect::url::form_urlencoded;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const CLIENT: &str = "offhook";
pub const SECRET: &str = "a secret: with + and %";

/// A key, and what it is called.
pub struct Key {
    pub name: String,
    pair: KeyPair,
}

impl Key {
    pub fn new(name: &str) -> Arc<Self> {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let name = name.to_owned();
        Arc::new(Self { name, pair })
    }

    fn public(&self) -> Value {
        let x = BASE64URL_NOPAD.encode(self.pair.public_key_raw());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.name, "x": x})
    }
}

/// How a token is signed.
#[derive(Clone, Copy, Debug)]
pub enum Signed {
    Well,
    /// `alg` is `none`, and there is nothing after the last dot.
    Not,
    /// By a secret that the client has too.
    ByTheClient,
    /// And changed afterwards.
    Forged,
}

/// What it says; tests change it.
pub struct Says {
    /// Over those that are right.
    pub metadata: Value,
    /// Over the claims of a good ID token; null takes one away.
    pub claims: Value,
    pub userinfo: Value,
    pub key: Arc<Key>,
    pub published: Vec<Arc<Key>>,
    pub signed: Signed,
    /// In the place of a code.
    pub error: Option<String>,
    /// In the place of all answers.
    pub broken: Option<(StatusCode, String)>,
}

/// What somebody was sent with.
struct Granted {
    nonce: String,
    challenge: String,
    back: String,
}

struct Inner {
    issuer: String,
    says: Mutex<Says>,
    codes: Mutex<HashMap<String, Granted>>,
    /// Paths, in the order in which they were asked for.
    asked: Mutex<Vec<String>>,
}

pub struct Provider {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Provider {
    #[expect(clippy::disallowed_methods, reason = "the task ends with what is returned")]
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = Key::new("first");
        let inner = Arc::new(Inner {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            says: Mutex::new(Says {
                metadata: json!({}),
                claims: json!({}),
                userinfo: json!({"sub": "4711"}),
                published: vec![Arc::clone(&key)],
                key,
                signed: Signed::Well,
                error: None,
                broken: None,
            }),
            codes: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, task }
    }

    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    pub fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.inner.says.lock().unwrap());
    }

    /// How often `path` was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let asked = self.inner.asked.lock().unwrap();
        asked.iter().filter(|asked| *asked == path).count()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Inside = State<Arc<Inner>>;

impl Inner {
    /// Notes that it was asked for `path`; its answer, where it is broken.
    fn begin(&self, path: &str) -> Option<Response> {
        self.asked.lock().unwrap().push(path.to_owned());
        let broken = self.says.lock().unwrap().broken.clone();
        broken.map(|(status, text)| (status, [("Content-Type", "application/json")], text).into_response())
    }
}

/// `change` over `all`.
fn over(mut all: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => all.as_object_mut().unwrap().remove(name),
            value => all.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    all
}

async fn metadata(State(inner): Inside) -> Response {
    let at = |path: &str| format!("{}{path}", inner.issuer);
    let good = json!({
        "issuer": inner.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    });
    let broken = inner.begin("/.well-known/openid-configuration");
    broken.unwrap_or_else(|| Json(over(good, &inner.says.lock().unwrap().metadata)).into_response())
}

async fn keys(State(inner): Inside) -> Response {
    let published: Vec<Value> = inner
        .says
        .lock()
        .unwrap()
        .published
        .iter()
        .map(|key| key.public())
        .collect();
    let broken = inner.begin("/keys");
    broken.unwrap_or_else(|| Json(json!({"keys": published})).into_response())
}

fn pairs(text: &str) -> HashMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

async fn authorize(State(inner): Inside, RawQuery(query): RawQuery) -> Response {
    let asked = pairs(&query.unwrap_or_default());
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let scopes = of("scope");
    let right = of("response_type") == "code"
        && of("client_id") == CLIENT
        && scopes.split(' ').any(|scope| scope == "openid")
        && of("code_challenge_method") == "S256"
        && [of("state"), of("nonce"), of("code_challenge")]
            .iter()
            .all(|text| text.len() >= 43);
    if !right {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let mut back = reqwest::Url::parse(&of("redirect_uri")).unwrap();
    let error = inner.says.lock().unwrap().error.clone();
    if let Some(error) = error {
        back.query_pairs_mut().append_pair("error", &error);
    } else {
        let code = BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>());
        back.query_pairs_mut().append_pair("code", &code);
        let granted = Granted {
            nonce: of("nonce"),
            challenge: of("code_challenge"),
            back: of("redirect_uri"),
        };
        inner.codes.lock().unwrap().insert(code, granted);
    }
    back.query_pairs_mut().append_pair("state", &of("state"));
    (StatusCode::FOUND, [(LOCATION, back.to_string())]).into_response()
}

async fn token(State(inner): Inside, headers: HeaderMap, body: String) -> Response {
    if let Some(broken) = inner.begin("/token") {
        return broken;
    }
    let refused = |status, error: &str| (status, Json(json!({"error": error}))).into_response();
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let proof = format!("{}:{}", encoded(CLIENT), encoded(SECRET));
    let proof = format!("Basic {}", BASE64.encode(proof.as_bytes()));
    if headers.get(AUTHORIZATION).is_none_or(|told| *told != proof) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let told = pairs(&body);
    let of = |name: &str| told.get(name).cloned().unwrap_or_default();
    // A code is taken once, right or wrong.
    let granted = inner.codes.lock().unwrap().remove(&of("code"));
    let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(of("code_verifier")));
    let good = |granted: &Granted| granted.back == of("redirect_uri") && granted.challenge == challenge;
    let Some(granted) = granted.filter(|granted| good(granted) && of("grant_type") == "authorization_code") else {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let now = clock::wall().as_second();
    let claims = json!({
        "iss": inner.issuer, "aud": CLIENT, "sub": "4711", "iat": now, "exp": now + 300, "nonce": granted.nonce,
        "preferred_username": "alice",
    });
    let says = inner.says.lock().unwrap();
    let mut answer = json!({"access_token": "opens the rest", "token_type": "Bearer", "expires_in": 60});
    answer["id_token"] = written(&says, &over(claims, &says.claims)).into();
    Json(answer).into_response()
}

/// A token in its compact form (RFC 7515 section 7.1).
fn written(says: &Says, claims: &Value) -> String {
    let algorithm = match says.signed {
        Signed::Well | Signed::Forged => "EdDSA",
        Signed::Not => "none",
        Signed::ByTheClient => "HS256",
    };
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let head = part(&json!({"alg": algorithm, "typ": "JWT", "kid": says.key.name}));
    let signed = format!("{head}.{}", part(claims));
    let signature = match says.signed {
        Signed::Well | Signed::Forged => says.key.pair.sign(signed.as_bytes()).unwrap(),
        Signed::Not => Vec::new(),
        Signed::ByTheClient => {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(signed.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
    };
    let signed = match says.signed {
        Signed::Forged => format!(
            "{head}.{}",
            part(&over(claims.clone(), &json!({"preferred_username": "bob"})))
        ),
        Signed::Well | Signed::Not | Signed::ByTheClient => signed,
    };
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

async fn userinfo(State(inner): Inside, headers: HeaderMap) -> Response {
    if let Some(broken) = inner.begin("/userinfo") {
        return broken;
    }
    if headers
        .get(AUTHORIZATION)
        .is_none_or(|told| *told != "Bearer opens the rest")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(inner.says.lock().unwrap().userinfo.clone()).into_response()
}
