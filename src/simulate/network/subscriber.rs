//! One call of the network: it rings, is answered or not, and goes on as the subscriber's part says.
//!
//! It knows which part it plays, and nothing of the other calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::numbers::{Part, Rings, Then};
use super::telling::{By, Teller, What};
use crate::audio::{FRAME_DURATION, SAMPLE_RATE};
use crate::clock;
use crate::sdp::{self, Capabilities, Codec};
use crate::simulate::callee::address_towards;
use crate::simulate::caller::{Caller, Event as Acted};
use crate::simulate::line::Quality;
use crate::simulate::media::{Media, until};
use crate::sip::{Action, CallId, Ended, Event, UserAgent};

/// For the ACK of a 200, after which the user agent gives up itself (RFC 3261 section 13.3.1.4: 32 s).
const ACKNOWLEDGED: Duration = Duration::from_secs(40);
/// No call lasts longer, whatever becomes of it.
const LONGEST: Duration = Duration::from_secs(900);

/// Our answer to an offer, and the sound that goes by it.
struct Agreed {
    body: Vec<u8>,
    media: Media,
}

/// What becomes of a call in which everything was said.
#[derive(Clone, Copy)]
enum Finished {
    HangsUp,
    /// It was not answered yet, and goes on without sound.
    Leaves,
}

/// Whether there is more to say and do.
#[derive(Clone, Copy)]
enum Said {
    More,
    All,
}

/// A call that has come in.
pub(super) struct Rung {
    pub agent: Arc<UserAgent>,
    pub call: CallId,
    /// Where the network is.
    pub address: IpAddr,
    /// Where the call comes from.
    pub source: SocketAddr,
    pub offer: Option<Vec<u8>>,
    pub teller: Teller,
}

impl Rung {
    /// Plays `part` to the end of the call.
    pub async fn live(mut self, part: &Part, mut events: mpsc::Receiver<Event>) {
        let by = self.play(part, &mut events).await.unwrap_or_else(|by| by);
        self.teller.tell(What::Ended { by });
    }

    /// Who ended it, whichever way it came to that.
    async fn play(&mut self, part: &Part, events: &mut mpsc::Receiver<Event>) -> Result<By, By> {
        let mut sound = None;
        if part.early.is_empty() {
            self.ring(part.rings);
        } else {
            let Some(mut agreed) = self.agree(&part.quality).await else {
                return Ok(self.refuse(488, events).await);
            };
            let body = agreed.body.clone();
            self.act(Action::Progress { call: self.call, body });
            let heard = Caller::new(clock::now(), part.early.clone());
            match self.talk(&mut agreed.media, heard, events, Finished::Leaves).await {
                None => sound = Some(agreed),
                Some(by) => return Err(unanswered(by)),
            }
        }
        let patience = match part.rings {
            Rings::For(span) => span,
            Rings::Forever | Rings::Never => LONGEST,
        };
        if let Ok(by) = tokio::time::timeout(patience, ended(events)).await {
            return Err(unanswered(by));
        }
        let steps = match (&part.then, part.rings) {
            (Then::Answer(steps), Rings::For(_)) => steps.clone(),
            (Then::Refuse(code), Rings::For(_)) => return Ok(self.refuse(*code, events).await),
            (Then::Answer(_) | Then::Refuse(_), Rings::Forever | Rings::Never) => {
                return Ok(self.refuse(480, events).await);
            }
        };
        let mut agreed = match sound {
            Some(agreed) => agreed,
            None => match self.agree(&part.quality).await {
                Some(agreed) => agreed,
                None => return Ok(self.refuse(488, events).await),
            },
        };
        self.answer(agreed.body, events).await?;
        let caller = Caller::new(clock::now(), steps);
        let by = self.talk(&mut agreed.media, caller, events, Finished::HangsUp).await;
        Ok(by.unwrap_or(By::Callee))
    }

    fn ring(&self, rings: Rings) {
        match rings {
            // What is refused at once rang at nobody.
            Rings::For(Duration::ZERO) | Rings::Never => {}
            Rings::For(_) | Rings::Forever => self.act(Action::Ring { call: self.call }),
        }
    }

    fn act(&self, action: Action) {
        // A call that does not keep up ends by its own.
        self.agent.act(action).ok();
    }

    async fn refuse(&self, code: u16, events: &mut mpsc::Receiver<Event>) -> By {
        self.teller.tell(What::Refused { code });
        self.act(Action::Refuse {
            call: self.call,
            code,
            reason: String::new(),
            retry_after: None,
        });
        let by = tokio::time::timeout(ACKNOWLEDGED, ended(events)).await;
        by.unwrap_or(By::Failure)
    }

