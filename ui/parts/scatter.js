/* scatter.js - one value against another, a point per run. Scatter({ label, points: [{ id, name, x, y, stroke, title? }], x, y, trend, highlight, onHover, onPick, height }):
 *   x, y: { label, axis: of lib/axes.js over the same points }. trend: draws the least-squares line (through what the axes show: logarithms on a logarithmic axis)
 *   and says Pearson's r of the values and Spearman's rho. Points without one of both values are counted, not drawn. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { axisTicks } from "../lib/axes.js";
import { full, number } from "../lib/format.js";
import { mapping, padded, pearson, spearman, trend as fit } from "../lib/scale.js";
import { t } from "../lib/words.js";
import { fresh, token, useBox } from "./canvas.js";

const LEFT = 64, RIGHT = 16, TOP = 12, FOOT = 40, NEAR_PX = 16, MANY = 2000;

/* r and rho of what is drawn, and the line in the coordinates of the axes. Pure. */
export function relation(xs, ys, xlog, ylog) {
  const pairs = [...xs.keys()].filter(i => Number.isFinite(xs[i]) && Number.isFinite(ys[i]));
  const x = pairs.map(i => xs[i]), y = pairs.map(i => ys[i]), f = (v, log) => (log ? Math.log10(v) : v);
  return { n: pairs.length, r: pearson(x, y), rho: spearman(x, y), line: fit(x.map(v => f(v, xlog)), y.map(v => f(v, ylog))) };
}

function room(axis) {
  return axis.kind === "category" ? [axis.domain[0] - 0.5, axis.domain[1] + 0.5] : padded(axis.domain, axis.log);
}

function paint(canvas, { width, height, places, points, line, toX, toY, ends, log }) {
  const ctx = fresh(canvas, width, height), radius = points.length > MANY ? 2 : 4, begun = performance.now();
  if (line) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, TOP, width - LEFT - RIGHT, height - TOP - FOOT);
    ctx.clip();
    const at = v => [toX(log[0] ? 10 ** v : v), toY(log[1] ? 10 ** (line.intercept + line.slope * v) : line.intercept + line.slope * v)];
    ctx.strokeStyle = token("--soft");
    ctx.setLineDash([5, 4]);
    ctx.beginPath();
    for (const v of ends.map(v => (log[0] ? Math.log10(v) : v)))
      ctx.lineTo(...at(v));
    ctx.stroke();
    ctx.restore();
  }
  const ring = token("--surface");
  points.forEach((p, i) => places[i] && dot(ctx, places[i], radius, p.stroke, ring, points.length > MANY ? 0.5 : 0.9));
  performance.measure("scatter-paint", { start: begun, end: performance.now(), detail: { points: points.length } });
}

function dot(ctx, [x, y], radius, ink, ring, alpha) {
  ctx.globalAlpha = alpha;
  ctx.fillStyle = ink;
  if (radius <= 2)
    return ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
  ctx.lineWidth = 1;
  ctx.strokeStyle = ring;
  return ctx.stroke();
}

/* The one that is pointed at, on a canvas of its own: the others are not drawn again. */
function paintStrong(canvas, { width, height, places, points, highlight }) {
  const ctx = fresh(canvas, width, height), i = highlight ? points.findIndex(p => p.id === highlight) : -1;
  if (places[i])
    dot(ctx, places[i], points.length > MANY ? 5 : 7, points[i].stroke, token("--surface"), 1);
}

function Axes({ x, y, width, height, toX, toY }) {
  const short = text => (text.length > 12 ? text.slice(0, 11) + "…" : text);
  return html`<svg width=${width} height=${height} aria-hidden="true" class="scatter-axes">
    ${axisTicks({ ...x.axis, domain: x.range }, Math.max(2, Math.floor(width / 110)), number).map(([v, text]) => html`<g key=${"x" + v}><line x1=${toX(v)} x2=${toX(v)} y1=${TOP} y2=${height - FOOT} /><text x=${toX(v)} y=${height - FOOT + 16} text-anchor="middle">${short(text)}</text></g>`)}
    ${axisTicks({ ...y.axis, domain: y.range }, Math.max(2, Math.floor(height / 60)), number).map(([v, text]) => html`<g key=${"y" + v}><line x1=${LEFT} x2=${width - RIGHT} y1=${toY(v)} y2=${toY(v)} /><text x=${LEFT - 6} y=${toY(v) + 4} text-anchor="end">${short(text)}</text></g>`)}
    <text class="axis-name" x=${(LEFT + width - RIGHT) / 2} y=${height - 6} text-anchor="middle">${x.label}${x.axis.log ? " (log)" : ""}</text></svg>`;
}

