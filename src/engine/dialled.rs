//! A line that we dial: from the INVITE until somebody answers or nobody does, and what is heard of the network meanwhile.
//!
//! Nothing is said before the answer. It knows neither a desk nor a plan; when it is dropped whoever rings is hung up on, and whoever answered too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Bot;
use super::line::Line;
use crate::audio::Frame;
use crate::clock;
use crate::rtp::{self, Peer, Reception};
use crate::sdp::Media;
use crate::sip::{Action, CallId, Ended, Event, Refuser};

/// How somebody is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// A number, where there is a trunk; else a SIP URI, or the number of a phone that is registered here.
    pub to: String,
    pub trunk: Option<String>,
    /// The number that is shown; none: the trunk's.
    pub from: Option<String>,
}

impl Way {
    /// Of which family their sound is, as far as can be told before they answer.
    fn towards(&self, bot: &Bot) -> IpAddr {
        let registered = bot.sip.contacts(&self.to);
        let host = self.to.rsplit('@').next().unwrap_or_default();
        let sixth = host.starts_with('[').then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let known = registered.first().map(|contact| contact.source.ip()).or(sixth);
        known.unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    Rings,
    /// What is agreed on with who answered.
    Answered(Box<Media>),
    NotReached(Miss),
}

/// Why nobody was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// A final response, and by whom it is.
    Refused {
        code: u16,
        by: Refuser,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// It rang for so long, or nothing came at all.
    Unanswered(Duration),
    /// The call could not be made, or what answered cannot be spoken with.
    Failed(String),
}

impl Miss {
    /// For a record.
    pub fn words(&self) -> String {
        match self {
            Self::Refused { code, reason, .. } => format!("{code} {reason}").trim().to_owned(),
            Self::Unanswered(rung) => format!("no answer in {} s", rung.as_secs()),
            Self::Failed(why) => why.clone(),
        }
    }
}

/// A call that was placed: hung up on when this is dropped.
pub(super) struct Placed {
    bot: Arc<Bot>,
    pub id: CallId,
}

impl Drop for Placed {
    fn drop(&mut self) {
        let call = self.id;
        self.bot.forget(call);
        self.bot.act(Action::Hangup { call, cause: None });
    }
}

pub(super) struct Dialled {
    placed: Placed,
    line: Line,
    ring: Duration,
    until: Instant,
}

impl Dialled {
    /// Dials, for `ring` at most. What SIP says of it goes to `told`.
    ///
    /// # Errors
    /// There is no port for the sound; nothing was sent.
    pub fn dial(bot: &Arc<Bot>, way: Way, ring: Duration, told: &mpsc::Sender<Event>) -> Result<Self, String> {
        let config = rtp::Config {
            silence: bot.rtp_silence,
            ..rtp::Config::default()
        };
        let line = Line::open(bot, way.towards(bot), config).map_err(|refusal| refusal.reason)?;
        let call = bot.sip.next_call();
        bot.expect(call, told.clone());
        let placed = Placed {
            bot: Arc::clone(bot),
            id: call,
        };
        let dial = Action::Dial {
            call,
            to: way.to,
            from: way.from,
            trunk: way.trunk,
            offer: line.offer().into_bytes(),
        };
        // Nobody says anything more of a call that is not taken up.
        bot.sip.act(dial).map_err(|e| e.to_string())?;
        Ok(Self {
            placed,
            line,
            ring,
            until: clock::now() + ring,
        })
    }

    /// SIP says something, of this call or of one before it.
    pub fn signalled(&mut self, event: &Event) -> Option<News> {
        match event {
            Event::Progressed { call, code, body } if *call == self.placed.id => {
                if let Some(body) = body {
                    self.early(body);
                }
                (*code == 180).then_some(News::Rings)
            }
            Event::Answered { call, body } if *call == self.placed.id => Some(self.answered(body.as_deref())),
            Event::Refused {
                call,
                code,
                by,
                reason,
                retry_after,
            } if *call == self.placed.id => Some(News::NotReached(Miss::Refused {
                code: *code,
                by: *by,
                reason: reason.clone(),
                retry_after: *retry_after,
            })),
            Event::Ended { call, cause } if *call == self.placed.id => {
                Some(News::NotReached(Miss::Failed(match cause {
                    Ended::ByUs => "the bot hung up".to_owned(),
                    Ended::ByPeer | Ended::Cancelled | Ended::AckTimeout => "the call broke off".to_owned(),
                    Ended::Failed(why) => why.clone(),
                })))
            }
            _ => None,
        }
    }

    /// The network has something to hear before anybody answers.
    fn early(&mut self, answer: &[u8]) {
        match self.line.accept(answer) {
            Ok(media) => {
                let peer = Peer {
                    // That it says nothing means nothing.
                    reception: Reception::Paused,
                    ..media.peer()
                };
                self.line.agree(&media, peer);
            }
            Err(e) => tracing::debug!(call = %self.placed.id, "early media: {e}"),
        }
    }

    fn answered(&mut self, body: Option<&[u8]>) -> News {
        let agreed = body
            .ok_or("no session description came".to_owned())
            .and_then(|answer| self.line.accept(answer));
        match agreed {
            Ok(media) => News::Answered(Box::new(media)),
            Err(why) => News::NotReached(Miss::Failed(why)),
        }
    }

    /// 20 ms: what is heard of the network, and whether it has rung for long enough.
    pub fn tick(&mut self, now: Instant) -> (Option<Frame>, Option<Miss>) {
        self.line.receive(now);
        let heard = self.line.tick(now).map(|incoming| incoming.frame);
        while self.line.stream.as_mut().and_then(rtp::RtpStream::poll).is_some() {
            // Of who has not answered nothing is expected.
        }
        (heard, (now >= self.until).then_some(Miss::Unanswered(self.ring)))
    }

    /// It is not to ring for longer than until then.
    pub fn end_by(&mut self, until: Instant) {
        self.until = self.until.min(until);
    }

    /// The line of who has answered by `media`, to speak on.
    pub fn up(mut self, media: &Media) -> (Placed, Line) {
        let heard = self.line.stream.as_ref().map(|stream| stream.peer().address);
        if heard.is_some_and(|heard| heard != media.remote) {
            // Somebody else answered than was heard: nothing of the one is the other's.
            self.line.stream = None;
        }
        (self.placed, self.line)
    }
}
