/* parallel.js - parallel coordinates: an axis per column, a line per run. Parallel({ label, axes, rows, colour, brushes, onBrush, highlight, onHover, height }):
 *   axes      [{ key, title, axis: of lib/axes.js }]
 *   rows      [{ id, name }], in the order of the axes' values
 *   colour    key of the axis that lines are coloured by (or null: rows' own `stroke`)
 *   brushes   { key: [low, high] } in the axis' numbers; onBrush(key, range or null). Drag along an axis; click it to let go. From the keyboard: the
 *             fields under "Ranges" say the same.
 * Lines that a brush leaves out stay faintly. What a run has not is a gap. Lines are drawn on a canvas, axes and brushes are SVG. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { axisTicks } from "../lib/axes.js";
import { full, number } from "../lib/format.js";
import { css, ramp } from "../lib/ramp.js";
import { distanceToSegment, mapping } from "../lib/scale.js";
import { t } from "../lib/words.js";
import { isDark } from "../shell/theme.js";
import { fresh, useBox } from "./canvas.js";

const TOP = 44, FOOT = 14, SIDE = 60, NEAR_PX = 12;
const MANY = 300, LINES_PER_STROKE = 32, SHADES = 31;

/* The rows within all brushes. Pure. */
export function kept(axes, rows, brushes) {
  const on = axes.filter(a => brushes[a.key]);
  return rows.map((_, i) => on.every(a => a.axis.values[i] >= brushes[a.key][0] && a.axis.values[i] <= brushes[a.key][1]));
}

/* The end of a brush: rounded to what a drag can mean on an axis of some hundred pixels, and kept on it. Pure. */
export function brushEnd(v, [low, high]) {
  const digits = Math.ceil(Math.log10(Math.max(Math.abs(low), Math.abs(high)) / (high - low))) + 4;
  return Math.max(low, Math.min(high, Number(v.toPrecision(Math.min(17, Math.max(4, digits))))));
}

/* How lines are coloured by an axis: share of its range, NaN without value. Pure. */
export function shares(axis) {
  const map = mapping(axis.domain, [0, 1], axis.log);
  return axis.values.map(v => (axis.domain[0] === axis.domain[1] ? 0.5 : map(v)));
}

/* Of very many lines a few shades: what has one colour is drawn at once. */
function shade(share, rows) {
  return rows > MANY ? Math.round(share * SHADES) / SHADES : share;
}

function layout(axes, width, height) {
  const step = axes.length > 1 ? (width - 2 * SIDE) / (axes.length - 1) : 0;
  return axes.map((a, i) => ({ ...a, x: axes.length > 1 ? SIDE + i * step : width / 2, toY: mapping(a.axis.domain, [height - FOOT, TOP], a.axis.log) }));
}

function points(placed, i) {
  return placed.map(a => [a.x, a.toY(a.axis.values[i])]);
}

function traceRow(ctx, placed, i) {
  let down = false;
  for (const [x, y] of points(placed, i)) {
    if (Number.isNaN(y)) {
      down = false;
      continue;
    }
    if (down)
      ctx.lineTo(x, y);
    else {
      ctx.moveTo(x, y);
      ctx.lineTo(x + 0.01, y); /* a lone value is a dot */
    }
    down = true;
  }
}

/* Lines of one colour by the stroke: ten thousand are a few hundred strokes. Few lines are stroked one by one, so that where they cross shows. */
function strokeRows(ctx, placed, list, colours, alpha, wide) {
  const at_once = list.length > MANY ? LINES_PER_STROKE : 1, looks = new Map();
  ctx.globalAlpha = alpha;
  ctx.lineWidth = wide;
  for (const i of list) {
    const held = looks.get(colours[i]) ?? looks.set(colours[i], []).get(colours[i]);
    if (held.push(i) === at_once)
      flush(ctx, placed, held.splice(0), colours[i]);
  }
  for (const [colour, rest] of looks)
    flush(ctx, placed, rest, colour);
}

function flush(ctx, placed, list, colour) {
  ctx.strokeStyle = colour;
  ctx.beginPath();
  for (const i of list)
    traceRow(ctx, placed, i);
  ctx.stroke();
}

