//! Pieces of SIP's grammar, as functions of text: URIs, addresses, Via. It reads and mends values; it knows no message.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::sip::Party;
use crate::sip::network::is_private;

/// Reads `"Display" <sip:user@host>;tag=x`, or the form without brackets, in which what follows a semicolon is no part
/// of the URI.
pub(in crate::sip) fn party(value: &str) -> Party {
    let Some((before, uri)) = bracketed(value) else {
        return party_of_uri(value.split(';').next().unwrap_or_default());
    };
    let display = unquote(before.trim());
    Party {
        display: Some(display).filter(|display| !display.is_empty()),
        ..party_of_uri(uri)
    }
}

pub(in crate::sip) fn party_of_uri(uri: &str) -> Party {
    let uri = uri.trim();
    let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (user.split(':').next().unwrap_or_default(), host),
        None if scheme.eq_ignore_ascii_case("tel") => (rest.split(';').next().unwrap_or_default(), ""),
        None => ("", rest),
    };
    let host = host.split([';', '?']).next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => host,
    };
    Party {
        display: None,
        user: unescape(user),
        host: host.trim_matches(['[', ']']).to_owned(),
        uri: uri.to_owned(),
    }
}

/// The URI of one Contact, and the parameters after it (RFC 3261 §20.10): without brackets they are the header's, not the URI's.
pub(in crate::sip) fn contact(value: &str) -> Option<(&str, &str)> {
    let (uri, parameters) = match bracketed(value) {
        Some((before, uri)) => (uri, value.get(before.len() + uri.len() + 2..)?),
        None => value.split_at_checked(value.find(';').unwrap_or(value.len()))?,
    };
    Some((uri.trim(), parameters)).filter(|(uri, _)| !uri.is_empty())
}

/// The Contact with `source` for its host and port, where it names an address of a private network.
pub(in crate::sip) fn contact_from(value: &str, source: SocketAddr) -> Option<String> {
    let (uri, _) = contact(value)?;
    let (head, rest) = match uri.rsplit_once('@') {
        Some((user, rest)) => (user.len() + 1, rest),
        None => (uri.find(':')? + 1, uri.split_once(':')?.1),
    };
    let host = rest.split([';', '?', '>']).next()?;
    let named: IpAddr = match host.parse::<SocketAddr>() {
        Ok(address) => address.ip(),
        Err(_) => host.trim_matches(['[', ']']).parse().ok()?,
    };
    if !is_private(named.to_canonical()) {
        return None;
    }
    let before = value.find(uri)?.checked_add(head)?;
    let (start, after) = (value.get(..before)?, value.get(before.checked_add(host.len())?..)?);
    Some(format!(
        "{start}{}{after}",
        SocketAddr::new(source.ip().to_canonical(), source.port())
    ))
}

/// The value of `;name=value` among parameters.
pub(in crate::sip) fn parameter<'a>(parameters: &'a str, wanted: &str) -> Option<&'a str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"'))
}

/// What stands before the first `<` that is not quoted, and what between it and its `>`.
fn bracketed(value: &str) -> Option<(&str, &str)> {
    let open = outside_quotes(value).find(|(_, letter)| *letter == '<')?.0;
    let (before, rest) = value.split_at_checked(open)?;
    let uri = rest.strip_prefix('<')?.split('>').next()?;
    Some((before, uri))
}

fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

/// `%41` becomes `A`; an escape that is none stays (RFC 4475 §3.1.1.5), and so does one that would make no UTF-8.
pub(in crate::sip) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = if *first == b'%' { tail.get(..2) } else { None };
        let escaped = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped.zip(tail.get(2..)) {
            Some((byte, after)) if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => {
                bytes.push(byte);
                rest = after;
            }
            Some(_) | None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Escapes what may stand plain in a user part (RFC 3261 §25.1 user-unreserved), but which the library takes for its
/// end.
pub(in crate::sip) fn escape_user(uri: &str) -> String {
    match uri.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.replace(';', "%3B").replace('?', "%3F")),
        None => uri.to_owned(),
    }
}

/// [`escape_user`] in each bracketed URI of a Contact.
pub(in crate::sip) fn escape_contact(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, uri)) = bracketed(rest) {
        let end = before.len() + uri.len() + 1;
        out.push_str(before);
        out.push('<');
        out.push_str(&escape_user(uri));
        rest = rest.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Whether the host of a SIP or tel URI is a name, an IPv4 address or a bracketed IPv6 address, and its port a port.
pub(in crate::sip) fn host_is_sound(uri: &str) -> bool {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let host = rest.split([';', '?']).next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("tel") {
        let digit = |byte: u8| byte.is_ascii_hexdigit() || b"+-.()*#".contains(&byte);
        return !host.is_empty() && host.bytes().all(digit);
    }
    sent_by(host).is_some()
}

/// The port of `host[:port]`; `None` where it is neither.
fn sent_by(host: &str) -> Option<Option<u16>> {
    let (sound, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, rest)) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        None => {
            let (name, port) = host.split_at_checked(host.find(':').unwrap_or(host.len()))?;
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!name.is_empty() && name.bytes().all(letter), port)
        }
    };
    match port.strip_prefix(':') {
        _ if !sound => None,
        Some(port) => Some(Some(port.parse().ok()?)),
        None if port.is_empty() => Some(None),
        None => None,
    }
}

