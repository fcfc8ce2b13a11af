/**
 * Calls to the server: JSON, a bearer token, and patience.
 *
 * A call that changes nothing is tried again when the server does not answer; one that changes something only when it
 * carries a key, by which the server knows that it has seen it before. Tokens go into the header, never into an address.
 */

const TRIES = 4;
const PAUSE_MS = 250;
const LIMIT_MS = 20_000;
const LONG_MS = 600_000;
const PASSING = new Set([408, 429, 502, 503, 504]);

export class ApiError extends Error {
  /** @param {string} message @param {{status?: number, type?: string}} of status 0: nobody answered */
  constructor(message, { status = 0, type = "Offline" } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
  }

  /** Whether the same call may well succeed later. */
  get passing() { return this.status === 0 || PASSING.has(this.status) || this.status >= 500; }
}

/** A key that no other call has. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Api {
  #token;
  #base;

  /** @param {{token?: string|null, base?: string}} [of] */
  constructor({ token = null, base = "/api/v1/" } = {}) {
    this.#token = token;
    this.#base = base;
  }

  /** @param {string} path @param {Record<string, string|number|string[]>} [query] @param {{long?: boolean}} [how] */
  get(path, query = {}, how = {}) { return this.#patient("GET", this.#address(path, query), undefined, how); }

  /**
   * Send `body`. With `body.key` it is tried again when nobody answers.
   *
   * @param {string} path @param {object} body @param {{tries?: number}} [how]
   */
  post(path, body, { tries = body.key ? TRIES : 1 } = {}) {
    return this.#patient("POST", this.#address(path, {}), body, { tries });
  }

  /** What lies at `path` as a blob, with the name the server gives it. */
  async blob(path, query = {}, how = {}) {
    const answer = await this.#patient("GET", this.#address(path, query), undefined, { ...how, read: (response) => response });
    const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "");
    return { blob: await answer.blob(), name: named?.[1] ?? "" };
  }

  #address(path, query) {
    const asked = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) for (const one of [value].flat()) asked.append(name, String(one));
    const text = asked.toString();
    return `${this.#base}${path}${text ? `?${text}` : ""}`;
  }

  /** Ask until there is an answer. What takes `long` is waited for, and asked once: asking again would double the work. */
  async #patient(method, address, body, { long = false, tries = long ? 1 : TRIES, read = (response) => response.json() } = {}) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await read(await this.#once(method, address, body, long ? LONG_MS : LIMIT_MS));
      } catch (error) {
        const told = error instanceof ApiError ? error : new ApiError("The server does not answer.");
        if (!told.passing || attempt >= tries) throw told;
        await new Promise((go) => setTimeout(go, PAUSE_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)));
      }
    }
  }

  async #once(method, address, body, limit) {
    const headers = { accept: "application/json" };
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(address, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
      credentials: "omit", redirect: "error", signal: AbortSignal.timeout(limit),
    });
    if (response.ok) return response;
    const letter = await response.json().catch(() => ({}));
    const { message = `The server answered ${response.status}.`, type = "HttpError" } = letter.error ?? {};
    throw new ApiError(message, { status: response.status, type });
  }
}
