//! Reading a description, and choosing from it what we can do.
//!
//! Knows what we are able to, not what we are going to say.

use std::net::{IpAddr, SocketAddr};

use sdp_types::Session;

use super::{
    Capabilities, Codec, Coding, Correction, Direction, Encryption, Local, Media, Rejected, Reports, TelephoneEvent,
    Wishes, crypto, ice,
};

/// More streams than this are an attack, not a call.
const MAX_STREAMS: usize = 32;

/// Lists in messages are cut here, in characters.
const MAX_LIST: usize = 200;

/// What [`coding`] takes.
const ALONE: &str = "one stream, of audio";

/// A stream of the description that we can do.
pub(super) struct Chosen {
    /// Its place among the `m=` lines.
    pub line: usize,
    /// As it would be if we wished for nothing less: the direction is ours.
    pub media: Media,
}

/// Reads a description. Bytes that are not UTF-8 (a name in Latin-1) become replacement characters.
pub(super) fn parse(description: &[u8]) -> Result<Session, Rejected> {
    let text = String::from_utf8_lossy(description);
    let session = Session::parse(text.as_bytes()).map_err(|error| Rejected::Malformed(cut(&error.to_string())))?;
    if session.medias.len() > MAX_STREAMS {
        return Err(Rejected::Malformed(format!(
            "{} streams, more than {MAX_STREAMS}",
            session.medias.len()
        )));
    }
    Ok(session)
}

/// The first stream that is audio over RTP in a codec of ours, encrypted as we want it.
pub(super) fn choose(
    session: &Session,
    local: &Local,
    capabilities: &Capabilities,
    encryption: Encryption,
) -> Result<Chosen, Rejected> {
    let mut offered = Vec::new();
    for (line, media) in session.medias.iter().enumerate() {
        let Some(crypto) = is_audio(media)
            .then(|| crypto::choose(session, media, local, encryption))
            .flatten()
        else {
            continue;
        };
        let formats = formats(media);
        let Some(coding) = coded(&formats, capabilities) else {
            offered.extend(formats.iter().map(Format::name));
            continue;
        };
        let remote = SocketAddr::new(address(session, media)?, media.port);
        let reports = reports(media, remote);
        let ice = ice::choose(session, media, local);
        // Who looks for the way says so before one is found (RFC 8840); to others nothing may be sent, which is hold as RFC 2543
        // spelled it.
        let nowhere = remote.ip().is_unspecified() && ice.is_none();
        let media = Media {
            reports,
            remote,
            codec: coding.codec,
            payload_type: coding.payload_type,
            wishes: coding.wishes,
            telephone_event: coding.telephone_event,
            ptime: ptime(media),
            direction: direction(session, media, nowhere).reversed(),
            crypto: crypto.keys,
            fingerprint: crypto.fingerprint,
            ice,
        };
        return Ok(Chosen { line, media });
    }
    if offered.is_empty() {
        Err(no_audio(session, encrypted(encryption)))
    } else {
        Err(no_common_codec(offered, capabilities))
    }
}

/// How the audio of a description that has one stream, and no other, is to be coded.
pub(super) fn coding(session: &Session, capabilities: &Capabilities) -> Result<Coding, Rejected> {
    let [media] = session.medias.as_slice() else {
        return Err(no_audio(session, ALONE));
    };
    if !is_audio(media) {
        return Err(no_audio(session, ALONE));
    }
    let formats = formats(media);
    let offered = || formats.iter().map(Format::name).collect();
    coded(&formats, capabilities).ok_or_else(|| no_common_codec(offered(), capabilities))
}