/// Where the answer to a request with this topmost Via goes: `Some(None)` is the port the request came from (RFC 3581),
/// `None` a Via that does not say.
pub(in crate::sip) fn via_port(via: &str) -> Option<Option<u16>> {
    let (protocol, rest) = via.split_once(' ')?;
    if protocol.split('/').count() != 3 {
        return None;
    }
    let mut parameters = rest.trim().split(';');
    let port = sent_by(parameters.next()?.trim())?;
    let rport = parameters.any(|parameter| name_of(parameter).eq_ignore_ascii_case("rport"));
    Some(if rport { None } else { Some(port.unwrap_or(5060)) })
}

/// The Via with `received` and `rport` as a server writes them (RFC 3261 §18.2.1, RFC 3581 §4).
pub(in crate::sip) fn via_seen_from(via: &str, source: SocketAddr) -> String {
    let mut parameters = via.split(';');
    let mut out = parameters.next().unwrap_or_default().to_owned();
    for parameter in parameters {
        match name_of(parameter).to_ascii_lowercase().as_str() {
            "received" => {}
            "rport" => out.push_str(&format!(";rport={}", source.port())),
            _ => {
                out.push(';');
                out.push_str(parameter);
            }
        }
    }
    match source.ip() {
        IpAddr::V4(address) => out.push_str(&format!(";received={address}")),
        IpAddr::V6(address) => out.push_str(&format!(";received=[{address}]")),
    }
    out
}

fn name_of(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default().trim()
}

/// The tag of a To, outside of its URI.
pub(in crate::sip) fn tag(value: &str) -> Option<&str> {
    let (_, parameters) = contact(value)?;
    parameter(parameters, "tag")
}

/// Whether From or To has a tag, outside of its URI.
pub(in crate::sip) fn has_tag(value: &str) -> bool {
    let after = outside_quotes(value)
        .filter(|(_, letter)| *letter == '>')
        .last()
        .map_or(0, |(at, _)| at);
    let parameters = value.get(after..).unwrap_or_default().split(';').skip(1);
    parameters.map(name_of).any(|name| name.eq_ignore_ascii_case("tag"))
}

/// `Text/Plain; charset=x` is `text/plain`.
pub(in crate::sip) fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The first of a comma-separated list, and the rest.
pub(in crate::sip) fn first_item(value: &str) -> (&str, &str) {
    let comma = outside_quotes(value)
        .find(|(_, letter)| *letter == ',')
        .map(|(at, _)| at);
    let (first, rest) = comma.and_then(|at| value.split_at_checked(at)).unwrap_or((value, ""));
    (first.trim(), rest.trim_start_matches(',').trim())
}

