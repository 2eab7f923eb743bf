// The head of the page: my state, and who I am.

import { at, make, redraw, set, show, text } from "./dom.js";
import { order } from "./orders.js";
import { page } from "./page.js";
import { present } from "./present.js";
import { stateWords } from "./signs.js";

/** Who goes through the choices by arrow keys means the last. */
const SETTLED = 350;
/** They come by themselves. */
const UNCHOSEN = [["busy"], ["wrap_up"]];

let timer = 0;
let choosing = false;

const value = (state, reason) => (state === "pause" ? `pause:${reason ?? ""}` : state);

export function begin(render) {
  at("state").addEventListener("change", () => {
    choosing = true;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const [state, reason] = at("state").value.split(/:(.*)/s);
      await order("state", state === "pause" ? { state, reason } : { state });
      // What was refused is not shown as if it were so.
      choosing = false;
      render();
    }, SETTLED);
  });
}

export function draw() {
  const { me, desk } = present;
  show(at("views"), me.role === "supervisor");
  for (const view of ["desk", "wall"]) set(at(`view-${view}`), "aria-current", page.view === view ? "page" : null);
  text(at("my-name"), me.display);
  at("my-shape").dataset.state = me.state;
  show(at("my-since"), me.since !== null);
  at("my-since").dataset.since = me.since ?? 0;

  const pauses = new Set(desk.pauses.length > 0 ? desk.pauses : ["other"]);
  if (me.state === "pause" && me.reason) pauses.add(me.reason);
  const choices = [["available"], ...[...pauses].map((reason) => ["pause", reason]), ["offline"]];
  const option = (row, hidden) => make("option", { value: value(...row), disabled: hidden, hidden }, stateWords(...row));
  const select = at("state");
  redraw(
    select,
    choices.map((row) => stateWords(...row)),
    UNCHOSEN.map((row) => option(row, "")),
    choices.map((row) => option(row, null)),
  );
  const now = value(me.state, me.state === "pause" && !me.reason ? [...pauses][0] : me.reason);
  if (!choosing && select.value !== now) select.value = now;
}
