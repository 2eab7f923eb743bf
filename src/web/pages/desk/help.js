// What helps during a call: the next step of the flow, and answers to what the caller asks.

import { announce, problem } from "./alerts.js";
import { at, list, make, show, text } from "./dom.js";
import { shown } from "./page.js";
import { say } from "./words.js";

/** For a button to say that it was done. */
const DONE = 2_000;

export function draw(call) {
  show(at("next"), Boolean(call.next));
  text(at("next-step"), call.next ?? "");
  const suggestions = [...(call.suggestions ?? [])].sort((a, b) => b.n - a.n);
  show(at("suggestions-empty"), suggestions.length === 0);
  list(at("suggestions"), suggestions, ({ n }) => `${call.id}.${n}`, create, (row, suggestion) => {
    const [question, answer, foot] = row.children;
    text(question, suggestion.question);
    text(answer, suggestion.answer);
    text(foot.firstChild, suggestion.source ? say("source", suggestion.source) : "");
    const button = foot.lastChild;
    text(button.firstChild, say(button.dataset.done ? "copied" : "copy"));
    text(button.lastChild, String(suggestions.indexOf(suggestion) + 1));
  });
}

function create({ n }) {
  const copies = make("button", { type: "button", class: "quiet", click: () => copy(n, copies) }, make("span"), make("kbd"));
  return make("li", {}, make("h3"), make("p"), make("p", { class: "foot faint" }, make("span"), copies));
}

/** The suggestion in that place, as its key does it. */
export function copyAt(place) {
  at("suggestions").children[place - 1]?.querySelector("button").click();
}

async function copy(n, button) {
  const suggestion = shown()?.suggestions?.find((one) => one.n === n);
  if (suggestion === undefined) return;
  try {
    await navigator.clipboard.writeText(suggestion.answer);
  } catch {
    return problem(say("copy_failed"));
  }
  announce(say("copied"));
  button.dataset.done = "yes";
  text(button.firstChild, say("copied"));
  setTimeout(() => {
    delete button.dataset.done;
    text(button.firstChild, say("copy"));
  }, DONE);
}
