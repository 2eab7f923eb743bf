//! The gate's judgement on messages by hand, on the torture messages of RFC 4475 and RFC 5118, and on whatever there
//! may be.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use proptest::prelude::*;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/sip");
const LIMIT: usize = 8192;

fn source() -> SocketAddr {
    "192.0.2.200:5099".parse().unwrap()
}

fn judge(message: impl AsRef<[u8]>) -> Verdict {
    sanitize(message.as_ref(), source(), LIMIT)
}

fn clean(message: impl AsRef<[u8]>) -> String {
    match judge(message) {
        Verdict::Clean(clean) => String::from_utf8_lossy(&clean.bytes).into_owned(),
        other => panic!("not clean: {other:?}"),
    }
}

fn refused(message: impl AsRef<[u8]>) -> (String, SocketAddr) {
    match judge(message) {
        Verdict::Reply(reply) => (String::from_utf8_lossy(&reply.bytes).into_owned(), reply.to),
        other => panic!("not answered: {other:?}"),
    }
}

fn invite(extra: &str) -> String {
    format!(
        "INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1;rport\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:100@192.0.2.1>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:a@192.0.2.9:5070>\r\n{extra}\r\n"
    )
}

#[test]
fn puts_right_what_the_library_would_lose() {
    let body = "v=0\r\n";
    let whole = clean(format!("{}{body}", invite("")));
    assert!(
        whole.ends_with("Content-Length: 5\r\n\r\nv=0\r\n"),
        "a body without length runs to the end"
    );
    let mut latin = invite("Subject: caf\u{1}\r\n").into_bytes();
    let at = latin.iter().position(|byte| *byte == 1).unwrap();
    latin[at] = 0xe9;
    assert!(clean(latin).contains("Subject: café\r\n"));
    let odd = clean(invite("").replace("Via: SIP/2.0/UDP", "v : SIP / 2.0 /\r\n UDP "));
    assert!(
        odd.contains("\r\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1;rport\r\n"),
        "{odd}"
    );
    assert!(clean(invite("").replace("\r\n", "\n")).starts_with("INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: "));
    let user = clean(invite("").replace("sip:100@192.0.2.1 SIP", "sip:1;x=y?z@192.0.2.1 SIP"));
    assert!(
        user.starts_with("INVITE sip:1%3Bx=y%3Fz@192.0.2.1 SIP/2.0\r\n"),
        "{user}"
    );
}

