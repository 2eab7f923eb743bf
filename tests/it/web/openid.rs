//! Signing in by an OpenID provider: who comes in, and all who should not.

mod provider;

use std::sync::Arc;

use offhook::config::{Claim, OpenId};
use offhook::dialogue::model;
use reqwest::{Url, redirect};
use tokio::net::TcpListener;

use self::provider::{CLIENT, Key, Provider, SECRET, Says, Signed};
use super::*;

/// A site whose people sign in by `issuer`.
async fn site_of(issuer: &str, claim: Claim) -> Site {
    let openid = OpenId {
        issuer: issuer.into(),
        client_id: CLIENT.into(),
        client_secret: Some(model::Secret::new(SECRET)),
        name: "Example".into(),
        claim,
    };
    let mut site = Site::with(config::Web {
        openid: Some(openid),
        ..config::Web::default()
    })
    .await;
    let browser = Client::builder().no_proxy().pool_max_idle_per_host(0);
    let browser = browser.redirect(redirect::Policy::none());
    site.browser = browser.timeout(Duration::from_secs(20)).build().unwrap();
    site
}

async fn both(claim: Claim) -> (Site, Provider) {
    let provider = Provider::new().await;
    (site_of(provider.issuer(), claim).await, provider)
}

fn led(response: &Response) -> &str {
    assert_eq!(response.status(), 303, "{response:?}");
    response.headers()["Location"].to_str().unwrap()
}

fn cookies(response: &Response) -> Vec<&str> {
    let written = response.headers().get_all("Set-Cookie").iter();
    written.map(|cookie| cookie.to_str().unwrap()).collect()
}

/// A browser that was sent to the provider.
struct Sent {
    cookie: String,
    way: Url,
}

/// One that the provider sent back.
struct Back {
    cookie: String,
    url: Url,
}

impl Back {
    fn with(&self, name: &str, value: &str) -> Url {
        let mut url = self.url.clone();
        let pairs = self.url.query_pairs().filter(|(other, _)| other != name);
        url.query_pairs_mut()
            .clear()
            .extend_pairs(pairs)
            .append_pair(name, value);
        url
    }

    fn brought(&self, name: &str) -> String {
        let mut pairs = self.url.query_pairs();
        pairs.find(|(other, _)| other == name).unwrap().1.into_owned()
    }
}

impl Site {
    async fn get(&self, url: &str, cookie: &str) -> Response {
        self.browser.get(url).header("Cookie", cookie).send().await.unwrap()
    }

    async fn set_out(&self) -> Sent {
        let response = self.get(&self.url("/api/openid/begin"), "").await;
        let way = Url::parse(led(&response)).unwrap();
        let cookie = cookie(&response).split(';').next().unwrap().to_owned();
        Sent { cookie, way }
    }

    async fn sent_back(&self) -> Back {
        let Sent { cookie, way } = self.set_out().await;
        let response = self.browser.get(way).send().await.unwrap();
        let location = response.headers()["Location"].to_str().unwrap();
        let url = Url::parse(location).unwrap();
        Back { cookie, url }
    }

    async fn comes_in(&self, back: &Back) -> Response {
        self.get(back.url.as_str(), &back.cookie).await
    }

    /// The whole way; the cookie of the session, or the word for what went wrong.
    async fn sign_in_by_provider(&self) -> Result<String, String> {
        session(&self.comes_in(&self.sent_back().await).await)
    }
}

/// The cookie of the session that was opened, or the word for what went wrong. Nobody is led anywhere else.
fn session(response: &Response) -> Result<String, String> {
    let location = led(response);
    let opened = cookies(response)
        .into_iter()
        .find(|cookie| cookie.starts_with("offhook="));
    match location.strip_prefix("/?problem=") {
        Some(word) => {
            assert_eq!(opened, None, "{word}");
            Err(word.to_owned())
        }
        None => {
            assert_eq!(location, "/");
            Ok(opened.unwrap().split(';').next().unwrap().to_owned())
        }
    }
}

fn refused_as(word: &str) -> Result<String, String> {
    Err(word.to_owned())
}

