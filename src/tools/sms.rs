//! Text messages, by a server that takes them over HTTP: one POST each.
//!
//! It knows one gateway and whom to write to; whether they may be written to the plan decides.

use std::fmt;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::Failure;
use super::clients::{Clients, Network, ask, header_of};

/// A gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    pub url: Url,
    /// Who it is said to come from: a number, or a name where the network shows one.
    pub from: String,
    /// With `user` it is a password (RFC 7617), without a bearer's token (RFC 6750).
    pub token: Option<String>,
    pub user: Option<String>,
    pub format: Format,
    pub names: Names,
    pub network: Network,
}

/// How the body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// What the server calls the parts of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub to: String,
    pub from: String,
    pub text: String,
    /// Of what keeps a message from being sent twice; none: the header `Idempotency-Key` alone has it.
    pub key: Option<String>,
}

/// Digits of a number, with the country's (ITU-T E.164); the least is that of a short code.
const DIGITS: std::ops::RangeInclusive<usize> = 3..=15;

impl Default for Names {
    fn default() -> Self {
        Self {
            to: "to".to_owned(),
            from: "from".to_owned(),
            text: "text".to_owned(),
            key: None,
        }
    }
}

/// Without what it proves itself with.
impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sms({} as {})", self.url.host_str().unwrap_or_default(), self.from)
    }
}

impl Sms {
    /// Sends `text` to a telephone number; what the server answers, null where that is no JSON. With the same `key` a server that heeds it sends once.
    pub(super) async fn send(
        &self,
        clients: &Clients,
        to: &str,
        text: &str,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let to = number(to).ok_or(Failure::NoNumber)?;
        let parts = [
            (Some(&self.names.to), to.as_str()),
            (Some(&self.names.from), self.from.as_str()),
            (Some(&self.names.text), text),
            (
                self.names.key.as_ref().filter(|_| key.is_some()),
                key.unwrap_or_default(),
            ),
        ];
        let parts = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name?.as_str(), value)));
        let request = clients.to(&self.url, self.network)?.post(self.url.clone());
        let mut request = match self.format {
            Format::Json => {
                let body: serde_json::Map<String, Value> =
                    parts.map(|(name, value)| (name.to_owned(), value.into())).collect();
                request.json(&body)
            }
            Format::Form => request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form(parts)),
        };
        if let Some(key) = key {
            request = request.header("Idempotency-Key", header_of(key)?);
        }
        request = match (&self.user, &self.token) {
            (Some(user), password) => request.basic_auth(user, password.as_ref()),
            (None, Some(token)) => request.bearer_auth(token),
            (None, None) => request,
        };
        let answer = ask(request).await?;
        // It was taken: what is said of it beyond that may be of any kind.
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }
}

/// As the query of an address is written (WHATWG URL, section 5).
fn form<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let Ok(mut url) = Url::parse("http://localhost/") else {
        return String::new();
    };
    url.query_pairs_mut().extend_pairs(parts);
    url.query().unwrap_or_default().to_owned()
}

/// `+49 30 123456` without what is there for the eye; `None` where it is no telephone number.
fn number(written: &str) -> Option<String> {
    let written = written.trim();
    let (plus, rest) = match written.strip_prefix('+') {
        Some(rest) => ("+", rest),
        None => ("", written),
    };
    let plain = rest.chars().all(|c| c.is_ascii_digit() || " -()./".contains(c));
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    (plain && DIGITS.contains(&digits.len())).then(|| format!("{plus}{digits}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_written_to_and_nothing_else() {
        for (written, read) in [
            ("+49 30 12-34 (56)", Some("+4930123456")),
            ("030/123456", Some("030123456")),
            (" 11833 ", Some("11833")),
            ("anonymous", None),
            ("sip:alice@host.example", None),
            ("12", None),
            ("+1234567890123456", None),
            ("++4930123456", None),
            ("", None),
        ] {
            assert_eq!(number(written).as_deref(), read, "{written}");
        }
    }

    #[test]
    fn a_form_keeps_what_is_in_it_apart() {
        let parts = [("To", "+4930123456"), ("Body", "a=1&b=2 Grüße\n")];
        assert_eq!(
            form(parts.into_iter()),
            "To=%2B4930123456&Body=a%3D1%26b%3D2+Gr%C3%BC%C3%9Fe%0A"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_none(text in "[-+0-9 ()./a-z]{0,24}") {
            if let Some(number) = number(&text) {
                let digits = number.trim_start_matches('+');
                prop_assert!(DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
