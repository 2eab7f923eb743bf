//! Strict routers (RFC 3261 §12.2.1.1): a first route without `lr` takes its own name for the Request-URI.
//!
//! The library's routes are all loose. So that it finds the way by the first of them, as it always does, and so that what it repeats is never turned
//! twice, requests are turned here, when they leave it. A digest keeps the URI of the target, which is what the target has before it once the router
//! has passed the request on. It opens nothing.

use std::borrow::Cow;

use super::grammar;
use super::raw::{Field, Raw};

/// The message as it goes on the wire.
pub(in crate::sip) fn routed(message: &[u8]) -> Cow<'_, [u8]> {
    let is_routed = !message.starts_with(b"SIP/") && message.windows(8).any(|at| at == b"\nRoute: ");
    match is_routed.then(|| by_the_strict(message)).flatten() {
        Some(turned) => Cow::Owned(turned),
        None => Cow::Borrowed(message),
    }
}

/// `None` where the first router is a loose one. There is one route to a line.
fn by_the_strict(message: &[u8]) -> Option<Vec<u8>> {
    let mut raw = Raw::read(message)?;
    let first = raw.fields.iter().position(|field| field.name == "Route")?;
    let last = raw.fields.iter().rposition(|field| field.name == "Route")?;
    let (router, _) = grammar::contact(&raw.fields.get(first)?.value)?;
    if is_loose(router) {
        return None;
    }
    let mut words = raw.start.splitn(3, ' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let start = format!("{method} {} {version}", as_request_uri(router));
    let target = Field {
        name: "Route".to_owned(),
        value: format!("<{target}>"),
    };
    raw.start = start;
    raw.fields.insert(last + 1, target);
    raw.fields.remove(first);
    Some(raw.write())
}

/// What stands before the parameters of a URI, and those, without its headers. A user may have any letter but `@`.
fn parts(uri: &str) -> (&str, impl Iterator<Item = &str>) {
    let host = uri.rfind('@').unwrap_or(0);
    let rest = uri.get(host..).unwrap_or_default();
    let plain = rest.split('?').next().unwrap_or_default();
    let end = host + plain.find(';').unwrap_or(plain.len());
    let parameters = uri.get(end..host + plain.len()).unwrap_or_default();
    (uri.get(..end).unwrap_or_default(), parameters.split(';').skip(1))
}

fn is(parameter: &str, name: &str) -> bool {
    let named = parameter.split('=').next().unwrap_or_default();
    named.trim().eq_ignore_ascii_case(name)
}

fn is_loose(uri: &str) -> bool {
    parts(uri).1.any(|parameter| is(parameter, "lr"))
}

/// Headers and a method have no place in a Request-URI (RFC 3261 §19.1.1).
fn as_request_uri(uri: &str) -> String {
    let (mut said, parameters) = (parts(uri).0.to_owned(), parts(uri).1);
    for parameter in parameters.filter(|parameter| !is(parameter, "method")) {
        said.push(';');
        said.push_str(parameter);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turned(start: &str, routes: &[&str]) -> String {
        let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let message = format!("{start}\r\nVia: v\r\n{routes}Max-Forwards: 70\r\nContent-Length: 2\r\n\r\nhi");
        String::from_utf8(routed(message.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn a_strict_router_is_the_request_uri_and_the_target_the_last_route() {
        assert_eq!(
            turned(
                "BYE sip:c@192.0.2.9;line=x7 SIP/2.0",
                &[
                    "<sip:;?@192.0.2.1:5070;method=BYE;transport=tcp?a=b>",
                    "<sip:192.0.2.2;lr>"
                ]
            ),
            "BYE sip:;?@192.0.2.1:5070;transport=tcp SIP/2.0\r\nVia: v\r\nRoute: <sip:192.0.2.2;lr>\r\n\
             Route: <sip:c@192.0.2.9;line=x7>\r\nMax-Forwards: 70\r\nContent-Length: 2\r\n\r\nhi"
        );
    }

    #[test]
    fn all_else_goes_as_it_is() {
        let start = "BYE sip:c@192.0.2.9 SIP/2.0";
        for loose in [
            "<sip:192.0.2.1;lr>",
            "\"a\" <sip:p@192.0.2.1;LR=on?x>;y",
            "<sip:192.0.2.1;a=b;lr=true>",
        ] {
            let written = turned(start, &[loose, "<sip:192.0.2.2>"]);
            assert!(written.starts_with(start) && written.contains(loose), "{written}");
        }
        assert!(turned(start, &[]).starts_with(start));
        let response = turned("SIP/2.0 200 OK", &["<sip:192.0.2.1>"]);
        assert!(
            response.starts_with("SIP/2.0 200 OK\r\nVia: v\r\nRoute: <sip:192.0.2.1>"),
            "{response}"
        );
    }

    proptest! {
        #[test]
        fn any_route_is_read(route: String, bytes: Vec<u8>) {
            let _ = (routed(&bytes), turned("BYE sip:c SIP/2.0", &[&route]), as_request_uri(&route));
        }
    }
}