#[tokio::test]
async fn whom_the_provider_knows_comes_in() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let response = site.get(&site.url("/api/openid"), "").await;
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"name": "Example"}));

    let response = site.get(&site.url("/api/openid/begin"), "").await;
    let written = cookie(&response).to_owned();
    for part in [
        "offhook-openid=",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/",
        "; Max-Age=600",
    ] {
        assert!(written.contains(part), "{written}");
    }
    let way = Url::parse(led(&response)).unwrap();
    assert!(way.as_str().starts_with(&format!("{}/authorize?", provider.issuer())));
    let secret = written["offhook-openid=".len()..].split('.').next().unwrap();
    assert!(!way.as_str().contains(secret), "the provider learns what it must");

    let back = site.sent_back().await;
    let response = site.comes_in(&back).await;
    assert!(
        cookies(&response)
            .iter()
            .any(|cookie| cookie.starts_with("offhook-openid=;") && cookie.contains("Max-Age=0")),
        "the errand is over: {:?}",
        cookies(&response)
    );
    let strict = cookies(&response)
        .iter()
        .any(|cookie| cookie.starts_with("offhook=") && cookie.contains("SameSite=Strict"));
    assert!(strict, "{:?}", cookies(&response));
    let here = session(&response).unwrap();
    assert_eq!(site.me(&here).await.1["name"], "alice");
    let out = site.post("/api/sign-out").header("Cookie", &here).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(site.me(&here).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        provider.asked("/.well-known/openid-configuration"),
        1,
        "it is remembered"
    );
}

#[tokio::test]
async fn who_has_no_password_has_the_provider_alone() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    site.store.remove_person("alice").await.unwrap();
    site.add_with("alice", &Hash::none(), None).await;
    for guess in ["", PASSWORD] {
        let response = site.try_sign_in(&json!({"name": "alice", "password": guess})).await;
        assert_eq!(refused(response).await, (401, "credentials".into()));
    }
    let here = site.sign_in_by_provider().await.unwrap();
    assert_eq!(site.me(&here).await.1["name"], "alice");

    // A code of ours is not asked for: that is the provider's business.
    site.add("bob", Some(&Secret::draw())).await;
    provider.says(|says| says.claims = json!({"preferred_username": "Bob"}));
    let here = site.sign_in_by_provider().await.unwrap();
    assert_eq!(site.me(&here).await.1["name"], "bob");
}

#[tokio::test]
async fn who_signs_in_again_leaves_first() {
    let (site, _provider) = both(Claim::PreferredUsername).await;
    let here = site.sign_in("alice").await;
    for (from, stays) in [
        (None, StatusCode::OK),
        (Some("cross-site"), StatusCode::OK),
        (Some("same-origin"), StatusCode::UNAUTHORIZED),
    ] {
        let request = site.browser.get(site.url("/api/openid/begin")).header("Cookie", &here);
        let request = match from {
            Some(from) => request.header("Sec-Fetch-Site", from),
            None => request,
        };
        assert!(led(&request.send().await.unwrap()).contains("/authorize?"));
        assert_eq!(site.me(&here).await.0, stays, "led here by {from:?}");
    }
}

#[tokio::test]
async fn who_has_no_account_or_a_disabled_one_is_told_so() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    site.store.disable_person("alice").await.unwrap();
    assert_eq!(site.sign_in_by_provider().await, refused_as("openid_stranger"));
    site.store.enable_person("alice").await.unwrap();
    site.sign_in_by_provider().await.unwrap();
    provider.says(|says| says.claims = json!({"preferred_username": "mallory"}));
    assert_eq!(site.sign_in_by_provider().await, refused_as("openid_stranger"));
    for name in [json!("no name at all"), json!(""), json!("愛麗絲")] {
        provider.says(|says| says.claims = json!({"preferred_username": name}));
        assert_eq!(site.sign_in_by_provider().await, refused_as("openid_nameless"));
    }
}

