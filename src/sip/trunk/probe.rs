//! What a trunk's server says when it is asked: an OPTIONS, and a REGISTER without a Contact, which changes nothing (RFC 3261 §10.2.3).
//!
//! It has sockets of its own and no user agent, so it works beside one that runs. It says what came back and judges nothing.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::clock;
use crate::sip::Trunk;
use crate::sip::message::{Algorithm, Asked, Frame, Raw, digest, frame, grammar};
use crate::sip::names::Transport;
use crate::sip::wire::{Duplex, Ends, Tls};

/// For a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A datagram is sent again after these, from the beginning (RFC 3261 §17.1.2.2).
const AGAIN: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_millis(1500),
    Duration::from_millis(3500),
];
/// The longest answer that is read, in bytes.
const LONGEST: usize = 65_536;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Answer(Answer),
    /// Within five seconds.
    Nothing,
    /// Nothing could be sent there, in words.
    Unreachable(String),
}

/// A final response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub code: u16,
    pub phrase: String,
    pub took: Duration,
    /// As it was written.
    pub date: Option<String>,
    /// Server or User-Agent.
    pub software: Option<String>,
    /// The address that the server saw us at.
    pub seen_at: Option<SocketAddr>,
    /// Where we sent from.
    pub sent_from: Option<SocketAddr>,
    /// The algorithms of its challenges, in its order.
    pub challenges: Vec<String>,
}

impl Answer {
    /// To what was asked at `began`, from `local`.
    fn after(self, began: Instant, local: SocketAddr) -> Self {
        Self {
            took: clock::now().saturating_duration_since(began),
            sent_from: Some(local),
            ..self
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub options: Heard,
    pub register: Heard,
    /// The REGISTER again with the password, where it was asked for in a way that can be answered.
    pub proved: Option<Heard>,
}

/// Asks `trunk`, whose server is at `server`.
pub async fn probe(trunk: &Trunk, server: SocketAddr, tls: &Tls, user_agent: &str) -> Probe {
    let ask = |method, sequence, proof: String| {
        ask(
            trunk,
            server,
            tls,
            method,
            sequence,
            format!("User-Agent: {user_agent}\r\n{proof}"),
        )
    };
    let (options, _) = ask("OPTIONS", 1, String::new()).await;
    let (register, response) = ask("REGISTER", 1, String::new()).await;
    let proof = response.and_then(|response| prove(trunk, &response));
    let proved = match proof {
        Some(proof) => Some(ask("REGISTER", 2, proof).await.0),
        None => None,
    };
    Probe {
        options,
        register,
        proved,
    }
}

/// The header that answers the first challenge that can be answered.
fn prove(trunk: &Trunk, response: &Raw) -> Option<String> {
    if trunk.username.is_empty() {
        return None;
    }
    let uri = format!("sip:{}", trunk.server);
    for (asks, answers) in [
        ("WWW-Authenticate", "Authorization"),
        ("Proxy-Authenticate", "Proxy-Authorization"),
    ] {
        for challenge in named(response, asks) {
            let Some(pairs) = challenge.split_once(' ').and_then(|(_, rest)| digest::parameters(rest)) else {
                continue;
            };
            let part = |wanted: &str| {
                let found = pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.trim_matches('"'))
            };
            let known = Algorithm::named(part("algorithm"))
                .zip(part("realm"))
                .zip(part("nonce"));
            let Some(((algorithm, realm), nonce)) = known else {
                continue;
            };
            let asked = Asked {
                algorithm,
                realm,
                nonce,
            };
            let qop = part("qop").map(|qop| qop.split(',').any(|qop| qop.trim() == "auth"));
            let cnonce = format!("{:016x}", rand::random::<u64>());
            let (proof, more) = match qop {
                Some(true) => (
                    Some(("00000001", cnonce.as_str())),
                    format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""),
                ),
                Some(false) => continue,
                None => (None, String::new()),
            };
            let opaque = part("opaque")
                .map(|opaque| format!(", opaque=\"{opaque}\""))
                .unwrap_or_default();
            let response = asked.response((&trunk.username, &trunk.password), ("REGISTER", &uri), proof);
            return Some(format!(
                "{answers}: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
                 algorithm={}{more}{opaque}\r\n",
                trunk.username,
                algorithm.name()
            ));
        }
    }
    None
}

/// Header names are not the library's here, so their letters may be small or great.
fn named<'a>(raw: &'a Raw, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = raw
        .fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name));
    named.map(|field| field.value.trim())
}

