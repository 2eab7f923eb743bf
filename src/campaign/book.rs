//! The contacts of one campaign, in the order in which they are due.
//!
//! [`Book`] gives the next whose time has come and who may be called at this hour, without looking at those who must wait. It knows no more of a contact
//! than that, and no rule: whoever dials asks [`super::permit`] at that moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

/// The store's id of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContactId(pub i64);

/// At which hours contacts of one kind may be called: those of the same zones and holidays.
pub trait Hours {
    /// The first time from `at` on that is open, and its end; it is open at `at` where it begins no later than then. `None`: it cannot be told; such a
    /// contact is given when it is due, for the permit to say why not.
    fn next(&self, at: Timestamp) -> Option<Range<Timestamp>>;
}

/// What a book calls hours that it was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoursId(u32);

/// What a contact is due for. An appointment goes before all attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The person asked to be called at this time.
    Appointment,
    Attempt,
}

/// A contact who waits to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The digits of E.164.
    pub number: u64,
    /// Not before; kept in milliseconds, rounded up.
    pub due: Timestamp,
    pub lane: Lane,
    pub hours: HoursId,
}

#[derive(Clone, Debug)]
pub struct Book<H> {
    entries: BTreeMap<ContactId, Kept>,
    /// Who was taken and not settled, and whether they may come back.
    out: BTreeMap<ContactId, Return>,
    kinds: Vec<Kind<H>>,
    known: HashMap<H, HoursId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Return {
    Welcome,
    Unwanted,
}

/// An [`Entry`] in 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    number: u64,
    due: i64,
    hours: HoursId,
    lane: Lane,
}

/// Those with the same hours.
#[derive(Clone, Debug)]
struct Kind<H> {
    hours: H,
    /// Of `hours`, as of `asked`.
    open: Range<Timestamp>,
    asked: Timestamp,
    appointments: BTreeSet<(i64, ContactId)>,
    attempts: BTreeSet<(i64, ContactId)>,
}

/// Hours that could not tell are asked again after this.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

