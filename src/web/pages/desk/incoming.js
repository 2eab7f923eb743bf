// The call that rings: who it is, what it is about, and for how long.

import { announce } from "./alerts.js";
import { drawBrief } from "./customer.js";
import { at, set, show, text, typing } from "./dom.js";
import { order } from "./orders.js";
import { go, page, ringing, shown } from "./page.js";
import { caller } from "./present.js";
import { bell } from "./ring.js";
import { now } from "./times.js";
import { say } from "./words.js";

/** The call that was announced, with its stage. */
let told = "";

export function begin() {
  at("accept").addEventListener("click", () => {
    const call = ringing();
    if (call === null) return;
    page.chosen = call.id;
    go("desk");
    order("accept", { call: call.id }, at("accept"));
  });
  at("decline").addEventListener("click", () => {
    const call = ringing();
    if (call !== null) order("decline", { call: call.id }, at("decline"));
  });
}

/** Rings, announces and takes the focus: at once, whether the page is seen or not. */
export function follow() {
  const call = ringing();
  const talks = shown() !== null && shown().stage !== "wrap_up";
  bell(call?.stage !== "ringing" ? "silent" : talks ? "knocks" : "rings");
  document.title = call === null ? say("title") : say("title_rings", who(call));
  const said = call === null ? "" : `${call.id} ${call.stage}`;
  if (said === told) return;
  told = said;
  if (call?.stage === "ringing") announce(say("announced", who(call), call.brief?.reason ?? ""));
  draw();
  // What is only read, or set, does not stand before it.
  if (call !== null) for (const id of ["keys", "sound"]) at(id).close();
  if (call !== null && !typing(document.activeElement) && document.querySelector("dialog[open]") === null) at("accept").focus();
}

export function draw() {
  const call = ringing();
  const section = at("incoming");
  // Where the focus was with what goes, it goes to the call.
  const had = section.contains(document.activeElement);
  show(section, call !== null);
  if (call === null) {
    if (had) at("main").focus();
    return;
  }
  const about = [call.caller.name === null ? null : call.caller.number, call.caller.tier];
  about.push(call.queue ? say("incoming_by", call.queue) : null);
  text(at("incoming-title"), call.stage === "brief" ? say("stage_brief") : say(call.callback ? "incoming_callback" : "incoming"));
  text(at("incoming-who"), who(call));
  text(at("incoming-about"), about.filter(Boolean).join(" · "));
  text(at("accept-words"), say(call.stage === "brief" ? "take_now" : "accept"));
  const until = call.stage === "ringing" ? call.until : null;
  show(at("incoming-left").parentElement, until !== null);
  show(at("incoming-progress"), until !== null);
  if (until !== null) at("incoming-left").dataset.until = until;
  const other = shown() !== null;
  set(section, "data-small", other ? "" : null);
  drawBrief(at("incoming-brief"), call, !other);
  tick();
}

export function tick() {
  const call = ringing();
  if (call === null || call.until === null) return;
  const whole = Math.max(1, call.until - call.since);
  at("incoming-progress").value = Math.min(1, Math.max(0, (call.until - now()) / whole));
}

const who = (call) => caller(call) || say("unknown_caller");
