//! Transfers: one call in the place of another, in either direction, and what is reported of them.

use offhook::sip::{Action, CallId, Ended, Event};

use super::phone::{ANSWER, OFFER, Phone, Wire, connect, field, tag_of};

/// The header by which another names the call of `wire`.
fn replaces(wire: &Wire, more: &str) -> String {
    format!("Replaces: {};to-tag={};from-tag=wire{more}\r\n", wire.call, wire.tag)
}

#[tokio::test]
async fn another_takes_the_place_of_a_caller() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let mut other = Wire::to(&phone).await;
    other.asks("INVITE", &replaces(&wire, ""), OFFER).await;
    let offer = Some(OFFER.to_vec());
    assert_eq!(phone.next().await, Event::Changed { call, offer });
    let body = ANSWER.to_vec();
    phone.act(Action::Answer { call, body });
    let answer = other.reads("SIP/2.0 200").await;
    assert!(answer.ends_with(std::str::from_utf8(ANSWER).unwrap()), "{answer}");
    other.tag = tag_of(&answer);
    assert_ne!(other.tag, wire.tag);
    other.asks("ACK", "", b"").await;
    // The dialog before it is hung up, and a BYE that crosses ours ends nothing.
    let bye = wire.reads("BYE").await;
    assert!(
        field(&bye, "Reason").is_some_and(|reason| reason.contains("Replaced")),
        "{bye}"
    );
    wire.responds(&bye, "200 OK", "", b"").await;
    wire.asks("BYE", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    // The call goes on with the other.
    other.asks("INVITE", "", b"").await;
    assert_eq!(phone.next().await, Event::Changed { call, offer: None });
    phone.act(Action::RefuseChange { call, code: 488 });
    other.reads("SIP/2.0 488").await;
    other.acknowledges_refusal().await;
    phone.hang_up(call);
    let bye = other.reads("BYE").await;
    assert_eq!(tag_of(&bye), "wire");
    other.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}

#[tokio::test]
async fn who_left_before_the_other_came_takes_no_call_along() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let mut other = Wire::to(&phone).await;
    other.asks("INVITE", &replaces(&wire, ""), b"").await;
    assert_eq!(phone.next().await, Event::Changed { call, offer: None });
    wire.asks("BYE", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    let body = OFFER.to_vec();
    phone.act(Action::Answer { call, body });
    let offered = other.reads("SIP/2.0 200").await;
    other.tag = tag_of(&offered);
    other.asks("ACK", "", ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Acknowledged { call, body });
    other.asks("BYE", "", b"").await;
    other.reads("SIP/2.0 200").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    phone.idle().await;
}

#[tokio::test]
async fn a_call_that_both_have_left_is_over() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let mut other = Wire::to(&phone).await;
    other.asks("INVITE", &replaces(&wire, ""), OFFER).await;
    assert!(matches!(phone.next().await, Event::Changed { .. }));
    wire.asks("BYE", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    phone.act(Action::RefuseChange { call, code: 488 });
    other.reads("SIP/2.0 488").await;
    other.acknowledges_refusal().await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    phone.idle().await;
}

#[tokio::test]
async fn a_call_that_cannot_be_replaced_goes_on() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let right = replaces(&wire, "");
    for (headers, status) in [
        (replaces(&wire, ";early-only"), "SIP/2.0 486"),
        (right.replace("from-tag=wire", "from-tag=other"), "SIP/2.0 481"),
        (right.replace("Replaces: wire", "Replaces: fire"), "SIP/2.0 481"),
        (format!("{right}{right}"), "SIP/2.0 400"),
        ("Replaces: x\r\n".to_owned(), "SIP/2.0 400"),
    ] {
        let mut other = Wire::to(&phone).await;
        other.asks("INVITE", &headers, OFFER).await;
        let refusal = other.reads("SIP/2.0 4").await;
        assert!(refusal.starts_with(status), "{headers}{refusal}");
        other.acknowledges_refusal().await;
    }
    // Not wanted, and given up.
    let mut other = Wire::to(&phone).await;
    other.asks("INVITE", &right, OFFER).await;
    assert!(matches!(phone.next().await, Event::Changed { .. }));
    phone.act(Action::RefuseChange { call, code: 488 });
    other.reads("SIP/2.0 488").await;
    other.acknowledges_refusal().await;
    let mut other = Wire::to(&phone).await;
    other.asks("INVITE", &right, OFFER).await;
    assert!(matches!(phone.next().await, Event::Changed { .. }));
    other.asks("CANCEL", "", b"").await;
    other.reads("SIP/2.0 487").await;
    other.acknowledges_refusal().await;
    // All that goes on is the call.
    wire.asks("INFO", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    phone.hang_up(call);
    let bye = wire.reads("BYE").await;
    wire.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}

