//! The sound of one party of a call: its ports, what was agreed on, and the media machine.
//!
//! It knows no SIP: descriptions come and go as bytes. It is read and sent to by the tick, and decides nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::Bot;
use super::incoming::Refusal;
use super::ports::MediaSocket;
use crate::audio::Frame;
use crate::clock;
use crate::rtp::{self, Incoming, Peer, RtpStream};
use crate::sdp;

pub(super) struct Line {
    bot: Arc<Bot>,
    pub local: sdp::Local,
    socket: MediaSocket,
    pub stream: Option<RtpStream>,
    config: rtp::Config,
    /// Reports go the way of the sound.
    multiplexed: bool,
}

impl Line {
    /// With two ports on the address of the family that `towards` is of.
    pub fn open(bot: &Arc<Bot>, towards: IpAddr, config: rtp::Config) -> Result<Self, Refusal> {
        let socket = bot.ports.bind(towards).map_err(|e| {
            tracing::error!("{e}");
            Refusal::new(e.code(), e.to_string())
        })?;
        let Ok(bound) = socket.local_addr() else {
            return Err(Refusal::new(500, "a port for sound is gone"));
        };
        let advertised = bot.advertised.filter(|ip| ip.is_ipv4() == bound.is_ipv4());
        let local = sdp::Local::new(
            SocketAddr::new(advertised.unwrap_or(bound.ip()), bound.port()),
            u64::from(rand::random::<u32>()),
            sdp::Secret::drawn(rand::random),
        );
        let local = sdp::Local {
            fingerprint: bot.identity.as_ref().map(|identity| identity.fingerprint()),
            ..local
        };
        Ok(Self {
            bot: Arc::clone(bot),
            local,
            socket,
            stream: None,
            config,
            multiplexed: false,
        })
    }

    /// What we would have.
    pub fn offer(&self) -> String {
        sdp::offer(&self.local, &self.bot.capabilities)
    }

    /// The answer to `offer`, and what is then agreed on.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(String, sdp::Media), Refusal> {
        let (answer, media) = sdp::answer(offer, &self.local, &self.bot.capabilities)
            .map_err(|e| Refusal::new(e.code(), e.to_string()))?;
        self.reaches(&media).map_err(|why| Refusal::new(488, why))?;
        self.local = self.local.next();
        Ok((answer, media))
    }

    /// What is agreed on by the answer to our offer.
    pub fn accept(&self, answer: &[u8]) -> Result<sdp::Media, String> {
        let media = sdp::accept(answer, &self.local, &self.bot.capabilities).map_err(|e| e.to_string())?;
        self.reaches(&media).map(|()| media)
    }

    /// Sockets are of one family.
    fn reaches(&self, media: &sdp::Media) -> Result<(), String> {
        let (ours, theirs) = (self.local.address, media.remote);
        if ours.is_ipv4() == theirs.is_ipv4() || theirs.ip().is_unspecified() {
            return Ok(());
        }
        Err(format!("the other end's sound is at {theirs}, and the bot's at {ours}"))
    }

    /// From now on sound goes where `peer` is.
    pub fn agree(&mut self, media: &sdp::Media, peer: Peer) {
        self.multiplexed = peer.reports.is_none();
        self.local.protection = media.protection();
        match &mut self.stream {
            Some(stream) => stream.renegotiate(clock::now(), peer),
            None => {
                let mut stream = RtpStream::new(clock::now(), peer, self.config, rand::random());
                if let Some(identity) = &self.bot.identity {
                    stream.identify(Arc::clone(identity));
                }
                self.stream = Some(stream);
            }
        }
    }

    /// What came since the last tick.
    pub fn receive(&mut self, now: Instant) {
        let stream = &mut self.stream;
        self.socket.read(now, |at, from, datagram| {
            if let Some(stream) = stream {
                stream.handle_datagram(at, from, datagram);
            }
        });
        self.send_answers();
    }

    /// The next 20 ms; nothing before anything was agreed on.
    pub fn tick(&mut self, now: Instant) -> Option<Incoming> {
        let incoming = self.stream.as_mut()?.tick(now);
        self.send_answers();
        Some(incoming)
    }

    /// To who looks for the way to us, or agrees on keys.
    fn send_answers(&mut self) {
        while let Some((to, answer)) = self.stream.as_mut().and_then(RtpStream::answer) {
            self.socket.send(to, &answer);
        }
    }

    pub fn send(&mut self, now: Instant, frame: &Frame) {
        let Some(stream) = &mut self.stream else { return };
        if let Some((to, datagram)) = stream.send(now, frame) {
            self.socket.send(to, &datagram);
        }
    }

    /// A report (RTCP), when it is due.
    pub fn report(&mut self, now: Instant) {
        if let Some(report) = self.stream.as_mut().and_then(|stream| stream.report(now)) {
            self.send_report(report);
        }
    }

    /// The last report.
    pub fn goodbye(&mut self, now: Instant) {
        if let Some(goodbye) = self.stream.as_mut().and_then(|stream| stream.goodbye(now)) {
            self.send_report(goodbye);
        }
    }

    fn send_report(&self, (to, report): (SocketAddr, Vec<u8>)) {
        if self.multiplexed {
            self.socket.send(to, &report);
        } else {
            self.socket.reports().send(to, &report);
        }
    }
}
