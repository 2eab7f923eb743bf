//! The gate as a value: what it lets in, what it answers, and whom it no longer hears, at times of the tests' own.

use super::*;
use crate::sip::CallId;
use crate::sip::gate::Admit;
use crate::sip::gate::proof::REALM;
use crate::sip::message::{Algorithm, Asked};

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
    let (entered, _inputs) = gate.registry.enter(CallId(1)).unwrap();
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
fn nobody_calls_in_the_name_of_somebody_else() {
    let named = |from: &str, method: &str| {
        let request = String::from_utf8(request(method, "")).unwrap();
        Raw::read(
            request
                .replace("From: <sip:alice@", &format!("From: <sip:{from}@"))
                .as_bytes(),
        )
        .unwrap()
    };
    assert!(speaks_for(&named("alice", "INVITE"), "alice"));
    assert!(speaks_for(&named("anonymous", "INVITE"), "alice"));
    assert!(speaks_for(&named("bob", "OPTIONS"), "alice"));
    assert!(!speaks_for(&named("bob", "INVITE"), "alice"));
    assert!(!speaks_for(&named("Alice", "INVITE"), "alice"));
}

#[test]
fn a_page_is_not_admitted_by_the_address_of_who_looks_at_it() {
    let start = crate::clock::now();
    let home = |users: &[&str]| Gate {
        admission: Arc::new(Admission::new(&Config {
            addresses: vec!["192.168.1.9".parse().unwrap()],
            ..Config::default()
        })),
        ..gate(users, start)
    };
    let (open, guarded) = (home(&[]), home(&["alice"]));
    let invite = request("INVITE", "");
    for (address, admitted) in [
        ("127.0.0.1:9", false),
        ("192.168.1.5:9", false),
        ("192.168.1.9:9", true),
    ] {
        let address = address.parse().unwrap();
        for transport in [Transport::Ws, Transport::Wss] {
            let passage = open.pass(&invite, address, transport, start);
            assert_eq!(matches!(passage, Passage::In(_)), admitted, "{address}");
            assert_eq!(open.connect(address, transport, start).is_some(), admitted);
            assert!(guarded.connect(address, transport, start).is_some());
            if !admitted {
                let asked = answer(guarded.pass(&invite, address, transport, start));
                assert!(asked.starts_with("SIP/2.0 401 "), "{asked}");
            }
        }
        let passage = open.pass(&invite, address, Transport::Tcp, start);
        assert!(matches!(passage, Passage::In(_)), "{address}");
    }
}

#[test]
fn scanners_that_are_listed_are_heard() {
    let start = crate::clock::now();
    let gate = gate(&["alice"], start);
    let options = request("OPTIONS", "User-Agent: sipcli\r\n");
    let listed = "198.51.100.7:5060".parse().unwrap();
    assert!(matches!(
        gate.pass(&options, listed, Transport::Udp, start),
        Passage::In(_)
    ));
    assert!(matches!(
        gate.pass(&options, stranger(), Transport::Udp, start),
        Passage::Nothing
    ));
    assert_eq!((gate.counts().scanners, gate.counts().bans), (1, 1));
}

#[test]
fn strangers_leave_connections_to_others_and_their_keep_alives_count() {
    let start = crate::clock::now();
    let mut gate = gate(&["alice"], start);
    gate.limits.connections = 8;
    let enter = |ip: &str| gate.connect(SocketAddr::new(ip.parse().unwrap(), 9), Transport::Tcp, start);
    let strangers: Vec<_> = (0..16).map(|n| enter(&format!("203.0.113.{}", n / 2))).collect();
    assert_eq!(strangers.iter().flatten().count(), 6);
    assert!(enter("198.51.100.7").is_some_and(|place| !place.is_stranger()));
    let heard = (0..10_000).filter(|_| gate.keep_alive(stranger(), Transport::Tcp, start));
    assert_eq!(heard.count(), 2 * gate.limits.per_source as usize);
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
