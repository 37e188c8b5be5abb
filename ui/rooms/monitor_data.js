/* monitor_data.js - from windows, alerts, retrainings and rollouts of an endpoint to what its monitor's page draws. Pure. Times in the API are microseconds
 * of event time; here they are milliseconds. */
import { day } from "../lib/format.js";

export const MEASURES = ["psi", "ks_d", "ks_p", "missing"];

/* Windows that closed again with late rows are one: the revision with most predictions. Oldest first. */
export function wholeWindows(windows) {
  const by = new Map();
  for (const w of windows) {
    const before = by.get(w.start_us);
    by.set(w.start_us, { ...(!before || w.predictions > before.predictions ? w : before), revisions: (before?.revisions ?? 0) + 1 });
  }
  return [...by.values()].sort((a, b) => a.start_us - b.start_us);
}

/* What a cell shows; null where nothing was measured. */
export function measured(feature, window, measure) {
  if (!feature)
    return null;
  return measure === "missing" ? (window.predictions ? feature.missing / window.predictions : null) : feature[measure] ?? null;
}

/* Above (or, for p, below) this a cell counts as drifted by itself. */
export function thresholdOf(measure, config) {
  return { psi: config?.psi_max, ks_d: config?.ks_min_d, ks_p: config?.ks_p }[measure];
}

/* How bad a row is: its worst value, p the other way round. */
function worst(values, measure) {
  const known = values.filter(v => v !== null);
  if (!known.length)
    return -Infinity;
  return measure === "ks_p" ? -Math.min(...known) : Math.max(...known);
}

/* {cols, rows: [{name, values}]}: the score first, then the features that match `filter`, by name or the worst first. */
export function driftGrid(windows, { measure, sort, filter }) {
  const names = new Set(), found = windows.map(w => new Map([["score", w.score], ...w.features.map(f => [f.name, f])]));
  for (const w of windows)
    for (const f of w.features)
      names.add(f.name);
  const row = (name, score) => ({ name, score, values: windows.map((w, i) => measured(score ? w.score : found[i].get(name), w, measure)) });
  const wanted = filter.trim().toLowerCase();
  const rows = [...names].filter(name => name.toLowerCase().includes(wanted)).map(name => row(name, false));
  if (sort === "worst")
    rows.sort((a, b) => worst(b.values, measure) - worst(a.values, measure) || (a.name < b.name ? -1 : 1));
  else
    rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { cols: windows.map(w => ({ label: day(w.start_us / 1000).slice(5), title: day(w.start_us / 1000) })), rows: [...(windows.length ? [row("score", true)] : []), ...rows] };
}

/* One column of figures over the windows, for a line. */
export function column(windows, key) {
  return windows.map(w => w[key] ?? null);
}

/* Which share of the predictions have their label. */
export function coverage(windows) {
  return windows.map(w => (w.predictions ? w.labelled / w.predictions : null));
}

/* Alerts as bars: one row per rule and subject, those that fired last first. `end` is where an episode that still fires is drawn to. */
export function episodes(alerts, end_ms) {
  const rows = new Map();
  for (const a of alerts) {
    const key = `${a.rule}\n${a.subject}`;
    if (!rows.has(key))
      rows.set(key, { rule: a.rule, subject: a.subject, bars: [] });
    const from = a.fired_us / 1000;
    rows.get(key).bars.push({ from, to: a.resolved_us ? a.resolved_us / 1000 : Math.max(end_ms, from), firing: a.state === "firing", value: a.value, limit: a.limit });
  }
  return [...rows.values()].sort((a, b) => last(b) - last(a) || b.bars.length - a.bars.length || (a.rule + a.subject < b.rule + b.subject ? -1 : 1));
}

function last(row) {
  return Math.max(...row.bars.map(bar => (bar.firing ? Infinity : bar.to)));
}

/* The story: retrainings and rollouts in event time, oldest first. */
export function story(retrains, rollouts) {
  const out = retrains.map(r => ({ kind: "retrain", at: r.time_us / 1000, state: r.state, version: r.result?.version, run: r.result?.run_id, id: r.id, reason: r.reason, workspace: r.workspace }));
  for (const r of rollouts) {
    out.push({ kind: "rollout", at: r.started_us / 1000, version: r.candidate, id: r.id });
    if (r.finished_us)
      out.push({ kind: r.state, at: r.finished_us / 1000, version: r.candidate, id: r.id, decision: r.decisions?.[r.decisions.length - 1] });
  }
  const order = { retrain: 0, rollout: 1 };
  return out.sort((a, b) => a.at - b.at || (order[a.kind] ?? 2) - (order[b.kind] ?? 2));
}

/* What a cell's window says of a column: its shape beside the reference, or null. */
export function shapeOf(answer, name, score) {
  const one = answer?.revisions?.reduce((a, b) => ((b.figures.predictions ?? 0) > (a.figures.predictions ?? 0) ? b : a));
  if (!one?.shapes)
    return null;
  if (score)
    return one.shapes.score;
  const i = one.figures.features.findIndex(f => f.name === name);
  return i < 0 ? null : one.shapes.features[i];
}
