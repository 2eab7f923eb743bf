//! What keeps calls from working, in plain words: what was seen, what it means, what to do.
//!
//! Each check is a function from what was seen to findings; looking is apart from judging. It runs beside a bot and changes nothing: it binds ports for a
//! moment, asks trunks by an OPTIONS and a REGISTER without a Contact, and reads the records of calls.

mod calls;
mod here;
mod trunk;

use std::fmt;

use serde::Serialize;

use crate::clock;
use crate::config::Config;
use crate::document::Problem;
use crate::sip::{self, Trunk};
use crate::store::Store;

/// Records of calls that are looked at.
const RECENT: u32 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Works.
    Good,
    /// Worth knowing.
    Note,
    /// Some calls will not work.
    Warning,
    /// Calls will not work.
    Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about, such as `trunk provider`.
    pub about: String,
    pub level: Level,
    pub seen: String,
    /// Empty where it is plain.
    pub means: String,
    /// Empty where nothing is to be done.
    pub cure: String,
}

impl Finding {
    fn new(about: &str, level: Level, seen: impl Into<String>) -> Finding {
        Finding {
            about: about.to_owned(),
            level,
            seen: seen.into(),
            means: String::new(),
            cure: String::new(),
        }
    }

    fn means(self, means: impl Into<String>) -> Finding {
        Finding {
            means: means.into(),
            ..self
        }
    }

    fn cure(self, cure: impl Into<String>) -> Finding {
        Finding {
            cure: cure.into(),
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.level {
            Level::Good => "good   ",
            Level::Note => "note   ",
            Level::Warning => "warning",
            Level::Problem => "PROBLEM",
        };
        write!(f, "{mark}  {}: {}", self.about, self.seen)?;
        for (what, text) in [("means", &self.means), ("to do", &self.cure)] {
            if !text.is_empty() {
                write!(f, "\n         {what}: {text}")?;
            }
        }
        Ok(())
    }
}

/// What is wrong with the configuration itself.
pub fn unreadable(problems: &[Problem]) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        Finding::new("configuration", Level::Problem, problem.to_string()).means("nothing starts with it")
    };
    problems.iter().map(finding).collect()
}

/// Looks at everything, or, where `only` names one, at that trunk.
pub async fn examine(config: &Config, only: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if only.is_none() {
        findings.push(Finding::new("configuration", Level::Good, "it can be read"));
        findings.extend(here::addresses(config));
        for listen in &config.sip.listen {
            findings.push(here::listening(listen, here::bind(listen)));
        }
        for &address in &config.rtp.addresses {
            let free = here::free_pairs(address, &config.rtp.ports);
            findings.push(here::sound(config, address, free));
        }
    }
    for trunk in &config.sip.trunks {
        if only.is_none_or(|only| only == trunk.name) {
            findings.extend(ask(config, trunk).await);
        }
    }
    if only.is_none() {
        findings.extend(read_records(config).await);
    }
    findings
}

async fn ask(config: &Config, trunk: &Trunk) -> Vec<Finding> {
    let found = sip::servers(trunk, &[]).await;
    let mut findings = vec![trunk::name(trunk, &found)];
    let Some(server) = found.first() else { return findings };
    let probe = sip::probe(
        trunk,
        *server,
        &config.sip.tls,
        concat!("offhook/", env!("CARGO_PKG_VERSION")),
    )
    .await;
    findings.extend(trunk::answers(trunk, &probe));
    findings.extend(trunk::clock(trunk, &probe, clock::wall()));
    findings.extend(trunk::way(config, trunk, &probe));
    findings
}

async fn read_records(config: &Config) -> Vec<Finding> {
    let path = config.data.join("offhook.db");
    if !path.is_file() {
        return vec![Finding::new("calls", Level::Note, "there are no records yet")];
    }
    let read = async {
        let store = Store::open(&path).await?;
        let mut records = Vec::new();
        for call in store.list(RECENT).await? {
            records.extend(store.show(&call.id).await?);
        }
        store.close().await;
        Ok::<_, crate::store::Error>(records)
    };
    match read.await {
        Ok(records) => calls::judge(&records),
        Err(error) => vec![Finding::new("calls", Level::Problem, error.to_string()).means("no call is kept either")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_in_three_lines_at_most() {
        let finding = Finding::new("trunk a", Level::Problem, "no answer")
            .means("it is not reached")
            .cure("ask them");
        assert_eq!(
            finding.to_string(),
            "PROBLEM  trunk a: no answer\n         means: it is not reached\n         to do: ask them"
        );
        assert_eq!(Finding::new("x", Level::Good, "fine").to_string(), "good     x: fine");
        assert!(Level::Problem > Level::Good);
    }
}
