//! Where requests within a call go: along its routes, to the target as the peer said it.

use offhook::sip::{CallId, Ended, Event};

use super::phone::{ANSWER, OFFER, Phone, Wire, field, tag_of, trunk};

fn routes(request: &str) -> Vec<&str> {
    let lines = request.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.strip_prefix("Route: ")).collect()
}

fn start(request: &str) -> &str {
    request.lines().next().unwrap()
}

/// A call from `caller`, whose Contact and Record-Route are these.
async fn comes(phone: &mut Phone, caller: &mut Wire, contact: &str, recorded: &str) -> CallId {
    let usual = format!("<sip:ann@127.0.0.1:{}>", caller.port());
    let headers = format!("Record-Route: {recorded}\r\n");
    let invite = caller.request("INVITE", &headers, OFFER).replace(&usual, contact);
    caller.send(invite).await;
    let call = phone.invited().await;
    phone.accept(call);
    caller.tag = tag_of(&caller.reads("SIP/2.0 200").await);
    caller.asks("ACK", "", b"").await;
    assert_eq!(phone.next().await, Event::Acknowledged { call, body: None });
    call
}

async fn hangs_up(phone: &mut Phone, call: CallId, at: &mut Wire) -> String {
    phone.hang_up(call);
    let bye = at.reads("BYE ").await;
    at.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
    bye
}

#[tokio::test]
async fn a_strict_router_is_the_request_uri_of_what_follows_a_call() {
    let mut phone = Phone::new().await;
    let (mut caller, mut router) = (Wire::to(&phone).await, Wire::to(&phone).await);
    let at = router.port();
    let recorded = format!("<sip:router@127.0.0.1:{at}>, <sip:127.0.0.1:9;lr>");
    let call = comes(&mut phone, &mut caller, "<sip:c@127.0.0.1:9;line=x7>", &recorded).await;
    let bye = hangs_up(&mut phone, call, &mut router).await;
    assert_eq!(start(&bye), format!("BYE sip:router@127.0.0.1:{at} SIP/2.0"));
    assert_eq!(routes(&bye), ["<sip:127.0.0.1:9;lr>", "<sip:c@127.0.0.1:9;line=x7>"]);
}

#[tokio::test]
async fn a_strict_router_takes_the_ack_too_however_often() {
    let (mut server, mut router) = (
        Wire::new("127.0.0.1:9".parse().unwrap()).await,
        Wire::new("127.0.0.1:9".parse().unwrap()).await,
    );
    let provider = trunk(server.socket.local_addr().unwrap(), None);
    let mut phone = Phone::with(|config| config.trunks = vec![provider]).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let invite = server.reads("INVITE ").await;
    let recorded = format!("Record-Route: <sip:router@127.0.0.1:{}>\r\n", router.port());
    let target = format!("<sip:server@127.0.0.1:{}>", server.port());
    for _ in 0..2 {
        server.responds(&invite, "200 OK", &recorded, ANSWER).await;
        let ack = router.reads("ACK ").await;
        assert_eq!(
            start(&ack),
            format!("ACK sip:router@127.0.0.1:{} SIP/2.0", router.port())
        );
        assert_eq!(routes(&ack), [target.as_str()]);
    }
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    let bye = hangs_up(&mut phone, call, &mut router).await;
    assert!(start(&bye).starts_with("BYE sip:router@"), "{bye}");
    assert_eq!(routes(&bye), [target.as_str()]);
    assert_eq!(field(&bye, "Call-ID"), field(&invite, "Call-ID"));
}

#[tokio::test]
async fn a_target_is_said_as_the_peer_said_it() {
    let mut phone = Phone::new().await;
    let (mut caller, mut router) = (Wire::to(&phone).await, Wire::to(&phone).await);
    let said = format!("sip:c@127.0.0.1:{};transport=UDP;line=x7", caller.port());
    let recorded = format!("<sip:127.0.0.1:{};lr>", router.port());
    let call = comes(&mut phone, &mut caller, &format!("<{said}>"), &recorded).await;
    let bye = hangs_up(&mut phone, call, &mut router).await;
    assert_eq!(start(&bye), format!("BYE {said} SIP/2.0"));
}
