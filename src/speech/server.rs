//! Recognisers and voices on other machines, behind the traits of the local ones: servers of OpenAI's transcription and speech interfaces.
//!
//! A question blocks the scheduler's thread that asks, so where servers are configured there may be more threads than cores. A server
//! that fails is left alone for a while; whoever asks goes on to the next engine meanwhile.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::runtime::Handle;

use super::gate::{self, Evidence};
use super::{Cancel, Error, Listening, Stt, Transcript, Tts, finish};
use crate::audio::wav;
use crate::clock;
use crate::language::Language;

/// A server that failed is not asked for so long.
const REST: Duration = Duration::from_secs(20);
/// Whoever asked may have gone on: looked at so often.
const WATCH: Duration = Duration::from_millis(10);
/// Samples a second of raw sound that speech servers give.
const GIVEN: u32 = 24_000;
/// The longest answer that is read: three minutes of sound.
const LONGEST: usize = 2 * 180 * GIVEN as usize;

/// Where a server is, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Up to and without `/audio`: `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// As the server names it.
    pub model: String,
    pub api_key: Option<String>,
    pub timeout: Duration,
}

/// What both kinds have in common.
struct Client {
    server: Server,
    http: reqwest::Client,
    runtime: Handle,
    /// Not asked before.
    rests: Mutex<Option<Instant>>,
}

/// A recogniser.
pub struct Ear(Client);

/// A voice of one language.
pub struct Mouth {
    client: Client,
    voice: String,
    name: String,
}

impl Client {
    fn new(server: Server) -> Result<Self, Error> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::Program("a speech server can only be used by a running bot".to_owned()))?;
        let http = reqwest::Client::builder().timeout(server.timeout).build();
        let http = http.map_err(|e| Error::Program(format!("{}: {e}", server.base_url)))?;
        Ok(Self {
            server,
            http,
            runtime,
            rests: Mutex::default(),
        })
    }

    fn works(&self) -> bool {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.is_none_or(|until| clock::now() >= until)
    }

    /// Posts to `path` and gives the body; `dress` completes the request.
    fn ask(
        &self,
        path: &str,
        cancel: &Cancel,
        dress: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Vec<u8>, Error> {
        let mut request = self
            .http
            .post(format!("{}{path}", self.server.base_url.trim_end_matches('/')));
        if let Some(key) = &self.server.api_key {
            request = request.bearer_auth(key);
        }
        let sent = dress(request);
        let answer = self.runtime.block_on(unless_cancelled(cancel, body(sent)));
        if let Err(Error::Inference(_)) = &answer {
            let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
            *rests = Some(clock::now() + REST);
        }
        answer.map_err(|e| match e {
            Error::Inference(reason) => Error::Inference(format!("{}: {reason}", self.server.base_url)),
            other => other,
        })
    }
}

async fn body(request: reqwest::RequestBuilder) -> Result<Vec<u8>, Error> {
    let mut response = request.send().await.map_err(without_address)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Error::Inference(format!("it answered {status}")));
    }
    let mut whole = Vec::new();
    while let Some(part) = response.chunk().await.map_err(without_address)? {
        whole.extend_from_slice(&part);
        if whole.len() > LONGEST {
            return Err(Error::Inference("its answer is too long".to_owned()));
        }
    }
    Ok(whole)
}

/// The address may hold a key.
fn without_address(e: reqwest::Error) -> Error {
    Error::Inference(e.without_url().to_string())
}

