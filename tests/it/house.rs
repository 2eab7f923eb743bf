//! The house rules: the map in `ARCHITECTURE.md`, the sources and the README say the same.
//!
//! Each rule is a function from texts to complaints, so that the last tests can show each of them a violation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the project; `path` is relative to its root.
struct Source {
    path: String,
    text: String,
}

/// A row of the map.
struct Row {
    module: String,
    may_use: MayUse,
}

enum MayUse {
    Everything,
    Only(BTreeSet<String>),
}

/// Lines of a source file.
const LONGEST: usize = 600;

/// Where a crate may be named: whoever else needs it asks the module that owns it.
const CONFINED: &[(&str, &str)] = &[
    ("rsipstack", "src/sip/"),
    ("ort", "src/speech/"),
    ("whisper_rs", "src/speech/"),
    ("ndarray", "src/speech/"),
    ("cpal", "src/engine/sound.rs"),
    ("sqlx", "src/store/"),
    ("sdp_types", "src/sdp/"),
    ("hound", "src/audio/"),
    ("rubato", "src/audio/"),
    ("audio_codec", "src/audio/"),
    ("indicatif", "src/models/"),
];

#[test]
fn every_module_uses_what_its_row_allows() {
    let rows = map(&read("ARCHITECTURE.md")).expect("a map");
    none(&uses(&rows, &sources("src")));
}

#[test]
fn the_map_has_every_module_in_reading_order() {
    let rows = map(&read("ARCHITECTURE.md")).expect("a map");
    none(&order(&rows, &read("src/lib.rs"), &modules()));
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

/// The rows of the table whose head begins with "module".
fn map(document: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut lines = document.lines().skip_while(|line| !line.starts_with("| Module |"));
    lines.next().ok_or("there is no table that begins with `| Module |`")?;
    lines.next();
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [modules, _, may_use] = cells[..] else {
            return Err(format!("this row has not three columns: {line}"));
        };
        for module in quoted(modules) {
            let may_use = match may_use {
                "all" => MayUse::Everything,
                words => MayUse::Only(quoted(words).map(str::to_owned).collect()),
            };
            let module = module.to_owned();
            rows.push(Row { module, may_use });
        }
    }
    Ok(rows)
}

/// What stands between pairs of backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Imports that the map does not allow, and rows that allow what stands below them.
fn uses(rows: &[Row], sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let MayUse::Only(allowed) = &row.may_use else { continue };
        for used in allowed {
            if !rows[..at].iter().any(|above| above.module == *used) {
                complaints.push(format!(
                    "the row of `{}` allows `{used}`, which does not stand above it",
                    row.module
                ));
            }
        }
    }
    for source in sources {
        let Some(module) = module_of(&source.path) else {
            continue;
        };
        let Some(row) = rows.iter().find(|row| row.module == module) else {
            continue;
        };
        let MayUse::Only(allowed) = &row.may_use else { continue };
        let (code, tests) = parts(source);
        // Tests are drivers: they may read the clock to begin from.
        for (text, also) in [(code, ""), (tests, "clock")] {
            for used in imported(&text) {
                if used != module && used != also && !allowed.contains(&used) {
                    complaints.push(format!(
                        "{} uses `crate::{used}`: its row does not allow it",
                        source.path
                    ));
                }
            }
        }
        if climbs_out(source) {
            complaints.push(format!(
                "{} leaves its module by `super::`: write `crate::`",
                source.path
            ));
        }
    }
    complaints
}

/// Rows without a module, modules without a row, and rows that stand elsewhere than in `lib.rs`.
fn order(rows: &[Row], lib: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for module in modules {
        if !rows.iter().any(|row| row.module == *module) {
            complaints.push(format!("`{module}` has no row in the map"));
        }
    }
    for row in rows.iter().filter(|row| !modules.contains(&row.module)) {
        complaints.push(format!("the map has a row for `{}`, which is not there", row.module));
    }
    let declared = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let rows = rows.iter().map(|row| row.module.as_str());
    let mapped: Vec<&str> = rows.filter(|module| !["commands", "main"].contains(module)).collect();
    let declared: Vec<&str> = declared.collect();
    if mapped != declared {
        complaints.push(format!("the map's order is {mapped:?}, that of lib.rs is {declared:?}"));
    }
    complaints
}

