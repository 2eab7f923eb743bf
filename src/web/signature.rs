//! How what is posted is signed, by us and by those who post to us: `Offhook-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 (RFC 2104) of
//! `SECONDS.BODY` by a secret that both know.
//!
//! Functions of bytes and a time; whose secrets these are is not known here.

use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// The header.
pub const HEADER: &str = "Offhook-Signature";

/// How far the clocks of the two may differ, and a message be on its way: what was read on the wire is no good later.
pub const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// Bytes of the header.
const LONGEST: usize = 1024;
/// Signatures in it: a sender whose secret changes may sign with both.
const MOST: usize = 4;

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("the header `Offhook-Signature` should be `t=SECONDS,v1=HEX`, with HEX the HMAC-SHA256 of `SECONDS.BODY`")]
    Malformed,
    #[error("it was signed more than 5 minutes before or after now: the clocks differ, or it is an old one")]
    Stale,
    #[error("the signature is of another secret or another body")]
    Wrong,
}

/// The header for `body`, sent at `at`.
pub fn sign(secret: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_second();
    let tag = hmac(secret, seconds, body).map(|mac| mac.finalize().into_bytes());
    let tag = tag.unwrap_or_default();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

/// Whether `header` is of `body`, by one of `secrets`, and `now` is soon after. Takes as long whichever byte is wrong.
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    header: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unproven> {
    let (seconds, tags) = read(header).ok_or(Unproven::Malformed)?;
    let signed = Timestamp::from_second(seconds).map_err(|_| Unproven::Malformed)?;
    if now.duration_since(signed).abs() > FRESH {
        return Err(Unproven::Stale);
    }
    let proves = |secret: &str| {
        let expected = hmac(secret, seconds, body);
        expected.is_some_and(|mac| tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok()))
    };
    secrets.into_iter().any(proves).then_some(()).ok_or(Unproven::Wrong)
}

/// Never none: a key may be of any length.
fn hmac(secret: &str, seconds: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// The time, and the signatures of the version that is known.
fn read(header: &str) -> Option<(i64, Vec<[u8; 32]>)> {
    if header.len() > LONGEST {
        return None;
    }
    let (mut seconds, mut tags) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", text) if seconds.is_none() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                seconds = Some(text.parse().ok()?);
            }
            ("t", _) => return None,
            ("v1", text) if tags.len() < MOST => tags.push(bytes(text)?),
            ("v1", _) => return None,
            // Of a later version.
            (_, _) => {}
        }
    }
    Some((seconds?, tags)).filter(|(_, tags)| !tags.is_empty())
}

/// Of 64 digits.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| u8::try_from(high * 16 + low).ok())
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn check(header: &str, body: &str, now: i64) -> Result<(), Unproven> {
        verify(["another secret", SECRET], header, body.as_bytes(), at(now))
    }

    #[test]
    fn it_is_the_hmac_that_others_compute() {
        // printf '1700000000.{"event":"payment.succeeded"}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let known = "t=1700000000,v1=a27d07f2e39f7776d01836ab1818648e0727d3ed5a74e9eb810de50ffc4c77a0";
        let body = "{\"event\":\"payment.succeeded\"}";
        assert_eq!(sign(SECRET, at(1_700_000_000), body.as_bytes()), known);
        assert_eq!(check(known, body, 1_700_000_300), Ok(()));
        assert_eq!(check(known, body, 1_699_999_700), Ok(()));
        for (now, why) in [(1_700_000_301, Unproven::Stale), (1_699_999_699, Unproven::Stale)] {
            assert_eq!(check(known, body, now), Err(why));
        }
        assert_eq!(
            check(known, "{\"event\":\"payment.succeedee\"}", 1_700_000_000),
            Err(Unproven::Wrong)
        );
        let later = known.replace("t=1700000000", "t=1700000100");
        assert_eq!(
            check(&later, body, 1_700_000_100),
            Err(Unproven::Wrong),
            "the time is signed too"
        );
        let both = known.replace("v1=", &format!("v0=x, v1={}, v1=", "00".repeat(32)));
        assert_eq!(check(&both, body, 1_700_000_000), Ok(()), "one of them is right");
        assert_eq!(
            verify([], known, body.as_bytes(), at(1_700_000_000)),
            Err(Unproven::Wrong)
        );
    }

    #[test]
    fn what_is_no_signature_is_none() {
        let tag = "0".repeat(64);
        for header in [
            String::new(),
            format!("v1={tag}"),
            "t=1".to_owned(),
            format!("t=1,t=2,v1={tag}"),
            format!("t=-1,v1={tag}"),
            format!("t=99999999999999999999,v1={tag}"),
            format!("t=9999999999999,v1={tag}"),
            "t=1,v1=00".to_owned(),
            format!("t=1,v1={}", "é".repeat(32)),
            format!("t=1,v1={}", "0".repeat(66)),
            format!("t=1{}", format!(",v1={tag}").repeat(5)),
            format!("t=1,v1={tag},{}", "x=".repeat(LONGEST)),
            format!("t=1,v1={tag},x"),
        ] {
            assert_eq!(check(&header, "", 1), Err(Unproven::Malformed), "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_proven_and_any_header_is_read(body: Vec<u8>, second in 0..4_000_000_000_i64, other: String) {
            let header = sign(SECRET, at(second), &body);
            prop_assert_eq!(verify([SECRET], &header, &body, at(second)), Ok(()));
            prop_assert_eq!(verify(["another"], &header, &body, at(second)), Err(Unproven::Wrong));
            prop_assert!(verify([SECRET], &other, &body, at(second)).is_err());
        }
    }
}
