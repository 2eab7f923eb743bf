//! What the bot says: words in, frames out, and a record of what was heard of it.
//!
//! The one owner of the bot's sound, so two voices can never mix. A line is split into clauses; the voice of the next
//! clause is asked for while one is playing. Playing can be paused and resumed, or cut: then only the words that were
//! heard are told. It knows no engine: it says which clause it wants and is given sound.

use std::collections::VecDeque;
use std::sync::Arc;

use super::turn::Interruption;
use crate::audio::level::word_before;
use crate::audio::{FRAME_SAMPLES, Frame};
use crate::language::Language;
use crate::speech::Priority;
use crate::speech::text::clauses;

/// Clauses whose voice is asked for at once: the one that is due and the next.
const AHEAD: usize = 2;

/// A clause whose voice is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: u64,
    pub clause: String,
    pub priority: Priority,
}

/// Words that the caller heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    pub ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Said to its end.
    Whole,
    /// The caller cut in.
    Cut,
}

/// When a clause is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Now,
    /// After others, or never.
    Later,
}

enum Voice {
    Unasked,
    Asked,
    Ready(Arc<[i16]>),
    Failed,
}

struct Clause {
    id: u64,
    text: String,
    voice: Voice,
    interruption: Interruption,
    kind: Kind,
    /// The last clause of its line: what was heard is told.
    last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Line,
    /// Only bridges a silence: no longer needed when there is something to say.
    Filler,
}

/// What came out of one tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popped {
    Sound(Frame),
    /// There is something to say, and its voice is not there yet.
    Waiting,
    /// Paused by somebody who talks over it.
    Paused,
    Idle,
}

/// Sound that begins or ends in its middle would click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fade {
    In,
    Out,
}

pub struct Playout {
    language: Language,
    queue: VecDeque<Clause>,
    /// A clause whose voice is made before it is known whether it is said.
    prepared: Option<Clause>,
    /// Samples of the first clause that were played.
    at: usize,
    paused: bool,
    /// The next frame begins or ends in the middle of a sound.
    fade: Option<Fade>,
    /// Clauses of the line under way that were said whole.
    said: Vec<String>,
    told: VecDeque<Heard>,
    next: u64,
}

impl Playout {
    pub fn new(language: Language) -> Self {
        Self {
            language,
            queue: VecDeque::new(),
            prepared: None,
            at: 0,
            paused: false,
            fade: None,
            said: Vec::new(),
            told: VecDeque::new(),
            next: 0,
        }
    }

    /// What is said from now on is in `language`.
    pub fn speak(&mut self, language: Language) {
        self.language = language;
    }

    /// Says `text` after what is still to be said.
    pub fn say(&mut self, text: &str, interruption: Interruption) {
        self.queue_line(text, interruption, Kind::Line);
    }

    /// Has the voice made of how `text` begins: [`Playout::say`] will need less time.
    pub fn prepare(&mut self, text: &str) {
        let Some(text) = clauses(text, self.language).into_iter().next() else {
            return;
        };
        if self.prepared.as_ref().is_some_and(|prepared| prepared.text == text) {
            return;
        }
        self.next += 1;
        self.prepared = Some(Clause {
            id: self.next,
            text,
            voice: Voice::Unasked,
            interruption: Interruption::Allowed,
            kind: Kind::Line,
            last: false,
        });
    }

    /// Forgets what was prepared and not said; tells whether there was anything.
    pub fn unprepare(&mut self) -> bool {
        self.prepared.take().is_some()
    }

    /// Says `text` to bridge a silence.
    pub fn fill(&mut self, text: &str) {
        self.queue_line(text, Interruption::Allowed, Kind::Filler);
    }

    /// Takes back a filler of which nothing was heard.
    pub fn drop_filler(&mut self) {
        let begun = self.at > 0;
        let mut first = true;
        self.queue.retain(|clause| {
            let under_way = std::mem::take(&mut first) && begun;
            under_way || clause.kind == Kind::Line
        });
    }

    /// Whether what is due next is a filler.
    pub fn is_filling(&self) -> bool {
        self.queue.front().is_some_and(|clause| clause.kind == Kind::Filler)
    }

