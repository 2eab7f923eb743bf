//! A small desk under load, as the program measures it: pages are told of all that happens, and nobody is lost.

use std::sync::PoisonError;

use serde_json::Value;

use super::bot::{ALONE, offhook, text};

#[test]
fn pages_are_told_of_everything_while_callers_wait() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = offhook(&[
        "bench",
        "desk",
        "--pages",
        "24",
        "--calls",
        "12",
        "--seconds",
        "8",
        "--json",
    ]);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("no report: {e}\n{}", text(&output.stderr)));
    println!("{report:#}");
    let figures = &report["figures"];
    assert_eq!(figures["failures"], serde_json::json!({}));
    let updates = figures["updates"].as_array().expect("rows");
    for topic in ["wall", "live", "me", "call", "gone", "all"] {
        let row = updates.iter().find(|row| row["topic"] == topic);
        let row = row.unwrap_or_else(|| panic!("nobody was told of `{topic}`"));
        assert!(row["updates"].as_u64() > Some(0), "{row}");
        assert_eq!(row["missing"], 0, "{row}");
    }
    assert_eq!(figures["snapshots"]["updates"], 24);
    assert!(figures["resumed"]["updates"].as_u64() > Some(0), "no line broke");
    for phase in figures["phases"].as_array().expect("phases") {
        assert_eq!(phase["lost"], 0, "{phase}");
        assert!(phase["received"].as_u64() > Some(12 * 50 * 6), "{phase}");
    }
}
