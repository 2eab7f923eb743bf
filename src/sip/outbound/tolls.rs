//! Where calls may go, and how many a day: toll fraud is expensive before anybody notices it.
//!
//! Every [`Action::Dial`](crate::sip::Action::Dial) and [`Action::Refer`](crate::sip::Action::Refer) passes here before anything is sent, and so does
//! what a peer refers us to. A number is compared
//! as digits, and one that is written in a way that is no number fits no rule. A cap counts what was asked for, whether it was answered or not; minutes are
//! those of calls that we placed ourselves, since of a caller who was transferred nothing more is heard. A call that is up is not cut.
//!
//! It is told the time and the day, which is UTC's. It knows no messages.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::sip::message::grammar;
use crate::sip::{CallId, Event};

/// Addresses that a plan names, of all its versions since the start.
const NAMED: usize = 4096;

/// Where calls may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destinations {
    /// Anywhere: for a user agent that only its owner dials with.
    #[default]
    Any,
    /// To the addresses that [`UserAgent::name`](crate::sip::UserAgent::name) was told, and nowhere else.
    Named,
    /// Where one of these leads; being named is not enough.
    Listed(Vec<Destination>),
}

/// Addresses that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Numbers that begin like this, wherever they are dialled.
    Number(String),
    /// A SIP address; any user of the host where there is none. With a port only that one.
    Address { user: Option<String>, host: String },
}

/// At most so much a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    pub calls: Option<u32>,
    pub minutes: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    pub allow: Destinations,
    /// For all together.
    pub cap: Cap,
    /// And for what leads there.
    pub caps: Vec<(Destination, Cap)>,
    pub referred: Referred,
}

/// Whether a peer may have us call somebody to go on with (REFER), within the same bounds: it is at our cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Referred {
    /// 405, and REFER is not in our Allow.
    #[default]
    Never,
    Permitted,
}

impl Outbound {
    /// Whether a list lets calls go to `to`; without a list that is for others to say.
    pub fn lists(&self, to: &str) -> bool {
        match &self.allow {
            Destinations::Any | Destinations::Named => true,
            Destinations::Listed(listed) => listed.iter().any(|rule| rule.leads_to(to)),
        }
    }
}

impl Outbound {
    /// What is dialled where a peer names `uri`. Where a rule permits it for its number alone that number is dialled, by the trunk: by which host is not the peer's
    /// to say. None: it names a number, and there is no trunk for it.
    pub(in crate::sip) fn target(&self, uri: &str, by_trunk: bool) -> Option<String> {
        let Destinations::Listed(rules) = &self.allow else {
            return Some(uri.to_owned());
        };
        let addressed = |rule: &Destination| matches!(rule, Destination::Address { .. }) && rule.leads_to(uri);
        if rules.iter().any(addressed) || number(&user(uri)).is_none() {
            return Some(uri.to_owned());
        }
        by_trunk.then(|| user(uri))
    }
}

/// The rule that stood in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sip) enum Refusal {
    #[error("`{0}` is not among the addresses that the plan names; list it in `outbound.allow`")]
    NotNamed(String),
    #[error("`{0}` fits no rule of `outbound.allow`")]
    NotListed(String),
    #[error("`outbound.{0}` is reached for today: {1} calls")]
    Calls(String, u32),
    #[error("`outbound.{0}` is reached for today: {1} minutes")]
    Minutes(String, u32),
}

impl FromStr for Destination {
    type Err = String;

    /// `+44`, `sip:desk@pbx.example`, `sip:*@pbx.example`
    fn from_str(text: &str) -> Result<Destination, String> {
        let wrong = || format!("`{text}` is no destination; write +44, sip:desk@pbx.example or sip:*@pbx.example");
        if !text.contains(':') {
            return number(text).map(Destination::Number).ok_or_else(wrong);
        }
        let (_, rest) = text
            .split_once(':')
            .filter(|(scheme, _)| is_sip(scheme))
            .ok_or_else(wrong)?;
        let (user, host) = rest.split_once('@').ok_or_else(wrong)?;
        if user.is_empty()
            || host.is_empty()
            || !grammar::host_is_sound(&format!("sip:{host}"))
            || host.contains([';', '?'])
        {
            return Err(wrong());
        }
        Ok(Destination::Address {
            user: (user != "*").then(|| grammar::unescape(user)),
            host: host.to_ascii_lowercase(),
        })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Number(prefix) => f.write_str(prefix),
            Destination::Address { user, host } => write!(f, "sip:{}@{host}", user.as_deref().unwrap_or("*")),
        }
    }
}

