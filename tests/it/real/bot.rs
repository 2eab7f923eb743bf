//! The program as a user starts it, on ports and in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use offhook::clock;
use serde_json::Value;

/// One at a time: two cores hold one bot, one caller and the gaps between them.
pub static ALONE: Mutex<()> = Mutex::new(());

/// To be ready, the first rendering of a greeting included.
const READY: Duration = Duration::from_secs(90);
const IS_READY: &str = "ready: SIP on";
/// For whatever else a test waits for.
pub const LIMIT: Duration = Duration::from_secs(60);

pub struct Bot {
    child: Child,
    log: Receiver<String>,
    pub folder: tempfile::TempDir,
    pub port: u16,
    environment: Vec<(String, String)>,
    _alone: MutexGuard<'static, ()>,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program with `arguments`, in the project's folder.
pub fn offhook(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_offhook"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the program runs")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs until `done` gives something, for `limit` at most.
pub fn until<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let began = clock::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(clock::now().duration_since(began) < limit, "waited in vain for {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A port that nobody has now, by UDP or by TCP.
pub fn free_port() -> u16 {
    let by_both = |_| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        TcpListener::bind(address).is_ok().then(|| address.port())
    };
    (0..100).find_map(by_both).expect("a port that is free by both")
}

impl Bot {
    /// Starts it with `plan` of the project and `more` configuration, and waits until it is ready.
    pub fn start(plan: &str, more: &str) -> Self {
        Self::start_in(plan, more, &[])
    }

    /// As [`Bot::start`], with more in its environment.
    pub fn start_in(plan: &str, more: &str, environment: &[(&str, &str)]) -> Self {
        let plan = root().join(plan);
        let config = |port: u16| {
            format!(
                "sip: {{listen: [\"udp:127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\"]}}\nrtp: {{ports: 24000-25999}}\nplan: {}\ndata: data\n{more}\n",
                plan.display()
            )
        };
        Self::start_with(config, environment)
    }

    /// Starts it with what `config` makes of a free port.
    pub fn start_with(config: impl FnOnce(u16) -> String, environment: &[(&str, &str)]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        std::fs::write(folder.path().join("offhook.yaml"), config(port)).expect("written");
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<(String, String)> = environment.iter().map(owned).collect();
        let (child, log) = serving(folder.path(), &environment);
        let bot = Self {
            child,
            log,
            folder,
            port,
            environment,
            _alone: alone,
        };
        bot.await_log(IS_READY, READY);
        bot
    }

    /// SIGKILL: it ends at this instant, whatever it was doing.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("waited");
    }

    /// Starts it again, with the same configuration and records; it is not awaited.
    pub fn begin_anew(&mut self) {
        (self.child, self.log) = serving(self.folder.path(), &self.environment);
    }

    /// Waits until it is ready.
    pub fn await_ready(&self) {
        self.await_log(IS_READY, READY);
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("waited").is_some()
    }

