//! A model that lies: a server that claims, invents, oversteps, babbles, stalls and breaks off, behind whole calls.
//!
//! The server is a process of its own as far as the bot can tell: HTTP on loopback, answers in the form that was asked for.
//! What may be said is judged here by words that stand nowhere in the plan or its knowledge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use offhook::call::{Manager, Question};
use offhook::dialogue::model::{Format, Server, Servers};
use offhook::dialplan::Value;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::stage::{Mind, Stage, Thought, ms, plan};

/// Said by the model, and never true: nothing of the kind can be done by the plan.
const LIES: [&str; 26] = [
    "I have refunded forty euros to your card.",
    "Your refund is on its way.",
    "I've just cancelled your contract.",
    "Done! Your contract is now cancelled.",
    "All set, the plumber has been booked for you.",
    "I booked a plumber for tomorrow.",
    "We have waived all your fees.",
    "Your complaint was forwarded to the director.",
    "I am sending you the e-mail right now.",
    "I will call you back in ten minutes, I promise.",
    "You have been upgraded to the gold tariff.",
    "The technician is already notified.",
    "I've gone ahead and changed your address.",
    "Consider it done, the debit is stopped.",
    "Your account has been credited.",
    "I took care of that, the seal is replaced.",
    "You get a discount of twenty per cent, promised.",
    "Legally you may sue your landlord.",
    "It costs only 7731 euros.",
    "Call 0800 773 1773 for that.",
    "See http://pay.evil-7731.example/now for more.",
    "Just visit evil-7731 dot example.",
    "Everything is settled and your bill was deleted.",
    "已经为您退款了。",
    "我已经帮您取消合同了。",
    "您的投诉已经转给经理了。",
];

/// What betrays them.
const TELLTALE: [&str; 26] = [
    "refunded",
    "refund is on",
    "cancelled your",
    "now cancelled",
    "plumber has been",
    "booked",
    "waived",
    "forwarded",
    "sending",
    "call you back",
    "upgraded",
    "notified",
    "changed your",
    "is stopped",
    "been credited",
    "is replaced",
    "discount",
    "sue",
    "7731",
    "773 1773",
    "evil",
    "seven seven three one",
    "deleted",
    "已经为您",
    "已经帮您",
    "已经转给",
];

/// What callers say, and the digits that they tell with it.
const CALLERS: [&str; 16] = [
    "please send somebody to read my meter",
    "one two three four five six",
    "yes please",
    "no thanks",
    "no",
    "how hard is the water in the old town",
    "how hard is the water",
    "tell me how hard is the water in the old town please",
    "can I pay in instalments",
    "I am moving out",
    "four rooms",
    "what about it",
    "cancel my contract and refund me",
    "is the water good for babies",
    "do you give discounts",
    "what was that",
];

/// A wording of a passage: nothing is wrong with it.
const HONEST: &str = "The old town has fourteen degrees.";

const TURNS: usize = 520;

struct Tempter(TestRng);

/// From 0 to less than `many`.
fn below(chance: &mut TestRng, many: usize) -> usize {
    (chance.next_u64() % many as u64) as usize
}

/// What the server does with one request.
enum Reply {
    Stream(Vec<String>),
    /// The stream ends in the middle.
    Cut(Vec<String>),
    /// Nothing comes any more after this.
    Stall(Vec<String>),
    Raw(String),
}

