/* chart_paint.js - draws series on a canvas: bands, lines, points, marks. One stroke takes many lines of the same colour, so that ten thousand lines
 * are a few hundred strokes; a line with more points than pixels is drawn as the lowest and highest of each column of pixels, so that no peak
 * is lost. `view`: {left, top, width, height (device pixels), ratio, toX, toY, from, to (x of the axis)}. */
import { lowerBound } from "../lib/scale.js";

const LINES_PER_STROKE = 64; /* longer paths cost more than their length: the rasteriser sorts their edges */
const MANY_LINES = 400;      /* from here on lines are thinner and paler */

/* The part of a column that is seen, with one neighbour on each side. */
function seen(s, view) {
  const from = Math.max(0, lowerBound(s.x, view.from) - 1);
  let to = lowerBound(s.x, view.to);
  while (to < s.x.length && s.x[to] === view.to)
    to++;
  return [from, Math.min(s.x.length, to + 1)];
}

function tracePlain(path, xs, ys, from, to, view) {
  let down = false;
  for (let i = from; i < to; i++) {
    const x = view.toX(xs[i]), y = view.toY(ys[i]);
    if (Number.isNaN(x) || Number.isNaN(y)) {
      down = false;
      continue;
    }
    if (down)
      path.lineTo(x, y);
    else
      path.moveTo(x, y);
    down = true;
  }
}

/* Per column of pixels: first, lowest, highest, last. */
function traceDense(path, xs, ys, from, to, view) {
  let column = NaN, first = 0, low = 0, high = 0, last = 0, down = false;
  const flush = () => {
    if (Number.isNaN(column))
      return;
    if (down)
      path.lineTo(column, first);
    else
      path.moveTo(column, first);
    if (low !== high) {
      path.lineTo(column, low);
      path.lineTo(column, high);
    }
    path.lineTo(column, last);
    down = true;
  };
  for (let i = from; i < to; i++) {
    const x = Math.round(view.toX(xs[i])), y = view.toY(ys[i]);
    if (Number.isNaN(x) || Number.isNaN(y)) {
      flush();
      column = NaN;
      down = false;
    } else if (x === column) {
      low = Math.min(low, y);
      high = Math.max(high, y);
      last = y;
    } else {
      flush();
      column = x;
      first = low = high = last = y;
    }
  }
  flush();
}

function trace(path, s, ys, view) {
  const [from, to] = seen(s, view);
  (to - from > 4 * view.width ? traceDense : tracePlain)(path, s.x, ys, from, to, view);
}

function paintBand(ctx, s, view) {
  const [from, to] = seen(s, view);
  for (let i = from; i < to;) {
    const begin = i;
    while (i < to && !Number.isNaN(view.toX(s.x[i])) && !Number.isNaN(view.toY(s.min[i])) && !Number.isNaN(view.toY(s.max[i])))
      i++;
    if (i > begin) {
      ctx.beginPath();
      for (let k = begin; k < i; k++)
        ctx.lineTo(view.toX(s.x[k]), view.toY(s.max[k]));
      for (let k = i - 1; k >= begin; k--)
        ctx.lineTo(view.toX(s.x[k]), view.toY(s.min[k]));
      ctx.closePath();
      ctx.fill();
    }
    i = Math.max(i, begin + 1);
  }
}

/* Points that a line cannot show: all of them where asked for, else those without a neighbour on either side. */
function paintPoints(ctx, s, view, radius) {
  const [from, to] = seen(s, view);
  ctx.beginPath();
  for (let i = from; i < to; i++) {
    const alone = !(i > 0 && Number.isFinite(s.y[i - 1])) && !(i + 1 < s.y.length && Number.isFinite(s.y[i + 1]));
    const x = view.toX(s.x[i]), y = view.toY(s.y[i]);
    if ((!s.points && !alone) || Number.isNaN(x) || Number.isNaN(y))
      continue;
    ctx.moveTo(x + radius, y);
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
  }
  ctx.fill();
}

function clip(ctx, view) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(view.left, view.top, view.width, view.height);
  ctx.clip();
  ctx.lineJoin = "round";
  ctx.font = `${11 * view.ratio}px system-ui, sans-serif`;
}

/* Series by what they are drawn with. */
function byLook(list) {
  const groups = new Map();
  for (const s of list) {
    const key = `${s.stroke}|${s.dash.join()}|${s.pale}|${s.width ?? ""}`;
    if (!groups.has(key))
      groups.set(key, []);
    groups.get(key).push(s);
  }
  return groups.values();
}

