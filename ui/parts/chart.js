/* chart.js - the one line chart. Use:
 *
 *   Chart({ label,                        what it shows; also its name for screen readers and files
 *     series: [{ id, name, x: [], y: [],  columns; null or NaN in y is a gap. The array and its columns are taken as unchanged while they are the same objects
 *       min?: [], max?: [],               a band around the line
 *       faint?: [] | true,                a raw line behind (y at the same x) | the whole series pale, not to be pointed at
 *       stroke?, dash?, width?, points? }],  colours come from lib/colour.js by id otherwise
 *     x: { kind: "number" | "step" | "time" (ms since 1970) | "duration" (ms), label, log, range, zoomed },   range: [from, to] or null: the owner keeps the zoom; zoomed: it is on
 *     y: { label, log, unit ("bytes", "ms" or a word), range: [low | null, high | null] },
 *     height, sync,                       charts with the same sync key share cursor and zoom
 *     marks: [{ y | x, text, kind }],     thresholds and events as lines; kind: ok warn bad accent or nothing
 *     bands: [{ x: [from, to] | y: [from, to], text, kind }],
 *     onZoom(from, to), onHover(id or null), highlight: id,   onZoom(null, null): zoomed out
 *     legend: true | false, actions, table,                    table: false leaves the table for readers out
 *     empty, gaps })                      what is said instead of a chart without lines, and of lines that are gaps all over (else: that all is NaN)
 *
 * Drag zooms, a double click goes back, arrows move the cursor once it has the focus. "No data" is said, never drawn as 0. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { stylesOf } from "../lib/colour.js";
import { fileName, saveBlob, saveCsv } from "../lib/sheet.js";
import { t } from "../lib/words.js";
import { xText, yFull } from "./chart_axis.js";
import { csvRows, leftOut, prepare, summary } from "./chart_data.js";
import { ChartView } from "./chart_view.js";
import { Menu, MenuItem } from "./menu.js";

const TABLE_MAX = 200;   /* series in the table for readers */
const LEGEND_MAX = 200;

/* The same objects as long as the series are, so that what was prepared of them is found again. */
function styled(series) {
  if (series.every(s => s.stroke))
    return series;
  const styles = stylesOf(series.map(s => s.id ?? s.name));
  return series.map(s => (s.stroke ? s : { ...styles.get(s.id ?? s.name), ...s }));
}

export function Swatch({ stroke, dash }) {
  return html`<svg class="line-swatch" width="18" height="10" aria-hidden="true"><line x1="0" y1="5" x2="18" y2="5" stroke=${stroke} stroke-width="3" stroke-dasharray=${dash?.length ? dash.map(d => d / 1.5).join(" ") : null} /></svg>`;
}

function TipRow({ row, strong, unit }) {
  const { series: s, index } = row, band = s.min && s.max && s.min[index] !== s.max[index];
  return html`<tr class=${strong ? "strong" : null}><td><${Swatch} ...${s} /></td><th scope="row">${s.name}</th><td class="num">${yFull(s.y[index], unit)}</td></tr>
    ${strong && band && html`<tr><td></td><td colspan="2" class="num soft">${yFull(s.min[index], unit)} … ${yFull(s.max[index], unit)}</td></tr>`}`;
}

/* Has its own state: moving the mouse draws nothing else again. */
function Tip({ hook, x, y }) {
  const [state, set] = useState(null);
  hook.current = set;
  if (!state || (!state.at && state.others.count === 0))
    return null;
  const { at, others } = state, rows = others.rows.some(r => r.series.id === at?.series.id) || !at ? others.rows : [at, ...others.rows.slice(0, 5)];
  const style = state.left > state.width / 2 ? { right: `${state.width - state.left + 14}px`, top: `${Math.max(0, state.top - 20)}px` } : { left: `${state.left + 14}px`, top: `${Math.max(0, state.top - 20)}px` };
  return html`<div class="chart-tip" style=${style} role="status"><p class="soft">${x.label ? x.label + " " : ""}${xText((at ?? rows[0]).series.x[(at ?? rows[0]).index], x.kind)}</p>
    <table><tbody>${rows.map(row => html`<${TipRow} key=${row.series.id} row=${row.series.id === at?.series.id ? at : row} strong=${row.series.id === at?.series.id} unit=${y.unit} />`)}</tbody></table>
    ${others.count > rows.length && html`<p class="soft">${t("and {n} more", { n: others.count - rows.length })}</p>`}</div>`;
}

function Legend({ series, hidden, onToggle, onHover, highlight }) {
  const shown = series.filter(s => s.faint !== true), more = shown.length - LEGEND_MAX;
  return html`<ul class="chart-legend">${shown.slice(0, LEGEND_MAX).map(s => html`<li key=${s.id}><button type="button" class=${s.id === highlight ? "strong" : null} aria-pressed=${hidden.has(s.id) ? "false" : "true"} title=${s.name}
    onClick=${event => onToggle(s.id, event.altKey)} onMouseEnter=${() => onHover(s.id)} onMouseLeave=${() => onHover(null)} onFocus=${() => onHover(s.id)} onBlur=${() => onHover(null)}>
    <${Swatch} ...${s} /><span>${s.name}</span>${s.y.length === 0 && html`<span class="soft">${t("no data")}</span>`}</button></li>`)}
    ${more > 0 && html`<li class="soft">${t("and {n} more", { n: more })}</li>`}</ul>`;
}

