//! Addresses that a plan transfers to: SIP URIs as RFC 3261 section 19.1.1 has them, less what a plan has no business to say.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Sees that `uri` is `sip:user@host`, with or without a port and parameters; else says why not.
pub(super) fn check(uri: &str) -> Result<(), String> {
    let wrong = |reason: &str| {
        Err(format!(
            "`{}` is no SIP URI: {reason}; write `sip:agent@host`",
            uri.escape_debug()
        ))
    };
    if uri.contains(['{', '}']) {
        return wrong("a transfer goes to a fixed address, so no value may be put in");
    }
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("it has a space or a character that may not stand in one");
    }
    let rest = match uri.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") => rest,
        Some(_) | None => return wrong("it begins with neither `sip:` nor `sips:`"),
    };
    let Some((user, rest)) = rest.split_once('@') else {
        return wrong("it has no user");
    };
    if user.is_empty() || !is_user(user) {
        return wrong("its user is not right");
    }
    let (address, parameters) = rest
        .split_once(';')
        .map_or((rest, None), |(address, rest)| (address, Some(rest)));
    if !is_address(address) {
        return wrong("its host is not right");
    }
    let right = |parameter: &str| !parameter.is_empty() && parameter.bytes().all(|byte| is_mark(byte) || byte == b'=');
    if parameters.is_some_and(|parameters| !parameters.split(';').all(right)) {
        return wrong("its parameters are not right");
    }
    Ok(())
}

/// Without a password, which would be read by all.
fn is_user(user: &str) -> bool {
    let mut rest = user.bytes();
    while let Some(byte) = rest.next() {
        let right = match byte {
            b'%' => (0..2).all(|_| rest.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => is_mark(byte) || b"&=+$,;?/".contains(&byte),
        };
        if !right {
            return false;
        }
    }
    true
}

/// RFC 3261, `unreserved`.
fn is_mark(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// A host with or without a port.
fn is_address(address: &str) -> bool {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return false;
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return false;
        }
        match rest.strip_prefix(':') {
            Some(port) => (None, Some(port)),
            None if rest.is_empty() => (None, None),
            None => return false,
        }
    } else {
        address
            .split_once(':')
            .map_or((Some(address), None), |(host, port)| (Some(host), Some(port)))
    };
    let port_right = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|number| number > 0)
    });
    port_right && host.is_none_or(is_host)
}

fn is_host(host: &str) -> bool {
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.split('.').all(|label| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_addresses_that_can_be_called() {
        for uri in [
            "sip:agent@127.0.0.1:5080",
            "sips:+4930123456@pbx.example.com",
            "SIP:a.b_c%20d@host",
            "sip:agent@[::1]:5060;transport=tcp;lr",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_called_or_would_say_more() {
        for uri in [
            "",
            "sip:",
            "tel:1",
            "agent@host",
            "sip:host",
            "sip:@host",
            "sip:a@",
            "sip:a b@host",
            "sip:a@b\r\nX: y",
            "sip:{caller.name}@b",
            "sip:a:secret@b",
            "sip:a@b@c",
            "sip:a@b?Subject=x",
            "sip:a@b:0",
            "sip:a@b:70000",
            "sip:a@b:",
            "sip:a@1.2.3",
            "sip:a@-b",
            "sip:a@b..c",
            "sip:a@[::1",
            "sip:a@[x]",
            "sip:a%2@b",
            "sip:a@b;;",
            "sip:é@b",
        ] {
            assert!(check(uri).is_err(), "{uri:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(uri in "\\PC{0,30}|sip:[a-z@:;.\\[\\]%0-9]{0,20}") { let _ = check(&uri); }
    }
}
