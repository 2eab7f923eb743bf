//! Calls that are placed on loopback, by a bot with its engines: the network is a socket that says what the test wants.

mod network;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use self::network::{LIMIT, Network, Telephone, field, soon};
use super::*;
use crate::audio::tone::{Key, level_at, sine};
use crate::audio::{Frame, frames};
use crate::call::{Manager, Opening};
use crate::campaign::pacer::Progress;
use crate::campaign::permit::{Abandonment, Standing};
use crate::campaign::{Facts, Number, Whereabouts, permit};
use crate::config::{Config, Recordings};
use crate::dialplan::{self, Value};
use crate::engine::letters::letter_box;
use crate::engine::load::{self, Script};
use crate::language::Language;
use crate::sip::{Destination, Destinations, Listen, Prefix, Transport, Trunk};
use crate::store::Store;
use crate::store::people::{Hash, Person, Role};
use jiff::SignedDuration;

const PLAN: &str = r#"
version: 1
campaigns:
  unpaid:
    assistant: leo
    flow: ask
    trigger: {event: left, cancel_on: [paid]}
    contacts: {key: id, phone: phone, vars: [consent_at]}
    consent: {basis: prior_express, purpose: service, proof: consent_at}
    dnc: {lists: [internal], opt_out: ["dtmf:9"]}
    window: {days: mon-sun, from: "06:00", to: "20:00", clock: contact, holidays: false}
    caller_id: "+4930123456"
  welcome:
    assistant: leo
    flow: hand
    contacts: {key: id, phone: phone, vars: [consent_at]}
    consent: {basis: prior_express, purpose: service, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: mon-sun, from: "06:00", to: "20:00", clock: contact, holidays: false}
    caller_id: "+4930123456"
    pacing: {mode: progressive, max_calls: 2}
queues:
  care: {skills: [returns], max_wait: 5m, overflow: nobody}
handoff:
  warm: {queue: care, brief: [summary], whisper: 4s, no_agent: nobody}
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant, calling about your order."}
slots:
  reason: {type: enum, values: [price, later]}
flows:
  ask: {steps: [{collect: reason, ask: "Was it the price, or is it for later?"}, {disposition: told}, {hangup: "Thank you."}]}
  hand: {steps: [{transfer: warm, say: "One moment, please."}]}
  nobody: {steps: [{say: "Nobody is free."}]}
policies:
  - {when: "caller.opts_out", do: {disposition: dnc, hangup: "Goodbye."}}
"#;
const NUMBER: &str = "+493023125001";
/// What the tests share.
struct Trial {
    bot: Arc<Bot>,
    network: Network,
    /// Where the telephone of an agent is.
    desk: Network,
    campaign: &'static str,
    wishes: watch::Sender<Option<Wish>>,
    steps: Arc<Mutex<Vec<Step>>>,
}

impl Trial {
    /// A permit of that moment.
    fn permit(&self, at: Timestamp) -> Permit {
        let script = self.bot.script();
        let campaign = script.plan.campaigns.get(self.campaign).expect("the campaign");
        // Where it is about noon.
        let hour = at.to_zoned(jiff::tz::TimeZone::UTC).hour();
        let zone = format!("Etc/GMT{:+}", hour - 12);
        let number: Number = Number::parse(NUMBER, None).expect("a number");
        let opening = crate::campaign::Opening::new(
            campaign.window.as_ref().expect("a window"),
            &[],
            jiff::tz::TimeZone::UTC,
        );
        let facts = Facts {
            campaign,
            opening: &opening,
            running: true,
            disclosed: true,
            contact: 1,
            standing: Standing::Open,
            number,
            whereabouts: &Whereabouts::of(number, Some(&zone)).expect("a zone"),
            proof: Some("2026-01-15"),
            appointment: None,
            listed: &[],
            lists: &["internal".to_owned()],
            calls: &[],
            quiet_gap: Duration::ZERO,
            destination: true,
            attended: true,
            abandonment: Abandonment::default(),
        };
        permit(at, &facts).expect("a permit")
    }

    fn start(&self, record: &Record) -> Start {
        let script = self.bot.script();
        let campaign = script.plan.campaigns.get(self.campaign).expect("the campaign");
        Start {
            assistant: "leo".into(),
            flow: campaign.flow.clone(),
            language: Language::English,
            facts: dialplan::Facts {
                call: [("id".to_owned(), Value::Text(record.id.clone()))].into(),
                caller: [("number".to_owned(), Value::Text(NUMBER.into()))].into(),
                ..dialplan::Facts::of_nobody(clock::wall())
            },
            told: BTreeMap::new(),
            understanding: script.understanding.get("leo").cloned().unwrap_or_default(),
            manager: Manager::Grounded,
            opening: Some(Opening::of(campaign)),
            plan: Arc::clone(&script.plan),
        }
    }

