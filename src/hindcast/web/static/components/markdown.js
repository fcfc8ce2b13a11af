/**
 * A small part of Markdown as elements: headings, paragraphs, lists, quotes, code, emphasis, links.
 *
 * Only elements are made and only texts put into them; HTML in the source is shown as it was written. A link leads to
 * http, https or mail addresses and nowhere else.
 */
import { h } from "./element.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|\[([^\]]+)\]\(([^()\s]+)\)/;
const SAFE = /^(https?:\/\/|mailto:)/i;
const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;

/** @param {string} source @param {number} [top] the level of its highest headings @returns {HTMLElement} */
export function markdown(source, top = 2) {
  const lines = String(source).replace(/\r\n?/g, "\n").split("\n");
  return h("div", { class: "prose" }, blocks(lines, top));
}

function blocks(lines, top) {
  const made = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (!line.trim()) {
      i += 1;
    } else if (/^\s*```/.test(line)) {
      const code = take(lines, i + 1, (next) => !/^\s*```/.test(next));
      made.push(h("pre", { tabindex: "0" }, h("code", {}, code.join("\n"))));
      i += code.length + 2;
    } else if (heading) {
      made.push(h(`h${Math.min(6, top + heading[1].length - 1)}`, {}, inline(heading[2])));
      i += 1;
    } else if (/^\s*>/.test(line)) {
      const quoted = take(lines, i, (next) => /^\s*>/.test(next));
      made.push(h("blockquote", {}, blocks(quoted.map((next) => next.replace(/^\s*>\s?/, "")), top)));
      i += quoted.length;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      made.push(h("hr"));
      i += 1;
    } else if (ITEM.test(line)) {
      const items = take(lines, i, (next) => ITEM.test(next) || /^\s+\S/.test(next));
      made.push(list(items, top));
      i += items.length;
    } else {
      const words = take(lines, i, (next) => next.trim() && !/^(#{1,6}\s|\s*>|\s*```)/.test(next) && !ITEM.test(next));
      made.push(h("p", {}, inline((words.length ? words : [line]).join(" "))));
      i += Math.max(1, words.length);
    }
  }
  return made;
}

/** A list; lines further in belong to the item above them. */
function list(lines, top) {
  const depth = ITEM.exec(lines[0])[1].length;
  const ordered = /\d/.test(ITEM.exec(lines[0])[2]);
  const items = [];
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found && found[1].length <= depth) items.push({ text: found[3], inner: [] });
    else items.at(-1).inner.push(line);
  }
  return h(ordered ? "ol" : "ul", {}, items.map(({ text, inner }) => {
    const nested = inner.findIndex((line) => ITEM.test(line));
    const more = nested < 0 ? inner : inner.slice(0, nested);
    return h("li", {}, inline([text, ...more.map((line) => line.trim())].join(" ")), nested < 0 ? null : list(inner.slice(nested), top));
  }));
}

function inline(text) {
  const found = INLINE.exec(text);
  if (!found) return [text];
  const [whole, code, strong, star, under, name, to] = found;
  let made;
  if (code !== undefined) made = h("code", {}, code);
  else if (strong !== undefined) made = h("strong", {}, inline(strong));
  else if (star !== undefined || under !== undefined) made = h("em", {}, inline(star ?? under));
  else if (SAFE.test(to)) made = h("a", { href: to, rel: "noopener noreferrer", target: "_blank" }, inline(name));
  else made = whole;
  return [text.slice(0, found.index), made, ...inline(text.slice(found.index + whole.length))];
}

function take(lines, from, wanted) {
  let to = from;
  while (to < lines.length && wanted(lines[to])) to += 1;
  return lines.slice(from, to);
}
