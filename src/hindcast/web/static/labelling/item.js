/** An item as it is looked at: a text, a row of a table, or an image. What it says is never read as HTML. */
import { button, h } from "../components/element.js";
import { say } from "../components/live.js";

const STEP = 1.5;
const MOST = 16;
const LEAST = 0.1;

/**
 * Show `item`.
 *
 * @param {{id: string, content: any, meta: any[][]}} item a row's content, and `meta`, are lists of [name, value]
 * @param {"text"|"row"|"image"} kind
 * @param {(name: string) => Promise<string>} picture gives the address of an image
 * @returns {{node: HTMLElement, commands: import("../components/keys.js").Command[]}}
 */
export function shown(item, kind, picture) {
  const meta = pairs(item.meta);
  const highlight = meta.find(([name]) => name === "highlight")?.[1];
  const made = kind === "row" ? { node: fields(item.content), commands: [] }
    : kind === "image" ? image(item, picture)
      : { node: h("div", { class: "text", dir: "auto" }, marked(String(item.content), highlight)), commands: [] };
  const more = meta.filter(([name, value]) => name !== "highlight" && value !== null && value !== "");
  const details = more.length
    ? h("dl", { class: "meta" }, more.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { dir: "auto" }, plain(value)))))
    : null;
  return { node: h("div", {}, made.node, details), commands: made.commands };
}

/** A few words that remind of an item. */
export function snippet(item, kind) {
  if (kind === "image") return `image ${item.id}`;
  const text = kind === "row" ? pairs(item.content).map(([, value]) => value).filter((value) => value !== null).map(plain).join(" · ") : String(item.content);
  return text.length > 140 ? `${text.slice(0, 139)}…` : text;
}

/** `text` with what `wanted` names marked: words, or places as [start, end] in characters. */
function marked(text, wanted) {
  const places = (Array.isArray(wanted) ? wanted : wanted ? [wanted] : []).flatMap((one) =>
    Array.isArray(one) ? [[Number(one[0]), Number(one[1])]] : found(text, String(one)));
  const parts = [];
  let at = 0;
  for (const [start, end] of places.sort((a, b) => a[0] - b[0])) {
    if (!(start >= at && end > start && end <= text.length)) continue;
    parts.push(text.slice(at, start), h("mark", {}, text.slice(start, end)));
    at = end;
  }
  return [...parts, text.slice(at)];
}

function found(text, word) {
  const places = [];
  const [where, what] = [text.toLowerCase(), word.toLowerCase()];
  if (!what || where.length !== text.length) return places;
  for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + what.length)) places.push([at, at + what.length]);
  return places;
}

function fields(row) {
  return h("dl", { class: "fields" }, pairs(row).flatMap(([name, value]) => [
    h("dt", {}, name),
    value === null || value === "" ? h("dd", { class: "none" }, value === null ? "not known" : "empty") : h("dd", { dir: "auto" }, plain(value)),
  ]));
}

/** Names and values in their order; an object is what an earlier version of this page left in the browser. */
const pairs = (values) => (Array.isArray(values) ? values : Object.entries(values ?? {}));

const plain = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

/** An image that can be looked at closely; the frame scrolls with the arrow keys. */
function image(item, picture) {
  let scale = null;
  const view = h("img", { alt: `Image to label, ${item.id}`, decoding: "async", draggable: "false" });
  const frame = h("div", { class: "frame fit", tabindex: "0", role: "group", "aria-label": "Image; scroll with the arrow keys" }, view);
  const how = h("span", { class: "note" }, "fits");
  const set = (next) => {
    scale = next === null ? null : Math.min(MOST, Math.max(LEAST, next));
    frame.className = `frame ${scale === null ? "fit" : scale > 2 ? "close" : ""}`;
    view.style.width = scale === null ? "" : `${view.naturalWidth * scale}px`;
    how.textContent = scale === null ? "fits" : `${Math.round(100 * scale)}%`;
    say(`Zoom: ${how.textContent}`);
  };
  const now = () => scale ?? (view.naturalWidth ? view.clientWidth / view.naturalWidth : 1);
  const commands = [
    { key: "+", name: "Zoom in", run: () => set(now() * STEP) },
    { key: "=", name: "Zoom in", hidden: true, run: () => set(now() * STEP) },
    { key: "-", name: "Zoom out", run: () => set(now() / STEP) },
    { key: "0", name: "Fit the image", run: () => set(null) },
  ];
  view.addEventListener("dblclick", () => set(scale === null ? 1 : null));
  view.addEventListener("error", () => {
    frame.replaceChildren(h("p", { class: "note" }, "This image cannot be shown: its file is damaged. Skip it, and say so in a comment."));
  });
  picture(String(item.content)).then((address) => { view.src = address; }, (error) => {
    frame.replaceChildren(h("p", { class: "note" }, `The image could not be loaded: ${error.message}`));
  });
  const tools = commands.filter((command) => !command.hidden).map(({ key, name, run }) => button(name, run, { key, class: "quiet" }));
  return { node: h("figure", { class: "picture" }, frame, h("figcaption", { class: "row" }, tools, how)), commands };
}
