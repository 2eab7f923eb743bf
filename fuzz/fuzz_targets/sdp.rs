//! Session descriptions: any bytes as an offer to answer, and as an answer to accept.
//!
//! What is answered is an answer: as many streams as were offered, one of them taken, and whoever reads it comes to the same agreement. What is
//! refused is refused in one line that fits a header.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use offhook::sdp::{Capabilities, Direction, Local, Media, Rejected, accept, answer, offer};

fuzz_target!(|data: &[u8]| {
    let local = Local::new(SocketAddr::from(([192, 0, 2, 1], 40_000)), 7);
    let capabilities = Capabilities::default();
    let accepted = accept(data, &capabilities);
    match answer(data, &local, &capabilities) {
        Ok((text, media)) => {
            let theirs = accepted.expect("what can be answered can be accepted");
            assert_eq!((theirs.codec, theirs.payload_type), (media.codec, media.payload_type));
            answered(data, &text, &media, &local, &capabilities);
        }
        Err(refused) => {
            assert_eq!(accepted, Err(refused.clone()));
            said(&refused);
        }
    }
});

fn answered(data: &[u8], text: &str, media: &Media, local: &Local, capabilities: &Capabilities) {
    let read = accept(text.as_bytes(), capabilities).unwrap_or_else(|why| panic!("{why}\n{text}"));
    assert_eq!(read.remote, local.address);
    assert_eq!((read.codec, read.payload_type), (media.codec, media.payload_type));
    assert_eq!(read.telephone_event, media.telephone_event);
    assert_eq!(read.direction, media.direction.reversed());
    let taken = streams(text.as_bytes()).filter(|line| !refused(line)).count();
    assert_eq!(taken, 1, "{text}");
    assert_eq!(streams(text.as_bytes()).count(), streams(data).count(), "{text}");
    assert!(!media.remote.ip().is_multicast());
    if media.remote.ip().is_unspecified() {
        assert!(!media.direction.sends(), "nothing may be sent to a hold");
    }
    assert!((5..=200).contains(&media.ptime));
    // Our own next offer is one that we take.
    let again = offer(&local.next(), capabilities);
    let theirs = accept(again.as_bytes(), capabilities).expect("our offer");
    assert_eq!(theirs.direction, Direction::SendRecv);
}

/// The `m=` lines.
fn streams(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| line.starts_with(b"m="))
}

fn refused(line: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').nth(1) == Some(b"0")
}

fn said(refused: &Rejected) {
    assert!(matches!(refused.code(), 400 | 488));
    let words = refused.to_string();
    assert!(!words.chars().any(char::is_control), "{words:?}");
    assert!(words.chars().count() < 1_000, "{words}");
}
