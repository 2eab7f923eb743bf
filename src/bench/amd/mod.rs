//! Who answers a call of the bot's: people who are lost because they are taken for machines, machines that are found, and how soon; the message left
//! on machines, and whether any of it is lost. Greetings by several voices and recorded ones, through the telephone; in simulated time, with the
//! real engines.

mod greetings;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use self::greetings::GREETINGS;
use super::recordings::{Error, through_the_telephone, trimmed};
use super::rehearsal::Rehearsal;
use super::tts::spoken;
use super::{milliseconds, percentile};
use crate::audio::conceal::Concealer;
use crate::audio::level::normalise;
use crate::audio::{FRAME_DURATION, FRAME_SAMPLES, Frame, SAMPLE_RATE, frames, tone, wav};
use crate::call::playout::Ending;
use crate::call::{Manager, Note, Opening, Start};
use crate::campaign::outcome::AnsweredBy;
use crate::clock;
use crate::dialplan::{Facts, parse};
use crate::language::{Language, Voice};
use crate::simulate::noise::{Noise, Place};
use crate::speech::Engines;

const PLAN: &str = r#"
version: 1
campaigns:
  bench:
    assistant: bot
    flow: talk
    contacts: {key: id, phone: phone, vars: [proof]}
    consent: {basis: prior_express, purpose: service, proof: proof}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: daily, from: "09:00", to: "20:00"}
    caller_id: "+4930123456"
    amd: {decide_within: 3s, unsure: human, on_machine: {after_beep: leave_message, no_beep: 25s}, on_ivr: hangup, on_call_screening: {say: WHO}}
routes: [{name: all, match: any, assistant: bot, flow: talk}]
assistants: {bot: {languages: [LANGUAGE], disclosure: WHO}}
slots: {choice: {type: boolean}}
flows:
  talk: {steps: [{collect: choice, ask: ASK}, {hangup: now}]}
  leave_message: {steps: [{say: MESSAGE, bargein: false}, {hangup: now}]}
"#;
const MESSAGE: [&str; 2] = [
    "Hello, it is about your order. Please call us back.",
    "您好，关于您的订单，请给我们回电。",
];
const WHO: [&str; 2] = [
    "This is Leo, an automated assistant calling for Acme.",
    "您好，我是艾克米公司的自动语音助手。",
];
const ASK: [&str; 2] = ["Do you have a minute?", "您现在方便吗？"];
/// What is waited for after the last sound: for the message, or for a verdict to change.
const AFTER: Duration = Duration::from_secs(14);
/// From a greeting's end to its beep.
const BEFORE_BEEP: Duration = Duration::from_millis(500);
/// Packets that are lost where any are, and speech over noise, dB.
const LOSS: f64 = 0.02;
const SNR: f32 = 15.0;
/// People who say nothing, in what is around them: of each so many.
const SILENT: usize = 8;

/// How it comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Clean,
    /// One packet in fifty is lost.
    Lossy,
    /// From a street.
    Noisy,
}

/// Somebody who answers.
struct Callee {
    kind: String,
    whom: AnsweredBy,
    language: Language,
    name: String,
    /// 16 kHz mono.
    sound: Vec<i16>,
    /// The end of the beep in it, in frames.
    beep: Option<usize>,
}

/// What became of one.
struct Became {
    first: Option<(Duration, AnsweredBy)>,
    last: Option<AnsweredBy>,
    /// Of a machine with a beep: the message was said whole after it.
    message: Option<bool>,
}

/// One kind, over one way.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub kind: String,
    pub way: Way,
    pub calls: usize,
    /// Per cent that were known for what they are at once, and in the end.
    pub at_once: f64,
    pub in_the_end: f64,
    /// From the answer to the first verdict, ms.
    pub verdict_p50: f64,
    pub verdict_p95: f64,
    /// Per cent of messages that were said whole after the beep.
    pub messages: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub people: usize,
    /// Per cent of them that were taken for something else, in the end.
    pub people_lost: f64,
    /// From the answer, ms; of people.
    pub verdict_p50: f64,
    pub verdict_p95: f64,
    pub machines: usize,
    /// Per cent of them that were found.
    pub machines_found: f64,
    pub messages_whole: f64,
    pub rows: Vec<Row>,
}

