//! Violations, made up: a rule that finds nothing in them is no rule.

use std::collections::BTreeSet;

use super::rules::{LONGEST, Source, addresses, commands, confined, map, order, printing, shape, uses};
use super::{links, none};

fn source(path: &str, text: &str) -> Source {
    let (path, text) = (path.to_owned(), text.to_owned());
    Source { path, text }
}

/// A map of three rows for the violations below.
const SMALL: &str = "| Module | What it is | May use |\n|---|---|---|\n| `clock` | time | |\n| `sip` | calls | `clock` |\n| `call` | a call | |\n| `commands`, `main` | the rest | all |\n";

#[track_caller]
fn one(complaints: &[String], about: &str) {
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains(about), "{complaints:?}");
}

#[test]
fn an_import_that_the_map_forbids_is_found() {
    let rows = map(SMALL, "| Module |").expect("a map");
    let found = |path: &str, text: &str| uses(&rows, &[source(path, text)], "src/");
    none(&found(
        "src/sip/agent.rs",
        "use crate::clock;\nuse crate::sip::Event;\n",
    ));
    none(&found("src/main.rs", "use crate::call::Call;\n"));
    none(&found("src/sip/agent.rs", "//! See crate::call.\n"));
    none(&found(
        "src/call/turn.rs",
        "use super::Call;\n#[cfg(test)]\nmod tests {\n    use crate::clock;\n}\n",
    ));
    one(&found("src/sip/agent.rs", "use crate::call::Call;\n"), "`crate::call`");
    one(
        &found("src/sip/agent.rs", "use crate::{clock, call::{self, Call}};\n"),
        "`crate::call`",
    );
    one(
        &found("src/call/mod.rs", "fn f() { crate::clock::now(); }\n"),
        "`crate::clock`",
    );
    one(
        &found("src/call/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::sip;\n}\n"),
        "`crate::sip`",
    );
    one(&found("src/call/turn.rs", "use super::super::sip::Event;\n"), "super");
    let upwards = map(&SMALL.replace("| time | |", "| time | `sip` |"), "| Module |").expect("a map");
    one(&uses(&upwards, &[], "src/"), "does not stand above");
    assert!(map("no table", "| Module |").is_err());
}

#[test]
fn an_import_of_a_part_from_below_it_is_found() {
    let parts =
        "| Part of `sip` | What it is | May use |\n|---|---|---|\n| `message` | | |\n| `gate` | | `message` |\n";
    let rows = map(parts, "| Part of `sip` |").expect("a map");
    let face = "mod message;\nmod gate;\npub use gate::{Admit, Binding};\npub struct Party;\n";
    let found = |path: &str, text: &str| {
        let sources = [source("src/sip/mod.rs", face), source(path, text)];
        uses(&rows, &sources, "src/sip/")
    };
    none(&found(
        "src/sip/gate/proof.rs",
        "use super::Gate;\nuse crate::sip::{Party, message};\n",
    ));
    none(&found(
        "src/sip/message/raw.rs",
        "use crate::sip::Party;\npub(in crate::sip) struct Raw;\n",
    ));
    none(&found("src/call/mod.rs", "use crate::sip::gate;\n"));
    one(
        &found("src/sip/message/raw.rs", "use crate::sip::gate::Gate;\n"),
        "`crate::sip::gate`",
    );
    one(
        &found("src/sip/message/raw.rs", "use crate::sip::{Party, Binding};\n"),
        "`crate::sip::gate`",
    );
    one(
        &found("src/sip/message/raw.rs", "use super::super::gate::Gate;\n"),
        "super",
    );
    one(&found("src/sip/message/mod.rs", "use super::gate::Gate;\n"), "super");
    none(&order(&rows, face, &["message", "gate"].map(str::to_owned).into()));
}

#[test]
fn a_module_that_the_map_forgets_is_found() {
    let rows = map(SMALL, "| Module |").expect("a map");
    let lib = "pub mod clock;\npub mod sip;\npub mod call;\n";
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let all = ["clock", "sip", "call", "commands", "main"];
    none(&order(&rows, lib, &names(&all)));
    one(
        &order(&rows, lib, &names(&[&all[..], &["desk"]].concat())),
        "`desk` has no row",
    );
    one(&order(&rows, lib, &names(&all[1..])), "`clock`, which is not there");
    one(
        &order(&rows, "pub mod sip;\npub mod clock;\npub mod call;\n", &names(&all)),
        "order",
    );
}

#[test]
fn a_nameless_a_long_a_talkative_and_a_trespassing_file_are_found() {
    none(&shape(&[source("src/a.rs", "//! A.\n")]));
    one(&shape(&[source("src/a.rs", "use x;\n")]), "begin");
    one(
        &shape(&[source("src/a.rs", &format!("//! A.\n{}", "\n".repeat(LONGEST)))]),
        "lines",
    );
    let loud = "fn f() {\n    println!(\"x\");\n}\n";
    none(&printing(&[
        source("src/commands/a.rs", loud),
        source("src/main.rs", loud),
    ]));
    one(&printing(&[source("src/call/a.rs", loud)]), "`println!`");
    let named = |path: &str, text: &str| confined(&[source(path, text)]);
    none(&named("src/sip/a.rs", "use rsipstack::transport;\n"));
    none(&named("src/call/a.rs", "use crate::report::x; // ort::Session\n"));
    none(&named("src/commands/mod.rs", "let directive = \"ort=error\";\n"));
    one(&named("src/call/a.rs", "use rsipstack::transport;\n"), "`rsipstack`");
    one(&named("src/models/a.rs", "fn f(s: ort::Session) {}\n"), "`ort`");
    one(&named("src/call/a.rs", "use ndarray as nd;\n"), "`ndarray`");
    one(&named("src/engine/leg.rs", "use cpal::traits::HostTrait;\n"), "`cpal`");
    let address = ["https://", "pypi", ".org/simple"].concat();
    one(&addresses(&[source("Makefile", &address)]), "Makefile");
}

#[test]
fn a_command_that_is_not_there_is_found() {
    let help = |command: &[&str]| match command {
        [] => "Commands:\n  calls  What is kept\n  demo   Ring it\n  help   This\n\nOptions:\n".to_owned(),
        ["calls"] => {
            "Usage: offhook calls <COMMAND>\n\nCommands:\n  show  One\n\nOptions:\n      --json  For scripts\n"
                .to_owned()
        }
        _ => "Options:\n  -n, --count <COUNT>\n".to_owned(),
    };
    let found = |readme: &str| commands(readme, "demo: build\n", &help);
    none(&found(
        "`make demo`\n```sh\noffhook calls show -n 3   # one\noffhook demo\n```\n",
    ));
    one(&found("`offhook calls` and `offhook demo`, `make rest`"), "`rest`");
    one(&found("`offhook calls`, `offhook demo`, `offhook dial`"), "`dial`");
    one(&found("`offhook calls lost`, `offhook demo`"), "`lost`");
    one(&found("`offhook calls --yaml`, `offhook demo`"), "`--yaml`");
    one(&found("`offhook demo`"), "leaves out `offhook calls`");
    one(&links("README.md", "[a](Cargo.toml) and [b](nowhere.md)"), "nowhere.md");
}
