//! Where a REFER sends its receiver (Refer-To, RFC 3515): whom to call, and whose place to take (Replaces, RFC 3891).
//!
//! A URI may carry headers for the request that is made of it. None but Replaces is copied: whoever writes the URI would
//! write our INVITE (RFC 3261 section 19.1.5). It knows no calls, and not whether a call may go there.

use rsipstack::sip::Request;

use super::placed::callee;
use crate::sip::message::{self, Replaces, grammar};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReferTo {
    /// A SIP URI without headers, otherwise as it stood.
    pub uri: String,
    /// The value of a Replaces.
    pub replaces: Option<String>,
}

/// Why nobody can be called by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Malformed,
    /// None of SIP.
    Scheme,
    /// Another request than a call is wanted.
    Method,
}

impl Unfit {
    pub fn code(self) -> u16 {
        match self {
            Unfit::Malformed => 400,
            Unfit::Scheme => 416,
            Unfit::Method => 603,
        }
    }
}

impl ReferTo {
    /// There must be exactly one (section 2.4.2).
    pub fn of(refer: &Request) -> Result<ReferTo, Unfit> {
        let mut all = refer
            .headers
            .iter()
            .filter(|header| header.name().eq_ignore_ascii_case("Refer-To"));
        match (all.next(), all.next()) {
            (Some(one), None) => ReferTo::read(one.value()),
            (_, _) => Err(Unfit::Malformed),
        }
    }

    fn read(value: &str) -> Result<ReferTo, Unfit> {
        let (uri, parameters) = grammar::contact(value).ok_or(Unfit::Malformed)?;
        let whole = value.contains('>') == value.contains('<') && !parameters.contains(',');
        let strange = |letter: char| !letter.is_ascii_graphic() || "<>\"".contains(letter);
        if !whole || uri.contains(strange) {
            return Err(Unfit::Malformed);
        }
        let (scheme, _) = uri.split_once(':').ok_or(Unfit::Malformed)?;
        if !["sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(Unfit::Scheme);
        }
        let (address, headers) = uri.split_once('?').unwrap_or((uri, ""));
        // A question mark may be part of a user; ours to dial are without.
        if address.matches('@').count() > 1 || (!address.contains('@') && headers.contains('@')) {
            return Err(Unfit::Malformed);
        }
        let uri = without_method(address)?;
        let replaces = replaces_among(headers)?;
        match callee(&uri, None) {
            Ok(_) => Ok(ReferTo { uri, replaces }),
            Err(_) => Err(Unfit::Malformed),
        }
    }
}

/// A URI may name the request that is to be made of it; to us it is INVITE, which goes without saying.
fn without_method(address: &str) -> Result<String, Unfit> {
    let named = |parameter: &&str| {
        let (name, _) = parameter.split_once('=').unwrap_or((*parameter, ""));
        name.trim().eq_ignore_ascii_case("method")
    };
    let (user, rest) = match address.split_once('@') {
        Some((user, rest)) => (format!("{user}@"), rest),
        None => (String::new(), address),
    };
    if let Some(parameter) = rest.split(';').skip(1).find(named) {
        let (_, method) = parameter.split_once('=').unwrap_or_default();
        if !method.trim().eq_ignore_ascii_case("INVITE") {
            return Err(Unfit::Method);
        }
    }
    let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
    let kept = parameters
        .split(';')
        .filter(|parameter| !parameter.is_empty() && !named(parameter));
    let parameters: String = kept.map(|parameter| format!(";{parameter}")).collect();
    Ok(format!("{user}{host}{parameters}"))
}

/// Escapes undone: what they hid must not end the line.
fn replaces_among(headers: &str) -> Result<Option<String>, Unfit> {
    let pairs = headers.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(name, _)| name.eq_ignore_ascii_case("Replaces"))
        .map(|(_, value)| grammar::unescape(value));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let plain = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            match plain && Replaces::read(&value).is_some() {
                true => Ok(Some(value)),
                false => Err(Unfit::Malformed),
            }
        }
        (Some(_), Some(_)) => Err(Unfit::Malformed),
    }
}

