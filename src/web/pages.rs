//! What browsers are given as it is: the page of signing in, the desk, and their styles and scripts. No build makes them, and they hold nobody's data.

pub(super) const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// For whoever has signed in.
pub(super) const DESK: &str = include_str!("pages/desk.html");

/// For everybody: paths, types and texts.
pub(super) const FILES: [(&str, &str, &str); 32] = [
    ("/", HTML, include_str!("pages/sign-in.html")),
    ("/sign-in.css", CSS, include_str!("pages/sign-in.css")),
    ("/sign-in.js", SCRIPT, include_str!("pages/sign-in.js")),
    ("/theme.css", CSS, include_str!("pages/theme.css")),
    ("/icon.svg", "image/svg+xml", include_str!("pages/icon.svg")),
    ("/desk.css", CSS, include_str!("pages/desk.css")),
    ("/desk/alerts.js", SCRIPT, include_str!("pages/desk/alerts.js")),
    ("/desk/around.js", SCRIPT, include_str!("pages/desk/around.js")),
    ("/desk/chinese.js", SCRIPT, include_str!("pages/desk/chinese.js")),
    ("/desk/choose.js", SCRIPT, include_str!("pages/desk/choose.js")),
    ("/desk/customer.js", SCRIPT, include_str!("pages/desk/customer.js")),
    ("/desk/dom.js", SCRIPT, include_str!("pages/desk/dom.js")),
    ("/desk/english.js", SCRIPT, include_str!("pages/desk/english.js")),
    ("/desk/feed.js", SCRIPT, include_str!("pages/desk/feed.js")),
    ("/desk/help.js", SCRIPT, include_str!("pages/desk/help.js")),
    ("/desk/incoming.js", SCRIPT, include_str!("pages/desk/incoming.js")),
    ("/desk/keys.js", SCRIPT, include_str!("pages/desk/keys.js")),
    ("/desk/lines.js", SCRIPT, include_str!("pages/desk/lines.js")),
    ("/desk/main.js", SCRIPT, include_str!("pages/desk/main.js")),
    ("/desk/mine.js", SCRIPT, include_str!("pages/desk/mine.js")),
    ("/desk/orders.js", SCRIPT, include_str!("pages/desk/orders.js")),
    ("/desk/page.js", SCRIPT, include_str!("pages/desk/page.js")),
    ("/desk/present.js", SCRIPT, include_str!("pages/desk/present.js")),
    ("/desk/ring.js", SCRIPT, include_str!("pages/desk/ring.js")),
    ("/desk/settings.js", SCRIPT, include_str!("pages/desk/settings.js")),
    ("/desk/signs.js", SCRIPT, include_str!("pages/desk/signs.js")),
    ("/desk/sound.js", SCRIPT, include_str!("pages/desk/sound.js")),
    ("/desk/talk.js", SCRIPT, include_str!("pages/desk/talk.js")),
    ("/desk/times.js", SCRIPT, include_str!("pages/desk/times.js")),
    ("/desk/wall.js", SCRIPT, include_str!("pages/desk/wall.js")),
    ("/desk/words.js", SCRIPT, include_str!("pages/desk/words.js")),
    ("/desk/wrap.js", SCRIPT, include_str!("pages/desk/wrap.js")),
];