/// Takes the blank space from around the given separators, but for quoted text and bracketed URIs; other blank space
/// becomes one space.
pub(in crate::sip) fn squeeze(value: &str, separators: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut quoted, mut escaped, mut bracket, mut space) = (false, false, false, false);
    for letter in value.chars() {
        if !quoted && letter.is_whitespace() {
            space = true;
            continue;
        }
        let separator = !quoted && !bracket && separators.contains(letter);
        let after_separator = !bracket && out.ends_with(|last| separators.contains(last));
        if std::mem::take(&mut space) && !separator && !after_separator && !out.is_empty() {
            out.push(' ');
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !bracket => quoted = !quoted,
            '<' if !quoted => bracket = true,
            '>' if !quoted => bracket = false,
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// Whether every quotation in the value ends.
pub(in crate::sip) fn quotes_match(value: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for letter in value.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

fn outside_quotes(value: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quoted, mut escaped) = (false, false);
    value.char_indices().filter(move |(_, letter)| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return !quoted,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_who_it_is() {
        let quoted = party(r#""Ann \"A\" <Lee>" <sip:+4912%2334;phone-context=x@example.com:5070;user=phone>;tag=1"#);
        assert_eq!(quoted.display.as_deref(), Some(r#"Ann "A" <Lee>"#));
        assert_eq!(quoted.user, "+4912#34;phone-context=x");
        assert_eq!(quoted.host, "example.com");
        assert_eq!(quoted.uri, "sip:+4912%2334;phone-context=x@example.com:5070;user=phone");
        let bare = party("sip:bob@[2001:db8::1]:5060;tag=1");
        assert_eq!(
            (bare.display, bare.user.as_str(), bare.host.as_str()),
            (None, "bob", "2001:db8::1")
        );
        assert_eq!(party("<tel:+15551234567>").user, "+15551234567");
        assert_eq!(party("sip:example.com").host, "example.com");
    }

    #[test]
    fn unescapes_what_is_an_escape() {
        assert_eq!(unescape("%41b%20%"), "Ab %");
        assert_eq!(unescape("100%zz%+1%ff"), "100%zz%+1%ff");
    }

    #[test]
    fn squeezes_around_separators_only() {
        let via = "SIP  /   2.0  /UDP     192.0.2.2 ; branch  =  390 , SIP / 2.0 / TCP  b : 1";
        assert_eq!(
            squeeze(via, ";=,/:"),
            "SIP/2.0/UDP 192.0.2.2;branch=390,SIP/2.0/TCP b:1"
        );
        assert_eq!(
            squeeze("\"a ; b\"  <sip:x ;y> ; tag = 1", ";=,"),
            "\"a ; b\" <sip:x ;y>;tag=1"
        );
    }

    #[test]
    fn escapes_the_user_of_each_contact() {
        assert_eq!(
            escape_contact("\"<\" <sip:a;b@c;d>;q=1, <sip:e@f>"),
            "\"<\" <sip:a%3Bb@c;d>;q=1, <sip:e@f>"
        );
    }

    #[test]
    fn reads_a_contact_and_its_parameters() {
        let (uri, parameters) = contact("\"a;b\" <sip:a@b;x=1>;q=0.5 ; Expires = \"60\"").unwrap();
        assert_eq!(uri, "sip:a@b;x=1");
        assert_eq!(
            (parameter(parameters, "q"), parameter(parameters, "expires")),
            (Some("0.5"), Some("60"))
        );
        assert_eq!(contact("sip:a@b;expires=5"), Some(("sip:a@b", ";expires=5")));
        assert_eq!((contact(""), contact("<>")), (None, None));
    }

    #[test]
    fn leads_a_contact_behind_nat_to_where_it_came_from() {
        let source = "203.0.113.5:40001".parse().unwrap();
        let mended = |value| contact_from(value, source);
        assert_eq!(
            mended("\"x\" <sip:x@10.0.0.5:5060;ob>;expires=1").as_deref(),
            Some("\"x\" <sip:x@203.0.113.5:40001;ob>;expires=1")
        );
        assert_eq!(mended("sip:192.168.1.2").as_deref(), Some("sip:203.0.113.5:40001"));
        assert_eq!(
            mended("<sip:x@[fd00::1]>").as_deref(),
            Some("<sip:x@203.0.113.5:40001>")
        );
        for kept in [
            "<sip:x@198.51.100.1>",
            "<sip:x@pbx.example>",
            "*",
            "<sip:10.0.0.1@pbx.example>",
        ] {
            assert_eq!(mended(kept), None, "{kept}");
        }
    }

    #[test]
    fn knows_a_host() {
        for sound in [
            "sip:a",
            "sip:u@1.2.3.4:5060;x",
            "sip:[::1]:9",
            "tel:+1-555",
            "sips:u@a.b",
        ] {
            assert!(host_is_sound(sound), "{sound}");
        }
        for unsound in [
            "sip:2001:db8::10",
            "sip:",
            "sip:u@",
            "sip:a:70000",
            "sip:[::1",
            "sip:[1:::2]",
            "sip:a b",
            "tel:x y",
        ] {
            assert!(!host_is_sound(unsound), "{unsound}");
        }
    }

    #[test]
    fn says_where_answers_go() {
        assert_eq!(via_port("SIP/2.0/UDP a.b:5070;branch=x"), Some(Some(5070)));
        assert_eq!(via_port("SIP/2.0/UDP [::1];branch=x"), Some(Some(5060)));
        assert_eq!(via_port("SIP/2.0/UDP a;rport;branch=x"), Some(None));
        assert_eq!(via_port("SIP/2.0/UDP"), None);
        let source = "192.0.2.7:999".parse().unwrap();
        let seen = via_seen_from("SIP/2.0/UDP a;rport;received=1.1.1.1;branch=x", source);
        assert_eq!(seen, "SIP/2.0/UDP a;rport=999;branch=x;received=192.0.2.7");
    }

    #[test]
    fn finds_a_tag_outside_the_uri() {
        assert_eq!(
            (tag("\"x\" <sip:a@b;tag=2>;tag=1"), tag("<sip:a@b;tag=2>")),
            (Some("1"), None)
        );
        assert!(has_tag("<sip:a@b>;tag=1"));
        assert!(has_tag("sip:a@b;x=y;tag=1"));
        assert!(!has_tag("\";tag=2\" <sip:a@b;tag=1>;x"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = (party(&text), unescape(&text), escape_user(&text), escape_contact(&text), host_is_sound(&text));
            let _ = (via_port(&text), via_seen_from(&text, "127.0.0.1:1".parse().unwrap()), has_tag(&text), first_item(&text));
            let _ = (contact(&text), parameter(&text, "q"), tag(&text), contact_from(&text, "203.0.113.5:1".parse().unwrap()));
            prop_assert_eq!(squeeze(&squeeze(&text, ";=,"), ";=,"), squeeze(&text, ";=,"));
        }
    }
}
