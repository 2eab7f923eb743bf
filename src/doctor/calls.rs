//! What the records of recent calls tell of the line: one-way audio, codecs, loss, keys.

use super::{Finding, Level};
use crate::store::{Record, Speaker};

/// One in so many calls may have it.
const RARE: usize = 10;
/// Datagrams that make a call one that was heard.
const HEARD: u64 = 50;
/// Loss that is audible, in percent.
const LOSS: f64 = 3.0;

/// What calls have in common.
struct Sign {
    /// How many of the calls show it.
    calls: usize,
    seen: &'static str,
    means: &'static str,
    cure: &'static str,
}

/// The findings, the worst first; the newest calls stand first in `records`.
pub(super) fn judge(records: &[Record]) -> Vec<Finding> {
    let all = records.len();
    if all == 0 {
        return vec![Finding::new("calls", Level::Note, "there are no records yet")];
    }
    let ending = |record: &Record| record.summary.ending.clone().unwrap_or_default();
    let count = |sign: &dyn Fn(&Record) -> bool| records.iter().filter(|record| sign(record)).count();
    let quality =
        |record: &Record, sign: &dyn Fn(&crate::store::Quality) -> bool| record.quality.as_ref().is_some_and(sign);
    let signs = [
        Sign {
            calls: count(&|record| ending(record).contains("no codec in common")),
            seen: "were refused, for there was no codec in common",
            means: "the other side offers no sound that Offhook speaks",
            cure: "let the trunk or PBX offer one of `calls.codecs`; `offhook calls show` says what was offered",
        },
        Sign {
            calls: count(&|record| ending(record).contains("no audio of a kind that is supported")),
            seen: "were refused, for there was no sound of a kind that is supported",
            means: "encrypted sound (SRTP) is wanted by one side and not by the other, or none was offered",
            cure: "see `calls.srtp` and what the trunk or PBX is set to; `offhook calls show` says what was offered",
        },
        Sign {
            calls: count(&|record| ending(record).contains("and `rtp.address` has no")),
            seen: "were refused, for `rtp.address` has no address of their family",
            means: "callers want their sound over IPv6, and the bot's is on IPv4, or the other way about",
            cure: "write one of each family: `rtp: {address: [192.0.2.10, \"2001:db8::10\"]}`",
        },
        Sign {
            calls: count(&|record| {
                ending(record).contains("no RTP was received")
                    || quality(record, &|line| line.received < HEARD && line.refused == 0)
            }),
            seen: "had no sound from the caller",
            means: "one-way audio: their sound does not arrive here",
            cure: "let UDP through to `rtp.ports`, and set `sip.advertised` to the address that callers reach; turn off the router's SIP helper (ALG)",
        },
        Sign {
            calls: count(&|record| quality(record, &|line| line.refused > line.received)),
            seen: "had sound that came from another address than was agreed on",
            means: "a NAT or a gateway sends from elsewhere than it says, or a stranger sends",
            cure: "see with the provider which addresses its sound comes from",
        },
        Sign {
            calls: count(&|record| quality(record, &|line| line.received >= HEARD && line.mos.is_none())),
            seen: "had datagrams that were no sound",
            means: "encrypted sound (SRTP) where plain was agreed on, or a codec that was not",
            cure: "compare what the other side is set to with `offhook calls show`",
        },
        Sign {
            calls: count(&|record| {
                quality(record, &|line| {
                    line.lost as f64 * 100.0 > LOSS * (line.received + line.lost).max(1) as f64
                })
            }),
            seen: "lost more than three in a hundred packets on the way here",
            means: "words are missed where the line is torn",
            cure: "look at this machine's network: a cable for wireless, and sound before other traffic",
        },
        Sign {
            calls: count(&|record| quality(record, &|line| line.lost_there_percent.is_some_and(|lost| lost > LOSS))),
            seen: "lost more than three in a hundred packets on the way to the caller",
            means: "callers hear the bot torn",
            cure: "look at this machine's way out, and at how busy it is: offhook bench capacity",
        },
        Sign {
            calls: count(&|record| ending(record).contains("never acknowledged")),
            seen: "were answered, and the answer was never acknowledged",
            means: "our Contact leads nowhere: the ACK goes to an address that does not reach us",
            cure: "set `sip.advertised` to the address that callers reach",
        },
    ];
    let mut findings: Vec<Finding> = signs
        .into_iter()
        .filter(|sign| sign.calls > 0)
        .map(|sign| finding(&sign, all))
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings.extend(keys(records));
    if findings.iter().all(|finding| finding.level < Level::Warning) {
        findings.insert(
            0,
            Finding::new(
                "calls",
                Level::Good,
                format!("nothing is wrong with the line of the last {all}"),
            ),
        );
    }
    findings
}

