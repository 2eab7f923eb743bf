//! A trunk: whether its server is found, answers, knows us, and sees us where we say we are.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::{Finding, Level};
use crate::config::Config;
use crate::sip::{Answer, Heard, Probe, Trunk, is_private};

/// A clock that is off by more makes time-stamped nonces and certificates fail, in seconds.
const SKEW: i64 = 60;

fn about(trunk: &Trunk) -> String {
    format!("trunk {}", trunk.name)
}

pub(super) fn name(trunk: &Trunk, found: &[SocketAddr]) -> Finding {
    let server = trunk.outbound_proxy.as_ref().unwrap_or(&trunk.server);
    if found.is_empty() {
        return Finding::new(&about(trunk), Level::Problem, format!("`{server}` leads to no address"))
            .means("no call can be placed, and calls from it are strangers'")
            .cure("look for a mistake in `server`, and see that this machine's name server answers");
    }
    let addresses: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    Finding::new(
        &about(trunk),
        Level::Good,
        format!("`{server}` is {}", addresses.join(", ")),
    )
}

/// Whether it answers, and whether it knows us.
pub(super) fn answers(trunk: &Trunk, probe: &Probe) -> Vec<Finding> {
    let about = about(trunk);
    let problem = |seen: String| Finding::new(&about, Level::Problem, seen);
    let mut findings = Vec::new();
    match (&probe.options, &probe.register) {
        (Heard::Answer(answer), _) => {
            let software = answer.software.as_deref().unwrap_or("it does not say what it is");
            let seen = format!(
                "answers OPTIONS with {} {} within {} ms ({software})",
                answer.code,
                answer.phrase,
                answer.took.as_millis()
            );
            findings.push(Finding::new(&about, Level::Good, seen));
        }
        (Heard::Nothing, Heard::Answer(_)) => {
            findings.push(Finding::new(
                &about,
                Level::Note,
                "does not answer OPTIONS, but REGISTER",
            ));
        }
        (Heard::Nothing, Heard::Nothing | Heard::Unreachable(_)) => {
            let finding = problem(format!("no answer over {} within five seconds", trunk.transport));
            findings.push(
                finding
                    .means("what is sent does not arrive, or it does not answer addresses that it does not know")
                    .cure("see that the firewall lets SIP out and its answers in, that `server` and `transport` are right, and that the provider knows this machine's address"),
            );
            return findings;
        }
        (Heard::Unreachable(reason), _) => {
            let finding = problem(format!("cannot be reached over {}: {reason}", trunk.transport));
            findings.push(
                finding
                    .means("nothing listens there, or a firewall says so")
                    .cure("see that `server`, its port and `transport` are right"),
            );
            return findings;
        }
    }
    findings.push(registered(trunk, probe));
    findings
}

fn registered(trunk: &Trunk, probe: &Probe) -> Finding {
    let about = about(trunk);
    let found = |level, seen: String| Finding::new(&about, level, seen);
    let wanted = trunk.register.is_some();
    let Heard::Answer(first) = &probe.register else {
        let level = if wanted { Level::Problem } else { Level::Note };
        return found(level, "does not answer REGISTER".to_owned())
            .means("where calls come by registration, none will")
            .cure("ask the provider whether it registers or knows your address; for the latter leave out `register`");
    };
    let last = match &probe.proved {
        Some(Heard::Answer(last)) => last,
        Some(Heard::Nothing | Heard::Unreachable(_)) => {
            return found(
                Level::Problem,
                "asks for a password, and is silent when it gets one".to_owned(),
            )
            .means("a longer message does not arrive: a packet that was cut, or a firewall that looks into SIP")
            .cure("try `transport: tcp`, and turn off the router's SIP helper (ALG)");
        }
        None => first,
    };
    let said = format!("{} {}", last.code, last.phrase);
    match last.code {
        200..300 if probe.proved.is_some() => found(
            Level::Good,
            format!(
                "takes the password of `{}` ({})",
                trunk.username,
                first.challenges.join(", ")
            ),
        ),
        200..300 => found(Level::Good, "answers REGISTER without a password".to_owned()),
        401 | 407 if trunk.username.is_empty() => found(
            Level::Note,
            format!("wants a password before anybody registers ({said})"),
        ),
        401 | 407 if probe.proved.is_none() => found(
            Level::Problem,
            format!(
                "asks for a password in a way that is not known: {}",
                first.challenges.join(", ")
            ),
        )
        .means("Offhook answers digests with MD5 and SHA-256 and qop auth")
        .cure("ask the provider for one of these"),
        401 | 407 => found(
            Level::Problem,
            format!("refuses the password of `{}` ({said})", trunk.username),
        )
        .means("user or password is wrong, or belongs to another name than the one that authenticates")
        .cure("compare both with the provider's page, letter by letter; see that the environment holds the password"),
        403 => found(
            Level::Problem,
            format!("does not let `{}` register ({said})", trunk.username),
        )
        .means("the account is barred, or wants another address or transport; some say so for a wrong password")
        .cure("ask the provider; wait a while, for it may be a ban after wrong passwords"),
        404 => found(Level::Problem, format!("knows no `{}` ({said})", trunk.username))
            .means("the user name is wrong, or the domain")
            .cure("see whether the provider wants another `username` or `server`"),
        405 | 501 if !wanted => found(Level::Note, format!("takes no registrations ({said})")),
        500..600 => found(Level::Warning, format!("fails at REGISTER ({said})"))
            .means("its fault, or it does not like a REGISTER that only asks")
            .cure("look into the log of `offhook serve` for what it answers there"),
        _ => found(
            if wanted { Level::Warning } else { Level::Note },
            format!("answers REGISTER with {said}"),
        ),
    }
}

