/* heatmap.js - numbers in rows and columns as colours. HeatMap({ rows, cols, value(r, c), scale, label, onPick(r, c), threshold, format, cell }):
 * rows and cols: [text] or [{ label, title }]; value: a number, null or NaN where there is none (drawn as a hollow cell, never as 0).
 * scale: { min, max, both } (both: two-sided around 0); without it from the data. A cell at or above `threshold` has a dot besides its colour.
 * Drawn on one canvas; the arrow keys move a cursor whose cell is said; Enter picks it. `highlight`: [r, c] chosen by the owner. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { full, number } from "../lib/format.js";
import { css, inkOn, ramp } from "../lib/ramp.js";
import { t } from "../lib/words.js";
import { isDark } from "../shell/theme.js";
import { fresh, token, useBox } from "./canvas.js";

const ROW = 22, CELL_MIN = 8, TABLE_CELLS_MAX = 4000;
const text = one => (typeof one === "string" ? one : one.label);

function scaleOf(scale, rows, cols, value) {
  let low = Infinity, high = -Infinity;
  for (let r = 0; r < rows.length; r++)
    for (let c = 0; c < cols.length; c++) {
      const v = value(r, c);
      if (Number.isFinite(v)) {
        low = Math.min(low, v);
        high = Math.max(high, v);
      }
    }
  if (!(low <= high))
    low = high = 0;
  const both = scale?.both ?? false, max = scale?.max ?? (both ? Math.max(Math.abs(low), Math.abs(high)) : high);
  return { both, max, min: scale?.min ?? (both ? -max : Math.min(0, low)) };
}

function shareOf(v, { both, min, max }) {
  return both ? (max > 0 ? v / max : 0) : max > min ? (v - min) / (max - min) : 0;
}

function paintCell(ctx, v, x, y, w, h, look) {
  if (!Number.isFinite(v)) {
    ctx.strokeStyle = look.line;
    ctx.strokeRect(x + 1.5, y + 1.5, Math.max(1, w - 4), h - 4);
    if (v === Infinity || v === -Infinity || (typeof v === "number" && w > 14))
      write(ctx, number(v), x, y, w, h, look.soft);
    return;
  }
  const rgb = ramp(shareOf(v, look.scale), { dark: look.dark, both: look.scale.both });
  ctx.fillStyle = css(rgb);
  ctx.fillRect(x, y, Math.max(1, w - 1), h - 1);
  const over = look.threshold !== undefined && v >= look.threshold;
  const short = w >= 36 ? [look.format(v), number(Number(v.toPrecision(2)))].find(words => ctx.measureText(words).width < w - (over ? 14 : 6)) : null;
  if (short)
    write(ctx, short, x, y, w - (over ? 8 : 0), h, inkOn(rgb));
  if (over) {
    ctx.fillStyle = inkOn(rgb);
    ctx.beginPath();
    ctx.arc(short ? x + w - 8 : x + w / 2, y + h / 2, Math.min(3, w / 4), 0, 2 * Math.PI);
    ctx.fill();
  }
}

function write(ctx, words, x, y, w, h, ink) {
  ctx.fillStyle = ink;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(words, x + w / 2, y + h / 2);
}

function paint(canvas, { rows, cols, value, look, cell, at, highlight }) {
  const ctx = fresh(canvas, cols.length * cell, rows.length * ROW);
  ctx.font = "11px system-ui, sans-serif";
  for (let r = 0; r < rows.length; r++)
    for (let c = 0; c < cols.length; c++)
      paintCell(ctx, value(r, c), c * cell, r * ROW, cell, ROW, look);
  for (const [place, colour] of [[highlight, look.text], [at, look.accent]])
    if (place) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = 2;
      ctx.strokeRect(place[1] * cell + 1, place[0] * ROW + 1, cell - 3, ROW - 3);
    }
}

function Key({ scale, format, threshold }) {
  const stops = Array.from({ length: 24 }, (_, i) => i / 23);
  return html`<div class="heat-key soft"><span>${format(scale.min)}</span><span class="heat-ramp" aria-hidden="true">${stops.map(s => html`<i key=${s} style=${{ background: css(ramp(scale.both ? 2 * s - 1 : s, { dark: isDark(), both: scale.both })) }} />`)}</span><span>${format(scale.max)}</span>
    <span class="heat-none"><i aria-hidden="true" />${t("no data")}</span>${threshold !== undefined && html`<span class="heat-over"><i aria-hidden="true" />≥ ${format(threshold)}</span>`}</div>`;
}

function Table({ rows, cols, value, label }) {
  return html`<div class="visually-hidden"><table class="heat-table"><caption>${label}</caption><thead><tr><td></td>${cols.map((c, i) => html`<th key=${i}>${text(c)}</th>`)}</tr></thead>
    <tbody>${rows.map((row, r) => html`<tr key=${r}><th scope="row">${text(row)}</th>${cols.map((_, c) => html`<td key=${c}>${full(value(r, c))}</td>`)}</tr>`)}</tbody></table></div>`;
}

export function HeatMap({ rows, cols, value, scale, label, onPick, threshold, format = number, cell: wanted, highlight }) {
  const canvas = useRef(null), box = useRef(null), [width, theme] = useBox(box), cell = wanted ?? (width ? Math.max(CELL_MIN, Math.min(64, Math.floor(width / Math.max(1, cols.length)))) : 24);
  const [over, setOver] = useState(null), range = useMemo(() => scaleOf(scale, rows, cols, value), [scale, rows, cols, value]);
  const at = over && over[0] < rows.length && over[1] < cols.length ? over : null; /* there may be fewer now */
  const move = next => (next?.[0] === over?.[0] && next?.[1] === over?.[1]) || setOver(next);
  useEffect(() => {
    const look = { scale: range, dark: isDark(), threshold, format, line: token("--edge"), soft: token("--soft"), text: token("--text"), accent: token("--accent") };
    paint(canvas.current, { rows, cols, value, look, cell, at, highlight });
  }, [rows, cols, value, range, cell, at?.[0], at?.[1], highlight?.[0], highlight?.[1], theme, threshold]);
  const table = useMemo(() => rows.length * cols.length <= TABLE_CELLS_MAX && html`<${Table} rows=${rows} cols=${cols} value=${value} label=${label} />`, [rows, cols, value, label]);
  useEffect(() => { /* columns are times: the newest stand in view where not all do */
    box.current.scrollLeft = box.current.scrollWidth;
  }, [cols.length, cell]);
  const place = event => {
    const area = canvas.current.getBoundingClientRect(), c = Math.floor((event.clientX - area.left) / cell), r = Math.floor((event.clientY - area.top) / ROW);
    return r >= 0 && r < rows.length && c >= 0 && c < cols.length ? [r, c] : null;
  };
  const key = event => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -cols.length], End: [0, cols.length] }[event.key];
    if (event.key === "Enter" && at)
      onPick?.(at[0], at[1]);
    else if (step)
      move(at ? [Math.max(0, Math.min(rows.length - 1, at[0] + step[0])), Math.max(0, Math.min(cols.length - 1, at[1] + step[1]))] : [0, 0]);
    else
      return;
    event.preventDefault();
  };
  const says = at && `${text(rows[at[0]])}, ${text(cols[at[1]])}: ${full(value(at[0], at[1]))}`;
  const each = Math.max(1, Math.ceil(46 / cell));
  return html`<figure class="heatmap" aria-label=${label}><div class="heat-body"><div class="heat-rows" aria-hidden="true">${rows.map((row, r) => html`<span key=${r} title=${row.title ?? text(row)}>${text(row)}</span>`)}</div>
      <div class="heat-scroll" ref=${box}><canvas ref=${canvas} tabindex="0" role="application" aria-label=${t("{name}: arrow keys move, Enter chooses", { name: label })} class=${onPick ? "can-pick" : null}
        style=${{ width: `${cols.length * cell}px`, height: `${rows.length * ROW}px` }} onMouseMove=${e => move(place(e))} onMouseLeave=${() => move(null)} onBlur=${() => move(null)}
        onClick=${e => { const p = place(e); if (p) onPick?.(p[0], p[1]); }} onKeyDown=${key}></canvas>
        <div class="heat-cols soft" aria-hidden="true" style=${{ width: `${cols.length * cell}px` }}>${cols.map((c, i) => i % each === 0 && (i === 0 || i + each <= cols.length) && html`<span key=${i} style=${{ left: `${i * cell}px`, width: `${each * cell}px` }} title=${c.title ?? text(c)}>${text(c)}</span>`)}</div></div></div>
    <p class="heat-says" role="status">${says ?? "\u00a0"}</p><${Key} scale=${range} format=${format} threshold=${threshold} />
    ${table}</figure>`;
}
