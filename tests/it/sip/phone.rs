//! What the tests of SIP ring with: a phone, which is a user agent and its events, and a wire, which sends what it is
//! told to, octet by octet, and keeps no state.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use offhook::sip::{Action, CallId, Config, Ended, Event, Listen, Transport, Trunk, UserAgent};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub const OFFER: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
pub const ANSWER: &[u8] =
    b"v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0\r\n";

pub async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let limit = tokio::time::timeout(Duration::from_secs(30), wait).await;
    limit.unwrap_or_else(|_| panic!("nothing came: {what}"))
}

pub struct Phone {
    pub agent: UserAgent,
    pub events: mpsc::Receiver<Event>,
}

impl Phone {
    pub async fn new() -> Phone {
        Phone::with(|_| {}).await
    }

    pub async fn with(adjust: impl FnOnce(&mut Config)) -> Phone {
        let address = "127.0.0.1:0".parse().unwrap();
        let listen = [Transport::Udp, Transport::Tcp].map(|transport| Listen { transport, address });
        let mut config = Config {
            listen: listen.to_vec(),
            ..Config::default()
        };
        adjust(&mut config);
        let (agent, events) = UserAgent::start(config).await.unwrap();
        Phone { agent, events }
    }

    pub fn at(&self, wanted: Transport) -> SocketAddr {
        let local = self.agent.local();
        local.into_iter().find(|(transport, _)| *transport == wanted).unwrap().1
    }

    pub fn uri(&self, user: &str, transport: Transport) -> String {
        format!("sip:{user}@{};transport={transport}", self.at(transport))
    }

    pub async fn next(&mut self) -> Event {
        soon("an event", self.events.recv()).await.unwrap()
    }

    pub fn act(&self, action: Action) {
        self.agent.act(action).unwrap();
    }

    pub fn dial(&self, to: String) -> CallId {
        self.dial_by(None, to)
    }

    pub fn dial_by(&self, trunk: Option<&str>, to: String) -> CallId {
        let call = self.agent.next_call();
        let trunk = trunk.map(str::to_owned);
        self.act(Action::Dial {
            call,
            to,
            from: trunk.is_none().then(|| "4912".to_owned()),
            trunk,
            offer: OFFER.to_vec(),
        });
        call
    }

    pub async fn invited(&mut self) -> CallId {
        match self.next().await {
            Event::Invited { call, .. } => call,
            other => panic!("no invitation: {other:?}"),
        }
    }

    pub async fn ended(&mut self) -> (CallId, Ended) {
        match self.next().await {
            Event::Ended { call, cause } => (call, cause),
            other => panic!("not the end: {other:?}"),
        }
    }

    pub fn accept(&self, call: CallId) {
        self.act(Action::Accept {
            call,
            body: ANSWER.to_vec(),
        });
    }

    pub fn hang_up(&self, call: CallId) {
        self.act(Action::Hangup { call, cause: None });
    }

