//! Calls to a bot of our own, over real SIP and RTP on loopback.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::config::Config;
use crate::engine::Wish;
use crate::engine::load::{self, LoadError, Script as Loaded};
use crate::engine::meaning;
use crate::simulate::{Callee, Report, RingError, Script, ring};
use crate::sip::{Listen, Transport};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("the model that is measured cannot answer: {0}")]
    Model(String),
}

/// Serves the plan of `config` and rings it as `scripts`, who take turns, `at_once` at a time, until what they report is `enough`.
pub(super) async fn ring_until(
    config: &Config,
    scripts: &[Script],
    at_once: usize,
    mut enough: impl FnMut(&[Report]) -> bool,
) -> Result<Vec<Report>, Error> {
    let mut config = config.clone();
    config.calls.most = config.calls.most.max(at_once);
    config.sip.listen = vec![Listen {
        transport: Transport::Udp,
        address: ([127, 0, 0, 1], 0).into(),
    }];
    config.web = None;
    let loaded = Loaded::load(&config.plan, meaning::find())?;
    let engines = Arc::new(tokio::task::block_in_place(|| load::engines(&config, &loaded))?);
    load::render_all(&engines, &loaded).await;
    let running = load::start(&config, loaded, Arc::clone(&engines)).await?;
    let uri = running
        .bot
        .sip
        .local()
        .first()
        .map(|(_, address)| format!("sip:bench@{address}"))
        .unwrap_or_default();
    let callee = Callee::new(uri);
    let wishes = running.wishes.clone();
    let serving = running.run();
    let calling = async {
        let mut callers = scripts.iter().cycle();
        let mut reports = Vec::new();
        let called = loop {
            let together = callers.by_ref().take(at_once.max(1));
            let together = together.map(|script| ring(&engines, script, &callee, |_| {}));
            match join_all(together).await.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(more) => reports.extend(more),
                Err(e) => break Err(e.into()),
            }
            if enough(&reports) {
                break Ok(reports);
            }
        };
        wishes.send(Wish::Drain).await.ok();
        called
    };
    let (called, ()) = tokio::join!(calling, serving);
    called
}
