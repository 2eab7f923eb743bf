//! From IPA, as espeak-ng writes American English, to the phonemes that Kokoro was trained on: one sign for a diphthong or
//! an affricate, no marks of length.
//!
//! Source: the table `E2M` of misaki, Kokoro's own phonemizer; these are its entries for American English.

/// Longest first: the first that fits is taken.
const SIGNS: [(&str, &str); 21] = [
    ("ʔˌn\u{329}", "tᵊn"),
    ("ʔn\u{329}", "tᵊn"),
    ("ʔn", "tᵊn"),
    ("ɜːɹ", "ɜɹ"),
    ("aɪ", "I"),
    ("aʊ", "W"),
    ("eɪ", "A"),
    ("oʊ", "O"),
    ("ɔɪ", "Y"),
    ("dʒ", "ʤ"),
    ("tʃ", "ʧ"),
    ("ɜː", "ɜɹ"),
    ("ɪə", "iə"),
    ("ɚ", "əɹ"),
    ("ɐ", "ə"),
    ("ʔ", "t"),
    ("e", "A"),
    ("r", "ɹ"),
    ("ɾ", "T"),
    ("x", "k"),
    ("ː", ""),
];

/// `ipa` in Kokoro's signs; what it has no other sign for stays as it is.
pub fn kokoro_phonemes(ipa: &str) -> String {
    let mut phonemes = String::with_capacity(ipa.len());
    let mut rest = ipa;
    while let Some(c) = rest.chars().next() {
        let sign = SIGNS.iter().find(|(from, _)| rest.starts_with(from));
        let (from, to) = sign.copied().unwrap_or((&rest[..c.len_utf8()], &rest[..c.len_utf8()]));
        phonemes.push_str(to);
        rest = &rest[from.len()..];
    }
    phonemes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diphthongs_and_affricates_have_one_sign() {
        for (ipa, kokoro) in [
            ("həlˈoʊ", "həlˈO"),
            ("dʒˈʌdʒ", "ʤˈʌʤ"),
            ("wˈɜːɹd", "wˈɜɹd"),
            ("wˈɜːd", "wˈɜɹd"),
            ("ðˈeɪ, wˈʊd", "ðˈA, wˈʊd"),
            ("nˈʌmbɚ", "nˈʌmbəɹ"),
            ("fɹˈiː", "fɹˈi"),
            ("", ""),
        ] {
            assert_eq!(kokoro_phonemes(ipa), kokoro);
        }
    }
}
