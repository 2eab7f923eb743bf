//! Rings a SIP URI as a scripted caller and measures on the wire.
//!
//! A gap is the time from the last audible packet that was sent to the first audible one that came: the caller's own jitter
//! buffer is not in it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::callee::{Callee, address_towards};
use super::caller::{AUDIBLE, Caller, Event as Acted};
use super::cutting::Cutting;
use super::ear::Ear;
use super::media::{Media, until};
use super::script::Script;
use super::voices::prepare;
use super::words::recall;
use crate::audio::{FRAME_DURATION, wav};
use crate::clock;
use crate::language::Language;
use crate::sdp::{self, Capabilities, Codec};
use crate::sip::{self, Action, CallId, Event, Listen, Transport, UserAgent};
use crate::speech::{Care, Digits, Engines, Listening, Priority};

/// The share of expected words that must be heard: a transcript of a transcript is never perfect.
const ENOUGH: f64 = 0.7;
/// To be answered, or refused.
const ANSWER: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error("{0}")]
    Sip(#[from] sip::StartError),
    #[error("cannot open a port for sound: {0}")]
    Port(std::io::Error),
    #[error("{uri} refused the call: {code} {reason}")]
    Refused { uri: String, code: u16, reason: String },
    #[error("nobody answered at {0} within 15 s; is the bot running there?")]
    NoAnswer(String),
    #[error("the answer of {uri} cannot be used: {reason}")]
    Answer { uri: String, reason: String },
    #[error("a line of the script cannot be spoken: {0}")]
    Voice(String),
    #[error("{0}")]
    Sound(#[from] wav::WavError),
    #[error("{0}")]
    Script(String),
}

/// One thing said, by either side.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    pub speaker: &'static str,
    pub text: String,
    /// Milliseconds since the call was answered.
    pub at_ms: f64,
    /// For the bot: silence before it, milliseconds, on the wire. Absent where it spoke first or over the caller.
    pub gap_ms: Option<f64>,
}

/// How the call went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// INVITE to 200, milliseconds.
    pub answered_after_ms: f64,
    pub codec: String,
    /// The suite of SRTP; none: sound is not encrypted.
    pub encryption: Option<String>,
    /// ACK to the first audible packet, milliseconds.
    pub first_sound_ms: Option<f64>,
    pub said: Vec<Said>,
    /// From the onset of each line that cut in to the bot's last sound, milliseconds.
    pub silenced_ms: Vec<f64>,
    /// Keys that the other end pressed.
    pub keys: String,
    pub ending: String,
    /// What was expected and not heard. Empty: the call went as the script says.
    pub failures: Vec<String>,
    pub packets_received: u64,
    pub packets_lost: u64,
    /// Mean opinion score of what was heard (ITU-T G.107), and the round trip that the other end's reports tell, milliseconds.
    pub mos: Option<f64>,
    pub round_trip_ms: Option<f64>,
}

impl Report {
    /// Gaps of all answers, milliseconds.
    pub fn gaps(&self) -> Vec<f64> {
        self.said.iter().filter_map(|said| said.gap_ms).collect()
    }
}

/// What happens, as it happens.
#[derive(Clone, Debug)]
pub enum Live {
    Answered { after: Duration },
    Said(Said),
    Failed(String),
    Ended(String),
}

