/* many.js - up to MANY_MAX runs in one picture per metric: those of a search (compare.js), or a long list of ids. The server sends few points per line in binary
 * (docs/charts.md), or a line with its band per group; zooming asks for the part again in full detail. Pointing at a line names its run, a click opens it. Parallel
 * coordinates and the scatter plot are of all the runs as well: their columns are asked for when they are shown. */
import { html, useMemo, useState } from "../../lib/html.js";
import { API, useData, useKept } from "../../lib/api.js";
import { distinctStyles, seriesStyle } from "../../lib/colour.js";
import { chartSeries, decodeLines, manyColumns } from "../../lib/compared.js";
import { integer } from "../../lib/format.js";
import { go, href, path } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { Chart } from "../../parts/chart.js";
import { Page, useTabs } from "../../parts/page.js";
import { Failed, Loaded, Skeleton } from "../../parts/states.js";
import { groupName } from "./charts.js";
import { AXES, AxisControls, GroupControls, MetricSearch, Smoothing, ZoomBack, axisName } from "./controls.js";
import { Panels } from "./panels.js";
import { ParallelTab, usualAxes } from "./parallel.js";
import { ScatterTab } from "./scatter.js";
import { useSettings } from "./settings.js";

export const MANY_MAX = 10000; /* as the server's LIMIT_TRACK_OVERLAY_RUNS */
const HEIGHT = 420, VALUES_MAX = 400000, GROUP_POINTS = 500, COLUMNS_MAX = 64;
const STYLES = { get: seriesStyle };

/* Points per line: what a picture of that many lines can show. Pure. */
export function pointsPerLine(runs, width) {
  return Math.max(16, Math.min(2 * Math.max(200, Math.round(width)), Math.floor(VALUES_MAX / Math.max(1, runs))));
}

/* What lines and groups ask for alike. */
function pictureBody(which, metric, settings, points) {
  return { ...which, metric, x: settings.x, log: settings.xlog, points, ...(settings.zoom ? { range: settings.zoom } : {}), ...(settings.smooth ? { smoothing: settings.smooth } : {}) };
}

function Picture({ of, ready, metric, series, settings, says, actions, ...rest }) {
  if (!ready)
    return of.error ? html`<${Failed} error=${of.error} retry=${of.refresh} />` : html`<div class="panel-wait tall"><b>${metric}</b></div>`;
  const x = { kind: AXES[settings.x], label: axisName(settings.x), log: settings.xlog, range: settings.zoom, zoomed: Boolean(settings.zoom) };
  return html`<${Chart} label=${metric} series=${series} x=${x} y=${{ log: settings.ylog }} height=${HEIGHT} sync="compare" onZoom=${(from, to) => settings.set({ zoom: from === null ? null : `${from},${to}` })}
    actions=${html`<span class="soft">${says}</span>${actions}`} empty=${t("None of these runs has points here.")} ...${rest} />`;
}

function Overlay({ metric, width, actions, which, count, settings }) {
  const [hover, point] = useState(null), body = { ...pictureBody(which, metric, settings, pointsPerLine(count, width)), binary: true };
  const of = useData(API + "/metrics/overlay", { body, binary: true }), buffer = useKept(of, settings.x);
  const series = useMemo(() => {
    if (!buffer)
      return [];
    const begun = performance.now(), found = decodeLines(buffer).lines.filter(line => line.x.length > 0).map(line => ({ ...line, ...seriesStyle(line.id), dash: [] }));
    performance.measure("overlay-decode", { start: begun, end: performance.now() });
    return found;
  }, [buffer]);
  return html`<div class="overlay" onClick=${event => hover && event.target.closest(".u-over") && go(path("/runs/{id}", { id: hover }))}><${Picture} of=${of} ready=${buffer} metric=${metric} series=${series} settings=${settings} actions=${actions}
    says=${t("{count} curve|{count} curves", { n: series.length, count: integer(series.length) })} legend=${false} onHover=${point} highlight=${hover} /></div>`;
}

