//! Claims in English: who says that something was done, is under way, or will be done at once.
//!
//! Word by word, segment by segment; a segment ends at punctuation, at a conjunction and at a condition.

use super::action::{self, Action, Forms};
use crate::dialogue::words::plain;

const CONDITIONS: &str =
    "if once when whenever after before until till unless whether while provided as-soon-as as-long-as in-case";
const CONJUNCTIONS: &str = "and but so then because therefore or";
const MODALS: &str = "can could may might must should would shall will to cannot";
const NEGATIONS: &str = "not never nothing none nor neither unable without cannot nobody hardly no yet-to";
/// After "no" they make a courtesy and not a denial.
const COURTESIES: &str = "problem problems worries trouble need doubt more";
/// May stand between a subject, its auxiliary and its verb.
const ADVERBS: &str = "\
    now just already successfully also gone ahead then been indeed actually fully safely both since \
    officially hereby recently all went go being immediately personally finally duly manually automatically \
    correctly happily completely therefore";
const HAVE: &str = "have has had having";
const BE: &str = "is are am was were be got gets get";
/// What stands first in a sentence and is not yet part of it.
const FILLERS: &str = "\
    ok okay alright right great good perfect sure yes yeah well there and so now fine certainly wonderful \
    excellent absolutely news oh";
const QUESTIONS: &str =
    "has have is are was were did do does can could would will shall should may what where who why how which";
/// Somebody who acts for the business.
const STAFF: &str = "\
    system team colleague colleagues agent agents manager warehouse department computer desk office company \
    supervisor someone somebody they he she bank specialist support courier everyone";
/// True of every customer, every time: no claim about this one.
const HABITS: &str = "\
    within every each usually normally always automatically generally typically only days weekdays weeks \
    hours must between customers daily";
/// After these, "that" begins what is reported; before a verb elsewhere it is about the noun before it.
const REPORTS: &str = "confirm see say know think believe sure tell assure you glad happy pleased and";
/// Say that all is done, without a verb of doing.
const IDIOMS: [(&str, Action); 24] = [
    ("all set", Action::Settle),
    ("good to go", Action::Settle),
    ("taken care of", Action::Settle),
    ("took care of", Action::Settle),
    ("all done", Action::Settle),
    ("gone through", Action::Settle),
    ("went through", Action::Settle),
    ("successfully", Action::Settle),
    ("is complete", Action::Settle),
    ("in effect now", Action::Settle),
    ("consider it", Action::Settle),
    ("on its way", Action::Send),
    ("on their way", Action::Send),
    ("on the way to you", Action::Send),
    ("out for delivery", Action::Send),
    ("in the mail", Action::Send),
    ("i can see", Action::LookUp),
    ("i see your", Action::LookUp),
    ("i see that", Action::LookUp),
    ("our records show", Action::LookUp),
    ("the system shows", Action::LookUp),
    ("according to our records", Action::LookUp),
    ("according to our system", Action::LookUp),
    ("according to your account", Action::LookUp),
];

/// Behind "you", "they" and "it" they begin what follows from a condition.
const GOES_ON: &str = "get gets will can may receive receives have has are is need should must";

/// `|` ends a sentence, `,` a part of one.
const STOP: &str = "|";
const PAUSE: &str = ",";

#[derive(Clone, Default)]
struct Segment {
    from: usize,
    conditional: bool,
    negated: bool,
    /// Whether it begins its sentence.
    first: bool,
}