#[tokio::test]
async fn a_token_that_is_not_for_this_errand_proves_nothing() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let now = clock::wall().as_second();
    let claims: [(&str, Value); 10] = [
        ("another's nonce", json!({"nonce": "x".repeat(64)})),
        ("no nonce", json!({"nonce": null})),
        ("for somebody else", json!({"aud": "another"})),
        ("for others too", json!({"aud": [CLIENT, "another"]})),
        ("for nobody", json!({"aud": null})),
        ("of another", json!({"iss": "https://login.example"})),
        ("of nobody", json!({"iss": null})),
        ("old", json!({"exp": now - 120})),
        ("without an end", json!({"exp": null})),
        ("of no subject", json!({"sub": null})),
    ];
    for (what, claims) in claims {
        provider.says(|says| says.claims = claims);
        let word = site.sign_in_by_provider().await.expect_err(what);
        // What is not even a token is an answer that cannot be read.
        assert!(
            ["openid_unproven", "openid_down"].contains(&word.as_str()),
            "{what}: {word}"
        );
    }
    provider.says(|says| says.claims = json!({}));
    for signed in [Signed::Not, Signed::ByTheClient, Signed::Forged] {
        provider.says(|says| says.signed = signed);
        assert_eq!(
            site.sign_in_by_provider().await,
            refused_as("openid_unproven"),
            "{signed:?}"
        );
    }
    // By a key of the same name that is not theirs.
    provider.says(|says| (says.signed, says.key) = (Signed::Well, Key::new("first")));
    assert_eq!(site.sign_in_by_provider().await, refused_as("openid_unproven"));
    provider.says(|says| says.key = Arc::clone(&says.published[0]));
    site.sign_in_by_provider().await.unwrap();
}

#[tokio::test]
async fn new_keys_are_asked_for_once_in_a_while() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    site.sign_in_by_provider().await.unwrap();
    let renew = |says: &mut Says, name: &str| {
        says.key = Key::new(name);
        says.published = vec![Arc::clone(&says.key)];
    };
    provider.says(|says| renew(says, "second"));
    site.sign_in_by_provider().await.unwrap();
    assert_eq!(provider.asked("/keys"), 2);
    provider.says(|says| renew(says, "third"));
    assert_eq!(site.sign_in_by_provider().await, refused_as("openid_unproven"));
    assert_eq!(provider.asked("/keys"), 2, "not at every token that somebody makes up");
}

#[tokio::test]
async fn what_another_browser_began_is_not_ended_here() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let (mine, theirs) = (site.sent_back().await, site.sent_back().await);
    let stray = refused_as("openid_stray");
    let tried = async |url: &Url, cookie: &str| session(&site.get(url.as_str(), cookie).await);
    assert_eq!(tried(&mine.with("state", &"0".repeat(64)), &mine.cookie).await, stray);
    assert_eq!(tried(&mine.with("state", ""), &mine.cookie).await, stray);
    assert_eq!(tried(&mine.url, "").await, stray, "the browser was not sent from here");
    assert_eq!(tried(&mine.url, &theirs.cookie).await, stray);
    assert_eq!(tried(&theirs.url, &mine.cookie).await, stray);
    let (secret, _) = mine.cookie.split_once('.').unwrap();
    assert_eq!(tried(&mine.url, &format!("{secret}.0")).await, stray);
    assert_eq!(
        tried(&Url::parse(&site.url("/api/openid/done")).unwrap(), &mine.cookie).await,
        stray
    );
    assert_eq!(provider.asked("/token"), 0, "no code went anywhere");
    // A code of theirs, though with all that is mine.
    let injected = mine.with("code", &theirs.brought("code"));
    assert_eq!(tried(&injected, &mine.cookie).await, refused_as("openid_unproven"));
    session(&site.comes_in(&mine).await).unwrap();
}

#[tokio::test]
async fn who_comes_back_twice_comes_in_once() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let back = site.sent_back().await;
    session(&site.comes_in(&back).await).unwrap();
    // The browser has forgotten the errand; one that has not, finds the code used up.
    assert_eq!(
        session(&site.get(back.url.as_str(), "").await),
        refused_as("openid_stray")
    );
    assert_eq!(session(&site.comes_in(&back).await), refused_as("openid_unproven"));
    assert_eq!(provider.asked("/token"), 2);
}

#[tokio::test]
async fn whom_the_provider_refuses_is_told_so() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    provider.says(|says| says.error = Some("access_denied\n\u{1b}[31m".into()));
    let back = site.sent_back().await;
    assert_eq!(session(&site.comes_in(&back).await), refused_as("openid_denied"));
    let other = back.with("state", &"0".repeat(64));
    assert_eq!(
        session(&site.get(other.as_str(), &back.cookie).await),
        refused_as("openid_stray")
    );
}

