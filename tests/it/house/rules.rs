//! The rules. They know texts alone: neither the disk nor the program.

use std::collections::{BTreeMap, BTreeSet};

/// A file of the project; `path` is relative to its root.
pub struct Source {
    pub path: String,
    pub text: String,
}

/// A row of the map.
pub struct Row {
    pub module: String,
    pub may_use: MayUse,
}

pub enum MayUse {
    Everything,
    Only(BTreeSet<String>),
}

/// Lines of a source file.
pub const LONGEST: usize = 600;

/// Where a crate may be named: whoever else needs it asks the module that owns it. One with several homes stands here for each.
pub const CONFINED: &[(&str, &str)] = &[
    ("rsipstack", "src/sip/"),
    ("tokio_rustls", "src/sip/wire/"),
    ("tokio_tungstenite", "src/sip/wire/"),
    ("tokio_tungstenite", "src/simulate/page.rs"),
    ("hickory_resolver", "src/sip/names/dns.rs"),
    ("ipnet", "src/sip/network.rs"),
    ("nix", "src/engine/stamped.rs"),
    ("ort", "src/speech/"),
    ("whisper_rs", "src/speech/"),
    ("ndarray", "src/speech/"),
    ("cpal", "src/engine/sound.rs"),
    ("sqlx", "src/store/"),
    ("strsim", "src/store/"),
    ("argon2", "src/store/people/"),
    ("hmac", "src/store/people/"),
    ("hmac", "src/web/signature.rs"),
    ("sha1", "src/store/people/"),
    ("data_encoding", "src/store/people/"),
    ("axum", "src/web/"),
    ("hyper", "src/web/"),
    ("hyper_util", "src/web/"),
    ("openidconnect", "src/web/openid/"),
    ("rpassword", "src/commands/people.rs"),
    ("qrcode", "src/commands/people.rs"),
    ("sdp_types", "src/sdp/"),
    ("rtc_rtcp", "src/rtp/"),
    ("rtc_srtp", "src/rtp/"),
    ("rtc_dtls", "src/rtp/"),
    ("rtc_stun", "src/rtp/"),
    ("rtc_shared", "src/rtp/"),
    ("webrtc", "src/browser/"),
    ("rtc", "src/browser/"),
    ("base64", "src/sdp/"),
    ("hound", "src/audio/"),
    ("rubato", "src/audio/"),
    ("sonora", "src/audio/"),
    ("audio_codec", "src/audio/"),
    ("opus", "src/audio/codec/"),
    ("lopdf", "src/dialogue/knowledge/reading/"),
    ("quick_xml", "src/dialogue/knowledge/reading/"),
    ("html5gum", "src/dialogue/knowledge/reading/"),
    ("ferrous_opencc", "src/language/"),
    ("rlibphonenumber", "src/campaign/number.rs"),
    ("csv_core", "src/campaign/import/"),
];

/// The rows of the table whose head begins with `head`.
pub fn map(document: &str, head: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut lines = document.lines().skip_while(|line| !line.starts_with(head));
    lines
        .next()
        .ok_or_else(|| format!("there is no table that begins with `{head}`"))?;
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

/// Imports that the map of the modules in `home` does not allow, and rows that allow what stands below them. What the face of `home` says itself is
/// everybody's; what it shows of a module is that module's.
pub fn uses(rows: &[Row], sources: &[Source], home: &str) -> Vec<String> {
    let root = home.replacen("src/", "crate::", 1).replace('/', "::");
    let face = sources.iter().find(|source| source.path == format!("{home}mod.rs"));
    let shown = face.map(|face| shown(&face.text)).unwrap_or_default();
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
        let Some(module) = module_of(home, &source.path) else {
            continue;
        };
        let Some(row) = rows.iter().find(|row| row.module == module) else {
            continue;
        };
        let MayUse::Only(allowed) = &row.may_use else { continue };
        let (code, tests) = parts(source);
        // Tests are drivers: they may read the clock to begin from.
        for (text, also) in [(code, ""), (tests, "clock")] {
            for name in imported(&text, &root) {
                let used = shown.get(&name).unwrap_or(&name);
                let mapped = rows.iter().any(|row| row.module == *used);
                if mapped && *used != module && used != also && !allowed.contains(used) {
                    complaints.push(format!(
                        "{} uses `{root}{used}`: its row does not allow it",
                        source.path
                    ));
                }
            }
        }
        if climbs_out(source, home) {
            complaints.push(format!(
                "{} leaves its module by `super::`: write `{root}`",
                source.path
            ));
        }
    }
    complaints
}

