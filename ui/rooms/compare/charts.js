/* charts.js - every metric of the compared runs as a chart. The server makes the lines (docs/charts.md): exact lowest and highest per stretch at the
 * panel's width, smoothed, grouped. Zoom is the page's, so all panels show the same part, asked for again in full detail. */
import { html, useMemo } from "../../lib/html.js";
import { API, useData, useKept } from "../../lib/api.js";
import { distinctStyles } from "../../lib/colour.js";
import { chartSeries } from "../../lib/compared.js";
import { t } from "../../lib/words.js";
import { Chart } from "../../parts/chart.js";
import { DotPlot } from "../../parts/dotplot.js";
import { Failed } from "../../parts/states.js";
import { AXES, AxisControls, GroupControls, MetricSearch, Smoothing, ZoomBack, axisName } from "./controls.js";
import { PANEL_PX, Panels } from "./panels.js";

/* The request of a metric's chart. */
export function chartBody(ids, metric, settings, width) {
  const [kind, ...key] = settings.group.split(":");
  return { run_ids: settings.group ? ids.filter(id => !settings.off.has(id)) : ids, metric, x: settings.x, log: settings.xlog, points: Math.max(50, Math.min(2000, Math.ceil(width / 50) * 50)),
    ...(settings.zoom ? { range: settings.zoom } : {}), ...(settings.smooth ? { smoothing: { kind: "ema", weight: settings.smooth } } : {}),
    ...(settings.group ? { group_by: { [kind]: key.join(":") } } : {}) };
}

/* What a group's line is called. */
export function groupName(settings) {
  const key = settings.group.slice(settings.group.indexOf(":") + 1);
  return line => `${key} = ${line.group ?? "–"} (${line.runs ?? line.run_ids.length})`;
}

function MetricChart({ metric, width, actions, ids, styles, settings, hover, onHover }) {
  const body = chartBody(ids, metric, settings, width), known = useMemo(() => new Set(ids), [ids]);
  const of = useData(body.run_ids.length ? API + "/metrics/chart" : null, { body, events: event => ["metric", "run"].includes(event.kind) && (event.id === undefined || known.has(event.id)) });
  const data = useKept(of, settings.x), grouped = Boolean(settings.group);
  const series = useMemo(() => {
    if (!data)
      return [];
    const groups = data.lines.filter(line => line.group !== undefined);
    return chartSeries(data, { styles: groups.length ? distinctStyles(groups.map(line => "group:" + (line.group ?? ""))) : styles, off: settings.off, band: settings.band, groupName: groupName(settings) });
  }, [data, styles, settings.off, settings.band, settings.group]);
  if (!data && of.error)
    return html`<${Failed} error=${of.error} retry=${of.refresh} />`;
  if (!data)
    return html`<div class="panel-wait"><b>${metric}</b>${body.run_ids.length === 0 && html`<p class="soft">${t("All runs are hidden.")}</p>`}</div>`;
  if (!grouped && !settings.zoom && series.length > 1 && series.some(s => s.x.length > 0) && series.every(s => s.x.length <= 1)) /* one value per run: no lines */
    return html`<${DotPlot} label=${metric} rows=${series.map(s => ({ id: s.id, name: s.name, value: s.y[0], stroke: s.stroke }))} log=${settings.ylog} height=${PANEL_PX} highlight=${hover} onHover=${onHover} actions=${actions} />`;
  const x = { kind: AXES[settings.x], label: axisName(settings.x), log: settings.xlog, range: settings.zoom, zoomed: Boolean(settings.zoom) };
  return html`<${Chart} label=${metric} series=${series} x=${x} y=${{ log: settings.ylog }} height=${PANEL_PX} sync="compare" highlight=${grouped ? null : hover} onHover=${grouped ? undefined : onHover}
    onZoom=${(from, to) => settings.set({ zoom: from === null ? null : `${from},${to}` })} legend=${grouped} actions=${actions} empty=${t("None of these runs has points here.")} />`;
}

export function Charts({ answer, ids, styles, settings, hover, onHover }) {
  const names = useMemo(() => answer.metrics.map(row => row.key), [answer]);
  const draw = panel => html`<${MetricChart} ...${panel} ids=${ids} styles=${styles} settings=${settings} hover=${hover} onHover=${onHover} />`;
  return html`<div class="controls"><${MetricSearch} settings=${settings} /><${AxisControls} settings=${settings} /><${Smoothing} settings=${settings} /><${GroupControls} settings=${settings} answer=${answer} /><${ZoomBack} settings=${settings} /></div>
    <${Panels} names=${names} settings=${settings} draw=${draw} />`;
}
