//! The tools that look for open doors, by the names they give themselves.
//!
//! A list of names keeps nobody out who is not lazy, and most are. It knows no sources.

/// In the User-Agent or Server of nobody who is honest; in small letters.
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
    "smap ",
];
/// A head longer than this is cut by the limits anyway.
const LOOKED_AT: usize = 8192;

/// Whether the head of this message names one of them.
pub(super) fn is_scanner(message: &[u8]) -> bool {
    let message = message.trim_ascii_start();
    let head = message.get(..LOOKED_AT.min(message.len())).unwrap_or_default();
    let lines = head.split(|byte| *byte == b'\n');
    let mut lines = lines.take_while(|line| !matches!(line, [] | [b'\r']));
    lines.any(|line| {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let name = name.trim_ascii();
        if !name.eq_ignore_ascii_case(b"User-Agent") && !name.eq_ignore_ascii_case(b"Server") {
            return false;
        }
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        NAMES.iter().any(|scanner| value.contains(scanner))
    })
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
        ] {
            assert!(is_scanner(named.as_bytes()), "{named}");
        }
        for honest in [
            "OPTIONS sip:100@a SIP/2.0\r\nUser-Agent: Asterisk PBX\r\n\r\n",
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
