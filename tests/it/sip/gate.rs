//! What belongs to no call, what is malformed, and what is too much.

use offhook::sip::{Action, Config, Ended, Event, Limits, Listen, StartError, Transport, UserAgent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::phone::{OFFER, Phone, Wire, connect, field, soon, tag_of, trunk};

#[tokio::test]
async fn answers_what_belongs_to_no_call() {
    let phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("OPTIONS", "", b"").await;
    let options = wire.reads("SIP/2.0 200").await;
    for name in ["Allow", "Accept", "Supported", "Accept-Encoding", "Accept-Language"] {
        assert!(field(&options, name).is_some(), "{name}");
    }
    for (method, code) in [
        ("BREW", 405),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("BYE", 481),
        ("NOTIFY", 481),
    ] {
        wire.asks(method, "", b"").await;
        let answer = wire.reads(&format!("SIP/2.0 {code}")).await;
        assert!(code != 405 || answer.contains("\r\nAllow: "), "{answer}");
    }
    wire.asks("INVITE", "Require: 100rel, precondition, foo\r\n", OFFER)
        .await;
    assert_eq!(
        field(&wire.reads("SIP/2.0 420").await, "Unsupported").as_deref(),
        Some("precondition, foo")
    );
    wire.tag = "unknown".to_owned();
    for method in ["INVITE", "UPDATE", "OPTIONS", "BYE"] {
        wire.asks(method, "", b"").await;
        wire.reads("SIP/2.0 481").await;
    }
}

#[tokio::test]
async fn rings_once_for_what_comes_twice() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    let invite = wire.asks("INVITE", "", OFFER).await;
    wire.send(&invite).await;
    let call = phone.invited().await;
    // The same by another path.
    wire.send(invite.replace("branch=z9hG4bK", "branch=z9hG4bKother")).await;
    wire.reads("SIP/2.0 482").await;
    phone.act(Action::Refuse {
        call,
        code: 486,
        reason: String::new(),
        retry_after: None,
    });
    assert_eq!(phone.ended().await, (call, Ended::ByUs), "and nothing else in between");
    wire.reads("SIP/2.0 486").await;
}

