//! YAML as a tree whose every node knows where it stands and how it was written.
//!
//! A typed reader stops at the first thing that does not fit; a person who wrote a file wants to hear of all of them. The tree is built
//! without recursion, so that no text can exhaust the stack, and no deeper than [`DEEPEST`], so that its readers may recurse.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};

/// Lists and maps inside each other.
pub const DEEPEST: usize = 64;
/// Nodes of one document, each use of an alias counted: aliases of aliases grow without end.
const MOST_NODES: usize = 200_000;

/// Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Tree,
    pub place: Place,
    /// A scalar as it was written, without its quotes; `+49` and `007` are texts, and `1.50` keeps its zero.
    written: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Null,
    Boolean(bool),
    /// Finite, and with no sign or zero before it that a number would lose.
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; no key twice.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: String,
    pub place: Place,
}

/// Why a text is no YAML, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Malformed {
    pub place: Place,
    pub reason: String,
}

/// Reads one document. An empty one is [`Tree::Null`].
pub fn parse(text: &str) -> Result<Node, Malformed> {
    match parse_all(text) {
        (Some(root), wrong) if wrong.is_empty() => Ok(root),
        (_, wrong) => Err(wrong
            .into_iter()
            .next()
            .unwrap_or_else(|| malformed(Place { line: 1, column: 1 }, "no YAML"))),
    }
}

/// Reads one document, and tells all that is wrong with it. Where reading can go on, as after a key that stands there twice, there is a
/// tree too.
pub fn parse_all(text: &str) -> (Option<Node>, Vec<Malformed>) {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let result = match event {
            Ok((event, span)) => builder.take(event, place(&span.start)),
            Err(e) => Err(malformed(place(e.marker()), e.info())),
        };
        if let Err(wrong) = result {
            builder.wrong.push(wrong);
            return (None, builder.wrong);
        }
    }
    let nothing = Node {
        value: Tree::Null,
        place: Place { line: 1, column: 1 },
        written: String::new(),
    };
    (Some(builder.root.unwrap_or(nothing)), builder.wrong)
}

impl Node {
    /// What it is, for a message.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Tree::Null => "nothing",
            Tree::Boolean(_) => "true or false",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }

    /// A scalar as it was written.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Tree::Boolean(_) | Tree::Number(_) | Tree::Text(_) => Some(self.written.clone()),
            Tree::Null | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    /// The names of a map's entries.
    pub fn names(&self) -> Vec<&str> {
        match &self.value {
            Tree::Map(entries) => entries.iter().map(|(key, _)| key.name.as_str()).collect(),
            Tree::Null | Tree::Boolean(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => Vec::new(),
        }
    }

    pub fn entry(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Tree::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            Tree::Null | Tree::Boolean(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => None,
        }
    }
}

/// A tree in the making.
#[derive(Default)]
struct Builder {
    /// Lists and maps that are not closed yet, the innermost last.
    open: Vec<Open>,
    anchors: BTreeMap<usize, Built>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    /// What is wrong, but does not keep the rest from being read.
    wrong: Vec<Malformed>,
}

struct Open {
    place: Place,
    anchor: usize,
    content: Content,
    nodes: usize,
    height: usize,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        /// The key whose value comes next.
        key: Option<Key>,
    },
}

