//! The plan of the hand-overs: every caller is put through at once, and each lane has a queue of its own, so that who is rung for whom is known.
//!
//! Its people take turns by their numbers in the desk, which grow: whoever is there first is rung first. Prompts are short and made ahead of time: a call costs no engine anything.

use std::fmt::Write;
use std::time::Duration;

/// A caller who waits for longer goes the plan's way out.
pub const MAX_WAIT: Duration = Duration::from_secs(8);
/// The flow that is the way out.
pub const WAY_OUT: &str = "nobody";
/// What who takes a call hears first: the brief of a caller who has said nothing.
pub const BRIEF: &str = "The caller needs a person to go on.";

/// With `lanes` of them, numbered from 0.
pub fn text(lanes: usize) -> String {
    let mut text = String::from("version: 1\n");
    let mut list = |head: &str, row: &dyn Fn(usize) -> String| {
        let _ = writeln!(text, "{head}:");
        for lane in 0..lanes {
            let _ = writeln!(text, "  {}", row(lane));
        }
    };
    list("routes", &|lane| {
        let number = number(lane);
        format!("- {{name: lane_{lane}, match: {{to: \"{number}\"}}, assistant: mia, flow: through_{lane}}}")
    });
    list("queues", &|lane| {
        let (skill, wait) = (skill(lane), MAX_WAIT.as_secs());
        format!(
            "lane_{lane}: {{skills: [{skill}], strategy: round_robin, ring: 5s, wrap_up: 0s, max_wait: {wait}s, overflow: {WAY_OUT}}}"
        )
    });
    list("handoff", &|lane| {
        format!("to_{lane}: {{queue: lane_{lane}, brief: [reason], no_agent: {WAY_OUT}}}")
    });
    list("flows", &|lane| {
        format!("through_{lane}: {{steps: [{{transfer: to_{lane}}}]}}")
    });
    let _ = writeln!(
        text,
        "  {WAY_OUT}: {{steps: [{{hangup: \"Nobody is free right now. Goodbye.\"}}]}}"
    );
    let _ = writeln!(text, "assistants: {{mia: {{languages: [en], disclosure: \"Hello.\"}}}}");
    text
}

/// What is dialled for a lane.
pub fn number(lane: usize) -> String {
    (1_000 + lane).to_string()
}

/// What people of a lane can do, and nobody else.
pub fn skill(lane: usize) -> String {
    format!("lane_{lane}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::parse;

    #[test]
    fn each_lane_has_its_queue_and_the_same_way_out() {
        let plan = parse(&text(3), "lanes").expect("a plan");
        assert_eq!((plan.queues.len(), plan.handoffs.len(), plan.routes.len()), (3, 3, 3));
        for (lane, queue) in plan.queues.values().enumerate() {
            assert_eq!(queue.skills, [skill(lane)]);
            assert_eq!(queue.max_wait, MAX_WAIT);
        }
        assert!(plan.flows.iter().any(|flow| flow.name == WAY_OUT));
    }
}
