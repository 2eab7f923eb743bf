//! A script's lines as sound, in the manner of its persona.
//!
//! They are made before the call, so that the caller is never late, and kept on disk: the next simulation has them. It
//! knows no calls.

use std::sync::Arc;

use super::caller::Step;
use super::persona::Manner;
use super::ring::RingError;
use super::script::{Line, Script, Who, duration};
use crate::audio::{SAMPLE_RATE, level, resample, wav};
use crate::language::Language;
use crate::speech::{Engines, Priority};

/// Every line as sound, made before the call; without `engines` nothing can be spoken.
pub(super) async fn prepare(
    engines: Option<&Arc<Engines>>,
    script: &Script,
    language: Language,
) -> Result<Vec<Step>, RingError> {
    let persona = script.persona().map_err(RingError::Script)?;
    let manner = persona.manner();
    let mut steps = Vec::new();
    let span = |text: &str| duration(text).map_err(RingError::Script);
    for line in persona.applied(script.steps.clone(), language) {
        match line {
            Line::Hear(words) => {
                let expected = Some(words).filter(|words| !words.is_empty());
                steps.push(Step::Hear { expected });
            }
            Line::Say(text) => {
                let sound = voice(engines, language, &text, manner).await?;
                steps.push(Step::Say { text, sound });
            }
            Line::Play(path) => {
                let text = format!("[{}]", path.file_name().unwrap_or_default().to_string_lossy());
                steps.push(Step::Say {
                    text,
                    sound: wav::read(&path)?,
                });
            }
            Line::Greet(text) => {
                let sound = voice(engines, language, &text, manner).await?;
                steps.push(Step::Play { text, sound });
            }
            Line::Sound(signal) => steps.push(Step::Play {
                text: format!("[{}]", signal.name()),
                sound: signal.sound(),
            }),
            Line::Record(most) => steps.push(Step::Record(span(&most)?)),
            Line::Interrupt(interrupt) => steps.push(Step::Interrupt {
                sound: voice(engines, language, &interrupt.say, manner).await?,
                text: interrupt.say,
                after: span(&interrupt.after)?,
            }),
            Line::Press(keys) => steps.extend(keys.chars().map(Step::Press)),
            Line::Wait(text) => steps.push(Step::Wait(span(&text)?)),
            Line::End(Who::Caller) => steps.push(Step::HangUp),
            Line::End(Who::Bot) => steps.push(Step::AwaitEnd),
        }
    }
    if !matches!(steps.last(), Some(Step::HangUp | Step::AwaitEnd)) {
        steps.push(Step::HangUp);
    }
    Ok(steps)
}

/// The languages that the lines of `script` are spoken in, its own first.
pub fn languages(script: &Script) -> Result<Vec<Language>, String> {
    let own = script.language().map_err(|e| e.to_string())?;
    let mut all = vec![own];
    for line in script.persona()?.applied(script.steps.clone(), own) {
        if let Line::Say(text) | Line::Greet(text) | Line::Interrupt(super::script::Interrupt { say: text, .. }) = line
        {
            all.extend(parts(&text, own).into_iter().map(|(language, _)| language));
        }
    }
    all.dedup();
    all.sort_unstable_by_key(|language| *language != own);
    all.dedup();
    Ok(all)
}

async fn voice(
    engines: Option<&Arc<Engines>>,
    language: Language,
    text: &str,
    manner: Manner,
) -> Result<Vec<i16>, RingError> {
    let engines = engines.ok_or_else(|| RingError::Voice(format!("`{text}`: no voice is loaded")))?;
    let mut sound = Vec::new();
    for (language, part) in parts(text, language) {
        sound.extend(spoken(engines, language, part).await?);
    }
    if manner.gain != 0.0 {
        level::amplify(&mut sound, manner.gain);
    }
    if manner.tempo != 1.0 {
        // Played at another rate: a faster voice is a higher one.
        let rate = (SAMPLE_RATE as f32 * manner.tempo) as u32;
        sound = resample::convert(&sound, rate, SAMPLE_RATE).map_err(|e| RingError::Voice(e.to_string()))?;
    }
    Ok(sound)
}

/// `text` by the languages that it is written in; what is written in neither (numbers, signs) goes with what is before it.
fn parts(text: &str, standard: Language) -> Vec<(Language, &str)> {
    let mut parts: Vec<(Language, &str)> = Vec::new();
    let (mut begins, mut current) = (0, None);
    for (at, c) in text.char_indices() {
        let language = match c {
            '\u{3400}'..='\u{9fff}' => Language::Mandarin,
            c if c.is_alphabetic() => Language::English,
            _ => continue,
        };
        if current.is_some_and(|current| current != language) {
            parts.push((current.unwrap_or(standard), &text[begins..at]));
            begins = at;
        }
        current = Some(language);
    }
    parts.push((current.unwrap_or(standard), &text[begins..]));
    parts
}

async fn spoken(engines: &Arc<Engines>, language: Language, text: &str) -> Result<Vec<i16>, RingError> {
    let wrong = |e: &dyn std::fmt::Display| RingError::Voice(format!("`{text}`: {e}"));
    let (done, kept) = tokio::sync::oneshot::channel();
    engines
        .render(language, text, move |result| drop(done.send(result)))
        .map_err(|e| wrong(&e))?;
    kept.await.map_err(|e| wrong(&e))?.map_err(|e| wrong(&e))?;
    let (done, spoken) = tokio::sync::oneshot::channel();
    let _speaking = engines
        .speak(0, Priority::Next, language, text, move |result| drop(done.send(result)))
        .map_err(|e| wrong(&e))?;
    Ok(spoken.await.map_err(|e| wrong(&e))?.map_err(|e| wrong(&e))?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_line_is_spoken_by_both_voices() {
        use Language::{English, Mandarin};
        assert_eq!(
            parts("喂，你好，Where is it? 12", English),
            [(Mandarin, "喂，你好，"), (English, "Where is it? 12")]
        );
        assert_eq!(parts("12, 13", Mandarin), [(Mandarin, "12, 13")]);
        let script = "language: en\npersona: code_switching\nsteps: [{hear: \"\"}, {say: \"Where is it?\"}]";
        let script: Script = serde_saphyr::from_str(script).expect("YAML");
        assert_eq!(languages(&script), Ok(vec![English, Mandarin]));
    }
}
