//! Session timers (RFC 4028): who refreshes, how short is too short, and the end of what nobody refreshes.

use std::time::Duration;

use offhook::sip::{Ended, Event};

use super::phone::{ANSWER, OFFER, Phone, Wire, field};

/// A phone that takes sessions of one second, so that a test need not wait.
async fn hasty() -> Phone {
    Phone::with(|config| config.limits.least_session = Duration::from_secs(1)).await
}

/// Rings with `headers`, and is in a call; the 200.
async fn connected(phone: &mut Phone, headers: &str) -> (Wire, offhook::sip::CallId, String) {
    let mut wire = Wire::to(phone).await;
    let (call, answer) = wire.connects(phone, headers).await;
    (wire, call, answer)
}

#[tokio::test]
async fn a_peer_that_refreshes_keeps_its_call_and_one_that_stops_loses_it() {
    let mut phone = hasty().await;
    let asks = "Supported: timer\r\nRequire: timer\r\nSession-Expires: 3;refresher=uac\r\n";
    let (mut wire, call, answer) = connected(&mut phone, asks).await;
    assert_eq!(field(&answer, "Session-Expires").as_deref(), Some("3;refresher=uac"));
    assert_eq!(field(&answer, "Require").as_deref(), Some("timer"));
    assert_eq!(field(&answer, "Supported").as_deref(), Some("100rel, replaces, timer"));
    // It would end after 2 s; refreshed after 1.5 s it ends 2 s later.
    for _ in 0..2 {
        let quiet = tokio::time::timeout(Duration::from_millis(1_500), phone.events.recv()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        wire.asks(
            "UPDATE",
            "Supported: timer\r\nSession-Expires: 3;refresher=uac\r\n",
            b"",
        )
        .await;
        let refreshed = wire.reads("SIP/2.0 200").await;
        assert_eq!(field(&refreshed, "Session-Expires").as_deref(), Some("3;refresher=uac"));
    }
    let bye = wire.reads("BYE ").await;
    assert!(
        field(&bye, "Reason").is_some_and(|reason| reason.contains("refresh")),
        "{bye}"
    );
    wire.responds(&bye, "200 OK", "", b"").await;
    let (ended, cause) = phone.ended().await;
    assert!(
        ended == call && matches!(&cause, Ended::Failed(why) if why.contains("RFC 4028")),
        "{cause:?}"
    );
}

#[tokio::test]
async fn we_refresh_where_the_peer_wants_it_by_the_method_that_it_takes() {
    for (allow, method) in [("Allow: INVITE, ACK, BYE, UPDATE\r\n", "UPDATE "), ("", "INVITE ")] {
        let mut phone = hasty().await;
        let asks = format!("Supported: timer\r\nSession-Expires: 2;refresher=uas\r\n{allow}");
        let (mut wire, call, answer) = connected(&mut phone, &asks).await;
        assert_eq!(field(&answer, "Session-Expires").as_deref(), Some("2;refresher=uas"));
        assert_eq!(field(&answer, "Require"), None);
        for _ in 0..2 {
            let refresh = wire.reads(method).await;
            assert_eq!(field(&refresh, "Session-Expires").as_deref(), Some("2;refresher=uac"));
            assert_eq!(refresh.contains("v=0"), method == "INVITE ", "{refresh}");
            assert_eq!(refresh.matches("\r\nContact: ").count(), 1, "{refresh}");
            let body = if method == "INVITE " { OFFER } else { b"" };
            wire.responds(&refresh, "200 OK", "Session-Expires: 2;refresher=uac\r\n", body)
                .await;
        }
        phone.hang_up(call);
        assert_eq!(phone.ended().await, (call, Ended::ByUs));
    }
}

#[tokio::test]
async fn a_peer_that_has_forgotten_the_call_ends_it() {
    let mut phone = hasty().await;
    let asks = "Supported: timer\r\nSession-Expires: 2;refresher=uas\r\nAllow: UPDATE\r\n";
    let (mut wire, call, _) = connected(&mut phone, asks).await;
    let refresh = wire.reads("UPDATE ").await;
    wire.responds(&refresh, "481 Unknown", "", b"").await;
    let (ended, cause) = phone.ended().await;
    assert!(ended == call && matches!(cause, Ended::Failed(_)), "{cause:?}");
}

#[tokio::test]
async fn a_session_that_is_too_short_is_refused_with_what_would_do() {
    let mut phone = Phone::new().await;
    let mut wire = Wire::to(&phone).await;
    wire.asks("INVITE", "Supported: timer\r\nSession-Expires: 60\r\n", OFFER)
        .await;
    let refusal = wire.reads("SIP/2.0 422").await;
    assert_eq!(field(&refusal, "Min-SE").as_deref(), Some("90"));
    wire.tag = String::new();
    wire.asks("INVITE", "Supported: timer\r\nSession-Expires: 90\r\n", OFFER)
        .await;
    let call = phone.invited().await;
    phone.accept(call);
    let answer = wire.reads("SIP/2.0 200").await;
    assert_eq!(field(&answer, "Session-Expires").as_deref(), Some("90;refresher=uac"));
}

#[tokio::test]
async fn a_refresh_that_is_refused_for_now_is_made_again_as_the_peer_wants_it() {
    let mut phone = hasty().await;
    let asks = "Supported: timer\r\nSession-Expires: 4;refresher=uas\r\nAllow: UPDATE\r\n";
    let (mut wire, call, _) = connected(&mut phone, asks).await;
    let first = wire.reads("UPDATE ").await;
    wire.responds(&first, "491 Request Pending", "", b"").await;
    let second = wire.reads("UPDATE ").await;
    assert_eq!(field(&second, "Session-Expires").as_deref(), Some("4;refresher=uac"));
    wire.responds(&second, "422 Session Interval Too Small", "Min-SE: 8\r\n", b"")
        .await;
    let third = wire.reads("UPDATE ").await;
    assert_eq!(field(&third, "Session-Expires").as_deref(), Some("8;refresher=uac"));
    wire.responds(&third, "200 OK", "Session-Expires: 8;refresher=uac\r\n", b"")
        .await;
    let quiet = tokio::time::timeout(Duration::from_millis(2_500), phone.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    phone.hang_up(call);
}

#[tokio::test]
async fn a_peer_that_answers_a_refresh_from_elsewhere_is_heard() {
    let mut phone = hasty().await;
    let asks = "Supported: timer\r\nSession-Expires: 2;refresher=uas\r\n";
    let (mut wire, call, _) = connected(&mut phone, asks).await;
    for (body, news) in [(OFFER, false), (ANSWER, true)] {
        let refresh = wire.reads("INVITE ").await;
        wire.responds(&refresh, "200 OK", "Session-Expires: 2;refresher=uac\r\n", body)
            .await;
        wire.reads("ACK ").await;
        if news {
            let answer = ANSWER.to_vec();
            assert_eq!(phone.next().await, Event::Refreshed { call, answer });
        }
    }
    phone.hang_up(call);
}

#[tokio::test]
async fn a_change_that_crosses_our_refresh_is_put_off() {
    let mut phone = hasty().await;
    let asks = "Supported: timer\r\nSession-Expires: 2;refresher=uas\r\n";
    let (mut wire, call, _) = connected(&mut phone, asks).await;
    let refresh = wire.reads("INVITE ").await;
    wire.asks("INVITE", "", OFFER).await;
    wire.reads("SIP/2.0 491").await;
    wire.asks("ACK", "", b"").await;
    wire.responds(&refresh, "200 OK", "Session-Expires: 60;refresher=uac\r\n", OFFER)
        .await;
    wire.reads("ACK ").await;
    wire.asks("INVITE", "", OFFER).await;
    assert!(matches!(phone.next().await, Event::Changed { .. }));
    phone.hang_up(call);
}
