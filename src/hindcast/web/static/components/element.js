/**
 * Elements made of names and texts. Nothing here reads HTML: a text from outside can only ever become a text node, so
 * there is no way for it to run. The pages' content policy holds the rest of the code to that too (trusted types).
 */

/**
 * An element.
 *
 * @param {string} tag
 * @param {object} [props] `class`, `on` (listeners by event), `style` (properties set one by one), `data`; a function or
 *   an object is set as a property, true as an empty attribute, false and null not at all, anything else as an attribute.
 * @param {...(Node|string|number|null|false|Array)} children strings become text
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") made.className = value;
    else if (name === "on") for (const [event, run] of Object.entries(value)) made.addEventListener(event, run);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) made.style.setProperty(key, text);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...flat(children));
  return made;
}

/** Put `children` in place of what `parent` holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(...flat(children));
  return parent;
}

/** A button that is one, with a key beside its name when it has one. */
export function button(name, run, { key = null, ...props } = {}) {
  const cap = key ? h("kbd", { "aria-hidden": "true" }, key) : null;
  return h("button", { type: "button", "aria-keyshortcuts": key, ...props, on: { click: run } }, cap, h("span", {}, name));
}

const flat = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
