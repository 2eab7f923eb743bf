//! Calls and transfers that may not leave.

use offhook::sip::{Action, Cap, Destinations, Event, Outbound, Refuser, Transport};

use super::phone::{Phone, Wire};

async fn bound(outbound: Outbound) -> Phone {
    Phone::with(|config| config.outbound = outbound).await
}

#[tokio::test]
async fn a_call_that_is_not_permitted_is_refused_and_nothing_is_sent() {
    let mut callee = Phone::new().await;
    let mut phone = bound(Outbound {
        allow: Destinations::Listed(vec!["sip:100@127.0.0.1".parse().unwrap()]),
        cap: Cap {
            calls: Some(1),
            minutes: None,
        },
        ..Outbound::default()
    })
    .await;
    let call = phone.dial(callee.uri("900", Transport::Udp));
    let Event::Refused {
        call: refused,
        code,
        by,
        reason,
        ..
    } = phone.next().await
    else {
        panic!()
    };
    assert_eq!((refused, code, by), (call, 403, Refuser::Us));
    assert!(reason.contains("outbound.allow") && reason.contains("900"), "{reason}");
    phone.dial(callee.uri("100", Transport::Udp));
    callee.invited().await;
    let call = phone.dial(callee.uri("100", Transport::Udp));
    let refused = loop {
        match phone.next().await {
            Event::Refused { call, reason, .. } => break (call, reason),
            other => assert!(matches!(other, Event::Progressed { .. }), "{other:?}"),
        }
    };
    assert!(refused.0 == call && refused.1.contains("outbound.a_day"), "{refused:?}");
    assert_eq!(phone.agent.counts().not_permitted, 2);
    assert!(callee.events.try_recv().is_err(), "one call, and no more");
}

#[tokio::test]
async fn a_transfer_goes_only_where_it_is_named() {
    let mut phone = bound(Outbound {
        allow: Destinations::Named,
        ..Outbound::default()
    })
    .await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let refer = |to: &str| Action::Refer {
        call,
        to: to.to_owned(),
        replaces: None,
    };
    phone.act(refer("sip:+4490999@127.0.0.1"));
    assert_eq!(phone.next().await, Event::Transferred { call, code: 403 });
    phone.agent.name(["sip:desk@127.0.0.1".to_owned()]);
    phone.act(refer("sip:desk@127.0.0.1"));
    let request = wire.reads("REFER").await;
    assert!(request.contains("Refer-To: <sip:desk@127.0.0.1>"), "{request}");
    wire.responds(&request, "603 Decline", "", b"").await;
    assert_eq!(phone.next().await, Event::Transferred { call, code: 603 });
}