impl Destination {
    fn leads_to(&self, to: &str) -> bool {
        match self {
            Destination::Number(prefix) => number(&user(to)).is_some_and(|number| number.starts_with(prefix)),
            Destination::Address { user: wanted, host } => {
                let named = host_of(to).is_some_and(|(whole, bare)| whole == *host || bare == *host);
                named && wanted.as_ref().is_none_or(|wanted| *wanted == user(to))
            }
        }
    }
}

fn is_sip(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")
}

/// The user of what is dialled: of a URI, or all of a number.
fn user(to: &str) -> String {
    let to = to.trim();
    if !to.contains(':') {
        return to.to_owned();
    }
    let user = grammar::party_of_uri(to).user;
    // Its parameters (RFC 3261 §19.1.6) are no part of a number.
    user.split(';').next().unwrap_or_default().to_owned()
}

/// Host and port, and the host alone, in small letters.
fn host_of(to: &str) -> Option<(String, String)> {
    let (_, rest) = to.trim().split_once(':').filter(|(scheme, _)| is_sip(scheme))?;
    let rest = rest.rsplit('@').next()?;
    let whole = rest.split([';', '?']).next()?.to_ascii_lowercase();
    let bare = match whole.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        Some(_) | None => whole.clone(),
    };
    Some((whole, bare))
}

/// The digits of a number, without what makes it easier to read (RFC 3966 §3); `None` where there is anything else.
fn number(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| !"-.() ".contains(*letter)).collect();
    let rest = digits.strip_prefix('+').unwrap_or(&digits);
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'*' || byte == b'#';
    (!rest.is_empty() && rest.bytes().all(plain)).then_some(digits)
}

/// What was used of a cap today.
#[derive(Clone, Copy, Default)]
struct Used {
    calls: u32,
    talked: Duration,
}

/// A call that we placed.
struct Placed {
    /// Those of [`Outbound::caps`] that it counts for.
    caps: Vec<usize>,
    answered: Option<Instant>,
}

pub(in crate::sip) struct Tolls {
    rules: Outbound,
    named: BTreeSet<String>,
    /// Since 1970.
    day: i64,
    all: Used,
    each: Vec<Used>,
    placed: HashMap<CallId, Placed>,
    refused: u64,
}

impl Tolls {
    pub fn new(rules: Outbound) -> Tolls {
        Tolls {
            each: vec![Used::default(); rules.caps.len()],
            rules,
            named: BTreeSet::new(),
            day: 0,
            all: Used::default(),
            placed: HashMap::new(),
            refused: 0,
        }
    }

    /// These may be called where [`Destinations::Named`] rules.
    pub fn name(&mut self, addresses: impl IntoIterator<Item = String>) {
        for address in addresses {
            if self.named.len() < NAMED {
                self.named.insert(address);
            }
        }
    }

    /// Requests refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes a call to `to` into account, or says which rule is against it. `placed` is the call where it is one of ours, whose minutes count.
    pub fn permit(&mut self, to: &str, placed: Option<CallId>, day: i64, now: Instant) -> Result<(), Refusal> {
        let permitted = self.judge(to, day, now);
        match &permitted {
            Ok(caps) => {
                self.all.calls = self.all.calls.saturating_add(1);
                for used in counted(&mut self.each, caps) {
                    used.calls = used.calls.saturating_add(1);
                }
                if let Some(call) = placed {
                    let (caps, answered) = (caps.clone(), None);
                    self.placed.insert(call, Placed { caps, answered });
                }
            }
            Err(_) => self.refused = self.refused.saturating_add(1),
        }
        permitted.map(|_| ())
    }

