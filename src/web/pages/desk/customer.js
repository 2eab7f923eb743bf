// Who the caller is, and what is known already.

import { at, make, redraw } from "./dom.js";
import { drawMood } from "./signs.js";
import { day } from "./times.js";
import { language, say } from "./words.js";

export function draw(call) {
  drawBrief(at("customer-brief"), call, false);
  const { tier, number, profile } = call.caller;
  const rows = [...(tier ? [[say("tier"), tier]] : []), ...(profile ?? [])];
  redraw(at("profile"), [rows, number], pairs(rows.length > 0 ? rows : [[say("caller"), number]]));
  const history = call.history ?? [];
  redraw(
    at("history"),
    [language, history],
    history.length > 0 ? history.map(contact) : [make("li", { class: "faint" }, say("no_history"))],
  );
}

function contact({ at: when, outcome, summary }) {
  return make("li", {}, make("p", { class: "faint" }, `${day(when)} · ${outcome}`), summary ? make("p", {}, summary) : null);
}

const pairs = (rows) => rows.flatMap(([name, value]) => [make("dt", {}, String(name)), make("dd", {}, String(value))]);

/** `turns`: with what was said last, where there is no transcript beside it. */
export function drawBrief(element, call, turns) {
  const { brief } = call;
  const drawn = [language, brief, turns, turns ? call.next : null];
  if (brief === null) return redraw(element, drawn);
  const mood = make("p", { class: "mood" });
  drawMood(mood, brief.mood);
  redraw(
    element,
    drawn,
    part("reason", brief.reason && make("p", { class: "reason" }, brief.reason), mood),
    part("summary", brief.summary && make("p", {}, brief.summary)),
    part("slots", brief.slots?.length > 0 && make("dl", {}, ...brief.slots.flatMap(slot))),
    turns ? part("last_turns", brief.turns?.length > 0 && make("ol", { class: "plain turns" }, ...brief.turns.map(turn))) : [],
  );
}

const part = (word, content, more = null) => (content ? [make("div", {}, make("h2", {}, say(word)), content, more)] : []);

function slot({ name, value, personal }) {
  const mark = personal ? make("span", { class: "mark-personal" }, say("personal")) : null;
  return [make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, written(value), mark && " ", mark)];
}

function written(value) {
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function turn({ who, text }) {
  return make("li", { "data-who": who }, make("span", { class: "faint" }, say(`who_${who}`)), make("span", {}, text));
}
