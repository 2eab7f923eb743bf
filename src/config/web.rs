//! `web`: where people sign in with a browser. Without it nothing is listened on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{OpenId, Reader, openid};
use crate::browser::IceServer;
use crate::document::{Fields, Node, read};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// HTTP; TLS is a reverse proxy's.
    pub listen: SocketAddr,
    /// Scheme, host and port that browsers see, where that is not `listen` on loopback: `https://desk.example`.
    pub origin: Option<String>,
    /// Reverse proxies, whose X-Forwarded-For is believed.
    pub proxies: Vec<IpAddr>,
    /// From signing in until one has to again.
    pub session: Duration,
    /// Servers that help browsers to find the way, or carry their sound (STUN, TURN).
    pub ice: Vec<IceServer>,
    /// What a call may have come to, for agents to choose from.
    pub dispositions: Vec<String>,
    /// Why agents pause.
    pub pauses: Vec<String>,
    /// Who proves who people are, beside their passwords.
    pub openid: Option<OpenId>,
}

/// Dispositions, and pauses.
const MOST: usize = 32;

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            origin: None,
            proxies: Vec::new(),
            // A long shift.
            session: Duration::from_secs(12 * 3600),
            ice: Vec::new(),
            dispositions: ["solved", "follow up", "complaint", "wrong number"]
                .map(str::to_owned)
                .to_vec(),
            pauses: ["break", "lunch", "meeting", "training"].map(str::to_owned).to_vec(),
            openid: None,
        }
    }
}

pub(super) fn web(node: &Node, reader: &mut Reader<'_>) -> Web {
    let mut web = Web::default();
    let known = [
        "listen",
        "origin",
        "proxies",
        "session",
        "ice",
        "dispositions",
        "pauses",
        "openid",
    ];
    let Some(fields) = Fields::of(node, "`web`", &known, reader.problems) else {
        return web;
    };
    let right = "an address and a port, such as 127.0.0.1:8080";
    web.listen = reader.parsed(&fields, "listen", right).unwrap_or(web.listen);
    if let Some(text) = fields.text("origin", reader.problems) {
        web.origin = origin(&text);
        if web.origin.is_none() {
            let message = format!(
                "`origin: {text}` should be what browsers go to, such as https://desk.example: with TLS, since they keep passwords and microphones from a page without"
            );
            reader.problems.error(fields.place(), message);
        }
    } else if !web.listen.ip().is_loopback() {
        let message = format!(
            "`web` listens on {}, where it has no TLS and browsers refuse to sign in; write `origin: https://…` as your reverse proxy is called, or listen on 127.0.0.1",
            web.listen
        );
        reader.problems.error(fields.place(), message);
    }
    if let Some(node) = fields.get("proxies") {
        for text in read::texts(node, "proxies", reader.problems) {
            match text.parse() {
                Ok(ip) => web.proxies.push(ip),
                Err(_) => reader
                    .problems
                    .error(node.place, format!("`proxies`: `{text}` should be an IP address")),
            }
        }
    }
    let minute = Duration::from_secs(60);
    let session = fields.span("session", minute..=minute * 60 * 24 * 30, reader.problems);
    web.session = session.unwrap_or(web.session);
    if let Some(node) = fields.get("ice") {
        web.ice = ice(node, reader);
    }
    for (key, list) in [("dispositions", &mut web.dispositions), ("pauses", &mut web.pauses)] {
        let Some(node) = fields.get(key) else { continue };
        *list = read::texts(node, key, reader.problems);
        if list.len() > MOST {
            let message = format!("`{key}` should be at most {MOST} names");
            reader.problems.error(node.place, message);
        }
    }
    web.openid = fields.get("openid").and_then(|node| openid::openid(node, reader));
    web
}

/// `[{urls: [turn:turn.example:3478?transport=udp], username: desk, credential: …}]`
fn ice(node: &Node, reader: &mut Reader<'_>) -> Vec<IceServer> {
    let servers = read::list(node, "ice", reader.problems).iter();
    servers
        .filter_map(|node| {
            let fields = Fields::of(node, "`ice`", &["urls", "username", "credential"], reader.problems)?;
            let urls = fields
                .get("urls")
                .map(|urls| read::texts(urls, "urls", reader.problems))
                .unwrap_or_default();
            let good = |url: &String| ["stun:", "turn:"].iter().any(|scheme| url.starts_with(scheme));
            if urls.is_empty() || !urls.iter().all(good) {
                let message =
                    "`urls` should be of STUN or TURN over UDP, such as [\"turn:turn.example:3478?transport=udp\"]";
                reader.problems.error(fields.place(), message.to_owned());
            }
            Some(IceServer {
                urls,
                username: fields.text("username", reader.problems).unwrap_or_default(),
                credential: fields
                    .text("credential", reader.problems)
                    .map(|text| reader.secret(&text, fields.place()))
                    .unwrap_or_default(),
            })
        })
        .collect()
}

/// `https://host` or `https://host:port` as browsers write it (RFC 6454 section 6.2).
fn origin(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let host = text.strip_prefix("https://")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let good = !host.is_empty() && host.bytes().all(plain);
    good.then(|| text.trim_end_matches(":443").to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn the_page_is_served_where_it_is_asked_for() {
        let web = |text: &str| parse(text).expect("a configuration").web;
        assert_eq!(web("{}"), None);
        assert_eq!(web("web: {}"), Some(Web::default()));
        let written = "web: {listen: 192.0.2.10:80, origin: \"https://Desk.Example:443/\", proxies: [192.0.2.1, \"::1\"], session: 8h}";
        let read = Web {
            listen: "192.0.2.10:80".parse().expect("an address"),
            origin: Some("https://desk.example".into()),
            proxies: vec![IpAddr::from([192, 0, 2, 1]), "::1".parse().expect("an address")],
            session: Duration::from_secs(8 * 3600),
            ..Web::default()
        };
        assert_eq!(web(written), Some(read));
        let desk = "web: {ice: [{urls: [\"turn:turn.example:3478\"], username: desk, credential: s3cret}], dispositions: [paid], pauses: [tea]}";
        let turn = IceServer {
            urls: vec!["turn:turn.example:3478".into()],
            username: "desk".into(),
            credential: "s3cret".into(),
        };
        let read = web(desk).expect("a page");
        assert_eq!(
            (read.dispositions, read.pauses),
            (vec!["paid".to_owned()], vec!["tea".to_owned()])
        );
        assert!(!format!("{:?}", read.ice).contains("s3cret"));
        assert_eq!(read.ice, [turn]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (keys, told) in [
            ("listen: 8080", "an address and a port"),
            ("listen: \"0.0.0.0:8080\"", "listen on 127.0.0.1"),
            ("origin: \"http://desk.example\"", "such as https://desk.example"),
            ("origin: \"https://desk.example/desk\"", "such as https://desk.example"),
            ("origin: \"https://\"", "such as https://desk.example"),
            ("proxies: [proxy.example]", "should be an IP address"),
            ("session: 1s", "`session` should be between"),
            ("port: 80", "`web` has no `port`"),
            ("ice: [{urls: [\"http://turn.example\"]}]", "STUN or TURN over UDP"),
        ] {
            let problems = parse(&format!("web: {{{keys}}}\n")).expect_err(keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
    }
}
