//! A language model that needs a known time and knows its answers: what it adds to the gap is measured, not how clever it is.
//!
//! It speaks the streaming half of OpenAI's chat completions over HTTP/1.1, a connection for each request.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::calling::Error;
use crate::clock;

/// A token is so long, in characters.
const TOKEN: usize = 4;
/// The longest request that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// What is answered to a caller who says certain words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// In lower case.
    words: String,
    /// As a model writes it.
    answer: String,
}

/// How fast it writes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub first_token: Duration,
    /// From each token to the next.
    pub between: Duration,
}

/// The server; dropping it ends it.
pub struct ModelServer {
    pub address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl ModelServer {
    /// Answers from the file `answers` on a port of loopback at this `pace`.
    #[expect(clippy::disallowed_methods, reason = "the task is owned by the handle in the server")]
    pub async fn start(answers: &Path, pace: Pace) -> Result<Self, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::Model(format!("{}: {e}", answers.display()));
        let text = std::fs::read_to_string(answers).map_err(|e| wrong(&e))?;
        let known: Vec<Known> = serde_saphyr::from_str(&text).map_err(|e| wrong(&e))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| wrong(&e))?;
        let address = listener.local_addr().map_err(|e| wrong(&e))?;
        let known = Arc::new(known);
        let serving = async move {
            let mut answering = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                answering.spawn(async move {
                    // A caller who went on has dropped the connection.
                    answer(stream, &known, pace).await.ok();
                });
                while answering.try_join_next().is_some() {}
            }
        };
        Ok(Self {
            address,
            _serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        })
    }
}

async fn answer(stream: TcpStream, known: &[Known], pace: Pace) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let line = line.trim().to_lowercase();
        if let Some(given) = line.strip_prefix("content-length:") {
            length = given.trim().parse::<usize>().unwrap_or(0).min(LONGEST);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let asked = body["messages"].as_array().and_then(|messages| messages.last());
    let asked = asked.and_then(|message| message["content"].as_str()).unwrap_or("");
    let text = text_for(known, asked);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let begins = clock::now() + pace.first_token;
    let letters: Vec<char> = text.chars().collect();
    for (n, token) in (0..).zip(letters.chunks(TOKEN)) {
        // By the clock, so that a machine that wakes late does not slow the model down.
        tokio::time::sleep_until((begins + pace.between * n).into()).await;
        let token: String = token.iter().collect();
        let event = serde_json::json!({"choices": [{"index": 0, "delta": {"content": token}}]});
        stream.write_all(format!("data: {event}\n\n").as_bytes()).await?;
        stream.flush().await?;
    }
    stream.write_all(b"data: [DONE]\n\n").await?;
    stream.shutdown().await
}

/// The answer whose words come last in what was asked: the prompt ends with what the caller said.
fn text_for<'a>(known: &'a [Known], asked: &str) -> &'a str {
    let asked = asked.to_lowercase();
    let found = known
        .iter()
        .filter_map(|one| asked.rfind(&one.words).map(|at| (at, one)))
        .max_by_key(|(at, _)| *at);
    found.map_or(
        "{\"commands\": [{\"do\": \"out_of_scope\"}], \"say\": \"\"}",
        |(_, one)| &one.answer,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_were_said_last_are_answered() {
        let one = |words: &str| Known {
            words: words.into(),
            answer: words.into(),
        };
        let known = [one("order"), one("opening hours")];
        assert_eq!(
            text_for(&known, "passages: order. Said: What are your opening hours?"),
            "opening hours"
        );
        assert!(text_for(&known, "the sky is blue").contains("out_of_scope"));
    }
}
