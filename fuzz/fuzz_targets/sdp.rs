//! Session descriptions: any bytes as an offer to answer, and as an answer to accept, as the first byte has it encrypted or not.
//!
//! What is answered is an answer: as many streams as were offered, one of them taken, and whoever reads it comes to the same agreement, with the same
//! keys. What is refused is refused in one line that fits a header.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use offhook::sdp::{
    Capabilities, Direction, Encryption, Local, Media, Protection, Rejected, Secret, accept, answer, offer, wanted_at,
};

fuzz_target!(|data: &[u8]| {
    let (how, description) = match data.split_first() {
        // A description begins with its version: what does not says first how it is to be read.
        Some((how, rest)) if *how != b'v' => (*how, rest),
        Some(_) | None => (0, data),
    };
    let ours = Local {
        fingerprint: (how & 4 != 0).then_some([7; 32]),
        ..local([192, 0, 2, 1], 7)
    };
    let capabilities = Capabilities {
        encryption: match how & 3 {
            0 | 1 => Encryption::Offered,
            2 => Encryption::Required,
            _ => Encryption::Never,
        },
        ..Capabilities::default()
    };
    let _ = wanted_at(description);
    match answer(description, &ours, &capabilities) {
        Ok((text, media)) => answered(description, &text, &media, &ours, &capabilities),
        Err(refused) => said(&refused),
    }
    for protection in [Protection::None, Protection::Keys, Protection::Certificate] {
        match accept(description, &Local { protection, ..ours }, &capabilities) {
            Ok(media) => accepted(&media, protection, &capabilities),
            Err(refused) => said(&refused),
        }
    }
});

fn local(ip: [u8; 4], drawn: u8) -> Local {
    Local::new(SocketAddr::from((ip, 40_000)), 7, Secret::drawn(|| drawn))
}

fn answered(data: &[u8], text: &str, media: &Media, ours: &Local, capabilities: &Capabilities) {
    sound(media);
    assert!(media.protection() != Protection::None || capabilities.encryption != Encryption::Required);
    assert!(media.protection() == Protection::None || capabilities.encryption != Encryption::Never);
    // As the one that offered reads it. It began the handshake, should there be one, so the answer is no offer to begin one.
    if media.protection() != Protection::Certificate {
        let theirs = Local {
            protection: media.protection(),
            ..local([192, 0, 2, 2], 9)
        };
        let read = accept(text.as_bytes(), &theirs, capabilities).unwrap_or_else(|why| panic!("{why}\n{text}"));
        assert_eq!(read.remote, ours.address);
        assert_eq!((read.codec, read.payload_type), (media.codec, media.payload_type));
        assert_eq!(read.telephone_event, media.telephone_event);
        assert_eq!(read.direction, media.direction.reversed());
        let told = |media: &Media| media.crypto.map(|crypto| crypto.tag);
        assert_eq!(told(&read), told(media), "{text}");
        assert_eq!(
            read.crypto.map(|crypto| crypto.keys.theirs),
            media.crypto.map(|crypto| crypto.keys.ours),
            "{text}"
        );
    }
    let taken = streams(text.as_bytes()).filter(|line| !refused(line)).count();
    assert_eq!(taken, 1, "{text}");
    assert_eq!(streams(text.as_bytes()).count(), streams(data).count(), "{text}");
    // Our own next offer is as well protected, and one that we take.
    let again = Local {
        protection: media.protection(),
        ..ours.next()
    };
    let again = offer(&again, capabilities);
    let (_, theirs) = answer(again.as_bytes(), &Local { session: 8, ..*ours }, capabilities).expect("our offer");
    assert_eq!(theirs.direction, Direction::SendRecv);
    assert_eq!(theirs.protection(), media.protection(), "{again}");
}

fn accepted(media: &Media, protection: Protection, capabilities: &Capabilities) {
    sound(media);
    let encrypted = protection != Protection::None || capabilities.encryption == Encryption::Required;
    assert_eq!(media.protection() != Protection::None, encrypted);
    assert_eq!(media.ice, None);
}

/// What is agreed on can be done.
fn sound(media: &Media) {
    assert!(!media.remote.ip().is_multicast());
    if media.remote.ip().is_unspecified() && media.ice.is_none() {
        assert!(!media.direction.sends(), "nothing may be sent to a hold");
    }
    assert!((5..=200).contains(&media.ptime));
    assert!(media.payload_type < 128 && media.remote.port() != 0);
    assert!(media.crypto.is_none() || media.fingerprint.is_none());
    let _ = media.peer();
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
