//! `offhook knowledge`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use clap::Subcommand;
use offhook::clock;
use offhook::config::Config;
use offhook::dialogue::knowledge::reading::{THREAD, Unreadable};
use offhook::dialogue::knowledge::{Document, Knowledge, LEAST_SCORE, Passage, likeness};
use offhook::dialplan::{self, Plan};
use offhook::engine::{library, meaning};
use offhook::language::Language;
use offhook::store::{Asked, Store};
use serde::Serialize;

use super::{Error, Outcome, block_on, configuration, log, told};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration that says which plan runs and where records are.
    #[arg(short, long, default_value = "offhook.yaml", global = true)]
    config: PathBuf,
    /// For scripts.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Read every file that a plan's knowledge names: what each gave, and what is wrong with it. Exits 1 where one cannot be read.
    Build {
        /// Instead of the configuration's.
        plan: Option<PathBuf>,
    },
    /// What would be answered to a question, from where, and what else came near.
    Ask {
        question: String,
        /// Instead of the configuration's.
        #[arg(long)]
        plan: Option<PathBuf>,
        /// Whose knowledge; without it that of the first assistant that has any.
        #[arg(long)]
        assistant: Option<String>,
    },
    /// The questions that callers asked and nothing answers, put together; the most frequent first.
    Gaps,
}

pub fn run(arguments: &Arguments) -> Outcome {
    log("warn");
    quiet_readers();
    match &arguments.command {
        Command::Build { plan } => build(&chosen(plan.as_deref(), &arguments.config)?, arguments.json),
        Command::Ask {
            question,
            plan,
            assistant,
        } => {
            let plan = chosen(plan.as_deref(), &arguments.config)?;
            ask(&plan, assistant.as_deref(), question, arguments.json)
        }
        Command::Gaps => gaps(&configuration(&arguments.config)?, arguments.json),
    }
}

/// A reader that gives up on a damaged file is told of as a problem of the file, not as a panic.
fn quiet_readers() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(THREAD) {
            usual(panic);
        }
    }));
}

