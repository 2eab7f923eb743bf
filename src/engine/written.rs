//! Whether the files of a plan have changed since it was read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::dialplan::Plan;

/// When the files of a plan were last written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written(Vec<(PathBuf, Option<SystemTime>)>);

impl Written {
    /// Of `plan` in `path`, and of its knowledge.
    pub fn of(path: &Path, plan: &Plan) -> Self {
        let bases = plan.knowledge.values();
        let sources = bases.flat_map(|base| base.sources.iter().cloned());
        let files = std::iter::once(path.to_owned()).chain(sources);
        Self(
            files
                .map(|file| {
                    let at = std::fs::metadata(&file).and_then(|file| file.modified()).ok();
                    (file, at)
                })
                .collect(),
        )
    }
}
