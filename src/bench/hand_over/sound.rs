//! One party's sound in a hand-over: RTP of its own on loopback, a tone that says who sends it, and what is heard of the others, packet by packet.
//!
//! It has no jitter buffer: what is measured is the wire. It knows no SIP.

use std::io;
use std::net::Ipv4Addr;
use std::time::Instant;

use tokio::net::UdpSocket;

use crate::audio::codec::Decoder;
use crate::audio::tone::{Key, level_at, sine};
use crate::audio::{Frame, frames, level_dbfs};
use crate::clock;
use crate::rtp::packet::Packet;
use crate::rtp::{self, RtpStream};
use crate::sdp::{self, Capabilities, Codec, Encryption};
use crate::simulate::caller::AUDIBLE;

/// Who can be told by their tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Caller,
    /// Who is rung first.
    First,
    Next,
}

impl Who {
    pub const ALL: [Who; 3] = [Who::Caller, Who::First, Who::Next];

    /// Hz: above all that the music has, and no two harmonics of one another.
    pub fn tone(self) -> f32 {
        match self {
            Who::Caller => 2_700.0,
            Who::First => 1_900.0,
            Who::Next => 2_300.0,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Who::Caller => "the caller",
            Who::First => "the first",
            Who::Next => "the next",
        }
    }

    /// Two hundred milliseconds of it, which fit together.
    pub fn sounds(self) -> Vec<Frame> {
        let sound = sine(self.tone(), TONE, std::time::Duration::from_millis(200));
        frames(&sound).collect()
    }
}

/// Of a tone, dBFS.
const TONE: f32 = -20.0;
/// A tone that is so little softer than all of a packet is all that there is in it, dB.
const ALONE: f32 = 3.0;

/// What is in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Softer than anybody speaks or plays.
    Silence,
    Tone(Who),
    /// Music, or the bot's voice.
    Other,
}

/// What 20 ms of sound are, at `rate` Hz.
pub fn heard(samples: &[i16], rate: u32) -> Heard {
    let level = level_dbfs(samples);
    if level <= AUDIBLE {
        return Heard::Silence;
    }
    let alone = |who: &Who| level_at(samples, rate, who.tone()) >= level - ALONE;
    Who::ALL.into_iter().find(alone).map_or(Heard::Other, Heard::Tone)
}

/// A party's socket, and what was agreed on.
pub struct Sound {
    socket: UdpSocket,
    local: sdp::Local,
    agreed: Option<Agreed>,
    tone: Vec<Frame>,
    at: usize,
}

struct Agreed {
    /// Of what is sent: what comes is looked at packet by packet.
    stream: RtpStream,
    decoder: Decoder,
    payload_type: u8,
}

/// A datagram is shorter.
const LONGEST: usize = 2048;