/// Who refers us (Referred-By, RFC 3892): the address that they have in the call, and not the one that they say.
pub(super) fn referred_by(refer: &Request) -> Option<String> {
    let from = message::value_of(refer, "From");
    let (uri, _) = grammar::contact(&from)?;
    let strange = |letter: char| !letter.is_ascii_graphic() || "<>\",?".contains(letter);
    let sound = !uri.contains(strange) && grammar::host_is_sound(uri);
    sound.then(|| format!("<{uri}>"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Result<(String, Option<String>), Unfit> {
        ReferTo::read(value).map(|to| (to.uri, to.replaces))
    }

    #[test]
    fn whom_to_call() {
        for (value, uri) in [
            ("<sip:desk@pbx.example>", "sip:desk@pbx.example"),
            ("sip:desk@pbx.example", "sip:desk@pbx.example"),
            (
                "\"The, desk\" <sips:desk@pbx.example:5070;transport=tcp>;x=y",
                "sips:desk@pbx.example:5070;transport=tcp",
            ),
            (
                "<sip:pbx.example;user=phone;method=INVITE;lr>",
                "sip:pbx.example;user=phone;lr",
            ),
            ("<sip:a;b=c@[2001:db8::1]>", "sip:a;b=c@[2001:db8::1]"),
            // What we would write is not theirs to say.
            ("<sip:a@b?Subject=x&Route=%3Csip:evil%3E&body=y>", "sip:a@b"),
        ] {
            assert_eq!(read(value), Ok((uri.to_owned(), None)), "{value}");
        }
    }

    #[test]
    fn whose_place_to_take() {
        let replaces = "Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994";
        let plain = "12345@192.168.118.3;to-tag=12345;from-tag=5FFE-3994".to_owned();
        let to = ("sip:dave@denver.example".to_owned(), Some(plain.clone()));
        for value in [
            format!("<sip:dave@denver.example?{replaces}>"),
            format!("<sip:dave@denver.example?Require=replaces&{replaces}>"),
            // As some write it.
            format!("<sip:dave@denver.example?replaces={plain}>"),
        ] {
            assert_eq!(read(&value), Ok(to.clone()), "{value}");
        }
        for value in [
            format!("<sip:a@b?{replaces}&{replaces}>"),
            format!("<sip:a@b?{replaces}%0D%0AVia:%20x>"),
            "<sip:a@b?Replaces=1%3Bto-tag%3D2>".to_owned(),
        ] {
            assert_eq!(read(&value), Err(Unfit::Malformed), "{value}");
        }
    }

    #[test]
    fn what_nobody_is_called_by() {
        for (value, unfit) in [
            ("", Unfit::Malformed),
            ("<sip:a@b>, <sip:c@d>", Unfit::Malformed),
            ("<sip:a@b", Unfit::Malformed),
            ("<sip:a @b>", Unfit::Malformed),
            ("<sip:a@b@c>", Unfit::Malformed),
            ("<sip:a?b@c>", Unfit::Malformed),
            ("<sip:a@b:x>", Unfit::Malformed),
            ("<sip:@>", Unfit::Malformed),
            ("<tel:+4912>", Unfit::Scheme),
            ("<http://a@b>", Unfit::Scheme),
            ("<sip:a@b;method=BYE>", Unfit::Method),
        ] {
            assert_eq!(read(value), Err(unfit), "{value}");
        }
    }

    #[test]
    fn there_is_one_and_who_refers_is_named() {
        let refer = |headers: &str| {
            let text = format!(
                "REFER sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"A\" <sip:a@b>;tag=1\r\nTo: <sip:1@h>;tag=2\r\n\
                 Call-ID: c\r\nCSeq: 1 REFER\r\n{headers}Content-Length: 0\r\n\r\n"
            );
            Request::try_from(text).expect("a request")
        };
        let one = "Refer-To: <sip:c@d>\r\n";
        assert!(ReferTo::of(&refer(one)).is_ok());
        assert_eq!(ReferTo::of(&refer("")), Err(Unfit::Malformed));
        assert_eq!(ReferTo::of(&refer(&format!("{one}{one}"))), Err(Unfit::Malformed));
        let by = |headers: &str| referred_by(&refer(headers));
        assert_eq!(by(one).as_deref(), Some("<sip:a@b>"));
        let said = "Referred-By: \"x\" <sip:e@f>;cid=\"g\"\r\n";
        assert_eq!(by(said).as_deref(), Some("<sip:a@b>"));
    }

    proptest! {
        #[test]
        fn any_value_is_read_and_what_is_kept_is_one_line(value: String, head in "<sip:a@b[ -~]{0,40}>") {
            for value in [value, head] {
                if let Ok(to) = ReferTo::read(&value) {
                    let kept = to.uri + &to.replaces.unwrap_or_default();
                    prop_assert!(kept.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
                }
            }
        }
    }
}
