// What the person tells the desk to do. What it refuses is told in words.

import { problem } from "./alerts.js";
import { say } from "./words.js";

let feed = null;

export function begin(its) {
  feed = its;
}

/** Throws where it is refused. */
export const ask = (name, about) => feed.ask(name, about);

/** Whether it was done. `button` waits for it. */
export async function order(name, about, button = null) {
  if (button?.getAttribute("aria-busy") === "true") return false;
  button?.setAttribute("aria-busy", "true");
  try {
    await ask(name, about);
    problem("");
    return true;
  } catch (error) {
    problem(error.told ? say("refused", error.told) : say(error.word ?? "not_answered"));
    return false;
  } finally {
    button?.removeAttribute("aria-busy");
  }
}
