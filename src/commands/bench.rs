//! `offhook bench`

mod amd;
mod campaign;
mod desk;
mod hand_over;
mod load;
mod talking;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use offhook::audio::clean::Cleaning;
use offhook::bench::faster_whisper::FasterWhisper;
use offhook::bench::{capacity, circumstances, conditions, memory, names, recordings, stt, tts, turn, understanding};
use offhook::dialogue::measure::Table;
use offhook::engine::meaning;
use offhook::language::Voice;
use offhook::models::{self, Cache};
use offhook::speech::whisper::Whisper;
use offhook::speech::{self, Engines};
use serde::Serialize;

use super::{Error, Outcome, block_on, configuration, log};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Figures as JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// The gap before an answer, over real SIP and RTP on loopback, and what it is made of.
    Turn(Turn),
    /// How many calls at once this machine holds before the gap grows beyond its limit: what to write as `calls.most`.
    Capacity {
        #[arg(short, long, default_value = "offhook.yaml")]
        config: PathBuf,
        /// The scripted caller that is repeated.
        #[arg(long = "as", default_value = "fixtures/callers/bench.yaml")]
        script: PathBuf,
        /// The longest gap that nineteen of twenty answers may have, ms.
        #[arg(long, default_value_t = 1200.0)]
        limit: f64,
    },
    /// Word error rate and speed of the recogniser on recorded people, beside its whole context.
    Stt {
        /// The folder of recordings with its transcripts.tsv.
        #[arg(long, default_value = "../shared/speech")]
        speech: PathBuf,
        /// Only kinds whose folder has this in its name.
        #[arg(long)]
        only: Option<String>,
        #[arg(long, value_enum, default_value_t = Beside::Whole)]
        beside: Beside,
        /// Print every transcript.
        #[arg(short, long)]
        verbose: bool,
        /// Draw the figures into this file, SVG.
        #[arg(long)]
        plot: Option<PathBuf>,
    },
    /// Pauses inside clauses that are taken for the end of a turn, and the wait where it is one; in simulated time, with the real engines.
    EndOfTurn(Talking),
    /// How soon the bot is silent when somebody cuts in, and whether the call goes on as it should; over real SIP and RTP on loopback.
    CuttingIn {
        #[arg(short, long, default_value = "offhook.yaml")]
        config: PathBuf,
        /// The scripted caller that cuts in.
        #[arg(long = "as", default_value = "fixtures/callers/bench-barge-in.yaml")]
        script: PathBuf,
        /// Calls to make, one after the other.
        #[arg(short = 'n', long, default_value_t = 5)]
        calls: usize,
    },
    /// What becomes of words, "mm-hm", coughs, noise and its own echo over the bot's voice; in simulated time, with the real engines.
    BargeIn {
        #[command(flatten)]
        talking: Talking,
        /// With the echo canceller, for its own echo.
        #[arg(long)]
        echo_canceller: bool,
    },
    /// What is heard where nobody says anything: a silent line, comfort noise, music on hold, a street.
    Silence {
        /// The folder of recordings.
        #[arg(long, default_value = "../shared/speech")]
        speech: PathBuf,
        /// Of each kind.
        #[arg(long, default_value_t = 7.5)]
        minutes: f64,
    },
    /// Who answers calls that the bot makes: people lost, machines found, and how soon; in simulated time, with the real engines.
    Amd {
        /// The folder of recordings; those of its `amd/INDEX.tsv` are answered with too, where it is there.
        #[arg(long, default_value = "../shared/speech")]
        speech: PathBuf,
        /// Print what became of every call.
        #[arg(short, long)]
        verbose: bool,
    },
    /// Whether names are heard better by a recogniser that is told of them.
    Names {
        /// Names and a sentence with each: a table with a head and two columns.
        #[arg(long, default_value = "fixtures/names.tsv")]
        table: PathBuf,
        /// The folder of recordings without any of them.
        #[arg(long, default_value = "../shared/speech")]
        speech: PathBuf,
    },
    /// Speed of the voices.
    Tts,
    /// The cost of a call: its sound without a network, many calls at once over real sockets, and calls set up a second; beside SIPp and baresip.
    Media(load::Media),
    /// Words heard wrong where packets are lost or late, with what is missing filled in and without.
    Impairment(load::Impairment),
    /// Many calls that break off at points drawn from a seed, and what the bot still holds afterwards.
    Soak(load::Soak),
    /// Callers in a queue with music and people's pages: how soon pages are told of what happens, and whether the music keeps its pace.
    Desk(desk::Desk),
    /// Hand-overs to people of which most go wrong, at every point: callers dropped, and how long any of them hears nothing.
    HandOver(hand_over::HandOvers),
    /// A large campaign without calls: how long it takes to load, what it takes to keep, and how soon it is decided who is dialled next.
    Campaign(campaign::Campaign),
    /// A bot without models that answers whoever rings, for the others.
    #[command(hide = true)]
    BareBot(load::BareBot),
    /// Flow choice without a language model, on sayings of known intent.
    Understanding(Understanding),
}

