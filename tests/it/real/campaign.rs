//! A whole campaign against the simulated telephone network: who is loaded, who is rung and who is not, what they hear, and whether all of it adds up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use offhook::audio::wav;
use offhook::campaign::outcome::{AnsweredBy, Reach};
use offhook::clock;
use offhook::simulate::network::{By, Numbers, Placed, last_words, left};
use offhook::store::Store;
use offhook::store::campaigns::{AttemptRow, ContactRow};
use offhook::web::signature;
use serde_json::{Value, json};

use super::bot::{Bot, LIMIT, free_port, root, text, until};
use super::exchange::{Network, noon_and_midnight, number, somewhere};

const CAMPAIGN: &str = "unpaid";
const SECRET: &str = "what the shop signs with";
/// Who may be called, at numbers that end in 00 to 99, twice.
const CALLED: usize = 200;
/// For all of them, at twelve at once.
const CALLS: Duration = Duration::from_secs(360);

/// Who is loaded beside those who may be called, and what keeps each from being called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    /// It is midnight where they are.
    Asleep,
    /// Nothing shows that they consented.
    NoProof,
    /// On the national list.
    Listed,
    /// They pay before the campaign starts.
    Paid,
}

const KEPT: [Kept; 4] = [Kept::Asleep, Kept::NoProof, Kept::Listed, Kept::Paid];
/// Of each.
const EACH: usize = 3;

/// All who are loaded.
fn everybody() -> std::ops::Range<usize> {
    0..CALLED + KEPT.len() * EACH
}

fn key(n: usize) -> String {
    format!("order-{n:03}")
}

/// Why the `n`-th is not called; none: they are.
fn kept(n: usize) -> Option<Kept> {
    let beyond = n.checked_sub(CALLED)?;
    KEPT.get(beyond / EACH).copied()
}

/// The contacts, and after them two rows that are none.
fn csv() -> String {
    let (noon, midnight) = noon_and_midnight();
    let mut csv = "order_id,phone,first_name,item,consent_at,zone\n".to_owned();
    // Neighbours are alike: in another order no kind of answer comes in a row, which a trunk that is congested would be left alone for.
    let mixed = (0..CALLED).map(|n| n * 37 % CALLED);
    for n in mixed.chain(everybody().skip(CALLED)) {
        let (zone, proof) = match kept(n) {
            Some(Kept::Asleep) => (&midnight, "2026-01-15"),
            Some(Kept::NoProof) => (&noon, ""),
            Some(Kept::Listed | Kept::Paid) | None => (&noon, "2026-01-15"),
        };
        writeln!(csv, "{},{},Anna,a lamp,{proof},{zone}", key(n), number(n)).expect("written");
    }
    writeln!(csv, "order-bad,12,Anna,a lamp,2026-01-15,{noon}").expect("written");
    writeln!(csv, "{},{},Anna,a lamp,2026-01-15,{noon}", key(0), number(0)).expect("written");
    csv
}

struct Shop<'a> {
    bot: &'a Bot,
    network: &'a Network,
    web: u16,
    client: reqwest::Client,
}

impl Shop<'_> {
    /// Tells the bot of something; the HTTP status.
    fn tells(&self, event: &str, subject: &str, id: &str, data: Value) -> u16 {
        let body = json!({"event": event, "subject": subject, "data": data}).to_string();
        let request = self
            .client
            .post(format!("http://127.0.0.1:{}/api/v1/events", self.web))
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", id)
            .header(
                signature::HEADER,
                signature::sign(SECRET, clock::wall(), body.as_bytes()),
            )
            .body(body);
        let response = self.network.block_on(request.send()).expect("the bot's page answers");
        response.status().as_u16()
    }

    fn pays(&self, n: usize) {
        let id = format!("paid-{n}");
        for time in ["the first time", "the same again"] {
            assert_eq!(self.tells("payment.succeeded", &key(n), &id, json!({})), 202, "{time}");
        }
    }

    fn does(&self, arguments: &[&str]) -> String {
        let done = self.bot.offhook(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
        text(&done.stdout)
    }
}

