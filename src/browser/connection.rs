//! The connection to a page, by the WebRTC library: how it is made, what it tells, packets in and out.
//!
//! It knows no sound: what stands in a packet is the business of the stream above it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_PCMU, MIME_TYPE_TELEPHONE_EVENT};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{Notify, mpsc, watch};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateInit, RTCIceGatheringState, RTCIceServer, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, configure_rtcp_reports,
};

use super::tasks::{Owner, Tasks};
use super::{Clock, Error, Settings};
use crate::audio::codec::Codec;
use crate::rtp::packet::{Marker, Packet};
use crate::sdp::{Coding, TelephoneEvent};

/// To find what we can be reached by; what is found by then is told.
const GATHERING: Duration = Duration::from_secs(3);
/// For the library to take something, or to close.
const SHORT: Duration = Duration::from_secs(1);
/// Packets that wait for the next tick: 5 s of them. One that finds no room is lost.
const PACKETS: usize = 256;
/// The library's messages are cut here, in characters: some hold what they are about.
const MESSAGE: usize = 100;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Making,
    /// Packets may flow.
    Made,
    /// The page is out of reach for good, or has taken its leave.
    Gone,
}

/// A packet of the page, decrypted, as the wire would have had it, and when it came.
pub(super) type Arrived = (Instant, Vec<u8>);

/// What became of a packet for the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Taken,
    /// The library is behind: the packet is lost.
    Dropped,
    /// There is nobody left to take it.
    Stopped,
}

/// See the module.
pub(super) struct Connection {
    page: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    /// Of all that we send.
    ssrc: u32,
    /// All that we can be reached by is known.
    gathered: Arc<Notify>,
    state: watch::Receiver<State>,
    packets: mpsc::Receiver<Arrived>,
    tasks: Tasks,
}

impl Connection {
    /// Answers `offer`, whose sound is coded as `coding` says; with the answer.
    pub async fn answer(
        offer: &str,
        coding: &Coding,
        settings: &Settings,
        ssrc: u32,
        clock: Clock,
    ) -> Result<(Connection, String), Error> {
        let connection = Connection::new(coding, settings, ssrc, clock).await?;
        let offer = RTCSessionDescription::offer(narrowed(offer, coding)).map_err(failed)?;
        connection.page.set_remote_description(offer).await.map_err(failed)?;
        let answer = connection.page.create_answer(None).await.map_err(failed)?;
        let answer = connection.described(answer).await?;
        Ok((connection, answer))
    }

    /// The other end, which offers as a page does; with the offer.
    pub async fn offer(
        coding: &Coding,
        settings: &Settings,
        ssrc: u32,
        clock: Clock,
    ) -> Result<(Connection, String), Error> {
        let connection = Connection::new(coding, settings, ssrc, clock).await?;
        let offer = connection.page.create_offer(None).await.map_err(failed)?;
        let offer = connection.described(offer).await?;
        Ok((connection, offer))
    }

    /// The answer to our offer.
    pub async fn accept(&self, answer: &str) -> Result<(), Error> {
        let answer = RTCSessionDescription::answer(answer.to_owned()).map_err(failed)?;
        self.page.set_remote_description(answer).await.map_err(failed)
    }

    /// With nobody yet.
    async fn new(coding: &Coding, settings: &Settings, ssrc: u32, clock: Clock) -> Result<Connection, Error> {
        let tasks = Tasks::new(clock);
        let (tells, state) = watch::channel(State::Making);
        let (hears, packets) = mpsc::channel(PACKETS);
        let gathered = Arc::new(Notify::new());
        let ears = Ears {
            tells,
            hears: Mutex::new(Some(hears)),
            gathered: Arc::clone(&gathered),
            runtime: tasks.runtime(),
            clock,
        };
        let page = build(coding, settings, &tasks, ears).await?;
        let track = Arc::new(TrackLocalStaticRTP::new(sound(coding, ssrc)));
        let sending = Arc::clone(&track) as Arc<dyn TrackLocal>;
        page.add_track(sending).await.map_err(failed)?;
        Ok(Connection {
            page,
            track,
            ssrc,
            gathered,
            state,
            packets,
            tasks,
        })
    }

