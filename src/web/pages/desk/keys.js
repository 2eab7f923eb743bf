// Work by keys alone. Each key presses a button of the page; none does anything while somebody types.

import { at, make, redraw, set, typing } from "./dom.js";
import { copyAt } from "./help.js";
import { pad, press } from "./talk.js";
import { keep, kept, say } from "./words.js";

const SINGLE = "offhook-keys";

/** Keys, the buttons that they press, and the words for it. */
const BUTTONS = [
  ["a", "accept", "accept"],
  ["d", "decline", "decline"],
  ["m", "mute", "mute"],
  ["h", "hold", "hold"],
  ["k", "keypad", "keypad"],
  ["t", "transfer", "transfer"],
  ["i", "invite", "invite"],
  ["b", "give-back", "give_back"],
  ["p", "park", "park"],
  // Not by a slip.
  ["E", "hang-up", "hang_up"],
];
/** What has no button of its own. */
const OTHERS = [
  ["s", "key_state", () => at("state").focus()],
  ["w", "key_wall", () => !at("views").hidden && at(at("wall-view").hidden ? "view-wall" : "view-desk").click()],
  ["n", "key_note", () => at("note").offsetParent !== null && at("note").focus()],
  ["?", "key_help", () => at("open-keys").click()],
];

const written = (key) => (key === key.toUpperCase() && key !== key.toLowerCase() ? `Shift+${key}` : key.toUpperCase());

export function begin() {
  at("keys-on").checked = kept(SINGLE) !== "off";
  at("keys-on").addEventListener("change", () => {
    keep(SINGLE, at("keys-on").checked ? "on" : "off");
    draw();
  });
  at("open-keys").addEventListener("click", () => at("keys").showModal());
  at("keys-close").addEventListener("click", () => at("keys").close());
  document.addEventListener("keydown", (event) => {
    if (strike(event)) event.preventDefault();
  });
}

/** Whether it was one of ours. */
function strike(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return false;
  if (document.querySelector("dialog[open]") !== null) return false;
  if (event.key === "Escape" && !at("pad").hidden) {
    pad(false);
    at("keypad").focus();
    return true;
  }
  if (event.repeat || typing(event.target) || !at("keys-on").checked) return false;
  if (!at("pad").hidden && at("pad").offsetParent !== null && /^[0-9*#]$/.test(event.key)) {
    press(event.key);
    return true;
  }
  if (/^[1-9]$/.test(event.key)) {
    copyAt(Number(event.key));
    return true;
  }
  // With the shift lock on, a letter is still that letter; only Shift makes it another.
  const key = /^[a-z]$/i.test(event.key) ? (event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()) : event.key;
  const other = OTHERS.find(([its]) => its === key);
  if (other !== undefined) {
    other[2]();
    return true;
  }
  const button = at(BUTTONS.find(([its]) => its === key)?.[1]);
  if (!button || button.offsetParent === null) return false;
  button.click();
  return true;
}

export function draw() {
  const on = at("keys-on").checked;
  document.body.dataset.keys = on ? "on" : "off";
  for (const [key, id] of BUTTONS) set(at(id), "aria-keyshortcuts", on ? written(key) : null);
  const rows = [
    ...BUTTONS.map(([key, , word]) => [written(key), say(word)]),
    ...OTHERS.map(([key, word]) => [written(key), say(word)]),
    ["1–9", say("key_copy")],
    ["0–9 * #", say("key_digits")],
    ["Esc", say("key_escape")],
  ];
  redraw(at("keys-rows"), rows, ...rows.flatMap(([key, words]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, words)]));
}
