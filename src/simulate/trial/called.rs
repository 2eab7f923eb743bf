//! One test of a plan in which the bot calls somebody: a campaign of one contact, and whoever has their number.
//!
//! The plan's first campaign runs by a simulated network that has one subscriber. The hours and holidays of its window are left out, so that a test goes at any
//! time of any day, and so are lists that would have to be imported; all else that keeps somebody from being called holds as in life.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use serde_json::{Map, Value};

use super::{RECORD, TrialError, answers, audio, own};
use crate::audio::wav;
use crate::campaign::contact;
use crate::clock;
use crate::config::Config;
use crate::dialplan::campaign::{Campaign, Holidays, Public, VarKind, Window};
use crate::dialplan::scenario::{AnsweredBy, Audio, Callee, Line as Written, Scenario};
use crate::engine::Wish;
use crate::engine::load::{self, Script as Loaded};
use crate::language::Language;
use crate::simulate::caller::Step;
use crate::simulate::network::{Exchange, Ledger, Part, Prepared, Rings, Then, last_words};
use crate::simulate::script::{Interrupt, Line, Script, Signal, Who};
use crate::simulate::voices::prepare;
use crate::simulate::{Report, RingError, judging};
use crate::sip::{Destinations, Trunk};
use crate::speech::Engines;
use crate::store::Store;
use crate::store::campaigns::{AttemptRow, INTERNAL, State};
use crate::tools::{Failure, Returned, Toolbox};

/// Real to nobody: the German regulator keeps it for films.
const NUMBER: &str = "+493023125000";
const TRUNK: &str = "network";
const CONTACT: &str = "test";
/// From the start of the campaign to the end of its call.
const CALL: Duration = Duration::from_secs(300);
/// What a machine says, as much of it as its greeting is long.
const GREETING: [&str; 6] = [
    "Hello, you have reached Anna.",
    "I can't come to the phone right now.",
    "Please leave your name and your number, and I will call you back.",
    "If it is urgent, please try again later.",
    "Thank you very much for your call.",
    "You may speak after the tone.",
];
const GREETING_ZH: [&str; 6] = [
    "您好，这里是安娜的语音信箱。",
    "我现在不方便接听电话。",
    "请留下您的姓名和电话号码，我会尽快给您回电。",
    "如有急事，请稍后再拨。",
    "非常感谢您的来电。",
    "请在提示音后留言。",
];
/// Who says nothing of it says hello after this time.
const AT_ONCE: Duration = Duration::from_millis(300);
/// Questions that somebody who has no lines of their own answers, at most.
const ANSWERS: usize = 8;

/// What a machine recorded, beside the recording of the call.
const MACHINE: &str = "machine.wav";

/// What came of the call that was placed.
pub struct Called {
    pub attempt: AttemptRow,
    /// What the machine recorded after its beep, and what the bot said last; 16 kHz mono.
    pub recorded: Arc<[i16]>,
    pub said_last: Vec<i16>,
}

/// Makes the call of `scenario`, as [`run`](super::run).
pub(super) async fn run(
    config: &Config,
    engines: &Arc<Engines>,
    loaded: &Loaded,
    scenario: &Scenario,
    callee: &Callee,
    (folder, seed): (&Path, u64),
) -> Result<super::Trial, TrialError> {
    let (loaded, campaign) = at_any_time(loaded).ok_or(TrialError::NoCampaign)?;
    let language = language(&loaded, &campaign);
    let part = part(engines, callee, &scenario.audio, language, seed).await?;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let kept = Arc::clone(&ledger);
    let watch = move |happening: &_| kept.lock().unwrap_or_else(PoisonError::into_inner).note(happening);
    let exchange = Exchange::start(([127, 0, 0, 1], 0).into(), Prepared::everybody(part), watch).await;
    let exchange = exchange.map_err(|e| TrialError::Ring(e.into()))?;
    let mut config = own(config, folder)?;
    config.campaigns.webhooks.clear();
    config.campaigns.holidays.clear();
    config.sip.trunks = vec![Trunk {
        name: TRUNK.to_owned(),
        server: exchange.address().to_string(),
        ..Trunk::default()
    }];
    config.outbound.allow = Destinations::Listed(NUMBER.parse().into_iter().collect());
    config.outbound.cap.calls = None;
    let store = Store::open(&folder.join("offhook.db")).await?;
    wish(&store, &campaign).await?;
    let toolbox = Toolbox::scripted(tools(scenario, &loaded));
    let running = load::start_with(&config, loaded.clone(), Arc::clone(engines), toolbox).await?;
    let wishes = running.wishes.clone();
    let watching = async {
        let attempt = tokio::time::timeout(CALL, attempt(&store, &campaign.name)).await;
        wishes.send(Wish::Drain).await.ok();
        attempt
    };
    let (attempt, ()) = tokio::join!(watching, running.run());
    exchange.close().await;
    let record = async {
        let attempt = attempt.map_err(|_| TrialError::NotCalled)??;
        let call = attempt.call.clone().ok_or(TrialError::NoRecord)?;
        let record = tokio::time::timeout(RECORD, record(&store, &call)).await;
        Ok::<_, TrialError>((attempt, record.map_err(|_| TrialError::NoRecord)??))
    };
    let record = record.await;
    store.close().await;
    let (attempt, record) = record?;
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let placed = ledger.calls().last();
    let called = Called {
        attempt,
        recorded: placed.map(|placed| Arc::clone(&placed.recorded)).unwrap_or_default(),
        said_last: record.summary.recording.as_deref().map(said_last).unwrap_or_default(),
    };
    if !called.recorded.is_empty() {
        let path = folder.join(MACHINE);
        let sound = wav::mono(&called.recorded).map_err(std::io::Error::other);
        let written = sound.and_then(|sound| std::fs::write(&path, sound));
        written.map_err(|source| TrialError::Folder { path, source })?;
    }
    let failures = judging::placed(scenario, &record, &called, language);
    Ok(super::Trial {
        record,
        report: Report::default(),
        failures,
    })
}

