//! The gate as a value: what it lets in, what it answers, and whom it no longer hears, at times of the tests' own.

use super::*;
use crate::sip::Admit;
use crate::sip::proof::{Algorithm, Asked, REALM};

fn gate(users: &[&str], start: Instant) -> Gate {
    let config = Config {
        admit: Admit::Listed,
        addresses: vec!["198.51.100.0/24".parse().unwrap()],
        users: users
            .iter()
            .map(|name| ((*name).to_owned(), "secret".to_owned()))
            .collect(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        ..Config::default()
    };
    let (admission, registry) = (Arc::new(Admission::new(&config)), Arc::default());
    Gate::new(&config, config.limits, admission, registry, [7; 32], start)
}

fn stranger() -> SocketAddr {
    "203.0.113.7:5060".parse().unwrap()
}

fn request(method: &str, more: &str) -> Vec<u8> {
    let text = format!(
        "{method} sip:alice@here SIP/2.0\r\nVia: SIP/2.0/TLS 10.0.0.9:5061;branch=z9hG4bK1;rport\r\nFrom: <sip:alice@here>;tag=1\r\n\
         To: <sip:alice@here>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContact: <sip:alice@10.0.0.9:5061>\r\n{more}\r\n"
    );
    text.into_bytes()
}

fn answer(passage: Passage) -> String {
    match passage {
        Passage::Back(reply) => String::from_utf8(reply.bytes).unwrap(),
        Passage::In(_) => panic!("it was let in"),
        Passage::Nothing => panic!("it was dropped"),
    }
}

#[test]
fn a_ban_ends_and_comes_again_and_does_not_touch_those_who_are_listed() {
    let start = crate::clock::now();
    let gate = gate(&[], start);
    let options = request("OPTIONS", "");
    let banned_until = |from: Instant| {
        while gate.counts().banned == 0 {
            assert!(matches!(
                gate.pass(&options, stranger(), Transport::Udp, from),
                Passage::Nothing
            ));
        }
        let strangers = gate.counts().strangers;
        let seconds = (1..1000).find(|n| {
            gate.pass(&options, stranger(), Transport::Udp, from + Duration::from_secs(*n));
            gate.counts().strangers > strangers
        });
        seconds.unwrap()
    };
    assert_eq!(banned_until(start), 30);
    assert_eq!(gate.counts().bans, 1);
    let listed = "198.51.100.7:5060".parse().unwrap();
    for _ in 0..1000 {
        assert!(matches!(
            gate.pass(&options, listed, Transport::Udp, start),
            Passage::In(_) | Passage::Back(_)
        ));
        gate.pass(b"rubbish", listed, Transport::Udp, start);
    }
    assert_eq!(gate.counts().bans, 1);
}

#[test]
fn a_party_of_a_call_is_let_in_and_rubbish_in_its_name_does_not_ban_it() {
    let start = crate::clock::now();
    let gate = gate(&[], start);
    let (entered, _inputs) = gate.registry.enter(crate::sip::CallId(1)).unwrap();
    entered.has_dialog(DialogKey {
        call_id: "c".to_owned(),
        local_tag: "ours".to_owned(),
    });
    let bye = |tag: &str| {
        let bye = String::from_utf8(request("BYE", "")).unwrap();
        bye.replace("To: <sip:alice@here>", &format!("To: <sip:alice@here>;tag={tag}"))
            .into_bytes()
    };
    assert!(matches!(
        gate.pass(&bye("guessed"), stranger(), Transport::Udp, start),
        Passage::Nothing
    ));
    assert!(matches!(
        gate.pass(&bye("ours"), stranger(), Transport::Udp, start),
        Passage::In(_)
    ));
    for n in 0..200 {
        gate.pass(
            b"rubbish",
            stranger(),
            Transport::Udp,
            start + Duration::from_millis(20 * n),
        );
    }
    assert_eq!(gate.counts().bans, 0);
    assert!(matches!(
        gate.pass(&bye("ours"), stranger(), Transport::Udp, start + Duration::from_secs(5)),
        Passage::In(_)
    ));
}

#[test]
fn a_phone_registers_by_its_connection() {
    let start = crate::clock::now();
    let gate = gate(&["alice"], start);
    let asked = answer(gate.pass(&request("REGISTER", ""), stranger(), Transport::Tcp, start));
    assert!(
        asked.starts_with("SIP/2.0 401 ") && asked.matches("WWW-Authenticate").count() == 2,
        "{asked}"
    );
    let nonce = asked.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let challenge = Asked {
        algorithm: Algorithm::Md5,
        realm: REALM,
        nonce,
    };
    let response = challenge.response(
        ("alice", "secret"),
        ("REGISTER", "sip:alice@here"),
        Some(("00000001", "x")),
    );
    let proof = format!(
        "Authorization: Digest username=\"alice\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"sip:alice@here\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"x\"\r\n"
    );
    let taken = answer(gate.pass(&request("REGISTER", &proof), stranger(), Transport::Tls, start));
    assert!(
        taken.starts_with("SIP/2.0 200 ") && taken.contains("<sip:alice@10.0.0.9:5061>;expires=600"),
        "{taken}"
    );
    let phone = &gate.contacts("alice", start)[0];
    assert_eq!((phone.source, phone.transport), (stranger(), Transport::Tls));
    let counts = gate.counts();
    assert_eq!(
        (counts.registrations, counts.challenged, counts.wrong_proofs),
        (1, 1, 0)
    );
}

#[test]
fn lets_in_so_many_a_second() {
    let start = crate::clock::now();
    let mut bucket = Bucket::new(10, start);
    assert_eq!((0..100).filter(|_| bucket.take(start)).count(), 20);
    let later = start + Duration::from_millis(500);
    assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 5);
    assert_eq!(
        (0..100).filter(|_| bucket.take(start)).count(),
        0,
        "a clock that steps back gives nothing"
    );
}
