//! The tools that look for open doors, by the names they give themselves.
//!
//! A list of names keeps nobody out who is not lazy, and most are. It knows no sources.

/// Products in the User-Agent of nobody who is honest; in small letters.
const NAMES: [&str; 12] = [
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sundayddr",
    "vaxsipuseragent",
    "vaxasip",
    "pplsip",
    "sivus",
    "iwar",
    "smap",
];
/// A head longer than this is cut by the limits anyway.
const LOOKED_AT: usize = 8192;

/// Whether this message is a request whose User-Agent (RFC 3261 section 20.41) names one of them.
pub(super) fn is_scanner(message: &[u8]) -> bool {
    let message = message.trim_ascii_start();
    let head = message.get(..LOOKED_AT.min(message.len())).unwrap_or_default();
    let lines = head.split(|byte| *byte == b'\n');
    let mut lines = lines.take_while(|line| !matches!(line, [] | [b'\r']));
    let start = lines.next().unwrap_or_default();
    if start.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return false;
    }
    lines.any(|line| {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"User-Agent") && products(value).any(is_named)
    })
}

/// Up to the first comment, without their versions.
fn products(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let value = value.strip_prefix(b":").unwrap_or(value);
    let before = value.split(|byte| *byte == b'(').next().unwrap_or_default();
    let words = before.split(u8::is_ascii_whitespace);
    words.filter_map(|word| word.split(|byte| *byte == b'/').next())
}

fn is_named(product: &[u8]) -> bool {
    NAMES.iter().any(|name| product.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knows_them_by_their_names_and_nobody_else() {
        for named in [
            "OPTIONS sip:100@a SIP/2.0\r\nUser-Agent: friendly-scanner\r\n\r\n",
            "INVITE sip:1@a SIP/2.0\r\nVia: x\r\nuser-agent : SIPVicious 0.3\r\n\r\n",
            "\r\nREGISTER sip:a SIP/2.0\nUSER-AGENT:sipcli/v1.8\n\n",
            "OPTIONS sip:a SIP/2.0\r\nUser-Agent: smap 0.6.0(x)\r\n\r\n",
        ] {
            assert!(is_scanner(named.as_bytes()), "{named}");
        }
        for honest in [
            "OPTIONS sip:100@a SIP/2.0\r\nUser-Agent: Asterisk PBX\r\n\r\n",
            "OPTIONS sip:100@a SIP/2.0\r\nUser-Agent: UniWare/2 (not iwar)\r\n\r\n",
            "SIP/2.0 200 OK\r\nUser-Agent: sipcli\r\n\r\n",
            "INVITE sip:sipvicious@a SIP/2.0\r\nSubject: sipcli\r\n\r\nUser-Agent: sipcli\r\n",
            "",
        ] {
            assert!(!is_scanner(honest.as_bytes()), "{honest}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes: Vec<u8>) {
            let _ = is_scanner(&bytes);
        }
    }
}
