//! Tools against a server of their own: what is asked, how often, and what is told when it fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::sms::{Format, Names};
use super::*;
use crate::dialplan::tool::{Body, Json, Message, Method, Permission, Pii, Pointer, PrivateTargets, Request, When};
use crate::dialplan::{Prompt, Template, Url};
use crate::document::{Place, Problems, yaml};

/// What it sends for the n-th request; `None` is never.
type Script = fn(usize) -> Option<&'static str>;

/// A server that keeps what it was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    request.extend_from_slice(&buffer[..length]);
                    if whole(&request) {
                        break;
                    }
                }
                let count = {
                    let mut asked = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    asked.push(String::from_utf8_lossy(&request).into_owned());
                    asked.len()
                };
                match script(count) {
                    Some(answer) => stream.write_all(answer.as_bytes()).await.expect("sent"),
                    None => open.push(stream),
                }
            }
        });
        Self {
            address,
            asked,
            _tasks: tasks,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

const FOUND: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"title\": \"Blue shoes\", \"paid\": true, \"age\": {\"days\": 12}}";
const DONE: &str = "HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n{\"code\": \"R-1\"}";
const BROKEN: &str = "HTTP/1.1 500 Broken\r\nconnection: close\r\n\r\n";
const NO: &str = "HTTP/1.1 409 Conflict\r\nconnection: close\r\n\r\n{}";

fn toolbox() -> Toolbox {
    with(None)
}

fn with(sms: Option<Sms>) -> Toolbox {
    Toolbox::new(Arc::new(|name: &str| (name == "KEY").then(|| "s3cret".to_owned())), sms).expect("a toolbox")
}

fn tool(server: &str, method: Method, effect: Effect) -> Tool {
    let body = match effect {
        Effect::Read => Body::None,
        Effect::Write => Body::Json(Json::Map(vec![(
            "order".into(),
            Json::Text(Template::parse("{order_id}").expect("a text")),
        )])),
    };
    Tool {
        name: "find_order".into(),
        request: Request::Http {
            method,
            url: Url::parse(&format!("{server}/orders/{{order_id}}")).expect("a URL"),
            headers: vec![("X-Key".into(), Template::parse("Bearer ${KEY}").expect("a line"))],
            body,
            take: Vec::new(),
        },
        effect,
        when: When::Step,
        timeout: Duration::from_secs(5),
        retries: 1,
        filler: None,
        confirm: Permission::NotNeeded,
        idempotency: None,
        sets: "order".into(),
        private_targets: PrivateTargets::Allowed,
        pii: Pii::Refused,
        place: Place::default(),
    }
}

fn call(order: &str, key: Option<&str>) -> ToolCall {
    ToolCall {
        tool: "find_order".into(),
        values: BTreeMap::from([("order_id".into(), Value::Text(order.into()))]),
        slots: BTreeMap::new(),
        message: None,
        idempotency: key.map(str::to_owned),
        filler: None,
    }
}

#[tokio::test]
async fn a_reading_tool_brings_values_and_a_value_stays_in_its_segment() {
    let server = Server::start(|_| Some(FOUND)).await;
    let tool = tool(&server.address, Method::Get, Effect::Read);
    let found = toolbox().run(&tool, &call("../1?x=/", None)).await.expect("an answer");
    assert_eq!(found["title"], Value::Text("Blue shoes".into()));
    assert_eq!(found["age.days"], Value::Number(12.0));
    let asked = &server.asked()[0];
    assert!(asked.starts_with("GET /orders/..%2F1%3Fx%3D%2F HTTP/1.1"), "{asked}");
    assert!(asked.contains("x-key: Bearer s3cret"), "{asked}");
}

#[tokio::test]
async fn only_what_is_taken_is_kept() {
    let server = Server::start(|_| Some(FOUND)).await;
    let mut tool = tool(&server.address, Method::Get, Effect::Read);
    if let Request::Http { take, .. } = &mut tool.request {
        take.push(("days".into(), Pointer::parse("/age/days").expect("a place")));
    }
    let found = toolbox().run(&tool, &call("1", None)).await;
    assert_eq!(found, Ok(BTreeMap::from([("days".into(), Value::Number(12.0))])));
}

#[tokio::test]
async fn reading_is_tried_again_and_writing_is_not() {
    let flaky: Script = |count| Some(if count == 1 { BROKEN } else { FOUND });
    let server = Server::start(flaky).await;
    let reads = tool(&server.address, Method::Get, Effect::Read);
    assert!(toolbox().run(&reads, &call("1", None)).await.is_ok());
    assert_eq!(server.asked().len(), 2);

    let server = Server::start(flaky).await;
    let (toolbox, writes) = (toolbox(), tool(&server.address, Method::Post, Effect::Write));
    let failed = Err(Failure::Status(500));
    assert_eq!(toolbox.run(&writes, &call("1", Some("call-1/1"))).await, failed);
    // It may have been done: it is not done again.
    assert_eq!(toolbox.run(&writes, &call("1", Some("call-1/1"))).await, failed);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_deed_is_done_once_by_its_key() {
    let server = Server::start(|_| Some(DONE)).await;
    let (toolbox, writes) = (toolbox(), tool(&server.address, Method::Post, Effect::Write));
    let first = call("1", Some("call-1/1"));
    let (one, two) = tokio::join!(toolbox.run(&writes, &first), toolbox.run(&writes, &first));
    assert_eq!(
        one.as_ref().map(|values| &values["code"]),
        Ok(&Value::Text("R-1".into()))
    );
    assert_eq!(one, two);
    assert_eq!(server.asked().len(), 1);
    assert!(server.asked()[0].contains("idempotency-key: call-1/1"));
    assert!(server.asked()[0].ends_with("{\"order\":\"1\"}"));
    toolbox.run(&writes, &call("2", Some("通话-1/2"))).await.expect("done");
    assert_eq!(server.asked().len(), 2);
    assert_eq!(toolbox.run(&writes, &call("2", None)).await, Err(Failure::NoKey));
}

#[tokio::test]
async fn a_deed_that_was_refused_may_be_tried_anew() {
    let server = Server::start(|count| Some(if count == 1 { NO } else { DONE })).await;
    let (toolbox, writes) = (toolbox(), tool(&server.address, Method::Post, Effect::Write));
    let deed = call("1", Some("call-1/1"));
    assert_eq!(toolbox.run(&writes, &deed).await, Err(Failure::Status(409)));
    assert!(toolbox.run(&writes, &deed).await.is_ok());
}

#[tokio::test]
async fn a_deed_goes_on_when_nobody_waits_for_it() {
    let server = Server::start(|_| Some(DONE)).await;
    let (toolbox, writes) = (toolbox(), tool(&server.address, Method::Post, Effect::Write));
    let deed = call("1", Some("call-1/1"));
    {
        let mut waiting = std::pin::pin!(toolbox.run(&writes, &deed));
        // Begun, and given up.
        assert!(futures_util::poll!(&mut waiting).is_pending());
    }
    assert!(toolbox.run(&writes, &deed).await.is_ok());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_is_late_private_or_no_answer_is_told_without_its_address() {
    let silent = Server::start(|_| None).await;
    let mut reads = tool(&silent.address, Method::Get, Effect::Read);
    reads.timeout = Duration::from_millis(100);
    let late = toolbox().run(&reads, &call("1", None)).await;
    assert_eq!(late, Err(Failure::Late(reads.timeout)));

    let mut private = tool(&silent.address, Method::Get, Effect::Read);
    private.private_targets = PrivateTargets::Refused;
    let refused = Err(Failure::Private {
        host: "127.0.0.1".into(),
    });
    assert_eq!(toolbox().run(&private, &call("1", None)).await, refused);
    let port = silent.address.rsplit(':').next().expect("a port");
    let mut named = tool(&format!("http://localhost:{port}"), Method::Get, Effect::Read);
    named.private_targets = PrivateTargets::Only(vec!["other".into()]);
    let refused = Err(Failure::Private {
        host: "localhost".into(),
    });
    assert_eq!(
        toolbox().run(&named, &call("1", None)).await,
        refused,
        "a name that leads inside"
    );

    let gone = tool("http://127.0.0.1:9", Method::Get, Effect::Read);
    let unreachable = toolbox()
        .run(&gone, &call("1", None))
        .await
        .expect_err("nobody listens");
    assert!(matches!(unreachable, Failure::Unreachable(_)), "{unreachable}");
    assert!(!unreachable.to_string().contains("127.0.0.1"), "{unreachable}");

    let html = Server::start(|_| Some("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>")).await;
    let reads = tool(&html.address, Method::Get, Effect::Read);
    assert_eq!(toolbox().run(&reads, &call("1", None)).await, Err(Failure::NotJson));
    let moved =
        Server::start(|_| Some("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n"))
            .await;
    let reads = tool(&moved.address, Method::Get, Effect::Read);
    assert_eq!(toolbox().run(&reads, &call("1", None)).await, Err(Failure::Status(302)));
}

/// A gateway at `server`, which is this machine.
fn gateway(server: &str) -> Sms {
    Sms {
        url: reqwest::Url::parse(&format!("{server}/send")).expect("a URL"),
        from: "Acme".into(),
        token: Some("t0ken".into()),
        user: None,
        format: Format::Json,
        names: Names::default(),
        network: Network::Any,
    }
}

/// Writes "Pay here: {link}" to `{phone}`.
fn message() -> Tool {
    let node = yaml::parse("\"Pay here: {link}\"").expect("YAML");
    let mut problems = Problems::new("plan.yaml");
    Tool {
        name: "send_link".into(),
        request: Request::Sms {
            to: Template::parse("{phone}").expect("a text"),
            text: Prompt::read(&node, "sms", &mut problems).expect("a prompt"),
        },
        ..tool("https://shop.example", Method::Post, Effect::Write)
    }
}

fn to(phone: &str, key: &str) -> ToolCall {
    ToolCall {
        tool: "send_link".into(),
        values: BTreeMap::from([("phone".into(), Value::Text(phone.into()))]),
        message: Some(Message {
            subject: String::new(),
            text: "Pay here: https://shop.example/p?a=1&b=ü".into(),
        }),
        ..call("1", Some(key))
    }
}

#[tokio::test]
async fn a_text_message_goes_out_once() {
    let server = Server::start(|_| Some(DONE)).await;
    let (toolbox, tool) = (with(Some(gateway(&server.address))), message());
    let deed = to("+49 30 123456", "4711/link");
    let (one, two) = tokio::join!(toolbox.run(&tool, &deed), toolbox.run(&tool, &deed));
    assert_eq!(
        one.as_ref().map(|values| &values["code"]),
        Ok(&Value::Text("R-1".into()))
    );
    assert_eq!(one, two);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    for part in [
        "POST /send HTTP/1.1",
        "authorization: Bearer t0ken",
        "idempotency-key: 4711/link",
        "\"from\":\"Acme\"",
        "\"text\":\"Pay here: https://shop.example/p?a=1&b=ü\"",
        "\"to\":\"+4930123456\"",
    ] {
        assert!(asked[0].contains(part), "{part}: {asked:?}");
    }
    // Somebody who has no number gets none, and the gateway is not asked.
    assert_eq!(
        toolbox.run(&tool, &to("anonymous", "4712/link")).await,
        Err(Failure::NoNumber)
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_gateway_may_take_forms_and_answer_in_words() {
    let server = Server::start(|_| Some("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nqueued")).await;
    let gateway = Sms {
        user: Some("AC1".into()),
        format: Format::Form,
        names: Names {
            to: "To".into(),
            from: "From".into(),
            text: "Body".into(),
            key: Some("Ref".into()),
        },
        ..gateway(&server.address)
    };
    let sent = with(Some(gateway))
        .run(&message(), &to("030 123456", "4711/link"))
        .await;
    assert_eq!(sent, Ok(Returned::new()));
    let asked = &server.asked()[0];
    // AC1:t0ken (RFC 7617).
    assert!(asked.contains("authorization: Basic QUMxOnQwa2Vu"), "{asked}");
    let body =
        "To=030123456&From=Acme&Body=Pay+here%3A+https%3A%2F%2Fshop.example%2Fp%3Fa%3D1%26b%3D%C3%BC&Ref=4711%2Flink";
    assert!(asked.ends_with(body), "{asked}");
}

#[tokio::test]
async fn a_gateway_that_refuses_or_is_not_there_is_told_of() {
    assert_eq!(
        toolbox().run(&message(), &to("030123456", "1")).await,
        Err(Failure::NoGateway)
    );
    let server = Server::start(|count| Some(if count == 1 { NO } else { DONE })).await;
    let inside = Sms {
        network: Network::Public,
        ..gateway(&server.address)
    };
    let private = Err(Failure::Private {
        host: "127.0.0.1".into(),
    });
    assert_eq!(with(Some(inside)).run(&message(), &to("030123456", "1")).await, private);
    let (toolbox, deed) = (with(Some(gateway(&server.address))), to("030123456", "1"));
    assert_eq!(toolbox.run(&message(), &deed).await, Err(Failure::Status(409)));
    assert!(
        toolbox.run(&message(), &deed).await.is_ok(),
        "it was refused: it may be tried anew"
    );
}
