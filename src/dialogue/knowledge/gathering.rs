//! From paths to documents: several files at once, but never all cores, because calls may be running.
//!
//! It blocks until all are read, so a running bot calls it on a thread for that. It knows no plans.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::passages::Document;
use super::reading::{LARGEST, Unreadable, read};

/// Files that are read at once.
pub const AT_ONCE: usize = 2;

/// Reads `paths`, in their order; `told` hears of each as it is done, on the thread that read it.
pub fn gather(
    paths: &[PathBuf],
    told: &(dyn Fn(&Path, &Result<Document, Unreadable>) + Sync),
) -> Vec<Result<Document, Unreadable>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(paths.len()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(paths.len()) {
            scope.spawn(|| {
                while let Some((at, path)) = paths.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let document = open(path);
                    told(path, &document);
                    if let Ok(mut done) = done.lock() {
                        done.push((at, document));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, document)| document).collect()
}

fn open(path: &Path) -> Result<Document, Unreadable> {
    let name = path.display().to_string();
    let missing = |e: std::io::Error| Unreadable {
        file: name.clone(),
        reason: format!("it cannot be opened: {e}"),
        cure: "see that it is there and may be read".into(),
    };
    let file = std::fs::File::open(path).map_err(missing)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells that there are more.
    std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST as u64 + 1), &mut bytes).map_err(missing)?;
    let sections = read(&name, bytes)?;
    Ok(Document { name, sections })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_order_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths: Vec<PathBuf> = (0..9).map(|n| folder.path().join(format!("{n}.md"))).collect();
        for path in paths.iter().skip(1) {
            std::fs::write(path, format!("# {}\ntext\n", path.display())).expect("written");
        }
        let told = AtomicUsize::new(0);
        let read = gather(&paths, &|_, _| {
            told.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(told.into_inner(), 9);
        assert!(read[0].as_ref().is_err_and(|e| e.to_string().contains("0.md")));
        for (path, document) in paths.iter().zip(&read).skip(1) {
            assert_eq!(
                document.as_ref().map(|document| document.name.clone()),
                Ok(path.display().to_string())
            );
        }
    }
}