    /// 200, and its ACK.
    async fn answer(&self, body: Vec<u8>, events: &mut mpsc::Receiver<Event>) -> Result<(), By> {
        self.teller.tell(What::Answered);
        self.act(Action::Accept { call: self.call, body });
        let acknowledged = async {
            loop {
                match events.recv().await {
                    Some(Event::Acknowledged { .. }) => return Ok(()),
                    event => end_of(event).map_or(Ok(()), Err)?,
                }
            }
        };
        let acknowledged = tokio::time::timeout(ACKNOWLEDGED, acknowledged).await;
        acknowledged.unwrap_or(Err(By::Failure))
    }

    /// Our answer to the offer; none where nothing can be made of it.
    async fn agree(&mut self, quality: &Quality) -> Option<Agreed> {
        let offer = self.offer.take()?;
        let address = if self.address.is_unspecified() {
            address_towards(&format!("sip:{}", self.source)).await
        } else {
            self.address
        };
        let socket = UdpSocket::bind(SocketAddr::new(address, 0)).await.ok()?;
        let codecs = quality
            .codec
            .map_or_else(|| Codec::TELEPHONE.to_vec(), |codec| vec![codec]);
        let capabilities = Capabilities {
            codecs,
            ..Capabilities::default()
        };
        let secret = sdp::Secret::drawn(rand::random);
        let local = sdp::Local::new(socket.local_addr().ok()?, rand::random(), secret);
        let (body, media) = sdp::answer(&offer, &local, &capabilities).ok()?;
        Some(Agreed {
            body: body.into_bytes(),
            media: Media::new(clock::now(), socket, media.peer(), quality.clone(), rand::random()),
        })
    }

    /// Says and hears until the call is over, which is told with who ended it; or, where who has nothing more to say leaves, until then.
    async fn talk(
        &self,
        media: &mut Media,
        mut caller: Caller,
        events: &mut mpsc::Receiver<Event>,
        finished: Finished,
    ) -> Option<By> {
        let limit = tokio::time::sleep(LONGEST);
        tokio::pin!(limit);
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut datagram = [0_u8; 2048];
        let by = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Changed { call, .. }) => self.act(Action::RefuseChange { call, code: 488 }),
                    event => if let Some(by) = end_of(event) {
                        break Some(by);
                    },
                },
                _ = tick.tick() => {
                    let now = clock::now();
                    let incoming = media.tick(now);
                    let frame = caller.tick(now, &incoming.frame);
                    media.send(now, frame, &incoming.frame);
                    match (self.follow(media, &mut caller), finished) {
                        (Said::More, Finished::HangsUp | Finished::Leaves) => {}
                        (Said::All, Finished::Leaves) => break None,
                        (Said::All, Finished::HangsUp) => self.act(Action::Hangup { call: self.call, cause: None }),
                    }
                }
                Ok((length, from)) = media.socket.recv_from(&mut datagram) => {
                    if let Some(datagram) = datagram.get(..length) {
                        media.receive(clock::now(), from, datagram);
                    }
                }
                () = until(media.next()) => media.let_go(clock::now()),
                () = &mut limit => {
                    self.act(Action::Hangup { call: self.call, cause: None });
                    break Some(By::Callee);
                }
            }
        };
        caller.end();
        self.follow(media, &mut caller);
        by
    }

    fn follow(&self, media: &mut Media, caller: &mut Caller) -> Said {
        let mut said = Said::More;
        while let Some(event) = caller.poll() {
            match event {
                Acted::Said { text, .. } => self.teller.tell(What::Said { text }),
                Acted::Heard { sound, .. } => self.teller.tell(What::Heard { ms: ms(&sound) }),
                Acted::Recorded { sound, .. } => self.teller.tell(What::Recorded {
                    ms: ms(&sound),
                    sound: sound.into(),
                }),
                Acted::Press(key) => {
                    media.press(key);
                    self.teller.tell(What::Pressed { key });
                }
                Acted::GaveUp(why) => self.teller.tell(What::GaveUp { why }),
                Acted::HangUp => said = Said::All,
            }
        }
        said
    }
}

/// How long `sound` is, ms.
fn ms(sound: &[i16]) -> u64 {
    sound.len() as u64 * 1_000 / u64::from(SAMPLE_RATE)
}

/// Waits for the end of the call.
async fn ended(events: &mut mpsc::Receiver<Event>) -> By {
    loop {
        if let Some(by) = end_of(events.recv().await) {
            return by;
        }
    }
}

/// The same of a call that was not answered.
fn unanswered(by: By) -> By {
    match by {
        By::Caller => By::GaveUp,
        By::GaveUp | By::Callee | By::Failure => by,
    }
}

/// Who ended the call, if `event` is its end.
fn end_of(event: Option<Event>) -> Option<By> {
    match event {
        None => Some(By::Failure),
        Some(Event::Ended { cause, .. }) => Some(match cause {
            Ended::ByPeer | Ended::Cancelled => By::Caller,
            Ended::ByUs => By::Callee,
            Ended::AckTimeout | Ended::Failed(_) => By::Failure,
        }),
        Some(_) => None,
    }
}
