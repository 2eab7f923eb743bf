//! A browser that was sent to the OpenID provider, and what it must bring back.
//!
//! The browser keeps a secret and when it set out; all else is made of the two, so nothing is kept here. The provider sees digests alone. It
//! knows no provider and no socket.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::store::people::Token;

/// To sign in at the provider, with all that it asks for.
pub const LASTS: SignedDuration = SignedDuration::from_mins(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    secret: Token,
    /// Seconds of the Unix epoch. Whoever changes them has another errand, which the provider's code is not of.
    begun: i64,
}

impl Errand {
    pub fn begin(at: Timestamp) -> Self {
        Self {
            secret: Token::draw(),
            begun: at.as_second(),
        }
    }

    /// What [`Errand::text`] wrote.
    pub fn read(text: &str) -> Option<Self> {
        let (secret, begun) = text.split_once('.')?;
        Some(Self {
            secret: Token::read(secret)?,
            begun: begun.parse().ok()?,
        })
    }

    /// For a cookie.
    pub fn text(&self) -> String {
        format!("{}.{}", self.secret.text(), self.begun)
    }

    /// Whether it is not over at `at`.
    pub fn lasts(&self, at: Timestamp) -> bool {
        let gone = at.as_second().checked_sub(self.begun);
        gone.is_some_and(|gone| (0..LASTS.as_secs()).contains(&gone))
    }

    /// That the answer is to this browser's question (RFC 6749 section 10.12).
    pub fn state(&self) -> String {
        self.digest("state")
    }

    /// That the ID token was made for it (OpenID Connect Core 1.0 section 15.5.2).
    pub fn nonce(&self) -> String {
        self.digest("nonce")
    }

    /// That the code is redeemed by whom it was asked for (RFC 7636 section 4.1).
    pub fn verifier(&self) -> String {
        self.digest("verifier")
    }

    /// 64 letters; no one of them tells another.
    fn digest(&self, what: &str) -> String {
        let digest = Sha256::digest(format!("offhook {what} {}", self.text()));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn what_is_brought_back_is_that_errand_s_alone() {
        let (one, other) = (Errand::begin(at(1000)), Errand::begin(at(1000)));
        let all = |errand: &Errand| [errand.state(), errand.nonce(), errand.verifier()];
        assert_eq!(Errand::read(&one.text()).map(|read| all(&read)), Some(all(&one)));
        let later = Errand {
            begun: 1001,
            ..one.clone()
        };
        let said = [&one, &other, &later].map(all).concat();
        for (n, digest) in said.iter().enumerate() {
            assert!(digest.len() == 64 && !said[..n].contains(digest), "{said:?}");
        }
        assert!(!said.iter().any(|digest| one.text().contains(digest.as_str())));
    }

    #[test]
    fn an_errand_ends() {
        let errand = Errand::begin(at(1000));
        for (second, lasts) in [(1000, true), (1599, true), (1600, false), (999, false)] {
            assert_eq!(errand.lasts(at(second)), lasts, "at {second} s");
        }
        let secret = Token::draw().text();
        for begun in [i64::MIN, i64::MAX] {
            let errand = Errand::read(&format!("{secret}.{begun}")).expect("read");
            assert!(!errand.lasts(at(1000)) && !errand.lasts(Timestamp::MIN));
        }
    }

    proptest! {
        #[test]
        fn any_cookie_is_read_or_passed_over(text in ".{0,80}") {
            prop_assert_eq!(Errand::read(&text), None);
        }
    }
}
