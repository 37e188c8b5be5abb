/* columns.js - choosing columns of runs as axes: one of them, or several. */
import { html, useState } from "../../lib/html.js";
import { t } from "../../lib/words.js";
import { Menu } from "../../parts/menu.js";

const KINDS = () => [["param", t("Parameters")], ["metric", t("Metrics")], ["attr", t("Run")]];

/* What columns are called. */
export function columnTitle(column) {
  return column.key === "attr:duration" ? t("duration (ms)") : column.key === "attr:start" ? t("start (ms)") : column.title;
}

export function PickOne({ label, columns, value, onChange, none }) {
  return html`<label class="control"><span>${label}</span><select value=${value} onChange=${e => onChange(e.target.value)}>${none && html`<option value="">${none}</option>`}
    ${KINDS().map(([kind, title]) => html`<optgroup key=${kind} label=${title}>${columns.filter(c => c.kind === kind).map(c => html`<option key=${c.key} value=${c.key}>${columnTitle(c)}</option>`)}</optgroup>`)}</select></label>`;
}

export function PickSome({ columns, chosen, onChange }) {
  const [search, look] = useState("");
  const flip = key => onChange(chosen.includes(key) ? chosen.filter(one => one !== key) : [...chosen, key]);
  const found = columns.filter(c => c.title.toLowerCase().includes(search.toLowerCase()));
  return html`<${Menu} icon="columns" text=${t("Axes")} label=${t("Choose axes")} className="button small">${() => html`<div class="pick-some"><input type="search" aria-label=${t("Find columns")} placeholder=${t("Find columns")} value=${search} onInput=${e => look(e.target.value)} />
    ${KINDS().map(([kind, title]) => found.some(c => c.kind === kind) && html`<fieldset key=${kind}><legend>${title}</legend>${found.filter(c => c.kind === kind).slice(0, 100).map(c => html`<label key=${c.key}><input type="checkbox" checked=${chosen.includes(c.key)} onChange=${() => flip(c.key)} /> ${columnTitle(c)}</label>`)}</fieldset>`)}</div>`}</${Menu}>`;
}
