//! The simulated telephone network, rung on loopback: who answers, what they sound like, what they record, and what is told of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use offhook::audio::{FRAME_DURATION, Frame, frames, tone};
use offhook::clock;
use offhook::rtp::{self, RtpStream};
use offhook::sdp::{self, Capabilities, Codec};
use offhook::simulate::network::{By, Exchange, Ledger, Numbers, Placed, left};
use offhook::simulate::noise::{Noise, Place};
use offhook::sip::{Action, CallId, Ended, Event};
use tokio::net::UdpSocket;

use crate::sip::phone::{Phone, soon};

/// Nobody of these needs a voice.
const NUMBERS: &str = r#"
subscribers:
  busy: {refuses: 486}
  slow: {rings: 300ms, refuses: 603}
  not_answered: {rings: forever}
  dead: {rings: never}
  machine: {steps: [{wait: 200ms}, {sound: beep}, {record: 20s}, {end: caller}]}
  short: {steps: [{sound: beep}, {record: 1s}, {end: caller}]}
  keys: {steps: [{wait: 200ms}, {press: "91"}, {end: bot}]}
  intercept: {early: [{sound: intercept}], refuses: 404}
  early: {early: [{sound: beep}], steps: [{press: "5"}, {wait: 5s}, {end: caller}]}
numbers: {"08": intercept, "09": early, "00": busy, "01": slow, "02": not_answered, "03": dead, "04": machine, "05": keys, "06": "busy, keys", "07": short}
"#;

struct Network {
    exchange: Exchange,
    ledger: Arc<Mutex<Ledger>>,
    phone: Phone,
}

impl Network {
    async fn start() -> Network {
        let numbers = Numbers::parse(NUMBERS).expect("numbers");
        let prepared = numbers.prepare(None).await.expect("nobody speaks");
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let kept = Arc::clone(&ledger);
        let watch = move |happening: &_| kept.lock().unwrap_or_else(PoisonError::into_inner).note(happening);
        let any = ([127, 0, 0, 1], 0).into();
        let exchange = Exchange::start(any, prepared, watch).await.expect("a network");
        Network {
            exchange,
            ledger,
            phone: Phone::new().await,
        }
    }

