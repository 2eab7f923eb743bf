//! TLS, WebSocket and IPv6: who is believed, and that calls go by each.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use offhook::sip::{Clients, Config, Ended, Event, Identity, Listen, StartError, Tls, Transport, UserAgent};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::phone::{Phone, connect, soon};

/// An authority and what it vouches for, as files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("authority.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Authority { folder, issuer }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Its own certificate, as plain `openssl req -x509` makes one, shown by a server.
    fn itself(&self) -> Identity {
        let key = self.folder.path().join("authority-key.pem");
        std::fs::write(&key, self.issuer.key().serialize_pem()).unwrap();
        Identity {
            certificate: self.file(),
            key,
        }
    }

    /// A certificate for `name`, an address or a host.
    fn vouches_for(&self, name: &str) -> Identity {
        self.vouches(name, CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    /// For this machine, from the beginning of one year to that of another.
    fn vouches_from(&self, from: i32, until: i32) -> Identity {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        self.vouches(&format!("from-{from}"), params)
    }

    fn vouches(&self, name: &str, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |what: &str| self.folder.path().join(format!("{name}-{what}.pem"));
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        std::fs::write(file("certificate"), certificate.pem()).unwrap();
        Identity {
            certificate: file("certificate"),
            key: file("key"),
        }
    }
}

fn on(address: &str, transports: &[Transport]) -> Vec<Listen> {
    let address = address.parse().unwrap();
    let listen = |transport: &Transport| Listen {
        transport: *transport,
        address,
    };
    transports.iter().map(listen).collect()
}

/// A phone at loopback that shows `identity` and believes `authorities`.
async fn phone(identity: Option<Identity>, authorities: Option<PathBuf>, clients: Clients) -> Phone {
    let transports: &[Transport] = match identity {
        Some(_) => &Transport::ALL,
        None => &[Transport::Udp],
    };
    Phone::with(|config| {
        config.listen = on("127.0.0.1:0", transports);
        // By a web socket an address counts only where it is listed.
        config.addresses = vec!["127.0.0.1".parse().unwrap()];
        config.tls = Tls {
            identity,
            authorities,
            clients,
            ..Tls::default()
        };
    })
    .await
}

/// Why `caller` does not reach `callee` by TLS.
async fn failure(caller: &mut Phone, callee: &Phone) -> String {
    let there = caller.dial(callee.uri("100", Transport::Tls));
    match caller.ended().await {
        (call, Ended::Failed(why)) if call == there => why,
        other => panic!("not a failure: {other:?}"),
    }
}

async fn talk(ann: &mut Phone, bob: &mut Phone, transport: Transport) {
    let (there, here) = connect(ann, bob, transport).await;
    ann.hang_up(there);
    assert_eq!(ann.ended().await, (there, Ended::ByUs));
    assert_eq!(bob.ended().await, (here, Ended::ByPeer));
    // The connection is there already; the other side ends it.
    let (there, here) = connect(ann, bob, transport).await;
    bob.hang_up(here);
    assert_eq!(bob.ended().await, (here, Ended::ByUs));
    assert_eq!(ann.ended().await, (there, Ended::ByPeer));
    ann.idle().await;
    bob.idle().await;
}

#[tokio::test]
async fn calls_over_every_transport() {
    let authority = Authority::new();
    let shown = authority.vouches_for("127.0.0.1");
    let mut bob = phone(Some(shown.clone()), None, Clients::NotAsked).await;
    let mut ann = phone(Some(shown), Some(authority.file()), Clients::NotAsked).await;
    // One that listens on UDP alone opens connections all the same, and is reached by them.
    let mut eve = phone(None, Some(authority.file()), Clients::NotAsked).await;
    for transport in Transport::ALL {
        talk(&mut ann, &mut bob, transport).await;
        talk(&mut eve, &mut bob, transport).await;
    }
}

#[tokio::test]
async fn a_server_must_be_the_one_that_was_dialled() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut ann = phone(None, Some(authority.file()), Clients::NotAsked).await;
    let elsewhere = phone(Some(authority.vouches_for("sip.example.com")), None, Clients::NotAsked).await;
    let why = failure(&mut ann, &elsewhere).await;
    assert!(
        why.contains("not for `127.0.0.1` but for") && why.contains("sip.example.com"),
        "{why}"
    );
    let mut stranger = phone(Some(other.vouches_for("127.0.0.1")), None, Clients::NotAsked).await;
    let why = failure(&mut ann, &stranger).await;
    assert!(why.contains("an authority that is not known here"), "{why}");
    let plain = phone(Some(authority.itself()), None, Clients::NotAsked).await;
    let why = failure(&mut ann, &plain).await;
    assert!(why.contains("basicConstraints=CA:FALSE"), "{why}");
    for (from, until, what) in [(2001, 2002, "has expired"), (3001, 3002, "is not valid yet")] {
        let untimely = phone(Some(authority.vouches_from(from, until)), None, Clients::NotAsked).await;
        let why = failure(&mut ann, &untimely).await;
        assert!(why.contains(what), "{why}");
    }

    let mut trusting = Phone::with(|config| config.tls.verify = false).await;
    talk(&mut trusting, &mut stranger, Transport::Tls).await;
}