fn chosen(plan: Option<&Path>, config: &Path) -> Result<Plan, Error> {
    let path = match plan {
        Some(plan) => plan.to_owned(),
        None => configuration(config)?.plan,
    };
    dialplan::load(&path).map_err(|problems| told(&problems).into())
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sections: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    characters: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl FileReport {
    fn new(file: &Path, read: &Result<Document, Unreadable>) -> Self {
        let document = read.as_ref().ok();
        let length = |document: &Document| {
            document
                .sections
                .iter()
                .map(|section| section.text.chars().count())
                .sum()
        };
        Self {
            file: file.display().to_string(),
            sections: document.map(|document| document.sections.len()),
            characters: document.map(length),
            problem: read.as_ref().err().map(ToString::to_string),
        }
    }

    fn print(&self, since: Instant) {
        let at = clock::now().saturating_duration_since(since).as_secs_f64();
        match (&self.problem, self.sections, self.characters) {
            (None, Some(sections), Some(characters)) => {
                println!(
                    "{at:6.2} s  {}: {sections} sections, {characters} characters",
                    self.file
                );
            }
            (problem, ..) => println!("{at:6.2} s  {}", problem.as_deref().unwrap_or_default()),
        }
    }
}

fn build(plan: &Plan, json: bool) -> Outcome {
    let began = clock::now();
    let reports = Mutex::new(Vec::new());
    let built = library::build(plan, &meaning::find(), &|path, read| {
        let report = FileReport::new(path, read);
        if !json {
            report.print(began);
        }
        if let Ok(mut reports) = reports.lock() {
            reports.push(report);
        }
    });
    let reports = reports.into_inner().unwrap_or_default();
    let failed = reports.iter().filter(|report| report.problem.is_some()).count();
    let passages: BTreeMap<&String, usize> = built
        .iter()
        .flatten()
        .map(|(assistant, knowledge)| (assistant, knowledge.len()))
        .collect();
    if json {
        let report = serde_json::json!({"files": reports, "passages": passages});
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for (assistant, count) in &passages {
            println!("{assistant} answers from {count} passages");
        }
        if reports.is_empty() {
            println!("this plan has no knowledge: `knowledge` names its files");
        }
        if failed > 0 {
            eprintln!("{failed} of {} files to mend", reports.len());
        }
    }
    Ok(if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

#[derive(Serialize)]
struct Found {
    assistant: String,
    language: &'static str,
    /// Below it nothing is answered.
    least_score: f32,
    /// What would be said.
    answer: Option<Candidate>,
    /// Whole passages, the best first, whether they are good enough or not.
    candidates: Vec<Candidate>,
}

#[derive(Serialize)]
struct Candidate {
    score: f32,
    source: String,
    text: String,
}

impl From<Passage> for Candidate {
    fn from(passage: Passage) -> Self {
        Self {
            score: passage.score,
            source: passage.source,
            text: passage.text,
        }
    }
}

/// Passages that are shown.
const SHOWN: usize = 4;

fn ask(plan: &Plan, assistant: Option<&str>, question: &str, json: bool) -> Outcome {
    let shelves = library::build(plan, &meaning::find(), &|_, _| {})
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let named = assistant.map(str::to_owned);
    let first = || {
        shelves
            .iter()
            .find(|(_, knowledge)| !knowledge.is_empty())
            .map(|(name, _)| name.clone())
    };
    let assistant = named.or_else(first).ok_or("no assistant of this plan has knowledge")?;
    let names = || shelves.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let knowledge = shelves
        .get(&assistant)
        .ok_or_else(|| format!("no assistant is called `{assistant}`; there are {}", names()))?;
    let found = found(
        &assistant,
        knowledge,
        question,
        plan.min_score(&assistant).unwrap_or(LEAST_SCORE),
    );
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print(&found);
    }
    Ok(if found.answer.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn found(assistant: &str, knowledge: &Knowledge, question: &str, least_score: f32) -> Found {
    let language = if question.chars().any(|c| matches!(c, '\u{4e00}'..='\u{9fff}')) {
        Language::Mandarin
    } else {
        Language::English
    };
    let answer = knowledge
        .ask(question, language)
        .filter(|passage| passage.score >= least_score);
    Found {
        assistant: assistant.to_owned(),
        language: language.code(),
        least_score,
        answer: answer.map(Candidate::from),
        candidates: knowledge
            .best(question, language, SHOWN)
            .into_iter()
            .map(|passage| Candidate {
                text: passage.whole,
                score: passage.score,
                source: passage.source,
            })
            .collect(),
    }
}

fn print(found: &Found) {
    match &found.answer {
        Some(answer) => println!("{}\n\n{:.2}  {}", answer.text, answer.score, answer.source),
        None => println!("no answer: nothing scores {:.2}", found.least_score),
    }
    let others = found.candidates.iter().skip(usize::from(found.answer.is_some()));
    for candidate in others {
        let text: String = candidate.text.chars().take(100).collect();
        println!("{:.2}  {}  {text}", candidate.score, candidate.source);
    }
}

/// One question in all its wordings.
#[derive(Serialize)]
struct Group {
    count: usize,
    language: String,
    /// The wordings, each once, the first one first.
    questions: Vec<String>,
    /// Calls to listen to, the newest first.
    calls: Vec<String>,
    /// What came nearest, and its score.
    nearest: Option<(String, f32)>,
}

/// Gaps that are looked at, wordings and calls that are shown of a group.
const GAPS: u32 = 5000;
const WORDINGS: usize = 3;
const CALLS: usize = 3;

fn gaps(config: &Config, json: bool) -> Outcome {
    let path = config.data.join("offhook.db");
    if !path.is_file() {
        return Err(format!("there are no records yet: {} is not there", path.display()).into());
    }
    let asked: Vec<Asked> = block_on(async { Store::open(&path).await?.gaps(GAPS).await })??;
    let groups = grouped(&asked);
    if json {
        println!("{}", serde_json::to_string_pretty(&groups)?);
        return Ok(ExitCode::SUCCESS);
    }
    if groups.is_empty() {
        println!("every question was answered");
    }
    for group in &groups {
        let (first, others) = group
            .questions
            .split_first()
            .map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
        println!("{:4}  {first}", group.count);
        for other in others.iter().take(WORDINGS - 1) {
            println!("      {other}");
        }
        if let Some((source, score)) = &group.nearest {
            println!("      nearest: {source} ({score:.2})");
        }
        let shown: Vec<&str> = group.calls.iter().take(CALLS).map(String::as_str).collect();
        println!("      calls: {}", shown.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

fn grouped(asked: &[Asked]) -> Vec<Group> {
    let language = |asked: &Asked| asked.gap.language.parse().unwrap_or(Language::English);
    let questions: Vec<(&str, Language)> = asked
        .iter()
        .map(|asked| (asked.gap.question.as_str(), language(asked)))
        .collect();
    let groups = likeness::alike(&questions).into_iter().map(|members| {
        let members: Vec<&Asked> = members.into_iter().filter_map(|at| asked.get(at)).collect();
        let mut group = Group {
            count: members.len(),
            language: members
                .first()
                .map(|asked| asked.gap.language.clone())
                .unwrap_or_default(),
            questions: Vec::new(),
            calls: Vec::new(),
            nearest: None,
        };
        for asked in &members {
            if !group.questions.contains(&asked.gap.question) {
                group.questions.push(asked.gap.question.clone());
            }
        }
        for asked in members.iter().rev() {
            if !group.calls.contains(&asked.call) {
                group.calls.push(asked.call.clone());
            }
        }
        let nearest = members
            .iter()
            .filter_map(|asked| asked.gap.best.as_ref())
            .max_by(|a, b| a.score.total_cmp(&b.score));
        group.nearest = nearest.map(|best| (best.source.clone(), best.score));
        group
    });
    groups.collect()
}
