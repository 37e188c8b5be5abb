/* help.js - the list of shortcuts that are valid on this page. */
import { html } from "../lib/html.js";
import { keyList } from "../lib/keys.js";
import { t } from "../lib/words.js";
import { Dialog } from "../parts/dialog.js";

export function Help({ onClose }) {
  const keys = keyList();
  return html`<${Dialog} title=${t("Keyboard shortcuts")} onClose=${onClose}><dl class="keys">${keys.map(([key, help]) => html`<div key=${key}><dt>${key.split(" ").map(k => html`<kbd key=${k}>${k}</kbd>`)}</dt><dd>${help}</dd></div>`)}</dl></${Dialog}>`;
}
