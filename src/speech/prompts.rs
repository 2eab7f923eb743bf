//! Prompts that were rendered before, in memory and on disk.
//!
//! The key is the voice (with its model) and the words. A file that cannot be read or written is no error: the prompt is
//! rendered again.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Sound kept in memory, in samples: about 17 minutes, 32 MB. What comes beyond is on disk only and rendered when spoken.
const ROOM: usize = 16_000_000;

/// Counts up when the same words are rendered differently: old sound is not played then.
const RENDERING: u8 = 1;

pub struct Prompts {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sounds: HashMap<String, Arc<[i16]>>,
    samples: usize,
}

impl Prompts {
    /// `folder` is made when the first prompt is kept.
    pub fn open(folder: PathBuf) -> Self {
        Self {
            folder,
            kept: Mutex::default(),
        }
    }

    /// The sound, if it is in memory. Never touches the disk.
    pub fn get(&self, voice: &str, words: &str) -> Option<Arc<[i16]>> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sounds
            .get(&key(voice, words))
            .cloned()
    }

    /// Brings the prompt from disk into memory; whether it is there now.
    pub fn load(&self, voice: &str, words: &str) -> bool {
        if self.get(voice, words).is_some() {
            return true;
        }
        let key = key(voice, words);
        let Ok(bytes) = std::fs::read(self.folder.join(&key)) else {
            return false;
        };
        let (pairs, rest) = bytes.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return false;
        }
        self.remember(key, pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect())
    }

    /// Keeps `sound` (16 kHz mono) in memory and on disk.
    pub fn keep(&self, voice: &str, words: &str, sound: Vec<i16>) {
        let key = key(voice, words);
        if let Err(e) = self.write(&key, &sound) {
            tracing::warn!(folder = %self.folder.display(), "a rendered prompt cannot be kept on disk: {e}");
        }
        self.remember(key, Arc::from(sound));
    }

    fn remember(&self, key: String, sound: Arc<[i16]>) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.samples + sound.len() > ROOM {
            return false;
        }
        kept.samples += sound.len();
        if let Some(old) = kept.sounds.insert(key, sound) {
            kept.samples -= old.len();
        }
        true
    }

    /// Written beside and renamed into place, so that a killed process leaves no half prompt.
    fn write(&self, key: &str, sound: &[i16]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let beside = self.folder.join(format!("{key}.{}.part", std::process::id()));
        let bytes: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
        let written = std::fs::File::create(&beside).and_then(|mut file| file.write_all(&bytes));
        match written.and_then(|()| std::fs::rename(&beside, self.folder.join(key))) {
            Ok(()) => Ok(()),
            Err(e) => {
                std::fs::remove_file(&beside).ok();
                Err(e)
            }
        }
    }
}

fn key(voice: &str, words: &str) -> String {
    let mut hash = Sha256::new();
    hash.update([RENDERING]);
    hash.update(voice.as_bytes());
    hash.update([0]);
    hash.update(words.as_bytes());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_prompt_between_runs_by_voice_and_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Prompts::open(folder.path().join("prompts"));
        assert!(!first.load("joe", "Hello."));
        first.keep("joe", "Hello.", vec![1, -2, 3]);
        let second = Prompts::open(folder.path().join("prompts"));
        assert!(second.load("joe", "Hello."));
        assert_eq!(second.get("joe", "Hello.").as_deref(), Some([1, -2, 3].as_slice()));
        assert!(!second.load("amy", "Hello."));
        assert!(!second.load("joe", "Hello!"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_nothing_but_the_disk() {
        let prompts = Prompts::open(PathBuf::from("/proc/none"));
        prompts.keep("joe", "Hello.", vec![1]);
        assert!(prompts.get("joe", "Hello.").is_some());
    }
}
