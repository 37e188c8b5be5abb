/* toggle.js - buttons side by side: one of them is down, or several. Toggles({ label, options, value, onChoose, className }):
 *   options   [[key, words, title?]]; what is false is left out
 *   value     the key that is down, or an array of those which are: then each button stands for itself
 *   label     what the group is about, for screen readers; or labelledby, the id of the words that say it. */
import { cls, html } from "../lib/html.js";

export function Toggles({ label, labelledby, options, value, onChoose, className }) {
  return html`<div class=${cls("toggle-group", className)} role="group" aria-label=${label} aria-labelledby=${labelledby}>${options.filter(Boolean).map(([key, words, title]) => html`
    <button type="button" key=${key} aria-pressed=${String([value].flat().includes(key))} title=${title} onClick=${() => onChoose(key)}>${words}</button>`)}</div>`;
}
