//! One call of the network: it rings, is answered or not, and goes on as the subscriber's part says.
//!
//! It knows which part it plays, and nothing of the other calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
use crate::simulate::media::Media;
use crate::sip::{Action, CallId, Ended, Event, UserAgent};

/// For the ACK of a 200, after which the user agent gives up itself (RFC 3261 section 13.3.1.4: 32 s).
const ACKNOWLEDGED: Duration = Duration::from_secs(40);
/// No call lasts longer, whatever becomes of it.
const LONGEST: Duration = Duration::from_secs(900);

/// Why a call is not talked in.
enum Unanswered {
    /// Nothing can be made of the offer.
    Unusable,
    Over(By),
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
        let patience = match part.rings {
            Rings::For(span) => span,
            Rings::Forever | Rings::Never => LONGEST,
        };
        match part.rings {
            Rings::For(_) | Rings::Forever => self.act(Action::Ring { call: self.call }),
            Rings::Never => {}
        }
        if let Ok(by) = tokio::time::timeout(patience, ended(&mut events)).await {
            let by = if by == By::Caller { By::GaveUp } else { by };
            return self.teller.tell(What::Ended { by });
        }
        match (&part.then, part.rings) {
            (_, Rings::Forever | Rings::Never) => self.refuse(480, &mut events).await,
            (Then::Refuse(code), Rings::For(_)) => self.refuse(*code, &mut events).await,
            (Then::Answer(steps, quality), Rings::For(_)) => {
                let answered = self.answer(quality, &mut events).await;
                match answered {
                    Ok((media, at)) => self.talk(media, Caller::new(at, steps.clone()), &mut events).await,
                    Err(Unanswered::Unusable) => self.refuse(488, &mut events).await,
                    Err(Unanswered::Over(by)) => self.teller.tell(What::Ended { by }),
                }
            }
        }
    }

    fn act(&self, action: Action) {
        // A call that does not keep up ends by its own.
        self.agent.act(action).ok();
    }

    async fn refuse(&mut self, code: u16, events: &mut mpsc::Receiver<Event>) {
        self.teller.tell(What::Refused { code });
        self.act(Action::Refuse {
            call: self.call,
            code,
            reason: String::new(),
            retry_after: None,
        });
        let by = tokio::time::timeout(ACKNOWLEDGED, ended(events)).await;
        self.teller.tell(What::Ended {
            by: by.unwrap_or(By::Failure),
        });
    }

    /// Answers the call; what its sound goes by, and since when.
    async fn answer(
        &mut self,
        quality: &Quality,
        events: &mut mpsc::Receiver<Event>,
    ) -> Result<(Media, Instant), Unanswered> {
        let (body, socket, agreed) = self.agree(quality).await.ok_or(Unanswered::Unusable)?;
        self.teller.tell(What::Answered);
        self.act(Action::Accept {
            call: self.call,
            body: body.into_bytes(),
        });
        let acknowledged = async {
            loop {
                match events.recv().await {
                    Some(Event::Acknowledged { .. }) => return Ok(()),
                    event => end_of(event).map_or(Ok(()), |by| Err(Unanswered::Over(by)))?,
                }
            }
        };
        let acknowledged = tokio::time::timeout(ACKNOWLEDGED, acknowledged).await;
        acknowledged.unwrap_or(Err(Unanswered::Over(By::Failure)))?;
        let at = clock::now();
        Ok((
            Media::new(at, socket, agreed.peer(), quality.clone(), rand::random()),
            at,
        ))
    }

    /// The answer to the offer, our port, and what is agreed on.
    async fn agree(&mut self, quality: &Quality) -> Option<(String, UdpSocket, sdp::Media)> {
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
        let (body, agreed) = sdp::answer(&offer, &local, &capabilities).ok()?;
        Some((body, socket, agreed))
    }

    async fn talk(&mut self, mut media: Media, mut caller: Caller, events: &mut mpsc::Receiver<Event>) {
        let until = tokio::time::sleep(LONGEST);
        tokio::pin!(until);
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut datagram = [0_u8; 2048];
        let by = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Changed { call, .. }) => self.act(Action::RefuseChange { call, code: 488 }),
                    event => if let Some(by) = end_of(event) {
                        break by;
                    },
                },
                _ = tick.tick() => {
                    let now = clock::now();
                    let incoming = media.tick(now);
                    let frame = caller.tick(now, &incoming.frame);
                    media.send(now, frame, &incoming.frame);
                    self.follow(&mut media, &mut caller);
                }
                Ok((length, from)) = media.datagram(&mut datagram) => {
                    if let Some(datagram) = datagram.get(..length) {
                        media.receive(clock::now(), from, datagram);
                    }
                }
                () = media.held() => media.let_go(clock::now()),
                () = &mut until => {
                    self.act(Action::Hangup { call: self.call, cause: None });
                    break By::Callee;
                }
            }
        };
        caller.end();
        self.follow(&mut media, &mut caller);
        self.teller.tell(What::Ended { by });
    }

    fn follow(&self, media: &mut Media, caller: &mut Caller) {
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
                Acted::HangUp => self.act(Action::Hangup {
                    call: self.call,
                    cause: None,
                }),
            }
        }
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
