//! Scripted callers and recorded people ring the real program.

use std::path::PathBuf;
use std::process::Command;

use offhook::language::Language;
use offhook::simulate::words::recall;
use serde_json::Value;

use super::bot::{Bot, LIMIT, offhook, root, run, script, text, until};

fn caller(name: &str) -> PathBuf {
    root().join("fixtures/callers").join(name)
}

pub(super) fn failures(report: &Value) -> Vec<&Value> {
    report["failures"]
        .as_array()
        .map(|all| all.iter().collect())
        .unwrap_or_default()
}

fn path(record: &Value) -> Vec<&str> {
    record["path"]
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

fn heard(record: &Value, speaker: &str) -> String {
    let lines = record["lines"].as_array().cloned().unwrap_or_default();
    let said = lines
        .iter()
        .filter(|line| line["speaker"] == speaker)
        .filter_map(|line| line["text"].as_str());
    said.collect::<Vec<_>>().join(" ")
}

#[test]
fn english_callers_are_heard_answered_and_recorded() {
    let bot = Bot::start("dialplans/support.yaml", "");
    let report = bot.converse(&caller("bench.yaml"), &[]);
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    assert!(
        report["first_sound_ms"].as_f64().is_some_and(|ms| ms < 1_000.0),
        "{report}"
    );
    let record = bot.last_call();
    assert_eq!(path(&record), ["welcome", "opening_hours", "order_status"]);
    assert!(heard(&record, "bot").contains("40718263"), "{record:#}");
    assert!(!record["turns"].as_array().expect("turns").is_empty());
    // Both ends sent reports, on the port of the sound.
    let quality = &record["quality"];
    assert!(quality["mos"].as_f64().is_some_and(|mos| mos > 4.0), "{quality}");
    assert!(
        quality["round_trip_ms"].as_f64().is_some_and(|ms| ms < 200.0),
        "{quality}"
    );
    assert!(
        quality["lost_there_percent"].as_f64().is_some_and(|lost| lost < 5.0),
        "{quality}"
    );
    assert!(report["mos"].as_f64().is_some_and(|mos| mos > 4.0), "{report}");
    let recording = record["recording"].as_str().expect("a recording");
    let reader = hound::WavReader::open(recording).expect("a WAV file");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 16_000));
    assert!(reader.duration() > 16_000 * 20);

    let keyed = bot.converse(&caller("keypad.yaml"), &["--transport", "tcp"]);
    assert!(failures(&keyed).is_empty(), "{:#?}", failures(&keyed));
    let record = bot.last_call();
    assert!(path(&record).contains(&"order_status"), "{record:#}");
    bot.stop();
}

#[test]
fn a_silent_caller_and_one_who_cuts_in() {
    let bot = Bot::start("dialplans/support.yaml", "");
    let silent = bot.ring(&caller("silent.yaml"), &[]);
    assert!(failures(&silent).is_empty(), "{:#?}", failures(&silent));
    assert_eq!(silent["ending"], "the bot hung up");
    let folder = bot.folder.path();
    let cutting = script(
        folder,
        "language: en\nsteps:\n  - hear: \"how can I help\"\n  - say: \"How can I pay for my order?\"\n  - interrupt: {say: \"Where is my order?\", after: 1500ms}\n  - hear: \"order number\"\n  - end: caller\n",
    );
    let report = bot.converse(&cutting, &[]);
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    let record = bot.last_call();
    assert!(path(&record).contains(&"order_status"), "{record:#}");
    assert!(
        heard(&record, "bot").contains('—'),
        "what was cut off is not told as said: {record:#}"
    );
    bot.stop();
}

#[test]
fn mandarin_is_heard_and_spoken() {
    let bot = Bot::start("dialplans/support-zh.yaml", "");
    let calling = script(
        bot.folder.path(),
        "language: zh\nsteps:\n  - hear: \"请问有什么可以帮您\"\n  - say: \"你好，请问你们的营业时间是什么？\"\n  - hear: \"营业时间是周一到周五\"\n  - say: \"没有了，谢谢，再见。\"\n  - hear: \"再见\"\n  - end: bot\n",
    );
    let report = bot.converse(&calling, &[]);
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    let record = bot.last_call();
    assert!(path(&record).contains(&"opening_hours"), "{record:#}");
    bot.stop();
}

#[test]
fn a_return_and_a_wish_for_a_person_nobody_is_there_for() {
    let bot = Bot::start("dialplans/support.yaml", "");
    for (script, flow) in [("returns.yaml", "return_item"), ("human.yaml", "nobody_free")] {
        let report = bot.converse(&caller(script), &[]);
        assert!(failures(&report).is_empty(), "{script}: {:#?}", failures(&report));
        let record = bot.last_call();
        assert!(path(&record).contains(&flow), "{record:#}");
    }
    bot.stop();
}

/// Recordings of four people, the flow that each asks for, and what the bot is to answer.
const PEOPLE: [(&str, &str, &str); 4] = [
    (
        "sp10",
        "weather",
        "tomorrow will be sunny and warm in the whole country",
    ),
    ("sp15", "laundry", "the laundry opens every morning at seven"),
    ("sp14", "clothing", "guests may come as they like"),
    ("sp05", "cleaning", "use warm water and a little soap"),
];