fn shape(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in sources {
        if !text.starts_with("//!") {
            complaints.push(format!("{path} does not begin with what it is (`//!`)"));
        }
        let lines = text.lines().count();
        if lines >= LONGEST {
            complaints.push(format!("{path} has {lines} lines; {LONGEST} are too many"));
        }
    }
    complaints
}

fn confined(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (name, home) in CONFINED {
            let named = code_lines(&source.text).any(|line| names_crate(line, name));
            if named && !source.path.starts_with(home) {
                complaints.push(format!("{} names `{name}`, which belongs to {home}", source.path));
            }
        }
    }
    complaints
}

fn printing(sources: &[Source]) -> Vec<String> {
    const PRINTERS: [&str; 5] = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
    let mut complaints = Vec::new();
    for source in sources {
        if source.path == "src/main.rs" || source.path.starts_with("src/commands/") {
            continue;
        }
        let (code, _) = parts(source);
        for printer in PRINTERS {
            if code_lines(&code).any(|line| has_word(line, printer)) {
                complaints.push(format!("{} prints with `{printer}`", source.path));
            }
        }
    }
    complaints
}

fn addresses(sources: &[Source]) -> Vec<String> {
    // Taken apart, so that this file does not have them.
    let known = [
        ["crates", ".io"],
        ["pypi", ".org"],
        ["python", "hosted.org"],
        ["npm", "js.org"],
        ["npm", "js.com"],
        ["deb.debian", ".org"],
        ["proxy.golang", ".org"],
    ];
    let mut complaints = Vec::new();
    for Source { path, text } in sources {
        for address in known.map(|halves| halves.concat()) {
            if text.contains(&address) {
                complaints.push(format!("{path} has the address {address}: its client knows it"));
            }
        }
    }
    complaints
}

/// Commands of `readme` that `help` or the Makefile do not know, and commands that it leaves out.
fn commands(readme: &str, makefile: &str, help: &dyn Fn(&[&str]) -> String) -> Vec<String> {
    let mut complaints = Vec::new();
    let known = subcommands(&help(&[]));
    let mut named = BTreeSet::new();
    for line in shell(readme) {
        let mut words = line.split_whitespace().skip_while(|word| word.contains('='));
        match words.next() {
            Some("make") => {
                for target in words.filter(|word| !word.starts_with('-')) {
                    if !makefile.lines().any(|line| line.starts_with(&format!("{target}:"))) {
                        complaints.push(format!("`{line}`: the Makefile has no `{target}`"));
                    }
                }
            }
            Some("offhook" | "target/release/offhook") => {
                let Some(command) = words.next().filter(|word| !word.starts_with('-')) else {
                    continue;
                };
                if !known.contains(command) {
                    complaints.push(format!("`{line}`: offhook has no command `{command}`"));
                    continue;
                }
                named.insert(command.to_owned());
                let mut about = help(&[command]);
                let inner = subcommands(&about);
                for word in words {
                    if inner.contains(word) {
                        about = help(&[command, word]);
                    } else if let Some(option) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                        let option = option.split('=').next().unwrap_or(option);
                        if !has_word(&about, &format!("-{option}")) {
                            complaints.push(format!("`{line}`: `{command}` has no option `-{option}`"));
                        }
                    } else if !inner.is_empty()
                        && word.chars().all(|c| c.is_ascii_lowercase())
                        && about.contains("<COMMAND>")
                    {
                        complaints.push(format!("`{line}`: `{command}` has no `{word}`"));
                    }
                }
            }
            _ => {}
        }
    }
    for command in known.difference(&named).filter(|command| *command != "help") {
        complaints.push(format!("the README leaves out `offhook {command}`"));
    }
    complaints
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

