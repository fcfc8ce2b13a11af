/** Who is here, with which token, and what is on its way to the server. */
import { Api } from "../components/api.js";
import { Outbox } from "../components/outbox.js";

const STORE = "hindcast:token";

/** The token of the link, moved out of the address into this tab's own storage; null when there is none. */
export function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (found) {
    keepToken(decodeURIComponent(found[1]));
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(STORE);
}

/** Keep `token` for this tab; null forgets it. */
export function keepToken(token) {
  if (token === null) sessionStorage.removeItem(STORE);
  else sessionStorage.setItem(STORE, token.trim());
}

/** What all views share. */
export class Session extends EventTarget {
  /** @param {string} token @param {object} me as the server says it */
  constructor(token, me) {
    super();
    this.api = new Api({ token });
    this.me = me;
    this.project = me.project;
    this.owner = `${me.project.id}:${me.name}`;
    this.outbox = new Outbox(this.owner, ({ to, body, key }) => this.api.post(to, { ...body, key }, { tries: 1 }));
    this.guideline = me.project.guideline;
    this.#pictures = new Map();
  }

  #pictures;

  /** Note the guideline's version that came with an answer; tells `guideline` when it is a newer one. */
  heard({ guideline } = {}) {
    if (Number.isInteger(guideline) && guideline > this.guideline) {
      this.guideline = guideline;
      this.dispatchEvent(new Event("guideline"));
    }
  }

  /** The version of the guideline this person has read last, on this machine. */
  get read() { return Number(localStorage.getItem(`hindcast:guideline:${this.owner}`) ?? 0); }

  set read(version) { localStorage.setItem(`hindcast:guideline:${this.owner}`, String(version)); }

  /** What was written about an item and not sent. */
  draft(item) { return localStorage.getItem(`hindcast:draft:${this.owner}:${item}`) ?? ""; }

  keepDraft(item, text) {
    const name = `hindcast:draft:${this.owner}:${item}`;
    if (text) localStorage.setItem(name, text);
    else localStorage.removeItem(name);
  }

  /** The address of an image, fetched once with the token; an `img` alone could not send it. */
  picture = (name) => {
    if (!this.#pictures.has(name)) {
      const fetched = this.api.blob(`images/${encodeURIComponent(name)}`).then(({ blob }) => URL.createObjectURL(blob));
      fetched.catch(() => this.#pictures.delete(name));
      this.#pictures.set(name, fetched);
      if (this.#pictures.size > 24) this.#forget(this.#pictures.keys().next().value);
    }
    return this.#pictures.get(name);
  };

  #forget(name) {
    this.#pictures.get(name)?.then(URL.revokeObjectURL, () => {});
    this.#pictures.delete(name);
  }
}
