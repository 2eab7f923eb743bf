//! The language's key tables, and the JSON Schema that is made of them.
//!
//! The readers take the keys that they allow from these tables, so the schema cannot say otherwise than they do.

/// The keys of a map with fixed names, and what stands behind each.
pub(super) type Table = &'static [(&'static str, Shape)];

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    Texts,
    Number,
    Count,
    Boolean,
    /// `500ms`, `8s`, `2m`, `1h`, `30d`
    Duration,
    /// `10%`
    Share,
    Expression,
    /// Words, or words by language.
    Prompt,
    /// One or several.
    Prompts,
    /// A flow, `end_flow`, `resume_flow` or `hangup`.
    Next,
    OneOf(&'static [&'static str]),
    /// A list of some of these, or one of them.
    SomeOf(&'static [&'static str]),
    Map(Table),
    /// A map of names of the writer's own choice.
    Named(&'static Shape),
    List(&'static Shape),
    Either(&'static [Shape]),
    Steps,
    Any,
    Null,
}

/// The names of a table.
pub(super) fn keys(table: Table) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}