/// What the bot has written of everybody.
struct Journal(BTreeMap<String, (ContactRow, Vec<AttemptRow>)>);

impl Journal {
    async fn read(store: &Store) -> Result<Self, offhook::store::Error> {
        let mut all = BTreeMap::new();
        for contact in store.contacts_of(CAMPAIGN, 0, 10_000).await? {
            let attempts = store.attempts_of(contact.id).await?;
            all.insert(contact.key.clone(), (contact, attempts));
        }
        Ok(Self(all))
    }

    fn of(&self, n: usize) -> &(ContactRow, Vec<AttemptRow>) {
        &self.0[&key(n)]
    }

    fn attempts(&self) -> impl Iterator<Item = &AttemptRow> {
        self.0.values().flat_map(|(_, attempts)| attempts)
    }
}

#[test]
fn a_campaign_runs_to_its_end_and_adds_up() {
    let (address, web) = (somewhere(), free_port());
    let plan = root().join("fixtures/plans/campaign.yaml");
    let config = |port: u16| {
        format!(
            "sip: {{listen: [\"udp:127.0.0.1:{port}\"], trunks: [{{name: network, server: \"{address}\"}}]}}\noutbound: {{allow: [\"+49\"]}}\nrtp: {{ports: 24000-25999}}\n\
             calls: {{most: 16}}\ncampaigns: {{region: DE, lines: 12, reserve: 1, cost_per_minute: {{amount: 0.02, currency: EUR}}, events: {{secret: \"{SECRET}\"}}}}\n\
             web: {{listen: \"127.0.0.1:{web}\"}}\nplan: {}\ndata: data\n",
            plan.display()
        )
    };
    let bot = Bot::start_with(config, &[]);
    let network = Network::start(&Numbers::standard().expect("the standard numbers"), address);
    let shop = Shop {
        bot: &bot,
        network: &network,
        web,
        client: reqwest::Client::new(),
    };
    load(&shop);
    let store = network.block_on(Store::open(&bot.folder.path().join("data/offhook.db")));
    let store = store.expect("the store");
    let read = || network.block_on(Journal::read(&store)).expect("the journal");
    let journal = read();
    let held: BTreeSet<usize> = everybody().filter(|n| journal.of(*n).0.held_out).collect();
    assert!((5..=45).contains(&held.len()), "a tenth is held out: {held:?}");
    let paid: Vec<usize> = everybody().filter(|n| kept(*n) == Some(Kept::Paid)).collect();
    paid.iter().for_each(|n| shop.pays(*n));
    until("the bot to hear of them", LIMIT, || {
        let journal = read();
        paid.iter().all(|n| journal.of(*n).0.goal.is_some()).then_some(())
    });
    rehearse(&shop, &held);
    assert!(
        network.calls().is_empty(),
        "somebody was rung before the campaign was started"
    );

    shop.does(&["campaign", "start", CAMPAIGN]);
    // One more, who leaves an order unpaid while it runs.
    let late = 410;
    let (noon, _) = noon_and_midnight();
    let row = json!({"phone": number(late), "first_name": "Anna", "item": "a lamp", "consent_at": "2026-01-15", "zone": noon});
    assert_eq!(shop.tells("payment.abandoned", &key(late), "late", row), 202);
    let during = pays_during_a_call(&shop, &held);
    let expected: BTreeSet<usize> = (0..CALLED).filter(|n| !held.contains(n)).collect();
    let journal = until("the end of the campaign", CALLS, || {
        let journal = read();
        let over = |n: &usize| {
            let (contact, attempts) = journal.of(*n);
            contact.closed.is_some() && attempts.iter().all(|attempt| attempt.ended.is_some())
        };
        let late_over = journal
            .0
            .get(&key(late))
            .is_some_and(|(contact, _)| contact.held_out || contact.closed.is_some());
        (expected.iter().all(over) && late_over).then_some(journal)
    });
    until("the end of all calls", LIMIT, || {
        network
            .calls()
            .iter()
            .all(|placed| placed.ended.is_some())
            .then_some(())
    });
    reconciles(&journal, &network.calls(), &held);
    ends_as_it_was_answered(&journal, &network.calls());
    messages_are_whole(&bot, &journal, &network.calls());
    opted_out(&shop, &journal, &store);

    assert!(
        during.iter().any(|n| was_told(&journal, *n)),
        "nobody of {during:?} was told of their payment"
    );
    // And after it: who was sent the link pays.
    let linked = expected
        .iter()
        .copied()
        .find(|n| disposition(&journal, *n) == Some("link_sent"));
    let linked = linked.expect("somebody was sent the link");
    shop.pays(linked);
    until("the goal of who has paid", LIMIT, || read().of(linked).0.goal);
    let journal = read();
    assert_eq!(journal.of(linked).1.len(), 1, "nobody is rung for having paid");
    for n in paid {
        let (contact, attempts) = journal.of(n);
        assert!(
            contact.goal.is_some() && (contact.held_out || contact.closed.is_some()),
            "{contact:?}"
        );
        assert!(attempts.is_empty(), "who has paid was rung: {attempts:?}");
    }
    report_adds_up(&shop, &journal);
    shop.does(&["audit", "verify"]);
    network.block_on(store.close());
    bot.stop();
}