    /// A call by a permit of that moment, and where it is told of events.
    fn placed(
        &mut self,
        trunk: &str,
        ring: Duration,
        at: Timestamp,
    ) -> (impl Future<Output = Done> + use<>, mpsc::Sender<Letter>) {
        let record = self.bot.next_record();
        let (letters, steps) = (letter_box(), Arc::clone(&self.steps));
        let told = letters.0.clone();
        let placing = Placing {
            permit: self.permit(at),
            start: self.start(&record),
            record,
            trunk: Some(trunk.into()),
            ring,
            place: self.bot.places.take_to_dial(1).expect("a place"),
            letters,
            wishes: self.wishes.subscribe(),
            progress: Box::new(move |step| steps.lock().expect("no panic").push(step)),
        };
        (place(Arc::clone(&self.bot), placing), told)
    }

    fn places(&mut self) -> (impl Future<Output = Done> + use<>, mpsc::Sender<Letter>) {
        self.placed("provider", LIMIT, clock::wall())
    }

    /// What was told meanwhile.
    fn steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.steps.lock().expect("no panic"))
    }

    /// A call that the network treats so.
    async fn meets<T>(&mut self, network: impl AsyncFnOnce(&Network, (String, SocketAddr)) -> T) -> (Done, T) {
        let (call, _told) = self.places();
        let network = async { network(&self.network, self.network.reads("INVITE").await).await };
        soon("the end of a call", async { tokio::join!(call, network) }).await
    }
}

/// Nobody is reached, and it is known why.
async fn nobody_answers(trial: &mut Trial) {
    let (busy, invite) = trial
        .meets(async |network, invite| {
            network.responds(&invite, "180 Ringing", "").await;
            network.refuses(&invite, "486 Busy Here").await;
            invite.0
        })
        .await;
    assert_eq!((busy.reach, busy.code), (Reach::Busy, Some(486)), "{busy:?}");
    assert_eq!(busy.ending, "not reached: 486 Busy Here");
    assert!(!busy.human_reached && busy.answered.is_none() && !busy.abandoned);
    // The plan's number is shown, to the callee and to the trunk, and the contact's is dialled as the trunk wants it.
    assert!(invite.starts_with("INVITE sip:00493023125001@127.0.0.1"), "{invite}");
    assert!(field(&invite, "From").contains("sip:+4930123456@"), "{invite}");
    assert!(
        field(&invite, "P-Asserted-Identity").contains("sip:+4930123456@"),
        "{invite}"
    );

    for (status, reach) in [
        ("404 Not Found", Reach::NotFound),
        ("603 Decline", Reach::Rejected),
        ("503 Service Unavailable", Reach::Congestion),
        ("480 Temporarily Unavailable", Reach::NoAnswer),
    ] {
        let (done, ()) = trial
            .meets(async |network, invite| network.refuses(&invite, status).await)
            .await;
        assert_eq!(done.reach, reach, "{done:?}");
    }

    let (call, _told) = trial.placed("provider", Duration::from_millis(700), clock::wall());
    let rings = async {
        let invite = trial.network.reads("INVITE").await;
        trial.network.responds(&invite, "180 Ringing", "").await;
        trial.network.is_given_up(&invite).await;
    };
    let (done, ()) = soon("the end of ringing", async { tokio::join!(call, rings) }).await;
    assert_eq!((done.reach, done.code), (Reach::NoAnswer, None), "{done:?}");

    let (call, told) = trial.places();
    let paid = async {
        let invite = trial.network.reads("INVITE").await;
        trial.network.responds(&invite, "180 Ringing", "").await;
        for event in ["moved", "paid"] {
            told.send(Letter::Event(event.into())).await.expect("it rings");
        }
        trial.network.is_given_up(&invite).await;
    };
    let (done, ()) = soon("the end of ringing", async { tokio::join!(call, paid) }).await;
    assert_eq!(
        (done.called_off.as_deref(), done.reach),
        (Some("paid"), Reach::NoAnswer),
        "{done:?}"
    );

    let old = clock::wall() - SignedDuration::from_secs(10);
    for (trunk, at, why) in [("provider", old, "permit"), ("hidden", clock::wall(), "withholds")] {
        let (call, _told) = trial.placed(trunk, LIMIT, at);
        let done = soon("the end of what was not begun", call).await;
        assert_eq!((done.reach, done.code), (Reach::Congestion, None));
        assert!(done.ending.contains(why), "{done:?}");
    }
    assert!(trial.steps().is_empty(), "nobody was reached");
}

