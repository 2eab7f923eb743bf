//! The names of Latin letters, as near as Mandarin syllables come.

use super::Syllable;

/// Q: a syllable that pinyin has not.
pub(super) const KIU: (&str, [&str; 5]) = ("kiu", ["kʰjou→", "kʰjou↗", "kʰjou↓", "kʰjou↘", "kʰjou"]);

/// `None` for what is no Latin letter.
pub(super) fn name(letter: char) -> Option<Vec<Syllable>> {
    let name: &[&str] = match letter.to_ascii_uppercase() {
        'A' => &["ei1"],
        'B' => &["bi4"],
        'C' => &["xi1"],
        'D' => &["di4"],
        'E' => &["yi4"],
        'F' => &["ai2", "fu5"],
        'G' => &["ji4"],
        'H' => &["ei1", "chi5"],
        'I' => &["ai4"],
        'J' => &["zhei4"],
        'K' => &["kei4"],
        'L' => &["ai2", "lou5"],
        'M' => &["ai2", "mu5"],
        'N' => &["en1"],
        'O' => &["ou1"],
        'P' => &["pi4"],
        'Q' => &["kiu4"],
        'R' => &["a4", "er5"],
        'S' => &["ai2", "si5"],
        'T' => &["ti4"],
        'U' => &["you1"],
        'V' => &["wei1"],
        'W' => &["da2", "bu5", "liu5"],
        'X' => &["ai2", "ke5", "si5"],
        'Y' => &["wai4"],
        'Z' => &["zei4"],
        _ => return None,
    };
    Some(
        name.iter()
            .filter_map(|syllable| Syllable::new(letter, syllable))
            .collect(),
    )
}