/// Loads everybody; the two rows that are nobody are told with their lines.
fn load(shop: &Shop<'_>) {
    let folder = shop.bot.folder.path();
    let (file, listed, faults) = (
        folder.join("contacts.csv"),
        folder.join("national.csv"),
        folder.join("faults.csv"),
    );
    std::fs::write(&file, csv()).expect("written");
    let named: Vec<String> = everybody()
        .filter(|n| kept(*n) == Some(Kept::Listed))
        .map(number)
        .collect();
    std::fs::write(&listed, named.join("\n")).expect("written");
    shop.does(&["dnc", "import", path(&listed), "--list", "national"]);
    for more in [&["--dry-run"][..], &[]] {
        let arguments = [
            "campaign",
            "load",
            CAMPAIGN,
            path(&file),
            "--json",
            "--errors",
            path(&faults),
        ];
        let loaded = shop.bot.offhook(&[&arguments, more].concat());
        assert!(!loaded.status.success(), "a bad row is a failure");
        let count = parsed(&text(&loaded.stdout));
        let all = everybody().count();
        for (what, expected) in [
            ("rows", all + 2),
            ("added", all),
            ("known", 1),
            ("bad", 1),
            ("without_proof", EACH),
        ] {
            assert_eq!(count[what], expected, "{what}: {count:#}");
        }
        let faults = std::fs::read_to_string(&faults).expect("the faults");
        let lines: Vec<&str> = faults.lines().skip(1).collect();
        assert_eq!(lines.len(), 2, "{faults}");
        // The first line is the head.
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&format!("{},bad,", all + 2)) && line.contains("phone")),
            "{faults}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&format!("{},known,", all + 3))),
            "{faults}"
        );
    }
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path")
}

fn parsed(told: &str) -> Value {
    serde_json::from_str(told).unwrap_or_else(|e| panic!("no JSON: {e}\n{told}"))
}