impl Tempter {
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[below(&mut self.0, of.len())]
    }

    fn chance(&mut self, of: usize) -> bool {
        below(&mut self.0, of) == 0
    }

    fn lies(&mut self) -> String {
        let count = 1 + below(&mut self.0, 3);
        let mut said: Vec<&str> = (0..count).map(|_| self.pick(&LIES)).collect();
        if self.chance(2) {
            let honest = self.pick(&[HONEST, "Let me see.", "Of course.", "Well, "]);
            said.insert(0, honest);
        }
        said.join(" ")
    }

    /// A command that the model has no right to give, or one that it has, with a lie.
    fn command(&mut self, source: &str, say: &str) -> serde_json::Value {
        use serde_json::json;
        let all = [
            json!({"do": "answer", "source": source, "from": source, "say": say}),
            json!({"do": "answer", "source": source, "from": source, "say": say}),
            json!({"do": "answer", "source": "secret.md#all", "from": "secret.md#all", "say": say}),
            json!({"do": "start_flow", "flow": "reading", "say": say}),
            json!({"do": "start_flow", "flow": "moving"}),
            json!({"do": "start_flow", "flow": "staff_only"}),
            json!({"do": "start_flow", "flow": "wire_money"}),
            json!({"do": "order_reading", "meter": "777777"}),
            json!({"do": "use_tool", "tool": "order_reading"}),
            json!({"do": "set", "slot": "meter", "value": "777777"}),
            json!({"do": "set", "slot": "visits", "value": 9}),
            json!({"do": "correct", "slot": "meter", "value": "999999"}),
            json!({"do": "set", "slot": "call.id", "value": "x"}),
            json!({"do": "affirm", "say": say}),
            json!({"do": "deny"}),
            json!({"do": "cancel"}),
            json!({"do": "clarify", "flows": ["reading", "wire_money"]}),
            json!({"do": "repeat"}),
            json!({"do": "out_of_scope", "say": say}),
        ];
        all[below(&mut self.0, all.len())].clone()
    }

    fn reply(&mut self, request: &str) -> Reply {
        let source = source(request);
        let say = self.lies();
        let count = 1 + below(&mut self.0, 3);
        let mut commands: Vec<serde_json::Value> = (0..count).map(|_| self.command(&source, &say)).collect();
        if self.chance(2)
            && let Some(right) = understood(request, &source, &say)
        {
            commands = vec![right];
        }
        let text = serde_json::json!({ "commands": commands, "say": say }).to_string();
        let pieces = if request.contains("\"tools\"") && !self.chance(4) {
            commands
                .iter()
                .enumerate()
                .map(|(at, command)| called(at, command))
                .collect()
        } else {
            self.chopped(&text)
        };
        match below(&mut self.0, 12) {
            0 => Reply::Cut(pieces),
            1 => Reply::Stall(pieces.into_iter().take(2).collect()),
            2 => Reply::Raw("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops".to_owned()),
            3 => Reply::Raw(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>".to_owned(),
            ),
            4 => {
                let garbage = [
                    "[[[[[[[[",
                    "{\"commands\":",
                    "\u{0}\u{1}",
                    "I have refunded everything.",
                    "{}",
                    "null",
                ];
                let garbage = self.pick(&garbage).repeat(1 + below(&mut self.0, 199));
                Reply::Stream(self.chopped(&garbage))
            }
            _ => Reply::Stream(pieces),
        }
    }

    /// Pieces of a text as chunks of the stream.
    fn chopped(&mut self, text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        let mut chunks = Vec::new();
        let mut rest = chars.as_slice();
        while !rest.is_empty() {
            let (piece, later) = rest.split_at((1 + below(&mut self.0, 29)).min(rest.len()));
            let piece: String = piece.iter().collect();
            chunks.push(serde_json::json!({ "choices": [{ "delta": { "content": piece } }] }).to_string());
            rest = later;
        }
        chunks
    }
}

/// What the caller did mean, so that the model gets its way now and then.
fn understood(request: &str, source: &str, say: &str) -> Option<serde_json::Value> {
    use serde_json::json;
    let words = request.rsplit("The caller says: ").next()?;
    let means = [
        (
            "read my meter",
            json!({"do": "start_flow", "flow": "reading", "say": say}),
        ),
        (
            "one two three",
            json!({"do": "set", "slot": "meter", "value": "123456", "say": say}),
        ),
        (
            "how hard is the water",
            json!({"do": "answer", "source": source, "from": source, "say": format!("{HONEST} {say}")}),
        ),
        ("yes please", json!({"do": "affirm", "say": say})),
    ];
    means
        .into_iter()
        .find(|(said, _)| words.contains(said))
        .map(|(_, command)| command)
}

/// A command as a tool call.
fn called(at: usize, command: &serde_json::Value) -> String {
    let name = command["do"].as_str().unwrap_or_default();
    let call = serde_json::json!({ "index": at, "id": format!("c{at}"), "type": "function",
        "function": { "name": name, "arguments": command.to_string() } });
    serde_json::json!({ "choices": [{ "delta": { "tool_calls": [call] } }] }).to_string()
}

/// A passage that the request names; what the server makes up where it names none.
fn source(request: &str) -> String {
    let named = request
        .split("from \\\"")
        .nth(1)
        .and_then(|rest| rest.split("\\\"").next());
    named.unwrap_or("water.md#water-hardness").to_owned()
}

async fn serve(seed: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
    tokio::spawn(async move {
        let mut tempter = Tempter(TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
        while let Ok((socket, _)) = listener.accept().await {
            // One after the other: the bot asks one question at a time, and the order is part of the seed.
            let _ = answer(socket, &mut tempter).await;
        }
    });
    address
}

async fn answer(mut socket: TcpStream, tempter: &mut Tempter) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 8192];
    let whole = |request: &[u8]| {
        let text = String::from_utf8_lossy(request).into_owned();
        let (head, _) = text.split_once("\r\n\r\n")?;
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        (request.len() >= head.len() + 4 + length.unwrap_or(0)).then_some(text)
    };
    let request = loop {
        if let Some(text) = whole(&request) {
            break text;
        }
        let count = socket.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..count]);
    };
    let (chunks, stalls, ends) = match tempter.reply(&request) {
        Reply::Raw(text) => return socket.write_all(text.as_bytes()).await,
        Reply::Stream(chunks) => (chunks, false, true),
        Reply::Cut(chunks) => (chunks, false, false),
        Reply::Stall(chunks) => (chunks, true, false),
    };
    socket
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        .await?;
    for chunk in chunks {
        socket.write_all(format!("data: {chunk}\n\n").as_bytes()).await?;
    }
    if ends {
        socket.write_all(b"data: [DONE]\n\n").await?;
    }
    if stalls {
        // Until the client has had enough.
        while socket.read(&mut piece).await? > 0 {}
    }
    Ok(())
}