fn finding(sign: &Sign, all: usize) -> Finding {
    let level = match sign.calls {
        calls if calls * 2 > all => Level::Problem,
        calls if calls * RARE > all => Level::Warning,
        _ => Level::Note,
    };
    Finding::new(
        "calls",
        level,
        format!("{} of the last {all} {}", sign.calls, sign.seen),
    )
    .means(sign.means)
    .cure(sign.cure)
}

/// Keys come as RFC 4733 events, by INFO, or as tones, whichever the other side does: where none ever came that may be why.
fn keys(records: &[Record]) -> Option<Finding> {
    let pressed = |record: &&Record| {
        record
            .lines
            .iter()
            .any(|line| line.speaker == Speaker::Event && line.text.starts_with("key "))
    };
    match records.iter().filter(pressed).count() {
        0 => Some(
            Finding::new("keys", Level::Note, format!("no key was heard in the last {} calls", records.len()))
                .means("nobody pressed one, or the other side sends them in a way that gets lost")
                .cure("press one; where it is not in `offhook calls show`, set the trunk's DTMF to RFC 4733 (also called RFC 2833)"),
        ),
        calls => Some(Finding::new("keys", Level::Good, format!("keys were heard in {calls} of the last {} calls", records.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Line, Quality, Summary};
    use jiff::Timestamp;

    fn record(ending: &str, quality: Quality, key: bool) -> Record {
        let at = Timestamp::UNIX_EPOCH;
        let line = Line {
            at,
            speaker: Speaker::Event,
            text: "key 5".into(),
        };
        Record {
            summary: Summary {
                id: "1".into(),
                caller: String::new(),
                callee: String::new(),
                assistant: String::new(),
                began: at,
                ended: Some(at),
                ending: Some(ending.into()),
                path: Vec::new(),
                disposition: None,
                recording: None,
            },
            plan: String::new(),
            plan_hash: String::new(),
            slots: Default::default(),
            quality: Some(quality),
            lines: if key { vec![line] } else { Vec::new() },
            turns: Vec::new(),
            callbacks: Vec::new(),
            acts: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn good() -> Quality {
        Quality {
            mos: Some(4.4),
            received: 1000,
            ..Quality::default()
        }
    }

    #[test]
    fn what_many_calls_have_in_common_is_told_with_its_cure() {
        for (ending, quality, words) in [
            (
                "refused with 488: no codec in common: offered 9; supported PCMU",
                good(),
                "no codec in common",
            ),
            (
                "refused with 488: no audio of a kind that is supported: offered RTP/SAVP; supported RTP/AVP",
                good(),
                "of a kind",
            ),
            (
                "refused with 488: the caller's sound is at 2001:db8::1, and `rtp.address` has no IPv6 address",
                good(),
                "of their family",
            ),
            ("no RTP was received for 20 s", good(), "no sound from the caller"),
            (
                "the caller hung up",
                Quality { received: 3, ..good() },
                "no sound from the caller",
            ),
            (
                "the caller hung up",
                Quality {
                    refused: 2000,
                    ..good()
                },
                "another address",
            ),
            ("the caller hung up", Quality { mos: None, ..good() }, "no sound"),
            ("the caller hung up", Quality { lost: 60, ..good() }, "on the way here"),
            (
                "the caller hung up",
                Quality {
                    lost_there_percent: Some(5.0),
                    ..good()
                },
                "on the way to the caller",
            ),
            ("the caller never acknowledged the answer", good(), "never acknowledged"),
        ] {
            let bad = record(ending, quality, true);
            let fine = record("the caller hung up", good(), true);
            let findings = judge(&[bad.clone(), bad.clone(), fine.clone()]);
            assert!(
                findings[0].level == Level::Problem && findings[0].seen.contains(words),
                "{words}: {findings:?}"
            );
            let rare: Vec<Record> = std::iter::once(bad).chain(std::iter::repeat_n(fine, 20)).collect();
            assert!(
                judge(&rare).iter().all(|finding| finding.level < Level::Warning),
                "once is chance"
            );
        }
    }

    #[test]
    fn nothing_is_made_up() {
        let fine = [record("the caller hung up", good(), true)];
        let levels: Vec<Level> = judge(&fine).iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Good, Level::Good]);
        assert_eq!(judge(&[])[0].level, Level::Note);
        assert!(
            judge(&[record("x", good(), false)])
                .iter()
                .any(|finding| finding.about == "keys" && finding.level == Level::Note)
        );
    }
}
