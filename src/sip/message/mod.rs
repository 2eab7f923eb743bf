//! What a SIP message is: lines, the grammar of its fields, what is read in it and what we write.
//!
//! It knows no sockets and no calls.

mod algorithm;
mod content;
mod dialog_key;
mod fields;
mod inspector;
mod raw;

pub(super) mod digest;
pub(super) mod grammar;
pub(super) mod identity;
pub(super) mod numbers;
pub(super) mod reason;
pub(super) mod strict;

pub use algorithm::Algorithm;

pub(super) use algorithm::{Asked, hex};
pub(super) use content::{ACCEPT, fragment_code, key, session, session_of, session_of_response, session_type};
pub(super) use dialog_key::{DialogKey, Invitation, Malformed, Named, Replaces, refer_to};
pub(super) use fields::{
    capabilities, has_option, list_of, one_line, party_of, phrase, retry_after, retry_after_header, status, value_of,
};
pub(super) use inspector::{Inspector, show_transport};
pub(super) use raw::{Field, Frame, Raw, content_length, frame};
