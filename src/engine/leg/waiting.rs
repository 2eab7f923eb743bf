//! A caller for whom there is no place yet: they hear that they wait, again and again, until one of the calls before them ends.
//!
//! Nothing is heard or decided meanwhile, so that waiting costs those who are served nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::{Answer, Ending, Leg};
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::clock;
use crate::sip::Action;
use crate::speech::Priority;

/// Silence between two announcements.
const BETWEEN: Duration = Duration::from_secs(12);

/// The far end of a transfer has this long to answer.
const TRANSFER: Duration = Duration::from_secs(30);

/// One who waits.
pub(super) struct Waiting {
    until: Instant,
    announcement: Option<Arc<[i16]>>,
    at: usize,
    /// Then the announcement begins again.
    again: Instant,
}

impl Waiting {
    pub fn new(now: Instant, longest: Duration) -> Self {
        Self {
            until: now + longest,
            announcement: None,
            at: 0,
            again: now,
        }
    }

    /// The sound of what is announced, 16 kHz mono.
    pub fn announce(&mut self, sound: Arc<[i16]>) {
        self.announcement = Some(sound);
    }

    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    /// The next 20 ms.
    pub fn frame(&mut self, now: Instant) -> Frame {
        let Some(sound) = self.announcement.as_ref().filter(|_| now >= self.again) else {
            return Frame::silence();
        };
        let rest = sound.get(self.at..).unwrap_or_default();
        let frame = Frame::from_slice(&rest[..rest.len().min(FRAME_SAMPLES)]);
        self.at += FRAME_SAMPLES;
        if self.at >= sound.len() {
            (self.at, self.again) = (0, now + BETWEEN);
        }
        frame
    }
}

impl Leg {
    pub(super) fn wait(&mut self) {
        let Some(start) = &self.start else { return };
        self.journal
            .event("the caller waits: as many calls as there may be at once are being served");
        let busy = &self.bot.busy;
        self.waiting = Some(Waiting::new(clock::now(), busy.longest));
        let answers = self.answers.clone();
        let announcement = busy.announcement(start.language);
        let spoken = self.bot.engines.speak(
            self.number,
            Priority::Next,
            start.language,
            announcement,
            move |sound| {
                answers
                    .try_send(Answer::Announced(sound.map_err(|e| e.to_string())))
                    .ok();
            },
        );
        // Without a voice the caller waits in silence.
        self.speaking.extend(spoken.ok().map(|speaking| (0, speaking)));
    }

    /// A call before this one has ended.
    pub(super) fn admitted(&mut self, place: OwnedSemaphorePermit) {
        self.place = Some(place);
        // One who is being transferred has left.
        if self.start.is_some() && self.waiting.take().is_some() {
            self.speaking.clear();
            self.journal.event("the caller is served");
            self.begin();
        }
    }

    /// 20 ms of waiting.
    pub(super) fn await_place(&mut self, now: Instant) -> Option<Ending> {
        let waiting = self.waiting.as_mut()?;
        let (frame, over) = (waiting.frame(now), waiting.is_over(now));
        if !self.held {
            self.send(now, &frame);
        }
        if !over {
            return None;
        }
        let waits = self.start.take().is_some();
        match self.bot.busy.then.clone().filter(|_| waits) {
            Some(to) => {
                self.journal
                    .event(format!("the caller has waited long enough, and is transferred to {to}"));
                self.waiting = Some(Waiting::new(now, TRANSFER));
                self.bot.act(Action::Refer { call: self.id, to });
                None
            }
            None if waits => Some(self.hang_up("no place was free in time")),
            None => Some(self.hang_up("the transfer of a caller who had waited was not answered")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone;

    #[test]
    fn the_announcement_comes_again_until_the_wait_is_over() {
        let start = clock::now();
        let mut waiting = Waiting::new(start, Duration::from_secs(30));
        waiting.announce(tone::sine(300.0, -20.0, Duration::from_secs(1)).into());
        let mut sounded = 0;
        let mut now = start;
        while !waiting.is_over(now) {
            sounded += usize::from(waiting.frame(now).level() > -30.0);
            now += Duration::from_millis(20);
        }
        // One second at 0, 13 and 26 s.
        assert!((148..=150).contains(&sounded), "{sounded}");
    }
}
