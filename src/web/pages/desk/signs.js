// States and moods: a shape and a word, so that no colour has to be told from another.

import { make, redraw } from "./dom.js";
import { known, say } from "./words.js";
import { mood } from "./present.js";

export function stateWords(state, reason) {
  return state === "pause" && reason ? say("state_pause_of", known(reason)) : say(`state_${state}`);
}

export const shape = (state) => make("span", { class: "shape", "data-state": state, "aria-hidden": "true" });

export function drawState(element, state, reason) {
  const words = stateWords(state, reason);
  redraw(element, [state, words], shape(state), make("span", {}, words));
}

const MOODS = { angry: "▼▼", displeased: "▼", calm: "●", pleased: "▲" };

export function drawMood(element, value) {
  const word = mood(value);
  const words = word === null ? "" : say(`mood_${word}`);
  element.dataset.mood = word ?? "none";
  const sign = make("span", { "aria-hidden": "true", class: "sign" }, word === null ? "" : MOODS[word]);
  redraw(element, [words], ...(word === null ? [] : [sign, ` ${words}`]));
}