#[derive(clap::Args)]
struct Turn {
    #[arg(short, long, default_value = "offhook.yaml")]
    config: PathBuf,
    /// A scripted caller; several take turns.
    #[arg(long = "as", default_values = ["fixtures/callers/bench.yaml", "fixtures/callers/bench-people.yaml"])]
    scripts: Vec<PathBuf>,
    /// The folder of the recordings that they play.
    #[arg(long, default_value = "../shared/speech")]
    speech: PathBuf,
    /// Answers to measure.
    #[arg(short = 'n', long, default_value_t = 40)]
    turns: usize,
    /// Calls at once.
    #[arg(long, default_value_t = 1)]
    calls: usize,
    /// With a language model whose first token comes after so many milliseconds, and that knows the answers to the two callers.
    #[arg(long)]
    first_token: Option<u64>,
    /// And that writes so many tokens a second from then on.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..), requires = "first_token")]
    tokens_per_second: u32,
    /// What that model answers to which words.
    #[arg(
        long,
        default_value = "fixtures/callers/bench-answers.yaml",
        requires = "first_token"
    )]
    answers: PathBuf,
    /// Draw the gaps and their parts into this file, SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Talking {
    /// The folder of recordings with its transcripts.tsv.
    #[arg(long, default_value = "../shared/speech")]
    speech: PathBuf,
    /// Print what became of each sound.
    #[arg(short, long)]
    verbose: bool,
    /// Draw the figures into this file, SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Understanding {
    /// Sayings: tab-separated intent, split (`example`, `use_when`, or any other: asked) and utterance.
    #[arg(long, default_value = "fixtures/understanding/banking.tsv")]
    table: PathBuf,
    /// More rows for it, as the intents' descriptions where the table has none.
    #[arg(long)]
    and: Option<PathBuf>,
    /// Ask as the recogniser heard it: spoken by the voice, with noise, through the telephone.
    #[arg(long)]
    heard: bool,
    /// What is around the caller: a WAV file.
    #[arg(
        long,
        requires = "heard",
        default_value = "../shared/speech/noise/tau2_people_talking.wav"
    )]
    noise: PathBuf,
    /// Of the speech over the noise, dB.
    #[arg(long, requires = "heard", default_value_t = 15.0, allow_negative_numbers = true)]
    snr: f32,
    /// Utterances to ask, of all intents; hearing one takes a second.
    #[arg(short = 'n', long)]
    sample: Option<usize>,
    /// Print what was taken for what, and what was heard.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Beside {
    /// Also decode with the whole context of 30 s.
    Whole,
    /// Also ask faster-whisper with the same weights, one thread, int8, beam of five; `.ci/setup bench` installs it.
    FasterWhisper,
    Nothing,
}

