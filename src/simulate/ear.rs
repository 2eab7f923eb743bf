//! What of what comes can be heard, packet by packet: the caller's own jitter buffer is not in it.

use std::borrow::Cow;

use super::caller::AUDIBLE;
use crate::audio::codec::Decoder;
use crate::audio::level_dbfs;
use crate::rtp::Peer;
use crate::rtp::packet::Packet;
use crate::rtp::srtp::Srtp;

/// One for a call: decoders and keys remember what came before.
pub(super) struct Ear {
    decoder: Decoder,
    payload_type: u8,
    /// None: what comes is not encrypted.
    guard: Option<Srtp>,
}

impl Ear {
    /// For what `peer` sends.
    pub fn new(peer: &Peer) -> Ear {
        Ear {
            decoder: Decoder::new(peer.codec),
            payload_type: peer.payload_type,
            guard: peer.keys.map(Srtp::new),
        }
    }

    /// Whether a packet is of sound, and can be heard.
    pub fn hears(&mut self, datagram: &[u8]) -> bool {
        let opened = match &mut self.guard {
            None => Ok(Cow::Borrowed(datagram)),
            Some(guard) => guard.open(datagram).map(Cow::Owned),
        };
        let Ok(opened) = opened else { return false };
        let Ok(packet) = Packet::parse(&opened) else {
            return false;
        };
        if packet.payload_type != self.payload_type {
            return false;
        }
        let codec = self.decoder.agreed();
        level_dbfs(&self.decoder.decode(codec, packet.payload)) > AUDIBLE
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::audio::codec::Codec;
    use crate::audio::{FRAME_DURATION, Frame, tone};
    use crate::rtp::srtp::{Key, Keys, Suite};
    use crate::rtp::{Config, RtpStream};

    /// Of a second of `sound`, the packets that are heard; who sends has `sends`, and who hears `hears`.
    fn heard(sound: &[i16], sends: Option<Keys>, hears: Option<Keys>) -> usize {
        let address: SocketAddr = ([127, 0, 0, 1], 4_000).into();
        let peer = |keys| Peer {
            keys,
            ..Peer::new(address, Codec::G722)
        };
        let mut now = crate::clock::now();
        let began: Instant = now;
        let mut stream = RtpStream::new(now, peer(sends), Config::default(), 1);
        let mut ear = Ear::new(&peer(hears));
        let mut count = 0;
        for frame in sound.chunks(crate::audio::FRAME_SAMPLES) {
            if let Some((_, datagram)) = stream.send(now, &Frame::from_slice(frame)) {
                count += usize::from(ear.hears(&datagram));
            }
            now += FRAME_DURATION;
        }
        assert!(now - began >= Duration::from_millis(900), "it is a second");
        count
    }

    #[test]
    fn sound_is_heard_in_the_clear_and_by_its_keys() {
        let key = |byte: u8| Key::new(Suite::Cm80, &[byte; 30]).expect("a key");
        let (ours, theirs) = (key(1), key(2));
        let (sends, hears) = (
            Keys { ours, theirs },
            Keys {
                ours: theirs,
                theirs: ours,
            },
        );
        let loud = tone::sine(440.0, -20.0, Duration::from_secs(1));
        let still = vec![0; loud.len()];
        assert!(heard(&loud, None, None) >= 45);
        assert_eq!(heard(&still, None, None), 0);
        assert!(heard(&loud, Some(sends), Some(hears)) >= 45);
        assert_eq!(heard(&still, Some(sends), Some(hears)), 0);
        assert_eq!(heard(&loud, Some(sends), Some(sends)), 0, "of somebody else");
        assert_eq!(
            heard(&loud, None, Some(hears)),
            0,
            "in the clear, where it should not be"
        );
    }
}
