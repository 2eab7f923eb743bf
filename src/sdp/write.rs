//! Writing descriptions.
//!
//! Says what was decided elsewhere; never fails.

use std::net::SocketAddr;

use sdp_types::{Attribute, Connection, Media as Stream, Origin, Session};

use super::{Capabilities, Codec, Direction, Local, Media, Reports};

pub(super) fn offer(local: &Local, capabilities: &Capabilities) -> String {
    let codecs = capabilities
        .codecs
        .iter()
        .map(|codec| (codec.payload_type(), *codec))
        .collect::<Vec<_>>();
    let mut session = session(local);
    let proto = "RTP/AVP".to_owned();
    session.medias.push(audio(
        proto,
        local.address,
        &codecs,
        capabilities.telephone_event,
        local.direction,
        Reports::Multiplexed,
    ));
    session.to_string()
}

/// `m=` lines answer those of the offer one by one (RFC 3264 section 6); all but `line` are refused.
pub(super) fn answer(offer: &Session, line: usize, media: &Media, local: &Local) -> String {
    let mut session = session(local);
    session.medias = offer
        .medias
        .iter()
        .enumerate()
        .map(|(i, offered)| {
            if i == line {
                let codecs = [(media.payload_type, media.codec)];
                audio(
                    offered.proto.clone(),
                    local.address,
                    &codecs,
                    media.telephone_event,
                    media.direction,
                    media.reports,
                )
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
    telephone_event: Option<u8>,
    direction: Direction,
    reports: Reports,
) -> Stream {
    let numbers: Vec<String> = codecs
        .iter()
        .map(|(number, _)| *number)
        .chain(telephone_event)
        .map(|number| number.to_string())
        .collect();
    let mut stream = Stream {
        port: address.port(),
        ..bare("audio".to_owned(), proto, numbers.join(" "))
    };
    let mut say = |name: &str, value: String| stream.attributes.push(Attribute::with_value(name, value));
    for (number, codec) in codecs {
        say("rtpmap", format!("{number} {codec}"));
    }
    if let Some(number) = telephone_event {
        say("rtpmap", format!("{number} telephone-event/8000"));
        say("fmtp", format!("{number} 0-15"));
    }
    say("ptime", "20".to_owned());
    // Who does not know this sends reports to the next port, where we take them as well.
    if reports == Reports::Multiplexed {
        stream.attributes.push(Attribute::new("rtcp-mux"));
    }
    stream.attributes.push(Attribute::new(direction.name()));
    stream
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
