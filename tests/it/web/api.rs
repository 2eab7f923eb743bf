//! Programs that ask: with a key, a signature, or the session of a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use offhook::config::{ApiKey, May, Secret as Shared};
use offhook::dialplan;
use offhook::sip::{Destinations, Outbound};
use offhook::store::campaigns::{INTERNAL, State};
use offhook::web::api::Campaigns;
use offhook::web::signature::{HEADER, sign};
use tokio::sync::watch;

use super::*;

const SIGNED: &str = "0123456789abcdef";
/// What the shop's key is; others add a letter.
const KEY: &str = "0123456789abcdef0123456789abcdef";

const PLAN: &str = r#"
version: 1
campaigns:
  unpaid_order:
    assistant: leo
    flow: remind
    trigger: {event: payment.abandoned, delay: 30m, cancel_on: [payment.succeeded]}
    contacts: {key: order_id, phone: phone, timezone: from_number, vars: [first_name, consent_at]}
    consent: {basis: prior_express_written, purpose: marketing, proof: consent_at}
    dnc: {lists: [internal], opt_out: [speech]}
    window: {days: mon-sat, from: "09:00", to: "20:00", clock: contact}
    caller_id: "+4930123456"
    goal: {event: payment.succeeded, within: 48h, holdout: 10%}
assistants:
  leo: {languages: [en], disclosure: "This is Leo, an automated assistant calling for Acme."}
flows:
  remind: {steps: [{say: "Your order is not paid yet, {first_name}."}, {hangup: "Goodbye."}]}
policies:
  - {when: "caller.opts_out", do: {disposition: dnc, hangup: "I've removed your number. Goodbye."}}
"#;

/// A site with a campaign, and keys: of a shop, which tells of contacts, a board, which reads, and an office, which does all.
async fn site() -> Site {
    planned().await.0
}

/// And whoever gives it another plan.
async fn planned() -> (Site, watch::Sender<Campaigns>) {
    let plan = dialplan::parse(PLAN, "plan.yaml").unwrap();
    let (plans, told) = watch::channel(Arc::new(plan.campaigns));
    let key = |name: &str, key: String, may: &[May]| ApiKey {
        name: name.into(),
        key: Shared::new(key),
        may: may.to_vec(),
    };
    let all = [May::Read, May::Contacts, May::Command, May::DoNotCall];
    let api = Api {
        keys: vec![
            key("shop", KEY.into(), &[May::Contacts]),
            key("board", format!("{KEY}b"), &[May::Read]),
            key("office", format!("{KEY}o"), &all),
        ],
        rules: config::Campaigns {
            events: vec![Shared::new("what was before this"), Shared::new(SIGNED)],
            region: "DE".parse().ok(),
            ..config::Campaigns::default()
        },
        outbound: Outbound {
            allow: Destinations::Listed(vec!["+49".parse().unwrap()]),
            ..Outbound::default()
        },
        campaigns: told,
    };
    (Site::open_to(config::Web::default(), api).await, plans)
}

impl Site {
    fn ask(&self, key: &str, path: &str) -> RequestBuilder {
        self.browser.get(self.url(path)).bearer_auth(key)
    }

    fn tell(&self, key: &str, path: &str, body: &Value) -> RequestBuilder {
        self.browser.post(self.url(path)).bearer_auth(key).json(body)
    }

    /// As the office.
    async fn read(&self, path: &str) -> Value {
        done(self.ask(&office(), path)).await.1
    }

    /// An event, signed so many seconds ago.
    fn event(&self, key: &str, body: &str, ago: i64) -> RequestBuilder {
        let at = clock::wall() - SignedDuration::from_secs(ago);
        self.browser
            .post(self.url("/api/v1/events"))
            .header(HEADER, sign(SIGNED, at, body.as_bytes()))
            .header("Idempotency-Key", key)
            .body(body.to_owned())
    }
}

fn office() -> String {
    format!("{KEY}o")
}

