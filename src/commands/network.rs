//! `offhook sim network`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use offhook::audio::wav;
use offhook::language::Voice;
use offhook::models::Cache;
use offhook::simulate::network::{Exchange, Happening, Ledger, Numbers, What};
use offhook::speech::{self, Engines};

use super::serve::Signals;
use super::{Error, Outcome, block_on, log};

/// Play a telephone network on this machine, so that a campaign can be tried without a trunk. Ctrl-C ends it.
///
/// Who answers is decided by how the called number ends: people who do as they are asked, say nothing, opt out or hang up, machines with and without a beep,
/// faxes, screeners, menus, and numbers that are busy, rejected, wrong or congested. `--show` prints them. The bot calls by it as by any trunk:
/// `sip: {trunks: [{name: network, server: "127.0.0.1:5070"}]}`
#[derive(clap::Args)]
pub struct Arguments {
    /// Where it is rung, by UDP.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// Who has which number, as YAML; the standard numbers without it.
    #[arg(long, value_name = "FILE")]
    numbers: Option<PathBuf>,
    /// Where what machines record goes, as WAV.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// A line of JSON for each thing that happens, for scripts.
    #[arg(long)]
    json: bool,
    /// Print the standard numbers, as YAML to begin from, and do nothing else.
    #[arg(long)]
    show: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.show {
        print!("{}", Numbers::STANDARD);
        return Ok(ExitCode::SUCCESS);
    }
    log("warn");
    let numbers = match &arguments.numbers {
        Some(file) => Numbers::load(file)?,
        None => Numbers::standard()?,
    };
    if let Some(folder) = &arguments.into {
        std::fs::create_dir_all(folder).map_err(|e| format!("{} cannot be used: {e}", folder.display()))?;
    }
    let engines = engines(&numbers)?;
    block_on(play(arguments, &numbers, engines))?
}

async fn play(arguments: &Arguments, numbers: &Numbers, engines: Option<Arc<Engines>>) -> Outcome {
    let mut signals = Signals::new()?;
    if !arguments.json {
        println!("rendering what the subscribers say …");
    }
    let prepared = numbers.prepare(engines.as_ref()).await?;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (kept, into, json) = (Arc::clone(&ledger), arguments.into.clone(), arguments.json);
    let watch = move |happening: &Happening| {
        let file = into.as_deref().and_then(|folder| keep(folder, happening));
        show(happening, file.as_deref(), json);
        kept.lock().unwrap_or_else(PoisonError::into_inner).note(happening);
    };
    let exchange = Exchange::start(arguments.listen, prepared, watch).await?;
    if !json {
        println!("ready at {}; Ctrl-C ends", exchange.address());
    }
    signals.next().await;
    exchange.close().await;
    if !json {
        let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = ledger.calls().filter(|placed| placed.answered.is_some()).count();
        println!(
            "\n{} calls, {answered} answered, {} at once at most",
            ledger.calls().len(),
            ledger.at_once()
        );
        for (who, calls) in ledger.by_subscriber() {
            println!("{calls:6}  {who}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The voices of the subscribers; none where nobody speaks.
fn engines(numbers: &Numbers) -> Result<Option<Arc<Engines>>, Error> {
    let voices: Vec<Voice> = numbers.languages()?.into_iter().map(Voice::from).collect();
    if voices.is_empty() {
        return Ok(None);
    }
    let cache = Cache::open();
    let config = speech::engines::Config {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        voices,
        prompts: cache.dir().join("prompts"),
        ears: Vec::new(),
        mouths: Vec::new(),
    };
    Ok(Some(Arc::new(Engines::load(&cache, &config)?)))
}

/// Writes what was recorded; where it lies.
fn keep(folder: &Path, happening: &Happening) -> Option<PathBuf> {
    let What::Recorded { sound, .. } = &happening.what else {
        return None;
    };
    let digits = happening.number.trim_start_matches('+');
    let file = folder.join(format!("{:06}-{digits}.wav", happening.call));
    let written = wav::mono(sound)
        .map_err(|e| e.to_string())
        .and_then(|bytes| std::fs::write(&file, bytes).map_err(|e| e.to_string()));
    match written {
        Ok(()) => Some(file),
        Err(e) => {
            eprintln!("offhook: {} cannot be written: {e}", file.display());
            None
        }
    }
}

fn show(happening: &Happening, file: Option<&Path>, json: bool) {
    if json {
        if let Ok(mut line) = serde_json::to_value(happening) {
            if let (Some(file), Some(fields)) = (file, line.as_object_mut()) {
                fields.insert("file".to_owned(), file.display().to_string().into());
            }
            println!("{line}");
        }
        return;
    }
    let what = match &happening.what {
        What::Rung if happening.attempt > 1 => {
            format!("rung by {}, for the {}. time", happening.from, happening.attempt)
        }
        What::Rung => format!("rung by {}", happening.from),
        What::Refused { code } => format!("refused: {code}"),
        What::Answered => "answered".to_owned(),
        What::Said { text } => format!("said: {text}"),
        What::Pressed { key } => format!("pressed {key}"),
        What::Heard { ms } => format!("was spoken to for {:.1} s", seconds(*ms)),
        What::Recorded { ms, .. } => {
            let file = file.map(|file| format!(": {}", file.display())).unwrap_or_default();
            format!("recorded {:.1} s{file}", seconds(*ms))
        }
        What::GaveUp { why } => why.clone(),
        What::Ended { by } => format!("ended by {by}"),
    };
    println!(
        "{:5}  {:16} {:20} {what}",
        happening.call, happening.number, happening.who
    );
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
