//! What was said in a call: the caller's words as they were recognised, those of people who spoke with them, and of the bot's those that the
//! caller heard.
//!
//! It is told times as they passed since the call was answered. It knows no sound and no meaning.

use std::time::Duration;

/// The turns of one call, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    turns: Vec<Turn>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub speaker: Speaker,
    pub words: String,
    /// Since the call was answered.
    pub from: Duration,
    /// Since the call was answered; of a turn under way the same as `from`.
    pub to: Duration,
    pub privacy: Privacy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    Caller,
    /// Its turn may have been cut short; `words` are those that were heard.
    Bot(Heard),
    /// A person who had the call.
    Agent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Still being said; the words are all that are meant to be.
    UnderWay,
    Whole,
    /// The caller cut in.
    Part,
}

/// Whether words may be shown to a model and kept in a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    Open,
    /// They hold a personal value.
    Withheld,
}

/// In place of words that are withheld.
const WITHHELD: &str = "[withheld]";

impl Conversation {
    /// The caller said `words`.
    pub fn caller_said(&mut self, from: Duration, to: Duration, words: &str, privacy: Privacy) {
        self.person_said(Speaker::Caller, from, to, words, privacy);
    }

    /// A person who had the call said `words`. What was begun before other turns takes its place before them: words of two who talk at once
    /// are known as they end.
    pub fn agent_said(&mut self, from: Duration, to: Duration, words: &str, privacy: Privacy) {
        self.person_said(Speaker::Agent, from, to, words, privacy);
    }

    fn person_said(&mut self, speaker: Speaker, from: Duration, to: Duration, words: &str, privacy: Privacy) {
        let later = self.turns.iter().rev().take_while(|turn| turn.from > from).count();
        let turn = Turn {
            speaker,
            words: words.trim().to_owned(),
            from,
            to,
            privacy,
        };
        self.turns.insert(self.turns.len() - later, turn);
    }

    /// The bot begins to say `words`; a turn of its that was under way is taken as heard up to here.
    pub fn bot_begins(&mut self, at: Duration, words: &str, privacy: Privacy) {
        self.bot_ends(at);
        self.turns.push(Turn {
            speaker: Speaker::Bot(Heard::UnderWay),
            words: words.trim().to_owned(),
            from: at,
            to: at,
            privacy,
        });
    }

    /// The bot goes on with the same turn: a model's next sentence.
    pub fn bot_adds(&mut self, words: &str) {
        if let Some(turn) = self.under_way() {
            let blank = !turn.words.is_empty() && turn.words.is_ascii();
            turn.words.push_str(if blank { " " } else { "" });
            turn.words.push_str(words.trim());
        }
    }

    /// The bot has said all of it.
    pub fn bot_ends(&mut self, at: Duration) {
        if let Some(turn) = self.under_way() {
            (turn.speaker, turn.to) = (Speaker::Bot(Heard::Whole), at);
        }
    }

    /// The bot was cut off after `fraction` (0 to 1) of the sound of its turn: the words after that were not heard, and
    /// go. A turn of which nothing was heard goes whole.
    pub fn bot_cut(&mut self, at: Duration, fraction: f32) {
        let Some(turn) = self.under_way() else { return };
        let heard = heard_part(&turn.words, fraction).to_owned();
        let whole = heard.len() == turn.words.len();
        (turn.speaker, turn.to, turn.words) = (Speaker::Bot(if whole { Heard::Whole } else { Heard::Part }), at, heard);
        self.turns
            .retain(|turn| !(turn.words.is_empty() && turn.speaker == Speaker::Bot(Heard::Part)));
    }

    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// The last `count` turns, the oldest first.
    pub fn recent(&self, count: usize) -> &[Turn] {
        self.turns
            .get(self.turns.len().saturating_sub(count)..)
            .unwrap_or_default()
    }

