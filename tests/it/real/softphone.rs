//! baresip, somebody else's phone: without a sound card, with a file for a microphone, told what to do over TCP. What it hears is recorded.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use offhook::audio::{tone, wav};

use super::bot::{LIMIT, free_port, text, until};

/// What a phone is to be.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// Parameters of its account, such as `mediaenc=srtp-mand`; its codecs among them.
    pub account: &'a str,
    /// Lines of its configuration, such as modules of codecs.
    pub more: &'a str,
    /// Of its sound card, Hz, and so of its microphone.
    pub rate: u32,
    /// What is said into it, 16 kHz mono, for which that must be the rate; silence where it is left out.
    pub says: Option<&'a [i16]>,
    /// The port of a registrar on this machine, which knows it by its name and the password `secret`.
    pub registrar: Option<u16>,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            account: "audio_codecs=PCMU/8000/1",
            more: "module g711.so",
            rate: 8_000,
            says: None,
            registrar: None,
        }
    }
}

pub struct Baresip {
    child: Child,
    folder: PathBuf,
    line: TcpStream,
    events: Receiver<String>,
    /// All that it has told.
    told: String,
    /// Where it listens, for SIP over UDP and TCP; over TLS one above.
    pub port: u16,
}

impl Baresip {
    /// As `user`, in `folder`. It answers by itself.
    pub fn start(folder: &Path, user: &str, wish: &Wish) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let microphone = folder.join("microphone.wav");
        speak(&microphone, wish);
        let (control, port) = (free_port(), free_port());
        let (microphone, heard) = (microphone.display(), folder.display());
        let Wish {
            account, more, rate, ..
        } = wish;
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{port}\ncall_max_calls 4\naudio_source aufile,{microphone}\nausrc_srate {rate}\nauplay_srate {rate}\n\
             ausrc_channels 1\nauplay_channels 1\nausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\nrtp_ports 26000-26400\n\
             net_interface 127.0.0.1\nmodule_path {}\n{more}\nmodule aufile.so\nmodule sndfile.so\nmodule uuid.so\nmodule_tmp account.so\n\
             module_app menu.so\nmodule ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {heard}\n",
            modules()
        );
        std::fs::write(folder.join("config"), config).expect("written");
        let (at, registers) = match wish.registrar {
            Some(registrar) => (registrar, format!("regint=60;auth_user={user};auth_pass=secret")),
            None => (port, "regint=0".to_owned()),
        };
        let account = format!("<sip:{user}@127.0.0.1:{at}>;answermode=auto;{registers};{account}\n");
        std::fs::write(folder.join("accounts"), account).expect("written");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("baresip cannot be run: {e}; `.ci/setup test` installs it"));
        let line = until("baresip", LIMIT, || TcpStream::connect(("127.0.0.1", control)).ok());
        let mut listening = line.try_clone().expect("a second handle");
        let (events, told) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = listening.read(&mut buffer) {
                if events.send(text(&buffer[..length])).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            folder: folder.to_owned(),
            line,
            events: told,
            told: String::new(),
            port,
        }
    }

    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@127.0.0.1:{}", self.port)
    }

    /// A command as its control module wants it: a netstring of JSON.
    pub fn tell(&mut self, command: &str, parameters: &str) {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\"}}");
        write!(self.line, "{}:{json},", json.len()).expect("told");
    }

    /// Waits until it has told of `event` `count` times.
    pub fn await_event(&mut self, event: &str, count: usize) {
        while self.told.matches(event).count() < count {
            match self.events.recv_timeout(LIMIT) {
                Ok(more) => self.told.push_str(&more),
                Err(_) => panic!("baresip never told of {event} {count} times: {}", self.told),
            }
        }
    }

    /// Waits until so much of its newest recording is there; `call` is how many calls it has had.
    pub fn await_sound(&self, call: usize, length: Duration) {
        until("sound of the bot", LIMIT, || {
            let recordings = self.recordings();
            let newest = recordings.last().filter(|_| recordings.len() == call)?;
            (recorded(newest)? > length).then_some(())
        });
    }

    /// What it heard, a file a call, the first call first.
    pub fn recordings(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).expect("a folder").flatten();
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().contains("-dec"))
            .collect();
        files.sort_by_key(|path| std::fs::metadata(path).and_then(|m| m.created()).ok());
        files
    }

    /// The newest recording, 16 kHz mono.
    pub fn heard(&self) -> Vec<i16> {
        let newest = self.recordings().pop().expect("a recording");
        wav::read(&newest).expect("a WAV file")
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How much is in a WAV file that is still being written, at the rate of its codec.
fn recorded(file: &Path) -> Option<Duration> {
    let mut header = [0; 44];
    let mut reader = File::open(file).ok()?;
    reader.read_exact(&mut header).ok()?;
    // Bytes a second, as the canonical header of RIFF has them.
    let rate = u32::from_le_bytes([header[28], header[29], header[30], header[31]]);
    let sound = reader.metadata().ok()?.len() - 44;
    (rate > 0).then(|| Duration::from_secs_f64(sound as f64 / f64::from(rate)))
}

fn modules() -> &'static str {
    let folders = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
    folders
        .into_iter()
        .find(|path| Path::new(path).is_dir())
        .expect("baresip is installed by .ci/setup")
}

/// The microphone: what is to be said, and silence after it, which is never quite silent.
fn speak(file: &Path, wish: &Wish) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: wish.rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut sound = hound::WavWriter::create(file, spec).expect("a WAV file");
    let says = wish.says.unwrap_or_default();
    assert!(says.is_empty() || wish.rate == 16_000, "it speaks at 16 kHz");
    for sample in says {
        sound.write_sample(*sample).expect("written");
    }
    for sample in tone::sine_at(wish.rate, 200.0, -70.0, Duration::from_secs(20)) {
        sound.write_sample(sample).expect("written");
    }
    sound.finalize().expect("written");
}