#[derive(Clone)]
struct Built {
    node: Node,
    /// Nodes in it, itself included.
    nodes: usize,
    /// Lists and maps inside each other.
    height: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Malformed> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(Open {
                    content:
                        Content::Map {
                            entries,
                            key: key @ None,
                        },
                    ..
                }) = self.open.last_mut()
                {
                    if entries.iter().any(|(known, _)| known.name == text) {
                        let reason = format!("the key `{text}` stands here for the second time; take one of them out");
                        self.wrong.push(malformed(place, reason));
                    }
                    *key = Some(Key {
                        name: text.into_owned(),
                        place,
                    });
                    return Ok(());
                }
                self.count(1, place)?;
                let value = scalar(&text, style, tag.as_deref(), place)?;
                let node = Node {
                    value,
                    place,
                    written: text.into_owned(),
                };
                self.put(
                    Built {
                        node,
                        nodes: 1,
                        height: 0,
                    },
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, tag) => self.open(Content::List(Vec::new()), anchor, tag.as_deref(), place),
            Event::MappingStart(_, anchor, tag) => self.open(
                Content::Map {
                    entries: Vec::new(),
                    key: None,
                },
                anchor,
                tag.as_deref(),
                place,
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(mut built) => {
                    self.count(built.nodes, place)?;
                    built.node.place = place;
                    self.put(built, 0)
                }
                None => Err(malformed(place, "an alias stands inside of what it stands for")),
            },
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(malformed(place, "a second document begins here; a file has one"));
                }
                Ok(())
            }
            // Stream ends and comments, and what is not asked for: names of anchors.
            _ => Ok(()),
        }
    }

    fn open(&mut self, content: Content, anchor: usize, tag: Option<&Tag>, place: Place) -> Result<(), Malformed> {
        no_tag(tag, place)?;
        if self.open.len() >= DEEPEST {
            return Err(malformed(place, format!("lists and maps nest deeper than {DEEPEST}")));
        }
        self.value_may_stand(place)?;
        self.count(1, place)?;
        self.open.push(Open {
            place,
            anchor,
            content,
            nodes: 1,
            height: 1,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Malformed> {
        let Some(Open {
            place,
            anchor,
            content,
            nodes,
            height,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let value = match content {
            Content::List(items) => Tree::List(items),
            Content::Map { entries, .. } => Tree::Map(entries),
        };
        self.put(
            Built {
                node: Node {
                    value,
                    place,
                    written: String::new(),
                },
                nodes,
                height,
            },
            anchor,
        )
    }

    /// Puts a finished node to where it belongs.
    fn put(&mut self, built: Built, anchor: usize) -> Result<(), Malformed> {
        let place = built.node.place;
        self.value_may_stand(place)?;
        if self.open.len() + built.height > DEEPEST {
            return Err(malformed(place, format!("lists and maps nest deeper than {DEEPEST}")));
        }
        // What was put before is counted again only where an alias repeats it.
        self.nodes += if built.height == 0 || anchor == 0 {
            built.nodes
        } else {
            1
        };
        if self.nodes > MOST_NODES {
            return Err(malformed(place, format!("this is more than {MOST_NODES} values")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(built.node);
            return Ok(());
        };
        parent.nodes += built.nodes;
        parent.height = parent.height.max(built.height + 1);
        match &mut parent.content {
            Content::List(items) => items.push(built.node),
            Content::Map { entries, key } => entries.extend(key.take().map(|key| (key, built.node))),
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Malformed> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return Err(malformed(place, format!("this is more than {MOST_NODES} values")));
        }
        Ok(())
    }

    /// Keys are texts.
    fn value_may_stand(&self, place: Place) -> Result<(), Malformed> {
        match self.open.last() {
            Some(Open {
                content: Content::Map { key: None, .. },
                ..
            }) => Err(malformed(place, "a key should be a plain name")),
            Some(_) | None => Ok(()),
        }
    }
}

/// By the core schema of YAML 1.2, but for numbers that would not be written back as they stand.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Tree, Malformed> {
    if tag.is_some_and(|tag| tag.core_suffix() == Some("str")) || style != ScalarStyle::Plain {
        return Ok(Tree::Text(text.to_owned()));
    }
    no_tag(tag, place)?;
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" => Tree::Boolean(true),
        "false" | "False" | "FALSE" => Tree::Boolean(false),
        _ => number(text).map_or_else(|| Tree::Text(text.to_owned()), Tree::Number),
    })
}

/// Digits that a double holds exactly.
const MOST_DIGITS: usize = 15;

/// `12`, `-1.5`; a number to call, `+49301` or `0301`, is a text.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = digits.len() <= MOST_DIGITS && (whole == "0" || !whole.starts_with('0'));
    (all_digits(whole) && all_digits(fraction) && fits)
        .then(|| text.parse().ok())
        .flatten()
}

fn no_tag(tag: Option<&Tag>, place: Place) -> Result<(), Malformed> {
    match tag {
        Some(tag) => Err(malformed(
            place,
            format!("the tag `{}` means nothing here", tag.original()),
        )),
        None => Ok(()),
    }
}

fn malformed(place: Place, reason: impl Into<String>) -> Malformed {
    Malformed {
        place,
        reason: reason.into(),
    }
}

/// Columns of the parser count from 0.
fn place(mark: &Marker) -> Place {
    Place {
        line: u32::try_from(mark.line()).unwrap_or(u32::MAX).max(1),
        column: u32::try_from(mark.col()).unwrap_or(u32::MAX).saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_node_knows_its_place() {
        let root = parse("a: 1\nb:\n  - {c: \"x\", on: true}\n  - 08:00\n").expect("YAML");
        let b = root.entry("b").expect("b");
        let Tree::List(items) = &b.value else { panic!("{b:?}") };
        let c = items[0].entry("c").map(|c| (c.place, c.value.clone()));
        assert_eq!(c, Some((Place { line: 3, column: 9 }, Tree::Text("x".into()))));
        let Tree::Map(entries) = &items[0].value else { panic!() };
        assert_eq!(
            entries[1].0,
            Key {
                name: "on".into(),
                place: Place { line: 3, column: 14 }
            }
        );
        assert_eq!(items[1].scalar().as_deref(), Some("08:00"));
        assert_eq!(root.entry("a").map(|a| a.value.clone()), Some(Tree::Number(1.0)));
    }

    #[test]
    fn scalars_are_kept_as_they_were_written() {
        for (yaml, value) in [
            ("+4930123456", Tree::Text("+4930123456".into())),
            ("0049301", Tree::Text("0049301".into())),
            ("12345678901234567890", Tree::Text("12345678901234567890".into())),
            ("\"12\"", Tree::Text("12".into())),
            ("!!str 12", Tree::Text("12".into())),
            ("0x1f", Tree::Text("0x1f".into())),
            (".nan", Tree::Text(".nan".into())),
            ("1.50", Tree::Number(1.5)),
            ("0.45", Tree::Number(0.45)),
            ("0", Tree::Number(0.0)),
            ("-3", Tree::Number(-3.0)),
            ("True", Tree::Boolean(true)),
            ("yes", Tree::Text("yes".into())),
            ("~", Tree::Null),
            ("", Tree::Null),
        ] {
            assert_eq!(parse(yaml).map(|node| node.value), Ok(value), "{yaml}");
        }
        assert_eq!(parse("1.50").map(|node| node.scalar()), Ok(Some("1.50".into())));
        assert_eq!(parse("+49").map(|node| node.scalar()), Ok(Some("+49".into())));
    }

    #[test]
    fn what_is_no_yaml_has_a_place() {
        let wrong = parse("a: [1, 2\nb: 3\n").expect_err("refused");
        assert!(wrong.place.line >= 1 && !wrong.reason.is_empty(), "{wrong:?}");
        assert!(!wrong.reason.contains("line "), "the place stands by itself: {wrong:?}");
        for (yaml, reason) in [
            ("a: 1\na: 2\n", "second time"),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("[a]: 1\n", "plain name"),
            ("a: !x 1\n", "`!x`"),
            ("a: &a [*a]\n", "inside of what"),
        ] {
            let wrong = parse(yaml).expect_err(yaml);
            assert!(wrong.reason.contains(reason), "{yaml}: {wrong:?}");
        }
    }

    #[test]
    fn an_alias_stands_for_its_anchor() {
        let root = parse("a: &x {b: [1]}\nc: *x\n").expect("YAML");
        assert_eq!(root.entry("c").map(|c| &c.value), root.entry("a").map(|a| &a.value));
        assert_eq!(root.entry("c").map(|c| c.place), Some(Place { line: 2, column: 4 }));
    }

    /// A thread with less than a tenth of the usual stack.
    fn on_a_small_stack(work: fn()) {
        std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(work)
            .expect("a thread")
            .join()
            .expect("no overflow");
    }

    #[test]
    fn nesting_is_bounded_and_costs_no_stack() {
        on_a_small_stack(|| {
            let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
            assert!(parse(&lists(DEEPEST)).is_ok());
            for depth in [DEEPEST + 1, 80, 200, 5000, 100_000] {
                assert!(parse(&lists(depth)).is_err(), "{depth}");
                assert!(parse(&"[".repeat(depth)).is_err(), "{depth}");
                assert!(parse(&"- ".repeat(depth)).is_err(), "{depth}");
                assert!(parse(&"{a: ".repeat(depth)).is_err(), "{depth}");
            }
            let chain: String = (1..=DEEPEST + 1)
                .map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1))
                .collect();
            let wrong = parse(&format!("a0: &a0 [x]\n{chain}")).expect_err("too deep");
            assert!(wrong.reason.contains("deeper"), "{wrong:?}");
        });
    }

    #[test]
    fn aliases_of_aliases_do_not_grow_without_end() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "));
        }
        assert!(parse(&bomb).expect_err("refused").reason.contains("values"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[a-z:{}\\[\\]\\-\n \"'&*!|>]{0,60}") { let _ = parse(&text); }
    }
}
