//! DTLS: a handshake with one that calls, over a network that loses, repeats and changes datagrams as the bytes say, and has its own.
//!
//! Keys come out for whoever has the certificate that was told, and for nobody else; both ends have the same. Few are answered.
//!
//! Both ends draw random numbers: the same input goes nearly the same way twice.

#![no_main]

mod bytes;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use offhook::rtp::dtls::{Fingerprint, Handshake, Identity, Place, is_dtls};
use offhook::rtp::srtp::Keys;
use rtc_dtls::config::{ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::default_provider;
use rtc_dtls::endpoint::Endpoint;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use sha2::{Digest, Sha256};

use self::bytes::Bytes;

/// Things that happen in a handshake, at most.
const ACTIONS: usize = 100;
/// Datagrams that one brings, at most.
const ANSWERS: usize = 32;
/// Places where the caller is expected.
const EXPECTED: u8 = 2;
/// Places that may try: these, and four elsewhere.
const TRIED: usize = EXPECTED as usize + 4;

fuzz_target!(|data: &[u8]| {
    let Some((how, actions)) = data.split_first() else {
        return;
    };
    let mut bytes = Bytes(actions);
    let mut network = Network::new(*how);
    for _ in 0..ACTIONS {
        if network.act(&mut bytes).is_none() {
            break;
        }
    }
    network.agree();
});

struct Network {
    now: Instant,
    bot: Handshake,
    caller: Endpoint,
    /// Whether the bot was told the caller's certificate.
    expected: bool,
    last: Vec<u8>,
    /// Who was answered.
    answered: Vec<SocketAddr>,
    keys: Option<Keys>,
}

impl Network {
    fn new(how: u8) -> Network {
        let (now, ends) = (offhook::clock::now(), ends());
        let expected = how & 1 == 0;
        let mut caller = Endpoint::new(address(0), TransportProtocol::UDP, None);
        let profile = usize::from(how >> 1) % ends.caller.len();
        let config = Arc::clone(&ends.caller[profile]);
        caller.connect(now, bot(), config, None).expect("begun");
        Network {
            now,
            bot: Handshake::new(&ends.identity, if expected { ends.fingerprint } else { [7; 32] }),
            caller,
            expected,
            last: Vec::new(),
            answered: Vec::new(),
            keys: None,
        }
    }

    /// One thing that happens; `None` when there are no more bytes.
    fn act(&mut self, bytes: &mut Bytes) -> Option<()> {
        match bytes.next()? % 8 {
            0 | 1 => {
                let datagram = self.call();
                self.arrives(address(0), &datagram, false);
            }
            2 => {
                let datagram = self.call();
                let changed = changed(&datagram, bytes)?;
                self.arrives(address(0), &changed, false);
            }
            3 => {
                let (from, datagram) = (address(bytes.next()?), self.last.clone());
                let changed = changed(&datagram, bytes)?;
                self.arrives(from, &changed, false);
            }
            4 => {
                let (from, len) = (address(bytes.next()?), bytes.next()?);
                let datagram = bytes.take(len).to_vec();
                self.arrives(from, &datagram, false);
            }
            5 => {
                self.now += Duration::from_millis(20) * u32::from(bytes.next()?);
                self.bot.tick(self.now);
                self.caller.handle_timeout(bot(), self.now).ok();
                self.answers(false);
            }
            6 => {
                self.call();
            }
            // The answer is lost.
            _ => {
                let datagram = self.call();
                self.arrives(address(0), &datagram, true);
            }
        }
        Some(())
    }

    /// What the caller says next; empty where it waits.
    fn call(&mut self) -> Vec<u8> {
        let message = self.caller.poll_transmit().map(|message| message.message.to_vec());
        if let Some(message) = &message {
            assert!(is_dtls(message));
            self.last.clone_from(message);
        }
        message.unwrap_or_default()
    }

    fn arrives(&mut self, from: SocketAddr, datagram: &[u8], lost: bool) {
        let place = match (0..EXPECTED).any(|which| from == address(which)) {
            true => Place::Expected,
            false => Place::Elsewhere,
        };
        if let Some(keys) = self.bot.read(self.now, from, place, datagram) {
            assert!(self.expected, "keys for a stranger");
            assert_eq!(from, address(0), "keys for somebody else");
            self.keys = Some(keys);
        }
        self.answers(lost);
    }

    fn answers(&mut self, lost: bool) {
        let mut answers = 0;
        while let Some((to, answer)) = self.bot.answer() {
            answers += 1;
            assert!(is_dtls(&answer) && answer.len() < 1_500, "{} bytes", answer.len());
            if !self.answered.contains(&to) {
                self.answered.push(to);
            }
            if to == address(0) && !lost {
                // What it cannot read is as good as lost.
                self.caller.read(self.now, bot(), None, answer.as_slice().into()).ok();
            }
        }
        assert!(answers <= ANSWERS * TRIED, "{answers} answers");
        assert!(self.answered.len() <= TRIED);
    }

    /// If both have keys they are the same.
    fn agree(&self) {
        let state = self.caller.get_connection_state(bot());
        let Some((keys, state)) = self.keys.as_ref().zip(state) else {
            return;
        };
        let (key, salt) = keys.ours.suite().lengths();
        let Ok(material) = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt)) else {
            return;
        };
        let (both, salts) = material.as_ref().split_at(2 * key);
        assert_eq!(keys.theirs.bytes(), [&both[..key], &salts[..salt]].concat());
        assert_eq!(keys.ours.bytes(), [&both[key..], &salts[salt..]].concat());
    }
}

/// Made once: certificates take time.
struct Ends {
    identity: Identity,
    fingerprint: Fingerprint,
    /// One for each suite.
    caller: Vec<Arc<HandshakeConfig>>,
}

fn ends() -> &'static Ends {
    static ENDS: OnceLock<Ends> = OnceLock::new();
    ENDS.get_or_init(|| {
        let provider = default_provider().expect("cryptography");
        let certificate =
            Certificate::generate_self_signed(["telephone".to_owned()], provider.crypto()).expect("a certificate");
        let fingerprint = Sha256::digest(certificate.certificate.first().expect("its bytes")).into();
        let profiles = [
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32,
        ];
        let caller = profiles.map(|profile| {
            let config = ConfigBuilder::default()
                .with_crypto_provider(default_provider().expect("cryptography"))
                .with_certificates(vec![certificate.clone()])
                .with_insecure_skip_verify(true)
                .with_srtp_protection_profiles(vec![profile])
                .build(true, Some(bot()));
            Arc::new(config.expect("a configuration"))
        });
        Ends {
            identity: Identity::generate().expect("a certificate"),
            fingerprint,
            caller: caller.to_vec(),
        }
    })
}

fn bot() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 10], 30_000))
}

fn address(which: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 40_000 + u16::from(which % 16)))
}

/// With up to three bytes changed: where, and what by.
fn changed(datagram: &[u8], bytes: &mut Bytes) -> Option<Vec<u8>> {
    let mut changed = datagram.to_vec();
    for _ in 0..bytes.next()? % 4 {
        let (high, low, by) = (bytes.next()?, bytes.next()?, bytes.next()?);
        let at = usize::from(u16::from_be_bytes([high, low])) % datagram.len().max(1);
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= by;
        }
    }
    Some(changed)
}
