//! A report in rows: as a text for a terminal, and as CSV.

use std::collections::BTreeMap;
use std::fmt;

use super::{Report, Share};

/// One figure: its part, its name, how many, and of how many.
type Row<'a> = (&'static str, &'a str, u64, u64);

fn rows(report: &Report) -> Vec<Row<'_>> {
    let (contacts, attempts, goal) = (&report.figures.contacts, &report.figures.attempts, &report.figures.goal);
    let mut rows: Vec<Row<'_>> = Vec::new();
    rows.extend(
        report
            .funnel()
            .into_iter()
            .map(|(name, count)| ("funnel", name, count, contacts.all)),
    );
    rows.push(("contacts", "held out", contacts.held_out, contacts.all));
    rows.push((
        "contacts",
        "called off before a call",
        contacts.called_off,
        contacts.all,
    ));
    each(&mut rows, "contacts", &contacts.refused, contacts.all);
    rows.push(("contacts", "waiting for the first call", contacts.waiting, contacts.all));
    rows.push(("contacts", "dialled", contacts.dialled, contacts.all));
    rows.push((
        "contacts",
        "of those to be dialled again",
        contacts.again,
        contacts.dialled,
    ));
    each(&mut rows, "outcome", &contacts.outcomes, contacts.dialled);
    rows.push(("opt-outs", "want no more calls", contacts.opted_out, contacts.dialled));
    each(&mut rows, "attempts", &attempts.reach, attempts.all);
    rows.push(("attempts", "under way", attempts.under_way, attempts.all));
    let answered = attempts.reach.get("answered").copied().unwrap_or_default();
    each(&mut rows, "answered by", &attempts.answered_by, answered);
    rows.push((
        "abandoned",
        "answered, and nobody spoke",
        attempts.abandoned,
        attempts.human,
    ));
    let reasons: u64 = report.figures.reasons.iter().map(|reason| reason.calls).sum();
    let reason = report.figures.reasons.iter();
    rows.extend(reason.map(|reason| ("reason", reason.reason.as_str(), reason.calls, reasons)));
    rows.push((
        "goal",
        "reached, of those to be called",
        goal.called.hits,
        goal.called.of,
    ));
    rows.push((
        "goal",
        "reached, of those held out",
        goal.held_out.hits,
        goal.held_out.of,
    ));
    rows.push(("goal", "may still be reached", goal.pending, contacts.all));
    rows
}

fn each<'a>(rows: &mut Vec<Row<'a>>, part: &'static str, counts: &'a BTreeMap<String, u64>, of: u64) {
    // The most frequent first.
    let mut sorted: Vec<(&String, u64)> = counts.iter().map(|(name, count)| (name, *count)).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    rows.extend(sorted.into_iter().map(|(name, count)| (part, name.as_str(), count, of)));
}

pub(super) fn csv(report: &Report) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: [&str; 4]| {
        // Writing to memory cannot fail.
        writer.write_record(row).ok();
    };
    write(["part", "name", "count", "percent"]);
    for (part, name, hits, of) in rows(report) {
        let percent = Share { hits, of }.percent();
        let percent = percent.map(|percent| format!("{percent:.2}")).unwrap_or_default();
        write([part, name, &hits.to_string(), &percent]);
    }
    write(["line", "minutes", &format!("{:.2}", report.minutes), ""]);
    if let Some(cost) = &report.cost {
        write([
            "line",
            &format!("cost in {}", cost.currency),
            &format!("{:.2}", cost.amount),
            "",
        ]);
    }
    if let Some(difference) = report.difference {
        for (name, points) in [
            ("difference in points", difference.points),
            ("at least", difference.low),
            ("at most", difference.high),
        ] {
            write(["goal", name, &format!("{points:.2}"), ""]);
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

pub(super) fn text(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "{}", report.campaign)?;
    let mut last = "";
    for (part, name, hits, of) in rows(report) {
        if part == "goal" {
            continue;
        }
        let head = if part == last { "" } else { part };
        if !head.is_empty() {
            writeln!(f)?;
        }
        let percent = Share { hits, of }.percent();
        let percent = percent.map(|percent| format!("{percent:5.1} %")).unwrap_or_default();
        writeln!(f, "{head:<12} {name:<30} {hits:>9}  {percent}")?;
        last = part;
        if part == "reason" {
            let reason = report.figures.reasons.iter().find(|reason| reason.reason == name);
            for quote in reason.into_iter().flat_map(|reason| &reason.quotes) {
                writeln!(f, "{:<14} “{quote}”", "")?;
            }
        }
    }
    let minutes = report.minutes;
    writeln!(f, "\n{:<12} {:<30} {minutes:>9.1}", "line", "minutes")?;
    if let Some(cost) = &report.cost {
        let name = format!("cost in {}", cost.currency);
        writeln!(f, "{:<12} {name:<30} {:>9.2}", "", cost.amount)?;
        if let Some(each) = cost.per_goal {
            writeln!(f, "{:<12} {:<30} {each:>9.2}", "", "for each who reached the goal")?;
        }
    }
    writeln!(f, "\n{}", report.verdict)?;
    if report.figures.goal.pending > 0 {
        writeln!(
            f,
            "{} contacts still have time to reach it.",
            report.figures.goal.pending
        )?;
    }
    Ok(())
}
