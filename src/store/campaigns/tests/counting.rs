//! What a campaign came to, and what is known of its contacts, as it is counted and read.

use std::time::Duration;

use super::*;
use crate::campaign::report::share::Share;

#[tokio::test]
async fn the_figures_add_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = running(folder.path(), 8).await;
    let held_out: Vec<NewContact> = (20..24)
        .map(|n| NewContact {
            held_out: true,
            ..new(n)
        })
        .collect();
    store.add_contacts(CAMPAIGN, &held_out, at(1)).await.expect("added");
    let all = ids(&store).await;
    let [talked, wrong, silent, again, under_way, off, refused, waiting] = all[..] else {
        panic!("{all:?}");
    };
    let spoken = |disposition: &str, right: bool, seconds: f64| EndedAttempt {
        reach: Reach::Answered,
        answered: Some(at(11)),
        answered_by: Some(AnsweredBy::Human),
        disposition: Some(disposition.into()),
        human: true,
        right_person: Some(right),
        seconds,
        ..end(20, Then::Close(disposition.into()))
    };
    let dialled = begun(&store, talked, 10).await;
    let said = EndedAttempt {
        reason: Some("too_expensive".into()),
        quote: Some("That's a lot.".into()),
        ..spoken("promised", true, 60.0)
    };
    store.end_attempt(dialled.id, &said).await.expect("written");
    let dialled = begun(&store, wrong, 10).await;
    let end_wrong = spoken("wrong_number", false, 6.0);
    store.end_attempt(dialled.id, &end_wrong).await.expect("written");
    let dialled = begun(&store, silent, 10).await;
    let abandoned = EndedAttempt {
        reach: Reach::Answered,
        abandoned: true,
        ..end(20, Then::Close("abandoned".into()))
    };
    store.end_attempt(dialled.id, &abandoned).await.expect("written");
    for (second, then) in [(10, Then::Again(at(100))), (100, Then::Again(at(200)))] {
        let dialled = begun(&store, again, second).await;
        store
            .end_attempt(dialled.id, &end(second + 1, then))
            .await
            .expect("written");
    }
    begun(&store, under_way, 10).await;
    let told = Told::default();
    store
        .cancel_contact(off, at(12), "payment.succeeded", &told)
        .await
        .expect("written");
    store.reach_goal(off, at(12), &told).await.expect("written");
    store.reach_goal(talked, at(5_000), &told).await.expect("too late");
    store
        .close_contact(refused, at(12), "no_proof", &told)
        .await
        .expect("written");
    let _ = waiting;
    let held = store
        .contact_by_key(CAMPAIGN, "order-20")
        .await
        .expect("read")
        .expect("there");
    store.reach_goal(held.id, at(30), &told).await.expect("written");
    let goal = Some(("payment.succeeded", Duration::from_secs(1_000)));
    let figures = store.figures(CAMPAIGN, None, goal, at(500)).await.expect("counted");
    let contacts = &figures.contacts;
    let counted = [
        contacts.held_out,
        contacts.called_off,
        contacts.waiting,
        contacts.dialled,
        contacts.refused.values().sum(),
    ];
    assert_eq!((contacts.all, counted), (12, [4, 1, 1, 5, 1]));
    assert_eq!(
        (contacts.again, contacts.reached, contacts.right_person),
        (2, 2, Some(1))
    );
    let outcomes: Vec<(&str, u64)> = contacts.outcomes.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let expected = [
        ("answered", 1),
        ("no_answer", 1),
        ("promised", 1),
        ("under way", 1),
        ("wrong_number", 1),
    ];
    assert_eq!(outcomes, expected);
    let attempts = &figures.attempts;
    assert_eq!(
        (attempts.all, attempts.under_way, attempts.human, attempts.abandoned),
        (6, 1, 2, 1)
    );
    assert_eq!(attempts.reach.values().sum::<u64>() + attempts.under_way, attempts.all);
    assert!((attempts.seconds - 66.0).abs() < 1e-9);
    let share = |hits, of| Share { hits, of };
    assert_eq!((figures.goal.called, figures.goal.held_out), (share(1, 8), share(1, 4)));
    // Of the twelve two have it in time and one had it late.
    assert_eq!(figures.goal.pending, 9);
    let reasons: Vec<_> = figures
        .reasons
        .iter()
        .map(|r| (r.reason.as_str(), r.calls, r.quotes.len()))
        .collect();
    assert_eq!(reasons, [("too_expensive", 1, 1)]);
    assert_eq!(store.abandoned_share(CAMPAIGN, at(0)).await.expect("counted"), (1, 3));
    assert_eq!(store.abandoned_share(CAMPAIGN, at(11)).await.expect("counted"), (0, 0));
    let standings = store.standings(at(150)).await.expect("counted");
    let standing = standings.get(CAMPAIGN).copied().expect("there");
    let expected = Standing {
        contacts: 12,
        held_out: 4,
        open: 3,
        due: 2,
        dialled: 5,
        closed: 5,
        attempts: 6,
        under_way: 1,
    };
    assert_eq!(standing, expected);
    // Nothing was added since, and of nothing all is nothing.
    let none = store
        .figures(CAMPAIGN, Some(at(2)), goal, at(500))
        .await
        .expect("counted");
    assert_eq!(
        (none.contacts.all, none.attempts.all, none.contacts.right_person),
        (0, 0, None)
    );
}