function Says({ found, missing }) {
  return html`<p class="scatter-says soft" role="status">${t("{n} run|{n} runs", { n: found.n })}${missing > 0 && html` · ${t("{n} without one of both values", { n: missing })}`}
    ${found.r !== null && html` · <span title=${full(found.r)}>r = <b>${number(found.r)}</b></span>`}${found.rho !== null && html` · <span title=${full(found.rho)}>ρ = <b>${number(found.rho)}</b></span>`}</p>`;
}

function show(axis, i) {
  return axis.kind === "category" ? axis.names[axis.values[i]] ?? "–" : full(axis.values[i]);
}

function Table({ label, points, x, y }) {
  return html`<div class="visually-hidden"><table class="scatter-table"><caption>${label}</caption><thead><tr><th>${t("Run")}</th><th>${x.label}</th><th>${y.label}</th></tr></thead><tbody>
    ${points.slice(0, 300).map((p, i) => html`<tr key=${p.id} data-id=${p.id}><th scope="row">${p.name}</th><td>${show(x.axis, i)}</td><td>${show(y.axis, i)}</td></tr>`)}</tbody></table></div>`;
}

export function Scatter({ label, points, x, y, trend = true, highlight, onHover, onPick, height = 420 }) {
  const box = useRef(null), canvas = useRef(null), strong = useRef(null), [width, theme] = useBox(box), [tip, point] = useState(null);
  const xr = useMemo(() => room(x.axis), [x.axis]), yr = useMemo(() => room(y.axis), [y.axis]);
  const toX = mapping(xr, [LEFT, width - RIGHT], x.axis.log), toY = mapping(yr, [height - FOOT, TOP], y.axis.log);
  const places = points.map((_, i) => {
    const px = toX(x.axis.values[i]), py = toY(y.axis.values[i]);
    return Number.isNaN(px) || Number.isNaN(py) ? null : [px, py];
  });
  const found = useMemo(() => relation(x.axis.values, y.axis.values, x.axis.log, y.axis.log), [x.axis, y.axis]);
  const numbers = x.axis.kind === "number" && y.axis.kind === "number", line = trend && numbers ? found.line : null;
  useEffect(() => {
    if (width)
      paint(canvas.current, { width, height, places, points, line, toX, toY, ends: x.axis.domain, log: [x.axis.log, y.axis.log] });
  }, [width, height, points, x.axis, y.axis, theme, line]);
  useEffect(() => {
    if (width)
      paintStrong(strong.current, { width, height, places, points, highlight });
  }, [width, height, points, x.axis, y.axis, theme, highlight]);
  const table = useMemo(() => html`<${Table} label=${label} points=${points} x=${x} y=${y} />`, [label, points, x.axis, y.axis]); /* not drawn again with each move */
  const moved = event => {
    const area = canvas.current.getBoundingClientRect(), px = event.clientX - area.left, py = event.clientY - area.top;
    let best = -1, least = NEAR_PX;
    places.forEach((p, i) => {
      const distance = p ? Math.hypot(p[0] - px, p[1] - py) : Infinity;
      if (distance < least) {
        least = distance;
        best = i;
      }
    });
    point(best < 0 ? null : { i: best, x: px, y: py });
    onHover?.(best < 0 ? null : points[best].id);
  };
  return html`<figure class="scatter" aria-label=${label}><p class="scatter-y soft">${y.label}${y.axis.log ? " (log)" : ""}</p>
    <div class="scatter-body" ref=${box} style=${{ height: `${height}px` }} onMouseMove=${moved} onMouseLeave=${() => { point(null); onHover?.(null); }} onClick=${() => points[tip?.i] && onPick?.(points[tip.i].id)}>
      ${width > 0 && html`<${Axes} x=${{ ...x, range: xr }} y=${{ ...y, range: yr }} width=${width} height=${height} toX=${toX} toY=${toY} />`}
      ${[canvas, strong].map((ref, i) => html`<canvas key=${i} ref=${ref} class=${i === 0 && highlight ? "behind" : null} style=${{ width: `${width}px`, height: `${height}px` }} aria-hidden="true"></canvas>`)}
      ${tip && points[tip.i] && html`<div class="chart-tip" style=${tip.x > width / 2 ? { right: `${width - tip.x + 14}px`, top: `${tip.y}px` } : { left: `${tip.x + 14}px`, top: `${tip.y}px` }}><p><b>${points[tip.i].name}</b></p>
        <table><tbody><tr><th scope="row">${x.label}</th><td class="num">${show(x.axis, tip.i)}</td></tr><tr><th scope="row">${y.label}</th><td class="num">${show(y.axis, tip.i)}</td></tr></tbody></table></div>`}</div>
    <${Says} found=${numbers ? found : { ...found, r: null, rho: null }} missing=${points.length - found.n} />${table}</figure>`;
}
