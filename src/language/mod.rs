//! The languages a call can be held in, their voices, and the script that Mandarin is written in here: the simplified one.

mod voice;

pub use voice::Voice;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

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

/// OpenCC's tables, which are compiled in; without them text stays as it is.
static SIMPLIFIER: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::T2s).ok());

/// Traditional characters as simplified ones, told apart by the words they stand in (`乾燥` is `干燥`, `乾隆` stays).
/// Whisper writes either script, plans and tickets one.
pub fn simplified(text: &str) -> Cow<'_, str> {
    match SIMPLIFIER.as_ref() {
        Some(simplifier) if !text.is_ascii() => Cow::Owned(simplifier.convert(text)),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_script() {
        assert_eq!(simplified("感謝您的來電，再見。"), "感谢您的来电，再见。");
        assert_eq!(simplified("衣服很乾燥，乾隆年間的頭髮"), "衣服很干燥，乾隆年间的头发");
        assert_eq!(simplified("您好 hello 我的订单"), "您好 hello 我的订单");
        assert!(matches!(simplified("Where is my order?"), Cow::Borrowed(_)));
    }
}
