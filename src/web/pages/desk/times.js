// Times as people read them. Those of the wire are milliseconds of the Unix epoch, by the clock of the bot.

import { language } from "./words.js";

/** What must be added to this machine's clock. */
let ahead = 0;

/** `date` is of the header of an answer, in whole seconds: only a difference that people would see counts. */
export function compare(date) {
  const difference = Date.parse(date) - Date.now();
  ahead = Math.abs(difference) > 2500 ? difference : 0;
}

export const now = () => Date.now() + ahead;

/** `milliseconds` as 0:07, 12:34 or 1:02:03. */
export function lasting(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

export function day(at) {
  // As the person's country writes it, in the language of the page.
  const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;
  return new Date(at).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}

/** Brings what counts up (`data-since`) and down (`data-until`) to the present. */
export function tick() {
  for (const element of document.querySelectorAll("[data-since], [data-until]")) {
    const { since, until } = element.dataset;
    // Rounded up: at 0:00 it is over.
    const ms = until === undefined ? now() - Number(since) : Math.ceil((Number(until) - now()) / 1000) * 1000;
    const words = lasting(ms);
    if (element.textContent !== words) element.textContent = words;
  }
}
