//! The stage: a caller, a bot, and a clock that only the test moves.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook::audio::level::amplify;
use offhook::audio::{FRAME_DURATION, Frame, frames, tone};
use offhook::call::brief::Brief;
use offhook::call::playout::Ending;
use offhook::call::{Call, CallBack, Heard, Line, Manager, Note, Output, Question, Return, Start, Suggestion};
use offhook::dialogue::Knowledge;
use offhook::dialogue::grounded::understanding;
use offhook::dialogue::minutes::Minutes;
use offhook::dialplan::{self, Command, Facts, Plan, Then, ToolCall, Value};
use offhook::language::Language;
use offhook::speech::text::spoken_length;
use offhook::speech::{Care, Transcript};

/// How long the scripted engines take.
#[derive(Clone, Copy)]
pub struct Speeds {
    pub hearing: Duration,
    pub voice: Duration,
    pub model: Duration,
    pub judging: Duration,
}

impl Default for Speeds {
    fn default() -> Self {
        Self {
            hearing: ms(200),
            voice: ms(80),
            model: ms(300),
            judging: ms(30),
        }
    }
}

/// How loud an agent is, in dBFS, and the sample that tells them from the caller.
const AGENT: f32 = -10.0;
const LOUDER: u16 = 7_000;

/// What an engine will answer, and when.
enum Due {
    Transcribed(u64, Result<Transcript, String>),
    Judged(u64, Result<f32, String>),
    Voiced(u64, Result<Arc<[i16]>, String>),
    Clause(u64, String),
    Understood(u64, Result<Vec<Command>, String>),
    Returned(u64, Result<BTreeMap<String, Value>, String>),
}

/// What a tool answers: names and values, or why it fails.
pub type Answer = Result<Vec<(&'static str, &'static str)>, &'static str>;

/// What a model says to a question, clause by clause, and what it means.
pub struct Thought {
    pub clauses: Vec<String>,
    pub meant: Result<Vec<Command>, String>,
}

pub type Mind = Box<dyn FnMut(Question) -> Thought>;

pub struct Stage {
    pub call: Call,
    pub now: Instant,
    started: Instant,
    pub speeds: Speeds,
    due: Vec<(Instant, Due)>,
    /// What the caller is saying: frames left, and the words that they make.
    saying: VecDeque<bool>,
    words: VecDeque<String>,
    /// The same of an agent, who is heard while the caller is with them.
    agent_saying: VecDeque<bool>,
    /// What comes over the line beside speech.
    sounds: VecDeque<Frame>,
    agent_words: VecDeque<String>,
    /// What people see who look at the call.
    pub lines: Vec<Line>,
    pub suggestions: Vec<Suggestion>,
    pub minutes: Vec<Minutes>,
    /// What the model will say, in order; nothing: it fails.
    pub thoughts: VecDeque<Vec<Command>>,
    /// What a model makes of questions, instead.
    pub mind: Option<Mind>,
    /// Questions to the model.
    pub asked: usize,
    pub ear: Works,
    /// The chance that a pause sounds like an end; `None`: nobody tells.
    pub sounds_finished: Option<f32>,
    /// What the ear takes the caller's language for, where it is left open.
    pub speaks: Option<Language>,
    /// The languages that it was asked about last.
    pub listened: Vec<Language>,
    pub voice: Works,
    pub notes: Vec<(Duration, Note)>,
    /// What tools answer, in the order of their use; nothing: they never do.
    pub answers: VecDeque<Answer>,
    /// And after how long.
    pub tool: Duration,
    pub used: Vec<ToolCall>,
    /// Messages left, and how long they are.
    pub kept: Vec<(String, Duration)>,
    pub hung_up: bool,
    pub transferred: Option<String>,
    /// Whether people wait for callers; and which queue the call was given to, with what they are told of it.
    pub desk: Works,
    pub queued: Option<(String, Brief)>,
    /// The caller's line is asked to go on without the bot.
    pub released: bool,
    /// The caller wants to be called back.
    pub call_back: Option<CallBack>,
    /// Frames in which the bot was heard.
    pub sounded: Vec<bool>,
    /// The bot's own sound comes back so much later and with so many dB less.
    pub echo: Option<(Duration, f32)>,
    spoken: Vec<Frame>,
    /// How many dB softer than usual the caller's side is.
    pub softer: f32,
    pub decodes: usize,
    /// Quick decodes are in doubt.
    pub mumbled: bool,
    /// How careful the last one was to be.
    pub care: Care,
    /// Clauses whose voice was asked for.
    pub voices: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Works {
    Yes,
    /// It fails every time.
    No,
    /// It never answers.
    Never,
}

pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn support() -> Arc<Plan> {
    plan("dialplans/support.yaml")
}

pub fn plan(path: &str) -> Arc<Plan> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Arc::new(dialplan::load(&path).unwrap_or_else(|problems| panic!("{problems:#?}")))
}

