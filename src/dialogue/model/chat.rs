//! The chat-completions protocol: what is asked of a server, and what its chunks say.
//!
//! Pure: JSON in, JSON out. It knows no HTTP and no commands; the text in the answer is just text here.

use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::CallPiece;
use super::prompt::{Prompt, Role};

/// How a server is held to commands, from the strictest way to none. Not every server knows every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    /// `response_format: json_schema`
    #[default]
    Schema,
    /// Each command is a tool, and one must be called.
    Tools,
    /// `response_format: json_object`
    Object,
    /// The prompt alone asks for it, and no optional parameter is sent.
    Plain,
}

impl Format {
    /// The format of this place in the order from the strictest.
    pub(super) fn from_number(number: u8) -> Format {
        [Format::Schema, Format::Tools, Format::Object]
            .into_iter()
            .find(|format| *format as u8 == number)
            .unwrap_or(Format::Plain)
    }

    /// What to try where a server refuses this one.
    pub(super) fn looser(self) -> Option<Format> {
        match self {
            Format::Schema => Some(Format::Tools),
            Format::Tools => Some(Format::Object),
            Format::Object => Some(Format::Plain),
            Format::Plain => None,
        }
    }
}

/// The longest answer, in tokens: some two hundred words and the commands around them.
const LONGEST_ANSWER: u32 = 400;

/// The body of a request.
pub(super) fn request(model: &str, prompt: &Prompt, format: Format) -> Value {
    let messages: Vec<Value> = prompt
        .messages
        .iter()
        .map(|message| {
            let role = match message.role {
                Role::System => "system",
                Role::Caller => "user",
                Role::Bot => "assistant",
            };
            json!({ "role": role, "content": message.text })
        })
        .collect();
    let mut body = json!({ "model": model, "messages": messages, "stream": true });
    let response_format = match format {
        Format::Schema => Some(json!({
            "type": "json_schema",
            "json_schema": { "name": "turn", "strict": true, "schema": prompt.schema },
        })),
        Format::Tools => None,
        Format::Object => Some(json!({ "type": "json_object" })),
        Format::Plain => return body,
    };
    if let Some(body) = body.as_object_mut() {
        match response_format {
            Some(response_format) => drop(body.insert("response_format".to_owned(), response_format)),
            None => {
                body.insert("tools".to_owned(), prompt.tools.clone());
                body.insert("tool_choice".to_owned(), json!("required"));
            }
        }
        body.insert("temperature".to_owned(), json!(0));
        body.insert("max_tokens".to_owned(), json!(LONGEST_ANSWER));
    }
    body
}

/// What one event of the stream, or a whole answer that was not streamed, brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: String,
    pub calls: Vec<CallPiece>,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    NotYet,
    Whole,
    /// The server stopped for a limit of its own.
    Short,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The server reports an error inside the stream.
    Error(String),
    NotAChunk,
}

/// The data of one event.
pub(super) fn piece(data: &str) -> Result<Piece, Unreadable> {
    let data = data.trim();
    if data == "[DONE]" {
        return Ok(Piece {
            text: String::new(),
            calls: Vec::new(),
            end: End::Whole,
        });
    }
    let chunk: Chunk = serde_json::from_str(data).map_err(|_| Unreadable::NotAChunk)?;
    if let Some(error) = chunk.error {
        let message = error
            .get("message")
            .and_then(Value::as_str)
            .map_or_else(|| error.to_string(), str::to_owned);
        return Err(Unreadable::Error(message));
    }
    // A chunk without choices counts tokens.
    let Some(choice) = chunk.choices.ok_or(Unreadable::NotAChunk)?.into_iter().next() else {
        return Ok(Piece {
            text: String::new(),
            calls: Vec::new(),
            end: End::NotYet,
        });
    };
    let end = match choice.finish_reason.as_deref() {
        None | Some("") => End::NotYet,
        Some("length" | "content_filter") => End::Short,
        Some(_) => End::Whole,
    };
    let message = choice.delta.or(choice.message).unwrap_or_default();
    let calls = message.tool_calls.unwrap_or_default().into_iter().map(CallPiece::from);
    Ok(Piece {
        text: message.content.unwrap_or_default(),
        calls: calls.collect(),
        end,
    })
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Message>,
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    name: Option<String>,
    /// JSON as text; from some servers as it is.
    arguments: Option<Value>,
}

impl From<ToolCall> for CallPiece {
    fn from(call: ToolCall) -> Self {
        let function = call.function.unwrap_or_default();
        CallPiece {
            index: call.index,
            id: call.id,
            name: function.name,
            arguments: match function.arguments {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text,
                Some(json) => json.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_chunks() {
        let text = |data| piece(data).map(|piece| (piece.text, piece.end));
        assert_eq!(
            text(r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}"#),
            Ok(("Hi".to_owned(), End::NotYet))
        );
        assert_eq!(
            text(r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#),
            Ok((String::new(), End::NotYet))
        );
        assert_eq!(
            text(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#),
            Ok((String::new(), End::Whole))
        );
        assert_eq!(
            text(r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#),
            Ok((String::new(), End::Short))
        );
        assert_eq!(
            text(r#"{"choices":[],"usage":{"total_tokens":5}}"#),
            Ok((String::new(), End::NotYet))
        );
        assert_eq!(
            text(r#"{"choices":[{"message":{"content":"all"},"finish_reason":"stop"}]}"#),
            Ok(("all".to_owned(), End::Whole))
        );
        assert_eq!(text(" [DONE]"), Ok((String::new(), End::Whole)));
        let called = piece(
            r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"set_slot","arguments":""}}]}}]}"#,
        );
        let calls = called.map(|piece| piece.calls).unwrap_or_default();
        assert_eq!(
            (calls[0].index, calls[0].id.as_deref(), calls[0].name.as_deref()),
            (Some(0), Some("c1"), Some("set_slot"))
        );
        let whole = piece(
            r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"repeat","arguments":{"a":1}}}]},"finish_reason":"tool_calls"}]}"#,
        );
        assert_eq!(
            whole.map(|piece| (piece.calls[0].arguments.clone(), piece.end)),
            Ok((r#"{"a":1}"#.to_owned(), End::Whole))
        );
        assert_eq!(
            text(r#"{"error":{"message":"overloaded"}}"#),
            Err(Unreadable::Error("overloaded".to_owned()))
        );
        assert_eq!(text(r#"{"choices": 3}"#), Err(Unreadable::NotAChunk));
        assert_eq!(text("{}"), Err(Unreadable::NotAChunk));
        assert_eq!(text("<html>"), Err(Unreadable::NotAChunk));
    }

    proptest! {
        #[test]
        fn any_data_is_read_or_refused(data: String) { let _ = piece(&data); }
    }
}
