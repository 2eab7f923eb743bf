//! `offhook serve`

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Weak};

use offhook::clock;
use offhook::config::Config;
use offhook::engine::load::{self, Running, Script};
use offhook::engine::meaning;
use offhook::engine::reload::reload;
use offhook::engine::written::Written;
use offhook::engine::{Bot, Wish};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Error, Outcome, block_on, configuration, log};

pub fn run(path: &Path) -> Outcome {
    log("info");
    let config = configuration(path)?;
    block_on(serve(&config))?
}

/// Loads and opens everything; models come before the SIP port.
pub(super) async fn prepare(config: &Config) -> Result<Running, Error> {
    let began = clock::now();
    let script = Script::load(&config.plan, meaning::find())?;
    let engines = Arc::new(tokio::task::block_in_place(|| load::engines(config, &script))?);
    load::render(&engines, &script).await;
    let running = load::start(config, script, engines).await?;
    let took = clock::now().saturating_duration_since(began);
    for (transport, address) in running.bot.sip.local() {
        tracing::info!("ready: SIP on {transport} {address}, after {:.1} s", took.as_secs_f64());
    }
    Ok(running)
}

async fn serve(config: &Config) -> Outcome {
    let mut signals = Signals::new()?;
    let running = prepare(config).await?;
    let wishes = running.wishes.clone();
    let watching = watch(
        Arc::downgrade(&running.bot),
        &config.plan,
        signal(SignalKind::hangup())?,
    );
    tokio::select! {
        () = run_until_told(running, &mut signals, wishes) => {}
        () = watching => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// How often the files of the plan are looked at.
const LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// Takes the plan in `path` anew when one of its files has changed, or at SIGHUP; ends with the bot.
async fn watch(bot: Weak<Bot>, path: &Path, mut hangup: Signal) {
    // As it was read, and not as it is now: it may have changed while the models were loaded.
    let mut seen = bot.upgrade().map(|bot| bot.script().written.clone());
    let mut look = tokio::time::interval(LOOK);
    loop {
        let told = tokio::select! {
            _ = look.tick() => false,
            _ = hangup.recv() => true,
        };
        // The bot has gone when it ends: this future is dropped then.
        let Some(bot) = bot.upgrade() else {
            return std::future::pending().await;
        };
        let old = bot.script();
        let now = Some(Written::of(path, &old.plan));
        if now == seen && !told {
            continue;
        }
        match reload(&bot, path).await {
            Ok(hash) => {
                tracing::info!(hash, "the plan was loaded anew: new calls are held by it");
                // A new plan may have other files; one that says the same was not taken.
                seen = if hash == old.plan.hash {
                    now
                } else {
                    Some(bot.script().written.clone())
                };
            }
            Err(e) => {
                tracing::error!("the plan was not loaded anew, and calls go on by the old one:\n{e}");
                seen = now;
            }
        }
    }
}

/// The first signal lets calls end, the second ends them; a third, or a call that does not end, is not waited for.
pub(super) async fn run_until_told(running: Running, signals: &mut Signals, wishes: tokio::sync::mpsc::Sender<Wish>) {
    let serving = running.run();
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return,
        () = signals.obey(wishes) => {}
    }
    tokio::select! {
        _ = tokio::time::timeout(LAST_WORDS, serving) => {}
        () = signals.next() => tracing::warn!("ended at once; calls were cut"),
    }
}

/// For BYE, and for records, after the second signal.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(5);

/// SIGTERM and SIGINT.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The first signal drains, the second hangs up on everybody and resolves this.
    async fn obey(&mut self, wishes: tokio::sync::mpsc::Sender<Wish>) {
        self.next().await;
        tracing::info!("running calls may end; once more to hang up on them");
        wishes.send(Wish::Drain).await.ok();
        self.next().await;
        wishes.send(Wish::End).await.ok();
    }
}
