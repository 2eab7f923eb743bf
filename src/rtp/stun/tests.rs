//! Checks as full agents send them, and what they are told.

use proptest::prelude::*;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, AttrType, RawAttribute};
use rtc_stun::message::{BINDING_REQUEST, Getter, TransactionId};

use super::*;

pub(crate) const ICE: Ice = Ice {
    fragment: *b"ufragone",
    password: *b"passwordpasswordpassword",
};

/// A check as a full agent sends it.
pub(crate) fn request(user: &str, password: &[u8], more: &[AttrType]) -> Vec<u8> {
    let provider = default_provider().unwrap();
    let attribute = |typ, value: &[u8]| RawAttribute {
        typ,
        length: value.len() as u16,
        value: value.to_vec(),
    };
    let mut parts: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(TransactionId([7; 12])),
        Box::new(BINDING_REQUEST),
        Box::new(attribute(ATTR_USERNAME, user.as_bytes())),
        Box::new(attribute(ATTR_PRIORITY, &[1, 2, 3, 4])),
    ];
    for typ in more {
        let value: &[u8] = if *typ == ATTR_USE_CANDIDATE { &[] } else { &[9; 8] };
        parts.push(Box::new(attribute(*typ, value)));
    }
    parts.push(Box::new(MessageIntegrity::new_raw_integrity_with_provider(
        password,
        provider.crypto(),
    )));
    parts.push(Box::new(FINGERPRINT));
    let mut request = Message::new();
    request.build(&parts).unwrap();
    request.raw
}

fn from() -> SocketAddr {
    "203.0.113.9:61000".parse().unwrap()
}

fn judged(user: &str, password: &[u8], more: &[AttrType]) -> Option<Outcome> {
    let request = request(user, password, more);
    assert!(is_stun(&request));
    answer(&ICE, from(), &request).map(|check| check.outcome)
}

#[test]
fn a_check_is_told_where_it_came_from() {
    let check = answer(
        &ICE,
        from(),
        &request("ufragone:theirs", &ICE.password, &[ATTR_ICE_CONTROLLING]),
    )
    .unwrap();
    assert_eq!(check.outcome, Outcome::Valid);
    let mut told = Message::default();
    told.unmarshal_binary(&check.answer).unwrap();
    assert_eq!(
        (told.typ, told.transaction_id),
        (BINDING_SUCCESS, TransactionId([7; 12]))
    );
    let mut seen = XorMappedAddress::default();
    seen.get_from(&told).unwrap();
    assert_eq!(SocketAddr::new(seen.ip, seen.port), from());
    FINGERPRINT.check(&told).unwrap();
    let provider = default_provider().unwrap();
    MessageIntegrity::check(&mut told, &ICE.password, provider.crypto()).unwrap();
}

#[test]
fn who_leads_may_nominate_and_who_is_wrong_is_told_or_passed_over() {
    let good = &ICE.password[..];
    for (user, password, more, expected) in [
        ("ufragone:x", good, &[ATTR_ICE_CONTROLLING][..], Some(Outcome::Valid)),
        (
            "ufragone:x",
            good,
            &[ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE],
            Some(Outcome::Nominated),
        ),
        ("ufragone:x", good, &[ATTR_ICE_CONTROLLED], Some(Outcome::RoleConflict)),
        ("ufragone:x", b"another password of 24..", &[ATTR_USE_CANDIDATE], None),
        ("ufragtwo:x", good, &[], None),
        ("x:ufragone", good, &[], None),
        ("ufragon", good, &[], None),
    ] {
        assert_eq!(judged(user, password, more), expected, "{user} {more:?}");
    }
}

#[test]
fn what_stands_behind_the_integrity_nominates_nobody() {
    let mut message = Message::default();
    let genuine = request("ufragone:x", &ICE.password, &[]);
    message.unmarshal_binary(&genuine[..]).unwrap();
    // The fingerprint is taken off, and put behind a nomination of our own.
    let mut forged = Message::default();
    let shorter = genuine.len() - 8;
    let mut raw = genuine[..shorter].to_vec();
    raw[2..4].copy_from_slice(&((shorter - 20) as u16).to_be_bytes());
    forged.unmarshal_binary(&raw).unwrap();
    forged.add(ATTR_USE_CANDIDATE, &[]);
    FINGERPRINT.add_to(&mut forged).unwrap();
    assert_eq!(answer(&ICE, from(), &forged.raw), None);
    // And behind one more integrity, which nobody checks.
    let mut forged = Message::default();
    forged.unmarshal_binary(&raw).unwrap();
    forged.add(ATTR_USE_CANDIDATE, &[]);
    forged.add(ATTR_MESSAGE_INTEGRITY, &[9; 20]);
    FINGERPRINT.add_to(&mut forged).unwrap();
    assert_eq!(answer(&ICE, from(), &forged.raw), None);
    let mut longer = genuine.clone();
    longer.extend([0; 4]);
    assert_eq!(answer(&ICE, from(), &longer), None);
}

proptest! {
    #[test]
    fn any_bytes_get_no_answer(mut datagram in prop::collection::vec(any::<u8>(), 0..200), whole: bool) {
        prop_assert_eq!(answer(&ICE, from(), &datagram), None);
        let length = datagram.len().saturating_sub(20) / 4 * 4;
        if let [a, b, c, d, e, f, g, h, ..] = &mut datagram[..] && whole {
            [*a, *b] = [0, 1];
            [*c, *d] = (length as u16).to_be_bytes();
            [*e, *f, *g, *h] = [0x21, 0x12, 0xa4, 0x42];
            prop_assert_eq!(answer(&ICE, from(), &datagram), None);
        }
    }

    #[test]
    fn a_changed_byte_gets_no_answer(at in 0_usize..100, by in 1_u8..) {
        let mut datagram = request("ufragone:x", &ICE.password, &[ATTR_USE_CANDIDATE]);
        let at = at % datagram.len();
        datagram[at] ^= by;
        prop_assert_eq!(answer(&ICE, from(), &datagram), None);
    }
}
