//! Calls that are placed on loopback, by a bot with its engines: the network is a socket that says what the test wants.

use std::net::SocketAddr;
use std::sync::Mutex;

use jiff::SignedDuration;
use tokio::net::UdpSocket;

use super::*;
use crate::audio::tone::{Key, sine};
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
use crate::rtp::{self, RtpStream};
use crate::sdp::{self, Capabilities};
use crate::sip::{CallerId, Destination, Destinations, Listen, Transport, Trunk};
use crate::store::Store;

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
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant, calling about your order."}
slots:
  reason: {type: enum, values: [price, later]}
flows:
  ask: {steps: [{collect: reason, ask: "Was it the price, or is it for later?"}, {disposition: told}, {hangup: "Thank you."}]}
policies:
  - {when: "caller.opts_out", do: {disposition: dnc, hangup: "Goodbye."}}
"#;
const NUMBER: &str = "+493023125001";
/// For whatever is waited for.
const LIMIT: Duration = Duration::from_secs(30);

async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let limit = tokio::time::timeout(LIMIT, wait).await;
    limit.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A trunk's server, which says what it is told to.
struct Network(UdpSocket);

impl Network {
    async fn read(&self) -> (String, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        let (len, from) = soon("a message", self.0.recv_from(&mut buffer))
            .await
            .expect("a datagram");
        (String::from_utf8_lossy(&buffer[..len]).into_owned(), from)
    }

    /// The next request of this method; what comes before it is passed over.
    async fn reads(&self, method: &str) -> (String, SocketAddr) {
        loop {
            let (message, from) = self.read().await;
            if message.starts_with(&format!("{method} ")) {
                return (message, from);
            }
        }
    }