fn among(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

/// What `clause` claims. `conditional`: a condition in an earlier clause of the same sentence.
pub(super) fn claims(clause: &str, conditional: bool) -> Vec<Action> {
    let words = words(clause);
    let mut found = Vec::new();
    // What a condition covers that no main clause follows was no condition: "After review your order has been cancelled."
    let mut suspended: Vec<Action> = Vec::new();
    let mut at = 0;
    let mut carried = conditional;
    while at < words.len() {
        let end = words
            .iter()
            .skip(at)
            .position(|word| word == STOP)
            .map_or(words.len(), |to| at + to);
        let sentence = &words[at..end];
        if !is_question(sentence) {
            let segments = segments(sentence);
            for (n, segment) in segments.iter().enumerate() {
                let to = segments.get(n + 1).map_or(sentence.len(), |next| next.from);
                let here = judge(
                    sentence,
                    segment,
                    to,
                    carried || segments[..n].iter().any(|earlier| earlier.conditional),
                );
                let alone = segment.first && n + 1 == segments.len() && end < words.len();
                if segment.conditional && !alone {
                    continue;
                }
                if segment.conditional {
                    suspended.extend(here);
                } else {
                    found.extend(here);
                }
            }
        }
        carried = false;
        at = end + 1;
    }
    found.extend(suspended);
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether the clause leaves a condition open that what follows depends on.
pub(super) fn opens_condition(clause: &str) -> bool {
    let words = words(clause);
    let last = words.rsplit(|word| word == STOP).next().unwrap_or_default();
    last.iter().any(|word| among(CONDITIONS, word.as_str()))
}

/// Small letters, contractions taken apart, punctuation as words of its own.
fn words(clause: &str) -> Vec<String> {
    let text = format!(" {} ", plain(clause))
        .replace(" as soon as ", " as-soon-as ")
        .replace(" as long as ", " as-long-as ")
        .replace(" in case ", " in-case ")
        .replace(" by the time ", " when ")
        .replace(" not only ", " ")
        .replace(" ahead and ", " ahead ")
        .replace(" yet to ", " yet-to ")
        .replace("can't", "can not")
        .replace("cannot", "can not")
        .replace("won't", "will not")
        .replace("n't ", " not ")
        .replace("'ve ", " have ")
        .replace("'ll ", " will ")
        .replace("'m ", " am ")
        .replace("'re ", " are ")
        .replace("'s ", " is ")
        .replace(" -", " , ")
        .replace("- ", " , ");
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !bare.is_empty() {
            words.push(bare.to_owned());
        }
        if word.ends_with(['.', '!', '?', ';', '…']) {
            words.push(STOP.to_owned());
        } else if word.ends_with([',', ':', ')']) || bare.is_empty() {
            words.push(PAUSE.to_owned());
        }
    }
    words
}

fn is_question(sentence: &[String]) -> bool {
    let first = sentence
        .iter()
        .find(|word| !among(FILLERS, word.as_str()) && *word != PAUSE);
    first.is_some_and(|word| among(QUESTIONS, word.as_str()))
}

fn segments(sentence: &[String]) -> Vec<Segment> {
    let mut segments = vec![Segment {
        first: true,
        ..Segment::default()
    }];
    let mut has_verb = false;
    for (at, word) in sentence.iter().enumerate() {
        let word = word.as_str();
        let last = segments.last().cloned().unwrap_or_default();
        let begins = |conditional, negated, first| Segment {
            from: at,
            conditional,
            negated,
            first,
        };
        let next = sentence.get(at + 1).map_or("", String::as_str);
        if among(CONDITIONS, word) || (word == "should" && at == 0) {
            // "Now that" and "when" at the very start begin the sentence all the same.
            let only_fillers = sentence[..at]
                .iter()
                .all(|word| among(FILLERS, word.as_str()) || word == PAUSE);
            segments.push(begins(true, false, only_fillers));
            has_verb = false;
        } else if word == PAUSE {
            segments.push(begins(false, false, false));
            has_verb = false;
        } else if among(CONJUNCTIONS, word) {
            let elliptical = !is_subject(next) && next != "then" && !among(HAVE, next);
            let keeps = elliptical && word != "but";
            segments.push(begins(last.conditional && elliptical, last.negated && keeps, false));
            has_verb = false;
        } else if last.conditional
            && has_verb
            && (matches!(word, "i" | "we") || matches!(word, "you" | "they" | "it") && among(GOES_ON, next))
        {
            segments.push(begins(false, false, false));
            has_verb = false;
        }
        has_verb |= action::english(word).is_some() || among(HAVE, word) || among(BE, word);
        let denies = among(NEGATIONS, word) && !(word == "no" && among(COURTESIES, next));
        if denies && let Some(segment) = segments.last_mut() {
            segment.negated = true;
        }
    }
    segments
}

fn is_subject(word: &str) -> bool {
    matches!(
        word,
        "i" | "we"
            | "you"
            | "it"
            | "your"
            | "our"
            | "my"
            | "the"
            | "that"
            | "this"
            | "everything"
            | "they"
            | "a"
            | "an"
            | "there"
    ) || among(STAFF, word)
}

/// The claims of one segment of a sentence.
fn judge(sentence: &[String], segment: &Segment, to: usize, after_condition: bool) -> Vec<Action> {
    let words = &sentence[segment.from..to];
    let mut found = Vec::new();
    for at in 0..words.len() {
        let denied = words[..at].iter().enumerate().any(|(n, word)| {
            let next = words.get(n + 1).map_or("", String::as_str);
            among(NEGATIONS, word.as_str()) && !(word == "no" && among(COURTESIES, next))
        });
        if denied || (segment.negated && words.iter().all(|word| !among(NEGATIONS, word.as_str()))) {
            break;
        }
        let Some((action, forms)) = action::english(&words[at]) else {
            continue;
        };
        let sight = Sight {
            words,
            at,
            sentence,
            after_condition,
        };
        if sight.claims(forms, action) {
            found.push(action);
        }
    }
    let denied = segment.negated
        || words.iter().any(|word| {
            among(NEGATIONS, word.as_str())
                || among(MODALS, word.as_str()) && word != "will" && word != "to" && word != "can"
        });
    if !denied {
        let text = format!(" {} ", words.join(" "));
        for (idiom, action) in IDIOMS {
            let future = text.contains(" will ")
                || text.contains(" would ")
                || text.contains(" to be ")
                || (text.contains(" can ") && idiom != "i can see");
            if text.contains(&format!(" {idiom} ")) && !future {
                found.push(action);
            }
        }
        if let Some(is) = words.iter().position(|word| word == "is" || word == "are")
            && words.get(is + 1).is_some_and(|word| word == "now")
            && words[..is].iter().any(|word| word == "your")
            && !after_condition
        {
            found.push(Action::Settle);
        }
    }
    found
}

/// A verb where it stands.
struct Sight<'a> {
    words: &'a [String],
    at: usize,
    sentence: &'a [String],
    after_condition: bool,
}

