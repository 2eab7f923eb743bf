//! What each assistant answers from.
//!
//! Building reads files and asks the engine of meaning; it blocks, and knows no calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::meaning::Engine;
use crate::dialogue::knowledge::gathering::gather;
use crate::dialogue::knowledge::reading::Unreadable;
use crate::dialogue::knowledge::vectors::Vectors;
use crate::dialogue::knowledge::{Document, Knowledge};
use crate::dialplan::Plan;
use crate::models::Cache;

/// By assistant.
pub type Shelves = BTreeMap<String, Arc<Knowledge>>;

/// Hears of each file as it is read.
pub type Told<'t> = &'t (dyn Fn(&Path, &Result<Document, Unreadable>) + Sync);

/// The knowledge of every assistant of `plan`; each file is read once. Blocks: seconds for large manuals, and some milliseconds a passage where their
/// meanings are not known yet.
pub fn build(plan: &Plan, engine: &Engine, told: Told<'_>) -> Result<Shelves, Vec<Unreadable>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in plan.knowledge.values().flat_map(|base| &base.sources) {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    let mut documents: BTreeMap<&PathBuf, Document> = BTreeMap::new();
    let mut problems = Vec::new();
    for (path, read) in paths.iter().zip(gather(&paths, told)) {
        match read {
            Ok(document) => drop(documents.insert(path, document)),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut vectors = engine
        .as_deref()
        .map(|meaning| Vectors::open(&Cache::open().dir().join("knowledge"), meaning));
    let mut shelves = Shelves::new();
    let mut built: Vec<(&[String], Arc<Knowledge>)> = Vec::new();
    for assistant in plan.assistants.values() {
        let same = built.iter().find(|(bases, _)| *bases == assistant.knowledge.as_slice());
        let knowledge = match same {
            Some((_, knowledge)) => Arc::clone(knowledge),
            None => {
                let bases = assistant.knowledge.iter().filter_map(|name| plan.knowledge.get(name));
                let sources = bases.flat_map(|base| &base.sources);
                let own = sources.filter_map(|path| documents.get(path).cloned());
                let mut knowledge = Knowledge::of(own.collect());
                if let (Some(meaning), Some(vectors)) = (engine, &mut vectors) {
                    knowledge = knowledge.understanding(Arc::clone(meaning), &mut |text| vectors.of(text));
                }
                let knowledge = Arc::new(knowledge);
                built.push((&assistant.knowledge, Arc::clone(&knowledge)));
                knowledge
            }
        };
        shelves.insert(assistant.name.clone(), knowledge);
    }
    if let Some(vectors) = &vectors
        && let Err(e) = vectors.save()
    {
        tracing::warn!("what passages mean could not be kept, and will be made again: {e}");
    }
    Ok(shelves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::load;
    use crate::language::Language;

    #[test]
    fn each_assistant_has_its_own_and_what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (plan, faq) = (folder.path().join("plan.yaml"), folder.path().join("faq.md"));
        let text = "version: 1\nroutes: [{name: all, match: any, assistant: mia, flow: welcome}]\n\
            assistants: {mia: {languages: [en], disclosure: \"Hello.\", knowledge: [faq]}}\nknowledge: {faq: {sources: [faq.md]}}\n\
            flows: {welcome: {steps: [{say: \"How can I help?\"}]}}\n\
            patterns: {noinput: {after: 8s, say: [\"Hello?\"], then: hangup}, goodbye: {say: \"Goodbye.\"}}\n";
        std::fs::write(&plan, text).expect("written");
        std::fs::write(&faq, "## When are you open?\nFrom eight.\n").expect("written");
        let plan = load(&plan).unwrap_or_else(|problems| panic!("{problems:?}"));
        let shelves = build(&plan, &None, &|_, _| {}).expect("built");
        let said = shelves["mia"].ask("when are you open", Language::English);
        assert_eq!(said.map(|passage| passage.text).as_deref(), Some("From eight."));
        std::fs::remove_file(&faq).expect("removed");
        let problems = build(&plan, &None, &|_, _| {}).err().expect("refused");
        assert!(problems[0].to_string().contains("faq.md"), "{problems:?}");
    }
}