    async fn responds(&self, (request, from): &(String, SocketAddr), status: &str, body: &str) {
        let kept = |line: &&str| {
            ["Via:", "From:", "Call-ID:", "CSeq:"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let lines: Vec<&str> = request
            .lines()
            .take_while(|line| !line.is_empty())
            .filter(kept)
            .collect();
        let to = field(request, "To");
        let tag = if to.contains(";tag=") { "" } else { ";tag=network" };
        let port = self.0.local_addr().expect("an address").port();
        let message = format!(
            "SIP/2.0 {status}\r\n{}\r\nTo: {to}{tag}\r\nContact: <sip:network@127.0.0.1:{port}>\r\n{}Content-Length: {}\r\n\r\n{body}",
            lines.join("\r\n"),
            if body.is_empty() {
                ""
            } else {
                "Content-Type: application/sdp\r\n"
            },
            body.len()
        );
        self.0.send_to(message.as_bytes(), from).await.expect("sent");
    }

    /// Refuses it, and is told that this was understood.
    async fn refuses(&self, invite: &(String, SocketAddr), status: &str) {
        self.responds(invite, status, "").await;
        self.reads("ACK").await;
    }

    /// It is given up while it rings.
    async fn is_given_up(&self, invite: &(String, SocketAddr)) {
        let cancel = self.reads("CANCEL").await;
        self.responds(&cancel, "200 OK", "").await;
        self.refuses(invite, "487 Request Terminated").await;
    }

    /// Answers it, and can be spoken with.
    async fn answers(&self, invite: &(String, SocketAddr)) -> Telephone {
        let (telephone, body) = Telephone::of(&invite.0).await;
        self.responds(invite, "200 OK", &body).await;
        self.reads("ACK").await;
        telephone
    }

    /// Who was called hangs up.
    async fn hangs_up(&self, (invite, from): &(String, SocketAddr)) {
        let port = self.0.local_addr().expect("an address").port();
        let target = field(invite, "Contact");
        let target = target.trim_start_matches('<').split('>').next().unwrap_or_default();
        let bye = format!(
            "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKbye{};rport\r\nFrom: {};tag=network\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            field(invite, "Call-ID"),
            field(invite, "To"),
            field(invite, "From"),
            field(invite, "Call-ID"),
        );
        self.0.send_to(bye.as_bytes(), from).await.expect("sent");
    }

    /// The bot does.
    async fn is_hung_up_on(&self) {
        let bye = self.reads("BYE").await;
        self.responds(&bye, "200 OK", "").await;
    }
}

fn field(message: &str, name: &str) -> String {
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// The sound of who was called.
struct Telephone {
    socket: UdpSocket,
    stream: RtpStream,
    tick: tokio::time::Interval,
}

impl Telephone {
    /// And its answer to the offer of an INVITE.
    async fn of(invite: &str) -> (Self, String) {
        let (_, offer) = invite.split_once("\r\n\r\n").expect("an offer");
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let local = sdp::Local::new(address, 1, sdp::Secret::drawn(|| 7));
        let (answer, media) =
            sdp::answer(offer.as_bytes(), &local, &Capabilities::default()).expect("a codec in common");
        let telephone = Self {
            socket,
            stream: RtpStream::new(clock::now(), media.peer(), rtp::Config::default(), 1),
            tick: tokio::time::interval(FRAME_DURATION),
        };
        (telephone, answer)
    }

    /// 20 ms: says this, and what it hears.
    async fn step(&mut self, says: &Frame) -> Frame {
        self.tick.tick().await;
        let now = clock::now();
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.socket.try_recv_from(&mut buffer) {
            self.stream.handle_datagram(now, from, &buffer[..len]);
        }
        if let Some((to, datagram)) = self.stream.send(now, says) {
            self.socket.send_to(&datagram, to).await.expect("sent");
        }
        self.stream.tick(now).frame
    }

    /// Says nothing until it has heard so much.
    async fn hears(&mut self, sound: Duration) {
        let mut loud = Duration::ZERO;
        let heard = async {
            while loud < sound {
                if self.step(&Frame::silence()).await.level() > -40.0 {
                    loud += FRAME_DURATION;
                }
            }
        };
        soon("the bot's voice", heard).await;
    }

    /// Is there, and says nothing, as long as that takes.
    async fn through<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        soon("what comes of it", async {
            loop {
                tokio::select! {
                    done = &mut wait => return done,
                    _ = self.step(&Frame::silence()) => {}
                }
            }
        })
        .await
    }
}

/// What the tests share.
struct Trial {
    bot: Arc<Bot>,
    network: Network,
    wishes: watch::Sender<Option<Wish>>,
    steps: Arc<Mutex<Vec<Step>>>,
    call: u32,
}

impl Trial {
    /// A permit of that moment.
    fn permit(&self, at: Timestamp) -> Permit {
        let script = self.bot.script();
        let campaign = script.plan.campaigns.get("unpaid").expect("the campaign");
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
        let campaign = script.plan.campaigns.get("unpaid").expect("the campaign");
        Start {
            assistant: "leo".into(),
            flow: "ask".into(),
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
    fn placed(&mut self, ring: Duration, at: Timestamp) -> (impl Future<Output = Done> + use<>, mpsc::Sender<Letter>) {
        self.call += 1;
        let record = self.bot.next_record();
        let (letters, steps) = (letter_box(), Arc::clone(&self.steps));
        let told = letters.0.clone();
        let placing = Placing {
            permit: self.permit(at),
            start: self.start(&record),
            record,
            trunk: Some("provider".into()),
            ring,
            place: self.bot.places.take_to_dial(1).expect("a place"),
            letters,
            wishes: self.wishes.subscribe(),
            progress: Box::new(move |step| steps.lock().expect("no panic").push(step)),
        };
        (place(Arc::clone(&self.bot), placing), told)
    }

    fn places(&mut self) -> (impl Future<Output = Done> + use<>, mpsc::Sender<Letter>) {
        self.placed(LIMIT, clock::wall())
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

    let (call, _told) = trial.placed(Duration::from_millis(700), clock::wall());
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
    let (call, _told) = trial.placed(LIMIT, old);
    let done = soon("the end of what was not begun", call).await;
    assert_eq!((done.reach, done.code), (Reach::Congestion, None));
    assert!(done.ending.contains("permit"), "{done:?}");
    assert_eq!(trial.steps(), [], "nobody was reached");
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

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_placed_and_what_comes_of_them_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = folder.path().join("plan.yaml");
    std::fs::write(&plan, PLAN).expect("written");
    let network = Network(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
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
    config.sip.trunks = vec![Trunk {
        name: "provider".into(),
        server: network.0.local_addr().expect("an address").to_string(),
        caller_id: CallerId::Asserted,
        numbers: vec![crate::sip::Prefix {
            from: "+".into(),
            to: "00".into(),
        }],
        ..Trunk::default()
    }];
    config.outbound.allow = Destinations::Listed(vec!["+49".parse::<Destination>().expect("a rule")]);
    let script = Script::load(&config.plan, None).expect("a plan");
    let engines = match tokio::task::block_in_place(|| load::engines(&config, &script)) {
        Ok(engines) => Arc::new(engines),
        Err(error) => return eprintln!("SKIPPED: {error}"),
    };
    let running = load::start(&config, script, engines).await.expect("a bot");
    let mut trial = Trial {
        bot: Arc::clone(&running.bot),
        network,
        wishes: watch::channel(None).0,
        steps: Arc::default(),
        call: 0,
    };
    let wishes = running.wishes.clone();
    let calling = async move {
        nobody_answers(&mut trial).await;
        a_busy_tone_is_heard(&mut trial).await;
        let calls = [somebody_opts_out(&mut trial).await, somebody_hangs_up(&mut trial).await];
        all_is_over(&mut trial).await;
        let places = &trial.bot.places;
        assert_eq!(
            (places.free(), places.dialling()),
            (places.all(), 0),
            "places are given back"
        );
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
