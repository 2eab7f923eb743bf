//! Handing over, as a plan says it: to whom and how, what cannot be, and what a condition knows of queues.

use super::queue::{Destination, Handoff, Load, Mode};
use super::*;
use crate::document::Problem;
use std::time::Duration;

/// A plan whose callers go by this handoff.
fn yaml(handoff: &str) -> String {
    format!(
        "version: 1\nroutes: [{{name: all, match: any, assistant: mia, flow: welcome}}]\n\
         assistants: {{mia: {{languages: [en], disclosure: \"A machine.\"}}}}\nqueues: {{care: {{overflow: sorry}}}}\nhandoff: {{desk: {{{handoff}}}}}\nflows:\n  welcome: {{steps: [{{transfer: desk, on_fail: \
         sorry}}]}}\n  sorry: {{steps: [{{say: \"Nobody is there.\"}}]}}\n"
    )
}

fn read(handoff: &str) -> Handoff {
    plan(&yaml(handoff)).handoffs["desk"].clone()
}

/// All that is said of it.
fn told(handoff: &str) -> Vec<Problem> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan.yaml");
    std::fs::write(&path, yaml(handoff)).expect("written");
    match check(&path) {
        Ok(warnings) => warnings,
        Err(problems) => problems,
    }
}

fn first(handoff: &str) -> Order {
    let (mut walk, _) = enter(&plan(&yaml(handoff)));
    let order = walk.step(Outcome::Done);
    assert!(
        matches!(order, Order::Transfer { .. } | Order::HandOff { .. }),
        "{order:?}"
    );
    // Given again until it is known how it went.
    assert_eq!(walk.step(Outcome::NoInput), order);
    order
}

#[test]
fn a_handoff_leads_to_a_queue_or_elsewhere() {
    let outside = Destination::Outside("sip:desk@pbx.example".into());
    let handoff = read("to: \"sip:desk@pbx.example\", ring: 40s, whisper: 6s");
    assert_eq!((handoff.to, handoff.mode), (outside.clone(), Mode::Attended));
    assert_eq!(handoff.ring, Duration::from_secs(40));
    let handoff = read("to: \"sip:desk@pbx.example\", mode: replaces");
    assert_eq!((handoff.to, handoff.mode), (outside.clone(), Mode::Replaces));
    assert_eq!(handoff.ring, Duration::from_secs(20));
    assert_eq!(read("queue: care").to, Destination::Queue("care".into()));
    for (written, order) in [
        ("queue: care", Destination::Queue("care".into())),
        ("to: \"sip:desk@pbx.example\"", outside.clone()),
        ("to: \"sip:desk@pbx.example\", mode: replaces", outside),
    ] {
        let handoff = Some("desk".to_owned());
        let to = order;
        assert_eq!(first(written), Order::HandOff { to, handoff, say: None });
    }
    let to = "sip:desk@pbx.example".to_owned();
    assert_eq!(
        first("to: \"sip:desk@pbx.example\", mode: blind"),
        Order::Transfer { to, say: None }
    );
}

#[test]
fn whom_a_plan_calls_or_sends_callers_to_may_be_called() {
    for mode in ["blind", "attended", "replaces"] {
        let plan = plan(&yaml(&format!("to: \"sip:desk@pbx.example\", mode: {mode}")));
        assert_eq!(plan.destinations(), ["sip:desk@pbx.example"], "{mode}");
    }
    assert!(plan(&yaml("queue: care")).destinations().is_empty());
}