#[tokio::test]
async fn an_address_is_a_name_where_it_is_verified() {
    let (site, provider) = both(Claim::Email).await;
    site.add("carol@example.com", None).await;
    let tried = async |claims: Value, userinfo: Value| {
        provider.says(|says| (says.claims, says.userinfo) = (claims, userinfo));
        site.sign_in_by_provider().await
    };
    let nothing = || json!({"sub": "4711"});
    let with = |verified: Value| {
        let mut told = json!({"sub": "4711", "email": "Carol@Example.com", "email_verified": verified});
        if verified.is_null() {
            told.as_object_mut().unwrap().remove("email_verified");
        }
        told
    };
    assert!(tried(with(json!(true)), nothing()).await.is_ok());
    for unverified in [json!(false), Value::Null] {
        let nameless = refused_as("openid_nameless");
        assert_eq!(tried(with(unverified.clone()), nothing()).await, nameless);
        assert_eq!(tried(nothing(), with(unverified)).await, nameless);
    }
    assert_eq!(tried(nothing(), nothing()).await, refused_as("openid_nameless"));
    let here = tried(nothing(), with(json!(true))).await.unwrap();
    assert_eq!(site.me(&here).await.1["name"], "carol@example.com");
    let mut other = with(json!(true));
    other["sub"] = json!("4712");
    assert!(tried(nothing(), other).await.is_err(), "it was said of somebody else");
}

#[tokio::test]
async fn a_subject_is_a_name_as_it_is_written() {
    let (site, provider) = both(Claim::Subject).await;
    site.add("x4711", None).await;
    for (subject, right) in [
        ("x4711", Ok(())),
        ("X4711", Err("openid_nameless")),
        ("x4712", Err("openid_stranger")),
    ] {
        provider.says(|says| says.claims = json!({"sub": subject}));
        let tried = site.sign_in_by_provider().await.map(|_| ());
        assert_eq!(tried, right.map_err(str::to_owned), "{subject}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_no_password_from_working() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let broken = |status: StatusCode, text: String| provider.says(|says| says.broken = Some((status, text)));
    let began = async || session(&site.get(&site.url("/api/openid/begin"), "").await);
    broken(StatusCode::SERVICE_UNAVAILABLE, "{}".into());
    assert_eq!(began().await, refused_as("openid_down"));
    assert_eq!(began().await, refused_as("openid_down"));
    assert_eq!(
        provider.asked("/.well-known/openid-configuration"),
        1,
        "it is left alone a while"
    );
    site.sign_in("alice").await;

    // It answers when people set out, and no more when they come back.
    let other = site_of(provider.issuer(), Claim::PreferredUsername).await;
    provider.says(|says| says.broken = None);
    let back = other.sent_back().await;
    for (status, text) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "<html>".to_owned()),
        (StatusCode::OK, "{}".to_owned()),
        (StatusCode::OK, format!("\"{}\"", "x".repeat(300_000))),
        (StatusCode::OK, "[".repeat(200_000)),
        (StatusCode::FOUND, String::new()),
    ] {
        broken(status, text);
        assert_eq!(session(&other.comes_in(&back).await), refused_as("openid_down"));
    }
    provider.says(|says| says.broken = None);
    session(&other.comes_in(&back).await).unwrap();
}

#[tokio::test]
async fn a_provider_that_never_answers_is_not_waited_for() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = site_of(
        &format!("http://{}", deaf.local_addr().unwrap()),
        Claim::PreferredUsername,
    )
    .await;
    let began = clock::now();
    let response = site.get(&site.url("/api/openid/begin"), "").await;
    assert_eq!(session(&response), refused_as("openid_down"));
    assert!(clock::now() - began < Duration::from_secs(14));
}

