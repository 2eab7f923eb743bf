//! The files that a plan's knowledge names, with `*` for any part of a name.

use std::path::{Component, Path, PathBuf};

/// Files that one pattern may stand for.
const MOST: usize = 1000;

/// The files in `folder` that `pattern` stands for, by name; none where there is none. A `*` does not stand for a `/`, nor for the dot that a
/// hidden file begins with.
pub(super) fn find(folder: &Path, pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![if pattern.is_absolute() {
        PathBuf::from("/")
    } else {
        folder.to_owned()
    }];
    for part in pattern.components() {
        let Component::Normal(part) = part else {
            if part == Component::ParentDir {
                found.iter_mut().for_each(|path| path.push(".."));
            }
            continue;
        };
        let name = part.to_string_lossy();
        if !name.contains('*') {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let entries = found
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten();
        let mut next: Vec<PathBuf> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                matches(&name, &entry.file_name().to_string_lossy()).then(|| entry.path())
            })
            .collect();
        next.sort();
        next.truncate(MOST);
        found = next;
    }
    found.retain(|path| path.is_file());
    found
}

fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name, fits) in [
            ("*.pdf", "a.pdf", true),
            ("*.pdf", ".hidden.pdf", false),
            ("*.pdf", "a.pdfx", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "x", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn finds_files_in_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("kb/returns")).expect("made");
        for name in ["kb/returns/b.pdf", "kb/returns/a.pdf", "kb/returns/c.md", "kb/faq.md"] {
            std::fs::write(folder.path().join(name), "x").expect("written");
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = find(folder.path(), Path::new(pattern));
            let below = |path: PathBuf| path.strip_prefix(folder.path()).expect("inside").display().to_string();
            found.into_iter().map(below).collect()
        };
        assert_eq!(names("kb/returns/*.pdf"), ["kb/returns/a.pdf", "kb/returns/b.pdf"]);
        assert_eq!(names("kb/*/*.md"), ["kb/returns/c.md"]);
        assert_eq!(names("kb/../kb/faq.md").len(), 1);
        assert!(names("kb").is_empty() && names("nothing/*.md").is_empty());
    }
}