#[tokio::test]
async fn what_is_known_of_contacts_is_read_for_all_at_once() {
    use crate::campaign::permit::{Standing as Stands, Whose};
    let folder = tempfile::tempdir().expect("a folder");
    let store = running(folder.path(), 3).await;
    let twin = NewContact {
        key: "twin".into(),
        ..new(0)
    };
    let added = store.add_contacts("other", std::slice::from_ref(&twin), at(1));
    added.await.expect("added");
    let start = store.set_campaign_state("other", State::Running, None, at(1));
    start.await.expect("written");
    store.add_contacts(CAMPAIGN, &[twin], at(1)).await.expect("added");
    let all = ids(&store).await;
    let [first, second, _, twin] = all[..] else {
        panic!("{all:?}");
    };
    let elsewhere = store
        .contact_by_key("other", "twin")
        .await
        .expect("read")
        .expect("there")
        .id;
    let day = 86_400;
    for (contact, second) in [
        (first, 10),
        (elsewhere, 20),
        (first, 5 * day),
        (twin, 5 * day + 1),
        (elsewhere, 5 * day + 2),
    ] {
        let dialled = begun(&store, contact, second).await;
        let then = Then::Appointment(at(second + 1));
        store
            .end_attempt(dialled.id, &end(second + 1, then))
            .await
            .expect("written");
    }
    store
        .add_do_not_call("national", number(0), at(2), "registry")
        .await
        .expect("written");
    let contacts = store.contacts_of(CAMPAIGN, 0, 10).await.expect("read");
    let known = store
        .known(contacts, Duration::from_secs(3_600), at(5 * day + 60))
        .await
        .expect("read");
    let calls = |n: usize| {
        known[n]
            .calls
            .iter()
            .map(|made| (made.at, made.whose))
            .collect::<Vec<_>>()
    };
    // Its own of all time, those of others of two days.
    assert_eq!(
        calls(0),
        [
            (at(10), Whose::Contact),
            (at(5 * day), Whose::Appointment),
            (at(5 * day + 1), Whose::Campaign),
            (at(5 * day + 2), Whose::Other)
        ]
    );
    assert_eq!((known[1].contact.id, calls(1)), (second, vec![]));
    assert_eq!(
        (known[0].listed.as_slice(), known[1].listed.len()),
        (["national".to_owned()].as_slice(), 0)
    );
    assert!(known[0].whereabouts.is_some());
    assert_eq!(known[0].contact.standing(), Stands::Open);
    let told = Told::default();
    store
        .close_contact(first, at(9), "opted_out", &told)
        .await
        .expect("written");
    let closed = store.contact(first).await.expect("read").expect("there");
    assert_eq!(closed.standing(), Stands::OptedOut);
}
