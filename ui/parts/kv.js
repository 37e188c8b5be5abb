/* kv.js - names and values in two columns. rows: [[name, value]]; what is undefined is left out. */
import { html } from "../lib/html.js";

export function KeyValues({ rows }) {
  return html`<dl class="kv">${rows.filter(row => row && row[1] !== undefined).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
