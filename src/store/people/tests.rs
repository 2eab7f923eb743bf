//! People and their sessions, in a file that is thrown away.

use super::*;

struct Kept {
    store: Store,
    _folder: tempfile::TempDir,
}

async fn kept() -> Kept {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("offhook.db")).await.expect("opened");
    Kept { store, _folder: folder }
}

fn alice() -> Person {
    Person {
        name: "alice".into(),
        display: "Alice Wang".into(),
        role: Role::Supervisor,
        skills: vec!["returns".into(), "billing \"large\"".into()],
        languages: vec![Language::Mandarin, Language::English],
        capacity: 2,
        phone: Some("sip:alice@192.0.2.1".into()),
        disabled: false,
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).expect("a time")
}

fn hash(text: &str) -> Hash {
    Hash::kept(text.into())
}

async fn credentials(store: &Store, name: &str) -> Credentials {
    store.credentials(name).await.expect("read").expect("known")
}

#[test]
fn names_are_plain_and_small() {
    for (written, read) in [
        ("alice", Some("alice")),
        (" Alice.W@Example.com ", Some("alice.w@example.com")),
        ("", None),
        ("a b", None),
        ("愛麗絲", None),
        ("a/b", None),
    ] {
        assert_eq!(name(written).as_deref(), read, "{written}");
    }
    assert_eq!(name(&"x".repeat(65)), None);
}

#[tokio::test]
async fn people_are_kept_as_they_were_written() {
    let kept = kept().await;
    let store = &kept.store;
    let plain = Person {
        name: "bob".into(),
        role: Role::Agent,
        phone: None,
        ..alice()
    };
    let secret = Secret::draw();
    assert!(
        store
            .add_person(&plain, &hash("b"), None, at(1))
            .await
            .expect("written")
    );
    assert!(
        store
            .add_person(&alice(), &hash("a"), Some(&secret), at(2))
            .await
            .expect("written")
    );
    assert!(
        !store
            .add_person(&alice(), &hash("c"), None, at(3))
            .await
            .expect("refused"),
        "a name is taken once"
    );
    assert_eq!(store.people().await.expect("read"), [alice(), plain]);
    let known = credentials(store, "alice").await;
    assert_eq!((known.person, known.password.as_str()), (alice(), "a"));
    assert_eq!(known.totp.expect("a secret").bytes(), secret.bytes());
    assert!(credentials(store, "bob").await.totp.is_none());
    assert!(store.credentials("carol").await.expect("read").is_none());
    assert!(store.remove_person("bob").await.expect("removed"));
    assert!(!store.remove_person("bob").await.expect("not there"));
    assert_eq!(store.people().await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_session_ends_with_its_time_its_owner_s_wish_and_their_account() {
    let kept = kept().await;
    let store = &kept.store;
    store
        .add_person(&alice(), &hash("a"), None, at(0))
        .await
        .expect("written");
    let opened = async |ms| {
        let token = Token::draw();
        let known = credentials(store, "alice").await;
        assert!(
            store
                .sign_in(&known, &token, at(ms), at(ms + 100))
                .await
                .expect("written")
        );
        token
    };
    let there = async |token: &Token, ms| store.session(token, at(ms)).await.expect("read").is_some();

    let token = opened(0).await;
    let session = store.session(&token, at(99)).await.expect("read").expect("signed in");
    assert_eq!((session.person, session.expires), (alice(), at(100)));
    assert!(!there(&token, 100).await, "it is over");
    assert!(!there(&Token::draw(), 1).await);
    assert_eq!(Token::read(&token.text()), Some(token.clone()));

    let (one, other) = (opened(10).await, opened(11).await);
    store.sign_out(&one).await.expect("signed out");
    assert!(!there(&one, 12).await && there(&other, 12).await);

    assert!(store.set_password("alice", &hash("b")).await.expect("changed"));
    assert!(!there(&other, 12).await, "a new password ends what the old one opened");

    let token = opened(20).await;
    assert!(store.disable_person("alice").await.expect("disabled"));
    let known = credentials(store, "alice").await;
    assert!(known.person.disabled);
    assert!(
        !store
            .sign_in(&known, &Token::draw(), at(21), at(99))
            .await
            .expect("refused")
    );
    assert!(store.enable_person("alice").await.expect("enabled"));
    assert!(!there(&token, 21).await, "enabling opens no old session");

    let token = opened(30).await;
    assert!(store.remove_person("alice").await.expect("removed"));
    assert!(!there(&token, 31).await);
    assert!(!store.set_password("alice", &hash("c")).await.expect("nobody"));
}

#[tokio::test]
async fn what_was_proven_before_a_change_opens_nothing() {
    let kept = kept().await;
    let store = &kept.store;
    store
        .add_person(&alice(), &hash("a"), None, at(0))
        .await
        .expect("written");
    let proven = credentials(store, "alice").await;
    store.set_password("alice", &hash("b")).await.expect("changed");
    assert!(
        !store
            .sign_in(&proven, &Token::draw(), at(1), at(9))
            .await
            .expect("refused")
    );
}

#[tokio::test]
async fn who_signs_in_everywhere_is_signed_out_where_they_did_first() {
    let kept = kept().await;
    let store = &kept.store;
    store
        .add_person(&alice(), &hash("a"), None, at(0))
        .await
        .expect("written");
    let known = credentials(store, "alice").await;
    let mut tokens = Vec::new();
    for ms in 0..9 {
        tokens.push(Token::draw());
        store
            .sign_in(&known, &tokens[ms as usize], at(ms), at(1000))
            .await
            .expect("written");
    }
    let mut there = Vec::new();
    for token in &tokens {
        there.push(store.session(token, at(10)).await.expect("read").is_some());
    }
    assert_eq!(there, [false, true, true, true, true, true, true, true, true]);
}

#[tokio::test]
async fn a_code_is_used_once() {
    let kept = kept().await;
    let store = &kept.store;
    store
        .add_person(&alice(), &hash("a"), None, at(0))
        .await
        .expect("written");
    assert!(store.use_code("alice", 7).await.expect("written"));
    assert!(!store.use_code("alice", 7).await.expect("refused"));
    assert!(
        !store.use_code("alice", 6).await.expect("refused"),
        "nor one that was shown before it"
    );
    assert!(store.use_code("alice", 8).await.expect("written"));
}
