//! RTP: any datagram as a packet, and a leg in any codec, encrypted or not, that is fed with datagrams, ticks and changes as the bytes say.
//!
//! What is read can be written and read again. Whatever comes, each tick has its frame, what we send is in order and can be opened by the peer alone,
//! and it goes to where the peer said or something came from; where somebody has proven themselves, to them. Of what is encrypted nothing is
//! taken that was changed under way, or a second time.

#![no_main]

mod leg;

use libfuzzer_sys::fuzz_target;
use offhook::rtp::packet::Packet;
use offhook::rtp::rtcp::is_rtcp;

use self::leg::Leg;

/// Ticks of a leg.
const TICKS: u32 = 100;

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = Packet::parse(data) {
        assert!(packet.payload_type < 128);
        let written = packet.write();
        if !is_rtcp(&written) {
            assert_eq!(Packet::parse(&written), Ok(packet));
        }
    }
    let Some((how, actions)) = data.split_first() else {
        return;
    };
    let mut bytes = Bytes(actions);
    let mut leg = Leg::new(*how);
    while leg.ticks < TICKS && leg.act(&mut bytes).is_some() {}
});

/// What is left of the input.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// As many of `len` as there are.
    fn take(&mut self, len: u8) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(usize::from(len).min(self.0.len()));
        self.0 = rest;
        taken
    }
}
