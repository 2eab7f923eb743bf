//! Passwords of people, kept as argon2id.
//!
//! Hashing takes a core for some ten milliseconds, on a thread of its own and one at a time: calls come first.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use rand::RngCore;
use tokio::sync::Semaphore;

/// 19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet takes for argon2id.
const PARAMETERS: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(parameters) => parameters,
    Err(_) => Params::DEFAULT,
};
/// Characters. NIST SP 800-63B asks for 8, and is content where there is nothing else with 15.
pub const SHORTEST: usize = 10;
/// Bytes.
pub const LONGEST: usize = 1024;

/// A hash with its salt and parameters: a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a password should have at least {SHORTEST} characters")]
    Short,
    #[error("a password should have at most {LONGEST} bytes")]
    Long,
    #[error("the password could not be hashed; is there memory left?")]
    Failed,
}

static ONE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(1));

impl Hash {
    /// As it was read from a row.
    pub(in crate::store) fn kept(text: String) -> Self {
        Self(text)
    }

    pub(in crate::store) fn as_str(&self) -> &str {
        &self.0
    }

    /// Of nobody's password: of people whom an OpenID provider knows.
    pub fn none() -> Self {
        Self(String::new())
    }

    pub async fn of(password: String) -> Result<Self, Unfit> {
        if password.chars().count() < SHORTEST {
            return Err(Unfit::Short);
        }
        if password.len() > LONGEST {
            return Err(Unfit::Long);
        }
        apart(move || hash(&password)).await.flatten().ok_or(Unfit::Failed)
    }

    /// Whether `password` is that of `known`. Where nobody is known, or they have none, it is no, after as long.
    pub async fn proves(known: Option<Self>, password: String) -> bool {
        if password.len() > LONGEST {
            return false;
        }
        let proven = apart(move || {
            let known = known.as_ref().and_then(|Hash(known)| PasswordHash::new(known).ok());
            if let Some(known) = known {
                return argon2().verify_password(password.as_bytes(), &known).is_ok();
            }
            std::hint::black_box(hash(&password));
            false
        });
        proven.await.unwrap_or(false)
    }
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let place = ONE.acquire().await.ok()?;
    let done = tokio::task::spawn_blocking(move || {
        // Whoever wanted it may have gone: the place is taken until the work is done.
        let _place = place;
        work()
    });
    done.await.ok()
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMETERS)
}

fn hash(password: &str) -> Option<Hash> {
    let mut salt = [0_u8; 16];
    rand::rng().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt).ok()?;
    let hash = argon2().hash_password(password.as_bytes(), &salt).ok()?;
    Some(Hash(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_proven_and_not_kept() {
        let kept = Hash::of("correct horse".into()).await.expect("hashed");
        assert!(kept.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!kept.as_str().contains("horse"));
        assert!(Hash::proves(Some(kept.clone()), "correct horse".into()).await);
        assert!(!Hash::proves(Some(kept.clone()), "correct horsf".into()).await);
        assert!(!Hash::proves(Some(kept.clone()), String::new()).await);
        assert!(!Hash::proves(None, "correct horse".into()).await);
        assert!(!Hash::proves(Some(Hash::kept("nonsense".into())), "nonsense".into()).await);
        for guess in ["", "correct horse"] {
            assert!(!Hash::proves(Some(Hash::none()), guess.into()).await, "`{guess}`");
        }
        let again = Hash::of("correct horse".into()).await.expect("hashed");
        assert!(again != kept, "salted");
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        assert_eq!(Hash::of("123456789".into()).await.err(), Some(Unfit::Short));
        assert!(
            Hash::of("密码密码密码密码密码".into()).await.is_ok(),
            "characters count, not bytes"
        );
        assert_eq!(Hash::of("x".repeat(LONGEST + 1)).await.err(), Some(Unfit::Long));
    }
}
