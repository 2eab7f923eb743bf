//! The folder the models lie in, one for each user, shared by every copy of the program.
//!
//! It finds files and says what is wrong with them; it knows nothing of where they come from.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{Manifest, Model};
use super::progress::Progress;
use super::sha256::{self, Digest};

#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// `$OFFHOOK_MODELS`, else `$XDG_CACHE_HOME/offhook/models`, else `~/.cache/offhook/models`. The folder need not exist.
    pub fn open() -> Cache {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dir = folder(
            variable("OFFHOOK_MODELS"),
            variable("XDG_CACHE_HOME"),
            std::env::home_dir(),
        );
        Cache::at(dir)
    }

    pub fn at(dir: impl Into<PathBuf>) -> Cache {
        Cache { dir: dir.into() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a file of the manifest lies, if it is there and whole by its size.
    pub fn path(&self, file: &str) -> Result<PathBuf, Missing> {
        let path = self.dir.join(file);
        let model = Manifest::embedded().of_file(file);
        let found = size(&path);
        match (found, model.map(|model| model.bytes)) {
            (Some(_), None) => Ok(path),
            (Some(found), Some(expected)) if found == expected => Ok(path),
            (found, expected) => Err(Missing {
                model: model.map_or(file, |model| &model.name).to_owned(),
                file: file.to_owned(),
                dir: self.dir.clone(),
                sizes: found.zip(expected),
            }),
        }
    }

    /// Quick: looks at the size, not at the contents.
    pub fn status(&self, model: &Model) -> Status {
        match size(&self.dir.join(&model.file)) {
            None => Status::Missing,
            Some(found) if found == model.bytes => Status::Present,
            Some(found) => Status::WrongSize {
                found,
                expected: model.bytes,
            },
        }
    }

    /// Reads the whole file.
    pub fn verify(&self, model: &Model, progress: &dyn Progress) -> Result<(), Mismatch> {
        let path = self.dir.join(&model.file);
        let refused = |reason| Mismatch {
            model: model.name.clone(),
            path: path.clone(),
            reason,
        };
        match self.status(model) {
            Status::Missing => return Err(refused(Reason::Absent)),
            Status::WrongSize { found, expected } => return Err(refused(Reason::Size { found, expected })),
            Status::Present => {}
        }
        progress.begin(&format!("{}: checking", model.name), Some(model.bytes));
        let digest = File::open(&path).and_then(|file| sha256::of(file, |read| progress.at(read)));
        progress.end();
        let digest = digest.map_err(|error| refused(Reason::Unreadable(error)))?;
        match model.accepts(digest) {
            true => Ok(()),
            false => Err(refused(Reason::Contents {
                found: digest,
                expected: model.sha256,
            })),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Present,
    Missing,
    /// In bytes.
    WrongSize {
        found: u64,
        expected: u64,
    },
}

/// A model that is not there, or not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub model: String,
    pub file: String,
    pub dir: PathBuf,
    /// Found and expected, in bytes, where there is such a file.
    pub sizes: Option<(u64, u64)>,
}

impl std::error::Error for Missing {}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Missing {
            model,
            file,
            dir,
            sizes,
        } = self;
        match sizes {
            None => write!(f, "model {model}: {file} is not in {}", dir.display())?,
            Some((found, expected)) => {
                write!(
                    f,
                    "model {model}: {file} in {} has {found} bytes and not {expected}",
                    dir.display()
                )?;
            }
        }
        write!(f, "; `offhook models pull` puts it there")
    }
}

/// A model that is not what the manifest says.
#[derive(Debug, thiserror::Error)]
#[error("model {model}: {} {reason}; `offhook models pull` puts it right", path.display())]
pub struct Mismatch {
    pub model: String,
    pub path: PathBuf,
    pub reason: Reason,
}

#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error("is not there")]
    Absent,
    #[error("has {found} bytes and not {expected}")]
    Size { found: u64, expected: u64 },
    #[error("has the SHA-256 {found} and not {expected}")]
    Contents { found: Digest, expected: Digest },
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
}

fn size(path: &Path) -> Option<u64> {
    fs::metadata(path)
        .ok()
        .filter(|metadata| metadata.is_file())
        .map(|metadata| metadata.len())
}

/// The XDG base directory specification has a relative `$XDG_CACHE_HOME` ignored.
fn folder(ours: Option<OsString>, xdg: Option<OsString>, home: Option<PathBuf>) -> PathBuf {
    if let Some(ours) = ours {
        return PathBuf::from(ours);
    }
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    xdg.unwrap_or_else(|| home.unwrap_or_default().join(".cache"))
        .join("offhook/models")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::progress::Silent;

    #[test]
    fn the_folder_is_ours_then_the_desktops_then_the_homes() {
        let cases = [
            (Some("/m"), Some("/x"), "/m"),
            (Some("m"), None, "m"),
            (None, Some("/x"), "/x/offhook/models"),
            (None, Some("x"), "/home/a/.cache/offhook/models"),
            (None, None, "/home/a/.cache/offhook/models"),
        ];
        for (ours, xdg, expected) in cases {
            let found = folder(ours.map(Into::into), xdg.map(Into::into), Some("/home/a".into()));
            assert_eq!(found, PathBuf::from(expected));
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_cure() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let at = dir.path().display();
        let missing = cache.path(super::super::SILERO_VAD).unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!(
                "model silero-vad: silero_vad_op18_ifless.onnx is not in {at}; `offhook models pull` puts it there"
            )
        );
        fs::write(dir.path().join(super::super::SILERO_VAD), "short").unwrap();
        let short = cache.path(super::super::SILERO_VAD).unwrap_err();
        assert!(
            short
                .to_string()
                .contains("has 5 bytes and not 2845718; `offhook models pull`"),
            "{short}"
        );
    }

    #[test]
    fn the_same_size_with_other_contents_is_a_mismatch() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let model = Manifest::embedded().of_file(super::super::KOKORO_VOCAB).unwrap();
        assert_eq!(cache.status(model), Status::Missing);
        assert!(matches!(
            cache.verify(model, &Silent).unwrap_err().reason,
            Reason::Absent
        ));
        let path = dir.path().join(&model.file);
        fs::write(&path, vec![b' '; 1155]).unwrap();
        assert_eq!(cache.status(model), Status::Present);
        assert_eq!(cache.path(&model.file).unwrap(), path);
        let mismatch = cache.verify(model, &Silent).unwrap_err();
        assert!(mismatch.to_string().contains("and not ba536e2187cf4a12"), "{mismatch}");
        fs::write(&path, "x").unwrap();
        assert_eq!(
            cache.status(model),
            Status::WrongSize {
                found: 1,
                expected: 1155
            }
        );
    }
}