function ReaderTable({ list, label, x, y }) {
  const rows = useMemo(() => summary(list.slice(0, TABLE_MAX)), [list]);
  const points = n => (n === 0 ? t("no data") : String(n));
  return html`<div class="visually-hidden"><table class="chart-table"><caption>${label}</caption><thead><tr><th>${t("Series")}</th><th>${t("Points")}</th><th>${t("From")}</th><th>${t("To")}</th><th>${t("Lowest")}</th><th>${t("Highest")}</th><th>${t("Last")}</th></tr></thead>
    <tbody>${rows.map(r => html`<tr key=${r.id} data-id=${r.id} data-points=${r.n} data-missing=${r.missing} data-min=${r.min} data-max=${r.max} data-last=${r.last}><th scope="row">${r.name}</th><td>${points(r.n)}</td>
      <td>${r.n ? xText(r.first, x.kind) : "–"}</td><td>${r.n ? xText(r.to, x.kind) : "–"}</td><td>${yFull(r.min, y.unit)}</td><td>${yFull(r.max, y.unit)}</td><td>${yFull(r.last, y.unit)}</td></tr>`)}</tbody></table></div>`;
}

function ChartMenu({ view, label, list, x, y, zoomed }) {
  const png = () => view.current.picture(label).then(blob => saveBlob(blob, fileName(label, ".png")));
  return html`<${Menu} icon="more" label=${t("Chart menu")} className="icon-button" right>${close => html`
    ${zoomed && html`<${MenuItem} onClick=${() => { close(); view.current.zoomTo(null); }}>${t("Zoom out")}</${MenuItem}>`}
    <${MenuItem} onClick=${() => { close(); png(); }}>${t("Save as PNG")}</${MenuItem}>
    <${MenuItem} onClick=${() => { close(); saveCsv(csvRows(list, x.label ?? "x", y.label ?? label), label); }}>${t("Save as CSV")}</${MenuItem}>`}</${Menu}>`;
}

const PLAIN = {};

export function Chart({ label, series, x = PLAIN, y = PLAIN, height = 220, sync, marks, bands, onZoom, onHover, highlight = null, legend = true, empty, gaps, actions, table = true }) {
  const box = useRef(null), view = useRef(null), tip = useRef(() => {});
  const [hidden, hide] = useState(() => new Set()), [own, point] = useState(null), [zoomed, setZoomed] = useState(false);
  const shown = useMemo(() => styled(series), [series]), list = useMemo(() => prepare(shown), [shown]);
  const nothing = !list.some(s => s.y.some(Number.isFinite)), over = useMemo(() => leftOut(list, x.log, y.log), [list, x.log, y.log]);
  const props = { list, x, y, height, sync, marks, bands, onZoom, onHover, highlight: own ?? highlight, hidden };
  useEffect(() => {
    if (nothing)
      return undefined;
    view.current = new ChartView(box.current, props, { cursor: state => tip.current(state), zoomed: setZoomed });
    return () => {
      view.current.destroy();
      view.current = null;
    };
  }, [nothing]);
  useEffect(() => view.current?.update(props), [list, x.kind, x.log, x.range?.[0], x.range?.[1], x.zoomed, y.log, y.unit, y.range?.[0], y.range?.[1], height, sync, marks, bands, own, highlight, hidden]);
  if (view.current)
    Object.assign(view.current.props, { onZoom, onHover });
  const toggle = (id, alone) => {
    const next = new Set(alone ? shown.map(s => s.id).filter(one => one !== id) : hidden);
    if (!alone && !next.delete(id))
      next.add(id);
    hide(next);
  };
  const pressed = event => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && view.current?.key(event.key))
      event.preventDefault();
  };
  return html`<figure class="chart" aria-label=${label}><figcaption><span class="chart-name" title=${label}>${label}</span>${y.unit && y.unit !== "ms" && html`<span class="soft">${y.unit}</span>`}
      <span class="chart-tools">${zoomed && html`<button type="button" class="link" onClick=${() => view.current.zoomTo(null)}>${t("Zoom out")}</button>`}${actions}${!nothing && html`<${ChartMenu} view=${view} label=${label} list=${list} x=${x} y=${y} zoomed=${zoomed} />`}</span></figcaption>
    ${nothing ? html`<div class="chart-empty" style=${{ minHeight: `${height}px` }}>${list.some(s => s.y.length > 0) ? gaps ?? t("All values are NaN or infinite.") : empty ?? t("No data")}</div>`
    : html`<div class="chart-plot" style=${{ minHeight: `${height}px` }} tabindex="0" role="application" aria-label=${t("{name}: arrow keys move the cursor, plus and minus zoom", { name: label })} onKeyDown=${pressed} onBlur=${() => tip.current(null)}><div class="chart-box" ref=${box}></div><${Tip} hook=${tip} x=${x} y=${y} /></div>`}
    ${!nothing && x.label && html`<p class="chart-x soft">${x.label}</p>`}
    ${over > 0 && html`<p class="chart-note">${t("{n} value at or below 0 is not on a logarithmic axis.|{n} values at or below 0 are not on a logarithmic axis.", { n: over })}</p>`}
    ${legend && html`<${Legend} series=${shown} hidden=${hidden} onToggle=${toggle} highlight=${own ?? highlight} onHover=${id => { point(id); onHover?.(id); }} />`}
    ${table && html`<${ReaderTable} list=${list} label=${label} x=${x} y=${y} />`}</figure>`;
}