/// The first format in a codec of ours.
fn coded(formats: &[Format<'_>], capabilities: &Capabilities) -> Option<Coding> {
    let (format, codec) = formats.iter().find_map(|format| {
        let codec = format.codec().filter(|codec| capabilities.codecs.contains(codec))?;
        Some((format, codec))
    })?;
    Some(Coding {
        codec,
        payload_type: format.payload_type,
        wishes: wishes(format.parameters),
        telephone_event: telephone_event(formats, codec).filter(|_| capabilities.telephone_event.is_some()),
    })
}

/// The address of the first stream that is audio.
pub(super) fn wanted_at(session: &Session) -> Option<IpAddr> {
    let streams = session.medias.iter().filter(|media| is_audio(media));
    streams.flat_map(|media| address(session, media)).next()
}

/// Whether a stream is live audio.
fn is_audio(media: &sdp_types::Media) -> bool {
    media.media.eq_ignore_ascii_case("audio") && media.port != 0
}

/// A payload type of a stream and what it stands for.
struct Format<'a> {
    payload_type: u8,
    /// As in `rtpmap`: name, clock rate, channels. For a static type without one, what RFC 3551 says.
    encoding: String,
    /// Of its `fmtp`.
    parameters: &'a str,
}

impl Format<'_> {
    fn codec(&self) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| {
            // One channel may be said or not, and some say it of Opus too.
            let channels = |said: &str| said == "1" || said == codec.channels().to_string();
            self.clock_rate(codec.name()) == Some(codec.clock_rate()) && self.channels().is_none_or(channels)
        })
    }

    /// Of `name`; none if it is something else.
    fn clock_rate(&self, name: &str) -> Option<u32> {
        let mut parts = self.encoding.split('/').map(str::trim);
        parts.next().filter(|said| said.eq_ignore_ascii_case(name))?;
        parts.next()?.parse().ok()
    }

    fn channels(&self) -> Option<&str> {
        self.encoding.split('/').nth(2).map(str::trim)
    }

    fn name(&self) -> String {
        self.encoding.clone()
    }
}

/// Events in the clock of the codec (RFC 4733 section 2.1); of another one where no better are known.
fn telephone_event(formats: &[Format<'_>], codec: Codec) -> Option<TelephoneEvent> {
    let events = formats.iter().filter_map(|format| {
        Some(TelephoneEvent {
            payload_type: format.payload_type,
            clock_rate: format.clock_rate("telephone-event")?,
        })
    });
    let events: Vec<TelephoneEvent> = events.collect();
    let fits = events.iter().find(|event| event.clock_rate == codec.clock_rate());
    fits.or_else(|| events.iter().find(|event| event.clock_rate == 8_000))
        .copied()
}

/// The parameters of Opus (RFC 7587 section 6.1); what is not understood is passed over.
fn wishes(parameters: &str) -> Wishes {
    let mut wishes = Wishes::default();
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match (name.as_str(), value.parse::<u32>()) {
            ("useinbandfec", Ok(1)) => wishes.correction = Correction::Wanted,
            ("maxplaybackrate", Ok(rate)) if rate >= 8_000 => wishes.playback_rate = rate,
            ("maxaveragebitrate", Ok(bits)) if bits > 0 => wishes.most_bits = Some(bits),
            (_, _) => {}
        }
    }
    wishes
}

/// The formats of a stream, in its order. `rtpmap` wins over the static types.
fn formats(media: &sdp_types::Media) -> Vec<Format<'_>> {
    let maps = numbered(media, "rtpmap");
    let parameters = numbered(media, "fmtp");
    fn of<'a>(all: &[(u8, &'a str)], number: u8) -> Option<&'a str> {
        all.iter().find(|(n, _)| *n == number).map(|(_, said)| *said)
    }
    let numbers = media
        .fmt
        .split_ascii_whitespace()
        .filter_map(|f| f.parse::<u8>().ok())
        .filter(|n| *n < 128);
    numbers
        .map(|payload_type| Format {
            payload_type,
            encoding: of(&maps, payload_type).map_or_else(|| static_encoding(payload_type), str::to_owned),
            parameters: of(&parameters, payload_type).unwrap_or_default(),
        })
        .collect()
}

/// The attributes of a name that belong to a payload type each.
fn numbered<'a>(media: &'a sdp_types::Media, name: &str) -> Vec<(u8, &'a str)> {
    media
        .attributes
        .iter()
        .filter(|a| a.attribute.eq_ignore_ascii_case(name))
        .filter_map(|a| a.value.as_deref()?.trim().split_once(' '))
        .filter_map(|(payload_type, said)| Some((payload_type.parse().ok()?, said.trim())))
        .collect()
}

