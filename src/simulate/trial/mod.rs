//! One test of a plan: a bot of its own, somebody who rings it or is rung by it, a real call between them, and what came of it.
//!
//! The bot is the running engine with its own records and ports, and tools that answer as the test says; the call is over SIP and RTP on loopback. It
//! judges nothing.

mod called;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::callee::Callee;
use super::ring::{RingError, ring};
use super::script::{Audio, Interrupt, Line, Script, Who};
use super::{Report, judging};
use crate::config::{Config, Recordings};
use crate::dialplan::scenario::{self, Answer, Caller, Expectation, Scenario, Side};
use crate::engine::Wish;
use crate::engine::load::{self, LoadError, Script as Loaded};
use crate::language::{Language, Voice};
use crate::sip::{Listen, Transport};
use crate::speech::Engines;
use crate::store::{Record, Store};
use crate::tools::{Failure, Toolbox};

pub(super) use called::Called;

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("{} cannot be used: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the bot kept no record of the call")]
    NoRecord,
    #[error("the plan has no campaign by which somebody would be called; write one under `campaigns`")]
    NoCampaign,
    #[error("nobody can be called by the plan's first campaign: {}", .0.join("; "))]
    Contact(Vec<String>),
    #[error("the bot did not call, or the call did not end within 5 minutes")]
    NotCalled,
}

/// What came of a test.
#[derive(Debug)]
pub struct Trial {
    pub record: Record,
    pub report: Report,
    /// What was expected and did not come; empty where it passed.
    pub failures: Vec<String>,
}

/// To be written after the call.
const RECORD: Duration = Duration::from_secs(10);

/// Makes the call of `scenario`, its records in `folder`; `seed` makes another noise and other losses.
pub async fn run(
    config: &Config,
    engines: &Arc<Engines>,
    loaded: &Loaded,
    scenario: &Scenario,
    folder: &Path,
    seed: u64,
) -> Result<Trial, TrialError> {
    let caller = match &scenario.party {
        scenario::Party::Caller(caller) => caller,
        scenario::Party::Callee(callee) => {
            return called::run(config, engines, loaded, scenario, callee, (folder, seed)).await;
        }
    };
    let config = own(config, folder)?;
    let toolbox = Toolbox::scripted(answers(&scenario.tools));
    let script = script(loaded, scenario, caller, seed);
    let running = load::start_with(&config, loaded.clone(), Arc::clone(engines), toolbox).await?;
    let address = running.bot.sip.local().first().map(|(_, address)| *address);
    let to = caller.to.as_deref().unwrap_or("support");
    let uri = address.map(|address| format!("sip:{to}@{address}")).unwrap_or_default();
    let wishes = running.wishes.clone();
    let calling = async {
        let report = ring(engines, &script, &Callee::new(uri), |_| {}).await;
        wishes.send(Wish::Drain).await.ok();
        report
    };
    let (report, ()) = tokio::join!(calling, running.run());
    let report = report?;
    let store = Store::open(&folder.join("offhook.db")).await?;
    let record = tokio::time::timeout(RECORD, newest(&store)).await;
    store.close().await;
    let record = record.map_err(|_| TrialError::NoRecord)??;
    let failures = judging::failures(scenario, &record, &report, language(loaded, caller));
    Ok(Trial {
        record,
        report,
        failures,
    })
}

