//! Certificates in a description: `a=fingerprint` and who begins (RFC 8122, RFC 5763, RFC 8842).
//!
//! Knows no handshake: that is `rtp`'s.

use sdp_types::{Attribute, Media, Session};

use crate::rtp::dtls::Fingerprint;

/// The other end's certificate, if it is told and the other end would begin. The stream's own attributes go before the session's.
pub(super) fn choose(session: &Session, media: &Media) -> Option<Fingerprint> {
    let said = |name: &'static str| {
        let all = media.attributes.iter().chain(&session.attributes);
        let named = all.filter(move |a| a.attribute.eq_ignore_ascii_case(name));
        named.filter_map(|a| a.value.as_deref())
    };
    // We wait to be called. One that says nothing begins (RFC 4145 section 4).
    let begins = said("setup").next().is_none_or(|role| {
        ["actpass", "active"]
            .iter()
            .any(|one| role.trim().eq_ignore_ascii_case(one))
    });
    said("fingerprint").find_map(read).filter(|_| begins)
}

/// `sha-256 4A:AD:…`
fn read(value: &str) -> Option<Fingerprint> {
    let (hash, digits) = value.trim().split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let bytes: Option<Vec<u8>> = digits
        .trim()
        .split(':')
        .map(|pair| {
            let digits = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| digits)
        })
        .collect();
    bytes?.try_into().ok()
}

/// Who begins.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// The other end.
    Called,
    /// Whoever is asked may say (RFC 5763 section 5); there is a handshake already.
    Either,
}

/// Ours, and who begins.
pub(super) fn say(stream: &mut Media, ours: &Fingerprint, role: Role) {
    let pairs: Vec<String> = ours.iter().map(|byte| format!("{byte:02X}")).collect();
    let fingerprint = format!("sha-256 {}", pairs.join(":"));
    let setup = match role {
        Role::Called => "passive",
        Role::Either => "actpass",
    };
    for (name, value) in [("fingerprint", fingerprint), ("setup", setup.to_owned())] {
        stream.attributes.push(Attribute::with_value(name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_they_are_written() {
        let pairs = (0..32).map(|i| format!("{:02x}", i * 7)).collect::<Vec<_>>().join(":");
        let expected: Fingerprint = std::array::from_fn(|i| (i * 7) as u8);
        assert_eq!(read(&format!("SHA-256 {pairs}")), Some(expected));
        assert_eq!(read(&format!("sha-256  {} ", pairs.to_uppercase())), Some(expected));
        for wrong in [
            format!("sha-1 {pairs}"),
            format!("sha-256 {pairs}:00"),
            format!("sha-256 {}", &pairs[3..]),
            format!("sha-256 +{}", &pairs[1..]),
            "sha-256".to_owned(),
            "sha-256 é".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
