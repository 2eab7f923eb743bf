//! Transfers: one call in the place of another, in either direction, and what is reported of them.

use offhook::sip::{Action, CallId, Ended, Event, Referred, Transport};

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

/// A caller whose line goes where it is asked to; our call with them, and ours with the desk.
struct Consulting {
    caller: Phone,
    phone: Phone,
    desk: Phone,
    /// As the caller and the phone know it.
    theirs: CallId,
    ours: CallId,
    /// As the phone and the desk know it.
    consulted: CallId,
    asked: CallId,
}

impl Consulting {
    /// The caller's line is asked to take the phone's place with the desk, and calls there.
    async fn releasing() -> Consulting {
        let mut caller = Phone::with(|config| config.outbound.referred = Referred::Permitted).await;
        let (mut phone, mut desk) = (Phone::new().await, Phone::new().await);
        let (theirs, ours) = connect(&mut caller, &mut phone, Transport::Udp).await;
        let (consulted, asked) = connect(&mut phone, &mut desk, Transport::Udp).await;
        phone.act(Action::Refer {
            call: ours,
            to: String::new(),
            replaces: Some(consulted),
        });
        match caller.next().await {
            Event::Referred { call, to } => {
                assert_eq!(call, theirs);
                assert!(to.contains(&desk.at(Transport::Udp).to_string()), "{to}");
            }
            other => panic!("no REFER: {other:?}"),
        }
        let body = OFFER.to_vec();
        caller.act(Action::Answer { call: theirs, body });
        let offer = Some(OFFER.to_vec());
        assert_eq!(desk.next().await, Event::Changed { call: asked, offer });
        Consulting {
            caller,
            phone,
            desk,
            theirs,
            ours,
            consulted,
            asked,
        }
    }

    /// All that the phone is told until `code` is, and `ends` calls are over; which, in their order.
    async fn told(&mut self, code: u16, ends: usize) -> Vec<(CallId, Ended)> {
        let (mut codes, mut ended) = (Vec::new(), Vec::new());
        while !codes.contains(&code) || ended.len() < ends {
            match self.phone.next().await {
                Event::Transferred { call, code } => {
                    assert_eq!(call, self.ours);
                    codes.push(code);
                }
                Event::Ended { call, cause } => ended.push((call, cause)),
                other => panic!("neither a report nor an end: {other:?}"),
            }
        }
        assert!(codes.iter().all(|told| *told == code || *told < 200), "{codes:?}");
        ended.sort_by_key(|(call, _)| *call);
        ended
    }

    async fn idle(&self) {
        for phone in [&self.caller, &self.phone, &self.desk] {
            phone.idle().await;
        }
    }
}

#[tokio::test]
async fn a_line_goes_on_with_the_desk_and_we_are_out_of_it() {
    let mut three = Consulting::releasing().await;
    let (theirs, asked) = (three.theirs, three.asked);
    let answer = ANSWER.to_vec();
    three.desk.act(Action::Answer {
        call: asked,
        body: answer.clone(),
    });
    assert_eq!(three.caller.next().await, Event::Joined { call: theirs, answer });
    let ended = three.told(200, 2).await;
    assert_eq!(ended, [(three.ours, Ended::ByPeer), (three.consulted, Ended::ByPeer)]);
    // The two go on without us.
    three.caller.hang_up(theirs);
    assert_eq!(three.caller.ended().await, (theirs, Ended::ByUs));
    assert_eq!(three.desk.ended().await, (asked, Ended::ByPeer));
    three.idle().await;
}

#[tokio::test]
async fn where_the_desk_does_not_take_the_line_both_calls_stay() {
    let mut three = Consulting::releasing().await;
    let (theirs, asked) = (three.theirs, three.asked);
    three.desk.act(Action::RefuseChange { call: asked, code: 488 });
    let code = 488;
    assert_eq!(three.caller.next().await, Event::NotJoined { call: theirs, code });
    assert!(three.told(488, 0).await.is_empty());
    for call in [three.ours, three.consulted] {
        three.phone.hang_up(call);
        assert_eq!(three.phone.ended().await, (call, Ended::ByUs));
    }
    assert_eq!(three.caller.ended().await, (theirs, Ended::ByPeer));
    assert_eq!(three.desk.ended().await, (asked, Ended::ByPeer));
    three.idle().await;
}

#[tokio::test]
async fn whose_line_takes_no_refer_is_not_asked() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    let (call, _) = wire.connects(&mut phone, "Allow: INVITE, ACK, CANCEL, BYE\r\n").await;
    phone.act(Action::Refer {
        call,
        to: "sip:agent@127.0.0.1:5099".to_owned(),
        replaces: None,
    });
    assert_eq!(phone.next().await, Event::Transferred { call, code: 405 });
    phone.hang_up(call);
    let bye = wire.read().await;
    assert!(bye.starts_with("BYE"), "{bye}");
    wire.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}
