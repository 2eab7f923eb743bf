//! The line of a customer who is dialled: whether they answer, what comes from them and goes to them.
//!
//! It knows no desk and no agents. When it is dropped they are hung up on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::audio::Frame;
use crate::audio::tone::Key;
use crate::clock;
use crate::engine::Bot;
use crate::engine::dialled::{self, Dialled, Miss, Placed, Way};
use crate::engine::leg::quality;
use crate::engine::line::Line;
use crate::rtp;
use crate::sdp::{self, Direction};
use crate::sip::{Action, Ended, Event};
use crate::store::{Callback, Quality};

/// How long they may take to answer.
const RINGS: Duration = Duration::from_secs(40);

pub(super) struct Customer {
    bot: Arc<Bot>,
    state: State,
}

enum State {
    Rings(Box<Dialled>),
    Up(Box<Up>),
    Gone,
}

/// Who has answered.
struct Up {
    placed: Placed,
    line: Line,
    since: Instant,
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

/// The way that `outbound` lets calls go.
///
/// # Errors
/// There is none, and why.
pub(super) fn way(callback: &Callback, bot: &Bot) -> Result<Way, String> {
    let registered = !bot.sip.contacts(&callback.number).is_empty();
    let way = known(callback, registered)
        .ok_or_else(|| format!("it is not known by which way {} is reached", callback.number))?;
    bot.sip.may_dial(&way.to, way.trunk.is_some())?;
    Ok(way)
}

/// By the trunk that they came by; else at their own telephone, if it is registered here; else at their address.
fn known(callback: &Callback, registered: bool) -> Option<Way> {
    let trunk = callback.trunk.clone();
    let number = trunk.is_some() || registered;
    let to = if number {
        Some(callback.number.clone())
    } else {
        callback.address.clone()
    };
    to.map(|to| Way { to, trunk, from: None })
}

impl Customer {
    /// Dials them. What SIP says of it goes there.
    pub fn dial(bot: &Arc<Bot>, way: Way, told: &mpsc::Sender<Event>) -> Result<Self, String> {
        let dialled = Dialled::dial(bot, way, RINGS, told)?;
        Ok(Self {
            bot: Arc::clone(bot),
            state: State::Rings(Box::new(dialled)),
        })
    }

    fn up(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            State::Up(up) => Some(up),
            State::Rings(_) | State::Gone => None,
        }
    }

    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// How it sounded, for the record.
    pub fn quality(&self) -> Option<Quality> {
        match &self.state {
            State::Up(up) => up.line.stream.as_ref().map(quality),
            State::Rings(_) | State::Gone => None,
        }
    }

    /// SIP says something, of this call or of one before it.
    pub fn signalled(&mut self, event: Event) -> Option<News> {
        match &mut self.state {
            State::Rings(dialled) => {
                let news = dialled.signalled(&event)?;
                self.came(news)
            }
            State::Up(up) => up.signalled(&self.bot, event),
            State::Gone => None,
        }
    }

    fn came(&mut self, news: dialled::News) -> Option<News> {
        Some(match news {
            dialled::News::Rings => News::Rings,
            dialled::News::NotReached(miss) => News::NotReached(miss.words()),
            dialled::News::Answered(media) => {
                let State::Rings(dialled) = std::mem::replace(&mut self.state, State::Gone) else {
                    return None;
                };
                let (placed, line) = dialled.up(&media);
                let mut up = Up {
                    placed,
                    line,
                    since: clock::now(),
                    held: false,
                };
                up.agree(&media);
                self.state = State::Up(Box::new(up));
                News::Answered
            }
        })
    }

    /// What they say in these 20 ms, and what has become of their line.
    pub fn tick(&mut self, now: Instant) -> (Frame, Option<News>) {
        match &mut self.state {
            State::Rings(dialled) => {
                // What the network has to say is not for the agent, who hears it ring.
                let (_, miss) = dialled.tick(now);
                (Frame::silence(), miss.map(|miss: Miss| News::NotReached(miss.words())))
            }
            State::Up(up) => up.tick(&self.bot, now),
            State::Gone => (Frame::silence(), None),
        }
    }

    pub fn send(&mut self, now: Instant, frame: &Frame) {
        if let Some(up) = self.up().filter(|up| !up.held) {
            up.line.send(now, frame);
        }
    }

    pub fn send_key(&mut self, key: Key) {
        if let Some(up) = self.up()
            && let Some(stream) = &mut up.line.stream
            && let Err(e) = stream.send_key(key)
        {
            tracing::warn!(call = %up.placed.id, "a key of an agent is not passed on: {e}");
        }
    }
}

impl Up {
    fn signalled(&mut self, bot: &Bot, event: Event) -> Option<News> {
        match event {
            Event::Ended { call, cause } if call == self.placed.id => Some(News::Gone(match cause {
                Ended::ByPeer => "the customer hung up".to_owned(),
                Ended::ByUs => "the bot hung up".to_owned(),
                Ended::Cancelled | Ended::AckTimeout => "the call broke off".to_owned(),
                Ended::Failed(why) => why,
            })),
            Event::Changed { call, offer } if call == self.placed.id => {
                self.changed(bot, offer.as_deref());
                None
            }
            Event::Refreshed { call, answer } if call == self.placed.id => {
                match self.line.accept(&answer) {
                    Ok(media) => self.agree(&media),
                    Err(e) => tracing::warn!(%call, "the answer to a refresh: {e}"),
                }
                None
            }
            Event::Acknowledged { call, body: Some(body) } if call == self.placed.id => {
                if let Ok(media) = self.line.accept(&body) {
                    self.agree(&media);
                }
                None
            }
            Event::Referred { call, .. } if call == self.placed.id => {
                bot.act(Action::RefuseChange { call, code: 603 });
                None
            }
            _ => None,
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
    fn changed(&mut self, bot: &Bot, offer: Option<&[u8]>) {
        let call = self.placed.id;
        let Some(offer) = offer else {
            self.line.local = self.line.local.next();
            let body = self.line.offer().into_bytes();
            return bot.act(Action::Answer { call, body });
        };
        match self.line.answer(offer) {
            Ok((body, media)) => {
                self.agree(&media);
                let body = body.into_bytes();
                bot.act(Action::Answer { call, body });
            }
            Err(refusal) => bot.act(Action::RefuseChange {
                call,
                code: refusal.code,
            }),
        }
    }

    fn tick(&mut self, bot: &Bot, now: Instant) -> (Frame, Option<News>) {
        self.line.receive(now);
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
        if now.saturating_duration_since(self.since) >= bot.longest {
            gone = Some(News::Gone("the call reached its longest time".into()));
        }
        (heard, gone)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.line.goodbye(clock::now());
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
            let way = known(&callback(trunk, address), registered)?;
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