impl Stage {
    pub fn new(plan: Arc<Plan>, manager: Manager) -> Self {
        Self::with_voice(plan, manager, Works::Yes)
    }

    pub fn with_voice(plan: Arc<Plan>, manager: Manager, voice: Works) -> Self {
        Self::begin(Self::start(plan, manager), voice)
    }

    /// What a call begins with whose caller is served by the first assistant.
    pub fn start(plan: Arc<Plan>, manager: Manager) -> Start {
        let (name, assistant) = plan.assistants.iter().next().expect("an assistant");
        let mut documents = Vec::new();
        for base in plan.knowledge.values() {
            for source in &base.sources {
                documents.push((
                    source.display().to_string(),
                    std::fs::read_to_string(source).expect("knowledge"),
                ));
            }
        }
        Start {
            assistant: name.clone(),
            flow: first_flow(&plan),
            language: assistant.languages.first().copied().unwrap_or(Language::English),
            // A Wednesday noon in Berlin: the desk is open.
            facts: Facts {
                at: "2026-11-18T11:00:00Z".parse().expect("a time"),
                caller: [("number".to_owned(), Value::Text("+4930123456".into()))].into(),
                call: [("id".to_owned(), Value::Text("call-1".into()))].into(),
                queues: BTreeMap::new(),
            },
            understanding: understanding(&plan, name, &Arc::new(Knowledge::build(documents)), None),
            told: BTreeMap::new(),
            opening: None,
            manager,
            plan: Arc::clone(&plan),
        }
    }

    pub fn begin(start: Start, voice: Works) -> Self {
        let now = offhook::clock::now();
        let mut stage = Self {
            call: Call::new(now, start),
            now,
            started: now,
            speeds: Speeds::default(),
            due: Vec::new(),
            saying: VecDeque::new(),
            words: VecDeque::new(),
            agent_saying: VecDeque::new(),
            sounds: VecDeque::new(),
            agent_words: VecDeque::new(),
            lines: Vec::new(),
            suggestions: Vec::new(),
            minutes: Vec::new(),
            thoughts: VecDeque::new(),
            mind: None,
            asked: 0,
            ear: Works::Yes,
            sounds_finished: None,
            speaks: None,
            listened: Vec::new(),
            voice,
            notes: Vec::new(),
            answers: VecDeque::new(),
            tool: ms(300),
            used: Vec::new(),
            kept: Vec::new(),
            hung_up: false,
            transferred: None,
            desk: Works::No,
            queued: None,
            released: false,
            call_back: None,
            sounded: Vec::new(),
            echo: None,
            spoken: Vec::new(),
            softer: 0.0,
            decodes: 0,
            mumbled: false,
            care: Care::Quick,
            voices: Vec::new(),
        };
        stage.carry_out();
        stage
    }

