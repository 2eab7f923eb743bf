//! Calls placed, where they do not just ring and be answered: sent elsewhere, forked, and with responses that want to be
//! sure of their arrival.

use offhook::sip::{Ended, Event, Redirects};

use super::phone::{ANSWER, Phone, Wire, field, tag_of, trunk};

pub async fn server() -> Wire {
    Wire::new("127.0.0.1:9".parse().unwrap()).await
}

/// A phone whose trunk is `server`.
async fn phone_of(server: &Wire, redirects: Redirects) -> Phone {
    let mut trunk = trunk(server.socket.local_addr().unwrap(), None);
    trunk.redirects = redirects;
    Phone::with(|config| config.trunks = vec![trunk]).await
}

#[tokio::test]
async fn a_call_that_is_sent_elsewhere_goes_there_by_preference() {
    let (mut first, mut second, mut third) = (server().await, server().await, server().await);
    let mut phone = phone_of(&first, Redirects::Trunk).await;
    let call = phone.dial_by(Some("provider"), "0800123".to_owned());
    let invite = first.reads("INVITE").await;
    let contacts = format!(
        "Contact: <sip:0800123@127.0.0.1:{}>;q=0.2, <sip:0800123@127.0.0.1:{}>;q=0.9, <sip:+881666@127.0.0.1:9>\r\n",
        third.port(),
        second.port()
    );
    first.responds(&invite, "302 Moved Temporarily", &contacts, b"").await;
    first.reads("ACK").await;
    let invite = second.reads("INVITE").await;
    assert!(
        invite.starts_with(&format!("INVITE sip:0800123@127.0.0.1:{} SIP/2.0", second.port())),
        "{invite}"
    );
    assert!(field(&invite, "From").unwrap().contains("sip:4930123@127.0.0.1"));
    second.responds(&invite, "404 Not Found", "", b"").await;
    second.reads("ACK").await;
    let invite = third.reads("INVITE").await;
    third.responds(&invite, "200 OK", "", ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    third.reads("ACK").await;
    phone.hang_up(call);
    let bye = third.reads("BYE").await;
    third.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}

#[tokio::test]
async fn a_call_is_not_sent_where_it_costs() {
    for (redirects, contact) in [
        (Redirects::Trunk, "<sip:+881666@127.0.0.1>"),
        (Redirects::Trunk, "<sip:1@localhost>"),
        (Redirects::Never, "<sip:1@127.0.0.1>"),
    ] {
        let mut server = server().await;
        let mut phone = phone_of(&server, redirects).await;
        let call = phone.dial_by(Some("provider"), "1".to_owned());
        let invite = server.reads("INVITE").await;
        let contact = format!("Contact: {contact}\r\n");
        server.responds(&invite, "302 Moved Temporarily", &contact, b"").await;
        server.reads("ACK").await;
        assert!(
            matches!(phone.next().await, Event::Refused { call: refused, code: 302, .. } if refused == call),
            "{contact}"
        );
        phone.idle().await;
    }
}

#[tokio::test]
async fn a_session_is_as_long_as_the_callee_wants() {
    let mut server = server().await;
    let mut phone = phone_of(&server, Redirects::Never).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    for wanted in ["1800", "3600"] {
        let invite = server.reads("INVITE").await;
        assert_eq!(
            field(&invite, "Session-Expires").is_some(),
            wanted == "3600",
            "{invite}"
        );
        let least = format!("Min-SE: {wanted}\r\n");
        server
            .responds(&invite, "422 Session Interval Too Small", &least, b"")
            .await;
        server.reads("ACK").await;
        if wanted == "3600" {
            assert_eq!(field(&invite, "Session-Expires").as_deref(), Some("1800"));
            assert_eq!(field(&invite, "Min-SE").as_deref(), Some("1800"));
        }
    }
    assert!(matches!(phone.next().await, Event::Refused { call: refused, code: 422, .. } if refused == call));
    phone.idle().await;
}

#[tokio::test]
async fn reliable_responses_are_acknowledged_along_their_route_once_and_in_order() {
    let (mut server, mut proxy) = (server().await, server().await);
    let mut phone = phone_of(&server, Redirects::Never).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let invite = server.reads("INVITE").await;
    assert!(field(&invite, "Supported").unwrap().contains("100rel"), "{invite}");
    let number = field(&invite, "CSeq").unwrap();
    // The last of the list is the nearest.
    let recorded = format!(
        "Record-Route: <sip:outer.invalid;lr>, <sip:127.0.0.1:{};lr>\r\n",
        proxy.port()
    );
    let reliable = |sequence: u32| format!("{recorded}Require: 100rel\r\nRSeq: {sequence}\r\n");
    server
        .responds(&invite, "183 Session Progress", &reliable(5), ANSWER)
        .await;
    let progressed = |code, body| Event::Progressed { call, code, body };
    assert_eq!(phone.next().await, progressed(183, Some(ANSWER.to_vec())));
    let prack = proxy.reads("PRACK").await;
    assert!(
        prack.starts_with(&format!("PRACK sip:server@127.0.0.1:{} SIP/2.0", server.port())),
        "{prack}"
    );
    assert_eq!(field(&prack, "RAck"), Some(format!("5 {number}")));
    let routes: Vec<_> = prack.lines().filter(|line| line.starts_with("Route: ")).collect();
    assert_eq!(
        routes,
        [
            format!("Route: <sip:127.0.0.1:{};lr>", proxy.port()).as_str(),
            "Route: <sip:outer.invalid;lr>"
        ]
    );
    assert_eq!(tag_of(&prack), "server");
    proxy.responds(&prack, "200 OK", "", b"").await;
    // Sent again: said once. 7 before 6: not heard.
    server
        .responds(&invite, "183 Session Progress", &reliable(5), ANSWER)
        .await;
    server.responds(&invite, "180 Ringing", &reliable(7), b"").await;
    server.responds(&invite, "180 Ringing", &reliable(6), b"").await;
    assert_eq!(phone.next().await, progressed(180, None));
    let prack = proxy.reads("PRACK").await;
    assert_eq!(field(&prack, "RAck"), Some(format!("6 {number}")));
    proxy.responds(&prack, "200 OK", "", b"").await;
    // The answer was given.
    server.responds(&invite, "200 OK", &recorded, b"").await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    assert!(proxy.read().await.starts_with("ACK "), "and no other PRACK");
    phone.hang_up(call);
    let bye = proxy.reads("BYE").await;
    let number = |message: &str| {
        field(message, "CSeq")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<u32>()
    };
    assert!(number(&bye).unwrap() > number(&prack).unwrap(), "{bye}");
    proxy.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}

#[tokio::test]
async fn of_a_fork_the_first_to_answer_has_the_call() {
    let mut server = server().await;
    let mut phone = phone_of(&server, Redirects::Never).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let invite = server.reads("INVITE").await;
    let branch = |tag: &str| format!("To: {};tag={tag}\r\n", field(&invite, "To").unwrap());
    for _ in 0..2 {
        server.responds(&invite, "180 Ringing", &branch("a"), b"").await;
        server
            .responds(&invite, "183 Session Progress", &branch("b"), ANSWER)
            .await;
    }
    server.responds(&invite, "180 Ringing", &branch("c"), b"").await;
    for (code, body) in [(180, None), (183, Some(ANSWER.to_vec())), (180, None)] {
        assert_eq!(phone.next().await, Event::Progressed { call, code, body });
    }
    server.responds(&invite, "200 OK", &branch("b"), ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    assert_eq!(tag_of(&server.reads("ACK").await), "b");
    for _ in 0..2 {
        server.responds(&invite, "200 OK", &branch("a"), ANSWER).await;
        assert_eq!(tag_of(&server.reads("ACK").await), "a");
    }
    let bye = server.reads("BYE").await;
    assert_eq!(tag_of(&bye), "a");
    server.responds(&bye, "200 OK", "", b"").await;
    phone.hang_up(call);
    let bye = server.reads("BYE").await;
    assert_eq!(tag_of(&bye), "b");
    server.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}
