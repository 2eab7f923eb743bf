//! Calls that a peer has us place (REFER), blind and to take the place of another.

use offhook::sip::{Action, CallId, Destinations, Ended, Event, Outbound, Referred, Transport};

use super::phone::{ANSWER, OFFER, Phone, Wire, body_of, field, tag_of};
use super::placing::server;

async fn permitted() -> Phone {
    Phone::with(|config| config.outbound.referred = Referred::Permitted).await
}

fn named(wire: &Wire) -> String {
    format!("sip:desk@127.0.0.1:{}", wire.port())
}

async fn asks(wire: &mut Wire, to: &str) {
    wire.asks("REFER", &format!("Refer-To: <{to}>\r\n"), b"").await;
}

/// A NOTIFY that says `code`; it is answered.
async fn hears(wire: &mut Wire, code: u16) {
    let notify = wire.reads("NOTIFY").await;
    assert!(
        field(&notify, "Event").is_some_and(|event| event.starts_with("refer;id=")),
        "{notify}"
    );
    assert!(field(&notify, "Content-Type").is_some_and(|kind| kind.starts_with("message/sipfrag")));
    assert!(body_of(&notify).starts_with(&format!("SIP/2.0 {code} ")), "{notify}");
    let state = field(&notify, "Subscription-State").unwrap();
    let expected = if code < 200 { "active;expires=" } else { "terminated;" };
    assert!(state.starts_with(expected), "{notify}");
    wire.responds(&notify, "200 OK", "", b"").await;
}

/// Has the phone call `to`, which it is about to do.
async fn refers(wire: &mut Wire, phone: &mut Phone, call: CallId, to: &str) {
    asks(wire, to).await;
    let accepted = wire.reads("SIP/2.0 202").await;
    assert!(field(&accepted, "Contact").is_some(), "{accepted}");
    hears(wire, 100).await;
    let to = to.split('?').next().unwrap().to_owned();
    assert_eq!(phone.next().await, Event::Referred { call, to });
    let body = OFFER.to_vec();
    phone.act(Action::Answer { call, body });
}

/// Whom was called, in that call from now on.
fn enters(wire: &mut Wire, invite: &str) {
    wire.call = field(invite, "Call-ID").unwrap();
    wire.tag = field(invite, "From").unwrap().split(";tag=").nth(1).unwrap().to_owned();
}

/// A request of whom was called.
async fn asks_back(wire: &mut Wire, method: &str) {
    let request = wire.request(method, "", b"").replace(";tag=wire", ";tag=server");
    wire.send(request).await;
}

/// It is hung up on.
async fn is_left(wire: &mut Wire) -> String {
    let bye = wire.reads("BYE").await;
    wire.responds(&bye, "200 OK", "", b"").await;
    bye
}

fn joined(call: CallId) -> Event {
    let answer = ANSWER.to_vec();
    Event::Joined { call, answer }
}

#[tokio::test]
async fn the_call_goes_on_with_whom_the_caller_names() {
    let (mut phone, mut desk) = (permitted().await, server().await);
    let mut wire = Wire::to(&phone).await;
    let (call, answer) = wire.connects(&mut phone, "").await;
    assert!(field(&answer, "Allow").unwrap().contains("REFER"), "{answer}");
    let to = named(&desk);
    refers(&mut wire, &mut phone, call, &to).await;
    let invite = desk.reads("INVITE").await;
    assert!(invite.starts_with(&format!("INVITE {to} SIP/2.0")), "{invite}");
    assert_eq!(body_of(&invite).as_bytes(), OFFER);
    assert_eq!(field(&invite, "Referred-By").as_deref(), Some("<sip:100@127.0.0.1>"));
    desk.responds(&invite, "180 Ringing", "", b"").await;
    // The caller's own session may still change.
    wire.asks("INVITE", "", OFFER).await;
    let offer = Some(OFFER.to_vec());
    assert_eq!(phone.next().await, Event::Changed { call, offer });
    let body = ANSWER.to_vec();
    phone.act(Action::Answer { call, body });
    wire.reads("SIP/2.0 200").await;
    wire.asks("ACK", "", b"").await;
    desk.responds(&invite, "200 OK", "", ANSWER).await;
    desk.reads("ACK").await;
    assert_eq!(phone.next().await, joined(call));
    hears(&mut wire, 200).await;
    let bye = is_left(&mut wire).await;
    assert!(
        field(&bye, "Reason").is_some_and(|reason| reason.contains("Replaced")),
        "{bye}"
    );
    // Nothing but the one call is known of, and it is the desk's.
    enters(&mut desk, &invite);
    asks_back(&mut desk, "INFO").await;
    desk.reads("SIP/2.0 200").await;
    asks_back(&mut desk, "BYE").await;
    desk.reads("SIP/2.0 200").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    phone.idle().await;
    assert!(phone.events.try_recv().is_err());
}

