//! What the sound of a call costs: jitter buffer, codec, resampling, concealment and voice activity, and what may be wished for beside them; without a
//! network.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::audio::clean::{Cleaner, Cleaning};
use crate::audio::codec::Codec;
use crate::audio::{FRAME_DURATION, Frame, tone};
use crate::clock;
use crate::rtp::{Config, Peer, RtpStream};
use crate::speech::{Error, Vad};

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub stage: &'static str,
    /// Microseconds of one core for 20 ms of a call, both directions.
    pub frame_us: f64,
    /// Per cent of one core a call.
    pub core_percent: f64,
}

/// A minute of a call.
const FRAMES: u32 = 3_000;

/// Runs two ends against each other in simulated time; `vad` listens at one of them.
pub fn run(vad: &mut Vad) -> Result<Vec<Row>, Error> {
    let start = clock::now();
    let (mut bot, mut caller) = (end(start, 40_000, 1), end(start, 40_002, 2));
    let spoken = Frame::from_slice(&tone::sine(440.0, -20.0, FRAME_DURATION));
    let (mut media, mut listening) = (Duration::ZERO, Duration::ZERO);
    let cleaner = |echo, noise| Cleaner::new(Cleaning { echo, noise });
    let mut cleaners = [
        ("echo canceller", cleaner(true, false)),
        ("noise suppression", cleaner(false, true)),
    ];
    let mut cleaning = [Duration::ZERO; 2];
    for n in 0..FRAMES {
        let now = start + FRAME_DURATION * n;
        let began = clock::now();
        let incoming = bot.tick(now);
        let sent = bot.send(now, &spoken);
        media += since(began);
        if let Some((_, datagram)) = sent {
            caller.handle_datagram(now, address(40_000), &datagram);
        }
        caller.tick(now);
        if let Some((_, datagram)) = caller.send(now, &spoken) {
            let began = clock::now();
            bot.handle_datagram(now, address(40_002), &datagram);
            media += since(began);
        }
        for ((_, cleaner), spent) in cleaners.iter_mut().zip(&mut cleaning) {
            let began = clock::now();
            if let Some(cleaner) = cleaner {
                cleaner.clean(&incoming.frame);
                cleaner.play(&spoken);
            }
            *spent += since(began);
        }
        let began = clock::now();
        vad.hear(incoming.frame.samples())?;
        listening += since(began);
    }
    let mut rows = vec![
        row("media", media),
        row("voice activity", listening),
        row("both", media + listening),
    ];
    rows.extend(
        cleaners
            .iter()
            .zip(cleaning)
            .map(|((stage, _), spent)| row(stage, spent)),
    );
    Ok(rows)
}

fn end(now: Instant, port: u16, seed: u64) -> RtpStream {
    let far = if port == 40_000 { 40_002 } else { 40_000 };
    let peer = Peer {
        telephone_event: Some(101),
        ..Peer::new(address(far), Codec::Pcmu)
    };
    RtpStream::new(now, peer, Config::default(), seed)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn since(began: Instant) -> Duration {
    clock::now().saturating_duration_since(began)
}

fn row(stage: &'static str, spent: Duration) -> Row {
    let frame_us = spent.as_secs_f64() * 1e6 / f64::from(FRAMES);
    Row {
        stage,
        frame_us,
        core_percent: frame_us / 20_000.0 * 100.0,
    }
}
