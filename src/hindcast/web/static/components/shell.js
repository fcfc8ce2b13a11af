/**
 * The frame of an app: its name, the ways between its views, and the place where a view stands.
 *
 * A view is `{wide?, open(): Node|Promise<Node>, shown?(), close?()}`. Its address is the part after `#/`, so that back,
 * forward and reload do what they should.
 */
import { fill, h } from "./element.js";
import { say } from "./live.js";

/** After which what is left of the last view looks like what it is. */
const LATE_MS = 150;

export class Shell {
  #current = null;
  #links = new Map();

  /**
   * @param {string} name of the app, in the corner and in the window's title
   * @param {string[][]} ways address and title of each view, the first being home
   * @param {Node[]} tools what stands at the other end of the top
   */
  constructor(name, ways, tools) {
    this.name = name;
    /** The views by address; all are put here before `show` is called. */
    this.views = {};
    for (const [address, title] of ways) this.#links.set(address, h("a", { href: `#/${address}` }, title));
    this.page = h("main", { class: "page", id: "page", tabindex: "-1" });
    const skip = h("a", { class: "skip", href: "#page", on: { click: (event) => { event.preventDefault(); this.page.focus(); } } }, "Skip to the content");
    document.body.prepend(skip,
      h("header", { class: "top" }, h("p", { class: "name" }, name),
        h("nav", { "aria-label": "Views" }, [...this.#links.values()]), h("div", { class: "tools" }, tools)),
      this.page);
    window.addEventListener("hashchange", () => this.show());
  }

  /** The address that is shown. */
  get address() {
    const asked = location.hash.replace(/^#\//, "");
    return this.#links.has(asked) ? asked : [...this.#links.keys()][0];
  }

  /** Go to a view. */
  go(address) {
    if (this.address === address) this.show();
    else location.hash = `#/${address}`;
  }

  /** A number beside the name of a view, such as how much waits there; 0 takes it away. */
  count(address, number, means) {
    const link = this.#links.get(address);
    link?.querySelector(".count")?.remove();
    if (link && number) link.append(h("span", { class: "count" }, number, h("span", { class: "unseen" }, ` ${means}`)));
  }

  /** Show the view of the address. */
  async show() {
    const address = this.address;
    const view = this.views[address];
    this.#current?.close?.();
    this.#current = view;
    for (const [other, link] of this.#links) {
      if (other === address) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${this.#links.get(address).firstChild.textContent} · ${this.name}`;
    this.page.className = view.wide ? "page wide" : "page";
    let node;
    const late = setTimeout(() => this.page.setAttribute("aria-busy", "true"), LATE_MS);
    try {
      node = await view.open();
    } catch (error) {
      node = h("div", { class: "empty" }, h("h1", {}, "This could not be shown"), h("p", {}, error.message),
        h("button", { type: "button", on: { click: () => this.show() } }, "Try again"));
      say(error.message, { now: true });
    }
    clearTimeout(late);
    if (this.#current !== view) return;
    this.page.removeAttribute("aria-busy");
    fill(this.page, node);
    view.shown?.();
  }
}
