//! A scripted caller: says its lines when it is its turn, presses keys, cuts in, and keeps what it heard.
//!
//! It is stepped 20 ms at a time and knows no sockets and no engines: its lines come as sound, and what the bot said goes
//! out as sound, to be transcribed by whoever drives it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::audio::level::last_sound;
use crate::audio::resample::Resampler;
use crate::audio::{Frame, frames, level_dbfs};

/// What the caller does, in order; lines as sound.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Waits until the bot has spoken and finished; the words are compared afterwards.
    Hear {
        expected: Option<String>,
    },
    /// Speaks, when the bot is silent.
    Say {
        text: String,
        sound: Vec<i16>,
    },
    /// Speaks after so long, unless the bot has begun by then: who answers a call says hello, and does not where they are spoken to.
    Hello {
        text: String,
        sound: Vec<i16>,
        after: Duration,
    },
    /// Speaks over the bot, this long after it began.
    Interrupt {
        text: String,
        sound: Vec<i16>,
        after: Duration,
    },
    /// Plays, whatever the bot does meanwhile: a machine does not listen.
    Play {
        text: String,
        sound: Vec<i16>,
    },
    /// Keeps all that is heard from now on, for so long or until the call ends.
    Record(Duration),
    Press(char),
    /// Says nothing for so long.
    Wait(Duration),
    /// Waits for the bot to end the call.
    AwaitEnd,
    HangUp,
}

/// What the driver is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The caller has said a line; its last sound was sent at `ended`.
    Said {
        text: String,
        ended: Instant,
    },
    /// The bot has finished a turn: its sound, 16 kHz mono, and what was expected to be in it.
    Heard {
        sound: Vec<i16>,
        began: Instant,
        expected: Option<String>,
    },
    /// What a machine has recorded, 16 kHz mono, silence included.
    Recorded {
        sound: Vec<i16>,
        began: Instant,
    },
    Press(char),
    /// The caller had waited too long for something.
    GaveUp(String),
    HangUp,
}

/// The bot is taken to have finished after this much silence: longer than its pauses between sentences.
const FINISHED: Duration = Duration::from_millis(900);
/// Before an answer: a person is not quicker.
const REACTION: Duration = Duration::from_millis(250);
/// A bot that says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two keys.
const BETWEEN_KEYS: Duration = Duration::from_millis(250);
/// The end of a call by the bot is awaited for so long.
const END: Duration = Duration::from_secs(30);
/// Level above which a frame is sound, in dBFS.
pub const AUDIBLE: f32 = -45.0;

pub struct Caller {
    steps: VecDeque<Step>,
    speaking: VecDeque<Frame>,
    line: String,
    /// The line is said over the bot.
    cutting_in: bool,
    ends: usize,
    /// The bot's turn under way.
    heard: Vec<i16>,
    began: Option<Instant>,
    sounded: Option<Instant>,
    /// What is recorded, and since when.
    recording: Option<(Instant, Vec<i16>)>,
    since: Instant,
    events: VecDeque<Event>,
}

impl Caller {
    pub fn new(now: Instant, steps: Vec<Step>) -> Self {
        Self {
            steps: steps.into(),
            speaking: VecDeque::new(),
            line: String::new(),
            cutting_in: false,
            ends: 0,
            heard: Vec::new(),
            began: None,
            sounded: None,
            recording: None,
            since: now,
            events: VecDeque::new(),
        }
    }

    /// 20 ms: hears the bot, gives what to send.
    pub fn tick(&mut self, now: Instant, heard: &Frame) -> Frame {
        self.hear(now, heard);
        self.act(now);
        let Some(frame) = self.speaking.pop_front() else {
            return Frame::silence();
        };
        if self.speaking.len() == self.ends {
            if std::mem::take(&mut self.cutting_in) {
                // What the bot was saying is over: what comes now answers.
                self.tell(None);
            }
            let text = std::mem::take(&mut self.line);
            self.events.push_back(Event::Said { text, ended: now });
            self.since = now;
        }
        frame
    }

    /// Whether the line under way is said over the bot.
    pub fn cuts_in(&self) -> bool {
        self.cutting_in
    }

    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The call is over: what the bot was saying is told.
    pub fn end(&mut self) {
        if self.recording.is_some() {
            self.recorded();
            self.steps.pop_front();
        }
        let expected = match self.steps.pop_front() {
            Some(Step::Hear { expected }) => expected,
            _ => None,
        };
        self.tell(expected);
        for step in std::mem::take(&mut self.steps) {
            if let Step::Hear { expected: Some(words) } = step {
                self.events
                    .push_back(Event::GaveUp(format!("the call ended before `{words}` was heard")));
            }
        }
    }

    fn hear(&mut self, now: Instant, frame: &Frame) {
        if let Some((_, sound)) = &mut self.recording {
            return sound.extend_from_slice(frame.samples());
        }
        if frame.level() > AUDIBLE {
            self.began.get_or_insert(now);
            self.sounded = Some(now);
        }
        if self.began.is_some() {
            self.heard.extend_from_slice(frame.samples());
        }
    }

    /// Whether the bot has said something and finished.
    fn finished(&self, now: Instant) -> bool {
        self.sounded
            .is_some_and(|at| now.saturating_duration_since(at) >= FINISHED)
    }