/// The network says by a tone what its code leaves open.
async fn a_busy_tone_is_heard(trial: &mut Trial) {
    let (done, ()) = trial
        .meets(async |network, invite| {
            let (mut telephone, body) = Telephone::of(&invite.0).await;
            network.responds(&invite, "183 Session Progress", &body).await;
            let half = Duration::from_millis(500);
            let cadence = [sine(425.0, -15.0, half), vec![0; 8_000]].concat();
            for frame in frames(&cadence.repeat(6)) {
                telephone.step(&frame).await;
            }
            network.refuses(&invite, "480 Temporarily Unavailable").await;
        })
        .await;
    assert_eq!((done.reach, done.code), (Reach::Busy, Some(480)), "{done:?}");
}

/// Somebody does, and hears the disclosure; then they want no more calls.
async fn somebody_opts_out(trial: &mut Trial) -> String {
    let (done, ()) = trial
        .meets(async |network, invite| {
            let mut telephone = network.answers(&invite).await;
            telephone.hears(Duration::from_secs(1)).await;
            telephone
                .stream
                .send_key(Key::from_symbol('9').expect("a key"))
                .expect("keys are told");
            telephone.through(network.is_hung_up_on()).await;
        })
        .await;
    assert_eq!(
        (done.reach, done.answered_by),
        (Reach::Answered, Some(AnsweredBy::Human)),
        "{done:?}"
    );
    assert!(done.opted_out && done.human_reached && !done.abandoned && done.answered.is_some());
    assert_eq!(done.disposition.as_deref(), Some("dnc"));
    assert!(done.talked > Duration::from_secs(1) && done.talked < LIMIT, "{done:?}");
    assert_eq!(trial.steps(), [Step::Progress(Progress::Human), Step::OptedOut]);
    done.call
}

/// What happens elsewhere is told to the call; and they hang up when they like.
async fn somebody_hangs_up(trial: &mut Trial) -> String {
    let (call, told) = trial.places();
    let speaks = async {
        let invite = trial.network.reads("INVITE").await;
        trial.network.responds(&invite, "180 Ringing", "").await;
        let mut telephone = trial.network.answers(&invite).await;
        telephone.hears(Duration::from_millis(500)).await;
        told.send(Letter::Event("paid".into())).await.expect("it goes on");
        telephone.hears(Duration::from_millis(500)).await;
        trial.network.hangs_up(&invite).await;
    };
    let (done, ()) = soon("the end of a call", async { tokio::join!(call, speaks) }).await;
    assert_eq!(done.ending, "the called person hung up");
    assert_eq!(
        (done.reach, done.called_off.as_deref(), done.opted_out),
        (Reach::Answered, None, false)
    );
    trial.steps();
    done.call
}

/// An agent is rung for who has answered, and they are together; or the agent does not come.
async fn an_agent_takes_it(trial: &mut Trial) {
    trial.campaign = "welcome";
    for comes in [false, true] {
        let (call, _told) = trial.places();
        let answers = async {
            let invite = trial.network.reads("INVITE").await;
            let mut called = trial.network.answers(&invite).await;
            let rung = called.through(trial.desk.reads("INVITE")).await;
            if comes {
                let mut agent = trial.desk.answers(&rung).await;
                let says = Frame::from_slice(&sine(700.0, -15.0, FRAME_DURATION));
                let heard = async {
                    loop {
                        let frame = called.step(&Frame::silence()).await;
                        if level_at(frame.samples(), 16_000, 700.0) > -30.0 {
                            return;
                        }
                    }
                };
                let speaks = async {
                    loop {
                        agent.step(&says).await;
                    }
                };
                soon("the agent's voice", async {
                    tokio::select! {
                        () = heard => {}
                        () = speaks => {}
                    }
                })
                .await;
                trial.network.hangs_up(&invite).await;
                trial.desk.is_hung_up_on().await;
            } else {
                trial.desk.responds(&rung, "180 Ringing", "").await;
                trial.network.hangs_up(&invite).await;
                trial.desk.is_given_up(&rung).await;
            }
        };
        let (done, ()) = soon("the end of a call", async { tokio::join!(call, answers) }).await;
        assert_eq!(
            (done.reach, done.bridged, done.abandoned),
            (Reach::Answered, comes, !comes),
            "{done:?}"
        );
        assert_eq!(
            trial.steps(),
            [Progress::Human, Progress::WithAgent].map(Step::Progress)
        );
    }
    trial.campaign = "unpaid";
}

/// The bot is shut down.
async fn all_is_over(trial: &mut Trial) {
    let (call, _told) = trial.places();
    let answers = async {
        let invite = trial.network.reads("INVITE").await;
        let mut telephone = trial.network.answers(&invite).await;
        telephone.hears(Duration::from_millis(200)).await;
        trial.wishes.send_replace(Some(Wish::End));
        telephone.through(trial.network.is_hung_up_on()).await;
    };
    let (done, ()) = soon("the end of a call", async { tokio::join!(call, answers) }).await;
    assert_eq!(
        (done.reach, done.ending.as_str()),
        (Reach::Answered, "the bot was shut down")
    );
    let (call, _told) = trial.places();
    let done = soon("the end of a call", call).await;
    assert_eq!(done.reach, Reach::Interrupted, "{done:?}");
}

