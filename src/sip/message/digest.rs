//! Helps the library's digest client over what it stumbles on: several challenges, SHA-256, and a choice of qop.
//!
//! The library answers the first challenge of a response, knows SHA-256 by another name, and cannot read
//! `auth,auth-int`. So the challenge to answer is chosen here and put into words it knows, and its answer is put right on
//! the way out. It knows no passwords.

use rsipstack::sip::{Header, Request, Response};

/// Leaves one challenge: the first, in the server's order of preference (RFC 8760 §2.4), that can be answered. Where
/// none can, none is left, and the refusal stands.
pub(super) fn choose_challenge(mut response: Response) -> Response {
    let mut chosen = false;
    let mut headers = Vec::new();
    for header in response.headers {
        let is_challenge = matches!(header, Header::WwwAuthenticate(_) | Header::ProxyAuthenticate(_));
        if !is_challenge {
            headers.push(header);
            continue;
        }
        let Some(value) = in_the_librarys_words(header.value()).filter(|_| !chosen) else {
            continue;
        };
        chosen = true;
        headers.push(match header {
            Header::ProxyAuthenticate(_) => Header::ProxyAuthenticate(value.into()),
            _ => Header::WwwAuthenticate(value.into()),
        });
    }
    response.headers = headers.into();
    response
}

/// Puts right what proves who we are, where a request has that.
pub(super) fn spell_proof(request: &mut Request) {
    for header in request.headers.iter_mut() {
        let value = match header {
            Header::Authorization(inner) => &mut inner.0,
            Header::ProxyAuthorization(inner) => &mut inner.0,
            _ => continue,
        };
        if let Some(spelled) = spelled(value) {
            *value = spelled;
        }
    }
}

/// RFC 8760 §2.1 has a hyphen in the algorithm's name; and RFC 7616 §3.4 no quotes around that, qop and nc.
fn spelled(proof: &str) -> Option<String> {
    let (scheme, rest) = proof.split_once(' ')?;
    let words: Vec<String> = parameters(rest)?
        .into_iter()
        .map(|(name, value)| match (name, value.trim_matches('"')) {
            ("algorithm", "SHA256") => "algorithm=SHA-256".to_owned(),
            ("algorithm" | "qop" | "nc", plain) => format!("{name}={plain}"),
            _ => format!("{name}={value}"),
        })
        .collect();
    Some(format!("{scheme} {}", words.join(", ")))
}

/// The challenge as the library can answer it; `None` where it cannot: another scheme, a session algorithm, `auth-int`
/// alone.
fn in_the_librarys_words(challenge: &str) -> Option<String> {
    let (scheme, rest) = challenge.trim().split_once(char::is_whitespace)?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut words = Vec::new();
    for (name, value) in parameters(rest)? {
        let plain = value.trim_matches('"').to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "algorithm" if plain == "md5" => words.push("algorithm=MD5".to_owned()),
            "algorithm" if plain == "sha-256" => words.push("algorithm=SHA256".to_owned()),
            "algorithm" => return None,
            "qop" if plain.split(',').any(|qop| qop.trim() == "auth") => words.push("qop=\"auth\"".to_owned()),
            "qop" => return None,
            _ => words.push(format!("{name}={value}")),
        }
    }
    Some(format!("Digest {}", words.join(", ")))
}

/// `name=value` pairs, quoted values with their quotes.
pub(in crate::sip) fn parameters(mut rest: &str) -> Option<Vec<(&str, &str)>> {
    let mut pairs = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(pairs);
        }
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let end = match value.strip_prefix('"') {
            Some(quoted) => quoted.find('"')?.checked_add(2)?,
            None => value.find(',').unwrap_or(value.len()),
        };
        let (value, after) = value.split_at_checked(end)?;
        pairs.push((name.trim(), value.trim()));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_the_first_that_can_be_answered() {
        let response = concat!(
            "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"\r\n",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\"\r\n",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5\r\n",
            "Content-Length: 0\r\n\r\n",
        );
        let chosen = choose_challenge(Response::try_from(response).unwrap());
        let challenges: Vec<_> = chosen
            .headers
            .iter()
            .filter(|header| header.name() == "WWW-Authenticate")
            .collect();
        assert_eq!(challenges.len(), 1);
        assert_eq!(
            challenges[0].value(),
            "Digest realm=\"r\", nonce=\"n\", algorithm=SHA256, qop=\"auth\""
        );
    }

    #[test]
    fn refuses_what_cannot_be_answered() {
        assert_eq!(in_the_librarys_words("Basic realm=\"r\""), None);
        assert_eq!(
            in_the_librarys_words("Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\""),
            None
        );
        assert_eq!(in_the_librarys_words("Digest realm=\"r\", algorithm=MD5-sess"), None);
        assert_eq!(in_the_librarys_words("Digest realm=\"r, nonce"), None);
        let quoted = in_the_librarys_words("Digest realm=\"a, b=c\",nonce=\"n\" ,opaque=\"\",stale=FALSE");
        assert_eq!(
            quoted.as_deref(),
            Some("Digest realm=\"a, b=c\", nonce=\"n\", opaque=\"\", stale=FALSE")
        );
    }

    #[test]
    fn quotes_what_is_to_be_quoted() {
        let written = "Digest username=\"qop, algorithm=SHA256\", uri=\"sip:a\", algorithm=SHA256, qop=\"auth\", nc=00000001, cnonce=\"c\"";
        let wanted = "Digest username=\"qop, algorithm=SHA256\", uri=\"sip:a\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"";
        assert_eq!(spelled(written).as_deref(), Some(wanted));
        assert_eq!(spelled(wanted).as_deref(), Some(wanted), "it is sent again");
    }

    proptest! {
        #[test]
        fn any_challenge_is_read_or_refused(challenge: String) {
            let _ = (in_the_librarys_words(&challenge), spelled(&challenge));
            let _ = in_the_librarys_words(&format!("Digest {challenge}"));
        }
    }
}