function paint(canvas, { width, height, placed, rows, keep, colours }) {
  const ctx = fresh(canvas, width, height), many = rows.length > MANY, all = rows.map((_, i) => i), begun = performance.now();
  ctx.lineCap = "round";
  strokeRows(ctx, placed, all.filter(i => !keep[i]), colours, many ? 0.04 : 0.08, 1);
  strokeRows(ctx, placed, all.filter(i => keep[i]), colours, many ? Math.max(0.12, 0.4 - rows.length / 40000) : 0.85, many ? 1 : 1.6);
  performance.measure("parallel-paint", { start: begun, end: performance.now(), detail: { lines: rows.length } });
}

/* The one that is pointed at, on a canvas of its own: the others are not drawn again. */
function paintStrong(canvas, { width, height, placed, rows, colours, highlight }) {
  const ctx = fresh(canvas, width, height), i = highlight ? rows.findIndex(row => row.id === highlight) : -1;
  if (i >= 0)
    strokeRows(ctx, placed, [i], colours, 1, 3);
}

function nearestRow(placed, rows, keep, px, py) {
  let best = -1, least = NEAR_PX;
  const right = placed.findIndex(a => a.x >= px), k = right < 0 ? placed.length - 1 : Math.max(1, right);
  if (placed.length < 2)
    return -1;
  for (let i = 0; i < rows.length; i++) {
    if (!keep[i])
      continue;
    const a = placed[k - 1], b = placed[k], ay = a.toY(a.axis.values[i]), by = b.toY(b.axis.values[i]);
    const distance = Number.isNaN(ay) || Number.isNaN(by) ? Infinity : distanceToSegment(px, py, a.x, ay, b.x, by);
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

function Axis({ a, height, brush, onBrush, chosen, onChoose }) {
  const from = useRef(null), [drag, set] = useState(null);
  const y = event => event.clientY - event.currentTarget.ownerSVGElement.getBoundingClientRect().top;
  const range = (p, q) => [Math.max(p, q), Math.min(p, q)].map(at => brushEnd(a.toY.at(at), a.axis.domain));
  const stop = () => {
    from.current = null;
    set(null);
  };
  const up = event => {
    if (from.current === null)
      return;
    const end = y(event);
    onBrush(a.key, Math.abs(end - from.current) > 3 ? range(from.current, end) : null);
    stop();
  };
  const shown = drag ?? brush, clamp = v => Math.max(TOP - 4, Math.min(height - FOOT + 4, a.toY(v)));
  const top = shown && (Number.isNaN(a.toY(shown[1])) ? TOP : clamp(shown[1])), foot = shown && (Number.isNaN(a.toY(shown[0])) ? height - FOOT : clamp(shown[0]));
  const words = a.title.length > 18 ? a.title.slice(0, 17) + "…" : a.title;
  return html`<g class="par-axis"><line x1=${a.x} x2=${a.x} y1=${TOP} y2=${height - FOOT} />
    <text class=${chosen ? "par-title chosen" : "par-title"} x=${a.x} y="16" text-anchor="middle" onClick=${onChoose}><title>${a.title}</title>${words}</text>
    ${a.axis.log && html`<text class="par-log" x=${a.x} y="30" text-anchor="middle">log</text>`}
    ${axisTicks(a.axis, 5, number).map(([v, text]) => html`<text key=${v} class="par-tick" x=${a.x - 6} y=${a.toY(v) + 4} text-anchor="end">${text.length > 9 ? text.slice(0, 8) + "…" : text}<title>${text}</title></text>`)}
    ${shown && html`<rect class="par-brush" x=${a.x - 7} width="14" y=${top} height=${Math.max(2, foot - top)} />`}
    <rect class="par-hit" x=${a.x - 14} width="28" y=${TOP - 6} height=${height - TOP - FOOT + 12} onPointerDown=${e => { from.current = y(e); e.currentTarget.setPointerCapture(e.pointerId); }}
      onPointerMove=${e => { if (from.current !== null) set(range(from.current, y(e))); }} onPointerUp=${up} onPointerCancel=${stop} /></g>`;
}

function Ranges({ axes, brushes, onBrush }) {
  const numbers = axes.filter(a => a.axis.kind === "number");
  const put = (a, side, text) => {
    const now = brushes[a.key] ?? a.axis.domain, v = Number(text), next = side === 0 ? [v, now[1]] : [now[0], v];
    if (text !== "" && Number.isFinite(v))
      onBrush(a.key, next);
  };
  return html`<details class="par-ranges"><summary>${t("Ranges")}</summary><div>${numbers.map(a => html`<fieldset key=${a.key}><legend>${a.title}</legend>
    ${[0, 1].map(side => html`<input key=${side} type="number" step="any" aria-label=${side ? t("{name}, to", { name: a.title }) : t("{name}, from", { name: a.title })} value=${full((brushes[a.key] ?? a.axis.domain)[side])} onChange=${e => put(a, side, e.target.value)} />`)}
    ${brushes[a.key] && html`<button type="button" class="link" onClick=${() => onBrush(a.key, null)}>${t("all")}</button>`}</fieldset>`)}</div></details>`;
}

export function Parallel({ label, axes, rows, colour, onColour, brushes = {}, onBrush, highlight, onHover, height = 360 }) {
  const box = useRef(null), canvas = useRef(null), strong = useRef(null), [wide, theme] = useBox(box), [tip, point] = useState(null);
  const width = Math.max(wide, axes.length * 96), placed = useMemo(() => layout(axes, width, height), [axes, width, height]);
  const keep = useMemo(() => kept(axes, rows, brushes), [axes, rows, brushes]);
  const colours = useMemo(() => {
    const by = axes.find(a => a.key === colour), share = by && shares(by.axis);
    return rows.map((row, i) => (share ? (Number.isNaN(share[i]) ? "#8a8f98" : css(ramp(0.4 + 0.6 * shade(share[i], rows.length), { dark: isDark() }))) : row.stroke));
  }, [axes, rows, colour, theme]);
  useEffect(() => {
    if (wide)
      paint(canvas.current, { width, height, placed, rows, keep, colours });
  }, [width, height, placed, rows, keep, colours, wide]);
  useEffect(() => {
    if (wide)
      paintStrong(strong.current, { width, height, placed, rows, colours, highlight });
  }, [width, height, placed, rows, colours, wide, highlight]);
  const moved = event => {
    const area = canvas.current.getBoundingClientRect(), x = event.clientX - area.left, y = event.clientY - area.top, i = nearestRow(placed, rows, keep, x, y);
    point(i < 0 ? null : { i, x, y });
    onHover?.(i < 0 ? null : rows[i].id);
  };
  const left = keep.filter(Boolean).length;
  return html`<figure class="parallel" aria-label=${label}><div class="scroll-x" tabindex="0" ref=${box}><div class="par-body" style=${{ width: `${width}px`, height: `${height}px` }} onMouseMove=${moved} onMouseLeave=${() => { point(null); onHover?.(null); }}>
      ${[canvas, strong].map((ref, i) => html`<canvas key=${i} ref=${ref} class=${i === 0 && highlight ? "behind" : null} style=${{ width: `${width}px`, height: `${height}px` }} aria-hidden="true"></canvas>`)}
      <svg width=${width} height=${height} aria-hidden="true">${placed.map(a => html`<${Axis} key=${a.key} a=${a} height=${height} brush=${brushes[a.key]} onBrush=${onBrush} chosen=${a.key === colour} onChoose=${() => onColour?.(a.key)} />`)}</svg>
      ${rows[tip?.i] && html`<div class="chart-tip" style=${tip.x > width / 2 ? { right: `${width - tip.x + 14}px`, top: `${tip.y + 8}px` } : { left: `${tip.x + 14}px`, top: `${tip.y + 8}px` }}><p><b>${rows[tip.i].name}</b></p>
        <table><tbody>${axes.map(a => html`<tr key=${a.key}><th scope="row">${a.title}</th><td class="num">${a.axis.kind === "category" ? a.axis.names[a.axis.values[tip.i]] ?? "–" : full(a.axis.values[tip.i])}</td></tr>`)}</tbody></table></div>`}</div></div>
    <p class="soft" role="status">${left === rows.length ? t("{n} run|{n} runs", { n: rows.length }) : t("{left} of {n} runs", { left, n: rows.length })}</p><${Ranges} axes=${axes} brushes=${brushes} onBrush=${onBrush} /></figure>`;
}