/// Has every greeting answered; `folder` holds recordings, with those of `amd/INDEX.tsv` where it is there. `each` is told what became of every call.
pub fn run(
    engines: &Arc<Engines>,
    voices: &[Voice],
    folder: &Path,
    mut each: impl FnMut(&str),
) -> Result<Figures, Error> {
    let mut callees = rendered(engines, voices)?;
    callees.extend(recorded(folder)?);
    callees.extend(silent());
    let mut became: BTreeMap<(String, Way), Vec<(AnsweredBy, Became)>> = BTreeMap::new();
    let mut random = StdRng::seed_from_u64(11);
    for callee in &callees {
        for way in [Way::Clean, Way::Lossy, Way::Noisy] {
            let lead = random.random_range(15..45_usize);
            let one = called(engines, callee, way, lead, &mut random)?;
            let message = one.message.map_or("", |whole| {
                if whole {
                    ", the message whole"
                } else {
                    ", NO WHOLE MESSAGE"
                }
            });
            let right = if one.last == Some(callee.whom) { "" } else { "WRONG " };
            let first = one.first.map_or("never".to_owned(), |(at, by)| {
                format!("{by} after {} ms", at.as_millis())
            });
            let last = one.last.map_or("nobody".to_owned(), |by| by.to_string());
            each(&format!(
                "{right}{} {way:?} {}: {first}, {last} in the end{message}",
                callee.kind, callee.name
            ));
            became
                .entry((callee.kind.clone(), way))
                .or_default()
                .push((callee.whom, one));
        }
    }
    Ok(figures(&became))
}

fn figures(became: &BTreeMap<(String, Way), Vec<(AnsweredBy, Became)>>) -> Figures {
    let share = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
    let times = |all: &[&(AnsweredBy, Became)]| -> Vec<f64> {
        let first = all.iter().filter_map(|(_, one)| one.first);
        first.map(|(at, _)| milliseconds(at)).collect()
    };
    let whole = |all: &[&(AnsweredBy, Became)]| {
        let messages: Vec<bool> = all.iter().filter_map(|(_, one)| one.message).collect();
        (!messages.is_empty()).then(|| share(messages.iter().filter(|whole| **whole).count(), messages.len()))
    };
    let rows = became.iter().map(|((kind, way), all)| {
        let all: Vec<&(AnsweredBy, Became)> = all.iter().collect();
        let right = |told: &dyn Fn(&Became) -> Option<AnsweredBy>| {
            share(
                all.iter().filter(|(whom, one)| told(one) == Some(*whom)).count(),
                all.len(),
            )
        };
        let times = times(&all);
        Row {
            kind: kind.clone(),
            way: *way,
            calls: all.len(),
            at_once: right(&|one| one.first.map(|(_, by)| by)),
            in_the_end: right(&|one| one.last),
            verdict_p50: percentile(&times, 0.5).unwrap_or(0.0),
            verdict_p95: percentile(&times, 0.95).unwrap_or(0.0),
            messages: whole(&all),
        }
    });
    let of = |wanted: AnsweredBy| -> Vec<&(AnsweredBy, Became)> {
        became.values().flatten().filter(|(whom, _)| *whom == wanted).collect()
    };
    let right = |all: &[&(AnsweredBy, Became)]| all.iter().filter(|(whom, one)| one.last == Some(*whom)).count();
    let (people, machines) = (of(AnsweredBy::Human), of(AnsweredBy::Machine));
    let waited = times(&people);
    Figures {
        people: people.len(),
        people_lost: share(people.len() - right(&people), people.len()),
        verdict_p50: percentile(&waited, 0.5).unwrap_or(0.0),
        verdict_p95: percentile(&waited, 0.95).unwrap_or(0.0),
        machines: machines.len(),
        machines_found: share(right(&machines), machines.len()),
        messages_whole: whole(&machines).unwrap_or(0.0),
        rows: rows.collect(),
    }
}

/// Every greeting by every voice of its language.
fn rendered(engines: &Engines, voices: &[Voice]) -> Result<Vec<Callee>, Error> {
    let mut callees = Vec::new();
    for greetings in GREETINGS {
        for voice in voices {
            for (n, words) in greetings.in_language(voice.language()).iter().enumerate() {
                let mut sound = spoken(engines, *voice, words)?.to_vec();
                normalise(&mut sound);
                let beep = (greetings.whom == AnsweredBy::Machine).then(|| with_beep(&mut sound, n));
                callees.push(Callee {
                    kind: format!("{}, {}", greetings.kind, voice.language().code()),
                    whom: greetings.whom,
                    language: voice.language(),
                    name: (*words).to_owned(),
                    sound,
                    beep,
                });
            }
        }
    }
    Ok(callees)
}

