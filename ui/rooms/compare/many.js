/* many.js - up to 10 000 runs in one picture per metric: those of a filter (q= and exp= in the address), or a long list of ids. The server sends
 * few points per line in binary (docs/charts.md); zooming asks for the part again in full detail. Pointing at a line names its run, a click opens it. */
import { html, useMemo, useState } from "../../lib/html.js";
import { API, useData, useKept } from "../../lib/api.js";
import { seriesStyle } from "../../lib/colour.js";
import { decodeLines } from "../../lib/compared.js";
import { integer } from "../../lib/format.js";
import { go, href, path, useLocation } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Chart } from "../../parts/chart.js";
import { Page } from "../../parts/page.js";
import { Empty, Failed, Loaded } from "../../parts/states.js";
import { AXES, AxisControls, MetricSearch, Smoothing, ZoomBack, axisName } from "./controls.js";
import { Panels } from "./panels.js";
import { useSettings } from "./settings.js";

const RUNS_MAX = 10000, HEIGHT = 420, VALUES_MAX = 400000;

/* Points per line: what a picture of that many lines can show. Pure. */
export function pointsPerLine(runs, width) {
  return Math.max(16, Math.min(2 * Math.max(200, Math.round(width)), Math.floor(VALUES_MAX / Math.max(1, runs))));
}

function Overlay({ metric, width, actions, which, count, settings }) {
  const [hover, point] = useState(null);
  const body = { ...which, metric, x: settings.x, log: settings.xlog, points: pointsPerLine(count, width), binary: true, ...(settings.zoom ? { range: settings.zoom } : {}), ...(settings.smooth ? { smoothing: settings.smooth } : {}) };
  const of = useData(API + "/metrics/overlay", { body, binary: true }), buffer = useKept(of, settings.x);
  const series = useMemo(() => {
    if (!buffer)
      return [];
    const begun = performance.now(), found = decodeLines(buffer).lines.filter(line => line.x.length > 0).map(line => ({ ...line, ...seriesStyle(line.id), dash: [] }));
    performance.measure("overlay-decode", { start: begun, end: performance.now() });
    return found;
  }, [buffer]);
  if (!buffer)
    return of.error ? html`<${Failed} error=${of.error} retry=${of.refresh} />` : html`<div class="panel-wait tall"><b>${metric}</b></div>`;
  const x = { kind: AXES[settings.x], label: axisName(settings.x), log: settings.xlog, range: settings.zoom, zoomed: Boolean(settings.zoom) };
  return html`<div class="overlay" onClick=${event => hover && event.target.closest(".u-over") && go(path("/runs/{id}", { id: hover }))}><${Chart} label=${metric} series=${series} x=${x} y=${{ log: settings.ylog }} height=${HEIGHT} sync="compare" legend=${false}
    onHover=${point} highlight=${hover} onZoom=${(from, to) => settings.set({ zoom: from === null ? null : `${from},${to}` })} actions=${html`<span class="soft">${t("{count} curve|{count} curves", { n: series.length, count: integer(series.length) })}</span>${actions}`} empty=${t("None of these runs has points here.")} /></div>`;
}

function metricNames(columns) {
  return columns.metrics.map(m => m.key);
}

/* What the address says: experiments and filter, or ids. */
function whichRuns(ids, query) {
  if (ids.length)
    return { run_ids: ids.slice(0, RUNS_MAX) };
  const experiments = (query.get("exp") ?? "").split(",").filter(text => /^\d+$/.test(text)).map(Number), filter = (query.get("q") ?? "").trim();
  return { runs: RUNS_MAX, ...(experiments.length ? { experiments } : {}), ...(filter ? { filter } : {}) };
}

export function Many({ ids }) {
  const { query } = useLocation(), settings = useSettings(), which = useMemo(() => whichRuns(ids, query), [ids, query.get("q"), query.get("exp")]);
  const search = useData(ids.length ? null : API + "/runs/search", { body: { experiments: which.experiments ?? [], filter: which.filter ?? "", limit: 1 }, events: ["run"] });
  const columns = useData(API + "/runs/columns" + (which.experiments?.length ? `?experiments=${which.experiments.join(",")}` : ""));
  const count = ids.length || search.data?.total;
  const body = () => {
    if (count === 0)
      return html`<${Empty} icon="runs" title=${t("No run fits")} text=${t("The filter finds no runs.")} />`;
    const shown = Math.min(count, RUNS_MAX);
    return html`<div class="controls"><${MetricSearch} settings=${settings} /><${AxisControls} settings=${settings} /><${Smoothing} settings=${settings} /><${ZoomBack} settings=${settings} /></div>
      ${count > RUNS_MAX && html`<p class="stale">${t("The newest {shown} of {n} runs are drawn.", { shown: integer(shown), n: integer(count) })}</p>`}
      <div class="wide-panels"><${Panels} names=${metricNames(columns.data)} settings=${settings} draw=${panel => html`<${Overlay} ...${panel} which=${which} count=${shown} settings=${settings} />`} /></div>`;
  };
  const waiting = count === undefined ? search : columns;
  return html`<${Page} title=${count === undefined ? t("Compare runs") : t("Compare {count} run|Compare {count} runs", { n: count, count: integer(count) })} sub=${which.filter} crumbs=${[[t("Runs"), href("/runs")]]} />
    <${Loaded} of=${count === undefined || columns.data === undefined ? { ...waiting, data: undefined } : columns}>${body}</${Loaded}>`;
}
