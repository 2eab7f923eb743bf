//! Whose turn it is to speak.
//!
//! [`Turn`] is told, 20 ms at a time, how likely the caller is speaking, and what the bot does. It says when the caller has
//! begun, pauses, has finished, cuts in, or has said nothing for too long. It knows no audio, no words and no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Probability from which sound is speech; Silero's own choice.
pub(super) const SPEECH: f32 = 0.5;
/// Probability below which speech has stopped: lower, so that a soft syllable does not end a word.
const STILL_SPEECH: f32 = 0.35;
/// A gap inside a beginning word.
const GAP: Duration = Duration::from_millis(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Speech shorter than this is a click or a cough. Longer: short words are missed.
    pub onset: Duration,
    /// Silence after which it is worth guessing that the caller has finished: a decode begins. Shorter: more of them are for nothing.
    pub pause: Duration,
    /// Silence after which the sound before it tells whether the caller has finished.
    pub consider: Duration,
    /// Silence that ends a turn. Shorter: people are cut off; longer: the bot seems slow.
    pub silence: Duration,
    /// A turn longer than this is ended: Whisper hears 30 s at most.
    pub longest: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            onset: Duration::from_millis(80),
            pause: Duration::from_millis(80),
            consider: Duration::from_millis(160),
            silence: Duration::from_millis(500),
            longest: Duration::from_secs(25),
        }
    }
}

/// What follows from the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The caller has begun to speak, some [`Config::onset`] ago.
    Begin,
    /// The caller talks over the bot: stop sounding at once. Whether they mean it is told by what follows.
    Yield,
    /// The caller pauses, and may have finished.
    Pause,
    /// The pause is long enough to be told from a breath.
    Consider,
    /// The caller had not finished: so long was the pause.
    Resume { after: Duration },
    /// The caller has finished.
    Answer,
    /// Nobody has said anything for as long as was allowed.
    Prompt,
}

/// What the bot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bot {
    /// It waits for the caller, and for this long at most.
    Listens { patience: Option<Duration> },
    /// It thinks, or does something that takes time: silence is not the caller's.
    Busy,
    /// It speaks, and lets itself be interrupted, or not.
    Speaks(Interruption),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    Allowed,
    /// What is being said must be heard.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet {
        since: Instant,
    },
    /// Perhaps speech: since `began`, last heard at `heard`; quiet since `since` if it is not.
    Onset {
        since: Instant,
        began: Instant,
        heard: Instant,
    },
    Speech {
        began: Instant,
        heard: Instant,
    },
    Pausing {
        began: Instant,
        heard: Instant,
        pause: Pause,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    Short,
    Considered,
}

pub struct Turn {
    config: Config,
    /// How long this turn's silence must be; stretched while digits are being said.
    silence: Duration,
    bot: Bot,
    state: State,
    acts: VecDeque<Act>,
}

impl Turn {
    pub fn new(now: Instant, config: Config) -> Self {
        let acts = VecDeque::with_capacity(4);
        Self {
            silence: config.silence,
            config,
            bot: Bot::Busy,
            state: State::Quiet { since: now },
            acts,
        }
    }

    /// 20 ms of the caller: `probability` (0 to 1) that they speak.
    pub fn hear(&mut self, now: Instant, probability: f32) {
        match self.state {
            State::Quiet { since } => self.quiet(now, since, probability),
            State::Onset { since, began, heard } => self.onset(now, since, began, heard, probability),
            State::Speech { began, heard } | State::Pausing { began, heard, .. } => {
                self.speech(now, began, heard, probability)
            }
        }
    }

    /// The bot's voice is heard.
    pub fn bot_speaks(&mut self, interruption: Interruption) {
        self.bot = Bot::Speaks(interruption);
    }

    /// The bot has nothing to say and does not wait for the caller either.
    pub fn bot_is_busy(&mut self) {
        self.bot = Bot::Busy;
    }

