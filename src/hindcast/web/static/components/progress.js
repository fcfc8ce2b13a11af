/** How far something is: a bar, and the same in words. */
import { h } from "./element.js";

/**
 * A progress bar named `name`.
 *
 * @returns {{node: HTMLElement, set: (done: number, total: number) => void}}
 */
export function progress(name) {
  const fill = h("b");
  const node = h("div", { class: "progress", role: "progressbar", "aria-label": name, "aria-valuemin": 0 }, fill);
  const set = (done, total) => {
    node.setAttribute("aria-valuemax", String(total));
    node.setAttribute("aria-valuenow", String(done));
    node.setAttribute("aria-valuetext", `${done} of ${total}`);
    fill.style.width = `${total > 0 ? Math.min(100, (100 * done) / total) : 0}%`;
  };
  set(0, 0);
  return { node, set };
}
