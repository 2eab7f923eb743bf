//! Speech to text with Whisper, its context cut to the utterance.
//!
//! Whisper looks at 30 s whatever it is given; cutting its context to the length of the utterance makes it several times
//! faster and makes its decoder loop. So the decoder is watched token by token and stopped where it begins to repeat
//! itself; a decode that is still in doubt is made again with a context that is safe. Figures: `benches/RESULTS.md`.

use std::ffi::c_void;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState, whisper_rs_sys as sys,
};

use super::gate::{self, Evidence};
use super::onnx::Pool;
use super::quantised::quantised;
use super::{Cancel, Care, Digits, Error, Listening, RATE, Stt, Transcript};
use crate::clock;
use crate::language::Language;

/// Frames of the encoder a second: one is 20 ms.
const FRAMES: f32 = 50.0;
/// The whole context, 30 s.
const WHOLE: i32 = 1500;
/// Below this many frames even a watched decoder is often wrong; above it single digits are heard best.
const SAFE: i32 = 512;
const SAFE_IN_MANDARIN: i32 = 400;
const SAFE_FOR_A_FEW_WORDS: i32 = 384;
/// Sound shorter than this is filled up with silence: the model hears nothing in less.
const SHORTEST: usize = RATE as usize * 11 / 10;
/// Sound shorter than this, in samples, may be a single digit: those are lost in the cheap context.
const A_DIGIT: usize = RATE as usize * 13 / 10;
/// Mean log-probability below which the cheap decode is made again. A character is two or three tokens, and less certain.
const DOUBT: f32 = -0.25;
const DOUBT_IN_MANDARIN: f32 = -0.5;
const GREEDY: SamplingStrategy = SamplingStrategy::Greedy { best_of: 1 };
/// Texts that the careful decode weighs against each other, as many as the kernels take at once. In Mandarin it gains nothing by that.
const BEAMS: i32 = 4;
/// Tokens of names that the careful decode may be told of.
const NAMES: usize = 128;
/// And bytes of them.
const LONGEST_NAMES: usize = 1_000;

/// How much the encoder looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The utterance and a little more; the safe one when in doubt.
    Utterance,
    /// As much as does not loop, and in English several texts weighed against each other.
    Safe,
    /// The same for a second try, where time is short: less for a few words.
    Again,
    /// 30 s, greedy: for comparison.
    Whole,
}

pub struct Whisper {
    states: Pool<WhisperState>,
    context: WhisperContext,
    greedy: Parameters,
    careful: Parameters,
    /// Words in simplified script, as tokens: without some before it, the base model writes the traditional one.
    simplified: Vec<i32>,
}

/// Of one way to search, for each language.
struct Parameters {
    english: FullParams<'static, 'static>,
    mandarin: FullParams<'static, 'static>,
}

/// What the decoder's callbacks see.
struct Watch<'a> {
    cancel: &'a AtomicBool,
    language: Language,
    end_of_text: i32,
    /// Tokens of text that fit into what was said.
    limit: usize,
}

impl Whisper {
    /// Loads a ggml file; `threads` decodes can run at once, each on one thread.
    pub fn load(model: &Path, threads: usize) -> Result<Self, Error> {
        whisper_rs::install_logging_hooks();
        let mut parameters = WhisperContextParameters::default();
        parameters.use_gpu(false);
        let weights = std::fs::read(model).and_then(|file| quantised(&file));
        let weights = weights.map_err(|e| Error::model(model, e))?;
        let context =
            WhisperContext::new_from_buffer_with_params(&weights, parameters).map_err(|e| Error::model(model, e))?;
        drop(weights);
        let states = (0..threads.max(1))
            .map(|_| context.create_state().map_err(|e| Error::model(model, e)))
            .collect::<Result<_, _>>()?;
        let simplified = context
            .tokenize("以下是普通话的句子。", 64)
            .map_err(|e| Error::model(model, e))?;
        let search = |english: SamplingStrategy| Parameters {
            english: parameters_for(Language::English, english),
            mandarin: parameters_for(Language::Mandarin, GREEDY),
        };
        Ok(Self {
            states: Pool::new(states),
            context,
            simplified,
            greedy: search(GREEDY),
            careful: search(SamplingStrategy::BeamSearch {
                beam_size: BEAMS,
                patience: -1.0,
            }),
        })
    }

    /// One decode without a second try. `samples`: 16 kHz mono.
    pub fn decode(
        &self,
        samples: &[i16],
        language: Language,
        context: Context,
        cancel: &Cancel,
    ) -> Result<Decoded, Error> {
        self.decode_asking(samples, (language, &[]), (context, ""), cancel)
    }

