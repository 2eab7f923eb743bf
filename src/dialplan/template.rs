//! Words for machines: addresses, headers and bodies with `${SECRET}` and `{value}` put in.
//!
//! A value cannot change where a request goes: it is percent-encoded as a part of one segment or one query value, and may not stand before
//! the path. Secrets are known here by their names alone; whoever fills a template looks them up, and never shows what was filled.

use super::plan::Value;

/// Text with places for secrets and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    /// The name of an environment variable.
    Secret(String),
    /// A dotted name.
    Value(String),
}

/// An `http` or `https` address whose scheme and host the plan alone decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(Template);

/// Why a template could not be filled. It names names, never contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("the environment has no `{0}`")]
    NoSecret(String),
    #[error("`{0}` has no value")]
    NoValue(String),
    /// It would change the path, or it has a character that may not stand there.
    #[error("the value of `{0}` may not stand there")]
    Unfit(String),
}

/// The longest value that is put into an address or a header, in characters.
const LONGEST_VALUE: usize = 1024;

impl Template {
    /// Parses `source`, or says what is wrong.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            if rest[at..].starts_with('}') {
                return Err(format!("`}}` without `{{` in `{source}`"));
            }
            let secret = rest[..at].ends_with('$');
            literal.push_str(rest[..at].strip_suffix('$').unwrap_or(&rest[..at]));
            let after = &rest[at + 1..];
            let close = after
                .find('}')
                .ok_or_else(|| format!("`{{` without `}}` in `{source}`"))?;
            let name = after[..close].trim();
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(if secret {
                is_secret(name).then(|| Piece::Secret(name.to_owned())).ok_or_else(|| {
                    format!("`${{{name}}}` is no name of an environment variable; write `${{NAME}}` in capitals")
                })?
            } else {
                is_path(name)
                    .then(|| Piece::Value(name.to_owned()))
                    .ok_or_else(|| format!("`{{{name}}}` is no name of a value; write `{{slot}}` or `{{call.id}}`"))?
            });
            rest = &after[close + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self {
            source: source.to_owned(),
            pieces,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The values that are put in.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(name) => Some(name.as_str()),
            Piece::Literal(_) | Piece::Secret(_) => None,
        })
    }

    /// The environment variables that are put in.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            Piece::Literal(_) | Piece::Value(_) => None,
        })
    }

    /// One line of text: a header, a key. A value that is missing or has a control character is refused.
    pub fn line(
        &self,
        secret: &impl Fn(&str) -> Option<String>,
        value: &impl Fn(&str) -> Value,
    ) -> Result<String, Unfilled> {
        let mut line = String::new();
        for piece in &self.pieces {
            let (name, text) = match piece {
                Piece::Literal(text) => {
                    line.push_str(text);
                    continue;
                }
                Piece::Secret(name) => (name, secret(name).ok_or_else(|| Unfilled::NoSecret(name.clone()))?),
                Piece::Value(name) => (name, written(&value(name), name)?),
            };
            if text.chars().any(char::is_control) {
                return Err(Unfilled::Unfit(name.clone()));
            }
            line.push_str(&text);
        }
        Ok(line)
    }

    /// A value of a body. Where it is nothing but one value it keeps its type, and is null where there is none.
    pub fn json(
        &self,
        secret: &impl Fn(&str) -> Option<String>,
        value: &impl Fn(&str) -> Value,
    ) -> Result<serde_json::Value, Unfilled> {
        if let [Piece::Value(name)] = self.pieces.as_slice() {
            return Ok(to_json(&value(name)));
        }
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Secret(name) => text += &secret(name).ok_or_else(|| Unfilled::NoSecret(name.clone()))?,
                Piece::Value(name) => text += &value(name).to_string(),
            }
        }
        Ok(text.into())
    }
}