async fn ask(
    trunk: &Trunk,
    server: SocketAddr,
    tls: &Tls,
    method: &str,
    sequence: u32,
    headers: String,
) -> (Heard, Option<Raw>) {
    let exchanged = match trunk.transport {
        Transport::Udp => by_datagram(trunk, server, method, sequence, &headers).await,
        Transport::Tcp | Transport::Tls => by_connection(trunk, server, tls, method, sequence, &headers).await,
        Transport::Ws | Transport::Wss => Err(Error::other("a trunk by WebSocket is not asked")),
    };
    match exchanged {
        Ok(Some((answer, raw))) => (Heard::Answer(answer), Some(raw)),
        Ok(None) => (Heard::Nothing, None),
        Err(error) => (Heard::Unreachable(error.to_string()), None),
    }
}

type Exchanged = std::io::Result<Option<(Answer, Raw)>>;

async fn by_datagram(trunk: &Trunk, server: SocketAddr, method: &str, sequence: u32, headers: &str) -> Exchanged {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let local = socket.local_addr()?;
    let request = Request::new(trunk, method, sequence, local, headers);
    let began = clock::now();
    let mut buffer = vec![0; LONGEST];
    let ends = AGAIN.into_iter().chain([PATIENCE]);
    for end in ends {
        socket.send(request.text.as_bytes()).await?;
        loop {
            let left = end.saturating_sub(clock::now().saturating_duration_since(began));
            let Ok(received) = timeout(left, socket.recv(&mut buffer)).await else {
                break;
            };
            let datagram = buffer.get(..received?).unwrap_or_default();
            if let Some((answer, raw)) = request.answered_by(datagram) {
                return Ok(Some((answer.after(began, local), raw)));
            }
        }
    }
    Ok(None)
}

async fn by_connection(
    trunk: &Trunk,
    server: SocketAddr,
    tls: &Tls,
    method: &str,
    sequence: u32,
    headers: &str,
) -> Exchanged {
    let slow = |_| Error::new(ErrorKind::TimedOut, "no connection within five seconds");
    let stream = timeout(PATIENCE, TcpStream::connect(server)).await.map_err(slow)??;
    let local = stream.local_addr()?;
    let mut stream: Box<dyn Duplex> = match trunk.transport.is_secure() {
        false => Box::new(stream),
        true => {
            let name = trunk.next_hop().map_err(Error::other)?.host.to_string();
            let ends = Ends::new(tls.clone()).map_err(Error::other)?;
            let secured = timeout(PATIENCE, ends.connect(&name, stream)).await.map_err(slow)?;
            Box::new(secured.map_err(|why| Error::other(format!("no TLS with {name}: {why}")))?)
        }
    };
    let request = Request::new(trunk, method, sequence, local, headers);
    let began = clock::now();
    stream.write_all(request.text.as_bytes()).await?;
    let mut inbox = Vec::new();
    loop {
        match frame(&inbox, LONGEST) {
            Frame::Message(len) => {
                let message: Vec<u8> = inbox.drain(..len).collect();
                if let Some((answer, raw)) = request.answered_by(&message) {
                    return Ok(Some((answer.after(began, local), raw)));
                }
            }
            Frame::LineEnds(len) => drop(inbox.drain(..len)),
            Frame::Broken(_) => return Ok(None),
            Frame::Incomplete => {
                let left = PATIENCE.saturating_sub(clock::now().saturating_duration_since(began));
                match timeout(left, stream.read_buf(&mut inbox)).await {
                    Ok(Ok(0)) | Err(_) => return Ok(None),
                    Ok(read) => drop(read?),
                }
            }
        }
    }
}

/// One request, and how to know its answer.
struct Request {
    text: String,
    branch: String,
}