impl<H> Default for Book<H> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            out: BTreeMap::new(),
            kinds: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<H: Hours + Clone + Eq + Hash> Book<H> {
    /// What these hours are called here; the same hours always the same.
    pub fn hours(&mut self, hours: &H) -> HoursId {
        if let Some(id) = self.known.get(hours) {
            return *id;
        }
        let id = HoursId(u32::try_from(self.kinds.len()).unwrap_or(u32::MAX));
        self.kinds.push(Kind {
            hours: hours.clone(),
            open: Timestamp::MIN..Timestamp::MIN,
            asked: Timestamp::MIN,
            appointments: BTreeSet::new(),
            attempts: BTreeSet::new(),
        });
        self.known.insert(hours.clone(), id);
        id
    }

    /// Somebody is to be called; who waits already is moved. Who was taken is not touched: what comes of that is newer than what is told of them.
    pub fn put(&mut self, contact: ContactId, entry: Entry) {
        if self.out.contains_key(&contact) {
            return;
        }
        self.remove(contact);
        let kept = Kept {
            number: entry.number,
            due: milliseconds(entry.due),
            hours: entry.hours,
            lane: entry.lane,
        };
        if let Some(kind) = self.kind(kept.hours) {
            kind.lane(kept.lane).insert((kept.due, contact));
            self.entries.insert(contact, kept);
        }
    }

    /// Somebody is to be called no more; none where nobody of that id waits. Who was taken does not come back, whatever [`Self::settle`] is told.
    pub fn remove(&mut self, contact: ContactId) -> Option<Entry> {
        if let Some(out) = self.out.get_mut(&contact) {
            *out = Return::Unwanted;
        }
        let kept = self.entries.remove(&contact)?;
        if let Some(kind) = self.kind(kept.hours) {
            kind.lane(kept.lane).remove(&(kept.due, contact));
        }
        Some(kept.entry())
    }

    pub fn get(&self, contact: ContactId) -> Option<Entry> {
        self.entries.get(&contact).map(Kept::entry)
    }

    /// Who is to be called now; they are out until [`Self::settle`]. Of those whose time has come and whose hours it is an appointment before attempts, and then who has been due
    /// for longest.
    pub fn take(&mut self, now: Timestamp) -> Option<(ContactId, Entry)> {
        let firsts = self.kinds.iter_mut().filter_map(|kind| kind.first(now));
        let (_, _, contact) = firsts.min()?;
        let entry = self.remove(contact)?;
        self.out.insert(contact, Return::Welcome);
        Some((contact, entry))
    }

    /// What becomes of somebody who was taken: to be called again, or not.
    pub fn settle(&mut self, contact: ContactId, again: Option<Entry>) {
        if let (Some(Return::Welcome), Some(entry)) = (self.out.remove(&contact), again) {
            self.put(contact, entry);
        }
    }

    /// Nobody waits any more, and all hours are forgotten. Who is out stays so.
    pub fn clear(&mut self) {
        let out = std::mem::take(&mut self.out);
        *self = Self { out, ..Self::default() };
    }

    /// What the one is due for that [`Self::take`] gives.
    pub fn first(&mut self, now: Timestamp) -> Option<Lane> {
        let firsts = self.kinds.iter_mut().filter_map(|kind| kind.first(now));
        firsts.min().map(|(lane, ..)| lane)
    }

    /// When somebody may be called next: `now` or before where somebody may be at once, and never later than it is.
    pub fn next(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.kinds.iter_mut().filter_map(|kind| kind.next(now)).min()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What they are that are called so.
    pub fn hours_of(&self, id: HoursId) -> Option<&H> {
        Some(&self.kinds.get(id.0 as usize)?.hours)
    }

    fn kind(&mut self, hours: HoursId) -> Option<&mut Kind<H>> {
        self.kinds.get_mut(hours.0 as usize)
    }
}

impl Kept {
    fn entry(&self) -> Entry {
        Entry {
            number: self.number,
            due: Timestamp::from_millisecond(self.due).unwrap_or(Timestamp::MAX),
            lane: self.lane,
            hours: self.hours,
        }
    }
}

impl<H: Hours> Kind<H> {
    fn lane(&mut self, lane: Lane) -> &mut BTreeSet<(i64, ContactId)> {
        match lane {
            Lane::Appointment => &mut self.appointments,
            Lane::Attempt => &mut self.attempts,
        }
    }

    fn first(&mut self, now: Timestamp) -> Option<(Lane, i64, ContactId)> {
        let at = now.as_millisecond();
        let due = |lane: &BTreeSet<(i64, ContactId)>| lane.first().filter(|(due, _)| *due <= at).copied();
        let (lane, (due, contact)) = due(&self.appointments)
            .map(|first| (Lane::Appointment, first))
            .or_else(|| due(&self.attempts).map(|first| (Lane::Attempt, first)))?;
        (self.open(now).start <= now).then_some((lane, due, contact))
    }

    fn next(&mut self, now: Timestamp) -> Option<Timestamp> {
        let firsts = [self.appointments.first(), self.attempts.first()];
        let due = firsts.into_iter().flatten().map(|(due, _)| *due).min()?;
        let due = Timestamp::from_millisecond(due).unwrap_or(Timestamp::MAX);
        Some(due.max(self.open(now).start))
    }

    /// The hours are asked when what they said last is over, or the clock was put back.
    fn open(&mut self, now: Timestamp) -> &Range<Timestamp> {
        if now < self.asked || now >= self.open.end {
            let until = now.checked_add(AGAIN).unwrap_or(Timestamp::MAX);
            self.open = self.hours.next(now).unwrap_or(now..until);
            self.asked = now;
        }
        &self.open
    }
}

fn milliseconds(at: Timestamp) -> i64 {
    let down = at.as_millisecond();
    let is_whole = Timestamp::from_millisecond(down).is_ok_and(|whole| whole >= at);
    if is_whole { down } else { down.saturating_add(1) }
}

#[cfg(test)]
mod tests;
