//! The same with a peer that looks for the way (ICE).

use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE};

use super::*;
use crate::rtp::stun::tests::{ICE, request};

fn checks(password: &[u8], nominates: bool) -> Vec<u8> {
    let more = [ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE];
    request("ufragone:theirs", password, &more[..1 + usize::from(nominates)])
}

#[test]
fn sound_goes_where_the_peer_nominates_and_a_stranger_moves_nothing() {
    let begin = start();
    let peer = Peer { ice: Some(ICE), ..PEER };
    let mut stream = RtpStream::new(begin, peer, Config::default(), 5);
    let (nat, stranger): (SocketAddr, SocketAddr) = (NAT.parse().unwrap(), "198.51.100.7:9".parse().unwrap());
    stream.handle_datagram(begin, stranger, &checks(b"guessed", true));
    assert_eq!(
        (stream.answer(), stream.stats().refused),
        (None, 1),
        "nobody learns anything"
    );
    assert_eq!(stream.destination(), Some(PEER.address));

    stream.handle_datagram(begin, nat, &checks(&ICE.password, false));
    let (to, answer) = stream.answer().unwrap();
    assert!(to == nat && is_stun(&answer) && stream.answer().is_none());
    stream.handle_datagram(begin, HERE.parse().unwrap(), &checks(&ICE.password, false));
    stream.handle_datagram(begin, nat, &checks(&ICE.password, true));
    assert_eq!(stream.send(begin, &Frame::silence()).unwrap().0, nat);
    assert!(events(&mut stream).contains(&Event::Moved { to: nat }));

    stream.handle_datagram(begin, stranger, &packet(8, 1, 9));
    stream.handle_datagram(begin, nat, &packet(8, 1, 5));
    let stats = stream.stats();
    assert_eq!((stats.checks, stats.refused, stats.received), (3, 2, 1));
    // However many ask at once, what waits to be answered is bounded.
    for _ in 0..100 {
        stream.handle_datagram(begin, nat, &checks(&ICE.password, true));
    }
    assert!(std::iter::from_fn(|| stream.answer()).count() <= 10);
}

#[test]
fn who_agreed_on_no_checks_gets_no_answer() {
    let begin = start();
    let mut stream = stream(begin);
    stream.handle_datagram(begin, NAT.parse().unwrap(), &checks(&ICE.password, true));
    assert_eq!((stream.answer(), stream.stats().refused), (None, 1));
    assert_eq!(stream.destination(), Some(PEER.address));
}

#[test]
fn a_peer_that_has_yet_to_find_the_way_is_sent_to_where_it_nominates() {
    let begin = start();
    let nowhere = Peer {
        ice: Some(ICE),
        address: "0.0.0.0:9".parse().unwrap(),
        ..PEER
    };
    let mut stream = RtpStream::new(begin, nowhere, Config::default(), 5);
    let nat: SocketAddr = NAT.parse().unwrap();
    stream.handle_datagram(begin, "198.51.100.7:9".parse().unwrap(), &packet(8, 1, 9));
    assert_eq!(
        stream.send(begin, &Frame::silence()),
        None,
        "nobody has proven anything"
    );
    events(&mut stream);
    stream.handle_datagram(begin, nat, &checks(&ICE.password, true));
    assert_eq!(events(&mut stream), [Event::Moved { to: nat }]);
    let sends_to = |stream: &mut RtpStream| stream.send(begin, &Frame::silence()).map(|(to, _)| to);
    assert_eq!(sends_to(&mut stream), Some(nat));
    // The way goes on to be the same one, whatever the next descriptions say; looked for anew, or no more, it is not.
    for address in [PEER.address, nowhere.address] {
        stream.renegotiate(begin, Peer { address, ..nowhere });
        assert_eq!(sends_to(&mut stream), Some(nat));
    }
    stream.renegotiate(begin, Peer { ice: None, ..nowhere });
    assert_eq!(sends_to(&mut stream), None);
}