    /// 20 ms.
    pub fn tick(&mut self) {
        self.now += FRAME_DURATION;
        let ready: Vec<Due> = self
            .due
            .extract_if(.., |(at, _)| *at <= self.now)
            .map(|(_, due)| due)
            .collect();
        for due in ready {
            match due {
                Due::Transcribed(id, result) => self.call.transcribed(self.now, id, result),
                Due::Judged(id, result) => self.call.judged(self.now, id, result),
                Due::Voiced(id, result) => self.call.voiced(self.now, id, result),
                Due::Clause(id, text) => self.call.clause(self.now, id, &text),
                Due::Understood(id, result) => self.call.understood(self.now, id, result),
                Due::Returned(id, result) => self.call.returned(self.now, id, result),
            }
            self.carry_out();
        }
        self.hear_agent();
        let speaks = self.saying.pop_front().unwrap_or(false);
        let other = if speaks { Some(loud()) } else { self.sounds.pop_front() };
        let mut frame = other.unwrap_or_else(Frame::silence);
        amplify(&mut frame.0[..], -self.softer);
        let echo = self.echo();
        let sounds = speaks || echo.level() > -50.0;
        for (sample, more) in frame.0.iter_mut().zip(echo.samples()) {
            *sample = sample.saturating_add(*more);
        }
        let probability = if sounds { 0.95 } else { 0.02 };
        let spoken = self.call.tick(
            self.now,
            Heard {
                frame: &frame,
                line: &frame,
                probability,
                arrived: self.now,
            },
        );
        self.sounded.push(spoken.is_some());
        self.spoken.push(spoken.unwrap_or_else(Frame::silence));
        self.carry_out();
    }

    fn hear_agent(&mut self) {
        if !self.call.is_bridged() {
            return;
        }
        let speaks = self.agent_saying.pop_front().unwrap_or(false);
        let (frame, probability) = if speaks {
            (Frame::from_slice(&tone::sine(200.0, AGENT, FRAME_DURATION)), 0.95)
        } else {
            (Frame::silence(), 0.02)
        };
        self.call.agent_said(self.now, "Ann", &frame, probability);
        self.carry_out();
    }

    fn echo(&self) -> Frame {
        let Some((late, less)) = self.echo else {
            return Frame::silence();
        };
        let frames = (late.as_millis() / 20) as usize;
        let at = self.spoken.len().checked_sub(frames);
        let mut frame = at
            .and_then(|at| self.spoken.get(at))
            .cloned()
            .unwrap_or_else(Frame::silence);
        amplify(&mut frame.0[..], -less);
        frame
    }

    /// Times that the bot went on after a sound.
    pub fn resumed(&self) -> usize {
        self.notes.iter().filter(|(_, note)| *note == Note::Resumed).count()
    }

    pub fn run(&mut self, span: Duration) {
        for _ in 0..span.as_millis() / FRAME_DURATION.as_millis() {
            self.tick();
        }
    }

