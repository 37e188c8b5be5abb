/* scale.js - the arithmetic of charts: columns of numbers, their extents, mappings from data to pixels, ticks, the nearest point. Pure, no page.
 * NaN stands for "nothing here": it is never drawn, never 0. */

const INFINITE = 1e300; /* stored metrics know no infinity: it is the largest number there is, and means of stretches with one are near it */

/* A column as Float64Array; null and what is no number become NaN, what stands for infinity that. A typed array is taken as it is. */
export function toNumbers(column) {
  if (column instanceof Float64Array)
    return column;
  const out = new Float64Array(column?.length ?? 0);
  for (let i = 0; i < out.length; i++) {
    out[i] = column[i] === null || column[i] === undefined || column[i] === "" ? NaN : Number(column[i]);
    if (Math.abs(out[i]) >= INFINITE)
      out[i] = out[i] > 0 ? Infinity : -Infinity;
  }
  return out;
}

/* [lowest, highest] of the finite values (above 0, if `positive`), or null. */
export function extent(values, positive = false, into = null) {
  let [low, high] = into ?? [Infinity, -Infinity];
  for (const v of values)
    if (Number.isFinite(v) && !(positive && v <= 0)) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
  return low <= high ? [low, high] : null;
}

/* Whether a range is wide enough for ticks: in a narrower one steps are smaller than what doubles can tell apart, and stepping through it would never end. */
function isWide(low, high) {
  return high - low > Math.max(Math.abs(low), Math.abs(high)) * 1e-12;
}

/* A range to draw: 5 % of air, and never without height. */
export function padded([low, high], log = false, share = 0.05) {
  if (log) {
    const a = Math.log10(low), b = Math.log10(high), air = b > a ? (b - a) * share : 0.5;
    return [Math.max(Number.MIN_VALUE, 10 ** (a - air)), Math.min(Number.MAX_VALUE, 10 ** (b + air))];
  }
  const air = isWide(low, high) ? (high - low) * share : Math.abs(low) * 0.1 || 1;
  return [low - air, high + air];
}

/* The range, or one around it that is wide enough to have ticks. */
export function widened([low, high]) {
  const air = Math.max(Math.abs(low), Math.abs(high)) * 1e-12;
  return isWide(low, high) || !air ? [low, high] : [low - air, high + air];
}

/* The range `factor` times as wide, with `middle` in its middle. */
export function zoomed([low, high], middle, factor, log = false) {
  const f = log ? Math.log : v => v, back = log ? Math.exp : v => v, half = (f(high) - f(low)) * factor / 2;
  return widened([back(f(middle) - half), back(f(middle) + half)]);
}

/* Where a column in ascending order first reaches v. */
export function lowerBound(xs, v) {
  let from = 0, to = xs.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (xs[middle] < v)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

/* The place of the value nearest to v, -1 in an empty column. */
export function nearestIndex(xs, v) {
  const i = lowerBound(xs, v);
  if (i === 0 || i >= xs.length)
    return i === 0 ? (xs.length ? 0 : -1) : xs.length - 1;
  return v - xs[i - 1] <= xs[i] - v ? i - 1 : i;
}

export function isAscending(xs) {
  for (let i = 1; i < xs.length; i++)
    if (!(xs[i - 1] <= xs[i]))
      return false;
  return true;
}

/* Maps [low, high] to [from, to]; `at` back again. A logarithmic one maps what is not above 0 to NaN. */
export function mapping([low, high], [from, to], log = false) {
  const f = log ? Math.log : v => v, a = f(low), k = high === low ? 0 : (to - from) / (f(high) - a);
  const map = v => {
    const p = from + (f(v) - a) * k;
    return Number.isFinite(p) ? p : NaN;
  };
  map.at = p => (k === 0 ? low : log ? Math.exp(a + (p - from) / k) : a + (p - from) / k);
  return map;
}

/* 1, 2 or 5 times a power of ten that cuts `span` into about `count` parts. */
function niceStep(span, count) {
  const rough = span / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough)), part = rough / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* Round numbers in [low, high]; on a logarithmic axis powers of ten, and their 2 and 5 where there are few. */