/// Rows without a module, modules without a row, and rows that stand elsewhere than in the face (`lib.rs`).
pub fn order(rows: &[Row], face: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for module in modules {
        if !rows.iter().any(|row| row.module == *module) {
            complaints.push(format!("`{module}` has no row in the map"));
        }
    }
    for row in rows.iter().filter(|row| !modules.contains(&row.module)) {
        complaints.push(format!("the map has a row for `{}`, which is not there", row.module));
    }
    let declared = face
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let rows = rows.iter().map(|row| row.module.as_str());
    let mapped: Vec<&str> = rows.filter(|module| !["commands", "main"].contains(module)).collect();
    let declared: Vec<&str> = declared.collect();
    if mapped != declared {
        complaints.push(format!(
            "the map's order is {mapped:?}, that of the face is {declared:?}"
        ));
    }
    complaints
}

pub fn shape(sources: &[Source]) -> Vec<String> {
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

pub fn confined(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (name, home) in CONFINED {
            let named = code_lines(&source.text).any(|line| names_crate(line, name));
            let at_home = |(of, home): &(&str, &str)| of == name && source.path.starts_with(home);
            if named && !CONFINED.iter().any(at_home) {
                complaints.push(format!("{} names `{name}`, which belongs to {home}", source.path));
            }
        }
    }
    complaints
}

pub fn printing(sources: &[Source]) -> Vec<String> {
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

pub fn addresses(sources: &[Source]) -> Vec<String> {
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
pub fn commands(readme: &str, makefile: &str, help: &dyn Fn(&[&str]) -> String) -> Vec<String> {
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
pub fn blocks(document: &str, kind: &str) -> Vec<String> {
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

/// The module in `home` that a file belongs to; none for the face of `home`.
pub fn module_of(home: &str, path: &str) -> Option<String> {
    let first = path.strip_prefix(home)?.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "mod"].contains(&name)).then(|| name.to_owned())
}

/// What a face shows of its modules, in `pub use module::{x, y};`, and whose it is.
fn shown(face: &str) -> BTreeMap<String, String> {
    let uses = face
        .lines()
        .filter_map(|line| line.strip_prefix("pub use ")?.strip_suffix(';')?.split_once("::"));
    let named = uses.flat_map(|(module, names)| {
        let names = names.trim_matches(['{', '}']).split(", ");
        names.map(|name| (name.to_owned(), module.to_owned()))
    });
    named.collect()
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
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split_once(" // ").map_or(line, |(code, _)| code))
}

/// The names that `text` has from `root`: of `crate::`, in `crate::x` and `crate::{x, y}`.
fn imported(text: &str, root: &str) -> BTreeSet<String> {
    let code: String = code_lines(text).map(|line| format!("{line}\n")).collect();
    let mut names = BTreeSet::new();
    for rest in code.split(root).skip(1) {
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

/// Whether so many `super::` follow each other that they reach `home`.
fn climbs_out(source: &Source, home: &str) -> bool {
    let (code, _) = parts(source);
    let inner = source.path.strip_prefix(home).unwrap_or(&source.path);
    // `x.rs` and `x/mod.rs` are one below it, `x/y.rs` and `x/y/mod.rs` two.
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
