//! How calls sound on the wire: which codecs are spoken.

use crate::audio::codec::Codec;
use crate::document::{Fields, Problems, read};

/// Keys of `calls` that are read here.
pub const KEYS: [&str; 1] = ["codecs"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Spoken at all; in this order they are offered. Of what callers offer the first that is among them is taken, since they know their line.
    pub codecs: Vec<Codec>,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            codecs: Codec::ALL.to_vec(),
        }
    }
}

impl Media {
    pub fn read(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        let Some(node) = fields.get("codecs") else { return };
        let names = read::texts(node, "codecs", problems);
        self.codecs.clear();
        for name in &names {
            match Codec::named(name) {
                Some(codec) if !self.codecs.contains(&codec) => self.codecs.push(codec),
                Some(_) => {}
                None => problems.error(
                    node.place,
                    format!("`codecs: {name}` is not spoken here; write some of opus, g722, pcmu, pcma"),
                ),
            }
        }
        if names.is_empty() {
            problems.error(
                node.place,
                "`codecs` names none: no call could be answered; leave it out for all",
            );
        }
    }
}
