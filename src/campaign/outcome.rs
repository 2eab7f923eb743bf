//! What came of dialling somebody.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// How far a call got, by what SIP said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    Answered,
    /// 486, 600.
    Busy,
    /// 408, 480, or it rang for as long as it may.
    NoAnswer,
    /// 403, 603, 607, 608: they do not want it.
    Rejected,
    /// 404, 410, 484, 604: there is no such number.
    NotFound,
    /// 429, 500, 502, 503, 504: the network is at its limit.
    Congestion,
    /// All else.
    Failed,
    /// The bot ended in the middle of it: it may have rung.
    Interrupted,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnsweredBy {
    Human,
    Machine,
    /// A fax or a modem.
    Fax,
    /// A menu.
    Ivr,
    /// An assistant that asks who calls.
    Screening,
    /// The network's own announcement.
    Intercept,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub reach: Reach,
    /// None where nobody answered, or it was not told: then it was a person, if anybody answered.
    pub answered_by: Option<AnsweredBy>,
    /// As the plan says.
    pub disposition: Option<String>,
    /// When the person asked to be called.
    pub callback: Option<Timestamp>,
    pub opted_out: bool,
    /// A person answered, and nobody was there to talk with them.
    pub abandoned: bool,
}

impl Outcome {
    /// Of a call that told nothing more.
    pub fn of(reach: Reach) -> Self {
        Self {
            reach,
            answered_by: None,
            disposition: None,
            callback: None,
            opted_out: false,
            abandoned: false,
        }
    }

    /// Whether a person was on the line.
    pub fn is_human(&self) -> bool {
        self.reach == Reach::Answered && matches!(self.answered_by, None | Some(AnsweredBy::Human))
    }

    /// What a plan calls it in `retry_on` and `stop_on`, from the general to the particular: the disposition last.
    pub fn words(&self) -> Vec<&str> {
        let known: &[&str] = match (self.reach, self.answered_by) {
            (Reach::Answered, None | Some(AnsweredBy::Human)) => &["human_reached"],
            (Reach::Answered, Some(AnsweredBy::Machine)) => &["machine"],
            (Reach::Answered, Some(AnsweredBy::Ivr)) => &["machine", "ivr"],
            (Reach::Answered, Some(AnsweredBy::Screening)) => &["machine", "screening"],
            (Reach::Answered, Some(AnsweredBy::Fax)) => &["fax"],
            (Reach::Answered, Some(AnsweredBy::Intercept)) => &["failed", "intercept"],
            (Reach::Busy, _) => &["busy"],
            (Reach::NoAnswer, _) => &["no_answer"],
            (Reach::Rejected, _) => &["rejected"],
            (Reach::NotFound, _) => &["not_found"],
            (Reach::Congestion, _) => &["failed", "congestion"],
            (Reach::Failed, _) => &["failed"],
            (Reach::Interrupted, _) => &["interrupted"],
        };
        known.iter().copied().chain(self.disposition.as_deref()).collect()
    }
}

const REACHES: [(Reach, &str); 8] = [
    (Reach::Answered, "answered"),
    (Reach::Busy, "busy"),
    (Reach::NoAnswer, "no_answer"),
    (Reach::Rejected, "rejected"),
    (Reach::NotFound, "not_found"),
    (Reach::Congestion, "congestion"),
    (Reach::Failed, "failed"),
    (Reach::Interrupted, "interrupted"),
];

const ANSWERERS: [(AnsweredBy, &str); 6] = [
    (AnsweredBy::Human, "human"),
    (AnsweredBy::Machine, "machine"),
    (AnsweredBy::Fax, "fax"),
    (AnsweredBy::Ivr, "ivr"),
    (AnsweredBy::Screening, "screening"),
    (AnsweredBy::Intercept, "intercept"),
];

impl Reach {
    /// Of a final SIP status code.
    pub fn of_code(code: u16) -> Self {
        match code {
            200..=299 => Self::Answered,
            486 | 600 => Self::Busy,
            408 | 480 | 487 => Self::NoAnswer,
            403 | 603 | 607 | 608 => Self::Rejected,
            404 | 410 | 484 | 604 => Self::NotFound,
            429 | 500 | 502 | 503 | 504 => Self::Congestion,
            _ => Self::Failed,
        }
    }
}

fn word<T: Copy + PartialEq>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(own, _)| *own == value).map_or("", |(_, word)| word)
}

fn value<T: Copy>(table: &[(T, &'static str)], text: &str) -> Result<T, String> {
    let found = table.iter().find(|(_, word)| *word == text);
    found.map(|(value, _)| *value).ok_or_else(|| {
        let known: Vec<&str> = table.iter().map(|(_, word)| *word).collect();
        format!("`{text}` is none of {}", known.join(", "))
    })
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&REACHES, *self))
    }
}

impl FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        value(&REACHES, text)
    }
}

impl fmt::Display for AnsweredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(&ANSWERERS, *self))
    }
}

impl FromStr for AnsweredBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        value(&ANSWERERS, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for (reach, _) in REACHES {
            assert_eq!(reach.to_string().parse(), Ok(reach));
        }
        for (answerer, _) in ANSWERERS {
            assert_eq!(answerer.to_string().parse(), Ok(answerer));
        }
        assert!("gone".parse::<Reach>().is_err_and(|why| why.contains("no_answer")));
    }

    #[test]
    fn causes_are_told_apart() {
        let told = [200, 486, 480, 603, 404, 503, 488].map(|code| Reach::of_code(code).to_string());
        assert_eq!(
            told,
            [
                "answered",
                "busy",
                "no_answer",
                "rejected",
                "not_found",
                "congestion",
                "failed"
            ]
        );
    }
}
