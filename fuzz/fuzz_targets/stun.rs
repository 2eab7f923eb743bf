//! STUN: any datagram as a connectivity check of ICE, and genuine ones with bytes changed or put behind what protects them.
//!
//! What is not genuine is not answered. An answer is STUN, short, and not answered itself.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use offhook::rtp::stun::{Ice, Outcome, answer, is_stun};

/// What the genuine checks among the seeds were made with.
const ICE: Ice = Ice {
    fragment: *b"ufragone",
    password: *b"passwordpasswordpassword",
};

/// Checks, and what they mean.
const GENUINE: [(&[u8], Outcome); 3] = [
    (include_bytes!("../seeds/stun/check"), Outcome::Valid),
    (include_bytes!("../seeds/stun/check-nominates"), Outcome::Nominated),
    (include_bytes!("../seeds/stun/check-controlled"), Outcome::RoleConflict),
];

const HEADER: usize = 20;
/// The attribute with its header.
const FINGERPRINT: usize = 8;

fuzz_target!(|data: &[u8]| {
    for ip in [[192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()] {
        judge(SocketAddr::new(ip, 40_000), data);
    }
    changed(data);
    behind(data);
});

fn judge(from: SocketAddr, datagram: &[u8]) {
    let Some(check) = answer(&ICE, from, datagram) else {
        return;
    };
    assert!(is_stun(datagram) && is_stun(&check.answer));
    assert!(check.answer.len() <= 128, "{} bytes", check.answer.len());
    assert_eq!(check.answer[4..20], datagram[4..20], "the transaction");
    assert_eq!(check.answer[0] & 1, 1, "a response");
    assert_eq!(answer(&ICE, from, &check.answer), None, "an answer is not answered");
    let stranger = Ice {
        password: *b"not the password of them",
        ..ICE
    };
    assert_eq!(answer(&stranger, from, datagram), None, "by another password");
}

/// One of the genuine ones, with a byte changed for each pair that follows: where, and what by.
fn changed(data: &[u8]) {
    let Some((which, places)) = data.split_first() else {
        return;
    };
    let (genuine, outcome) = GENUINE[usize::from(*which) % GENUINE.len()];
    let mut datagram = genuine.to_vec();
    for place in places.chunks_exact(2).take(8) {
        let at = usize::from(place[0]) % datagram.len();
        datagram[at] ^= place[1];
    }
    let from = SocketAddr::from(([192, 0, 2, 1], 40_000));
    let told = answer(&ICE, from, &datagram).map(|check| check.outcome);
    let expected = (datagram == genuine).then_some(outcome);
    assert_eq!(told, expected);
}

/// A genuine one with attributes behind its integrity, and another integrity behind them.
fn behind(data: &[u8]) {
    let (genuine, _) = GENUINE[0];
    let (protected, _) = genuine.split_at(genuine.len() - FINGERPRINT);
    let (words, _) = data.as_chunks::<4>();
    let mut datagram = protected.to_vec();
    datagram.extend(words.iter().take(100).flatten());
    let more: [&[u8]; 2] = [
        &[],
        &[
            0, 8, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ],
    ];
    for integrity in more {
        let mut datagram = [&datagram[..], integrity].concat();
        let same = datagram.len() == protected.len();
        let length = u16::try_from(datagram.len() - HEADER + FINGERPRINT).expect("short");
        datagram[2..4].copy_from_slice(&length.to_be_bytes());
        let sum = (!crc32(&datagram)) ^ 0x5354_554e;
        datagram.extend([0x80, 0x28, 0, 4]);
        datagram.extend(sum.to_be_bytes());
        let from = SocketAddr::from(([192, 0, 2, 1], 40_000));
        assert_eq!(answer(&ICE, from, &datagram).is_some(), same);
    }
}

/// Of ISO 3309, before the last inversion.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 0 { 0 } else { 0xedb8_8320 }
        })
    })
}