/// Rings `callee` as `script`; `watch` is told what happens while it does.
pub async fn ring(
    engines: &Arc<Engines>,
    script: &Script,
    callee: &Callee,
    mut watch: impl FnMut(&Live),
) -> Result<Report, RingError> {
    let language = script.language().map_err(|e| RingError::Script(e.to_string()))?;
    let steps = prepare(Some(engines), script, language).await?;
    let uri = callee.uri.as_str();
    let any = SocketAddr::new(address_towards(uri).await, 0);
    let listen = vec![
        Listen {
            transport: Transport::Udp,
            address: any,
        },
        Listen {
            transport: Transport::Tcp,
            address: any,
        },
    ];
    let (agent, mut events) = UserAgent::start(sip::Config {
        listen,
        tls: callee.tls.clone(),
        user_agent: "offhook-ring".into(),
        ..sip::Config::default()
    })
    .await?;
    let socket = UdpSocket::bind(any).await.map_err(RingError::Port)?;
    let address = socket.local_addr().map_err(RingError::Port)?;
    let quality = script.audio.quality().map_err(RingError::Script)?;
    let codec = callee.codec.or(quality.codec);
    let capabilities = Capabilities {
        codecs: codec.map_or_else(|| Codec::TELEPHONE.to_vec(), |codec| vec![codec]),
        encryption: callee.encryption,
        ..Capabilities::default()
    };
    let local = sdp::Local::new(address, 1, sdp::Secret::drawn(rand::random));
    let call = agent.next_call();
    let dialled = clock::now();
    let target = match callee.transport {
        Transport::Udp => uri.to_owned(),
        stream => format!("{uri};transport={stream}"),
    };
    let offer = sdp::offer(&local, &capabilities).into_bytes();
    agent
        .act(Action::Dial {
            call,
            to: target,
            from: Some(script.from.clone()),
            trunk: None,
            offer,
        })
        .ok();
    let connected = tokio::time::timeout(ANSWER, await_answer(uri, &mut events)).await;
    let body = connected.unwrap_or_else(|_| Err(RingError::NoAnswer(uri.to_owned())));
    let body = match body {
        Ok(body) => body,
        Err(e) => {
            agent.act(Action::Hangup { call, cause: None }).ok();
            agent.close().await;
            return Err(e);
        }
    };
    let answered = clock::now();
    let wrong = |reason: String| RingError::Answer {
        uri: uri.to_owned(),
        reason,
    };
    let media = match sdp::accept(&body, &local, &capabilities) {
        Ok(media) => media,
        Err(e) => {
            agent.act(Action::Hangup { call, cause: None }).ok();
            agent.close().await;
            return Err(wrong(e.to_string()));
        }
    };
    let peer = media.peer();
    let (heard, hears) = mpsc::channel(TRANSCRIPTS);
    let mut line = OnTheLine {
        agent: &agent,
        call,
        engines,
        language,
        media: Media::new(answered, socket, peer, quality, answered_seed(dialled)),
        caller: Caller::new(answered, steps),
        ear: Ear::new(&peer),
        answered,
        said_until: None,
        cutting: Cutting::default(),
        listens: !script.deaf,
        first_sound: None,
        heard,
        held: Vec::new(),
        hearing: Vec::new(),
        pending: 0,
        report: Report {
            answered_after_ms: ms(answered - dialled),
            codec: peer.codec.to_string(),
            encryption: peer.keys.map(|keys| keys.ours.suite().to_string()),
            ..Report::default()
        },
    };
    watch(&Live::Answered {
        after: answered - dialled,
    });
    line.talk(&mut events, hears, &mut watch).await;
    let report = line.report;
    agent.close().await;
    Ok(report)
}

/// After the call: for the transcript of one turn.
const TRANSCRIPT: Duration = Duration::from_secs(30);
/// Turns of the bot that wait for their transcript, at most; a call has fewer.
const TRANSCRIPTS: usize = 256;

/// What a turn of the bot came with.
struct Segment {
    at: f64,
    gap: Option<f64>,
    expected: Option<String>,
    text: Result<String, String>,
}

struct OnTheLine<'a> {
    agent: &'a UserAgent,
    call: CallId,
    engines: &'a Arc<Engines>,
    language: Language,
    media: Media,
    caller: Caller,
    ear: Ear,
    answered: Instant,
    /// The caller's last audible packet, until the bot answers.
    said_until: Option<Instant>,
    cutting: Cutting,
    /// What the bot says is transcribed.
    listens: bool,
    /// The first audible packet of the bot's turn under way, and the gap before it.
    first_sound: Option<(Instant, Option<Duration>)>,
    heard: mpsc::Sender<Segment>,
    /// What the caller has said since the bot's turn that is still being transcribed: shown after it.
    held: Vec<Said>,
    hearing: Vec<crate::speech::Hearing>,
    pending: usize,
    report: Report,
}

