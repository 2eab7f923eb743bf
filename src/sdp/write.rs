//! Writing descriptions.
//!
//! Says what was decided elsewhere; never fails.

use std::net::SocketAddr;

use sdp_types::{Attribute, Connection, Media as Stream, Origin, Session};

use super::{
    Capabilities, Codec, Direction, Encryption, Local, Media, Protection, Reports, TelephoneEvent, crypto, dtls, ice,
};

pub(super) fn offer(local: &Local, capabilities: &Capabilities) -> String {
    let codecs = capabilities
        .codecs
        .iter()
        .map(|codec| (codec.payload_type(), *codec))
        .collect::<Vec<_>>();
    let mut session = session(local);
    let (proto, crypto) = match protection(local, capabilities) {
        Protection::None => ("RTP/AVP", Vec::new()),
        Protection::Keys => ("RTP/SAVP", crypto::offer(&local.secret)),
        Protection::Certificate => ("UDP/TLS/RTP/SAVP", Vec::new()),
    };
    let mut stream = audio(
        proto.to_owned(),
        local.address,
        &codecs,
        &telephone_events(capabilities),
        local.direction,
        Reports::Multiplexed,
        &crypto,
    );
    if let (Protection::Certificate, Some(ours)) = (local.protection, &local.fingerprint) {
        dtls::say(&mut stream, ours, dtls::Role::Either);
    }
    session.medias.push(stream);
    session.to_string()
}

/// What is encrypted stays so.
pub(super) fn protection(local: &Local, capabilities: &Capabilities) -> Protection {
    match (local.protection, capabilities.encryption) {
        (Protection::None, Encryption::Required) => Protection::Keys,
        (agreed, Encryption::Never | Encryption::Offered | Encryption::Required) => agreed,
    }
}

/// One for each clock of the codecs (RFC 4733 section 2.1).
fn telephone_events(capabilities: &Capabilities) -> Vec<TelephoneEvent> {
    let Some(first) = capabilities.telephone_event else {
        return Vec::new();
    };
    let all = [(8_000, first), (48_000, first.saturating_add(1))];
    all.into_iter()
        .filter(|(rate, _)| capabilities.codecs.iter().any(|codec| codec.clock_rate() == *rate))
        .map(|(clock_rate, payload_type)| TelephoneEvent {
            payload_type,
            clock_rate,
        })
        .collect()
}

/// `m=` lines answer those of the offer one by one (RFC 3264 section 6); all but `line` are refused.
pub(super) fn answer(offer: &Session, line: usize, media: &Media, local: &Local) -> String {
    let mut session = session(local);
    if media.ice.is_some() {
        session.attributes.push(Attribute::new("ice-lite"));
    }
    session.medias = offer
        .medias
        .iter()
        .enumerate()
        .map(|(i, offered)| {
            if i == line {
                let codecs = [(media.payload_type, media.codec)];
                let mut stream = audio(
                    offered.proto.clone(),
                    local.address,
                    &codecs,
                    media.telephone_event.as_slice(),
                    media.direction,
                    media.reports,
                    media
                        .crypto
                        .map(|crypto| crypto::line(crypto.tag, &crypto.keys.ours))
                        .as_slice(),
                );
                if let Some(ours) = local.fingerprint.filter(|_| media.fingerprint.is_some()) {
                    dtls::say(&mut stream, &ours, dtls::Role::Called);
                }
                if let Some(ours) = &media.ice {
                    ice::say(&mut stream, ours, local);
                }
                stream
            } else {
                Stream {
                    port: 0,
                    ..bare(offered.media.clone(), offered.proto.clone(), offered.fmt.clone())
                }
            }
        })
        .collect();
    session.to_string()
}

fn session(local: &Local) -> Session {
    let mut origin = Origin::with_ip_addr(local.session, local.version, local.address.ip());
    origin.set_username("offhook");
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(local.address.ip()));
    session
}

fn audio(
    proto: String,
    address: SocketAddr,
    codecs: &[(u8, Codec)],
    events: &[TelephoneEvent],
    direction: Direction,
    reports: Reports,
    crypto: &[String],
) -> Stream {
    let numbers: Vec<String> = codecs
        .iter()
        .map(|(number, _)| *number)
        .chain(events.iter().map(|event| event.payload_type))
        .map(|number| number.to_string())
        .collect();
    let mut stream = Stream {
        port: address.port(),
        ..bare("audio".to_owned(), proto, numbers.join(" "))
    };
    let mut say = |name: &str, value: String| stream.attributes.push(Attribute::with_value(name, value));
    for (number, codec) in codecs {
        say("rtpmap", format!("{number} {codec}"));
        if let Some(parameters) = parameters(*codec) {
            say("fmtp", format!("{number} {parameters}"));
        }
    }
    for TelephoneEvent {
        payload_type,
        clock_rate,
    } in events
    {
        say("rtpmap", format!("{payload_type} telephone-event/{clock_rate}"));
        say("fmtp", format!("{payload_type} 0-15"));
    }
    for line in crypto {
        say("crypto", line.clone());
    }
    say("ptime", "20".to_owned());
    // Who does not know this sends reports to the next port, where we take them as well.
    if reports == Reports::Multiplexed {
        stream.attributes.push(Attribute::new("rtcp-mux"));
    }
    stream.attributes.push(Attribute::new(direction.name()));
    stream
}

/// What our decoder wishes (RFC 7587 section 6.1): one channel of wide-band, since more would be thrown away.
fn parameters(codec: Codec) -> Option<&'static str> {
    match codec {
        Codec::Opus => Some("maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1"),
        Codec::G722 | Codec::Pcmu | Codec::Pcma => None,
    }
}

fn bare(media: String, proto: String, fmt: String) -> Stream {
    Stream {
        media,
        port: 0,
        num_ports: None,
        proto,
        fmt,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}
