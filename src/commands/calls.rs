//! `offhook calls`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use offhook::store::{Callback, Record, Speaker, Store, Summary};

use super::{Outcome, block_on, configuration};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration that says where records are.
    #[arg(short, long, default_value = "offhook.yaml", global = true)]
    config: PathBuf,
    /// For scripts.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The newest calls first.
    List {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        count: u32,
    },
    /// One call: transcript with times, what each gap was made of, where the recording is.
    Show {
        /// As `list` prints it; its beginning will do, and without it the newest is shown.
        id: Option<String>,
    },
}

pub fn run(arguments: &Arguments) -> Outcome {
    let config = configuration(&arguments.config)?;
    let path = config.data.join("offhook.db");
    if !path.is_file() {
        return Err(format!("there are no records yet: {} is not there", path.display()).into());
    }
    block_on(async {
        let store = Store::open(&path).await?;
        match &arguments.command {
            Some(Command::Show { id }) => {
                let id = match id {
                    Some(id) => id.clone(),
                    None => store
                        .list(1)
                        .await?
                        .first()
                        .map(|call| call.id.clone())
                        .unwrap_or_default(),
                };
                let record = store.show(&id).await?;
                let record = record.ok_or_else(|| format!("no single call has an id that begins with `{id}`"))?;
                if arguments.json {
                    println!("{}", serde_json::to_string_pretty(&record)?);
                } else {
                    print(&record);
                }
            }
            list => {
                let count = if let Some(Command::List { count }) = list {
                    *count
                } else {
                    20
                };
                let calls = store.list(count).await?;
                if arguments.json {
                    println!("{}", serde_json::to_string_pretty(&calls)?);
                } else {
                    calls.iter().for_each(line);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

fn line(call: &Summary) {
    let ending = call.ending.as_deref().unwrap_or("running, or cut off");
    println!(
        "{}  {:>14} → {:<10} {:<24} {}",
        call.id,
        call.caller,
        call.callee,
        call.path.join(" › "),
        ending
    );
}

fn callback(callback: &Callback) {
    let Callback { number, queue, at, .. } = callback;
    let outcome = callback.outcome.as_deref().unwrap_or("still to be made");
    let ended = callback.ended.map(|at| format!(", {at}")).unwrap_or_default();
    println!("\ncallback to {number} by queue `{queue}`, from {at} on: {outcome}{ended}");
}

fn print(record: &Record) {
    let call = &record.summary;
    println!("call       {}", call.id);
    println!("from, to   {} → {}", call.caller, call.callee);
    let assistant = Some(&call.assistant).filter(|name| !name.is_empty());
    let assistant = assistant.map(|name| format!(", assistant {name}")).unwrap_or_default();
    println!("plan       {} ({}){assistant}", record.plan, record.plan_hash);
    println!("path       {}", call.path.join(" › "));
    if let Some(disposition) = &call.disposition {
        println!("outcome    {disposition}");
    }
    if !record.slots.is_empty() {
        let slots: Vec<String> = record
            .slots
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        println!("collected  {}", slots.join(", "));
    }
    println!("began      {}", call.began);
    println!(
        "ended      {} ({})",
        call.ended.map(|at| at.to_string()).unwrap_or_default(),
        call.ending.as_deref().unwrap_or("running")
    );
    println!("recording  {}", call.recording.as_deref().unwrap_or("none"));
    if let Some(quality) = &record.quality {
        println!("line       {quality}");
    }
    println!();
    for line in &record.lines {
        let at = line.at.duration_since(call.began).as_secs_f64();
        let speaker = match line.speaker {
            Speaker::Caller => "caller",
            Speaker::Bot => "   bot",
            Speaker::Agent => " agent",
            Speaker::Event => "      ",
        };
        println!("{at:8.2} s  {speaker}  {}", line.text);
    }
    record.callbacks.iter().for_each(callback);
    for note in &record.notes {
        let disposition = note.disposition.as_deref().unwrap_or("no disposition");
        let (author, became, distance) = (&note.author, note.decision.name(), note.distance);
        println!("\nnote by {author}: {disposition} (the draft was {became}, {distance} characters changed)");
        note.text.lines().for_each(|line| println!("            {line}"));
    }
    if !record.turns.is_empty() {
        println!("\n   gap ms = end of turn + hearing + dialogue + voice + pacing");
        for t in &record.turns {
            println!(
                "{:9.0} = {:11.0} + {:7.0} + {:8.0} + {:5.0} + {:6.0}",
                t.gap(),
                t.end_of_turn,
                t.hearing,
                t.dialogue,
                t.voice,
                t.pacing
            );
        }
    }
}
