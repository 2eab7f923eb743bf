//! The caller of a hand-over: rings, listens to every packet, and tells how long there was nothing to be heard.
//!
//! A caller who hears somebody's tone sends their own, so that both ways are known to be open.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::diary::{Diary, Entry};
use super::script::Stage;
use super::sound::{Heard, Sound, Voice, Who};
use crate::audio::FRAME_DURATION;
use crate::clock;
use crate::sip::{self, Action, CallId, Ended, Event, Listen, Transport, UserAgent};

/// To be answered.
const ANSWER: Duration = Duration::from_secs(15);
/// A call that lasts longer leads nowhere.
const LONGEST: Duration = Duration::from_secs(90);
/// A tone that was not heard for so long is over.
const OVER: Duration = Duration::from_millis(200);

/// Whom to ring, as whom.
#[derive(Clone, Debug)]
pub struct Calling {
    pub bot: SocketAddr,
    pub to: String,
    pub from: String,
    /// When they hang up, and so much later.
    pub leaves: Option<(Stage, Duration)>,
}

/// What the caller heard.
#[derive(Clone, Debug, Default)]
pub struct Listened {
    /// The longest time without any sound, and when it began.
    pub silence: Duration,
    pub silent_at: Option<Instant>,
    /// Since what went wrong, the first sound that was nobody's tone.
    pub music: Option<Instant>,
    /// Whose tones.
    pub tones: Vec<Who>,
}

/// Rings until the call is over; none where it never came about.
pub async fn ring(calling: &Calling, diary: &Diary) -> Option<Listened> {
    let odd = |what: String| {
        diary.note(Entry::Odd(what));
        None
    };
    let listen = Listen {
        transport: Transport::Udp,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    };
    let started = UserAgent::start(sip::Config {
        listen: vec![listen],
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()],
        user_agent: "offhook-bench".into(),
        ..sip::Config::default()
    });
    let (agent, mut events) = match started.await {
        Ok(started) => started,
        Err(e) => return odd(format!("the caller has no telephone: {e}")),
    };
    let mut sound = match Sound::open(Who::Caller).await {
        Ok(sound) => sound,
        Err(e) => return odd(format!("the caller has no sound: {e}")),
    };
    let call = agent.next_call();
    let dial = Action::Dial {
        call,
        to: format!("sip:{}@{}", calling.to, calling.bot),
        from: Some(calling.from.clone()),
        trunk: None,
        offer: sound.offer(),
    };
    if agent.act(dial).is_err() {
        return odd("the caller cannot dial".into());
    }
    let answered = tokio::time::timeout(ANSWER, answer(&mut events)).await;
    let agreed = match answered {
        Ok(Ok(body)) => sound.accept(&body),
        Ok(Err(why)) => Err(why),
        Err(_) => Err("the bot does not answer".into()),
    };
    let listened = match agreed {
        Ok(()) => {
            diary.note(Entry::Began);
            let line = OnTheLine {
                agent: &agent,
                call,
                diary,
                leaves: calling.leaves,
                listening: Listening::new(clock::now()),
            };
            Some(line.talk(events, sound).await)
        }
        Err(why) => odd(why),
    };
    agent.close().await;
    listened
}

/// The session description that the bot answers with.
async fn answer(events: &mut mpsc::Receiver<Event>) -> Result<Vec<u8>, String> {
    while let Some(event) = events.recv().await {
        match event {
            Event::Answered { body, .. } => return body.ok_or("an answer without a description".into()),
            Event::Refused { code, reason, .. } => return Err(format!("the bot answers {code} {reason}")),
            Event::Ended { cause, .. } => return Err(format!("over before it began: {}", why(cause))),
            _ => {}
        }
    }
    Err("the user agent has ended".into())
}

struct OnTheLine<'a> {
    agent: &'a UserAgent,
    call: CallId,
    diary: &'a Diary,
    leaves: Option<(Stage, Duration)>,
    listening: Listening,
}

