//! Hand-overs to people, of which most go wrong: whether any caller is dropped, or hears nothing for long.
//!
//! The bot is the whole one, in this process, with a plan that puts every caller through at once; callers and people are real user agents with sound of
//! their own on loopback ([`caller`], [`phone`]). So many lanes as hand-overs at once: each has a queue, and two sets of people, of whom one is at work
//! while the other has time off, so that nobody comes to the next hand-over with the last one's misses.

mod caller;
mod diary;
mod phone;
pub mod plan;
pub mod script;
mod sound;
pub mod table;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::caller::{Calling, Listened};
use self::diary::{Diary, Entry};
use self::phone::{Pace, Part};
use self::script::{Conduct, Fate, Pages, Script, Stage, Then, Trouble, moment};
use self::sound::Who;
use self::table::{Figures, HandOver, Left};
use crate::clock;
use crate::config::{Config, Overload, Recordings};
use crate::engine::load::{self, LoadError, Script as Loaded};
use crate::engine::{Bot, Wish};
use crate::language::{Language, Voice};
use crate::sip::{self, Listen, Transport};
use crate::store::people::password::Unfit;
use crate::store::people::{Hash, Person, Role};
use crate::store::{self, Record, Store};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub hand_overs: usize,
    pub at_once: usize,
    /// The same seed has the same things go wrong in the same order.
    pub seed: u64,
    /// Where the bot keeps what it keeps; made, and not taken away.
    pub folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Password(#[from] Unfit),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("there are no {0} free ports for telephones")]
    Ports(usize),
    #[error("the bot listens nowhere")]
    Nowhere,
}

/// The bot looks every two seconds who is at work.
const LOOKED: Duration = Duration::from_millis(2_700);
/// After the caller has gone: for people to be told, and for the record to be written.
const SETTLED: Duration = Duration::from_secs(5);
/// For the last transactions: 32 s for a request that nobody answers, twice where another follows it.
const COMES_TO_REST: Duration = Duration::from_secs(100);
/// Where telephones listen: below the ports that the system gives out by itself.
const PHONES: std::ops::Range<u16> = 12_000..20_000;
const PASSWORD: &str = "nobody signs in with this";

/// Hands callers over; `each` is shown every hand-over when it is over.
pub async fn run(wanted: &Wanted, mut each: impl FnMut(&HandOver)) -> Result<Figures, Error> {
    let lanes = wanted.at_once.clamp(1, wanted.hand_overs.max(1));
    let config = configure(wanted, lanes)?;
    let store = Store::open(&config.data.join("offhook.db")).await?;
    let people = People::add(&store, lanes).await?;
    let loaded = Loaded::load(&config.plan, None)?;
    let engines = Arc::new(tokio::task::block_in_place(|| load::engines(&config, &loaded))?);
    let voices: Vec<Voice> = loaded.plan.voices();
    for voice in voices.into_iter().filter(|voice| voice.language() == Language::English) {
        // One that is not made ahead of time is made while the first agents wait for it.
        engines.render(voice, plan::BRIEF, |_| {}).ok();
    }
    load::render_all(&engines, &loaded).await;
    let running = load::start(&config, loaded, engines).await?;
    let bot = Arc::clone(&running.bot);
    let address = bot
        .sip
        .local()
        .first()
        .map(|(_, address)| *address)
        .ok_or(Error::Nowhere)?;
    let wishes = running.wishes.clone();
    let mut random = StdRng::seed_from_u64(wanted.seed);
    let scripts = Script::drawn(wanted.hand_overs, Pages::NotRung, &mut random);
    let ground = Arc::new(Ground {
        store,
        people,
        bot: address,
        seed: wanted.seed,
        left: Mutex::new(scripts.into_iter().enumerate().collect()),
        epoch: (clock::now(), clock::wall()),
    });
    let working = async {
        let (done, mut told) = mpsc::channel(lanes);
        let mut all = JoinSet::new();
        for lane in 0..lanes {
            all.spawn(Arc::clone(&ground).lane(lane, done.clone()));
        }
        drop(done);
        let mut went = Vec::new();
        while let Some(one) = told.recv().await {
            each(&one);
            went.push(one);
        }
        let left = rest(&bot).await;
        drop(bot);
        wishes.send(Wish::Drain).await.ok();
        (went, left)
    };
    let ((went, left), ()) = tokio::join!(working, running.run());
    Ok(Figures::of(wanted.seed, &went, left))
}