#[test]
fn what_cannot_be_is_told_with_its_cure() {
    for (handoff, severity, words) in [
        ("mode: attended", Severity::Error, "needs `queue`, or `to`"),
        (
            "queue: care, to: \"sip:desk@pbx.example\"",
            Severity::Error,
            "callers go to one of them",
        ),
        ("queue: car", Severity::Error, "did you mean `care`"),
        ("to: desk", Severity::Error, "write `sip:agent@host`"),
        ("queue: care, mode: blind", Severity::Error, "in the place of `queue`"),
        (
            "queue: care, mode: replaces",
            Severity::Error,
            "in the place of `queue`",
        ),
        ("queue: care, ring: 20s", Severity::Warning, "take `ring` out"),
        (
            "to: \"sip:desk@pbx.example\", mode: blind, whisper: 8s",
            Severity::Warning,
            "take `whisper` out",
        ),
        (
            "to: \"sip:desk@pbx.example\", mode: blind, after: csat",
            Severity::Warning,
            "whose line has been let go",
        ),
        (
            "to: \"sip:desk@pbx.example\", mode: replaces, after: csat",
            Severity::Warning,
            "whose line has been let go",
        ),
        ("to: \"sip:desk@pbx.example\", ring: 1s", Severity::Error, "ring"),
    ] {
        let found = told(handoff);
        let fits = |problem: &Problem| problem.severity == severity && problem.message.contains(words);
        assert!(found.iter().any(fits), "{handoff}: {found:#?}");
    }
    for handoff in [
        "queue: care, after: csat",
        "to: \"sip:desk@pbx.example\", ring: 30s, whisper: 8s, after: csat",
        "to: \"sip:desk@pbx.example\", mode: blind, agent_declines: sorry",
    ] {
        let found = told(handoff);
        assert!(found.is_empty(), "{handoff}: {found:#?}");
    }
}

#[test]
fn a_plan_says_which_queues_it_asks_about() {
    let asked = |steps: &str| {
        let yaml = yaml("queue: care").replace("[{transfer: desk, on_fail: sorry}]", steps);
        plan(&yaml).asked_queues.clone()
    };
    assert!(asked("[{say: \"You are in a queue. Please wait.\"}, {goto_flow: sorry}]").is_empty());
    assert_eq!(
        asked("[{if: \"queue.care.agents == 0 || queue.care.wait > 5m\", then: [{goto_flow: sorry}]}]"),
        ["care"]
    );
    assert_eq!(
        asked("[{say: \"{queue.care.length} wait.\"}, {goto_flow: sorry}]"),
        ["care"]
    );
}

#[test]
fn a_condition_reads_how_a_queue_stands() {
    let load = |wait: Option<u64>, length, agents| Load {
        wait: wait.map(Duration::from_secs),
        length,
        agents,
    };
    for (condition, load, holds) in [
        ("queue.care.wait > 5m", Some(load(Some(301), 0, 1)), true),
        ("queue.care.wait > 5m", Some(load(Some(300), 0, 1)), false),
        ("queue.care.wait > 5m", Some(load(None, 0, 0)), false),
        ("queue.care.length >= 3", Some(load(None, 3, 0)), true),
        ("queue.care.agents == 0", Some(load(None, 3, 0)), true),
        // Of which nothing is known.
        ("queue.care.agents == 0", None, false),
    ] {
        let steps =
            format!("[{{if: \"{condition}\", then: [{{say: Yes.}}], else: [{{say: No.}}]}}, {{goto_flow: sorry}}]");
        let plan = plan(&yaml("queue: care").replace("[{transfer: desk, on_fail: sorry}]", &steps));
        let facts = Facts {
            queues: load.into_iter().map(|load| ("care".to_owned(), load)).collect(),
            ..from_to("1", "2")
        };
        let (mut walk, order) = Walk::enter(Arc::clone(&plan), "mia", "welcome", Language::English, facts);
        let said = until_wanted(&mut walk, order);
        assert_eq!(said.contains("Yes."), holds, "{condition}: {said}");
    }
}

#[test]
fn a_route_is_chosen_by_how_a_queue_stands() {
    let yaml = yaml("queue: care").replace(
        "routes: [",
        "routes: [{name: full, match: {when: \"queue.care.length > 10\"}, reject: 486}, ",
    );
    let plan = plan(&yaml);
    for (length, name) in [(10, "all"), (11, "full")] {
        let load = Load {
            wait: None,
            length,
            agents: 1,
        };
        let facts = Facts {
            queues: [("care".to_owned(), load)].into(),
            ..from_to("1", "2")
        };
        assert_eq!(plan.route(&facts).map(|route| route.name.as_str()), Some(name));
    }
}
