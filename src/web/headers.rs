//! What the headers of a request tell: from which page it comes, from which address, and by whose session.
//!
//! Functions of headers; whether a session is open is asked elsewhere.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST, ORIGIN};

use super::openid::Errand;
use crate::config;
use crate::store::people::Token;

/// The origins (RFC 6454) of our own pages.
pub struct Origins(Vec<String>);

impl Origins {
    /// As configured, or what a browser on this machine calls `local`.
    pub fn of(config: &config::Web, local: SocketAddr) -> Self {
        Self(match &config.origin {
            Some(origin) => vec![origin.clone()],
            None => {
                let port = local.port();
                let named = [local.to_string(), format!("localhost:{port}")];
                named
                    .map(|host| format!("http://{}", host.trim_end_matches(":80")))
                    .to_vec()
            }
        })
    }

    /// Whether a request comes from one of our pages: its browser says so in Origin, and in Sec-Fetch-Site if it has that. A name
    /// that somebody else's DNS leads here is not among ours. Who sends neither is no browser, and may name the origin.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let told = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let from_ours = told(ORIGIN.as_str()).is_some_and(|origin| self.0.iter().any(|ours| ours == origin));
        from_ours && told("sec-fetch-site").is_none_or(|site| site == "same-origin")
    }

    /// The one of ours that the browser came to, or else the first.
    pub fn visited(&self, headers: &HeaderMap) -> &str {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let of_host = |origin: &&String| origin.split_once("://").map(|(_, named)| named) == host;
        let visited = self.0.iter().find(of_host).or_else(|| self.0.first());
        visited.map(String::as_str).unwrap_or_default()
    }
}

/// Whether one of our own pages led here, as a browser says of a link that is followed.
pub fn followed(headers: &HeaderMap) -> bool {
    let told = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    told == Some("same-origin")
}

/// Who sent it: `peer`, or whom a proxy of ours says it is for.
pub fn address(headers: &HeaderMap, peer: IpAddr, proxies: &[IpAddr]) -> IpAddr {
    let ours = |ip: &IpAddr| proxies.contains(&ip.to_canonical());
    let peer = peer.to_canonical();
    if !ours(&peer) {
        return peer;
    }
    // Each proxy adds whom it heard at the end; what stands before the first that is not ours is hearsay.
    let lines = headers.get_all("x-forwarded-for").iter();
    let told: Vec<&str> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .collect();
    let mut nearest = peer;
    for text in told.iter().rev().map(|text| text.trim()) {
        let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
        let Some(ip) = text.parse().ok().or_else(with_port) else {
            break;
        };
        nearest = IpAddr::to_canonical(&ip);
        if !ours(&nearest) {
            break;
        }
    }
    nearest
}

/// How sessions are kept by browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// Sent over TLS alone, and from no other host (`__Host-`).
    Secure,
    /// On loopback, which needs no TLS.
    Local,
}

impl Cookies {
    pub fn of(config: &config::Web) -> Self {
        match &config.origin {
            Some(_) => Cookies::Secure,
            None if config.listen.ip().is_loopback() => Cookies::Local,
            None => Cookies::Secure,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Cookies::Secure => "__Host-offhook",
            Cookies::Local => "offhook",
        }
    }

    /// For the way to the OpenID provider and back.
    fn errand(self) -> &'static str {
        match self {
            Cookies::Secure => "__Host-offhook-openid",
            Cookies::Local => "offhook-openid",
        }
    }

    /// The token that a browser sent.
    pub fn read(self, headers: &HeaderMap) -> Option<Token> {
        Token::read(sent(headers, self.name())?)
    }

    /// What a browser that went to the OpenID provider brought back.
    pub fn read_errand(self, headers: &HeaderMap) -> Option<Errand> {
        Errand::read(sent(headers, self.errand())?)
    }

    /// A Set-Cookie that keeps `text` for `seconds`; 0 takes it away.
    pub fn write(self, text: &str, seconds: u64) -> String {
        self.kept(self.name(), text, "Strict", seconds)
    }

    /// As [`Cookies::write`], and sent when another site leads back to us.
    pub fn write_errand(self, text: &str, seconds: u64) -> String {
        self.kept(self.errand(), text, "Lax", seconds)
    }

    fn kept(self, name: &str, text: &str, site: &str, seconds: u64) -> String {
        let secure = match self {
            Cookies::Secure => "; Secure",
            Cookies::Local => "",
        };
        format!("{name}={text}; Path=/; HttpOnly; SameSite={site}; Max-Age={seconds}{secure}")
    }
}

