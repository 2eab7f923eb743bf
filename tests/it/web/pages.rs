//! The pages as browsers get them: who is led where, under which policy, and that both languages are whole.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::redirect::Policy;

use super::*;

/// Sent for `path` with `cookie`; redirects are not followed.
async fn get(site: &Site, path: &str, cookie: &str) -> Response {
    let browser = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let request = browser.get(site.url(path)).header("Cookie", cookie);
    request.send().await.unwrap()
}

async fn text(site: &Site, path: &str) -> String {
    let response = get(site, path, "").await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

async fn desk_page(site: &Site) -> String {
    let cookie = site.sign_in("alice").await;
    get(site, "/desk", &cookie).await.text().await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

/// What stands in `text` between each `before` and the next `after`.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .filter_map(move |rest| rest.split(after).next())
}

/// The scripts of the desk: those that its page names, those that they import, and so on.
async fn scripts(site: &Site) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut wanted = vec!["/desk/main.js".to_owned()];
    while let Some(path) = wanted.pop() {
        if found.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let response = get(site, &path, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(
            header(&response, "Content-Type"),
            "text/javascript; charset=utf-8",
            "{path}"
        );
        let script = response.text().await.unwrap();
        wanted.extend(between(&script, " from \"./", '"').map(|name| format!("/desk/{name}")));
        found.push((path, script));
    }
    found
}

#[tokio::test]
async fn the_desk_is_for_whoever_works_there() {
    let site = Site::new().await;
    site.add_as("sue", Role::Supervisor, None).await;
    site.add_as("oz", Role::Ops, None).await;
    for name in ["alice", "sue"] {
        let cookie = site.sign_in(name).await;
        let response = get(&site, "/desk", &cookie).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(header(&response, "Content-Type"), "text/html; charset=utf-8");
        assert!(response.text().await.unwrap().contains("src=\"/desk/main.js\""));
    }
    let ops = site.sign_in("oz").await;
    for cookie in [ops.as_str(), "", "offhook=nonsense"] {
        let response = get(&site, "/desk", cookie).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{cookie}");
        assert_eq!(header(&response, "Location"), "/");
    }
    let alice = site.sign_in("alice").await;
    site.store.disable_person("alice").await.unwrap();
    assert_eq!(get(&site, "/desk", &alice).await.status(), StatusCode::SEE_OTHER);
    let posted = site.post("/desk").header("Cookie", &alice).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn pages_have_no_script_in_them_and_nobody_frames_them() {
    let site = Site::new().await;
    let cookie = site.sign_in("alice").await;
    for path in [
        "/",
        "/sign-in.css",
        "/sign-in.js",
        "/theme.css",
        "/icon.svg",
        "/desk",
        "/desk.css",
        "/desk/main.js",
        "/api/me",
        "/nowhere",
        "/desk/nowhere.js",
    ] {
        let response = get(&site, path, &cookie).await;
        let policy = header(&response, "Content-Security-Policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, "X-Content-Type-Options"), "nosniff", "{path}");
        assert_eq!(header(&response, "Cache-Control"), "no-store", "{path}");
    }
    for (page, links) in [
        (
            text(&site, "/").await,
            &["/theme.css", "/sign-in.css", "/sign-in.js", "/icon.svg"][..],
        ),
        (
            desk_page(&site).await,
            &["/theme.css", "/desk.css", "/desk/main.js", "/icon.svg"],
        ),
    ] {
        for inline in [
            "<script>",
            "<style",
            " style=",
            " onclick=",
            " onsubmit=",
            "javascript:",
        ] {
            assert!(!page.contains(inline), "{inline}");
        }
        for linked in links {
            assert!(page.contains(&format!("\"{linked}\"")), "{linked}");
            assert_eq!(get(&site, linked, "").await.status(), StatusCode::OK, "{linked}");
        }
    }
}

/// What comes from the wire is never markup or code, and no script is left out or served for nothing.
#[tokio::test]
async fn scripts_of_the_desk_are_all_there_and_make_text_alone() {
    let site = Site::new().await;
    let scripts = scripts(&site).await;
    for (path, script) in &scripts {
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "createContextualFragment",
        ] {
            assert!(!script.contains(sink), "{path}: {sink}");
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/pages/desk");
    let written = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let written: BTreeSet<String> = written
        .map(|name| format!("/desk/{}", name.to_str().unwrap()))
        .collect();
    let served: BTreeSet<String> = scripts.into_iter().map(|(path, _)| path).collect();
    assert_eq!(served, written);
}

/// Every word of the page of signing in is there in both languages.
#[tokio::test]
async fn the_page_of_signing_in_speaks_both_languages() {
    let site = Site::new().await;
    let (page, script) = (text(&site, "/").await, text(&site, "/sign-in.js").await);
    let (english, mandarin) = script.split_once("\n  zh: {").unwrap();
    let mandarin = mandarin.split_once("\n};").unwrap().0;
    let words: Vec<&str> = between(&page, "data-text=\"", '"').collect();
    assert!(words.len() > 5, "{words:?}");
    for word in words {
        let written = format!("{word}: ");
        assert!(english.contains(&written) && mandarin.contains(&written), "{word}");
    }
    for label in between(&page, "<input id=\"", '"') {
        assert!(
            page.contains(&format!("<label for=\"{label}\"")),
            "{label} has no label"
        );
    }
}

/// The words of a language, in order.
fn words(script: &str) -> Vec<&str> {
    let lines = script
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": "));
    lines.map(|(word, _)| word).collect()
}

#[tokio::test]
async fn the_desk_speaks_both_languages() {
    let site = Site::new().await;
    let (english, chinese) = (
        text(&site, "/desk/english.js").await,
        text(&site, "/desk/chinese.js").await,
    );
    let known = words(&english);
    assert!(known.len() > 100, "{known:?}");
    assert_eq!(known, words(&chinese));
    let page = desk_page(&site).await;
    let scripts = scripts(&site).await;
    let said = scripts.iter().flat_map(|(_, script)| between(script, "say(\"", '"'));
    let shown = ["data-text=\"", "data-label=\""]
        .into_iter()
        .flat_map(|mark| between(&page, mark, '"'));
    for word in shown.chain(said) {
        assert!(known.contains(&word), "{word}");
    }
}

/// Who cannot see the page hears what each field is.
#[tokio::test]
async fn fields_of_the_desk_have_names() {
    let site = Site::new().await;
    let page = desk_page(&site).await;
    let tags = ["<input ", "<select ", "<textarea ", "<meter ", "<progress "];
    let fields: Vec<&str> = tags.into_iter().flat_map(|tag| between(&page, tag, '>')).collect();
    assert!(fields.len() > 8, "{fields:?}");
    for field in fields {
        let id = between(field, "id=\"", '"').next().unwrap();
        let named = ["data-label=", "aria-labelledby=", "aria-hidden=\"true\""]
            .iter()
            .any(|by| field.contains(by));
        let labelled = page.contains(&format!("<label for=\"{id}\"")) || page.contains(&format!(" for=\"{id}\""));
        let wrapped = page.contains(&format!("<label class=\"check\"><input type=\"checkbox\" id=\"{id}\""));
        assert!(named || labelled || wrapped, "{id} has no name");
    }
    let ids: Vec<&str> = between(&page, " id=\"", '"').collect();
    let once: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), once.len(), "an id stands there twice");
}
