//! The speaking half of a call: the playout, what was heard of it, and the ledger of the gap before it.

use std::sync::Arc;
use std::time::Instant;

use super::playout::{Due, Ending, Popped};
use super::turn::Interruption;
use super::{Call, Note, Output, Stage, VOICE};
use crate::audio::{Frame, level_dbfs};
use crate::dialogue::conversation::Heard::{Part, Whole};
use crate::dialogue::conversation::{Privacy, Speaker};
use crate::dialplan::Expect;

/// Level from which a frame is a sound that the caller notices, in dBFS.
const AUDIBLE: f32 = -45.0;

impl Call {
    /// The voice of clause `id`, 16 kHz mono; or why there is none: then it is passed over.
    pub fn voiced(&mut self, now: Instant, id: u64, sound: Result<Arc<[i16]>, String>) {
        let sound = match sound {
            Ok(sound) => Some(sound),
            Err(reason) => {
                self.note(Note::Problem(format!("a clause could not be spoken: {reason}")));
                None
            }
        };
        let due = self.playout.voiced(id, sound);
        if let (Some(moments), Due::Now, false) = (&mut self.moments, due, self.playout.is_filling()) {
            moments.voiced.get_or_insert(now);
        }
    }

    pub(super) fn say(&mut self, text: &str, bargein: bool) {
        let interruption = if bargein {
            Interruption::Allowed
        } else {
            Interruption::Refused
        };
        self.playout.say(text, interruption);
    }

    /// The last words before the caller leaves the bot: nothing interrupts them.
    pub(super) fn say_last(&mut self, text: Option<String>) {
        if let Some(text) = text {
            self.playout.say(&text, Interruption::Refused);
        }
    }

    /// What to send for 20 ms.
    pub(super) fn sound(&mut self, now: Instant) -> Option<Frame> {
        let filling = self.playout.is_filling();
        let popped = self.playout.pop();
        self.await_voice(now, &popped);
        let frame = match popped {
            Popped::Sound(frame) => {
                if let Some(placed) = &mut self.placed {
                    placed.sounded(now);
                }
                Some(frame)
            }
            Popped::Idle => self.music(),
            Popped::Waiting | Popped::Paused => None,
        };
        self.echo.play(frame.as_ref());
        if let Some(frame) = &frame {
            self.sounded = Some(now);
            self.turn.bot_speaks(self.interruption());
            // A filler is not what the caller waits for.
            if !filling && self.moments.is_some() {
                // What counts is what the telephone carries: a beginning "th" is above its band.
                let carried = level_dbfs(&self.narrow.push(frame.samples()));
                if carried > AUDIBLE
                    && let Some(moments) = self.moments.take()
                {
                    self.note(Note::Turn(moments.close(now)));
                    // Of this turn nothing is left for the next.
                    self.narrow.push(Frame::silence().samples());
                }
            }
        }
        self.tell_heard(now);
        frame
    }

    /// Stops speaking for good; what was heard is kept.
    pub(super) fn stop_speaking(&mut self, now: Instant) {
        if self.playout.is_idle() {
            return;
        }
        self.playout.cut();
        self.outputs.push_back(Output::Unspeak);
        self.tell_heard(now);
    }

    /// A clause whose voice does not come is passed over.
    fn await_voice(&mut self, now: Instant, popped: &Popped) {
        if *popped != Popped::Waiting {
            self.voiceless = None;
            return;
        }
        let since = *self.voiceless.get_or_insert(now);
        if now.saturating_duration_since(since) >= VOICE {
            self.voiceless = None;
            self.playout.pass_over();
            self.note(Note::Problem(format!(
                "a clause could not be spoken: no voice in {} s",
                VOICE.as_secs()
            )));
        }
    }

    pub(super) fn interruption(&self) -> Interruption {
        match self.stage {
            Stage::Dialogue => self.playout.interruption(),
            Stage::Opening
            | Stage::Using(_)
            | Stage::Taking(_)
            | Stage::Person(_)
            | Stage::Transfer { .. }
            | Stage::Transferring { .. }
            | Stage::Goodbye { .. }
            | Stage::Over => Interruption::Refused,
        }
    }

    pub(super) fn tell_heard(&mut self, now: Instant) {
        while let Some(heard) = self.playout.heard() {
            let at = self.since_answer(now);
            // Only what is read back holds what was told.
            let privacy = if self.expect == Expect::Confirm {
                self.privacy
            } else {
                Privacy::Open
            };
            self.conversation.bot_begins(at, &heard.text, privacy);
            self.conversation.bot_ends(at);
            let text = privacy.shown(&heard.text).to_owned();
            let (dash, speaker) = match heard.ending {
                Ending::Whole => ("", Speaker::Bot(Whole)),
                Ending::Cut => (" —", Speaker::Bot(Part)),
            };
            self.tell(speaker, None, format!("{text}{dash}"), at);
            self.note(Note::Said {
                text,
                ending: heard.ending,
            });
        }
    }
}