#[test]
fn recorded_people_are_heard_understood_and_answered() {
    let folder = root().join("../shared/speech");
    if !folder.is_dir() {
        println!("SKIPPED: there are no recordings in {}", folder.display());
        return;
    }
    let transcripts = std::fs::read_to_string(folder.join("transcripts.tsv")).expect("transcripts");
    let bot = Bot::start("fixtures/plans/recorded.yaml", "");
    let mut yaml = "language: en\nsteps:\n  - hear: \"how can I help\"\n".to_owned();
    let (mut said, mut flows) = (String::new(), vec!["welcome"]);
    for (file, flow, answer) in PEOPLE {
        let file = format!("en/noizeus_clean/{file}.wav");
        let row = transcripts.lines().find(|line| line.starts_with(&file));
        let row = row.and_then(|line| line.split('\t').nth(2));
        said += row.unwrap_or_else(|| panic!("no transcript of {file}"));
        said.push(' ');
        flows.push(flow);
        yaml += &format!("  - play: {}\n  - hear: \"{answer}\"\n", folder.join(file).display());
    }
    yaml += "  - end: caller\n";
    let report = bot.converse(&script(bot.folder.path(), &yaml), &[]);
    // The scripted caller hears the bot by transcribing its sound: what it expects, the bot has really said.
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    let record = bot.last_call();
    assert_eq!(path(&record), flows, "{record:#}");
    let share = recall(&said, &heard(&record, "caller"), Language::English);
    assert!(share >= 0.8, "{share:.2} of the words were heard: {record:#}");
    bot.stop();
}

/// A server process that speaks the protocol of OpenAI, streamed: litellm's proxy, once with a fixed answer in words, once
/// with a model behind it that only calls tools.
#[test]
fn a_real_model_server_decides() {
    let litellm = root().join("target/tools/litellm/bin/litellm");
    let folder = tempfile::tempdir().expect("a folder");
    let port = super::bot::free_port();
    let answer = r#"{\"commands\": [{\"do\": \"start_flow\", \"flow\": \"order_status\"}], \"say\": \"\"}"#;
    let upstream = tool_caller();
    let yaml = format!(
        "model_list:\n  - model_name: words\n    litellm_params: {{model: openai/mock, api_key: x, mock_response: \"{answer}\"}}\n  \
         - model_name: tools\n    litellm_params: {{model: openai/upstream, api_key: x, api_base: \"http://{upstream}/v1\"}}\n"
    );
    std::fs::write(folder.path().join("c.yaml"), yaml).expect("written");
    let server = Command::new(&litellm)
        .args(["--config", "c.yaml", "--host", "127.0.0.1", "--port", &port.to_string()])
        .current_dir(folder.path())
        .env("LITELLM_MASTER_KEY", "sk-test")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env(
            "PATH",
            format!(
                "{}:{}",
                litellm.parent().expect("a folder").display(),
                std::env::var("PATH").unwrap_or_default()
            ),
        )
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{} cannot be run: {e}; `.ci/setup test` installs it", litellm.display()));
    let mut server = Killed(server);
    until("litellm", std::time::Duration::from_secs(90), || {
        assert!(server.0.try_wait().expect("waited").is_none(), "litellm ended");
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    for model in ["words", "tools"] {
        let more = format!(
            "models: [{{url: \"http://127.0.0.1:{port}/v1\", model: {model}, api_key: sk-test, first_token: 10s, total: 15s}}]"
        );
        let bot = Bot::start("dialplans/support.yaml", &more);
        // Nothing that the grounded manager would take for a wish.
        let yaml = "language: en\nsteps:\n  - hear: \"how can I help\"\n  - say: \"The weather is lovely in the mountains today.\"\n  - hear: \"order number\"\n  - end: caller\n";
        let script = script(bot.folder.path(), yaml);
        // A server that takes its time has the caller asked for a moment, which this caller takes for the answer.
        let report = bot.converse(&script, &[]);
        assert!(failures(&report).is_empty(), "{model}: {:#?}", failures(&report));
        assert!(path(&bot.last_call()).contains(&"order_status"), "{model}");
        bot.stop();
    }
}

/// A model that takes no schema and calls a tool, in pieces, for as long as the test lasts.
fn tool_caller() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            std::thread::spawn(move || call_tool(&mut socket).ok());
        }
    });
    address
}

fn call_tool(socket: &mut std::net::TcpStream) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request: serde_json::Value = serde_json::from_slice(&body)?;
    if request["tools"].is_null() {
        let no =
            r#"{"error": {"message": "this model only calls tools", "type": "invalid_request_error", "code": "400"}}"#;
        return write!(
            socket,
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{no}",
            no.len()
        );
    }
    write!(
        socket,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    )?;
    let pieces = [
        serde_json::json!({"role": "assistant", "content": null, "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "start_flow", "arguments": ""}}]}),
        serde_json::json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"flow\": \"order"}}]}),
        serde_json::json!({"tool_calls": [{"index": 0, "function": {"arguments": "_status\"}"}}]}),
    ];
    let chunk = |delta: serde_json::Value, reason: Option<&str>| {
        serde_json::json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "upstream",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    for piece in pieces {
        write!(socket, "data: {}\n\n", chunk(piece, None))?;
    }
    write!(
        socket,
        "data: {}\n\ndata: [DONE]\n\n",
        chunk(serde_json::json!({}), Some("tool_calls"))
    )
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_program_teaches_and_knows_its_models() {
    let help = text(&offhook(&["--help"]).stdout);
    for command in ["serve", "check", "ring", "talk", "calls", "models", "bench", "demo"] {
        assert!(help.contains(command), "{help}");
    }
    let models = text(&offhook(&["models", "list"]).stdout);
    assert!(models.contains("here") && models.contains("whisper"), "{models}");
    let mut talk = Command::new(env!("CARGO_BIN_EXE_offhook"));
    let (worked, said) = run(talk.arg("talk").env("ALSA_CONFIG_PATH", "/dev/null"), LIMIT);
    assert!(
        !worked && said.contains("microphone") && said.contains("softphone"),
        "{said}"
    );
}
