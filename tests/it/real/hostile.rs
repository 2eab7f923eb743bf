//! What an open port of the real program is sent: the torture messages, noise, and scanners. It answers somebody decent after each.
//!
//! What each message is answered with is `sip::gate::sanitize`'s to show; here it is the program that has to stand it.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::bot::{Bot, LIMIT, root, run, until};

/// Who sends what nobody should, and who asks decently: were the one banned, the other would not be.
const VILLAIN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
const DECENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));

fn start() -> Bot {
    let plan = root().join("tests/it/real/sipp/nobody.yaml");
    Bot::start(&plan.display().to_string(), "calls: {record: false}")
}

/// One to whom the villain is a stranger.
fn wary() -> Bot {
    let plan = root().join("tests/it/real/sipp/nobody.yaml");
    let config = |port: u16| {
        format!(
            "sip: {{listen: [\"udp:127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\"], admit: listed, addresses: [{DECENT}]}}\n\
             rtp: {{ports: 24000-25999}}\nplan: {}\ndata: data\ncalls: {{record: false}}\n",
            plan.display()
        )
    };
    Bot::start_with(config, &[])
}

fn socket(from: IpAddr, bot: &Bot) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).expect("a port");
    socket.connect(("127.0.0.1", bot.port)).expect("connected");
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .expect("a limit");
    socket
}

/// An OPTIONS from the decent address is answered with 200, however often it has to be sent.
fn answers(bot: &Bot, number: usize) {
    let socket = socket(DECENT, bot);
    let own = socket.local_addr().expect("bound");
    let (to, id) = (bot.uri(), format!("{}-{number}", own.port()));
    let request = format!(
        "OPTIONS {to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{id}\r\nFrom: <sip:test@{own}>;tag={id}\r\nTo: <{to}>\r\n\
         Call-ID: {id}@test\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    until("an answer to OPTIONS", LIMIT, || {
        socket.send(request.as_bytes()).ok()?;
        let mut answer = [0; 4096];
        let length = socket.recv(&mut answer).ok()?;
        answer[..length].starts_with(b"SIP/2.0 200").then_some(())
    });
}

/// The torture messages of RFC 4475 and RFC 5118, in the order of their names.
fn torture() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sip");
    let mut files = Vec::new();
    for folder in ["rfc4475", "rfc5118"] {
        let folder = shared.join(folder);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            eprintln!("SKIPPED: no torture messages at {}", folder.display());
            continue;
        };
        let paths = entries.flatten().map(|entry| entry.path());
        files.extend(paths.filter(|path| path.extension().is_none_or(|end| end != "tsv")));
    }
    files.sort();
    files
}

#[test]
fn torture_and_noise_are_stood() {
    let bot = start();
    let villain = socket(VILLAIN, &bot);
    for (number, file) in torture().iter().enumerate() {
        let message = std::fs::read(file).expect("a message");
        println!("{}", file.display());
        // Whatever it is answered is not for us to read: it may go to another port.
        villain.send(&message).ok();
        answers(&bot, number);
    }
    // Every beginning of a good request, and bytes of every kind.
    let request = format!(
        "INVITE {} SIP/2.0\r\nVia: SIP/2.0/UDP {VILLAIN};branch=z9hG4bK1\r\n",
        bot.uri()
    );
    for end in 0..request.len() {
        villain.send(&request.as_bytes()[..end]).ok();
    }
    for byte in 0..=255_u8 {
        villain.send(&vec![byte; 1 + 7 * usize::from(byte)]).ok();
    }
    answers(&bot, 1000);
    bot.stop();
}

#[test]
fn scanners_are_outlived() {
    let bot = wary();
    let (port, from) = (bot.port.to_string(), VILLAIN.to_string());
    let scans: [&[&str]; 3] = [
        &["svmap", "-p", &port, "-b", &from, "127.0.0.1"],
        &[
            "svwar",
            "-p",
            &port,
            "-b",
            &from,
            "-e",
            "100-140",
            "-m",
            "INVITE",
            "127.0.0.1",
        ],
        &[
            "svwar",
            "-p",
            &port,
            "-b",
            &from,
            "-e",
            "100-140",
            "-m",
            "REGISTER",
            "127.0.0.1",
        ],
    ];
    for (number, scan) in scans.iter().enumerate() {
        let mut scanner = Command::new(scan[0]);
        scanner
            .args(&scan[1..])
            .current_dir(bot.folder.path())
            .env("HOME", bot.folder.path());
        // One that hears nothing gives up by itself, or is ended here.
        let (_, said) = run(&mut scanner, LIMIT);
        println!("{said}");
        assert!(
            !said.contains("reqauth") && !said.contains("noauth"),
            "an extension was found: {said}"
        );
        answers(&bot, number);
    }
    assert!(bot.calls().is_empty(), "{:?}", bot.calls());
    bot.stop();
}