#[tokio::test]
async fn survives_malformed_datagrams() {
    let (mut ann, mut bob) = (Phone::new().await, Phone::new().await);
    let mut wire = Wire::to(&bob).await;
    let invite = wire.request("INVITE", "", OFFER);
    for bad in [
        invite.replace("CSeq: 1 INVITE", "CSeq: x INVITE"),
        invite.replace("CSeq: 1 INVITE", "CSeq: 1 BYE"),
        invite.replace("Content-Length: ", "Content-Length: -"),
        invite.replace("Content-Length: ", "Content-Length: 99999999999999999999"),
        invite.replace("From: ", "Form: "),
        invite.replace("Contact: ", "Contract: "),
        invite.replace("sip:100@127.0.0.1 SIP", "sip:100@1:2:3 SIP"),
    ] {
        wire.send(&bad).await;
        let answer = wire.read().await;
        assert!(answer.starts_with("SIP/2.0 400 "), "{bad} was answered {answer}");
    }
    for noise in [
        b"\0\0\0\0".as_slice(),
        b"\r\n\r\n",
        b"hello",
        b"\xff\xfe\xfd SIP/2.0\r\n\r\n",
        b"SIP/2.0 99999 X\r\n\r\n",
    ] {
        wire.send(noise).await;
    }
    wire.send(invite.replace("Via: ", "Vie: ")).await;
    wire.send(vec![b'x'; 60_000]).await;
    wire.asks("OPTIONS", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    assert_eq!(
        bob.agent.counts().malformed,
        5,
        "noise, but not what holds a NAT binding open"
    );
    assert_eq!(bob.agent.counts().turned_away, 7);
    let (there, here) = connect(&mut ann, &mut bob, Transport::Udp).await;
    ann.hang_up(there);
    assert_eq!(bob.ended().await, (here, Ended::ByPeer));

    // Latin-1 in a name, and a body without a length.
    let mut latin = wire
        .request("INVITE", "", OFFER)
        .replace("Content-Length: ", "X-Length: ")
        .into_bytes();
    let at = latin.windows(3).position(|window| window == b"Ann").unwrap();
    latin[at] = 0xc4;
    wire.send(&latin).await;
    let Event::Invited { call, from, offer, .. } = bob.next().await else {
        panic!()
    };
    assert_eq!((from.display.as_deref(), offer.as_deref()), (Some("Änn"), Some(OFFER)));
    bob.hang_up(call);
    wire.reads("SIP/2.0 480").await;
}

#[tokio::test]
async fn survives_malformed_streams() {
    let mut phone = Phone::new().await;
    let at = phone.at(Transport::Tcp);
    let mut wire = Wire::new(at).await;
    for length in ["18446744073709551615", "-1", "99999999", "x"] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let options = wire.request("OPTIONS", "", b"").replace("/UDP", "/TCP");
        stream
            .write_all(options.replace("Content-Length: 0", &format!("l: {length}")).as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        soon("the end of the connection", stream.read_to_string(&mut answer))
            .await
            .unwrap();
        assert!(answer.starts_with("SIP/2.0 400 "), "{length}: {answer}");
    }
    let mut stream = TcpStream::connect(at).await.unwrap();
    let flood = soon("the end of the connection", async {
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    flood.await;
    // A call whose octets come one by one, after a keep-alive, with the next request close behind.
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let invite = wire.request("INVITE", "", OFFER).replace("/UDP", "/TCP");
    for octet in format!("\r\n\r\n{invite}").as_bytes() {
        stream.write_all(std::slice::from_ref(octet)).await.unwrap();
    }
    stream
        .write_all(wire.request("OPTIONS", "", b"").replace("/UDP", "/TCP").as_bytes())
        .await
        .unwrap();
    let call = phone.invited().await;
    phone.accept(call);
    let mut seen = String::new();
    while !(seen.contains("INVITE\r\n") && seen.contains("OPTIONS\r\n") && seen.contains("m=audio 40002")) {
        let mut buffer = [0; 4096];
        let len = soon("a response", stream.read(&mut buffer)).await.unwrap();
        assert!(len > 0, "closed after {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..len]));
    }
    assert!(seen.starts_with("\r\n"), "a pong first: {seen}");
    wire.sequence -= 1;
    let mut answers = seen.split("SIP/2.0 ");
    let accepted = answers.find(|part| part.starts_with("200 OK") && part.contains("INVITE\r\n"));
    wire.tag = tag_of(accepted.unwrap());
    stream
        .write_all(wire.request("ACK", "", b"").replace("/UDP", "/TCP").as_bytes())
        .await
        .unwrap();
    assert_eq!(phone.next().await, Event::Acknowledged { call, body: None });
    // Contact names a UDP port, but what comes by a connection is answered by it.
    phone.hang_up(call);
    let mut buffer = [0; 4096];
    let len = soon("a BYE", stream.read(&mut buffer)).await.unwrap();
    assert!(buffer[..len].starts_with(b"BYE "));
    // The caller is gone without a word.
    drop(stream);
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
}

#[tokio::test]
async fn turns_away_more_than_it_can_take() {
    let mut phone = Phone::with(|config| {
        config.limits = Limits {
            opening_per_second: 2,
            ..Limits::default()
        }
    })
    .await;
    let mut wire = Wire::to(&phone).await;
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..20 {
        wire.asks("OPTIONS", "", b"").await;
        let answer = wire.read().await;
        match &answer[..12] {
            "SIP/2.0 200 " => taken += 1,
            "SIP/2.0 503 " if field(&answer, "Retry-After").is_some() => refused += 1,
            _ => panic!("{answer}"),
        }
    }
    assert!(taken >= 4 && refused >= 10, "{taken} taken, {refused} refused");
    assert!(phone.events.try_recv().is_err());
}

#[tokio::test]
async fn says_what_keeps_it_from_starting() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let listen = vec![Listen {
        transport: Transport::Udp,
        address,
    }];
    let Err(error) = UserAgent::start(Config {
        listen: listen.clone(),
        ..Config::default()
    })
    .await
    else {
        panic!()
    };
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("another program"),
        "{text}"
    );
    assert!(matches!(
        UserAgent::start(Config::default()).await,
        Err(StartError::NoListener)
    ));
    // A connection is opened from anywhere; datagrams are not.
    let trunk = trunk(address, None);
    let listen = vec![Listen {
        transport: Transport::Tcp,
        address: "127.0.0.1:0".parse().unwrap(),
    }];
    let started = UserAgent::start(Config {
        listen,
        trunks: vec![trunk],
        ..Config::default()
    })
    .await;
    assert!(matches!(started, Err(StartError::Transport { .. })));
}