impl Url {
    /// Parses `source`; a value in the scheme or host, user information, a fragment or a `..` is refused.
    pub fn parse(source: &str) -> Result<Self, String> {
        let template = Template::parse(source)?;
        let literals = template.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Secret(_) | Piece::Value(_) => None,
        });
        for text in literals {
            if let Some(bad) = text
                .chars()
                .find(|c| !c.is_ascii_graphic() || "#\\@<>\"^`|".contains(*c))
            {
                return Err(format!("`{}` may not stand in an address", bad.escape_debug()));
            }
            let low = text.to_ascii_lowercase();
            if low.split(['/', '?']).any(|segment| segment == "..") || low.contains("%2e") || low.contains("%2f") {
                return Err("an address has no `..` in its path".to_owned());
            }
        }
        let value_in_host = || {
            "a value may not stand in the scheme or host of an address: those are fixed by the plan; put it behind the \
             first `/`"
                .to_owned()
        };
        match template.pieces.first() {
            Some(Piece::Secret(_)) => match template.pieces.get(1) {
                None => {}
                Some(Piece::Literal(text)) if text.starts_with(['/', '?']) => {}
                Some(Piece::Value(_)) => return Err(value_in_host()),
                Some(Piece::Literal(_) | Piece::Secret(_)) => {
                    return Err("behind the `${NAME}` that an address begins with comes a `/`".to_owned());
                }
            },
            Some(Piece::Literal(text)) => {
                let rest = text
                    .strip_prefix("https://")
                    .or_else(|| text.strip_prefix("http://"))
                    .ok_or("an address begins with `https://`, `http://` or `${NAME}`")?;
                let mut ended = rest.contains(['/', '?']);
                if rest.starts_with(['/', '?', ':']) || (rest.is_empty() && template.pieces.len() == 1) {
                    return Err("an address has a host".to_owned());
                }
                for piece in &template.pieces[1..] {
                    match piece {
                        _ if ended => break,
                        Piece::Literal(text) => ended = text.contains(['/', '?']),
                        Piece::Secret(_) => {}
                        Piece::Value(_) => return Err(value_in_host()),
                    }
                }
            }
            Some(Piece::Value(_)) => return Err(value_in_host()),
            None => return Err("an address begins with `https://`, `http://` or `${NAME}`".to_owned()),
        }
        Ok(Self(template))
    }

    pub fn template(&self) -> &Template {
        &self.0
    }

    /// The address with everything put in. Do not log it: secrets are in it.
    pub fn fill(
        &self,
        secret: &impl Fn(&str) -> Option<String>,
        value: &impl Fn(&str) -> Value,
    ) -> Result<String, Unfilled> {
        let mut url = String::new();
        // Where the path or the query begins.
        let mut path = None;
        let mut last = String::new();
        for (at, piece) in self.0.pieces.iter().enumerate() {
            match piece {
                Piece::Literal(text) => {
                    let begins = if at == 0 {
                        text.find("://").map_or(0, |at| at + 3)
                    } else {
                        0
                    };
                    if path.is_none()
                        && let Some(found) = text[begins..].find(['/', '?'])
                    {
                        path = Some(url.len() + begins + found);
                    }
                    url.push_str(text);
                }
                Piece::Secret(name) => {
                    let text = secret(name).ok_or_else(|| Unfilled::NoSecret(name.clone()))?;
                    if at == 0 {
                        url.push_str(&base(&text).ok_or_else(|| Unfilled::Unfit(name.clone()))?);
                        path = Some(url.len());
                    } else if path.is_none() {
                        let fine = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
                        if text.is_empty() || !text.chars().all(fine) {
                            return Err(Unfilled::Unfit(name.clone()));
                        }
                        url.push_str(&text);
                    } else {
                        url.push_str(&encoded(&text));
                    }
                }
                Piece::Value(name) => {
                    url.push_str(&encoded(&written(&value(name), name)?));
                    last.clone_from(name);
                }
            }
        }
        let rest = &url[path.unwrap_or(url.len())..];
        let steps = rest.split('?').next().unwrap_or_default();
        if steps.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(Unfilled::Unfit(last));
        }
        Ok(url)
    }
}

/// An address without query and fragment, and without the slash at its end.
fn base(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let fine = !rest.is_empty()
        && !rest.starts_with(['/', ':'])
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"#?@\\<>\"".contains(&byte));
    fine.then(|| text.trim_end_matches('/').to_owned())
}

/// RFC 3986, section 2.3: everything but unreserved characters is encoded.
fn encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn written(value: &Value, name: &str) -> Result<String, Unfilled> {
    let text = value.to_string();
    if text.trim().is_empty() {
        return Err(Unfilled::NoValue(name.to_owned()));
    }
    if text.chars().count() > LONGEST_VALUE {
        return Err(Unfilled::Unfit(name.to_owned()));
    }
    Ok(text)
}

pub(super) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => (*number as i64).into(),
        Value::Number(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Null => serde_json::Value::Null,
    }
}