impl Request {
    fn new(trunk: &Trunk, method: &str, sequence: u32, local: SocketAddr, headers: &str) -> Request {
        let branch = format!("z9hG4bK{:016x}", rand::random::<u64>());
        let (tag, call) = (rand::random::<u32>(), rand::random::<u64>());
        let (server, user) = (&trunk.server, trunk.account());
        let carrier = trunk.transport.to_string().to_ascii_uppercase();
        let text = format!(
            "{method} sip:{server} SIP/2.0\r\nVia: SIP/2.0/{carrier} {local};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{server}>;tag={tag:08x}\r\nTo: <sip:{user}@{server}>\r\nCall-ID: {call:016x}\r\n\
             CSeq: {sequence} {method}\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Request { text, branch }
    }

    /// The final response to it.
    fn answered_by(&self, message: &[u8]) -> Option<(Answer, Raw)> {
        let raw = Raw::read(message).filter(Raw::is_response)?;
        let via = raw.first("Via")?;
        let (_, parameters) = via.split_once(';')?;
        if grammar::parameter(parameters, "branch") != Some(self.branch.as_str()) {
            return None;
        }
        let mut status = raw.start.splitn(3, ' ').skip(1);
        let code: u16 = status.next()?.parse().ok().filter(|code| *code >= 200)?;
        let first = |name| named(&raw, name).next().map(str::to_owned);
        let received = grammar::parameter(parameters, "received").map(|ip| ip.trim_matches(['[', ']']).parse().ok());
        let rport = grammar::parameter(parameters, "rport").and_then(|port| port.parse().ok());
        let seen = received
            .flatten()
            .zip(rport)
            .map(|(ip, port)| SocketAddr::new(ip, port));
        let challenges = ["WWW-Authenticate", "Proxy-Authenticate"]
            .into_iter()
            .flat_map(|name| named(&raw, name));
        let algorithm = |challenge: &str| {
            let pairs = challenge
                .split_once(' ')
                .and_then(|(_, rest)| digest::parameters(rest))
                .unwrap_or_default();
            let named = pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case("algorithm"));
            named.map_or("MD5", |(_, value)| value.trim_matches('"')).to_owned()
        };
        let answer = Answer {
            code,
            phrase: status.next().unwrap_or_default().to_owned(),
            date: first("Date"),
            software: first("Server").or_else(|| first("User-Agent")),
            seen_at: seen,
            challenges: challenges.map(algorithm).collect(),
            ..Answer::default()
        };
        Some((answer, raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trunk() -> Trunk {
        Trunk {
            name: "provider".into(),
            server: "pbx.example".into(),
            username: "joe".into(),
            password: "secret".into(),
            ..Trunk::default()
        }
    }

    #[test]
    fn reads_the_answer_to_its_own_request() {
        let request = Request::new(&trunk(), "OPTIONS", 1, "192.168.1.5:4000".parse().unwrap(), "");
        let response = |branch: &str| {
            format!(
                "SIP/2.0 401 Who Are You\r\nVia: SIP/2.0/UDP 192.168.1.5:4000;branch={branch};received=203.0.113.9;rport=61000\r\n\
                 date: Sat, 13 Nov 2010 23:29:00 GMT\r\nServer: box\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256\r\n\
                 www-authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n"
            )
        };
        let (answer, _) = request.answered_by(response(&request.branch).as_bytes()).unwrap();
        assert_eq!((answer.code, answer.phrase.as_str()), (401, "Who Are You"));
        assert_eq!(answer.seen_at, Some("203.0.113.9:61000".parse().unwrap()));
        assert_eq!(answer.date.as_deref(), Some("Sat, 13 Nov 2010 23:29:00 GMT"));
        assert_eq!(answer.challenges, ["SHA-256", "MD5"]);
        assert!(request.answered_by(response("z9hG4bKother").as_bytes()).is_none());
        let trying = response(&request.branch).replace("401", "100");
        assert!(request.answered_by(trying.as_bytes()).is_none(), "not the last word");
        assert!(request.answered_by(request.text.as_bytes()).is_none());
    }

    #[test]
    fn answers_what_it_can() {
        let response = |challenges: &str| Raw::read(format!("SIP/2.0 401 No\r\n{challenges}\r\n").as_bytes()).unwrap();
        let odd = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"\r\n";
        assert_eq!(prove(&trunk(), &response(odd)), None);
        let plain = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", opaque=\"o\"\r\n";
        let proof = prove(&trunk(), &response(&format!("{odd}{plain}"))).unwrap();
        assert!(
            proof.starts_with("Authorization: Digest username=\"joe\"") && proof.contains("opaque=\"o\""),
            "{proof}"
        );
        let proxy = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\"\r\n";
        let proof = prove(&trunk(), &response(proxy)).unwrap();
        assert!(
            proof.starts_with("Proxy-Authorization: ") && proof.contains("qop=auth, nc=00000001"),
            "{proof}"
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_passed_over(message: Vec<u8>, challenge: String) {
            let request = Request::new(&trunk(), "OPTIONS", 1, "192.168.1.5:4000".parse().unwrap(), "");
            let text = format!("SIP/2.0 401 X\r\nVia: a;branch={};rport={challenge}\r\nWWW-Authenticate: Digest {challenge}\r\n\r\n", request.branch);
            let _ = (request.answered_by(&message), request.answered_by(text.as_bytes()));
            let _ = Raw::read(text.as_bytes()).and_then(|raw| prove(&trunk(), &raw));
        }
    }
}
