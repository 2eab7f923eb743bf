//! A call with this computer's microphone and loudspeaker in the place of a telephone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{FromSample, Sample, SampleFormat, SizedSample, StreamConfig};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::load::{self, LoadError, Script};
use super::meaning;
use super::using::use_tool;
use crate::audio::clean::Cleaner;
use crate::audio::resample::{self, Resampler};
use crate::audio::{FRAME_DURATION, FRAME_SAMPLES, Frame, SAMPLE_RATE};
use crate::call::{Call, Heard, Manager, Note, Output, Return, Start};
use crate::clock;
use crate::config::Config;
use crate::dialplan::{Facts, Then, Value};
use crate::speech::Transcript;
use crate::tools::Toolbox;

#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    #[error("this computer has no {0}: connect one, or ring the bot with a softphone instead (`offhook serve`)")]
    None(&'static str),
    #[error("the {what} cannot be used: {reason}; ring the bot with a softphone instead (`offhook serve`)")]
    Device { what: &'static str, reason: String },
    #[error("the plan has no route that answers; `offhook talk` takes the first")]
    NoRoute,
    #[error(transparent)]
    Rate(#[from] resample::UnknownRate),
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Samples that wait between the sound card and the call: half a second; older ones are dropped.
const WAITING: usize = SAMPLE_RATE as usize / 2;

type Queue = Arc<Mutex<VecDeque<i16>>>;

/// The open microphone and loudspeaker, at 16 kHz mono on our side.
pub struct Sound {
    heard: Queue,
    said: Queue,
    // Held for their drop: the streams stop with them.
    _streams: (cpal::Stream, cpal::Stream),
}

impl Sound {
    /// Opens the standard devices.
    pub fn open() -> Result<Self, SoundError> {
        let host = cpal::default_host();
        let microphone = host.default_input_device().ok_or(SoundError::None("microphone"))?;
        let loudspeaker = host.default_output_device().ok_or(SoundError::None("loudspeaker"))?;
        let (heard, said) = (Queue::default(), Queue::default());
        let input = input(&microphone, Arc::clone(&heard))?;
        let output = output(&loudspeaker, Arc::clone(&said))?;
        for (what, stream) in [("microphone", &input), ("loudspeaker", &output)] {
            stream.play().map_err(|e| SoundError::Device {
                what,
                reason: e.to_string(),
            })?;
        }
        Ok(Self {
            heard,
            said,
            _streams: (input, output),
        })
    }

    fn frame(&self) -> Frame {
        let mut queue = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let count = queue.len().min(FRAME_SAMPLES);
        Frame::from_slice(&queue.drain(..count).collect::<Vec<_>>())
    }

    fn play(&self, frame: &Frame) {
        push(&self.said, frame.samples());
    }
}

fn push(queue: &Queue, samples: &[i16]) {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.extend(samples);
    let excess = queue.len().saturating_sub(WAITING);
    queue.drain(..excess);
}

fn input(device: &cpal::Device, heard: Queue) -> Result<cpal::Stream, SoundError> {
    let wrong = |reason: String| SoundError::Device {
        what: "microphone",
        reason,
    };
    let supported = device.default_input_config().map_err(|e| wrong(e.to_string()))?;
    let (format, config) = (supported.sample_format(), supported.config());
    let mut widen = Resampler::new(config.sample_rate, SAMPLE_RATE)?;
    let channels = usize::from(config.channels).max(1);
    let take = move |mono: Vec<i16>| push(&heard, &widen.push(&mono));
    match format {
        SampleFormat::I16 => listen::<i16>(device, config, channels, take),
        SampleFormat::U16 => listen::<u16>(device, config, channels, take),
        SampleFormat::I32 => listen::<i32>(device, config, channels, take),
        SampleFormat::F32 => listen::<f32>(device, config, channels, take),
        other => return Err(wrong(format!("it gives samples of the kind {other}"))),
    }
    .map_err(|e| wrong(e.to_string()))
}

fn listen<T: SizedSample>(
    device: &cpal::Device,
    config: StreamConfig,
    channels: usize,
    mut take: impl FnMut(Vec<i16>) + Send + 'static,
) -> Result<cpal::Stream, cpal::Error>
where
    i16: FromSample<T>,
{
    let hear = move |samples: &[T], _: &_| take(samples.chunks(channels).map(|all| i16::from_sample(all[0])).collect());
    device.build_input_stream(config, hear, |e| tracing::warn!("microphone: {e}"), None)
}

fn output(device: &cpal::Device, said: Queue) -> Result<cpal::Stream, SoundError> {
    let wrong = |reason: String| SoundError::Device {
        what: "loudspeaker",
        reason,
    };
    let supported = device.default_output_config().map_err(|e| wrong(e.to_string()))?;
    let (format, config) = (supported.sample_format(), supported.config());
    let rate = config.sample_rate;
    let mut narrow = Resampler::new(SAMPLE_RATE, rate)?;
    let channels = usize::from(config.channels).max(1);
    let mut ready: VecDeque<i16> = VecDeque::new();
    let give = move || {
        if ready.is_empty() {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            let count = said.len().min(FRAME_SAMPLES);
            let samples: Vec<i16> = said.drain(..count).collect();
            drop(said);
            ready.extend(narrow.push(&samples));
        }
        ready.pop_front().unwrap_or(0)
    };
    match format {
        SampleFormat::I16 => speak::<i16>(device, config, channels, give),
        SampleFormat::U16 => speak::<u16>(device, config, channels, give),
        SampleFormat::I32 => speak::<i32>(device, config, channels, give),
        SampleFormat::F32 => speak::<f32>(device, config, channels, give),
        other => return Err(wrong(format!("it takes samples of the kind {other}"))),
    }
    .map_err(|e| wrong(e.to_string()))
}

fn speak<T: SizedSample + FromSample<i16>>(
    device: &cpal::Device,
    config: StreamConfig,
    channels: usize,
    mut give: impl FnMut() -> i16 + Send + 'static,
) -> Result<cpal::Stream, cpal::Error> {
    let say = move |samples: &mut [T], _: &_| {
        for all in samples.chunks_mut(channels) {
            all.fill(T::from_sample(give()));
        }
    };
    device.build_output_stream(config, say, |e| tracing::warn!("loudspeaker: {e}"), None)
}

enum Answer {
    Transcribed(u64, Result<Transcript, String>),
    Judged(u64, Result<f32, String>),
    Voiced(u64, Result<Arc<[i16]>, String>),
    Returned(u64, Result<BTreeMap<String, Value>, String>),
}

/// Holds one conversation with the plan of `config`; `told` is given who said what.
pub async fn talk(config: &Config, sound: Sound, mut told: impl FnMut(&str, &str)) -> Result<(), SoundError> {
    let script = Script::load(&config.plan, meaning::find())?;
    let engines = tokio::task::block_in_place(|| load::engines(config, &script))?;
    load::render(&engines, &script).await;
    let route = script.plan.routes.iter().find_map(|route| match &route.then {
        Then::Answer { assistant, flow } => Some((assistant.clone(), flow.clone())),
        Then::Reject(_) => None,
    });
    let (assistant, flow) = route.ok_or(SoundError::NoRoute)?;
    let language = script
        .plan
        .languages()
        .first()
        .copied()
        .unwrap_or(crate::language::Language::English);
    let start = Start {
        understanding: script.understanding.get(&assistant).cloned().unwrap_or_default(),
        plan: script.plan,
        assistant,
        flow,
        language,
        facts: Facts::of_nobody(clock::wall()),
        told: BTreeMap::new(),
        opening: None,
        manager: Manager::Grounded,
    };
    let plan = Arc::clone(&start.plan);
    let secrets = |name: &str| std::env::var(name).ok();
    let toolbox = Toolbox::new(Arc::new(secrets), config.sms.clone()).map_err(|e| LoadError::Toolbox(e.to_string()))?;
    let toolbox = Arc::new(toolbox);
    let (answers, mut answered) = mpsc::channel(64);
    let mut vad = engines.vad();
    let mut cleaner = Cleaner::new(config.calls.cleaning);
    let mut call = Call::new(clock::now(), start);
    let (mut hearing, mut judging, mut speaking, mut using) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut tick = tokio::time::interval(FRAME_DURATION);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            Some(answer) = answered.recv() => match answer {
                Answer::Transcribed(id, result) => call.transcribed(clock::now(), id, result),
                Answer::Judged(id, result) => call.judged(clock::now(), id, result),
                Answer::Voiced(id, result) => call.voiced(clock::now(), id, result),
                Answer::Returned(id, result) => call.returned(clock::now(), id, result),
            },
            _ = tick.tick() => {
                let (now, line) = (clock::now(), sound.frame());
                let cleaned = cleaner.as_mut().map(|cleaner| cleaner.clean(&line));
                let frame = cleaned.as_ref().unwrap_or(&line);
                let probability = vad.hear(frame.samples()).unwrap_or(0.0);
                let heard = Heard { frame, line: &line, probability, arrived: now };
                let said = call.tick(now, heard).unwrap_or_default();
                if let Some(cleaner) = &mut cleaner {
                    cleaner.play(&said);
                }
                sound.play(&said);
            }
        }
        while let Some(output) = call.poll() {
            match output {
                Output::Hear {
                    id,
                    samples,
                    listening,
                    priority,
                } => {
                    let answers = answers.clone();
                    let asked = engines.hear(0, priority, samples, listening, move |result| {
                        answers
                            .try_send(Answer::Transcribed(id, result.map_err(|e| e.to_string())))
                            .ok();
                    });
                    hearing.clear();
                    hearing.extend(asked);
                }
                Output::Unhear { .. } => hearing.clear(),
                Output::Judge { id, samples } => {
                    let answers = answers.clone();
                    let asked = engines.judge(0, samples, move |result| {
                        answers
                            .try_send(Answer::Judged(id, result.map_err(|e| e.to_string())))
                            .ok();
                    });
                    judging.clear();
                    judging.extend(asked);
                }
                Output::Unjudge => judging.clear(),
                Output::Speak(wanted) => {
                    let (id, answers) = (wanted.id, answers.clone());
                    let asked = engines.speak(0, wanted.priority, call.voice(), &wanted.clause, move |result| {
                        answers
                            .try_send(Answer::Voiced(id, result.map_err(|e| e.to_string())))
                            .ok();
                    });
                    speaking.extend(asked);
                }
                Output::Unspeak => speaking.clear(),
                Output::Use { id, call: wanted } => {
                    let answers = answers.clone();
                    using.clear();
                    using.push(use_tool(
                        Arc::clone(&toolbox),
                        Arc::clone(&plan),
                        *wanted,
                        move |result| {
                            answers.try_send(Answer::Returned(id, result)).ok();
                        },
                    ));
                }
                Output::Keep { name, samples } => {
                    told(
                        "you",
                        &format!("[{name}, {} s, not kept]", samples.len() / SAMPLE_RATE as usize),
                    );
                }
                Output::Transfer { .. } | Output::Release => call.transferred(clock::now(), 501),
                Output::Consult { to, .. } => {
                    let nobody = Return::NoAgent(format!("a sound card cannot call {to}"));
                    call.returned_from_person(clock::now(), nobody);
                }
                Output::Queue { queue, .. } => {
                    let nobody = Return::NoAgent(format!("nobody is at queue `{queue}` of a sound card"));
                    call.returned_from_person(clock::now(), nobody);
                }
                Output::Hangup => return Ok(()),
                Output::Note(Note::Said { text, .. }) => told("bot", &text),
                Output::Note(Note::Heard { text, .. }) => told("you", &text),
                Output::Note(_)
                | Output::Said(_)
                | Output::Suggested(_)
                | Output::Minutes(_)
                | Output::Ask { .. }
                | Output::Unask { .. }
                | Output::CallBack(_) => {}
            }
        }
    }
}
