//! How calls sound on the wire: which codecs are spoken, and whether it is encrypted.

use crate::audio::codec::Codec;
use crate::document::{Fields, Problems};

/// Keys of `calls` that are read here.
pub const KEYS: [&str; 2] = ["codecs", "srtp"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Spoken at all; in this order they are offered. Of what callers offer the first that is among them is taken, since they know their line.
    pub codecs: Vec<Codec>,
    pub srtp: Srtp,
}

/// Whether sound is encrypted, by keys that the session descriptions tell, or by certificates (DTLS-SRTP) whose fingerprints they tell. They are as good as SIP is: without TLS everybody under way reads
/// keys, and who can change what is under way can be anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srtp {
    Never,
    /// Where the other end offers it.
    Offered,
    /// A call without it is refused.
    Required,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            codecs: Codec::ALL.to_vec(),
            srtp: Srtp::Offered,
        }
    }
}

impl Media {
    pub fn read(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        let known = [
            ("never", Srtp::Never),
            ("offered", Srtp::Offered),
            ("required", Srtp::Required),
        ];
        self.srtp = fields.one_of("srtp", &known, problems).unwrap_or(self.srtp);
        let Some(node) = fields.get("codecs") else { return };
        let known = [
            ("opus", Codec::Opus),
            ("g722", Codec::G722),
            ("pcmu", Codec::Pcmu),
            ("pcma", Codec::Pcma),
        ];
        self.codecs = fields.some_of("codecs", &known, problems);
        if self.codecs.is_empty() {
            let message = "`codecs` leaves none that is spoken here: no call could be answered; leave it out for all";
            problems.error(node.place, message);
        }
    }
}
