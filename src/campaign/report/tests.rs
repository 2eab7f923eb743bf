//! Reports of a campaign that was counted by hand.

use super::*;

fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

fn figures() -> Figures {
    Figures {
        contacts: Contacts {
            all: 1000,
            held_out: 100,
            called_off: 30,
            refused: counts(&[("no_consent", 20)]),
            waiting: 50,
            dialled: 800,
            again: 75,
            reached: 600,
            right_person: Some(550),
            outcomes: counts(&[("link_sent", 300), ("declined", 200), ("no_answer", 300)]),
            opted_out: 12,
        },
        attempts: Attempts {
            all: 1100,
            under_way: 2,
            reach: counts(&[("answered", 700), ("no_answer", 398)]),
            answered_by: counts(&[("human", 610), ("machine", 90)]),
            human: 610,
            abandoned: 6,
            seconds: 36_000.0,
        },
        goal: Goal {
            event: Some("payment.succeeded".into()),
            called: Share { hits: 270, of: 900 },
            held_out: Share { hits: 15, of: 100 },
            pending: 40,
        },
        reasons: vec![Reason {
            reason: "too_expensive".into(),
            calls: 40,
            quotes: vec!["I can't <pay> that & won't".into()],
        }],
    }
}

fn report(figures: Figures) -> Report {
    let rate = Rate {
        per_minute: 0.02,
        currency: "EUR".into(),
    };
    Report::new("unpaid", figures, Some(&rate))
}

#[test]
fn a_report_says_what_it_cost_and_whether_it_helped() {
    let told = report(figures());
    let cost = told.cost.as_ref().expect("a rate");
    assert!((told.minutes - 600.0).abs() < 1e-9 && (cost.amount - 12.0).abs() < 1e-9);
    assert!(cost.per_goal.is_some_and(|each| (each - 12.0 / 270.0).abs() < 1e-9));
    assert!(
        told.verdict.contains("30.0 %") && told.verdict.contains("15.0 %"),
        "{}",
        told.verdict
    );
    assert!(
        told.verdict.contains("+15.0 points") && told.verdict.ends_with("The calls helped."),
        "{}",
        told.verdict
    );
}

#[test]
fn no_more_is_said_than_is_known() {
    let verdict = |called: (u64, u64), held_out: (u64, u64)| {
        let mut figures = figures();
        let share = |(hits, of): (u64, u64)| Share { hits, of };
        (figures.goal.called, figures.goal.held_out) = (share(called), share(held_out));
        report(figures).verdict
    };
    assert!(verdict((3, 10), (1, 10)).contains("may be chance"));
    assert!(verdict((100, 1000), (300, 1000)).ends_with("The calls did harm."));
    assert!(verdict((3, 10), (0, 0)).contains("Nobody was held out"));
    assert!(verdict((0, 0), (0, 10)).contains("Nobody was held out"));
    let mut aimless = figures();
    aimless.goal = Goal::default();
    assert!(report(aimless).verdict.contains("names no goal"));
    // Of nothing at all.
    let empty = report(Figures::default());
    assert!(!empty.to_string().contains("NaN") && !empty.csv().contains("NaN") && !empty.svg().contains("NaN"));
}

#[test]
fn the_rows_of_each_part_add_up() {
    let told = report(figures());
    let csv = told.csv();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    let mut named: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in reader.records() {
        let row = row.expect("a row");
        let field = |at: usize| row.get(at).unwrap_or_default().to_owned();
        if !field(1).starts_with("of those") {
            *sums.entry(field(0)).or_default() += field(2).parse::<f64>().expect("a count");
        }
        named.insert((field(0), field(1)), field(2));
    }
    let sum = |part: &str| sums.get(part).copied().unwrap_or_default();
    let figures = figures();
    assert!((sum("contacts") - figures.contacts.all as f64).abs() < 0.5);
    assert!((sum("outcome") - figures.contacts.dialled as f64).abs() < 0.5);
    assert!((sum("attempts") - figures.attempts.all as f64).abs() < 0.5);
    let cost = named.get(&("line".to_owned(), "cost in EUR".to_owned()));
    assert_eq!(cost.map(String::as_str), Some("12.00"));
    let text = told.to_string();
    for has in [
        "link_sent",
        "“I can't <pay> that & won't”",
        "600.0",
        "12.00",
        "The calls helped.",
    ] {
        assert!(text.contains(has), "{has}: {text}");
    }
}

#[test]
fn the_picture_has_a_bar_for_each_stage_and_group() {
    let svg = report(figures()).svg();
    // One for the paper, five stages, three outcomes, two groups.
    assert_eq!(svg.matches("<rect ").count(), 1 + 5 + 3 + 2);
    assert_eq!(svg.matches("<path ").count(), 2);
    assert!(svg.contains("30.0 % (27.1 to 33.1)") && svg.ends_with("</svg>\n"));
    let mut odd = figures();
    odd.contacts.outcomes = counts(&[("a<b & c", 1)]);
    assert!(report(odd).svg().contains("a&lt;b &amp; c"));
}
