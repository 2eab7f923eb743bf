//! A page made of the library itself, on this machine: what flows, what is refused, what is noticed, and that nothing is left.

use std::net::UdpSocket;

use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

use super::*;
use crate::audio::FRAME_DURATION;
use crate::audio::tone::{level_at, sine};
use crate::clock::now;

const LIMIT: Duration = Duration::from_secs(30);
const SEED: u64 = 0x0123_4567_89ab_cdef;
const OTHER_SEED: u64 = 0xfedc_ba98_7654_3210;
/// What the agent says, and what they hear, Hz.
const AGENT: f32 = 600.0;
const CALLER: f32 = 440.0;

fn settings() -> Settings {
    Settings {
        addresses: vec!["127.0.0.1:0".parse().unwrap()],
        ..Settings::default()
    }
}

fn impatient() -> Settings {
    Settings {
        connecting: Duration::from_secs(2),
        falters: Duration::from_millis(300),
        lost: Duration::from_millis(900),
        ..settings()
    }
}

/// A page and its line, 20 ms at a time.
struct Call {
    line: Line,
    page: Page,
    /// What each has heard.
    heard: Vec<i16>,
    heard_there: Vec<i16>,
    events: Vec<Event>,
    tick: usize,
}

impl Call {
    async fn new(codec: Codec, settings: &Settings) -> Call {
        Call::offered(codec, settings, |offer| offer).await
    }

    /// What the page offers is told as `told` makes it.
    async fn offered(codec: Codec, settings: &Settings, told: impl FnOnce(String) -> String) -> Call {
        let (mut page, offer) = Page::offer(codec, settings, OTHER_SEED, now).await.unwrap();
        let offer = told(offer);
        let (line, answer) = Line::answer(&offer, settings, SEED, now).await.unwrap();
        page.accept(&answer).await.unwrap();
        assert_eq!(line.codec(), codec);
        Call {
            line,
            page,
            heard: Vec::new(),
            heard_there: Vec::new(),
            events: Vec::new(),
            tick: 0,
        }
    }

    fn tick(&mut self) {
        let now = now();
        let frame = |hz: f32| {
            let sound = sine(hz, -20.0, Duration::from_millis(200));
            let at = self.tick % 10 * crate::audio::FRAME_SAMPLES;
            Frame::from_slice(&sound[at..])
        };
        let (agent, caller) = (frame(AGENT), frame(CALLER));
        let incoming = self.line.tick(now);
        self.heard.extend(incoming.frame.samples());
        self.line.send(now, &caller);
        if self.page.is_connected() {
            self.heard_there.extend(self.page.tick(now).frame.samples());
            self.page.send(now, &agent);
        }
        self.events.extend(std::iter::from_fn(|| self.line.poll()));
        self.tick += 1;
    }

    /// Until `done`, for [`LIMIT`] at most.
    async fn run(&mut self, what: &str, mut done: impl FnMut(&Call) -> bool) -> Duration {
        let began = now();
        let mut ticks = interval(FRAME_DURATION);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !done(self) {
            assert!(now() - began < LIMIT, "waited in vain for {what}: {:?}", self.events);
            ticks.tick().await;
            self.tick();
        }
        now() - began
    }

    async fn connect(&mut self) {
        self.run("the connection", |call| {
            call.events.contains(&Event::Connected) && call.page.is_connected()
        })
        .await;
    }
}

