//! `offhook bench media`, `impairment` and `soak`: what calls cost, what the network takes from them, and what they leave behind.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use offhook::audio::clean::Cleaning;
use offhook::bench::bare::{self, Sound};
use offhook::bench::carrying::{self, Answerer, Carried, Running, SetUp};
use offhook::bench::load::process;
use offhook::bench::{conditions, impairment, media, recordings, soak};
use offhook::language::Language;
use offhook::models::{self, Cache};
use offhook::speech::whisper::Whisper;
use tokio::sync::{mpsc, oneshot};

use super::{Arguments, Error, Outcome, block_on, drawn, engines, json};

#[derive(clap::Args)]
pub struct Media {
    /// Calls at once.
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// And with the echo canceller, of which each call has its own.
    #[arg(long, default_value_t = 40)]
    echo_calls: usize,
    /// And of baresip, which has threads and a call more than a core holds is a call that stutters.
    #[arg(long, default_value_t = 50)]
    baresip_calls: usize,
    /// How long each is measured.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Calls under way at any time where they are counted a second.
    #[arg(long, default_value_t = 50)]
    under_way: usize,
    /// Without other people's programs.
    #[arg(long)]
    alone: bool,
}

#[derive(clap::Args)]
pub struct Impairment {
    /// The folder of recordings with its transcripts.tsv.
    #[arg(long, default_value = "../shared/speech")]
    speech: PathBuf,
    /// Only kinds whose folder has this in its name.
    #[arg(long)]
    only: Option<String>,
    /// A fifth of the recordings, and fewer networks.
    #[arg(long)]
    quick: bool,
    /// Draw the figures into this file, SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct Soak {
    /// One after the other.
    #[arg(long, default_value_t = 1_000)]
    calls: usize,
    /// And then so many at once.
    #[arg(long, default_value_t = 200)]
    at_once: usize,
    /// The same seed breaks off the same calls at the same points.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A bot that runs already, in place of one without models: its SIP address over UDP.
    #[arg(long, requires = "pid")]
    at: Option<SocketAddr>,
    /// And its process.
    #[arg(long, requires = "at")]
    pid: Option<u32>,
    /// And from which port on, to which, it takes sound.
    #[arg(long, num_args = 2, value_names = ["FIRST", "LAST"], default_values_t = [30_000, 39_999])]
    ports: Vec<u16>,
}

#[derive(clap::Args)]
pub struct BareBot {
    #[arg(long)]
    echo_canceller: bool,
    #[arg(long)]
    no_sound: bool,
}

/// Answers until its standard input ends. Says where it listens, and what it holds for every line that is asked.
pub fn bare_bot(what: &BareBot) -> Outcome {
    let cleaning = Cleaning {
        echo: what.echo_canceller,
        noise: false,
    };
    let sound = if what.no_sound { Sound::None } else { Sound::Played };
    let (asks, asked) = mpsc::channel::<bare::Question>(1);
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            let (question, answer) = oneshot::channel();
            let held = asks
                .blocking_send(question)
                .ok()
                .and_then(|()| answer.blocking_recv().ok());
            said(&serde_json::to_string(&held).unwrap_or_default());
        }
        // Whoever started it has ended.
        std::process::exit(0);
    });
    block_on(bare::serve(cleaning, sound, asked, |address| {
        said(&address.to_string())
    }))??;
    Ok(ExitCode::SUCCESS)
}

fn said(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: then the input ends as well.
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

pub fn media_of(arguments: &Arguments, what: &Media) -> Outcome {
    let told = !arguments.json;
    let stages = match engines(&[]) {
        Ok(engines) => media::run(&mut engines.vad())?,
        Err(e) => {
            eprintln!("without the voice activity: {e}");
            Vec::new()
        }
    };
    if told {
        for r in &stages {
            println!(
                "{:16} {:6.1} µs a frame of 20 ms, {:.2} % of a core a call",
                r.stage, r.frame_us, r.core_percent
            );
        }
        let kept = if process::can_pin() {
            "on one core"
        } else {
            "on all cores: `taskset` is missing"
        };
        println!("\nwho answers is a process of its own {kept}; callers on the others\n");
        println!(
            "{:24} {:>6} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>8} {:>8} {:>9} {:>8} {:>8}",
            "many at once",
            "calls",
            "% a call",
            "% of all",
            "kB/call",
            "late p50",
            "late p99",
            "most ms",
            "came %",
            "lost",
            "not here",
            "lost up",
            "stolen %"
        );
    }
    let span = Duration::from_secs(what.seconds);
    let mut many = vec![
        (Answerer::Bare { echo: false }, what.calls),
        (Answerer::Bare { echo: true }, what.echo_calls),
    ];
    let mut setting_up = vec![Answerer::Signalling, Answerer::Bare { echo: false }];
    if !what.alone {
        many.extend([(Answerer::Sipp, what.calls), (Answerer::Baresip, what.baresip_calls)]);
        setting_up.push(Answerer::Sipp);
    }
    let mut carried = Vec::new();
    for (answerer, calls) in many {
        carried.extend(measured(carrying::carry(answerer, calls, span), answerer)?);
        if let Some(row) = carried
            .last()
            .filter(|row: &&Carried| told && row.answerer == answerer.name())
        {
            carried_row(row);
        }
    }
    if told {
        println!(
            "\n{:24} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:>9} {:>9}",
            "set up and torn down",
            "calls",
            "a second",
            "% core",
            "ms/call",
            "200 p50",
            "200 p99",
            "failed",
            "sent anew",
            "MB"
        );
    }
    let mut set_up = Vec::new();
    for answerer in setting_up {
        set_up.extend(measured(carrying::set_up(answerer, what.under_way, span), answerer)?);
        if let Some(row) = set_up
            .last()
            .filter(|row: &&SetUp| told && row.answerer == answerer.name())
        {
            set_up_row(row);
        }
    }
    if told {
        return Ok(ExitCode::SUCCESS);
    }
    json(&serde_json::json!({ "stages": stages, "carried": carried, "set_up": set_up }))
}

/// Without a row where a program of other people is not there or does not start: ours must.
fn measured<T>(row: Result<T, carrying::Error>, answerer: Answerer) -> Result<Option<T>, Error> {
    match (row, answerer) {
        (Ok(row), _) => Ok(Some(row)),
        (Err(e), Answerer::Sipp | Answerer::Baresip) => {
            eprintln!("without {}: {e}", answerer.name());
            Ok(None)
        }
        (Err(e), Answerer::Bare { .. } | Answerer::Signalling) => Err(e.into()),
    }
}

fn carried_row(r: &Carried) {
    let ms = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.2}"));
    let up = r
        .lost_there_percent
        .map_or("-".to_owned(), |share| format!("{share:.2} %"));
    println!(
        "{:24} {:6} {:9.3} {:9.1} {:8.0} {:>9} {:>9} {:>9} {:8.1} {:8} {:9} {:>8} {:8.1}",
        r.answerer,
        r.talking,
        r.core_percent,
        r.core_percent_all,
        r.kb,
        ms(r.late_p50),
        ms(r.late_p99),
        ms(r.late_most),
        r.received_percent,
        r.lost,
        r.dropped_here,
        up,
        r.stolen_percent
    );
}

