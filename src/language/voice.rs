//! The voices that a plan may name.

use super::Language;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Voice {
    /// A man in English; the cheapest of all.
    Joe,
    /// A woman in English.
    Heart,
    /// A woman in Mandarin.
    Xiaoxiao,
    /// A man in Mandarin.
    Yunxi,
}

impl Voice {
    pub const ALL: [Voice; 4] = [Voice::Joe, Voice::Heart, Voice::Xiaoxiao, Voice::Yunxi];

    /// What plans may call it; names of a kind are of a voice in each language.
    pub fn names(self) -> [&'static str; 3] {
        match self {
            Voice::Joe => ["joe", "neutral_male", "warm_male"],
            Voice::Heart => ["heart", "warm_female", "neutral_female"],
            Voice::Xiaoxiao => ["xiaoxiao", "warm_female", "neutral_female"],
            Voice::Yunxi => ["yunxi", "neutral_male", "warm_male"],
        }
    }

    pub fn language(self) -> Language {
        match self {
            Voice::Joe | Voice::Heart => Language::English,
            Voice::Xiaoxiao | Voice::Yunxi => Language::Mandarin,
        }
    }

    /// Whether any voice is called `name`.
    pub fn is_known(name: &str) -> bool {
        Voice::ALL.iter().any(|voice| voice.names().contains(&name))
    }

    /// The voice called `name` in `language`.
    pub fn named(name: &str, language: Language) -> Option<Self> {
        let speakers = Voice::ALL.into_iter().filter(|voice| voice.language() == language);
        speakers.into_iter().find(|voice| voice.names().contains(&name))
    }
}

/// The voice of a language where none is named.
impl From<Language> for Voice {
    fn from(language: Language) -> Self {
        match language {
            Language::English => Voice::Joe,
            Language::Mandarin => Voice::Xiaoxiao,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_voice_in_a_language() {
        assert_eq!(Voice::named("heart", Language::English), Some(Voice::Heart));
        assert_eq!(Voice::named("heart", Language::Mandarin), None);
        assert_eq!(Voice::named("neutral_male", Language::Mandarin), Some(Voice::Yunxi));
        assert!(Voice::is_known("warm_female") && !Voice::is_known("alloy"));
        for voice in Voice::ALL {
            assert_eq!(Voice::named(voice.names()[0], voice.language()), Some(voice));
        }
    }
}
