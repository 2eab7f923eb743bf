//! The program is killed at random instants while it runs a campaign: nobody is dialled twice, and nobody is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use offhook::campaign::outcome::Reach;
use offhook::clock;
use offhook::simulate::network::Numbers;
use offhook::store::Store;
use offhook::store::campaigns::{AttemptRow, ContactRow};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::bot::{Bot, root, text, until};
use super::exchange::{Network, noon_and_midnight, somewhere};

/// Calls that are over soon, each in its own way: as many as possible are under way in each of their moments.
const NUMBERS: &str = r#"
subscribers:
  busy: {rings: 100ms, refuses: 486}
  no_such_number: {refuses: 404}
  rejects: {rings: 500ms, refuses: 603}
  slow: {rings: 2s, refuses: 486}
  hangs_up: {rings: 100ms, steps: [{wait: 200ms}, {end: caller}]}
  listens: {rings: 100ms, steps: [{end: bot}]}
numbers: {"0": busy, "1": no_such_number, "2": rejects, "3": hangs_up, "4": listens, "5": slow, "6": hangs_up, "7": listens, "8": busy, "9": listens}
"#;

/// After its start, in seconds: it takes some to be ready.
const LIVES: std::ops::Range<f64> = 0.2..7.0;
/// For what is left when nobody kills it any more.
const REST: Duration = Duration::from_secs(240);

#[test]
fn kills_lose_nobody_and_double_nobody() {
    killed(6, 300, 1);
}

#[test]
#[ignore = "five minutes: cargo test --release fifty_kills -- --ignored --nocapture"]
fn fifty_kills_lose_nobody_and_double_nobody() {
    killed(50, 2_000, 2);
}

/// One campaign of so many contacts, through so many kills.
fn killed(kills: usize, contacts: usize, seed: u64) {
    let address = somewhere();
    let plan = root().join("fixtures/plans/campaign-quick.yaml");
    let config = |port: u16| {
        format!(
            "sip: {{listen: [\"udp:127.0.0.1:{port}\"], trunks: [{{name: network, server: \"{address}\"}}]}}\noutbound: {{allow: [\"+49\"]}}\n\
             rtp: {{ports: 24000-25999}}\ncalls: {{most: 40, record: false}}\ncampaigns: {{lines: 20}}\nplan: {}\ndata: data\n",
            plan.display()
        )
    };
    let mut bot = Bot::start_with(config, &[]);
    let network = Network::start(&Numbers::parse(NUMBERS).expect("numbers"), address);
    load(&bot, contacts);
    let mut random = StdRng::seed_from_u64(seed);
    for n in 0..kills {
        let began = clock::now();
        let rung = network.calls().len();
        // At any instant, that of its start among them; every other time while somebody is certainly on the line.
        let lives = if n % 2 == 0 {
            Duration::from_secs_f64(random.random_range(LIVES))
        } else {
            until("the next call", REST, || (network.calls().len() > rung).then_some(()));
            clock::now().duration_since(began) + Duration::from_secs_f64(random.random_range(0.0..1.5))
        };
        while clock::now().duration_since(began) < lives {
            assert!(!bot.has_ended(), "it ended before it was killed");
            std::thread::park_timeout(Duration::from_millis(1));
        }
        bot.kill();
        println!("kill {n} after {lives:.1?}: {} were rung", network.calls().len() - rung);
        bot.begin_anew();
    }
    bot.await_ready();
    let store = network
        .block_on(Store::open(&bot.folder.path().join("data/offhook.db")))
        .expect("the store");
    let journal = until("the end of the campaign", REST, || {
        assert!(!bot.has_ended(), "it ended by itself");
        let journal = network.block_on(Journal::read(&store)).expect("the journal");
        journal.is_done().then_some(journal)
    });
    journal.reconcile(&network.rung(), contacts);
    let broken = network.calls().iter().filter(|placed| placed.ended.is_none()).count();
    println!(
        "{contacts} contacts, {kills} kills: {} attempts interrupted, {broken} calls of them still open at the network",
        journal.interrupted()
    );
    assert!(
        journal.interrupted() > 0,
        "no kill came in the middle of a call: nothing was shown"
    );
    let audit = bot.offhook(&["audit", "verify"]);
    assert!(audit.status.success(), "{}", text(&audit.stderr));
    network.block_on(store.close());
    bot.stop();
}

fn load(bot: &Bot, contacts: usize) {
    let (noon, _) = noon_and_midnight();
    let mut csv = "id,phone,consent_at,zone\n".to_owned();
    for n in 0..contacts {
        writeln!(csv, "c{n},{},2026-01-15,{noon}", number(n)).expect("written");
    }
    let file = bot.folder.path().join("contacts.csv");
    std::fs::write(&file, csv).expect("written");
    for arguments in [
        &["campaign", "load", "quick", file.to_str().expect("a path")][..],
        &["campaign", "start", "quick"][..],
    ] {
        let done = bot.offhook(arguments);
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
}

/// Of the thousand that the German regulator keeps for films in each of five cities.
fn number(n: usize) -> String {
    let city = ["+493023125", "+496990009", "+494066969", "+492214710", "+498999998"][n / 1_000];
    format!("{city}{:03}", n % 1_000)
}

/// What the program's own records say.
struct Journal(Vec<(ContactRow, Vec<AttemptRow>)>);

impl Journal {
    async fn read(store: &Store) -> Result<Self, offhook::store::Error> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let page = store.contacts_of("quick", after, 1_000).await?;
            let Some(last) = page.last() else {
                return Ok(Self(all));
            };
            after = last.id;
            for contact in page {
                let attempts = store.attempts_of(contact.id).await?;
                all.push((contact, attempts));
            }
        }
    }

    /// Whether each contact is closed, or waits for another attempt after one that was interrupted; and nobody is being called.
    fn is_done(&self) -> bool {
        self.0.iter().all(|(contact, attempts)| {
            let last = attempts.last();
            let waits = last.is_some_and(|last| last.reach == Some(Reach::Interrupted));
            (contact.closed.is_some() || waits) && attempts.iter().all(|attempt| attempt.ended.is_some())
        })
    }

    fn interrupted(&self) -> usize {
        let all = self.0.iter().flat_map(|(_, attempts)| attempts);
        all.filter(|attempt| attempt.reach == Some(Reach::Interrupted)).count()
    }

    fn reconcile(&self, rung: &BTreeMap<String, u32>, contacts: usize) {
        assert_eq!(self.0.len(), contacts, "contacts are lost, or doubled");
        let (mut lost, mut doubled, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for (contact, attempts) in &self.0 {
            let heard = rung.get(&contact.number.to_string()).copied().unwrap_or(0);
            if heard > 1 || attempts.len() > 1 {
                doubled.push((&contact.key, heard, attempts.len()));
            }
            match attempts.as_slice() {
                [] => lost.push(&contact.key),
                // Killed between the journal and the network: it counts as made.
                [only] if only.reach == Some(Reach::Interrupted) => {}
                [_, ..] if heard == 0 => unknown.push(&contact.key),
                [_, ..] => {}
            }
        }
        let ours: BTreeSet<String> = self.0.iter().map(|(contact, _)| contact.number.to_string()).collect();
        let strangers: Vec<&String> = rung.keys().filter(|number| !ours.contains(*number)).collect();
        assert!(lost.is_empty(), "never dialled: {lost:?}");
        assert!(doubled.is_empty(), "dialled more than once: {doubled:?}");
        assert!(
            unknown.is_empty(),
            "ended, though the network was never asked: {unknown:?}"
        );
        assert!(strangers.is_empty(), "nobody's numbers: {strangers:?}");
    }
}
