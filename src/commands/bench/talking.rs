//! `offhook bench end-of-turn`, `barge-in` and `silence`: calls in their own time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use offhook::audio::clean::Cleaning;
use offhook::bench::{barge_in, cutting_in, end_of_turn, nothing_said};
use offhook::config::Config;
use offhook::dialplan;
use offhook::dialplan::assistant::{Detector, Endpointing};
use offhook::engine::load::Script;
use offhook::language::{Language, Voice};

use super::{Arguments, Outcome, Talking, block_on, conditions, drawn, engines, json};

/// Prompts that are echoed.
const ECHOED: usize = 200;

pub fn end_of_turn(arguments: &Arguments, what: &Talking) -> Outcome {
    let engines = Arc::new(engines(&[Voice::Joe])?);
    let ways = [
        ("sound and words, 300 ms", Detector::SmartTurn, 300, 450),
        ("sound and words, 500 ms", Detector::SmartTurn, 500, 500),
        ("silence of 700 ms", Detector::Silence, 700, 700),
    ];
    let ways = ways.map(|(name, detector, min_wait, silence)| {
        let endpointing = Endpointing {
            detector,
            min_wait: Duration::from_millis(min_wait),
            silence: Duration::from_millis(silence),
            ..Endpointing::default()
        };
        (name, endpointing)
    });
    let rows = end_of_turn::run(&engines, &what.speech, &ways, |way, became| {
        if what.verbose {
            println!("{way}: {became}");
        }
    })?;
    drawn(what.plot.as_deref(), || end_of_turn::plot(&rows, &conditions()))?;
    if arguments.json {
        return json(&rows);
    }
    println!(
        "{:24} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}",
        "way", "pauses", "cut 400", "cut 600", "cut 1000", "wait p50", "wait p95", "decision p99"
    );
    for r in rows {
        let [a, b, c] = r.cut_short;
        let decision = r.decision_p99.map_or("-".to_owned(), |ms| format!("{ms:.0} ms"));
        println!(
            "{:24} {:7} {a:7.1} % {b:7.1} % {c:7.1} % {:6.0} ms {:6.0} ms {decision:>12}",
            r.way, r.pauses, r.wait_p50, r.wait_p95
        );
    }
    Ok(std::process::ExitCode::SUCCESS)
}

pub fn barge_in(arguments: &Arguments, what: &Talking, cleaning: Cleaning) -> Outcome {
    let engines = Arc::new(engines(&[Voice::Joe])?);
    let rows = barge_in::run(&engines, &what.speech, |kind, became| {
        if what.verbose {
            println!("{kind}: {became}");
        }
    })?;
    let texts = prompts()?;
    let mut echoes = Vec::new();
    for less in [12.0, 20.0] {
        let (stopped, said) = barge_in::echoes(&engines, &texts, less, cleaning)?;
        echoes.push((less, said, stopped));
    }
    drawn(what.plot.as_deref(), || barge_in::plot(&rows, &echoes, &conditions()))?;
    if arguments.json {
        return json(&(rows, echoes));
    }
    let ms = |figure: Option<f64>| figure.map_or("-".to_owned(), |ms| format!("{ms:.0} ms"));
    println!(
        "{:14} {:>6} {:>9} {:>10} {:>10} {:>9} {:>12} {:>9}",
        "over the bot", "sounds", "stopped", "silent p50", "p95", "resumed", "resumed p50", "taken"
    );
    for r in rows {
        println!(
            "{:14} {:6} {:7.1} % {:>10} {:>10} {:7.1} % {:>12} {:7.1} %",
            r.kind,
            r.sounds,
            r.stopped,
            ms(r.silent_p50),
            ms(r.silent_p95),
            r.resumed,
            ms(r.resumed_p50),
            r.taken
        );
    }
    for (less, said, stopped) in echoes {
        println!("own echo, −{less:.0} dB: {said} prompts, stopped in {stopped}");
    }
    Ok(std::process::ExitCode::SUCCESS)
}

pub fn cutting_in(arguments: &Arguments, mut config: Config, script: &Path, calls: usize) -> Outcome {
    config.data = std::env::temp_dir().join(format!("offhook-bench-{}", std::process::id()));
    let figures = block_on(cutting_in::run(&config, script, calls))?;
    std::fs::remove_dir_all(&config.data).ok();
    let figures = figures?;
    if arguments.json {
        return json(&figures);
    }
    println!(
        "{} calls, {} cuts: silent after p50 {:.0} ms, p95 {:.0} ms",
        figures.calls, figures.cuts, figures.silent_p50, figures.silent_p95
    );
    for failure in &figures.failures {
        println!("FAILED {failure}");
    }
    Ok(std::process::ExitCode::SUCCESS)
}

/// Everything that the shipped plans say in English.
fn prompts() -> Result<Vec<(Language, String)>, super::Error> {
    let mut texts = Vec::new();
    for plan in ["support", "appointment", "reminder"] {
        let path = Path::new("dialplans").join(plan).with_extension("yaml");
        let plan = dialplan::load(&path).map_err(|problems| format!("{}: {problems:?}", path.display()))?;
        let prompts = plan.prompts().into_iter();
        texts.extend(
            prompts
                .filter(|p| p.language == Language::English)
                .map(|p| (p.language, p.text)),
        );
    }
    let shop = Script::load(Path::new("dialplans/support.yaml"), None)?;
    for knowledge in shop.knowledge.values() {
        texts.extend(
            knowledge
                .answers(Language::English)
                .map(|text| (Language::English, text.to_owned())),
        );
    }
    let whole: Vec<_> = texts.iter().cloned().cycle().take(ECHOED).collect();
    Ok(whole)
}

pub fn silence(arguments: &Arguments, folder: &Path, minutes: f64) -> Outcome {
    let engines = Arc::new(engines(&[Voice::Joe])?);
    let rows = nothing_said::run(&engines, folder, minutes, |row| {
        if !arguments.json {
            println!(
                "{:28} {:5.1} minutes, {} calls: {} words {:?}",
                row.kind,
                row.minutes,
                row.calls,
                row.heard
                    .iter()
                    .map(|text| text.split_whitespace().count())
                    .sum::<usize>(),
                row.heard
            );
        }
    })?;
    if arguments.json {
        return json(&rows);
    }
    Ok(std::process::ExitCode::SUCCESS)
}
