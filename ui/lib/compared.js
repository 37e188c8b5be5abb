/* compared.js - what the room that compares runs makes of the server's answers: series of charts, rows of the table, columns for axes. Pure. */
import { judge } from "./better.js";
import { delta, duration, full, number } from "./format.js";

/* A metric's value as the server tells it: null is absent, "NaN" is that. */
function metricValue(v) {
  return v === "NaN" ? NaN : v;
}

/* The series of POST /metrics/chart. `styles`: id or group -> {stroke, dash}; `off`: ids that are not shown; `band`: of groups, "std", "stderr" or "minmax". */
export function chartSeries(answer, { styles, off = new Set(), band = "std", groupName }) {
  return answer.lines.filter(line => line.group !== undefined || !off.has(line.run_id)).map(line => {
    const group = line.group !== undefined, id = group ? "group:" + (line.group ?? "") : line.run_id, y = line.smooth ?? line.mean;
    const out = { id, name: group ? groupName(line) : line.name, x: line.x, y, faint: line.smooth ? line.mean : null, ...(styles.get(id) ?? {}) };
    if (group && band !== "none") {
      const width = band === "minmax" ? null : line[band];
      out.min = width ? y.map((v, i) => (v === null || width[i] === null ? v : v - width[i])) : line.min;
      out.max = width ? y.map((v, i) => (v === null || width[i] === null ? v : v + width[i])) : line.max;
    } else if (!group && line.count.some(n => n > 1)) {
      out.min = line.min;
      out.max = line.max;
    }
    return out;
  });
}

/* The lines of POST /metrics/overlay in its binary form: {head, lines: [{id, name, x, y}]}, the columns being views of the answer. */
export function decodeLines(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true)), head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const n = head.start[head.start.length - 1], x = new Float64Array(buffer, 8 + length, n), y = new Float64Array(buffer, 8 + length + 8 * n, n);
  for (let i = 0; i < n; i++)
    if (Math.abs(y[i]) >= 1e300) /* infinity, as it is kept */
      y[i] = y[i] > 0 ? Infinity : -Infinity;
  return { head, lines: head.run_ids.map((id, i) => ({ id, name: head.names[i], x: x.subarray(head.start[i], head.start[i + 1]), y: y.subarray(head.start[i], head.start[i + 1]) })) };
}

/* Texts side by side: the first is the base. */
export function textCells(values) {
  return values.map((v, i) => {
    if (v === null || v === undefined)
      return { text: "–", kind: "missing" };
    const text = /^[0-9a-f]{20,}$/.test(v) ? v.slice(0, 10) : v.length > 60 ? v.slice(0, 58).replace(/\s+/g, " ") + "…" : v;
    return { text, full: v, kind: i === 0 ? "base" : v === values[0] ? "same" : "changed" };
  });
}

/* Numbers side by side, each with its difference from the base and, where the metric's name says what is better, whether it is. */
export function numberCells(key, values) {
  const best = bestOf(key, values);
  return values.map((v, i) => {
    if (v === null || v === undefined)
      return { text: "–", kind: "missing" };
    const base = values[0], verdict = i > 0 ? judge(key, v, base) : null, sign = verdict === "better" ? "▲ " : verdict === "worse" ? "▼ " : "";
    return { text: number(v), full: full(v), note: i > 0 && Number.isFinite(v) && Number.isFinite(base) && v !== base ? sign + delta(v - base) : null,
      kind: i === best ? "best" : i === 0 ? "base" : verdict === "better" || verdict === "worse" ? verdict : "same" };
  });
}

/* The place of the best value, -1 where it is not known what is better or all are equal. */
export function bestOf(key, values) {
  const finite = values.map((v, i) => [v, i]).filter(([v]) => Number.isFinite(v));
  if (finite.length < 2 || finite.every(([v]) => v === finite[0][0]))
    return -1;
  const [low, high] = [Math.min(...finite.map(p => p[0])), Math.max(...finite.map(p => p[0]))], verdict = judge(key, high, low);
  return verdict === null ? -1 : finite.find(([v]) => v === (verdict === "better" ? high : low))[1];
}