#[test]
fn tells_what_opens_from_what_follows() {
    let load = |message: &str| match judge(message) {
        Verdict::Clean(clean) => clean.load,
        other => panic!("{other:?}"),
    };
    assert_eq!(load(&invite("")), Load::Opens);
    assert_eq!(
        load(&invite("").replace("To: <sip:100@192.0.2.1>", "To: <sip:100@192.0.2.1>;tag=2")),
        Load::Continues
    );
    assert_eq!(load(&invite("").replace("INVITE", "ACK")), Load::Follows);
    assert_eq!(load(&invite("").replace("INVITE", "CANCEL")), Load::Follows);
    assert_eq!(load(&invite("").replace("INVITE", "OPTIONS")), Load::Opens);
    let response = invite("").replacen("INVITE sip:100@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(load(&response), Load::Follows);
}

#[test]
fn answers_with_what_a_transaction_needs() {
    let (answer, to) = refused(invite("Require: precondition, timer, foo\r\n"));
    assert!(answer.starts_with("SIP/2.0 420 Bad Extension\r\n"), "{answer}");
    let via = "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1;rport=5099;received=192.0.2.200\r\n";
    for line in [
        via,
        "From: <sip:a@b>;tag=1\r\n",
        "Call-ID: c1\r\n",
        "CSeq: 1 INVITE\r\n",
        "Unsupported: precondition, foo\r\n",
    ] {
        assert!(answer.contains(line), "{line} in {answer}");
    }
    assert!(answer.contains("To: <sip:100@192.0.2.1>;tag="));
    assert_eq!(to, source(), "rport: back to where it came from");
    assert_eq!(
        refused(invite("Require: precondition, timer, foo\r\n")).0,
        answer,
        "and again the same"
    );
    let (_, to) = refused(invite("Require: x\r\n").replace(";rport", ""));
    assert_eq!(
        to.to_string(),
        "192.0.2.200:5070",
        "else to the port in Via, but never to another host"
    );
    let (answer, _) = refused(invite("").replace("INVITE", "BREW"));
    assert!(
        answer.starts_with("SIP/2.0 405 ") && answer.contains(&format!("\r\nAllow: {ALLOW}\r\n")),
        "{answer}"
    );
    let (answer, _) = refused(invite(&format!("Subject: {}\r\n", "x".repeat(LIMIT))));
    assert!(answer.starts_with("SIP/2.0 513 "), "{answer}");
    let request = Raw::read(clean(invite("")).as_bytes()).unwrap();
    let retry_after = ("Retry-After", "5".to_owned());
    let full = super::answer(&request, source(), (503, "Service Unavailable"), vec![retry_after]).unwrap();
    let full = String::from_utf8(full.bytes).unwrap();
    assert!(
        full.starts_with("SIP/2.0 503 ") && full.contains("\r\nRetry-After: 5\r\n"),
        "{full}"
    );
}

#[test]
fn bounds_what_a_message_may_have() {
    let bounds = Bounds::from(LIMIT);
    let many = |count: usize| "Subject: x\r\n".repeat(count);
    clean(invite(&many(bounds.fields - 6)));
    assert!(refused(invite(&many(bounds.fields - 5))).0.starts_with("SIP/2.0 400 "));
    let long = |len: usize| format!("Subject: {}\r\n", "x".repeat(len));
    clean(invite(&long(bounds.field)));
    assert!(refused(invite(&long(bounds.field + 1))).0.starts_with("SIP/2.0 400 "));
    let session = |lines: usize| {
        format!(
            "{}{}",
            invite("Content-Type: application/sdp\r\n"),
            "a=x\r\n".repeat(lines)
        )
    };
    clean(session(bounds.session));
    assert!(refused(session(bounds.session + 1)).0.starts_with("SIP/2.0 413 "));
}

#[test]
fn lets_a_register_in_where_there_is_a_registrar() {
    let register = invite("Expires: 0\r\n")
        .replace("INVITE", "REGISTER")
        .replace("<sip:a@192.0.2.9:5070>", "*");
    assert!(refused(&register).0.starts_with("SIP/2.0 405 "));
    let bounds = Bounds {
        registers: true,
        ..Bounds::from(LIMIT)
    };
    let Verdict::Clean(clean) = sanitize(register.as_bytes(), source(), bounds) else {
        panic!()
    };
    assert_eq!(
        (clean.raw.method(), clean.raw.first("Contact"), clean.load),
        ("REGISTER", Some("*"), Load::Opens)
    );
}

#[test]
fn leads_to_where_a_peer_behind_nat_is() {
    let inside = |extra: &str| clean(invite(extra).replace("Contact: <sip:a@192.0.2.9", "Contact: <sip:a@192.168.0.9"));
    assert!(
        inside("").contains("\r\nContact: <sip:a@192.0.2.200:5099>\r\n"),
        "{}",
        inside("")
    );
    let proxied = inside("Record-Route: <sip:192.0.2.1;lr>\r\n");
    assert!(
        proxied.contains("\r\nContact: <sip:a@192.168.0.9:5070>\r\n"),
        "a proxy's business: {proxied}"
    );
    assert!(
        clean(invite("")).contains("<sip:a@192.0.2.9:5070>"),
        "an address of the open network"
    );
    let answer = |status: &str, method: &str| {
        let inside = invite("").replace("Contact: <sip:a@192.0.2.9", "Contact: <sip:a@192.168.0.9");
        let response = inside.replacen("INVITE sip:100@192.0.2.1 SIP/2.0", &format!("SIP/2.0 {status}"), 1);
        clean(response.replace("1 INVITE", &format!("1 {method}"))).contains("<sip:a@192.0.2.200:5099>")
    };
    assert!(answer("200 OK", "INVITE") && answer("183 Progress", "INVITE"));
    assert!(
        !answer("302 Moved", "INVITE") && !answer("200 OK", "REGISTER"),
        "not the peer's own address"
    );
}

#[test]
fn never_answers_an_ack_or_a_response() {
    assert_eq!(
        judge(invite("Content-Length: x\r\n").replace("INVITE", "ACK")),
        Verdict::Drop(Why::Unanswerable)
    );
    let response = invite("Content-Length: x\r\n").replacen("INVITE sip:100@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(judge(response), Verdict::Drop(Why::Unanswerable));
    assert_eq!(judge("\r\n\r\n"), Verdict::Drop(Why::KeepAlive));
    assert_eq!(judge("GET / HTTP/1.1\r\n\r\n"), Verdict::Drop(Why::Unreadable));
}

/// What the gate does with a torture message where that is not simply what the table's first word says.
fn reading() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    BTreeMap::from([
        (
            "inv2543.dat",
            (
                "400",
                "RFC 2543 without tags: dialogs cannot be told apart, and the library makes none",
            ),
        ),
        ("badvers.dat", ("505", "")),
        ("clerr.dat", ("400", "")),
        ("badbranch.dat", ("in", "treated as RFC 2543")),
        ("baddate.dat", ("in", "Date is ignored")),
        ("badaspec.dat", ("in", "tolerated")),
        ("baddn.dat", ("400", "and it lacks the empty line")),
        ("bigcode.dat", ("drop", "")),
        ("scalarlg.dat", ("drop", "")),
        (
            "bcast.dat",
            ("in", "no transaction has its branch: the library discards it"),
        ),
        ("zeromf.dat", ("in", "a user agent answers")),
        ("esc02.dat", ("405", "a method of its own")),
        ("escnull.dat", ("405", "REGISTER: this is no registrar")),
        ("dblreq.dat", ("405", "REGISTER")),
        ("cparam01.dat", ("405", "REGISTER")),
        ("cparam02.dat", ("405", "REGISTER")),
        ("regescrt.dat", ("405", "REGISTER")),
        ("regaut01.dat", ("405", "REGISTER")),
        ("regbadct.dat", ("405", "REGISTER")),
        ("unksm2.dat", ("405", "REGISTER")),
        ("mpart01.dat", ("405", "MESSAGE")),
        ("intmeth.dat", ("405", "a method of its own")),
        ("ipv6-good", ("405", "REGISTER")),
        ("port-ambiguous", ("405", "REGISTER")),
        ("port-unambiguous", ("405", "REGISTER")),
    ])
}

#[test]
fn stands_the_torture_tests() {
    for folder in ["rfc4475", "rfc5118"] {
        let folder = Path::new(SHARED).join(folder);
        let Ok(table) = std::fs::read_to_string(folder.join("EXPECT.tsv")) else {
            eprintln!("SKIPPED: no torture messages at {}", folder.display());
            continue;
        };
        let columns: Vec<&str> = table.lines().next().unwrap().split('\t').collect();
        let expected = columns
            .iter()
            .position(|column| column.starts_with("expected"))
            .unwrap();
        for line in table.lines().skip(1).filter(|line| !line.trim().is_empty()) {
            let cells: Vec<&str> = line.split('\t').collect();
            let (file, expected) = (cells[0], cells[expected]);
            let bytes = std::fs::read(folder.join(file)).unwrap();
            let verdict = match judge(&bytes) {
                Verdict::Clean(_) => "in".to_owned(),
                Verdict::Reply(reply) => reply.code.to_string(),
                Verdict::Drop(_) => "drop".to_owned(),
            };
            let by_table = match expected.split([' ', ';']).next().unwrap() {
                "accept" => "in",
                "discard" => "drop",
                code => code,
            };
            let wanted = reading().get(file).map_or(by_table, |(wanted, _)| *wanted);
            assert_eq!(verdict, wanted, "{file}: {expected}");
        }
    }
}

proptest! {
    #[test]
    fn any_datagram_is_judged(bytes: Vec<u8>) {
        let _ = judge(&bytes);
    }

    /// A message bent in one place: what gets in is what the library can take.
    #[test]
    fn any_bent_message_is_judged(at in 0usize..400, with: Vec<u8>, cut in 0usize..40) {
        let mut bytes = invite("Record-Route: <sip:p;lr>\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n").into_bytes();
        bytes.extend_from_slice(b"v=0");
        let from = at.min(bytes.len());
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with);
        match judge(&bytes) {
            Verdict::Clean(clean) => {
                prop_assert!(SipMessage::try_from(clean.bytes.as_slice()).is_ok());
                // Put right once, it stays as it is.
                let Verdict::Clean(again) = judge(&clean.bytes) else {
                    return Err(TestCaseError::fail("let in once and not again"));
                };
                prop_assert_eq!((again.bytes, again.load), (clean.bytes, clean.load));
            }
            Verdict::Reply(reply) => {
                prop_assert!(reply.to.ip() == source().ip());
                prop_assert!(SipMessage::try_from(reply.bytes.as_slice()).is_ok(), "{}", String::from_utf8_lossy(&reply.bytes));
            }
            Verdict::Drop(_) => {}
        }
    }
}