/// Who would be rung, and why the others would not.
fn rehearse(shop: &Shop<'_>, held: &BTreeSet<usize>) {
    let told = parsed(&shop.does(&["campaign", "dry-run", CAMPAIGN, "--json"]));
    let list = |what: &str| told[what].as_array().cloned().unwrap_or_default();
    let now = clock::wall();
    let mut rung = BTreeMap::new();
    for one in list("rung") {
        let at: Timestamp = one["at"].as_str().and_then(|at| at.parse().ok()).expect("a moment");
        rung.insert(
            one["contact"].as_str().expect("a key").to_owned(),
            at.duration_since(now).as_hours(),
        );
    }
    let left: BTreeMap<String, String> = list("left")
        .iter()
        .map(|one| {
            (
                one["contact"].as_str().expect("a key").to_owned(),
                one["why"].as_str().expect("a word").to_owned(),
            )
        })
        .collect();
    assert_eq!(rung.len() + left.len(), everybody().count(), "{told:#}");
    for n in everybody() {
        let (hours, why) = (rung.get(&key(n)), left.get(&key(n)).map(String::as_str));
        match (kept(n), held.contains(&n)) {
            (_, true) => assert_eq!(why, Some("held_out"), "{n}"),
            (None, false) => assert!(hours.is_some_and(|hours| *hours < 1), "{n}: {hours:?} {why:?}"),
            // Not before their morning.
            (Some(Kept::Asleep), false) => assert!(hours.is_some_and(|hours| *hours >= 8), "{n}: {hours:?} {why:?}"),
            (Some(Kept::NoProof), false) => assert_eq!(why, Some("no_proof"), "{n}"),
            (Some(Kept::Listed), false) => assert_eq!(why, Some("do_not_call"), "{n}"),
            (Some(Kept::Paid), false) => assert!(
                matches!(why, Some("goal_reached" | "cancelled" | "closed")),
                "{n}: {why:?}"
            ),
        }
    }
}

/// Some who say nothing for a while pay in the middle of their call; who they are.
fn pays_during_a_call(shop: &Shop<'_>, held: &BTreeSet<usize>) -> Vec<usize> {
    let silent: Vec<usize> = (0..CALLED)
        .filter(|n| (25..30).contains(&(n % 100)) && !held.contains(n))
        .collect();
    let mut paid = Vec::new();
    until("three who are in a call", CALLS, || {
        for placed in shop.network.calls() {
            let n = silent.iter().copied().find(|n| number(*n) == placed.number);
            if let Some(n) = n.filter(|n| placed.answered.is_some() && placed.ended.is_none() && !paid.contains(n)) {
                shop.pays(n);
                paid.push(n);
            }
        }
        (paid.len() >= 3.min(silent.len())).then_some(())
    });
    paid
}

fn disposition(journal: &Journal, n: usize) -> Option<&str> {
    journal.of(n).1.last()?.disposition.as_deref()
}

fn was_told(journal: &Journal, n: usize) -> bool {
    disposition(journal, n) == Some("paid") && journal.of(n).0.goal.is_some()
}

/// Every call of the network is one of the journal, and the other way round; nobody was rung who was not to be.
fn reconciles(journal: &Journal, calls: &[Placed], held: &BTreeSet<usize>) {
    let mut rung: BTreeMap<&str, usize> = BTreeMap::new();
    for placed in calls {
        assert_eq!(placed.from, "+4930123456", "the plan's caller ID is shown");
        *rung.entry(placed.number.as_str()).or_default() += 1;
    }
    for (contact, attempts) in journal.0.values() {
        let heard = rung.remove(contact.number.to_string().as_str()).unwrap_or(0);
        assert_eq!(
            heard,
            attempts.len(),
            "{} at the network and in the journal",
            contact.key
        );
        assert!(attempts.len() <= 1, "{} was rung {} times", contact.key, attempts.len());
    }
    assert!(rung.is_empty(), "nobody's numbers were rung: {rung:?}");
    for n in everybody() {
        let (contact, attempts) = journal.of(n);
        let may = kept(n).is_none() && !held.contains(&n);
        assert_eq!(attempts.len(), usize::from(may), "{:?}: {contact:?}", kept(n));
    }
    assert_eq!(journal.attempts().count(), calls.len());
}

