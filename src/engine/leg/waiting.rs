//! A caller for whom there is no place yet: they hear that they wait, again and again, until one of the calls before them ends;
//! the keys of a menu bring something to hear, or a person.
//!
//! Nothing is heard or decided meanwhile, so that waiting costs those who are served nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Answer, Ending, Leg};
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::clock;
use crate::config::busy::{Choice, in_language};
use crate::engine::places::Place;
use crate::sip::Action;
use crate::speech::Priority;

/// Silence between two announcements.
const BETWEEN: Duration = Duration::from_secs(12);

/// The far end of a transfer has this long to answer.
const TRANSFER: Duration = Duration::from_secs(30);
/// What that far end is taken to have answered afterwards, of SIP.
const REQUEST_TIMEOUT: u16 = 408;

/// Under which a voice speaks to who waits: what a key brings, and what is announced.
const CHOSEN: u64 = 1;
const ANNOUNCED: u64 = 0;

/// One who waits.
pub(super) struct Waiting {
    until: Instant,
    announcement: Option<Arc<[i16]>>,
    /// Of the sound that is heard.
    at: usize,
    /// Then the announcement begins again.
    again: Instant,
    /// What a key brought, until it was heard.
    chosen: Option<Arc<[i16]>>,
    /// Being transferred, which must be answered by then.
    leaves: Option<Instant>,
}

impl Waiting {
    pub fn new(now: Instant, longest: Duration) -> Self {
        Self {
            until: now + longest,
            announcement: None,
            at: 0,
            again: now,
            chosen: None,
            leaves: None,
        }
    }

    /// The sound of what is announced, 16 kHz mono.
    pub fn announce(&mut self, sound: Arc<[i16]>) {
        self.announcement = Some(sound);
    }

    /// A key was pressed: the announcement is heard no further.
    fn interrupt(&mut self, now: Instant) {
        (self.chosen, self.at, self.again) = (None, 0, now + BETWEEN);
    }

    /// What the key brought, once.
    pub fn choose(&mut self, sound: Arc<[i16]>) {
        (self.chosen, self.at) = (Some(sound), 0);
    }

    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    /// The next 20 ms.
    pub fn frame(&mut self, now: Instant) -> Frame {
        let announced = self.announcement.as_ref().filter(|_| now >= self.again);
        let sound = self.chosen.as_ref().or(announced);
        let Some(sound) = sound.filter(|_| self.leaves.is_none()) else {
            return Frame::silence();
        };
        let rest = sound.get(self.at..).unwrap_or_default();
        let frame = Frame::from_slice(&rest[..rest.len().min(FRAME_SAMPLES)]);
        self.at += FRAME_SAMPLES;
        if self.at >= sound.len() {
            self.interrupt(now);
        }
        frame
    }
}

impl Leg {
    pub(super) fn wait(&mut self) {
        let Some(start) = &self.start else { return };
        self.journal
            .event("the caller waits: as many calls as there may be at once are being served");
        self.waiting = Some(Waiting::new(clock::now(), self.bot.busy.longest));
        let announcement = self.bot.busy.announcement(start.language).to_owned();
        self.say_to_who_waits(ANNOUNCED, &announcement, Waiting::announce);
    }

    /// Without a voice the caller waits in silence. What was asked for as `id` before is said no more.
    fn say_to_who_waits(&mut self, id: u64, text: &str, then: fn(&mut Waiting, Arc<[i16]>)) {
        let Some(start) = &self.start else { return };
        let voice = start.plan.voice(&start.assistant, start.language);
        let answers = self.answers.clone();
        let spoken = self
            .bot
            .engines
            .speak(self.number, Priority::Next, voice, text, move |sound| {
                let sound = sound.map_err(|e| e.to_string());
                answers.try_send(Answer::ForWaiting(then, sound)).ok();
            });
        self.speaking.remove(&id);
        self.speaking.extend(spoken.ok().map(|speaking| (id, speaking)));
    }

