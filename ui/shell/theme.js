/* theme.js - "system", "light" or "dark", as a data attribute that the style sheet reads. */
export const themes = ["system", "light", "dark"];

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
let chosen = "system";

export function isDark() {
  return chosen === "dark" || (chosen === "system" && system.matches);
}

export function applyTheme(theme) {
  chosen = themes.includes(theme) ? theme : "system";
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const f of listeners)
    f();
}

/* Charts draw on canvas: they ask for the colours again. */
export function onTheme(f) {
  listeners.add(f);
  return () => listeners.delete(f);
}

system.addEventListener("change", () => applyTheme(chosen));
