//! The bot that is measured: this program again, as `offhook serve`, in a folder and on ports of its own, with people who may sign in.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Error;
use crate::bench::load::process::{self, Owned};
use crate::clock;
use crate::language::Language;
use crate::store::Store;
use crate::store::people::{Hash, Person, Role};

/// Of everybody.
pub const PASSWORD: &str = "correct horse battery";
/// Cores that the bot has, where the machine has more.
pub const CORES: usize = 2;
/// For models to be loaded and prompts to be rendered.
const READY: Duration = Duration::from_secs(180);
/// Lines of its log that are kept to be told.
const KEPT: usize = 12;

/// Ends with its owner, and its folder with it.
pub struct Site {
    process: Owned,
    pub sip: SocketAddr,
    pub web: SocketAddr,
    log: Arc<Mutex<Log>>,
    _folder: Folder,
}

/// What it logs.
#[derive(Default)]
struct Log {
    last: VecDeque<String>,
    /// Warnings and errors.
    warnings: usize,
}

/// One of the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub role: Role,
    pub skill: &'static str,
}

impl Site {
    /// Has it listen, for so many calls at once, with `staff` who may sign in.
    pub async fn start(plan: &Path, staff: &[Member], calls: usize) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let (sip, web) = (free_udp()?, free_tcp()?);
        let plan = std::fs::canonicalize(plan).map_err(|e| Error::Plan(plan.to_owned(), e))?;
        let ports = 30_000..=30_000 + calls.saturating_mul(4).clamp(1_000, 9_999);
        let config = format!(
            "sip: {{listen: [\"udp:{sip}\"], limits: {{per_source: 10000, requests: 1000}}}}\n\
             rtp: {{ports: {}-{}}}\nplan: {}\ndata: data\n\
             calls: {{most: {}, record: false, longest: 2h}}\nweb: {{listen: \"{web}\"}}\n",
            ports.start(),
            ports.end(),
            serde_json::Value::from(plan.display().to_string()),
            calls + calls / 4 + 8,
        );
        let path = folder.0.join("offhook.yaml");
        std::fs::write(&path, config)?;
        employ(&folder.0.join("data").join("offhook.db"), staff).await?;
        let program = std::env::current_exe()?.display().to_string();
        let mut command = process::on_cores(CORES, &program);
        command.args(["serve", "-c"]).arg(&path);
        command.env("OFFHOOK_LOG", "info").env("NO_COLOR", "1");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stderr = child.stderr.take();
        let process = Owned(child);
        let log = Arc::new(Mutex::new(Log::default()));
        let (ready, is_ready) = oneshot::channel();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || read(stderr, &kept, ready));
        let site = Self {
            process,
            sip,
            web,
            log,
            _folder: folder,
        };
        // Dropped unsent where the bot has ended.
        match tokio::time::timeout(READY, is_ready).await {
            Ok(Ok(())) => Ok(site),
            Ok(Err(_)) | Err(_) => Err(Error::NotReady(site.last_words())),
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Warnings and errors that it logged so far.
    pub fn warnings(&self) -> usize {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).warnings
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Reads what it logs until it ends, so that it never waits for a reader; `ready` is told once it listens.
fn read(stderr: Option<ChildStderr>, log: &Mutex<Log>, ready: oneshot::Sender<()>) {
    let Some(stderr) = stderr else { return };
    let mut ready = Some(ready);
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.contains("ready: SIP on")
            && let Some(ready) = ready.take()
        {
            // Who waited may have given up.
            ready.send(()).ok();
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let bad = [" WARN ", "ERROR "].iter().any(|level| line.contains(level));
        log.warnings = log.warnings.saturating_add(usize::from(bad));
        if log.last.len() >= KEPT {
            log.last.pop_front();
        }
        log.last.push_back(line);
    }
}

/// One password for all: its proof takes as long for each, and its hash is made once.
async fn employ(path: &Path, staff: &[Member]) -> Result<(), Error> {
    let store = Store::open(path).await?;
    let hash = Hash::of(PASSWORD.into()).await?;
    for member in staff {
        let person = Person {
            name: member.name.clone(),
            display: member.name.to_uppercase(),
            role: member.role,
            skills: vec![member.skill.to_owned()],
            languages: vec![Language::English],
            capacity: 1,
            phone: None,
            disabled: false,
        };
        store.add_person(&person, &hash, None, clock::wall()).await?;
    }
    // Somebody is always there for those who wait, and takes none: without anybody they would be sent on.
    let keeper = Person {
        name: "keeper".into(),
        display: "Keeper".into(),
        role: Role::Agent,
        skills: vec!["care".into()],
        languages: vec![Language::English],
        capacity: 0,
        phone: Some("sip:keeper@127.0.0.1:9".into()),
        disabled: false,
    };
    store.add_person(&keeper, &hash, None, clock::wall()).await?;
    store.close().await;
    Ok(())
}

/// One that is removed with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("offhook-bench-desk-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn free_udp() -> Result<SocketAddr, Error> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?)
}

fn free_tcp() -> Result<SocketAddr, Error> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