    /// Nothing of any call is left.
    pub async fn idle(&self) {
        let none = async {
            loop {
                let counts = self.agent.counts();
                if counts.dialogs == 0 && counts.transactions == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon("the end of all transactions", none).await;
    }
}

/// Rings, is answered, and both know.
pub async fn connect(caller: &mut Phone, callee: &mut Phone, transport: Transport) -> (CallId, CallId) {
    let there = caller.dial(callee.uri("100", transport));
    let here = callee.invited().await;
    callee.act(Action::Ring { call: here });
    assert_eq!(
        caller.next().await,
        Event::Progressed {
            call: there,
            code: 180,
            body: None
        }
    );
    callee.accept(here);
    assert_eq!(
        caller.next().await,
        Event::Answered {
            call: there,
            body: Some(ANSWER.to_vec())
        }
    );
    assert_eq!(callee.next().await, Event::Acknowledged { call: here, body: None });
    (there, here)
}

/// A peer that speaks UDP, and keeps no state but this.
pub struct Wire {
    pub socket: UdpSocket,
    pub to: SocketAddr,
    /// Call-ID, and the branch of the next request.
    pub call: String,
    pub sequence: u32,
    pub branches: u32,
    /// The tag of the user agent, once it has one.
    pub tag: String,
}

impl Wire {
    pub async fn to(phone: &Phone) -> Wire {
        Wire::new(phone.at(Transport::Udp)).await
    }

    pub async fn new(to: SocketAddr) -> Wire {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let call = format!("wire-{}", socket.local_addr().unwrap().port());
        Wire {
            socket,
            to,
            call,
            sequence: 0,
            branches: 0,
            tag: String::new(),
        }
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    pub async fn send(&self, message: impl AsRef<[u8]>) {
        self.socket.send_to(message.as_ref(), self.to).await.unwrap();
    }

    pub async fn read(&mut self) -> String {
        let mut buffer = vec![0; 65_536];
        let (len, from) = soon("a datagram", self.socket.recv_from(&mut buffer)).await.unwrap();
        self.to = from;
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    /// The next message with this beginning; others are passed over.
    pub async fn reads(&mut self, start: &str) -> String {
        loop {
            let message = self.read().await;
            if message.starts_with(start) {
                return message;
            }
        }
    }

    /// A new request; ACKs have the number of their INVITE.
    pub fn request(&mut self, method: &str, extra: &str, body: &[u8]) -> String {
        if method != "ACK" && method != "CANCEL" {
            self.sequence += 1;
        }
        if method != "CANCEL" {
            self.branches += 1;
        }
        let port = self.port();
        let (call, sequence, branch) = (&self.call, self.sequence, self.branches);
        let tag = if self.tag.is_empty() || method == "CANCEL" {
            String::new()
        } else {
            format!(";tag={}", self.tag)
        };
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call}-{branch};rport\r\n\
             From: \"Ann\" <sip:100@127.0.0.1>;tag=wire\r\nTo: <sip:100@127.0.0.1>{tag}\r\nCall-ID: {call}\r\n\
             CSeq: {sequence} {method}\r\nMax-Forwards: 70\r\nContact: <sip:ann@127.0.0.1:{port}>\r\n{extra}{kind}\
             Content-Length: {}\r\n\r\n{}",
            body.len(),
            String::from_utf8_lossy(body),
        )
    }

    pub async fn asks(&mut self, method: &str, extra: &str, body: &[u8]) -> String {
        let request = self.request(method, extra, body);
        self.send(&request).await;
        request
    }

    /// The ACK of a refusal: it belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
    pub async fn acknowledges_refusal(&mut self) {
        let ack = self.request("CANCEL", "", b"").replace("CANCEL", "ACK");
        self.send(ack).await;
    }

    /// A response to a request that came here.
    pub async fn responds(&self, request: &str, status: &str, extra: &str, body: &[u8]) {
        let mut lines = vec![format!("SIP/2.0 {status}")];
        for line in request.lines().take_while(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap();
            if matches!(name, "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route") {
                lines.push(line.to_owned());
            }
        }
        let to = field(request, "To").unwrap();
        let tag = if to.contains(";tag=") || extra.contains("To: ") {
            ""
        } else {
            ";tag=server"
        };
        if !extra.contains("To: ") {
            lines.push(format!("To: {to}{tag}"));
        }
        lines.push(format!("Contact: <sip:server@127.0.0.1:{}>", self.port()));
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let head = format!(
            "{}\r\n{extra}{kind}Content-Length: {}\r\n\r\n",
            lines.join("\r\n"),
            body.len()
        );
        self.send([head.as_bytes(), body].concat()).await;
    }

    /// Rings, and is in a call.
    pub async fn connected(phone: &mut Phone) -> (Wire, CallId) {
        let mut wire = Wire::to(phone).await;
        let (call, _) = wire.connects(phone, "").await;
        (wire, call)
    }

    /// Rings with `headers` as well, and is in a call; the 200.
    pub async fn connects(&mut self, phone: &mut Phone, headers: &str) -> (CallId, String) {
        self.asks("INVITE", headers, OFFER).await;
        let call = phone.invited().await;
        phone.accept(call);
        let answer = self.reads("SIP/2.0 200").await;
        self.tag = tag_of(&answer);
        self.asks("ACK", "", b"").await;
        assert_eq!(phone.next().await, Event::Acknowledged { call, body: None });
        (call, answer)
    }
}

pub fn field(message: &str, name: &str) -> Option<String> {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    let line = lines.find(|line| line.split(':').next() == Some(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

pub fn tag_of(message: &str) -> String {
    let to = field(message, "To").unwrap();
    to.split(";tag=").nth(1).unwrap_or_default().to_owned()
}

pub fn body_of(message: &str) -> &str {
    message.split_once("\r\n\r\n").unwrap().1
}

pub fn trunk(server: SocketAddr, register: Option<u64>) -> Trunk {
    Trunk {
        name: "provider".to_owned(),
        server: server.to_string(),
        transport: Transport::Udp,
        username: "joe".to_owned(),
        password: "secret".to_owned(),
        from_user: Some("4930123".to_owned()),
        register: register.map(Duration::from_secs),
        ..Trunk::default()
    }
}
