//! What a password comes to in a digest (RFC 7616 section 3.4, RFC 8760), whoever asks for it. It knows no message.

use md5::Md5;
use sha2::Sha256;

/// Of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// None is MD5; `None` where it is one that is not known.
    pub fn named(name: Option<&str>) -> Option<Algorithm> {
        match name {
            None => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }
}

/// A challenge, as far as its answer depends on it.
pub(in crate::sip) struct Asked<'a> {
    pub algorithm: Algorithm,
    pub realm: &'a str,
    pub nonce: &'a str,
}

impl Asked<'_> {
    /// RFC 7616 §3.4.1: what `user` with that password answers for this request; `proof` is nonce count and cnonce where qop is auth.
    pub fn response(&self, user: (&str, &str), request: (&str, &str), proof: Option<(&str, &str)>) -> String {
        let hash = |text: String| match self.algorithm {
            Algorithm::Md5 => hex(&<Md5 as md5::Digest>::digest(text)),
            Algorithm::Sha256 => hex(&<Sha256 as sha2::Digest>::digest(text)),
        };
        let who = hash(format!("{}:{}:{}", user.0, self.realm, user.1));
        let what = hash(format!("{}:{}", request.0, request.1));
        match proof {
            Some((count, cnonce)) => hash(format!("{who}:{}:{count}:{cnonce}:auth:{what}", self.nonce)),
            None => hash(format!("{who}:{}:{what}", self.nonce)),
        }
    }
}

pub(in crate::sip) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
