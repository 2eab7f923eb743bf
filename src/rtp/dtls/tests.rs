//! Handshakes with one that calls.

use std::time::Duration;

use super::*;
use crate::clock::now as start;

/// One that calls, as a telephone does: it leads the handshake.
pub(crate) struct Caller {
    endpoint: Endpoint,
    pub fingerprint: Fingerprint,
    config: Arc<HandshakeConfig>,
}

pub(crate) const BOT: &str = "192.0.2.10:30000";

impl Caller {
    pub(crate) fn new(profiles: &[Suite]) -> Caller {
        let provider = default_provider().unwrap();
        let certificate = Certificate::generate_self_signed(["telephone".to_owned()], provider.crypto()).unwrap();
        let fingerprint = Sha256::digest(certificate.certificate.first().unwrap()).into();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_insecure_skip_verify(true)
            .with_srtp_protection_profiles(profiles.iter().map(|suite| profile(*suite)).collect())
            .build(true, Some(BOT.parse().unwrap()))
            .unwrap();
        let here = "10.0.0.1:4000".parse().unwrap();
        Caller {
            endpoint: Endpoint::new(here, TransportProtocol::UDP, None),
            fingerprint,
            config: Arc::new(config),
        }
    }

    pub(crate) fn begin(&mut self, now: Instant) {
        let config = Arc::clone(&self.config);
        self.endpoint.connect(now, BOT.parse().unwrap(), config, None).unwrap();
    }

    pub(crate) fn send(&mut self) -> Option<Vec<u8>> {
        Some(self.endpoint.poll_transmit()?.message.to_vec())
    }

    pub(crate) fn read(&mut self, now: Instant, datagram: &[u8]) -> Option<Keys> {
        let bot = BOT.parse().unwrap();
        let events = self.endpoint.read(now, bot, None, datagram.into()).ok()?;
        let complete = events
            .iter()
            .any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        keys(self.endpoint.get_connection_state(bot)?).filter(|_| complete)
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.endpoint.handle_timeout(BOT.parse().unwrap(), now).ok();
    }
}

/// Both ends' keys, over a network that loses the datagrams of which `lost` says so.
fn shake(caller: &mut Caller, bot: &mut Handshake, lost: impl Fn(usize) -> bool) -> (Option<Keys>, Option<Keys>) {
    let (begin, from) = (start(), "10.0.0.1:4000".parse().unwrap());
    let (mut theirs, mut ours, mut sent) = (None, None, 0);
    caller.begin(begin);
    for tick in 0..1_000 {
        let now = begin + Duration::from_millis(20) * tick;
        while let Some(datagram) = caller.send() {
            sent += 1;
            if !lost(sent) {
                assert!(is_dtls(&datagram));
                ours = bot.read(now, from, Place::Expected, &datagram).or(ours);
            }
        }
        while let Some((to, datagram)) = bot.answer() {
            assert_eq!(to, from);
            sent += 1;
            if !lost(sent) {
                theirs = caller.read(now, &datagram).or(theirs);
            }
        }
        if ours.is_some() && theirs.is_some() {
            break;
        }
        caller.tick(now);
        bot.tick(now);
    }
    (theirs, ours)
}

#[test]
fn both_ends_have_the_same_keys_in_each_suite() {
    let identity = Identity::generate().unwrap();
    for suite in Suite::ALL {
        let mut caller = Caller::new(&[suite]);
        let mut bot = Handshake::new(&identity, caller.fingerprint);
        let (theirs, ours) = shake(&mut caller, &mut bot, |_| false);
        let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
        assert_eq!(ours.ours.suite(), suite);
        assert_eq!((ours.ours, ours.theirs), (theirs.theirs, theirs.ours));
        assert_ne!(ours.ours, ours.theirs);
    }
}

#[test]
fn what_is_lost_is_sent_again() {
    let identity = Identity::generate().unwrap();
    let mut caller = Caller::new(&Suite::ALL);
    let mut bot = Handshake::new(&identity, caller.fingerprint);
    // Every other one for a while; a loss as regular as the flights would take the same one each time.
    let (theirs, ours) = shake(&mut caller, &mut bot, |sent| sent < 10 && sent % 2 == 1);
    assert!(ours.is_some() && theirs.is_some());
}

#[test]
fn somebody_else_gets_no_keys() {
    let identity = Identity::generate().unwrap();
    let mut caller = Caller::new(&Suite::ALL);
    let mut bot = Handshake::new(&identity, [7; 32]);
    let (_, ours) = shake(&mut caller, &mut bot, |_| false);
    assert_eq!(ours, None);
    assert_ne!(identity.fingerprint(), Identity::generate().unwrap().fingerprint());
}

/// What a handshake begins with.
fn hello() -> Vec<u8> {
    let mut caller = Caller::new(&Suite::ALL);
    caller.begin(start());
    caller.send().unwrap()
}

