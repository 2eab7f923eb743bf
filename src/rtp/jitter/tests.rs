//! Packets drawn as tables, networks drawn at random.

use proptest::prelude::*;

use super::*;
use crate::clock::now as start;

/// Units of the clock in 10 ms, and samples.
const BLOCK: usize = 80;

/// Packets that carry their sound as it is; they tell nothing of others.
struct Plain;

impl Decode<Vec<i16>> for Plain {
    fn block(&self) -> usize {
        BLOCK
    }

    fn decode(&mut self, payload: &Vec<i16>) -> Vec<i16> {
        payload.clone()
    }

    fn recover(&mut self, _: &Vec<i16>, _: usize) -> Option<Vec<i16>> {
        None
    }
}

fn buffer() -> JitterBuffer<Vec<i16>> {
    JitterBuffer::new(Depth::default(), 8_000)
}

/// A packet that comes after so many ms: sequence, timestamp and length in samples.
#[derive(Clone, Copy, Debug)]
struct Comes(u64, u16, u32, usize);

/// Its samples are loud, and tell the packet: the sequence number times 100.
fn insert(buffer: &mut JitterBuffer<Vec<i16>>, begin: Instant, packet: Comes) -> Insertion {
    let Comes(ms, sequence, timestamp, length) = packet;
    let sample = (sequence as i16).wrapping_mul(100);
    buffer.insert(
        begin + Duration::from_millis(ms),
        sequence,
        timestamp,
        length as u32,
        vec![sample; length],
    )
}

fn letter(slot: &Slot) -> char {
    match slot {
        Slot::Payload(samples) | Slot::Recovered(samples) => {
            assert_eq!(samples.len(), BLOCK);
            char::from_digit(u32::from(samples[0].unsigned_abs()) / 100, 36).unwrap_or('?')
        }
        Slot::Lost => '-',
        Slot::Filling => '.',
    }
}

/// Plays packets (in order of their coming) for so many ticks, the first one after 1 ms. One character is 10 ms.
fn play(packets: &[Comes], ticks: u64) -> String {
    let begin = start();
    let mut buffer = buffer();
    let mut packets = packets.iter().peekable();
    let mut drawn = String::new();
    for tick in 0..ticks {
        let ms = tick * 20 + 1;
        while let Some(packet) = packets.next_if(|p| p.0 < ms) {
            insert(&mut buffer, begin, *packet);
        }
        drawn.extend(
            buffer
                .pop(begin + Duration::from_millis(ms), &mut Plain)
                .iter()
                .map(letter),
        );
    }
    drawn
}

/// Packets 1, 2, 3 … of 20 ms that come when they are sent.
fn steady(count: u16) -> Vec<Comes> {
    (1..=count)
        .map(|i| Comes(u64::from(i - 1) * 20, i, 1_000 + u32::from(i) * 160, 160))
        .collect()
}

fn changed(change: impl Fn(&mut Vec<Comes>)) -> Vec<Comes> {
    let mut packets = steady(10);
    change(&mut packets);
    packets.sort_by_key(|p| p.0);
    packets
}

#[test]
fn sound_goes_out_evenly_and_in_order() {
    let table: &[(&str, Vec<Comes>, &str)] = &[
        ("a perfect network", steady(8), "....1122334455667788----"),
        (
            "disorder",
            changed(|p| (p[3].0, p[4].0) = (81, 60)),
            "....1122334455667788",
        ),
        (
            "a duplicate",
            changed(|p| p.push(Comes(61, 3, 1_480, 160))),
            "....1122334455667788",
        ),
        ("a loss", changed(|p| p.retain(|p| p.1 != 4)), "....112233--55667788"),
        (
            "late by less than the depth",
            changed(|p| p[3].0 += 30),
            "....1122334455667788",
        ),
        (
            "late, and nothing of what follows played yet",
            changed(|p| p[3].0 += 50),
            "....112233--4455667788",
        ),
        (
            "late, and overtaken: the buffer grows",
            changed(|p| p[3].0 += 85),
            "....112233--5566-7788-99",
        ),
        (
            "packets of 10 ms",
            (1..=8)
                .map(|i| Comes(u64::from(i) * 10 - 10, i, u32::from(i) * 80, 80))
                .collect(),
            "....12345678",
        ),
        (
            "packets of 30 ms",
            (1..=4)
                .map(|i| Comes(u64::from(i) * 30 - 30, i, u32::from(i) * 240, 240))
                .collect(),
            "....111222333444",
        ),
        (
            "packets of 40 ms",
            (1..=3)
                .map(|i| Comes(u64::from(i) * 40 - 40, i, u32::from(i) * 320, 320))
                .collect(),
            "....111122223333",
        ),
        (
            "across the wrap",
            (0..6)
                .map(|i| {
                    Comes(
                        u64::from(i) * 20,
                        65_533u16.wrapping_add(i),
                        (u32::MAX - 400).wrapping_add(u32::from(i) * 160),
                        160,
                    )
                })
                .collect(),
            "....332211001122",
        ),
    ];
    for (name, packets, expected) in table {
        let drawn = play(packets, 12);
        assert!(drawn.starts_with(expected), "{name}: {drawn}, not {expected}");
    }
}

