//! `offhook bench hand-over`: what becomes of callers when what can go wrong on their way to a person does.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use offhook::bench::hand_over::script::{Fate, Pages};
use offhook::bench::hand_over::table::{Figures, HandOver, Row, SILENCE, Spread};
use offhook::bench::hand_over::{self, Wanted};

use super::{Arguments, Outcome, block_on, json};

#[derive(clap::Args)]
pub struct HandOvers {
    /// Hand-overs in all.
    #[arg(short = 'n', long, default_value_t = 1_000)]
    hand_overs: usize,
    /// Under way at any time.
    #[arg(long, default_value_t = 20)]
    at_once: usize,
    /// The same seed has the same things go wrong in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People are rung at telephones alone, and at no page.
    #[arg(long)]
    phones_alone: bool,
    /// Tell of each hand-over that did not go as its script says what happened in it.
    #[arg(short, long)]
    verbose: bool,
}

pub fn hand_overs_of(arguments: &Arguments, what: &HandOvers) -> Outcome {
    let folder = std::env::temp_dir().join(format!("offhook-bench-{}", std::process::id()));
    let wanted = Wanted {
        hand_overs: what.hand_overs,
        at_once: what.at_once,
        seed: what.seed,
        pages: if what.phones_alone { Pages::NotRung } else { Pages::Rung },
        folder: folder.clone(),
    };
    let mut progress = Progress::new(what);
    let figures = block_on(hand_over::run(&wanted, |one| progress.tell(one)));
    progress.end();
    std::fs::remove_dir_all(&folder).ok();
    let figures = figures??;
    let good = figures.broken.is_empty();
    if arguments.json {
        json(&figures)?;
    } else {
        print(&figures);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How far it is, to standard error.
struct Progress {
    all: usize,
    done: usize,
    dropped: usize,
    verbose: bool,
    on_terminal: bool,
    /// What was odd, and how often.
    odd: BTreeMap<String, usize>,
}

impl Progress {
    fn new(what: &HandOvers) -> Self {
        Self {
            all: what.hand_overs,
            done: 0,
            dropped: 0,
            verbose: what.verbose,
            on_terminal: std::io::stderr().is_terminal(),
            odd: BTreeMap::new(),
        }
    }

    fn tell(&mut self, one: &HandOver) {
        self.done += 1;
        self.dropped += usize::from(one.fate == Fate::Dropped);
        for odd in &one.odd {
            *self.odd.entry(odd.clone()).or_insert(0) += 1;
        }
        let as_written = one.fate == one.script.wanted() && one.odd.is_empty() && one.silence <= SILENCE;
        if self.verbose && !as_written {
            self.clear();
            let trouble = one.script.trouble;
            eprintln!(
                "{}: {}, {}, then {:?}: {:?} where {:?} was to come: {}",
                one.number,
                trouble.what(),
                trouble.point(),
                one.script.then,
                one.fate,
                one.script.wanted(),
                one.told
            );
        }
        let words = format!("{} of {} handed over, {} dropped", self.done, self.all, self.dropped);
        if self.on_terminal {
            eprint!("\r{words}");
            std::io::stderr().flush().ok();
        } else if self.done.is_multiple_of(50) {
            eprintln!("{words}");
        }
    }

    fn clear(&self) {
        if self.on_terminal {
            eprintln!();
        }
    }

    fn end(&self) {
        self.clear();
        for (odd, times) in &self.odd {
            eprintln!("{times:4} times: {odd}");
        }
    }
}

fn print(figures: &Figures) {
    println!("seed {}; times in ms, from what goes wrong on\n", figures.seed);
    println!(
        "{:36} {:14} {:>5} {:>5} {:>5} {:>7} {:>5} {:>7} {:>9}  {:>20}  {:>20} {:>7}",
        "what goes wrong",
        "at",
        "calls",
        "first",
        "next",
        "way out",
        "left",
        "dropped",
        "otherwise",
        "to music p50 p95 max",
        "onward p50 p95 max",
        "silence"
    );
    for row in figures.rows.iter().chain([&figures.all]) {
        line(row);
    }
    println!(
        "\nleft in the end: {} tickets, {} calls, {} pairs of ports",
        figures.left.tickets, figures.left.calls, figures.left.ports
    );
    for broken in &figures.broken {
        println!("BROKEN {broken}");
    }
}

fn line(r: &Row) {
    let spread = |spread: Option<Spread>| {
        spread.map_or("-".to_owned(), |s| {
            format!("{:6.0} {:6.0} {:6.0}", s.p50, s.p95, s.most)
        })
    };
    println!(
        "{:36} {:14} {:5} {:5} {:5} {:7} {:5} {:7} {:9}  {:>20}  {:>20} {:7.0}",
        r.what,
        r.point,
        r.hand_overs,
        r.first,
        r.next,
        r.way_out,
        r.left,
        r.dropped,
        r.otherwise,
        spread(r.music),
        spread(r.onward),
        r.silence_ms
    );
}