/// She takes calls of the queue, at a telephone there.
async fn employs_ann(records: &Path, desk: &Network) {
    let store = Store::open(records).await.expect("the records");
    let ann = Person {
        name: "ann".into(),
        display: "Ann".into(),
        role: Role::Agent,
        skills: vec!["returns".into()],
        languages: vec![Language::English],
        capacity: 1,
        phone: Some(format!("sip:ann@{}", desk.address())),
        disabled: false,
    };
    let added = store.add_person(&ann, &Hash::none(), None, clock::wall()).await;
    assert!(added.expect("written"));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_placed_and_what_comes_of_them_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.yaml");
    std::fs::write(&plan, PLAN).expect("written");
    let network = Network::open().await;
    let desk = Network::open().await;
    let mut config = Config {
        plan,
        data: folder.path().to_owned(),
        ..Config::default()
    };
    config.rtp.ports = 39_000..=39_199;
    config.calls.record = Recordings::No;
    config.sip.listen = vec![Listen {
        transport: Transport::Udp,
        address: ([127, 0, 0, 1], 0).into(),
    }];
    let trunk = |name: &str, caller_id| Trunk {
        name: name.into(),
        server: network.address().to_string(),
        caller_id,
        numbers: vec![Prefix {
            from: "+".into(),
            to: "00".into(),
        }],
        ..Trunk::default()
    };
    config.sip.trunks = vec![
        trunk("provider", CallerId::Asserted),
        trunk("hidden", CallerId::Withheld),
    ];
    let allowed = ["+49", "sip:ann@127.0.0.1"].map(|rule| rule.parse::<Destination>().expect("a rule"));
    config.outbound.allow = Destinations::Listed(allowed.to_vec());
    employs_ann(&config.data.join("offhook.db"), &desk).await;
    let script = Script::load(&config.plan, None).expect("a plan");
    let engines = match tokio::task::block_in_place(|| load::engines(&config, &script)) {
        Ok(engines) => Arc::new(engines),
        Err(error) => return eprintln!("SKIPPED: {error}"),
    };
    let running = load::start(&config, script, engines).await.expect("a bot");
    let mut trial = Trial {
        bot: Arc::clone(&running.bot),
        network,
        desk,
        campaign: "unpaid",
        wishes: watch::channel(None).0,
        steps: Arc::default(),
    };
    let wishes = running.wishes.clone();
    let free = trial.bot.places.free();
    let calling = async move {
        nobody_answers(&mut trial).await;
        a_busy_tone_is_heard(&mut trial).await;
        let calls = [somebody_opts_out(&mut trial).await, somebody_hangs_up(&mut trial).await];
        an_agent_takes_it(&mut trial).await;
        all_is_over(&mut trial).await;
        let places = &trial.bot.places;
        assert_eq!((places.free(), places.dialling()), (free, 0), "places are given back");
        assert!(trial.bot.placed().is_empty(), "nobody is told of calls that are over");
        // What is there of the bot ends with it, the records last.
        drop(trial);
        wishes.send(Wish::Drain).await.expect("it runs");
        calls
    };
    let (calls, ()) = tokio::join!(calling, running.run());
    let store = Store::open(&folder.path().join("offhook.db"))
        .await
        .expect("the records");
    for (call, ending) in calls.iter().zip(["the bot hung up", "the called person hung up"]) {
        let record = store.show(call).await.expect("read").expect("a record");
        let lines = format!("{:?}", record.lines);
        assert_eq!(record.summary.ending.as_deref(), Some(ending), "{lines}");
        assert_eq!(
            (record.summary.caller.as_str(), record.summary.callee.as_str()),
            (NUMBER, "unpaid")
        );
        assert!(
            lines.contains("is called by provider") && lines.contains("This is Leo"),
            "{lines}"
        );
        assert_eq!(lines.contains("meanwhile: paid"), ending.contains("person"), "{lines}");
    }
}

#[tokio::test]
async fn what_is_asked_beside_is_known_or_not_when_the_work_is_done() {
    let (done, wait) = tokio::sync::oneshot::channel::<u8>();
    let work = async {
        tokio::task::yield_now().await;
        done.send(7).ok();
        tokio::task::yield_now().await;
        "done"
    };
    assert_eq!(beside(work, Some(wait)).await, ("done", Some(Ok(7))));
    let never = std::future::pending::<u8>();
    assert_eq!(beside(async { "done" }, Some(never)).await, ("done", None));
    assert_eq!(
        beside(async { "done" }, None::<std::future::Ready<u8>>).await,
        ("done", None)
    );
}
