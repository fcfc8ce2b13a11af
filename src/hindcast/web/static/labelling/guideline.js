/** The guideline, in the version that holds now and in those before. */
import { h } from "../components/element.js";
import { markdown } from "../components/markdown.js";
import { moment } from "./moments.js";

export class GuidelineView {
  #session;

  constructor(session) { this.#session = session; }

  async open(version = null) {
    const told = await this.#session.api.get("guideline", version === null ? {} : { version });
    this.#session.heard({ guideline: told.newest });
    if (told.version === told.newest) this.#session.read = told.version;
    this.#session.dispatchEvent(new Event("read"));
    return h("article", {}, this.#head(told), told.text.trim() ? markdown(told.text) : h("p", { class: "empty" }, "Nothing was written down for this project."));
  }

  #head({ version, newest, since }) {
    const versions = Array.from({ length: newest }, (_, i) => newest - i);
    const pick = h("select", { "aria-label": "Version of the guideline", on: { change: (event) => this.#swap(event) } },
      versions.map((n) => h("option", { value: n, selected: n === version }, n === newest ? `version ${n}, now` : `version ${n}`)));
    return h("header", { class: "asked" }, h("h1", {}, "Guideline"),
      h("div", { class: "row" }, h("small", {}, since ? `since ${moment(since)}` : ""), newest > 1 ? h("div", {}, pick) : null));
  }

  async #swap({ target }) {
    const article = target.closest("article");
    const next = await this.open(Number(target.value));
    article.replaceWith(next);
    next.querySelector("select")?.focus();
  }
}