async fn done(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn not_done(request: RequestBuilder) -> (u16, String) {
    refused(request.send().await.unwrap()).await
}

fn contact(key: &str, phone: &str) -> Value {
    json!({"order_id": key, "phone": phone, "first_name": "Ann", "consent_at": "2026-10-01", "unknown": [1]})
}

#[tokio::test]
async fn a_key_is_good_for_what_it_says_and_nothing_else() {
    let site = site().await;
    let (number, start) = (
        json!({"number": "030 23125000"}),
        "/api/v1/campaigns/unpaid_order/start",
    );
    let board = format!("{KEY}b");
    for (key, wrong) in [
        ("", "key"),
        ("x", "key"),
        (&KEY[1..], "key"),
        (KEY, "may"),
        (&board, "may"),
    ] {
        for path in ["/api/v1/do-not-call", start] {
            let status = if wrong == "key" { 401 } else { 403 };
            assert_eq!(
                not_done(site.tell(key, path, &number)).await,
                (status, wrong.into()),
                "{key} {path}"
            );
        }
    }
    assert_eq!(not_done(site.ask(KEY, "/api/v1/campaigns")).await, (403, "may".into()));
    assert_eq!(done(site.ask(&board, "/api/v1/campaigns")).await.0, 200);
    let bare = site.browser.get(site.url("/api/v1/campaigns"));
    assert_eq!(not_done(bare).await, (401, "key".into()));
    let basic = site
        .browser
        .get(site.url("/api/v1/campaigns"))
        .basic_auth("office", Some(office()));
    assert_eq!(not_done(basic).await, (401, "key".into()));
    assert!(
        site.store.campaign_states().await.unwrap().is_empty(),
        "nothing was done"
    );
    assert!(
        site.store
            .do_not_call("+493023125000".parse().unwrap())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn who_guesses_keys_is_told_to_wait_and_who_has_one_is_not() {
    let site = site().await;
    let mut often = 0;
    for n in 0..40 {
        let (status, _) = not_done(site.ask(&format!("{KEY}{n}"), "/api/v1/campaigns")).await;
        often += u32::from(status == 429);
    }
    assert!(often >= 5, "{often}");
    assert_eq!(done(site.ask(&office(), "/api/v1/campaigns")).await.0, 200);
    // From the same address people sign in as before.
    site.sign_in("alice").await;
}

#[tokio::test]
async fn a_page_asks_by_its_persons_session() {
    let site = site().await;
    site.add_as("sue", Role::Supervisor, None).await;
    let (agent, sue) = (site.sign_in("alice").await, site.sign_in("sue").await);
    let path = "/api/v1/campaigns/unpaid_order/start";
    let by = |cookie: &str| site.post(path).header("Cookie", cookie.to_owned());
    assert_eq!(not_done(by(&agent)).await, (403, "may".into()));
    assert_eq!(not_done(by("offhook=x")).await, (401, "key".into()));
    // Another site's page may not.
    let stray = site.browser.post(site.url(path)).header("Cookie", &sue);
    assert_eq!(
        not_done(stray.header("Origin", "https://evil.example")).await,
        (403, "origin".into())
    );
    assert_eq!(done(by(&sue)).await.1["state"], json!("running"));
    let read = site.browser.get(site.url("/api/v1/campaigns")).header("Cookie", &sue);
    assert_eq!(done(read).await.0, 200);
}

#[tokio::test]
async fn an_event_is_taken_once_by_its_key() {
    let site = site().await;
    let body = r#"{"event": "payment.abandoned", "subject": "4711", "data": {"phone": "030 23125000", "item": "Schuhe größe 42"}}"#;
    let taken = (
        202,
        json!({"event": "payment.abandoned", "subject": "4711", "key": "e-1"}),
    );
    assert_eq!(done(site.event("e-1", body, 0)).await, taken);
    let changes = site.store.change_counter().await.unwrap();
    // However often it comes.
    assert_eq!(done(site.event("e-1", body, 60)).await, taken);
    assert_eq!(
        site.store.change_counter().await.unwrap(),
        changes,
        "and nothing is done"
    );
    let other = body.replace("4711", "4712");
    assert_eq!(not_done(site.event("e-1", &other, 0)).await, (422, "key".into()));
    assert_eq!(
        done(site.event("e-2", r#"{"event": "payment.succeeded", "subject": "4711"}"#, 0))
            .await
            .0,
        202
    );
    let events = site.store.unhandled_events(10).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.key.as_str(), event.name.as_str(), event.subject.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("e-1", "payment.abandoned", "4711"),
            ("e-2", "payment.succeeded", "4711")
        ]
    );
    let data: Value = serde_json::from_str(&events[0].body).unwrap();
    assert_eq!(data, json!({"phone": "030 23125000", "item": "Schuhe größe 42"}));
    // What became of it is told.
    assert_eq!(site.read("/api/v1/events/e-1").await["handled"], Value::Null);
    site.store
        .event_handled(events[0].n, clock::wall(), "a contact was added")
        .await
        .unwrap();
    assert_eq!(
        site.read("/api/v1/events/e-1").await["outcome"],
        json!("a contact was added")
    );
    assert_eq!(
        not_done(site.ask(&office(), "/api/v1/events/e-3")).await,
        (404, "event".into())
    );
}

#[tokio::test]
async fn an_event_that_is_not_proven_or_not_fit_is_not_taken() {
    let site = site().await;
    let body = r#"{"event": "payment.succeeded", "subject": "4711"}"#;
    let url = site.url("/api/v1/events");
    let by = |secret: &str, signed: &str| {
        let header = sign(secret, clock::wall(), signed.as_bytes());
        let request = site.browser.post(&url).header("Idempotency-Key", "e-1");
        request.header(HEADER, header).body(body.to_owned())
    };
    for wrong in [
        by("another secret of theirs", body),
        by(SIGNED, "{}"),
        site.event("e-1", body, 310),
        site.event("e-1", body, -310),
        site.browser.post(&url).header("Idempotency-Key", "e-1").body(body),
        site.browser
            .post(&url)
            .header("Idempotency-Key", "e-1")
            .header(HEADER, "t=1,v1=x")
            .body(body),
        // A key of the API signs nothing.
        site.browser
            .post(&url)
            .header("Idempotency-Key", "e-1")
            .bearer_auth(office())
            .body(body),
    ] {
        assert_eq!(not_done(wrong).await, (401, "signature".into()));
    }
    let keyless = site
        .browser
        .post(&url)
        .header(HEADER, sign(SIGNED, clock::wall(), body.as_bytes()));
    assert_eq!(not_done(keyless.body(body)).await, (400, "key".into()));
    let old = json!({"event": "payment.succeeded", "at": clock::wall() - SignedDuration::from_hours(24 * 31)});
    let ahead = json!({"event": "payment.succeeded", "at": clock::wall() + SignedDuration::from_mins(6)});
    for (body, status, word) in [
        ("{".to_owned(), 422, "form"),
        ("[]".to_owned(), 422, "form"),
        (json!({"event": 1}).to_string(), 422, "form"),
        (json!({"event": "a", "subjekt": "4711"}).to_string(), 422, "form"),
        (json!({"event": "a", "data": [1]}).to_string(), 422, "form"),
        (json!({"event": "payment succeeded"}).to_string(), 422, "event"),
        (json!({"event": ""}).to_string(), 422, "event"),
        (
            json!({"event": "a", "subject": "x".repeat(201)}).to_string(),
            422,
            "subject",
        ),
        (old.to_string(), 422, "at"),
        (ahead.to_string(), 422, "at"),
        (
            json!({"event": "a", "data": {"x": "x".repeat(64 * 1024)}}).to_string(),
            413,
            "form",
        ),
    ] {
        let told = not_done(site.event("e-1", &body, 0)).await;
        assert_eq!(told, (status, word.into()), "{}", body.get(..60).unwrap_or(&body));
    }
    assert!(site.store.unhandled_events(10).await.unwrap().is_empty());
    let when = clock::wall() - SignedDuration::from_hours(1);
    let late = json!({"event": "payment.abandoned", "subject": "4711", "at": when});
    assert_eq!(done(site.event("e-1", &late.to_string(), 0)).await.0, 202);
    let kept = site.store.unhandled_events(10).await.unwrap().remove(0).at;
    assert_eq!(
        kept.as_millisecond(),
        when.as_millisecond(),
        "it is counted from when it happened"
    );
    // Where no secret is configured nobody can sign.
    let closed = Site::new().await;
    assert_eq!(not_done(closed.event("e-1", body, 0)).await, (404, "events".into()));
}

#[tokio::test]
async fn contacts_come_one_by_one_or_many_and_none_is_passed_over() {
    let site = site().await;
    let path = "/api/v1/campaigns/unpaid_order/contacts";
    let add = |body: Value| done(site.tell(KEY, path, &body));
    assert_eq!(
        add(contact("4711", "030 23125000")).await,
        (201, json!({"key": "4711", "new": true}))
    );
    assert_eq!(
        add(contact("4711", "030 23125001")).await,
        (200, json!({"key": "4711", "new": false}))
    );
    let kept = site
        .store
        .contact_by_key("unpaid_order", "4711")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.number.to_string(), "+493023125000", "what was there first stays");
    let wrong = not_done(site.tell(KEY, path, &contact("4712", "0900"))).await;
    assert_eq!(wrong, (422, "contact".into()));
    assert_eq!(
        not_done(site.tell(KEY, path, &json!("4712"))).await,
        (422, "form".into())
    );
    let many = json!([
        contact("4711", "030 23125000"),
        contact("", "030 23125000"),
        5,
        contact("4713", "+44 20 7946 0018"),
        contact("4713", "030 23125000")
    ]);
    let (status, told) = add(many).await;
    assert_eq!((status, &told["added"]), (200, &json!(1)));
    let rows = |what: &str| -> Vec<u64> {
        told[what]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row["row"].as_u64())
            .collect()
    };
    assert_eq!((rows("known"), rows("refused")), (vec![1, 5], vec![2, 3]));
    assert_eq!(
        (&told["known"][0]["key"], &told["known"][1]["key"]),
        (&json!("4711"), &json!("4713"))
    );
    assert!(
        told["refused"][0]["why"][0].as_str().unwrap().contains("order_id"),
        "{told}"
    );
    let known = site.read("/api/v1/campaigns/unpaid_order/contacts/4713").await;
    assert_eq!(
        (&known["contact"]["number"], &known["attempts"]),
        (&json!("+442079460018"), &json!([]))
    );
    let nobody = site.ask(&office(), "/api/v1/campaigns/unpaid_order/contacts/4714");
    assert_eq!(not_done(nobody).await, (404, "contact".into()));
    assert_eq!(site.read("/api/v1/campaigns/unpaid_order").await["contacts"], json!(2));
    // More than may come at once, or than is read.
    let row = contact("1", "030 23125000");
    let crowd: Vec<&Value> = vec![&row; 1001];
    assert_eq!(
        not_done(site.tell(KEY, path, &json!(crowd))).await,
        (413, "many".into())
    );
    let heavy = json!({"order_id": "x".repeat(1024 * 1024)});
    assert_eq!(not_done(site.tell(KEY, path, &heavy)).await, (413, "form".into()));
    let elsewhere = site.tell(KEY, "/api/v1/campaigns/unpaid_ordr/contacts", &row);
    let told: Value = elsewhere.send().await.unwrap().json().await.unwrap();
    assert!(
        told["told"].as_str().unwrap().contains("did you mean `unpaid_order`"),
        "{told}"
    );
    assert_eq!(site.read("/api/v1/campaigns/unpaid_order").await["contacts"], json!(2));
}

#[tokio::test]
async fn a_campaign_is_told_what_to_do_and_tells_what_came_of_it() {
    let site = site().await;
    let tell = |command: &str| {
        site.tell(
            &office(),
            &format!("/api/v1/campaigns/unpaid_order/{command}"),
            &json!({}),
        )
    };
    assert_eq!(
        site.read("/api/v1/campaigns").await["campaigns"][0]["state"],
        json!("stopped")
    );
    assert_eq!(not_done(tell("pause")).await, (409, "state".into()));
    assert_eq!(not_done(tell("resume")).await, (409, "state".into()));
    assert_eq!(not_done(tell("restart")).await, (404, "command".into()));
    for (command, state, kept) in [
        ("start", "running", State::Running),
        ("pause", "paused", State::Paused),
        ("resume", "running", State::Running),
        ("stop", "stopped", State::Stopped),
    ] {
        let (status, told) = done(tell(command)).await;
        assert_eq!(
            (status, &told["state"], &told["name"]),
            (200, &json!(state), &json!("unpaid_order")),
            "{command}"
        );
        let states = site.store.campaign_states().await.unwrap();
        let by_name: BTreeMap<&str, State> = states.iter().map(|one| (one.name.as_str(), one.state)).collect();
        assert_eq!(by_name, BTreeMap::from([("unpaid_order", kept)]));
        assert_eq!(told["why"], json!("by the key `office`"));
    }
    let path = "/api/v1/campaigns/unpaid_order/contacts";
    assert_eq!(
        done(site.tell(KEY, path, &contact("4711", "030 23125000"))).await.0,
        201
    );
    let report = site.read("/api/v1/campaigns/unpaid_order/report").await;
    assert_eq!(
        (&report["campaign"], &report["contacts"]["all"]),
        (&json!("unpaid_order"), &json!(1))
    );
    let later = site
        .read("/api/v1/campaigns/unpaid_order/report?since=2100-01-01")
        .await;
    assert_eq!(later["contacts"]["all"], json!(0));
    let wrong = site.ask(&office(), "/api/v1/campaigns/unpaid_order/report?since=now");
    assert_eq!(not_done(wrong).await, (422, "since".into()));
    assert_eq!(
        not_done(site.ask(&office(), "/api/v1/campaigns/none/report")).await,
        (404, "campaign".into())
    );
    assert_eq!(
        not_done(site.ask(&office(), "/api/v1/nothing")).await,
        (404, "nowhere".into())
    );
}

#[tokio::test]
async fn a_number_is_never_called_from_then_on() {
    let site = site().await;
    let add = |body: Value| done(site.tell(&office(), "/api/v1/do-not-call", &body));
    let listed = json!({"number": "+493023125000", "list": INTERNAL, "new": true});
    assert_eq!(
        add(json!({"number": "030 23125000", "why": "wrote to us"})).await,
        (201, listed)
    );
    assert_eq!(add(json!({"number": "+49 30 23125000"})).await.1["new"], json!(false));
    let listed = |list: &str| json!({"number": "030 23125000", "list": list});
    let unknown = not_done(site.tell(&office(), "/api/v1/do-not-call", &listed("national"))).await;
    assert_eq!(unknown, (422, "list".into()), "one number is no list");
    let imported = site
        .store
        .import_do_not_call("national", &[], clock::wall(), "the registry");
    imported.await.unwrap();
    assert_eq!(
        not_done(site.tell(&office(), "/api/v1/do-not-call", &listed("national")))
            .await
            .0,
        422,
        "it is not there before all of it is"
    );
    site.store
        .imported_do_not_call("national", clock::wall())
        .await
        .unwrap();
    assert_eq!(add(listed("national")).await.0, 201);
    assert_eq!(
        site.read("/api/v1/do-not-call/03023125000").await,
        json!({"number": "+493023125000", "lists": [INTERNAL, "national"]})
    );
    let entry = site.store.do_not_call_list(INTERNAL, None, 10).await.unwrap().remove(0);
    assert_eq!(entry.why, "wrote to us", "the first word stands");
    for (body, word) in [
        (json!({"number": "anonymous"}), "number"),
        (json!({"number": "030 23125000", "list": "a b"}), "list"),
        (json!({"number": "030 23125000", "why": "x".repeat(201)}), "why"),
        (json!({"number": "030 23125000", "reason": "x"}), "form"),
        (json!({}), "form"),
    ] {
        let told = not_done(site.tell(&office(), "/api/v1/do-not-call", &body)).await;
        assert_eq!(told, (422, word.into()), "{body}");
    }
}

#[tokio::test]
async fn a_plan_that_is_loaded_anew_is_asked_from_then_on() {
    let (site, plans) = planned().await;
    let add = || {
        site.tell(
            KEY,
            "/api/v1/campaigns/unpaid_order/contacts",
            &contact("4711", "030 23125000"),
        )
    };
    assert_eq!(done(add()).await.0, 201);
    let tell = |command: &str| {
        let path = format!("/api/v1/campaigns/unpaid_order/{command}");
        site.tell(&office(), &path, &json!({}))
    };
    assert_eq!(done(tell("start")).await.0, 200);
    let renamed = PLAN.replace("unpaid_order", "late_order");
    let renamed = dialplan::parse(&renamed, "plan.yaml").unwrap().campaigns;
    plans.send_replace(Arc::new(renamed));
    assert_eq!(not_done(add()).await, (404, "campaign".into()));
    let told = site.read("/api/v1/campaigns").await;
    let campaigns = told["campaigns"].as_array().unwrap();
    let names: Vec<&str> = campaigns.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["late_order", "unpaid_order"]);
    // What the plan has no more can still be stopped, and not started.
    assert_eq!(not_done(tell("start")).await, (404, "campaign".into()));
    assert_eq!(done(tell("stop")).await.1["state"], json!("stopped"));
    let nonsense = site.tell(&office(), "/api/v1/campaigns/nonsense/stop", &json!({}));
    assert_eq!(not_done(nonsense).await, (404, "campaign".into()));
}

#[tokio::test]
async fn who_would_be_rung_is_told_and_why_others_would_not() {
    let site = site().await;
    let path = "/api/v1/campaigns/unpaid_order";
    let rows = json!([contact("4711", "030 23125000"), contact("4713", "+44 20 7946 0018")]);
    assert_eq!(
        done(site.tell(KEY, &format!("{path}/contacts"), &rows)).await.1["added"],
        json!(2)
    );
    let (status, told) = done(site.ask(&office(), &format!("{path}/dry-run"))).await;
    assert_eq!(status, 200, "{told}");
    let count = |part: &str| told["counts"][part].as_u64().unwrap();
    assert_eq!(count("rung") + count("left"), 2, "{told}");
    let left = told["outlook"]["left"].as_array().unwrap();
    // Calls may go to Germany alone.
    assert!(
        left.iter()
            .any(|one| one["contact"] == "4713" && one["told"].is_string()),
        "{told}"
    );
    assert_eq!(
        not_done(site.ask(KEY, &format!("{path}/dry-run"))).await,
        (403, "may".into())
    );
}
