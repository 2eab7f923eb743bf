//! A telephone network for the real program: its trunk, the people on it, and what became of each call.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use offhook::clock;
use offhook::language::Voice;
use offhook::models::Cache;
use offhook::simulate::network::{Exchange, Ledger, Numbers, Placed};
use offhook::speech::engines::{Config, Engines};
use tokio::runtime::Runtime;

use super::bot::free_port;

/// Real to nobody: the German regulator keeps them for films.
pub const PREFIX: &str = "+493023125";

pub struct Network {
    exchange: Option<Exchange>,
    ledger: Arc<Mutex<Ledger>>,
    runtime: Runtime,
}

impl Network {
    /// At `address`. To be started after the bot that calls by it: to load voices takes the time of whoever is measured.
    pub fn start(numbers: &Numbers, address: SocketAddr) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let voices: Vec<Voice> = numbers
            .languages()
            .expect("languages")
            .into_iter()
            .map(Voice::from)
            .collect();
        let engines = (!voices.is_empty()).then(|| {
            let config = Config {
                threads: 2,
                voices,
                prompts: Path::new(env!("CARGO_TARGET_TMPDIR")).join("network"),
                ears: Vec::new(),
                mouths: Vec::new(),
            };
            Arc::new(Engines::load(&Cache::open(), &config).expect("the models"))
        });
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let kept = Arc::clone(&ledger);
        let watch = move |happening: &_| kept.lock().unwrap_or_else(PoisonError::into_inner).note(happening);
        let exchange = runtime.block_on(async {
            let prepared = numbers.prepare(engines.as_ref()).await.expect("voices");
            Exchange::start(address, prepared, watch).await.expect("a network")
        });
        Self {
            exchange: Some(exchange),
            ledger,
            runtime,
        }
    }

    /// What has happened so far.
    pub fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn calls(&self) -> Vec<Placed> {
        self.ledger().calls().cloned().collect()
    }

    /// How often each number was rung.
    pub fn rung(&self) -> BTreeMap<String, u32> {
        let ledger = self.ledger();
        let counts = ledger.by_number().into_iter();
        counts.map(|(number, count)| (number.to_owned(), count)).collect()
    }

    /// Runs what is asynchronous.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.runtime.block_on(exchange.close());
        }
    }
}

/// Where a network may be.
pub fn somewhere() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

/// A number of the network.
pub fn number(n: usize) -> String {
    format!("{PREFIX}{n:03}")
}

/// Time zones in which it is now about noon, and about midnight.
pub fn noon_and_midnight() -> (String, String) {
    let hour = clock::wall().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let zone = |wanted: i8| {
        // By their names they count westward, from 12 hours behind Greenwich to 14 before it: `Etc/GMT+3` is three hours behind.
        let behind = hour - wanted;
        let behind = if behind > 12 { behind - 24 } else { behind };
        format!("Etc/GMT{behind:+}")
    };
    (zone(12), zone(0))
}