/// What is typed into a shell: inline code and the lines of `sh` blocks, without comments.
fn shell(document: &str) -> Vec<String> {
    let mut typed: Vec<String> = Vec::new();
    let mut fence: Option<String> = None;
    for line in document.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(kind.to_owned()) };
            continue;
        }
        match fence.as_deref() {
            Some("sh") => typed.push(line.split(" #").next().unwrap_or(line).trim().to_owned()),
            Some(_) => {}
            None => typed.extend(quoted(line).map(str::to_owned)),
        }
    }
    typed
}

/// The insides of the fenced blocks of one kind.
fn blocks(document: &str, kind: &str) -> Vec<String> {
    let opening = format!("```{kind}\n");
    document
        .split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// The names under "Commands:" in a help text.
fn subcommands(help: &str) -> BTreeSet<String> {
    help.lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let indent = line.len() - line.trim_start().len();
            (indent == 2)
                .then(|| line.split_whitespace().next())?
                .map(str::to_owned)
        })
        .collect()
}

/// The module that a file of `src` belongs to; none for `lib.rs`.
fn module_of(path: &str) -> Option<String> {
    let first = path.strip_prefix("src/")?.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "lib").then(|| name.to_owned())
}

/// The code of a file and its tests.
fn parts(source: &Source) -> (String, String) {
    let Source { path, text } = source;
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        return (String::new(), text.clone());
    }
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => (text[..at].to_owned(), text[at..].to_owned()),
        None => (text.clone(), String::new()),
    }
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The modules of the crate that `text` names, in `crate::x` and `crate::{x, y}`.
fn imported(text: &str) -> BTreeSet<String> {
    let code: String = code_lines(text).map(|line| format!("{line}\n")).collect();
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0_i32;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.extend(first_name(&std::mem::take(&mut item))),
                    _ => {}
                }
                if depth == 0 && c != ',' {
                    item.push(c);
                }
            }
            names.extend(first_name(&item));
        } else {
            names.extend(first_name(rest));
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Whether so many `super::` follow each other that they reach the root of the crate.
fn climbs_out(source: &Source) -> bool {
    let (code, _) = parts(source);
    let inner = source.path.strip_prefix("src/").unwrap_or(&source.path);
    // `x.rs` and `x/mod.rs` are one below the root, `x/y.rs` and `x/y/mod.rs` two.
    let depth = inner.trim_end_matches("/mod.rs").split('/').count();
    let chain = "super::".repeat(depth);
    code_lines(&code).any(|line| line.contains(&chain))
}

/// `name::…`, `use name;` or `use name as …`, and not as a part of another word.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"');
        let used = line[..at].trim_end().ends_with("use") && after.starts_with([';', ' ']);
        starts && (after.starts_with("::") || used)
    })
}

/// `word` in `text`, and not as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part) && !text[at + word.len()..].chars().next().is_some_and(part)
    })
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

/// What `src` has: files and folders, by the names of their modules.
fn modules() -> BTreeSet<String> {
    let entries = root().join("src").read_dir().expect("src");
    entries
        .filter_map(|entry| module_of(&format!("src/{}", entry.ok()?.file_name().to_str()?)))
        .collect()
}

fn offhook(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_offhook"))
        .args(arguments)
        .current_dir(root())
        .env("TRUNK_PASSWORD", "secret")
        .env("LLM_KEY", "secret")
        .output()
        .expect("offhook runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

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
    let rows = map(SMALL).expect("a map");
    let found = |path: &str, text: &str| uses(&rows, &[source(path, text)]);
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
    let upwards = map(&SMALL.replace("| time | |", "| time | `sip` |")).expect("a map");
    one(&uses(&upwards, &[]), "does not stand above");
    assert!(map("no table").is_err());
}

#[test]
fn a_module_that_the_map_forgets_is_found() {
    let rows = map(SMALL).expect("a map");
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