#[test]
fn a_pause_of_the_sender_is_a_pause() {
    let mut packets = steady(3);
    packets.extend((4..=6).map(|i| Comes(u64::from(i) * 20 + 480, i, 1_000 + u32::from(i) * 160 + 4_000, 160)));
    let drawn = play(&packets, 35);
    // 500 ms, less the 10 ms that the buffer was deeper than this network needs.
    let expected = format!("....112233{}{}445566", "-".repeat(10), ".".repeat(39));
    assert!(drawn.starts_with(&expected), "{drawn}, not {expected}");
}

#[test]
fn a_stall_is_waited_for_and_nothing_is_lost() {
    // From packet 4 on the path is 120 ms longer.
    let packets = changed(|p| p.iter_mut().skip(3).for_each(|p| p.0 += 120));
    let drawn = play(&packets, 17);
    let kept: String = drawn.chars().filter(|c| c.is_alphanumeric()).collect();
    assert_eq!(kept, "112233445566778899aa", "{drawn}");
}

#[test]
fn a_sender_that_begins_anew_is_followed() {
    for (sequence, timestamp) in [
        (40_000, 3_000_000_000),
        (5, 7_777_777),
        (4, 1_640u32.wrapping_sub(80_000)),
    ] {
        let packets = changed(|p| {
            for (i, packet) in p.iter_mut().enumerate().skip(3) {
                let i = i as u16 - 3;
                (packet.1, packet.2) = (sequence + i, u32::wrapping_add(timestamp, u32::from(i) * 160));
            }
        });
        let begin = start();
        let mut buffer = buffer();
        let fates: Vec<Insertion> = packets.iter().map(|p| insert(&mut buffer, begin, *p)).collect();
        assert_eq!(fates[3], Insertion::Suspect);
        assert!(fates[4..].iter().all(|f| *f == Insertion::Kept), "{fates:?}");
    }
}

#[test]
fn a_single_packet_from_nowhere_does_not_disturb() {
    let packets = changed(|p| p.push(Comes(65, 30_000, 900_000_000, 160)));
    assert!(play(&packets, 12).starts_with("....1122334455667788"));
}

/// Plays a network that delays each packet by `delay(i)` ms; the depth in ms at the end of each second, and blocks lost.
fn depths(seconds: u32, loud: impl Fn(u32) -> bool, delay: impl Fn(u32) -> u64) -> (Vec<u128>, Vec<usize>) {
    let begin = start();
    let mut buffer = buffer();
    let mut coming: Vec<(u64, u32)> = (0..seconds * 50).map(|i| (u64::from(i) * 20 + delay(i), i)).collect();
    coming.sort_unstable();
    let mut coming = coming.into_iter().peekable();
    let (mut depths, mut lost) = (Vec::new(), vec![0; seconds as usize]);
    for tick in 0..seconds * 50 {
        let ms = u64::from(tick) * 20 + 7;
        while let Some((at, i)) = coming.next_if(|(at, _)| *at <= ms) {
            let sample = if loud(i) { 8_000 } else { 0 };
            buffer.insert(
                begin + Duration::from_millis(at),
                i as u16,
                i * 160,
                160,
                vec![sample; 160],
            );
        }
        let now = begin + Duration::from_millis(ms);
        for slot in buffer.pop(now, &mut Plain) {
            lost[tick as usize / 50] += usize::from(slot == Slot::Lost);
        }
        if tick % 50 == 49 {
            depths.push(buffer.depth(now).as_millis());
        }
    }
    (depths, lost)
}