#[tokio::test]
async fn the_call_takes_the_place_of_the_one_that_the_caller_consulted_in() {
    let (mut phone, mut desk) = (permitted().await, Phone::new().await);
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let (mut consulting, asked) = Wire::connected(&mut desk).await;
    let to = format!(
        "sip:100@{}?Subject=x&Replaces={}%3Bto-tag%3D{}%3Bfrom-tag%3Dwire",
        desk.at(Transport::Udp),
        consulting.call,
        consulting.tag
    );
    refers(&mut wire, &mut phone, call, &to).await;
    let offer = Some(OFFER.to_vec());
    assert_eq!(desk.next().await, Event::Changed { call: asked, offer });
    let body = ANSWER.to_vec();
    desk.act(Action::Answer { call: asked, body });
    assert_eq!(phone.next().await, joined(call));
    is_left(&mut consulting).await;
    hears(&mut wire, 200).await;
    is_left(&mut wire).await;
    phone.hang_up(call);
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    assert_eq!(desk.ended().await, (asked, Ended::ByPeer));
    phone.idle().await;
    desk.idle().await;
}

#[tokio::test]
async fn only_replaces_is_taken_from_the_uri() {
    let (mut phone, mut desk) = (permitted().await, server().await);
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let to = format!(
        "{}?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x&Route=%3Csip:127.0.0.1:9%3E",
        named(&desk)
    );
    refers(&mut wire, &mut phone, call, &to).await;
    let invite = desk.reads("INVITE").await;
    assert_eq!(field(&invite, "Replaces").as_deref(), Some("a@b;to-tag=1;from-tag=2"));
    assert_eq!((field(&invite, "Subject"), field(&invite, "Route")), (None, None));
    assert!(!invite.lines().next().unwrap().contains('?'), "{invite}");
    desk.responds(&invite, "481 Call/Transaction Does Not Exist", "", b"")
        .await;
    desk.reads("ACK").await;
    let code = 481;
    assert_eq!(phone.next().await, Event::NotJoined { call, code });
    hears(&mut wire, code).await;
    phone.hang_up(call);
    is_left(&mut wire).await;
    phone.idle().await;
}

