//! Hand-overs to people, of which most go wrong: whether any caller is dropped, or hears nothing for long.
//!
//! The bot is the whole one, in this process, with a plan that puts every caller through at once; callers and people are real user agents with sound of
//! their own on loopback ([`caller`], [`phone`]), or pages with theirs ([`page`]). So many lanes as hand-overs at once: each has a queue, and two sets of people, of
//! whom one is at work while the other has time off, so that nobody comes to the next hand-over with the last one's misses.

mod caller;
mod diary;
mod page;
mod phone;
mod plan;
pub mod script;
mod sound;
pub mod table;
mod wall;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::caller::{Calling, Listened};
use self::diary::{Diary, Entry};
use self::page::Account;
use self::phone::{Pace, Part};
use self::script::{Conduct, Fate, Pages, Script, Stage, Then, Trouble, Way, moment};
use self::sound::Who;
use self::table::{Figures, HandOver, Left};
use self::wall::Wall;
use crate::clock;
use crate::config::{self, Config, Overload, Recordings};
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
    pub pages: Pages,
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
    #[error("the desk does not show itself to a supervisor's page within {} s", SHOWN.as_secs())]
    NoDesk,
}

/// For the desk to be seen at all.
const SHOWN: Duration = Duration::from_secs(20);
/// For people to be at work: the bot looks every two seconds who is.
const AT_WORK: Duration = Duration::from_secs(15);
/// Longer than any caller who is to leave waits.
const STAYS: Duration = Duration::from_secs(20);
/// After the caller has gone: for people to be told.
const LET_GO: Duration = Duration::from_secs(3);
/// And for the record to be written.
const WRITTEN: Duration = Duration::from_secs(5);
/// For the last transactions: 32 s for a request that nobody answers, twice where another follows it.
const COMES_TO_REST: Duration = Duration::from_secs(100);
/// Where telephones listen: below the ports that the system gives out by itself.
const PHONES: std::ops::Range<u16> = 12_000..20_000;
/// Of everybody.
const PASSWORD: &str = "correct horse battery";
/// A supervisor, whose page shows the desk.
const WATCHER: &str = "watcher";

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
    let sip = bot.sip.local().first().map(|(_, address)| *address);
    let web = config.web.as_ref().map(|web| web.listen);
    let (sip, web) = sip.zip(web).ok_or(Error::Nowhere)?;
    let wishes = running.wishes.clone();
    let mut random = StdRng::seed_from_u64(wanted.seed);
    let scripts = Script::drawn(wanted.hand_overs, wanted.pages, &mut random);
    let (shows, wall) = watch::channel(None);
    let ground = Arc::new(Ground {
        store,
        people,
        sip,
        web,
        wall,
        seed: wanted.seed,
        left: Mutex::new(scripts.into_iter().enumerate().collect()),
        epoch: (clock::now(), clock::wall()),
    });
    let working = async {
        let mut watching = JoinSet::new();
        watching.spawn(wall::show(ground.account(WATCHER), shows));
        let figures = match ground.play(lanes, &mut each).await {
            Ok(went) => Ok(Figures::of(wanted.seed, &went, ground.rest(&bot).await)),
            Err(e) => Err(e),
        };
        drop((watching, bot));
        wishes.send(Wish::Drain).await.ok();
        figures
    };
    let (figures, ()) = tokio::join!(working, running.run());
    figures
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
    config.sip.access.addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()];
    config.web = Some(config::Web {
        // Free a moment ago: the bot does not tell which it took.
        listen: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?,
        ..config::Web::default()
    });
    config.rtp.ports = 30_000..=39_999;
    config.calls.most = lanes * 2;
    config.calls.record = Recordings::No;
    config.calls.overload = Overload {
        late: Duration::from_secs(10),
        behind: Duration::from_secs(60),
    };
    Ok(config)
}

/// Who can be at work: for each lane and each of its two sets, and each way of taking calls, the one who is rung first and the next.
struct People(BTreeMap<(usize, usize, Way, Who), Employed>);

/// One of them.
struct Employed {
    name: String,
    /// Where their telephone listens, if they have one.
    phone: Option<SocketAddr>,
}

impl People {
    async fn add(store: &Store, lanes: usize) -> Result<Self, Error> {
        let hash = Hash::of(PASSWORD.into()).await?;
        let free = PHONES.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        // One that is free now is taken by nobody but us: the system gives out others.
        let mut free = free.filter(|address| UdpSocket::bind(address).is_ok());
        let mut people = BTreeMap::new();
        for lane in 0..lanes {
            for (set, way, who, letter) in [
                (0, Way::Phone, Who::First, 'a'),
                (0, Way::Phone, Who::Next, 'b'),
                (0, Way::Page, Who::First, 'c'),
                (0, Way::Page, Who::Next, 'd'),
                (1, Way::Phone, Who::First, 'e'),
                (1, Way::Phone, Who::Next, 'f'),
                (1, Way::Page, Who::First, 'g'),
                (1, Way::Page, Who::Next, 'h'),
            ] {
                // The desk numbers who is new in the order of names, and takes turns by these numbers.
                let name = format!("lane{lane}{letter}");
                let phone = match way {
                    Way::Phone => Some(free.next().ok_or(Error::Ports(lanes * 4))?),
                    Way::Page => None,
                };
                let person = Person {
                    display: name.clone(),
                    role: Role::Agent,
                    skills: vec![plan::skill(lane)],
                    languages: vec![Language::English],
                    capacity: 1,
                    phone: phone.map(|address| format!("sip:{name}@{address}")),
                    disabled: true,
                    name: name.clone(),
                };
                store.add_person(&person, &hash, None, clock::wall()).await?;
                people.insert((lane, set, way, who), Employed { name, phone });
            }
        }
        let watcher = Person {
            name: WATCHER.into(),
            display: WATCHER.into(),
            role: Role::Supervisor,
            skills: Vec::new(),
            languages: vec![Language::English],
            capacity: 1,
            phone: None,
            disabled: false,
        };
        store.add_person(&watcher, &hash, None, clock::wall()).await?;
        Ok(Self(people))
    }

