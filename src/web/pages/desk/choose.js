// To whom: a queue, a colleague, a number, or a flow of the bot, found by typing.

import { at, make, redraw, show, text } from "./dom.js";
import { order } from "./orders.js";
import { present } from "./present.js";
import { stateWords } from "./signs.js";
import { language, say } from "./words.js";

/** A number that can be dialled, or a SIP URI. */
const NUMBER = /^(\+?[0-9][0-9 ().-]{1,24}|sips?:[^\s]+)$/i;

/** What is being done, `transfer`, `invite` or `give_back`, and to which call. */
let doing = null;

export function begin() {
  at("choose-find").addEventListener("input", draw);
  at("choose-cancel").addEventListener("click", () => at("choose").close());
  at("choose").addEventListener("keydown", (event) => {
    const rows = [...at("choose-rows").querySelectorAll("button")];
    const on = rows.indexOf(document.activeElement);
    if (event.key === "ArrowDown") rows[Math.min(on + 1, rows.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (on > 0 ? rows[on - 1] : at("choose-find")).focus();
    else if (event.key === "Enter" && document.activeElement === at("choose-find")) rows[0]?.click();
    else return;
    event.preventDefault();
  });
  // It is told of late: another may be open by then.
  at("choose").addEventListener("close", () => at("choose").open || (doing = null));
}

export function choose(what, call) {
  doing = { what, call: call.id };
  at("choose-find").value = "";
  draw();
  at("choose").showModal();
  at("choose-find").focus();
}

/** Closes where the call has gone. */
export function follow() {
  if (doing !== null && !present.calls.has(doing.call)) at("choose").close();
}

export function draw() {
  if (doing === null) return;
  text(at("choose-title"), say(`${doing.what}_title`));
  text(at("choose-hint"), say(`${doing.what}_hint`));
  text(at("choose-label"), say({ transfer: "find", invite: "find_person", give_back: "find_flow" }[doing.what]));
  const typed = at("choose-find").value.trim().toLowerCase();
  const rows = (doing.what === "give_back" ? flows() : places(typed)).filter(
    ({ words, always }) => always || words.toLowerCase().includes(typed),
  );
  show(at("choose-none"), rows.length === 0);
  text(at("choose-none"), say("find_none"));
  redraw(at("choose-rows"), rows, rows.map(place));
}

function place({ kind, words, about, to }) {
  const more = make("span", { class: "faint" }, [kind, about].filter(Boolean).join(" · "));
  const button = make("button", { type: "button", click: () => go(to, button) }, make("span", {}, words), more);
  return button;
}

function flows() {
  const title = (flow) => flow.title?.[language] ?? flow.title?.en ?? flow.name;
  const rows = present.desk.flows.map((flow) => ({ kind: say("to_flow"), words: title(flow), about: null, to: { flow: flow.name } }));
  return [{ kind: null, words: say("give_back_here"), about: null, to: { flow: null } }, ...rows];
}

function places(typed) {
  const rows = [];
  if (NUMBER.test(typed)) {
    const number = /^sips?:/i.test(typed) ? at("choose-find").value.trim() : typed.replace(/[ ().-]/g, "");
    rows.push({ kind: say("to_number"), words: number, about: null, to: { to: { number } }, always: true });
  }
  const counts = new Map(present.wall.queues.map((queue) => [queue.name, queue]));
  // A queue cannot join a call.
  for (const { name } of doing.what === "transfer" ? present.desk.queues : []) {
    const waiting = counts.get(name)?.waiting;
    rows.push({ kind: say("to_queue"), words: name, about: waiting === undefined ? null : say("waiting", waiting), to: { to: { queue: name } } });
  }
  const agents = new Map(present.wall.agents.map((agent) => [agent.name, agent]));
  // Who could take it stands before who could not.
  const free = (one) => (agents.get(one.name)?.state ?? one.state) === "available";
  const colleagues = present.desk.colleagues.filter(({ name }) => name !== present.me.name);
  for (const one of [...colleagues].sort((a, b) => free(b) - free(a))) {
    const { state, reason } = agents.get(one.name) ?? one;
    rows.push({ kind: say("to_person"), words: one.display, about: stateWords(state, reason), to: { to: { person: one.name } } });
  }
  return rows;
}

async function go(to, button) {
  const its = doing;
  if ((await order(its.what, { call: its.call, ...to }, button)) && doing === its) at("choose").close();
}
