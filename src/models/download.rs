//! A file from its canonical address, over HTTP.
//!
//! What has come is kept when a download breaks off, and the next one asks only for the rest. It does not judge the contents.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url, header};

use super::progress::Progress;
use super::pull::Failure;

/// Names, sockets and handshake together: a machine without an open network is to go on to the next source soon.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Between two pieces of a body.
const SILENT_FOR: Duration = Duration::from_secs(30);

/// Hosts that did not answer are not asked again in the same pull.
#[derive(Default)]
pub struct Downloads {
    unreachable: HashSet<String>,
}

impl Downloads {
    /// Into `to`, which is continued if it is there. `bytes` is how long the file must be.
    pub fn fetch(&mut self, url: &str, to: &Path, bytes: u64, progress: &dyn Progress) -> Result<(), Failure> {
        let url = Url::parse(url).map_err(|error| Failure::Source(error.to_string()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if self.unreachable.contains(&host) {
            return Err(Failure::Source(format!("{host} was not reached before")));
        }
        let have = fs::metadata(to).map_or(0, |metadata| metadata.len());
        if have == bytes {
            return Ok(());
        }
        if have > bytes {
            fs::remove_file(to)?;
        }
        let ended = run(fetch(url, to, bytes, progress));
        if matches!(ended, Err(Stop::Unreachable(_))) {
            self.unreachable.insert(host);
        }
        ended.map_err(|stop| match stop {
            Stop::Unreachable(reason) => Failure::Source(reason),
            Stop::Failed(failure) => failure,
        })
    }
}

enum Stop {
    Unreachable(String),
    Failed(Failure),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::Failed(Failure::from(error))
    }
}

/// On a thread of its own, so that a caller who is himself on a runtime may pull.
fn run(fetch: impl Future<Output = Result<(), Stop>> + Send) -> Result<(), Stop> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let ended = runtime.block_on(fetch);
            // A look-up of a name that hangs is not waited for.
            runtime.shutdown_background();
            ended
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn fetch(url: Url, to: &Path, bytes: u64, progress: &dyn Progress) -> Result<(), Stop> {
    let client = Client::builder()
        .user_agent(concat!("offhook/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_WITHIN)
        .read_timeout(SILENT_FOR)
        .build()
        .map_err(|error| Stop::Unreachable(causes(&error)))?;
    let have = fs::metadata(to).map_or(0, |metadata| metadata.len());
    let mut request = client.get(url);
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let mut response = request
        .send()
        .await
        .map_err(|error| match error.is_connect() || error.is_timeout() {
            true => Stop::Unreachable(causes(&error)),
            false => failed(causes(&error)),
        })?;
    let (mut file, mut done) = match response.status() {
        StatusCode::PARTIAL_CONTENT => (OpenOptions::new().append(true).open(to)?, have),
        StatusCode::OK => (File::create(to)?, 0),
        status => return Err(failed(format!("the server answers {status}"))),
    };
    if let Some(rest) = response
        .content_length()
        .filter(|rest| done.checked_add(*rest) != Some(bytes))
    {
        return Err(failed(format!(
            "the server offers {rest} bytes after {done}, and {bytes} are expected"
        )));
    }
    progress.begin(&to.file_stem().unwrap_or_default().to_string_lossy(), Some(bytes));
    let ended = async {
        while let Some(piece) = response.chunk().await.map_err(|error| failed(causes(&error)))? {
            done = done.saturating_add(piece.len() as u64);
            if done > bytes {
                return Err(failed(format!("the server sends more than {bytes} bytes")));
            }
            file.write_all(&piece)?;
            progress.at(done);
        }
        match done == bytes {
            true => Ok(()),
            false => Err(failed(format!("the server stopped after {done} of {bytes} bytes"))),
        }
    }
    .await;
    progress.end();
    ended
}

fn failed(reason: String) -> Stop {
    Stop::Failed(Failure::Source(reason))
}

/// The innermost cause says what happened; the outer ones repeat the address.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;
    use crate::models::progress::Silent;

    /// Answers one request after another with `answers`, and returns the `Range` each asked for.
    fn serve(answers: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<Vec<Option<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let answer = |answer: Vec<u8>| {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                stream.write_all(&answer).unwrap();
                head.iter()
                    .find_map(|line| Some(line.to_lowercase().strip_prefix("range: ")?.to_owned()))
            };
            answers.into_iter().map(answer).collect()
        });
        (url, server)
    }

    fn reason(result: Result<(), Failure>) -> String {
        match result {
            Ok(()) => "had".to_owned(),
            Err(Failure::Source(reason)) => reason,
            Err(Failure::DiskFull) => "disk full".to_owned(),
        }
    }

    #[test]
    fn a_download_that_broke_off_is_continued() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("file.download");
        let (url, server) = serve(vec![
            b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nabcd".to_vec(),
            b"HTTP/1.1 206 Partial Content\r\ncontent-length: 4\r\nconnection: close\r\n\r\nefgh".to_vec(),
        ]);
        let mut downloads = Downloads::default();
        assert_ne!(reason(downloads.fetch(&url, &to, 8, &Silent)), "had");
        assert_eq!(fs::read(&to).unwrap(), b"abcd");
        assert_eq!(reason(downloads.fetch(&url, &to, 8, &Silent)), "had");
        assert_eq!(fs::read(&to).unwrap(), b"abcdefgh");
        assert_eq!(server.join().unwrap(), [None, Some("bytes=4-".to_owned())]);
        // Whole already: nobody is asked.
        assert_eq!(reason(downloads.fetch(&url, &to, 8, &Silent)), "had");
    }

    #[test]
    fn a_server_that_cannot_continue_is_read_from_the_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("file.download");
        fs::write(&to, b"xx").unwrap();
        let (url, server) = serve(vec![
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nabcd".to_vec(),
        ]);
        assert_eq!(reason(Downloads::default().fetch(&url, &to, 4, &Silent)), "had");
        assert_eq!(fs::read(&to).unwrap(), b"abcd");
        server.join().unwrap();
    }

    #[test]
    fn a_server_with_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("file.download");
        let cases = [
            (
                "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n",
                "the server answers 404 Not Found",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nLogin",
                "the server offers 5 bytes after 0, and 4 are expected",
            ),
            (
                "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nLogin",
                "the server sends more than 4 bytes",
            ),
            (
                "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nLog",
                "the server stopped after 3 of 4 bytes",
            ),
        ];
        for (answer, expected) in cases {
            let _ = fs::remove_file(&to);
            let (url, server) = serve(vec![answer.as_bytes().to_vec()]);
            assert_eq!(reason(Downloads::default().fetch(&url, &to, 4, &Silent)), expected);
            server.join().unwrap();
        }
    }

    #[test]
    fn a_host_that_is_not_reached_is_asked_once() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("file.download");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        drop(listener);
        let mut downloads = Downloads::default();
        let first = reason(downloads.fetch(&url, &to, 4, &Silent));
        assert!(first.contains("refused"), "{first}");
        assert_eq!(
            reason(downloads.fetch(&url, &to, 4, &Silent)),
            "127.0.0.1 was not reached before"
        );
    }
}