impl Sight<'_> {
    fn word(&self, at: Option<usize>) -> &str {
        at.and_then(|at| self.words.get(at)).map_or("", String::as_str)
    }

    /// The nearest word before `at` that is no adverb, and its place.
    fn before(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|n| {
            let word = self.words[*n].as_str();
            !(among(ADVERBS, word) || word == "and" && *n > 0)
        })
    }

    fn has(&self, wanted: &[&str]) -> bool {
        self.words[..self.at].iter().any(|word| wanted.contains(&word.as_str()))
    }

    fn claims(&self, forms: Forms, action: Action) -> bool {
        let before = self.before(self.at);
        let word = self.word(before).to_owned();
        let word = word.as_str();
        if forms.past && self.past(before, word, forms, action) {
            return true;
        }
        if forms.ing && among(BE, word) {
            let own = self.has(&["i", "we", "your", "it", "that", "everything"]);
            return own && !self.is_modified(before) && !self.has(&["would", "can", "could", "may", "might"]);
        }
        forms.base && self.base(before, word)
    }

    /// "I cancelled", "has been cancelled", "is cancelled", "Cancelled."
    fn past(&self, before: Option<usize>, word: &str, forms: Forms, action: Action) -> bool {
        if among(HAVE, word) {
            return self.perfect(before);
        }
        if among(BE, word) {
            return self.passive(before, word, action);
        }
        let next = self.word(Some(self.at + 1));
        let at_it = matches!(
            next,
            "your"
                | "it"
                | "that"
                | "this"
                | "you"
                | "the"
                | "them"
                | "everything"
                | "a"
                | "an"
                | "up"
                | "for"
                | "out"
                | "into"
        );
        match word {
            "i" => !forms.base || at_it || next.is_empty(),
            "we" => !forms.base || matches!(next, "your" | "it" | "that" | "you"),
            "" => self.bare(next),
            _ if among(STAFF, word) => !forms.base && !self.is_relative(before),
            _ => self.headline(),
        }
    }

    /// At "have": who has, and whether they may only have.
    fn perfect(&self, have: Option<usize>) -> bool {
        let Some(have) = have else { return false };
        let subject = self.before(have);
        let word = self.word(subject);
        if among(MODALS, word) || self.is_relative(Some(have)) {
            return false;
        }
        // "Anything you have bought" is about the thing; "You have cancelled it." is a claim.
        let been = self.words[have..self.at].iter().any(|word| word == "been");
        let you = word == "you" && subject.is_some_and(|at| at > 0 && !is_start(self.word(at.checked_sub(1))));
        !you || been
    }

    fn passive(&self, be: Option<usize>, word: &str, action: Action) -> bool {
        let Some(be) = be else { return false };
        if self.is_modified(Some(be)) {
            return false;
        }
        match word {
            "was" | "were" | "got" => true,
            "is" | "are" | "am" => {
                let own = [
                    "your",
                    "it",
                    "that",
                    "this",
                    "these",
                    "those",
                    "everything",
                    "all",
                    "appointment",
                ];
                let person = matches!(self.word(self.before(be)), "you" | "they" | "i");
                let habit = self.sentence.iter().any(|word| among(HABITS, word.as_str()));
                // "The office is closed" and "we are located" tell of the place.
                let place = matches!(action, Action::LookUp)
                    || matches!(self.words[self.at].as_str(), "closed" | "set" | "left");
                // "The debit is stopped." is about this one; what goes on after the verb tells of all of them.
                let ends = matches!(self.word(Some(self.at + 1)), "" | STOP | PAUSE);
                let this_one = ends && self.has(&["the"]) && matches!(action, Action::Cancel | Action::Change);
                (self.has(&own) || person || this_one) && !habit && !self.after_condition && !place
                    || (self.has(&["your"]) && place && !habit && !self.after_condition)
            }
            // After a modal; or "be" and "get" with no claim in them.
            _ => false,
        }
    }

    /// The verb begins what is said: "Done.", "Cancelled it for you."
    fn bare(&self, next: &str) -> bool {
        let starts = self.words[..self.at]
            .iter()
            .all(|word| is_start(word) || among(ADVERBS, word.as_str()));
        let known = matches!(
            next,
            "" | "it"
                | "that"
                | "your"
                | "you"
                | "for"
                | "the"
                | "and"
                | "as"
                | PAUSE
                | "now"
                | "already"
                | "successfully"
                | "them"
        );
        starts && known && self.words[self.at] != "left"
    }

    /// "Refund issued", "Your order cancelled": a few words, the verb last.
    fn headline(&self) -> bool {
        let rest = &self.words[self.at + 1..];
        let short = self.at <= 4
            && rest
                .iter()
                .all(|word| among(ADVERBS, word.as_str()) || matches!(word.as_str(), "for" | "you" | PAUSE));
        let verbs = self.words[..self.at].iter().any(|word| {
            let word = word.as_str();
            among(HAVE, word)
                || among(BE, word)
                || among(MODALS, word)
                || matches!(word, "as" | "of" | "not" | "you" | "be" | "in" | "for" | "do" | "does")
        });
        let whole = self.words.len() >= self.sentence.len().saturating_sub(2);
        short && !verbs && whole && self.at > 0
    }

    /// "I will cancel", "let me cancel", "I am going to cancel", "I did cancel".
    fn base(&self, before: Option<usize>, word: &str) -> bool {
        let first_person = self.has(&["i"]);
        let only = self.has(&["can", "could", "would", "might", "may", "if", "want"]);
        match word {
            "will" => {
                first_person && !only
                    || self.has(&["we"])
                        && self
                            .sentence
                            .iter()
                            .any(|word| matches!(word.as_str(), "now" | "immediately" | "away" | "right"))
            }
            "me" => self.word(before.and_then(|at| at.checked_sub(1))) == "let",
            "to" => {
                let going = before.and_then(|at| self.before(at));
                self.word(going) == "going" && first_person && !only
            }
            "did" => self.has(&["i", "we"]),
            _ => false,
        }
    }

    /// A modal before "be", or a relative clause.
    fn is_modified(&self, be: Option<usize>) -> bool {
        let Some(at) = be else { return true };
        let subject = self.before(at);
        among(MODALS, self.word(subject)) || self.is_relative(Some(at))
    }

    /// "orders that were …", "which have been …", "who has …"
    fn is_relative(&self, verb: Option<usize>) -> bool {
        let Some(subject) = verb.and_then(|at| self.before(at)) else {
            return false;
        };
        match self.word(Some(subject)) {
            "which" | "who" | "whose" => true,
            "that" => {
                subject > 0 && !is_start(self.word(Some(subject - 1))) && !among(REPORTS, self.word(Some(subject - 1)))
            }
            _ => self.words[..subject].iter().any(|word| {
                matches!(
                    word.as_str(),
                    "which" | "who" | "whose" | "anything" | "whatever" | "everything-that"
                )
            }),
        }
    }
}

fn is_start(word: &str) -> bool {
    word.is_empty()
        || word == PAUSE
        || among(FILLERS, word)
        || among(CONJUNCTIONS, word)
        || matches!(word, "that" | "because")
}