async fn unless_cancelled<T>(cancel: &Cancel, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let watch = async {
        while !cancel.is_set() {
            tokio::time::sleep(WATCH).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = watch => Err(Error::Cancelled),
    }
}

impl Ear {
    pub fn new(server: Server) -> Result<Self, Error> {
        Client::new(server).map(Self)
    }
}

/// What a transcription server answers.
#[derive(Deserialize)]
struct Answer {
    text: String,
    /// In words, where it was asked to tell.
    language: Option<String>,
}

impl Stt for Ear {
    fn transcribe(&self, samples: &[i16], listening: &Listening, cancel: &Cancel) -> Result<Transcript, Error> {
        let began = clock::now();
        let sound = wav::mono(samples).map_err(Error::inference)?;
        let open = !listening.or.is_empty();
        let mut fields = vec![
            ("model", self.0.server.model.as_str()),
            ("response_format", if open { "verbose_json" } else { "json" }),
        ];
        if !open {
            fields.push(("language", listening.language.code()));
        }
        if !listening.names.is_empty() {
            fields.push(("prompt", &listening.names));
        }
        let (kind, form) = form(&fields, &sound);
        let answer = self.0.ask("/audio/transcriptions", cancel, |request| {
            request.header("content-type", kind).body(form)
        })?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(Error::inference)?;
        let evidence = Evidence {
            confidence: 0.0,
            no_speech: 0.0,
        };
        Ok(Transcript {
            text: gate::believe(answer.text.trim(), evidence),
            language: answer
                .language
                .map_or(listening.language, |told| named(&told, listening)),
            confidence: evidence.confidence,
            took: clock::now().saturating_duration_since(began),
            doubtful: false,
        })
    }

    fn works(&self) -> bool {
        self.0.works()
    }
}

/// The language that a server calls `told`, if it is one of those that were asked about.
fn named(told: &str, listening: &Listening) -> Language {
    let known = match told.to_lowercase().as_str() {
        "english" | "en" => Some(Language::English),
        "chinese" | "mandarin" | "zh" => Some(Language::Mandarin),
        _ => None,
    };
    known
        .filter(|language| listening.or.contains(language))
        .unwrap_or(listening.language)
}

/// `fields` and a WAV file as `multipart/form-data` (RFC 7578): its content type, and the body.
fn form(fields: &[(&str, &str)], sound: &[u8]) -> (String, Vec<u8>) {
    let boundary = format!("offhook-{:032x}", rand::random::<u128>());
    let mut body = Vec::with_capacity(sound.len() + 1024);
    for (name, value) in fields {
        let part = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"utterance.wav\"\r\n\
         content-type: audio/wav\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(sound);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

impl Mouth {
    /// The voice that the server calls `voice`.
    pub fn new(server: Server, voice: &str) -> Result<Self, Error> {
        Ok(Self {
            name: format!("{} {} {voice}", server.base_url, server.model),
            voice: voice.to_owned(),
            client: Client::new(server)?,
        })
    }
}

impl Tts for Mouth {
    fn speak(&self, clause: &str, cancel: &Cancel) -> Result<Vec<i16>, Error> {
        let asked = serde_json::json!({
            "model": self.client.server.model,
            "voice": self.voice,
            "input": clause,
            "response_format": "pcm",
        });
        let sound = self
            .client
            .ask("/audio/speech", cancel, |request| request.json(&asked))?;
        let (pairs, rest) = sound.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(Error::inference(format!(
                "{} gave no 16-bit sound of 24 kHz",
                self.client.server.base_url
            )));
        }
        let samples: Vec<f32> = pairs
            .iter()
            .map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32768.0)
            .collect();
        finish::finish(&samples, GIVEN)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn works(&self) -> bool {
        self.client.works()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::audio::tone;
    use crate::speech::{Care, Digits};

    /// A server that answers one request with `body`; what it was sent comes out of the receiver.
    fn server(status: &'static str, body: Vec<u8>) -> (Server, Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (gives, given) = channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let (mut sent, mut part) = (Vec::new(), [0; 65536]);
            loop {
                let length = stream.read(&mut part).expect("read");
                sent.extend_from_slice(&part[..length]);
                let text = String::from_utf8_lossy(&sent).to_lowercase();
                let head = text.split_once("\r\n\r\n");
                let wanted = head.and_then(|(head, _)| head.split_once("content-length: "));
                let wanted = wanted.and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok());
                let begins = sent.windows(4).position(|four| four == b"\r\n\r\n");
                if length == 0
                    || begins
                        .zip(wanted)
                        .is_some_and(|(at, wanted)| sent.len() >= at + 4 + wanted)
                {
                    break;
                }
            }
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).expect("written");
            stream.write_all(&body).expect("written");
            gives.send(sent).ok();
        });
        let server = Server {
            base_url: format!("http://{address}/v1/"),
            model: "large".into(),
            api_key: Some("key".into()),
            timeout: Duration::from_secs(5),
        };
        (server, given)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime")
    }

    fn listening(or: Vec<Language>) -> Listening {
        Listening {
            language: Language::English,
            or,
            digits: Digits::No,
            care: Care::AsNeeded,
            names: "Acme, Berlin".into(),
        }
    }

    fn heard(server: Server, or: Vec<Language>) -> (Result<Transcript, Error>, Arc<Ear>) {
        let runtime = runtime();
        let ear = {
            let _in = runtime.enter();
            Arc::new(Ear::new(server).expect("an ear"))
        };
        let sound = tone::sine(300.0, -20.0, Duration::from_millis(500));
        (ear.transcribe(&sound, &listening(or), &Cancel::default()), ear)
    }

    #[test]
    fn words_come_from_a_transcription_server() {
        let (server, given) = server("200 OK", br#"{"text": " Where is my order? "}"#.to_vec());
        let (transcript, _) = heard(server, Vec::new());
        assert_eq!(transcript.expect("words").text, "Where is my order?");
        let sent = String::from_utf8_lossy(&given.recv().expect("a request")).into_owned();
        for part in [
            "POST /v1/audio/transcriptions",
            "Bearer key",
            "name=\"language\"\r\n\r\nen\r\n",
            "name=\"model\"\r\n\r\nlarge\r\n",
            "name=\"prompt\"\r\n\r\nAcme, Berlin\r\n",
            "RIFF",
        ] {
            assert!(sent.contains(part), "{part}");
        }
    }

    #[test]
    fn the_language_that_was_left_open_is_told() {
        let (server, _given) = server("200 OK", r#"{"text": "我要退货", "language": "chinese"}"#.into());
        let (transcript, _) = heard(server, vec![Language::Mandarin]);
        assert_eq!(transcript.expect("words").language, Language::Mandarin);
    }

    #[test]
    fn a_server_that_fails_is_named_without_its_key_and_left_alone_for_a_while() {
        let (server, _given) = server("500 Internal Server Error", b"oops".to_vec());
        let (transcript, ear) = heard(server, Vec::new());
        let reason = transcript.expect_err("no words").to_string();
        assert!(
            reason.contains("127.0.0.1") && reason.contains("500") && !reason.contains("key"),
            "{reason}"
        );
        assert!(!ear.works());
    }

    #[test]
    fn a_voice_comes_from_a_speech_server_at_the_level_of_the_others() {
        let raw: Vec<u8> = (0..24_000_i32)
            .flat_map(|n| (((f64::from(n) * 0.08).sin() * 2_000.0) as i16).to_le_bytes())
            .collect();
        let (server, given) = server("200 OK", raw);
        let runtime = runtime();
        let mouth = {
            let _in = runtime.enter();
            Mouth::new(server, "alloy").expect("a voice")
        };
        let sound = mouth.speak("Good day.", &Cancel::default()).expect("sound");
        assert!((15_000..=17_000).contains(&sound.len()), "{}", sound.len());
        let level = crate::audio::level_dbfs(&sound);
        assert!((level + 20.0).abs() < 3.0, "{level}");
        let sent = String::from_utf8_lossy(&given.recv().expect("a request")).into_owned();
        assert!(sent.contains("POST /v1/audio/speech") && sent.contains("\"alloy\"") && sent.contains("Good day."));
    }
}
