//! Codes that change every half minute (TOTP, RFC 6238), as authenticator apps make them: SHA-1, six digits.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use rand::RngCore;
use sha1::Sha1;

/// Seconds that a code is for.
const STEP: u64 = 30;
const MODULUS: u32 = 1_000_000;
/// Bytes: as long as the digest (RFC 4226 section 4, R6).
const LENGTH: usize = 20;

/// The key that the server and the app share.
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn draw() -> Self {
        let mut bytes = vec![0; LENGTH];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// As it was read from a row.
    pub(in crate::store) fn kept(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(in crate::store) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What an app reads, from a picture or typed: `otpauth://totp/…`. `person` is a name as [`super::name`] writes it.
    pub fn uri(&self, person: &str) -> String {
        let key = BASE32_NOPAD.encode(&self.0);
        format!("otpauth://totp/Offhook:{person}?secret={key}&issuer=Offhook")
    }

    /// The step that `code` is of: the one at `at`, or one beside it, since clocks differ and typing takes time (section 5.2).
    pub fn step_of(&self, code: &str, at: Timestamp) -> Option<u64> {
        let code = code.trim();
        let now = u64::try_from(at.as_second()).ok()? / STEP;
        let near = [now, now.saturating_sub(1), now.saturating_add(1)];
        near.into_iter()
            .find(|step| self.code(*step).is_some_and(|right| right == code))
    }

    /// The code that an app shows at `at`.
    pub fn code_at(&self, at: Timestamp) -> Option<String> {
        self.code(u64::try_from(at.as_second()).ok()? / STEP)
    }

    /// HOTP of the step (RFC 4226 section 5.3).
    fn code(&self, step: u64) -> Option<String> {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).ok()?;
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest.last()? & 0x0f);
        let bytes = digest.get(offset..)?.first_chunk::<4>()?;
        let number = u32::from_be_bytes(*bytes) & 0x7fff_ffff;
        Some(format!("{:06}", number % MODULUS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// RFC 6238 appendix B, of whose eight digits the last six are ours.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let secret = Secret::kept(b"12345678901234567890".to_vec());
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code_at(at(second)).as_deref(), Some(code), "at {second} s");
        }
    }

    #[test]
    fn a_code_holds_a_step_before_and_after_its_own() {
        let secret = Secret::draw();
        let code = secret.code_at(at(1_000_000_020)).expect("a code");
        let held = |second| secret.step_of(&format!(" {code} "), at(second));
        assert_eq!(held(1_000_000_020), Some(33_333_334));
        assert_eq!(held(1_000_000_019), Some(33_333_334), "typed early");
        assert_eq!(held(1_000_000_079), Some(33_333_334), "typed late");
        assert_eq!(held(1_000_000_020 + 300), None);
        assert_eq!(secret.step_of("", at(1_000_000_020)), None);
        assert_eq!(secret.step_of("12345", at(-5)), None);
    }

    #[test]
    fn an_app_can_read_it() {
        let secret = Secret::kept(b"12345678901234567890".to_vec());
        let uri = "otpauth://totp/Offhook:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Offhook";
        assert_eq!(secret.uri("alice"), uri);
    }
}
