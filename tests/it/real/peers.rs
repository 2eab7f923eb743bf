//! Other people's phones ring the real program: SIPp and baresip.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use offhook::audio::{tone, wav};

use super::bot::{Bot, LIMIT, free_port, run, until};

const MANY: &str = "calls: {most: 100, record: false}";

/// Resident memory in kB, threads and open files of a process.
fn held(pid: u32) -> (u64, usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("memory");
    let count = |what: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{what}"))
            .expect("a process")
            .count()
    };
    (
        resident.trim().trim_end_matches(" kB").parse().expect("a number"),
        count("task"),
        count("fd"),
    )
}

fn sipp(bot: &Bot, arguments: &[&str], folder: &std::path::Path) -> (bool, String) {
    let media = free_port().to_string();
    let mut command = Command::new("sipp");
    command.args([
        "-i",
        "127.0.0.1",
        "-s",
        "support",
        "-nostdin",
        "-timeout",
        "120s",
        "-mp",
        &media,
    ]);
    command
        .args(arguments)
        .arg(format!("127.0.0.1:{}", bot.port))
        .current_dir(folder)
        .env("TERM", "dumb");
    run(&mut command, Duration::from_secs(150))
}

#[test]
fn a_hundred_calls_of_sipp_pass_and_leave_nothing_behind() {
    let bot = Bot::start("dialplans/support.yaml", MANY);
    let (passed, said) = sipp(
        &bot,
        &["-sn", "uac", "-m", "20", "-r", "10", "-l", "10"],
        bot.folder.path(),
    );
    assert!(passed, "{said}");
    until("the first calls' records", LIMIT, || {
        (bot.endings().len() == 20).then_some(())
    });
    let before = held(bot.pid());
    let (passed, said) = sipp(
        &bot,
        &["-sn", "uac", "-m", "100", "-r", "10", "-l", "10"],
        bot.folder.path(),
    );
    assert!(passed, "{said}");
    let endings = until("every call's record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == 120)
    });
    assert!(
        endings.iter().all(|ending| ending == "the caller hung up"),
        "{endings:?}"
    );
    // SIP keeps a finished transaction for up to 32 s; threads and sockets are gone before that.
    let after = until("threads and files as before", Duration::from_secs(60), || {
        let now = held(bot.pid());
        (now.1 <= before.1 + 2 && now.2 <= before.2 + 2).then_some(now)
    });
    println!("memory kB, threads, files: {before:?} before 100 calls, {after:?} after");
    assert!(after.0 < before.0 + 30_000, "{before:?} became {after:?}");
    bot.stop();
}

#[test]
fn sipp_plays_sound_and_keys() {
    let bot = Bot::start("dialplans/support.yaml", MANY);
    // The scenario looks for its captures in `pcap`; Debian keeps them elsewhere.
    std::os::unix::fs::symlink("/usr/share/sip-tester", bot.folder.path().join("pcap")).expect("a link");
    let (passed, said) = sipp(
        &bot,
        &["-sn", "uac_pcap", "-m", "3", "-l", "3", "-r", "3"],
        bot.folder.path(),
    );
    assert!(passed, "{said}");
    let endings = until("every call's record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == 3)
    });
    assert!(
        endings.iter().all(|ending| ending == "the caller hung up"),
        "{endings:?}"
    );
    bot.stop();
}

#[test]
fn baresip_rings_and_hears_the_greeting() {
    let bot = Bot::start("dialplans/support.yaml", "");
    let folder = bot.folder.path().join("baresip");
    std::fs::create_dir_all(&folder).expect("a folder");
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
        .find(|path| std::path::Path::new(path).is_dir())
        .expect("baresip is installed by .ci/setup");
    let config = format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{listen}\ncall_max_calls 4\naudio_source aufile,{}\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\nrtp_ports 26000-26100\nnet_interface 127.0.0.1\nmodule_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {}\n",
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
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("baresip cannot be run: {e}; `.ci/setup test` installs it"));
    let _baresip = Killed(child);
    let mut line = until("baresip", LIMIT, || TcpStream::connect(("127.0.0.1", control)).ok());
    let mut tell = |command: &str, parameters: &str| {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\"}}");
        write!(line, "{}:{json},", json.len()).expect("told");
        line.set_read_timeout(Some(Duration::from_secs(2))).ok();
        // What it answers is of no interest, only that it has.
        let _ = line.read(&mut [0; 4096]);
    };
    tell("dial", &format!("sip:support@127.0.0.1:{}", bot.port));
    let longest = || {
        let files = std::fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path());
        files
            .filter(|path| path.to_string_lossy().contains("-dec"))
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|m| m.len())
            .max()
    };
    // Six seconds of what it hears: the greeting.
    until("baresip's recording", LIMIT, || {
        longest().filter(|length| *length > 6 * 16_000)
    });
    tell("hangup", "");
    let endings = until("the record", LIMIT, || {
        Some(bot.endings()).filter(|endings| endings.len() == 1)
    });
    assert_eq!(endings, ["the caller hung up"]);
    let recording = std::fs::read_dir(&folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("-dec"))
        .expect("a recording");
    let heard = wav::read(&recording).expect("a WAV file");
    let level = offhook::audio::level::speech_level(&heard);
    assert!(level > -35.0, "what baresip heard is at {level} dBFS");
    bot.stop();
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
