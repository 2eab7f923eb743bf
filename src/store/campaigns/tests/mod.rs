//! Campaigns on the disk: what two processes write at once, and what is left when one of them ends at any point.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, json};
use sqlx::Row;

use super::*;
use crate::campaign::audit;
use crate::campaign::contact::NewContact;
use crate::campaign::outcome::{AnsweredBy, Reach};
use crate::store::Store;

mod counting;

const CAMPAIGN: &str = "unpaid";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn number(n: u32) -> Number {
    format!("+4930231250{n:02}").parse().expect("a number")
}

fn new(n: u32) -> NewContact {
    let mut vars = Map::new();
    vars.insert("item".into(), "shoes \"A\"".into());
    vars.insert("amount".into(), json!(12.5));
    NewContact {
        key: format!("order-{n}"),
        number: number(n),
        zone: None,
        proof: Some("2026-11-01".into()),
        vars,
        held_out: false,
        due: at(0),
    }
}

async fn opened(folder: &Path) -> Store {
    Store::open(&folder.join("offhook.db")).await.expect("opened")
}

/// With `many` contacts, and running.
async fn running(folder: &Path, many: u32) -> Store {
    let store = opened(folder).await;
    let rows: Vec<NewContact> = (0..many).map(new).collect();
    store.add_contacts(CAMPAIGN, &rows, at(1)).await.expect("added");
    let start = store.set_campaign_state(CAMPAIGN, State::Running, None, at(1));
    start.await.expect("written");
    store
}

async fn ids(store: &Store) -> Vec<i64> {
    let open = store.open_contacts(CAMPAIGN, 0, 1_000).await.expect("read");
    open.iter().map(|row| row.id).collect()
}

fn attempt(contact: i64, second: i64) -> NewAttempt {
    NewAttempt {
        contact,
        trunk: Some("network".into()),
        at: at(second),
        call: format!("call-{contact}-{second}"),
        audit: json!({"what": "dial", "contact": contact}),
    }
}

fn end(second: i64, then: Then) -> EndedAttempt {
    EndedAttempt {
        at: at(second),
        reach: Reach::NoAnswer,
        answered: None,
        answered_by: None,
        disposition: None,
        seconds: 0.0,
        human: false,
        right_person: None,
        abandoned: false,
        opted_out: false,
        reason: None,
        quote: None,
        slots: BTreeMap::new(),
        then,
        told: Told::default(),
    }
}

async fn begun(store: &Store, contact: i64, second: i64) -> Begun {
    let begun = store.begin_attempt(&attempt(contact, second)).await.expect("written");
    begun.expect("nothing is in the way")
}

fn told(audit: Value) -> Told {
    let hook = Hook {
        endpoint: "shop".into(),
        body: "{}".into(),
    };
    Told {
        hooks: vec![hook],
        audit: Some(audit),
    }
}

#[tokio::test]
async fn a_key_is_added_once_and_what_is_known_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(folder.path()).await;
    let mut twin = new(0);
    twin.number = number(9);
    let added = store.add_contacts(CAMPAIGN, &[new(0), new(1), twin], at(1)).await;
    let known = |row: usize, since: i64| Earlier { row, since: at(since) };
    let told = Added {
        added: 2,
        known: vec![known(2, 1)],
    };
    assert_eq!(added.expect("added"), told);
    // More than one transaction takes, and all that is known already among them.
    let rows: Vec<NewContact> = (0..2_500)
        .map(|n| NewContact {
            key: format!("order-{n}"),
            ..new(n % 100)
        })
        .collect();
    let added = store.add_contacts(CAMPAIGN, &rows, at(2)).await.expect("added");
    let told = Added {
        added: 2_498,
        known: vec![known(0, 1), known(1, 1)],
    };
    assert_eq!(added, told);
    // In another campaign it is another contact.
    let added = store.add_contacts("other", &rows, at(3)).await.expect("added");
    assert_eq!((added.added, added.known.len()), (2_500, 0));
    // What was there first is as it was.
    let first = store
        .contact_by_key(CAMPAIGN, "order-0")
        .await
        .expect("read")
        .expect("there");
    assert_eq!((first.number, first.added, first.closed), (number(0), at(1), None));
    assert_eq!(first.vars, new(0).vars);
    assert_eq!(first.proof.as_deref(), Some("2026-11-01"));
    assert_eq!(store.contact(first.id).await.expect("read"), Some(first));
}