/// The audio types of RFC 3551 section 6 that are still met.
fn static_encoding(payload_type: u8) -> String {
    let name = match payload_type {
        0 => "PCMU/8000",
        3 => "GSM/8000",
        4 => "G723/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        13 => "CN/8000",
        15 => "G728/8000",
        18 => "G729/8000",
        other => return format!("payload type {other}"),
    };
    name.to_owned()
}

/// `c=` of the stream, else of the session.
fn address(session: &Session, media: &sdp_types::Media) -> Result<IpAddr, Rejected> {
    let connection = media.connections.first().or(session.connection.as_ref());
    let connection = connection.ok_or_else(|| Rejected::Malformed("no address (c=) for the audio".to_owned()))?;
    let wrong = |what: &str| {
        Rejected::Malformed(format!(
            "the audio's address {}: {what}",
            cut(&connection.connection_address)
        ))
    };
    let address = connection.try_address().map_err(|_| wrong("not an IP address"))?;
    if address.ip.is_multicast() {
        return Err(wrong("multicast"));
    }
    Ok(address.ip)
}

/// The direction as the other end says it: of the stream, else of the session, else both ways. Who is to be found `nowhere` holds.
fn direction(session: &Session, media: &sdp_types::Media, nowhere: bool) -> Direction {
    let all = [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ];
    let said = |attributes: &[sdp_types::Attribute]| {
        attributes
            .iter()
            .find_map(|a| all.into_iter().find(|d| a.attribute.eq_ignore_ascii_case(d.name())))
    };
    let direction = said(&media.attributes)
        .or_else(|| said(&session.attributes))
        .unwrap_or(Direction::SendRecv);
    if nowhere {
        direction.and(Direction::SendOnly)
    } else {
        direction
    }
}

/// Of an address that is said for them only the port is taken: reports go to where sound goes.
fn reports(media: &sdp_types::Media, sound: SocketAddr) -> Reports {
    let attribute = |name: &str| media.attributes.iter().find(|a| a.attribute.eq_ignore_ascii_case(name));
    if attribute("rtcp-mux").is_some() {
        return Reports::Multiplexed;
    }
    let said = attribute("rtcp").and_then(|a| a.value.as_deref()?.split_ascii_whitespace().next()?.parse().ok());
    let port = said.filter(|port| *port != 0).unwrap_or(sound.port().saturating_add(1));
    Reports::To(SocketAddr::new(sound.ip(), port))
}

/// Milliseconds; 20 unless something sensible is said.
fn ptime(media: &sdp_types::Media) -> u32 {
    let said = media
        .attributes
        .iter()
        .find(|a| a.attribute.eq_ignore_ascii_case("ptime"));
    let milliseconds = said.and_then(|a| a.value.as_deref()?.trim().parse().ok());
    milliseconds.filter(|ms| (5..=200).contains(ms)).unwrap_or(20)
}

fn no_audio(session: &Session, supported: &'static str) -> Rejected {
    let streams: Vec<String> = session
        .medias
        .iter()
        .map(|m| format!("{} {} {}", m.media, m.port, m.proto))
        .collect();
    let offered = if streams.is_empty() {
        "nothing".to_owned()
    } else {
        cut(&streams.join(", "))
    };
    Rejected::NoAudio { offered, supported }
}

fn encrypted(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::Never => "audio RTP/AVP",
        Encryption::Offered => "audio RTP/AVP, or RTP/SAVP with a=crypto or a=fingerprint:sha-256",
        Encryption::Required => "audio RTP/SAVP with a=crypto or a=fingerprint:sha-256",
    }
}

fn no_common_codec(offered: Vec<String>, capabilities: &Capabilities) -> Rejected {
    let supported: Vec<String> = capabilities.codecs.iter().map(Codec::to_string).collect();
    Rejected::NoCommonCodec {
        offered: cut(&offered.join(", ")),
        supported: supported.join(", "),
    }
}

/// What the other end wrote, fit for a log line and a header.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_LIST).collect()
}