#[test]
fn depth_follows_the_network() {
    // 8 s calm, 8 s with up to 90 ms of delay, calm again; a word every second.
    let wild = |i: u32| (400..800).contains(&i);
    let (depths, lost) = depths(
        40,
        |i| i % 50 < 30,
        |i| if wild(i) { u64::from(i * 7_919 % 91) } else { 5 },
    );
    assert!(depths[6] <= 40, "calm: {depths:?}");
    assert!((85..=140).contains(&depths[15]), "wild: {depths:?}");
    assert!(depths[39] <= 45, "calm again: {depths:?}");
    assert!(lost[10..16].iter().all(|l| *l <= 2), "lost {lost:?}");
    assert!(lost[25..].iter().all(|l| *l == 0), "lost {lost:?}");
}

#[test]
fn loud_sound_is_not_cut_to_shrink() {
    let (depths, _) = depths(30, |_| true, |i| if i == 300 { 120 } else { 5 });
    assert_eq!(depths[8], depths[29], "{depths:?}");
}

#[test]
fn a_burst_after_a_long_stall_leaves_no_more_than_the_maximum() {
    let stalled = |i: u32| {
        if (100..150).contains(&i) {
            u64::from(150 - i) * 20
        } else {
            5
        }
    };
    let (depths, _) = depths(10, |_| true, stalled);
    assert!(depths.iter().all(|d| *d <= 240), "{depths:?}");
}

#[test]
fn clocks_that_drift_are_followed() {
    for drift in [-300i64, 300] {
        // ppm: 5 minutes are 90 ms.
        let delay = |i: u32| (100 + i64::from(i) * 20 * drift / 1_000_000) as u64;
        let (depths, lost) = depths(300, |i| i % 50 < 30, delay);
        assert!(depths.iter().all(|d| *d <= 60), "{drift} ppm: {depths:?}");
        assert!(lost.iter().sum::<usize>() < 25, "{drift} ppm: {lost:?}");
    }
}

#[test]
fn impossible_packets_are_refused_and_room_is_limited() {
    let mut buffer = buffer();
    let begin = start();
    assert_eq!(insert(&mut buffer, begin, Comes(0, 1, 1, 0)), Insertion::Refused);
    assert_eq!(insert(&mut buffer, begin, Comes(0, 1, 1, 1_601)), Insertion::Refused);
    let fates: Vec<Insertion> = (0..1_000)
        .map(|i| insert(&mut buffer, begin, Comes(0, i, u32::from(i), 1)))
        .collect();
    assert_eq!(fates.iter().filter(|f| **f == Insertion::Kept).count(), ROOM);
}

/// A codec of another clock (48 kHz, of which three units are a sample) whose packets tell the one before them too. It remembers what it did.
#[derive(Default)]
struct Telling {
    decoded: Vec<u16>,
    recovered: Vec<u16>,
}

impl Decode<u16> for Telling {
    fn block(&self) -> usize {
        160
    }

    fn decode(&mut self, payload: &u16) -> Vec<i16> {
        self.decoded.push(*payload);
        vec![*payload as i16 * 100; 320]
    }

    fn recover(&mut self, next: &u16, samples: usize) -> Option<Vec<i16>> {
        self.recovered.push(*next);
        Some(vec![(*next as i16 - 1) * 100; samples])
    }
}

/// Packets of 20 ms of 48 kHz that come when they are sent, but for `lost`; a letter is 10 ms, a capital one was told by the packet behind it.
fn told(lost: &[u16], late: impl Fn(u16) -> u64) -> (String, Telling) {
    let begin = start();
    let at = |ms| begin + Duration::from_millis(ms);
    let mut buffer = JitterBuffer::new(Depth::default(), 48_000);
    let mut decoder = Telling::default();
    let mut coming: Vec<(u64, u16)> = (10..20)
        .filter(|i| !lost.contains(i))
        .map(|i| (u64::from(i - 10) * 20 + late(i), i))
        .collect();
    coming.sort_unstable();
    let mut coming = coming.into_iter().peekable();
    let mut drawn = String::new();
    for tick in 0..14 {
        let ms = tick * 20 + 1;
        while let Some((ms, i)) = coming.next_if(|(at, _)| *at < ms) {
            buffer.insert(at(ms), i, 7 + u32::from(i) * 960, 960, i);
        }
        drawn.extend(buffer.pop(at(ms), &mut decoder).iter().map(|slot| {
            match slot {
                Slot::Payload(samples) => {
                    assert_eq!(samples.len(), 160);
                    char::from_digit(samples[0] as u32 / 100, 36).unwrap()
                }
                Slot::Recovered(samples) => char::from_digit(samples[0] as u32 / 100, 36)
                    .unwrap()
                    .to_ascii_uppercase(),
                Slot::Lost => '-',
                Slot::Filling => '.',
            }
        }));
    }
    (drawn, decoder)
}