/// What a receiver of this REFER sends to its target.
fn invited_by(refer: &str) -> (String, String) {
    let to = field(refer, "Refer-To").unwrap();
    let (target, replaces) = to.trim_matches(['<', '>']).split_once("?Replaces=").unwrap();
    let plain = replaces.replace("%3B", ";").replace("%3D", "=").replace("%40", "@");
    (target.to_owned(), plain)
}

#[tokio::test]
async fn a_caller_is_put_through_to_whom_we_spoke_to() {
    let (mut phone, mut desk) = (Phone::new().await, Phone::new().await);
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let (consulted, asked): (CallId, CallId) = connect(&mut phone, &mut desk, offhook::sip::Transport::Udp).await;
    phone.act(Action::Refer {
        call,
        to: String::new(),
        replaces: Some(consulted),
    });
    let refer = wire.reads("REFER").await;
    let (target, replaces) = invited_by(&refer);
    assert!(
        target.contains(&desk.at(offhook::sip::Transport::Udp).to_string()),
        "{refer}"
    );
    wire.responds(&refer, "202 Accepted", "", b"").await;
    // The caller does as it is told: the desk's call changes, and ours to the desk is hung up.
    let mut caller = Wire::to(&desk).await;
    caller.asks("INVITE", &format!("Replaces: {replaces}\r\n"), OFFER).await;
    let offer = Some(OFFER.to_vec());
    assert_eq!(desk.next().await, Event::Changed { call: asked, offer });
    let body = ANSWER.to_vec();
    desk.act(Action::Answer { call: asked, body });
    let answer = caller.reads("SIP/2.0 200").await;
    caller.tag = tag_of(&answer);
    caller.asks("ACK", "", b"").await;
    assert_eq!(phone.ended().await, (consulted, Ended::ByPeer));
    let extra = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n";
    let notify = wire.request("NOTIFY", extra, b"SIP/2.0 200 OK\r\n");
    wire.send(notify.replace("application/sdp", "message/sipfrag")).await;
    wire.reads("SIP/2.0 200").await;
    assert_eq!(phone.next().await, Event::Transferred { call, code: 200 });
    // A call that is over has no other end.
    phone.act(Action::Refer {
        call,
        to: String::new(),
        replaces: Some(consulted),
    });
    assert_eq!(phone.next().await, Event::Transferred { call, code: 400 });
    phone.hang_up(call);
    let bye = wire.reads("BYE").await;
    wire.responds(&bye, "200 OK", "", b"").await;
    desk.hang_up(asked);
    let bye = caller.reads("BYE").await;
    caller.responds(&bye, "200 OK", "", b"").await;
    phone.idle().await;
    desk.idle().await;
}

#[tokio::test]
async fn a_transfer_that_the_peer_loses_sight_of_has_an_outcome() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let notify = |wire: &mut Wire, state: &str, body: &str| {
        let extra = format!("Event: refer\r\nSubscription-State: {state}\r\n");
        let notify = wire.request("NOTIFY", &extra, body.as_bytes());
        notify.replace("application/sdp", "message/sipfrag")
    };
    let stray = notify(&mut wire, "active", "SIP/2.0 200 OK\r\n");
    wire.send(stray).await;
    wire.reads("SIP/2.0 481").await;
    for (state, body, told) in [
        ("terminated;reason=timeout", "SIP/2.0 100 Trying\r\n", vec![408]),
        // It expires.
        ("active;expires=1", "SIP/2.0 100 Trying\r\n", vec![100, 408]),
    ] {
        phone.act(Action::Refer {
            call,
            to: "sip:agent@127.0.0.1:5099".to_owned(),
            replaces: None,
        });
        let refer = wire.reads("REFER").await;
        wire.responds(&refer, "202 Accepted", "", b"").await;
        let report = notify(&mut wire, state, body);
        wire.send(report).await;
        wire.reads("SIP/2.0 200").await;
        for code in told {
            assert_eq!(phone.next().await, Event::Transferred { call, code });
        }
        let late = notify(&mut wire, "terminated", "SIP/2.0 200 OK\r\n");
        wire.send(late).await;
        wire.reads("SIP/2.0 200").await;
    }
    phone.hang_up(call);
    assert_eq!(
        phone.ended().await,
        (call, Ended::ByUs),
        "and nothing of the late report"
    );
}
