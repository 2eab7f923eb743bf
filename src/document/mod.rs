//! Files that people write: YAML with places, problems with cures.
//!
//! Knows no configuration and no plan: only how to read strictly and complain well.

pub mod problem;
pub mod read;
pub mod yaml;

pub use problem::{Problem, Problems, Severity};
pub use read::Fields;
pub use yaml::{Node, Place, Tree};
