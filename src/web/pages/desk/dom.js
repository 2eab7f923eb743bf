// Elements made and changed. What comes from the wire is text here, and never markup.

export const at = (id) => document.getElementById(id);

/** `attributes` as in HTML; those whose value is a function are listened to, those whose value is null are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function text(element, words) {
  const written = String(words ?? "");
  if (element.textContent !== written) element.textContent = written;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

export function set(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Makes the children of `parent` those of `rows`; one whose key stays is kept, with its focus, and given to `update`. */
export function list(parent, rows, key, create, update = () => {}) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  rows.forEach((row, place) => {
    const name = String(key(row));
    let child = before.get(name);
    before.delete(name);
    if (child === undefined) {
      child = create(row);
      child.dataset.key = name;
    }
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    update(child, row);
  });
  for (const child of before.values()) child.remove();
}

/** A list that changes seldom: made anew when `rows` are others, in whichever language. */
export function redraw(parent, rows, ...children) {
  const drawn = JSON.stringify(rows);
  if (parent.drawn === drawn) return;
  parent.drawn = drawn;
  parent.replaceChildren(...children.flat());
}

/** Whether somebody types here, so that no key and no focus may be taken from it. What was closed has the focus for a moment still. */
export function typing(element) {
  if (!(element instanceof HTMLElement) || element.getClientRects().length === 0) return false;
  return element.isContentEditable || element.matches("input:not([type=checkbox]), textarea, select");
}