/// Whether its clock and ours agree.
pub(super) fn clock(trunk: &Trunk, probe: &Probe, now: Timestamp) -> Option<Finding> {
    let answers = heard(probe);
    let date = answers.into_iter().find_map(|answer| answer.date.as_deref())?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let off = now.as_second().saturating_sub(theirs.as_second());
    if off.saturating_abs() <= SKEW {
        return Some(Finding::new(
            &about(trunk),
            Level::Good,
            "its clock and this machine's agree",
        ));
    }
    let which = if off > 0 { "ahead of" } else { "behind" };
    let finding = Finding::new(
        &about(trunk),
        Level::Warning,
        format!("this machine's clock is {} s {which} its", off.saturating_abs()),
    );
    Some(
        finding
            .means("passwords with a time in them and certificates fail, and records carry wrong times")
            .cure("let this machine's clock be set by NTP"),
    )
}

/// Whether it sees us where we say we are.
pub(super) fn way(config: &Config, trunk: &Trunk, probe: &Probe) -> Option<Finding> {
    let answers = heard(probe);
    let (seen, sent) = answers
        .into_iter()
        .find_map(|answer| answer.seen_at.zip(answer.sent_from))?;
    let finding = |level, words: String| Finding::new(&about(trunk), level, words);
    match config.sip.advertised {
        Some(advertised) if advertised == seen.ip() => Some(finding(
            Level::Good,
            format!("sees this machine at {advertised}, as configured"),
        )),
        Some(advertised) => Some(
            finding(
                Level::Warning,
                format!(
                    "sees this machine at {}, and `sip.advertised` is {advertised}",
                    seen.ip()
                ),
            )
            .means("its calls and its sound go to the other address: no calls, or one-way audio")
            .cure(format!("write `advertised: {}`, if that address stays", seen.ip())),
        ),
        None if seen.ip() != sent.ip() && is_private(sent.ip()) => Some(
            finding(
                Level::Warning,
                format!(
                    "sees this machine at {}, which is {} here: there is a NAT between",
                    seen.ip(),
                    sent.ip()
                ),
            )
            .means("it is told the inner address: its calls do not arrive, or are heard one way")
            .cure(format!(
                "write `advertised: {}` under `sip`, and forward the SIP and RTP ports to {}",
                seen.ip(),
                sent.ip()
            )),
        ),
        None => Some(finding(
            Level::Good,
            format!("sees this machine at {}, with no NAT between", seen.ip()),
        )),
    }
}

