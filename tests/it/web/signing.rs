//! Signing in and out, and everybody who should not get in.

use offhook::store::people::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn form(password: &str) -> Value {
    json!({"name": "alice", "password": password})
}

#[tokio::test]
async fn who_signs_in_is_known_until_they_sign_out() {
    let site = Site::new().await;
    let response = site
        .try_sign_in(&json!({"name": " Alice ", "password": PASSWORD}))
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    let written = cookie(&response).to_owned();
    for part in [
        "offhook=",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=43200",
    ] {
        assert!(written.contains(part), "{written}");
    }
    assert!(!written.contains("Secure"), "this is loopback: {written}");
    let person: Value = response.json().await.unwrap();
    assert_eq!(
        (&person["name"], &person["display"], &person["role"]),
        (&json!("alice"), &json!("ALICE"), &json!("agent"))
    );
    assert!(!person.to_string().contains("argon2"));

    let here = written.split(';').next().unwrap();
    let elsewhere = site.sign_in("alice").await;
    assert_eq!(site.me(here).await, (StatusCode::OK, person.clone()));
    let out = site.post("/api/sign-out").header("Cookie", here).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert!(cookie(&out).contains("offhook=;") && cookie(&out).contains("Max-Age=0"));
    assert_eq!(
        site.me(here).await.0,
        StatusCode::UNAUTHORIZED,
        "the cookie may have been kept"
    );
    assert_eq!(
        site.me(&elsewhere).await.0,
        StatusCode::OK,
        "another browser's session is its own"
    );
    assert_eq!(site.me("").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        site.me(&format!("offhook={}", Token::draw().text())).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn who_signs_in_where_another_was_ends_their_session() {
    let site = Site::new().await;
    site.add("bob", None).await;
    let before = site.sign_in("alice").await;
    let form = json!({"name": "bob", "password": PASSWORD});
    let request = site.post("/api/sign-in").header("Cookie", &before).json(&form);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(site.me(&before).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn behind_a_proxy_the_session_is_for_tls_alone() {
    let site = Site::with(config::Web {
        origin: Some("https://desk.example".into()),
        ..config::Web::default()
    })
    .await;
    let own = site.try_sign_in(&form(PASSWORD)).await;
    assert_eq!(
        refused(own).await,
        (403, "origin".into()),
        "loopback is not what browsers go to"
    );
    let request = site
        .browser
        .post(site.url("/api/sign-in"))
        .header("Origin", "https://desk.example");
    let response = request.json(&form(PASSWORD)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(cookie(&response).starts_with("__Host-offhook=") && cookie(&response).ends_with("; Secure"));
}

#[tokio::test]
async fn who_cannot_prove_it_hears_nothing_of_what_is_wrong() {
    let site = Site::new().await;
    for form in [
        form("correct horse batterz"),
        form(""),
        json!({"name": "mallory", "password": PASSWORD}),
        json!({"name": "no name at all", "password": PASSWORD}),
    ] {
        let response = site.try_sign_in(&form).await;
        assert!(!response.headers().contains_key("Set-Cookie"));
        assert_eq!(refused(response).await, (401, "credentials".into()), "{form}");
    }
    site.store.disable_person("alice").await.unwrap();
    assert_eq!(
        refused(site.try_sign_in(&form(PASSWORD)).await).await,
        (401, "credentials".into())
    );
    site.store.enable_person("alice").await.unwrap();
    site.sign_in("alice").await;
}

#[tokio::test]
async fn a_code_is_asked_for_and_taken_once() {
    let site = Site::new().await;
    let secret = Secret::draw();
    site.add("bob", Some(&secret)).await;
    let with = |code: Option<&str>| json!({"name": "bob", "password": PASSWORD, "code": code});
    let wrong = (401, "code".to_owned());
    assert_eq!(refused(site.try_sign_in(&with(None)).await).await, wrong);
    assert_eq!(refused(site.try_sign_in(&with(Some("abcdef"))).await).await, wrong);
    let code = secret.code_at(clock::wall()).unwrap();
    let guessed = json!({"name": "bob", "password": "not his password", "code": code});
    assert_eq!(
        refused(site.try_sign_in(&guessed).await).await,
        (401, "credentials".into())
    );
    assert_eq!(site.try_sign_in(&with(Some(&code))).await.status(), StatusCode::OK);
    assert_eq!(
        refused(site.try_sign_in(&with(Some(&code))).await).await,
        wrong,
        "somebody may have seen it"
    );
}

#[tokio::test]
async fn a_session_ends_by_itself_and_with_its_password() {
    let site = Site::new().await;
    let known = site.store.credentials("alice").await.unwrap().unwrap();
    let (old, now) = (Token::draw(), clock::wall().as_millisecond());
    let opened = site
        .store
        .sign_in(&known, &old, milliseconds(now - 2000), milliseconds(now - 1));
    assert!(opened.await.unwrap());
    assert_eq!(
        site.me(&format!("offhook={}", old.text())).await.0,
        StatusCode::UNAUTHORIZED
    );

    let cookie = site.sign_in("alice").await;
    assert_eq!(site.me(&cookie).await.0, StatusCode::OK);
    let hash = Hash::of("another password".into()).await.unwrap();
    assert!(site.store.set_password("alice", &hash).await.unwrap());
    assert_eq!(site.me(&cookie).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        site.try_sign_in(&form(PASSWORD)).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        site.try_sign_in(&form("another password")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_other_sites_post_is_refused() {
    let site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let own = site.origin();
    for headers in [
        vec![("Origin", "https://evil.example")],
        vec![("Origin", "null")],
        vec![],
        vec![("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", own.as_str()), ("Sec-Fetch-Site", "cross-site")],
    ] {
        for path in ["/api/sign-in", "/api/sign-out"] {
            let request = site.browser.post(site.url(path)).header("Cookie", &cookie);
            let request = headers
                .iter()
                .fold(request, |request, (name, value)| request.header(*name, *value));
            let response = request.json(&form(PASSWORD)).send().await.unwrap();
            assert_eq!(refused(response).await, (403, "origin".into()), "{path} {headers:?}");
        }
    }
    assert_eq!(site.me(&cookie).await.0, StatusCode::OK, "nobody else signs her out");
}

#[tokio::test]
async fn guessing_is_slow() {
    let site = Site::new().await;
    site.add("bob", None).await;
    for _ in 0..10 {
        let response = site.try_sign_in(&form("a guess of many")).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let response = site.try_sign_in(&form(PASSWORD)).await;
    let wait: u64 = response.headers()["Retry-After"].to_str().unwrap().parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait} s");
    assert_eq!(refused(response).await, (429, "often".into()), "right or wrong");
    site.sign_in("bob").await;
}

#[tokio::test]
async fn what_is_no_form_is_told_so() {
    let site = Site::new().await;
    let sent = async |kind: &str, body: String| {
        let request = site.post("/api/sign-in").header("Content-Type", kind).body(body);
        request.send().await.unwrap()
    };
    let json = "application/json";
    for (kind, body, status) in [
        (json, "{".to_owned(), 400),
        (json, "[1]".to_owned(), 422),
        (json, r#"{"name": 5, "password": null}"#.to_owned(), 422),
        ("text/plain", form(PASSWORD).to_string(), 415),
        (json, form(&"x".repeat(17_000)).to_string(), 413),
    ] {
        assert_eq!(refused(sent(kind, body).await).await, (status, "form".into()));
    }
    assert_eq!(
        refused(site.browser.get(site.url("/nowhere")).send().await.unwrap()).await,
        (404, "nowhere".into())
    );
    let wrong = site.browser.get(site.url("/api/sign-in")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_no_http_ends() {
    let site = Site::new().await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"GET / HTTP/1.1\r\nHost:".repeat(4000),
        b"POST /api/sign-in HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_vec(),
        vec![0; 100_000],
    ] {
        let mut stream = TcpStream::connect(site.at).await.unwrap();
        // It may be closed before all is written, and with a reset.
        stream.write_all(&bytes).await.ok();
        stream.shutdown().await.ok();
        let mut answer = Vec::new();
        soon("the end", stream.read_to_end(&mut answer)).await.ok();
        assert!(
            !answer.starts_with(b"HTTP/1.1 2"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    site.sign_in("alice").await;
}
