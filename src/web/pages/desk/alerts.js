// What went wrong, and what has happened, in words.

import { at, show, text } from "./dom.js";
import { say } from "./words.js";

/** A problem is shown for so long, or until it is closed. */
const SHOWN = 15_000;
let timer = 0;

export function problem(words) {
  clearTimeout(timer);
  show(at("problem"), words !== "");
  // Told again where it is the same as before.
  at("problem-words").textContent = "";
  at("problem-words").textContent = words;
  if (words !== "") timer = setTimeout(() => problem(""), SHOWN);
}

/** For those who do not see it. */
export function announce(words) {
  at("announce").textContent = words;
}

export function connection(word) {
  text(at("offline"), word === "" ? "" : say(word));
}

export function begin() {
  at("problem-close").addEventListener("click", () => problem(""));
}