pub fn run(arguments: &Arguments) -> Outcome {
    log("error");
    if let What::BareBot(what) = &arguments.what {
        return load::bare_bot(what);
    }
    if !arguments.json {
        println!("{}", circumstances());
    }
    match &arguments.what {
        What::Turn(what) => turns_of(arguments, what)?,
        What::Stt {
            speech,
            only,
            beside,
            verbose,
            plot,
        } => stt_of(arguments, (speech, only.as_deref()), *beside, *verbose, plot.as_deref())?,
        What::Names { table, speech } => return names_of(arguments, table, speech),
        What::Tts => {
            let rows = tts::run(&engines(&Voice::ALL)?, &Voice::ALL)?;
            if arguments.json {
                return json(&rows);
            }
            for r in rows {
                println!(
                    "{} {:8}  {} clauses, {:.1} s of sound: {:.3} s a second, a clause p50 {:.0} ms, p95 {:.0} ms",
                    r.language, r.voice, r.clauses, r.sound_s, r.real_time_factor, r.clause_p50_ms, r.clause_p95_ms
                );
            }
        }
        What::Capacity { config, script, limit } => return capacity_of(arguments, config, script, *limit),
        What::EndOfTurn(what) => return talking::end_of_turn(arguments, what),
        What::BargeIn {
            talking: what,
            echo_canceller,
        } => {
            let cleaning = Cleaning {
                echo: *echo_canceller,
                noise: false,
            };
            return talking::barge_in(arguments, what, cleaning);
        }
        What::CuttingIn { config, script, calls } => {
            return talking::cutting_in(arguments, configuration(config)?, script, *calls);
        }
        What::Silence { speech, minutes } => return talking::silence(arguments, speech, *minutes),
        What::Understanding(what) => return understanding_of(arguments, what),
        What::Amd { speech, verbose } => return amd::amd_of(arguments, speech, *verbose),
        What::Media(what) => return load::media_of(arguments, what),
        What::Impairment(what) => return load::impairment_of(arguments, what),
        What::Soak(what) => return load::soak_of(arguments, what),
        What::Desk(what) => return desk::desk_of(arguments, what),
        What::HandOver(what) => return hand_over::hand_overs_of(arguments, what),
        What::Campaign(what) => return campaign::campaign_of(arguments, what),
        What::BareBot(what) => return load::bare_bot(what),
    }
    Ok(ExitCode::SUCCESS)
}

