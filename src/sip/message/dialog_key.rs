//! What names a call on the wire: its dialog, the INVITE that it began with, and Replaces (RFC 3891), which names the dialog of another. It
//! knows no calls.

use rsipstack::sip::Request;
use rsipstack::sip::prelude::HeadersExt;

/// Our own tag is unique to the call; the peer's, which an early dialog does not know yet, is not needed to find it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::sip) struct DialogKey {
    pub call_id: String,
    pub local_tag: String,
}

impl DialogKey {
    /// Of a request that came in; `None` where it is outside of any dialog.
    pub fn of(request: &Request) -> Option<DialogKey> {
        let tag = request.to_header().ok()?.tag().ok()??;
        Some(DialogKey {
            call_id: request.call_id_header().ok()?.value().to_owned(),
            local_tag: tag.value().to_owned(),
        })
    }
}

/// The same INVITE over another path differs in its Via alone (RFC 3261 §8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::sip) struct Invitation {
    call_id: String,
    from_tag: String,
    sequence: u32,
}

impl Invitation {
    pub fn new(call_id: &str, from_tag: &str, sequence: u32) -> Invitation {
        Invitation {
            call_id: call_id.to_owned(),
            from_tag: from_tag.to_owned(),
            sequence,
        }
    }

    pub fn of(invite: &Request) -> Option<Invitation> {
        let tag = invite.from_header().ok()?.tag().ok()??;
        Some(Invitation {
            call_id: invite.call_id_header().ok()?.value().to_owned(),
            from_tag: tag.value().to_owned(),
            sequence: invite.cseq_header().ok()?.seq().ok()?,
        })
    }
}

/// What a third party has to know of a dialog to replace it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Named {
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    /// Where the other end is reached.
    pub target: String,
}

/// Which dialog an INVITE wants to take the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Replaces {
    pub dialog: DialogKey,
    pub remote_tag: String,
    pub early_only: bool,
}

/// Two of them, or one that cannot be read: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Malformed;

impl Replaces {
    pub fn of(invite: &Request) -> Result<Option<Replaces>, Malformed> {
        let mut all = invite
            .headers
            .iter()
            .filter(|header| header.name().eq_ignore_ascii_case("Replaces"));
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(one), None) => Replaces::read(one.value()).map(Some).ok_or(Malformed),
            (Some(_), Some(_)) => Err(Malformed),
        }
    }

    /// `call;to-tag=ours;from-tag=theirs`, as its receiver sees them.
    pub fn read(value: &str) -> Option<Replaces> {
        // Two of them in one line: neither a Call-ID nor a tag has a comma.
        let mut parts = Some(value)
            .filter(|value| !value.contains(','))?
            .split(';')
            .map(str::trim);
        let call_id = parts.next().filter(|call| !call.is_empty())?;
        let (mut local, mut remote, mut early_only) = (None, None, false);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "to-tag" => local = Some(value.trim().to_owned()),
                "from-tag" => remote = Some(value.trim().to_owned()),
                "early-only" => early_only = true,
                _ => {}
            }
        }
        let dialog = DialogKey {
            call_id: call_id.to_owned(),
            local_tag: local?,
        };
        Some(Replaces {
            dialog,
            remote_tag: remote?,
            early_only,
        })
    }
}

/// What a REFER sends its receiver to: the other end of our call `named`, to take its place (RFC 5589 section 7). The
/// tags are as that end sees them.
pub(in crate::sip) fn refer_to(to: &str, named: &Named) -> String {
    let value = format!(
        "{};to-tag={};from-tag={}",
        named.call_id, named.remote_tag, named.local_tag
    );
    let target = if to.is_empty() { &named.target } else { to };
    let joined = if target.contains('?') { '&' } else { '?' };
    format!("{target}{joined}Replaces={}", escaped(&value))
}

/// For a header of a URI: RFC 3261 section 25.1, hnv-unreserved and unreserved as far as nobody misreads them.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*".contains(&byte);
    let letters = value.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(headers: &str) -> Result<Option<Replaces>, Malformed> {
        let text = format!(
            "INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:1@h>\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Replaces::of(&Request::try_from(text).expect("a request"))
    }

    #[test]
    fn one_is_read_and_two_are_too_many() {
        assert_eq!(read(""), Ok(None));
        let one = "Replaces: 425928@b.example ;to-tag=7743; From-Tag=6472\r\n";
        let replaces = read(one).expect("sound").expect("one");
        assert_eq!(replaces.dialog.call_id, "425928@b.example");
        assert_eq!(
            (replaces.dialog.local_tag.as_str(), replaces.remote_tag.as_str()),
            ("7743", "6472")
        );
        assert!(!replaces.early_only);
        let early = read("Replaces: 1;from-tag=a;to-tag=b;early-only\r\n").expect("sound");
        assert!(early.is_some_and(|replaces| replaces.early_only));
        assert_eq!(read(&format!("{one}{one}")), Err(Malformed));
        for wrong in [
            "1;to-tag=a",
            "1;from-tag=a",
            ";to-tag=a;from-tag=b",
            "1;to-tag=a;from-tag=b, 2;to-tag=a;from-tag=b",
        ] {
            assert_eq!(read(&format!("Replaces: {wrong}\r\n")), Err(Malformed), "{wrong}");
        }
    }

    #[test]
    fn who_is_referred_is_told_which_dialog_to_replace() {
        let named = Named {
            call_id: "a@1.2.3.4".to_owned(),
            local_tag: "ours".to_owned(),
            remote_tag: "theirs".to_owned(),
            target: "sip:desk@1.2.3.4:5070".to_owned(),
        };
        let replaces = "Replaces=a%401.2.3.4%3Bto-tag%3Dtheirs%3Bfrom-tag%3Dours";
        assert_eq!(refer_to("", &named), format!("sip:desk@1.2.3.4:5070?{replaces}"));
        assert_eq!(refer_to("sip:x@h?A=b", &named), format!("sip:x@h?A=b&{replaces}"));
    }

    proptest! {
        #[test]
        fn any_header_is_read(value: String) {
            let _ = Replaces::read(&value);
            prop_assert!(escaped(&value).is_ascii());
        }
    }
}