function Groups({ metric, width, actions, which, settings }) {
  const [kind, ...key] = settings.group.split(":"), points = Math.max(50, Math.min(GROUP_POINTS, Math.round(width)));
  const of = useData(API + "/metrics/overlay", { body: { ...pictureBody(which, metric, settings, points), group_by: { [kind]: key.join(":") } } }), data = useKept(of, settings.x + settings.group);
  const series = useMemo(() => {
    const order = new Intl.Collator(undefined, { numeric: true }).compare, lines = [...data?.lines ?? []].sort((a, b) => (a.group === null) - (b.group === null) || order(a.group, b.group));
    return chartSeries({ lines }, { styles: distinctStyles(lines.map(line => "group:" + (line.group ?? ""))), band: settings.band, groupName: groupName(settings) });
  }, [data, settings.band, settings.group]);
  const says = data && data.groups > data.lines.length ? t("The {shown} largest of {n} groups are drawn.", { shown: data.lines.length, n: integer(data.groups) }) : t("{n} group|{n} groups", { n: data?.lines.length ?? 0 });
  return html`<${Picture} of=${of} ready=${data} metric=${metric} series=${series} settings=${settings} actions=${actions} says=${says} />`;
}

function Charts({ known, which, count, settings }) {
  const View = settings.group ? Groups : Overlay;
  return html`<div class="controls"><${MetricSearch} settings=${settings} /><${AxisControls} settings=${settings} /><${Smoothing} settings=${settings} /><${GroupControls} settings=${settings} answer=${known} /><${ZoomBack} settings=${settings} /></div>
    <div class="wide-panels"><${Panels} names=${known.metrics.map(m => m.key)} settings=${settings} draw=${panel => html`<${View} key=${settings.group ? "g" : "l"} ...${panel} which=${which} count=${count} settings=${settings} />`} /></div>`;
}

/* Parallel coordinates or the scatter plot: the columns that are shown, of all the runs. */
function Plot({ View, known, which, settings }) {
  const [hover, point] = useState(null), empty = useMemo(() => manyColumns(known, null), [known]), usual = usualAxes(empty);
  const wanted = [...new Set([...(settings.axes.length ? settings.axes : usual), settings.sx, settings.sy, settings.colour])].filter(key => empty.some(c => c.key === key && c.kind !== "attr"));
  const of = useData(API + "/runs/values", { body: { ...which, columns: wanted.slice(0, COLUMNS_MAX).map(key => key.replace(":", "s.")) } }), data = useKept(of, JSON.stringify(which));
  const columns = useMemo(() => manyColumns(known, data), [known, data]), runs = useMemo(() => (data?.run_ids ?? []).map((run_id, i) => ({ run_id, name: data.names[i] })), [data]);
  if (!data)
    return of.error ? html`<${Failed} error=${of.error} retry=${of.refresh} />` : html`<${Skeleton} lines=${8} />`;
  return html`<${View} columns=${columns} runs=${runs} styles=${STYLES} settings=${settings} hover=${hover} onHover=${point} />`;
}

/* ids, or a `search` (runs/query.js) that finds `total` runs. */
export function Many({ ids, search, total }) {
  const settings = useSettings(), count = Math.min(total, search?.limit ?? MANY_MAX), text = JSON.stringify(search);
  const which = useMemo(() => (search ? { runs: search.limit, ...(search.experiments.length ? { experiments: search.experiments } : {}), filter: search.filter, order_by: search.sort } : { run_ids: ids.slice(0, MANY_MAX) }), [ids, text]);
  const columns = useData(API + "/runs/columns" + (search?.experiments.length ? `?experiments=${search.experiments.join(",")}` : ""));
  const [tab, bar] = useTabs([["charts", t("Charts")], ["parallel", t("Parallel coordinates")], ["scatter", t("Scatter")]]);
  return html`<${Page} title=${t("Compare {count} run|Compare {count} runs", { n: count, count: integer(count) })} sub=${search?.filter} crumbs=${[[t("Runs"), href("/runs")]]} />
    ${total > count && html`<p class="stale">${t("The first {shown} of {n} runs are compared, in the order of the table.", { shown: integer(count), n: integer(total) })}</p>`}
    <${Loaded} of=${columns}>${known => html`<div class="compare-main">${bar}${tab === "charts" ? html`<${Charts} known=${known} which=${which} count=${count} settings=${settings} />`
      : html`<${Plot} View=${tab === "scatter" ? ScatterTab : ParallelTab} known=${known} which=${which} settings=${settings} />`}</div>`}</${Loaded}>`;
}
