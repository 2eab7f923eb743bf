//! The chat-completions protocol: what is asked of a server, and what its chunks say.
//!
//! Pure: JSON in, JSON out. It knows no HTTP and no commands; the text in the answer is just text here.

use serde::Deserialize;
use serde_json::{Value, json};

use super::prompt::{Prompt, Role};

/// How a server is held to JSON, from the strictest to none. Not every server knows every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `response_format: json_schema`
    #[default]
    Schema,
    /// `response_format: json_object`
    Object,
    /// The prompt alone asks for it, and no optional parameter is sent.
    Plain,
}

impl Format {
    /// What to try where a server refuses this one.
    pub(super) fn looser(self) -> Option<Format> {
        match self {
            Format::Schema => Some(Format::Object),
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
        Format::Schema => json!({
            "type": "json_schema",
            "json_schema": { "name": "turn", "strict": true, "schema": prompt.schema },
        }),
        Format::Object => json!({ "type": "json_object" }),
        Format::Plain => return body,
    };
    if let Some(body) = body.as_object_mut() {
        body.insert("response_format".to_owned(), response_format);
        body.insert("temperature".to_owned(), json!(0));
        body.insert("max_tokens".to_owned(), json!(LONGEST_ANSWER));
    }
    body
}

/// What one event of the stream, or a whole answer that was not streamed, brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: String,
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
            end: End::NotYet,
        });
    };
    let end = match choice.finish_reason.as_deref() {
        None | Some("") => End::NotYet,
        Some("length" | "content_filter") => End::Short,
        Some(_) => End::Whole,
    };
    let text = choice
        .delta
        .or(choice.message)
        .and_then(|message| message.content)
        .unwrap_or_default();
    Ok(Piece { text, end })
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

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
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