/// A bot on loopback that refuses nobody for the load: it is not what is measured.
fn configure(wanted: &Wanted, lanes: usize) -> Result<Config, Error> {
    let mut config = Config {
        plan: wanted.folder.join("plan.yaml"),
        data: wanted.folder.clone(),
        outbound: sip::Outbound::default(),
        ..Config::default()
    };
    std::fs::create_dir_all(&wanted.folder)?;
    std::fs::write(&config.plan, plan::text(lanes))?;
    config.sip.listen = vec![Listen {
        transport: Transport::Udp,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }];
    config.sip.access.addresses = vec![std::net::IpAddr::V4(Ipv4Addr::LOCALHOST).into()];
    config.rtp.ports = 30_000..=39_999;
    config.calls.most = lanes * 2;
    config.calls.record = Recordings::No;
    config.calls.overload = Overload {
        late: Duration::from_secs(10),
        behind: Duration::from_secs(60),
    };
    Ok(config)
}

/// Waits until the bot holds nothing; what it holds then.
async fn rest(bot: &Bot) -> Left {
    let until = clock::now() + COMES_TO_REST;
    loop {
        let counts = bot.counts();
        let left = Left {
            tickets: 0,
            calls: counts.sip.dialogs,
            ports: counts.ports,
        };
        if left == Left::default() || clock::now() >= until {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Who can be at work: for each lane and each of its two sets, the one who is rung first and the next.
struct People(BTreeMap<(usize, usize, Who), (String, SocketAddr)>);

impl People {
    async fn add(store: &Store, lanes: usize) -> Result<Self, Error> {
        let hash = Hash::of(PASSWORD.into()).await?;
        let wanted = lanes * 4;
        let free = PHONES.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        // One that is free now is taken by nobody but us: the system gives out others.
        let mut free = free.filter(|address| UdpSocket::bind(address).is_ok());
        let mut people = BTreeMap::new();
        for lane in 0..lanes {
            for (set, who, letter) in [
                (0, Who::First, 'a'),
                (0, Who::Next, 'b'),
                (1, Who::First, 'c'),
                (1, Who::Next, 'd'),
            ] {
                // Who comes first in the order of names is rung first.
                let name = format!("lane{lane}{letter}");
                let address = free.next().ok_or(Error::Ports(wanted))?;
                let person = Person {
                    display: name.clone(),
                    role: Role::Agent,
                    skills: vec![plan::skill(lane)],
                    languages: vec![Language::English],
                    capacity: 1,
                    phone: Some(format!("sip:{name}@{address}")),
                    disabled: true,
                    name: name.clone(),
                };
                store.add_person(&person, &hash, None, clock::wall()).await?;
                people.insert((lane, set, who), (name, address));
            }
        }
        Ok(Self(people))
    }
}

/// What all lanes share.
struct Ground {
    store: Store,
    people: People,
    bot: SocketAddr,
    seed: u64,
    /// What is still to be played.
    left: Mutex<VecDeque<(usize, Script)>>,
    /// One moment by both clocks.
    epoch: (Instant, Timestamp),
}

impl Ground {
    /// One hand-over after another, until none is left.
    async fn lane(self: Arc<Self>, lane: usize, done: mpsc::Sender<HandOver>) {
        for turn in 0.. {
            let next = self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((number, script)) = next else { return };
            let one = self.hand_over(lane, turn % 2, number, script).await;
            if done.send(one).await.is_err() {
                return;
            }
        }
    }

    async fn hand_over(&self, lane: usize, set: usize, number: usize, script: Script) -> HandOver {
        let diary = Arc::new(Diary::new());
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        let cast = Cast::of(script, &mut StdRng::seed_from_u64(seed));
        if let Err(e) = self.send_to_work(lane, set, &cast).await {
            diary.note(Entry::Odd(format!("nobody could be sent to work: {e}")));
        }
        let over = CancellationToken::new();
        let mut playing = JoinSet::new();
        for part in &cast.parts {
            if let Some((_, address)) = self.people.0.get(&(lane, set, part.who)) {
                playing.spawn(phone::play(*part, *address, Arc::clone(&diary), over.clone()));
            }
        }
        tokio::time::sleep(LOOKED).await;
        let calling = Calling {
            bot: self.bot,
            to: plan::number(lane),
            from: (100_000 + number).to_string(),
            leaves: cast.leaves,
        };
        let listened = caller::ring(&calling, &diary).await;
        over.cancel();
        while playing.join_next().await.is_some() {}
        let record = self.record(&calling.from).await;
        if record.is_none() {
            diary.note(Entry::Odd("no record was written".into()));
        }
        self.judge(number, script, &diary, listened, record.as_ref())
    }

    /// Has the people of the hand-over at work, and nobody else of the lane.
    async fn send_to_work(&self, lane: usize, set: usize, cast: &Cast) -> Result<(), store::Error> {
        for ((_, of, who), (name, _)) in self.people.0.range((lane, 0, Who::Caller)..(lane + 1, 0, Who::Caller)) {
            let wanted = *of == set && cast.parts.iter().any(|part| part.who == *who);
            if wanted {
                self.store.enable_person(name).await?;
            } else {
                self.store.disable_person(name).await?;
            }
        }
        Ok(())
    }

    /// Of the call from there, when it is written.
    async fn record(&self, from: &str) -> Option<Record> {
        let until = clock::now() + SETTLED;
        loop {
            let calls = self.store.list(200).await.unwrap_or_default();
            let found = calls
                .into_iter()
                .find(|call| call.caller == from && call.ended.is_some());
            if let Some(found) = found {
                return self.store.show(&found.id).await.ok().flatten();
            }
            if clock::now() >= until {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn judge(
        &self,
        number: usize,
        script: Script,
        diary: &Diary,
        listened: Option<Listened>,
        record: Option<&Record>,
    ) -> HandOver {
        let began = listened.is_some();
        let listened = listened.unwrap_or_default();
        let event = |words: &str| {
            let line = record?.lines.iter().find(|line| line.text.starts_with(words))?;
            self.instant(line.at)
        };
        let gone = diary.when(&Entry::Failed);
        // Where nobody is there nobody can tell when it goes wrong: when the caller began to wait.
        let gone =
            gone.or_else(|| event("waits for a person").filter(|_| script.trouble.conduct().1 == Conduct::Absent));
        let back = event("no person took the call");
        let after = |at: Option<Instant>| Some(at?.saturating_duration_since(gone?));
        let onward = match (gone.and_then(|gone| diary.rung_after(gone)), back) {
            (Some(rung), Some(back)) => Some(rung.min(back)),
            (rung, back) => rung.or(back),
        };
        let talked = |who: Who| {
            let heard = listened.tones.contains(&who);
            heard && diary.when(&Entry::Bridged(who)).is_some() && diary.when(&Entry::Finished(who)).is_some()
        };
        let told_so = record.is_some_and(|record| record.summary.path.iter().any(|flow| flow == plan::WAY_OUT));
        let fate = match script.trouble {
            _ if !began => Fate::Dropped,
            Trouble::Caller(_) if diary.when(&Entry::Left).is_some() => Fate::Left,
            _ if talked(Who::Next) => Fate::Next,
            _ if talked(Who::First) => Fate::First,
            _ if told_so => Fate::WayOut,
            _ => Fate::Dropped,
        };
        let silent = listened
            .silent_at
            .map(|at| diary.since(at).as_secs_f64())
            .unwrap_or_default();
        let lines = record.map(|record| &record.lines[..]).unwrap_or_default();
        let lines = lines.iter().map(|line| {
            let at = self
                .instant(line.at)
                .map(|at| diary.since(at).as_secs_f64())
                .unwrap_or_default();
            format!("{at:.2} {}", line.text)
        });
        HandOver {
            number,
            script,
            fate,
            music: after(listened.music).filter(|_| gone.is_some()),
            onward: after(onward),
            silence: listened.silence,
            told: format!(
                "{}; silent for {} ms from {silent:.2} on; the bot's record: {}",
                diary.told(),
                listened.silence.as_millis(),
                lines.collect::<Vec<_>>().join(", ")
            ),
            odd: diary.odd(),
        }
    }

    /// By the other clock.
    fn instant(&self, at: Timestamp) -> Option<Instant> {
        let (now, wall) = self.epoch;
        let since = Duration::try_from(at.duration_since(wall)).ok()?;
        now.checked_add(since)
    }
}

/// Who plays in a hand-over, and when the caller leaves.
struct Cast {
    parts: Vec<Part>,
    leaves: Option<(Stage, Duration)>,
}

impl Cast {
    fn of(script: Script, random: &mut StdRng) -> Self {
        let (_, conduct) = script.trouble.conduct();
        let mut part = |who, conduct| Part {
            who,
            conduct,
            pace: Pace {
                ring: moment(random, 200..900),
                brief: moment(random, 100..1_200),
                talk: moment(random, 400..1_500),
            },
        };
        let mut parts = vec![part(Who::First, conduct)];
        if script.then == Then::Next {
            parts.push(part(Who::Next, Conduct::Takes));
        }
        let mut leaves = None;
        if let Trouble::Caller(stage) = script.trouble {
            let after = match stage {
                // They have been greeted by then.
                Stage::Waiting => moment(random, 2_500..4_000),
                Stage::Ringing | Stage::Brief | Stage::Bridged => moment(random, 50..1_200),
            };
            leaves = Some((stage, after));
            for part in &mut parts {
                // Who is to be left waits for it.
                (part.pace.talk, part.pace.ring) = (
                    Duration::from_secs(20),
                    part.pace.ring * if stage == Stage::Ringing { 100 } else { 1 },
                );
            }
            if stage == Stage::Waiting {
                parts.clear();
            }
        }
        Self { parts, leaves }
    }
}