    fn queue_line(&mut self, text: &str, interruption: Interruption, kind: Kind) {
        let parts = clauses(text, self.language);
        let count = parts.len();
        for (n, part) in parts.into_iter().enumerate() {
            let prepared = self.prepared.take_if(|prepared| prepared.text == part);
            let (id, voice) = prepared.map_or((self.next + 1, Voice::Unasked), |clause| (clause.id, clause.voice));
            self.next = self.next.max(id);
            let last = n + 1 == count;
            self.queue.push_back(Clause {
                id,
                text: part,
                voice,
                interruption,
                kind,
                last,
            });
        }
    }

    /// The clause whose voice should be made now.
    pub fn poll(&mut self) -> Option<Wanted> {
        let queued = self.queue.iter_mut().take(AHEAD).enumerate();
        let (n, clause) = queued
            .chain(self.prepared.iter_mut().map(|clause| (0, clause)))
            .find(|(_, clause)| matches!(clause.voice, Voice::Unasked))?;
        clause.voice = Voice::Asked;
        let priority = if n == 0 { Priority::Turn } else { Priority::Next };
        Some(Wanted {
            id: clause.id,
            clause: clause.text.clone(),
            priority,
        })
    }

    /// The voice of clause `id`: 16 kHz mono, or `None` if it could not be made; then the clause is passed over.
    /// Sound for a clause that was cut meanwhile is forgotten. Tells when the clause is due.
    pub fn voiced(&mut self, id: u64, sound: Option<Arc<[i16]>>) -> Due {
        let at = self.queue.iter().position(|clause| clause.id == id);
        let prepared = self.prepared.as_mut().filter(|clause| clause.id == id);
        if let Some(clause) = at.and_then(|at| self.queue.get_mut(at)).or(prepared) {
            clause.voice = sound.map_or(Voice::Failed, Voice::Ready);
        }
        if at == Some(0) { Due::Now } else { Due::Later }
    }

    /// Gives up the clause that is due.
    pub fn pass_over(&mut self) {
        if let Some(clause) = self.queue.front_mut() {
            clause.voice = Voice::Failed;
        }
    }

    /// The next 20 ms.
    pub fn pop(&mut self) -> Popped {
        let fade = self.fade.take();
        if self.paused && !self.queue.is_empty() && fade != Some(Fade::Out) {
            return Popped::Paused;
        }
        let mut frame = Vec::with_capacity(FRAME_SAMPLES);
        while frame.len() < FRAME_SAMPLES {
            let Some(clause) = self.queue.front() else { break };
            match &clause.voice {
                Voice::Unasked | Voice::Asked => break,
                Voice::Failed => self.finish_clause(),
                Voice::Ready(sound) => {
                    let rest = sound.get(self.at..).unwrap_or_default();
                    let count = rest.len().min(FRAME_SAMPLES - frame.len());
                    frame.extend_from_slice(&rest[..count]);
                    self.at += count;
                    if count == rest.len() {
                        self.finish_clause();
                    }
                }
            }
        }
        if let Some(fade) = fade {
            faded(&mut frame, fade);
        }
        match (frame.is_empty(), self.queue.is_empty()) {
            (false, _) => Popped::Sound(Frame::from_slice(&frame)),
            (true, false) => Popped::Waiting,
            (true, true) => Popped::Idle,
        }
    }

    /// Falls silent within 20 ms; [`Playout::resume`] goes on from the word that was cut.
    pub fn pause(&mut self) {
        if self.paused || self.queue.is_empty() {
            return;
        }
        self.paused = true;
        self.fade = (self.at > 0).then_some(Fade::Out);
    }

    /// Goes on at the beginning of the word in which it was paused.
    pub fn resume(&mut self) {
        if !std::mem::take(&mut self.paused) {
            return;
        }
        if let Some(Clause {
            voice: Voice::Ready(sound),
            ..
        }) = self.queue.front()
        {
            self.at = word_before(sound, self.at);
        }
        self.fade = (self.at > 0).then_some(Fade::In);
    }

    /// The line under way, as far as the caller may have heard of it.
    pub fn saying(&self) -> String {
        let begun = self
            .queue
            .front()
            .filter(|_| self.at > 0)
            .map(|clause| clause.text.as_str());
        let all: Vec<&str> = self.said.iter().map(String::as_str).chain(begun).collect();
        all.join(" ")
    }

    pub fn is_paused(&self) -> bool {
        self.paused && !self.queue.is_empty()
    }

