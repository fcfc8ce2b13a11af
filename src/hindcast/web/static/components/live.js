/** What the page says aloud: a live region for screen readers, and toasts that everybody sees. */
import { h } from "./element.js";

const STAYS_MS = 6000;
let polite, assertive, toasts;

/** Make the regions; once, before anything is said, since a region that appears with its text is not read. */
export function startLive(parent = document.body) {
  polite = h("div", { class: "unseen", role: "status", "aria-live": "polite", "aria-atomic": "true" });
  assertive = h("div", { class: "unseen", role: "alert", "aria-live": "assertive", "aria-atomic": "true" });
  toasts = h("div", { class: "toasts" });
  parent.append(polite, assertive, toasts);
}

/** Say `text` to those who listen. The same words twice are said twice. */
export function say(text, { now = false } = {}) {
  const region = now ? assertive : polite;
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/**
 * Show `text` for a while, and say it.
 *
 * @param {string} text
 * @param {{bad?: boolean, action?: {name: string, run: () => void}}} [how] a toast with an action stays until used or replaced
 */
export function toast(text, { bad = false, action = null } = {}) {
  const shown = h("div", { class: bad ? "toast bad" : "toast" }, h("span", {}, text));
  if (action) {
    const run = () => { shown.remove(); action.run(); };
    shown.append(h("button", { type: "button", on: { click: run } }, action.name));
  }
  while (toasts.childElementCount >= 2) toasts.firstElementChild.remove();
  toasts.append(shown);
  say(text, { now: bad });
  if (!action) setTimeout(() => shown.remove(), bad ? 2 * STAYS_MS : STAYS_MS);
}
