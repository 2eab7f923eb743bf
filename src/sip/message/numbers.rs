//! How a trunk wants numbers written: the first rule whose prefix a number has replaces that prefix, once.

use crate::sip::Prefix;

/// What is dialled by a trunk with these rules. What is no number stays as it is.
pub(in crate::sip) fn dialled(rules: &[Prefix], number: &str) -> String {
    let number = number.trim();
    let written = |letter: char| letter.is_ascii_digit() || "+*#-.() ".contains(letter);
    if !number.chars().all(written) || !number.contains(|letter: char| letter.is_ascii_digit()) {
        return number.to_owned();
    }
    // For the eye (RFC 3966 section 5.1.1).
    let plain = number.replace(['-', '.', '(', ')', ' '], "");
    let mut replaced = rules
        .iter()
        .filter_map(|rule| Some(format!("{}{}", rule.to, plain.strip_prefix(&rule.from)?)));
    replaced.next().unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(rules: &[(&str, &str)]) -> Vec<Prefix> {
        let rule = |(from, to): &(&str, &str)| Prefix {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        };
        rules.iter().map(rule).collect()
    }

    #[test]
    fn the_first_rule_that_fits_is_the_one() {
        let german = rules(&[("+49", "0"), ("+", "00")]);
        assert_eq!(dialled(&german, "+49 (30) 12-34"), "0301234");
        assert_eq!(dialled(&german, "+44 20 1"), "0044201");
        assert_eq!(dialled(&german, "110"), "110");
        assert_eq!(dialled(&rules(&[("", "9")]), "110"), "9110", "for an outside line");
        assert_eq!(dialled(&rules(&[("00", "+")]), "0049"), "+49");
        assert_eq!(dialled(&german, "alice"), "alice");
        assert_eq!(dialled(&german, "*21#"), "*21#");
    }

    proptest! {
        #[test]
        fn anything_is_dialled(number: String, from: String, to: String) {
            let _ = dialled(&rules(&[(&from, &to)]), &number);
        }
    }
}
