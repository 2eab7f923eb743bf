//! What a machine has recorded of a message: whether it is there from its first sound to its last.
//!
//! The message is known as it was rendered. Both are brought to what a telephone carries and laid upon each other where they are most alike; then each piece
//! of the message that can be heard is looked for at its place.

use std::time::Duration;

use crate::audio::resample::Resampler;
use crate::audio::{Frame, SAMPLE_RATE, frames, level_dbfs};
use crate::simulate::caller::AUDIBLE;

/// In which the comparison is made: what a telephone carries. With less, an "s" is not known again that comes one sample later.
const RATE: u32 = 8_000;
/// A piece: 100 ms.
const PIECE: usize = RATE as usize / 10;
/// What is looked for first: half a second from the middle of the message.
const PROBE: usize = RATE as usize / 2;
/// So far a piece may be from its place, as the one before it tells: clocks drift, and a jitter buffer moves. 60 ms.
const DRIFT: usize = RATE as usize * 6 / 100;
/// Likeness from which on a piece is there: G.711 of the same sound gives 0.95, other words below 0.4.
const ALIKE: f32 = 0.7;

/// Frames of silence that part a message from what was said before it: a second.
const PAUSE: usize = 50;

/// What is left of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// Of its audible sound, 0 to 1.
    pub share: f32,
    /// Lost at its beginning and at its end.
    pub cut_before: Duration,
    pub cut_after: Duration,
}

impl Left {
    /// Whether nothing is missing but what a comparison may miss: less than a syllable at either end.
    pub fn is_whole(&self) -> bool {
        let syllable = Duration::from_millis(200);
        self.share >= 0.9 && self.cut_before < syllable && self.cut_after < syllable
    }
}

/// What of `message` is in `recorded`; both 16 kHz mono. None where nothing of it is found.
pub fn left(message: &[i16], recorded: &[i16]) -> Option<Left> {
    let audible: Vec<bool> = message
        .chunks(SAMPLE_RATE as usize / 10)
        .map(|piece| level_dbfs(piece) > AUDIBLE)
        .collect();
    let (message, recorded) = (carried(message), carried(recorded));
    let middle = message.len().saturating_sub(PROBE) / 2;
    let probe = message.get(middle..(middle + PROBE).min(message.len()))?;
    let (at, likeness) = nearest(probe, &recorded, 0, recorded.len())?;
    if likeness < ALIKE {
        return None;
    }
    // Where the message would begin; before the recording, if its beginning is lost.
    let begins = at as i64 - middle as i64;
    let pieces: Vec<(usize, &[f32])> = message
        .chunks(PIECE)
        .enumerate()
        .filter(|(n, _)| audible.get(*n).copied().unwrap_or(false))
        .collect();
    // From the middle to either end, each from where the one before it was found: in pauses a jitter buffer grows and shrinks.
    let (before, after): (Vec<_>, Vec<_>) = pieces.into_iter().partition(|(n, _)| n * PIECE < middle);
    let mut there = followed(before.into_iter().rev(), &recorded, begins);
    there.reverse();
    there.extend(followed(after.into_iter(), &recorded, begins));
    let count = there.iter().filter(|(_, there)| *there).count();
    let first = there.iter().position(|(_, there)| *there)?;
    let last = there.iter().rposition(|(_, there)| *there)?;
    let piece = Duration::from_millis(100);
    let pieces = |n: usize| piece.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
    Some(Left {
        share: count as f32 / there.len() as f32,
        cut_before: pieces(first),
        cut_after: pieces(there.len() - 1 - last),
    })
}

/// The last of what was said without a pause of a second: of a recording's one side, the message that was left.
pub fn last_words(sound: &[i16]) -> Vec<i16> {
    let frames: Vec<Frame> = frames(sound).collect();
    let audible: Vec<usize> = (0..frames.len())
        .filter(|n| frames.get(*n).is_some_and(|frame| frame.level() > AUDIBLE))
        .collect();
    let Some(last) = audible.last().copied() else {
        return Vec::new();
    };
    let pause = audible
        .windows(2)
        .rfind(|pair| matches!(pair, [before, after] if after - before > PAUSE));
    let first = pause
        .and_then(<[usize]>::last)
        .or(audible.first())
        .copied()
        .unwrap_or(last);
    let words = frames.get(first..=last).unwrap_or_default();
    words.iter().flat_map(Frame::samples).copied().collect()
}

fn carried(sound: &[i16]) -> Vec<f32> {
    let narrow = Resampler::narrowing().push(sound);
    narrow.into_iter().map(f32::from).collect()
}

