//! What is agreed with a trunk: who is said to call, how numbers are written, how much it carries, and whether it is there.

use std::time::Duration;

use offhook::sip::{Action, CallerId, Ended, Event, Prefix, Refuser, Trunk};

use super::phone::{ANSWER, OFFER, Phone, Wire, field, tag_of, trunk};
use super::placing::server;

async fn phone_of(server: &Wire, adjust: impl FnOnce(&mut Trunk)) -> Phone {
    let mut trunk = trunk(server.socket.local_addr().unwrap(), None);
    adjust(&mut trunk);
    Phone::with(|config| config.trunks = vec![trunk]).await
}

async fn refused(phone: &mut Phone, reason: &str) {
    match phone.next().await {
        Event::Refused {
            code: 503,
            by: Refuser::Us,
            reason: why,
            retry_after: Some(_),
            ..
        } => assert!(why.contains(reason), "{why}"),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_trunk_is_told_who_calls_as_it_wants_it() {
    for (policy, asserted, withheld) in [
        (CallerId::Plain, false, false),
        (CallerId::Asserted, true, false),
        (CallerId::Withheld, true, true),
    ] {
        let mut server = server().await;
        let phone = phone_of(&server, |trunk| {
            trunk.caller_id = policy;
            trunk.numbers = vec![Prefix {
                from: "+49".to_owned(),
                to: "0".to_owned(),
            }];
        })
        .await;
        phone.dial_by(Some("provider"), "+49 (30) 12-34".to_owned());
        let invite = server.reads("INVITE").await;
        assert!(invite.starts_with("INVITE sip:0301234@127.0.0.1:"), "{invite}");
        let identity = field(&invite, "P-Asserted-Identity");
        assert_eq!(
            identity.is_some_and(|one| one.contains("sip:4930123@127.0.0.1")),
            asserted
        );
        assert_eq!(field(&invite, "Privacy").as_deref(), withheld.then_some("id"));
        let from = field(&invite, "From").unwrap();
        assert_eq!(from.contains("sip:anonymous@anonymous.invalid"), withheld, "{from}");
        assert_eq!(from.contains("4930123"), !withheld, "{from}");
        server.responds(&invite, "486 Busy Here", "", b"").await;
        server.reads("ACK").await;
        phone.idle().await;
    }
}

#[tokio::test]
async fn a_trunk_carries_as_much_as_was_agreed() {
    let mut server = server().await;
    let mut phone = phone_of(&server, |trunk| trunk.channels = Some(1)).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let invite = server.reads("INVITE").await;
    phone.dial_by(Some("provider"), "2".to_owned());
    refused(&mut phone, "1 of 1").await;
    server.responds(&invite, "486 Busy Here", "", b"").await;
    server.reads("ACK").await;
    assert!(matches!(phone.next().await, Event::Refused { call: refused, code: 486, .. } if refused == call));
    phone.idle().await;
    phone.dial_by(Some("provider"), "3".to_owned());
    server.reads("INVITE").await;

    let mut server = super::placing::server().await;
    let mut phone = phone_of(&server, |trunk| trunk.calls_per_second = Some(1)).await;
    phone.dial_by(Some("provider"), "1".to_owned());
    server.reads("INVITE").await;
    phone.dial_by(Some("provider"), "2".to_owned());
    refused(&mut phone, "1 calls a second").await;
}

#[tokio::test]
async fn a_trunk_that_does_not_answer_is_down_until_it_does() {
    let mut server = server().await;
    let mut phone = phone_of(&server, |trunk| trunk.keep_alive = Some(Duration::from_millis(200))).await;
    let options = server.reads("OPTIONS").await;
    server.responds(&options, "405 Method Not Allowed", "", b"").await;
    let options = server.reads("OPTIONS").await;
    server.responds(&options, "503 Service Unavailable", "", b"").await;
    assert!(matches!(phone.next().await, Event::TrunkDown { trunk, .. } if trunk == "provider"));
    phone.dial_by(Some("provider"), "1".to_owned());
    refused(&mut phone, "does not answer").await;
    let options = server.reads("OPTIONS").await;
    server.responds(&options, "200 OK", "", b"").await;
    assert!(matches!(phone.next().await, Event::TrunkUp { trunk } if trunk == "provider"));
    phone.dial_by(Some("provider"), "1".to_owned());
    server.reads("INVITE").await;
}

#[tokio::test]
async fn all_goes_by_the_outbound_proxy() {
    let (server, mut proxy) = (server().await, server().await);
    let at = proxy.socket.local_addr().unwrap();
    let phone = phone_of(&server, |trunk| {
        trunk.outbound_proxy = Some(at.to_string());
        trunk.register = Some(Duration::from_secs(60));
    })
    .await;
    let route = format!("<sip:{at};lr>");
    let register = proxy.reads("REGISTER").await;
    assert!(
        register.starts_with(&format!("REGISTER sip:127.0.0.1:{} SIP/2.0", server.port())),
        "{register}"
    );
    assert_eq!(field(&register, "Route").as_deref(), Some(route.as_str()));
    proxy.responds(&register, "200 OK", "Expires: 60\r\n", b"").await;
    phone.dial_by(Some("provider"), "1".to_owned());
    let invite = proxy.reads("INVITE").await;
    assert!(
        invite.starts_with(&format!("INVITE sip:1@127.0.0.1:{} SIP/2.0", server.port())),
        "{invite}"
    );
    assert_eq!(field(&invite, "Route").as_deref(), Some(route.as_str()));
}

#[tokio::test]
async fn a_trunk_that_is_believed_says_who_calls_and_all_say_for_whom() {
    for believed in [true, false] {
        let elsewhere = server().await;
        let mut phone = phone_of(&elsewhere, |trunk| {
            trunk.addresses = vec!["127.0.0.0/8".parse().unwrap()];
            trunk.trust_caller_id = believed;
        })
        .await;
        let mut wire = Wire::to(&phone).await;
        let headers = "P-Asserted-Identity: \"Bea\" <sip:+4912@trunk.example>\r\n\
                       Diversion: <sip:200@desk.example>;reason=no-answer, <sip:100@desk.example>;reason=unconditional\r\n";
        wire.asks("INVITE", headers, OFFER).await;
        let Event::Invited {
            call,
            from,
            trunk,
            source,
            diverted_from,
            ..
        } = phone.next().await
        else {
            panic!()
        };
        let (name, user) = if believed { ("Bea", "+4912") } else { ("Ann", "100") };
        assert_eq!((from.display.as_deref(), from.user.as_str()), (Some(name), user));
        assert_eq!(trunk.as_deref(), Some("provider"));
        assert_eq!(phone.agent.trunk_of(source), Some("provider"));
        let diverted: Vec<_> = diverted_from.iter().map(|party| party.user.as_str()).collect();
        assert_eq!(diverted, ["200", "100"]);
        // Why it is refused is said in the words of telephone networks as well.
        phone.act(Action::Refuse {
            call,
            code: 486,
            reason: String::new(),
            retry_after: None,
        });
        let refusal = wire.reads("SIP/2.0 486").await;
        assert!(
            field(&refusal, "Reason").is_some_and(|reason| reason.starts_with("Q.850;cause=17")),
            "{refusal}"
        );
        wire.acknowledges_refusal().await;
        assert_eq!(phone.ended().await, (call, Ended::ByUs));
        phone.idle().await;
    }
}

#[tokio::test]
async fn an_update_before_the_answer_is_answered_once_ours_is() {
    let mut server = server().await;
    let mut phone = phone_of(&server, |_| {}).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let invite = server.reads("INVITE").await;
    let reliable = "Require: 100rel\r\nRSeq: 1\r\n";
    server.responds(&invite, "183 Session Progress", reliable, ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Progressed { call, code: 183, body });
    let prack = server.reads("PRACK").await;
    server.responds(&prack, "200 OK", "", b"").await;
    let ours = field(&invite, "From").unwrap();
    let contact = field(&invite, "Contact").unwrap();
    let target = contact.trim_matches(['<', '>']).to_owned();
    let (to_us, from_us) = (ours, format!("{};tag=server", field(&invite, "To").unwrap()));
    let update = |number: u32, body: &[u8]| {
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "UPDATE {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKup{number};rport\r\nFrom: {from_us}\r\n\
             To: {to_us}\r\nCall-ID: {}\r\nCSeq: {number} UPDATE\r\nMax-Forwards: 70\r\nContact: <sip:server@127.0.0.1:{port}>\r\n\
             {kind}Content-Length: {}\r\n\r\n{}",
            field(&invite, "Call-ID").unwrap(),
            body.len(),
            String::from_utf8_lossy(body),
            port = server.port(),
        )
    };
    let (refresh, change) = (update(1, b""), update(2, OFFER));
    server.send(refresh).await;
    server.reads("SIP/2.0 200").await;
    server.send(change).await;
    let offer = Some(OFFER.to_vec());
    assert_eq!(phone.next().await, Event::Changed { call, offer });
    let body = ANSWER.to_vec();
    phone.act(Action::Answer { call, body });
    let answered = server.reads("SIP/2.0 200").await;
    assert!(
        answered.contains("CSeq: 2 UPDATE") && answered.contains("v=0"),
        "{answered}"
    );
    server.responds(&invite, "200 OK", "", ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    server.reads("ACK").await;
    phone.hang_up(call);
    let bye = server.reads("BYE").await;
    server.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;
}

#[tokio::test]
async fn an_update_while_it_rings_here_waits_for_our_answer() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("INVITE", "", OFFER).await;
    let call = phone.invited().await;
    phone.act(Action::Ring { call });
    let ringing = wire.reads("SIP/2.0 180").await;
    wire.tag = tag_of(&ringing);
    wire.asks("UPDATE", "", OFFER).await;
    assert!(field(&wire.reads("SIP/2.0 500").await, "Retry-After").is_some());
    wire.asks("UPDATE", "", b"").await;
    wire.reads("SIP/2.0 200").await;
    wire.asks("BYE", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByPeer));
}

#[tokio::test]
async fn of_several_trunks_at_one_address_the_one_that_is_called_has_the_call() {
    let elsewhere = server().await;
    let named = |name: &str, username: &str| Trunk {
        name: name.to_owned(),
        username: username.to_owned(),
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ..trunk(elsewhere.socket.local_addr().unwrap(), None)
    };
    let trunks = [("99", "first"), ("100", "second")];
    for (called, expected) in [("100", "second"), ("0", "first")] {
        let mut phone = Phone::with(|config| config.trunks = trunks.map(|(user, name)| named(name, user)).into()).await;
        let mut wire = Wire::to(&phone).await;
        let invite = wire.request("INVITE", "", OFFER);
        wire.send(invite.replace("INVITE sip:100@", &format!("INVITE sip:{called}@")))
            .await;
        let Event::Invited { trunk, .. } = phone.next().await else {
            panic!()
        };
        assert_eq!(trunk.as_deref(), Some(expected), "to {called}");
    }
}