/* A stroke's worth of each look in turn: the last colour does not lie above all others. */
function mixed(list) {
  const out = [];
  for (const group of byLook(list))
    for (let i = 0; i < group.length; i += LINES_PER_STROKE)
      out.push([(i + 0.5 * LINES_PER_STROKE) / group.length, group.slice(i, i + LINES_PER_STROKE)]);
  return out.sort((a, b) => a[0] - b[0]).map(([, group]) => group);
}

function strokeLines(ctx, group, view, columnOf) {
  for (let i = 0; i < group.length; i += LINES_PER_STROKE) {
    ctx.beginPath();
    for (const s of group.slice(i, i + LINES_PER_STROKE))
      if (columnOf(s))
        trace(ctx, s, columnOf(s), view);
    ctx.stroke();
  }
}

/* All series; `strong`: a highlighted one, drawn thicker with its band. */
export function paintSeries(ctx, list, view, strong = false) {
  const many = list.length > MANY_LINES, width = (many ? 1 / view.ratio : strong ? 2.5 : 1.5) * view.ratio;
  clip(ctx, view);
  for (const s of list)
    if (s.min && s.max && !many) {
      ctx.fillStyle = s.stroke;
      ctx.globalAlpha = strong ? 0.25 : 0.13;
      paintBand(ctx, s, view);
    }
  for (const group of many ? mixed(list) : byLook(list)) {
    const alpha = group[0].pale ? 0.3 : many ? Math.max(0.12, 0.6 - list.length / 20000) : 1;
    ctx.strokeStyle = ctx.fillStyle = group[0].stroke;
    ctx.lineWidth = group[0].width ? group[0].width * view.ratio : width;
    ctx.globalAlpha = 0.25;
    if (!many && group.some(s => s.raw))
      strokeLines(ctx, group, view, s => s.raw);
    ctx.globalAlpha = alpha;
    ctx.setLineDash(many ? [] : group[0].dash.map(d => d * view.ratio));
    strokeLines(ctx, group, view, s => s.y);
    ctx.setLineDash([]);
    for (const s of many ? [] : group)
      paintPoints(ctx, s, view, (strong ? 4 : 2.5) * view.ratio);
  }
  ctx.restore();
}

/* Stretches of an axis behind everything: {x: [from, to]} or {y: [from, to]}. colour(kind) names the colour. */
export function paintBands(ctx, bands, view, colour) {
  clip(ctx, view);
  for (const band of bands) {
    const end = (v, map, open) => (v === null || v === undefined || Number.isNaN(map(v)) ? open : map(v)); /* below a logarithmic axis: from its foot */
    const right = view.left + view.width, foot = view.top + view.height;
    const x0 = band.x ? end(band.x[0], view.toX, view.left) : view.left, x1 = band.x ? end(band.x[1], view.toX, right) : right;
    const y0 = band.y ? end(band.y[1], view.toY, view.top) : view.top, y1 = band.y ? end(band.y[0], view.toY, foot) : foot;
    ctx.globalAlpha = 0.1;
    ctx.fillStyle = colour(band.kind);
    ctx.fillRect(x0, y0, x1 - x0, y1 - y0);
    if (band.text)
      label(ctx, short(band.text), Math.max(x0, view.left) + 4 * view.ratio, Math.max(y0, view.top) + 12 * view.ratio, colour(band.kind));
  }
  ctx.restore();
}

function label(ctx, text, x, y, ink) {
  ctx.globalAlpha = 1;
  ctx.fillStyle = ink;
  ctx.fillText(text, x, y);
}

function short(text) {
  return text.length > 40 ? text.slice(0, 39) + "…" : text;
}

/* Thresholds (y) and events (x): a dashed line with its words. */
export function paintMarks(ctx, marks, view, colour) {
  clip(ctx, view);
  ctx.lineWidth = view.ratio;
  ctx.setLineDash([4 * view.ratio, 3 * view.ratio]);
  let lane = 0;
  for (const mark of marks) {
    const across = mark.y !== undefined, at = across ? view.toY(mark.y) : view.toX(mark.x);
    if (Number.isNaN(at))
      continue;
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colour(mark.kind);
    ctx.beginPath();
    ctx.moveTo(across ? view.left : at, across ? at : view.top);
    ctx.lineTo(across ? view.left + view.width : at, across ? at : view.top + view.height);
    ctx.stroke();
    if (!mark.text)
      continue;
    const words = short(mark.text), right = view.left + view.width, wide = ctx.measureText(words).width, gap = 4 * view.ratio;
    if (across)
      label(ctx, words, right - wide - gap, at - gap < view.top + 10 * view.ratio ? at + 3 * gap : at - gap, colour(mark.kind));
    else if (at >= view.left && at <= right)
      label(ctx, words, at + wide + gap > right ? at - wide - gap : at + gap, view.top + (12 + 13 * (lane++ % 3)) * view.ratio, colour(mark.kind));
  }
  ctx.restore();
}
