//! `calls.overload`: from where on the machine takes no more calls, though there are places.

use std::time::Duration;

use super::Reader;
use crate::document::{Fields, Node};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// Of the lateness of the ticks of running calls, at the 99th percentile: later, and sound is torn.
    pub late: Duration,
    /// Of how long work that a caller waits for in silence is overdue.
    pub behind: Duration,
}

impl Default for Overload {
    fn default() -> Self {
        Self {
            // The jitter buffers of telephones hold about so much.
            late: Duration::from_millis(80),
            // Callers ask whether anybody is there.
            behind: Duration::from_secs(4),
        }
    }
}

impl Overload {
    pub(super) fn read(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(fields) = Fields::of(node, "`overload`", &["late", "behind"], reader.problems) else {
            return;
        };
        let ms = Duration::from_millis;
        let late = fields.span("late", ms(5)..=ms(10_000), reader.problems);
        let behind = fields.span("behind", ms(100)..=ms(60_000), reader.problems);
        (self.late, self.behind) = (late.unwrap_or(self.late), behind.unwrap_or(self.behind));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn calls_are_refused_from_a_configured_bound_on() {
        let overload = parse("calls: {overload: {late: 30ms}}\n")
            .expect("a configuration")
            .calls
            .overload;
        assert_eq!(
            (overload.late, overload.behind),
            (Duration::from_millis(30), Overload::default().behind)
        );
        let problems = parse("calls: {overload: {late: 1ms}}\n").expect_err("refused");
        assert!(problems[0].contains("`late` should be between"), "{problems:?}");
    }
}
