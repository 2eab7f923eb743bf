//! Calls, from the first ring to the last transaction.

use std::time::Duration;

use offhook::sip::{Action, Config, Ended, Event, Listen, Refuser, Transport, UserAgent};

use super::phone::{ANSWER, OFFER, Phone, Wire, body_of, connect, field, soon, tag_of};

#[tokio::test]
async fn calls_over_udp_and_tcp_and_either_side_hangs_up() {
    let (mut ann, mut bob) = (Phone::new().await, Phone::new().await);
    for transport in [Transport::Udp, Transport::Tcp] {
        let there = ann.dial(bob.uri("+49%20100", transport));
        let Event::Invited {
            call: here,
            from,
            to,
            offer,
            ..
        } = bob.next().await
        else {
            panic!()
        };
        assert_eq!((from.user.as_str(), to.user.as_str()), ("4912", "+49 100"));
        assert_eq!(offer.as_deref(), Some(OFFER));
        bob.accept(here);
        assert_eq!(
            ann.next().await,
            Event::Answered {
                call: there,
                body: Some(ANSWER.to_vec())
            }
        );
        assert_eq!(bob.next().await, Event::Acknowledged { call: here, body: None });
        assert_eq!((ann.agent.counts().dialogs, bob.agent.counts().dialogs), (1, 1));
        ann.hang_up(there);
        assert_eq!(ann.ended().await, (there, Ended::ByUs));
        assert_eq!(bob.ended().await, (here, Ended::ByPeer));

        let (there, here) = connect(&mut ann, &mut bob, transport).await;
        bob.act(Action::Hangup {
            call: here,
            cause: Some("Q.850;cause=16\r\nEvil: 1".to_owned()),
        });
        assert_eq!(bob.ended().await, (here, Ended::ByUs));
        assert_eq!(ann.ended().await, (there, Ended::ByPeer));
        ann.idle().await;
        bob.idle().await;
    }
}

#[tokio::test]
async fn hangs_up_before_the_ack_only_after_it() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("INVITE", "", OFFER).await;
    let call = phone.invited().await;
    phone.accept(call);
    let answer = wire.reads("SIP/2.0 200").await;
    phone.hang_up(call);
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    wire.tag = tag_of(&answer);
    wire.asks("ACK", "", b"").await;
    let bye = wire.reads("BYE").await;
    wire.responds(&bye, "200 OK", "", b"").await;
    phone.idle().await;
}

#[tokio::test]
async fn makes_the_offer_where_the_caller_has_none() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("INVITE", "", b"").await;
    let Event::Invited {
        call,
        offer: None,
        from,
        ..
    } = phone.next().await
    else {
        panic!()
    };
    assert_eq!(
        (from.display.as_deref(), from.host.as_str()),
        (Some("Ann"), "127.0.0.1")
    );
    assert!(wire.read().await.starts_with("SIP/2.0 100"), "at once");
    phone.accept(call);
    let answer = wire.reads("SIP/2.0 200").await;
    assert_eq!(body_of(&answer).as_bytes(), ANSWER);
    assert!(
        answer.contains("\r\nAllow: INVITE, ACK") && answer.contains("\r\nSupported:"),
        "{answer}"
    );
    wire.tag = tag_of(&answer);
    wire.asks("ACK", "", OFFER).await;
    assert_eq!(
        phone.next().await,
        Event::Acknowledged {
            call,
            body: Some(OFFER.to_vec())
        }
    );
    wire.asks("BYE", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    phone.idle().await;
}

