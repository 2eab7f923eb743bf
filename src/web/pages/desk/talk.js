// The call that the desk shows: who is on it, what is said, and what can be done with it.

import { announce } from "./alerts.js";
import * as customer from "./customer.js";
import { at, list, make, set, show, text } from "./dom.js";
import * as help from "./help.js";
import { enter, order } from "./orders.js";
import { page, ringing, shown } from "./page.js";
import { caller, part, present, stage } from "./present.js";
import { drawMood } from "./signs.js";
import { lasting } from "./times.js";
import { say } from "./words.js";
import * as wrap from "./wrap.js";

/** Further from the end than this, in pixels, somebody reads what was said before. */
const NEAR = 60;
const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
/** Which controls there are. */
const CONTROLS = {
  in: ["mute", "hold", "keypad", "transfer", "invite", "give-back", "park", "hang-up"],
  monitoring: ["mute", "whisper", "barge", "take-over", "hang-up"],
  wrapping: [],
};
const ALL = new Set(Object.values(CONTROLS).flat());

let lines = null;
/** Keys that were sent in this call. */
let sent = { call: null, digits: "" };
/** The call whose transcript is shown, and how much of it. */
let read = { call: null, length: 0 };
/** Whether the transcript stays at its end. */
let follows = true;

export function begin(its, choose, render) {
  lines = its;
  const on = (id, work) => at(id).addEventListener("click", () => shown() !== null && work(shown(), at(id)));
  on("mute", (call) => {
    lines.mute(call.id, !lines.muted(call.id));
    announce(lines.muted(call.id) ? say("muted") : "");
    render();
  });
  on("hold", async (call, button) => {
    const wanted = call.stage !== "held";
    if (await order("hold", { call: call.id, on: wanted }, button)) announce(say(wanted ? "held_now" : "resumed_now"));
  });
  on("keypad", () => pad(at("pad").hidden));
  on("transfer", (call) => choose("transfer", call));
  on("invite", (call) => choose("invite", call));
  on("give-back", (call) => choose("give_back", call));
  on("park", (call, button) => order("park", { call: call.id }, button));
  on("hang-up", (call, button) => order("hang_up", { call: call.id }, button));
  on("whisper", (call, button) => order(call.stage === "whispering" ? "listen" : "whisper", { call: call.id }, button));
  on("barge", (call, button) => order(call.stage === "barging" ? "listen" : "barge", { call: call.id }, button));
  on("take-over", (call, button) => enter("take_over", call.id, button));
  on("take-sound", (call) => lines.take(call.id));
  at("pad-keys").append(
    ...DIGITS.map((digit) => make("button", { type: "button", "data-digit": digit, click: () => press(digit) }, digit)),
  );
  at("newest").addEventListener("click", () => toEnd());
  at("transcript-box").addEventListener("scroll", () => {
    follows = atEnd();
    if (follows) show(at("newest"), false);
  });
  new ResizeObserver(() => follows && toEnd()).observe(at("transcript-box"));
  wrap.begin();
}

export function pad(open) {
  show(at("pad"), open);
  set(at("keypad"), "aria-expanded", open);
}

export async function press(digit) {
  const call = shown();
  if (call === null) return;
  if (sent.call !== call.id) sent = { call: call.id, digits: "" };
  if (await order("key", { call: call.id, digit })) {
    sent.digits += digit;
    text(at("pad-sent"), sent.digits);
  }
}

export function draw() {
  const call = shown();
  drawCalls(call);
  show(at("call"), call !== null);
  show(at("customer"), call !== null);
  show(at("help"), call !== null);
  at("desk-view").dataset.call = call === null ? "none" : part(call);
  // Who is rung for sees that, and not that there is no call.
  show(at("idle"), call === null && ringing() === null);
  text(at("idle-words"), say(`no_call_${present.me.state}`));
  if (call === null) {
    read = { call: null, length: 0 };
    return wrap.draw(null);
  }
  text(at("call-who"), caller(call) || say("unknown_caller"));
  const about = [call.caller.name === null ? null : call.caller.number, call.caller.tier, call.queue];
  text(at("call-number"), about.filter(Boolean).join(" · "));
  text(at("call-stage"), say(stage(call)));
  at("call-stage").dataset.stage = call.stage;
  at("call-since").dataset.since = call.since;
  drawMood(at("call-mood"), call.mood);
  drawParties(call);
  drawLine(call);
  drawWords(call);
  drawControls(call);
  wrap.draw(call);
  customer.draw(call);
  help.draw(call);
}

