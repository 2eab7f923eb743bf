//! What goes wrong in a hand-over, and at which point of it: the rows of the table.
//!
//! A script is the same for who is rung at a telephone and at a page. It knows neither of them, and no time.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;

/// One hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Script {
    pub trouble: Trouble,
    pub then: Then,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// With who is rung first; nothing, where they take the call.
    Person(Way, Conduct),
    /// The caller hangs up.
    Caller(Stage),
}

/// Where people take calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Phone,
    Page,
}

/// How who is rung behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conduct {
    /// Answers, hears the brief, talks and hangs up.
    Takes,
    /// Nobody listens where their telephone should be.
    Absent,
    /// Refuses with this code, without having rung.
    Refuses(u16),
    /// Rings, and refuses with this code.
    RingsAndRefuses(u16),
    /// Rings until it is told not to.
    NeverAnswers,
    /// Answers, and neither sends nor takes any sound.
    Mute,
    /// Does not want the call when it is told what it is about.
    Declines,
    /// Hangs up while it is told.
    HangsUp,
    /// Is gone from one moment to the next.
    Vanishes(Stage, Cause),
}

/// How far a hand-over has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody is rung.
    Waiting,
    Ringing,
    /// They have answered, and hear what it is about.
    Brief,
    /// They and the caller hear each other.
    Bridged,
}

/// Why nothing comes from somebody any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nothing arrives, and nothing comes back.
    Network,
    /// Their ports are closed: the system says so to whoever sends there.
    Killed,
}

/// Who is there beside the one with whom it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    /// Somebody who takes the call.
    Next,
    /// Nobody: what is left is the plan's way out.
    Nobody,
}

/// Whether people at pages are among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    Rung,
    NotRung,
}

/// How a caller is to fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Talked with the one who was rung first.
    First,
    /// With the next one.
    Next,
    /// The plan's way out: the bot told them that nobody is free.
    WayOut,
    /// They hung up themselves.
    Left,
    /// None of it.
    Dropped,
}

const VANISHING: [(Stage, Cause); 6] = [
    (Stage::Ringing, Cause::Network),
    (Stage::Ringing, Cause::Killed),
    (Stage::Brief, Cause::Network),
    (Stage::Brief, Cause::Killed),
    (Stage::Bridged, Cause::Network),
    (Stage::Bridged, Cause::Killed),
];
const STAGES: [Stage; 4] = [Stage::Waiting, Stage::Ringing, Stage::Brief, Stage::Bridged];

impl Script {
    /// What is to become of the caller.
    pub fn wanted(self) -> Fate {
        match (self.trouble, self.then) {
            (Trouble::Caller(_), _) => Fate::Left,
            (Trouble::Person(_, Conduct::Takes), _) => Fate::First,
            (_, Then::Next) => Fate::Next,
            (_, Then::Nobody) => Fate::WayOut,
        }
    }

    /// Every one there is.
    pub fn all(pages: Pages) -> Vec<Script> {
        let mut all = Vec::new();
        let mut add = |trouble, thens: &[Then]| all.extend(thens.iter().map(|&then| Script { trouble, then }));
        let both = [Then::Next, Then::Nobody];
        let phones = [
            Conduct::Absent,
            Conduct::Refuses(404),
            Conduct::Refuses(500),
            Conduct::RingsAndRefuses(486),
            Conduct::RingsAndRefuses(603),
            Conduct::RingsAndRefuses(408),
            Conduct::NeverAnswers,
            Conduct::Mute,
            Conduct::Declines,
            Conduct::HangsUp,
        ];
        let at_pages = [
            Conduct::RingsAndRefuses(603),
            Conduct::NeverAnswers,
            Conduct::Declines,
            Conduct::HangsUp,
        ];
        let rung: &[(Way, &[Conduct])] = match pages {
            Pages::Rung => &[(Way::Phone, &phones), (Way::Page, &at_pages)],
            Pages::NotRung => &[(Way::Phone, &phones)],
        };
        for (way, conducts) in rung {
            add(Trouble::Person(*way, Conduct::Takes), &[Then::Nobody]);
            for conduct in *conducts {
                add(Trouble::Person(*way, *conduct), &both);
            }
            for (stage, cause) in VANISHING {
                add(Trouble::Person(*way, Conduct::Vanishes(stage, cause)), &both);
            }
        }
        for stage in STAGES {
            add(Trouble::Caller(stage), &[Then::Nobody]);
        }
        all
    }