#[tokio::test]
async fn cancels_and_races_with_the_answer() {
    let (mut ann, mut bob) = (Phone::new().await, Phone::new().await);
    let there = ann.dial(bob.uri("100", Transport::Udp));
    let here = bob.invited().await;
    bob.act(Action::Ring { call: here });
    assert_eq!(
        ann.next().await,
        Event::Progressed {
            call: there,
            code: 180,
            body: None
        }
    );
    ann.hang_up(there);
    assert_eq!(ann.ended().await, (there, Ended::ByUs));
    assert_eq!(bob.ended().await, (here, Ended::Cancelled));
    // Too late, and harmless.
    bob.accept(here);
    for _ in 0..20 {
        let there = ann.dial(bob.uri("100", Transport::Udp));
        let here = bob.invited().await;
        bob.accept(here);
        ann.hang_up(there);
        loop {
            match ann.next().await {
                Event::Ended {
                    call,
                    cause: Ended::ByUs,
                } if call == there => break,
                Event::Answered { call, .. } if call == there => {}
                other => panic!("{other:?}"),
            }
        }
        loop {
            match bob.next().await {
                Event::Ended {
                    call,
                    cause: Ended::Cancelled | Ended::ByPeer,
                } if call == here => break,
                Event::Acknowledged { call, .. } if call == here => {}
                other => panic!("{other:?}"),
            }
        }
    }
    ann.idle().await;
    bob.idle().await;
}

#[tokio::test]
async fn repeats_487_until_the_ack() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("INVITE", "", OFFER).await;
    let call = phone.invited().await;
    wire.reads("SIP/2.0 100").await;
    wire.asks("CANCEL", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::Cancelled));
    wire.reads("SIP/2.0 487").await;
    let again = wire.reads("SIP/2.0 487").await;
    let ack = wire.request("CANCEL", "", b"").replace("CANCEL", "ACK");
    wire.send(ack.replace(
        "To: <sip:100@127.0.0.1>",
        &format!("To: {}", field(&again, "To").unwrap()),
    ))
    .await;
    phone.idle().await;
}

#[tokio::test]
async fn refuses_with_reason_and_time() {
    let (mut ann, mut bob) = (Phone::new().await, Phone::new().await);
    for (code, reason, said, wait) in [
        (488, "", "Not Acceptable Here", None),
        (503, "Full\r\nup", "Full  up", Some(30)),
    ] {
        let there = ann.dial(bob.uri("100", Transport::Udp));
        let here = bob.invited().await;
        let retry_after = wait.map(Duration::from_secs);
        bob.act(Action::Refuse {
            call: here,
            code,
            reason: reason.to_owned(),
            retry_after,
        });
        assert_eq!(bob.ended().await, (here, Ended::ByUs));
        assert_eq!(
            ann.next().await,
            Event::Refused {
                call: there,
                code,
                by: Refuser::Peer,
                reason: said.to_owned(),
                retry_after
            }
        );
    }
    ann.idle().await;
    bob.idle().await;
    let nowhere = ann.dial("sip:x@127.0.0.1:9;transport=tcp".to_owned());
    assert!(matches!(ann.ended().await, (call, Ended::Failed(why)) if call == nowhere && why.contains("127.0.0.1:9")));
    let nobody = ann.dial("4912345".to_owned());
    assert!(matches!(ann.ended().await, (call, Ended::Failed(_)) if call == nobody));
    ann.idle().await;
}

