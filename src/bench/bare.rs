//! A bot without models: the real user agent, ports, media machine and call, and sound that is there already.
//!
//! Its legs are driven as `engine::leg` drives them, so what they cost is what a call costs beside its engines. It hears no speech: nobody is
//! transcribed, and the chance of voice is none.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::plain;
use crate::audio::clean::{Cleaner, Cleaning};
use crate::audio::{FRAME_DURATION, Frame, tone};
use crate::call::{Call, Heard, Manager, Output, Start};
use crate::clock;
use crate::dialogue::grounded::{Understanding, understanding};
use crate::dialogue::knowledge::Knowledge;
use crate::dialplan::assistant::Endpointing;
use crate::dialplan::{Facts, Plan};
use crate::engine::ports::{MediaSocket, Ports};
use crate::language::Language;
use crate::rtp::{self, RtpStream};
use crate::sdp::{self, Capabilities};
use crate::sip::{self, Action, CallId, Event, Limits, Listen, Transport, UserAgent};

/// Events that may wait for one call.
const EVENTS: usize = 32;
/// A tick that comes later than this was held up, and those behind it are let go.
const LATE: Duration = Duration::from_millis(100);
/// More than any load asks for: what is measured is the cost, not the limit.
const UNLIMITED: u32 = 1_000_000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sip(#[from] sip::StartError),
    #[error(transparent)]
    Plan(#[from] super::recordings::Error),
}

/// What all calls share.
struct Bot {
    sip: UserAgent,
    ports: Ports,
    cleaning: Cleaning,
    plan: Arc<Plan>,
    understanding: Understanding,
    /// What is said for every clause.
    sound: Arc<[i16]>,
}

/// What it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// Of the whole process.
    pub tasks: usize,
    pub dialogs: usize,
    pub transactions: usize,
    /// Pairs of them, given out for sound.
    pub ports: usize,
}

/// Who asks what it holds is told by this.
pub type Question = oneshot::Sender<Inside>;

/// Answers every call on a port of its own of this machine; `ready` is told which. With no `sound` only the signalling is done: a description is
/// answered, and no media machine runs.
pub async fn serve(
    cleaning: Cleaning,
    sound: Sound,
    mut asked: mpsc::Receiver<Question>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (sip, mut events) = UserAgent::start(sip::Config {
        listen: vec![Listen {
            transport: Transport::Udp,
            address: SocketAddr::new(ip, 0),
        }],
        limits: Limits {
            opening_per_second: UNLIMITED,
            ..Limits::default()
        },
        ..sip::Config::default()
    })
    .await?;
    ready(
        sip.local()
            .first()
            .map_or(SocketAddr::new(ip, 0), |(_, address)| *address),
    );
    let plan = plain::start(&words(), Language::English, Endpointing::default())?.plan;
    let bot = Arc::new(Bot {
        sip,
        ports: Ports::new(vec![ip], 30_000..=39_999),
        cleaning,
        understanding: understanding(&plan, "bot", &Arc::new(Knowledge::build([])), None),
        plan,
        sound: spoken(),
    });
    let mut open: HashMap<CallId, mpsc::Sender<Event>> = HashMap::new();
    let mut legs = JoinSet::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::Invited { call, offer: Some(offer), .. }) => match sound {
                    Sound::Played => {
                        let (sender, receiver) = mpsc::channel(EVENTS);
                        open.insert(call, sender);
                        legs.spawn(leg(Arc::clone(&bot), call, offer, receiver));
                    }
                    Sound::None => bot.answer_alone(call, &offer),
                },
                Some(Event::Invited { call, offer: None, .. }) => bot.refuse(call, 488),
                Some(event) => {
                    let (Event::Acknowledged { call, .. }
                    | Event::Changed { call, .. }
                    | Event::Key { call, .. }
                    | Event::Ended { call, .. }) = &event
                    else {
                        continue;
                    };
                    if let Some(open) = open.get(call) {
                        open.try_send(event).ok();
                    }
                }
                None => return Ok(()),
            },
            Some(ended) = legs.join_next() => if let Ok(call) = ended {
                open.remove(&call);
            },
            // Nobody asks again where who asked has gone.
            Some(question) = asked.recv() => drop(question.send(bot.inside())),
        }
    }
}

/// Whether calls have sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    Played,
    None,
}

/// Twenty seconds at the level of speech.
fn spoken() -> Arc<[i16]> {
    tone::sine(300.0, -20.0, Duration::from_secs(20)).into()
}

/// Four minutes of it, a sentence each twenty seconds.
fn words() -> String {
    let sentences = (1..=12).map(|n| format!("This is sentence number {n} of what is said. "));
    sentences.collect()
}

impl Bot {
    fn inside(&self) -> Inside {
        let counts = self.sip.counts();
        Inside {
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            dialogs: counts.dialogs,
            transactions: counts.transactions,
            ports: self.ports.taken(),
        }
    }

    fn start(&self) -> Start {
        Start {
            plan: Arc::clone(&self.plan),
            assistant: "bot".into(),
            flow: "welcome".into(),
            language: Language::English,
            facts: Facts::of_nobody(clock::wall()),
            told: BTreeMap::new(),
            opening: None,
            understanding: self.understanding.clone(),
            manager: Manager::Grounded,
        }
    }

