//! Telephone numbers, in the one form that they are kept and dialled in: E.164.
//!
//! How people write them, which exist and where they belong is libphonenumber's knowledge. It knows no time zones.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};

/// Digits of the longest number (E.164, 6.2).
const MOST_DIGITS: usize = 15;

/// A number in E.164, such as `+4930123456`; eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(u64);

/// A country by its two letters (ISO 3166-1), such as `DE`: one that has telephone numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region([u8; 2]);

/// Why a text is no number that may be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    Empty,
    /// Neither digits with what people write between them, nor a number with its country's code.
    NotANumber,
    /// It has no country code, and there is no region to take it from.
    NoCountry,
    /// No country has this code.
    NoSuchCountry,
    TooShort,
    TooLong,
    /// Nobody has it: the country's numbers do not go so.
    Unassigned(Option<Region>),
    /// It leads to a switchboard, which a machine cannot be sent through.
    Extension,
    /// Whoever is called earns by it: no customer's.
    Premium,
}

impl Number {
    /// Reads a number as people write it; one without a country code is of `home`.
    ///
    /// # Errors
    /// Why it may not be dialled.
    pub fn parse(text: &str, home: Option<Region>) -> Result<Self, Unread> {
        let text = text.trim();
        let digits = text.strip_prefix("tel:").unwrap_or(text);
        if text.is_empty() {
            return Err(Unread::Empty);
        }
        // Letters stand for digits in the library; in a column of numbers they are a name, or an extension.
        if digits.chars().any(char::is_alphabetic) {
            return Err(Unread::NotANumber);
        }
        let international = digits.starts_with(['+', '＋']);
        if !international && home.is_none() {
            return Err(Unread::NoCountry);
        }
        let found = PHONE_NUMBER_UTIL
            .parse(digits, home.and_then(Region::of_library))
            .map_err(Unread::of_library)?;
        if found.extension.is_some() {
            return Err(Unread::Extension);
        }
        match found.get_type() {
            PhoneNumberType::Unknown => return Err(unassigned(&found, home.filter(|_| !international))),
            PhoneNumberType::PremiumRate => return Err(Unread::Premium),
            _ => {}
        }
        found.format_as(PhoneNumberFormat::E164).parse()
    }

    /// The country that it belongs to.
    pub fn region(self) -> Option<Region> {
        Region::own(self.library()?.get_region_code()?)
    }

    /// The digits that tell where it is, which are all of them or, where the rest does not tell, the country's code; and the country.
    pub(super) fn located(self) -> (String, Option<Region>) {
        let Some(number) = self.library() else {
            return (String::new(), None);
        };
        let telling = if number.is_geographical() {
            self.0.to_string()
        } else {
            number.country_code.to_string()
        };
        (telling, number.get_region_code().and_then(Region::own))
    }

    /// Its digits as one figure: no code of a country begins with 0, so none is lost.
    pub fn digits(self) -> u64 {
        self.0
    }

    fn library(self) -> Option<PhoneNumber> {
        PHONE_NUMBER_UTIL.parse(self.to_string(), None).ok()
    }
}

/// What is wrong with a number that nobody has: its length, or its digits.
fn unassigned(number: &PhoneNumber, home: Option<Region>) -> Unread {
    use rlibphonenumber::ValidationError;
    let region = || {
        home.or_else(|| {
            PHONE_NUMBER_UTIL
                .get_region_for_country_code(number.country_code)
                .and_then(Region::own)
        })
    };
    match number.is_possible_with_reason() {
        Err(ValidationError::TooShort) => Unread::TooShort,
        Err(ValidationError::TooLong) => Unread::TooLong,
        Err(ValidationError::InvalidCountryCode) => Unread::NoSuchCountry,
        Ok(_) | Err(ValidationError::InvalidLength) => Unread::Unassigned(region()),
    }
}

/// In E.164 only, as it is kept: whether anybody has it is not looked at.
impl FromStr for Number {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let digits = text.strip_prefix('+').ok_or(Unread::NoCountry)?;
        if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Unread::NotANumber);
        }
        match digits.len() {
            0..=3 => Err(Unread::TooShort),
            4..=MOST_DIGITS => digits.parse().map(Self).map_err(|_| Unread::NotANumber),
            _ => Err(Unread::TooLong),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number(+{})", self.0)
    }
}

impl Region {
    fn of_library(self) -> Option<rlibphonenumber::Region> {
        self.as_str().parse().ok()
    }

    /// None for what is no country, such as 001.
    fn own(region: rlibphonenumber::Region) -> Option<Self> {
        region.to_string().parse().ok()
    }

