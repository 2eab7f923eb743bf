//! Keys in a description: `a=crypto` (RFC 4568), chosen, read and written.
//!
//! Whoever reads a description reads its keys: they are as secret as the way it comes, which is SIP's business. This encrypts nothing.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use sdp_types::Session;

use super::{Crypto, Encryption, Local, Secret, dtls};
use crate::rtp::dtls::Fingerprint;
use crate::rtp::srtp::{Key, Keys, Suite};

/// Padding is written, and need not be there.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a stream that we can do is encrypted.
pub(super) struct Choice {
    /// None: it is not, or else.
    pub keys: Option<Crypto>,
    /// Of the certificate that keys are agreed on with.
    pub fingerprint: Option<Fingerprint>,
}

/// How a stream is encrypted, by what it offers and what we want; none where the two do not meet, or it is no RTP that we know. Beside
/// `RTP/AVP` keys are an offer that may be passed over (RFC 8643); `RTP/SAVP` is nothing without keys or a certificate, and by
/// `UDP/TLS/RTP/SAVP` it is the latter (RFC 5764 section 8). (Feedback, AVPF and SAVPF, obliges to nothing.)
pub(super) fn choose(
    session: &Session,
    media: &sdp_types::Media,
    local: &Local,
    encryption: Encryption,
) -> Option<Choice> {
    let (must, by_keys) = match media.proto.to_ascii_uppercase().as_str() {
        "RTP/AVP" | "RTP/AVPF" => (false, true),
        "RTP/SAVP" | "RTP/SAVPF" => (true, true),
        "UDP/TLS/RTP/SAVP" | "UDP/TLS/RTP/SAVPF" => (true, false),
        _ => return None,
    };
    let wanted = encryption != Encryption::Never;
    let keys = lines(media)
        .filter(|_| wanted && by_keys)
        .find_map(|line| agree(&read(line)?, &local.secret));
    let begins = wanted && must && keys.is_none() && local.fingerprint.is_some();
    let fingerprint = begins.then(|| dtls::choose(session, media)).flatten();
    let must = must || encryption == Encryption::Required;
    (keys.is_some() || fingerprint.is_some() || !must).then_some(Choice { keys, fingerprint })
}

/// Lines of our offer, each suite with a key and a tag of its own.
pub(super) fn offer(secret: &Secret) -> Vec<String> {
    let ours = (1..).zip(Suite::ALL);
    ours.filter_map(|(tag, suite)| Some(line(tag, &our_key(secret, suite)?)))
        .collect()
}

pub(super) fn line(tag: u32, key: &Key) -> String {
    format!("{tag} {} inline:{}", key.suite(), BASE64.encode(key.bytes()))
}

fn lines(media: &sdp_types::Media) -> impl Iterator<Item = &str> {
    let crypto = media
        .attributes
        .iter()
        .filter(|a| a.attribute.eq_ignore_ascii_case("crypto"));
    crypto.filter_map(|a| a.value.as_deref())
}

fn agree((tag, theirs): &(u32, Key), secret: &Secret) -> Option<Crypto> {
    Some(Crypto {
        tag: *tag,
        keys: Keys {
            ours: our_key(secret, theirs.suite())?,
            theirs: *theirs,
        },
    })
}

fn our_key(Secret(secret, _): &Secret, suite: Suite) -> Option<Key> {
    let at = Suite::ALL.iter().position(|one| *one == suite)?;
    let (key, salt) = suite.lengths();
    Key::new(suite, secret.get(at)?.get(..key + salt)?)
}

/// The tag and key of a line. None where it asks for something that is not done here: another suite, several keys, a key identifier (MKI), sound that
/// is not encrypted or not authenticated, keys derived anew.
fn read(line: &str) -> Option<(u32, Key)> {
    let mut words = line.split_ascii_whitespace();
    let tag = words.next()?.parse().ok()?;
    let suite = Suite::named(words.next()?)?;
    let material = words.next()?;
    let (method, material) = material.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") || material.contains(';') {
        return None;
    }
    let mut parts = material.split('|');
    let key = BASE64.decode(parts.next()?).ok()?;
    // A lifetime is longer than any call; with a colon it is the identifier of a key.
    if parts.any(|part| part.contains(':')) || !words.all(is_harmless) {
        return None;
    }
    Some((tag, Key::new(suite, &key)?))
}

/// Parameters that change nothing for us (RFC 4568 section 6.3): how far apart packets may come, and keys that are derived once.
fn is_harmless(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_uppercase();
    parameter.starts_with("WSH=") || parameter == "KDR=0"
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"; // of RFC 4568 section 9.1

    #[test]
    fn lines_are_read_as_the_rfc_writes_them() {
        for (line, suite) in [
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), Some(Suite::Cm80)),
            (
                format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20"),
                Some(Suite::Cm32),
            ),
            (
                format!("1 aes_cm_128_hmac_sha1_80 INLINE:{KEY}|1048576 WSH=256"),
                Some(Suite::Cm80),
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"), None),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"), None),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"), None),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"), None),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP"),
                None,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
                None,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=3"), None),
            (format!("1 AEAD_AES_128_GCM inline:{KEY}"), None), // too long
            (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), None),
            (format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:".to_owned(), None),
            ("1 AES_CM_128_HMAC_SHA1_80".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(read(&line).map(|(_, key)| key.suite()), suite, "{line}");
        }
        let (tag, key) = read(&format!("7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).unwrap();
        assert_eq!((tag, key.bytes()[..4].to_vec()), (7, b"=-n@".to_vec()));
        assert_eq!(
            super::line(tag, &key),
            format!("7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")
        );
    }

    #[test]
    fn what_is_offered_can_be_read_with_padding_and_without() {
        let lines = offer(&Secret([[1; 44], [2; 44], [3; 44], [4; 44]], [0; 32]));
        assert_eq!(lines.len(), 4);
        for (i, line) in lines.iter().enumerate() {
            let (tag, key) = read(line).unwrap();
            assert_eq!((tag, key.suite()), (i as u32 + 1, Suite::ALL[i]));
            assert!(key.bytes().iter().all(|byte| usize::from(*byte) == i + 1));
            assert_eq!(read(line.trim_end_matches('=')), Some((tag, key)));
        }
    }
}
