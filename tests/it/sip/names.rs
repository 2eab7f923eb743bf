//! Names, as a small server of the DNS tells them: which server is asked first, and which when that one does not answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use offhook::sip::{Ended, Event, Trunk, servers};
use tokio::net::UdpSocket;

use super::phone::{ANSWER, Phone, Wire, field, trunk};
use super::placing::server;

/// A record: its owner, its type, and its data as it is on the wire.
type Record = (String, u16, Vec<u8>);

const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// `a.b` as labels.
fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn a(owner: &str) -> Record {
    (owner.to_owned(), A, Ipv4Addr::LOCALHOST.octets().to_vec())
}

fn srv(owner: &str, priority: u16, port: u16, target: &str) -> Record {
    let mut data = Vec::new();
    for number in [priority, 0, port] {
        data.extend(number.to_be_bytes());
    }
    data.extend(labels(target));
    (owner.to_owned(), SRV, data)
}

fn naptr(owner: &str, service: &str, replacement: &str) -> Record {
    let mut data = [10_u16, 10].map(u16::to_be_bytes).concat();
    for text in ["s", service, ""] {
        data.push(text.len() as u8);
        data.extend(text.as_bytes());
    }
    data.extend(labels(replacement));
    (owner.to_owned(), NAPTR, data)
}

/// Answers questions until the test is over; what is not among the records does not exist (RFC 1035).
#[expect(clippy::disallowed_methods, reason = "the test's own runtime ends it")]
async fn name_server(records: Vec<Record>) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let question = &buffer[..len];
            let mut name = Vec::new();
            let mut at = 12;
            while question[at] != 0 {
                let end = at + 1 + question[at] as usize;
                name.push(String::from_utf8_lossy(&question[at + 1..end]).to_lowercase());
                at = end;
            }
            let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
            let name = name.join(".");
            let known = records.iter().any(|(owner, ..)| *owner == name);
            let answers: Vec<_> = records
                .iter()
                .filter(|(owner, type_, _)| *owner == name && *type_ == kind)
                .collect();
            let mut reply = question[..2].to_vec();
            reply.extend([0x85, if known { 0x80 } else { 0x83 }]);
            for count in [1, answers.len() as u16, 0, 0] {
                reply.extend(count.to_be_bytes());
            }
            reply.extend(&question[12..at + 5]);
            for (_, type_, data) in answers {
                reply.extend([0xc0, 12]);
                for number in [*type_, 1, 0, 60, data.len() as u16] {
                    reply.extend(number.to_be_bytes());
                }
                reply.extend(data);
            }
            socket.send_to(&reply, from).await.unwrap();
        }
    });
    address
}

/// `sip.test` by rules, its servers in this order.
async fn zone(servers: &[&Wire]) -> SocketAddr {
    let service = "_sip._udp.sip.test";
    let mut records = vec![naptr("sip.test", "SIP+D2U", service), a("gw.sip.test")];
    for (priority, server) in servers.iter().enumerate() {
        records.push(srv(service, priority as u16, server.port(), "gw.sip.test"));
    }
    name_server(records).await
}

async fn phone_of(names: SocketAddr, adjust: impl FnOnce(&mut Trunk)) -> Phone {
    let mut trunk = Trunk {
        server: "sip.test".to_owned(),
        ..trunk(names, None)
    };
    adjust(&mut trunk);
    Phone::with(|config| {
        config.name_servers = vec![names];
        config.trunks = vec![trunk];
    })
    .await
}

#[tokio::test]
async fn a_call_goes_to_the_next_server_and_is_cancelled_where_it_went() {
    let (mut silent, mut full, mut ready) = (server().await, server().await, server().await);
    let names = zone(&[&silent, &full, &ready]).await;
    let mut phone = phone_of(names, |_| {}).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let unheard = silent.reads("INVITE").await;
    assert!(unheard.starts_with("INVITE sip:1@sip.test SIP/2.0"), "{unheard}");
    let invite = full.reads("INVITE").await;
    full.responds(&invite, "503 Service Unavailable", "", b"").await;
    full.reads("ACK").await;
    let invite = ready.reads("INVITE").await;
    ready.responds(&invite, "180 Ringing", "", b"").await;
    let progressed = |call| Event::Progressed {
        call,
        code: 180,
        body: None,
    };
    assert_eq!(phone.next().await, progressed(call));
    // The silent one wakes up: there is nothing for it to do any more.
    silent.responds(&unheard, "180 Ringing", "", b"").await;
    let cancel = silent.reads("CANCEL").await;
    assert_eq!(field(&cancel, "Via"), field(&unheard, "Via"));
    silent.responds(&cancel, "200 OK", "", b"").await;
    silent.responds(&unheard, "487 Request Terminated", "", b"").await;
    silent.reads("ACK").await;
    ready.responds(&invite, "200 OK", "", ANSWER).await;
    let body = Some(ANSWER.to_vec());
    assert_eq!(phone.next().await, Event::Answered { call, body });
    ready.reads("ACK").await;
    phone.hang_up(call);
    let bye = ready.reads("BYE").await;
    ready.responds(&bye, "200 OK", "", b"").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));

    // The one that answered is asked first from now on.
    let call = phone.dial_by(Some("provider"), "2".to_owned());
    let invite = ready.reads("INVITE").await;
    ready.responds(&invite, "180 Ringing", "", b"").await;
    assert_eq!(phone.next().await, progressed(call));
    phone.hang_up(call);
    let cancel = ready.reads("CANCEL").await;
    assert!(
        field(&cancel, "Reason").is_some_and(|reason| reason.contains("487")),
        "{cancel}"
    );
    ready.responds(&cancel, "200 OK", "", b"").await;
    ready.responds(&invite, "487 Request Terminated", "", b"").await;
    ready.reads("ACK").await;
    assert_eq!(phone.ended().await, (call, Ended::ByUs));
}