/* Turns the columns of a comparison so that run `base` is the first. */
export function baseFirst(answer, base) {
  const at = answer.runs.findIndex(run => run.run_id === base);
  if (at <= 0)
    return answer;
  const turn = list => [list[at], ...list.slice(0, at), ...list.slice(at + 1)];
  const rows = list => list.map(row => ({ ...row, values: turn(row.values), ...(row.extremes ? { extremes: turn(row.extremes) } : {}) }));
  return { ...answer, runs: turn(answer.runs), params: rows(answer.params), tags: rows(answer.tags), metrics: rows(answer.metrics), code: rows(answer.code), datasets: rows(answer.datasets) };
}

const FIGURES = { last: row => row.values.map(metricValue), min: row => row.extremes.map(x => x.min ?? null), max: row => row.extremes.map(x => x.max ?? null) };

/* The values of a metric's row: its last ones, lowest or highest, or of these the best by its name (the last where that is not known). */
export function figures(row, which) {
  if (which !== "best")
    return FIGURES[which](row);
  const verdict = judge(row.key, 1, 0);
  return FIGURES[verdict === "better" ? "max" : verdict === "worse" ? "min" : "last"](row);
}

/* The columns that axes can be made of: [{key, title, values}]. */
export function axisColumns(answer) {
  const took = run => (run.end_ms === undefined ? null : run.end_ms - run.start_ms);
  return [...answer.params.map(row => ({ key: "param:" + row.key, title: row.key, kind: "param", values: row.values, differs: row.differs })),
    ...answer.metrics.map(row => ({ key: "metric:" + row.key, title: row.key, kind: "metric", values: row.values.map(metricValue), differs: row.differs })),
    { key: "attr:duration", title: "duration_ms", kind: "attr", values: answer.runs.map(took), differs: true },
    { key: "attr:start", title: "start_ms", kind: "attr", values: answer.runs.map(run => run.start_ms), differs: true }];
}

/* The same of very many runs: all that is known of (GET /runs/columns), those with values that POST /runs/values has told. `answer` null: none yet. */
export function manyColumns(known, answer) {
  const told = new Map();
  for (const column of answer?.params ?? [])
    told.set("param:" + column.key, column.at.map(i => (i === null ? null : column.texts[i])));
  for (const column of answer?.metrics ?? [])
    told.set("metric:" + column.key, column.values.map(metricValue));
  const of = (kind, rows, more) => rows.map(row => ({ key: `${kind}:${row.key}`, title: row.key, kind, values: told.get(`${kind}:${row.key}`) ?? [], differs: true, ...more(row) }));
  const start = answer?.start_ms ?? [], took = start.map((ms, i) => (answer.end_ms[i] === null ? null : answer.end_ms[i] - ms));
  return [...of("param", known.params, row => ({ telling: row.distinct > 1 && row.runs * 2 >= known.runs })), ...of("metric", known.metrics, () => ({})),
    { key: "attr:duration", title: "duration_ms", kind: "attr", values: took, differs: true }, { key: "attr:start", title: "start_ms", kind: "attr", values: start, differs: true }];
}

/* Attributes of runs as rows of the table. */
export function attributeRows(answer, words) {
  const took = answer.runs.map(run => (run.end_ms === undefined ? null : run.end_ms - run.start_ms));
  return [{ key: "status", title: words.status, cells: answer.runs.map(run => ({ text: words.state(run.status), full: run.status, kind: run.status === answer.runs[0].status ? "same" : "changed" })) },
    { key: "start", title: words.start, cells: answer.runs.map(run => ({ text: words.when(run.start_ms), full: words.when(run.start_ms) })) },
    { key: "duration", title: words.duration, cells: took.map(ms => ({ text: duration(ms), full: ms === null ? undefined : `${ms} ms`, kind: ms === null ? "missing" : "same" })) }];
}