    /// What the decoder is made to believe was said before, as tokens. Only the careful decode is told of names: the quick one repeats them.
    fn before(&self, language: Language, context: Context, names: &str) -> Vec<i32> {
        let mut tokens = match language {
            Language::English => Vec::new(),
            Language::Mandarin => self.simplified.clone(),
        };
        if context == Context::Again && !names.is_empty() {
            // The library's search for words takes stack for each character of one.
            let names = &names[..names.floor_char_boundary(LONGEST_NAMES)];
            // A token is a byte at least. With less room than it needs the library answers a negative length, which its binding takes
            // for a length. What cannot be tokens is no reason not to hear.
            let named = self.context.tokenize(&format!(" {names}."), LONGEST_NAMES + 2);
            tokens.extend(named.unwrap_or_default().into_iter().take(NAMES));
        }
        tokens
    }

    /// As [`Self::decode`], expecting `names`, and tells whether it is rather one of `others`.
    fn decode_asking(
        &self,
        samples: &[i16],
        (language, others): (Language, &[Language]),
        (context, names): (Context, &str),
        cancel: &Cancel,
    ) -> Result<Decoded, Error> {
        let mut sound: Vec<f32> = samples.iter().map(|&s| f32::from(s) / 32768.0).collect();
        let seconds = sound.len() as f32 / RATE as f32;
        sound.resize(sound.len().max(SHORTEST), 0.0);
        let safe = match language {
            Language::English if context == Context::Again && samples.len() < A_DIGIT => SAFE_FOR_A_FEW_WORDS,
            Language::English => SAFE,
            Language::Mandarin => SAFE_IN_MANDARIN,
        };
        let frames = match context {
            Context::Utterance => (((seconds + 1.0) * FRAMES) as i32).clamp(64, WHOLE),
            Context::Safe | Context::Again => (((seconds + 1.5) * FRAMES) as i32).clamp(safe, WHOLE),
            Context::Whole => WHOLE,
        };
        let mut watch = Watch {
            cancel: cancel.flag(),
            language,
            end_of_text: self.context.token_eot(),
            limit: (seconds * 9.0) as usize + 10,
        };
        let search = match context {
            Context::Utterance | Context::Whole => &self.greedy,
            Context::Safe | Context::Again => &self.careful,
        };
        let mut parameters = match language {
            Language::English => search.english.clone(),
            Language::Mandarin => search.mandarin.clone(),
        };
        let before = self.before(language, context, names);
        parameters.set_tokens(&before);
        parameters.set_audio_ctx(frames);
        let seen: *mut c_void = (&raw mut watch).cast();
        // SAFETY: `watch` outlives the call of `full` below, which is the only one that runs the callbacks, on this thread.
        unsafe {
            parameters.set_filter_logits_callback(Some(watch_tokens));
            parameters.set_filter_logits_callback_user_data(seen);
            parameters.set_abort_callback(Some(watch_cancel));
            parameters.set_abort_callback_user_data(seen);
        }
        self.states.with(|state| {
            let ran = state.full(parameters, &sound);
            if cancel.is_set() {
                return Err(Error::Cancelled);
            }
            ran.map_err(Error::inference)?;
            // SAFETY: the callbacks have returned for the last time; `seen` is the only way to the watch since it was made.
            let mut decoded = self.read(state, unsafe { &*seen.cast::<Watch<'_>>() });
            if !others.is_empty() {
                decoded.likeliest = Some(likeliest(state, language, others)?);
            }
            Ok(decoded)
        })
    }

    /// The text before the first repetition, and what speaks for it.
    fn read(&self, state: &WhisperState, watch: &Watch<'_>) -> Decoded {
        let mut no_speech: f32 = 0.0;
        let (mut ids, mut tokens) = (Vec::new(), Vec::new());
        for segment in state.as_iter() {
            no_speech = no_speech.max(segment.no_speech_probability());
            for at in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(at) else { continue };
                if token.token_id() < watch.end_of_text {
                    ids.push(token.token_id());
                    tokens.push((token.to_bytes().unwrap_or_default().to_vec(), token.token_data().plog));
                }
            }
        }
        let repeats = gate::repetition(&ids, watch.language);
        let looped = repeats.is_some() || ids.len() >= watch.limit;
        tokens.truncate(repeats.unwrap_or(tokens.len()));
        let sum: f32 = tokens.iter().map(|(_, plog)| plog).sum();
        let confidence = if tokens.is_empty() {
            0.0
        } else {
            sum / tokens.len() as f32
        };
        let bytes: Vec<u8> = tokens.into_iter().flat_map(|(bytes, _)| bytes).collect();
        let text = String::from_utf8_lossy(&bytes).replace('\u{fffd}', "");
        let text = if looped {
            gate::without_a_new_beginning(text.trim())
        } else {
            text.trim()
        };
        Decoded {
            text: text.to_owned(),
            evidence: Evidence { confidence, no_speech },
            looped,
            likeliest: None,
        }
    }
}

/// One decode, before the gates.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    pub text: String,
    pub evidence: Evidence,
    /// It began to repeat itself and was stopped.
    pub looped: bool,
    /// The likeliest of the languages that were asked about.
    pub likeliest: Option<Language>,
}