#[tokio::test]
async fn a_registration_goes_to_the_next_server() {
    let (mut silent, mut ready) = (server().await, server().await);
    let names = zone(&[&silent, &ready]).await;
    let mut phone = phone_of(names, |trunk| trunk.register = Some(Duration::from_secs(60))).await;
    silent.reads("REGISTER").await;
    let register = ready.reads("REGISTER").await;
    assert!(register.starts_with("REGISTER sip:sip.test SIP/2.0"), "{register}");
    ready.responds(&register, "200 OK", "Expires: 60\r\n", b"").await;
    assert!(matches!(phone.next().await, Event::Registered { .. }));
}

#[tokio::test]
async fn whose_calls_are_taken_and_who_is_asked_is_found_as_calls_find_it() {
    let (first, second) = (server().await, server().await);
    let names = zone(&[&first, &second]).await;
    let provider = Trunk {
        server: "sip.test".to_owned(),
        ..trunk(names, None)
    };
    let found = servers(&provider, &[names]).await;
    let ports: Vec<u16> = found.iter().map(SocketAddr::port).collect();
    assert_eq!(ports, [first.port(), second.port()]);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_said() {
    let mut phone = phone_of(name_server(Vec::new()).await, |_| {}).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    let (ended, cause) = phone.ended().await;
    assert!(
        ended == call && matches!(&cause, Ended::Failed(why) if why.contains("sip.test")),
        "{cause:?}"
    );
}

#[tokio::test]
async fn a_call_is_cancelled_where_it_rings_though_others_go_elsewhere() {
    let (mut first, mut second) = (server().await, server().await);
    let names = zone(&[&first, &second]).await;
    let mut phone = phone_of(names, |_| {}).await;
    let ringing = phone.dial_by(Some("provider"), "1".to_owned());
    let invite = first.reads("INVITE").await;
    first.responds(&invite, "180 Ringing", "", b"").await;
    assert!(matches!(phone.next().await, Event::Progressed { call, .. } if call == ringing));
    let other = phone.dial_by(Some("provider"), "2".to_owned());
    let refused = first.reads("INVITE").await;
    first.responds(&refused, "503 Service Unavailable", "", b"").await;
    first.reads("ACK").await;
    let taken = second.reads("INVITE").await;
    second.responds(&taken, "180 Ringing", "", b"").await;
    assert!(matches!(phone.next().await, Event::Progressed { call, .. } if call == other));
    // From now on the second is the one to ask.
    phone.hang_up(ringing);
    let cancel = first.reads("CANCEL").await;
    assert_eq!(field(&cancel, "Via"), field(&invite, "Via"));
    first.responds(&cancel, "200 OK", "", b"").await;
    first.responds(&invite, "487 Request Terminated", "", b"").await;
    first.reads("ACK").await;
    assert_eq!(phone.ended().await, (ringing, Ended::ByUs));
}

#[tokio::test]
async fn a_channel_is_free_when_the_end_is_told_though_a_server_was_left_silent() {
    let (mut silent, mut ready) = (server().await, server().await);
    let names = zone(&[&silent, &ready]).await;
    let mut phone = phone_of(names, |trunk| trunk.channels = Some(1)).await;
    let call = phone.dial_by(Some("provider"), "1".to_owned());
    silent.reads("INVITE").await;
    let invite = ready.reads("INVITE").await;
    ready.responds(&invite, "486 Busy Here", "", b"").await;
    ready.reads("ACK").await;
    assert!(matches!(phone.next().await, Event::Refused { call: refused, code: 486, .. } if refused == call));
    phone.dial_by(Some("provider"), "2".to_owned());
    ready.reads("INVITE sip:2@").await;
}
