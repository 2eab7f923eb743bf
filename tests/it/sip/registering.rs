//! One user agent as the registrar of another, and as what a trunk is asked for.

use std::time::Duration;

use offhook::sip::{Admit, Ended, Event, Heard, Tls, Transport, probe};
use tokio::net::UdpSocket;

use super::phone::{Phone, Wire, field, soon, trunk};

/// Knows joe, and lists nobody.
async fn registrar() -> Phone {
    Phone::with(|config| {
        config.admit = Admit::Listed;
        config.users = [("joe".to_owned(), "secret".to_owned())].into();
    })
    .await
}

fn code(heard: &Heard) -> u16 {
    match heard {
        Heard::Answer(answer) => answer.code,
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn one_registers_with_another_is_rung_and_leaves() {
    let mut server = registrar().await;
    let mut provider = trunk(server.at(Transport::Udp), Some(120));
    provider.from_user = None;
    let mut phone = Phone::with(|config| config.trunks = vec![provider]).await;
    let expires = Duration::from_secs(120);
    let trunk = "provider".to_owned();
    assert_eq!(phone.next().await, Event::Registered { trunk, expires });
    let bindings = server.agent.contacts("joe");
    assert_eq!((bindings.len(), bindings[0].source), (1, phone.at(Transport::Udp)));

    let call = server.dial("joe".to_owned());
    let here = phone.invited().await;
    phone.accept(here);
    assert!(matches!(server.next().await, Event::Answered { call: answered, .. } if answered == call));
    assert_eq!(phone.next().await, Event::Acknowledged { call: here, body: None });
    server.hang_up(call);
    assert_eq!(phone.ended().await, (here, Ended::ByPeer));
    assert_eq!(server.ended().await, (call, Ended::ByUs));

    // And calls it, with its password.
    let call = phone.dial_by(Some("provider"), "100".to_owned());
    let there = server.invited().await;
    server.accept(there);
    assert!(matches!(phone.next().await, Event::Answered { call: answered, .. } if answered == call));
    phone.hang_up(call);
    assert!(matches!(server.next().await, Event::Acknowledged { .. }));
    assert_eq!(server.ended().await, (there, Ended::ByPeer));

    phone.agent.close().await;
    assert!(server.agent.contacts("joe").is_empty(), "it said that it goes");
}

#[tokio::test]
async fn a_trunk_is_asked_and_nothing_changes() {
    let server = registrar().await;
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut right = trunk(server.at(transport), None);
        right.transport = transport;
        let probed = probe(&right, server.at(transport), &Tls::default(), "doctor").await;
        assert_eq!(
            (code(&probed.options), code(&probed.register)),
            (401, 401),
            "{transport}"
        );
        assert_eq!(code(probed.proved.as_ref().unwrap()), 200, "{transport}");
        let Heard::Answer(answer) = &probed.register else {
            panic!()
        };
        assert_eq!(answer.challenges, ["MD5"], "what every phone knows");
        assert_eq!(answer.seen_at, answer.sent_from, "no NAT on this machine");
        right.password = "guess".to_owned();
        let probed = probe(&right, server.at(transport), &Tls::default(), "doctor").await;
        assert_eq!(code(probed.proved.as_ref().unwrap()), 401);
    }
    assert_eq!(server.agent.counts().registrations, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_one_that_is_silent() {
    let closed = {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap()
    };
    let probed = probe(&trunk(closed, None), closed, &Tls::default(), "doctor").await;
    assert!(matches!(probed.options, Heard::Unreachable(_)), "{probed:?}");
    let mut wire = Wire::new(closed).await;
    let at = wire.socket.local_addr().unwrap();
    let asked = trunk(at, None);
    let answering = async {
        let first = wire.reads("OPTIONS").await;
        let again = wire.reads("OPTIONS").await;
        assert_eq!(first, again, "it may have been lost");
        wire.responds(&again, "200 OK", "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n", b"")
            .await;
        let register = wire.reads("REGISTER").await;
        assert_eq!(field(&register, "Contact"), None, "it only asks");
        wire.responds(&register, "403 Forbidden", "", b"").await;
    };
    let tls = Tls::default();
    let both = async { tokio::join!(probe(&asked, at, &tls, "doctor"), answering) };
    let (probed, ()) = soon("the end of the questions", both).await;
    assert_eq!((code(&probed.register), probed.proved), (403, None));
    assert!(matches!(probed.options, Heard::Answer(answer) if answer.date.is_some()));
}
