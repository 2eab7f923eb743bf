// After the call: the draft of its notes, to be accepted, changed or discarded, and how it ended.

import { at, make, redraw, show, text } from "./dom.js";
import { order } from "./orders.js";
import { shown } from "./page.js";
import { part, present } from "./present.js";
import { now } from "./times.js";
import { known, say } from "./words.js";

/** What was changed is saved when the time is up, but not while somebody types: so long after the last letter, in milliseconds. */
const STILL = 8_000;

/** The call whose notes are in the field, and the draft of them. */
let noted = { call: null, draft: "", saved: false };
/** When it was typed in last. */
let typed = 0;

export function begin() {
  at("note").addEventListener("input", () => {
    typed = Date.now();
    label();
  });
  at("note-reject").addEventListener("click", () => {
    at("note").value = at("note").value === "" ? noted.draft : "";
    label();
    at("note").focus();
  });
  at("note-done").addEventListener("click", () => noted.call !== null && order("done", { call: noted.call }, at("note-done")));
  at("wrap").addEventListener("submit", (event) => {
    event.preventDefault();
    save(at("note-save"));
  });
}

async function save(button) {
  if (noted.call === null) return;
  const about = { call: noted.call, text: at("note").value, disposition: at("disposition").value || null };
  await order("note", about, button);
}

export function draw(call) {
  const wraps = call !== null && part(call) === "wrapping";
  show(at("wrap"), wraps);
  if (!wraps) {
    if (noted.call !== null && !present.calls.has(noted.call)) noted = { call: null, draft: "", saved: false };
    return;
  }
  const draft = call.wrap?.draft ?? "";
  if (noted.call !== call.id) {
    noted = { call: call.id, draft, saved: false };
    at("note").value = draft;
    at("disposition").value = "";
  } else if (noted.draft !== draft) {
    // It came later than the wrap-up; what was typed meanwhile stays.
    if (at("note").value === noted.draft) at("note").value = draft;
    noted.draft = draft;
  }
  const rows = present.desk.dispositions;
  const chosen = at("disposition").value;
  redraw(
    at("disposition"),
    rows.map((name) => [name, known(name)]),
    make("option", { value: "" }, say("disposition_none")),
    rows.map((name) => make("option", { value: name }, known(name))),
  );
  if (at("disposition").value !== chosen) at("disposition").value = chosen;
  show(at("wrap-until"), call.until !== null);
  if (call.until !== null) at("wrap-left").dataset.until = call.until;
  label();
  tick();
}

/** Says what the buttons do with what stands in the field. */
function label() {
  const { draft } = noted;
  const written = at("note").value;
  text(at("note-hint"), `${say(draft === "" ? "notes_none" : "notes_hint")} ${say("notes_last")}`);
  text(at("note-save"), say(draft !== "" && written === draft ? "note_accept" : "note_save"));
  text(at("note-reject"), say(written === "" ? "note_restore" : "note_reject"));
  show(at("note-reject"), draft !== "");
}

/** Nothing that was typed is forgotten with the time. */
export function tick() {
  const call = shown();
  if (call === null || call.id !== noted.call || call.until === null) return;
  const over = call.until <= now();
  text(at("wrap-until-words"), say(over ? "time_up" : "ends_in"));
  show(at("wrap-left"), !over);
  const changed = at("note").value !== noted.draft || at("disposition").value !== "";
  if (over && changed && !noted.saved && Date.now() - typed > STILL) {
    noted.saved = true;
    save(null);
  }
}
