//! The reports that go with a stream: when, where to, and from whom they are believed.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

use super::{Guard, Refused, RtpStream};

impl RtpStream {
    /// A report, if one is due, and where to send it. To be called every 20 ms.
    pub fn report(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if !self.reporter.is_due(now) {
            return None;
        }
        let received = self.source.heard().and_then(|ssrc| self.tally.report(ssrc));
        let report = self.reporter.write(now, self.sender.sent(), received);
        self.addressed(report)
    }

    /// The last report, which says that we leave.
    pub fn goodbye(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let received = self.source.heard().and_then(|ssrc| self.tally.report(ssrc));
        let report = self.reporter.goodbye(now, self.sender.sent(), received);
        self.addressed(report)
    }

    fn addressed(&mut self, report: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        let to = self.reports_to()?;
        let report = match &mut self.guard {
            Guard::Open => report,
            Guard::Shut => return None,
            Guard::Keyed(guard) => guard.protect_report(&report)?,
        };
        Some((to, report))
    }

    /// Behind a NAT reports, like sound, go back to where theirs come from.
    fn reports_to(&self) -> Option<SocketAddr> {
        let sound = self.latch.destination()?;
        Some(match self.peer.reports {
            None => sound,
            // Sound that has moved takes its reports along.
            Some(agreed) => {
                let from = self.reports_from.filter(|from| from.ip() == sound.ip());
                from.unwrap_or(SocketAddr::new(sound.ip(), agreed.port()))
            }
        })
    }

    pub(super) fn handle_report(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        // Whoever may send sound may send reports; on another port, but from the same machine.
        let known = self.latch.destination();
        if known.is_none_or(|known| known.ip().to_canonical() != from.ip().to_canonical()) {
            self.stats.refused += 1;
            return;
        }
        let opened = match &mut self.guard {
            Guard::Open => Ok(Cow::Borrowed(datagram)),
            Guard::Shut => Err(Refused::Forged),
            Guard::Keyed(guard) => guard.open_report(datagram).map(Cow::Owned),
        };
        let report = match opened {
            Ok(report) => report,
            Err(refused) => return self.count(refused),
        };
        let source = self.source.heard();
        match self.reporter.read(now, &report, source, self.sender.sent()) {
            Ok(()) => {
                self.stats.reports += 1;
                self.reports_from = Some(from);
            }
            Err(_) => self.stats.malformed += 1,
        }
    }
}
