//! Somebody who is rung at a telephone: a user agent of SIP and its sound, who behave as a script says.
//!
//! They know no bot: what they are told on the wire is all they go by. When they vanish nobody is told, as in life.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::diary::{Diary, Entry};
use super::script::{Cause, Conduct, Stage};
use super::sound::{Heard, Sound, Voice, Who};
use crate::audio::FRAME_DURATION;
use crate::clock;
use crate::sip::{self, Action, CallId, Ended, Event, Listen, Transport, UserAgent};

/// Packets of the caller after which they are heard: no word of the brief is so even.
pub const BRIDGED: u32 = 5;
/// The key that says no.
const DECLINE: char = '2';
/// For the port of who has vanished to be free.
const FREE: Duration = Duration::from_secs(2);

/// Who it is, and how they behave.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub who: Who,
    pub conduct: Conduct,
    pub pace: Pace,
}

/// How soon they do what they do.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the ring to the answer, or to what goes wrong while it rings.
    pub ring: Duration,
    /// From the answer to what goes wrong in the brief.
    pub brief: Duration,
    /// From the first sound of the caller to what comes then.
    pub talk: Duration,
}

/// Plays `part` at `address` until it is `over`.
pub async fn play(part: Part, address: SocketAddr, diary: Arc<Diary>, over: CancellationToken) {
    if part.conduct == Conduct::Absent {
        return;
    }
    let started = start(address).await;
    let (agent, events) = match started {
        Ok(started) => started,
        Err(e) => return diary.note(Entry::Odd(format!("no telephone at {address}: {e}"))),
    };
    let mut phone = Phone {
        part,
        agent,
        events,
        call: None,
        diary,
    };
    let gone = tokio::select! {
        cause = phone.live() => cause,
        () = over.cancelled() => return phone.agent.close().await,
    };
    match gone {
        Cause::Killed => drop(phone),
        Cause::Network => {
            // Its sockets stay open, and nobody reads what comes.
            let Phone { agent, call, diary, .. } = phone;
            drop(agent);
            let deaf = hold(address).await;
            if deaf.is_none() {
                diary.note(Entry::Odd(format!("{address} was not free again")));
            }
            over.cancelled().await;
            drop((deaf, call));
        }
    }
}

async fn start(address: SocketAddr) -> Result<(UserAgent, mpsc::Receiver<Event>), sip::StartError> {
    let listen = Listen {
        transport: Transport::Udp,
        address,
    };
    UserAgent::start(sip::Config {
        listen: vec![listen],
        addresses: vec![address.ip().into()],
        user_agent: "offhook-bench".into(),
        ..sip::Config::default()
    })
    .await
}

/// The port of a user agent that has ended a moment ago.
async fn hold(address: SocketAddr) -> Option<UdpSocket> {
    let until = clock::now() + FREE;
    loop {
        match UdpSocket::bind(address).await {
            Ok(socket) => return Some(socket),
            Err(_) if clock::now() < until => tokio::time::sleep(Duration::from_millis(2)).await,
            Err(_) => return None,
        }
    }
}

struct Phone {
    part: Part,
    agent: UserAgent,
    events: mpsc::Receiver<Event>,
    call: Option<Ringing>,
    diary: Arc<Diary>,
}

/// A call to them.
struct Ringing {
    id: CallId,
    offer: Vec<u8>,
    stage: Stage,
    /// When they do the next thing.
    due: Option<Instant>,
    sound: Option<Sound>,
    /// Packets of the caller, one after the other.
    heard: u32,
}

