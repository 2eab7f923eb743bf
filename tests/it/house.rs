//! The house rules: the map in `ARCHITECTURE.md`, the sources and the README say the same.
//!
//! Each rule is a function from texts to complaints, in `rules`; `violations` shows each of them one.

mod rules;
mod violations;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use rules::{Source, addresses, blocks, commands, confined, map, module_of, order, printing, shape, uses};

/// The maps: how their heads begin, and where their modules are.
const MODULES: (&str, &str) = ("| Module |", "src/");
const PARTS_OF_SIP: (&str, &str) = ("| Part of `sip` |", "src/sip/");

#[test]
fn every_module_uses_what_its_row_allows() {
    let (document, sources) = (read("ARCHITECTURE.md"), sources("src"));
    for (head, home) in [MODULES, PARTS_OF_SIP] {
        let rows = map(&document, head).expect("a map");
        none(&uses(&rows, &sources, home));
    }
}

#[test]
fn the_map_has_every_module_in_reading_order() {
    let document = read("ARCHITECTURE.md");
    for ((head, home), face) in [(MODULES, "lib.rs"), (PARTS_OF_SIP, "mod.rs")] {
        let rows = map(&document, head).expect("a map");
        none(&order(&rows, &read(&format!("{home}{face}")), &modules(home)));
    }
}

#[test]
fn every_source_says_what_it_is_and_is_short() {
    let mut all = sources("src");
    all.extend(sources("tests"));
    none(&shape(&all));
}

#[test]
fn a_crate_is_named_only_where_it_belongs() {
    none(&confined(&sources("src")));
}

#[test]
fn only_the_command_line_prints() {
    none(&printing(&sources("src")));
}

#[test]
fn no_file_has_the_address_of_a_package_registry() {
    let mut all = Vec::new();
    for folder in [".ci", "src", "tests", "models", "dialplans", "fixtures", "benches"] {
        gather(&root().join(folder), &mut all);
    }
    let of_its_own = ["Cargo.toml", "deny.toml", "clippy.toml", "Makefile", "offhook.yaml"];
    let documents = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
    for name in of_its_own.iter().chain(&documents) {
        let (path, text) = ((*name).to_owned(), read(name));
        all.push(Source { path, text });
    }
    none(&addresses(&all));
}

#[test]
fn the_readme_names_commands_that_exist() {
    none(&commands(&read("README.md"), &read("Makefile"), &help));
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "benches/README.md",
        "dialplans/README.md",
    ] {
        none(&links(document, &read(document)));
    }
}

#[test]
fn the_readme_s_plans_and_configurations_are_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for block in blocks(&read("README.md"), "yaml") {
        seen += 1;
        let file = folder.path().join(format!("{seen}.yaml"));
        if block.contains("version: 1") {
            std::fs::write(&file, block).expect("written");
            checks(&[path(&file)]);
        } else {
            let plan = root().join("dialplans/support.yaml");
            let plan = if block.contains("\nplan:") || block.starts_with("plan:") {
                String::new()
            } else {
                format!("plan: {}\n", plan.display())
            };
            std::fs::write(&file, format!("{block}\n{plan}")).expect("written");
            checks(&["-c", path(&file)]);
        }
    }
    assert!(seen >= 3, "the README shows a plan, a trunk and a model");
}

#[test]
fn what_ships_passes_check() {
    checks(&["-c", "offhook.yaml"]);
    let plans = root().join("dialplans").read_dir().expect("a folder");
    let plans: Vec<PathBuf> = plans
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    assert!(plans.len() >= 3, "only {plans:?} ship");
    for plan in &plans {
        checks(&[path(plan)]);
    }
}

/// Links to files that are not there.
fn links(document: &str, text: &str) -> Vec<String> {
    let here = root().join(document);
    let folder = here.parent().unwrap_or(Path::new("."));
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains("://") && !folder.join(link).exists())
        .map(|link| format!("{document} leads to {link}, which is not there"))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

/// The Rust files under `folder`.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    gather(&root().join(folder), &mut found);
    found.retain(|source| source.path.ends_with(".rs"));
    assert!(found.len() > 10, "{folder} has hardly any sources");
    found
}

/// Every text file under `folder`.
fn gather(folder: &Path, found: &mut Vec<Source>) {
    for entry in folder
        .read_dir()
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
    {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, found);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).expect("inside").display().to_string();
            found.push(Source { path, text });
        }
    }
}

/// What `home` has: files and folders, by the names of their modules.
fn modules(home: &str) -> BTreeSet<String> {
    let entries = root().join(home).read_dir().expect("a folder");
    entries
        .filter_map(|entry| module_of(home, &format!("{home}{}", entry.ok()?.file_name().to_str()?)))
        .collect()
}

fn offhook(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_offhook"))
        .args(arguments)
        .current_dir(root())
        .env("TRUNK_PASSWORD", "secret")
        .env("ALICE_PASSWORD", "secret")
        .env("OPENID_SECRET", "secret")
        .env("EVENTS_SECRET", LONG)
        .env("CRM_SECRET", LONG)
        .env("SHOP_KEY", LONG)
        .env("SMS_TOKEN", "secret")
        .env("TURN_SECRET", "secret")
        .env("LLM_KEY", "secret")
        .output()
        .expect("offhook runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// As secrets that sign, and keys, should be.
const LONG: &str = "0123456789abcdef0123456789abcdef";

fn help(command: &[&str]) -> String {
    let mut arguments = command.to_vec();
    arguments.push("--help");
    offhook(&arguments).1
}

fn checks(arguments: &[&str]) {
    let (good, said) = offhook(&[&["check"], arguments].concat());
    assert!(good, "offhook check {arguments:?}:\n{said}");
}

#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