impl OnTheLine<'_> {
    async fn talk(
        &mut self,
        events: &mut mpsc::Receiver<Event>,
        mut hears: mpsc::Receiver<Segment>,
        watch: &mut impl FnMut(&Live),
    ) {
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut datagram = [0_u8; 2048];
        let mut over = false;
        while !over || self.pending > 0 {
            tokio::select! {
                event = events.recv(), if !over => if let Some(ending) = ended(event) {
                    over = true;
                    self.report.ending = ending.clone();
                    self.caller.end();
                    self.follow(watch);
                    watch(&Live::Ended(ending));
                },
                Some(segment) = hears.recv() => self.transcribed(segment, watch),
                () = tokio::time::sleep(TRANSCRIPT), if over => {
                    self.pending = 0;
                    self.failed("a turn of the bot could not be transcribed in time".into(), watch);
                }
                _ = tick.tick(), if !over => self.tick(watch),
                Ok((length, from)) = self.media.socket.recv_from(&mut datagram), if !over => {
                    self.received(from, &datagram[..length]);
                }
                () = until(self.media.next()), if !over => self.media.let_go(clock::now()),
            }
        }
        let stats = self.media.stats();
        (self.report.packets_received, self.report.packets_lost) = (stats.received, stats.lost);
        (self.report.mos, self.report.round_trip_ms) = (stats.mos(), stats.round_trip.map(ms));
        self.report.said.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    }

    fn received(&mut self, from: SocketAddr, datagram: &[u8]) {
        let now = clock::now();
        if !self.media.receive(now, from, datagram) {
            return;
        }
        let audible = self.ear.hears(datagram);
        if audible {
            self.cutting.heard(now);
        }
        if self.first_sound.is_none() && audible {
            let gap = self.said_until.take().map(|until| now.saturating_duration_since(until));
            self.first_sound = Some((now, gap));
            let since = ms(now.saturating_duration_since(self.answered));
            self.report.first_sound_ms.get_or_insert(since);
        }
    }

    fn tick(&mut self, watch: &mut impl FnMut(&Live)) {
        let now = clock::now();
        let incoming = self.media.tick(now);
        self.report.keys.extend(incoming.keys.iter().map(|key| key.symbol()));
        let frame = self.caller.tick(now, &incoming.frame);
        let silenced = self.cutting.tick(now, self.caller.cuts_in(), frame.level() > AUDIBLE);
        self.report.silenced_ms.extend(silenced.map(ms));
        self.media.send(now, frame, &incoming.frame);
        self.follow(watch);
    }

    fn follow(&mut self, watch: &mut impl FnMut(&Live)) {
        while let Some(event) = self.caller.poll() {
            match event {
                Acted::Said { text, ended } => {
                    self.said_until = Some(ended);
                    self.first_sound = None;
                    let said = Said {
                        speaker: "caller",
                        text,
                        at_ms: ms(ended - self.answered),
                        gap_ms: None,
                    };
                    self.tell(said, watch);
                }
                Acted::Press(key) => {
                    self.media.press(key);
                    self.said_until = None;
                    self.first_sound = None;
                    let at = ms(clock::now() - self.answered);
                    let said = Said {
                        speaker: "caller",
                        text: format!("[key {key}]"),
                        at_ms: at,
                        gap_ms: None,
                    };
                    self.tell(said, watch);
                }
                Acted::Heard { sound, began, expected } => self.transcribe(sound, began, expected),
                Acted::Recorded { sound, began } => self.transcribe(sound, began, None),
                Acted::GaveUp(reason) => self.failed(reason, watch),
                Acted::HangUp => {
                    self.agent
                        .act(Action::Hangup {
                            call: self.call,
                            cause: None,
                        })
                        .ok();
                }
            }
        }
    }

    /// Shows what the caller said, in its order.
    fn tell(&mut self, said: Said, watch: &mut impl FnMut(&Live)) {
        if self.pending == 0 {
            watch(&Live::Said(said.clone()));
        } else {
            self.held.push(said.clone());
        }
        self.report.said.push(said);
    }

    fn transcribe(&mut self, sound: Vec<i16>, began: Instant, expected: Option<String>) {
        let (began, gap) = self.first_sound.take().unwrap_or((began, None));
        let at = ms(began.saturating_duration_since(self.answered));
        let (gap, heard) = (gap.map(ms), self.heard.clone());
        if !self.listens {
            return self.report.said.push(Said {
                speaker: "bot",
                text: String::new(),
                at_ms: at,
                gap_ms: gap,
            });
        }
        let listening = Listening {
            language: self.language,
            or: Vec::new(),
            digits: Digits::No,
            care: Care::AsNeeded,
            names: "".into(),
        };
        let hearing = self.engines.hear(0, Priority::Turn, sound, listening, move |result| {
            let text = result.map(|transcript| transcript.text).map_err(|e| e.to_string());
            heard
                .try_send(Segment {
                    at,
                    gap,
                    expected,
                    text,
                })
                .ok();
        });
        match hearing {
            Ok(hearing) => {
                self.pending += 1;
                self.hearing.push(hearing);
            }
            Err(full) => self
                .report
                .failures
                .push(format!("what the bot said could not be transcribed: {full}")),
        }
    }

    fn transcribed(&mut self, segment: Segment, watch: &mut impl FnMut(&Live)) {
        self.pending -= 1;
        let text = match segment.text {
            Ok(text) => text,
            Err(e) => return self.failed(format!("what the bot said could not be transcribed: {e}"), watch),
        };
        let said = Said {
            speaker: "bot",
            text: text.clone(),
            at_ms: segment.at,
            gap_ms: segment.gap,
        };
        watch(&Live::Said(said.clone()));
        self.report.said.push(said);
        if self.pending == 0 {
            self.held.drain(..).for_each(|said| watch(&Live::Said(said)));
        }
        if let Some(expected) = segment.expected
            && recall(&expected, &text, self.language) < ENOUGH
        {
            self.failed(format!("expected `{expected}`, heard `{text}`"), watch);
        }
    }

    fn failed(&mut self, reason: String, watch: &mut impl FnMut(&Live)) {
        watch(&Live::Failed(reason.clone()));
        self.report.failures.push(reason);
    }
}

