/** The view where somebody decides what others disagree on: the item, everything that was said of it, one decision. */
import { button, fill, h } from "../components/element.js";
import { say } from "../components/live.js";
import { choices } from "./choices.js";
import { shown } from "./item.js";
import { moment, seconds } from "./moments.js";

const SAID = { skip: "skipped", unsure: "not sure" };

export class AdjudicateView {
  wide = true;
  #session; #shell; #keys; #lift = null;
  #queue = []; #beyond = 0; #at = 0; #chosen = undefined; #commands = [];

  constructor(session, shell, keys) {
    this.#session = session;
    this.#shell = shell;
    this.#keys = keys;
  }

  async open() {
    this.#lift = this.#keys.lay("Adjudicating", () => this.#commands);
    this.node ??= h("div");
    await this.#fetch();
    this.#draw();
    return this.node;
  }

  /** What waits now; the server gives so many at a time, and says how many there are beyond these. */
  async #fetch() {
    const { disputes, waiting } = await this.#session.api.get("queue");
    const unsent = new Set(this.#session.outbox.waiting.filter(({ to }) => to === "adjudications").map(({ body }) => body.item));
    this.#queue = disputes.filter(({ item }) => !unsent.has(item.id));
    this.#beyond = waiting - disputes.length;
    this.#at = 0;
  }

  shown() { this.#focus(); }

  close() { this.#lift?.(); }

  #draw() {
    const many = this.#queue.length + this.#beyond;
    this.#shell.count("adjudicate", many, "in dispute");
    const dispute = this.#queue[this.#at];
    this.#chosen = undefined;
    this.#commands = [];
    if (!dispute) {
      fill(this.node, h("div", { class: "empty", tabindex: "-1" }, h("h1", {}, "Nothing to decide"),
        h("p", {}, "Nobody disagrees on an item that is not decided yet."),
        button("Look again", () => this.#shell.show())));
      return;
    }
    const { project } = this.#session;
    const item = shown(dispute.item, project.kind, this.#session.picture);
    const votes = dispute.answers.filter(({ label }) => label !== null);
    const tally = Object.fromEntries(project.classes.map((label) => {
      const many = votes.filter((answer) => answer.label === label).length;
      return [label, many ? `${many} of ${votes.length}` : ""];
    }));
    const chosen = choices("Decide for", project.classes, (label) => this.#choose(label, chosen), tally);
    this.field = h("textarea", {
      id: "reason", rows: 2, maxlength: 4000, value: this.#session.draft(`adjudicate:${dispute.item.id}`),
      on: {
        input: (event) => this.#session.keepDraft(`adjudicate:${dispute.item.id}`, event.target.value),
        keydown: (event) => { if (event.key === "Escape") this.#focus(); },
      },
    });
    this.decide = button("Decide", () => this.#decide(), { key: "Enter", class: "primary", disabled: true });
    const none = button("No class fits", () => this.#choose(null, chosen), { key: "n", class: "quiet", "aria-pressed": "false" });
    this.none = none;
    const ways = [
      { key: "k", name: "Previous", run: () => this.#step(-1) },
      { key: "j", name: "Next", run: () => this.#step(1) },
    ];
    this.#commands = [...chosen.commands,
      { key: "n", name: "No class fits", run: () => this.#choose(null, chosen) },
      { key: "Enter", name: "Decide", run: () => this.#decide() },
      { key: "c", name: "Comment", run: () => this.field.focus() },
      ...ways, ...item.commands];
    this.article = h("article", { class: "item card", tabindex: "-1", "aria-labelledby": "question", "aria-describedby": "content" },
      dispute.reasons.length ? h("span", { class: "tag" }, dispute.reasons.join(" · ")) : null, h("div", { id: "content" }, item.node));
    fill(this.node,
      h("div", { class: "asked" }, h("h1", { id: "question" }, project.question),
        h("div", { class: "row" }, h("p", {}, `${this.#at + 1} of ${many} in dispute`),
          this.#queue.length > 1 ? ways.map(({ key, name, run }) => button(name, run, { key, class: "quiet" })) : null)),
      this.article,
      h("h2", {}, "What was said"), h("ul", { class: "answers" }, dispute.answers.map(told)),
      h("h2", {}, "Decide"), chosen.node,
      h("div", { class: "comment" }, h("label", { for: "reason" }, "Why"), this.field,
        h("small", {}, "Those who label learn from it. Escape leads back to the item.")),
      h("div", { class: "row" }, this.decide, none));
  }

  #choose(label, chosen) {
    this.#chosen = label;
    chosen.press(label);
    this.none.setAttribute("aria-pressed", String(label === null));
    this.decide.disabled = false;
    fill(this.decide.lastElementChild, label === null ? "Decide: no class fits" : `Decide: ${label}`);
    say(`${label ?? "No class fits"} chosen. Enter decides.`);
  }

  #decide() {
    if (this.#chosen === undefined) {
      say("Choose a class first.");
      return;
    }
    const { item } = this.#queue[this.#at];
    const body = { item: item.id, label: this.#chosen, comment: this.field.value.trim() };
    this.#session.outbox.add({ to: "adjudications", body, item });
    this.#session.keepDraft(`adjudicate:${item.id}`, "");
    say(`Decided: ${this.#chosen ?? "no class fits"}.`);
    this.#queue.splice(this.#at, 1);
    this.#at = Math.min(this.#at, Math.max(0, this.#queue.length - 1));
    if (!this.#queue.length && this.#beyond > 0) {
      this.#shell.show();
      return;
    }
    this.#draw();
    this.#focus();
  }

  #step(by) {
    if (this.#queue.length < 2) return;
    this.#at = (this.#at + by + this.#queue.length) % this.#queue.length;
    this.#draw();
    this.#focus();
    say(`Item ${this.#at + 1} of ${this.#queue.length}.`);
  }

  #focus() {
    if (this.#shell.address !== "adjudicate" || document.querySelector("dialog[open]")) return;
    (this.#queue.length ? this.article : this.node.querySelector(".empty"))?.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }
}

/** One answer as it was given. */
function told({ annotator, action, label, comment, seconds: took, guideline, at }) {
  const details = [took === null ? null : `took ${seconds(took)}`, `guideline ${guideline}`, at ? moment(at) : null];
  return h("li", {}, h("p", { class: "who" }, h("span", {}, annotator), h("span", {}, action === "label" || label === null ? "" : SAID[action])),
    h("p", { class: label === null ? "said none" : "said" }, label ?? SAID[action]),
    comment ? h("blockquote", { dir: "auto" }, comment) : null, h("small", {}, details.filter(Boolean).join(" · ")));
}