/// What is written of each attempt is what happened at the network.
fn ends_as_it_was_answered(journal: &Journal, calls: &[Placed]) {
    let by_number: BTreeMap<String, &AttemptRow> =
        journal.attempts().map(|one| (one.number.to_string(), one)).collect();
    let (mut people, mut lost, mut machines, mut found) = (0, Vec::new(), 0, 0);
    for placed in calls {
        let attempt = by_number[&placed.number];
        let reach = attempt.reach.expect("it has ended");
        let expected = match placed.who.as_str() {
            "busy" | "sounds_busy" => Reach::Busy,
            "not_answered" | "dead" => Reach::NoAnswer,
            "rejects" => Reach::Rejected,
            "no_such_number" | "intercept" => Reach::NotFound,
            "congested" => Reach::Congestion,
            _ => Reach::Answered,
        };
        assert_eq!(reach, expected, "{placed:?}\n{attempt:?}");
        assert_eq!(
            attempt.answered.is_some(),
            placed.answered.is_some(),
            "{placed:?}\n{attempt:?}"
        );
        match placed.who.as_str() {
            "presses_one" | "wants_the_link" | "says_nothing" | "wrong_person" | "opts_out" | "wants_a_person" => {
                people += 1;
                if attempt.answered_by != Some(AnsweredBy::Human) {
                    lost.push(placed);
                }
            }
            "machine" | "machine_without_beep" => {
                machines += 1;
                found += usize::from(attempt.answered_by == Some(AnsweredBy::Machine));
            }
            "fax" => assert_eq!(attempt.answered_by, Some(AnsweredBy::Fax), "{attempt:?}"),
            _ => {}
        }
    }
    println!(
        "{people} people, {} taken for something else; {machines} machines, {found} found",
        lost.len()
    );
    assert!(people > 60 && lost.len() * 50 <= people, "people are lost: {lost:#?}");
    assert!(
        machines > 8 && found * 10 >= machines * 8,
        "{found} of {machines} machines are found"
    );
    let hung_up = calls.iter().filter(|placed| placed.who == "hangs_up");
    for placed in hung_up {
        assert_eq!(placed.by, Some(By::Callee), "{placed:?}");
        assert_eq!(by_number[&placed.number].disposition, None, "nothing had come of it");
    }
}

/// What machines recorded after their beep is what the bot said, from the first sound to the last.
fn messages_are_whole(bot: &Bot, journal: &Journal, calls: &[Placed]) {
    let by_number: BTreeMap<String, &AttemptRow> =
        journal.attempts().map(|one| (one.number.to_string(), one)).collect();
    let mut whole = 0;
    let machines: Vec<&Placed> = calls.iter().filter(|placed| placed.who == "machine").collect();
    for placed in &machines {
        let attempt = by_number[&placed.number];
        if attempt.answered_by != Some(AnsweredBy::Machine) {
            continue;
        }
        let record = bot.call(attempt.call.as_deref().expect("a record"));
        let recording = record["recording"].as_str().expect("a recording");
        let message = last_words(&wav::read_bot(Path::new(recording)).expect("a recording"));
        assert!(
            message.len() > 16_000,
            "a message of {} samples: {record:#}",
            message.len()
        );
        let found = left(&message, &placed.recorded);
        assert!(
            found.is_some_and(|left| left.is_whole()),
            "{found:?} of the message: {record:#}"
        );
        whole += 1;
    }
    assert!(
        whole * 10 >= machines.len() * 8 && whole > 4,
        "{whole} of {} machines",
        machines.len()
    );
}