#[test]
fn a_packet_may_tell_the_one_before_it() {
    let (drawn, decoder) = told(&[13], |_| 0);
    assert!(drawn.starts_with("....aabbccDDeeffgg"), "{drawn}");
    assert_eq!(decoder.recovered, [14]);
    let (drawn, decoder) = told(&[13, 14], |_| 0);
    assert!(drawn.starts_with("....aabbcc--EEffgg"), "{drawn}");
    assert_eq!(decoder.recovered, [15]);
    // It comes after its sound was told.
    let (drawn, _) = told(&[], |i| if i == 13 { 70 } else { 0 });
    assert!(drawn.starts_with("....aabbccDDee"), "{drawn}");
}

#[test]
fn each_packet_is_decoded_once_and_in_order() {
    let (drawn, decoder) = told(&[], |i| u64::from(i * 37 % 40));
    assert_eq!(decoder.decoded, (10..20).collect::<Vec<u16>>(), "{drawn}");
    // A path that becomes longer: the buffer waits between packets, not within one.
    let (drawn, decoder) = told(&[], |i| if i < 13 { 0 } else { 90 });
    assert_eq!(decoder.decoded, (10..19).collect::<Vec<u16>>(), "{drawn}");
    let letters: Vec<char> = drawn.chars().filter(|c| c.is_alphanumeric()).collect();
    assert!(letters.chunks(2).all(|pair| pair[0] == pair[1]), "{drawn}");
    for pair in ["dd", "ee", "ff", "gg"] {
        assert!(drawn.contains(pair), "{drawn}");
    }
}

proptest! {
    /// Whatever a network does to packets, each sound is played at most once and in order.
    #[test]
    fn order_is_kept(
        first in any::<(u16, u32)>(),
        length in prop_oneof![Just(80usize), Just(160), Just(240), Just(320)],
        fates in proptest::collection::vec((0u64..250, 0u8..20), 1..300),
    ) {
        let begin = start();
        let mut buffer = buffer();
        let mut coming = Vec::new();
        for (i, (delay, fate)) in fates.iter().enumerate() {
            let sent = (i * length / 8) as u64;
            let copies = match fate { 0 => 0, 1 => 2, _ => 1 };
            for copy in 0..copies {
                coming.push((sent + delay / 4 * u64::from(*fate > 12) + copy * 13, i));
            }
        }
        coming.sort_unstable();
        let mut coming = coming.into_iter().peekable();
        let mut last = 0;
        for tick in 0..(fates.len() * length / 160 + 30) as u64 {
            while let Some((at, i)) = coming.next_if(|(at, _)| *at <= tick * 20) {
                // Samples count up from 1, so that they tell their place.
                let samples: Vec<i16> = (1..=length).map(|j| ((i * length + j) % 32_000) as i16).collect();
                let timestamp = first.1.wrapping_add((i * length) as u32);
                buffer.insert(begin + Duration::from_millis(at), first.0.wrapping_add(i as u16), timestamp, length as u32, samples);
            }
            for slot in buffer.pop(begin + Duration::from_millis(tick * 20), &mut Plain) {
                if let Slot::Payload(samples) = slot {
                    prop_assert_eq!(samples.len(), BLOCK);
                    for sample in samples {
                        let place = i64::from(sample);
                        let ahead = (place - last).rem_euclid(32_000);
                        prop_assert!(ahead > 0 && ahead < 16_000, "{} after {}", place, last);
                        last = place;
                    }
                }
            }
        }
    }

    #[test]
    fn any_packets_at_any_time_do_no_harm(packets: Vec<(u32, u16, u32, u8)>) {
        let mut now = start();
        let mut buffer = buffer();
        for (later, sequence, timestamp, length) in packets {
            now += Duration::from_micros(u64::from(later));
            buffer.insert(now, sequence, timestamp, u32::from(length), vec![1; usize::from(length)]);
            buffer.pop(now, &mut Plain);
            let _ = buffer.depth(now);
            prop_assert!(buffer.chunks.len() <= ROOM);
        }
    }
}