/// `loaded` with its first campaign, which may call whenever it is run.
fn at_any_time(loaded: &Loaded) -> Option<(Loaded, Campaign)> {
    let mut plan = (*loaded.plan).clone();
    let campaign = plan.campaigns.values_mut().next()?;
    let days = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    if let Some(window) = &mut campaign.window {
        *window = Window {
            days: days.to_vec(),
            from: Time::midnight(),
            to: Time::midnight(),
            clock: window.clock,
            holidays: Holidays {
                public: Public::None,
                dates: Vec::new(),
            },
        };
    }
    if let Some(dnc) = &mut campaign.dnc {
        dnc.lists.retain(|list| list == INTERNAL);
    }
    if let Some(goal) = &mut campaign.goal {
        goal.holdout = 0.0;
    }
    let campaign = campaign.clone();
    let mut loaded = loaded.clone();
    loaded.plan = Arc::new(plan);
    Some((loaded, campaign))
}

/// As the test says. Where it says nothing of any, each does what it is asked, and tells nothing.
fn tools(scenario: &Scenario, loaded: &Loaded) -> BTreeMap<String, Result<Returned, Failure>> {
    if !scenario.tools.is_empty() {
        return answers(&scenario.tools);
    }
    let all = loaded.plan.tools.keys();
    all.map(|name| (name.clone(), Ok(Returned::new()))).collect()
}

/// Writes the contact, and the wish that they are called.
async fn wish(store: &Store, campaign: &Campaign) -> Result<(), TrialError> {
    let now = clock::wall();
    let contact = contact::read(campaign, &row(campaign), None, now).map_err(TrialError::Contact)?;
    store.add_contacts(&campaign.name, &[contact], now).await?;
    store
        .set_campaign_state(&campaign.name, State::Running, None, now)
        .await?;
    Ok(())
}

/// A contact as a file would have them.
fn row(campaign: &Campaign) -> Map<String, Value> {
    let columns = &campaign.contacts;
    let mut row = Map::new();
    if let Some(consent) = &campaign.consent {
        row.insert(consent.proof.clone(), CONTACT.into());
    }
    for var in &columns.vars {
        let value = match var.kind {
            VarKind::Text => var.name.replace('_', " "),
            VarKind::Number => "1".to_owned(),
            VarKind::Money => "12.50".to_owned(),
            VarKind::Date => "2026-01-15".to_owned(),
            VarKind::DateTime => "2026-01-15T15:00".to_owned(),
            VarKind::Boolean => "true".to_owned(),
            VarKind::Phone => NUMBER.to_owned(),
            VarKind::Email => "anna@example.com".to_owned(),
            VarKind::Url => "https://example.com".to_owned(),
        };
        row.insert(var.name.clone(), value.into());
    }
    row.insert(columns.key.clone(), CONTACT.into());
    row.insert(columns.phone.clone(), NUMBER.into());
    row
}

