/** The guideline, in the version that holds now and in those before. */
import { button, h } from "../components/element.js";
import { say } from "../components/live.js";
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
    const write = this.#session.me.role === "adjudicator" && told.version === told.newest
      ? h("div", { class: "row" }, button("Write a new version", ({ currentTarget }) => this.#write(told, currentTarget.closest("article"))))
      : null;
    return h("article", {}, this.#head(told), told.text.trim() ? markdown(told.text) : h("p", { class: "empty" }, "Nothing was written down for this project."), write);
  }

  /** Edit the text; what is saved is a version of its own, under which items are labelled from then on. */
  #write(told, article) {
    const text = h("textarea", { id: "guideline-text", rows: 18, value: told.text });
    const wrong = h("p", { role: "alert" });
    const save = async () => {
      try {
        await this.#session.api.post("guideline", { text: text.value });
        const next = await this.open();
        article.replaceWith(next);
        say("A new version of the guideline is in force.");
      } catch (error) {
        wrong.textContent = error.message;
      }
    };
    const back = async () => article.replaceWith(await this.open());
    article.replaceChildren(h("h1", {}, "A new version"), h("label", { for: "guideline-text" }, "Guideline, Markdown"), text,
      h("p", { class: "note" }, "Everybody who labels is told. Answers given before keep the version they were given under."), wrong,
      h("div", { class: "row" }, button(`Save as version ${told.newest + 1}`, save, { class: "primary" }), button("Leave it as it is", back)));
    text.focus();
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
