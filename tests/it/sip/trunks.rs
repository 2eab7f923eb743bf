//! A trunk's server, by script: it wants proof, forks, and keeps a register.

use std::time::Duration;

use offhook::sip::{Ended, Event, Transport};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::phone::{ANSWER, Phone, Wire, field, soon, tag_of, trunk};

/// Two challenges, of which the first cannot be answered.
const CHALLENGES: [&str; 2] = [
    "Digest realm=\"here\", nonce=\"n0\", algorithm=SHA-512-256, qop=\"auth\"",
    "Digest realm=\"here\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"o\"",
];

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 7616 §3.4.1, reckoned here anew.
fn assert_digest(request: &str, header: &str) {
    let value = field(request, header).unwrap_or_else(|| panic!("no {header} in {request}"));
    let part = |name: &str| {
        let found = value
            .trim_start_matches("Digest ")
            .split(',')
            .find_map(|pair| pair.trim().strip_prefix(&format!("{name}=")));
        found
            .unwrap_or_else(|| panic!("no {name} in {value}"))
            .trim_matches('"')
            .to_owned()
    };
    assert_eq!(
        (
            part("username").as_str(),
            part("algorithm").as_str(),
            part("opaque").as_str()
        ),
        ("joe", "SHA-256", "o")
    );
    let mut line = request.split(' ');
    let (method, uri) = (line.next().unwrap(), line.next().unwrap());
    assert_eq!(part("uri"), uri);
    // RFC 7616 §3.4.
    assert!(
        value.contains(", qop=auth,") && value.contains("algorithm=SHA-256"),
        "{value}"
    );
    let (first, second) = (hex("joe:here:secret"), hex(&format!("{method}:{uri}")));
    let middle = format!("{}:{}:{}:{}", part("nonce"), part("nc"), part("cnonce"), part("qop"));
    assert_eq!(part("response"), hex(&format!("{first}:{middle}:{second}")));
}

#[tokio::test]
async fn proves_who_it_is_when_it_calls() {
    let mut server = Wire::new("127.0.0.1:9".parse().unwrap()).await;
    let trunk = trunk(server.socket.local_addr().unwrap(), None);
    let mut phone = Phone::with(|config| config.trunks = vec![trunk]).await;
    let call = phone.dial_by(Some("provider"), "0800123".to_owned());
    let invite = server.reads("INVITE").await;
    assert!(
        invite.starts_with(&format!("INVITE sip:0800123@127.0.0.1:{} SIP/2.0", server.port())),
        "{invite}"
    );
    assert!(field(&invite, "From").unwrap().contains("sip:4930123@127.0.0.1"));
    let challenges = CHALLENGES
        .map(|challenge| format!("Proxy-Authenticate: {challenge}\r\n"))
        .concat();
    server
        .responds(&invite, "407 Proxy Authentication Required", &challenges, b"")
        .await;
    server.reads("ACK").await;
    let invite = server.reads("INVITE").await;
    assert_digest(&invite, "Proxy-Authorization");
    server.responds(&invite, "180 Ringing", "", b"").await;
    assert_eq!(
        phone.next().await,
        Event::Progressed {
            call,
            code: 180,
            body: None
        }
    );
    server.responds(&invite, "200 OK", "", ANSWER).await;
    assert_eq!(
        phone.next().await,
        Event::Answered {
            call,
            body: Some(ANSWER.to_vec())
        }
    );
    server.reads("ACK").await;
    // Repeated: acknowledged again. Of another branch: acknowledged and hung up on.
    server.responds(&invite, "200 OK", "", ANSWER).await;
    server.reads("ACK").await;
    let other = format!("To: {};tag=fork\r\n", field(&invite, "To").unwrap());
    server.responds(&invite, "200 OK", &other, ANSWER).await;
    assert_eq!(tag_of(&server.reads("ACK").await), "fork");
    let bye = server.reads("BYE").await;
    assert_eq!(tag_of(&bye), "fork");
    server.responds(&bye, "200 OK", "", b"").await;
    phone.hang_up(call);
    let bye = server.reads("BYE").await;
    assert_eq!(tag_of(&bye), "server");
    server.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
    phone.idle().await;

    let call = phone.dial_by(Some("provider"), "1".to_owned());
    for _ in 0..2 {
        let invite = server.reads("INVITE").await;
        server
            .responds(
                &invite,
                "401 Unauthorized",
                &format!("WWW-Authenticate: {}\r\n", CHALLENGES[1]),
                b"",
            )
            .await;
        server.reads("ACK").await;
    }
    assert!(matches!(phone.next().await, Event::Refused { call: refused, code: 401, .. } if refused == call));
    phone.idle().await;
}

