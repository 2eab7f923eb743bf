//! A telephone network on loopback: whoever is called by it is somebody of [`Numbers`], so that a campaign can be tried without a trunk.
//!
//! [`Exchange`] is a user agent that takes every call, and plays whom the called number belongs to: people, machines, and the network's own answers (busy,
//! nobody, congestion). What happens is told to whoever watches, in order. It knows no bot and no campaign.

mod message;
mod numbers;
mod subscriber;
mod telling;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use message::{Left, last_words, left};
pub use numbers::{Numbers, Prepared};
pub(super) use numbers::{Part, Rings, Then};
use subscriber::Rung;
pub use telling::{By, Happening, Ledger, Placed, What};
use telling::{Teller, Watch};

use crate::sip::{self, CallId, Event, Limits, Listen, Network, Transport, UserAgent};

/// Events of one call that wait for it; one that has no room is lost, and so is the call.
const EVENTS: usize = 32;
/// Numbers whose calls are counted: of more than these every call is the first.
const NUMBERS: usize = 1_000_000;

/// A running network. Dropping it ends all its calls.
pub struct Exchange {
    address: SocketAddr,
    over: CancellationToken,
    running: JoinSet<()>,
}

impl Exchange {
    /// Takes calls at `address` by UDP (port 0 takes a free one); `watch` is told what happens, from the task of each call.
    pub async fn start(
        address: SocketAddr,
        numbers: Prepared,
        watch: impl Fn(&Happening) + Send + Sync + 'static,
    ) -> Result<Exchange, sip::StartError> {
        let (agent, events) = start(address).await?;
        let address = agent.local().first().map_or(address, |(_, local)| *local);
        let over = CancellationToken::new();
        let switch = Switch {
            agent: Arc::new(agent),
            address: address.ip(),
            numbers,
            watch: Arc::new(watch),
            calls: BTreeMap::new(),
            counts: BTreeMap::new(),
            placed: 0,
        };
        let mut running = JoinSet::new();
        running.spawn(switch.run(events, over.clone()));
        Ok(Exchange { address, over, running })
    }

    /// Where it is rung.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all calls, and then itself.
    pub async fn close(mut self) {
        self.over.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

async fn start(address: SocketAddr) -> Result<(UserAgent, mpsc::Receiver<Event>), sip::StartError> {
    let here = ["127.0.0.0/8", "::1"].map(|network| network.parse::<Network>());
    let listen = Listen {
        transport: Transport::Udp,
        address,
    };
    UserAgent::start(sip::Config {
        listen: vec![listen],
        // A campaign rings as fast as it can: nothing of this machine is taken for a flood.
        addresses: here.into_iter().flatten().collect(),
        limits: Limits {
            opening_per_second: 2_000,
            ..Limits::default()
        },
        user_agent: "offhook-network".into(),
        ..sip::Config::default()
    })
    .await
}

/// The one that owns all calls.
struct Switch {
    agent: Arc<UserAgent>,
    address: IpAddr,
    numbers: Prepared,
    watch: Watch,
    calls: BTreeMap<CallId, mpsc::Sender<Event>>,
    /// Calls to each number so far.
    counts: BTreeMap<String, u32>,
    placed: u64,
}

impl Switch {
    async fn run(mut self, mut events: mpsc::Receiver<Event>, over: CancellationToken) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = over.cancelled() => break,
                event = events.recv() => match event {
                    Some(event) => self.take(event, &mut tasks),
                    None => break,
                },
                Some(done) = tasks.join_next() => if let Ok(call) = done {
                    self.calls.remove(&call);
                },
            }
        }
        tasks.shutdown().await;
        if let Ok(agent) = Arc::try_unwrap(self.agent) {
            agent.close().await;
        }
    }

    fn take(&mut self, event: Event, tasks: &mut JoinSet<CallId>) {
        match event {
            Event::Invited {
                call,
                from,
                to,
                source,
                offer,
                ..
            } => {
                let attempt = self.count(&to.user);
                let part = self.numbers.part(&to.user, attempt);
                self.placed += 1;
                let teller = Teller::new(
                    Arc::clone(&self.watch),
                    (self.placed, attempt),
                    (to.user, from.user),
                    part.name.clone(),
                );
                teller.tell(What::Rung);
                let (sends, receives) = mpsc::channel(EVENTS);
                self.calls.insert(call, sends);
                let rung = Rung {
                    agent: Arc::clone(&self.agent),
                    call,
                    address: self.address,
                    source,
                    offer,
                    teller,
                };
                tasks.spawn(async move {
                    rung.live(&part, receives).await;
                    call
                });
            }
            Event::Acknowledged { call, .. }
            | Event::Changed { call, .. }
            | Event::Refreshed { call, .. }
            | Event::Referred { call, .. }
            | Event::Joined { call, .. }
            | Event::NotJoined { call, .. }
            | Event::Progressed { call, .. }
            | Event::Answered { call, .. }
            | Event::Refused { call, .. }
            | Event::Transferred { call, .. }
            | Event::Key { call, .. }
            | Event::Ended { call, .. } => {
                if let Some(sends) = self.calls.get(&call)
                    && sends.try_send(event).is_err()
                {
                    self.calls.remove(&call);
                }
            }
            Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::TrunkDown { .. }
            | Event::TrunkUp { .. } => {}
        }
    }

    /// Which call to this number it is, from 1 on.
    fn count(&mut self, number: &str) -> u32 {
        if let Some(count) = self.counts.get_mut(number) {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.counts.len() < NUMBERS {
            self.counts.insert(number.to_owned(), 1);
        }
        1
    }
}
