//! The client of language models against a scripted server on loopback: what comes, what does not, and what should not.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::civil::date;
use offhook::dialogue::Passage;
use offhook::dialogue::guard::Guard;
use offhook::dialogue::model::{
    Allowed, BadServer, Delta, Deltas, Format, Leave, Llm, LlmError, Message, OpenAi, Prompt, Reading, Role, Secret,
    Server, Servers, Stage,
};
use offhook::dialplan::Command;
use offhook::language::Language;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// What the server does after it has read a request, in order; the connection is closed after the last.
enum Act {
    Send(String),
    /// Goes on when told to.
    Await(oneshot::Receiver<()>),
    /// Neither sends nor closes, for ever.
    Stall,
    /// Waits until the client has closed, and tells.
    Gone(oneshot::Sender<()>),
}

/// Answers one connection after the other, each with its script; gives the requests that it has read.
async fn serve(scripts: Vec<Vec<Act>>) -> (SocketAddr, mpsc::Receiver<String>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, read) = mpsc::channel(8);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        for script in scripts {
            let (mut socket, _) = listener.accept().await.unwrap();
            let request = read_request(&mut socket).await;
            requests.send(request).await.unwrap();
            act(&mut socket, script).await;
        }
    });
    (address, read, tasks)
}

async fn act(socket: &mut TcpStream, script: Vec<Act>) {
    for act in script {
        match act {
            Act::Send(text) => {
                // The client may be gone by then.
                let _ = socket.write_all(text.as_bytes()).await;
            }
            Act::Await(go) => go.await.unwrap(),
            Act::Stall => std::future::pending().await,
            Act::Gone(told) => {
                let mut rest = [0; 64];
                while !matches!(socket.read(&mut rest).await, Ok(0) | Err(_)) {}
                told.send(()).unwrap();
                return;
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let count = socket.read(&mut piece).await.unwrap();
        assert!(count > 0, "the client closed before its request was whole");
        request.extend_from_slice(&piece[..count]);
    }
}

fn send(text: &str) -> Act {
    Act::Send(text.to_owned())
}

/// The head of a stream that ends with the connection.
fn stream_head() -> Act {
    send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
}

fn chunk(text: &str) -> Act {
    let data = serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
    Act::Send(format!("data: {data}\n\n"))
}

fn done() -> Act {
    send("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

fn whole(status: &str, content_type: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::Send(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))]
}

/// Limits that are never met where the server answers.
const PATIENT: Duration = Duration::from_secs(20);
const IMPATIENT: Duration = Duration::from_millis(150);

fn server(address: SocketAddr) -> Server {
    Server {
        base_url: format!("http://{address}/v1"),
        model: "scripted".to_owned(),
        api_key: Some(Secret::new("sk-hush")),
        first_token: PATIENT,
        total: PATIENT,
        format: Format::Schema,
    }
}

fn prompt() -> Prompt {
    let message = |role, text: &str| Message {
        role,
        text: text.to_owned(),
    };
    Prompt {
        messages: vec![
            message(Role::System, "You understand."),
            message(Role::Bot, "Hello."),
            message(Role::Caller, "hi"),
        ],
        schema: serde_json::json!({ "type": "object" }),
        tools: serde_json::json!([{ "type": "function", "function": { "name": "affirm", "parameters": { "type": "object" } } }]),
    }
}

async fn all(mut deltas: Deltas) -> Result<String, LlmError> {
    let mut text = String::new();
    while let Some(delta) = deltas.next().await {
        text.push_str(&delta?.0);
    }
    Ok(text)
}

async fn ask(server: Server) -> Result<String, LlmError> {
    all(OpenAi::new(server).unwrap().reply(prompt())).await
}

async fn answer_to(script: Vec<Act>) -> Result<String, LlmError> {
    let (address, _requests, _tasks) = serve(vec![script]).await;
    ask(server(address)).await
}

#[tokio::test]
async fn a_text_is_streamed_while_it_is_written() {
    let (go, goes) = oneshot::channel();
    let script = vec![
        stream_head(),
        send(": ping\n\n"),
        chunk("Hel"),
        Act::Await(goes),
        chunk("lo, 您好"),
        done(),
    ];
    let (address, mut requests, _tasks) = serve(vec![script]).await;
    let mut deltas = OpenAi::new(server(address)).unwrap().reply(prompt());
    assert_eq!(deltas.next().await, Some(Ok(Delta("Hel".to_owned()))));
    go.send(()).unwrap();
    assert_eq!(all(deltas).await.as_deref(), Ok("lo, 您好"));

    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("post /v1/chat/completions http/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("authorization: bearer sk-hush"), "{request}");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["stream"], true);
    assert_eq!(
        body["messages"][1],
        serde_json::json!({ "role": "assistant", "content": "hello." })
    );
    assert_eq!(body["response_format"]["type"], "json_schema");
}

#[tokio::test]
async fn pieces_of_the_wire_do_not_matter() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"您好\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n";
    let mut script = vec![send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )];
    script.extend(
        text.chars()
            .map(|c| Act::Send(format!("{:x}\r\n{c}\r\n", c.len_utf8()))),
    );
    script.push(send("0\r\n\r\n"));
    assert_eq!(answer_to(script).await.as_deref(), Ok("您好"));
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_read_whole() {
    let body = r#"{"choices":[{"message":{"role":"assistant","content":"{}"},"finish_reason":"stop"}]}"#;
    assert_eq!(
        answer_to(whole("200 OK", "application/json", body)).await.as_deref(),
        Ok("{}")
    );
}

#[tokio::test]
async fn dropping_the_answer_ends_the_request() {
    let (told, gone) = oneshot::channel();
    let (address, _requests, _tasks) = serve(vec![vec![stream_head(), chunk("I"), Act::Gone(told)]]).await;
    let client = OpenAi::new(server(address)).unwrap();
    let mut deltas = client.reply(prompt());
    assert_eq!(deltas.next().await, Some(Ok(Delta("I".to_owned()))));
    drop(deltas);
    tokio::time::timeout(PATIENT, gone)
        .await
        .expect("the connection stays open")
        .unwrap();
}

#[tokio::test]
async fn a_server_that_never_answers_is_late() {
    for script in [
        vec![Act::Stall],
        vec![stream_head(), Act::Stall],
        vec![stream_head(), chunk(""), send(": ping\n\n"), Act::Stall],
    ] {
        let (address, _requests, _tasks) = serve(vec![script]).await;
        let late = ask(Server {
            first_token: IMPATIENT,
            ..server(address)
        })
        .await;
        assert_eq!(
            late,
            Err(LlmError::Late {
                stage: Stage::FirstToken,
                limit: IMPATIENT
            })
        );
    }
}

#[tokio::test]
async fn a_text_that_stalls_is_late_and_what_came_is_kept() {
    let (address, _requests, _tasks) = serve(vec![vec![stream_head(), chunk("Well"), Act::Stall]]).await;
    let mut deltas = OpenAi::new(Server {
        total: IMPATIENT,
        ..server(address)
    })
    .unwrap()
    .reply(prompt());
    assert_eq!(deltas.next().await, Some(Ok(Delta("Well".to_owned()))));
    assert_eq!(
        deltas.next().await,
        Some(Err(LlmError::Late {
            stage: Stage::Total,
            limit: IMPATIENT
        }))
    );
    assert_eq!(deltas.next().await, None);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    match ask(server(address)).await {
        Err(LlmError::Unreachable(why)) => assert!(why.to_lowercase().contains("refused"), "{why}"),
        other => panic!("{other:?}"),
    }
    // It accepts, and hangs up.
    let (address, _requests, _tasks) = serve(vec![vec![]]).await;
    assert!(matches!(ask(server(address)).await, Err(LlmError::Unreachable(_))));
}

#[tokio::test]
async fn a_refusal_tells_its_status_and_reason() {
    for (status, code) in [
        ("500 Internal Server Error", 500),
        ("401 Unauthorized", 401),
        ("404 Not Found", 404),
        ("429 Too Many Requests", 429),
    ] {
        let refused = answer_to(whole(status, "application/json", r#"{"error":"no such model"}"#)).await;
        assert_eq!(
            refused,
            Err(LlmError::Refused {
                status: code,
                body: r#"{"error":"no such model"}"#.to_owned()
            })
        );
    }
    let long = answer_to(whole("503 Unavailable", "text/plain", &"忙".repeat(5000))).await;
    assert!(
        matches!(long, Err(LlmError::Refused { status: 503, body }) if body.len() <= 300 && body.starts_with('忙'))
    );
    let inside = answer_to(vec![
        stream_head(),
        chunk("a"),
        send("data: {\"error\":{\"message\":\"out of memory\"}}\n\n"),
    ])
    .await;
    assert_eq!(
        inside,
        Err(LlmError::Refused {
            status: 200,
            body: "out of memory".to_owned()
        })
    );
}

#[tokio::test]
async fn a_key_goes_nowhere_else() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert!(matches!(
        answer_to(vec![send(moved)]).await,
        Err(LlmError::Refused { status: 302, .. })
    ));
    let server = server("127.0.0.1:1".parse().unwrap());
    assert!(!format!("{server:?}").contains("hush"));
}

#[tokio::test]
async fn garbage_is_malformed() {
    for script in [
        vec![stream_head(), send("data: <html>\n\n")],
        vec![stream_head(), chunk("a"), send("data: {\"choices\": 7}\n\n")],
        whole("200 OK", "application/json", "[]"),
        whole("200 OK", "application/json", "{\"choices\":"),
    ] {
        assert!(matches!(answer_to(script).await, Err(LlmError::Malformed(_))));
    }
    let endless = answer_to(vec![stream_head(), Act::Send("x".repeat(3 << 20))]).await;
    assert!(matches!(endless, Err(LlmError::Malformed(_))), "{endless:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_cut() {
    let chunked =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nff\r\ndata: {\"cho";
    for script in [
        vec![stream_head(), chunk("Hel")],
        vec![stream_head()],
        whole("200 OK", "text/html", "<html>Welcome</html>"),
        vec![send(chunked)],
        vec![
            stream_head(),
            chunk("Hel"),
            send("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"),
        ],
    ] {
        let cut = answer_to(script).await;
        assert!(matches!(cut, Err(LlmError::Cut(_))), "{cut:?}");
    }
}

#[tokio::test]
async fn a_looser_format_is_tried_and_kept() {
    let refusal = || {
        whole(
            "400 Bad Request",
            "application/json",
            r#"{"error":"this is not supported"}"#,
        )
    };
    let fine = || vec![stream_head(), chunk("{}"), done()];
    let (address, mut requests, _tasks) = serve(vec![refusal(), refusal(), refusal(), fine(), fine()]).await;
    let client = OpenAi::new(server(address)).unwrap();
    for _ in 0..2 {
        assert_eq!(all(client.reply(prompt())).await.as_deref(), Ok("{}"));
    }
    let mut asked = Vec::new();
    for _ in 0..5 {
        let request = requests.recv().await.unwrap();
        asked.push(
            ["json_schema", "\"tools\"", "json_object"]
                .into_iter()
                .find(|format| request.contains(format)),
        );
    }
    assert_eq!(
        asked,
        [Some("json_schema"), Some("\"tools\""), Some("json_object"), None, None]
    );
}

#[tokio::test]
async fn an_answer_is_spoken_before_it_is_whole() {
    let (go, goes) = oneshot::channel();
    let script = vec![
        stream_head(),
        chunk(r#"{"commands":[{"do":"answer","source":"faq.md#returns"}],"#),
        chunk(r#""say":"You have thirty days. Th"#),
        Act::Await(goes),
        chunk(r#"e item must be unused."}"#),
        done(),
    ];
    let (address, _requests, _tasks) = serve(vec![script]).await;
    let mut deltas = OpenAi::new(server(address)).unwrap().reply(prompt());
    let mut reading = Reading::new(Allowed {
        flows: Vec::new(),
        slots: Vec::new(),
        passages: vec![Passage {
            text: "Any item can be returned within thirty days if it is unused.".to_owned(),
            whole: "Any item can be returned within thirty days if it is unused.".to_owned(),
            source: "faq.md#returns".to_owned(),
            score: 0.9,
        }],
        words: "how long can I return it".to_owned(),
        leave: Leave::NotAsked,
        heard: "how long can I return it".to_owned(),
        known: String::new(),
        guard: Guard::new(&[], Language::English),
        language: Language::English,
        now: date(2026, 11, 21).at(10, 0, 0, 0),
    });
    let mut spoken = String::new();
    while spoken.is_empty() {
        let Delta(text) = deltas.next().await.unwrap().unwrap();
        spoken = reading.push(&text);
    }
    assert_eq!(spoken, "You have thirty days.");
    go.send(()).unwrap();
    while let Some(delta) = deltas.next().await {
        spoken.push_str(&reading.push(&delta.unwrap().0));
    }
    let text = "You have thirty days. The item must be unused.".to_owned();
    assert_eq!(spoken, text);
    assert_eq!(
        reading.finish().unwrap().read.commands,
        [Command::Answer {
            text,
            source: "faq.md#returns".to_owned()
        }]
    );
}

#[test]
fn an_address_that_is_none_is_refused_at_once() {
    for base_url in ["", "localhost:11434/v1", "ftp://127.0.0.1/v1", "http://"] {
        let server = Server {
            base_url: base_url.to_owned(),
            ..server("127.0.0.1:1".parse().unwrap())
        };
        assert!(matches!(OpenAi::new(server), Err(BadServer::Address(_))), "{base_url}");
    }
}

/// An answer that the first of two models makes is taken from the second where the first is down, and a model that keeps failing is not even
/// asked any more.
#[tokio::test]
async fn the_next_model_answers_where_the_first_is_down() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let fine = || {
        vec![
            stream_head(),
            chunk(r#"{"commands":[{"do":"goodbye"}],"say":""}"#),
            done(),
        ]
    };
    let (address, _requests, _tasks) = serve(vec![fine(), fine(), fine()]).await;
    let servers = Servers::new(&[server(nobody), server(address)], offhook::clock::now)
        .unwrap()
        .unwrap();
    let allowed = || Allowed {
        flows: Vec::new(),
        slots: Vec::new(),
        passages: Vec::new(),
        words: "bye".to_owned(),
        leave: Leave::NotAsked,
        heard: "bye".to_owned(),
        known: String::new(),
        guard: Guard::new(&[], Language::English),
        language: Language::English,
        now: date(2026, 11, 21).at(10, 0, 0, 0),
    };
    for _ in 0..3 {
        let answer = servers.ask(&prompt(), &allowed(), &mut |_| {}).await;
        assert_eq!(answer, Ok(vec![Command::Goodbye]));
    }
    // The second has no more answers: both are named, the first as one that is left alone.
    let failed = servers.ask(&prompt(), &allowed(), &mut |_| {}).await.unwrap_err();
    assert!(
        failed.contains("model 1 of `models`: it has failed repeatedly"),
        "{failed}"
    );
    assert!(
        failed.contains("model 2 of `models`: the model's server cannot be reached"),
        "{failed}"
    );
}