export function ticks([low, high], count = 5, log = false) {
  const out = [];
  if (!(high > low))
    return Number.isFinite(low) ? [low] : out;
  if (log) {
    const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high)), each = Math.max(1, Math.ceil((to - from) / count));
    for (let p = from; p <= to; p += each)
      for (const m of to - from <= count / 2 ? [1, 2, 5] : [1])
        if (m * 10 ** p >= low * (1 - 1e-12) && m * 10 ** p <= high * (1 + 1e-12))
          out.push(Number((m * 10 ** p).toPrecision(12)));
    if (out.length > 1)
      return out;
    out.length = 0;
  }
  const step = niceStep(high - low, count), first = Math.ceil(low / step - 1e-9), last = Math.min(first + 4 * count, Math.floor(high / step + 1e-9));
  for (let n = 0; n <= last - first; n++)
    out.push(Number(((first + n) * step).toPrecision(15)));
  return [...new Set(out)];
}

/* The distance of a point from a piece of line. */
export function distanceToSegment(px, py, ax, ay, bx, by) {
  const dx = bx - ax, dy = by - ay, length2 = dx * dx + dy * dy;
  const at = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / length2));
  return Math.hypot(px - ax - at * dx, py - ay - at * dy);
}

/* Least squares through points: {slope, intercept}, null with fewer than two different x. */
export function trend(xs, ys) {
  let n = 0, mx = 0, my = 0, sxx = 0, sxy = 0;
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(xs[i]) || !Number.isFinite(ys[i]))
      continue;
    n++;
    const dx = xs[i] - mx, dy = ys[i] - my;
    mx += dx / n;
    my += dy / n;
    sxx += dx * (xs[i] - mx);
    sxy += dx * (ys[i] - my);
  }
  return n < 2 || sxx === 0 ? null : { slope: sxy / sxx, intercept: my - sxy / sxx * mx };
}

/* Pearson's r; null where one side does not vary or there are fewer than two pairs. */
export function pearson(xs, ys) {
  const pairs = [...xs.keys()].filter(i => Number.isFinite(xs[i]) && Number.isFinite(ys[i]));
  const varies = column => pairs.some(i => column[i] !== column[pairs[0]]); /* means are rounded: the sums of squares of equal values need not be 0 */
  if (!varies(xs) || !varies(ys))
    return null;
  const mean = column => pairs.reduce((sum, i) => sum + column[i], 0) / pairs.length;
  const mx = mean(xs), my = mean(ys);
  let sxx = 0, syy = 0, sxy = 0;
  for (const i of pairs) {
    const dx = xs[i] - mx, dy = ys[i] - my;
    sxx += dx * dx;
    syy += dy * dy;
    sxy += dx * dy;
  }
  return sxx === 0 || syy === 0 ? null : Math.max(-1, Math.min(1, sxy / Math.sqrt(sxx * syy)));
}

/* Ranks from 1, ties share their mean rank. */
export function ranks(values) {
  const order = values.map((v, i) => i).sort((a, b) => values[a] - values[b]), out = new Array(values.length);
  for (let i = 0; i < order.length;) {
    let end = i + 1;
    while (end < order.length && values[order[end]] === values[order[i]])
      end++;
    for (let k = i; k < end; k++)
      out[order[k]] = (i + end + 1) / 2;
    i = end;
  }
  return out;
}

/* Spearman's rho: Pearson's r of the ranks. */
export function spearman(xs, ys) {
  const pairs = [...xs.keys()].filter(i => Number.isFinite(xs[i]) && Number.isFinite(ys[i]));
  return pairs.length < 2 ? null : pearson(ranks(pairs.map(i => xs[i])), ranks(pairs.map(i => ys[i])));
}