    /// Two capital letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no country with telephone numbers; write its two letters, such as DE");
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| refused())?;
        let region = Self(letters.map(|letter| letter.to_ascii_uppercase()));
        let known = region
            .of_library()
            .and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region));
        known.map(|_| region).ok_or_else(refused)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Unread {
    fn of_library(error: rlibphonenumber::ParseError) -> Self {
        use rlibphonenumber::ParseError;
        match error {
            ParseError::InvalidCountryCode => Self::NoSuchCountry,
            ParseError::NotANumber(_) => Self::NotANumber,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Self::TooShort,
            ParseError::TooLongNsn => Self::TooLong,
        }
    }
}

/// What is wrong, and what helps.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no number"),
            Self::NotANumber => f.write_str("it is no telephone number; write one such as +4930123456"),
            Self::NoCountry => {
                f.write_str("it has no country code; write it as +4930123456, or say of which country it is")
            }
            Self::NoSuchCountry => f.write_str("no country has its code"),
            Self::TooShort => f.write_str("it is too short"),
            Self::TooLong => f.write_str("it is too long"),
            Self::Unassigned(Some(region)) => write!(f, "there is no such number in {region}"),
            Self::Unassigned(None) => f.write_str("there is no such number"),
            Self::Extension => {
                f.write_str("it has an extension, which cannot be dialled; write a number that rings the person")
            }
            Self::Premium => f.write_str("it is a premium-rate number, which is not called"),
        }
    }
}

impl std::error::Error for Unread {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn region(name: &str) -> Region {
        name.parse().expect("a country")
    }

    #[test]
    fn is_read_as_people_write_it() {
        for (text, home, right, country) in [
            ("030 123456", "DE", "+4930123456", Some("DE")),
            ("+49 (0)30 / 12 34-56", "US", "+4930123456", Some("DE")),
            ("0049 30 123456", "DE", "+4930123456", Some("DE")),
            ("tel:+49-30-123456", "DE", "+4930123456", Some("DE")),
            ("＋４９３０１２３４５６", "DE", "+4930123456", Some("DE")),
            ("(212) 555-0123", "US", "+12125550123", Some("US")),
            ("416 555 0123", "US", "+14165550123", Some("CA")),
            ("02 1234 5678", "IT", "+390212345678", Some("IT")),
            ("138 0013 8000", "CN", "+8613800138000", Some("CN")),
            ("+800 12345678", "DE", "+80012345678", None),
            ("+44 1481 960194", "GB", "+441481960194", Some("GG")),
        ] {
            let number = Number::parse(text, Some(region(home))).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(number.to_string(), right, "{text}");
            assert_eq!(number.region(), country.map(region), "{text}");
            assert_eq!(right.parse(), Ok(number));
        }
    }

    #[test]
    fn is_refused_with_what_is_wrong() {
        let home = Some(region("DE"));
        for (text, home, wrong) in [
            ("", home, Unread::Empty),
            (" \t", home, Unread::Empty),
            ("Ann", home, Unread::NotANumber),
            ("1-800-FLOWERS", Some(region("US")), Unread::NotANumber),
            ("?!", home, Unread::NotANumber),
            ("030 123456", None, Unread::NoCountry),
            ("+999 30 123456", home, Unread::NoSuchCountry),
            ("+1 212 55", home, Unread::TooShort),
            ("+49 30 123456789012345", home, Unread::TooLong),
            ("+1 212 155 0123", home, Unread::Unassigned(Some(region("US")))),
            ("0900 1 123456", home, Unread::Premium),
        ] {
            assert_eq!(Number::parse(text, home), Err(wrong), "{text}");
        }
        for text in [
            "",
            "49301",
            "+",
            "+0301234",
            "+12x4567",
            "+1234567890123456",
            "+99999999999999999999",
        ] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
        assert!("de".parse::<Region>().is_ok());
        for text in ["", "D", "DEU", "XX", "ü", "001"] {
            assert!(
                text.parse::<Region>().is_err_and(|why| why.contains("such as DE")),
                "{text}"
            );
        }
    }

    #[test]
    fn an_extension_is_no_way_to_a_person() {
        assert_eq!(
            Number::parse("030 123456;ext=12", Some(region("DE"))),
            Err(Unread::NotANumber)
        );
        assert_eq!(
            Number::parse("030 123456 #12", Some(region("DE"))),
            Err(Unread::Extension)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}", home in prop::option::of(Just(region("DE")))) {
            if let Ok(number) = Number::parse(&text, home) {
                prop_assert_eq!(number.to_string().parse::<Number>(), Ok(number));
                prop_assert_eq!(Number::parse(&number.to_string(), None), Ok(number));
            }
        }

        #[test]
        fn any_digits_are_read_or_refused(digits in "[+]?[0-9 ()/.#*-]{0,24}") {
            if let Ok(number) = Number::parse(&digits, Some(region("DE"))) {
                prop_assert_eq!(Number::parse(&number.to_string(), None), Ok(number));
            }
        }
    }
}