#[tokio::test]
async fn clients_prove_who_they_are_where_they_must() {
    let authority = Authority::new();
    let (shown, believed) = (authority.vouches_for("127.0.0.1"), Some(authority.file()));
    let mut strict = phone(Some(shown.clone()), believed.clone(), Clients::Required).await;
    assert!(!is_answered(&authority, None, strict.at(Transport::Tls)).await);
    let mut known = phone(Some(shown.clone()), believed.clone(), Clients::NotAsked).await;
    talk(&mut known, &mut strict, Transport::Tls).await;

    let mut lenient = phone(Some(shown), believed.clone(), Clients::Asked).await;
    let mut nameless = phone(None, believed, Clients::NotAsked).await;
    talk(&mut nameless, &mut lenient, Transport::Tls).await;
    let other = Authority::new();
    let forged = other.vouches_for("127.0.0.1");
    assert!(!is_answered(&authority, Some(&forged), lenient.at(Transport::Tls)).await);
    assert!(is_answered(&authority, None, lenient.at(Transport::Tls)).await);
}

/// Whether a client that shows `identity`, if any, gets an answer to a keep-alive. By TLS 1.3 it learns that it was turned away only after
/// its own handshake.
async fn is_answered(authority: &Authority, identity: Option<&Identity>, at: SocketAddr) -> bool {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority.file()).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_file_iter(&identity.certificate).unwrap();
            let chain = chain.collect::<Result<_, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::from(at.ip());
    let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await else {
        return false;
    };
    let mut answer = [0; 2];
    stream.write_all(b"\r\n\r\n").await.is_ok()
        && soon("an answer or the end", stream.read_exact(&mut answer))
            .await
            .is_ok()
}