    /// Whether a call to `to` would be permitted; it is not taken into account.
    pub fn would_permit(&mut self, to: &str, day: i64, now: Instant) -> Result<(), Refusal> {
        self.judge(to, day, now).map(drop)
    }

    /// Whether calls may go there at all, whatever was used of the caps.
    pub fn allows(&self, to: &str) -> Result<(), Refusal> {
        match &self.rules.allow {
            Destinations::Any => Ok(()),
            Destinations::Named if self.named.contains(to) => Ok(()),
            Destinations::Named => Err(Refusal::NotNamed(to.to_owned())),
            Destinations::Listed(_) if self.rules.lists(to) => Ok(()),
            Destinations::Listed(_) => Err(Refusal::NotListed(to.to_owned())),
        }
    }

    /// The caps that it counts for.
    fn judge(&mut self, to: &str, day: i64, now: Instant) -> Result<Vec<usize>, Refusal> {
        self.allows(to)?;
        if day != self.day {
            self.day = day;
            self.all = Used::default();
            self.each.fill(Used::default());
        }
        let caps = self.rules.caps.iter().enumerate();
        let caps: Vec<usize> = caps
            .filter(|(_, (rule, _))| rule.leads_to(to))
            .map(|(at, _)| at)
            .collect();
        check("a_day", self.rules.cap, self.all, self.talking(None, now))?;
        for &at in &caps {
            if let (Some((rule, cap)), Some(used)) = (self.rules.caps.get(at), self.each.get(at)) {
                check(&format!("caps: {rule}"), *cap, *used, self.talking(Some(at), now))?;
            }
        }
        Ok(caps)
    }

    /// For how long calls that are up have been so; all, or those that count for one cap.
    fn talking(&self, cap: Option<usize>, now: Instant) -> Duration {
        let counted = self
            .placed
            .values()
            .filter(|placed| cap.is_none_or(|cap| placed.caps.contains(&cap)));
        let spans = counted.filter_map(|placed| Some(now.saturating_duration_since(placed.answered?)));
        spans.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Each of the two is the other from now on.
    pub fn trade(&mut self, one: CallId, other: CallId) {
        let (first, second) = (self.placed.remove(&one), self.placed.remove(&other));
        self.placed.extend(first.map(|placed| (other, placed)));
        self.placed.extend(second.map(|placed| (one, placed)));
    }

    /// What becomes of the calls that were placed.
    pub fn told(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Answered { call, .. } => {
                if let Some(placed) = self.placed.get_mut(call) {
                    placed.answered.get_or_insert(now);
                }
            }
            Event::Refused { call, .. } | Event::Ended { call, .. } => {
                let Some(placed) = self.placed.remove(call) else { return };
                let Some(answered) = placed.answered else { return };
                let talked = now.saturating_duration_since(answered);
                self.all.talked = self.all.talked.saturating_add(talked);
                for used in counted(&mut self.each, &placed.caps) {
                    used.talked = used.talked.saturating_add(talked);
                }
            }
            Event::Invited { .. }
            | Event::Acknowledged { .. }
            | Event::Changed { .. }
            | Event::Progressed { .. }
            | Event::Referred { .. }
            | Event::Joined { .. }
            | Event::NotJoined { .. }
            | Event::Transferred { .. }
            | Event::Key { .. }
            | Event::Refreshed { .. }
            | Event::TrunkDown { .. }
            | Event::TrunkUp { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. } => {}
        }
    }
}

/// Those of `each` that are among `caps`.
fn counted<'a>(each: &'a mut [Used], caps: &[usize]) -> impl Iterator<Item = &'a mut Used> {
    let all = each.iter_mut().enumerate();
    all.filter(|(at, _)| caps.contains(at)).map(|(_, used)| used)
}