/// Of the last second.
fn tones(sound: &[i16]) -> (f32, f32) {
    let last = &sound[sound.len().saturating_sub(16_000)..];
    (level_at(last, 16_000, AGENT), level_at(last, 16_000, CALLER))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_flows_both_ways() {
    for codec in [Codec::Opus, Codec::Pcmu] {
        let mut call = Call::new(codec, &settings()).await;
        call.connect().await;
        let enough = call.heard.len() + 40_000;
        // A machine that is busy loses some of it: what is waited for is a second that is whole.
        call.run("a second of either's sound", |call| {
            let (agent, echo) = tones(&call.heard);
            let (echo_there, caller) = tones(&call.heard_there);
            let clear = |own: f32, other: f32| (own + 20.0).abs() < 3.0 && other < -50.0;
            call.heard.len() >= enough && clear(agent, echo) && clear(caller, echo_there)
        })
        .await;
        let stats = call.line.stats().unwrap();
        assert_eq!(
            (stats.lost, stats.malformed, stats.unknown_payload),
            (0, 0, 0),
            "{stats:?}"
        );
        assert_eq!(call.events, [Event::Connected]);
        call.line.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_hides_its_addresses_finds_us() {
    for hidden in ["", "a=candidate:1 1 udp 2113937151 0b5e6f1a.local 50000 typ host\r\n"] {
        let told = |offer: String| {
            let lines = offer.lines().filter(|line| !line.starts_with("a=candidate:"));
            lines.map(|line| format!("{line}\r\n")).collect::<String>() + hidden
        };
        let mut call = Call::offered(Codec::Opus, &settings(), told).await;
        call.connect().await;
        call.run("sound", |call| call.heard.len() >= 16_000).await;
        assert!(call.line.stats().is_some_and(|stats| stats.received > 10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_vanishes_is_noticed() {
    let mut call = Call::new(Codec::Opus, &impatient()).await;
    call.connect().await;
    call.run("sound", |call| call.heard.len() >= 16_000).await;
    call.page.end();
    let lasted = call
        .run("the loss", |call| matches!(call.events.last(), Some(Event::Lost(_))))
        .await;
    assert_eq!(
        call.events[..2],
        [Event::Connected, Event::Faltered],
        "{:?}",
        call.events
    );
    assert!(lasted < Duration::from_millis(2_500), "{lasted:?}");
    let incoming = call.line.tick(now());
    assert_eq!((incoming.frame, incoming.sound), (Frame::silence(), Sound::Nothing));
    assert_eq!(call.line.poll(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_never_comes_is_lost() {
    let mut call = Call::new(Codec::Opus, &impatient()).await;
    call.page.end();
    call.run("the loss", |call| call.events == [Event::Lost(Lost::NeverConnected)])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for closed in [true, false] {
        let mut call = Call::new(Codec::Opus, &settings()).await;
        call.connect().await;
        assert!(alive() > before);
        let Call { line, page, .. } = call;
        if closed {
            line.close().await;
        } else {
            drop(line);
        }
        drop(page);
        let began = now();
        while alive() > before {
            assert!(now() - began < LIMIT, "{} tasks are left", alive() - before);
            tokio::time::sleep(FRAME_DURATION).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_was_told_is_free_afterwards() {
    let (page, offer) = Page::offer(Codec::Opus, &settings(), OTHER_SEED, now).await.unwrap();
    let (line, answer) = Line::answer(&offer, &settings(), SEED, now).await.unwrap();
    let candidates: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with("a=candidate:") && line.contains(" 1 udp "))
        .collect();
    let [candidate] = candidates[..] else {
        panic!("{answer}");
    };
    let parts: Vec<&str> = candidate.split(' ').collect();
    let at = format!("{}:{}", parts[4], parts[5]);
    assert!(at.starts_with("127.0.0.1:"), "{at}");
    assert!(UdpSocket::bind(&at).is_err(), "{at} is not listened on");
    drop((line, page));
    let began = now();
    while UdpSocket::bind(&at).is_err() {
        assert!(now() - began < LIMIT, "{at} is still taken");
        tokio::time::sleep(FRAME_DURATION).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_offer_of_sound_is_refused() {
    let answered = async |offer: &str| {
        Line::answer(offer, &settings(), SEED, now)
            .await
            .map(|(_, answer)| answer)
    };
    let (_page, offer) = Page::offer(Codec::Opus, &settings(), OTHER_SEED, now).await.unwrap();
    assert!(answered(&offer).await.is_ok());
    let long = format!("{offer}a=x:{}\r\n", "y".repeat(LONGEST_OFFER));
    assert!(matches!(answered(&long).await, Err(Error::TooLong(_))));
    let many = format!(
        "{offer}{}",
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n".repeat(CANDIDATES)
    );
    assert_eq!(answered(&many).await, Err(Error::TooMany));
    for (from, to) in [
        ("m=audio", "m=video"),
        ("opus/48000", "orpheus/48000"),
        ("m=audio", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nm=audio"),
    ] {
        let changed = offer.replace(from, to);
        assert!(matches!(answered(&changed).await, Err(Error::Offer(_))), "{from}");
    }
    let bare: String = offer
        .lines()
        .filter(|line| !line.contains("fingerprint"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    assert!(answered(&bare).await.is_err(), "sound would not be encrypted");
    // Cut anywhere, or with any byte changed, it is answered or refused.
    for at in (0..offer.len()).step_by(23) {
        let _ = answered(&offer[..at]).await;
        let mut bytes = offer.clone().into_bytes();
        bytes[at] = b'9';
        let _ = answered(&String::from_utf8_lossy(&bytes)).await;
    }
}

/// As Chromium offers it.
const CHROMIUM: &str = "v=0\r\no=- 3842077872732512896 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 36762 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 127.0.0.1\r\na=ice-ufrag:J+oO\r\n\
    a=ice-pwd:brpFht8+1g50S97qxxNGe3dq\r\na=fingerprint:sha-256 \
    93:6C:6D:DE:DE:4A:CE:59:78:65:FE:C3:DC:61:7D:B6:E8:00:07:BC:CB:CE:E9:61:9C:BC:25:81:3E:C2:4E:20\r\na=setup:actpass\r\n\
    a=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 telephone-event/8000\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_codec_is_agreed_on_with_the_keys_of_its_clock() {
    let telephone = CHROMIUM.replace("111 63 9 0", "0");
    for (offer, codec, formats, keys) in [
        (CHROMIUM, Codec::Opus, " 111 110", "a=rtpmap:110 telephone-event/48000"),
        (&telephone, Codec::Pcmu, " 0 126", "a=rtpmap:126 telephone-event/8000"),
    ] {
        let (line, answer) = Line::answer(offer, &settings(), SEED, now).await.unwrap();
        assert_eq!(line.codec(), codec);
        let agreed = |line: &str| line.starts_with("m=audio ") && line.ends_with(&format!("SAVPF{formats}"));
        assert!(
            answer.lines().any(agreed) && answer.lines().any(|line| line == keys),
            "{answer}"
        );
        let corrected = answer.contains("a=fmtp:111 minptime=10;useinbandfec=1");
        assert_eq!(corrected, codec == Codec::Opus, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_may_follow() {
    let (_page, offer) = Page::offer(Codec::Opus, &settings(), OTHER_SEED, now).await.unwrap();
    let (mut line, _) = Line::answer(&offer, &settings(), SEED, now).await.unwrap();
    let udp = "candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host";
    for good in [
        udp,
        "",
        "candidate:1 1 UDP 2113937151 0b5e.local 50000 typ host generation 0",
    ] {
        assert_eq!(line.add_candidate(good).await, Ok(()), "{good}");
    }
    for bad in [
        "candidate:1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype passive",
        "candidate:1",
        &format!("{udp} x {}", "y".repeat(LONGEST_CANDIDATE)),
    ] {
        assert_eq!(line.add_candidate(bad).await, Err(Error::NoCandidate), "{bad}");
    }
    assert!(matches!(
        line.add_candidate("candidate:1 1 udp x y z typ host").await,
        Err(Error::Library(_))
    ));
    let mut added = Ok(());
    for _ in 0..CANDIDATES {
        added = line.add_candidate(udp).await;
    }
    assert_eq!(added, Err(Error::TooMany));
}

#[test]
fn credentials_are_not_shown() {
    let server = IceServer {
        urls: vec!["turn:192.0.2.1:3478".to_owned()],
        username: "agent".to_owned(),
        credential: "secret".to_owned(),
    };
    assert!(!format!("{server:?}").contains("secret"));
}
