//! SIP, as a datagram and as a stream, through the gate.
//!
//! What is let in is read by the library and let in again; what is answered is answered to its sender alone, the same each time, in whole lines that
//! the message cannot have smuggled in; a stream is cut where its messages end, however it comes.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use offhook::sip::fuzzing::{Judged, first, is_read, judge};

const LIMIT: usize = 8_192;

fuzz_target!(|data: &[u8]| {
    message(data);
    stream(data);
});

fn message(data: &[u8]) {
    let source = SocketAddr::from(([192, 0, 2, 7], 5_062));
    let judged = judge(data, source, LIMIT);
    assert_eq!(judged, judge(data, source, LIMIT), "a repetition is judged alike");
    match judged {
        Judged::In(bytes) => {
            assert!(bytes.len() <= LIMIT);
            assert!(is_read(&bytes), "let in, but not read");
            let again = judge(&bytes, source, LIMIT);
            assert!(matches!(again, Judged::In(_)), "let in once, and then: {again:?}");
        }
        Judged::Back { bytes, code, to } => {
            assert_eq!(to.ip(), source.ip(), "nobody else is answered");
            assert!((400..700).contains(&code));
            answer(&bytes, code);
        }
        Judged::Dropped => {}
    }
}

fn answer(bytes: &[u8], code: u16) {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let head = text.strip_suffix("\r\n\r\n").expect("no body");
    let mut lines = head.split("\r\n");
    let start = lines.next().expect("a start line");
    assert!(start.starts_with(&format!("SIP/2.0 {code} ")), "{start}");
    for line in lines {
        let (name, _) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
        let known = [
            "Via",
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Content-Length",
            "Allow",
            "Accept",
            "Unsupported",
            "Retry-After",
        ];
        assert!(known.contains(&name), "a field from nowhere: {line}");
        assert!(!line.contains(['\r', '\n']), "{line:?}");
    }
}

fn stream(data: &[u8]) {
    let mut rest = data;
    while let Some(Ok(len)) = first(rest, LIMIT) {
        assert!(len > 0 && len <= rest.len());
        let (message, after) = rest.split_at(len);
        if !message.starts_with(b"\r") && !message.starts_with(b"\n") {
            assert_eq!(first(message, LIMIT), Some(Ok(len)), "whole without what follows");
            assert_eq!(first(&message[..len - 1], LIMIT), None, "not whole before");
            let _ = judge(message, SocketAddr::from(([192, 0, 2, 7], 5_062)), LIMIT);
        }
        rest = after;
    }
    if let Some(Err(len)) = first(rest, LIMIT) {
        assert!(len <= rest.len());
    }
}