    /// `count` of them, each as often as the others, in an order drawn.
    pub fn drawn(count: usize, pages: Pages, random: &mut StdRng) -> Vec<Script> {
        let mut drawn: Vec<Script> = Self::all(pages).into_iter().cycle().take(count).collect();
        drawn.shuffle(random);
        drawn
    }
}

impl Trouble {
    /// When it happens.
    pub fn point(self) -> &'static str {
        match self {
            Trouble::Person(_, Conduct::Takes) => "-",
            Trouble::Person(_, Conduct::Absent | Conduct::Refuses(_)) => "before ringing",
            Trouble::Person(_, Conduct::RingsAndRefuses(_) | Conduct::NeverAnswers) => "ringing",
            Trouble::Person(_, Conduct::Mute) => "accepting",
            Trouble::Person(_, Conduct::Declines | Conduct::HangsUp) => "brief",
            Trouble::Person(_, Conduct::Vanishes(stage, _)) | Trouble::Caller(stage) => stage.name(),
        }
    }

    /// What happens.
    pub fn what(self) -> String {
        match self {
            Trouble::Caller(_) => "the caller hangs up".into(),
            Trouble::Person(way, conduct) => format!("{}: {}", way.name(), conduct.what(way)),
        }
    }

    /// How the one who is rung first behaves.
    pub fn conduct(self) -> (Way, Conduct) {
        match self {
            Trouble::Person(way, conduct) => (way, conduct),
            Trouble::Caller(_) => (Way::Phone, Conduct::Takes),
        }
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Phone => "phone",
            Way::Page => "page",
        }
    }
}

impl Conduct {
    fn what(self, way: Way) -> String {
        match (self, way) {
            (Conduct::Takes, _) => "takes the call, hangs up".into(),
            (Conduct::Absent, _) => "is not there".into(),
            (Conduct::RingsAndRefuses(_), Way::Page) => "declines".into(),
            (Conduct::Refuses(code) | Conduct::RingsAndRefuses(code), _) => format!("answers {code}"),
            (Conduct::NeverAnswers, _) => "is not answered".into(),
            (Conduct::Mute, _) => "answers and sends no sound".into(),
            (Conduct::Declines, Way::Phone) => "declines by key".into(),
            (Conduct::Declines, Way::Page) => "declines".into(),
            (Conduct::HangsUp, _) => "hangs up".into(),
            (Conduct::Vanishes(_, Cause::Network), _) => "network gone".into(),
            (Conduct::Vanishes(_, Cause::Killed), _) => "process killed".into(),
        }
    }
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::Waiting => "waiting",
            Stage::Ringing => "ringing",
            Stage::Brief => "brief",
            Stage::Bridged => "bridged",
        }
    }
}

/// A moment within `span` of a stage's beginning, drawn.
pub fn moment(random: &mut StdRng, span: std::ops::Range<u64>) -> std::time::Duration {
    std::time::Duration::from_millis(random.random_range(span))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_script_is_played_as_often_as_the_others() {
        for pages in [Pages::Rung, Pages::NotRung] {
            let all = Script::all(pages);
            let drawn = Script::drawn(3 * all.len(), pages, &mut StdRng::seed_from_u64(7));
            for script in &all {
                let times = drawn.iter().filter(|other| *other == script).count();
                assert_eq!(times, 3, "{script:?}");
            }
            assert_eq!(
                drawn,
                Script::drawn(3 * all.len(), pages, &mut StdRng::seed_from_u64(7))
            );
        }
    }

    #[test]
    fn no_two_rows_have_one_name() {
        let mut rows: Vec<Trouble> = Script::all(Pages::Rung).iter().map(|script| script.trouble).collect();
        rows.sort();
        rows.dedup();
        let mut names: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {}", row.point(), row.what()))
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len());
    }
}
