//! `web.openid`: an OpenID provider that proves who people are, in the place of a password.

use reqwest::Url;

use super::Reader;
use crate::dialogue::model::Secret;
use crate::document::{Fields, Node};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenId {
    /// As the provider writes it (OpenID Connect Discovery 1.0 section 2), to the last slash.
    pub issuer: String,
    pub client_id: String,
    /// None: a public client, which PKCE alone protects.
    pub client_secret: Option<Secret>,
    /// What people call the provider.
    pub name: String,
    pub claim: Claim,
}

/// What the provider tells of somebody that is their name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    PreferredUsername,
    /// Where the provider says that it is verified.
    Email,
    /// The one that never changes.
    Subject,
}

impl OpenId {
    /// Whether nobody on the way reads what is sent to `url`: over TLS, or on this machine.
    pub fn is_private(url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address = host.parse::<std::net::IpAddr>();
        match url.scheme() {
            "https" => true,
            "http" => host == "localhost" || address.is_ok_and(|ip| ip.is_loopback()),
            _ => false,
        }
    }
}

pub(super) fn openid(node: &Node, reader: &mut Reader<'_>) -> Option<OpenId> {
    let known = ["issuer", "client_id", "client_secret", "name", "claim"];
    let fields = Fields::of(node, "`openid`", &known, reader.problems)?;
    let issuer = reader.needed(&fields, "issuer");
    let client_id = reader.needed(&fields, "client_id");
    let client_secret = fields
        .text("client_secret", reader.problems)
        .map(|text| Secret::new(reader.secret(&text, fields.place())));
    let name = fields.text("name", reader.problems);
    let claims = [
        ("preferred_username", Claim::PreferredUsername),
        ("email", Claim::Email),
        ("sub", Claim::Subject),
    ];
    let claim = fields.one_of("claim", &claims, reader.problems);
    let issuer = issuer?;
    let url = Url::parse(&issuer).ok().filter(|url| {
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        plain && OpenId::is_private(url)
    });
    let Some(url) = url else {
        let message = format!(
            "`issuer: {issuer}` should be what the provider calls itself, such as https://login.example, without `?` and `#`; without TLS it may only be on this machine"
        );
        reader.problems.error(fields.place(), message);
        return None;
    };
    Some(OpenId {
        name: name.unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned()),
        issuer,
        client_id: client_id?,
        client_secret,
        claim: claim.unwrap_or(Claim::PreferredUsername),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn a_provider_is_read() {
        let read = |text: &str| parse(text).expect("a configuration").web.and_then(|web| web.openid);
        assert_eq!(read("web: {}"), None);
        let least = "web: {openid: {issuer: \"https://login.example/realms/desk/\", client_id: offhook}}";
        let known = OpenId {
            issuer: "https://login.example/realms/desk/".into(),
            client_id: "offhook".into(),
            client_secret: None,
            name: "login.example".into(),
            claim: Claim::PreferredUsername,
        };
        assert_eq!(read(least), Some(known.clone()));
        let all = "web: {openid: {issuer: \"http://127.0.0.1:9000\", client_id: offhook, client_secret: \"${PASSWORD}\", name: Example, claim: email}}";
        let all = read(all).expect("read");
        assert_eq!(all.client_secret, Some(Secret::new("secret")));
        assert!(!format!("{all:?}").contains("secret\""), "it is not shown");
        assert_eq!((all.name.as_str(), all.claim), ("Example", Claim::Email));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (keys, told) in [
            ("client_id: a", "needs `issuer`"),
            ("issuer: \"https://login.example\"", "needs `client_id`"),
            ("issuer: \"http://login.example\", client_id: a", "without TLS"),
            ("issuer: login.example, client_id: a", "such as https://login.example"),
            ("issuer: \"https://login.example?x=1\", client_id: a", "without `?`"),
            ("issuer: \"https://me@login.example\", client_id: a", "such as https"),
            ("issuer: \"ftp://127.0.0.1\", client_id: a", "such as https"),
            (
                "issuer: \"https://login.example\", client_id: a, claim: name",
                "preferred_username, email, sub",
            ),
            (
                "issuer: \"https://login.example\", client_id: a, client_secret: \"${NOWHERE}\"",
                "`NOWHERE`",
            ),
            (
                "issuer: \"https://login.example\", client_id: a, realm: x",
                "`openid` has no `realm`",
            ),
        ] {
            let problems = parse(&format!("web: {{openid: {{{keys}}}}}\n")).expect_err(keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
    }

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for (url, private) in [
            ("https://login.example/token", true),
            ("http://localhost:9000/", true),
            ("http://127.0.0.2/", true),
            ("http://[::1]:9000/", true),
            ("http://login.example/", false),
            ("http://127.0.0.1.login.example/", false),
            ("http://192.0.2.1/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(OpenId::is_private(&Url::parse(url).expect("a URL")), private, "{url}");
        }
    }
}