#[tokio::test]
async fn the_call_goes_on_where_nobody_answers() {
    let (mut phone, mut desk) = (permitted().await, server().await);
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let to = named(&desk);
    for code in [486, 603, 480, 404] {
        refers(&mut wire, &mut phone, call, &to).await;
        // One at a time.
        asks(&mut wire, &to).await;
        wire.reads("SIP/2.0 491").await;
        let invite = desk.reads("INVITE").await;
        desk.responds(&invite, &format!("{code} No"), "", b"").await;
        desk.reads("ACK").await;
        assert_eq!(phone.next().await, Event::NotJoined { call, code });
        hears(&mut wire, code).await;
        wire.asks("INFO", "", b"").await;
        wire.reads("SIP/2.0 200").await;
    }
    // Nor where the reader wants nobody called.
    asks(&mut wire, &to).await;
    hears(&mut wire, 100).await;
    assert_eq!(phone.next().await, Event::Referred { call, to });
    let code = 488;
    phone.act(Action::RefuseChange { call, code });
    assert_eq!(phone.next().await, Event::NotJoined { call, code });
    hears(&mut wire, code).await;
    // Who has had five called has had enough.
    asks(&mut wire, &named(&desk)).await;
    wire.reads("SIP/2.0 403").await;
    wire.asks("BYE", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    phone.idle().await;
}

#[tokio::test]
async fn who_holds_and_refers_in_one_breath_has_both() {
    let (mut phone, mut desk) = (permitted().await, server().await);
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let to = named(&desk);
    let hold = wire.request("INVITE", "", OFFER);
    wire.send(&hold).await;
    asks(&mut wire, &to).await;
    let offer = Some(OFFER.to_vec());
    assert_eq!(phone.next().await, Event::Changed { call, offer });
    let body = ANSWER.to_vec();
    phone.act(Action::Answer { call, body });
    wire.reads("SIP/2.0 200").await;
    let ack = wire.request("ACK", "", b"").replace("CSeq: 3 ACK", "CSeq: 2 ACK");
    wire.send(ack).await;
    wire.reads("SIP/2.0 202").await;
    hears(&mut wire, 100).await;
    assert_eq!(phone.next().await, Event::Referred { call, to });
    let body = OFFER.to_vec();
    phone.act(Action::Answer { call, body });
    let invite = desk.reads("INVITE").await;
    desk.responds(&invite, "200 OK", "", ANSWER).await;
    desk.reads("ACK").await;
    assert_eq!(phone.next().await, joined(call));
    hears(&mut wire, 200).await;
    is_left(&mut wire).await;
    phone.hang_up(call);
    is_left(&mut desk).await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}

#[tokio::test]
async fn nobody_is_called_for_whom_it_is_not_permitted() {
    // Unless the configuration says so.
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    let (_, answer) = wire.connects(&mut phone, "").await;
    assert!(!field(&answer, "Allow").unwrap().contains("REFER"), "{answer}");
    asks(&mut wire, "sip:desk@127.0.0.1:9").await;
    let refusal = wire.reads("SIP/2.0 405").await;
    assert!(!field(&refusal, "Allow").unwrap().contains("REFER"), "{refusal}");

    let outbound = Outbound {
        allow: Destinations::Named,
        referred: Referred::Permitted,
        ..Outbound::default()
    };
    let mut phone = Phone::with(|config| config.outbound = outbound).await;
    // Whoever is in no call.
    let mut stranger = Wire::to(&phone).await;
    asks(&mut stranger, "sip:desk@127.0.0.1:9").await;
    stranger.reads("SIP/2.0 403").await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    for (to, status) in [
        ("sip:+4490999@127.0.0.1:9", "SIP/2.0 403"),
        ("tel:+4490999", "SIP/2.0 416"),
        ("sip:desk@127.0.0.1:9;method=MESSAGE", "SIP/2.0 603"),
        ("sip:desk@127.0.0.1:x", "SIP/2.0 400"),
        ("sip:desk@127.0.0.1:9?Replaces=x", "SIP/2.0 400"),
    ] {
        asks(&mut wire, to).await;
        let refusal = wire.reads("SIP/2.0 ").await;
        assert!(refusal.starts_with(status), "{to}: {refusal}");
    }
    assert_eq!(phone.agent.counts().not_permitted, 1);
    assert!(phone.events.try_recv().is_err(), "the call goes on");
    phone.hang_up(call);
    is_left(&mut wire).await;
    phone.idle().await;
}

#[tokio::test]
async fn who_leaves_at_once_takes_no_call_along() {
    for answered in [true, false] {
        let (mut phone, mut desk) = (permitted().await, server().await);
        let (mut wire, call) = Wire::connected(&mut phone).await;
        refers(&mut wire, &mut phone, call, &named(&desk)).await;
        wire.asks("BYE", "", b"").await;
        wire.reads("SIP/2.0 200").await;
        wire.asks("INFO", "", b"").await;
        wire.reads("SIP/2.0 481").await;
        let invite = desk.reads("INVITE").await;
        desk.responds(&invite, "180 Ringing", "", b"").await;
        let status = if answered { "200 OK" } else { "486 Busy Here" };
        let body = if answered { ANSWER } else { b"" };
        desk.responds(&invite, status, "", body).await;
        desk.reads("ACK").await;
        if answered {
            assert_eq!(phone.next().await, joined(call));
            hears(&mut wire, 200).await;
            phone.hang_up(call);
            let bye = is_left(&mut desk).await;
            assert_eq!(tag_of(&bye), "server");
            assert_eq!(phone.ended().await, (call, Ended::ByUs));
        } else {
            let code = 486;
            assert_eq!(phone.next().await, Event::NotJoined { call, code });
            assert_eq!(phone.ended().await, (call, Ended::ByPeer));
            hears(&mut wire, code).await;
        }
        phone.idle().await;
        let mut more = [0; 2048];
        while let Ok((length, _)) = wire.socket.try_recv_from(&mut more) {
            assert!(!more[..length].starts_with(b"BYE"), "who has left is hung up on");
        }
    }
}

#[tokio::test]
async fn whom_we_call_is_not_rung_any_more_when_the_call_is_over() {
    let (mut phone, mut desk) = (permitted().await, server().await);
    let (mut wire, call) = Wire::connected(&mut phone).await;
    refers(&mut wire, &mut phone, call, &named(&desk)).await;
    let invite = desk.reads("INVITE").await;
    desk.responds(&invite, "180 Ringing", "", b"").await;
    phone.hang_up(call);
    is_left(&mut wire).await;
    let cancel = desk.reads("CANCEL").await;
    desk.responds(&cancel, "200 OK", "", b"").await;
    desk.responds(&invite, "487 Request Terminated", "", b"").await;
    desk.reads("ACK").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
    assert!(phone.events.try_recv().is_err());
}