fn heard(probe: &Probe) -> Vec<&Answer> {
    let all = [Some(&probe.options), Some(&probe.register), probe.proved.as_ref()];
    let answers = all.into_iter().flatten().filter_map(|heard| match heard {
        Heard::Answer(answer) => Some(answer),
        Heard::Nothing | Heard::Unreachable(_) => None,
    });
    answers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk() -> Trunk {
        Trunk {
            name: "provider".into(),
            server: "sip.provider.example".into(),
            username: "joe".into(),
            password: "secret".into(),
            register: Some(std::time::Duration::from_secs(300)),
            ..Trunk::default()
        }
    }

    fn answer(code: u16) -> Heard {
        Heard::Answer(Answer {
            code,
            phrase: "Said".into(),
            challenges: vec!["MD5".into()],
            ..Answer::default()
        })
    }

    #[test]
    fn each_way_of_not_being_registered_is_told_apart() {
        let refused = || Heard::Unreachable("Connection refused".into());
        for (options, register, proved, level, words) in [
            (
                answer(200),
                answer(401),
                Some(answer(200)),
                Level::Good,
                "takes the password",
            ),
            (answer(200), answer(200), None, Level::Good, "without a password"),
            (
                answer(200),
                answer(401),
                Some(answer(401)),
                Level::Problem,
                "refuses the password",
            ),
            (
                answer(200),
                answer(407),
                None,
                Level::Problem,
                "in a way that is not known",
            ),
            (
                answer(200),
                answer(401),
                Some(answer(403)),
                Level::Problem,
                "does not let `joe` register",
            ),
            (answer(200), answer(404), None, Level::Problem, "knows no `joe`"),
            (
                answer(200),
                answer(401),
                Some(Heard::Nothing),
                Level::Problem,
                "silent when it gets one",
            ),
            (answer(200), answer(503), None, Level::Warning, "fails at REGISTER"),
            (
                answer(200),
                Heard::Nothing,
                None,
                Level::Problem,
                "does not answer REGISTER",
            ),
            (
                Heard::Nothing,
                Heard::Nothing,
                None,
                Level::Problem,
                "no answer over udp",
            ),
            (refused(), refused(), None, Level::Problem, "Connection refused"),
        ] {
            let probe = Probe {
                options,
                register,
                proved,
            };
            let findings = answers(&trunk(), &probe);
            let worst = findings.iter().max_by_key(|finding| finding.level).expect("one");
            assert_eq!(worst.level, level, "{findings:?}");
            assert!(
                findings.iter().any(|finding| finding.seen.contains(words)),
                "{words}: {findings:?}"
            );
            assert!(worst.level == Level::Good || !worst.cure.is_empty(), "{worst:?}");
        }
        assert_eq!(name(&trunk(), &[]).level, Level::Problem);
    }

    #[test]
    fn a_nat_is_found() {
        let probe = |seen: &str| Probe {
            options: Heard::Answer(Answer {
                code: 200,
                seen_at: seen.parse().ok(),
                sent_from: "192.168.1.5:4000".parse().ok(),
                ..Answer::default()
            }),
            register: Heard::Nothing,
            proved: None,
        };
        let mut config = Config::default();
        let found = |config: &Config, seen| way(config, &trunk(), &probe(seen)).map(|finding| finding.level);
        assert_eq!(found(&config, "203.0.113.9:61000"), Some(Level::Warning));
        assert_eq!(found(&config, "192.168.1.5:4000"), Some(Level::Good));
        assert_eq!(found(&config, "nothing"), None);
        config.sip.advertised = "203.0.113.9".parse().ok();
        assert_eq!(found(&config, "203.0.113.9:61000"), Some(Level::Good));
        assert_eq!(found(&config, "203.0.113.8:61000"), Some(Level::Warning));
    }

    #[test]
    fn clocks_are_compared() {
        let now = "2026-11-22T06:00:00Z".parse().expect("a time");
        let at = |date: &str| {
            let answer = Answer {
                code: 200,
                date: Some(date.to_owned()),
                ..Answer::default()
            };
            let probe = Probe {
                options: Heard::Answer(answer),
                register: Heard::Nothing,
                proved: None,
            };
            clock(&trunk(), &probe, now).map(|finding| (finding.level, finding.seen))
        };
        assert_eq!(
            at("Sun, 22 Nov 2026 06:00:20 GMT").map(|found| found.0),
            Some(Level::Good)
        );
        let (level, seen) = at("Sun, 22 Nov 2026 05:00:00 GMT").expect("a finding");
        assert!(level == Level::Warning && seen.contains("3600 s ahead of"), "{seen}");
        assert_eq!(at("soon"), None);
    }
}
