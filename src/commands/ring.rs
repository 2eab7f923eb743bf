//! `offhook ring`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use offhook::audio::codec::Codec;
use offhook::bench::percentile;
use offhook::language::Voice;
use offhook::models::Cache;
use offhook::sdp::Encryption;
use offhook::simulate::{Callee, Live, Report, Script, ring};
use offhook::sip::{Tls, Transport};
use offhook::speech::{self, Engines};

use super::{Error, Outcome, block_on, log};

#[derive(clap::Args)]
pub struct Arguments {
    /// Whom to ring, such as sip:support@127.0.0.1:5060
    uri: String,
    /// The scripted caller.
    #[arg(long = "as", value_name = "CALLER.YAML")]
    script: PathBuf,
    /// By which to reach it: udp, tcp, tls, ws or wss.
    #[arg(long, default_value = "udp", value_parser = transport)]
    transport: Transport,
    /// A PEM file of authorities that are believed beside the system's, for tls and wss.
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// What to speak: opus, g722, pcmu or pcma; left out, what the caller does.
    #[arg(long, value_parser = codec)]
    codec: Option<Codec>,
    /// Have sound encrypted (SRTP). SIP tells the keys, which are as secret as it is: see --transport tls.
    #[arg(long)]
    srtp: bool,
    /// The report as JSON, for scripts.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    log("warn");
    let script = Script::load(&arguments.script)?;
    let engines = Arc::new(engines(&script)?);
    let callee = Callee {
        uri: arguments.uri.clone(),
        transport: arguments.transport,
        tls: Tls {
            authorities: arguments.authorities.clone(),
            ..Tls::default()
        },
        codec: arguments.codec,
        encryption: if arguments.srtp {
            Encryption::Required
        } else {
            Encryption::Never
        },
    };
    let report = block_on(ring(&engines, &script, &callee, |live| {
        if !arguments.json {
            show(live);
        }
    }))??;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        conclude(&report);
    }
    Ok(if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn transport(name: &str) -> Result<Transport, String> {
    Transport::named(name).ok_or_else(|| "write udp, tcp, tls, ws or wss".to_owned())
}

fn codec(name: &str) -> Result<Codec, String> {
    let known = Codec::ALL
        .into_iter()
        .find(|codec| codec.name().eq_ignore_ascii_case(name));
    known.ok_or_else(|| "write opus, g722, pcmu or pcma".to_owned())
}

/// The caller's own ear and voice.
fn engines(script: &Script) -> Result<Engines, Error> {
    let cache = Cache::open();
    let config = speech::engines::Config {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        voices: offhook::simulate::languages(script)?
            .into_iter()
            .map(Voice::from)
            .collect(),
        prompts: cache.dir().join("prompts"),
        ears: Vec::new(),
        mouths: Vec::new(),
    };
    Ok(Engines::load(&cache, &config)?)
}

/// One line for each thing that happens.
pub(super) fn show(live: &Live) {
    match live {
        Live::Answered { after } => println!("          answered after {} ms", after.as_millis()),
        Live::Said(said) => {
            let gap = said.gap_ms.map(|gap| format!("   ({gap:.0} ms)")).unwrap_or_default();
            println!("{:7.2} s  {:>6}  {}{gap}", said.at_ms / 1000.0, said.speaker, said.text);
        }
        Live::Failed(reason) => println!("          FAILED  {reason}"),
        Live::Ended(ending) => println!("          {ending}"),
    }
}

pub(super) fn conclude(report: &Report) {
    let gaps = report.gaps();
    if let (Some(p50), Some(p95)) = (percentile(&gaps, 0.5), percentile(&gaps, 0.95)) {
        println!(
            "\n{} answers: gap p50 {p50:.0} ms, p95 {p95:.0} ms, on the wire",
            gaps.len()
        );
    }
    if let Some(first) = report.first_sound_ms {
        println!(
            "first sound {first:.0} ms after the answer; {} packets, {} lost{}{}",
            report.packets_received,
            report.packets_lost,
            report.mos.map(|mos| format!(", MOS {mos:.1}")).unwrap_or_default(),
            report
                .encryption
                .as_ref()
                .map(|suite| format!(", encrypted by {suite}"))
                .unwrap_or_default()
        );
    }
}
