//! Half an hour in which nobody says anything: what the bot believes to have heard.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::plain;
use super::recordings::{Error, through_the_telephone};
use super::rehearsal::Rehearsal;
use crate::audio::level::{amplify, normalise};
use crate::audio::{FRAME_SAMPLES, Frame, frames, wav};
use crate::dialplan::assistant::Endpointing;
use crate::language::Language;
use crate::speech::Engines;

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub kind: &'static str,
    pub minutes: f64,
    /// Calls that it took: the bot hangs up on nobody.
    pub calls: usize,
    /// Whatever was taken for words.
    pub heard: Vec<String>,
}

/// `minutes` of each kind of sound; `folder` holds the recordings.
pub fn run(engines: &Arc<Engines>, folder: &Path, minutes: f64, mut each: impl FnMut(&Row)) -> Result<Vec<Row>, Error> {
    let recorded = |name: &str, level: f32| -> Result<Vec<i16>, Error> {
        let mut sound = through_the_telephone(&wav::read(&folder.join(name))?);
        normalise(&mut sound);
        amplify(&mut sound, level);
        Ok(sound)
    };
    let mut random = StdRng::seed_from_u64(3);
    let mut hiss = |peak: i16| -> Vec<i16> {
        let samples = (0..16_000 * 10).map(|_| random.random_range(-peak..=peak));
        samples.collect()
    };
    let kinds = [
        ("silence of a telephone line", hiss(6)),
        ("comfort noise", hiss(60)),
        ("music on hold", recorded("moh/manolo_camp-morning_coffee.wav", 0.0)?),
        ("street", recorded("noise/psst_traffic.wav", -10.0)?),
    ];
    let mut rows = Vec::new();
    for (kind, sound) in kinds {
        let row = listen(engines, kind, &sound, Duration::from_secs_f64(minutes * 60.0))?;
        each(&row);
        rows.push(row);
    }
    Ok(rows)
}

fn listen(engines: &Arc<Engines>, kind: &'static str, sound: &[i16], long: Duration) -> Result<Row, Error> {
    let whole: Vec<Frame> = frames(&sound[..sound.len() / FRAME_SAMPLES * FRAME_SAMPLES]).collect();
    let mut endless = whole.iter().cycle();
    let (mut spent, mut calls, mut heard) = (Duration::ZERO, 0, Vec::new());
    while spent < long {
        let start = plain::start("How can I help?", Language::English, Endpointing::default())?;
        calls += 1;
        let mut call = Rehearsal::begin(engines, start);
        while !call.hung_up && spent + call.at() < long {
            let Some(frame) = endless.next() else { break };
            call.tick(frame)?;
        }
        spent += call.at().max(Duration::from_millis(20));
        heard.extend(call.heard().iter().map(|(_, text)| (*text).to_owned()));
    }
    Ok(Row {
        kind,
        minutes: spent.as_secs_f64() / 60.0,
        calls,
        heard,
    })
}
