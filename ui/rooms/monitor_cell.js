/* monitor_cell.js - one column of one window: its distribution beside the reference's, its figures, and the same column over time. */
import { html, useMemo } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { day, integer, number, percent } from "../lib/format.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Chart } from "../parts/chart.js";
import { HistogramPair } from "../parts/histpair.js";
import { Icon } from "../parts/icons.js";
import { KeyValues } from "../parts/kv.js";
import { Loaded } from "../parts/states.js";
import { measured, shapeOf } from "./monitor_data.js";

function columnOf(window, name, score) {
  return score ? window.score : window.features.find(f => f.name === name);
}

function Shape({ answer, name, score, figures, title }) {
  const shape = shapeOf(answer, name, score);
  return shape ? html`<${HistogramPair} label=${title} edges=${[null, ...shape.edges, null]} reference=${shape.reference} current=${shape.current} psi=${figures.psi ?? undefined} ks=${figures.ks_d ?? undefined} height=${150} />`
    : html`<p class="soft">${t("This window was closed before distributions were kept, or there was no reference.")}</p>`;
}

export function MonitorCell({ endpoint, window: w, windows, name, score, config, onClose }) {
  const answer = useData(`${API}/endpoints/${encodeURIComponent(endpoint)}/windows/${w.start_us}`), figures = columnOf(w, name, score);
  const series = useMemo(() => {
    const x = windows.map(one => one.start_us / 1000), of = measure => windows.map(one => measured(columnOf(one, name, score), one, measure));
    return [{ id: "psi", name: "PSI", x, y: of("psi"), points: true }, { id: "ks_d", name: "KS D", x, y: of("ks_d"), points: true }, { id: "missing", name: t("Missing"), x, y: of("missing") }];
  }, [windows, name, score]);
  const marks = useMemo(() => [{ y: config.psi_max, text: "PSI", kind: "warn" }, { y: config.ks_min_d, text: "KS", kind: "warn" }, { x: w.start_us / 1000, text: day(w.start_us / 1000), kind: "accent" }], [config, w]);
  const title = `${score ? t("score") : name}, ${day(w.start_us / 1000)}`;
  return html`<div class="cell"><header><h3>${title} ${figures?.drifted && html`<${Badge} kind="bad">${t("Drifted")}</${Badge}>`}</h3><button type="button" class="icon-button" aria-label=${t("Close")} onClick=${onClose}><${Icon} name="close" /></button></header>
    <div class="cell-body">${figures ? html`<${Loaded} of=${answer}>${data => html`<${Shape} answer=${data} name=${name} score=${score} figures=${figures} title=${t("Reference behind, this window in front")} />`}</${Loaded}>
      <${KeyValues} rows=${[["PSI", number(figures.psi)], ["KS D", number(figures.ks_d)], ["KS p", number(figures.ks_p)], [t("Missing"), `${integer(figures.missing)} (${percent(w.predictions ? figures.missing / w.predictions : null)})`], [t("Predictions"), integer(w.predictions)]]} />`
      : html`<p class="soft">${t("This window has no such column.")}</p>`}
      <${Chart} label=${t("{name} over time", { name: score ? t("score") : name })} series=${series} x=${{ kind: "time" }} y=${{ range: [0, null] }} marks=${marks} height=${180} sync="monitor" table=${false} /></div></div>`;
}