#[tokio::test]
async fn takes_hold_and_resume_and_follows_the_peer() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    let hold = [OFFER, b"a=sendonly\r\n"].concat();
    wire.asks("INVITE", "", &hold).await;
    assert_eq!(
        phone.next().await,
        Event::Changed {
            call,
            offer: Some(hold)
        }
    );
    // One at a time.
    wire.asks("UPDATE", "", OFFER).await;
    let refused = wire.reads("SIP/2.0 500").await;
    assert!(field(&refused, "Retry-After").is_some());
    phone.act(Action::Answer {
        call,
        body: ANSWER.to_vec(),
    });
    let answer = wire.reads("SIP/2.0 200").await;
    assert!(body_of(&answer).as_bytes() == ANSWER && field(&answer, "Contact").is_some());
    assert_eq!(field(&answer, "CSeq").as_deref(), Some("2 INVITE"));
    wire.sequence = 2;
    wire.asks("ACK", "", b"").await;
    wire.sequence = 3;

    wire.asks("UPDATE", "", OFFER).await;
    assert_eq!(
        phone.next().await,
        Event::Changed {
            call,
            offer: Some(OFFER.to_vec())
        }
    );
    phone.act(Action::RefuseChange { call, code: 488 });
    wire.reads("SIP/2.0 488").await;
    wire.asks("UPDATE", "", b"").await;
    wire.reads("SIP/2.0 200").await;

    wire.asks("INVITE", "", b"").await;
    assert_eq!(phone.next().await, Event::Changed { call, offer: None });
    phone.act(Action::Answer {
        call,
        body: ANSWER.to_vec(),
    });
    wire.reads("SIP/2.0 200").await;
    wire.asks("ACK", "", OFFER).await;
    assert_eq!(
        phone.next().await,
        Event::Acknowledged {
            call,
            body: Some(OFFER.to_vec())
        }
    );

    // It moves: the BYE goes to where its last request said.
    let mut moved = Wire::new(wire.to).await;
    let contact = format!("sip:ann@127.0.0.1:{}>", wire.port());
    let offer = wire
        .request("INVITE", "", OFFER)
        .replace(&contact, &format!("sip:ann@127.0.0.1:{}>", moved.port()));
    wire.send(offer).await;
    assert_eq!(
        phone.next().await,
        Event::Changed {
            call,
            offer: Some(OFFER.to_vec())
        }
    );
    phone.act(Action::Answer {
        call,
        body: ANSWER.to_vec(),
    });
    wire.reads("SIP/2.0 200").await;
    wire.asks("ACK", "", b"").await;
    phone.hang_up(call);
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    let bye = moved.reads("BYE").await;
    moved.responds(&bye, "200 OK", "", b"").await;
    phone.idle().await;
}