    /// The bot waits for the caller: [`Act::Prompt`] after `patience`; `silence` ends the turn.
    pub fn bot_listens(&mut self, now: Instant, patience: Option<Duration>, silence: Duration) {
        self.silence = silence;
        if self.bot == (Bot::Listens { patience }) {
            return;
        }
        self.bot = Bot::Listens { patience };
        if let State::Quiet { since } = &mut self.state {
            *since = now;
        }
    }

    /// The silence that ends the turn under way: longer while a number is being read out.
    pub fn wait(&mut self, silence: Duration) {
        self.silence = silence;
    }

    /// What was said is complete: a pause is the end.
    pub fn complete(&mut self, now: Instant) {
        if let State::Pausing { .. } = self.state {
            self.finish(now);
        }
    }

    pub fn poll(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// What the caller was saying is no turn of theirs.
    pub fn dismiss(&mut self, now: Instant) {
        self.state = State::Quiet { since: now };
    }

    /// From the caller's onset to what was last heard of them; nothing where they are silent.
    pub fn spoke(&self) -> Duration {
        match self.state {
            State::Quiet { .. } => Duration::ZERO,
            State::Onset { began, heard, .. }
            | State::Speech { began, heard }
            | State::Pausing { began, heard, .. } => heard.saturating_duration_since(began),
        }
    }

    /// Whether a sound now would interrupt the bot.
    pub fn is_interrupting(&self) -> bool {
        matches!(self.bot, Bot::Speaks(_)) && !self.caller_speaks()
    }

    /// Whether the caller is in the middle of a turn.
    pub fn caller_speaks(&self) -> bool {
        match self.state {
            State::Quiet { .. } | State::Onset { .. } => false,
            State::Speech { .. } | State::Pausing { .. } => true,
        }
    }

    fn quiet(&mut self, now: Instant, since: Instant, probability: f32) {
        if probability >= SPEECH && self.bot != Bot::Speaks(Interruption::Refused) {
            self.state = State::Onset {
                since,
                began: now,
                heard: now,
            };
            return;
        }
        match self.bot {
            Bot::Listens {
                patience: Some(patience),
            } if now.saturating_duration_since(since) >= patience => {
                self.state = State::Quiet { since: now };
                self.acts.push_back(Act::Prompt);
            }
            Bot::Listens { .. } => {}
            Bot::Busy | Bot::Speaks(_) => self.state = State::Quiet { since: now },
        }
    }

    fn onset(&mut self, now: Instant, since: Instant, began: Instant, heard: Instant, probability: f32) {
        if self.bot == Bot::Speaks(Interruption::Refused) {
            self.state = State::Quiet { since: now };
            return;
        }
        if probability < SPEECH {
            if now.saturating_duration_since(heard) >= GAP {
                self.state = State::Quiet { since };
            }
            return;
        }
        self.state = State::Onset {
            since,
            began,
            heard: now,
        };
        let long = now.saturating_duration_since(began);
        match self.bot {
            Bot::Listens { .. } | Bot::Busy if long >= self.config.onset => {
                self.state = State::Speech { began, heard: now };
                self.acts.push_back(Act::Begin);
            }
            Bot::Speaks(_) if long >= self.config.onset => {
                self.state = State::Speech { began, heard: now };
                self.acts.extend([Act::Yield, Act::Begin]);
            }
            Bot::Listens { .. } | Bot::Busy | Bot::Speaks(_) => {}
        }
    }

    fn speech(&mut self, now: Instant, began: Instant, heard: Instant, probability: f32) {
        let pausing = matches!(self.state, State::Pausing { .. });
        if now.saturating_duration_since(began) >= self.config.longest {
            return self.finish(now);
        }
        let threshold = if pausing { SPEECH } else { STILL_SPEECH };
        if probability >= threshold {
            if pausing {
                self.acts.push_back(Act::Resume {
                    after: now.saturating_duration_since(heard),
                });
            }
            self.state = State::Speech { began, heard: now };
            return;
        }
        let silent = now.saturating_duration_since(heard);
        let paused = |pause| State::Pausing { began, heard, pause };
        if !pausing && silent >= self.config.pause {
            self.state = paused(Pause::Short);
            self.acts.push_back(Act::Pause);
        }
        if self.state == paused(Pause::Short) && silent >= self.config.consider {
            self.state = paused(Pause::Considered);
            self.acts.push_back(Act::Consider);
        }
        if silent >= self.silence {
            self.finish(now);
        }
    }

    fn finish(&mut self, now: Instant) {
        self.state = State::Quiet { since: now };
        self.bot = Bot::Busy;
        self.acts.push_back(Act::Answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// Runs two timelines of 20 ms a character against `expected`: what acts fell where, a letter each (`.` none).
    /// Caller: `#` speech. Bot: `#` speaks, `!` speaks and must be heard, `.` listens with 2 s of patience.
    fn check(caller: &str, bot: &str, expected: &str) {
        let start = clock::now();
        let mut turn = Turn::new(start, Config::default());
        let mut before = '-';
        let mut acts = String::new();
        for (n, (c, b)) in caller.chars().zip(bot.chars()).enumerate() {
            let now = start + Duration::from_millis(20) * n as u32;
            if b != before {
                match b {
                    '#' => turn.bot_speaks(Interruption::Allowed),
                    '!' => turn.bot_speaks(Interruption::Refused),
                    _ => turn.bot_listens(now, Some(Duration::from_secs(2)), Config::default().silence),
                }
                before = b;
            }
            turn.hear(now, if c == '#' { 0.9 } else { 0.05 });
            let mut letter = '.';
            while let Some(act) = turn.poll() {
                letter = match act {
                    Act::Begin if letter == 'Y' => 'Y',
                    Act::Begin => 'B',
                    Act::Yield => 'Y',
                    Act::Pause => 'p',
                    Act::Consider => 'c',
                    Act::Resume { .. } => 'r',
                    Act::Answer => 'A',
                    Act::Prompt => 'P',
                };
            }
            acts.push(letter);
        }
        assert_eq!(acts, expected, "\n{caller}\n{bot}");
    }

    fn dots(n: usize) -> String {
        ".".repeat(n)
    }

    #[test]
    fn answers_after_half_a_second_of_silence() {
        let caller = format!("..{}{}", "#".repeat(20), dots(30));
        let expected = format!("......B{}p...c{}A{}", dots(18), dots(16), dots(5));
        check(&caller, &dots(52), &expected);
    }

    #[test]
    fn a_pause_is_not_an_end() {
        let caller = format!("{}{}{}{}", "#".repeat(10), dots(12), "#".repeat(10), dots(28));
        let expected = format!(
            "....B{}p...c{}r{}p...c{}A{}",
            dots(8),
            dots(4),
            dots(12),
            dots(16),
            dots(3)
        );
        check(&caller, &dots(60), &expected);
    }

    #[test]
    fn a_click_is_not_speech() {
        check("..##..........", &dots(14), &dots(14));
    }

    #[test]
    fn yields_at_once_to_a_caller_who_cuts_in() {
        let caller = format!("..{}{}", "#".repeat(20), dots(10));
        check(&caller, &"#".repeat(32), &format!("......Y{}p...c..", dots(18)));
    }

    #[test]
    fn what_must_be_heard_is_not_interrupted() {
        let caller = "#".repeat(30);
        check(&caller, &"!".repeat(30), &dots(30));
    }

    #[test]
    fn prompts_a_silent_caller_when_the_bot_has_finished() {
        let bot = format!("{}{}", "#".repeat(50), dots(110));
        check(&dots(160), &bot, &format!("{}P{}", dots(150), dots(9)));
    }

    #[test]
    fn a_complete_answer_ends_at_the_pause() {
        let start = clock::now();
        let mut turn = Turn::new(start, Config::default());
        turn.bot_listens(start, None, Duration::from_millis(1500));
        let mut acts = Vec::new();
        for n in 0..30_u32 {
            let now = start + Duration::from_millis(20) * n;
            turn.hear(now, if n < 15 { 0.9 } else { 0.0 });
            if n == 25 {
                turn.complete(now);
            }
            acts.extend(std::iter::from_fn(|| turn.poll()));
        }
        assert_eq!(acts, [Act::Begin, Act::Pause, Act::Consider, Act::Answer]);
    }
}
