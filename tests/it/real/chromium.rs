//! Chromium without a screen, with a file for a microphone: told what to do through a pipe (the DevTools protocol), which needs neither a port nor a
//! program in between. It would look for every way out of a machine, so it is only started where there is none but loopback ([`on_loopback`]).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::bot::{ALONE, LIMIT, run, until};

/// For a whole test in a network of its own.
const TEST: Duration = Duration::from_secs(240);

/// Runs the test `name`, which is ignored otherwise, in a network that has only loopback.
pub fn on_loopback(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let this = std::env::current_exe().expect("this program");
    let mut inner = Command::new("unshare");
    inner
        .args([
            "-rn",
            "sh",
            "-c",
            "PATH=$PATH:/usr/sbin; ip link set lo up && exec \"$0\" \"$@\"",
        ])
        .arg(this)
        .args(["--exact", name, "--ignored", "--nocapture"]);
    let (passed, said) = run(&mut inner, TEST);
    println!("{said}");
    if said.contains("unshare failed") {
        println!("SKIPPED: no network of its own may be made here");
        return;
    }
    assert!(passed && said.contains("1 passed"), "{name} has failed");
}

/// Whether there is a way from here to anywhere else.
fn leads_elsewhere() -> bool {
    let routes = std::fs::read_to_string("/proc/self/net/route").expect("routes");
    routes.lines().count() > 1
}

/// The browser. Dropping it kills it.
pub struct Chromium {
    child: Child,
    link: Arc<Link>,
    _profile: tempfile::TempDir,
}

/// A tab.
pub struct Page {
    link: Arc<Link>,
    target: String,
    session: String,
}

impl Chromium {
    /// With `microphone`, a WAV file that is said over and over; pages may listen to it without asking.
    pub fn start(microphone: &Path) -> Self {
        assert!(!leads_elsewhere(), "Chromium is started on loopback alone");
        let profile = tempfile::tempdir().expect("a folder");
        let mut child = Command::new("sh")
            // It reads commands from descriptor 3 and writes to 4.
            .args(["-c", "exec 3<&0 4>&1 </dev/null >&2; exec chromium \"$@\"", "sh"])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--autoplay-policy=no-user-gesture-required",
                "--allow-loopback-in-peer-connection",
            ])
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .arg(format!("--use-file-for-fake-audio-capture={}", microphone.display()))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let told = child.stdout.take().expect("piped");
        let link = Arc::new(Link {
            tells: Mutex::new((child.stdin.take().expect("piped"), 0)),
            waiting: Mutex::new(HashMap::new()),
        });
        let listening = Arc::clone(&link);
        std::thread::spawn(move || listening.listen(told));
        let started = link.tell(None, "Browser.getVersion", json!({}));
        println!("{}", started["product"]);
        Self {
            child,
            link,
            _profile: profile,
        }
    }

    /// Opens `url` in a tab of its own, and waits until it is there.
    pub fn open(&self, url: &str) -> Page {
        let target = self.link.tell(None, "Target.createTarget", json!({"url": url}));
        let target = target["targetId"].as_str().expect("a target").to_owned();
        let attached = json!({"targetId": target, "flatten": true});
        let session = self.link.tell(None, "Target.attachToTarget", attached);
        let page = Page {
            link: Arc::clone(&self.link),
            target,
            session: session["sessionId"].as_str().expect("a session").to_owned(),
        };
        page.tell("Runtime.enable", json!({}));
        until("the page", LIMIT, || {
            let there = format!("document.readyState == 'complete' && location.href == {}", json!(url));
            (page.evaluate(&there) == true).then_some(())
        });
        page
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Page {
    /// What `script` comes to, waited for if it is a promise.
    pub fn evaluate(&self, script: &str) -> Value {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let came = self.tell("Runtime.evaluate", asked);
        assert!(
            came["exceptionDetails"].is_null(),
            "`{script}`: {}",
            came["exceptionDetails"]
        );
        came["result"]["value"].clone()
    }

    /// Shows it so large, as whoever likes it `light` or `dark`.
    pub fn looks(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", scheme);
    }

    /// A picture of what it shows, as a PNG file.
    pub fn screenshot(&self, file: &Path) {
        let picture = self.tell("Page.captureScreenshot", json!({"format": "png"}));
        let bytes = STANDARD
            .decode(picture["data"].as_str().expect("a picture"))
            .expect("base64");
        std::fs::write(file, bytes).expect("written");
    }

    /// Closes the tab.
    pub fn close(self) {
        self.link
            .tell(None, "Target.closeTarget", json!({"targetId": self.target}));
    }

    fn tell(&self, method: &str, parameters: Value) -> Value {
        self.link.tell(Some(&self.session), method, parameters)
    }
}

/// The pipe: JSON both ways, each message ended by a zero.
struct Link {
    /// With the number of the last command.
    tells: Mutex<(ChildStdin, u64)>,
    /// Who waits for which answer.
    waiting: Mutex<HashMap<u64, Sender<Value>>>,
}

impl Link {
    /// Gives a command, and waits for its result.
    fn tell(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let (answers, answer) = channel();
        {
            let mut tells = self.tells.lock().expect("unharmed");
            tells.1 += 1;
            let id = tells.1;
            self.waiting.lock().expect("unharmed").insert(id, answers);
            let mut command = json!({"id": id, "method": method, "params": parameters});
            if let Some(session) = session {
                command["sessionId"] = json!(session);
            }
            write!(tells.0, "{command}\0")
                .unwrap_or_else(|e| panic!("Chromium cannot be told: {e}; `.ci/setup test` installs it"));
        }
        let answer = answer.recv_timeout(LIMIT);
        let mut answer: Value = answer.unwrap_or_else(|e| panic!("Chromium did not answer {method}: {e}"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    fn listen(&self, told: ChildStdout) {
        for message in BufReader::new(told).split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice::<Value>(&message) else {
                continue;
            };
            let waits = message["id"]
                .as_u64()
                .and_then(|id| self.waiting.lock().expect("unharmed").remove(&id));
            match waits {
                Some(waits) => drop(waits.send(message)),
                None => report(&message),
            }
        }
        // Whoever waits still waits in vain.
        self.waiting.lock().expect("unharmed").clear();
    }
}

/// What a page says to whoever develops it.
fn report(event: &Value) {
    let about = &event["params"];
    match event["method"].as_str() {
        Some("Runtime.consoleAPICalled") => println!("page: {}", about["args"]),
        Some("Runtime.exceptionThrown") => println!("page: {}", about["exceptionDetails"]),
        _ => {}
    }
}
