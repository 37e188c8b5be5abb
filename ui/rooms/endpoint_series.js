/* endpoint_series.js - an endpoint's recent past (GET /endpoints/{name}/live) as series of charts. Pure; used by endpoint_live.js and its test. */
import { palette } from "../lib/colour.js";

/* step_ms 0: the server chooses. */
export const ranges = [
  { name: "5m", text: "5 min", ms: 300000, step_ms: 2000, refresh_ms: 2000 },
  { name: "15m", text: "15 min", ms: 900000, step_ms: 5000, refresh_ms: 5000 },
  { name: "1h", text: "1 h", ms: 3600000, step_ms: 20000, refresh_ms: 10000 },
  { name: "6h", text: "6 h", ms: 21600000, step_ms: 120000, refresh_ms: 30000 },
  { name: "24h", text: "24 h", ms: 86400000, step_ms: 480000, refresh_ms: 60000 },
];

export function rangeOf(name) {
  return ranges.find(r => r.name === name) ?? ranges[1];
}

/* Column by column: f of the values, null where one of them is null. */
function mapped(columns, f) {
  return columns[0].map((_, i) => (columns.some(c => c[i] === null) ? null : f(...columns.map(c => c[i]))));
}

function rate(c, step_us) {
  return mapped([c.requests], n => n / (step_us / 1e6));
}

/* A share of nothing is unknown, not 0. */
function percentOf(part, whole) {
  return mapped([part, whole], (a, b) => (b > 0 ? (100 * a) / b : null));
}

function ms(column) {
  return mapped([column], v => v / 1000);
}

const QUANTILES = { p50_us: palette[4], p95_us: palette[0], p99_us: palette[1] };

/* {rate, latency, errors, queue, batch, cache}: lists of series; `by` is "version" or "all". */
export function seriesOf(t, past, by) {
  const out = { rate: [], latency: [], errors: [], queue: [], batch: [], cache: [] };
  if (!past?.t_us?.length)
    return out;
  /* A step stands at its end: it tells of what was before. */
  const x = past.t_us.map(us => (us + past.step_us) / 1000);
  const all = { id: "all", name: t("all versions"), c: past.total }, versions = past.versions.map(v => ({ id: `v${v.version}`, name: `v${v.version}`, c: v }));
  const shown = by === "version" && versions.length > 0 ? versions : [all];
  const latencies = by === "version" && versions.length > 1 ? ["p50_us", "p99_us"] : ["p50_us", "p95_us", "p99_us"];
  for (const [place, { id, name, c }] of shown.entries()) {
    const one = shown.length === 1, stroke = palette[place % palette.length], dash = [];
    out.rate.push({ id, name, stroke, dash, x, y: rate(c, past.step_us) });
    out.errors.push({ id, name, stroke, dash, x, y: percentOf(c.errors, c.requests) });
    out.queue.push({ id, name, stroke, dash, x, y: c.queued });
    out.batch.push({ id, name, stroke, dash, x, y: c.batch });
    out.cache.push({ id, name, stroke, dash, x, y: percentOf(c.cache_hits, mapped([c.cache_hits, c.cache_misses], (a, b) => a + b)) });
    for (const q of latencies)
      out.latency.push({ id: `${id} ${q}`, name: one ? q.slice(0, 3) : `${name} ${q.slice(0, 3)}`, stroke: one ? QUANTILES[q] : stroke, dash: one || q === "p50_us" ? [] : [6, 4], x, y: ms(c[q]) });
  }
  return out;
}

/* The sum of a column of the whole; null is nothing. */
export function columnsOf(past, key) {
  return (past?.total?.[key] ?? []).reduce((n, v) => n + (v ?? 0), 0);
}

/* The last minute of what is known: {rate, errors (share or null), p50, p99 in us: of the newest step that answered}. null: nothing is known. */
export function lastMinute(past) {
  const total = past?.total;
  if (!total)
    return null;
  const steps = Math.max(1, Math.round(60e6 / past.step_us)), known = [];
  for (let i = total.requests.length - 1; i >= 0 && known.length < steps; i--)
    if (total.requests[i] !== null)
      known.push(i);
  if (known.length === 0)
    return null;
  const sum = key => known.reduce((n, i) => n + total[key][i], 0), newest = key => total[key][known.find(i => total[key][i] !== null)] ?? null;
  const requests = sum("requests");
  return { rate: requests / (known.length * (past.step_us / 1e6)), errors: requests > 0 ? sum("errors") / requests : null, p50: newest("p50_us"), p99: newest("p99_us") };
}

/* The guardrails that a rollout of this endpoint goes by, as lines: those of its configuration, else the defaults while one runs. */
export function thresholds(t, endpoint) {
  const plan = endpoint.config?.rollout;
  if (!plan && !endpoint.rollout?.active)
    return { latency: [], errors: [] };
  return {
    latency: [{ y: (plan?.max_p95_us ?? 100000) / 1000, text: t("limit of p95"), kind: "warn" }],
    errors: [{ y: 100 * (plan?.max_error_rate ?? 0.01), text: t("limit"), kind: "warn" }],
  };
}