    fn act(&self, action: Action) {
        // A call that takes no more is one that ends by itself.
        self.sip.act(action).ok();
    }

    fn refuse(&self, call: CallId, code: u16) {
        self.act(Action::Refuse {
            call,
            code,
            reason: String::new(),
            retry_after: None,
        });
    }

    fn accept(&self, call: CallId, body: String) {
        self.act(Action::Ring { call });
        self.act(Action::Accept {
            call,
            body: body.into_bytes(),
        });
    }

    fn answer_alone(&self, call: CallId, offer: &[u8]) {
        let local = sdp::Local::new(
            SocketAddr::from(([127, 0, 0, 1], 9)),
            call.0,
            sdp::Secret::drawn(rand::random),
        );
        match sdp::answer(offer, &local, &Capabilities::default()) {
            Ok((body, _)) => self.accept(call, body),
            Err(rejected) => self.refuse(call, rejected.code()),
        }
    }
}

/// A call from its INVITE to its end.
async fn leg(bot: Arc<Bot>, id: CallId, offer: Vec<u8>, mut events: mpsc::Receiver<Event>) -> CallId {
    let towards = sdp::wanted_at(&offer).unwrap_or([127, 0, 0, 1].into());
    let Ok(socket) = bot.ports.bind(towards) else {
        bot.refuse(id, 503);
        return id;
    };
    let address = socket.local_addr().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9)));
    let media = match sdp::answer(
        &offer,
        &sdp::Local::new(address, id.0, sdp::Secret::drawn(rand::random)),
        &Capabilities::default(),
    ) {
        Ok((body, media)) => {
            bot.accept(id, body);
            media
        }
        Err(rejected) => {
            bot.refuse(id, rejected.code());
            return id;
        }
    };
    let mut leg = Leg {
        stream: RtpStream::new(clock::now(), media.peer(), rtp::Config::default(), rand::random()),
        cleaner: Cleaner::new(bot.cleaning),
        call: None,
        socket,
        bot,
        id,
    };
    let mut tick = tokio::time::interval(FRAME_DURATION);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(Event::Acknowledged { .. }) => {
                    let bot = &leg.bot;
                    leg.call.get_or_insert_with(|| Call::new(clock::now(), bot.start()));
                }
                Some(Event::Ended { .. }) | None => break,
                Some(_) => {}
            },
            due = tick.tick() => {
                if clock::now().saturating_duration_since(due.into_std()) > LATE {
                    tick.reset();
                }
                leg.tick();
            }
        }
        leg.carry_out();
    }
    id
}

struct Leg {
    bot: Arc<Bot>,
    id: CallId,
    socket: MediaSocket,
    stream: RtpStream,
    cleaner: Option<Cleaner>,
    call: Option<Call>,
}

impl Leg {
    fn tick(&mut self) {
        let now = clock::now();
        let stream = &mut self.stream;
        self.socket
            .read(now, |at, from, datagram| stream.handle_datagram(at, from, datagram));
        let delay = self.stream.delay(now);
        let incoming = self.stream.tick(now);
        if self.call.is_some()
            && let Some((to, report)) = self.stream.report(now)
        {
            self.socket.send(to, &report);
        }
        while let Some(event) = self.stream.poll() {
            if let rtp::Event::Silent { .. } = event {
                self.bot.act(Action::Hangup {
                    call: self.id,
                    cause: None,
                });
            }
        }
        let Some(call) = &mut self.call else { return };
        let line = incoming.frame;
        let cleaned = self.cleaner.as_mut().map(|cleaner| cleaner.clean(&line));
        let heard = Heard {
            frame: cleaned.as_ref().unwrap_or(&line),
            line: &line,
            probability: 0.0,
            arrived: now.checked_sub(delay).unwrap_or(now),
        };
        let spoken = call.tick(now, heard).unwrap_or_else(Frame::silence);
        if let Some(cleaner) = &mut self.cleaner {
            cleaner.play(&spoken);
        }
        if let Some((to, datagram)) = self.stream.send(now, &spoken) {
            self.socket.send(to, &datagram);
        }
    }

    fn carry_out(&mut self) {
        let Some(call) = &mut self.call else { return };
        while let Some(output) = call.poll() {
            match output {
                Output::Speak(wanted) => call.voiced(clock::now(), wanted.id, Ok(Arc::clone(&self.bot.sound))),
                Output::Hangup => self.bot.act(Action::Hangup {
                    call: self.id,
                    cause: None,
                }),
                // There is nobody who would do it.
                Output::Hear { .. }
                | Output::Judge { .. }
                | Output::Unjudge
                | Output::Unhear { .. }
                | Output::Unspeak
                | Output::Ask { .. }
                | Output::Unask { .. }
                | Output::Use { .. }
                | Output::Keep { .. }
                | Output::Transfer { .. }
                | Output::Queue { .. }
                | Output::Said(_)
                | Output::Suggested(_)
                | Output::Minutes(_)
                | Output::Consult { .. }
                | Output::Release
                | Output::CallBack(_)
                | Output::Note(_) => {}
            }
        }
    }
}
