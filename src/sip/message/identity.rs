//! Who calls, beyond From: the identity that a trunk vouches for (P-Asserted-Identity, RFC 3325; Privacy, RFC 3323), and
//! whom the call was for before it was sent here (Diversion, RFC 5806; History-Info, RFC 7044).

use rsipstack::sip::{Auth, Header, Headers, HostWithPort, Request, Scheme, Uri};

use super::{fields, grammar};
use crate::sip::{CallerId, Party, Trunk};

/// Of a chain of diversions; more are a loop.
const DIVERSIONS: usize = 8;

/// The caller, as From says it; or as a trunk that is believed does, unless the caller wants to be withheld.
pub(in crate::sip) fn caller(invite: &Request, trunk: Option<&Trunk>) -> Party {
    let from = grammar::party(&fields::value_of(invite, "From"));
    if !trunk.is_some_and(|trunk| trunk.trust_caller_id) || withheld(&invite.headers) {
        return from;
    }
    let asserted = items(&invite.headers, "P-Asserted-Identity");
    let mut parties: Vec<Party> = asserted.iter().map(|item| grammar::party(item)).collect();
    // There may be a sip: and a tel: URI: the number is what both of them say, and the name stands at either.
    let display = parties.iter_mut().find_map(|party| party.display.take());
    match parties.into_iter().find(|party| !party.user.is_empty()) {
        Some(party) => Party {
            display: display.or(from.display),
            ..party
        },
        None => from,
    }
}

fn withheld(headers: &Headers) -> bool {
    let wishes = fields::list_of(headers, "Privacy").unwrap_or_default();
    let mut wishes = wishes.split([';', ',']).map(str::trim);
    wishes.any(|wish| {
        ["id", "user", "header"]
            .iter()
            .any(|known| wish.eq_ignore_ascii_case(known))
    })
}

/// Who sent the call on, the last first.
pub(in crate::sip) fn diverted_from(invite: &Request) -> Vec<Party> {
    let mut from: Vec<Party> = parties(&items(&invite.headers, "Diversion"));
    if from.is_empty() {
        from = parties(&items(&invite.headers, "History-Info"));
        // The last entry is where the call is now.
        from.pop();
        from.reverse();
    }
    from.truncate(DIVERSIONS);
    from
}

fn parties(items: &[String]) -> Vec<Party> {
    let all = items.iter().map(|item| grammar::party(item));
    all.filter(|party| !party.uri.is_empty()).collect()
}

/// The items of a list that may stand in several headers.
fn items(headers: &Headers, name: &str) -> Vec<String> {
    let mut items = Vec::new();
    let Some(list) = fields::list_of(headers, name) else {
        return items;
    };
    let mut rest = list.as_str();
    // Twice as many as are wanted of either kind.
    while !rest.is_empty() && items.len() < 2 * DIVERSIONS {
        let (item, after) = grammar::first_item(rest);
        items.push(item.to_owned());
        rest = after;
    }
    items
}

/// The From of a call by a trunk with this policy, where it is another than the caller's.
pub(in crate::sip) fn from(policy: CallerId) -> Option<(String, Uri)> {
    match policy {
        CallerId::Plain | CallerId::Asserted => None,
        // RFC 3323 section 4.1.1.3.
        CallerId::Withheld => {
            let uri = Uri {
                scheme: Some(Scheme::Sip),
                auth: Some(Auth {
                    user: "anonymous".to_owned(),
                    password: None,
                }),
                host_with_port: HostWithPort::try_from("anonymous.invalid").unwrap_or_default(),
                ..Uri::default()
            };
            Some(("Anonymous".to_owned(), uri))
        }
    }
}

