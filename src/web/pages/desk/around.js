// What is around a call: queues, colleagues and parked calls, in small.

import { at, list, make, set, show, text } from "./dom.js";
import { enter } from "./orders.js";
import { present } from "./present.js";
import { drawState } from "./signs.js";
import { lasting } from "./times.js";
import { say } from "./words.js";

export function draw() {
  const parked = [...present.live.values()].filter((row) => row.with === "parked");
  show(at("parked-part"), parked.length > 0);
  list(at("parked"), parked, ({ id }) => id, createParked, (row, call) => {
    text(row.children[0], call.caller || say("unknown_caller"));
    text(row.children[2], say("retrieve"));
    set(row.children[2], "aria-label", say("actions_of", say("retrieve"), call.caller));
  });

  const counts = new Map(present.wall.queues.map((queue) => [queue.name, queue]));
  const queues = present.desk.queues.map(({ name }) => counts.get(name) ?? { name, waiting: 0, longest: null, doors: "open" });
  list(at("queues"), queues, ({ name }) => name, () => make("li", {}, make("span"), make("span", { class: "faint" })), (row, queue) => {
    text(row.firstChild, queue.name);
    const longest = queue.longest === null ? "" : ` · ${lasting(queue.longest)}`;
    const closed = queue.doors === "closed" ? ` · ${say("doors_closed")}` : "";
    text(row.lastChild, `${say("waiting", queue.waiting)}${longest}${closed}`);
  });

  const colleagues = present.desk.colleagues.filter(({ name }) => name !== present.me.name);
  list(at("colleagues"), colleagues, ({ name }) => name, () => make("li", {}, make("span"), make("span", { class: "state faint" })), (row, one) => {
    // The wallboard is told of more often.
    const agent = present.wall.agents.find(({ name }) => name === one.name) ?? one;
    text(row.firstChild, one.display);
    drawState(row.lastChild, agent.state, agent.reason ?? null);
  });
}

function createParked({ id, since }) {
  const button = make("button", { type: "button", click: () => enter("retrieve", id, button) });
  return make("li", {}, make("span"), make("span", { class: "count", "data-since": since }), button);
}