/// Adds a pause and the `n`th kind of beep; where it ends, in frames.
fn with_beep(sound: &mut Vec<i16>, n: usize) -> usize {
    let pause = Frame::silence()
        .samples()
        .repeat((BEFORE_BEEP.as_millis() / FRAME_DURATION.as_millis()) as usize);
    sound.extend(pause);
    let hz = [1_000.0, 850.0, 440.0, 1_400.0, 620.0];
    let long = [400, 250, 800, 1_000];
    let (hz, long) = (hz.get(n % hz.len()), long.get(n % long.len()));
    let long = Duration::from_millis(long.copied().unwrap_or(400));
    sound.extend(tone::sine(hz.copied().unwrap_or(1_000.0), -16.0, long));
    sound.len().div_ceil(FRAME_SAMPLES)
}

/// The recordings of `folder/amd`, as its index labels them; none where there is none.
fn recorded(folder: &Path) -> Result<Vec<Callee>, Error> {
    let folder = folder.join("amd");
    let Ok(index) = std::fs::read_to_string(folder.join("INDEX.tsv")) else {
        return Ok(Vec::new());
    };
    let mut callees = Vec::new();
    for line in index.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(file), Some(label)) = (columns.next(), columns.next()) else {
            continue;
        };
        let Ok(whom) = label.parse::<AnsweredBy>() else {
            continue;
        };
        let mut sound = wav::read(&folder.join(file))?;
        normalise(&mut sound);
        let mut sound = trimmed(&sound).to_vec();
        let beep = (whom == AnsweredBy::Machine).then(|| with_beep(&mut sound, 0));
        callees.push(Callee {
            kind: format!("recorded, {label}"),
            whom,
            language: Language::English,
            name: file.to_owned(),
            sound,
            beep,
        });
    }
    Ok(callees)
}

/// People who say nothing: into a silent telephone, and with something around them.
fn silent() -> Vec<Callee> {
    let around = |name: &'static str, place: Option<Place>, snr: f32| {
        (0..SILENT).map(move |n| {
            let mut noise = place.map(|place| Noise::new(place, snr, n as u64));
            let mut sound = Vec::new();
            for _ in 0..Duration::from_secs(8).as_millis() / FRAME_DURATION.as_millis() {
                let mut frame = Frame::silence();
                if let Some(noise) = &mut noise {
                    noise.mix(&mut frame);
                }
                sound.extend_from_slice(frame.samples());
            }
            Callee {
                kind: "says nothing".to_owned(),
                whom: AnsweredBy::Human,
                language: Language::English,
                name: format!("{name} {n}"),
                sound,
                beep: None,
            }
        })
    };
    around("silence", None, 0.0)
        .take(1)
        .chain(around("hiss", Some(Place::White), 35.0))
        .chain(around("street", Some(Place::Street), 10.0))
        .chain(around("people behind", Some(Place::Babble), 15.0))
        .chain(around("television", Some(Place::Television), 12.0))
        .collect()
}

/// `callee` answers, and begins after `lead` frames.
fn called(
    engines: &Arc<Engines>,
    callee: &Callee,
    way: Way,
    lead: usize,
    random: &mut StdRng,
) -> Result<Became, Error> {
    let mut sound = Frame::silence().samples().repeat(lead);
    sound.extend_from_slice(&callee.sound);
    let sound = over(&sound, way, random);
    let mut call = Rehearsal::begin(engines, start(callee.language)?);
    let patience = sound.len() + (AFTER.as_millis() / FRAME_DURATION.as_millis()) as usize;
    for frame in sound.iter().chain(std::iter::repeat(&Frame::silence())).take(patience) {
        call.tick(frame)?;
        if call.hung_up {
            break;
        }
    }
    let verdicts: Vec<(Duration, AnsweredBy)> = call
        .notes
        .iter()
        .filter_map(|(at, note)| match note {
            Note::AnsweredBy(by) => Some((*at, *by)),
            _ => None,
        })
        .collect();
    let message = callee.beep.map(|beep| {
        let after = lead + beep;
        let silent = call.sent.iter().skip(after).take(5).all(Option::is_none);
        let said = call.notes.iter().any(|(_, note)| {
            matches!(note, Note::Said { text, ending: Ending::Whole } if MESSAGE.iter().any(|message| alike(text, message)))
        });
        silent && said
    });
    Ok(Became {
        first: verdicts.first().copied(),
        last: verdicts.last().map(|(_, by)| *by),
        message,
    })
}

