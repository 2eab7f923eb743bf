//! What calls cost at scale, over real sockets: processor, memory and pacing of many at once, and how many a second are set up and torn down.
//!
//! Who answers is a process of its own on one core, so that the figures are its alone; the callers are [`super::load`], on the other cores. The bot is
//! one without models ([`super::bare`]); beside it, in the same run, answer other people's programs.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use serde::Serialize;

use super::bare::Inside;
use super::load::caller::{Conduct, Outcome};
use super::load::exchange::Exchange;
use super::load::process::{self, Machine, Owned, Usage};
use super::load::sound::Sounds;
use super::{milliseconds, percentile};
use crate::audio::{tone, wav};
use crate::clock;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// This program, without models; with the echo canceller, or not.
    Bare { echo: bool },
    /// And without sound.
    Signalling,
    /// Debian's SIPp as it answers by itself, which sends back the sound that comes: the least that can be done with a packet.
    Sipp,
    /// Debian's baresip, which plays a file to everyone: a jitter buffer, a codec and a clock a call, as ours.
    Baresip,
}

impl Answerer {
    pub fn name(self) -> &'static str {
        match self {
            Answerer::Bare { echo: false } => "offhook",
            Answerer::Bare { echo: true } => "offhook, echo canceller",
            Answerer::Signalling => "offhook, no sound",
            Answerer::Sipp => "SIPp",
            Answerer::Baresip => "baresip",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is not installed: `.ci/setup test` does that")]
    Missing(&'static str),
    #[error("{0} did not begin to listen")]
    NotReady(&'static str),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Sound(#[from] wav::WavError),
}

/// Of many calls at once.
#[derive(Clone, Debug, Serialize)]
pub struct Carried {
    pub answerer: &'static str,
    pub calls: usize,
    /// Who were on the line when it was measured.
    pub talking: usize,
    /// Per cent of one core a call.
    pub core_percent: f64,
    /// And of all calls together.
    pub core_percent_all: f64,
    /// Resident, a call.
    pub kb: f64,
    /// How much later than its time a packet came, ms.
    pub late_p50: Option<f64>,
    pub late_p99: Option<f64>,
    pub late_most: Option<f64>,
    /// Packets to the callers; and of those that were due in the time, per cent: less than a hundred where the answerer cannot keep up.
    pub received: u64,
    pub received_percent: f64,
    pub lost: u64,
    /// Of these, for which the callers' own sockets had no room.
    pub dropped_here: u64,
    /// Of the callers' packets, as the answerer's reports (RTCP) say; per cent.
    pub lost_there_percent: Option<f64>,
    /// Of the time of all processors, that the host gave to others: what is late may be so because of it.
    pub stolen_percent: f64,
}

/// Of calls that are set up and torn down at once.
#[derive(Clone, Debug, Serialize)]
pub struct SetUp {
    pub answerer: &'static str,
    pub at_once: usize,
    pub calls: usize,
    pub per_second: f64,
    /// Of the answerer's one core.
    pub core_percent: f64,
    /// Milliseconds of one core a call.
    pub core_ms: f64,
    /// From the INVITE to the 200, ms.
    pub answered_p50: Option<f64>,
    pub answered_p99: Option<f64>,
    /// Of calls that were not set up, or did not end by the caller's BYE.
    pub failed: usize,
    /// Requests that had to be sent again.
    pub repeated: u32,
    /// Resident, of the whole process after the run, MB.
    pub memory_mb: f64,
}

/// With which many are set up before they are measured: 40 calls a second, and no two the same part of a tick after each other, as callers come.
fn pause(number: usize) -> Duration {
    Duration::from_micros(20_000 + (number as u64 * 7_919) % 10_000)
}

/// Of this a socket's time-outs may be late: they are in ticks of the system, and callers who come at one come at the same part of a frame.
const COARSE: Duration = Duration::from_millis(10);
/// All are up, and the machine has come to rest.
const SETTLE: Duration = Duration::from_secs(3);
/// Than calls are measured, unless they are wanted for minutes.
const LONGER: Duration = Duration::from_secs(300);
const READY: Duration = Duration::from_secs(20);

/// `calls` at once for `span`.
pub fn carry(answerer: Answerer, calls: usize, span: Duration) -> Result<Carried, Error> {
    let running = Running::start(answerer, calls)?;
    process::off_that_core();
    let mut exchange = Exchange::open(running.address)?;
    let sounds = Sounds::open(running.address.ip())?;
    // What the first call brings along is not a call's.
    exchange.ring(Conduct::Stays(Duration::from_secs(1)), sounds.address(0));
    exchange.drain(Duration::from_secs(10));
    let before = running.usage()?;
    let mut begun = Vec::new();
    for n in 0..calls {
        begun.push((n, exchange.ring(Conduct::Stays(span * 10 + SETTLE), sounds.address(n))));
        let until = clock::now() + pause(n);
        while clock::now() + COARSE < until {
            exchange.turn(Duration::from_millis(2));
            listen(&exchange, &sounds, &mut begun);
        }
        std::thread::sleep(until.saturating_duration_since(clock::now()));
    }
    let until = clock::now() + SETTLE;
    while clock::now() < until {
        exchange.turn(Duration::from_millis(10));
        listen(&exchange, &sounds, &mut begun);
    }
    let dropped = sounds.dropped();
    sounds.measure(true);
    let (from, machine, began) = (running.usage()?, Machine::now(), clock::now());
    exchange.turn(span);
    let stolen_percent = Machine::now().stolen_since(machine);
    let (to, lasted) = (running.usage()?, clock::now().saturating_duration_since(began));
    sounds.measure(false);
    let talking = exchange.talking();
    let heard = sounds.heard();
    let carried = Carried {
        answerer: answerer.name(),
        calls,
        talking,
        core_percent: share(&from, &to, lasted) / talking.max(1) as f64,
        core_percent_all: share(&from, &to, lasted),
        kb: (to.memory_kb - before.memory_kb) / talking.max(1) as f64,
        late_p50: percentile(&heard.late, 0.5),
        late_p99: percentile(&heard.late, 0.99),
        late_most: heard.late.iter().copied().reduce(f64::max),
        received: heard.received,
        received_percent: heard.received as f64 * 100.0 / (talking.max(1) as f64 * lasted.as_secs_f64() * 50.0),
        lost: heard.lost,
        dropped_here: sounds.dropped().saturating_sub(dropped),
        lost_there_percent: heard.lost_there.map(|share| share * 100.0),
        stolen_percent,
    };
    exchange.leave();
    exchange.drain(Duration::from_secs(10));
    Ok(carried)
}

/// Begins the sound of those who were answered.
fn listen(exchange: &Exchange, sounds: &Sounds, waiting: &mut Vec<(usize, u64)>) {
    let now = clock::now();
    waiting.retain(|(n, number)| {
        let there = exchange.caller(*number).and_then(|caller| caller.sounds(now));
        there.inspect(|there| sounds.begin(*n, *there)).is_none()
    });
}

/// For `span`, `at_once` under way at any time: INVITE, 200, ACK, BYE, 200.
pub fn set_up(answerer: Answerer, at_once: usize, span: Duration) -> Result<SetUp, Error> {
    let running = Running::start(answerer, at_once)?;
    process::off_that_core();
    let mut exchange = Exchange::open(running.address)?;
    let media = SocketAddr::new(running.address.ip(), 9);
    exchange.ring(Conduct::Stays(Duration::ZERO), media);
    exchange.drain(Duration::from_secs(10));
    let (from, began) = (running.usage()?, clock::now());
    let over = hung_up(&exchange);
    while clock::now().saturating_duration_since(began) < span {
        while exchange.active() < at_once {
            exchange.ring(Conduct::Stays(Duration::ZERO), media);
        }
        exchange.turn(Duration::ZERO);
    }
    let (to, lasted) = (running.usage()?, clock::now().saturating_duration_since(began));
    let calls = hung_up(&exchange) - over;
    exchange.drain(Duration::from_secs(40));
    let answered: Vec<f64> = exchange.answered_after().into_iter().map(milliseconds).collect();
    let others = exchange
        .outcomes()
        .into_iter()
        .filter(|(outcome, _)| *outcome != Outcome::HungUp);
    Ok(SetUp {
        answerer: answerer.name(),
        at_once,
        calls,
        per_second: calls as f64 / lasted.as_secs_f64(),
        core_percent: share(&from, &to, lasted),
        core_ms: milliseconds(to.processor.saturating_sub(from.processor)) / calls.max(1) as f64,
        answered_p50: percentile(&answered, 0.5),
        answered_p99: percentile(&answered, 0.99),
        failed: others.map(|(_, count)| count).sum::<usize>() + exchange.active(),
        repeated: exchange.repeated(),
        memory_mb: to.memory_kb / 1_000.0,
    })
}

fn hung_up(exchange: &Exchange) -> usize {
    let outcomes = exchange.outcomes();
    outcomes
        .iter()
        .find(|(outcome, _)| *outcome == Outcome::HungUp)
        .map_or(0, |(_, count)| *count)
}

/// Per cent of one core between two moments.
fn share(from: &Usage, to: &Usage, lasted: Duration) -> f64 {
    to.processor.saturating_sub(from.processor).as_secs_f64() / lasted.as_secs_f64().max(f64::EPSILON) * 100.0
}

/// One that answers calls, until it is dropped.
pub struct Running {
    process: Owned,
    pub address: SocketAddr,
    name: &'static str,
    /// To ask it what it holds.
    line: Option<(ChildStdin, BufReader<ChildStdout>)>,
    /// Of its configuration, while it runs.
    _folder: Option<Folder>,
}

impl Running {
    /// A port is there and listens when it returns.
    pub fn start(answerer: Answerer, calls: usize) -> Result<Self, Error> {
        match answerer {
            Answerer::Bare { echo } => Self::bare(answerer.name(), if echo { &["--echo-canceller"] } else { &[] }),
            Answerer::Signalling => Self::bare(answerer.name(), &["--no-sound"]),
            Answerer::Sipp => Self::sipp(),
            Answerer::Baresip => Self::baresip(calls),
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it holds, where it can be asked.
    pub fn inside(&mut self) -> Option<Inside> {
        let (asks, said) = self.line.as_mut()?;
        writeln!(asks, "inside").ok()?;
        let mut line = String::new();
        said.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    fn usage(&self) -> Result<Usage, Error> {
        process::usage(self.process.id()).ok_or(Error::NotReady(self.name))
    }

    /// This program again, which says where it listens.
    fn bare(name: &'static str, more: &[&str]) -> Result<Self, Error> {
        let program = std::env::current_exe()?.display().to_string();
        let mut command = process::on_one_core(&program);
        command.args(["bench", "bare-bot"]).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let process = Owned(child);
        let (asks, said) = pipes.ok_or(Error::NotReady(name))?;
        let (mut line, mut said) = (String::new(), BufReader::new(said));
        said.read_line(&mut line)?;
        let address = line.trim().parse().map_err(|_| Error::NotReady(name))?;
        Ok(Self {
            process,
            address,
            name,
            line: Some((asks, said)),
            _folder: None,
        })
    }

    fn sipp() -> Result<Self, Error> {
        let (sip, sound) = (free_port()?, 39_000 + free_port()? % 500 * 2);
        let mut command = process::on_one_core("sipp");
        command.args(["-sn", "uas", "-nostdin", "-rtp_echo", "-i", "127.0.0.1", "-p"]);
        command.args([sip.to_string(), "-mp".into(), sound.to_string()]);
        Self::foreign("SIPp", "sipp", command, sip, None)
    }

    /// A file is its microphone, and nothing its loudspeaker.
    fn baresip(calls: usize) -> Result<Self, Error> {
        let sip = free_port()?;
        let folder = Folder::new()?;
        let path = folder.0.display();
        // It hangs up where the file ends.
        let sound = tone::sine_at(8_000, 300.0, -20.0, LONGER);
        std::fs::write(folder.0.join("said.wav"), wav::mono_at(8_000, &sound)?)?;
        let modules = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
        let modules = modules
            .iter()
            .find(|path| Path::new(path).is_dir())
            .ok_or(Error::Missing("baresip"))?;
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{sip}\ncall_max_calls {}\naudio_source aufile,{path}/said.wav\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\nrtp_ports 26000-29000\nnet_interface 127.0.0.1\nmodule_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n",
            calls + 8
        );
        std::fs::write(folder.0.join("config"), config)?;
        let account = format!("<sip:bench@127.0.0.1:{sip}>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1\n");
        std::fs::write(folder.0.join("accounts"), account)?;
        let mut command = process::on_one_core("baresip");
        command.arg("-f").arg(&folder.0);
        Self::foreign("baresip", "baresip", command, sip, Some(folder))
    }

    fn foreign(
        name: &'static str,
        program: &str,
        mut command: std::process::Command,
        port: u16,
        folder: Option<Folder>,
    ) -> Result<Self, Error> {
        let found = std::env::var_os("PATH")
            .is_some_and(|paths| std::env::split_paths(&paths).any(|folder| folder.join(program).is_file()));
        if !found {
            return Err(Error::Missing(name));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Owned(command.spawn()?);
        let until = clock::now() + READY;
        while !process::is_bound(port) {
            if clock::now() >= until || process.0.try_wait()?.is_some() {
                return Err(Error::NotReady(name));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            name,
            line: None,
            _folder: folder,
        })
    }
}

/// One that is removed with its owner.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("offhook-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn free_port() -> Result<u16, Error> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}