/// `config` for a test, its records in `folder`: nothing that it would tell or use elsewhere is left.
fn own(config: &Config, folder: &Path) -> Result<Config, TrialError> {
    std::fs::create_dir_all(folder).map_err(|source| TrialError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    // What was kept of a test before is not taken for what is kept of this one.
    for kept in ["offhook.db", "offhook.db-wal", "offhook.db-shm"] {
        match std::fs::remove_file(folder.join(kept)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                let path = folder.join(kept);
                return Err(TrialError::Folder { path, source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    let mut config = config.clone();
    config.data = folder.to_owned();
    config.calls.record = Recordings::Kept;
    config.sip.trunks.clear();
    // Nobody is called for it: whom the plan names is somebody's telephone.
    config.outbound.cap.calls = Some(0);
    config.sip.listen = vec![Listen {
        transport: Transport::Udp,
        address: ([127, 0, 0, 1], 0).into(),
    }];
    config.rtp.addresses = vec![[127, 0, 0, 1].into()];
    config.models.clear();
    config.web = None;
    Ok(config)
}

async fn newest(store: &Store) -> Result<Record, TrialError> {
    let newest = store.list(1).await?;
    let newest = newest.first().ok_or(TrialError::NoRecord)?;
    store.show(&newest.id).await?.ok_or(TrialError::NoRecord)
}

fn answers(written: &[(String, Answer)]) -> BTreeMap<String, Result<crate::tools::Returned, Failure>> {
    let answer = |answer: &Answer| match answer {
        Answer::Returns(values) => Ok(values.clone()),
        Answer::Fails => Err(Failure::Status(500)),
    };
    written.iter().map(|(name, one)| (name.clone(), answer(one))).collect()
}

/// What the caller speaks: as the test says, or the plan's first language.
fn language(loaded: &Loaded, caller: &Caller) -> Language {
    let first = loaded.plan.languages().first().copied();
    caller.language.or(first).unwrap_or(Language::English)
}

fn script(loaded: &Loaded, scenario: &Scenario, caller: &Caller, seed: u64) -> Script {
    let mut steps = Vec::new();
    let hear = || Line::Hear(String::new());
    for line in &caller.says {
        match line {
            scenario::Line::Say(words) => steps.extend([hear(), Line::Say(words.clone())]),
            scenario::Line::Press(keys) => steps.extend([hear(), Line::Press(keys.clone())]),
            scenario::Line::Interrupt { say, after } => steps.push(Line::Interrupt(Interrupt {
                say: say.clone(),
                after: format!("{}ms", after.as_millis()),
            })),
            scenario::Line::Wait(span) => steps.push(Line::Wait(format!("{}ms", span.as_millis()))),
            scenario::Line::Hangup => steps.push(Line::End(Who::Caller)),
        }
    }
    let by_bot = scenario.expect.contains(&Expectation::EndedBy(Side::Bot));
    if !matches!(steps.last(), Some(Line::End(_))) {
        if by_bot {
            steps.push(Line::End(Who::Bot));
        } else {
            steps.extend([hear(), Line::End(Who::Caller)]);
        }
    }
    Script {
        deaf: false,
        language: language(loaded, caller).code().to_owned(),
        from: caller.from.clone().unwrap_or_else(|| "sim".to_owned()),
        persona: caller.persona.clone(),
        audio: audio(&scenario.audio, seed),
        steps,
    }
}

/// The line of a test; `seed` makes another noise and other losses.
fn audio(audio: &scenario::Audio, seed: u64) -> Audio {
    Audio {
        codec: audio.codec.map(|codec| match codec {
            scenario::Codec::Pcma => "pcma".to_owned(),
            scenario::Codec::Pcmu => "pcmu".to_owned(),
        }),
        loss: Some(format!("{}%", audio.loss * 100.0)),
        jitter: Some(format!("{}ms", audio.jitter.as_millis())),
        noise: audio.noise.clone(),
        echo: audio.echo.map(|echo| format!("{echo}db")),
        seed: Some(seed),
    }
}

/// The voices of the bot and of all whom the tests of `loaded` have talk with it: what is to be loaded.
pub fn voices(loaded: &Loaded) -> Result<Vec<Voice>, String> {
    let mut all = loaded.plan.voices();
    for scenario in &loaded.plan.tests {
        let script = match &scenario.party {
            scenario::Party::Caller(caller) => script(loaded, scenario, caller, 0),
            scenario::Party::Callee(callee) => {
                let language = called::language_of(loaded);
                called::script(callee, &scenario.audio, language, 0)
            }
        };
        script.check().map_err(|e| format!("test `{}`: {e}", scenario.name))?;
        all.extend(super::languages(&script)?.into_iter().map(Voice::from));
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}
