//! The RTP packet on the wire, RFC 3550 section 5.1.
//!
//! [`Packet::parse`] reads any datagram or says why not; it knows nothing of what came before it. The header is read here, in a few lines,
//! rather than by a crate: header extensions and contributing sources are stepped over, whatever they hold.

/// One packet, its payload borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: Marker,
    /// 0 to 127.
    pub payload_type: u8,
    pub sequence: u16,
    /// In units of the RTP clock.
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

/// Whether a packet says that it is the first of a talkspurt or of a key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Set,
    Clear,
}

/// Why a datagram is not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("shorter than its own header says")]
    Truncated,
    /// STUN, DTLS, or noise.
    #[error("not RTP version 2")]
    Version,
    /// RTCP that shares the port (RFC 5761 section 4).
    #[error("RTCP")]
    Rtcp,
    #[error("more padding than packet")]
    Padding,
}

const FIXED_HEADER: usize = 12;

impl Packet<'_> {
    /// Reads a datagram.
    pub fn parse(datagram: &[u8]) -> Result<Packet<'_>, Malformed> {
        let (header, mut rest) = datagram
            .split_first_chunk::<FIXED_HEADER>()
            .ok_or(Malformed::Truncated)?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *header;
        if flags >> 6 != 2 {
            return Err(Malformed::Version);
        }
        if (192..=223).contains(&kind) {
            return Err(Malformed::Rtcp);
        }
        let contributors = usize::from(flags & 0x0f) * 4;
        rest = rest.get(contributors..).ok_or(Malformed::Truncated)?;
        if flags & 0x10 != 0 {
            let ([_, _, l0, l1], after) = rest.split_first_chunk::<4>().ok_or(Malformed::Truncated)?;
            let words = usize::from(u16::from_be_bytes([*l0, *l1]));
            rest = after.get(words * 4..).ok_or(Malformed::Truncated)?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(*rest.last().ok_or(Malformed::Padding)?);
            let kept = rest
                .len()
                .checked_sub(padding)
                .filter(|_| padding > 0)
                .ok_or(Malformed::Padding)?;
            rest = rest.get(..kept).ok_or(Malformed::Padding)?;
        }
        Ok(Packet {
            marker: if kind & 0x80 != 0 { Marker::Set } else { Marker::Clear },
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload: rest,
        })
    }

    /// The datagram.
    pub fn write(&self) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(FIXED_HEADER + self.payload.len());
        datagram.push(0x80);
        let marker = match self.marker {
            Marker::Set => 0x80,
            Marker::Clear => 0,
        };
        datagram.push(self.payload_type & 0x7f | marker);
        datagram.extend(self.sequence.to_be_bytes());
        datagram.extend(self.timestamp.to_be_bytes());
        datagram.extend(self.ssrc.to_be_bytes());
        datagram.extend(self.payload);
        datagram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packet_with_everything_is_read() {
        let mut datagram = vec![0xb2, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef];
        datagram.extend([1, 1, 1, 1, 2, 2, 2, 2]); // two contributing sources
        datagram.extend([0xbe, 0xde, 0, 1, 0xf0, 9, 9, 9]); // an extension of one word
        datagram.extend([7, 8, 9]); // the payload
        datagram.extend([0, 0, 3]); // the padding
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(
            packet,
            Packet {
                marker: Marker::Set,
                payload_type: 8,
                sequence: 0x1234,
                timestamp: 160,
                ssrc: 0xdead_beef,
                payload: &[7, 8, 9]
            }
        );
    }

    #[test]
    fn what_is_not_rtp_is_refused() {
        let good = Packet {
            marker: Marker::Clear,
            payload_type: 0,
            sequence: 1,
            timestamp: 2,
            ssrc: 3,
            payload: &[],
        }
        .write();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            Packet::parse(&bytes).map(|p| p.payload.len())
        };
        assert_eq!(Packet::parse(&good).map(|p| p.payload.len()), Ok(0));
        assert_eq!(Packet::parse(&good[..11]), Err(Malformed::Truncated));
        assert_eq!(Packet::parse(&[]), Err(Malformed::Truncated));
        assert_eq!(with(0, 0x00), Err(Malformed::Version)); // STUN
        assert_eq!(with(0, 0x81), Err(Malformed::Truncated));
        assert_eq!(with(0, 0x90), Err(Malformed::Truncated));
        assert_eq!(with(0, 0xa0), Err(Malformed::Padding));
        assert_eq!(with(1, 200), Err(Malformed::Rtcp)); // a sender report
    }

    proptest! {
        #[test]
        fn any_datagram_is_parsed_or_refused(datagram: Vec<u8>) {
            let _ = Packet::parse(&datagram);
        }

        #[test]
        fn anything_that_looks_like_rtp_is_parsed_or_refused(flags: u8, datagram in proptest::collection::vec(any::<u8>(), 11..90)) {
            let mut bytes = vec![0x80 | flags & 0x3f];
            bytes.extend(datagram);
            let _ = Packet::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read(marker: bool, kind in 0u8..64, sequence: u16, timestamp: u32, ssrc: u32, payload: Vec<u8>) {
            let marker = if marker { Marker::Set } else { Marker::Clear };
            let packet = Packet { marker, payload_type: kind, sequence, timestamp, ssrc, payload: &payload };
            let datagram = packet.write();
            prop_assert_eq!(Packet::parse(&datagram), Ok(packet));
        }
    }
}