/// The headers of a call by a trunk with this policy; `caller` is who calls.
pub(in crate::sip) fn headers(policy: CallerId, caller: &Uri) -> Vec<Header> {
    let asserted = || Header::PAssertedIdentity(format!("<{caller}>").into());
    match policy {
        CallerId::Plain => Vec::new(),
        CallerId::Asserted => vec![asserted()],
        CallerId::Withheld => vec![asserted(), Header::Privacy("id".into())],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invite(headers: &str) -> Request {
        let text = format!(
            "INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"Joe\" <sip:0@b>;tag=1\r\nTo: <sip:1@h>\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Request::try_from(text).expect("a request")
    }

    fn believed(trust_caller_id: bool) -> Trunk {
        Trunk {
            trust_caller_id,
            ..Trunk::default()
        }
    }

    #[test]
    fn a_trunk_that_is_believed_says_who_calls() {
        let asserted = "P-Asserted-Identity: \"Ann, Lee\" <sip:+4912@trunk>, <tel:+4912>\r\n";
        let seen = |headers: &str, trunk: &Trunk| {
            let party = caller(&invite(headers), Some(trunk));
            (party.display.unwrap_or_default(), party.user)
        };
        let (joe, ann) = (
            ("Joe".to_owned(), "0".to_owned()),
            ("Ann, Lee".to_owned(), "+4912".to_owned()),
        );
        assert_eq!(seen(asserted, &believed(true)), ann);
        assert_eq!(seen(asserted, &believed(false)), joe);
        assert_eq!(caller(&invite(asserted), None).user, "0", "a stranger's word");
        assert_eq!(seen(&format!("{asserted}Privacy: header;id\r\n"), &believed(true)), joe);
        assert_eq!(seen(&format!("{asserted}Privacy: none\r\n"), &believed(true)), ann);
        assert_eq!(seen("P-Asserted-Identity: ,,\r\n", &believed(true)), joe);
    }

    #[test]
    fn says_whom_the_call_was_for_before() {
        let users = |headers: &str| -> Vec<String> {
            let parties = diverted_from(&invite(headers));
            parties.into_iter().map(|party| party.user).collect()
        };
        let diversion =
            "Diversion: <sip:+4930@h>;reason=unconditional;counter=1, \"A, B\" <sip:200@h>;reason=no-answer\r\n";
        assert_eq!(users(diversion), ["+4930", "200"]);
        let history = "History-Info: <sip:1@h>;index=1, <sip:2@h?Reason=SIP%3Bcause%3D302>;index=1.1\r\nHistory-Info: <sip:3@h>;index=1.2\r\n";
        assert_eq!(users(history), ["2", "1"]);
        assert_eq!(users(&format!("{history}{diversion}")), ["+4930", "200"]);
        assert_eq!(users("History-Info: <sip:3@h>;index=1\r\n"), [""; 0]);
        assert_eq!(users(""), [""; 0]);
    }

    #[test]
    fn a_caller_who_is_withheld_is_told_to_the_trunk_alone() {
        let caller = Uri::try_from("sip:4930@trunk.example").expect("a URI");
        let written = |policy| {
            headers(policy, &caller)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(written(CallerId::Plain), [""; 0]);
        assert_eq!(
            written(CallerId::Asserted),
            ["P-Asserted-Identity: <sip:4930@trunk.example>"]
        );
        let told = ["P-Asserted-Identity: <sip:4930@trunk.example>", "Privacy: id"];
        assert_eq!(written(CallerId::Withheld), told);
        let (name, uri) = from(CallerId::Withheld).expect("nobody");
        assert_eq!(
            (name.as_str(), uri.to_string().as_str()),
            ("Anonymous", "sip:anonymous@anonymous.invalid")
        );
        assert_eq!((from(CallerId::Plain), from(CallerId::Asserted)), (None, None));
    }

    proptest! {
        #[test]
        fn any_list_is_read_and_is_short(value: String) {
            let mut request = invite("");
            request.headers.push(Header::Other("Diversion".to_owned(), value.clone()));
            request.headers.push(Header::Other("P-Asserted-Identity".to_owned(), value));
            prop_assert!(diverted_from(&request).len() <= DIVERSIONS);
            let _ = caller(&request, Some(&believed(true)));
        }
    }
}