/// The attempt, once it is over.
async fn attempt(store: &Store, campaign: &str) -> Result<AttemptRow, TrialError> {
    loop {
        if let Some(contact) = store.contact_by_key(campaign, CONTACT).await? {
            let attempts = store.attempts_of(contact.id).await?;
            if let Some(ended) = attempts.into_iter().find(|attempt| attempt.ended.is_some()) {
                return Ok(ended);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The record of the call, once it is whole.
async fn record(store: &Store, call: &str) -> Result<crate::store::Record, TrialError> {
    loop {
        if let Some(record) = store.show(call).await?
            && record.summary.ended.is_some()
        {
            return Ok(record);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Of a recording, what the bot said last.
fn said_last(recording: &str) -> Vec<i16> {
    wav::read_bot(Path::new(recording))
        .map(|sound| last_words(&sound))
        .unwrap_or_default()
}

/// What whoever is called speaks.
pub(super) fn language_of(loaded: &Loaded) -> Language {
    let campaign = loaded.plan.campaigns.values().next();
    campaign.map_or(Language::English, |campaign| language(loaded, campaign))
}

/// What the campaign's assistant speaks first.
fn language(loaded: &Loaded, campaign: &Campaign) -> Language {
    let assistant = loaded.plan.assistants.get(&campaign.assistant);
    let first = assistant.and_then(|assistant| assistant.languages.first().copied());
    first.unwrap_or(Language::English)
}

/// Who answers, as the test says.
async fn part(
    engines: &Arc<Engines>,
    callee: &Callee,
    line: &Audio,
    language: Language,
    seed: u64,
) -> Result<Part, TrialError> {
    let script = script(callee, line, language, seed);
    let quality = script.audio.quality().map_err(RingError::Script)?;
    let rings = match callee.answer {
        AnsweredBy::Nobody => Rings::Forever,
        AnsweredBy::Human | AnsweredBy::Machine | AnsweredBy::Busy => Rings::For(Duration::from_millis(500)),
    };
    let then = match callee.answer {
        AnsweredBy::Busy => Then::Refuse(486),
        AnsweredBy::Human | AnsweredBy::Machine | AnsweredBy::Nobody => {
            let mut steps = prepare(Some(engines), &script, language).await?;
            if let Some(greeting) = callee.greeting {
                lasting(&mut steps, greeting);
            }
            if callee.answer == AnsweredBy::Human {
                steps = hello(steps, callee.first_speech_after.unwrap_or(AT_ONCE));
            }
            Then::Answer(steps)
        }
    };
    Ok(Part {
        name: "callee".to_owned(),
        early: Vec::new(),
        rings,
        then,
        quality,
    })
}

/// What whoever answers does, in `language`.
pub(super) fn script(callee: &Callee, line: &Audio, language: Language, seed: u64) -> Script {
    Script {
        language: language.code().to_owned(),
        from: String::new(),
        persona: None,
        audio: audio(line, seed),
        deaf: true,
        steps: steps(callee, language),
    }
}

fn steps(callee: &Callee, language: Language) -> Vec<Line> {
    match callee.answer {
        AnsweredBy::Human => person(callee, language),
        AnsweredBy::Machine => machine(callee, language),
        AnsweredBy::Busy | AnsweredBy::Nobody => Vec::new(),
    }
}

/// Says hello, and then their lines; who has none answers whatever they are asked with the key 1: yes, the first of all.
fn person(callee: &Callee, language: Language) -> Vec<Line> {
    let hello = match language {
        Language::English => "Hello?",
        Language::Mandarin => "喂？",
    };
    let hear = || Line::Hear(String::new());
    let mut steps = vec![Line::Say(hello.to_owned())];
    if callee.says.is_empty() {
        steps.extend((0..ANSWERS).flat_map(|_| [hear(), Line::Press("1".to_owned())]));
    }
    for line in &callee.says {
        match line {
            Written::Say(words) => steps.extend([hear(), Line::Say(words.clone())]),
            Written::Press(keys) => steps.extend([hear(), Line::Press(keys.clone())]),
            Written::Interrupt { say, after } => steps.push(Line::Interrupt(Interrupt {
                say: say.clone(),
                after: format!("{}ms", after.as_millis()),
            })),
            Written::Wait(span) => steps.push(Line::Wait(format!("{}ms", span.as_millis()))),
            Written::Hangup => steps.push(Line::End(Who::Caller)),
        }
    }
    if !matches!(steps.last(), Some(Line::End(_))) {
        steps.push(Line::End(Who::Bot));
    }
    steps
}

/// The first line is said after so long, unless somebody speaks before.
fn hello(steps: Vec<Step>, after: Duration) -> Vec<Step> {
    let mut steps = VecDeque::from(steps);
    if let Some(Step::Say { text, sound }) = steps.pop_front() {
        steps.push_front(Step::Hello { text, sound, after });
    }
    steps.into()
}

/// Greets, beeps if it is one that does, and records.
fn machine(callee: &Callee, language: Language) -> Vec<Line> {
    let greeting = match language {
        Language::English => GREETING,
        Language::Mandarin => GREETING_ZH,
    };
    let mut steps: Vec<Line> = greeting.iter().map(|words| Line::Greet((*words).to_owned())).collect();
    if callee.beep {
        steps.extend([Line::Wait("300ms".to_owned()), Line::Sound(Signal::Beep)]);
    }
    steps.extend([Line::Record("60s".to_owned()), Line::End(Who::Caller)]);
    steps
}

/// Makes one greeting of so long of the sentences that `steps` begin with: as many as it has room for, one at least, and silence behind them.
fn lasting(steps: &mut Vec<Step>, greeting: Duration) {
    let length = usize::try_from(greeting.as_millis().saturating_mul(16)).unwrap_or(usize::MAX);
    let mut whole: Vec<i16> = Vec::new();
    let sentences = steps
        .iter()
        .take_while(|step| matches!(step, Step::Play { text, .. } if !text.starts_with('[')));
    let count = sentences.count();
    for step in steps.drain(..count) {
        if let Step::Play { sound, .. } = step
            && (whole.is_empty() || whole.len() + sound.len() <= length)
        {
            whole.extend(sound);
        }
    }
    if count > 0 {
        whole.resize(whole.len().max(length), 0);
        let text = "[greeting]".to_owned();
        steps.insert(0, Step::Play { text, sound: whole });
    }
}
