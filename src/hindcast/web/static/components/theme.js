/** Light or dark: the system's choice until somebody presses the button, then theirs. */
import { button, h } from "./element.js";

const STORE = "hindcast:theme";
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** Put on the theme chosen last. */
export function startTheme() {
  const chosen = localStorage.getItem(STORE);
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
}

/** The button that switches. */
export function themeButton() {
  const made = button("", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem(STORE, root.dataset.theme);
  }, { class: "quiet", "aria-label": "Switch between light and dark" });
  made.lastElementChild.append(h("span", { class: "long" }, "Light / dark"), h("span", { class: "short" }, "\u25d0"));
  return made;
}