impl Phone {
    /// Until they vanish.
    async fn live(&mut self) -> Cause {
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let sound = self.call.as_mut().and_then(|call| call.sound.as_mut());
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => self.told(event).await,
                    None => std::future::pending().await,
                },
                (_, heard) = hear(sound) => self.hear(heard),
                _ = tick.tick() => if let Some(cause) = self.tick().await {
                    self.diary.note(Entry::Failed);
                    return cause;
                },
            }
        }
    }

    async fn told(&mut self, event: Event) {
        let now = clock::now();
        match event {
            Event::Invited { call, offer, .. } => self.rung(now, call, offer),
            Event::Acknowledged { call, .. } => {
                let Part { who, conduct, pace } = self.part;
                let Some(own) = self.call.as_mut().filter(|own| own.id == call) else {
                    return;
                };
                own.stage = Stage::Brief;
                self.diary.note(Entry::Answered(who));
                match conduct {
                    Conduct::Declines | Conduct::HangsUp | Conduct::Vanishes(Stage::Brief, _) => {
                        own.due = Some(now + pace.brief);
                    }
                    Conduct::Mute => self.diary.note(Entry::Failed),
                    Conduct::Takes
                    | Conduct::Absent
                    | Conduct::Refuses(_)
                    | Conduct::RingsAndRefuses(_)
                    | Conduct::NeverAnswers
                    | Conduct::Vanishes(..) => {}
                }
            }
            Event::Changed { call, offer } => {
                let sound = self.call.as_mut().and_then(|own| own.sound.as_mut());
                let answer = sound.zip(offer).map(|(sound, offer)| sound.answer(&offer));
                self.act(match answer {
                    Some(Ok(body)) => Action::Answer { call, body },
                    Some(Err(_)) | None => Action::RefuseChange { call, code: 488 },
                });
            }
            Event::Ended { call, cause } if self.call.as_ref().is_some_and(|own| own.id == call) => {
                self.call = None;
                if cause != Ended::ByUs {
                    self.diary.note(Entry::LetGo(self.part.who));
                }
            }
            _ => {}
        }
    }

    fn rung(&mut self, now: Instant, id: CallId, offer: Option<Vec<u8>>) {
        let Part { who, conduct, pace } = self.part;
        let refuse = |code| Action::Refuse {
            call: id,
            code,
            reason: String::new(),
            retry_after: None,
        };
        let (None, Some(offer)) = (&self.call, offer) else {
            self.diary.note(Entry::Odd(format!(
                "{} is rung in a call, or without an offer",
                who.name()
            )));
            return self.act(refuse(486));
        };
        self.diary.note(Entry::Rung(who));
        if let Conduct::Refuses(code) = conduct {
            self.diary.note(Entry::Failed);
            return self.act(refuse(code));
        }
        self.act(Action::Ring { call: id });
        if conduct == Conduct::NeverAnswers {
            self.diary.note(Entry::Failed);
        }
        let due = (conduct != Conduct::NeverAnswers).then(|| now + pace.ring);
        self.call = Some(Ringing {
            id,
            offer,
            stage: Stage::Ringing,
            due,
            sound: None,
            heard: 0,
        });
    }

    fn hear(&mut self, heard: Heard) {
        let Part { who, conduct, pace } = self.part;
        let Some(call) = &mut self.call else { return };
        call.heard = match heard {
            Heard::Tone(Who::Caller) => call.heard + 1,
            Heard::Tone(_) | Heard::Other | Heard::Silence => 0,
        };
        if call.stage == Stage::Brief && call.heard >= BRIDGED && conduct != Conduct::Mute {
            call.stage = Stage::Bridged;
            call.due = Some(clock::now() + pace.talk);
            self.diary.note(Entry::Bridged(who));
        }
    }

    /// 20 ms; how they vanish, if they do.
    async fn tick(&mut self) -> Option<Cause> {
        let now = clock::now();
        let conduct = self.part.conduct;
        let call = self.call.as_mut()?;
        if conduct != Conduct::Mute
            && let (Stage::Brief | Stage::Bridged, Some(sound)) = (call.stage, &mut call.sound)
        {
            sound.send(now, Voice::Tone);
        }
        call.due.take_if(|due| *due <= now)?;
        match (call.stage, conduct) {
            (stage, Conduct::Vanishes(at, cause)) if stage == at => return Some(cause),
            (Stage::Ringing, Conduct::RingsAndRefuses(code)) => {
                let call = call.id;
                self.diary.note(Entry::Failed);
                self.act(Action::Refuse {
                    call,
                    code,
                    reason: String::new(),
                    retry_after: None,
                });
            }
            (Stage::Ringing, _) => self.accept().await,
            (Stage::Brief, Conduct::Declines) => {
                let pressed = call.sound.as_mut().map(|sound| sound.press(DECLINE));
                self.diary.note(Entry::Failed);
                if let Some(Err(e)) = pressed {
                    self.diary.note(Entry::Odd(format!("the key is not pressed: {e}")));
                }
            }
            (Stage::Brief, _) => {
                let call = call.id;
                self.diary.note(Entry::Failed);
                self.act(Action::Hangup { call, cause: None });
            }
            (Stage::Bridged, _) => {
                let call = call.id;
                self.diary.note(Entry::Finished(self.part.who));
                self.act(Action::Hangup { call, cause: None });
            }
            (Stage::Waiting, _) => {}
        }
        None
    }

    async fn accept(&mut self) {
        let Some(call) = &mut self.call else { return };
        let opened = Sound::open(self.part.who).await.map_err(|e| e.to_string());
        let answered = opened.and_then(|mut sound| {
            let body = sound.answer(&call.offer)?;
            Ok((sound, body))
        });
        match answered {
            Ok((sound, body)) => {
                call.sound = Some(sound);
                let call = call.id;
                self.act(Action::Accept { call, body });
            }
            Err(e) => self.diary.note(Entry::Odd(format!("no sound: {e}"))),
        }
    }

    fn act(&self, action: Action) {
        if let Err(e) = self.agent.act(action) {
            self.diary.note(Entry::Odd(e.to_string()));
        }
    }
}

/// The next packet; for ever none where there is no sound.
async fn hear(sound: Option<&mut Sound>) -> (Instant, Heard) {
    match sound {
        Some(sound) => sound.hear().await,
        None => std::future::pending().await,
    }
}
