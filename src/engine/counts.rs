//! What the bot holds and what it turned away, in one value: a leak shows where what is held does not come back to what it was.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use super::Bot;
use crate::sip;

/// How often the log is told, at level debug.
pub(super) const TOLD: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sip: sip::Counts,
    /// Pairs of RTP ports that calls hold.
    pub ports: usize,
    /// UDP and TCP sockets of SIP and RTP.
    pub sockets: usize,
    /// Inference that waits.
    pub jobs: usize,
    /// Calls refused since the start, for the machine did not keep up.
    pub overloaded: u64,
}

impl Bot {
    pub fn counts(&self) -> Counts {
        let sip = self.sip.counts();
        let ports = self.ports.taken();
        Counts {
            sip,
            ports,
            sockets: self.sip.local().len() + sip.connections + 2 * ports,
            jobs: self.engines.scheduler().waiting(),
            overloaded: self.strain.lock().unwrap_or_else(PoisonError::into_inner).refused(),
        }
    }
}

impl Counts {
    /// Each with its name: what is held first, then what happened since the start.
    pub fn named(&self) -> [(&'static str, u64); 20] {
        let Counts {
            sip,
            ports,
            sockets,
            jobs,
            overloaded,
        } = *self;
        let held = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        [
            ("dialogs", held(sip.dialogs)),
            ("transactions", held(sip.transactions)),
            ("connections", held(sip.connections)),
            ("tasks", held(sip.tasks)),
            ("registrations", held(sip.registrations)),
            ("sources", held(sip.sources)),
            ("rtp_ports", held(ports)),
            ("sockets", held(sockets)),
            ("jobs", held(jobs)),
            ("malformed", sip.malformed),
            ("turned_away", sip.turned_away),
            ("bans", sip.bans),
            ("banned", sip.banned),
            ("flooding", sip.flooding),
            ("scanners", sip.scanners),
            ("strangers", sip.strangers),
            ("challenged", sip.challenged),
            ("wrong_proofs", sip.wrong_proofs),
            ("not_permitted", sip.not_permitted),
            ("overloaded", overloaded),
        ]
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, count)) in self.named().into_iter().enumerate() {
            let gap = if n == 0 { "" } else { " " };
            write!(f, "{gap}{name}={count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_told_in_one_line_each_once() {
        let counts = Counts {
            sip: sip::Counts {
                dialogs: 3,
                bans: 7,
                ..sip::Counts::default()
            },
            ports: 2,
            ..Counts::default()
        };
        let line = counts.to_string();
        assert!(
            line.starts_with("dialogs=3 ") && line.contains(" rtp_ports=2 ") && line.contains(" bans=7 "),
            "{line}"
        );
        let mut names = counts.named().map(|(name, _)| name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
