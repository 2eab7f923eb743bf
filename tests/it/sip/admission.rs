//! Who is let in: listed addresses, users with a password, and nobody else; and where the phones of users are.

use std::time::Duration;

use offhook::sip::{Action, Admit, Algorithm, Counts, Ended, Event, Limits, Transport};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::phone::{ANSWER, OFFER, Phone, Wire, field, soon, tag_of};

const PASSWORD: &str = "open sesame";

/// One that lists nobody, and has a user whose name is the number that wires ask for.
async fn guarded(users: &[&str]) -> Phone {
    let users = users.iter().map(|name| ((*name).to_owned(), PASSWORD.to_owned()));
    Phone::with(|config| {
        config.admit = Admit::Listed;
        config.users = users.collect();
        config.algorithms = vec![Algorithm::Sha256, Algorithm::Md5];
    })
    .await
}

/// Waits until the counts are so.
async fn counted(phone: &Phone, what: &str, wanted: impl Fn(&Counts) -> bool) {
    let wait = async {
        while !wanted(&phone.agent.counts()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, wait).await;
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a phone answers to this challenge; RFC 7616 §3.4.1, reckoned here anew.
fn proof(challenge: &str, user: &str, password: &str, method: &str, count: u32) -> String {
    assert!(
        challenge.contains("algorithm=SHA-256") && challenge.contains("qop=\"auth\""),
        "{challenge}"
    );
    let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let realm = challenge.split("realm=\"").nth(1).unwrap().split('"').next().unwrap();
    let uri = "sip:100@127.0.0.1";
    let (who, what) = (
        hex(&format!("{user}:{realm}:{password}")),
        hex(&format!("{method}:{uri}")),
    );
    let response = hex(&format!("{who}:{nonce}:{count:08x}:abc:auth:{what}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=SHA-256, cnonce=\"abc\", qop=auth, nc={count:08x}\r\n"
    )
}

/// Asks, is asked who it is, and proves it; the challenge and the answer.
async fn proves(wire: &mut Wire, method: &str, headers: &str, body: &[u8]) -> (String, String) {
    wire.asks(method, headers, body).await;
    let challenge = field(&wire.reads("SIP/2.0 401").await, "WWW-Authenticate").unwrap();
    let proof = proof(&challenge, "100", PASSWORD, method, 1);
    wire.asks(method, &format!("{headers}{proof}"), body).await;
    (challenge, proof)
}

#[tokio::test]
async fn strangers_hear_nothing_and_are_banned() {
    let mut phone = guarded(&[]).await;
    let mut wire = Wire::to(&phone).await;
    for n in 1..=10 {
        wire.asks(
            ["INVITE", "OPTIONS", "BREW"][n % 3],
            "",
            if n % 3 == 0 { OFFER } else { b"" },
        )
        .await;
    }
    wire.asks("REGISTER", "", b"").await;
    counted(&phone, "eleven strangers", |counts| counts.strangers == 11).await;
    for _ in 0..20 {
        wire.asks("OPTIONS", "", b"").await;
    }
    counted(&phone, "a ban", |counts| counts.bans == 1 && counts.banned > 0).await;
    let mut buffer = [0; 64];
    let answer = tokio::time::timeout(Duration::from_millis(200), wire.socket.recv_from(&mut buffer)).await;
    assert!(answer.is_err(), "nobody is at home");
    assert!(phone.events.try_recv().is_err());
}

#[tokio::test]
async fn a_user_calls_with_a_password_and_then_needs_none_within_the_call() {
    let mut phone = guarded(&["100"]).await;
    let mut wire = Wire::to(&phone).await;
    let (_, used) = proves(&mut wire, "INVITE", "", OFFER).await;
    let call = phone.invited().await;
    phone.accept(call);
    wire.tag = tag_of(&wire.reads("SIP/2.0 200").await);
    wire.asks("ACK", "", b"").await;
    assert_eq!(phone.next().await, Event::Acknowledged { call, body: None });
    wire.asks("BYE", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    // Somebody who heard it all sends it again.
    wire.tag = String::new();
    wire.call = "another".to_owned();
    wire.asks("INVITE", &used, OFFER).await;
    let again = wire.reads("SIP/2.0 401").await;
    assert!(
        field(&again, "WWW-Authenticate").unwrap().contains("stale=true"),
        "{again}"
    );
    assert!(phone.events.try_recv().is_err());
}

#[tokio::test]
async fn who_guesses_passwords_is_banned() {
    let phone = guarded(&["100"]).await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("OPTIONS", "", b"").await;
    let challenge = field(&wire.reads("SIP/2.0 401").await, "WWW-Authenticate").unwrap();
    for guess in 0..4 {
        let user = ["100", "root"][guess % 2];
        wire.asks("OPTIONS", &proof(&challenge, user, "1234", "OPTIONS", 1), b"")
            .await;
        let answer = wire.reads("SIP/2.0 401").await;
        assert!(!answer.contains("stale"), "no word about which was wrong: {answer}");
    }
    wire.asks("OPTIONS", &proof(&challenge, "100", "1234", "OPTIONS", 1), b"")
        .await;
    counted(&phone, "a ban", |counts| counts.bans == 1 && counts.wrong_proofs == 5).await;
    wire.asks("OPTIONS", &proof(&challenge, "100", PASSWORD, "OPTIONS", 1), b"")
        .await;
    counted(&phone, "a message dropped", |counts| counts.banned == 1).await;
}

#[tokio::test]
async fn who_dials_number_after_number_is_banned() {
    let phone = guarded(&["100"]).await;
    let source = "203.0.113.7:5060".parse().unwrap();
    for _ in 0..9 {
        phone.agent.misdialled(source);
    }
    assert_eq!(phone.agent.counts().bans, 0, "a few are mistakes");
    for _ in 0..2 {
        phone.agent.misdialled(source);
    }
    assert_eq!(phone.agent.counts().bans, 1);
}

#[tokio::test]
async fn scanners_hear_nothing_unless_they_are_listed() {
    let phone = guarded(&["100"]).await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("OPTIONS", "User-Agent: Asterisk\r\n", b"").await;
    wire.reads("SIP/2.0 401").await;
    wire.asks("OPTIONS", "User-Agent: friendly-scanner\r\n", b"").await;
    counted(&phone, "a scanner", |counts| counts.scanners == 1 && counts.bans == 1).await;
    // Those who are listed may look.
    let phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("OPTIONS", "User-Agent: friendly-scanner\r\n", b"").await;
    wire.reads("SIP/2.0 200").await;
}

#[tokio::test]
async fn one_source_has_its_share_and_no_more() {
    let phone = Phone::with(|config| {
        config.admit = Admit::Listed;
        config.limits = Limits {
            per_source: 5,
            ..Limits::default()
        };
    })
    .await;
    let wire = Wire::to(&phone).await;
    for _ in 0..60 {
        wire.send(b"\r\n\r\n").await;
    }
    counted(&phone, "too much", |counts| counts.flooding >= 40).await;
    assert_eq!(phone.agent.counts().bans, 0, "to be many is no misdeed");
}

#[tokio::test]
async fn a_phone_registers_is_rung_by_its_name_and_leaves() {
    let mut phone = guarded(&["100"]).await;
    let mut wire = Wire::to(&phone).await;
    proves(&mut wire, "REGISTER", "Expires: 30\r\n", b"").await;
    let brief = wire.reads("SIP/2.0 423").await;
    assert_eq!(field(&brief, "Min-Expires").as_deref(), Some("60"));
    proves(&mut wire, "REGISTER", "Expires: 120\r\n", b"").await;
    let answer = wire.reads("SIP/2.0 200").await;
    let contact = field(&answer, "Contact").unwrap();
    assert_eq!(contact, format!("<sip:ann@127.0.0.1:{}>;expires=120", wire.port()));
    let bindings = phone.agent.contacts("100");
    assert_eq!(
        (bindings.len(), bindings[0].source),
        (1, wire.socket.local_addr().unwrap())
    );
    assert_eq!(phone.agent.counts().registrations, 1);

    let call = phone.dial("100".to_owned());
    let invite = wire.reads("INVITE").await;
    assert!(
        invite.starts_with(&format!("INVITE sip:ann@127.0.0.1:{} SIP/2.0", wire.port())),
        "{invite}"
    );
    wire.responds(&invite, "200 OK", "", ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    phone.act(Action::Hangup { call, cause: None });
    let bye = wire.reads("BYE").await;
    wire.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));

    wire.asks("REGISTER", "Expires: 0\r\n", b"").await;
    wire.reads("SIP/2.0 401").await;
    assert_eq!(phone.agent.contacts("100").len(), 1, "nobody leaves in another's name");
    proves(&mut wire, "REGISTER", "Expires: 0\r\n", b"").await;
    assert_eq!(field(&wire.reads("SIP/2.0 200").await, "Contact"), None);
    let call = phone.dial("100".to_owned());
    assert!(matches!(phone.ended().await, (ended, Ended::Failed(_)) if ended == call));
}

#[tokio::test]
async fn so_many_calls_and_no_more() {
    let mut phone = Phone::with(|config| config.limits.dialogs = 1).await;
    let mut wire = Wire::to(&phone).await;
    let invite = wire.asks("INVITE", "", OFFER).await;
    let call = phone.invited().await;
    phone.act(Action::Ring { call });
    wire.reads("SIP/2.0 180").await;
    wire.send(&invite).await;
    wire.reads("SIP/2.0 180").await;
    phone.accept(call);
    wire.tag = tag_of(&wire.reads("SIP/2.0 200").await);
    wire.asks("ACK", "", b"").await;
    assert_eq!(phone.next().await, Event::Acknowledged { call, body: None });
    let mut other = Wire::to(&phone).await;
    other.asks("INVITE", "", OFFER).await;
    let refused = other.reads("SIP/2.0 503").await;
    assert!(field(&refused, "Retry-After").is_some(), "{refused}");
    other.asks("OPTIONS", "", b"").await;
    other.reads("SIP/2.0 200").await;
    wire.asks("BYE", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
}

#[tokio::test]
async fn one_source_does_not_hold_all_connections() {
    let phone = Phone::with(|config| {
        config.admit = Admit::Listed;
        config.users = [("100".to_owned(), PASSWORD.to_owned())].into();
        config.algorithms = vec![Algorithm::Sha256];
        config.limits.connections = 8;
    })
    .await;
    let at = phone.at(Transport::Tcp);
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(TcpStream::connect(at).await.unwrap());
    }
    counted(&phone, "two connections", |counts| counts.connections == 2).await;
    let mut third = TcpStream::connect(at).await.unwrap();
    let end = soon("the end of the third", third.read(&mut [0; 16])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    drop(held);
    counted(&phone, "no connection", |counts| counts.connections == 0).await;
    let strict = guarded(&[]).await;
    let mut stranger = TcpStream::connect(strict.at(Transport::Tcp)).await.unwrap();
    let end = soon("the end of it", stranger.read(&mut [0; 16])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "nothing would be answered: {end:?}");
}