#[tokio::test]
async fn whoever_follows_sees_each_change_and_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = running(folder.path(), 5).await;
    let mut mark = Mark::at(store.change_counter().await.expect("read"));
    let unchanged = store.changed_contacts(CAMPAIGN, mark, 10).await.expect("read");
    assert_eq!(unchanged, []);
    let all = ids(&store).await;
    let [first, second, third, ..] = all[..] else {
        panic!("{all:?}");
    };
    let told = told(json!({"what": "close"}));
    // As another process does.
    let other = opened(folder.path()).await;
    assert!(
        other
            .close_contact(first, at(5), "wrong_number", &told)
            .await
            .expect("written")
    );
    assert!(
        !other
            .close_contact(first, at(6), "again", &told)
            .await
            .expect("nothing")
    );
    // Who is told is told once, and with it.
    assert_eq!(store.due_webhooks("shop", at(9), 10).await.expect("read").len(), 1);
    assert_eq!(store.audit_rows(0, 10).await.expect("read").len(), 1);
    other.postpone(second, at(100)).await.expect("written");
    assert!(
        other
            .cancel_contact(third, at(7), "payment.succeeded", &Told::default())
            .await
            .expect("written")
    );
    other.add_contacts(CAMPAIGN, &[new(7)], at(8)).await.expect("added");
    let mut seen = Vec::new();
    loop {
        // Page by page.
        let page = store.changed_contacts(CAMPAIGN, mark, 1).await.expect("read");
        let Some(last) = page.last() else { break };
        mark = Mark::behind(last);
        seen.extend(page.iter().map(|row| (row.id, row.closed, row.due)));
    }
    let added = ids(&store).await.last().copied().expect("added");
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert_eq!(
        seen,
        [
            (first, true, at(0)),
            (second, false, at(100)),
            (third, true, at(0)),
            (added, false, at(0))
        ]
    );
    let third = store.contact(third).await.expect("read").expect("there");
    let told = (third.closed, third.outcome.as_deref(), third.cancelled.as_deref());
    assert_eq!(told, (Some(at(7)), Some("cancelled"), Some("payment.succeeded")));
    assert_eq!(ids(&store).await.len(), 4);
}

#[tokio::test]
async fn an_attempt_is_begun_once_and_ends_once_with_all_that_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = running(folder.path(), 1).await;
    let id = ids(&store).await[0];
    let first = begun(&store, id, 10).await;
    assert_eq!((first.n, first.appointment), (1, false));
    let second = store.begin_attempt(&attempt(id, 10)).await.expect("read");
    assert_eq!(second, Err(NotBegun::UnderWay));
    // The bot ends here; another finds what was under way.
    store.close().await;
    let store = opened(folder.path()).await;
    let open = store.interrupted_attempts().await.expect("read");
    assert_eq!(
        open.iter().map(|row| (row.id, row.contact, row.n)).collect::<Vec<_>>(),
        [(first.id, id, 1)]
    );
    let interrupted = EndedAttempt {
        reach: Reach::Interrupted,
        ..end(20, Then::Again(at(1_000)))
    };
    assert!(store.end_attempt(first.id, &interrupted).await.expect("written"));
    assert!(!store.end_attempt(first.id, &interrupted).await.expect("nothing"));
    let contact = store.contact(id).await.expect("read").expect("there");
    assert_eq!(
        (contact.attempts, contact.due, contact.outcome.as_deref()),
        (1, at(1_000), Some("interrupted"))
    );
    // They ask to be called: that one is beside the plan's.
    let second = begun(&store, id, 1_000).await;
    let asked = Then::Appointment(at(5_000));
    assert!(store.end_attempt(second.id, &end(1_001, asked)).await.expect("written"));
    let contact = store.contact(id).await.expect("read").expect("there");
    assert_eq!((contact.due, contact.appointment), (at(5_000), Some(at(5_000))));
    let third = begun(&store, id, 5_000).await;
    assert_eq!((third.n, third.appointment), (3, true));
    let contact = store.contact(id).await.expect("read").expect("there");
    assert_eq!(
        (contact.attempts, contact.appointments, contact.appointment),
        (3, 1, None)
    );
    // It ends in a wish, which is honoured with the same write.
    let wish = EndedAttempt {
        reach: Reach::Answered,
        answered: Some(at(5_005)),
        answered_by: Some(AnsweredBy::Human),
        disposition: Some("dnc".into()),
        seconds: 12.5,
        human: true,
        right_person: Some(true),
        opted_out: true,
        reason: Some("no_interest".into()),
        quote: Some("Leave me alone.".into()),
        slots: BTreeMap::from([("choice".to_owned(), "not_interested".to_owned())]),
        told: told(json!({"what": "opt_out", "contact": id})),
        ..end(5_020, Then::Close("dnc".into()))
    };
    assert!(store.end_attempt(third.id, &wish).await.expect("written"));
    assert_eq!(store.do_not_call(number(0)).await.expect("read"), [INTERNAL]);
    let due = store.due_webhooks("shop", at(5_020), 10).await.expect("read");
    assert_eq!(due.len(), 1);
    let contact = store.contact(id).await.expect("read").expect("there");
    assert_eq!(
        (contact.closed, contact.outcome.as_deref()),
        (Some(at(5_020)), Some("dnc"))
    );
    let made = store.attempts_of(id).await.expect("read");
    let last = made.last().expect("three");
    assert_eq!(
        (made.len(), last.reach, last.answered_by),
        (3, Some(Reach::Answered), Some(AnsweredBy::Human))
    );
    assert_eq!(
        (last.seconds, last.quote.as_deref(), &last.slots),
        (12.5, Some("Leave me alone."), &wish.slots)
    );
    // Three that were allowed and one wish were sealed, in their order.
    let trail = store.audit_rows(0, 100).await.expect("read");
    assert_eq!(trail.len(), 4);
    let head = audit::verify(trail, None).expect("whole");
    assert_eq!(store.audit_head().await.expect("read"), head);
    // It is closed, and stays it.
    let more = store.begin_attempt(&attempt(id, 9_000)).await.expect("read");
    assert_eq!(more, Err(NotBegun::Closed));
    assert!(store.interrupted_attempts().await.expect("read").is_empty());
}

