/* early.js - a plain script that runs before anything is painted: the theme that was chosen (shell/theme.js), so that no page begins in the other. */
{
  let chosen = null;
  try {
    chosen = JSON.parse(localStorage.getItem("ingot.theme"));
  } catch { /* no storage: what the system says */ }
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