    /// Forgets what is still to be said, but for what must be heard. The clause under way counts as heard as far as it was
    /// played, in whole words.
    pub fn cut(&mut self) {
        (self.paused, self.fade) = (false, None);
        let Some(clause) = self.queue.front() else { return };
        if clause.interruption == Interruption::Refused {
            self.queue.retain(|clause| clause.interruption == Interruption::Refused);
            return;
        }
        if let Voice::Ready(sound) = &clause.voice {
            let part = words_heard(&clause.text, self.at, sound.len(), self.language);
            if !part.is_empty() {
                self.said.push(part);
            }
        }
        self.queue.retain(|clause| clause.interruption == Interruption::Refused);
        self.at = 0;
        self.tell(Ending::Cut);
    }

    /// As [`Playout::cut`], and not even what must be heard is said to its end.
    pub fn break_off(&mut self) {
        for clause in &mut self.queue {
            clause.interruption = Interruption::Allowed;
        }
        self.cut();
        self.prepared = None;
    }

    /// Forgets everything: nobody listens.
    pub fn forget(&mut self) {
        self.queue.clear();
        self.prepared = None;
        self.said.clear();
        (self.at, self.paused, self.fade) = (0, false, None);
    }

    /// What was heard, line by line.
    pub fn heard(&mut self) -> Option<Heard> {
        self.told.pop_front()
    }

    /// Nothing is left to say.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether what is being said may be interrupted.
    pub fn interruption(&self) -> Interruption {
        self.queue
            .front()
            .map_or(Interruption::Allowed, |clause| clause.interruption)
    }

    fn finish_clause(&mut self) {
        self.at = 0;
        let Some(clause) = self.queue.pop_front() else { return };
        if let Voice::Ready(_) = clause.voice {
            self.said.push(clause.text);
        }
        if clause.last {
            self.tell(Ending::Whole);
        }
    }

    fn tell(&mut self, ending: Ending) {
        if self.said.is_empty() {
            return;
        }
        let between = match self.language {
            Language::English => " ",
            Language::Mandarin => "",
        };
        let text = self.said.join(between);
        self.said.clear();
        self.told.push_back(Heard { text, ending });
    }
}

fn faded(frame: &mut [i16], fade: Fade) {
    let count = frame.len().max(1) as f32;
    for (n, sample) in frame.iter_mut().enumerate() {
        let share = n as f32 / count;
        let gain = match fade {
            Fade::In => share,
            Fade::Out => 1.0 - share,
        };
        *sample = (f32::from(*sample) * gain) as i16;
    }
}