/// But for punctuation and white space.
fn alike(said: &str, wanted: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    bare(said) == bare(wanted)
}

/// What arrives of `sound`.
fn over(sound: &[i16], way: Way, random: &mut StdRng) -> Vec<Frame> {
    let mut spoken: Vec<Frame> = frames(sound).collect();
    if way == Way::Noisy {
        let mut street = Noise::new(Place::Street, SNR, random.random());
        spoken.iter_mut().for_each(|frame| street.mix(frame));
    }
    let flat: Vec<i16> = spoken
        .iter()
        .flat_map(|frame| frame.samples().iter().copied())
        .collect();
    let mut arrived: Vec<Frame> = frames(&through_the_telephone(&flat)).collect();
    if way == Way::Lossy {
        let mut concealer = Concealer::new(SAMPLE_RATE);
        for frame in &mut arrived {
            if random.random_bool(LOSS) {
                concealer.missing(&mut frame.0[..]);
            } else {
                concealer.heard(&mut frame.0[..]);
            }
        }
    }
    arrived
}

/// The call of a campaign in `language`.
fn start(language: Language) -> Result<Start, Error> {
    let of = |words: [&str; 2]| {
        let [english, mandarin] = words;
        let words = match language {
            Language::English => english,
            Language::Mandarin => mandarin,
        };
        serde_json::Value::from(words).to_string()
    };
    let text = PLAN
        .replace("LANGUAGE", language.code())
        .replace("WHO", &of(WHO))
        .replace("ASK", &of(ASK))
        .replace("MESSAGE", &of(MESSAGE));
    let plan = parse(&text, "bench amd").map_err(Error::Plan)?;
    let opening = plan.campaigns.values().next().map(Opening::of);
    Ok(Start {
        plan: Arc::new(plan),
        assistant: "bot".into(),
        flow: "talk".into(),
        language,
        facts: Facts::of_nobody(clock::wall()),
        told: BTreeMap::new(),
        understanding: BTreeMap::new(),
        manager: Manager::Grounded,
        opening,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_one_in_both_languages() {
        for language in Language::ALL {
            let start = start(language).expect("a plan");
            assert!(start.opening.is_some_and(|opening| opening.amd.is_some()));
        }
    }

    #[test]
    fn figures_tell_people_from_machines() {
        let one = |whom, first, last, message| {
            let first = Some((Duration::from_millis(1_000), first));
            (
                whom,
                Became {
                    first,
                    last: Some(last),
                    message,
                },
            )
        };
        use AnsweredBy::{Human, Machine};
        let became = BTreeMap::from([
            (
                ("people".to_owned(), Way::Clean),
                vec![one(Human, Human, Human, None), one(Human, Human, Machine, None)],
            ),
            (
                ("machines".to_owned(), Way::Clean),
                vec![
                    one(Machine, Human, Machine, Some(true)),
                    one(Machine, Human, Human, Some(false)),
                ],
            ),
        ]);
        let figures = figures(&became);
        assert_eq!(
            (figures.people_lost, figures.machines_found, figures.messages_whole),
            (50.0, 50.0, 50.0)
        );
        assert_eq!((figures.verdict_p50, figures.rows.len()), (1_000.0, 2));
        assert_eq!(
            figures.rows.iter().map(|row| row.at_once).collect::<Vec<_>>(),
            [0.0, 100.0]
        );
    }

    #[test]
    fn a_beep_ends_where_it_is_said_to() {
        let mut sound = vec![0; FRAME_SAMPLES * 10];
        let end = with_beep(&mut sound, 1);
        assert_eq!(end, 10 + 25 + 13);
        assert!(Frame::from_slice(&sound[FRAME_SAMPLES * 40..]).level() > -20.0);
    }
}
