/** Tables with headings a screen reader can use, and charts that are tables with bars in them. */
import { h } from "./element.js";

/** @typedef {string|number|{text: string, note?: string, bar?: number}} Cell `bar` is a share in [0, 1] */

/**
 * A table whose first column heads its rows; on a narrow screen each row becomes a card.
 *
 * @param {string} caption
 * @param {{name: string, text?: boolean}[]} columns `text` columns stand left
 * @param {Cell[][]} rows
 */
export function table(caption, columns, rows) {
  const kind = (i) => (i === 0 || columns[i].text ? "text" : "number");
  const head = h("tr", {}, columns.map(({ name }, i) => h("th", { scope: "col", class: kind(i) }, name)));
  const body = rows.map((row) => h("tr", {}, row.map((cell, i) =>
    i === 0 ? h("th", { scope: "row" }, parts(cell)) : h("td", { class: kind(i), data: { head: columns[i].name } }, parts(cell)))));
  return h("div", { class: "scroll stack", role: "region", "aria-label": caption, tabindex: "0" },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, head), h("tbody", {}, body)));
}

/** A cell's text, its note below and its bar, which is for the eye alone: the text says the same. */
function parts(cell) {
  if (cell === null || typeof cell !== "object") return [String(cell ?? "")];
  const { text, note, bar } = cell;
  return [
    h("span", {}, text),
    note ? h("small", {}, note) : null,
    bar === undefined ? null : h("i", { class: "bar", "aria-hidden": "true" },
      h("b", { style: { width: `${Math.max(0, Math.min(1, bar)) * 100}%` } })),
  ];
}

/** Figures that matter, side by side. @param {[string, string, string?][]} figures name, value, note */
export function tiles(figures) {
  return h("dl", { class: "tiles" }, figures.map(([name, value, note]) => h("div", { class: "tile" },
    h("dt", {}, name), h("dd", {}, h("strong", {}, value), note ? h("small", {}, note) : null))));
}
