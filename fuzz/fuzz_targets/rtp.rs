//! RTP: any datagram as a packet, and a leg in any codec, encrypted or not, that is fed with datagrams, ticks and changes as the bytes say.
//!
//! What is read can be written and read again. Whatever comes, each tick has its frame, what we send is in order and can be opened by the peer alone,
//! and it goes to where the peer said or something came from; where somebody has proven themselves, to them. Of what is encrypted nothing is
//! taken that was changed under way, or a second time.

#![no_main]

mod bytes;
mod leg;

use libfuzzer_sys::fuzz_target;
use offhook::rtp::packet::Packet;
use offhook::rtp::rtcp::is_rtcp;

use self::bytes::Bytes;
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
