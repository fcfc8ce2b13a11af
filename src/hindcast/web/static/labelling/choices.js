/** The classes as buttons with keys; where there are many, a field that finds one by its name. */
import { button, h } from "../components/element.js";
import { keysFor } from "../components/keys.js";

/** Letters that mean something else on this page. */
export const TAKEN = "cghjknsu";
const MANY = 10;

/**
 * @param {string} question names the group
 * @param {string[]} classes
 * @param {(label: string) => void} choose
 * @param {Record<string, string>} [tally] a few words beside a class
 */
export function choices(question, classes, choose, tally = {}) {
  const keys = keysFor(classes.length, TAKEN);
  const buttons = classes.map((label, i) => {
    const made = button(label, () => choose(label), { key: keys[i], "aria-pressed": "false" });
    if (tally[label]) made.append(h("span", { class: "tally" }, tally[label]));
    return made;
  });
  const group = h("div", { class: "classes", role: "group", "aria-label": question }, buttons);
  const commands = classes.flatMap((label, i) => (keys[i] ? [{ key: keys[i], name: label, run: () => choose(label) }] : []));
  const node = h("div", {}, group);
  if (classes.length >= MANY) {
    const field = finder(classes, buttons, choose);
    node.prepend(h("div", { class: "finder" }, field));
    commands.push({ key: "/", name: "Find a class by its name", run: () => field.focus() });
  }
  const press = (label) => buttons.forEach((made, i) => made.setAttribute("aria-pressed", String(classes[i] === label)));
  return { node, commands, press };
}

function finder(classes, buttons, choose) {
  const match = () => {
    const wanted = field.value.trim().toLowerCase();
    classes.forEach((label, i) => { buttons[i].hidden = !label.toLowerCase().includes(wanted); });
    return classes.find((label) => label.toLowerCase() === wanted) ?? classes.find((label) => label.toLowerCase().includes(wanted));
  };
  const field = h("input", {
    type: "search", placeholder: "Find a class", "aria-label": "Find a class by its name; Enter takes the first", autocomplete: "off",
    on: {
      input: match,
      keydown: (event) => {
        if (event.key === "Escape") {
          field.value = "";
          match();
          field.blur();
        } else if (event.key === "Enter" && !event.isComposing && !event.repeat && field.value.trim()) {
          const label = match();
          event.preventDefault();
          if (label !== undefined) {
            field.value = "";
            match();
            field.blur();
            choose(label);
          }
        }
      },
    },
  });
  return field;
}
