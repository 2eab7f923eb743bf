//! Tool calls put together from their pieces, and written as the commands that they are.
//!
//! A call of `set_slot` with `{"slot": "order_id", "value": "1"}` becomes `{"do":"set_slot","slot": "order_id", "value": "1"}` and a line feed. The first call
//! is written while its arguments still come, so that an answer can be spoken early; those that follow wait until the one before is whole.
//! It judges nothing: what the text asks for is read like any other text of a model.

use serde_json::Value as Json;

/// What one event of a stream adds to a tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CallPiece {
    pub index: Option<u64>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub arguments: String,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// Calls that are written to their end.
    written: usize,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    /// Not yet written.
    arguments: String,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Unwritten,
    /// The verb is written, the brace before the arguments is awaited.
    Brace,
    /// The first key is awaited.
    Key,
    Inside,
}

/// Calls of one answer; more are none that a caller meant.
const MOST: usize = 16;

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Takes a piece; gives what can be written now.
    pub fn push(&mut self, piece: CallPiece) -> String {
        let same = |call: &Call| match (&piece.id, &call.id) {
            // Some servers number all calls 0, and some number none.
            (Some(id), Some(own)) if !id.is_empty() && !own.is_empty() => id == own,
            _ => match (piece.index, call.index) {
                (Some(index), Some(own)) => index == own,
                (None, _) | (_, None) => piece.name.as_deref().is_none_or(str::is_empty),
            },
        };
        let found = match piece.index {
            Some(_) => self.calls.iter().rposition(same),
            None => self
                .calls
                .len()
                .checked_sub(1)
                .filter(|last| self.calls.get(*last).is_some_and(same)),
        };
        let at = match found {
            Some(at) => at,
            None if self.calls.len() >= MOST => return String::new(),
            None => {
                self.calls.push(Call {
                    index: piece.index,
                    id: piece.id.clone(),
                    ..Call::default()
                });
                self.calls.len() - 1
            }
        };
        if let Some(call) = self.calls.get_mut(at) {
            call.name.push_str(piece.name.as_deref().unwrap_or_default());
            call.arguments.push_str(&piece.arguments);
        }
        self.write(self.calls.len() - 1)
    }

    /// The stream has ended.
    pub fn finish(&mut self) -> String {
        self.write(self.calls.len())
    }

    /// Writes all that can be; calls before `whole` will not grow.
    fn write(&mut self, whole: usize) -> String {
        let mut text = String::new();
        while let Some(call) = self.calls.get_mut(self.written) {
            call.write(&mut text);
            if self.written >= whole {
                break;
            }
            call.end(&mut text);
            self.written += 1;
        }
        text
    }
}

impl Call {
    fn write(&mut self, text: &mut String) {
        // A name may come in pieces: it is whole when the arguments begin.
        if self.arguments.is_empty() {
            return;
        }
        self.begin(text);
        for c in std::mem::take(&mut self.arguments).chars() {
            match self.place {
                Place::Brace if c == '{' => self.place = Place::Key,
                Place::Key if c.is_whitespace() => {}
                Place::Key => {
                    if c != '}' {
                        text.push(',');
                    }
                    text.push(c);
                    self.place = Place::Inside;
                }
                Place::Inside => text.push(c),
                Place::Unwritten | Place::Brace => {}
            }
        }
    }

    fn begin(&mut self, text: &mut String) {
        if self.place == Place::Unwritten {
            text.push_str("{\"do\":");
            text.push_str(&Json::from(self.name.as_str()).to_string());
            self.place = Place::Brace;
        }
    }

    fn end(&mut self, text: &mut String) {
        self.begin(text);
        match self.place {
            Place::Unwritten | Place::Brace | Place::Key => text.push('}'),
            Place::Inside => {}
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(index: u64, id: &str, name: &str, arguments: &str) -> CallPiece {
        CallPiece {
            index: Some(index),
            id: (!id.is_empty()).then(|| id.to_owned()),
            name: (!name.is_empty()).then(|| name.to_owned()),
            arguments: arguments.to_owned(),
        }
    }

    fn text(pieces: &[CallPiece]) -> String {
        let mut calls = Calls::default();
        let mut text: String = pieces.iter().map(|piece| calls.push(piece.clone())).collect();
        text.push_str(&calls.finish());
        text
    }

    #[test]
    fn arguments_are_written_while_they_come() {
        let mut calls = Calls::default();
        assert_eq!(calls.push(piece(0, "c1", "answer", "")), "");
        assert_eq!(calls.push(piece(0, "", "", " {")), r#"{"do":"answer""#);
        assert_eq!(calls.push(piece(0, "", "", r#" "source":"a","#)), r#","source":"a","#);
        assert_eq!(calls.push(piece(0, "", "", r#""say":"Yes. "#)), r#""say":"Yes. "#);
        assert_eq!(calls.push(piece(1, "c2", "repeat", "{}")), "\n{\"do\":\"repeat\"}");
        assert_eq!(calls.finish(), "\n");
    }

    #[test]
    fn servers_number_as_they_please() {
        let both = "{\"do\":\"affirm\"}\n{\"do\":\"start_flow\",\"flow\":\"x\"}\n";
        let flow = r#"{"flow":"x"}"#;
        assert_eq!(
            text(&[piece(0, "a", "affirm", "{}"), piece(1, "b", "start_flow", flow)]),
            both
        );
        assert_eq!(
            text(&[piece(0, "a", "affirm", ""), piece(0, "b", "start_flow", flow)]),
            both
        );
        let unnumbered = |name: &str, arguments: &str| CallPiece {
            index: None,
            ..piece(0, "", name, arguments)
        };
        assert_eq!(
            text(&[
                unnumbered("affirm", "{ }"),
                unnumbered("start_flow", "{\"flo"),
                unnumbered("", "w\":\"x\"}")
            ]),
            both
        );
        assert_eq!(
            text(&[
                piece(0, "a", "affirm", ""),
                piece(1, "b", "start_flow", "{\"flow\":"),
                piece(0, "", "", "{}"),
                piece(1, "", "", "\"x\"}")
            ]),
            "{\"do\":\"affirm\"}\n{\"do\":\"start_flow\",\"flow\":\"x\"}\n",
            "what comes late for a call that is written is lost"
        );
        assert_eq!(
            text(&[piece(0, "a", "say \"x\"", "null")]),
            "{\"do\":\"say \\\"x\\\"\"}\n"
        );
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(value: String, cuts: Vec<u8>) {
            let arguments = serde_json::json!({ "slot": "x", "value": value }).to_string();
            let whole = text(&[piece(0, "a", "set_slot", &arguments)]);
            let mut pieces = vec![piece(0, "a", "set_slot", "")];
            let mut rest = arguments.as_str();
            for cut in cuts {
                let at = (0..=usize::from(cut % 9).min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
                let (piece_text, later) = rest.split_at(at);
                pieces.push(piece(0, "", "", piece_text));
                rest = later;
            }
            pieces.push(piece(0, "", "", rest));
            prop_assert_eq!(text(&pieces), whole.clone());
            let read: Json = serde_json::from_str(&whole).unwrap();
            prop_assert_eq!(&read["do"], "set_slot");
            prop_assert_eq!(&read["value"], &Json::from(value));
        }

        #[test]
        fn any_pieces_are_taken(pieces in prop::collection::vec((0..3_u64, "[ab]?", "[a-z]{0,3}", "[{}\", a]{0,4}"), 0..20)) {
            let pieces: Vec<CallPiece> = pieces.iter().map(|(index, id, name, arguments)| piece(*index, id, name, arguments)).collect();
            let _ = text(&pieces);
        }
    }
}