    /// All that the caller said, for what may only be repeated and not invented.
    pub fn all_from_caller(&self) -> String {
        let said = self.turns.iter().filter(|turn| turn.speaker == Speaker::Caller);
        said.map(|turn| turn.words.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// A line a turn: minutes and seconds, who, and the words; a turn cut short ends with a dash.
    pub fn transcript(&self) -> String {
        let line = |turn: &Turn| {
            let seconds = turn.from.as_secs();
            let (who, ending) = match turn.speaker {
                Speaker::Caller => ("caller", ""),
                Speaker::Agent => ("agent", ""),
                Speaker::Bot(Heard::Part) => ("bot", " —"),
                Speaker::Bot(Heard::UnderWay | Heard::Whole) => ("bot", ""),
            };
            format!(
                "{:02}:{:02} {who}: {}{ending}\n",
                seconds / 60,
                seconds % 60,
                turn.shown()
            )
        };
        self.turns.iter().map(line).collect()
    }

    fn under_way(&mut self) -> Option<&mut Turn> {
        self.turns
            .iter_mut()
            .rev()
            .find(|turn| turn.speaker == Speaker::Bot(Heard::UnderWay))
    }
}

impl Turn {
    /// The words, where they may be shown.
    pub fn shown(&self) -> &str {
        self.privacy.shown(&self.words)
    }
}

impl Privacy {
    /// `words`, where they may be shown.
    pub fn shown(self, words: &str) -> &str {
        match self {
            Privacy::Open => words,
            Privacy::Withheld => WITHHELD,
        }
    }
}

/// The whole words among the first `fraction` (0 to 1) of a text, by the time that they take: a Han character is as
/// long as three letters.
pub fn heard_part(words: &str, fraction: f32) -> &str {
    if fraction >= 1.0 {
        return words;
    }
    let length = |c: char| if super::words::is_han(c) { 3.0 } else { 1.0 };
    let heard = fraction.max(0.0) * words.chars().map(length).sum::<f32>();
    let mut passed = 0.0;
    let mut end = 0;
    let mut chars = words.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        passed += length(c);
        if passed > heard {
            break;
        }
        let next = chars.peek().map_or(' ', |(_, c)| *c);
        let breaks = super::words::is_han(c)
            || super::words::is_han(next)
            || next.is_whitespace()
            || !next.is_alphanumeric() && next != '\'';
        if breaks && !c.is_whitespace() {
            end = at + c.len_utf8();
        }
    }
    words.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_words_that_were_heard_enter() {
        let mut conversation = Conversation::default();
        conversation.bot_begins(at(0), "Hello, how can I help?", Privacy::Open);
        conversation.bot_ends(at(2));
        conversation.caller_said(at(3), at(5), " where is my order ", Privacy::Open);
        conversation.bot_begins(at(6), "Your order left our warehouse on Monday.", Privacy::Open);
        conversation.bot_cut(at(7), 0.5);
        conversation.caller_said(at(7), at(8), "a person please", Privacy::Open);
        conversation.bot_begins(at(65), "One moment.", Privacy::Open);
        conversation.bot_cut(at(65), 0.0);
        assert_eq!(
            conversation.transcript(),
            "00:00 bot: Hello, how can I help?\n00:03 caller: where is my order\n00:06 bot: Your order left our —\n00:07 caller: a person please\n",
        );
        assert_eq!(conversation.all_from_caller(), "where is my order a person please");
        assert_eq!(conversation.recent(1)[0].words, "a person please");
        assert_eq!(conversation.recent(9).len(), 4);
    }

    #[test]
    fn a_turn_may_come_in_sentences() {
        let mut conversation = Conversation::default();
        conversation.bot_begins(at(1), "Yes.", Privacy::Open);
        conversation.bot_adds("It is open.");
        conversation.bot_begins(at(4), "您好。", Privacy::Open);
        conversation.bot_adds("请讲。");
        let words: Vec<&str> = conversation.turns().iter().map(|turn| turn.words.as_str()).collect();
        assert_eq!(words, ["Yes. It is open.", "您好。请讲。"]);
        assert_eq!(
            (conversation.turns()[0].to, conversation.turns()[0].speaker),
            (at(4), Speaker::Bot(Heard::Whole))
        );
    }

    #[test]
    fn two_who_talk_at_once_stand_in_the_order_in_which_they_began() {
        let mut conversation = Conversation::default();
        conversation.caller_said(at(1), at(2), "hello", Privacy::Open);
        conversation.agent_said(at(6), at(7), "I see", Privacy::Open);
        conversation.caller_said(at(4), at(9), "it is about my order", Privacy::Open);
        conversation.agent_said(at(10), at(11), "your card", Privacy::Withheld);
        assert_eq!(
            conversation.transcript(),
            "00:01 caller: hello\n00:04 caller: it is about my order\n00:06 agent: I see\n00:10 agent: [withheld]\n",
        );
        assert_eq!(conversation.all_from_caller(), "hello it is about my order");
    }

    #[test]
    fn personal_words_are_not_shown() {
        let mut conversation = Conversation::default();
        conversation.caller_said(at(1), at(2), "my name is Anna", Privacy::Withheld);
        assert_eq!(conversation.transcript(), "00:01 caller: [withheld]\n");
    }

    #[test]
    fn cuts_at_words() {
        for (words, fraction, heard) in [
            ("Your order left", 0.0, ""),
            ("Your order left", 0.2, ""),
            ("Your order left", 0.3, "Your"),
            ("Your order left", 0.99, "Your order"),
            ("Your order left", 1.0, "Your order left"),
            ("It's here.", 0.45, "It's"),
            ("您的订单已发货", 0.5, "您的订"),
            ("anything", f32::NAN, ""),
        ] {
            assert_eq!(heard_part(words, fraction), heard, "{words} {fraction}");
        }
    }

    proptest! {
        #[test]
        fn a_part_begins_the_whole(words: String, fraction: f32) {
            prop_assert!(words.starts_with(heard_part(&words, fraction)));
        }
    }
}
