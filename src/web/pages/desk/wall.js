// The supervisor's wallboard: queues, agents, and calls in progress with what can be done about them.

import { at, list, make, redraw, set, show, text } from "./dom.js";
import { enter, order } from "./orders.js";
import { go } from "./page.js";
import { part, present } from "./present.js";
import { drawMood, drawState } from "./signs.js";
import { lasting } from "./times.js";
import { say } from "./words.js";

/** Calls that are shown at once. */
const MOST = 100;
/** Of callers, answered in time: 80 % is what the trade promises. Below it a mark says so. */
const POOR = 0.8;

export function draw() {
  drawQueues();
  drawCalls();
  list(at("wall-agent-rows"), present.wall.agents, ({ name }) => name, createAgent, drawAgent);
}

const duration = (ms) => (ms === null ? "–" : lasting(ms));

function drawQueues() {
  const create = () => {
    const cells = Array.from({ length: 12 }, (_, place) => make("td", { class: place === 0 ? null : "number" }));
    return make("tr", {}, make("th", { scope: "row" }), ...cells);
  };
  list(at("wall-queue-rows"), present.wall.queues, ({ name }) => name, create, (row, queue) => {
    const { today } = queue;
    const { service_level: share, threshold } = today;
    const level = share === null ? "–" : say("within", `${Math.round(share * 100)} %`, Math.round(threshold / 1000));
    const poor = share !== null && share < POOR;
    const words = [
      queue.name,
      say(`doors_${queue.doors}`),
      queue.waiting,
      duration(queue.longest),
      duration(queue.wait),
      queue.agents,
      queue.callbacks,
      today.offered,
      today.answered,
      today.abandoned,
      today.overflowed,
      today.called_back,
      poor ? `▼ ${level}` : level,
    ];
    words.forEach((said, place) => text(row.children[place], said));
    row.lastChild.classList.toggle("poor", poor);
    set(row, "data-waits", queue.waiting > 0 ? "" : null);
  });
}

function drawCalls() {
  // The longest first: who comes does not move the others.
  const all = [...present.live.values()].sort((a, b) => a.since - b.since);
  const rows = all.slice(0, MOST);
  show(at("live-none"), all.length === 0 || all.length > MOST);
  text(at("live-none"), all.length === 0 ? say("live_none") : say("live_truncated", MOST, all.length));
  show(at("live-box"), all.length > 0);
  const create = ({ since }) => {
    const cells = [make("td"), make("td"), make("td", { class: "number count", "data-since": since }), make("td", { class: "mood" })];
    return make("tr", {}, make("th", { scope: "row" }), ...cells, make("td"), make("td", { class: "actions" }));
  };
  list(at("live-rows"), rows, ({ id }) => id, create, (row, call) => {
    const [who, by, queue, since, mood, tongue, actions] = row.children;
    text(who, call.caller || say("unknown_caller"));
    text(by, call.with === "agent" && call.agent ? call.agent : say(`with_${call.with}`));
    by.dataset.with = call.with;
    text(queue, call.queue ?? "–");
    since.dataset.since = call.since;
    drawMood(mood, call.mood);
    text(tongue, say(`language_${call.language}`));
    drawActions(actions, call);
  });
}

function drawActions(element, call) {
  const mine = present.calls.get(call.id);
  const does = mine === undefined ? null : part(mine);
  const names = wanted(call.with, does, mine?.stage);
  const about = (name) => [say(name), say("actions_of", say(name), call.caller)];
  redraw(
    element,
    names.map(about),
    ...names.map((name) => {
      const [words, label] = about(name);
      const button = make("button", { type: "button", "data-do": name, "aria-label": label, click: () => act(name, call.id, button) }, words);
      return button;
    }),
  );
}

/** What a supervisor may do to a call that is `by` the bot, an agent or nobody, of which they have a part already or not. */
function wanted(by, does, stage) {
  if (does === "monitoring") {
    const more = by === "agent" ? ["whisper", "barge"].filter((name) => !stage.startsWith(name)) : [];
    return ["stop", ...more, "take_over"];
  }
  if (does !== null) return [];
  if (by === "parked") return ["retrieve"];
  if (by === "queue") return ["take_over"];
  return by === "bot" ? ["listen", "take_over"] : ["listen", "whisper", "barge", "take_over"];
}

async function act(name, id, button) {
  if (name === "stop") return order("hang_up", { call: id }, button);
  // There is what is said, and what can be done.
  if (await enter(name, id, button)) go("desk");
}

const createAgent = () => make("li", {}, ...["name", "state", "count", "faint"].map((part) => make("span", { class: part })));

function drawAgent(row, agent) {
  const [name, state, since, calls] = row.children;
  text(name, agent.display);
  drawState(state, agent.state, agent.reason);
  since.dataset.since = agent.since;
  const carried = agent.with.map((id) => present.live.get(id)?.caller).filter(Boolean);
  text(calls, carried.join(", "));
}
