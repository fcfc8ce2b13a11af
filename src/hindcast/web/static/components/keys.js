/**
 * The keyboard: commands by key, in scopes that lie on each other like sheets.
 *
 * A single key acts only while nobody is writing, no modifier is held and the key was pressed anew (a key held down
 * answers one item, not ten). Whoever cannot use single keys, since a screen reader or dictation sends them, turns them off.
 */

const STORE = "hindcast:single-keys";

/** @typedef {{key: string, name: string, run: () => void, hidden?: boolean}} Command */

export class Keys {
  #scopes = [];

  constructor(root = document) {
    root.addEventListener("keydown", (event) => this.#heard(event));
  }

  /** Whether single keys act. */
  get on() { return localStorage.getItem(STORE) !== "off"; }

  set on(wanted) { localStorage.setItem(STORE, wanted ? "on" : "off"); }

  /**
   * Lay a scope on top; its keys come before those below.
   *
   * @param {string} name what the scope is for, as the help says it
   * @param {() => Command[]} commands asked at each key, so that they can change
   * @returns {() => void} takes the scope away
   */
  lay(name, commands) {
    const scope = { name, commands };
    this.#scopes.push(scope);
    return () => { this.#scopes = this.#scopes.filter((other) => other !== scope); };
  }

  /** All scopes from the top, for the help. */
  told() {
    return [...this.#scopes].reverse().map(({ name, commands }) => ({ name, commands: commands().filter((c) => !c.hidden) }));
  }

  #heard(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!this.on || writing(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if ((key === " " || key === "Enter") && event.target instanceof Element && event.target.closest("button, a, summary")) return;
    for (const { commands } of [...this.#scopes].reverse()) {
      const found = commands().find((command) => command.key.toLowerCase() === key.toLowerCase());
      if (found) {
        event.preventDefault();
        if (!event.repeat) found.run();
        return;
      }
    }
  }
}

const writing = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button])"));

/**
 * Keys for `count` choices: 1 to 9, then the letters that are not `taken`; null once they run out.
 *
 * @param {number} count
 * @param {string} taken
 * @returns {(string|null)[]}
 */
export function keysFor(count, taken = "") {
  const letters = [..."abcdefghijklmnopqrstuvwxyz"].filter((letter) => !taken.includes(letter));
  const keys = [..."123456789", ...letters];
  return Array.from({ length: count }, (_, i) => keys[i] ?? null);
}