/// Who wanted no more calls is on the list, and nobody else.
fn opted_out(shop: &Shop<'_>, journal: &Journal, store: &Store) {
    let (mut asked, mut heard) = (0, 0);
    for placed in shop.network.calls() {
        let lists = shop
            .network
            .block_on(store.do_not_call(placed.number.parse().expect("a number")))
            .expect("the lists");
        let listed = lists.iter().any(|list| list == "internal");
        match placed.who.as_str() {
            "opts_out_by_key" => assert!(listed, "the key was not honoured: {placed:?}"),
            "opts_out" => {
                asked += 1;
                heard += usize::from(listed);
            }
            _ => assert!(!listed, "nobody had asked for it: {placed:?}"),
        }
    }
    println!("{heard} of {asked} who said it are on the list");
    assert!(
        asked > 5 && heard * 10 >= asked * 8,
        "{heard} of {asked} are on the list"
    );
    let dnc = journal.attempts().filter(|attempt| attempt.opted_out).count();
    let keys = shop
        .network
        .calls()
        .iter()
        .filter(|placed| placed.who == "opts_out_by_key")
        .count();
    assert_eq!(dnc, keys + heard, "the journal tells of each");
}

/// The report has the same totals, and a row for each call.
fn report_adds_up(shop: &Shop<'_>, journal: &Journal) {
    let folder = shop.bot.folder.path();
    let (calls, figures, plot) = (
        folder.join("calls.csv"),
        folder.join("figures.csv"),
        folder.join("plot.svg"),
    );
    let report = parsed(&shop.does(&[
        "campaign",
        "report",
        CAMPAIGN,
        "--json",
        "--calls",
        path(&calls),
        "--csv",
        path(&figures),
        "--plot",
        path(&plot),
    ]));
    println!("{report:#}");
    let sum = |part: &Value| {
        part.as_object()
            .map_or(0, |all| all.values().filter_map(Value::as_u64).sum::<u64>())
    };
    let count = |value: &Value| value.as_u64().expect("a number");
    let contacts = &report["contacts"];
    assert_eq!(count(&contacts["all"]), journal.0.len() as u64);
    let parts = ["held_out", "called_off", "waiting", "dialled"].map(|part| count(&contacts[part]));
    assert_eq!(
        parts.iter().sum::<u64>() + sum(&contacts["refused"]),
        journal.0.len() as u64,
        "{contacts:#}"
    );
    let dialled = journal.0.values().filter(|(_, attempts)| !attempts.is_empty()).count();
    assert_eq!(count(&contacts["dialled"]), dialled as u64);
    assert_eq!(sum(&contacts["outcomes"]), dialled as u64, "{contacts:#}");
    let opted_out = journal.attempts().filter(|attempt| attempt.opted_out).count();
    assert_eq!(count(&contacts["opted_out"]), opted_out as u64);

    let attempts = &report["attempts"];
    assert_eq!(count(&attempts["all"]), journal.attempts().count() as u64);
    assert_eq!(count(&attempts["under_way"]), 0);
    let mut reach: BTreeMap<String, u64> = BTreeMap::new();
    for attempt in journal.attempts() {
        *reach
            .entry(attempt.reach.expect("it has ended").to_string())
            .or_default() += 1;
    }
    assert_eq!(attempts["reach"], json!(reach), "the report, and the journal");
    let seconds: f64 = journal.attempts().map(|attempt| attempt.seconds).sum();
    let minutes = report["minutes"].as_f64().expect("minutes");
    assert!((minutes - seconds / 60.0).abs() < 0.01, "{minutes} min, {seconds} s");
    let cost = report["cost"]["amount"].as_f64().expect("an amount");
    assert!((cost - minutes * 0.02).abs() < 1e-6, "{cost}");
    assert!(report["difference"].is_object(), "some were held out: {report:#}");

    let rows = std::fs::read_to_string(&calls).expect("the calls");
    assert_eq!(rows.lines().count(), journal.attempts().count() + 1, "{rows}");
    let figures = std::fs::read_to_string(&figures).expect("the figures");
    assert!(
        figures.contains(&format!("opt-outs,want no more calls,{opted_out},")),
        "{figures}"
    );
    let plot = std::fs::read_to_string(&plot).expect("the picture");
    assert!(plot.starts_with("<svg") || plot.starts_with("<?xml"), "{plot}");
}
