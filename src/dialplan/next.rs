//! Where a call goes on when a step or a question did not end well.

use crate::document::problem::suggest;
use crate::document::{Node, Problems, read};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Says goodbye and ends the call.
    Hangup,
    /// Leaves the flow under way for this one.
    Flow(String),
    /// Ends the flow under way; what lies under it goes on.
    EndFlow,
    /// Ends everything that the caller began in the middle of another flow, and goes on there; the same as [`Next::EndFlow`] where nothing
    /// was interrupted.
    ResumeFlow,
}

/// Names that no flow may have.
pub(super) const RESERVED: [&str; 3] = ["end_flow", "resume_flow", "hangup"];

impl Next {
    /// Reads the name of one of `flows`, or a reserved one.
    pub(super) fn read(node: &Node, name: &str, flows: &[&str], problems: &mut Problems) -> Option<Self> {
        let target = read::text(node, name, problems)?;
        Some(match target.as_str() {
            "end_flow" => Self::EndFlow,
            "resume_flow" => Self::ResumeFlow,
            "hangup" => Self::Hangup,
            _ => {
                is_flow(&target, node, flows, problems);
                Self::Flow(target)
            }
        })
    }

    pub(super) fn flow(&self) -> Option<&str> {
        match self {
            Self::Flow(flow) => Some(flow),
            Self::Hangup | Self::EndFlow | Self::ResumeFlow => None,
        }
    }
}

impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Next::Flow(flow) => write!(f, "flow `{flow}`"),
            Next::Hangup => f.write_str("the goodbye"),
            Next::EndFlow => f.write_str("the end of the flow"),
            Next::ResumeFlow => f.write_str("what was interrupted"),
        }
    }
}

/// Complains at `node` unless `target` is one of `flows`.
pub(super) fn is_flow(target: &str, node: &Node, flows: &[&str], problems: &mut Problems) {
    if !flows.contains(&target) {
        problems.error(
            node.place,
            format!("no flow is called `{target}`{}", suggest(target, flows.iter().copied())),
        );
    }
}