fn set_up_row(r: &SetUp) {
    let ms = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
    println!(
        "{:24} {:6} {:9.0} {:9.1} {:8.2} {:>8} {:>8} {:7} {:9} {:9.1}",
        r.answerer,
        r.calls,
        r.per_second,
        r.core_percent,
        r.core_ms,
        ms(r.answered_p50),
        ms(r.answered_p99),
        r.failed,
        r.repeated,
        r.memory_mb
    );
}

pub fn impairment_of(arguments: &Arguments, what: &Impairment) -> Outcome {
    let whisper = Whisper::load(&Cache::open().path(models::WHISPER)?, 1)?;
    let mut recordings = recordings::recordings(&what.speech)?;
    // Errors are counted in words: what is counted in characters cannot be added to them.
    recordings.retain(|recording| recording.language == Language::English);
    recordings.retain(|recording| what.only.as_deref().is_none_or(|only| recording.kind.contains(only)));
    if what.quick {
        recordings = recordings.into_iter().step_by(5).collect();
    }
    if !arguments.json {
        println!(
            "{} recordings\n{:28} {:>10} {:>10} {:>10} {:>10}",
            recordings.len(),
            "network",
            "filled in",
            "wrong %",
            "missing %",
            "delay ms"
        );
    }
    let networks = impairment::networks(what.quick);
    let rows = impairment::run(&whisper, &recordings, &networks, |row| {
        if !arguments.json {
            println!(
                "{:28} {:>10} {:10.1} {:10.1} {:10.0}",
                row.network.name(),
                if row.concealed { "yes" } else { "no" },
                row.error_rate,
                row.missing_percent,
                row.delay_ms
            );
        }
    })?;
    drawn(what.plot.as_deref(), || impairment::plot(&rows, &conditions()))?;
    if arguments.json {
        return json(&rows);
    }
    Ok(ExitCode::SUCCESS)
}

pub fn soak_of(arguments: &Arguments, what: &Soak) -> Outcome {
    let mut own = match what.at {
        Some(_) => None,
        None => Some(Running::start(Answerer::Bare { echo: false }, what.at_once)?),
    };
    let found = own.as_ref().map(|own| (own.address, own.id()));
    let (Some((target, pid)), [first, last]) = (what.at.zip(what.pid).or(found), what.ports.as_slice()) else {
        return Err("name the bot by --at and --pid".into());
    };
    let wanted = soak::Wanted {
        target,
        pid,
        ports: *first..=*last,
        sequential: what.calls,
        at_once: what.at_once,
        seed: what.seed,
        points: soak::Points::All,
    };
    if !arguments.json {
        println!(
            "{:26} {:>6} {:>10} {:>8} {:>8} {:>6} {:>6} {:>8} {:>13}",
            "moment", "calls", "memory MB", "threads", "sockets", "ports", "tasks", "dialogs", "transactions"
        );
    }
    let inside = || own.as_mut().and_then(Running::inside);
    let soaked = soak::run(&wanted, inside, |m| {
        if !arguments.json {
            let of = |count: Option<usize>| count.map_or("-".to_owned(), |count| count.to_string());
            println!(
                "{:26} {:6} {:10.1} {:8} {:8} {:6} {:>6} {:>8} {:>13}",
                m.what,
                m.calls,
                m.memory_mb,
                m.threads,
                m.sockets,
                m.ports,
                of(m.inside.map(|inside| inside.tasks)),
                of(m.inside.map(|inside| inside.dialogs)),
                of(m.inside.map(|inside| inside.transactions))
            );
        }
    })?;
    let clean = soaked.left.is_empty();
    if arguments.json {
        json(&soaked)?;
    } else {
        for (outcome, count) in &soaked.outcomes {
            println!("{count:6} {outcome}");
        }
        println!("{:6} requests sent anew", soaked.repeated);
        for left in &soaked.left {
            println!("LEFT {left}");
        }
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
