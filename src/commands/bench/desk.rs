//! `offhook bench desk`: callers in a queue, people's pages, and how soon these are told.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use offhook::bench::desk::{self, AIM, Figures, Phase, Row};

use super::{Arguments, Outcome, block_on, json};

#[derive(clap::Args)]
pub struct Desk {
    /// People whose pages are open; a few supervise.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(3..=500))]
    pages: u16,
    /// Callers who wait in the queue and hear music.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=900))]
    calls: u16,
    /// How long each of three phases is measured: callers alone, with pages, with pages and happenings.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    seconds: u64,
    /// From one happening to the next, ms.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(20..=10_000))]
    every: u64,
    /// One that gives every caller to the queue `care`.
    #[arg(long, default_value = "fixtures/plans/bench-desk.yaml")]
    plan: PathBuf,
}

pub fn desk_of(arguments: &Arguments, what: &Desk) -> Outcome {
    let wanted = desk::Wanted {
        plan: what.plan.clone(),
        pages: usize::from(what.pages),
        calls: usize::from(what.calls),
        span: Duration::from_secs(what.seconds),
        every: Duration::from_millis(what.every),
    };
    let figures = block_on(desk::run(&wanted, |progress| eprintln!("{progress}")))??;
    let good = figures.verdict.updates && figures.verdict.pacing;
    if arguments.json {
        json(&figures)?;
    } else {
        told(&wanted, &figures);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(wanted: &desk::Wanted, figures: &Figures) {
    let cores = if figures.apart {
        "callers and pages on the others"
    } else {
        "callers and pages on the same"
    };
    println!(
        "{} callers, {} pages, one happening each {} ms, {} s a phase; the bot on two cores, {cores}\n",
        wanted.calls,
        wanted.pages,
        wanted.every.as_millis(),
        wanted.span.as_secs()
    );
    println!(
        "{:28} {:>5} {:>5} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>6} {:>8} {:>7} {:>9} {:>7} {:>8} {:>8}",
        "pacing, ms",
        "calls",
        "pages",
        "late p50",
        "late p95",
        "late p99",
        "most",
        "uneven p95",
        "uneven p99",
        "lost",
        "not here",
        "% core",
        "memory MB",
        "to p./s",
        "kB/s",
        "stolen %"
    );
    figures.phases.iter().for_each(phase);
    let load = figures.phases.last().map_or(0.0, |phase| phase.load_core_percent);
    println!("callers and pages themselves: {load:.0} % of a core at last\n");
    println!(
        "{:28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "until pages were told, ms", "updates", "p50", "p95", "p99", "most", "missing"
    );
    figures.updates.iter().for_each(row);
    for also in [&figures.answers, &figures.snapshots, &figures.resumed] {
        row(also);
    }
    let messages = figures.messages.iter().map(|(topic, count)| format!("{topic} {count}"));
    println!(
        "\n{} happenings; messages: {}; signing in took {:.0} ms each",
        figures.happenings,
        messages.collect::<Vec<_>>().join(", "),
        figures.signed_in_ms
    );
    if figures.warnings > 0 {
        println!("{} warnings in the bot's log", figures.warnings);
    }
    for (what, count) in &figures.failures {
        println!("FAILED {count} times: {what}");
    }
    let word = |good: bool| if good { "holds" } else { "DOES NOT HOLD" };
    let verdict = &figures.verdict;
    println!(
        "19 of 20 updates within {AIM:.0} ms, none missing: {}; pacing unchanged (p99 within {:.1} ms): {}",
        word(verdict.updates),
        verdict.noise,
        word(verdict.pacing)
    );
}

fn ms(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |ms| format!("{ms:.1}"))
}

fn phase(p: &Phase) {
    println!(
        "{:28} {:5} {:5} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:6} {:8} {:7.1} {:9.1} {:7.0} {:8.1} {:8.1}",
        p.what,
        p.calls,
        p.pages,
        ms(p.late_p50),
        ms(p.late_p95),
        ms(p.late_p99),
        ms(p.late_most),
        ms(p.uneven_p95),
        ms(p.uneven_p99),
        p.lost,
        p.dropped_here,
        p.core_percent,
        p.memory_mb,
        p.messages_per_second,
        p.kb_per_second,
        p.stolen_percent
    );
}

fn row(r: &Row) {
    println!(
        "{:28} {:8} {:>8} {:>8} {:>8} {:>8} {:8}",
        r.topic,
        r.updates,
        ms(r.p50),
        ms(r.p95),
        ms(r.p99),
        ms(r.most),
        r.missing
    );
}
