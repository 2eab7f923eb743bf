//! The line of a customer who is dialled: whether they answer, what comes from them and goes to them.
//!
//! It knows no desk and no agents. When it is dropped they are hung up on.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::audio::Frame;
use crate::audio::tone::Key;
use crate::clock;
use crate::engine::Bot;
use crate::engine::leg::quality;
use crate::engine::line::Line;
use crate::rtp;
use crate::sdp::{self, Direction};
use crate::sip::{Action, CallId, Ended, Event};
use crate::store::{Callback, Quality};

/// How long they may take to answer.
const RINGS: Duration = Duration::from_secs(40);

pub(super) struct Customer {
    bot: Arc<Bot>,
    id: CallId,
    line: Line,
    /// Since when they are on the line.
    up: Option<Instant>,
    /// They ring no longer than this.
    until: Instant,
    /// They have put us on hold.
    held: bool,
}

/// What becomes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Rings,
    Answered,
    /// They did not, and why.
    NotReached(String),
    /// They were on the line, and are gone: how, in words.
    Gone(String),
}

/// How a customer is called: what is dialled, and by which trunk.
pub(super) struct Way {
    pub to: String,
    pub trunk: Option<String>,
}

impl Way {
    /// The one that `outbound` lets calls go.
    pub fn of(callback: &Callback, bot: &Bot) -> Result<Self, String> {
        let registered = !bot.sip.contacts(&callback.number).is_empty();
        let way = Self::known(callback, registered)
            .ok_or_else(|| format!("it is not known by which way {} is reached", callback.number))?;
        bot.sip.may_dial(&way.to, way.trunk.is_some())?;
        Ok(way)
    }

    /// By the trunk that they came by; else at their own telephone, if it is registered here; else at their address.
    fn known(callback: &Callback, registered: bool) -> Option<Self> {
        let trunk = callback.trunk.clone();
        let number = trunk.is_some() || registered;
        let to = if number {
            Some(callback.number.clone())
        } else {
            callback.address.clone()
        };
        to.map(|to| Self { to, trunk })
    }

