//! How the line of a call sounded, kept with its record.

use serde::{Deserialize, Serialize};

/// Counts of packets, and times in milliseconds. What the other end tells is absent where it sent no reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The codec, as in a session description. Empty in records from before it was written down.
    #[serde(default)]
    pub codec: String,
    /// The suite that all of it was encrypted by (SRTP). Absent: none.
    #[serde(default)]
    pub encryption: Option<String>,
    /// Mean opinion score of what was heard, 1 to 4.5 (ITU-T G.107). Absent: nothing was heard.
    pub mos: Option<f64>,
    pub received: u64,
    pub lost: u64,
    /// After their time to be played.
    pub late: u64,
    pub jitter_ms: f64,
    pub round_trip_ms: Option<f64>,
    /// How our sound arrived there.
    pub lost_there_percent: Option<f64>,
    pub jitter_there_ms: Option<f64>,
    /// Datagrams from strangers, and such as were no RTP.
    pub refused: u64,
    pub malformed: u64,
    /// Datagrams of another key than was agreed on, or that came again.
    #[serde(default)]
    pub forged: u64,
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.mos {
            Some(mos) => write!(f, "MOS {mos:.1}")?,
            None => f.write_str("nothing was heard")?,
        }
        if !self.codec.is_empty() {
            write!(f, " in {}", self.codec)?;
        }
        if let Some(suite) = &self.encryption {
            write!(f, ", encrypted ({suite})")?;
        }
        let Self {
            received,
            lost,
            late,
            jitter_ms,
            ..
        } = self;
        write!(
            f,
            "; {received} packets received, {lost} lost, {late} late, jitter {jitter_ms:.0} ms"
        )?;
        if let Some(trip) = self.round_trip_ms {
            write!(f, ", round trip {trip:.0} ms")?;
        }
        match self.lost_there_percent {
            Some(lost) => write!(f, "; at the caller's end {lost:.1} % lost"),
            None => f.write_str("; the caller's end reports nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_sentence_with_reports_and_without() {
        let silent = Quality::default().to_string();
        assert_eq!(
            silent,
            "nothing was heard; 0 packets received, 0 lost, 0 late, jitter 0 ms; the caller's end reports nothing"
        );
        let quality = Quality {
            codec: "opus/48000/2".into(),
            encryption: Some("AEAD_AES_128_GCM".into()),
            mos: Some(4.36),
            received: 900,
            round_trip_ms: Some(41.7),
            lost_there_percent: Some(0.5),
            ..Quality::default()
        };
        let text = quality.to_string();
        assert!(
            text.starts_with("MOS 4.4 in opus/48000/2, encrypted (AEAD_AES_128_GCM); 900 packets")
                && text.contains("round trip 42 ms"),
            "{text}"
        );
        assert!(text.ends_with("at the caller's end 0.5 % lost"), "{text}");
    }
}