    fn act(&mut self, now: Instant) {
        if !self.speaking.is_empty() {
            return;
        }
        let waited = now.saturating_duration_since(self.since);
        match self.steps.front() {
            None => {}
            Some(Step::Hear { expected }) => {
                if self.finished(now) {
                    let expected = expected.clone();
                    self.next(now);
                    self.tell(expected);
                } else if self.began.is_none() && waited >= PATIENCE {
                    let what = expected.clone().unwrap_or_else(|| "anything".into());
                    self.events
                        .push_back(Event::GaveUp(format!("`{what}` was not heard: the bot said nothing")));
                    self.next(now);
                }
            }
            Some(Step::Say { .. }) => {
                let quiet = self.began.is_none() || self.finished(now);
                if quiet && waited >= REACTION {
                    self.tell(None);
                    self.speak(now);
                }
            }
            Some(Step::Hello { .. }) if self.began.is_some() => self.next(now),
            Some(Step::Hello { after, .. }) if waited >= *after => self.speak(now),
            Some(Step::Hello { .. }) => {}
            Some(Step::Interrupt { after, .. }) => {
                let over = self.began.is_some_and(|at| now.saturating_duration_since(at) >= *after);
                if over || waited >= PATIENCE {
                    self.speak(now);
                }
            }
            Some(Step::Play { .. }) => {
                self.tell(None);
                self.speak(now);
            }
            Some(Step::Record(span)) => match &self.recording {
                None => {
                    self.tell(None);
                    (self.recording, self.since) = (Some((now, Vec::new())), now);
                }
                Some(_) if waited >= *span => {
                    self.recorded();
                    self.next(now);
                }
                Some(_) => {}
            },
            Some(Step::Press(key)) if waited >= BETWEEN_KEYS => {
                self.events.push_back(Event::Press(*key));
                self.next(now);
            }
            Some(Step::Wait(span)) => {
                let over = waited >= *span;
                if self.finished(now) {
                    self.tell(None);
                }
                if over {
                    self.next(now);
                }
            }
            Some(Step::AwaitEnd) => {
                if self.finished(now) {
                    self.tell(None);
                }
                if waited >= END {
                    self.events
                        .push_back(Event::GaveUp("the bot did not end the call".into()));
                    self.events.push_back(Event::HangUp);
                    self.next(now);
                }
            }
            Some(Step::HangUp) if waited >= REACTION => {
                self.tell(None);
                self.events.push_back(Event::HangUp);
                self.next(now);
            }
            Some(Step::Press(_) | Step::HangUp) => {}
        }
    }

    fn speak(&mut self, now: Instant) {
        self.cutting_in = matches!(self.steps.front(), Some(Step::Interrupt { .. }));
        if let Some(
            Step::Say { text, sound }
            | Step::Play { text, sound }
            | Step::Hello { text, sound, .. }
            | Step::Interrupt { text, sound, .. },
        ) = self.steps.pop_front()
        {
            self.speaking = frames(&sound).collect();
            // What counts is what the telephone carries: a final "s" is above its band.
            let mut narrow = Resampler::narrowing();
            let levels: Vec<f32> = self
                .speaking
                .iter()
                .map(|frame| level_dbfs(&narrow.push(frame.samples())))
                .collect();
            // Frames after the last sound: the line has been said when so many are left.
            self.ends = last_sound(&levels).map_or(0, |at| levels.len() - 1 - at);
            self.line = text;
            self.since = now;
        }
    }

    fn next(&mut self, now: Instant) {
        self.steps.pop_front();
        self.since = now;
    }

    fn recorded(&mut self) {
        if let Some((began, sound)) = self.recording.take() {
            self.events.push_back(Event::Recorded { sound, began });
        }
    }

    fn tell(&mut self, expected: Option<String>) {
        let sound = std::mem::take(&mut self.heard);
        self.sounded = None;
        match self.began.take() {
            Some(began) => self.events.push_back(Event::Heard { sound, began, expected }),
            None => {
                if let Some(words) = expected {
                    self.events
                        .push_back(Event::GaveUp(format!("`{words}` was not heard: the bot said nothing")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{FRAME_DURATION, tone};

    #[test]
    fn what_is_said_while_the_caller_waits_is_told_turn_by_turn() {
        let mut now = crate::clock::now();
        let mut caller = Caller::new(now, vec![Step::Wait(Duration::from_secs(6)), Step::HangUp]);
        let second = Duration::from_secs(1);
        let loud: Vec<Frame> = frames(&tone::sine(300.0, -20.0, second)).collect();
        let quiet = vec![Frame::silence(); 75];
        let mut turns = Vec::new();
        for frame in [&loud, &quiet, &loud, &quiet, &loud].into_iter().flatten() {
            caller.tick(now, frame);
            turns.extend(std::iter::from_fn(|| caller.poll()));
            now += FRAME_DURATION;
        }
        let heard = turns.iter().filter(|event| matches!(event, Event::Heard { .. }));
        assert_eq!(heard.count(), 2, "the third is not over");
    }

    #[test]
    fn who_answers_says_hello_unless_they_are_spoken_to() {
        let second = Duration::from_secs(1);
        for (bot_begins, said) in [(50, 0), (150, 1)] {
            let mut now = crate::clock::now();
            let hello = Step::Hello {
                text: "Hello?".into(),
                sound: tone::sine(200.0, -20.0, second),
                after: 2 * second,
            };
            let mut caller = Caller::new(now, vec![hello]);
            let mut lines = Vec::new();
            for tick in 0..200 {
                let heard = tone::sine(300.0, -20.0, FRAME_DURATION);
                let heard = frames(&heard).next().filter(|_| tick >= bot_begins);
                caller.tick(now, &heard.unwrap_or_else(Frame::silence));
                lines.extend(std::iter::from_fn(|| caller.poll()).filter(|event| matches!(event, Event::Said { .. })));
                now += FRAME_DURATION;
            }
            assert_eq!(lines.len(), said, "the bot begins in frame {bot_begins}");
        }
    }
}
