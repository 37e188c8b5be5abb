/* chart_data.js - what a chart knows of its series before it is drawn: columns of numbers, ranges, the nearest line, tables for readers, tests and
 * files. Pure, no page (tests/ui/chart.test.mjs). Series are prepared once per array: typed columns are kept by the array they come from. */
import { distanceToSegment, extent, isAscending, lowerBound, nearestIndex, padded, toNumbers } from "../lib/scale.js";

const columns = new WeakMap();

function column(values) {
  if (!values || values instanceof Float64Array)
    return values ?? null;
  let known = columns.get(values);
  if (!known || known.length !== values.length) /* grown in place */
    columns.set(values, known = toNumbers(values));
  return known;
}

function sorted(series) {
  const order = [...series.x.keys()].filter(i => !Number.isNaN(series.x[i])).sort((a, b) => series.x[a] - series.x[b]);
  const pick = values => values && Float64Array.from(order, i => values[i]);
  return { ...series, x: pick(series.x), y: pick(series.y), min: pick(series.min), max: pick(series.max), raw: pick(series.raw) };
}

/* The series as columns in ascending x. `raw`: the line behind. `pale`: the whole series is drawn faintly and cannot be pointed at. */
export function prepare(series) {
  return series.map(s => {
    const out = { id: s.id ?? s.name, name: s.name ?? String(s.id), stroke: s.stroke, dash: s.dash ?? [], width: s.width, points: s.points ?? false, pale: s.faint === true,
      x: column(s.x), y: column(s.y), min: column(s.min), max: column(s.max), raw: s.faint && s.faint !== true ? column(s.faint) : null };
    return isAscending(out.x) ? out : sorted(out);
  });
}

function drawn(list, hidden) {
  return list.filter(s => !hidden.has(s.id));
}

/* The x of everything, or null without points. */
export function rangeX(list, hidden, log) {
  let all = null;
  for (const s of drawn(list, hidden))
    all = extent(s.x, log, all) ?? all;
  return all;
}

function widen(all, values, from, to, log) {
  return values ? extent(values.subarray(from, to), log, all) ?? all : all;
}

/* A range that somebody asked for, or null where nothing can be drawn in it. */
export function usable(range, log) {
  return range && range.every(Number.isFinite) && range[1] > range[0] && !(log && range[0] <= 0) ? range : null;
}

/* What is pointed at, {series, index}, in the series as they are now: the same line at the same x; null if it is gone. */
export function again(at, list) {
  const series = at && list.find(s => s.id === at.series.id && s.x.length > 0);
  return series ? { series, index: nearestIndex(series.x, at.series.x[at.index]) } : null;
}

/* The y of what lies in [from, to], or of the ends of the pieces that cross it; `fixed` = [low, high] with null for "as the data has it". */
export function rangeY(list, hidden, [from, to], log, fixed, more = []) {
  let all = null;
  for (const s of drawn(list, hidden)) {
    let a = lowerBound(s.x, from), b = lowerBound(s.x, to);
    while (b < s.x.length && s.x[b] === to)
      b++;
    if (a === b && a > 0 && b < s.x.length) {
      a--;
      b++;
    }
    for (const values of [s.y, s.min, s.max, s.raw])
      all = widen(all, values, a, b, log);
  }
  all = extent(more, log, all) ?? all;
  const [low, high] = padded(all ?? (log ? [1, 10] : [0, 1]), log);
  const out = [fixed?.[0] ?? low, fixed?.[1] ?? high];
  if (log && !(out[0] > 0))
    out[0] = low;
  return out[1] > out[0] ? out : [out[0], out[0] + (Math.abs(out[0]) * 0.1 || 1)];
}

/* How many values are left out: they are not above 0 on a logarithmic axis. */
export function leftOut(list, xlog, ylog) {
  let n = 0;
  for (const s of list)
    for (let i = 0; (xlog || ylog) && i < s.x.length; i++)
      n += (xlog && s.x[i] <= 0) || (ylog && s.y[i] <= 0) ? 1 : 0;
  return n;
}

/* The line nearest to a place in pixels: {series, index, distance}, or null beyond `reach`. The columns are in order, so each line is asked only
 * for the pieces around the place: ten thousand lines take about a millisecond. */
export function nearest(list, hidden, px, py, toX, toY, atX, reach = 30) {
  let best = null, least = reach;
  const x = atX(px), from = atX(px - reach), to = atX(px + reach);
  for (const s of list) {
    if (s.pale || hidden.has(s.id) || s.x.length === 0 || s.x[0] > to || s.x[s.x.length - 1] < from)
      continue;
    const i = nearestIndex(s.x, x);
    for (let k = Math.max(0, i - 1); k <= Math.min(s.x.length - 1, i + 1); k++) {
      const bx = toX(s.x[k]), by = toY(s.y[k]);
      if (Number.isNaN(bx) || Number.isNaN(by))
        continue;
      const ax = k > 0 ? toX(s.x[k - 1]) : NaN, ay = k > 0 ? toY(s.y[k - 1]) : NaN;
      const distance = Number.isNaN(ax) || Number.isNaN(ay) ? Math.hypot(px - bx, py - by) : distanceToSegment(px, py, ax, ay, bx, by);
      if (distance < least) {
        least = distance;
        best = { series: s, index: !Number.isNaN(ax) && Math.abs(px - ax) < Math.abs(px - bx) ? k - 1 : k, distance };
      }
    }
  }
  return best;
}

/* What stands in the table for screen readers: a row per series. */
export function summary(list) {
  return list.filter(s => !s.pale).map(s => {
    let n = 0, last = NaN, min = Infinity, max = -Infinity;
    for (let i = 0; i < s.y.length; i++) {
      if (!Number.isFinite(s.y[i]))
        continue;
      n++;
      last = s.y[i];
      min = Math.min(min, s.min && Number.isFinite(s.min[i]) ? s.min[i] : last);
      max = Math.max(max, s.max && Number.isFinite(s.max[i]) ? s.max[i] : last);
    }
    return { id: s.id, name: s.name, n, missing: s.y.length - n, first: s.x[0], to: s.x[s.x.length - 1], last, min: n ? min : NaN, max: n ? max : NaN };
  });
}

/* All that is drawn, one row per point. */
export function csvRows(list, xName, yName) {
  const has = key => list.some(s => s[key]), band = has("min") && has("max"), raw = has("raw");
  const rows = [["series", "id", xName, yName, ...(band ? ["min", "max"] : []), ...(raw ? ["raw"] : [])]];
  for (const s of list)
    for (let i = 0; !s.pale && i < s.x.length; i++)
      rows.push([s.name, s.id, s.x[i], s.y[i], ...(band ? [s.min?.[i], s.max?.[i]] : []), ...(raw ? [s.raw?.[i]] : [])]);
  return rows;
}