    /// A key of the menu.
    pub(super) fn waiting_key(&mut self, now: Instant, key: char) {
        let (Some(waiting), Some(start)) = (&mut self.waiting, &self.start) else {
            return;
        };
        let Some(choice) = self.bot.busy.keys.get(&key).cloned() else {
            return;
        };
        if waiting.leaves.is_some() {
            return;
        }
        waiting.interrupt(now);
        let language = start.language;
        match choice {
            Choice::Say(texts) => {
                self.journal.event(format!("the caller, who waits, pressed {key}"));
                if let Some(text) = in_language(&texts, language) {
                    self.say_to_who_waits(CHOSEN, text, Waiting::choose);
                }
            }
            Choice::Transfer(to) => {
                self.journal.event(format!(
                    "the caller, who waits, pressed {key}, and is transferred to {to}"
                ));
                self.leave(now, to);
            }
        }
    }

    fn leave(&mut self, now: Instant, to: String) {
        if let Some(waiting) = &mut self.waiting {
            waiting.leaves = Some(now + TRANSFER);
            self.bot.act(Action::Refer {
                call: self.id,
                to,
                replaces: None,
            });
        }
    }

    /// The far end of a transfer answered with `code`, of SIP. Who is refused there waits on, or is served.
    pub(super) fn transferred_waiting(&mut self, now: Instant, code: u16) -> Option<Ending> {
        let waiting = self.waiting.as_mut().filter(|_| code >= 200)?;
        waiting.leaves = None;
        if code < 300 {
            return Some(self.hang_up("transferred without having been served"));
        }
        if waiting.is_over(now) {
            return Some(self.hang_up("the transfer of a caller who had waited was not answered"));
        }
        self.journal
            .event(format!("the transfer failed ({code}): the caller waits on"));
        if self.place.is_some() {
            self.serve();
        }
        None
    }

    /// A call before this one has ended.
    pub(super) fn admitted(&mut self, place: Place) {
        self.place = Some(place);
        if self.waiting.as_ref().is_some_and(|waiting| waiting.leaves.is_none()) {
            self.serve();
        }
    }

    fn serve(&mut self) {
        self.waiting = None;
        self.speaking.clear();
        self.journal.event("the caller is served");
        self.begin();
    }

    /// 20 ms of waiting.
    pub(super) fn await_place(&mut self, now: Instant) -> Option<Ending> {
        let waiting = self.waiting.as_mut()?;
        let (frame, over, leaves) = (waiting.frame(now), waiting.is_over(now), waiting.leaves);
        if !self.held {
            self.line.send(now, &frame);
        }
        match leaves {
            Some(until) if now >= until => return self.transferred_waiting(now, REQUEST_TIMEOUT),
            Some(_) => return None,
            None => {}
        }
        if !over {
            return None;
        }
        let Some(to) = self.bot.busy.then.clone() else {
            return Some(self.hang_up("no place was free in time"));
        };
        self.journal
            .event(format!("the caller has waited long enough, and is transferred to {to}"));
        self.leave(now, to);
        None
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

    #[test]
    fn what_a_key_brings_is_heard_once_and_the_announcement_after_it() {
        let start = clock::now();
        let mut waiting = Waiting::new(start, Duration::from_secs(60));
        let second = |level| tone::sine(300.0, level, Duration::from_secs(1)).into();
        waiting.announce(second(-20.0));
        let mut levels = Vec::new();
        for tick in 0..1_000 {
            let now = start + tick * Duration::from_millis(20);
            if tick == 25 {
                waiting.interrupt(now);
                waiting.choose(second(-10.0));
            }
            levels.push(waiting.frame(now).level());
        }
        assert!(levels[5..25].iter().all(|level| (-25.0..-15.0).contains(level)));
        assert!(levels[27..73].iter().all(|level| (-12.0..-8.0).contains(level)));
        assert!(levels[77..670].iter().all(|level| *level < -60.0), "twelve seconds");
        assert!(levels[680..720].iter().all(|level| (-25.0..-15.0).contains(level)));
        waiting.leaves = Some(start);
        assert!(waiting.frame(start + Duration::from_secs(30)).level() < -60.0);
    }
}
