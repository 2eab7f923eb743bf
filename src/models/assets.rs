//! The two small files OpenAI ships beside Whisper's weights: the mel filter bank (`.npz`) and the byte-level vocabulary (`.tiktoken`).

use std::io::{Read, Seek};

use super::convert::Refused;

/// Either file is under a megabyte; more than this is not it.
const LIMIT: u64 = 1 << 24;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MelFilters {
    pub rows: u32,
    pub columns: u32,
    /// `rows` × `columns` little-endian f32.
    pub values: Vec<u8>,
}

/// `name` is that of an array in the archive, without its `.npy`.
pub fn mel_filters(npz: impl Read + Seek, name: &str) -> Result<MelFilters, Refused> {
    let broken = |error: zip::result::ZipError| Refused::malformed(format!("mel filters: {error}"));
    let mut archive = zip::ZipArchive::new(npz).map_err(broken)?;
    let mut npy = Vec::new();
    archive
        .by_name(&format!("{name}.npy"))
        .map_err(broken)?
        .take(LIMIT)
        .read_to_end(&mut npy)?;
    array(&npy).ok_or_else(|| Refused::malformed("mel filters: no table of little-endian f32".to_owned()))
}

/// One token a line: base64, a space, its number, which is the number of the line.
pub fn vocabulary(tiktoken: impl Read) -> Result<Vec<Vec<u8>>, Refused> {
    let mut text = Vec::new();
    tiktoken.take(LIMIT).read_to_end(&mut text)?;
    let mut tokens = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        tokens.push(token(line, tokens.len()).ok_or_else(|| {
            Refused::malformed(format!(
                "vocabulary: `{}` is not token {}",
                line.escape_ascii(),
                tokens.len()
            ))
        })?);
    }
    Ok(tokens)
}

fn token(line: &[u8], expected: usize) -> Option<Vec<u8>> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (word, number) = (line.get(..space)?, line.get(space..)?.trim_ascii());
    let number: usize = str::from_utf8(number).ok()?.parse().ok()?;
    (number == expected).then(|| base64(word))?
}

/// RFC 4648 section 4; padding may be missing or stand alone, which is how the empty token is written.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0u32);
    let end = text
        .iter()
        .rposition(|letter| *letter != b'=')
        .map_or(0, |last| last + 1);
    for letter in text.iter().take(end) {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // At most 6 bits are held from before.
        bits = (bits << 6 | u32::from(value)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    // A lone letter has too few bits for a byte.
    (held < 6).then_some(bytes)
}

/// NumPy's `.npy`: magic, version, u16 length of a header in Python's notation, data.
fn array(npy: &[u8]) -> Option<MelFilters> {
    let rest = npy.strip_prefix(b"\x93NUMPY\x01\x00")?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let header = str::from_utf8(header).ok()?;
    if !header.contains("'descr': '<f4'") || !header.contains("'fortran_order': False") {
        return None;
    }
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let (rows, columns) = shape.split_once(',')?;
    let (rows, columns): (u32, u32) = (rows.trim().parse().ok()?, columns.trim().parse().ok()?);
    let bytes = u64::from(rows).checked_mul(u64::from(columns))?.checked_mul(4)?;
    (bytes == values.len() as u64).then(|| MelFilters {
        rows,
        columns,
        values: values.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use proptest::prelude::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
        npy.extend_from_slice(header.as_bytes());
        npy.extend_from_slice(data);
        npy
    }

    #[test]
    fn a_table_is_read_out_of_its_archive() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("mel_80.npy", zip::write::SimpleFileOptions::default())
            .unwrap();
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        zip.write_all(&npy(header, &[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
        let archive = zip.finish().unwrap().into_inner();
        let filters = mel_filters(Cursor::new(&archive), "mel_80").unwrap();
        assert_eq!(
            filters,
            MelFilters {
                rows: 2,
                columns: 1,
                values: vec![1, 2, 3, 4, 5, 6, 7, 8]
            }
        );
        assert!(mel_filters(Cursor::new(&archive), "mel_128").is_err());
        assert!(mel_filters(Cursor::new(b"no archive"), "mel_80").is_err());
    }

    #[test]
    fn other_tables_are_refused() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }";
        assert!(array(&npy(good, &[0; 4])).is_some());
        assert!(array(&npy(good, &[0; 5])).is_none());
        for (from, to) in [
            ("<f4", "<f8"),
            ("False", "True"),
            ("(1, 1)", "(1,)"),
            ("(1, 1)", "(1, -1)"),
        ] {
            assert!(array(&npy(&good.replace(from, to), &[0; 4])).is_none(), "{to}");
        }
    }

    #[test]
    fn tokens_are_bytes_in_the_order_of_their_numbers() {
        assert_eq!(
            vocabulary(&b"Zm9v 0\nZg== 1\n= 2\n"[..]).unwrap(),
            [&b"foo"[..], b"f", b""]
        );
        for wrong in ["Zm9v 1\n", "Zm9v\n", "Z 0\n", "Zm9v x\n", "Zm?v 0\n"] {
            let refused = vocabulary(wrong.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("is not token 0"), "{refused}");
        }
    }

    #[test]
    fn the_letters_are_those_of_rfc_4648_section_10() {
        let cases = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, bytes) in cases {
            assert_eq!(base64(text.as_bytes()).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64(b"+/8=").unwrap(), [0xfb, 0xff]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, header: String) {
            let _ = vocabulary(bytes.as_slice());
            let _ = mel_filters(Cursor::new(&bytes), "mel_80");
            let _ = array(&bytes);
            prop_assume!(header.len() < 1000);
            let _ = array(&npy(&header, &bytes));
        }
    }
}