    /// Takes our description as it is, and gives it with all that we can be reached by.
    async fn described(&self, ours: RTCSessionDescription) -> Result<String, Error> {
        self.page.set_local_description(ours).await.map_err(failed)?;
        let _ = tokio::time::timeout(GATHERING, self.gathered.notified()).await;
        let ours = self.page.local_description().await.ok_or(Error::NoAnswer)?;
        Ok(ours.sdp)
    }

    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// The oldest packet that was not asked for yet.
    pub fn packet(&mut self) -> Option<Arrived> {
        self.packets.try_recv().ok()
    }

    /// Does not wait.
    pub fn send(&self, packet: &Packet<'_>) -> Sent {
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                marker: packet.marker == Marker::Set,
                payload_type: packet.payload_type,
                sequence_number: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: self.ssrc,
                ..rtp::Header::default()
            },
            payload: Bytes::copy_from_slice(packet.payload),
        };
        // The error holds the packet: nobody is told it.
        match self.track.write_rtp(packet).now_or_never() {
            Some(Ok(())) => Sent::Taken,
            Some(Err(_)) => Sent::Stopped,
            None => Sent::Dropped,
        }
    }

    /// One more place where the page may be found.
    pub async fn add(&self, candidate: &str) -> Result<(), Error> {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.to_owned(),
            sdp_mline_index: Some(0),
            ..RTCIceCandidateInit::default()
        };
        let added = tokio::time::timeout(SHORT, self.page.add_ice_candidate(candidate)).await;
        added.map_err(|_| Error::TooSlow)?.map_err(failed)
    }

    /// Takes leave of servers that relay.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(SHORT, self.page.close()).await;
        self.end();
    }

    /// Ends it at once.
    pub fn end(&self) {
        self.tasks.end();
    }
}

/// What the library tells us. It is told on the task that does all of its work: nothing here waits.
struct Ears {
    tells: watch::Sender<State>,
    /// For the one who listens to the page's only track.
    hears: Mutex<Option<mpsc::Sender<Arrived>>>,
    gathered: Arc<Notify>,
    runtime: Arc<Owner>,
    clock: Clock,
}

impl Ears {
    fn tell(&self, state: State) {
        self.tells.send_replace(state);
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.tell(State::Made),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => self.tell(State::Gone),
            // Out of reach for the moment: the stream knows by the silence.
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let hears = self.hears.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hears) = hears {
            self.runtime.start(hear(track, hears, self.clock));
        }
    }
}

/// Notes when each packet comes.
async fn hear(track: Arc<dyn TrackRemote>, hears: mpsc::Sender<Arrived>, clock: Clock) {
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else {
            continue;
        };
        let arrived = (clock(), on_the_wire(&packet));
        if let Err(mpsc::error::TrySendError::Closed(_)) = hears.try_send(arrived) {
            return;
        }
    }
}

/// Without what the library has read: extensions, contributors, padding.
fn on_the_wire(packet: &rtp::Packet) -> Vec<u8> {
    let read = Packet {
        marker: if packet.header.marker {
            Marker::Set
        } else {
            Marker::Clear
        },
        payload_type: packet.header.payload_type,
        sequence: packet.header.sequence_number,
        timestamp: packet.header.timestamp,
        ssrc: packet.header.ssrc,
        payload: &packet.payload,
    };
    read.write()
}