fn names_of(arguments: &Arguments, table: &std::path::Path, speech: &std::path::Path) -> Outcome {
    let engines = engines(&[Voice::Joe, Voice::Heart])?;
    let whisper = Whisper::load(&Cache::open().path(models::WHISPER)?, 1)?;
    let rows = names::run(&engines, &whisper, &names::table(table)?, speech)?;
    if arguments.json {
        return json(&rows);
    }
    for r in rows {
        println!(
            "names {}: {:.1} % of them heard in {} sentences, {:.1} % of the words wrong; {} recordings without any: {:.1} % wrong, {} names invented",
            if r.told { "told" } else { "not told" },
            r.names_heard,
            r.sentences,
            r.error_rate,
            r.recordings,
            r.error_rate_without_names,
            r.names_invented
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn turns_of(arguments: &Arguments, what: &Turn) -> Result<(), Error> {
    let mut config = configuration(&what.config)?;
    let wanted = turn::Wanted {
        scripts: what.scripts.clone(),
        recordings: what.speech.clone(),
        turns: what.turns,
        at_once: what.calls,
        model: what.first_token.map(|ms| {
            let pace = turn::Pace {
                first_token: Duration::from_millis(ms),
                between: Duration::from_secs(1) / what.tokens_per_second,
            };
            (pace, what.answers.clone())
        }),
    };
    config.data = std::env::temp_dir().join(format!("offhook-bench-{}", std::process::id()));
    let figures = block_on(turn::run(&config, &wanted, |gap, ledger| {
        if !arguments.json {
            let parts = ledger.map_or_else(
                || "no ledger to compare".into(),
                |t| {
                    format!(
                        "end of turn {:.0} + hearing {:.0} + dialogue {:.0} + voice {:.0} + pacing {:.0} = {:.0}",
                        t.end_of_turn,
                        t.hearing,
                        t.dialogue,
                        t.voice,
                        t.pacing,
                        t.gap()
                    )
                },
            );
            println!("{gap:6.0} ms on the wire; {parts}");
        }
    }))?;
    std::fs::remove_dir_all(&config.data).ok();
    let figures = figures?;
    drawn(what.plot.as_deref(), || figures.plot.clone())?;
    if arguments.json {
        json(&figures)?;
        return Ok(());
    }
    println!(
        "\n{} turns: gap p50 {:.0} ms, p95 {:.0} ms",
        figures.turns, figures.gap_p50, figures.gap_p95
    );
    if let Some(first) = figures.first_token {
        println!(
            "without the {first:.0} ms to the model's first token: p50 {:.0} ms, p95 {:.0} ms",
            figures.gap_p50 - first,
            figures.gap_p95 - first
        );
    }
    println!(
        "of it (medians): end of turn {:.0}, hearing {:.0}, dialogue {:.0}, voice {:.0}, pacing {:.0}",
        figures.end_of_turn_p50, figures.hearing_p50, figures.dialogue_p50, figures.voice_p50, figures.pacing_p50
    );
    if figures.cut_off > 0 {
        println!("{} began while the caller was still speaking", figures.cut_off);
    }
    if let Some(off) = figures.ledger_off_by_most {
        println!("the ledger of the others is off by {off:.0} ms at most");
    }
    println!(
        "first sound {:.0} ms after the ACK; {:.0} MB resident, bot and caller",
        figures.first_sound_p50, figures.memory_mb
    );
    for failure in &figures.failures {
        println!("FAILED {failure}");
    }
    Ok(())
}

fn capacity_of(arguments: &Arguments, config: &std::path::Path, script: &std::path::Path, limit: f64) -> Outcome {
    let mut config = configuration(config)?;
    config.data = std::env::temp_dir().join(format!("offhook-bench-{}", std::process::id()));
    let measured = block_on(capacity::run(&config, script, limit, |figures| {
        if !arguments.json {
            println!(
                "{:3} at once: {:4} turns, gap p50 {:5.0} ms, p95 {:5.0} ms{}",
                figures.at_once,
                figures.turns,
                figures.gap_p50,
                figures.gap_p95,
                if figures.failures.is_empty() {
                    ""
                } else {
                    "; not all went as they should"
                }
            );
        }
    }))?;
    std::fs::remove_dir_all(&config.data).ok();
    let measured = measured?;
    if arguments.json {
        return json(&measured);
    }
    println!(
        "this machine holds {} calls at once with a gap of {limit:.0} ms at most, 19 times of 20; as configuration: calls: {{most: {}}}",
        measured.calls,
        measured.calls.max(1)
    );
    Ok(ExitCode::SUCCESS)
}

fn stt_of(
    arguments: &Arguments,
    (folder, only): (&std::path::Path, Option<&str>),
    beside: Beside,
    verbose: bool,
    plot: Option<&std::path::Path>,
) -> Result<(), Error> {
    let whisper = Whisper::load(&Cache::open().path(models::WHISPER)?, 1)?;
    let mut recordings = recordings::recordings(folder)?;
    recordings.retain(|recording| only.is_none_or(|only| recording.kind.contains(only)));
    let mut decoders = vec![stt::Decoder::Offhook];
    match beside {
        Beside::Whole => decoders.push(stt::Decoder::Whole),
        Beside::FasterWhisper => decoders.push(stt::Decoder::FasterWhisper(FasterWhisper::start()?)),
        Beside::Nothing => {}
    }
    let rows = stt::run(
        &whisper,
        &recordings,
        &mut decoders,
        |recording, decoder, heard, took| {
            if verbose {
                println!(
                    "{decoder:14} {:5} ms  said  {}\n{:24}heard {heard}",
                    took.as_millis(),
                    recording.text,
                    ""
                );
            }
        },
    )?;
    drawn(plot, || stt::plot(&rows, &conditions()))?;
    if arguments.json {
        json(&rows)?;
        return Ok(());
    }
    println!(
        "{:24} {:14} {:>5} {:>8} {:>9} {:>8} {:>8} {:>8}",
        "kind", "decoder", "files", "error %", "s/second", "mean ms", "p50 ms", "p95 ms"
    );
    for r in rows {
        println!(
            "{:24} {:14} {:5} {:8.1} {:9.3} {:8.0} {:8.0} {:8.0}",
            r.kind, r.decoder, r.files, r.error_rate, r.real_time_factor, r.mean_ms, r.p50_ms, r.p95_ms
        );
    }
    println!("one thread; {:.0} MB resident", memory().unwrap_or(0.0));
    Ok(())
}

fn understanding_of(arguments: &Arguments, what: &Understanding) -> Outcome {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|e| format!("cannot read {}: {e}; name a table by --table", path.display()))
    };
    let mut text = read(&what.table)?;
    if let Some(more) = &what.and {
        for row in read(more)?.lines().skip(1) {
            text.extend(["\n", row]);
        }
    }
    let mut table = Table::parse(&text);
    if let Some(count) = what.sample {
        table.sample(count);
    }
    let heard = what.heard.then(|| heard(&table, what)).transpose()?;
    let meaning = match meaning::load(&Cache::open()) {
        Ok(meaning) => Some(meaning),
        Err(e) => {
            eprintln!("by words alone: {e}");
            None
        }
    };
    let mut reports = vec![("written", understanding::run(&table, meaning.as_ref()))];
    if let Some(heard) = &heard {
        reports.push(("heard", understanding::run(&heard.table, meaning.as_ref())));
    }
    if arguments.json {
        return json(&serde_json::json!({
            "table": what.table,
            "word_error_rate": heard.as_ref().map(|heard| heard.word_error_rate),
            "snr_db": heard.as_ref().map(|_| what.snr),
            "rows": reports.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        }));
    }
    if let Some(heard) = &heard {
        println!(
            "{:.1} % of the words were heard wrong at {} dB",
            heard.word_error_rate, what.snr
        );
    }
    println!(
        "{:8} {:8} {:12} {:>10} {:>10} {:>12} {:>12} {:>8} {:>8}",
        "asked", "by", "descriptions", "right %", "refused %", "asked back %", "learning ms", "p50 ms", "p95 ms"
    );
    for (asked, rows) in &reports {
        for r in rows {
            println!(
                "{asked:8} {:8} {:12} {:10.1} {:10.1} {:12.1} {:12.0} {:8.2} {:8.2}",
                r.by, r.descriptions, r.accuracy, r.refused, r.asked_back, r.learning_ms, r.p50_ms, r.p95_ms
            );
            for c in r.confusions.iter().filter(|_| what.verbose) {
                let taken_for = if c.taken_for.is_empty() { "none" } else { &c.taken_for };
                println!("{:8} {:3} {} → {taken_for}", "", c.times, c.intent);
            }
        }
        if let Some(r) = rows.first() {
            println!("of {} utterances in scope and {} out of it", r.in_scope, r.out_of_scope);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The table as it was heard; how far it is goes to standard error meanwhile.
fn heard(table: &Table, what: &Understanding) -> Result<understanding::Heard, Error> {
    let room = understanding::Room::with(&what.noise, what.snr).map_err(|e| {
        format!(
            "cannot use the noise {}: {e}; name another by --noise",
            what.noise.display()
        )
    })?;
    let engines = engines(&[Voice::Joe])?;
    let all = table.asked.len();
    let shown = std::io::stderr().is_terminal();
    let mut count = 0;
    let heard = understanding::heard(&engines, table, &room, |said, words| {
        count += 1;
        if what.verbose {
            eprintln!("said  {said}\nheard {words}");
        } else if shown {
            eprint!("\rheard {count} of {all}");
            std::io::stderr().flush().ok();
        } else if count % 25 == 0 {
            eprintln!("heard {count} of {all}");
        }
    });
    if shown && !what.verbose {
        eprintln!();
    }
    Ok(heard?)
}

fn engines(voices: &[Voice]) -> Result<Engines, Error> {
    let cache = Cache::open();
    // An empty folder: nothing that is measured was rendered before.
    let prompts = std::env::temp_dir().join(format!("offhook-bench-{}", std::process::id()));
    let config = speech::engines::Config {
        threads: 1,
        voices: voices.to_vec(),
        prompts,
        ears: Vec::new(),
        mouths: Vec::new(),
    };
    Ok(Engines::load(&cache, &config)?)
}

/// Writes a picture where one is wanted.
fn drawn(path: Option<&std::path::Path>, picture: impl FnOnce() -> String) -> Result<(), Error> {
    if let Some(path) = path {
        std::fs::write(path, picture()).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

fn json<T: Serialize>(figures: &T) -> Outcome {
    #[derive(Serialize)]
    struct Report<'a, T> {
        conditions: String,
        figures: &'a T,
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&Report {
            conditions: circumstances(),
            figures
        })?
    );
    Ok(ExitCode::SUCCESS)
}
