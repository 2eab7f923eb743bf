//! The feed over real WebSockets: resumed after a break, asked for things, and closed where nobody may listen.

use offhook::web::{Command, State};

use super::*;

#[tokio::test]
async fn a_page_that_lost_its_line_misses_nothing() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let (mut page, of) = site.new_page(&cookie).await;
    site.publish(&json!({"waiting": 1}));
    site.web.feeds().publish(["bob"], "queue", &json!("not hers"));
    assert_eq!(
        page.told().await,
        json!({"n": 1, "topic": "queue", "body": {"waiting": 1}})
    );

    // The line breaks without a word, and life goes on.
    drop(page);
    site.until_nobody_is_there().await;
    for waiting in 2..=4 {
        site.publish(&json!({"waiting": waiting}));
    }
    let mut page = site.page(&cookie, json!({"resume": 1, "of": of})).await;
    assert_eq!(page.told().await, json!({"resumed": 1}));
    for n in 2..=4 {
        assert_eq!(
            page.told().await,
            json!({"n": n, "topic": "queue", "body": {"waiting": n}})
        );
    }
    site.publish(&json!("live"));
    assert_eq!(page.told().await["n"], 5);
    assert!(
        site.requests.try_recv().is_err(),
        "the engine was not asked for anything"
    );
}

#[tokio::test]
async fn a_page_that_was_away_too_long_is_told_all_of_the_present() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let (page, of) = site.new_page(&cookie).await;
    drop(page);
    site.until_nobody_is_there().await;
    for waiting in 1..=1000 {
        site.publish(&json!({"waiting": waiting}));
    }
    for hello in [
        json!({"resume": 1, "of": of}),
        json!({"resume": 5000, "of": of}),
        json!({"resume": 999, "of": "another run"}),
        json!({"resume": 999}),
    ] {
        let mut page = site.page(&cookie, hello).await;
        site.give(&json!({"waiting": 1000})).await;
        assert_eq!(
            page.told().await,
            json!({"reset": {"waiting": 1000}, "n": 1000, "of": of})
        );
    }
    let mut page = site.page(&cookie, json!({"resume": 999, "of": of})).await;
    assert_eq!(page.told().await, json!({"resumed": 999}));
    assert_eq!(page.told().await["body"], json!({"waiting": 1000}));
}

#[tokio::test]
async fn two_pages_of_one_person_hear_the_same() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let (mut one, _) = site.new_page(&cookie).await;
    let (mut two, _) = site.new_page(&cookie).await;
    site.publish(&json!("hello"));
    assert_eq!(one.told().await, two.told().await);
    assert_eq!(
        site.web.feeds().present().borrow().iter().collect::<Vec<_>>(),
        ["alice"]
    );
}

#[tokio::test]
async fn what_a_page_asks_for_is_answered_by_its_number() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let (mut page, _) = site.new_page(&cookie).await;
    let mut first = None;
    for id in [3, 4] {
        page.say(&json!({"id": id, "do": "state", "with": {"state": "pause", "reason": "lunch"}}))
            .await;
        let Request::Do {
            person,
            command,
            answer,
        } = site.asked().await
        else {
            panic!("no command");
        };
        assert_eq!(person.name, "alice");
        assert_eq!(command, Command::State(State::Pause { reason: "lunch".into() }));
        if id == 3 {
            first = Some(answer);
        } else {
            answer.send(Err("you are in a call".into())).unwrap();
        }
    }
    assert_eq!(
        page.told().await,
        json!({"re": 4, "error": "you are in a call"}),
        "the second is answered first"
    );
    first.unwrap().send(Ok(json!({"until": "13:00"}))).unwrap();
    assert_eq!(page.told().await, json!({"re": 3, "ok": {"until": "13:00"}}));

    page.say(&json!({"id": 5, "do": "dance"})).await;
    let told = page.told().await;
    let error = told["error"].as_str().unwrap_or_default();
    assert!(told["re"] == 5 && error.contains("unknown variant `dance`"), "{told}");
    page.say(&json!("what?")).await;
    let told = page.told().await;
    assert!(
        told["re"].is_null() && told["error"].as_str().unwrap().contains("a command is"),
        "{told}"
    );

    // The engine drops it, and later is gone.
    page.say(&json!({"id": 6, "do": "state", "with": {"state": "offline"}}))
        .await;
    drop(site.asked().await);
    assert!(page.told().await["error"].as_str().unwrap().contains("did not answer"));
    site.requests.close();
    page.say(&json!({"id": 7, "do": "state", "with": {"state": "available"}}))
        .await;
    assert_eq!(page.told().await, json!({"re": 7, "error": "no desk is running"}));
}

