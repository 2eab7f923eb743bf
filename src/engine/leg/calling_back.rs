//! Somebody is to be called back: all that is needed for it leaves the call, which may end.

use std::sync::Arc;

use super::Leg;
use crate::call::{Call, CallBack};
use crate::clock;
use crate::engine::calling_back::{Place, Wanted};
use crate::engine::letters::letter_box;
use crate::language::{Language, Voice};
use crate::store::Callback;

/// A caller who has others called too has that many called at most.
const MOST: u32 = 8;

/// Where a call came from.
pub(in crate::engine) struct Origin {
    /// Of From, as it stood.
    pub uri: String,
    pub user: String,
    pub trunk: Option<String>,
}

impl Origin {
    /// The SIP URI by which `number` is called where no trunk is known: at the caller's own host.
    fn address_of(&self, number: &str) -> Option<String> {
        let (scheme, rest) = self.uri.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return None;
        }
        if number == self.user {
            return Some(self.uri.clone());
        }
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}:{number}@{host}"))
    }
}

impl Leg {
    /// Hands over who is to be called; a caller who is to be called in their turn leaves the line in their place.
    pub(super) fn call_back(&mut self, wanted: CallBack) {
        let CallBack {
            number,
            queue,
            tier,
            brief,
            after,
        } = wanted;
        let Some(opening) = self.bot.live.opening(self.number).filter(|_| self.callbacks < MOST) else {
            if after.is_none() {
                self.people.leave();
            }
            return self.journal.event("nobody more is called back for one call");
        };
        let (now, at) = (clock::now(), clock::wall());
        let letters = letter_box();
        let (place, queue, at) = match after {
            None => {
                let queue = self.people.queue_name().unwrap_or(queue);
                let ticket = self.people.hand_on(&letters.0);
                (ticket.map_or(Place::Booked(now), Place::Kept), queue, at)
            }
            Some(after) => {
                let due = at.checked_add(after).unwrap_or(at);
                (Place::Booked(now.checked_add(after).unwrap_or(now)), queue, due)
            }
        };
        let language = brief.language.unwrap_or(Language::English);
        let wish = self.wish(queue, tier.as_deref(), Some(language));
        let kept = Callback {
            call: opening.id.clone(),
            n: self.callbacks,
            at,
            address: self.caller.address_of(&number),
            number,
            trunk: self.caller.trunk.clone(),
            queue: wish.queue.clone(),
            language: language.code().to_owned(),
            priority: wish.priority,
            ended: None,
            outcome: None,
        };
        self.callbacks += 1;
        self.bot.outbox.callback(kept.clone());
        self.bot.call_back(Wanted {
            place,
            wish,
            plan: Arc::clone(&self.plan),
            brief: *brief,
            voice: self.call.as_ref().map_or(Voice::Joe, Call::voice),
            opening,
            kept,
            letters,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_trunk_is_called_at_the_host_of_the_caller() {
        let from = |uri: &str, user: &str| Origin {
            uri: uri.into(),
            user: user.into(),
            trunk: None,
        };
        let desk = from("sip:4911@pbx.example:5070;transport=tcp", "4911");
        assert_eq!(
            desk.address_of("4911").as_deref(),
            Some("sip:4911@pbx.example:5070;transport=tcp")
        );
        assert_eq!(
            desk.address_of("4912").as_deref(),
            Some("sip:4912@pbx.example:5070;transport=tcp")
        );
        assert_eq!(from("tel:+4911", "+4911").address_of("+4911"), None);
        assert_eq!(from("sip:pbx.example", "").address_of("4912"), None);
    }
}
