//! Keys as RTP events (RFC 4733): any packets of the agreed payload type, one after the other.
//!
//! Only keys come out, a packet that comes twice presses nothing twice, and a press that begins after all of it is one key, whatever came before.

#![no_main]

use libfuzzer_sys::fuzz_target;
use offhook::rtp::Key;
use offhook::rtp::packet::Marker;
use offhook::rtp::telephone_event::{Press, Receiver};

const CLOCK_RATE: u32 = 8_000;

fuzz_target!(|data: &[u8]| {
    let mut receiver = Receiver::new(CLOCK_RATE);
    let (mut timestamp, mut latest) = (1_u64 << 31, 1_u64 << 31);
    let (packets, rest) = data.as_chunks::<7>();
    for [flags, a, b, payload @ ..] in packets.iter().take(2_000) {
        timestamp = timestamp.saturating_add_signed(i64::from(i16::from_be_bytes([*a, *b])));
        latest = latest.max(timestamp);
        let marker = if flags & 1 == 0 { Marker::Clear } else { Marker::Set };
        // Shorter than an event is, and longer.
        let long = [payload.as_slice(), payload.as_slice()].concat();
        let payload = long.get(..usize::from(flags >> 5)).unwrap_or_default();
        let key = receiver.handle(timestamp as u32, marker, payload);
        if let Some(key) = key {
            assert_eq!(payload.first(), Some(&key.code()));
            assert!(payload.len() >= 4);
        }
        let again = receiver.handle(timestamp as u32, marker, payload);
        assert_eq!(again, None, "the same packet once more");
    }
    let code = rest.first().copied().unwrap_or_default() % 16;
    let key = Key::from_code(code).expect("one of sixteen");
    let press = Press::new(key, latest.wrapping_add(u64::from(CLOCK_RATE)) as u32, CLOCK_RATE / 50);
    let base = press.timestamp;
    let keys: Vec<Key> = press
        .filter_map(|part| receiver.handle(base, part.marker, &part.payload))
        .collect();
    assert_eq!(keys, [key]);
});
