//! What passages mean, kept on disk: an engine takes some milliseconds for each, and a manual has thousands.
//!
//! One file for each engine, told apart by what it makes of a fixed sentence. A text is known by its SHA-256. A file that is damaged is an empty one.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::dialogue::meaning::Meaning;

type Key = [u8; 32];

/// Vectors by the texts that they are of.
pub struct Vectors<'m> {
    meaning: &'m dyn Meaning,
    path: PathBuf,
    known: HashMap<Key, Vec<f32>>,
    width: usize,
    /// How many were not known when they were asked for.
    made: usize,
}

/// The file's first bytes, and the version of its form.
const MAGIC: &[u8; 8] = b"OHVEC\0\0\x01";
/// Bytes of a file: a hundred thousand passages.
const LARGEST: u64 = 256 * 1024 * 1024;
/// What engines are told apart by.
const PROBE: &str = "How long does delivery take? 送货要多久？";

impl<'m> Vectors<'m> {
    /// `folder` need not exist.
    pub fn open(folder: &Path, meaning: &'m dyn Meaning) -> Vectors<'m> {
        let probe = meaning.of(PROBE);
        let mut bytes = Sha256::new();
        probe.iter().for_each(|number| bytes.update(number.to_le_bytes()));
        let name: String = bytes
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = folder.join(format!("{name}.vectors"));
        let known = kept(&path, probe.len());
        Vectors {
            meaning,
            path,
            known,
            width: probe.len(),
            made: 0,
        }
    }

    /// The vector of a text, made now where it is not known.
    pub fn of(&mut self, text: &str) -> Vec<f32> {
        let key: Key = Sha256::digest(text).into();
        if let Some(vector) = self.known.get(&key) {
            return vector.clone();
        }
        let vector = self.meaning.of(text);
        self.made += 1;
        if vector.len() == self.width {
            self.known.insert(key, vector.clone());
        }
        vector
    }

    /// How many were not known when they were asked for.
    pub fn made(&self) -> usize {
        self.made
    }

    /// Writes the file anew, whole or not at all; nothing where nothing was made.
    pub fn save(&self) -> io::Result<()> {
        if self.made == 0 {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.width as u32).to_le_bytes());
        for (key, vector) in &self.known {
            if bytes.len() as u64 > LARGEST {
                break;
            }
            bytes.extend(key);
            vector.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        // Another program may be writing, too: each to a file of its own, and the last one stays.
        let beside = self.path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&beside, bytes)?;
        std::fs::rename(beside, &self.path)
    }
}

fn kept(path: &Path, width: usize) -> HashMap<Key, Vec<f32>> {
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= LARGEST + 4096);
    let bytes = if small {
        std::fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    parse(&bytes, width).unwrap_or_default()
}

fn parse(bytes: &[u8], width: usize) -> Option<HashMap<Key, Vec<f32>>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (own, rest) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*own) as usize != width || width == 0 {
        return None;
    }
    let mut known = HashMap::new();
    for record in rest.chunks_exact(32 + 4 * width) {
        let (key, numbers) = record.split_first_chunk::<32>()?;
        let (numbers, _) = numbers.as_chunks::<4>();
        let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        let length = vector.iter().map(|number| number * number).sum::<f32>();
        if (0.9..1.1).contains(&length) {
            known.insert(*key, vector);
        }
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    struct Counting(AtomicUsize);

    impl Meaning for Counting {
        fn of(&self, text: &str) -> Vec<f32> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let angle = text.len() as f32;
            vec![angle.cos(), angle.sin()]
        }
    }

    #[test]
    fn a_text_is_made_once_and_a_damaged_file_is_an_empty_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Counting(AtomicUsize::new(0));
        let deep = folder.path().join("deep");
        let mut vectors = Vectors::open(&deep, &engine);
        let first = vectors.of("one");
        vectors.of("one");
        vectors.of("three");
        vectors.save().expect("written");
        assert_eq!((vectors.made(), engine.0.load(Ordering::Relaxed)), (2, 3));
        let mut again = Vectors::open(&deep, &engine);
        assert_eq!(again.of("one"), first);
        assert_eq!(again.made(), 0);
        std::fs::write(&again.path, b"OHVEC\0\0\x01rubbish").expect("written");
        let mut damaged = Vectors::open(&deep, &engine);
        damaged.of("one");
        assert_eq!(damaged.made(), 1);
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(mut bytes: Vec<u8>, width in 0..5_usize, headed: bool) {
            if headed {
                bytes.splice(0..0, MAGIC.iter().copied().chain((width as u32).to_le_bytes()));
            }
            let _ = parse(&bytes, width);
        }
    }
}