fn is_secret(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_uppercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_path(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret(name: &str) -> Option<String> {
        match name {
            "CRM" => Some("https://crm.example.com/api/".into()),
            "HOST" => Some("crm.example.com".into()),
            "KEY" => Some("k&1".into()),
            "BAD" => Some("crm\nexample".into()),
            _ => None,
        }
    }

    fn fill(url: &str, id: &str) -> Result<String, Unfilled> {
        let text = Value::Text(id.to_owned());
        Url::parse(url).expect(url).fill(&secret, &|_| text.clone())
    }

    #[test]
    fn a_value_stays_one_segment_or_one_query_value() {
        for (url, id, filled) in [
            ("${CRM}/orders/{id}", "12", "https://crm.example.com/api/orders/12"),
            (
                "${CRM}/orders/{id}",
                "1/2?a=b#c",
                "https://crm.example.com/api/orders/1%2F2%3Fa%3Db%23c",
            ),
            (
                "https://a.b/x?q={id}&k=${KEY}",
                "a b&c=d",
                "https://a.b/x?q=a%20b%26c%3Dd&k=k%261",
            ),
            ("https://${HOST}/{id}", "张", "https://crm.example.com/%E5%BC%A0"),
            ("https://a.b/{id}.json", "..", "https://a.b/...json"),
            ("https://a.b/x?q={id}", "..", "https://a.b/x?q=.."),
        ] {
            assert_eq!(fill(url, id).as_deref(), Ok(filled), "{url} {id}");
        }
        for (url, id) in [
            ("https://a.b/{id}/x", ".."),
            ("https://a.b/.{id}/x", "."),
            ("https://a.b/{id}", ""),
            ("${NONE}/{id}", "1"),
            ("${BAD}/{id}", "1"),
            ("https://${BAD}/{id}", "1"),
        ] {
            assert!(fill(url, id).is_err(), "{url} {id}");
        }
    }

    #[test]
    fn a_value_may_not_stand_where_the_request_goes() {
        for url in [
            "{id}",
            "https://{id}/x",
            "https://a.{id}/x",
            "https://a.b:{id}/x",
            "${CRM}{id}",
            "${CRM}.evil.com/x",
            "${CRM}${KEY}",
            "ftp://a.b/x",
            "https:///x",
            "https://a@b/x",
            "https://a.b/x#y",
            "https://a.b/../x",
            "https://a.b/%2e%2e/x",
            "https://a.b/ x",
            "https://",
            "",
            "https://a.b/{id",
            "https://a.b/${id}",
        ] {
            assert!(Url::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn lines_have_no_line_breaks_and_bodies_keep_types() {
        let line = Template::parse("Bearer ${KEY} {x}").expect("parsed");
        assert_eq!(
            line.line(&secret, &|_| Value::Number(3.0)).as_deref(),
            Ok("Bearer k&1 3")
        );
        let broken = |_: &str| Value::Text("a\r\nX: y".into());
        assert_eq!(line.line(&secret, &broken), Err(Unfilled::Unfit("x".into())));
        let json = |source: &str, value: Value| {
            Template::parse(source)
                .expect(source)
                .json(&secret, &|_| value.clone())
                .expect("filled")
        };
        assert_eq!(json("{n}", Value::Number(3.0)), serde_json::json!(3));
        assert_eq!(json("{n}", Value::Null), serde_json::Value::Null);
        assert_eq!(json("no. {n}", Value::Number(2.5)), serde_json::json!("no. 2.5"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_or_refused(source in "\\PC{0,40}|(https?://|\\$\\{A\\})[a-z./?{}$#@]{0,20}") {
            if let Ok(url) = Url::parse(&source) {
                let _ = url.fill(&secret, &|_| Value::Text("..".into()));
            }
        }

        /// Whatever the caller said, the request goes to the same host, and its path has as many segments.
        #[test]
        fn no_value_changes_host_or_path(id in "\\PC{1,20}|[./?#@:%\\\\]{1,6}") {
            if let Ok(url) = fill("https://a.b/x/{id}/y?q={id}", &id) {
                let rest = url.strip_prefix("https://a.b/x/").expect("the host stays");
                let (path, query) = rest.split_once('?').expect("a query");
                prop_assert_eq!(path.matches('/').count(), 1);
                prop_assert!(!query.contains(['/', '&', '#', '?']));
                prop_assert!(!rest.contains(['#', '@', ' ']));
            }
        }
    }
}
