//! The plans of `dialplans/`.

use std::path::Path;

use super::*;

#[test]
fn every_shipped_plan_loads_and_says_something() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("dialplans") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let plan = load(&path).unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert!(!plan.prompts().is_empty(), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 3, "{count} plans");
}