async fn build(
    coding: &Coding,
    settings: &Settings,
    tasks: &Tasks,
    ears: Ears,
) -> Result<Arc<dyn PeerConnection>, Error> {
    let mut media = MediaEngine::default();
    for codec in codecs(coding) {
        media.register_codec(codec, RtpCodecKind::Audio).map_err(failed)?;
    }
    let servers = settings.ice_servers.iter().map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    let configuration = RTCConfigurationBuilder::new()
        .with_ice_servers(servers.collect())
        .build();
    // Names in `.local` would have every line listen to all that is said on the network: who has let the page hear the microphone is told addresses.
    let engine = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_timeouts(Some(settings.lost), Some(settings.connecting), None)
        .build();
    let page = PeerConnectionBuilder::new()
        .with_configuration(configuration)
        .with_setting_engine(engine)
        .with_media_engine(media)
        .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
        .with_handler(Arc::new(ears))
        .with_runtime(tasks.runtime())
        .with_udp_addrs(settings.addresses.clone())
        .build()
        .await
        .map_err(failed)?;
    Ok(Arc::new(page))
}

/// The codec of the sound and the keys beside it, by the numbers of the offer.
fn codecs(coding: &Coding) -> Vec<RTCRtpCodecParameters> {
    let numbered = |payload_type, rtp_codec| RTCRtpCodecParameters {
        rtp_codec,
        payload_type,
    };
    let keys = |event: TelephoneEvent| {
        numbered(
            event.payload_type,
            named(MIME_TYPE_TELEPHONE_EVENT, event.clock_rate, 1),
        )
    };
    let mut codecs = vec![numbered(coding.payload_type, sounding(coding.codec))];
    codecs.extend(coding.telephone_event.map(keys));
    codecs
}

fn sounding(codec: Codec) -> RTCRtpCodec {
    let name = match codec {
        Codec::Opus => MIME_TYPE_OPUS.to_owned(),
        Codec::Pcmu => MIME_TYPE_PCMU.to_owned(),
        Codec::G722 | Codec::Pcma => format!("audio/{}", codec.name()),
    };
    named(&name, codec.clock_rate(), u16::from(codec.channels()))
}

/// Without parameters, so that it is the same codec whatever the offer's are; those are what the answer has.
fn named(name: &str, clock_rate: u32, channels: u16) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: name.to_owned(),
        clock_rate,
        channels,
        ..RTCRtpCodec::default()
    }
}

/// An offer of nothing but what `coding` says: the library tells formats apart by their names alone, and would agree on keys in another clock.
fn narrowed(offer: &str, coding: &Coding) -> String {
    let event = coding.telephone_event.map(|event| event.payload_type);
    let kept = |format: &str| {
        let number = format.parse::<u8>().ok();
        number == Some(coding.payload_type) || (number.is_some() && number == event)
    };
    let mut narrow = String::with_capacity(offer.len());
    for line in offer.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            let words = media.split_ascii_whitespace().enumerate();
            let words = words.filter(|(at, word)| *at < 3 || kept(word)).map(|(_, word)| word);
            narrow.push_str("m=");
            narrow.push_str(&words.collect::<Vec<_>>().join(" "));
        } else if about(line).is_none_or(kept) {
            narrow.push_str(line);
        } else {
            continue;
        }
        narrow.push_str("\r\n");
    }
    narrow
}

/// The format that a line is about, if it is about one.
fn about(line: &str) -> Option<&str> {
    let said = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"]
        .iter()
        .find_map(|name| line.strip_prefix(name))?;
    said.split_ascii_whitespace().next()
}

/// Our sound, as the page is told of it.
fn sound(coding: &Coding, ssrc: u32) -> MediaStreamTrack {
    let numbers = RTCRtpCodingParameters {
        ssrc: Some(ssrc),
        ..RTCRtpCodingParameters::default()
    };
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: numbers,
        codec: sounding(coding.codec),
        ..RTCRtpEncodingParameters::default()
    };
    let (stream, track) = ("offhook".to_owned(), "caller".to_owned());
    MediaStreamTrack::new(stream, track.clone(), track, RtpCodecKind::Audio, vec![encoding])
}

fn failed(error: webrtc::error::Error) -> Error {
    Error::Library(
        error
            .to_string()
            .chars()
            .filter(|c| !c.is_control())
            .take(MESSAGE)
            .collect(),
    )
}
