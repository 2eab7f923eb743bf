//! The languages a call can be held in.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    English,
    Mandarin,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::English, Language::Mandarin];

    /// ISO 639-1, as plans and Whisper write it.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Mandarin => "zh",
        }
    }

    /// Of two, the one that this is not.
    pub fn other(self) -> Language {
        match self {
            Language::English => Language::Mandarin,
            Language::Mandarin => Language::English,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no language `{0}`: en and zh are known")]
pub struct UnknownLanguage(pub String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Language::ALL
            .into_iter()
            .find(|language| language.code() == code)
            .ok_or_else(|| UnknownLanguage(code.to_owned()))
    }
}
