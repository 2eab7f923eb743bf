//! `offhook demo`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use offhook::simulate::{Callee, Script, ring};

use super::ring::{conclude, show};
use super::serve::{Signals, prepare, run_until_told};
use super::{Outcome, block_on, configuration, log};

/// The caller of the demonstration.
const CALLER: &str = "fixtures/callers/demo.yaml";

pub fn run(path: &Path) -> Outcome {
    log("warn");
    let config = configuration(path)?;
    let script = Script::load(Path::new(CALLER))?;
    block_on(async {
        let mut signals = Signals::new()?;
        println!("loading models and rendering the greeting …");
        let running = prepare(&config).await?;
        let (_, address) = running
            .bot
            .sip
            .local()
            .first()
            .copied()
            .ok_or("the bot listens nowhere")?;
        let uri = format!("sip:support@{address}");
        let (engines, wishes) = (Arc::clone(&running.bot.engines), running.wishes.clone());
        println!("ringing {uri} as {CALLER}\n");
        let call = async {
            match ring(&engines, &script, &Callee::new(uri.as_str()), show).await {
                Ok(report) => conclude(&report),
                Err(e) => eprintln!("offhook: the demonstration call failed: {e}"),
            }
            println!("\nrecording in {}", config.data.join("recordings").display());
            println!("transcript and ledger: offhook calls show");
            println!("\nThe bot stays up. Ring {uri} with any softphone on this machine (no account, no password);");
            println!(
                "for other machines set `listen` and `rtp.address` in {}. Ctrl-C ends.",
                path.display()
            );
        };
        tokio::select! {
            () = async { call.await; std::future::pending().await } => {}
            () = run_until_told(running, &mut signals, wishes) => {}
        }
        Ok(ExitCode::SUCCESS)
    })?
}
