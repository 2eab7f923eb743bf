//! From IPA to what the English voice reads.

use std::collections::BTreeMap;

/// Piper's numbers for phonemes: beginning, then each symbol with a pad behind it, then the end. Symbols that the voice does
/// not have are left out.
pub fn piper_phoneme_ids(phonemes: &str, map: &BTreeMap<String, Vec<i64>>) -> Vec<i64> {
    let ids = |symbol: &str| map.get(symbol).map(Vec::as_slice).unwrap_or_default();
    let pad = ids("_");
    let mut all = [ids("^"), pad].concat();
    for symbol in phonemes.chars() {
        let symbol = ids(symbol.encode_utf8(&mut [0; 4]));
        if !symbol.is_empty() {
            all.extend(symbol.iter().chain(pad));
        }
    }
    all.extend(ids("$"));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_every_symbol_and_leaves_out_strangers() {
        let map: BTreeMap<String, Vec<i64>> = [("_", 0), ("^", 1), ("$", 2), ("h", 20), ("ə", 59)]
            .into_iter()
            .map(|(s, n)| (s.to_owned(), vec![n]))
            .collect();
        assert_eq!(piper_phoneme_ids("h漢ə", &map), [1, 0, 20, 0, 59, 0, 2]);
        assert_eq!(piper_phoneme_ids("", &map), [1, 0, 2]);
        assert_eq!(piper_phoneme_ids("h", &BTreeMap::new()), Vec::<i64>::new());
    }
}
