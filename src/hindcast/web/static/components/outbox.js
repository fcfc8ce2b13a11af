/**
 * What was done and not yet acknowledged.
 *
 * Every entry lies in local storage under a name of its own from the moment it was made until the server has said that it
 * is on disk. So a closed tab, a crash or a server that is away loses nothing: the next page of the same person sends it.
 * Entries go one after another, in order; the key in each tells the server when it comes a second time.
 */
import { ApiError, newKey } from "./api.js";

const PAUSE_MS = 400;
const LONGEST_MS = 15_000;

export class Outbox extends EventTarget {
  #prefix;
  #send;
  #running = false;
  #pause = PAUSE_MS;
  #wake = null;
  #last = 0;

  /**
   * @param {string} owner whose entries these are: project and person
   * @param {(entry: object) => Promise<any>} send rejects with an ApiError
   */
  constructor(owner, send) {
    super();
    this.#prefix = `hindcast:outbox:${owner}:`;
    this.#send = send;
    this.away = null;
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("storage", (event) => this.#heard(event));
  }

  /** Another page of the same person did something; `elsewhere` is told of what is new there. */
  #heard({ key, oldValue, newValue }) {
    if (!key?.startsWith(this.#prefix)) return;
    if (oldValue === null && newValue !== null && key.startsWith(`${this.#prefix}waiting:`)) {
      this.#told("elsewhere", JSON.parse(newValue));
    }
    this.#told("change");
    this.flush();
  }

  /** Entries that wait, oldest first. */
  get waiting() { return this.#read("waiting"); }

  /** Entries the server refused, with its reason in `refusal`. */
  get refused() { return this.#read("refused"); }

  /** Keep `entry` and send it when its turn comes. @returns {object} the entry with its `key` and `name` */
  add(entry) {
    this.#last = Math.max(this.#last + 1, Date.now());
    const key = newKey();
    const name = `waiting:${String(this.#last).padStart(15, "0")}:${key}`;
    const kept = { ...entry, key, name, tried: false };
    localStorage.setItem(this.#prefix + name, JSON.stringify(kept));
    this.#told("change");
    this.flush();
    return kept;
  }

  /** Take back an entry that was never sent. @returns {boolean} false when it may have arrived */
  takeBack(key) {
    const entry = this.waiting.find((other) => other.key === key);
    if (!entry || entry.tried) return false;
    localStorage.removeItem(this.#prefix + entry.name);
    this.#told("change");
    return true;
  }

  /** Forget what was refused, once it has been read. */
  dismiss() {
    for (const { name } of this.refused) localStorage.removeItem(this.#prefix + name);
    this.#told("change");
  }

  /** Try at once, without the rest of the pause. */
  hurry() {
    this.#pause = PAUSE_MS;
    this.#wake?.();
    this.flush();
  }

  /** Send what waits. One page of a person sends at a time where the browser can say so; two do no harm. */
  async flush() {
    if (this.#running) return;
    this.#running = true;
    try {
      if (navigator.locks) await navigator.locks.request(this.#prefix, () => this.#drain());
      else await this.#drain();
    } finally {
      this.#running = false;
    }
    if (this.away?.status !== 401 && this.waiting.length) this.flush();
  }

  async #drain() {
    for (let entry = this.waiting[0]; entry; entry = this.waiting[0]) {
      const place = this.#prefix + entry.name;
      localStorage.setItem(place, JSON.stringify({ ...entry, tried: true }));
      try {
        const answer = await this.#send(entry);
        localStorage.removeItem(place);
        this.#pause = PAUSE_MS;
        this.away = null;
        this.#told("sent", { entry, answer });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401) {
          this.away = error;
          this.#told("change");
          return;
        }
        if (error.passing) {
          this.away = error;
          this.#told("change");
          await this.#rest();
        } else {
          localStorage.setItem(this.#prefix + entry.name.replace("waiting:", "refused:"),
            JSON.stringify({ ...entry, name: entry.name.replace("waiting:", "refused:"), refusal: error.message }));
          localStorage.removeItem(place);
          this.#told("refused", { entry, error });
        }
      }
      this.#told("change");
    }
  }

  /** Wait a little, longer each time; `hurry` ends it. */
  #rest() {
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(LONGEST_MS, this.#pause * 2);
    return new Promise((go) => {
      const timer = setTimeout(go, pause);
      this.#wake = () => { clearTimeout(timer); go(); };
    });
  }

  #read(state) {
    const found = [];
    for (let i = 0; i < localStorage.length; i += 1) {
      const name = localStorage.key(i);
      if (!name?.startsWith(`${this.#prefix}${state}:`)) continue;
      try {
        found.push(JSON.parse(localStorage.getItem(name)));
      } catch { /* another program's, or torn: not ours to send */ }
    }
    return found.filter(Boolean).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #told(event, detail = null) { this.dispatchEvent(new CustomEvent(event, { detail })); }
}
