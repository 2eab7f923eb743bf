//! `offhook bench campaign`: what a large campaign costs, and how soon it is decided who is dialled next.

use std::path::PathBuf;
use std::process::ExitCode;

use offhook::bench::campaign::{self, AIM, Figures, Row};

use super::{Arguments, Outcome, block_on, json};

#[derive(clap::Args)]
pub struct Campaign {
    /// Contacts of the campaign.
    #[arg(short = 'n', long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    contacts: u64,
    /// Decisions to measure.
    #[arg(long, default_value_t = 5_000)]
    dials: usize,
    /// Calls under way at a time.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    lines: u32,
    /// Its first campaign is measured.
    #[arg(long, default_value = "dialplans/reminder.yaml")]
    plan: PathBuf,
    /// Where the store is made: on the disk that the bot's would be on. It is removed afterwards.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub fn campaign_of(arguments: &Arguments, what: &Campaign) -> Outcome {
    let folder = what.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = folder.join(format!("offhook-bench-{}", std::process::id()));
    let wanted = campaign::Wanted {
        contacts: what.contacts,
        dials: what.dials,
        lines: what.lines,
        plan: what.plan.clone(),
        folder: folder.clone(),
    };
    let figures = block_on(campaign::run(&wanted, |progress| eprintln!("{progress}")));
    std::fs::remove_dir_all(&folder).ok();
    let figures = figures??;
    let good = figures.verdict;
    if arguments.json {
        json(&figures)?;
    } else {
        told(&figures);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(figures: &Figures) {
    let mb = |mb: Option<f64>| mb.map_or("-".to_owned(), |mb| format!("{mb:.1}"));
    let (loaded, ordered) = (&figures.loaded, &figures.ordered);
    println!(
        "loaded: {} of {} rows in {:.1} s, {:.0} a second; the table is {:.1} MB, the store {:.1} MB; resident {} MB before, {} MB after",
        loaded.rows.added,
        loaded.rows.rows,
        loaded.seconds,
        loaded.rows_per_second,
        loaded.table_mb,
        loaded.store_mb,
        mb(loaded.memory_before_mb),
        mb(loaded.memory_after_mb)
    );
    println!(
        "put in order: {} in {:.2} s; resident {} MB before, {} MB after, {} bytes each",
        ordered.contacts,
        ordered.seconds,
        mb(ordered.memory_before_mb),
        mb(ordered.memory_after_mb),
        ordered.bytes_each.map_or("-".to_owned(), |bytes| format!("{bytes:.0}"))
    );
    println!("\n{:34} {:>8} {:>8} {:>8} {:>8}", "ms", "times", "p50", "p99", "most");
    figures.rows.iter().for_each(row);
    let refused = figures.refused.iter().map(|(word, times)| format!("{word} {times}"));
    println!("\nnot permitted: {}", refused.collect::<Vec<_>>().join(", "));
    let word = if figures.verdict { "holds" } else { "DOES NOT HOLD" };
    println!("99 of 100 decisions within {AIM:.0} ms: {word}");
}

fn row(r: &Row) {
    let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.3}"));
    println!(
        "{:34} {:8} {:>8} {:>8} {:>8}",
        r.what,
        r.count,
        ms(r.p50),
        ms(r.p99),
        ms(r.most)
    );
}
