//! Kamailio stands between the real program and the world: it registers there, and calls both ways go through it.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use offhook::language::Voice;

use super::baresip::{certificate, converses, rings};
use super::bot::{Bot, LIMIT, free_port, root, terminate, until};
use super::conformance::scenario;
use super::softphone::{Baresip, Wish};
use super::voices::says;

struct Kamailio {
    child: Child,
    port: u16,
    /// Over TLS, with the certificate of [`certificate`].
    tls: u16,
}

impl Kamailio {
    /// With its files in `folder`.
    fn start(folder: &Path) -> Self {
        let (port, tls) = (free_port(), free_port());
        let (certificate, key) = certificate(folder);
        let define = |name: &str, value: String| ["-A".to_owned(), format!("{name}={value}")];
        let child = Command::new("/usr/sbin/kamailio")
            .arg("-f")
            .arg(root().join("tests/it/real/kamailio/kamailio.cfg"))
            .args(define("UDP_AT", format!("udp:127.0.0.1:{port}")))
            .args(define("TCP_AT", format!("tcp:127.0.0.1:{port}")))
            .args(define("TLS_AT", format!("tls:127.0.0.1:{tls}")))
            .args(define("TLS_CERTIFICATE", format!("\"{certificate}\"")))
            .args(define("TLS_KEY", format!("\"{key}\"")))
            .args(["-DD", "-E", "-M", "8", "-Y"])
            .arg(folder)
            .arg("-P")
            .arg(folder.join("kamailio.pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("kamailio cannot be run: {e}; `.ci/setup test` installs it"));
        let kamailio = Self { child, port, tls };
        until("Kamailio", LIMIT, || kamailio.answers(""));
        kamailio
    }

    /// Whether an OPTIONS for `user`, or for itself, is answered with 200.
    fn answers(&self, user: &str) -> Option<()> {
        let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
        socket.connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        let own = socket.local_addr().ok()?;
        let (to, id) = (format!("sip:{user}127.0.0.1:{}", self.port), own.port());
        let request = format!(
            "OPTIONS {to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{id}\r\nFrom: <sip:test@{own}>;tag={id}\r\nTo: <{to}>\r\n\
             Call-ID: {id}@test\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send(request.as_bytes()).ok()?;
        let mut answer = [0; 4096];
        let length = socket.recv(&mut answer).ok()?;
        answer[..length].starts_with(b"SIP/2.0 200").then_some(())
    }

    /// `user` is registered.
    fn knows(&self, user: &str) {
        until("the registration", LIMIT, || self.answers(&format!("{user}@")));
    }
}

impl Drop for Kamailio {
    /// It ends its own processes when it is told to end.
    fn drop(&mut self) {
        terminate(self.child.id());
        self.child.wait().ok();
    }
}

/// The bot, registered at Kamailio as `bot`: over UDP, or over TLS, where it believes the certificate in `folder` and shows the same.
fn registered(kamailio: &Kamailio, transport: &str, folder: &Path, plan: &str, calls: &str) -> Bot {
    let plan = root().join(plan);
    let server = if transport == "tls" {
        kamailio.tls
    } else {
        kamailio.port
    };
    let pem = |name: &str| folder.join(name).display().to_string();
    let (certificate, key, tls) = (pem("certificate.pem"), pem("key.pem"), free_port());
    let config = |own: u16| {
        format!(
            "sip:\n  listen: [\"udp:127.0.0.1:{own}\", \"tcp:127.0.0.1:{own}\", \"tls:127.0.0.1:{tls}\"]\n\
             \x20 tls: {{certificate: {certificate}, key: {key}, authorities: {certificate}}}\n\
             \x20 trunks: [{{name: exchange, server: \"127.0.0.1:{server}\", transport: {transport}, username: bot, password: secret, register: 60s}}]\n\
             rtp: {{ports: 24000-25999}}\nplan: {}\ndata: data\ncalls: {{record: false{calls}}}\n",
            plan.display()
        )
    };
    let bot = Bot::start_with(config, &[("DESK", "http://127.0.0.1:9")]);
    kamailio.knows("bot");
    bot
}

#[test]
fn a_phone_that_rings_through_a_proxy_is_understood() {
    through("udp");
}

#[test]
fn a_phone_that_rings_through_a_proxy_over_tls_is_understood() {
    through("tls");
}

fn through(transport: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let kamailio = Kamailio::start(folder.path());
    let bot = registered(&kamailio, transport, folder.path(), "dialplans/support.yaml", "");
    let question = super::baresip::question();
    let wish = Wish {
        rate: 16_000,
        says: Some(&question),
        ..Wish::default()
    };
    let mut phone = Baresip::start(&folder.path().join("baresip"), "tester", &wish);
    let uri = format!("sip:bot@127.0.0.1:{}", kamailio.port);
    converses(&bot, &mut phone, &uri);
    bot.stop();
}

#[test]
fn a_phone_that_is_rung_through_a_proxy_is_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let kamailio = Kamailio::start(folder.path());
    let words = says(Voice::Joe, super::baresip::SAYS);
    let wish = Wish {
        rate: 16_000,
        says: Some(&words),
        registrar: Some(kamailio.port),
        ..Wish::default()
    };
    let mut phone = Baresip::start(&folder.path().join("baresip"), "desk", &wish);
    kamailio.knows("desk");
    let uri = format!("sip:desk@127.0.0.1:{}", kamailio.port);
    rings(&uri, &mut phone, "pcmu", folder.path());
}

/// Each takes its leave once: through the proxy, which is in the route of both.
#[test]
fn requests_within_a_call_go_through_the_proxy() {
    let folder = tempfile::tempdir().expect("a folder");
    let kamailio = Kamailio::start(folder.path());
    let bot = registered(
        &kamailio,
        "udp",
        folder.path(),
        "tests/it/real/sipp/wire.yaml",
        ", longest: 6s",
    );
    for name in ["proxied", "proxied_hangup", "proxied_asked"] {
        let messages = folder.path().join(format!("{name}.messages"));
        let mut caller = scenario(name, free_port(), &messages);
        let from = if name == "proxied_asked" { "known" } else { name };
        caller
            .args(["-i", "127.0.0.1", "-s", "bot", "-key", "caller", from])
            .args(["-au", "known", "-ap", "secret"])
            .arg(format!("127.0.0.1:{}", kamailio.port));
        let (passed, _) = super::bot::run(&mut caller, LIMIT);
        assert!(
            passed,
            "{name}: {}",
            std::fs::read_to_string(messages).unwrap_or_default()
        );
        let ending = bot.last_call()["ending"].clone();
        let wanted = if name == "proxied_hangup" {
            "the call reached its longest time"
        } else {
            "the caller hung up"
        };
        assert_eq!(ending, wanted, "{name}");
    }
    bot.stop();
}
