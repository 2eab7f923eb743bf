//! From a configuration to a running bot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::calling_back;
use super::campaigns::Office;
use super::clerk::{self, Clerk};
use super::floor::Floor;
use super::library::{self, Shelves};
use super::live::Live;
use super::meaning::Engine;
use super::places::Places;
use super::ports::Ports;
use super::recorder::Recorder;
use super::strain::Strain;
use super::written::Written;
use super::{Bot, Callbacks, Duties, Wish, webhooks};
use crate::audio::music::Music;
use crate::browser;
use crate::clock;
use crate::config::{self, Config, Recordings, Srtp};
use crate::dialogue::grounded::{Understanding, understanding};
use crate::dialogue::knowledge::reading::Unreadable;
use crate::dialogue::model::Servers;
use crate::dialplan::tool::Request;
use crate::dialplan::{self, Plan, Problem, Tool};
use crate::language::Voice;
use crate::models::Cache;
use crate::rtp::dtls::Identity;
use crate::sdp::{Capabilities, Encryption};
use crate::sip::{self, Event, StartError, UserAgent};
use crate::speech::text::clauses;
use crate::speech::{self, Engines};
use crate::store::{self, Outbox, Store};
use crate::tools::Toolbox;
use crate::web::{self, Api, Feeds, Web};

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Plan(Vec<Problem>),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Knowledge(Vec<Unreadable>),
    #[error(transparent)]
    Speech(#[from] speech::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Sip(#[from] StartError),
    #[error(transparent)]
    Web(#[from] web::StartError),
    #[error("a language model cannot be used: {0}")]
    Model(#[from] crate::dialogue::model::BadServer),
    #[error("tools cannot be used: {0}")]
    Toolbox(String),
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// A plan, and what each of its assistants knows and understands. Cheap to clone.
#[derive(Clone)]
pub struct Script {
    pub plan: Arc<Plan>,
    pub knowledge: Shelves,
    /// By assistant.
    pub understanding: BTreeMap<String, Understanding>,
    /// What it was read with.
    pub meaning: Engine,
    /// What it was read from.
    pub written: Written,
}

impl Script {
    /// All that is ever said in words known now: prompts, then the answers of the knowledge.
    pub(super) fn known_words(&self) -> Vec<(Voice, String)> {
        let voices = self.plan.voices();
        let mut words = Vec::new();
        for prompt in self.plan.prompts() {
            let speakers = voices.iter().filter(|voice| voice.language() == prompt.language);
            words.extend(speakers.map(|&voice| (voice, prompt.text.clone())));
        }
        for assistant in self.plan.assistants.values() {
            let Some(knowledge) = self.knowledge.get(&assistant.name) else {
                continue;
            };
            for &language in &assistant.languages {
                let voice = assistant.voice(language);
                words.extend(knowledge.answers(language).map(|text| (voice, text.to_owned())));
            }
        }
        words
    }

    /// Reads the plan in `path` and what its assistants know. Blocks until all is read: seconds.
    pub fn load(path: &std::path::Path, meaning: Engine) -> Result<Self, LoadError> {
        let plan = dialplan::load(path).map_err(LoadError::Plan)?;
        let written = Written::of(path, &plan);
        let knowledge = library::build(&plan, &meaning, &|_, _| {}).map_err(LoadError::Knowledge)?;
        let understood = knowledge.iter().map(|(assistant, knowledge)| {
            let understood = understanding(&plan, assistant, knowledge, meaning.as_ref());
            (assistant.clone(), understood)
        });
        Ok(Self {
            understanding: understood.collect(),
            plan: Arc::new(plan),
            knowledge,
            meaning,
            written,
        })
    }
}

/// Loads the engines that `script` needs; some seconds of one core.
pub fn engines(config: &Config, script: &Script) -> Result<Engines, LoadError> {
    let wanted = speech::engines::Config {
        threads: config.inference.threads,
        voices: script.plan.voices(),
        prompts: Cache::open().dir().join("prompts"),
        ears: config.inference.ears.clone(),
        mouths: config.inference.mouths.clone(),
    };
    Ok(Engines::load(&Cache::open(), &wanted)?)
}

/// Renders everything whose words are known, the first ones first; resolves when those that begin a call are there.
pub async fn render(engines: &Engines, script: &Script) {
    render_until(engines, script, GREETINGS).await;
}

/// As [`render`]; resolves when all are there.
pub async fn render_all(engines: &Engines, script: &Script) {
    render_until(engines, script, usize::MAX).await;
}

async fn render_until(engines: &Engines, script: &Script, awaited: usize) {
    let (done, rendered) = mpsc::channel(PROMPTS);
    let mut waiting = 0;
    for (n, (voice, text)) in script.known_words().into_iter().enumerate() {
        for clause in clauses(&text, voice.language()) {
            let told = (n < awaited).then(|| done.clone());
            waiting += usize::from(told.is_some());
            let asked = engines.render(voice, &clause, move |result| {
                if let Err(e) = result {
                    tracing::warn!("a prompt could not be rendered ahead of time: {e}");
                }
                if let Some(told) = told {
                    told.try_send(()).ok();
                }
            });
            if asked.is_err() {
                tracing::warn!("too many prompts to render all ahead of time; the rest is spoken when needed");
                drop(done);
                return drain(rendered, waiting.saturating_sub(1)).await;
            }
        }
    }
    drop(done);
    drain(rendered, waiting).await;
}

async fn drain(mut rendered: mpsc::Receiver<()>, count: usize) {
    for _ in 0..count {
        if rendered.recv().await.is_none() {
            return;
        }
    }
}

/// Prompts that begin a call: disclosures and the first words of the first flow stand first in a plan.
const GREETINGS: usize = 2;
/// Of pages, that wait for the desk.
const REQUESTS: usize = 256;
/// For what pages asked for last to be done.
const CLERK: Duration = Duration::from_secs(5);
/// Who is to be called back, before the loop has seen to them.
const CALLBACKS: usize = 256;
/// Of which the ends may be waited for; the scheduler takes fewer.
const PROMPTS: usize = 4096;

/// What is running.
pub struct Running {
    pub bot: Arc<Bot>,
    pub events: mpsc::Receiver<Event>,
    pub wishes: mpsc::Sender<Wish>,
    pub wished: mpsc::Receiver<Wish>,
    duties: Duties,
    web: Option<Web>,
    /// Told what comes of calls, and from where.
    webhooks: (Store, Vec<config::campaigns::Webhook>),
    /// And who tells whose page is there.
    clerk: Option<(Clerk, watch::Receiver<BTreeSet<String>>)>,
    writer: JoinHandle<()>,
    recorder: Option<std::thread::JoinHandle<()>>,
}

/// A certificate of this run, for those who agree on keys by one. Without it they are refused, and others are not.
fn identity(config: &Config) -> Option<Arc<Identity>> {
    if config.calls.media.srtp == Srtp::Never {
        return None;
    }
    match Identity::generate() {
        Ok(identity) => Some(Arc::new(identity)),
        Err(e) => {
            tracing::warn!("{e}");
            None
        }
    }
}

fn encryption(srtp: Srtp) -> Encryption {
    match srtp {
        Srtp::Never => Encryption::Never,
        Srtp::Offered => Encryption::Offered,
        Srtp::Required => Encryption::Required,
    }
}

/// Opens records, ports and SIP: the last thing, so that a call that comes in finds everything warm.
pub async fn start(config: &Config, script: Script, engines: Arc<Engines>) -> Result<Running, LoadError> {
    let secrets = |name: &str| std::env::var(name).ok();
    let toolbox = Toolbox::new(Arc::new(secrets), config.sms.clone()).map_err(|e| LoadError::Toolbox(e.to_string()))?;
    start_with(config, script, engines, toolbox).await
}

/// As [`start`], with tools of the caller's choice.
pub async fn start_with(
    config: &Config,
    script: Script,
    engines: Arc<Engines>,
    toolbox: Toolbox,
) -> Result<Running, LoadError> {
    let store = Store::open(&config.data.join("offhook.db")).await?;
    let (people, notes, campaigns) = (store.clone(), store.clone(), store.clone());
    let webhooks = (store.clone(), config.campaigns.webhooks.clone());
    let model = Servers::new(&config.models, clock::now)?.map(Arc::new);
    let published = watch::Sender::new(Arc::new(script.plan.campaigns.clone()));
    let (web, requests) = match &config.web {
        Some(web) => {
            let api = Api {
                keys: config.api.clone(),
                rules: config.campaigns.clone(),
                outbound: config.outbound.clone(),
                campaigns: published.subscribe(),
            };
            let (web, requests) = open(web, api, store.clone()).await?;
            (Some(web), Some(requests))
        }
        None => (None, None),
    };
    let feeds = web.as_ref().map(|web| web.feeds().clone());
    let present = feeds
        .as_ref()
        .map_or_else(|| watch::channel(BTreeSet::new()).1, Feeds::present);
    let open = calling_back::open(&store).await?;
    let (outbox, writer) = Outbox::start(store);
    let (recorder, thread) = match config.calls.record {
        Recordings::Kept => {
            let (recorder, thread) = Recorder::start().map_err(LoadError::Thread)?;
            (Some(recorder), Some(thread))
        }
        Recordings::No => (None, None),
    };
    for caution in config.cautions() {
        tracing::warn!("{caution}");
    }
    for lack in lacks(config, &script.plan) {
        tracing::warn!("{lack}");
    }
    let (sip, events) = UserAgent::start(sip::Config {
        listen: config.sip.listen.clone(),
        advertised: config.sip.advertised,
        tls: config.sip.tls.clone(),
        trunks: config.sip.trunks.clone(),
        admit: config.sip.access.admit,
        addresses: config.sip.access.addresses.clone(),
        users: config.sip.access.users.clone(),
        algorithms: config.sip.access.algorithms.clone(),
        expiry: config.sip.access.expiry,
        outbound: config.outbound.clone(),
        limits: config.sip.access.limits,
        ..sip::Config::default()
    })
    .await?;
    let destinations = script.plan.destinations().into_iter();
    let destinations: Vec<String> = destinations.chain(config.calls.busy.destinations().cloned()).collect();
    for destination in destinations.iter().filter(|to| !config.outbound.lists(to)) {
        tracing::warn!("transfers to `{destination}` will fail: it fits no rule of `outbound.allow`");
    }
    sip.name(destinations);
    let offers = script.plan.queues.values().any(|queue| queue.offer_callback.is_some());
    if offers && config.outbound.allow == sip::Destinations::Named {
        tracing::warn!(
            "the plan offers to call back, and only phones that are registered here can be: list numbers in `outbound.allow`"
        );
    }
    let floor = Floor::open(&script.plan, people, present.clone(), &sip).await?;
    Music::prepare();
    if config.calls.busy.waiting > 0 {
        for voice in script.plan.voices() {
            // What cannot be made ahead of time is made when somebody waits.
            for saying in config.calls.busy.sayings(voice.language()) {
                engines.render(voice, saying, |_| {}).ok();
            }
        }
    }
    let kept = open.into_iter().map(|kept| calling_back::kept(&script.plan, kept));
    let kept = kept.collect();
    let (callbacks, wanted) = mpsc::channel(CALLBACKS);
    let (live, errands) = Live::new(feeds);
    let bot = Arc::new(Bot {
        script: RwLock::new(Arc::new(script)),
        published,
        toolbox: Arc::new(toolbox),
        engines,
        model,
        sip,
        ports: Ports::new(config.rtp.addresses.clone(), config.rtp.ports.clone()),
        advertised: config.sip.advertised,
        capabilities: Capabilities {
            codecs: config.calls.media.codecs.clone(),
            encryption: encryption(config.calls.media.srtp),
            ..Capabilities::default()
        },
        identity: identity(config),
        recorder,
        cleaning: config.calls.cleaning,
        recordings: config.data.join("recordings"),
        outbox,
        places: Places::new(config.calls.most),
        most: config.calls.most + config.calls.busy.waiting,
        strain: Mutex::new(Strain::new(config.calls.overload, clock::now())),
        busy: config.calls.busy.clone(),
        floor,
        live,
        numbers: AtomicU64::new(0),
        callbacks,
        placed: Mutex::default(),
        region: config.campaigns.region,
        longest: config.calls.longest,
        rtp_silence: config.rtp.timeout,
    });
    let (wishes, wished) = mpsc::channel(4);
    let clerk = requests.map(|requests| Clerk::new(&bot, pages(config), (requests, errands), notes));
    Ok(Running {
        bot,
        clerk: clerk.map(|clerk| (clerk, present)),
        events,
        wishes,
        wished,
        duties: Duties {
            callbacks: Callbacks { kept, wanted },
            campaigns: Office::of(config, campaigns),
        },
        webhooks,
        web,
        writer,
        recorder: thread,
    })
}

/// What the plan counts on and the configuration does not give.
pub fn lacks(config: &Config, plan: &Plan) -> Vec<&'static str> {
    let mut lacks = Vec::new();
    let messages = |tool: &Tool| matches!(tool.request, Request::Sms { .. });
    if config.sms.is_none() && plan.tools.values().any(messages) {
        lacks.push("the plan sends text messages, and no way is configured: each fails; write `messages: {sms: …}`");
    }
    lacks
}

/// Opens the door for browsers; what their pages ask for comes out.
async fn open(config: &config::Web, api: Api, store: Store) -> Result<(Web, mpsc::Receiver<web::Request>), LoadError> {
    let (requests, asked) = mpsc::channel(REQUESTS);
    let web = Web::start(config, api, store, requests).await?;
    tracing::info!("people sign in at {}", web.local());
    Ok((web, asked))
}

/// What pages are made with.
fn pages(config: &Config) -> clerk::Settings {
    let web = config.web.clone().unwrap_or_default();
    clerk::Settings {
        browser: browser::Settings {
            addresses: config.rtp.addresses.iter().map(|ip| (*ip, 0).into()).collect(),
            ice_servers: web.ice,
            ..browser::Settings::default()
        },
        dispositions: web.dispositions,
        pauses: web.pauses,
    }
}

impl Running {
    /// Answers calls until drained, then closes what was opened; all records are written when it returns.
    pub async fn run(self) {
        let (store, hooks) = self.webhooks;
        let mut telling = JoinSet::new();
        telling.spawn(webhooks::run(store, hooks));
        let mut desk = JoinSet::new();
        if let Some((clerk, present)) = self.clerk {
            desk.spawn(clerk.run(present));
        }
        super::run(Arc::clone(&self.bot), self.events, self.wished, self.duties).await;
        // Pages first: then nobody asks for anything any more, and the clerk ends.
        if let Some(web) = self.web {
            web.close().await;
        }
        tokio::time::timeout(CLERK, desk.join_next()).await.ok();
        desk.shutdown().await;
        // Calls have ended; what they left to others is finished before the process ends.
        if let Ok(bot) = Arc::try_unwrap(self.bot).map_err(|_| ()) {
            bot.sip.close().await;
            drop((bot.recorder, bot.outbox));
            self.writer.await.ok();
            if let Some(thread) = self.recorder {
                tokio::task::spawn_blocking(move || thread.join()).await.ok();
            }
        }
    }
}
