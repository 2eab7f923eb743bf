//! STUN: any datagram as a connectivity check of ICE, and genuine ones with a byte changed.
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

fuzz_target!(|data: &[u8]| {
    for ip in [[192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()] {
        judge(SocketAddr::new(ip, 40_000), data);
    }
    changed(data);
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
