//! The other end of calls that are placed: a server of a trunk, or a telephone, that says what it is told to, and the sound of who answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use crate::audio::codec::Codec;
use crate::audio::{FRAME_DURATION, Frame};
use crate::clock;
use crate::rtp::{self, RtpStream};
use crate::sdp::{self, Capabilities};

/// For whatever is waited for.
pub const LIMIT: Duration = Duration::from_secs(30);

pub async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let limit = tokio::time::timeout(LIMIT, wait).await;
    limit.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A trunk's server, which says what it is told to.
pub struct Network(UdpSocket);

impl Network {
    pub async fn open() -> Self {
        Self(UdpSocket::bind("127.0.0.1:0").await.expect("a port"))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    async fn read(&self) -> (String, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        let (len, from) = soon("a message", self.0.recv_from(&mut buffer))
            .await
            .expect("a datagram");
        (String::from_utf8_lossy(&buffer[..len]).into_owned(), from)
    }

    /// The next request of this method; what comes before it is passed over.
    pub async fn reads(&self, method: &str) -> (String, SocketAddr) {
        loop {
            let (message, from) = self.read().await;
            if message.starts_with(&format!("{method} ")) {
                return (message, from);
            }
        }
    }

    pub async fn responds(&self, (request, from): &(String, SocketAddr), status: &str, body: &str) {
        let kept = |line: &&str| {
            ["Via:", "From:", "Call-ID:", "CSeq:"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let lines: Vec<&str> = request
            .lines()
            .take_while(|line| !line.is_empty())
            .filter(kept)
            .collect();
        let to = field(request, "To");
        let tag = if to.contains(";tag=") { "" } else { ";tag=network" };
        let port = self.address().port();
        let message = format!(
            "SIP/2.0 {status}\r\n{}\r\nTo: {to}{tag}\r\nContact: <sip:network@127.0.0.1:{port}>\r\n{}Content-Length: {}\r\n\r\n{body}",
            lines.join("\r\n"),
            if body.is_empty() {
                ""
            } else {
                "Content-Type: application/sdp\r\n"
            },
            body.len()
        );
        self.0.send_to(message.as_bytes(), from).await.expect("sent");
    }

    /// Refuses it, and is told that this was understood.
    pub async fn refuses(&self, invite: &(String, SocketAddr), status: &str) {
        self.responds(invite, status, "").await;
        self.reads("ACK").await;
    }

    /// It is given up while it rings.
    pub async fn is_given_up(&self, invite: &(String, SocketAddr)) {
        let cancel = self.reads("CANCEL").await;
        self.responds(&cancel, "200 OK", "").await;
        self.refuses(invite, "487 Request Terminated").await;
    }

    /// Answers it, and can be spoken with.
    pub async fn answers(&self, invite: &(String, SocketAddr)) -> Telephone {
        let (telephone, body) = Telephone::of(&invite.0).await;
        self.responds(invite, "200 OK", &body).await;
        self.reads("ACK").await;
        telephone
    }

    /// Who was called hangs up.
    pub async fn hangs_up(&self, (invite, from): &(String, SocketAddr)) {
        let port = self.address().port();
        let target = field(invite, "Contact");
        let target = target.trim_start_matches('<').split('>').next().unwrap_or_default();
        let bye = format!(
            "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKbye{};rport\r\nFrom: {};tag=network\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            field(invite, "Call-ID"),
            field(invite, "To"),
            field(invite, "From"),
            field(invite, "Call-ID"),
        );
        self.0.send_to(bye.as_bytes(), from).await.expect("sent");
    }

    /// The bot does.
    pub async fn is_hung_up_on(&self) {
        let bye = self.reads("BYE").await;
        self.responds(&bye, "200 OK", "").await;
    }
}

pub fn field(message: &str, name: &str) -> String {
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// The sound of who was called.
pub struct Telephone {
    socket: UdpSocket,
    pub stream: RtpStream,
    tick: tokio::time::Interval,
}

impl Telephone {
    /// And its answer to the offer of an INVITE.
    pub async fn of(invite: &str) -> (Self, String) {
        let (_, offer) = invite.split_once("\r\n\r\n").expect("an offer");
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let local = sdp::Local::new(address, 1, sdp::Secret::drawn(|| 7));
        let telephones = Capabilities {
            codecs: vec![Codec::Pcma],
            ..Capabilities::default()
        };
        let (answer, media) = sdp::answer(offer.as_bytes(), &local, &telephones).expect("a codec in common");
        let telephone = Self {
            socket,
            stream: RtpStream::new(clock::now(), media.peer(), rtp::Config::default(), 1),
            tick: tokio::time::interval(FRAME_DURATION),
        };
        (telephone, answer)
    }

    /// 20 ms: says this, and what it hears.
    pub async fn step(&mut self, says: &Frame) -> Frame {
        self.tick.tick().await;
        let now = clock::now();
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.socket.try_recv_from(&mut buffer) {
            self.stream.handle_datagram(now, from, &buffer[..len]);
        }
        if let Some((to, datagram)) = self.stream.send(now, says) {
            self.socket.send_to(&datagram, to).await.expect("sent");
        }
        self.stream.tick(now).frame
    }

    /// Says nothing until it has heard so much.
    pub async fn hears(&mut self, sound: Duration) {
        let mut loud = Duration::ZERO;
        let heard = async {
            while loud < sound {
                if self.step(&Frame::silence()).await.level() > -40.0 {
                    loud += FRAME_DURATION;
                }
            }
        };
        soon("the bot's voice", heard).await;
    }

    /// Is there, and says nothing, as long as that takes.
    pub async fn through<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        soon("what comes of it", async {
            loop {
                tokio::select! {
                    done = &mut wait => return done,
                    _ = self.step(&Frame::silence()) => {}
                }
            }
        })
        .await
    }
}