#[tokio::test]
async fn a_provider_that_is_not_who_it_should_be_is_not_believed() {
    for metadata in [
        json!({"issuer": "https://login.example"}),
        json!({"authorization_endpoint": "http://login.example/authorize"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"jwks_uri": "http://login.example/keys"}),
    ] {
        let (site, provider) = both(Claim::PreferredUsername).await;
        provider.says(|says| says.metadata = metadata);
        let response = site.get(&site.url("/api/openid/begin"), "").await;
        assert_eq!(session(&response), refused_as("openid_down"));
    }
    // A secret is not sent where others could read it.
    let (site, provider) = both(Claim::PreferredUsername).await;
    provider.says(|says| says.metadata = json!({"token_endpoint": "http://login.example/token"}));
    assert_eq!(site.sign_in_by_provider().await, refused_as("openid_down"));
}

#[tokio::test]
async fn nobody_is_led_anywhere_else() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let evil = "https%3A%2F%2Fevil.example";
    let begin = site.url(&format!("/api/openid/begin?next={evil}&redirect_uri={evil}&state=x"));
    let request = site.browser.get(begin).header("X-Forwarded-Host", "evil.example");
    let response = request.header("Host", "evil.example").send().await.unwrap();
    let way = Url::parse(led(&response)).unwrap();
    let pairs: Vec<_> = way.query_pairs().filter(|(name, _)| name == "redirect_uri").collect();
    assert_eq!(pairs.len(), 1);
    assert_eq!(pairs[0].1, site.url("/api/openid/done"));
    assert!(
        way.as_str().starts_with(provider.issuer()) && !way.as_str().contains("evil"),
        "{way}"
    );

    let back = site.sent_back().await;
    for name in ["next", "redirect", "redirect_uri", "iss", "problem"] {
        let url = back.with(name, "https://evil.example");
        let response = site.get(url.as_str(), &back.cookie).await;
        // The code is good once; where it is not, the page of signing in says so.
        assert!(["/", "/?problem=openid_unproven"].contains(&led(&response)));
    }
}

#[tokio::test]
async fn guessing_codes_is_slow() {
    let (site, provider) = both(Claim::PreferredUsername).await;
    let Sent { cookie, way } = site.set_out().await;
    let state = way
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let done = site.url(&format!("/api/openid/done?state={state}&code=guessed"));
    let mut words = Vec::new();
    for _ in 0..40 {
        words.push(session(&site.get(&done, &cookie).await).unwrap_err());
    }
    assert_eq!(words[..30], vec!["openid_unproven"; 30]);
    assert!(words.iter().any(|word| word == "often"), "{words:?}");
    assert!(provider.asked("/token") < 40);
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let site = Site::new().await;
    let told: Value = site.get(&site.url("/api/openid"), "").await.json().await.unwrap();
    assert_eq!(told, json!({"name": null}));
    for path in ["/api/openid/begin", "/api/openid/done?code=x&state=y"] {
        let response = site.get(&site.url(path), "").await;
        assert_eq!(refused(response).await, (404, "nowhere".into()));
    }
}

#[tokio::test]
async fn behind_a_proxy_people_are_led_back_to_it() {
    let provider = Provider::new().await;
    let openid = OpenId {
        issuer: provider.issuer().into(),
        client_id: CLIENT.into(),
        client_secret: None,
        name: "Example".into(),
        claim: Claim::Email,
    };
    let mut site = Site::with(config::Web {
        origin: Some("https://desk.example".into()),
        openid: Some(openid),
        ..config::Web::default()
    })
    .await;
    site.browser = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()
        .unwrap();
    let response = site.get(&site.url("/api/openid/begin"), "").await;
    let written = cookie(&response);
    assert!(
        written.starts_with("__Host-offhook-openid=") && written.ends_with("; Secure"),
        "{written}"
    );
    let way = Url::parse(led(&response)).unwrap();
    let of = |name: &str| {
        way.query_pairs()
            .find(|(other, _)| other == name)
            .unwrap()
            .1
            .into_owned()
    };
    assert_eq!(of("redirect_uri"), "https://desk.example/api/openid/done");
    assert_eq!(of("scope"), "openid email");
}

/// What the page is told has words in both languages.
#[tokio::test]
async fn every_problem_has_words() {
    let site = Site::new().await;
    let script = site.get(&site.url("/sign-in.js"), "").await.text().await.unwrap();
    for word in ["down", "stray", "denied", "unproven", "nameless", "stranger"] {
        assert_eq!(script.matches(&format!("      openid_{word}: ")).count(), 2, "{word}");
    }
}