/// Whether each of `pieces` is in `sound`, which begins with their whole at `begins` as far as is known.
fn followed<'a>(
    pieces: impl Iterator<Item = (usize, &'a [f32])>,
    sound: &[f32],
    mut begins: i64,
) -> Vec<(usize, bool)> {
    let mut there = Vec::new();
    for (n, piece) in pieces {
        let place = (n * PIECE) as i64;
        let found = found_at(piece, sound, begins + place);
        begins = found.map_or(begins, |at| at - place);
        there.push((n, found.is_some()));
    }
    there
}

/// Where `piece` is, not far from `at`.
fn found_at(piece: &[f32], sound: &[f32], at: i64) -> Option<i64> {
    let drift = DRIFT as i64;
    let from = usize::try_from((at - drift).max(0)).ok()?;
    let to = usize::try_from(at + drift + piece.len() as i64).ok()?;
    let (found, likeness) = nearest(piece, sound, from, to)?;
    (likeness >= ALIKE).then_some(found as i64)
}

/// Where `piece` is most alike within `sound[from..to]`, and how much: −1 to 1.
fn nearest(piece: &[f32], sound: &[f32], from: usize, to: usize) -> Option<(usize, f32)> {
    let within = sound.get(from..to.min(sound.len()))?;
    let energy = piece.iter().map(|x| x * x).sum::<f32>();
    if piece.is_empty() || energy <= 0.0 {
        return None;
    }
    let mut best: Option<(usize, f32)> = None;
    for (n, window) in within.windows(piece.len()).enumerate() {
        let (mut product, mut other) = (0.0_f32, 0.0_f32);
        for (a, b) in piece.iter().zip(window) {
            product += a * b;
            other += b * b;
        }
        let likeness = product / (energy * other).sqrt().max(1.0);
        if best.is_none_or(|(_, known)| likeness > known) {
            best = Some((from + n, likeness));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::g711::Law;
    use crate::simulate::noise::{Noise, Place};

    /// Six seconds of a voice without words, with pauses.
    fn message() -> Vec<i16> {
        let mut noise = Noise::new(Place::Television, 0.0, 5);
        let mut samples = Vec::new();
        for _ in 0..300 {
            let mut frame = crate::audio::Frame::silence();
            noise.mix(&mut frame);
            samples.extend_from_slice(frame.samples());
        }
        samples
    }

    /// As a machine has it that heard it by telephone, after so long.
    fn recorded(message: &[i16], after: usize) -> Vec<i16> {
        let narrow = Resampler::narrowing().push(message);
        let heard = Law::Pcma.decode(&Law::Pcma.encode(&narrow));
        let mut sound = vec![0; after];
        sound.extend(Resampler::widening().push(&heard));
        sound.extend(vec![0; 8_000]);
        sound
    }

    #[test]
    fn a_whole_message_is_whole() {
        let message = message();
        for after in [0, 777, 40_000] {
            let found = left(&message, &recorded(&message, after)).expect("it is there");
            assert!(found.is_whole(), "{found:?}");
        }
    }

    #[test]
    fn what_is_cut_is_told() {
        let message = message();
        let begun = left(&message, &recorded(&message[12_800..], 0)).expect("most of it");
        assert!(
            !begun.is_whole() && begun.cut_before >= Duration::from_millis(400),
            "{begun:?}"
        );
        assert!(begun.cut_after < Duration::from_millis(200), "{begun:?}");
        let ended = left(&message, &recorded(&message[..message.len() - 16_000], 5_000)).expect("most of it");
        assert!(
            !ended.is_whole() && ended.cut_after >= Duration::from_millis(500),
            "{ended:?}"
        );
        let mut holed = message.clone();
        holed[64_000..].fill(0);
        holed[..20_000].fill(0);
        assert!(left(&message, &recorded(&holed, 0)).is_none_or(|found| !found.is_whole()));
    }

    #[test]
    fn the_last_words_are_those_after_the_last_pause() {
        let words = |level, ms| crate::audio::tone::sine(300.0, level, Duration::from_millis(ms));
        let parts = [
            words(-20.0, 400),
            vec![0; 32_000],
            words(-20.0, 200),
            vec![0; 8_000],
            words(-20.0, 600),
            vec![0; 48_000],
        ];
        let found = last_words(&parts.concat());
        assert_eq!(
            found.len(),
            3_200 + 8_000 + 9_600,
            "a pause of half a second is within them"
        );
        assert_eq!(last_words(&[0; 32_000]), Vec::<i16>::new());
        assert_eq!(last_words(&[]), Vec::<i16>::new());
    }

    #[test]
    fn another_message_is_not_found() {
        let mut other = message();
        other.reverse();
        assert_eq!(left(&message(), &recorded(&other, 0)), None);
        assert_eq!(left(&message(), &[]), None);
        assert_eq!(left(&[], &message()), None);
        assert_eq!(left(&[0; 64_000], &message()), None);
    }
}
