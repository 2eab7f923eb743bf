//! From IPA to the numbers that the English voice reads.
//!
//! Knows the shape of Piper's `phoneme_id_map`; no text, no sound and no model.

use std::collections::BTreeMap;

/// What the voice is given, and what it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    pub ids: Vec<i64>,
    /// Symbols without a number, in order; they are left out of `ids`.
    pub unknown: Vec<char>,
}

/// Piper's numbers for `ipa`: `^`, a pad, each symbol with a pad (`_`) behind it, then `$`, as Piper was trained.
pub fn identify(ipa: &str, map: &BTreeMap<String, Vec<i64>>) -> Identified {
    let ids_of = |symbol: &str| map.get(symbol).map(Vec::as_slice).unwrap_or_default();
    let pad = ids_of("_");
    let mut ids = [ids_of("^"), pad].concat();
    let mut unknown = Vec::new();
    for c in ipa.chars() {
        match ids_of(c.encode_utf8(&mut [0; 4])) {
            [] => unknown.push(c),
            known => ids.extend(known.iter().chain(pad)),
        }
    }
    ids.extend(ids_of("$"));
    Identified { ids, unknown }
}

/// The numbers alone; unknown symbols are told to the log.
pub fn piper_phoneme_ids(ipa: &str, map: &BTreeMap<String, Vec<i64>>) -> Vec<i64> {
    let Identified { ids, unknown } = identify(ipa, map);
    if !unknown.is_empty() {
        tracing::debug!(count = unknown.len(), symbols = ?unknown, "the voice does not know these phonemes");
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_every_symbol_and_leaves_out_strangers() {
        let numbers = [("_", 0), ("^", 1), ("$", 2), ("h", 20), ("ə", 59)];
        let map: BTreeMap<String, Vec<i64>> = numbers.into_iter().map(|(s, n)| (s.to_owned(), vec![n])).collect();
        let identified = identify("h漢ə", &map);
        assert_eq!(
            identified,
            Identified {
                ids: vec![1, 0, 20, 0, 59, 0, 2],
                unknown: vec!['漢']
            }
        );
        assert_eq!(piper_phoneme_ids("", &map), [1, 0, 2]);
        assert_eq!(piper_phoneme_ids("h", &BTreeMap::new()), Vec::<i64>::new());
    }
}
