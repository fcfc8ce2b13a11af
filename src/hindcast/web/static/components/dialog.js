/** A modal dialog: named by its heading, closed by Escape, giving the focus back to where it was. */
import { button, h } from "./element.js";

let number = 0;

/**
 * Open a dialog.
 *
 * @param {string} title
 * @param {(Node|string)[]} body
 * @param {{closed?: () => void, focus?: HTMLElement}} [how]
 * @returns {HTMLDialogElement} `close()` closes it
 */
export function openDialog(title, body, { closed = null, focus = null } = {}) {
  const before = document.activeElement;
  const id = `dialog-${(number += 1)}`;
  const heading = h("h2", { id, tabindex: "-1" }, title);
  const shown = h("dialog", { "aria-labelledby": id },
    h("header", {}, heading, button("Close", () => shown.close(), { class: "quiet", key: "Esc", "aria-keyshortcuts": "Escape" })), body);
  shown.addEventListener("close", () => {
    shown.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    closed?.();
  });
  shown.addEventListener("click", (event) => { if (event.target === shown) shown.close(); });
  document.body.append(shown);
  shown.showModal();
  (focus ?? heading).focus();
  return shown;
}
