//! Which calls there are, and whose an incoming request is.
//!
//! A call is entered with a guard; when the guard goes, however the call's task ended, every trace of it goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use crate::sip::message::{DialogKey, Invitation, Named, Replaces};
use crate::sip::{Action, CallId};

/// What a call's task is told. When its queue of [`QUEUE`] is full, actions are refused as busy and requests answered
/// 500.
pub(super) enum Input {
    Action(Action),
    /// A request within its dialog.
    Request(Box<Transaction>),
    /// An INVITE that wants to take its place.
    Replace(Box<Transaction>, Replaces),
}

pub(super) const QUEUE: usize = 32;

#[derive(Default)]
pub(super) struct Registry {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    calls: HashMap<CallId, Entry>,
    dialogs: HashMap<DialogKey, CallId>,
    invitations: HashMap<Invitation, CallId>,
}

struct Entry {
    inputs: mpsc::Sender<Input>,
    /// Several where it was tried at several places, or another took its place.
    dialogs: Vec<DialogKey>,
    invitation: Option<Invitation>,
    /// Once it was answered.
    named: Option<Named>,
}

/// A call that is entered, for as long as this lasts.
pub(super) struct Entered {
    registry: Arc<Registry>,
    call: CallId,
}

impl Registry {
    /// `None` where the id is taken.
    pub fn enter(self: &Arc<Self>, call: CallId) -> Option<(Entered, mpsc::Receiver<Input>)> {
        let mut books = self.lock();
        if books.calls.contains_key(&call) {
            return None;
        }
        let (inputs, receiver) = mpsc::channel(QUEUE);
        let entry = Entry {
            inputs,
            dialogs: Vec::new(),
            invitation: None,
            named: None,
        };
        books.calls.insert(call, entry);
        let registry = self.clone();
        Some((Entered { registry, call }, receiver))
    }

    pub fn inputs(&self, call: CallId) -> Option<mpsc::Sender<Input>> {
        self.lock().calls.get(&call).map(|entry| entry.inputs.clone())
    }

    /// The queue of the call that has this dialog, to which it belongs until `tell` returns: what is put there no
    /// [`trade`](Entered::trade) overtakes.
    pub fn with_owner<T>(&self, dialog: &DialogKey, tell: impl FnOnce(Option<&mpsc::Sender<Input>>) -> T) -> T {
        let books = self.lock();
        let call = books.dialogs.get(dialog);
        let entry = call.and_then(|call| books.calls.get(call));
        tell(entry.map(|entry| &entry.inputs))
    }

    pub fn named(&self, call: CallId) -> Option<Named> {
        self.lock().calls.get(&call)?.named.clone()
    }

    pub fn is_invited(&self, invitation: &Invitation) -> bool {
        self.lock().invitations.contains_key(invitation)
    }

    pub fn calls(&self) -> Vec<CallId> {
        self.lock().calls.keys().copied().collect()
    }

