/* strip.js - a few charts over the table of runs, live. RunStrip({ runs: [{ id, name }], experiment, filter, hover, onHover, total }): the metrics that are shown are
 * the user's choice (kept in this browser, per experiment); without one, the metric that most of the runs have and whose name tells what is better.
 * `runs`: those that are seen or chosen; the first LINES_MAX of them are drawn. `hover`: id of the row that is pointed at; onHover(id or null): of the line. */
import { html, useMemo, useState } from "../lib/html.js";
import { API, useData, useKept } from "../lib/api.js";
import { betterOf } from "../lib/better.js";
import { seriesStyle } from "../lib/colour.js";
import { chartSeries } from "../lib/compared.js";
import { useStored } from "../lib/store.js";
import { t } from "../lib/words.js";
import { Chart } from "../parts/chart.js";
import { Icon } from "../parts/icons.js";
import { Menu } from "../parts/menu.js";

const LINES_MAX = 50, METRICS_MAX = 3, POINTS = 200, HEIGHT = 150;

/* The metric that says most. Pure. */
export function usualMetrics(metrics) {
  const own = metrics.filter(m => !m.key.startsWith("system/")), judged = own.filter(m => betterOf(m.key) !== 0), most = list => [...list].sort((a, b) => b.runs - a.runs)[0];
  return [most(judged) ?? most(own)].filter(Boolean).map(m => m.key);
}

function StripChart({ metric, runs, onOut, hover, onHover }) {
  const ids = useMemo(() => runs.map(run => run.id), [runs]), known = useMemo(() => new Set(ids), [ids]);
  const styles = useMemo(() => new Map(ids.map(id => [id, seriesStyle(id)])), [ids]); /* as the dots of the rows */
  const of = useData(API + "/metrics/chart", { body: { run_ids: ids, metric, points: POINTS }, events: event => ["metric", "run"].includes(event.kind) && (event.id === undefined || known.has(event.id)) });
  const data = useKept(of), series = useMemo(() => (data ? chartSeries(data, { styles }).filter(s => s.x.length > 0) : []), [data, styles]);
  const out = html`<button type="button" class="icon-button" title=${t("Take {name} out", { name: metric })} aria-label=${t("Take {name} out", { name: metric })} onClick=${onOut}><${Icon} name="close" /></button>`;
  return html`<section class="card metric-panel" data-metric=${metric}>${data ? html`<${Chart} label=${metric} series=${series} x=${{ kind: "step", label: t("step") }} height=${HEIGHT} sync="strip" legend=${false} highlight=${hover} onHover=${onHover} actions=${out} empty=${t("None of these runs has points here.")} />`
    : html`<div class="panel-wait strip-wait"><b>${metric}</b>${of.error && html`<p class="soft">${of.error.message}</p>`}</div>`}</section>`;
}

function Choose({ metrics, shown, onChange }) {
  const [search, look] = useState(""), found = metrics.filter(m => m.key.toLowerCase().includes(search.toLowerCase()));
  const flip = key => onChange(shown.includes(key) ? shown.filter(one => one !== key) : [...shown, key].slice(-METRICS_MAX));
  return html`<${Menu} icon="plus" text=${t("Charts")} label=${t("Choose charts (up to {n})", { n: METRICS_MAX })} className="button small">${() => html`<div class="pick-some"><input type="search" aria-label=${t("Find metrics")} placeholder=${t("Find metrics")} value=${search} onInput=${e => look(e.target.value)} />
    <fieldset><legend>${t("Metrics")}</legend>${found.slice(0, 100).map(m => html`<label key=${m.key}><input type="checkbox" checked=${shown.includes(m.key)} onChange=${() => flip(m.key)} /> ${m.key}</label>`)}</fieldset></div>`}</${Menu}>`;
}

export function RunStrip({ runs, experiment, hover = null, onHover }) {
  const key = `strip.${experiment ?? "all"}`, [stored, store] = useStored(key, null), list = experiment === undefined || experiment === null || experiment === "" ? "" : `?experiments=${experiment}`;
  const columns = useData(API + "/runs/columns" + list, { events: ["run"] }), metrics = columns.data?.metrics ?? [];
  const drawn = useMemo(() => runs.slice(0, LINES_MAX), [runs.slice(0, LINES_MAX).map(run => run.id).join()]);
  if (metrics.length === 0)
    return null; /* nothing was logged yet: the table says how */
  const shown = (stored ?? usualMetrics(metrics)).filter(name => metrics.some(m => m.key === name));
  return html`<section class="run-strip" aria-label=${t("Charts of these runs")}><div class="strip-head"><${Choose} metrics=${metrics} shown=${shown} onChange=${store} />
      ${runs.length > LINES_MAX && html`<span class="soft">${t("The first {n} runs are drawn.", { n: LINES_MAX })}</span>`}</div>
    ${drawn.length > 0 && shown.length > 0 && html`<div class="strip">${shown.map(name => html`<${StripChart} key=${name} metric=${name} runs=${drawn} hover=${hover} onHover=${onHover} onOut=${() => store(shown.filter(one => one !== name))} />`)}</div>`}</section>`;
}
