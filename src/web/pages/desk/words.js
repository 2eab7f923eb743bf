// The language of the page, and its words. It is kept where the page of signing in keeps it.

import { chinese } from "./chinese.js";
import { english } from "./english.js";

const TEXTS = { en: english, zh: chinese };
const LANGUAGE = "offhook-language";

export let language = kept(LANGUAGE, (word) => word in TEXTS) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

/** What the browser has kept, if it keeps anything and `right` holds of it. */
export function kept(name, right = () => true) {
  try {
    const written = localStorage.getItem(name);
    return written !== null && right(written) ? written : null;
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It is asked again next time.
  }
}

export function turn() {
  language = language === "en" ? "zh" : "en";
  keep(LANGUAGE, language);
}

export function say(word, ...about) {
  const words = TEXTS[language][word];
  return typeof words === "function" ? words(...about) : words ?? word;
}

/** A word of the configuration: ours for it where there is one, or as it is written. */
export function known(name) {
  return TEXTS[language][`known_${name}`] ?? name.replaceAll("_", " ");
}

/** Says the standing words beneath `root`. */
export function fill(root) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
}
