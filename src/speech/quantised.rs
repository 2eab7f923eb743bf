//! Whisper's matrices in 8 bits instead of 16: half the memory to read for each word, and no more errors (`benches/RESULTS.md`).
//!
//! A model stays on disk as it was published, with its checksum; this is done while it is loaded. Form: ggml's `Q8_0`, blocks of 32
//! numbers that share one 16-bit scale.

use std::io::{self, Read};

use half::f16;

/// "ggml"
const MAGIC: u32 = 0x6767_6d6c;
/// Numbers of the head after the magic: sizes, and last the form of the matrices.
const HEAD: usize = 11;
/// Numbers that share a scale.
const BLOCK: usize = 32;
const FULL: u32 = 0;
const HALF: u32 = 1;
const EIGHT: u32 = 8;
/// The head's name for "mostly Q8_0", with the version of the quantisation.
const MOSTLY_EIGHT: u32 = 2007;

/// `model` is a ggml file of 16-bit matrices; one in another form is given back as it is.
pub fn quantised(mut model: &[u8]) -> io::Result<Vec<u8>> {
    let whole = model;
    let from = &mut model;
    let magic = number(from)?;
    let mut head = [0_u32; HEAD];
    for value in &mut head {
        *value = number(from)?;
    }
    if magic != MAGIC || head[HEAD - 1] != HALF {
        return Ok(whole.to_vec());
    }
    head[HEAD - 1] = MOSTLY_EIGHT;
    let mut to = Vec::with_capacity(whole.len() * 3 / 5);
    put(&mut to, magic);
    head.iter().for_each(|value| put(&mut to, *value));
    let rest = *from;
    let filters = number(from)? as usize * number(from)? as usize;
    take(from, filters.saturating_mul(4))?;
    for _ in 0..number(from)? {
        let length = number(from)? as usize;
        take(from, length)?;
    }
    to.extend_from_slice(&rest[..rest.len() - from.len()]);
    while !from.is_empty() {
        tensor(from, &mut to)?;
    }
    Ok(to)
}

fn tensor(from: &mut &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    let (dimensions, name, form) = (number(from)?, number(from)? as usize, number(from)?);
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(number(from)?);
    }
    let name = take(from, name)?;
    let count = shape.iter().fold(1_usize, |all, one| all.saturating_mul(*one as usize));
    let bytes = match form {
        FULL => 4,
        HALF => 2,
        other => return Err(io::Error::other(format!("a tensor of form {other}"))),
    };
    let data = take(from, count.saturating_mul(bytes))?;
    // The convolutions have three dimensions, and stay as they are.
    let matrix = form == HALF && dimensions == 2 && shape.first().is_some_and(|row| row.is_multiple_of(BLOCK as u32));
    put(to, dimensions);
    put(to, name.len() as u32);
    put(to, if matrix { EIGHT } else { form });
    shape.iter().for_each(|one| put(to, *one));
    to.extend_from_slice(name);
    if matrix {
        let (blocks, _) = data.as_chunks::<{ 2 * BLOCK }>();
        blocks.iter().for_each(|halves| block(halves, to));
    } else {
        to.extend_from_slice(data);
    }
    Ok(())
}

fn block(halves: &[u8; 2 * BLOCK], to: &mut Vec<u8>) {
    let (halves, _) = halves.as_chunks::<2>();
    let mut values = [0.0_f32; BLOCK];
    for (value, half) in values.iter_mut().zip(halves) {
        *value = f16::from_le_bytes(*half).to_f32();
    }
    let greatest = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = greatest / 127.0;
    to.extend_from_slice(&f16::from_f32(scale).to_le_bytes());
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    to.extend(values.map(|value| ((value * inverse).round() as i8).to_le_bytes()[0]));
}

fn number(from: &mut &[u8]) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> io::Result<&'a [u8]> {
    let (taken, rest) = from
        .split_at_checked(length)
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends too early"))?;
    *from = rest;
    Ok(taken)
}

fn put(to: &mut Vec<u8>, value: u32) {
    to.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file of one matrix of 64 numbers, and a row of three in 32 bits.
    fn file(form: u32, values: &[f32; 64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, MAGIC);
        (0..HEAD - 1).for_each(|_| put(&mut bytes, 1));
        for value in [form, 1, 1, 0x3f80_0000, 1, 2, 0x6869] {
            put(&mut bytes, value);
        }
        bytes.truncate(bytes.len() - 2);
        for value in [2, 1, HALF, 32, 2] {
            put(&mut bytes, value);
        }
        bytes.push(b'w');
        for value in values {
            bytes.extend_from_slice(&f16::from_f32(*value).to_le_bytes());
        }
        for value in [1, 1, FULL, 3] {
            put(&mut bytes, value);
        }
        bytes.push(b'b');
        bytes.extend_from_slice(&[7; 12]);
        bytes
    }

    fn values() -> [f32; 64] {
        std::array::from_fn(|n| if n < 32 { n as f32 / 31.0 } else { 0.0 })
    }

    #[test]
    fn matrices_become_blocks_and_the_rest_stays() {
        let before = file(HALF, &values());
        let after = quantised(&before).unwrap();
        assert_eq!(after.len(), before.len() - 128 + 2 * 34);
        let at = before.len() - 128 - 4 * 4 - 1 - 12;
        assert_eq!(after[at - 1], b'w');
        let scale = f16::from_le_bytes([after[at], after[at + 1]]).to_f32();
        for (n, value) in values().iter().take(32).enumerate() {
            let read = f32::from(after[at + 2 + n].cast_signed()) * scale;
            assert!((read - value).abs() <= scale, "{n}: {read} {value}");
        }
        assert!(after[at + 34..at + 68].iter().all(|byte| *byte == 0));
        assert!(after.ends_with(&[7; 12]));
    }

    #[test]
    fn another_form_is_left_alone_and_a_short_file_is_an_error() {
        let other = file(MOSTLY_EIGHT, &values());
        assert_eq!(quantised(&other).unwrap(), other);
        let whole = file(HALF, &values());
        for length in 0..whole.len() - 16 {
            let cut = quantised(&whole[..length]);
            assert!(
                cut.is_err() || cut.is_ok_and(|after| after.len() < whole.len()),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>, at in 0_usize..400, value: u8) {
            quantised(&bytes).ok();
            let mut bent = file(HALF, &values());
            let at = at % bent.len();
            bent[at] = value;
            quantised(&bent).ok();
        }
    }
}
