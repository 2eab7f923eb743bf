// The desk of an agent or a supervisor: ties what is told to what is shown, and what is pressed to what is asked.

import * as alerts from "./alerts.js";
import * as around from "./around.js";
import * as choose from "./choose.js";
import { at, show, text } from "./dom.js";
import { Feed, who } from "./feed.js";
import * as incoming from "./incoming.js";
import * as keys from "./keys.js";
import { Lines } from "./lines.js";
import * as mine from "./mine.js";
import * as orders from "./orders.js";
import { go, page, watch } from "./page.js";
import { part, present, reset, tell } from "./present.js";
import * as settings from "./settings.js";
import { audio, microphone } from "./sound.js";
import * as talk from "./talk.js";
import * as times from "./times.js";
import * as wall from "./wall.js";
import { fill, say, turn } from "./words.js";
import * as wrap from "./wrap.js";

/** Messages that come together are drawn together, in milliseconds. */
const TOGETHER = 16;
const TICK = 250;
const METER = 100;
/** Breaks that are nothing to be shown. */
const SHORT = 300;

let drawing = 0;
let feed = null;
let breaks = 0;

const lines = new Lines(
  {
    offer: async (call, offer) => (await orders.ask("line", { call, offer })).answer,
    changed: () => render(),
    silent: () => alerts.problem(say("click_to_hear")),
  },
  at("ears"),
);

function render() {
  if (drawing === 0) drawing = setTimeout(draw, TOGETHER);
}

function draw() {
  clearTimeout(drawing);
  drawing = 0;
  if (present.me === null) return;
  const wallboard = page.view === "wall" && present.me.role === "supervisor";
  show(at("desk-view"), !wallboard);
  show(at("wall-view"), wallboard);
  mine.draw();
  incoming.draw();
  if (wallboard) {
    wall.draw();
  } else {
    talk.draw();
    around.draw();
  }
  choose.draw();
  drawHearing();
  times.tick();
}

/** Why nobody would hear me, while somebody should. */
function drawHearing() {
  const word = microphone.problem ?? (wanted() && audio().state === "suspended" ? "click_to_hear" : null);
  show(at("hearing"), word !== null);
  text(at("hearing-words"), word === null ? "" : say(word));
  show(at("hearing-again"), word !== null && word !== "click_to_hear");
}

/** The microphone is open while one is available or in a call, and never where a telephone does it. */
function wanted() {
  const { me, calls } = present;
  return me !== null && me.phone === null && (me.state === "available" || [...calls.values()].some((call) => part(call) !== "wrapping"));
}

/** What must be done at once with what was told, seen or not. */
function follow() {
  microphone.want(wanted());
  lines.follow(present.calls, present.desk.ice);
  incoming.follow();
  choose.follow();
  render();
}

const hears = {
  reset: (body) => {
    reset(body);
    follow();
  },
  told: (topic, body) => {
    tell(topic, body);
    follow();
  },
  up: () => {
    clearTimeout(breaks);
    breaks = 0;
    if (at("offline").textContent !== "") alerts.announce(say("back"));
    alerts.connection("");
    document.body.dataset.link = "up";
  },
  down: (failures) => {
    document.body.dataset.link = "down";
    const word = failures > 3 ? "lost_long" : "lost";
    if (at("offline").textContent !== "") alerts.connection(word);
    else if (breaks === 0) breaks = setTimeout(() => ((breaks = 0), alerts.connection(word)), SHORT);
  },
  crowded: () => alerts.connection("crowded"),
  signedOut: () => location.replace("/"),
};

function speak() {
  fill(document);
  at("language").lang = document.documentElement.lang === "en" ? "zh" : "en";
  keys.draw();
  settings.draw();
  if (document.body.dataset.link === "down") alerts.connection("lost");
  incoming.follow();
  render();
}

watch(render);
alerts.begin();
mine.begin(render);
incoming.begin();
choose.begin();
talk.begin(lines, choose.choose, render);
settings.begin(lines);
keys.begin();
microphone.listen({
  changed: () => {
    settings.draw();
    render();
  },
  replaced: (track) => lines.replace(track),
});
audio().addEventListener("statechange", () => {
  lines.play();
  render();
});
at("hearing-again").addEventListener("click", () => microphone.again());
at("view-desk").addEventListener("click", () => go("desk"));
at("view-wall").addEventListener("click", () => go("wall"));
at("language").addEventListener("click", () => {
  turn();
  speak();
});
at("sign-out").addEventListener("click", async () => {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/api/sign-out", { method: "POST", headers, body: "{}" }).catch(() => null);
  if (response?.ok) location.replace("/");
  else alerts.problem(say("not_sent"));
});
setInterval(() => {
  times.tick();
  incoming.tick();
  wrap.tick();
}, TICK);
setInterval(() => {
  const level = microphone.level();
  settings.hear(level);
  talk.hear(level);
}, METER);

speak();
who().then(
  (known) => {
    if (known === null) return location.replace("/");
    if (known.date !== null) times.compare(known.date);
    if (known.person.role === "supervisor" && location.hash === "#wall") page.view = "wall";
    feed = new Feed(hears);
    orders.begin(feed);
  },
  // The feed comes back when the bot does.
  () => orders.begin((feed = new Feed(hears))),
);
