/**
 * The view where items are labelled, one at a time.
 *
 * The next items are fetched while one is looked at, so that an answer shows the next at once. An answer goes into the
 * outbox, never straight to the server: what is on the screen never waits for it.
 */
import { button, fill, h } from "../components/element.js";
import { say } from "../components/live.js";
import { progress } from "../components/progress.js";
import { choices } from "./choices.js";
import { shown, snippet } from "./item.js";
import { keepToken } from "./session.js";

const AHEAD = 2;
const AGAIN_MS = 3000;
const LEASE_SHARE = 0.8;
const WORDS = { skip: "skipped", unsure: "unsure" };

export class LabelView {
  #session; #shell; #keys; #lift = null;
  #current = null; #ahead = []; #past = null; #fetching = null; #finished = null; #timer = null;
  #commands = []; #comment = null; #picked = null;
  #started = 0; #spent = 0;
  #done = 0; #total = 0;

  constructor(session, shell, keys) {
    this.#session = session;
    this.#shell = shell;
    this.#keys = keys;
    document.addEventListener("visibilitychange", () => this.#clock(!document.hidden));
    session.outbox.addEventListener("elsewhere", ({ detail }) => this.#elsewhere(detail));
    session.outbox.addEventListener("sent", () => { if (!this.#current) this.#more(); });
  }

  async open() {
    this.#lift = this.#keys.lay("Labelling", () => [...this.#commands, { key: "u", name: "Undo the last answer", run: () => this.undo() }]);
    this.node ??= h("div", { class: "label-view" });
    if (this.#past === null) {
      const { answers } = await this.#session.api.get("history", { n: 20 });
      this.#past = answers.reverse().map((answer) => ({ ...answer, key: null }));
      for (const { to, item, body, key } of this.#session.outbox.waiting) {
        if (to === "answers") this.#past.push({ ...body, item, key });
        else if (to === "undo" && this.#past.at(-1)?.item.id === item.id) this.#past.pop();
      }
    }
    if (!this.#current) await this.#more();
    this.#draw();
    return this.node;
  }

  shown() { this.#focus(); }

  close() {
    this.#lift?.();
    this.#clock(false);
  }

  /** Answer the item on the screen and go on. */
  #answer(action, label = null) {
    const task = this.#current;
    if (!task) return;
    this.#clock(false);
    const comment = this.#comment?.value.trim() ?? "";
    const body = { item: task.item.id, action, label, comment, seconds: Math.round(this.#spent) / 1000 };
    const { key } = this.#session.outbox.add({ to: "answers", body, item: task.item });
    this.#session.keepDraft(task.item.id, "");
    this.#past.push({ ...body, item: task.item, key });
    this.#done += 1;
    this.#current = this.#waiting();
    const said = label ?? WORDS[action];
    say(this.#current ? `${said}. Next item.` : said);
    this.#draw();
    this.#focus();
    this.#more();
  }

  /** Another tab of this person answered, or took an answer back: here too it is the last one, and not asked again. */
  #elsewhere({ to, item, body, key }) {
    if (this.#past === null || !item) return;
    if (to === "undo") {
      if (this.#past.at(-1)?.item.id === item.id) this.#past.pop();
    } else if (to === "answers") {
      this.#past.push({ ...body, item, key });
      this.#ahead = this.#ahead.filter((task) => task.item.id !== item.id);
      if (this.#current?.item.id === item.id) {
        this.#current = this.#waiting();
        say("Answered in another tab. Next item.");
        this.#more();
      }
    }
    if (this.#shell.address === "label") this.#draw();
  }

  /** The next item that waits here; what waited so long that it may have been given to somebody else is let go. */
  #waiting() {
    const oldest = performance.now() - LEASE_SHARE * 1000 * this.#session.project.lease_s;
    this.#ahead = this.#ahead.filter(({ fetched }) => fetched === undefined || fetched > oldest);
    return this.#ahead.shift() ?? null;
  }

  /** Take the last answer back and show its item again. */
  undo() {
    const last = this.#past?.pop();
    if (!last) {
      say("There is nothing to undo.");
      return;
    }
    const id = last.item.id;
    const never = last.key !== null && this.#session.outbox.takeBack(last.key);
    if (!never) this.#session.outbox.add({ to: "undo", body: { item: id }, item: last.item });
    if (this.#current) this.#ahead.unshift(this.#current);
    this.#ahead = this.#ahead.filter(({ item }) => item.id !== id);
    this.#current = { item: last.item, guideline: this.#session.guideline, before: last };
    if (last.comment) this.#session.keepDraft(id, last.comment);
    this.#done = Math.max(0, this.#done - 1);
    this.#finished = null;
    if (this.#shell.address !== "label") {
      this.#shell.go("label");
      return;
    }
    this.#draw();
    this.#focus();
    say(`Taken back: ${last.label ?? WORDS[last.action]}. The item is shown again.`);
  }

  /** Fetch what comes next until enough waits; one fetch at a time. */
  #more() {
    clearTimeout(this.#timer);
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = null; });
    return this.#fetching;
  }

  async #fetch() {
    while (this.#ahead.length < AHEAD || !this.#current) {
      const unsent = this.#session.outbox.waiting.filter(({ to }) => to === "answers").map(({ body }) => body.item);
      const here = [this.#current, ...this.#ahead].filter(Boolean).map(({ item }) => item.id);
      let told;
      try {
        told = await this.#session.api.get("next", { held: [...new Set([...here, ...unsent])] });
      } catch (error) {
        this.#finished = { error };
        if (!this.#current) {
          this.#draw();
          if (error.passing) this.#timer = setTimeout(() => this.#more(), AGAIN_MS);
        }
        return;
      }
      this.#session.heard(told);
      this.#done = told.done + unsent.length;
      this.#total = told.total;
      if (!told.task) {
        this.#finished = { done: true };
        if (this.#current) {
          this.#count();
        } else {
          this.#draw();
          this.#focus();
        }
        return;
      }
      this.#finished = null;
      told.task.fetched = performance.now();
      const id = told.task.item.id;
      if (here.includes(id) || [this.#current, ...this.#ahead].some((task) => task?.item.id === id)) return;
      if (this.#session.project.kind === "image") this.#session.picture(String(told.task.item.content)).catch(() => {});
      if (this.#current) {
        this.#ahead.push(told.task);
      } else {
        this.#current = told.task;
        this.#draw();
        this.#focus();
      }
    }
    this.#count();
  }

  #count() {
    this.bar?.set(this.#done, this.#total);
    if (this.counted) this.counted.textContent = `${this.#done} of ${this.#total} answered`;
  }

  #draw() {
    if (!this.node) return;
    const { project } = this.#session;
    this.#commands = [];
    if (!this.#current) {
      this.#comment = null;
      fill(this.node, this.#nothing(), this.#before());
      return;
    }
    const task = this.#current;
    const item = shown(task.item, project.kind, this.#session.picture);
    const chosen = choices(project.question, project.classes, (label) => this.#answer("label", label));
    if (task.before?.label) chosen.press(task.before.label);
    const again = task.before ? `Answered before: ${task.before.label ?? WORDS[task.before.action]}` : task.seen_before ? "Shown before" : null;
    const actions = [
      { key: "s", name: "Skip", run: () => this.#answer("skip") },
      { key: "n", name: "Not sure", run: () => this.#answer("unsure") },
      { key: "c", name: "Comment", run: () => this.#write() },
    ];
    this.#commands = [...chosen.commands, ...actions, ...item.commands];
    this.bar = progress("Your progress");
    this.counted = h("p");
    this.article = h("article", { class: "item card", tabindex: "-1", "aria-labelledby": "question", "aria-describedby": "content" },
      again ? h("span", { class: "tag" }, again) : null, h("div", { id: "content" }, item.node));
    this.#comment = h("textarea", {
      id: "comment", rows: 3, maxlength: 4000, value: this.#session.draft(task.item.id),
      on: {
        input: (event) => this.#session.keepDraft(task.item.id, event.target.value),
        keydown: (event) => { if (event.key === "Escape") this.#focus(true); },
      },
    });
    this.#picked = h("div", { class: "comment", hidden: !this.#comment.value }, h("label", { for: "comment" }, "Comment"), this.#comment,
      h("small", {}, "Goes with the answer. Escape leads back to the item."));
    const undo = button("Undo", () => this.undo(), { key: "u", class: "quiet", disabled: this.#past.length === 0 });
    fill(this.node,
      h("div", { class: "asked" }, h("h1", { id: "question" }, project.question), this.counted),
      project.instructions ? h("p", { class: "instructions" }, project.instructions) : null, this.bar.node,
      this.article, this.#picked,
      h("div", { class: project.classes.length <= 4 ? "few" : "" }, chosen.node,
        h("div", { class: "row actions" }, actions.map(({ key, name, run }) => button(name, run, { key, class: "quiet" })), undo)),
      this.#before());
    this.#count();
    this.#spent = 0;
    this.#started = 0;
    this.#clock(!document.hidden);
  }

  /** What stands here when there is nothing to label. */
  #nothing() {
    const { error } = this.#finished ?? {};
    if (error?.status === 401) {
      return h("div", { class: "empty", tabindex: "-1" }, h("h1", {}, "Your link no longer works"),
        h("p", {}, "What you answered is kept in this browser, and sent once you sign in with a new link."),
        button("Sign in again", () => { keepToken(null); location.reload(); }, { class: "primary" }));
    }
    if (error) {
      return h("div", { class: "empty" }, h("h1", {}, error.passing ? "The server does not answer" : "No item could be fetched"),
        h("p", {}, error.passing ? "What you answered is kept here and will be sent. This page tries again by itself." : error.message),
        button("Try again now", () => this.#more(), { class: "primary" }));
    }
    if (!this.#finished) return h("p", { class: "note", role: "status" }, "Fetching the next item.");
    return h("div", { class: "empty", tabindex: "-1" }, h("h1", {}, "All done"),
      h("p", {}, "There is nothing more for you to label just now. Thank you."),
      button("Look again", () => { this.#finished = null; this.#draw(); this.#more(); }, {}));
  }

  /** The last answer, and how to take it back. */
  #before() {
    const last = this.#past?.at(-1);
    if (!last) return null;
    return h("p", { class: "before" }, h("span", { class: "unseen" }, "Your last answer: "),
      h("span", { class: last.label === null ? "chip none" : "chip" }, last.label ?? WORDS[last.action]),
      h("span", { class: "snippet", dir: "auto" }, snippet(last.item, this.#session.project.kind)),
      this.#current ? null : button("Undo", () => this.undo(), { key: "u", class: "quiet" }));
  }

  #write() {
    this.#picked.hidden = false;
    this.#comment.focus();
  }

  /** The focus goes to the item, so that a screen reader reads it, unless somebody is busy elsewhere. */
  #focus(always = false) {
    const at = document.activeElement;
    if (document.querySelector("dialog[open]") || this.#shell.address !== "label") return;
    if (!always && at?.closest(".top")) return;
    (this.#current ? this.article : this.node?.querySelector(".empty"))?.focus({ preventScroll: !this.#current });
    if (this.#current) window.scrollTo({ top: 0 });
  }

  /** Time counts only while the page is looked at. */
  #clock(running) {
    const now = performance.now();
    if (this.#started) this.#spent += now - this.#started;
    this.#started = running && this.#current ? now : 0;
  }
}