#[tokio::test]
async fn what_forbids_a_call_is_seen_with_the_same_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = running(folder.path(), 3).await;
    let held_out = NewContact {
        held_out: true,
        ..new(5)
    };
    store.add_contacts(CAMPAIGN, &[held_out], at(1)).await.expect("added");
    let all = ids(&store).await;
    let held_out = store
        .contact_by_key(CAMPAIGN, "order-5")
        .await
        .expect("read")
        .expect("there");
    let refused = async |contact: i64| store.begin_attempt(&attempt(contact, 9)).await.expect("read").err();
    assert_eq!(refused(held_out.id).await, Some(NotBegun::Closed));
    assert_eq!(refused(4_711).await, Some(NotBegun::Closed));
    store
        .add_do_not_call(INTERNAL, number(0), at(2), "said so")
        .await
        .expect("written");
    assert_eq!(refused(all[0]).await, Some(NotBegun::DoNotCall));
    store
        .add_do_not_call("national", number(1), at(2), "registry")
        .await
        .expect("written");
    let pause = store.set_campaign_state(CAMPAIGN, State::Paused, None, at(3));
    pause.await.expect("written");
    assert_eq!(refused(all[1]).await, Some(NotBegun::Stopped));
    // Nothing of it left a trace, but that they are on lists.
    let trail = store.audit_rows(0, 10).await.expect("read");
    assert!(trail.iter().all(|entry| entry.what.contains("do_not_call")));
    for contact in all {
        assert!(store.attempts_of(contact).await.expect("read").is_empty());
        assert_eq!(store.contact(contact).await.expect("read").expect("there").attempts, 0);
    }
}

/// Each contact is dialled by as many as can, of two programs: one comes through, and nobody fails for the other's lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_programs_one_dials() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = running(folder.path(), 40).await;
    let other = opened(folder.path()).await;
    let all = ids(&one).await;
    let dial = async |store: &Store| {
        let mut won = Vec::new();
        for contact in &all {
            if store
                .begin_attempt(&attempt(*contact, 10))
                .await
                .expect("no lock lasts")
                .is_ok()
            {
                won.push(*contact);
            }
        }
        won
    };
    // Contacts are loaded meanwhile.
    let rows: Vec<NewContact> = (0..3_000)
        .map(|n| NewContact {
            key: format!("late-{n}"),
            ..new(n % 100)
        })
        .collect();
    let load = other.add_contacts(CAMPAIGN, &rows, at(2));
    let (first, second, loaded) = tokio::join!(dial(&one), dial(&other), load);
    assert_eq!(loaded.expect("no lock lasts").added, 3_000);
    let mut won = [first, second].concat();
    won.sort_unstable();
    assert_eq!(won, all);
    assert_eq!(one.interrupted_attempts().await.expect("read").len(), all.len());
    let trail = one.audit_rows(0, 100).await.expect("read");
    assert_eq!(trail.len(), all.len());
    audit::verify(trail, None).expect("whole, though two wrote");
}

#[tokio::test]
async fn the_journal_waits_for_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(folder.path()).await;
    // FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
    for (pool, level) in [(&store.journal, 2), (&store.pool, 1)] {
        let row = sqlx::query("PRAGMA synchronous").fetch_one(pool).await.expect("read");
        assert_eq!(row.try_get::<i64, _>(0).expect("a level"), level);
    }
}
