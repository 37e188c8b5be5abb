/* table.js - the compared runs as columns: what they are, parameters, metrics (last, best, lowest, highest), tags, code and data. The first column is the base:
 * what differs from it is marked, numbers carry their difference. */
import { html, useMemo } from "../../lib/html.js";
import { attributeRows, baseFirst, figures, numberCells, textCells } from "../../lib/compared.js";
import { when } from "../../lib/format.js";
import { href } from "../../lib/route.js";
import { saveCsv } from "../../lib/sheet.js";
import { t } from "../../lib/words.js";
import { stateWord } from "../../parts/badge.js";
import { Swatch } from "../../parts/chart.js";
import { DiffTable } from "../../parts/diff.js";
import { Icon } from "../../parts/icons.js";

function sectionsOf(answer, figure, only) {
  const texts = rows => rows.filter(row => row.differs || !only).map(row => ({ key: row.key, cells: textCells(row.values) }));
  const shown = { last: t("last value"), best: t("best value"), min: t("lowest"), max: t("highest") }[figure];
  return [
    { title: t("Run"), rows: attributeRows(answer, { status: t("Status"), start: t("Started"), duration: t("Duration"), state: stateWord, when }) },
    { title: t("Parameters"), rows: texts(answer.params) },
    { title: `${t("Metrics")}: ${shown}`, rows: answer.metrics.filter(row => row.differs || !only).map(row => ({ key: row.key, cells: numberCells(row.key, figures(row, figure)) })) },
    { title: t("Tags"), rows: texts(answer.tags) },
    { title: t("Code"), rows: texts(answer.code).map(row => ({ ...row, title: row.key.replace(/^mlflow\./, "") })) },
    { title: t("Datasets"), rows: texts(answer.datasets) },
  ];
}

function Head({ run, style, base, onBase }) {
  return html`<div class="diff-head"><${Swatch} ...${style} /><a href=${href("/runs/{id}", { id: run.run_id })} title=${run.name}>${run.name}</a>
    ${base ? html`<span class="soft">${t("base")}</span>` : html`<button type="button" class="link" onClick=${onBase} title=${t("Measure the others against {name}", { name: run.name })}>${t("make base")}</button>`}</div>`;
}

/* What a file holds: full values, no marks. */
function csv(sections, runs) {
  return [["", "", ...runs.map(run => run.name)], ["", "run_id", ...runs.map(run => run.run_id)],
    ...sections.flatMap(section => section.rows.map(row => [section.title, row.key, ...row.cells.map(cell => (cell.kind === "missing" ? null : cell.value ?? cell.full ?? cell.text))]))];
}

export function TableTab({ answer, styles, settings }) {
  const turned = useMemo(() => baseFirst(answer, settings.base), [answer, settings.base]);
  const sections = useMemo(() => sectionsOf(turned, settings.figure, settings.only), [turned, settings.figure, settings.only]);
  const heads = turned.runs.map((run, i) => ({ id: run.run_id, node: html`<${Head} run=${run} style=${styles.get(run.run_id)} base=${i === 0} onBase=${() => settings.set({ base: run.run_id })} />` }));
  const rows = sections.slice(1).reduce((n, section) => n + section.rows.length, 0);
  return html`<div class="controls"><label class="control"><input type="checkbox" checked=${settings.only} onChange=${e => settings.set({ only: e.target.checked ? null : 0 })} /> <span>${t("Only what differs")}</span></label>
      <label class="control"><span>${t("Metrics show")}</span><select value=${settings.figure} onChange=${e => settings.set({ figure: e.target.value === "last" ? null : e.target.value })}><option value="last">${t("last value")}</option><option value="best">${t("best value")}</option>
        <option value="min">${t("lowest")}</option><option value="max">${t("highest")}</option></select></label>
      <button type="button" class="button small" onClick=${() => saveCsv(csv(sections, turned.runs), "compare")}><${Icon} name="download" />${t("Save as CSV")}</button></div>
    ${rows === 0 && settings.only && html`<p class="soft">${t("Parameters, metrics, tags, code and data are the same in all of them.")}</p>`}
    <div class="card flush"><${DiffTable} label=${t("Compared runs")} heads=${heads} sections=${sections} /></div>`;
}