impl OnTheLine<'_> {
    async fn talk(mut self, mut events: mpsc::Receiver<Event>, mut sound: Sound) -> Listened {
        let began = clock::now();
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut left = false;
        let over = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Ended { cause, .. }) => break why(cause),
                    Some(Event::Changed { call, offer }) => {
                        let answer = offer.map(|offer| sound.answer(&offer));
                        let act = match answer {
                            Some(Ok(body)) => Action::Answer { call, body },
                            Some(Err(_)) | None => Action::RefuseChange { call, code: 488 },
                        };
                        self.agent.act(act).ok();
                    }
                    Some(_) => {}
                    None => break "the user agent has ended".to_owned(),
                },
                (at, heard) = sound.hear() => {
                    let failed = self.diary.when(&Entry::Failed);
                    self.listening.hear(at, heard, failed);
                }
                _ = tick.tick() => {
                    let now = clock::now();
                    let voice = if self.listening.hears_somebody(now) { Voice::Tone } else { Voice::Silent };
                    sound.send(now, voice);
                    let stuck = now.saturating_duration_since(began) >= LONGEST;
                    if stuck && !left {
                        self.diary.note(Entry::Odd("the call leads nowhere".into()));
                    } else if self.is_to_leave(now) && !left {
                        self.diary.note(Entry::Left);
                    } else {
                        continue;
                    }
                    left = true;
                    self.agent.act(Action::Hangup { call: self.call, cause: None }).ok();
                }
            }
        };
        self.listening.silent_until(clock::now());
        self.diary.note(Entry::Ended(over));
        self.listening.listened
    }

    fn is_to_leave(&self, now: Instant) -> bool {
        let Some((wanted, after)) = self.leaves else {
            return false;
        };
        let stage = self.diary.stage();
        stage.is_some_and(|(stage, since)| stage == wanted && now.saturating_duration_since(since) >= after)
    }
}

/// What is heard, as it is.
struct Listening {
    listened: Listened,
    audible: Instant,
    tone: Option<Instant>,
}

impl Listening {
    fn new(now: Instant) -> Self {
        Self {
            listened: Listened::default(),
            audible: now,
            tone: None,
        }
    }

    fn hear(&mut self, at: Instant, heard: Heard, failed: Option<Instant>) {
        match heard {
            Heard::Silence => return,
            Heard::Tone(who) => {
                self.tone = Some(at);
                if !self.listened.tones.contains(&who) {
                    self.listened.tones.push(who);
                }
            }
            Heard::Other => {
                if failed.is_some_and(|failed| failed <= at) {
                    self.listened.music.get_or_insert(at);
                }
            }
        }
        self.silent_until(at);
        self.audible = at;
    }

    fn silent_until(&mut self, at: Instant) {
        let silence = at.saturating_duration_since(self.audible);
        if silence > self.listened.silence {
            self.listened.silence = silence;
            self.listened.silent_at = Some(self.audible);
        }
    }

    fn hears_somebody(&self, now: Instant) -> bool {
        self.tone.is_some_and(|at| now.saturating_duration_since(at) < OVER)
    }
}

fn why(cause: Ended) -> String {
    match cause {
        Ended::ByPeer => "the bot hung up".into(),
        Ended::ByUs | Ended::Cancelled => "the caller hung up".into(),
        Ended::AckTimeout => "no ACK".into(),
        Ended::Failed(reason) => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_what_lies_between_two_sounds_and_before_the_end() {
        let start = clock::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut listening = Listening::new(start);
        listening.hear(at(100), Heard::Other, None);
        listening.hear(at(120), Heard::Silence, None);
        listening.hear(at(600), Heard::Tone(Who::First), None);
        assert_eq!(listening.listened.silence, Duration::from_millis(500));
        assert!(listening.hears_somebody(at(700)) && !listening.hears_somebody(at(800)));
        listening.hear(at(640), Heard::Other, Some(at(650)));
        assert_eq!(listening.listened.music, None, "it was there before");
        listening.hear(at(660), Heard::Other, Some(at(650)));
        assert_eq!(listening.listened.music, Some(at(660)));
        listening.silent_until(at(1_500));
        assert_eq!(
            (listening.listened.silence, listening.listened.silent_at),
            (Duration::from_millis(840), Some(at(660)))
        );
        assert_eq!(listening.listened.tones, [Who::First]);
    }
}