async fn await_answer(uri: &str, events: &mut mpsc::Receiver<Event>) -> Result<Vec<u8>, RingError> {
    while let Some(event) = events.recv().await {
        match event {
            Event::Answered { body, .. } => {
                let reason = "it has no session description".to_owned();
                return body.ok_or(RingError::Answer {
                    uri: uri.to_owned(),
                    reason,
                });
            }
            Event::Refused { code, reason, .. } => {
                return Err(RingError::Refused {
                    uri: uri.to_owned(),
                    code,
                    reason,
                });
            }
            Event::Ended { .. } => break,
            Event::Invited { .. }
            | Event::Acknowledged { .. }
            | Event::Changed { .. }
            | Event::Refreshed { .. }
            | Event::Referred { .. }
            | Event::Joined { .. }
            | Event::NotJoined { .. }
            | Event::Progressed { .. }
            | Event::Transferred { .. }
            | Event::Key { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::TrunkDown { .. }
            | Event::TrunkUp { .. } => {}
        }
    }
    Err(RingError::NoAnswer(uri.to_owned()))
}

/// How the call ended, if it did.
fn ended(event: Option<Event>) -> Option<String> {
    match event {
        None => Some("the user agent stopped".into()),
        Some(Event::Ended { cause, .. }) => Some(match cause {
            sip::Ended::ByPeer => "the bot hung up".into(),
            sip::Ended::ByUs | sip::Ended::Cancelled => "the caller hung up".into(),
            sip::Ended::AckTimeout => "no ACK".into(),
            sip::Ended::Failed(reason) => reason,
        }),
        Some(_) => None,
    }
}

fn answered_seed(dialled: Instant) -> u64 {
    clock::now().saturating_duration_since(dialled).as_nanos() as u64
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