impl Stt for Whisper {
    fn transcribe(&self, samples: &[i16], listening: &Listening, cancel: &Cancel) -> Result<Transcript, Error> {
        let began = clock::now();
        let first = match (listening.care, listening.digits) {
            (Care::Careful, _) => Context::Again,
            (_, Digits::Expected) if samples.len() < A_DIGIT => Context::Safe,
            (_, Digits::Expected | Digits::No) => Context::Utterance,
        };
        let mut language = listening.language;
        let mut decoded = self.decode_asking(samples, (language, &listening.or), (first, &listening.names), cancel)?;
        if let Some(other) = decoded.likeliest.filter(|likeliest| *likeliest != language) {
            language = other;
            decoded = self.decode(samples, language, first, cancel)?;
        }
        let mut doubtful = first == Context::Utterance && doubtful(&decoded, language, samples.len());
        if doubtful && listening.care == Care::AsNeeded {
            // Names are of the language that was expected.
            let names = if language == listening.language {
                &*listening.names
            } else {
                ""
            };
            decoded = self.decode_asking(samples, (language, &[]), (Context::Again, names), cancel)?;
            doubtful = false;
        }
        let text = match listening.digits {
            Digits::Expected => gate::number_once(&decoded.text),
            Digits::No => &decoded.text,
        };
        Ok(Transcript {
            text: gate::believe(text, decoded.evidence),
            language,
            confidence: decoded.evidence.confidence,
            took: clock::now().saturating_duration_since(began),
            doubtful,
        })
    }
}

/// Which of the languages the sound that `state` has just decoded is in.
fn likeliest(state: &WhisperState, language: Language, others: &[Language]) -> Result<Language, Error> {
    let (_, chances) = state.lang_detect(0, 1).map_err(Error::inference)?;
    let chance = |language: &Language| {
        let id = whisper_rs::get_lang_id(language.code());
        let id = id.and_then(|id| usize::try_from(id).ok());
        id.and_then(|id| chances.get(id).copied()).unwrap_or(0.0)
    };
    let likeliest = others.iter().copied().max_by(|a, b| chance(a).total_cmp(&chance(b)));
    Ok(likeliest
        .filter(|other| chance(other) > chance(&language))
        .unwrap_or(language))
}

/// Whether the cheap decode should not be relied on: unsure of its words, or stopped before it had said anything for the time.
fn doubtful(decoded: &Decoded, language: Language, samples: usize) -> bool {
    let seconds = samples as f32 / RATE as f32;
    let doubt = match language {
        Language::English => DOUBT,
        Language::Mandarin => DOUBT_IN_MANDARIN,
    };
    let sparse = decoded.looped && (decoded.text.chars().count() as f32) < 3.0 * seconds;
    decoded.evidence.confidence < doubt || decoded.text.is_empty() || sparse
}

fn parameters_for(language: Language, strategy: SamplingStrategy) -> FullParams<'static, 'static> {
    let mut p = FullParams::new(strategy);
    p.set_n_threads(1);
    p.set_print_progress(false);
    p.set_print_realtime(false);
    p.set_print_special(false);
    p.set_print_timestamps(false);
    // The words before are never a hint: an error would feed on itself.
    p.set_no_context(true);
    p.set_single_segment(true);
    p.set_no_timestamps(true);
    p.set_temperature_inc(0.0);
    p.set_suppress_blank(true);
    p.set_suppress_nst(true);
    p.set_language(Some(language.code()));
    p
}

/// Called before each token is chosen: ends the text where it repeats itself or grows longer than what was said can be.
///
/// # Safety
/// `user_data` is the [`Watch`] of the decode under way; `tokens` and `logits` are whisper.cpp's for the time of the call.
unsafe extern "C" fn watch_tokens(
    _: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    tokens: *const sys::whisper_token_data,
    count: i32,
    logits: *mut f32,
    user_data: *mut c_void,
) {
    if user_data.is_null() || logits.is_null() || tokens.is_null() || count <= 0 {
        return;
    }
    // SAFETY: see above; nothing else holds the watch while whisper.cpp decodes on this thread.
    let (watch, tokens) = unsafe {
        (
            &*user_data.cast::<Watch<'_>>(),
            std::slice::from_raw_parts(tokens, count as usize),
        )
    };
    let text: Vec<i32> = tokens
        .iter()
        .map(|t| t.id)
        .filter(|&id| id < watch.end_of_text)
        .collect();
    if text.len() >= watch.limit || gate::repetition(&text, watch.language).is_some() {
        // SAFETY: there is a logit for every token of the vocabulary, and the end of text is one of them.
        unsafe { *logits.add(watch.end_of_text as usize) = 1.0e6 };
    }
}

/// Asked between the operations of the graph: true ends the decode.
///
/// # Safety
/// `user_data` is the [`Watch`] of the decode under way.
unsafe extern "C" fn watch_cancel(user_data: *mut c_void) -> bool {
    // SAFETY: see above; only the flag is read.
    !user_data.is_null() && unsafe { (*user_data.cast::<Watch<'_>>()).cancel.load(Ordering::Relaxed) }
}