#[test]
fn few_may_try_and_those_who_are_expected_always() {
    let identity = Identity::generate().unwrap();
    let mut caller = Caller::new(&Suite::ALL);
    let mut bot = Handshake::new(&identity, caller.fingerprint);
    let hello = hello();
    for port in 1..1_000_u16 {
        let stranger = SocketAddr::from(([10, 0, 0, 2], port));
        bot.read(start(), stranger, Place::Elsewhere, &hello);
    }
    assert_eq!(bot.tried.len(), TRIED);
    for port in 1..100_u16 {
        let proven = SocketAddr::from(([10, 0, 0, 3], port));
        bot.read(start(), proven, Place::Expected, &hello);
    }
    assert_eq!(bot.tried.len(), 2 * TRIED);
    assert_eq!(bot.endpoint.get_connections_keys().count(), 2 * TRIED);
    while bot.answer().is_some() {}
    let agreed: SocketAddr = "10.0.0.1:4000".parse().unwrap();
    bot.keep(start(), |from| from == agreed);
    assert_eq!((bot.tried.len(), bot.endpoint.get_connections_keys().count()), (0, 0));
    while bot.answer().is_some() {}
    let (theirs, ours) = shake(&mut caller, &mut bot, |_| false);
    assert!(ours.is_some() && theirs.is_some());
}

#[test]
fn only_what_begins_a_handshake_takes_a_place() {
    let identity = Identity::generate().unwrap();
    let mut bot = Handshake::new(&identity, [7; 32]);
    let hello = hello();
    assert!(begins(&hello));
    let from = |port| SocketAddr::from(([10, 0, 0, 2], port));
    for first in 20..=63 {
        assert!(is_dtls(&[first]));
        for length in 0..hello.len() {
            let mut datagram = hello[..length].to_vec();
            datagram.splice(..length.min(1), [first]);
            bot.read(start(), from(1), Place::Elsewhere, &datagram);
        }
    }
    // A TLS record, one of a later epoch, a ServerHello, a later piece.
    for (at, byte) in [(1, 3), (4, 1), (13, 2), (21, 1)] {
        let mut datagram = hello.clone();
        datagram[at] = byte;
        bot.read(start(), from(2), Place::Elsewhere, &datagram);
    }
    assert!(bot.tried.is_empty() && bot.endpoint.get_connections_keys().count() == 0);
    assert!(!is_dtls(&[0x80, 0]) && !is_dtls(&[0, 1]) && !is_dtls(&[]));
}

/// A fragment of one byte, at `offset`, of a message that is never whole, without the byte: a record of 25.
fn fragment(sequence: u16, offset: u16) -> Vec<u8> {
    let ([s0, s1], [o0, o1]) = (sequence.to_be_bytes(), offset.to_be_bytes());
    let record = [22, 254, 253, 0, 0, 0, 0, 0, 0, s0, s1, 0, 12];
    [&record[..], &[1, 0, 0xff, 0xff, 0, 0, 0, o0, o1, 0, 0, 1]].concat()
}

#[test]
fn a_message_in_countless_fragments_is_not_put_together() {
    let identity = Identity::generate().unwrap();
    let mut caller = Caller::new(&Suite::ALL);
    let mut bot = Handshake::new(&identity, caller.fingerprint);
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let (here, elsewhere) = (at("10.0.0.1:4000"), at("10.0.0.2:4000"));
    // The first, without which nobody is listened to; then from the last to the second: all of them follow that one, one call deeper each.
    let offsets = std::iter::once(0).chain((1..60_000).rev());
    for (sequence, offset) in (0..60_000).zip(offsets) {
        let read = bot.read(start(), elsewhere, Place::Elsewhere, &fragment(sequence, offset));
        assert_eq!(read, None);
    }
    while bot.answer().is_some() {}
    let read = bot.tried.iter().map(|one| (one.from, one.bytes > READ));
    assert_eq!(read.collect::<Vec<_>>(), [(elsewhere, true)]);
    let (theirs, ours) = shake(&mut caller, &mut bot, |_| false);
    assert!(ours.is_some() && theirs.is_some(), "from elsewhere nobody is kept out");
    let read = bot.tried.iter().find(|one| one.from == here).unwrap();
    assert!(read.bytes < READ / 4, "a handshake takes {} bytes", read.bytes);
}

proptest::proptest! {
    #[test]
    fn any_bytes_do_no_harm(datagrams in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), 1..8), kind in 20_u8..26) {
        thread_local! {
            static IDENTITY: Identity = Identity::generate().unwrap();
            static HELLO: Vec<u8> = hello();
        }
        IDENTITY.with(|identity| {
            let mut bot = Handshake::new(identity, [7; 32]);
            let from = SocketAddr::from(([10, 0, 0, 2], 5));
            HELLO.with(|hello| bot.read(start(), from, Place::Elsewhere, hello));
            for mut datagram in datagrams {
                if let Some([first, major, minor, ..]) = datagram.get_mut(..3) {
                    (*first, *major, *minor) = (kind, 254, 253);
                }
                assert_eq!(bot.read(start(), from, Place::Elsewhere, &datagram), None);
                bot.tick(start());
                while bot.answer().is_some() {}
            }
        });
    }
}