#[tokio::test]
async fn registers_with_a_trunk_and_leaves_it() {
    let mut server = Wire::new("127.0.0.1:9".parse().unwrap()).await;
    let trunk = trunk(server.socket.local_addr().unwrap(), Some(60));
    let mut phone = Phone::with(|config| config.trunks = vec![trunk]).await;
    let register = server.reads("REGISTER").await;
    server
        .responds(&register, "423 Interval Too Brief", "Min-Expires: 90\r\n", b"")
        .await;
    let register = server.reads("REGISTER").await;
    assert_eq!(field(&register, "Expires").as_deref(), Some("90"));
    let challenges = CHALLENGES
        .map(|challenge| format!("WWW-Authenticate: {challenge}\r\n"))
        .concat();
    server.responds(&register, "401 Unauthorized", &challenges, b"").await;
    let again = server.reads("REGISTER").await;
    assert_digest(&again, "Authorization");
    assert_eq!(field(&register, "Call-ID"), field(&again, "Call-ID"));
    let contact = field(&again, "Contact").unwrap();
    assert!(
        contact.contains(&format!("sip:joe@{}", phone.at(Transport::Udp))),
        "{contact}"
    );
    server.responds(&again, "200 OK", "Expires: 45\r\n", b"").await;
    let expires = Duration::from_secs(45);
    assert_eq!(
        phone.next().await,
        Event::Registered {
            trunk: "provider".to_owned(),
            expires
        }
    );

    let (closed, ()) = tokio::join!(phone.agent.close(), async {
        let leave = server.reads("REGISTER").await;
        assert_eq!(field(&leave, "Expires").as_deref(), Some("0"));
        assert_eq!(field(&leave, "Call-ID"), field(&again, "Call-ID"), "RFC 3261 §10.2");
        assert!(number(&leave) > number(&again));
        server.responds(&leave, "200 OK", "", b"").await;
    });
    let () = closed;
}

fn number(request: &str) -> u32 {
    let number = field(request, "CSeq").unwrap();
    number.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_short_registration_is_renewed_before_it_ends() {
    let mut server = Wire::new("127.0.0.1:9".parse().unwrap()).await;
    let trunk = trunk(server.socket.local_addr().unwrap(), Some(60));
    let mut phone = Phone::with(|config| config.trunks = vec![trunk]).await;
    let register = server.reads("REGISTER").await;
    server.responds(&register, "200 OK", "Expires: 2\r\n", b"").await;
    let (trunk, expires) = ("provider".to_owned(), Duration::from_secs(2));
    assert_eq!(phone.next().await, Event::Registered { trunk, expires });
    let again = tokio::time::timeout(expires, server.reads("REGISTER")).await;
    assert!(number(&again.expect("in time")) > number(&register));
}

#[tokio::test]
async fn tells_when_it_is_not_registered() {
    let mut server = Wire::new("127.0.0.1:9".parse().unwrap()).await;
    let trunk = trunk(server.socket.local_addr().unwrap(), Some(60));
    let mut phone = Phone::with(|config| config.trunks = vec![trunk]).await;
    let register = server.reads("REGISTER").await;
    server.responds(&register, "403 No Such Account", "", b"").await;
    let (trunk, reason) = ("provider".to_owned(), "No Such Account".to_owned());
    assert_eq!(
        phone.next().await,
        Event::RegistrationFailed {
            trunk,
            code: Some(403),
            reason
        }
    );
}

#[tokio::test]
async fn proves_who_it_is_within_a_call_that_came_from_its_trunk() {
    let server = Wire::new("127.0.0.1:9".parse().unwrap()).await;
    let provider = trunk(server.socket.local_addr().unwrap(), None);
    let mut phone = Phone::with(|config| {
        config.trunks = vec![provider];
        config.limits.least_session = Duration::from_secs(1);
    })
    .await;
    let mut server = Wire {
        to: phone.at(Transport::Udp),
        ..server
    };
    let asks = "Supported: timer\r\nSession-Expires: 2;refresher=uas\r\nAllow: UPDATE\r\n";
    let (call, _) = server.connects(&mut phone, asks).await;
    let refresh = server.reads("UPDATE ").await;
    let challenge = format!("Proxy-Authenticate: {}\r\n", CHALLENGES[CHALLENGES.len() - 1]);
    server
        .responds(&refresh, "407 Proxy Authentication Required", &challenge, b"")
        .await;
    let refresh = server.reads("UPDATE ").await;
    assert!(field(&refresh, "Proxy-Authorization").is_some(), "{refresh}");
    server
        .responds(&refresh, "200 OK", "Session-Expires: 60;refresher=uac\r\n", b"")
        .await;
    let quiet = tokio::time::timeout(Duration::from_millis(1_000), phone.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    phone.hang_up(call);
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
}

#[tokio::test]
async fn a_server_that_wants_ever_longer_registrations_is_asked_twice_and_then_later() {
    let mut server = Wire::new("127.0.0.1:9".parse().unwrap()).await;
    let trunk = trunk(server.socket.local_addr().unwrap(), Some(60));
    let mut phone = Phone::with(|config| config.trunks = vec![trunk]).await;
    for least in [90, 180] {
        let register = server.reads("REGISTER").await;
        let least = format!("Min-Expires: {least}\r\n");
        server.responds(&register, "423 Interval Too Brief", &least, b"").await;
    }
    assert!(matches!(
        phone.next().await,
        Event::RegistrationFailed { code: Some(423), .. }
    ));
}

#[tokio::test]
async fn registers_anew_when_its_connection_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut provider = trunk(listener.local_addr().unwrap(), Some(600));
    provider.transport = Transport::Tcp;
    let mut phone = Phone::with(|config| config.trunks = vec![provider]).await;
    for _ in 0..2 {
        let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
        let mut register = String::new();
        while !register.contains("\r\n\r\n") {
            let mut buffer = [0; 2048];
            let len = soon("a REGISTER", stream.read(&mut buffer)).await.unwrap();
            assert!(len > 0, "closed after {register}");
            register.push_str(std::str::from_utf8(&buffer[..len]).unwrap());
        }
        assert!(register.starts_with("REGISTER "), "{register}");
        let same = ["Via", "From", "To", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", field(&register, name).unwrap()));
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}Expires: 600\r\nContent-Length: 0\r\n\r\n",
            same.concat()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        assert!(matches!(phone.next().await, Event::Registered { .. }));
    }
}