/** A tab for each call, where there are several. */
function drawCalls(call) {
  const calls = [...present.calls.values()].filter((other) => part(other) !== "rung");
  show(at("calls"), calls.length > 1);
  const choose = (id) => () => {
    page.chosen = id;
    draw();
  };
  const create = ({ id }) => make("button", { type: "button", class: "tab", click: choose(id) });
  list(at("calls"), calls, ({ id }) => id, create, (tab, row) => {
    text(tab, `${caller(row) || say("unknown_caller")} · ${say(stage(row))}`);
    set(tab, "aria-current", row === call ? "true" : null);
  });
}

function drawParties(call) {
  const parties = (call.parties ?? []).filter(({ kind }) => kind !== "caller");
  const words = ({ kind, name, on }) => `${name || say(`kind_${kind}`)} (${say(`kind_${kind}`)}, ${say(`on_${on}`)})`;
  // Who is alone with the caller needs no list.
  text(at("call-parties"), parties.length > 1 ? `${say("parties")}: ${parties.map(words).join("; ")}` : "");
}

function drawLine(call) {
  const state = lines.state(call);
  const words = {
    here: call.line === "faltering" ? "line_faltering" : null,
    opening: "line_wanted",
    failed: "line_failed",
    elsewhere: "line_elsewhere",
    deaf: "line_failed",
    none: call.line === "phone" ? "line_phone" : null,
  }[state];
  const over = part(call) === "wrapping";
  show(at("call-line"), words !== null && !over);
  text(at("call-line-words"), words === null ? "" : say(words));
  show(at("take-sound"), state === "elsewhere");
}

function drawWords(call) {
  const box = at("transcript-box");
  const another = read.call !== call.id;
  if (another) {
    follows = true;
    at("transcript").replaceChildren();
  }
  show(at("transcript-empty"), call.words.length === 0);
  list(at("transcript"), call.words, ({ n }) => n, line, drawLineOf);
  if (follows) toEnd();
  else if (call.words.length > read.length) show(at("newest"), true);
  read = { call: call.id, length: call.words.length };
  box.dataset.lines = call.words.length;
}

function line({ who }) {
  const mood = make("span", { class: "mood" });
  const about = make("span", { class: "about" }, make("span", { class: "when" }), mood);
  return make("li", { "data-who": who }, make("span", { class: "who" }), make("span", { class: "said" }), about);
}

function drawLineOf(element, { who, name, text: said, at: when, mood }) {
  const [by, words, about] = element.children;
  text(by, name ?? say(`who_${who}`));
  text(words, said);
  text(about.firstChild, lasting(when));
  // That somebody is calm goes without saying.
  drawMood(about.lastChild, mood !== null && mood !== undefined && Math.abs(mood) > 0.25 ? mood : null);
}

function atEnd() {
  const box = at("transcript-box");
  return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
}

function toEnd() {
  follows = true;
  const box = at("transcript-box");
  box.scrollTop = box.scrollHeight;
  show(at("newest"), false);
}

function drawControls(call) {
  const does = part(call);
  const wanted = CONTROLS[does];
  show(at("controls"), wanted.length > 0);
  for (const id of ALL) show(at(id), wanted.includes(id));
  // Nobody is there to whisper to, or to speak with.
  const alone = present.live.has(call.id) && present.live.get(call.id).with !== "agent";
  if (alone) for (const id of ["whisper", "barge"]) show(at(id), false);
  // A telephone has a key of its own for it; who only listens is not heard anyway.
  const speaks = call.line !== "phone" && call.stage !== "listening";
  show(at("mute"), wanted.includes("mute") && speaks);
  if (!wanted.includes("keypad")) pad(false);
  if (sent.call !== call.id) text(at("pad-sent"), "");
  const muted = lines.muted(call.id);
  text(at("mute-words"), say(muted ? "unmute" : "mute"));
  set(at("mute"), "data-on", muted ? "" : null);
  const held = call.stage === "held";
  text(at("hold-words"), say(held ? "resume" : "hold"));
  set(at("hold"), "data-on", held ? "" : null);
  const others = (call.parties ?? []).filter(({ kind, on }) => kind !== "caller" && kind !== "monitor" && on !== "ringing");
  text(at("hang-up-words"), say(does === "monitoring" ? "stop" : others.length > 1 ? "leave" : "hang_up"));
  for (const [id, stage] of [["whisper", "whispering"], ["barge", "barging"]]) {
    set(at(id), "aria-pressed", does === "monitoring" ? call.stage === stage : null);
  }
  if (!muted) text(at("muted"), "");
  else if (at("muted").textContent === "") text(at("muted"), say("muted"));
}

/** Whoever speaks and is not heard is told so. */
export function hear(level) {
  const call = shown();
  if (call === null || !lines.muted(call.id)) return;
  text(at("muted"), say(level > 0.5 ? "muted_speaking" : "muted"));
}

