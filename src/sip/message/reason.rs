//! Why a call ended, for the other end's records: Reason (RFC 3326) on every BYE, CANCEL and refusal, with the cause that
//! a telephone network knows (Q.850, as RFC 3398 section 7.2.4.1 and RFC 8606 map it).

use rsipstack::sip::{Header, Method};

/// For a request that ends a call and says nothing of why.
pub(super) fn of_request(method: Method) -> Option<Header> {
    match method {
        Method::Bye => Some(header(16)),
        Method::Cancel => Some(Header::Reason("SIP;cause=487;text=\"Request Terminated\"".into())),
        _ => None,
    }
}

/// For a refusal of a call with this code; none for what is no end, such as a challenge or a redirection.
pub(in crate::sip) fn of_refusal(code: u16) -> Option<Header> {
    let cause = match code {
        400 | 481 | 491 | 493 => 127,
        402 | 403 | 603 => 21,
        404 | 604 => 1,
        405 | 501 => 79,
        406 | 415 | 488 | 606 => 65,
        408 | 504 => 102,
        410 => 22,
        413 | 414 | 416 | 420 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        485 => 1,
        486 | 600 => 17,
        487 => 16,
        500 | 502 => 41,
        503 => 42,
        _ => return None,
    };
    Some(header(cause))
}

fn header(cause: u8) -> Header {
    let text = match cause {
        1 => "Unallocated (unassigned) number",
        16 => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        21 => "Call rejected",
        22 => "Number changed",
        25 => "Exchange routing error",
        28 => "Invalid number format (incomplete number)",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        65 => "Bearer capability not implemented",
        79 => "Service or option not implemented",
        102 => "Recovery on timer expiry",
        _ => "Interworking, unspecified",
    };
    Header::Reason(format!("Q.850;cause={cause};text=\"{text}\"").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_call_says_why_and_what_goes_on_does_not() {
        let of = |code| of_refusal(code).map(|reason| reason.value().to_owned());
        assert_eq!(of(486).as_deref(), Some("Q.850;cause=17;text=\"User busy\""));
        assert_eq!(
            of(503).as_deref(),
            Some("Q.850;cause=42;text=\"Switching equipment congestion\"")
        );
        for code in [100, 180, 200, 302, 401, 407, 422] {
            assert_eq!(of(code), None);
        }
        assert!(of_request(Method::Bye).is_some() && of_request(Method::Cancel).is_some());
        assert!(of_request(Method::Invite).is_none());
    }
}
