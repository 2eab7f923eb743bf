//! `offhook bench amd`: who answers calls that the bot makes.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use offhook::bench::amd;
use offhook::language::Voice;

use super::{Arguments, Outcome, engines, json};

pub fn amd_of(arguments: &Arguments, folder: &Path, verbose: bool) -> Outcome {
    let engines = Arc::new(engines(&Voice::ALL)?);
    let shown = std::io::stderr().is_terminal() && !verbose;
    let mut count = 0;
    let figures = amd::run(&engines, &Voice::ALL, folder, |became| {
        count += 1;
        if verbose {
            eprintln!("{became}");
        } else if shown {
            eprint!("\r{count} calls");
            std::io::stderr().flush().ok();
        }
    })?;
    if shown {
        eprintln!();
    }
    if arguments.json {
        return json(&figures);
    }
    println!(
        "{:22} {:6} {:>6} {:>9} {:>11} {:>12} {:>9} {:>9}",
        "who answers", "line", "calls", "at once", "in the end", "verdict p50", "p95", "messages"
    );
    for r in &figures.rows {
        let messages = r.messages.map_or("-".to_owned(), |share| format!("{share:.1} %"));
        println!(
            "{:22} {:6} {:6} {:7.1} % {:9.1} % {:9.0} ms {:6.0} ms {messages:>9}",
            r.kind,
            format!("{:?}", r.way).to_lowercase(),
            r.calls,
            r.at_once,
            r.in_the_end,
            r.verdict_p50,
            r.verdict_p95
        );
    }
    println!(
        "\n{} people: {:.1} % lost, verdict p50 {:.0} ms, p95 {:.0} ms; {} machines: {:.1} % found, {:.1} % of the messages whole after the beep",
        figures.people,
        figures.people_lost,
        figures.verdict_p50,
        figures.verdict_p95,
        figures.machines,
        figures.machines_found,
        figures.messages_whole
    );
    Ok(ExitCode::SUCCESS)
}
