// What the person tells the desk to do. What it refuses is told in words.

import { problem } from "./alerts.js";
import { page } from "./page.js";
import { present } from "./present.js";
import { say } from "./words.js";

let feed = null;

export function begin(its) {
  feed = its;
}

/** Throws where it is refused. */
export const ask = (name, about) => feed.ask(name, about);

/** Goes into a call that does not ring: `name` is `take_over`, `retrieve`, `listen`, `whisper` or `barge`. */
export async function enter(name, call, button) {
  page.chosen = call;
  present.coming.add(call);
  const done = await order(name, { call }, button);
  if (!done) present.coming.delete(call);
  return done;
}

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