    /// The program with `arguments` and this bot's configuration.
    pub fn offhook(&self, arguments: &[&str]) -> Output {
        let config = self.folder.path().join("offhook.yaml");
        Command::new(env!("CARGO_BIN_EXE_offhook"))
            .args(arguments)
            .arg("-c")
            .arg(config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(root())
            .output()
            .expect("the program runs")
    }

    pub fn uri(&self) -> String {
        format!("sip:support@127.0.0.1:{}", self.port)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log.
    pub fn await_log(&self, words: &str, limit: Duration) -> String {
        let until = clock::now() + limit;
        loop {
            let left = until.saturating_duration_since(clock::now());
            match self.log.recv_timeout(left) {
                Ok(line) if line.contains(words) => return line,
                Ok(_) => {}
                Err(_) => panic!("the bot never logged `{words}`"),
            }
        }
    }

    /// Rings it as `script` (of `fixtures/callers`, or a path); the report, and whether all was heard.
    pub fn ring(&self, script: &Path, more: &[&str]) -> Value {
        let script = script.display().to_string();
        let uri = self.uri();
        let mut arguments = vec!["ring", uri.as_str(), "--as", script.as_str(), "--json"];
        arguments.extend(more);
        let output = offhook(&arguments);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("no report: {e}\n{}", text(&output.stderr)));
        println!("{report:#}");
        report
    }

    /// As [`Bot::ring`], until all is heard that the script expects, three times at most: what a synthetic voice says over a telephone is misheard now and then.
    pub fn converse(&self, script: &Path, more: &[&str]) -> Value {
        let misheard = |report: &Value| report["failures"].as_array().is_some_and(|all| !all.is_empty());
        let mut report = self.ring(script, more);
        for _ in 0..2 {
            if misheard(&report) {
                report = self.ring(script, more);
            }
        }
        report
    }

    /// The record of the last call, written at its end.
    pub fn last_call(&self) -> Value {
        self.call("")
    }

    /// The record of the call with this id, written at its end.
    pub fn call(&self, id: &str) -> Value {
        let config = self.folder.path().join("offhook.yaml").display().to_string();
        let id = Some(id).filter(|id| !id.is_empty());
        let arguments: Vec<&str> = ["calls", "show", "--json", "-c", &config]
            .into_iter()
            .chain(id)
            .collect();
        until("the record of the call", LIMIT, || {
            let record: Value = serde_json::from_slice(&offhook(&arguments).stdout).ok()?;
            (!record["ended"].is_null()).then_some(record)
        })
    }

    /// How many calls are recorded, and how they ended.
    pub fn endings(&self) -> Vec<String> {
        let endings = self.calls().into_iter();
        endings
            .filter_map(|call| call["ending"].as_str().map(str::to_owned))
            .collect()
    }

    /// The calls that are recorded, those under way among them.
    pub fn calls(&self) -> Vec<Value> {
        let config = self.folder.path().join("offhook.yaml").display().to_string();
        let output = offhook(&["calls", "list", "-n", "1000", "--json", "-c", &config]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// SIGTERM, and a clean end.
    pub fn stop(mut self) {
        terminate(self.pid());
        let status = until("the end of the bot", LIMIT, || self.child.try_wait().expect("waited"));
        assert!(status.success(), "{status}");
    }
}

/// The bot of `folder`, and what it logs.
fn serving(folder: &Path, environment: &[(String, String)]) -> (Child, Receiver<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_offhook"))
        .args(["serve", "-c"])
        .arg(folder.join("offhook.yaml"))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let (lines, log) = channel();
    let stderr = child.stderr.take().expect("piped");
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("bot: {line}");
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    (child, log)
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn terminate(pid: u32) {
    let status = Command::new("kill").arg(pid.to_string()).status().expect("kill runs");
    assert!(status.success());
}

/// What a child wrote, read on a thread of its own so that it never waits for us.
pub fn drained(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).ok();
        text(&all)
    })
}

/// Runs `command` for `limit` at most.
pub fn run(command: &mut Command, limit: Duration) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}; `.ci/setup test` installs it"));
    let out = drained(child.stdout.take().expect("piped"));
    let err = drained(child.stderr.take().expect("piped"));
    let began: Instant = clock::now();
    let status = loop {
        match child.try_wait().expect("waited") {
            Some(status) => break Some(status),
            None if clock::now().duration_since(began) > limit => {
                child.kill().ok();
                child.wait().ok();
                break None;
            }
            None => std::thread::park_timeout(Duration::from_millis(20)),
        }
    };
    let all = out.join().unwrap_or_default() + &err.join().unwrap_or_default();
    (status.is_some_and(|status| status.success()), all)
}

/// A scripted caller written by a test.
pub fn script(folder: &Path, yaml: &str) -> PathBuf {
    let path = folder.join("caller.yaml");
    std::fs::write(&path, yaml).expect("written");
    path
}
