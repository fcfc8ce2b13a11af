/** Small pictures of figures over time, drawn as SVG; each says in words what it shows. */
import { h } from "./element.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [380, 190, 44, 12, 12, 26];

const s = (tag, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children.flat());
  return made;
};

/**
 * A chart of shares or counts over time.
 *
 * @param {object} told
 * @param {string} told.title stands above
 * @param {string} told.words what it shows, for who does not see it
 * @param {string[]} told.ends what stands at the two ends of the time axis
 * @param {[number, string][]} told.ticks heights and their names; the last one is the top
 * @param {[number, number][]} [told.line] places in time, in [0, 1], and heights
 * @param {{at: number, value: number, low: number, high: number, name: string}[]} [told.points] with intervals
 */
export function chart({ title, words, ends, ticks, line = [], points = [] }) {
  const top = Math.max(...ticks.map(([height]) => height)) || 1;
  const x = (share) => LEFT + share * (WIDTH - LEFT - RIGHT);
  const y = (height) => HEIGHT - BOTTOM - (Math.min(height, top) / top) * (HEIGHT - TOP - BOTTOM);
  const grid = ticks.map(([height, name]) => [
    s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(height), y2: y(height), class: "rule" }),
    s("text", { x: LEFT - 6, y: y(height) + 4, "text-anchor": "end" }, name),
  ]);
  const path = line.map(([share, height], i) => `${i ? "L" : "M"}${x(share).toFixed(1)} ${y(height).toFixed(1)}`).join("");
  const marks = points.filter(({ value }) => value !== null).map(({ at, value, low, high, name }) => s("g", {},
    s("title", {}, name),
    low === null ? [] : [s("line", { x1: x(at), x2: x(at), y1: y(low), y2: y(high), class: "interval" })],
    s("circle", { cx: x(at), cy: y(value), r: 4 })));
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words }, grid.flat(),
    path ? [s("path", { d: `${path}L${x(line.at(-1)[0]).toFixed(1)} ${y(0)}L${x(line[0][0]).toFixed(1)} ${y(0)}Z`, class: "area" }),
      s("path", { d: path, class: "line" })] : [],
    marks,
    s("text", { x: LEFT, y: HEIGHT - 6 }, ends[0]), s("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, ends[1]));
  return h("figure", { class: "chart card" }, h("figcaption", {}, title), picture);
}
