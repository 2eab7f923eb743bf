//! The command line.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A voice bot for call centres: answers SIP calls, hears, decides by a dial plan, speaks, and hands over to people.
#[derive(Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the bot. SIGTERM or Ctrl-C lets running calls end; a second one ends at once.
    ///
    /// Models are loaded and the greeting is rendered before the SIP port opens.
    Serve(Configured),
    /// Tell every problem of the configuration and its plan, as file:line:column. Exits 1 where there is one.
    Check {
        #[command(flatten)]
        configured: Configured,
        /// Dial plans to check instead.
        plans: Vec<PathBuf>,
        /// Print the JSON Schema of dial plans, for editors.
        #[arg(long)]
        schema: bool,
    },
    /// What keeps calls from working, in plain words: ports, addresses, trunks, passwords, clocks, the line of recent calls. Exits 1 at a problem.
    ///
    /// Works beside a running bot and changes nothing.
    Doctor(commands::doctor::Arguments),
    /// What a plan would do with a call: each route that is tried and why, whether it is open, and what comes first.
    Explain(commands::explain::Arguments),
    /// What is different between two dial plans, in words.
    Diff(commands::diff::Arguments),
    /// Ring a SIP address as a scripted caller: speaks, listens, interrupts, presses keys; prints what was said and every gap.
    ///
    /// A script is YAML; `fixtures/callers` has examples. Exits 1 where something expected was not heard.
    Ring(commands::ring::Arguments),
    /// Ring the bot as the tests of a plan say, over real SIP and RTP, and check what they expect.
    Sim(commands::sim::Arguments),
    /// Talk to a plan with this computer's microphone and loudspeaker.
    Talk(commands::talk::Arguments),
    /// What is kept of calls: who, when, what was said, how long each turn took.
    Calls(commands::calls::Arguments),
    /// Calls that the bot makes: load contacts, start and stop, see who would be rung and what came of it.
    ///
    /// Works whether or not the bot runs; a running one follows within a second.
    Campaign(commands::campaign::Arguments),
    /// Numbers that are never called.
    Dnc(commands::dnc::Arguments),
    /// The record of why each number was dialled or was not: whether it is whole, and what is in it.
    Audit(commands::audit::Arguments),
    /// Who may sign in at the page (`web` of the configuration): agents, supervisors, and whoever runs the machine.
    People(commands::people::Arguments),
    /// What the bot answers from: read its files, ask it, see what callers asked in vain.
    Knowledge(commands::knowledge::Arguments),
    /// The speech models: what they are, where they lie, and whether they are whole.
    Models(commands::models::Arguments),
    /// Measure: how fast turns, recogniser, voices and media are on this machine.
    Bench(commands::bench::Arguments),
    /// Start the bot, ring it once as a scripted caller, and stay up to be rung.
    Demo(Configured),
}

#[derive(clap::Args)]
struct Configured {
    /// The configuration.
    #[arg(short, long, default_value = "offhook.yaml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Serve(configured) => commands::serve::run(&configured.config),
        Command::Check { schema: true, .. } => return commands::check::schema(),
        Command::Check { configured, plans, .. } => return commands::check::run(&configured.config, &plans),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Explain(arguments) => commands::explain::run(&arguments),
        Command::Diff(arguments) => commands::diff::run(&arguments),
        Command::Ring(arguments) => commands::ring::run(&arguments),
        Command::Sim(arguments) => commands::sim::run(&arguments),
        Command::Talk(arguments) => commands::talk::run(&arguments),
        Command::Calls(arguments) => commands::calls::run(&arguments),
        Command::Campaign(arguments) => commands::campaign::run(&arguments),
        Command::Dnc(arguments) => commands::dnc::run(&arguments),
        Command::Audit(arguments) => commands::audit::run(&arguments),
        Command::People(arguments) => commands::people::run(&arguments),
        Command::Knowledge(arguments) => commands::knowledge::run(&arguments),
        Command::Models(arguments) => commands::models::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Demo(configured) => commands::demo::run(&configured.config),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("offhook: {error}");
            ExitCode::FAILURE
        }
    }
}
