//! SHA-256 of files, and of what is written, as it is written.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// Displayed and parsed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// Reads to the end; `at` is told the bytes read so far.
pub fn of(mut from: impl Read, at: impl Fn(u64)) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut done = 0u64;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(Digest(hasher.finalize().into()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        done = done.saturating_add(read as u64);
        at(done);
    }
}

/// Passes on what is written, and hashes and counts it; `at` is told the bytes written so far.
pub struct Hashing<W, F> {
    inner: W,
    hasher: Sha256,
    written: u64,
    at: F,
}

impl<W: Write, F: Fn(u64)> Hashing<W, F> {
    pub fn new(inner: W, at: F) -> Self {
        Hashing {
            inner,
            hasher: Sha256::new(),
            written: 0,
            at,
        }
    }

    /// What was written to, the digest, and the bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest(self.hasher.finalize().into()), self.written)
    }
}

impl<W: Write, F: Fn(u64)> Write for Hashing<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.written = self.written.saturating_add(written as u64);
        (self.at)(self.written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SHA-256: 64 lower-case hexadecimal digits are expected")]
pub struct NoDigest(String);

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NoDigest(text.to_owned());
        let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.bytes().all(lower_hex) {
            return Err(refused());
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| refused())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Digest(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the three letters "abc", FIPS 180-2 appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn reading_and_writing_agree_with_the_standard() {
        assert_eq!(of(&b"abc"[..], |_| ()).unwrap().to_string(), ABC);
        let mut out = Hashing::new(Vec::new(), |_| ());
        out.write_all(b"ab").unwrap();
        out.write_all(b"c").unwrap();
        let (written, digest, count) = out.finish();
        assert_eq!(
            (written.as_slice(), digest, count),
            (&b"abc"[..], ABC.parse().unwrap(), 3)
        );
    }

    #[test]
    fn only_sixty_four_lower_case_digits_are_a_digest() {
        for text in [
            "",
            "ba78",
            &ABC.to_uppercase(),
            &ABC.replace('b', "g"),
            &ABC.replacen("ba", "é", 1),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(NoDigest(text.to_owned())));
        }
    }
}
