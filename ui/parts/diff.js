/* diff.js - things side by side. DiffTable({ label, heads, sections }): a column per thing, the first one is what the others are measured against.
 *   heads     [{ id, node }]
 *   sections  [{ title, rows: [{ key, title, cells: [{ text, full, note, kind }] }] }]   kind: "base" "same" "changed" "missing" "better" "worse" "best"
 * Cells with a long or many-lined text open the lines that changed, JSON with a value per line. */
import { cls, html, useState } from "../lib/html.js";
import { lineDiff } from "../lib/linediff.js";
import { t } from "../lib/words.js";
import { Dialog } from "./dialog.js";
import { Scroll } from "./scroll.js";

const ROWS_FIRST = 200, LONG = 60, SIGNS = { same: " ", gone: "−", new: "+" };

function TextDiff({ before, after }) {
  return html`<pre class="textdiff">${lineDiff(before, after).map((line, i) => html`<div key=${i} class=${"line-" + line.kind}><span aria-hidden="true">${SIGNS[line.kind]}</span>
    ${line.kind !== "same" && html`<span class="visually-hidden">${line.kind === "gone" ? t("removed") : t("added")} </span>`}${line.text}</div>`)}</pre>`;
}

function Cell({ cell, open }) {
  const long = cell.full !== undefined && (cell.full.length > LONG || cell.full.includes("\n"));
  return html`<td class=${cls("diff-cell", "cell-" + (cell.kind ?? "same"))} title=${cell.full ?? cell.text}>${long ? html`<button type="button" class="link" onClick=${open}>${cell.text}</button>` : html`<span>${cell.text}</span>`}
    ${cell.note && html`<span class="diff-note">${cell.note}</span>`}</td>`;
}

function Section({ section, heads, open }) {
  const [all, show] = useState(false), rows = all ? section.rows : section.rows.slice(0, ROWS_FIRST);
  return html`<tbody aria-label=${section.title}><tr class="diff-section"><th colspan=${heads.length + 1} scope="rowgroup"><span>${section.title}</span></th></tr>
    ${rows.map(row => html`<tr key=${row.key}><th scope="row" title=${row.key}>${row.title ?? row.key}</th>${row.cells.map((cell, i) => html`<${Cell} key=${heads[i].id} cell=${cell} open=${() => open(row, i)} />`)}</tr>`)}
    ${rows.length < section.rows.length && html`<tr><th><button type="button" class="link" onClick=${() => show(true)}>${t("and {n} more", { n: section.rows.length - rows.length })}</button></th></tr>`}</tbody>`;
}

export function DiffTable({ label, heads, sections }) {
  const [open, set] = useState(null);
  return html`<${Scroll}><table class="diff" aria-label=${label}><thead><tr><td></td>${heads.map(head => html`<th key=${head.id} scope="col">${head.node}</th>`)}</tr></thead>
    ${sections.filter(s => s.rows.length > 0).map(section => html`<${Section} key=${section.title} section=${section} heads=${heads} open=${(row, i) => set({ row, i })} />`)}</table>
    ${open && html`<${Dialog} title=${open.row.title ?? open.row.key} wide onClose=${() => set(null)}><${TextDiff} before=${open.row.cells[0].full ?? ""} after=${open.row.cells[open.i].full ?? ""} /></${Dialog}>`}</${Scroll}>`;
}