    /// Of a lane, in the order of their names within each set and way.
    fn of(&self, lane: usize) -> impl Iterator<Item = (usize, Way, Who, &Employed)> {
        let all = self.0.iter().filter(move |((of, ..), _)| *of == lane);
        all.map(|((_, set, way, who), employed)| (*set, *way, *who, employed))
    }
}

/// What all lanes share.
struct Ground {
    store: Store,
    people: People,
    sip: SocketAddr,
    web: SocketAddr,
    /// What the desk shows.
    wall: watch::Receiver<Option<Wall>>,
    seed: u64,
    /// What is still to be played.
    left: Mutex<VecDeque<(usize, Script)>>,
    /// One moment by both clocks.
    epoch: (Instant, Timestamp),
}

impl Ground {
    /// Plays all there is to play.
    async fn play(self: &Arc<Self>, lanes: usize, each: &mut impl FnMut(&HandOver)) -> Result<Vec<HandOver>, Error> {
        if !self.shows(SHOWN, |_| true).await {
            return Err(Error::NoDesk);
        }
        let (done, mut told) = mpsc::channel(lanes);
        let mut playing = JoinSet::new();
        for lane in 0..lanes {
            playing.spawn(Arc::clone(self).lane(lane, done.clone()));
        }
        drop(done);
        let mut went = Vec::new();
        while let Some(one) = told.recv().await {
            each(&one);
            went.push(one);
        }
        Ok(went)
    }

    /// Waits until the bot holds nothing; what it holds then.
    async fn rest(&self, bot: &Bot) -> Left {
        let until = clock::now() + COMES_TO_REST;
        loop {
            let counts = bot.counts();
            let left = Left {
                // Where nobody can tell, there may be one.
                tickets: self.wall.borrow().as_ref().map_or(1, |wall| wall.tickets),
                calls: counts.sip.dialogs,
                ports: counts.ports,
            };
            if left == Left::default() || clock::now() >= until {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Whether the desk shows what is `wanted` within `limit`.
    async fn shows(&self, limit: Duration, mut wanted: impl FnMut(&Wall) -> bool) -> bool {
        let mut wall = self.wall.clone();
        let seen = wall.wait_for(|wall| wall.as_ref().is_some_and(&mut wanted));
        matches!(tokio::time::timeout(limit, seen).await, Ok(Ok(_)))
    }

    fn account(&self, name: &str) -> Account {
        Account {
            web: self.web,
            name: name.to_owned(),
            password: PASSWORD.to_owned(),
        }
    }

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
            let Some(employed) = self.people.0.get(&(lane, set, cast.way, part.who)) else {
                continue;
            };
            let (part, diary, over) = (*part, Arc::clone(&diary), over.clone());
            match employed.phone {
                Some(address) => playing.spawn(phone::play(part, address, diary, over)),
                None => playing.spawn(page::play(part, self.account(&employed.name), diary, over)),
            };
        }
        let (wanted, others): (Vec<_>, Vec<_>) = self
            .people
            .of(lane)
            .partition(|(of, way, who, _)| cast.has(set, *of, *way, *who));
        let names =
            |of: &[(usize, Way, Who, &Employed)]| of.iter().map(|(.., one)| one.name.clone()).collect::<Vec<_>>();
        let (wanted, others) = (names(&wanted), names(&others));
        if !self.shows(AT_WORK, |wall| wall.has(&wanted, &others)).await {
            diary.note(Entry::Odd("who should be at work is not, or somebody else is".into()));
        }
        let calling = Calling {
            bot: self.sip,
            to: plan::number(lane),
            from: (100_000 + number).to_string(),
            leaves: cast.leaves,
        };
        let listened = caller::ring(&calling, &diary).await;
        if !diary.comes_to_rest(LET_GO).await {
            diary.note(Entry::Odd(
                "the caller is gone, and somebody is rung or in the call".into(),
            ));
        }
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
        for (of, way, who, employed) in self.people.of(lane) {
            if cast.has(set, of, way, who) {
                self.store.enable_person(&employed.name).await?;
            } else {
                self.store.disable_person(&employed.name).await?;
            }
        }
        Ok(())
    }

    /// Of the call from there, when it is written.
    async fn record(&self, from: &str) -> Option<Record> {
        let until = clock::now() + WRITTEN;
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
            music: after(listened.music),
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
    way: Way,
    parts: Vec<Part>,
    leaves: Option<(Stage, Duration)>,
}

impl Cast {
    fn of(script: Script, random: &mut StdRng) -> Self {
        let (way, conduct) = script.trouble.conduct();
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
                part.pace.talk = STAYS;
                if stage == Stage::Ringing {
                    part.pace.ring = STAYS;
                }
            }
            if stage == Stage::Waiting {
                parts.clear();
            }
        }
        Self { way, parts, leaves }
    }

    /// Whether this one of set `of` is to be at work, where `set` is the one whose turn it is.
    fn has(&self, set: usize, of: usize, way: Way, who: Who) -> bool {
        set == of && way == self.way && self.parts.iter().any(|part| part.who == who)
    }
}
