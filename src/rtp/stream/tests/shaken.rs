//! The same with keys that are agreed on beside the sound (DTLS-SRTP).

use super::*;
use crate::rtp::dtls::tests::Caller;
use crate::rtp::srtp::Suite;

#[test]
fn keys_come_of_the_handshake_and_nothing_goes_in_the_clear_before() {
    let begin = start();
    let mut caller = Caller::new(&[Suite::Cm80]);
    let peer = Peer {
        fingerprint: Some(caller.fingerprint),
        ..PEER
    };
    let mut bot = RtpStream::new(begin, peer, Config::default(), 1 << 40 | 5);
    bot.identify(Arc::new(Identity::generate().unwrap()));
    let here: SocketAddr = HERE.parse().unwrap();
    assert_eq!(bot.send(begin, &Frame::silence()), None);
    assert_eq!(bot.goodbye(begin), None);
    bot.handle_datagram(begin, here, &packet(8, 1, 5));
    assert_eq!((bot.stats().received, bot.stats().forged, bot.suite()), (0, 1, None));

    caller.begin(begin);
    let mut theirs = None;
    for tick in 0..200 {
        let now = begin + FRAME_DURATION * tick;
        while let Some(datagram) = caller.send() {
            bot.handle_datagram(now, here, &datagram);
        }
        bot.tick(now);
        while let Some((to, datagram)) = bot.answer() {
            assert_eq!(to, here);
            theirs = caller.read(now, &datagram).or(theirs);
        }
        caller.tick(now);
    }
    assert_eq!(bot.suite(), Some(Suite::Cm80));

    let now = begin + ms(4_000);
    let keyed = Peer {
        keys: Some(theirs.unwrap()),
        ..PEER
    };
    let mut telephone = RtpStream::new(now, keyed, Config::default(), 1 << 41 | 6);
    let (heard, _) = exchange(&mut telephone, &mut bot, begin, 200..300);
    assert!((level_at(&heard[16_000..], 16_000, 1_000.0) + 20.0).abs() < 1.0);
    assert!(telephone.stats().received > 90);

    // The same certificate again: no keys are lost. Another one: all is shut.
    bot.renegotiate(now, peer);
    assert_eq!(bot.suite(), Some(Suite::Cm80));
    let other = Peer {
        fingerprint: Some([9; 32]),
        ..PEER
    };
    bot.renegotiate(now, other);
    assert_eq!((bot.suite(), bot.send(now, &Frame::silence())), (None, None));
}

#[test]
fn strangers_who_begin_handshakes_do_not_keep_the_peer_from_its_own() {
    let begin = start();
    let mut caller = Caller::new(&Suite::ALL);
    let peer = Peer {
        fingerprint: Some(caller.fingerprint),
        ..PEER
    };
    let mut bot = RtpStream::new(begin, peer, Config::default(), 5);
    bot.identify(Arc::new(Identity::generate().unwrap()));
    let mut other = Caller::new(&Suite::ALL);
    other.begin(begin);
    let hello = other.send().unwrap();
    for port in 1..20 {
        bot.handle_datagram(begin, SocketAddr::from(([203, 0, 113, 66], port)), &[22]);
        bot.handle_datagram(begin, SocketAddr::from(([203, 0, 113, 67], port)), &hello);
        while bot.answer().is_some() {}
    }
    caller.begin(begin);
    for tick in 0..200 {
        let now = begin + FRAME_DURATION * tick;
        while let Some(datagram) = caller.send() {
            bot.handle_datagram(now, HERE.parse().unwrap(), &datagram);
        }
        bot.tick(now);
        while let Some((to, datagram)) = bot.answer() {
            if to == PEER.address {
                caller.read(now, &datagram);
            }
        }
        caller.tick(now);
    }
    assert!(bot.suite().is_some());
}
