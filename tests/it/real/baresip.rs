//! baresip rings the real program, a hundred times.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use offhook::audio::{level, tone, wav};

use super::bot::{Bot, LIMIT, free_port, text, until};

const CALLS: usize = 100;
/// Sound to be received before the caller hangs up, bytes of its recording (16 bits at 8 kHz): more than a second, for
/// baresip names recordings by the second.
const ENOUGH: u64 = 18_000;
/// The first caller hears the whole greeting: six seconds.
const GREETING: u64 = 6 * 16_000;

#[test]
fn a_hundred_calls_of_baresip_hear_the_bot() {
    let bot = Bot::start("dialplans/support.yaml", "calls: {record: false}");
    let mut phone = Baresip::start(&bot.folder.path().join("baresip"));
    for call in 1..=CALLS {
        phone.tell("dial", &bot.uri());
        let enough = if call == 1 { GREETING } else { ENOUGH };
        until("sound of the bot", LIMIT, || {
            let recordings = phone.recordings();
            let newest = recordings.last().filter(|_| recordings.len() == call)?;
            (std::fs::metadata(newest).ok()?.len() > enough).then_some(())
        });
        phone.tell("hangup", "");
        phone.await_event("CALL_CLOSED", call);
    }
    let endings = until("every call's record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == CALLS)
    });
    assert!(
        endings.iter().all(|ending| ending == "the caller hung up"),
        "{endings:?}"
    );
    let first = phone.recordings().swap_remove(0);
    let level = level::speech_level(&wav::read(&first).expect("a WAV file"));
    assert!(level > -35.0, "what baresip heard is at {level} dBFS");
    bot.stop();
}

struct Baresip {
    child: Child,
    folder: PathBuf,
    line: TcpStream,
    events: Receiver<String>,
    /// All that it has told.
    told: String,
}

impl Baresip {
    /// Without a sound card: a file is its microphone, and what it hears is recorded into `folder`.
    fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let microphone = folder.join("quiet.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut quiet = hound::WavWriter::create(&microphone, spec).expect("a WAV file");
        for sample in tone::sine_at(8_000, 200.0, -70.0, Duration::from_secs(20)) {
            quiet.write_sample(sample).expect("written");
        }
        quiet.finalize().expect("written");
        let (control, listen) = (free_port(), free_port());
        let modules = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
        let modules = modules
            .iter()
            .find(|path| Path::new(path).is_dir())
            .expect("baresip is installed by .ci/setup");
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{listen}\ncall_max_calls 4\naudio_source aufile,{}\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\nrtp_ports 26000-26400\nnet_interface 127.0.0.1\nmodule_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {}\n",
            microphone.display(),
            folder.display()
        );
        std::fs::write(folder.join("config"), config).expect("written");
        std::fs::write(
            folder.join("accounts"),
            format!("<sip:tester@127.0.0.1:{listen}>;regint=0;audio_codecs=PCMU/8000/1\n"),
        )
        .expect("written");
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
        }
    }

    /// A command as its control module wants it: a netstring of JSON.
    fn tell(&mut self, command: &str, parameters: &str) {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\"}}");
        write!(self.line, "{}:{json},", json.len()).expect("told");
    }

    /// Waits until it has told of `event` `count` times.
    fn await_event(&mut self, event: &str, count: usize) {
        while self.told.matches(event).count() < count {
            match self.events.recv_timeout(LIMIT) {
                Ok(more) => self.told.push_str(&more),
                Err(_) => panic!("baresip never told of {event} {count} times: {}", self.told),
            }
        }
    }

    /// What it heard, a file a call, the first call first.
    fn recordings(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).expect("a folder").flatten();
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().contains("-dec"))
            .collect();
        files.sort_by_key(|path| std::fs::metadata(path).and_then(|m| m.created()).ok());
        files
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
