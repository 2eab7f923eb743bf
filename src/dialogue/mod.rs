//! What was said, what was meant, and what is known about it.
//!
//! [`Grounded`] turns a caller's words into [`Command`](crate::dialplan::Command)s by the plan alone; [`model`] does so
//! with a language model, and may do no more. [`Knowledge`] finds the passage that answers a question, [`slots`] reads
//! values out of words, [`Conversation`] keeps what was said and heard. Nothing here knows a call, a sound, a step that
//! is carried out, or whose turn it is; only [`model::OpenAi`] waits for anything.

pub mod choosing;
pub mod conversation;
mod features;
pub mod greetings;
pub mod grounded;
pub mod guard;
pub mod knowledge;
mod learnt;
pub mod meaning;
pub mod measure;
pub mod minutes;
pub mod model;
mod names;
mod phrases;
pub mod sentiment;
pub mod similarity;
pub mod slots;
pub mod tongue;
pub mod topics;
pub mod wishes;
mod words;

pub use conversation::Conversation;
pub use grounded::{Grounded, Moment};
pub use knowledge::{Knowledge, Passage};
pub use meaning::Meaning;
pub use sentiment::{Loudness, Mood, Sentiment};
pub use slots::{digits_in, extract};
