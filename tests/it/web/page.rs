//! The page that measurements follow feeds with, on real sockets.

use offhook::simulate::page::{self, Told};

use super::*;

async fn told(page: &mut page::Page) -> Told {
    soon("what a page is told", page.next()).await.unwrap().1
}

fn message(n: u64) -> Told {
    let (topic, body) = ("queue".to_owned(), json!({"waiting": n}));
    Told::Message { n, topic, body }
}

#[tokio::test]
async fn it_signs_in_follows_and_goes_on_after_a_break() {
    let mut site = Site::new().await;
    let wrong = page::Page::sign_in(site.at, "alice", "something else").await;
    assert!(matches!(wrong, Err(page::Error::Refused { .. })));
    let mut page = page::Page::sign_in(site.at, "alice", PASSWORD).await.unwrap();
    page.open().await.unwrap();
    site.give(&json!("now")).await;
    let Told::Reset { n: 0, of, body } = told(&mut page).await else {
        panic!("no snapshot");
    };
    assert_eq!(body, json!("now"));
    site.publish(&json!({"waiting": 1}));
    assert_eq!(told(&mut page).await, message(1));

    page.break_off();
    assert!(matches!(page.next().await, Err(page::Error::Ended(_))));
    site.until_nobody_is_there().await;
    site.publish(&json!({"waiting": 2}));
    page.open().await.unwrap();
    assert_eq!(told(&mut page).await, Told::Resumed { n: 1 });
    assert_eq!(told(&mut page).await, message(2));

    // It was away for too long.
    page.break_off();
    site.until_nobody_is_there().await;
    for n in 3..=1000 {
        site.publish(&json!({"waiting": n}));
    }
    page.open().await.unwrap();
    site.give(&json!("later")).await;
    let body = json!("later");
    assert_eq!(told(&mut page).await, Told::Reset { n: 1000, of, body });
    assert!(page.bytes() > 0);
}

#[tokio::test]
async fn what_it_asks_is_answered_and_what_comes_meanwhile_is_kept() {
    let mut site = Site::new().await;
    let mut page = page::Page::sign_in(site.at, "alice", PASSWORD).await.unwrap();
    page.open().await.unwrap();
    site.give(&json!("now")).await;
    assert!(matches!(told(&mut page).await, Told::Reset { .. }));
    let available = json!({"state": "available"});
    let desk = async {
        let Request::Do { answer, .. } = site.asked().await else {
            panic!("no command");
        };
        site.publish(&json!({"waiting": 1}));
        // The page is told of both in either order.
        answer.send(Ok(json!({"done": true}))).unwrap();
    };
    let (answer, ()) = tokio::join!(page.ask("state", &available), desk);
    assert_eq!(answer.unwrap(), json!({"done": true}));
    assert_eq!(told(&mut page).await, message(1));

    let refuse = async {
        let Request::Do { answer, .. } = site.asked().await else {
            panic!("no command");
        };
        answer.send(Err("you are in a call".into())).unwrap();
    };
    let (answer, ()) = tokio::join!(page.ask("state", &available), refuse);
    assert!(matches!(answer, Err(page::Error::Declined { told, .. }) if told == "you are in a call"));
}