/// The words of `text` that fit into the first `played` of `whole` samples.
fn words_heard(text: &str, played: usize, whole: usize, language: Language) -> String {
    let share = |count: usize| (count * played).checked_div(whole).unwrap_or(0);
    match language {
        Language::English => {
            let words: Vec<&str> = text.split_whitespace().collect();
            words[..share(words.len()).min(words.len())].join(" ")
        }
        Language::Mandarin => text.chars().take(share(text.chars().count())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(playout: &mut Playout, samples: usize) -> Vec<String> {
        let mut asked = Vec::new();
        while let Some(wanted) = playout.poll() {
            playout.voiced(wanted.id, Some(vec![1; samples].into()));
            asked.push(wanted.clause);
        }
        asked
    }

    fn play(playout: &mut Playout) -> usize {
        std::iter::from_fn(|| match playout.pop() {
            Popped::Sound(_) => Some(()),
            Popped::Waiting | Popped::Paused | Popped::Idle => None,
        })
        .count()
    }

    #[test]
    fn plays_a_line_and_tells_that_it_was_heard() {
        let mut playout = Playout::new(Language::English);
        playout.say("Hello there.", Interruption::Allowed);
        assert_eq!(playout.pop(), Popped::Waiting);
        assert_eq!(ready(&mut playout, 800), ["Hello there."]);
        assert_eq!(play(&mut playout), 3, "two and a half frames, the last filled up");
        assert_eq!(
            playout.heard(),
            Some(Heard {
                text: "Hello there.".into(),
                ending: Ending::Whole
            })
        );
        assert_eq!(playout.pop(), Popped::Idle);
    }

    #[test]
    fn what_was_prepared_is_asked_for_once_and_said_without_waiting() {
        let mut playout = Playout::new(Language::English);
        playout.prepare("Hello there. How are you?");
        playout.prepare("Hello there. Good day.");
        assert_eq!(ready(&mut playout, 640), ["Hello there."]);
        playout.say("Hello there. Good day.", Interruption::Allowed);
        assert!(matches!(playout.pop(), Popped::Sound(_)));
        assert_eq!(ready(&mut playout, 640), ["Good day."]);
        assert!(!playout.unprepare());
        playout.prepare("Something else.");
        assert!(playout.unprepare());
    }

    /// Two words of 200 ms with 60 ms between them.
    fn two_words() -> Vec<i16> {
        let word = vec![4000; 3200];
        [word.clone(), vec![0; 960], word].concat()
    }

    #[test]
    fn resumes_at_the_word_that_was_cut_and_does_not_click() {
        let mut playout = Playout::new(Language::English);
        playout.say("Hello there.", Interruption::Allowed);
        let wanted = playout.poll().expect("asked");
        playout.voiced(wanted.id, Some(two_words().into()));
        for _ in 0..17 {
            playout.pop();
        }
        playout.pause();
        let Popped::Sound(last) = playout.pop() else {
            panic!("it ends softly")
        };
        assert!(last.samples()[0] > 3900 && last.samples()[FRAME_SAMPLES - 1] < 20);
        assert_eq!(playout.pop(), Popped::Paused);
        assert_eq!(playout.saying(), "Hello there.");
        playout.resume();
        let Popped::Sound(first) = playout.pop() else {
            panic!("it goes on")
        };
        assert_eq!(first.samples()[0], 0);
        // The whole second word, and at most a frame of the pause before it.
        assert!((9..=10).contains(&play(&mut playout)));
    }

    #[test]
    fn only_words_that_were_heard_are_told_after_a_cut() {
        let mut playout = Playout::new(Language::English);
        playout.say("One two three four.", Interruption::Allowed);
        playout.say("Never said.", Interruption::Allowed);
        ready(&mut playout, 6400);
        for _ in 0..10 {
            playout.pop();
        }
        playout.cut();
        assert_eq!(
            playout.heard(),
            Some(Heard {
                text: "One two".into(),
                ending: Ending::Cut
            })
        );
        assert_eq!((playout.heard(), playout.pop()), (None, Popped::Idle));
    }

    #[test]
    fn what_must_be_heard_survives_a_cut() {
        let mut playout = Playout::new(Language::English);
        playout.say("Idle talk.", Interruption::Allowed);
        playout.say("This must be heard.", Interruption::Refused);
        ready(&mut playout, 3200);
        playout.pop();
        playout.cut();
        assert_eq!(playout.heard(), None, "not a whole word of the idle talk was heard");
        play(&mut playout);
        assert_eq!(
            playout.heard().map(|heard| heard.text),
            Some("This must be heard.".into())
        );
    }

    #[test]
    fn a_clause_without_a_voice_is_passed_over_and_not_told() {
        let mut playout = Playout::new(Language::Mandarin);
        playout.say("您好。", Interruption::Allowed);
        let wanted = playout.poll().expect("asked");
        playout.voiced(wanted.id, None);
        assert_eq!(playout.pop(), Popped::Idle);
        assert_eq!(playout.heard(), None);
    }

    #[test]
    fn a_filler_goes_when_it_was_not_begun() {
        let mut playout = Playout::new(Language::English);
        playout.fill("One moment.");
        assert!(playout.is_filling());
        playout.drop_filler();
        playout.say("Here it is.", Interruption::Allowed);
        assert_eq!(ready(&mut playout, 640), ["Here it is."]);
        play(&mut playout);
        playout.fill("One moment.");
        ready(&mut playout, 640);
        playout.pop();
        playout.drop_filler();
        assert_eq!(play(&mut playout), 1, "what was begun is said to its end");
    }

    #[test]
    fn asks_for_one_clause_ahead() {
        let mut playout = Playout::new(Language::English);
        for text in ["One.", "Two.", "Three."] {
            playout.say(text, Interruption::Allowed);
        }
        assert_eq!(playout.poll().map(|w| w.priority), Some(Priority::Turn));
        assert_eq!(playout.poll().map(|w| w.priority), Some(Priority::Next));
        assert_eq!(playout.poll(), None);
    }
}