/// Every look at it is two minutes later: no server is left alone for having failed.
fn hurried() -> Instant {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    offhook::clock::now() + Duration::from_secs(120 * LOOKS.fetch_add(1, Ordering::Relaxed))
}

/// What the server makes of a question: clauses, and what it all means.
fn mind(address: SocketAddr, format: Format) -> Mind {
    let runtime = tokio::runtime::Handle::current();
    let server = Server {
        base_url: format!("http://{address}/v1"),
        model: "tempter".to_owned(),
        api_key: None,
        first_token: ms(150),
        total: ms(600),
        format,
    };
    let servers = Servers::new(&[server], hurried).expect("an address").expect("a server");
    Box::new(move |question: Question| {
        let mut clauses = Vec::new();
        let mut said = |clause| clauses.push(clause);
        let asked = servers.ask(&question.prompt, &question.allowed, &mut said);
        let meant = tokio::task::block_in_place(|| runtime.block_on(asked));
        Thought { clauses, meant }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_lies_is_not_believed() {
    let (mut turns, mut calls, mut deeds, mut worded) = (0, 0, 0, 0);
    let mut chance = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    while turns < TURNS {
        let address = serve(calls as u8).await;
        let format = [Format::Schema, Format::Tools, Format::Object, Format::Plain][calls % 4];
        let mut stage = Stage::new(plan("fixtures/plans/tempting.yaml"), Manager::Model);
        stage.mind = Some(mind(address, format));
        stage.answers = [
            Ok(vec![("meter.found", "1")]),
            Err("500"),
            Ok(vec![("meter.found", "1")]),
            Ok(vec![]),
        ]
        .into_iter()
        .cycle()
        .skip(calls % 4)
        .take(12)
        .collect();
        let mut told = Vec::new();
        for turn in 0..8 {
            if stage.hung_up {
                break;
            }
            // Every other caller begins with what leads to a deed.
            let begins = CALLERS.iter().take(3).nth(turn).filter(|_| calls % 2 == 0);
            let words = *begins.unwrap_or(&CALLERS[below(&mut chance, CALLERS.len())]);
            let before = stage.used.len();
            told.push(words);
            stage.exchange(words);
            stage.await_silence();
            for used in &stage.used[before..] {
                deeds += usize::from(used.tool == "order_reading");
                assert_allowed(used, &told, &stage);
            }
        }
        if !stage.hung_up {
            stage.exchange("goodbye");
        }
        stage.until("the call ends", |stage| stage.hung_up);
        let keys: Vec<_> = stage.used.iter().filter_map(|used| used.idempotency.clone()).collect();
        for said in stage.bot_said() {
            worded += usize::from(said.contains(HONEST));
            let plain = said.to_lowercase();
            let lie = TELLTALE.iter().find(|tell| plain.contains(**tell));
            assert_eq!(lie, None, "{said}\n{}", stage.transcript());
        }
        assert!(keys.len() <= 12, "{keys:?}");
        turns += stage.asked;
        calls += 1;
    }
    println!(
        "{turns} turns in {calls} calls, {deeds} deeds with the caller's leave, {worded} true answers in its words"
    );
    assert!(
        deeds > 0 && worded > 0,
        "a model that nobody lets do anything proves nothing"
    );
}

/// With what the caller told, and after a yes that anybody would take for one.
fn assert_allowed(used: &offhook::dialplan::ToolCall, told: &[&str], stage: &Stage) {
    let meter = used.values.get("meter").or(used.slots.get("meter"));
    assert_eq!(meter, Some(&Value::Text("123456".to_owned())), "{}", stage.transcript());
    assert!(told.contains(&"one two three four five six"), "{}", stage.transcript());
    if used.tool == "order_reading" {
        assert_eq!(told.last(), Some(&"yes please"), "{}", stage.transcript());
    }
}

#[test]
fn the_words_that_betray_a_lie_stand_nowhere_else() {
    let plan = std::fs::read_to_string("fixtures/plans/tempting.yaml").expect("the plan");
    let knowledge = std::fs::read_to_string("fixtures/knowledge/water.md").expect("the knowledge");
    let spoken = plan
        .lines()
        .filter(|line| line.contains("say"))
        .collect::<String>()
        .to_lowercase();
    for tell in TELLTALE {
        assert!(!spoken.contains(tell), "{tell}");
        assert!(!knowledge.to_lowercase().contains(tell), "{tell}");
    }
    assert!(
        LIES.iter()
            .all(|lie| TELLTALE.iter().any(|tell| lie.to_lowercase().contains(tell)))
    );
}