fn check(rule: &str, cap: Cap, used: Used, talking: Duration) -> Result<(), Refusal> {
    let minutes = used.talked.saturating_add(talking).as_secs() / 60;
    if let Some(most) = cap.calls.filter(|most| used.calls >= *most) {
        return Err(Refusal::Calls(rule.to_owned(), most));
    }
    match cap.minutes.filter(|most| minutes >= u64::from(*most)) {
        Some(most) => Err(Refusal::Minutes(rule.to_owned(), most)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Ended, Refuser};
    use proptest::prelude::*;

    fn rule(text: &str) -> Destination {
        text.parse().unwrap()
    }

    fn tolls(allow: Destinations, cap: Cap, caps: Vec<(Destination, Cap)>) -> Tolls {
        Tolls::new(Outbound {
            allow,
            cap,
            caps,
            ..Outbound::default()
        })
    }

    #[test]
    fn a_peer_names_a_number_and_not_the_host_that_it_is_dialled_at() {
        let listed = |rules: &[&str]| Outbound {
            allow: Destinations::Listed(rules.iter().map(|text| rule(text)).collect()),
            ..Outbound::default()
        };
        let outbound = listed(&["+44", "sip:*@pbx.example"]);
        let target = |uri, by_trunk| outbound.target(uri, by_trunk);
        assert_eq!(target("sip:+44207@10.0.0.5:6379;transport=tcp", false), None);
        assert_eq!(target("sip:+44207@evil.test", true).as_deref(), Some("+44207"));
        for uri in ["sip:desk@pbx.example", "sip:+44207@pbx.example"] {
            assert_eq!(target(uri, false).as_deref(), Some(uri));
        }
        // What fits no rule is refused where all calls are.
        assert_eq!(
            target("sip:desk@evil.test", true).as_deref(),
            Some("sip:desk@evil.test")
        );
    }

    #[test]
    fn a_rule_fits_what_it_names_and_nothing_dressed_up_as_it() {
        let (britain, desk, pbx, port) = (
            rule("+44"),
            rule("sip:desk@PBX.example"),
            rule("sip:*@pbx.example"),
            rule("sip:*@pbx.example:5080"),
        );
        for (to, fits) in [
            ("+44 20-7946.0018", [true, false, false, false]),
            ("tel:+442079460018;phone-context=x", [true, false, false, false]),
            ("sip:+442079460018@provider.example", [true, false, false, false]),
            ("sip:%2B44207;npdi@pbx.example", [true, false, true, false]),
            ("sip:desk@pbx.example", [false, true, true, false]),
            ("SIP:desk@pbx.example:5080;transport=tcp", [false, true, true, true]),
            ("sip:desk@pbx.example.evil.test", [false; 4]),
            ("sip:pbx.example@evil.test", [false; 4]),
            ("sip:+44,,,0900@a", [false; 4]),
            ("sip:x+44207@a", [false; 4]),
            ("0044207", [false; 4]),
            ("+4", [false; 4]),
            ("", [false; 4]),
        ] {
            assert_eq!(
                [&britain, &desk, &pbx, &port].map(|rule| rule.leads_to(to)),
                fits,
                "{to}"
            );
        }
        for wrong in [
            "",
            "+",
            "abc",
            "sip:pbx.example",
            "sip:@x",
            "tel:+44",
            "sip:a@b;c",
            "http://x@y",
        ] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
        assert_eq!(rule("sip:*@Pbx.example").to_string(), "sip:*@pbx.example");
    }

    #[test]
    fn only_what_the_plan_names_may_be_called() {
        let now = crate::clock::now();
        let mut tolls = tolls(Destinations::Named, Cap::default(), Vec::new());
        tolls.name(["sip:desk@127.0.0.1:5080".to_owned()]);
        assert_eq!(tolls.permit("sip:desk@127.0.0.1:5080", None, 1, now), Ok(()));
        let refusal = tolls
            .permit("sip:+4490012345@provider.example", None, 1, now)
            .unwrap_err();
        assert!(refusal.to_string().contains("+4490012345") && refusal.to_string().contains("outbound.allow"));
        assert_eq!(tolls.refused(), 1);
        let mut listed = super::tests::tolls(Destinations::Listed(vec![rule("+44")]), Cap::default(), Vec::new());
        listed.name(["sip:desk@127.0.0.1:5080".to_owned()]);
        assert!(listed.permit("+44207", None, 1, now).is_ok());
        assert!(
            listed.permit("sip:desk@127.0.0.1:5080", None, 1, now).is_err(),
            "a list is all there is"
        );
    }

    #[test]
    fn a_day_has_so_many_calls_and_the_next_one_again() {
        let now = crate::clock::now();
        let few = Cap {
            calls: Some(2),
            minutes: None,
        };
        let some = Cap {
            calls: Some(3),
            minutes: None,
        };
        let mut tolls = tolls(Destinations::Any, some, vec![(rule("+4490"), few)]);
        for _ in 0..2 {
            assert_eq!(tolls.would_permit("+4490123", 7, now), Ok(()));
            tolls.permit("+4490123", None, 7, now).unwrap();
        }
        assert!(tolls.would_permit("+4490123", 7, now).is_err());
        assert_eq!(tolls.refused(), 0, "nobody was refused by being asked about");
        let refusal = tolls.permit("+4490999", None, 7, now).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "`outbound.caps: +4490` is reached for today: 2 calls"
        );
        tolls.permit("+4420", None, 7, now).unwrap();
        let refusal = tolls.permit("+4420", None, 7, now).unwrap_err();
        assert_eq!(refusal.to_string(), "`outbound.a_day` is reached for today: 3 calls");
        tolls.permit("+4490123", None, 8, now).unwrap();
    }

    /// A day, and its minutes by number.
    fn ten_minutes() -> (Tolls, impl Fn(u64) -> Instant) {
        let start = crate::clock::now();
        let cap = Cap {
            calls: None,
            minutes: Some(10),
        };
        let minute = move |n| start + Duration::from_secs(60 * n);
        (tolls(Destinations::Any, cap, Vec::new()), minute)
    }

    #[test]
    fn minutes_are_those_that_were_talked_and_those_that_still_are() {
        let (mut tolls, minute) = ten_minutes();
        let place = |tolls: &mut Tolls, call, at| {
            let permitted = tolls.permit("+44207", Some(CallId(call)), 1, minute(at));
            tolls.told(
                &Event::Answered {
                    call: CallId(call),
                    body: None,
                },
                minute(at),
            );
            permitted
        };
        place(&mut tolls, 1, 0).unwrap();
        tolls.told(
            &Event::Ended {
                call: CallId(1),
                cause: Ended::ByUs,
            },
            minute(4),
        );
        place(&mut tolls, 2, 4).unwrap();
        place(&mut tolls, 3, 9).unwrap();
        assert_eq!(place(&mut tolls, 4, 10), Err(Refusal::Minutes("a_day".into(), 10)));
        tolls.told(
            &Event::Refused {
                call: CallId(2),
                code: 486,
                by: Refuser::Peer,
                reason: String::new(),
                retry_after: None,
            },
            minute(10),
        );
        tolls.told(
            &Event::Ended {
                call: CallId(3),
                cause: Ended::ByPeer,
            },
            minute(10),
        );
        assert!(tolls.placed.is_empty(), "nothing is kept of calls that are over");
    }

    #[test]
    fn minutes_go_with_the_call_that_took_the_place_of_another() {
        let (mut tolls, minute) = ten_minutes();
        let (came, placed) = (CallId(1), CallId(2));
        let ended = |call| Event::Ended {
            call,
            cause: Ended::ByPeer,
        };
        tolls.permit("+44207", Some(placed), 1, minute(0)).unwrap();
        let (call, body) = (placed, None);
        tolls.told(&Event::Answered { call, body }, minute(0));
        tolls.trade(came, placed);
        // The one that came.
        tolls.told(&ended(placed), minute(1));
        tolls.told(&ended(came), minute(10));
        let refusal = tolls.permit("+44207", None, 1, minute(11)).unwrap_err();
        assert_eq!(refusal, Refusal::Minutes("a_day".into(), 10));
        assert!(tolls.placed.is_empty());
    }

    proptest! {
        #[test]
        fn any_destination_is_judged(to: String, rule: String) {
            let _ = rule.parse::<Destination>().map(|rule| rule.leads_to(&to));
            let _ = super::tests::rule("sip:*@a").leads_to(&to);
        }
    }
}