/// The value of the cookie `name`.
fn sent<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, text) = pairs.find(|(other, _)| *other == name)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;
    use crate::clock;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (HeaderName::from_static(name), value)
        });
        lines.collect()
    }

    fn config(listen: &str, origin: Option<&str>) -> config::Web {
        config::Web {
            listen: listen.parse().expect("an address"),
            origin: origin.map(str::to_owned),
            ..config::Web::default()
        }
    }

    #[test]
    fn only_our_own_pages_write() {
        let local = Origins::of(
            &config("127.0.0.1:0", None),
            "127.0.0.1:8080".parse().expect("an address"),
        );
        let behind = Origins::of(
            &config("127.0.0.1:8080", Some("https://desk.example")),
            "127.0.0.1:8080".parse().expect("an address"),
        );
        for (origins, origin, site, admitted) in [
            (&local, "http://127.0.0.1:8080", Some("same-origin"), true),
            (&local, "http://localhost:8080", None, true),
            (&local, "http://127.0.0.1:8081", None, false),
            (&local, "https://127.0.0.1:8080", None, false),
            (&local, "http://rebound.example:8080", Some("same-origin"), false),
            (&local, "null", None, false),
            (&behind, "https://desk.example", Some("same-origin"), true),
            (&behind, "https://desk.example", Some("cross-site"), false),
            (&behind, "https://desk.example", Some("same-site"), false),
            (&behind, "https://desk.example.evil.example", None, false),
            (&behind, "http://127.0.0.1:8080", None, false),
        ] {
            let mut told = vec![("origin", origin)];
            told.extend(site.map(|site| ("sec-fetch-site", site)));
            assert_eq!(origins.admit(&headers(&told)), admitted, "{told:?}");
        }
        assert!(!local.admit(&headers(&[])));
        assert!(!local.admit(&headers(&[("sec-fetch-site", "same-origin")])));
        let at_80 = Origins::of(
            &config("127.0.0.1:80", None),
            "127.0.0.1:80".parse().expect("an address"),
        );
        assert!(at_80.admit(&headers(&[("origin", "http://localhost")])));
    }

    #[test]
    fn a_proxy_is_believed_and_nobody_else() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let proxies = [ip("127.0.0.1"), ip("192.0.2.9")];
        for (peer, told, right) in [
            ("198.51.100.1", "203.0.113.1", "198.51.100.1"),
            ("127.0.0.1", "203.0.113.1", "203.0.113.1"),
            ("::ffff:127.0.0.1", "203.0.113.1", "203.0.113.1"),
            ("127.0.0.1", "10.0.0.1, 203.0.113.1", "203.0.113.1"),
            ("127.0.0.1", "10.0.0.1, 203.0.113.1, 192.0.2.9", "203.0.113.1"),
            ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("127.0.0.1", "203.0.113.1, unknown", "127.0.0.1"),
            ("127.0.0.1", "", "127.0.0.1"),
        ] {
            let told = headers(&[("x-forwarded-for", told)]);
            assert_eq!(address(&told, ip(peer), &proxies), ip(right), "{peer} {told:?}");
        }
        assert_eq!(address(&headers(&[]), ip("127.0.0.1"), &proxies), ip("127.0.0.1"));
    }

    #[test]
    fn a_session_is_read_from_among_cookies() {
        let token = Token::draw();
        let line = format!("theme=dark; offhook={}; x", token.text());
        assert_eq!(Cookies::Local.read(&headers(&[("cookie", &line)])), Some(token));
        assert_eq!(Cookies::Secure.read(&headers(&[("cookie", &line)])), None);
        for line in ["", "offhook", "offhook=", "offhook=a", "=;=;;"] {
            assert_eq!(Cookies::Local.read(&headers(&[("cookie", line)])), None, "{line}");
        }
    }

    #[test]
    fn who_goes_to_the_provider_comes_back_where_they_were() {
        let local = Origins::of(
            &config("127.0.0.1:0", None),
            "127.0.0.1:8080".parse().expect("an address"),
        );
        for (host, visited) in [
            ("localhost:8080", "http://localhost:8080"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("evil.example", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(local.visited(&headers(&[("host", host)])), visited);
        }
        assert_eq!(local.visited(&headers(&[])), "http://127.0.0.1:8080");
        for (site, ours) in [
            ("same-origin", true),
            ("same-site", false),
            ("cross-site", false),
            ("none", false),
        ] {
            assert_eq!(followed(&headers(&[("sec-fetch-site", site)])), ours, "{site}");
        }
        assert!(!followed(&headers(&[])));
        let errand = Errand::begin(clock::wall());
        let line = format!("offhook=x; offhook-openid={}", errand.text());
        assert_eq!(Cookies::Local.read_errand(&headers(&[("cookie", &line)])), Some(errand));
        assert_eq!(Cookies::Secure.read_errand(&headers(&[("cookie", &line)])), None);
        let lax = "__Host-offhook-openid=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure";
        assert_eq!(Cookies::Secure.write_errand("t", 600), lax);
    }

    #[test]
    fn off_loopback_a_session_is_for_tls_alone() {
        let behind = config("127.0.0.1:8080", Some("https://desk.example"));
        assert_eq!(Cookies::of(&behind), Cookies::Secure);
        assert_eq!(Cookies::of(&config("192.0.2.1:80", None)), Cookies::Secure);
        assert_eq!(Cookies::of(&config("[::1]:80", None)), Cookies::Local);
        let secure = "__Host-offhook=t; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure";
        assert_eq!(Cookies::Secure.write("t", 60), secure);
        assert!(!Cookies::Local.write("t", 60).contains("Secure"));
    }

    proptest! {
        #[test]
        fn any_headers_are_read_or_passed_over(name in 0..4_usize, value: Vec<u8>, text in "[a-z=;,.:\\[\\] 0-9\"]{0,40}") {
            let origins = Origins(vec!["http://localhost".into()]);
            let mut headers = HeaderMap::new();
            for value in [value.as_slice(), text.as_bytes()] {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(["origin", "sec-fetch-site", "cookie", "x-forwarded-for"][name], value);
                }
            }
            prop_assert!(!origins.admit(&headers));
            prop_assert_eq!(Cookies::Local.read(&headers), None);
            prop_assert_eq!(Cookies::Local.read_errand(&headers), None);
            address(&headers, [127, 0, 0, 1].into(), &[[127, 0, 0, 1].into()]);
        }
    }
}