    /// Of which family their sound is, as far as can be told before they answer.
    fn towards(&self, bot: &Bot) -> IpAddr {
        let registered = bot.sip.contacts(&self.to);
        let host = self.to.rsplit('@').next().unwrap_or_default();
        let sixth = host
            .starts_with('[')
            .then_some(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED));
        let known = registered.first().map(|contact| contact.source.ip()).or(sixth);
        known.unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl Customer {
    /// Dials them. What SIP says of it goes there.
    pub fn dial(bot: &Arc<Bot>, way: Way, told: &mpsc::Sender<Event>) -> Result<Self, String> {
        let config = rtp::Config {
            silence: bot.rtp_silence,
            ..rtp::Config::default()
        };
        let line = Line::open(bot, way.towards(bot), config).map_err(|refusal| refusal.reason)?;
        let id = bot.sip.next_call();
        bot.expect(id, told.clone());
        bot.act(Action::Dial {
            call: id,
            to: way.to,
            from: None,
            trunk: way.trunk,
            offer: line.offer().into_bytes(),
        });
        Ok(Self {
            bot: Arc::clone(bot),
            id,
            line,
            up: None,
            until: clock::now() + RINGS,
            held: false,
        })
    }

    pub fn is_up(&self) -> bool {
        self.up.is_some()
    }

    /// How it sounded, for the record.
    pub fn quality(&self) -> Option<Quality> {
        self.line.stream.as_ref().map(quality)
    }

    /// SIP says something, of this call or of one before it.
    pub fn signalled(&mut self, event: Event) -> Option<News> {
        match event {
            Event::Progressed { call, code: 180, .. } if call == self.id => Some(News::Rings),
            Event::Answered { call, body } if call == self.id => Some(self.answered(body.as_deref())),
            Event::Refused { call, code, reason, .. } if call == self.id => {
                Some(News::NotReached(format!("{code} {reason}").trim().to_owned()))
            }
            Event::Ended { call, cause } if call == self.id => {
                let why = match cause {
                    Ended::ByPeer => "the customer hung up".to_owned(),
                    Ended::ByUs => "the bot hung up".to_owned(),
                    Ended::Cancelled | Ended::AckTimeout => "the call broke off".to_owned(),
                    Ended::Failed(why) => why,
                };
                Some(if self.is_up() {
                    News::Gone(why)
                } else {
                    News::NotReached(why)
                })
            }
            Event::Changed { call, offer } if call == self.id => {
                self.changed(offer.as_deref());
                None
            }
            Event::Refreshed { call, answer } if call == self.id => {
                match self.line.accept(&answer) {
                    Ok(media) => self.agree(&media),
                    Err(e) => tracing::warn!(%call, "the answer to a refresh: {e}"),
                }
                None
            }
            Event::Acknowledged { call, body: Some(body) } if call == self.id => {
                if let Ok(media) = self.line.accept(&body) {
                    self.agree(&media);
                }
                None
            }
            Event::Referred { call, .. } if call == self.id => {
                self.bot.act(Action::RefuseChange { call, code: 603 });
                None
            }
            _ => None,
        }
    }

    fn answered(&mut self, body: Option<&[u8]>) -> News {
        let agreed = body
            .ok_or("no session description came".to_owned())
            .and_then(|answer| self.line.accept(answer));
        match agreed {
            Ok(media) => {
                self.agree(&media);
                self.up = Some(clock::now());
                News::Answered
            }
            Err(why) => News::NotReached(why),
        }
    }

    fn agree(&mut self, media: &sdp::Media) {
        self.held = match media.direction {
            Direction::SendRecv | Direction::SendOnly => false,
            Direction::RecvOnly | Direction::Inactive => true,
        };
        self.line.agree(media, media.peer());
    }

    /// They hold, go on, or want their sound elsewhere.
    fn changed(&mut self, offer: Option<&[u8]>) {
        let call = self.id;
        let Some(offer) = offer else {
            self.line.local = self.line.local.next();
            let body = self.line.offer().into_bytes();
            return self.bot.act(Action::Answer { call, body });
        };
        match self.line.answer(offer) {
            Ok((body, media)) => {
                self.agree(&media);
                let body = body.into_bytes();
                self.bot.act(Action::Answer { call, body });
            }
            Err(refusal) => self.bot.act(Action::RefuseChange {
                call,
                code: refusal.code,
            }),
        }
    }

    /// What they say in these 20 ms, and what has become of their line.
    pub fn tick(&mut self, now: Instant) -> (Frame, Option<News>) {
        self.line.receive(now);
        let Some(since) = self.up else {
            let late = (now >= self.until).then(|| News::NotReached(format!("no answer in {} s", RINGS.as_secs())));
            return (Frame::silence(), late);
        };
        let heard = self
            .line
            .tick(now)
            .map_or_else(Frame::silence, |incoming| incoming.frame);
        self.line.report(now);
        let mut gone = None;
        while let Some(event) = self.line.stream.as_mut().and_then(rtp::RtpStream::poll) {
            match event {
                rtp::Event::Silent { lasted } => {
                    gone = Some(News::Gone(format!("no RTP was received for {} s", lasted.as_secs())));
                }
                rtp::Event::Alarm { .. }
                | rtp::Event::Moved { .. }
                | rtp::Event::Returned
                | rtp::Event::SourceChanged => {}
            }
        }
        if now.saturating_duration_since(since) >= self.bot.longest {
            gone = Some(News::Gone("the call reached its longest time".into()));
        }
        (heard, gone)
    }

    pub fn send(&mut self, now: Instant, frame: &Frame) {
        if self.is_up() && !self.held {
            self.line.send(now, frame);
        }
    }

    pub fn send_key(&mut self, key: Key) {
        if let Some(stream) = &mut self.line.stream
            && let Err(e) = stream.send_key(key)
        {
            tracing::warn!(call = %self.id, "a key of an agent is not passed on: {e}");
        }
    }
}

impl Drop for Customer {
    fn drop(&mut self) {
        let call = self.id;
        self.line.goodbye(clock::now());
        self.bot.forget(call);
        self.bot.act(Action::Hangup { call, cause: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_by_a_trunk_is_called_by_it_and_others_where_they_are() {
        let callback = |trunk: Option<&str>, address: Option<&str>| Callback {
            call: "abc".into(),
            n: 0,
            at: jiff::Timestamp::UNIX_EPOCH,
            number: "4915".into(),
            trunk: trunk.map(str::to_owned),
            address: address.map(str::to_owned),
            queue: "care".into(),
            language: "en".into(),
            priority: 0,
            ended: None,
            outcome: None,
        };
        let way = |trunk, address, registered| {
            let way = Way::known(&callback(trunk, address), registered)?;
            Some((way.to, way.trunk))
        };
        let at_home = "sip:4915@192.0.2.7:5062";
        let (number, address) = ("4915".to_owned(), at_home.to_owned());
        let by_trunk = Some((number.clone(), Some("provider".to_owned())));
        assert_eq!(way(Some("provider"), Some(at_home), false), by_trunk);
        assert_eq!(way(Some("provider"), Some(at_home), true), by_trunk);
        assert_eq!(way(None, Some(at_home), true), Some((number, None)));
        assert_eq!(way(None, Some(at_home), false), Some((address, None)));
        assert_eq!(way(None, None, false), None);
    }
}