    fn uri(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.exchange.address())
    }

    /// How the call to `number` went, once it is over.
    async fn went(&self, number: &str) -> Placed {
        let over = async {
            loop {
                let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let found = ledger.calls().filter(|placed| placed.number == number).last();
                if let Some(placed) = found.filter(|placed| placed.ended.is_some()) {
                    return placed.clone();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon("the end of the call at the network", over).await
    }

    async fn refused(&mut self, number: &str) -> u16 {
        let call = self.phone.dial(self.uri(number));
        loop {
            match self.phone.next().await {
                Event::Refused { code, call: told, .. } if told == call => return code,
                Event::Progressed { code: 180, .. } => {}
                other => panic!("not a refusal: {other:?}"),
            }
        }
    }

    /// Rings `number` with a line of our own, and is answered.
    async fn line(&mut self, number: &str) -> Talking {
        let mut talking = self.rings(number).await;
        let body = loop {
            match self.phone.next().await {
                Event::Answered { body, .. } => break body.expect("an answer"),
                Event::Progressed { .. } => {}
                other => panic!("not answered: {other:?}"),
            }
        };
        talking.agree(&body);
        talking
    }

    async fn rings(&mut self, number: &str) -> Talking {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let secret = sdp::Secret::drawn(rand::random);
        let local = sdp::Local::new(socket.local_addr().expect("an address"), 7, secret);
        let call = self.phone.agent.next_call();
        self.phone.act(Action::Dial {
            call,
            to: self.uri(number),
            from: Some("+4930123456".to_owned()),
            trunk: None,
            offer: sdp::offer(&local, &capabilities()).into_bytes(),
        });
        Talking {
            call,
            socket,
            local,
            stream: None,
        }
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        codecs: Codec::TELEPHONE.to_vec(),
        ..Capabilities::default()
    }
}

struct Talking {
    call: CallId,
    socket: UdpSocket,
    local: sdp::Local,
    stream: Option<RtpStream>,
}

impl Talking {
    fn agree(&mut self, body: &[u8]) {
        let media = sdp::accept(body, &self.local, &capabilities()).expect("a line");
        self.stream = Some(RtpStream::new(clock::now(), media.peer(), rtp::Config::default(), 3));
    }

    /// Sends `says`, a frame every 20 ms; what is heard meanwhile, and which keys.
    async fn says(&mut self, says: impl Iterator<Item = Frame>) -> (Vec<i16>, String) {
        let mut tick = tokio::time::interval(FRAME_DURATION);
        let (mut heard, mut keys) = (Vec::new(), String::new());
        let stream = self.stream.as_mut().expect("agreed on");
        for frame in says {
            tick.tick().await;
            let mut datagram = [0; 2048];
            while let Ok((length, from)) = self.socket.try_recv_from(&mut datagram) {
                stream.handle_datagram(clock::now(), from, &datagram[..length]);
            }
            let incoming = stream.tick(clock::now());
            heard.extend_from_slice(incoming.frame.samples());
            keys.extend(incoming.keys.iter().map(|key| key.symbol()));
            if let Some((to, datagram)) = stream.send(clock::now(), &frame) {
                self.socket.try_send_to(&datagram, to).expect("sent");
            }
        }
        (heard, keys)
    }
}

fn silence(span: Duration) -> impl Iterator<Item = Frame> {
    let count = span.as_millis() / FRAME_DURATION.as_millis();
    (0..count).map(|_| Frame::silence())
}

/// A voice without words, four seconds long.
fn message() -> Vec<i16> {
    let mut noise = Noise::new(Place::Television, 0.0, 11);
    let mut samples = Vec::new();
    for _ in 0..200 {
        let mut frame = Frame::silence();
        noise.mix(&mut frame);
        samples.extend_from_slice(frame.samples());
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_refuses_as_its_numbers_say() {
    let mut network = Network::start().await;
    assert_eq!(network.refused("+493023125000").await, 486);
    assert_eq!(network.refused("+493023125001").await, 603);
    assert_eq!(network.refused("+493023125099").await, 404, "nobody's number");
    assert_eq!(network.refused("+493023125006").await, 486, "the first time");
    let placed = network.went("+493023125001").await;
    assert_eq!(
        (placed.refused, placed.by, placed.answered),
        (Some(603), Some(By::Callee), None)
    );
    assert_eq!(
        (placed.who.as_str(), placed.from.as_str(), placed.attempt),
        ("slow", "4912", 1)
    );
    network.line("+493023125006").await;
    let ledger = network.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(ledger.by_number()["+493023125006"], 2, "the second is answered");
    network.exchange.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_given_up_on() {
    let mut network = Network::start().await;
    for (number, rings) in [("+493023125002", true), ("+493023125003", false)] {
        let call = network.phone.dial(network.uri(number));
        if rings {
            let told = network.phone.next().await;
            assert!(matches!(told, Event::Progressed { code: 180, .. }), "{told:?}");
        } else {
            // Nothing comes: the network has the call, which is all there is to wait for.
            let rung = async {
                while !network
                    .ledger
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .by_number()
                    .contains_key(number)
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            soon("the INVITE at the network", rung).await;
        }
        network.phone.hang_up(call);
        assert_eq!(network.phone.ended().await, (call, Ended::ByUs));
        let placed = network.went(number).await;
        assert_eq!(
            (placed.by, placed.answered, placed.refused),
            (Some(By::GaveUp), None, None)
        );
    }
    network.exchange.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_beeps_and_records_from_then_on() {
    let mut network = Network::start().await;
    let message = message();
    for (number, early) in [("+493023125004", false), ("+493023125104", true)] {
        let mut talking = network.line(number).await;
        // The beep begins after 200 ms and is 400 ms long: who speaks at once speaks into it.
        let wait = Duration::from_millis(if early { 0 } else { 1_000 });
        let (mut heard, _) = talking.says(silence(wait)).await;
        let (more, _) = talking.says(frames(&message)).await;
        heard.extend(more);
        talking.says(silence(Duration::from_millis(300))).await;
        let loudest = heard.chunks(3_200).map(|piece| tone::level_at(piece, 16_000, 1_000.0));
        assert!(loudest.fold(-90.0, f32::max) > -25.0, "there was no beep");
        network.phone.hang_up(talking.call);
        network.phone.ended().await;
        let placed = network.went(number).await;
        assert_eq!(placed.by, Some(By::Caller));
        let found = left(&message, &placed.recorded).expect("most of the message");
        assert_eq!(found.is_whole(), !early, "{found:?}");
        assert!(!early || found.cut_before >= Duration::from_millis(200), "{found:?}");
    }
    network.exchange.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_pressed_and_a_machine_hangs_up() {
    let mut network = Network::start().await;
    let mut talking = network.line("+493023125005").await;
    let (_, keys) = talking.says(silence(Duration::from_secs(2))).await;
    assert_eq!(keys, "91");
    network.phone.hang_up(talking.call);
    network.phone.ended().await;
    assert_eq!(network.went("+493023125005").await.keys, "91");
    let mut talking = network.line("+493023125007").await;
    talking.says(silence(Duration::from_secs(2))).await;
    assert_eq!(network.phone.ended().await, (talking.call, Ended::ByPeer));
    let placed = network.went("+493023125007").await;
    assert_eq!(placed.by, Some(By::Callee));
    assert!(
        (15_000..18_000).contains(&placed.recorded.len()),
        "a second: {}",
        placed.recorded.len()
    );
    network.exchange.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_heard_before_an_answer() {
    let mut network = Network::start().await;
    for (number, hz, answered) in [("+493023125008", 1_400.0, false), ("+493023125009", 1_000.0, true)] {
        let mut talking = network.rings(number).await;
        match network.phone.next().await {
            Event::Progressed { code: 183, body, .. } => talking.agree(&body.expect("a session")),
            other => panic!("no early session: {other:?}"),
        }
        let (heard, mut keys) = talking.says(silence(Duration::from_millis(1_500))).await;
        let loudest = heard.chunks(3_200).map(|piece| tone::level_at(piece, 16_000, hz));
        assert!(loudest.fold(-90.0, f32::max) > -30.0, "{hz} Hz was not heard");
        match network.phone.next().await {
            Event::Refused { code: 404, .. } if !answered => {}
            Event::Answered { body, .. } if answered => {
                // The same session goes on.
                sdp::accept(&body.expect("an answer"), &talking.local, &capabilities()).expect("a line");
                keys += &talking.says(silence(Duration::from_secs(1))).await.1;
                assert_eq!(keys, "5");
                network.phone.hang_up(talking.call);
                network.phone.ended().await;
            }
            other => panic!("not as written: {other:?}"),
        }
        let placed = network.went(number).await;
        assert_eq!(
            (placed.answered.is_some(), placed.refused),
            (answered, (!answered).then_some(404))
        );
    }
    network.exchange.close().await;
}