    /// Runs until `done`, for a minute of the call at most.
    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..3_000 {
            if done(self) {
                return;
            }
            self.tick();
        }
        panic!(
            "within a minute of the call it never came to this: {what}\n{}",
            self.transcript()
        );
    }

    /// The caller says `words`, from now on; a `|` is a pause of 300 ms, `_` one of 1.2 s.
    pub fn say(&mut self, words: &str) {
        for part in words.split_inclusive(['|', '_']) {
            let text = part.trim_matches(['|', '_', ' ']);
            let frames = spoken_length(text, self.call.language()).as_millis() / 20;
            self.saying.extend(std::iter::repeat_n(true, frames.max(25) as usize));
            let pause = if part.ends_with('|') {
                15
            } else if part.ends_with('_') {
                60
            } else {
                0
            };
            self.saying.extend(std::iter::repeat_n(false, pause));
        }
        self.words.push_back(words.replace(['|', '_'], ""));
    }

    /// `sound` comes over the line, 16 kHz, and is no speech; until it is over.
    pub fn sound(&mut self, sound: &[i16]) {
        self.sounds.extend(frames(sound));
        self.until("the sound is over", |stage| stage.sounds.is_empty());
    }

    /// Until the caller has said all that they have to say.
    pub fn hear_out(&mut self) {
        self.until("the caller is silent", |stage| stage.saying.is_empty());
    }

    /// The agent says `words`, from now on.
    pub fn say_as_agent(&mut self, words: &str) {
        let frames = spoken_length(words, self.call.language()).as_millis() / 20;
        self.agent_saying
            .extend(std::iter::repeat_n(true, frames.max(25) as usize));
        self.agent_words.push_back(words.to_owned());
    }

    /// The caller makes a sound of `span` in which the ear finds `heard`.
    pub fn noise(&mut self, span: Duration, heard: &str) {
        self.saying
            .extend(std::iter::repeat_n(true, (span.as_millis() / 20) as usize));
        self.words.push_back(heard.to_owned());
    }

    /// Waits until the bot has finished, then says `words` and waits for the answer to begin.
    pub fn exchange(&mut self, words: &str) {
        self.await_silence();
        self.run(ms(400));
        let before = self.heard_count();
        self.say(words);
        self.until(&format!("`{words}` is heard"), |stage| {
            stage.heard_count() > before || stage.hung_up
        });
        let at = self.sounded.len();
        self.until("an answer", |stage| {
            stage.hung_up || stage.sounded[at..].contains(&true)
        });
    }

    /// Waits until the bot has said what it has to say.
    pub fn await_silence(&mut self) {
        self.until("the bot is silent", |stage| {
            stage.hung_up || (stage.sounded.len() > 50 && stage.sounded.iter().rev().take(50).all(|sounded| !sounded))
        });
    }

    pub fn bot_said(&self) -> Vec<String> {
        self.notes
            .iter()
            .filter_map(|(_, note)| match note {
                Note::Said {
                    text,
                    ending: Ending::Whole,
                } => Some(text.clone()),
                Note::Said {
                    text,
                    ending: Ending::Cut,
                } => Some(format!("{text} —")),
                _ => None,
            })
            .collect()
    }

    pub fn said(&self, words: &str) -> bool {
        self.bot_said().iter().any(|said| said.contains(words))
    }

    pub fn heard_count(&self) -> usize {
        self.notes
            .iter()
            .filter(|(_, note)| matches!(note, Note::Heard { .. }))
            .count()
    }

    pub fn gaps(&self) -> Vec<Duration> {
        self.notes
            .iter()
            .filter_map(|(_, note)| match note {
                Note::Turn(ledger) => Some(ledger.gap()),
                _ => None,
            })
            .collect()
    }

    pub fn transcript(&self) -> String {
        self.notes
            .iter()
            .map(|(at, note)| format!("{:7.2} {note:?}\n", at.as_secs_f64()))
            .collect()
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.call.poll() {
            match output {
                Output::Hear {
                    id, listening, samples, ..
                } => {
                    self.listened = listening.or.clone();
                    self.decodes += 1;
                    self.care = listening.care;
                    let louder = samples.iter().any(|sample| sample.unsigned_abs() > LOUDER);
                    let words = if louder { &self.agent_words } else { &self.words };
                    let text = words.front().cloned().unwrap_or_default();
                    let heard = Transcript {
                        text,
                        language: self.speaks.unwrap_or(listening.language),
                        confidence: -0.2,
                        took: self.speeds.hearing,
                        doubtful: self.mumbled && listening.care == Care::Quick,
                    };
                    let result = self.ear.answer(heard);
                    self.later(self.speeds.hearing, result.map(|result| Due::Transcribed(id, result)));
                }
                Output::Speak(wanted) => {
                    self.voices.push(wanted.clause.clone());
                    let span = spoken_length(&wanted.clause, self.call.language());
                    let sound: Arc<[i16]> = tone::sine(300.0, -20.0, span.max(ms(200))).into();
                    let result = self.voice.answer(sound);
                    self.later(self.speeds.voice, result.map(|result| Due::Voiced(wanted.id, result)));
                }
                Output::Ask { id, question } if self.mind.is_some() => {
                    self.asked += 1;
                    let Some(thought) = self.mind.as_mut().map(|mind| mind(*question)) else {
                        continue;
                    };
                    let mut wait = self.speeds.model;
                    for clause in thought.clauses {
                        self.later(wait, Some(Due::Clause(id, clause)));
                        wait += ms(200);
                    }
                    self.later(wait, Some(Due::Understood(id, thought.meant)));
                }
                Output::Ask { id, .. } => {
                    self.asked += 1;
                    let result = self.thoughts.pop_front().ok_or_else(|| "late".to_owned());
                    self.later(self.speeds.model, Some(Due::Understood(id, result)));
                }
                Output::Judge { id, .. } => {
                    let chance = self.sounds_finished;
                    self.later(self.speeds.judging, chance.map(|chance| Due::Judged(id, Ok(chance))));
                }
                Output::Unjudge => self.due.retain(|(_, due)| !matches!(due, Due::Judged(..))),
                Output::Unhear { id } => {
                    self.due
                        .retain(|(_, due)| !matches!(due, Due::Transcribed(asked, _) if *asked == id));
                }
                Output::Unask { id } => {
                    self.due.retain(
                        |(_, due)| !matches!(due, Due::Understood(asked, _) | Due::Clause(asked, _) if *asked == id),
                    );
                }
                Output::Unspeak => self.due.retain(|(_, due)| !matches!(due, Due::Voiced(..))),
                Output::Use { id, call } => {
                    self.used.push(*call);
                    let answer = self.answers.pop_front().map(|answer| {
                        let value = |text: &str| text.parse().map_or_else(|_| Value::Text(text.into()), Value::Number);
                        let values = answer.map_err(str::to_owned)?;
                        Ok(values
                            .into_iter()
                            .map(|(name, text)| (name.to_owned(), value(text)))
                            .collect())
                    });
                    self.later(self.tool, answer.map(|answer| Due::Returned(id, answer)));
                }
                Output::Keep { name, samples } => {
                    self.kept.push((name, ms(samples.len() as u64 / 16)));
                }
                Output::Transfer { to } => self.transferred = Some(to),
                Output::Queue { queue, brief, .. } => match self.desk {
                    Works::Yes => self.queued = Some((queue, *brief)),
                    Works::No | Works::Never => {
                        let nobody = Return::NoAgent("nobody is there".into());
                        self.call.returned_from_person(self.now, nobody);
                    }
                },
                Output::Consult { to, brief, .. } => self.queued = Some((to, *brief)),
                Output::Release => self.released = true,
                Output::CallBack(wanted) => self.call_back = Some(*wanted),
                Output::Said(line) => self.lines.push(line),
                Output::Suggested(suggestion) => self.suggestions.push(suggestion),
                Output::Minutes(minutes) => self.minutes.push(*minutes),
                Output::Hangup => self.hung_up = true,
                Output::Note(note) => {
                    if matches!(note, Note::Heard { .. } | Note::Resumed) {
                        self.words.pop_front();
                    }
                    if matches!(note, Note::AgentSaid { .. }) {
                        self.agent_words.pop_front();
                    }
                    self.notes.push((self.now - self.started, note));
                }
            }
        }
    }

    fn later(&mut self, wait: Duration, due: Option<Due>) {
        self.due.extend(due.map(|due| (self.now + wait, due)));
    }
}

/// Of the first route that answers.
fn first_flow(plan: &Plan) -> String {
    let flow = plan.routes.iter().find_map(|route| match &route.then {
        Then::Answer { flow, .. } => Some(flow.clone()),
        Then::Reject(_) => None,
    });
    flow.expect("a route that answers")
}

impl Works {
    fn answer<T>(self, right: T) -> Option<Result<T, String>> {
        match self {
            Works::Yes => Some(Ok(right)),
            Works::No => Some(Err("out of order".into())),
            Works::Never => None,
        }
    }
}

fn loud() -> Frame {
    Frame::from_slice(&tone::sine(200.0, -20.0, FRAME_DURATION))
}