#[tokio::test]
async fn a_page_asks_for_so_much_at_once_and_no_more() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let (mut page, _) = site.new_page(&cookie).await;
    let mut unanswered = Vec::new();
    for id in 1..=16 {
        page.say(&json!({"id": id, "do": "state", "with": {"state": "available"}}))
            .await;
        unanswered.push(site.asked().await);
    }
    page.say(&json!({"id": 17, "do": "state", "with": {"state": "available"}}))
        .await;
    let told = page.told().await;
    assert!(
        told["re"] == 17 && told["error"].as_str().unwrap().contains("16 commands wait"),
        "{told}"
    );
}

#[tokio::test]
async fn nobody_listens_who_may_not() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let own = site.origin();
    for (cookie, origin, status) in [
        ("", own.as_str(), 401),
        ("offhook=AAAA", own.as_str(), 401),
        (cookie.as_str(), "https://evil.example", 403),
        (cookie.as_str(), "null", 403),
    ] {
        match site.connect(cookie, origin, None).await {
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), status, "{origin}"),
            other => panic!("{origin}: {:?}", other.map(|_| ())),
        }
    }
    let pages = [site.new_page(&cookie).await.0, site.new_page(&cookie).await.0];
    let out = site
        .post("/api/sign-out")
        .header("Cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    for page in pages {
        assert_eq!(page.closed().await, 4401);
    }
    site.until_nobody_is_there().await;
}

#[tokio::test]
async fn a_page_that_makes_no_sense_is_let_go() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let page = site.page(&cookie, json!("hello")).await;
    assert_eq!(page.closed().await, 4400);
    let (mut page, _) = site.new_page(&cookie).await;
    let large = json!({"id": 1, "do": "state", "with": "x".repeat(100_000)});
    page.socket.send(Message::text(large.to_string())).await.ok();
    site.until_nobody_is_there().await;
    let (mut page, _) = site.new_page(&cookie).await;
    page.socket.send(Message::binary(vec![0; 10])).await.unwrap();
    site.until_nobody_is_there().await;
}

#[tokio::test]
async fn where_no_desk_runs_a_page_is_told_to_come_again() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    site.requests.close();
    let page = site.page(&cookie, json!({})).await;
    assert_eq!(page.closed().await, 1013);
}

#[tokio::test]
async fn a_page_that_does_not_read_is_cut_off_and_goes_on_when_it_does() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let mut slow = site.connect(&cookie, &site.origin(), Some(4096)).await.unwrap();
    slow.say(&json!({})).await;
    site.give(&json!("now")).await;
    let of = slow.told().await["of"].clone();
    // More than the buffers of both ends hold, a piece at a time, as fast as they are taken.
    let piece = "x".repeat(200_000);
    let mut present = site.web.feeds().present();
    let gone = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        let mut published = 0;
        loop {
            tokio::select! {
                left = present.wait_for(|present| present.is_empty()) => break left.map(|_| published),
                _ = tick.tick() => {
                    site.publish(&json!(piece));
                    published += 1;
                    while let Ok(request) = site.requests.try_recv() {
                        if let Request::Snapshot { answer, .. } = request {
                            answer.give(&json!(piece));
                        }
                    }
                }
            }
        }
    };
    let published = soon("that it is cut off", gone).await.unwrap();
    site.publish(&json!("after"));
    let mut page = site.page(&cookie, json!({"resume": published, "of": of})).await;
    assert_eq!(page.told().await, json!({"resumed": published}));
    assert_eq!(
        page.told().await,
        json!({"n": published + 1, "topic": "queue", "body": "after"})
    );
}

#[tokio::test]
async fn pages_are_told_that_the_bot_ends() {
    let mut site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    let (page, _) = site.new_page(&cookie).await;
    let Site { web, .. } = site;
    let (code, ()) = tokio::join!(page.closed(), web.close());
    assert_eq!(code, 1001);
}
