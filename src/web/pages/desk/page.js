// What of the present this page shows: the desk or the wallboard, and which call.

import { part, present } from "./present.js";

export const page = {
  /** `desk` or `wall`. */
  view: "desk",
  /** The call that was chosen, by its id. */
  chosen: null,
};

let changed = () => {};

/** `work` is done where another view is gone to. */
export const watch = (work) => (changed = work);

export function go(view) {
  page.view = view;
  changed();
}

/** The call that rings, or whose brief is heard. */
export const ringing = () => first((call) => part(call) === "rung");

/** The call that the desk shows: the one that was chosen, or the one that needs its person most. */
export function shown() {
  const chosen = present.calls.get(page.chosen);
  if (chosen !== undefined && part(chosen) !== "rung") return chosen;
  for (const wanted of ["in", "monitoring", "wrapping"]) {
    const call = first((call) => part(call) === wanted);
    if (call !== null) return call;
  }
  return null;
}

function first(right) {
  const calls = [...present.calls.values()].filter(right);
  return calls.sort((a, b) => a.since - b.since)[0] ?? null;
}