#[tokio::test]
async fn answers_what_asks_in_a_call() {
    let mut phone = Phone::new().await;
    let (mut wire, call) = Wire::connected(&mut phone).await;
    wire.asks("OPTIONS", "", b"").await;
    let options = wire.reads("SIP/2.0 200").await;
    assert!(field(&options, "Allow").is_some() && field(&options, "Accept").is_some());
    let relay = b"Signal=5\r\nDuration=160\r\n";
    let info = wire
        .request("INFO", "", relay)
        .replace("application/sdp", "application/dtmf-relay");
    wire.send(info).await;
    wire.reads("SIP/2.0 200").await;
    assert_eq!(
        phone.next().await,
        Event::Key {
            call,
            digit: '5',
            duration: Duration::from_millis(160)
        }
    );
    wire.asks("MESSAGE", "", b"").await;
    assert!(field(&wire.reads("SIP/2.0 405").await, "Allow").is_some());
    wire.asks("BREW", "", b"").await;
    wire.reads("SIP/2.0 405").await;
    // A request of the past.
    wire.sequence = 0;
    wire.asks("INFO", "", b"").await;
    wire.reads("SIP/2.0 500").await;
    wire.sequence = 20;

    phone.act(Action::Refer {
        call,
        to: "sip:agent@127.0.0.1:5099".to_owned(),
        replaces: None,
    });
    let refer = wire.reads("REFER").await;
    assert_eq!(field(&refer, "Refer-To").as_deref(), Some("<sip:agent@127.0.0.1:5099>"));
    wire.responds(&refer, "202 Accepted", "", b"").await;
    for code in [100, 200] {
        let extra = "Event: refer\r\nSubscription-State: active\r\n";
        let notify = wire.request("NOTIFY", extra, format!("SIP/2.0 {code} X\r\n").as_bytes());
        wire.send(notify.replace("application/sdp", "message/sipfrag")).await;
        wire.reads("SIP/2.0 200").await;
        assert_eq!(phone.next().await, Event::Transferred { call, code });
    }
    phone.act(Action::Refer {
        call,
        to: "sip:other@127.0.0.1".to_owned(),
        replaces: None,
    });
    let refer = wire.reads("REFER").await;
    wire.responds(&refer, "603 Decline", "", b"").await;
    assert_eq!(phone.next().await, Event::Transferred { call, code: 603 });
    wire.asks("BYE", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
    wire.reads("SIP/2.0 200").await;
    wire.asks("INFO", "", b"").await;
    wire.reads("SIP/2.0 481").await;
    phone.idle().await;
}

#[tokio::test]
async fn two_hundred_calls_leave_nothing() {
    let (mut ann, mut bob) = (Phone::new().await, Phone::new().await);
    for turn in 0..200 {
        let transport = if turn % 4 == 0 { Transport::Tcp } else { Transport::Udp };
        let (there, here) = connect(&mut ann, &mut bob, transport).await;
        let (first, second) = if turn % 2 == 0 {
            (&mut ann, &mut bob)
        } else {
            (&mut bob, &mut ann)
        };
        first.hang_up(if turn % 2 == 0 { there } else { here });
        assert_eq!(first.ended().await.1, Ended::ByUs);
        assert_eq!(second.ended().await.1, Ended::ByPeer);
    }
    ann.idle().await;
    bob.idle().await;
}

#[tokio::test]
async fn closes_with_a_call_up_and_frees_its_ports() {
    let (mut ann, mut bob) = (Phone::new().await, Phone::new().await);
    let (_, here) = connect(&mut ann, &mut bob, Transport::Tcp).await;
    let local = ann.agent.local();
    soon("the end", ann.agent.close()).await;
    assert_eq!(bob.ended().await, (here, Ended::ByPeer));
    bob.idle().await;
    let listen = local
        .into_iter()
        .map(|(transport, address)| Listen { transport, address })
        .collect();
    let again = UserAgent::start(Config {
        listen,
        ..Config::default()
    })
    .await;
    assert!(again.is_ok(), "{:?}", again.err());
}

#[tokio::test]
async fn rings_until_it_is_acknowledged_where_the_caller_wants_to_be_sure() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    let invite = wire.asks("INVITE", "Require: 100rel\r\n", OFFER).await;
    let call = phone.invited().await;
    phone.act(Action::Ring { call });
    let ringing = wire.reads("SIP/2.0 180").await;
    assert_eq!(field(&ringing, "Require").as_deref(), Some("100rel"));
    let number = field(&ringing, "RSeq").expect("a number");
    assert_eq!(wire.reads("SIP/2.0 180").await, ringing, "again after half a second");
    wire.tag = tag_of(&ringing);
    let sequence = field(&invite, "CSeq").expect("a number");
    wire.asks("PRACK", "RAck: 9 9 INVITE\r\n", b"").await;
    wire.reads("SIP/2.0 481").await;
    wire.asks("PRACK", &format!("RAck: {number} {sequence}\r\n"), b"").await;
    wire.reads("SIP/2.0 200").await;
    // Not again: what comes next within two seconds is the answer.
    let quiet = tokio::time::timeout(std::time::Duration::from_millis(2_500), wire.read()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    phone.accept(call);
    let answer = wire.reads("SIP/2.0 200").await;
    assert!(answer.contains("v=0"), "{answer}");
    phone.hang_up(call);
}

#[tokio::test]
async fn rings_by_its_answer_where_that_has_to_carry_the_offer() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("INVITE", "Require: 100rel\r\n", b"").await;
    let call = phone.invited().await;
    phone.act(Action::Ring { call });
    phone.accept(call);
    let mut answer = wire.read().await;
    while answer.starts_with("SIP/2.0 100") {
        answer = wire.read().await;
    }
    assert!(answer.starts_with("SIP/2.0 200") && answer.contains("v=0"), "{answer}");
    phone.hang_up(call);
}

#[tokio::test]
async fn says_what_it_can_do_when_it_calls() {
    let phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    let call = phone.dial(format!("sip:100@127.0.0.1:{}", wire.port()));
    let invite = wire.reads("INVITE ").await;
    let supported = invite.lines().filter(|line| line.starts_with("Supported:"));
    let supported = supported.collect::<Vec<_>>().join(",");
    for extension in ["100rel", "replaces", "timer"] {
        assert!(supported.contains(extension), "{supported}");
    }
    phone.hang_up(call);
}