    pub fn len(&self) -> usize {
        self.lock().calls.len()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    pub fn call(&self) -> CallId {
        self.call
    }

    pub fn has_dialog(&self, dialog: DialogKey) {
        let mut books = self.registry.lock();
        if let Some(entry) = books.calls.get_mut(&self.call) {
            entry.dialogs.push(dialog.clone());
            books.dialogs.insert(dialog, self.call);
        }
    }

    /// That dialog came to nothing.
    pub fn has_not(&self, dialog: &DialogKey) {
        let mut books = self.registry.lock();
        if let Some(entry) = books.calls.get_mut(&self.call) {
            entry.dialogs.retain(|known| known != dialog);
            books.dialogs.remove(dialog);
        }
    }

    /// Each has the dialogs of the other from now on.
    pub fn trade(&self, other: &Entered) {
        let mut books = self.registry.lock();
        let (one, two) = (books.calls.remove(&self.call), books.calls.remove(&other.call));
        let (mut one, mut two) = match (one, two) {
            (Some(one), Some(two)) => (one, two),
            // Both are entered as long as their guards last.
            (one, two) => {
                books.calls.extend(one.map(|entry| (self.call, entry)));
                books.calls.extend(two.map(|entry| (other.call, entry)));
                return;
            }
        };
        std::mem::swap(&mut one.inputs, &mut two.inputs);
        for (call, entry) in [(other.call, one), (self.call, two)] {
            for dialog in &entry.dialogs {
                books.dialogs.insert(dialog.clone(), call);
            }
            if let Some(invitation) = &entry.invitation {
                books.invitations.insert(invitation.clone(), call);
            }
            books.calls.insert(call, entry);
        }
    }

    pub fn is_up(&self, named: Named) {
        if let Some(entry) = self.registry.lock().calls.get_mut(&self.call) {
            entry.named = Some(named);
        }
    }

    /// Nobody can take its place any more.
    pub fn is_over(&self) {
        if let Some(entry) = self.registry.lock().calls.get_mut(&self.call) {
            entry.named = None;
        }
    }

    pub fn has_invitation(&self, invitation: Invitation) {
        let mut books = self.registry.lock();
        if let Some(entry) = books.calls.get_mut(&self.call) {
            entry.invitation = Some(invitation.clone());
            books.invitations.insert(invitation, self.call);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut books = self.registry.lock();
        let Some(entry) = books.calls.remove(&self.call) else {
            return;
        };
        for dialog in &entry.dialogs {
            books.dialogs.remove(dialog);
        }
        if let Some(invitation) = &entry.invitation {
            books.invitations.remove(invitation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(registry: &Registry, dialog: &DialogKey) -> Option<mpsc::Sender<Input>> {
        registry.with_owner(dialog, |inputs| inputs.cloned())
    }

    #[test]
    fn forgets_a_call_whole() {
        let registry = Arc::new(Registry::default());
        let (entered, _inputs) = registry.enter(CallId(1)).unwrap();
        assert!(registry.enter(CallId(1)).is_none(), "an id is taken once");
        let dialog = DialogKey {
            call_id: "a".into(),
            local_tag: "b".into(),
        };
        let invitation = Invitation::new("a", "c", 1);
        entered.has_dialog(dialog.clone());
        let (call_id, local_tag) = ("a".into(), "other".into());
        let other = DialogKey { call_id, local_tag };
        entered.has_dialog(other.clone());
        assert!(owner(&registry, &other).is_some());
        entered.has_not(&other);
        assert!(owner(&registry, &other).is_none() && owner(&registry, &dialog).is_some());
        entered.has_dialog(other);
        entered.has_invitation(invitation.clone());
        assert!(owner(&registry, &dialog).is_some() && registry.is_invited(&invitation));
        let named = Named {
            call_id: "a".into(),
            local_tag: "b".into(),
            remote_tag: "d".into(),
            target: "sip:e".into(),
        };
        entered.is_up(named.clone());
        assert_eq!(registry.named(CallId(1)), Some(named));
        entered.is_over();
        assert_eq!(registry.named(CallId(1)), None);
        drop(entered);
        let books = registry.lock();
        assert!(books.calls.is_empty() && books.dialogs.is_empty() && books.invitations.is_empty());
    }

    #[test]
    fn dialogs_go_with_the_call_that_has_them() {
        let registry = Arc::new(Registry::default());
        let dialog = |tag: &str| DialogKey {
            call_id: "a".into(),
            local_tag: tag.into(),
        };
        let (one, mut told) = registry.enter(CallId(1)).unwrap();
        let (two, _) = registry.enter(CallId(2)).unwrap();
        one.has_dialog(dialog("old"));
        one.has_invitation(Invitation::new("a", "b", 1));
        two.has_dialog(dialog("new"));
        one.trade(&two);
        let call = CallId(1);
        let inputs = owner(&registry, &dialog("new")).unwrap();
        inputs.try_send(Input::Action(Action::Ring { call })).ok().unwrap();
        assert!(matches!(told.try_recv(), Ok(Input::Action(_))));
        drop(two);
        assert!(owner(&registry, &dialog("old")).is_none() && owner(&registry, &dialog("new")).is_some());
        assert!(!registry.is_invited(&Invitation::new("a", "b", 1)));
        drop(one);
        assert!(owner(&registry, &dialog("new")).is_none() && registry.len() == 0);
    }
}