#[tokio::test]
async fn a_certificate_that_is_renewed_is_shown() {
    let (old, new) = (Authority::new(), Authority::new());
    let shown = old.vouches_for("127.0.0.1");
    let mut bob = phone(Some(shown.clone()), None, Clients::NotAsked).await;
    let mut ann = phone(None, Some(new.file()), Clients::NotAsked).await;
    assert!(
        failure(&mut ann, &bob)
            .await
            .contains("an authority that is not known here")
    );
    // The files are replaced, the key before the certificate, as is usual.
    let renewed = new.vouches_for("127.0.0.1");
    let written = std::fs::metadata(&shown.certificate).unwrap().modified().unwrap();
    let later = written + std::time::Duration::from_secs(1);
    let replace = |from: &Path, to: &Path| {
        std::fs::copy(from, to).unwrap();
        std::fs::File::options()
            .write(true)
            .open(to)
            .unwrap()
            .set_modified(later)
            .unwrap();
    };
    replace(&renewed.key, &shown.key);
    replace(&renewed.certificate, &shown.certificate);
    talk(&mut ann, &mut bob, Transport::Tls).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_said_at_the_start() {
    let authority = Authority::new();
    let shown = authority.vouches_for("127.0.0.1");
    let missing = authority.folder.path().join("missing.pem");
    let listen = on("127.0.0.1:0", &[Transport::Tls]);
    let start = |tls: Tls| {
        UserAgent::start(Config {
            listen: listen.clone(),
            tls,
            ..Config::default()
        })
    };
    let error = start(Tls::default()).await.err().unwrap();
    assert!(matches!(error, StartError::NoCertificate(Transport::Tls)), "{error}");
    for (certificate, key, what) in [
        (&missing, &shown.key, "missing.pem` holds no certificate"),
        (&shown.certificate, &missing, "missing.pem` holds no private key"),
        (&shown.key, &shown.key, "key.pem` holds no certificate"),
        (&authority.file(), &shown.key, "do not go together"),
    ] {
        let identity = Some(Identity {
            certificate: certificate.clone(),
            key: key.clone(),
        });
        let tls = Tls {
            identity,
            ..Tls::default()
        };
        let error = start(tls).await.err().unwrap().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn a_web_socket_speaks_sip_and_nothing_else() {
    let phone = phone_by_web().await;
    let at = phone.at(Transport::Ws);
    let opens = async |protocol: &str| {
        let stream = TcpStream::connect(at).await.unwrap();
        let uri = format!("ws://{at}/").parse().unwrap();
        let request = ClientRequestBuilder::new(uri).with_sub_protocol(protocol);
        tokio_tungstenite::client_async(request, stream).await
    };
    match opens("chat").await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 400),
        other => panic!("{:?}", other.map(|_| ())),
    }
    let (mut socket, response) = opens("sip").await.unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
    let mut answer = async |message: &str| {
        socket.send(Message::text(message)).await.unwrap();
        let Message::Text(text) = soon("an answer", socket.next()).await.unwrap().unwrap() else {
            panic!("not a text");
        };
        text.to_string()
    };
    assert_eq!(answer("\r\n\r\n").await, "\r\n");
    let options = |branch: &str, more: &str| {
        format!(
            "OPTIONS sip:{at};transport=ws SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:web@example.com>;tag=w\r\nTo: <sip:{at}>\r\nCall-ID: {branch}\r\nCSeq: 1 OPTIONS\r\n{more}\r\n"
        )
    };
    // RFC 7118 section 5.3: a Content-Length is not needed.
    let well = answer(&options("one", "")).await;
    assert!(
        well.starts_with("SIP/2.0 200") && well.contains("df7jal23ls0d.invalid"),
        "{well}"
    );
    let ill = answer(&options("two", "Content-Length: many\r\n")).await;
    assert!(ill.starts_with("SIP/2.0 "), "{ill}");
}

#[tokio::test]
async fn a_web_socket_that_is_not_read_is_cut_off() {
    let phone = phone_by_web().await;
    let at = phone.at(Transport::Ws);
    let slow = TcpSocket::new_v4().unwrap();
    slow.set_recv_buffer_size(4096).unwrap();
    let stream = slow.connect(at).await.unwrap();
    let request = ClientRequestBuilder::new(format!("ws://{at}/").parse().unwrap()).with_sub_protocol("sip");
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    // Each is answered with all of its Via.
    let options = format!(
        "OPTIONS sip:{at};transport=ws SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK{:x>3000}\r\nMax-Forwards: 70\r\n\
         From: <sip:web@example.com>;tag=w\r\nTo: <sip:{at}>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: many\r\n\r\n",
        ""
    );
    soon("the end of the connection", async {
        while socket.send(Message::Ping("still here".into())).await.is_ok()
            && socket.send(Message::text(options.as_str())).await.is_ok()
        {}
    })
    .await;
    soon("no connection", async {
        while phone.agent.counts().connections > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// One that takes web sockets from this machine.
async fn phone_by_web() -> Phone {
    Phone::with(|config| {
        config.listen = on("127.0.0.1:0", &[Transport::Ws]);
        config.addresses = vec!["127.0.0.1".parse().unwrap()];
    })
    .await
}

#[tokio::test]
async fn calls_over_ipv6_beside_ipv4() {
    let both = |config: &mut Config| {
        let transports = [Transport::Udp, Transport::Tcp];
        config.listen = on("127.0.0.1:0", &transports);
        config.listen.extend(on("[::1]:0", &transports));
    };
    let mut ann = Phone::with(both).await;
    let mut six = Phone::with(|config| config.listen = on("[::1]:0", &[Transport::Udp, Transport::Tcp])).await;
    let mut four = Phone::new().await;
    for transport in [Transport::Udp, Transport::Tcp] {
        for other in [&mut six, &mut four] {
            talk(&mut ann, other, transport).await;
            // And the other way, to the address of ours that is of its family.
            let family = other.at(transport).is_ipv4();
            let ours = ann.agent.local().into_iter();
            let ours = ours.filter(|(by, at)| *by == transport && at.is_ipv4() == family);
            let ours: Vec<SocketAddr> = ours.map(|(_, at)| at).collect();
            let there = other.dial(format!("sip:100@{};transport={transport}", ours[0]));
            let here = ann.invited().await;
            ann.accept(here);
            assert!(matches!(other.next().await, Event::Answered { call, .. } if call == there));
            assert_eq!(ann.next().await, Event::Acknowledged { call: here, body: None });
            ann.hang_up(here);
            assert_eq!(ann.ended().await, (here, Ended::ByUs));
            assert_eq!(other.ended().await, (there, Ended::ByPeer));
        }
    }
}

#[tokio::test]
async fn every_address_is_both_families() {
    let mut all = Phone::with(|config| config.listen = on("[::]:0", &[Transport::Udp])).await;
    let port = all.at(Transport::Udp).port();
    let mut four = Phone::new().await;
    let there = four.dial(format!("sip:100@127.0.0.1:{port}"));
    let here = match all.next().await {
        Event::Invited { call, source, .. } => {
            assert_eq!(source.ip().to_string(), "127.0.0.1", "not a mapped address");
            call
        }
        other => panic!("{other:?}"),
    };
    all.accept(here);
    assert!(matches!(four.next().await, Event::Answered { call, .. } if call == there));
    assert_eq!(all.next().await, Event::Acknowledged { call: here, body: None });
    all.hang_up(here);
    assert_eq!(all.ended().await, (here, Ended::ByUs));
    assert_eq!(four.ended().await, (there, Ended::ByPeer));
}