impl Sound {
    /// On a port of its own.
    pub async fn open(who: Who) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            local: sdp::Local::new(address, rand::random(), sdp::Secret::drawn(rand::random)),
            agreed: None,
            tone: who.sounds(),
            at: 0,
        })
    }

    pub fn offer(&self) -> Vec<u8> {
        sdp::offer(&self.local, &capabilities()).into_bytes()
    }

    /// Agrees to the answer to our offer.
    pub fn accept(&mut self, answer: &[u8]) -> Result<(), String> {
        let media = sdp::accept(answer, &self.local, &capabilities()).map_err(|e| e.to_string())?;
        self.agree(&media);
        Ok(())
    }

    /// The answer to `offer`, agreed to.
    pub fn answer(&mut self, offer: &[u8]) -> Result<Vec<u8>, String> {
        let (answer, media) = sdp::answer(offer, &self.local, &capabilities()).map_err(|e| e.to_string())?;
        self.agree(&media);
        self.local = self.local.next();
        Ok(answer.into_bytes())
    }

    fn agree(&mut self, media: &sdp::Media) {
        let peer = media.peer();
        match &mut self.agreed {
            Some(agreed) => agreed.stream.renegotiate(clock::now(), peer),
            None => {
                self.agreed = Some(Agreed {
                    stream: RtpStream::new(clock::now(), peer, rtp::Config::default(), rand::random()),
                    decoder: Decoder::new(peer.codec),
                    payload_type: peer.payload_type,
                });
            }
        }
    }

    /// Waits for the next packet of sound, and when it came. May be dropped while it waits.
    pub async fn hear(&mut self) -> (Instant, Heard) {
        let mut datagram = [0; LONGEST];
        loop {
            let Ok(length) = self.socket.recv(&mut datagram).await else {
                // A socket that fails hears nothing more.
                return std::future::pending().await;
            };
            let now = clock::now();
            let datagram = datagram.get(..length).unwrap_or_default();
            if let Some(heard) = self.agreed.as_mut().and_then(|agreed| agreed.hear(datagram)) {
                return (now, heard);
            }
        }
    }

    /// Sends 20 ms: the tone, or silence.
    pub fn send(&mut self, now: Instant, voice: Voice) {
        let Some(agreed) = &mut self.agreed else { return };
        let silence = Frame::silence();
        let frame = match voice {
            Voice::Tone => self.tone.get(self.at % self.tone.len().max(1)).unwrap_or(&silence),
            Voice::Silent => &silence,
        };
        self.at = self.at.wrapping_add(1);
        if let Some((to, datagram)) = agreed.stream.send(now, frame) {
            // One that finds no room is lost, as on any line.
            self.socket.try_send_to(&datagram, to).ok();
        }
    }

    /// Presses a key; it goes out with what is sent from now on.
    pub fn press(&mut self, key: char) -> Result<(), String> {
        let key = Key::from_symbol(key).ok_or("no such key")?;
        let agreed = self.agreed.as_mut().ok_or("nothing was agreed on")?;
        agreed.stream.send_key(key).map_err(|e| format!("{e:?}"))
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Tone,
    Silent,
}

impl Agreed {
    fn hear(&mut self, datagram: &[u8]) -> Option<Heard> {
        let packet = Packet::parse(datagram).ok()?;
        if packet.payload_type != self.payload_type {
            return None;
        }
        let codec = self.decoder.agreed();
        Some(heard(&self.decoder.decode(codec, packet.payload), codec.sample_rate()))
    }
}

/// What every telephone has, in the clear.
fn capabilities() -> Capabilities {
    Capabilities {
        codecs: Codec::TELEPHONE.to_vec(),
        encryption: Encryption::Never,
        ..Capabilities::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::codec::Encoder;
    use crate::audio::music::Music;

    /// As the telephone carries it.
    fn carried(sound: impl Iterator<Item = Frame>) -> Vec<Heard> {
        let (mut encoder, mut decoder) = (
            Encoder::new(Codec::Pcmu, sdp::Wishes::default()),
            Decoder::new(Codec::Pcmu),
        );
        let packets = sound.map(|frame| encoder.encode(&frame));
        let decoded = packets.map(|packet| decoder.decode(Codec::Pcmu, &packet));
        // What resamplers hold back at the beginning is nobody's.
        decoded.skip(3).map(|samples| heard(&samples, 8_000)).collect()
    }

    #[test]
    fn who_is_heard_is_told_by_their_tone() {
        for who in Who::ALL {
            let heard = carried(who.sounds().into_iter().cycle().take(100));
            assert!(
                heard.iter().all(|heard| *heard == Heard::Tone(who)),
                "{who:?}: {heard:?}"
            );
        }
        let silence = carried(std::iter::repeat_n(Frame::silence(), 20));
        assert!(silence.iter().all(|heard| *heard == Heard::Silence));
    }

    #[test]
    fn music_is_nobody_s_tone_and_hardly_ever_silence() {
        let mut music = Music::default();
        let heard = carried(std::iter::repeat_with(|| music.frame()).take(1_000));
        assert!(!heard.iter().any(|heard| matches!(heard, Heard::Tone(_))), "{heard:?}");
        let audible = heard.iter().filter(|heard| **heard == Heard::Other).count();
        assert!(audible > 900, "{audible} of 1000");
    }
}
