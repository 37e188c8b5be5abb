/* query.js - what the table of runs asks for and keeps in its address. Pure.
 * A column is "status", "started", "duration", "user", "experiment", "id" or "metrics.<key>", "params.<key>", "tags.<key>". */
import { betterOf } from "../../lib/better.js";
import { toFilter, written } from "../../lib/grammar.js";

export const PAGE = 100; /* rows of one answer */
const ATTRIBUTES = { name: "attributes.run_name", status: "attributes.status", started: "attributes.start_time", ended: "attributes.end_time", user: "attributes.user_id", id: "attributes.run_id" };
export const ATTRIBUTE_COLUMNS = ["status", "started", "duration", "experiment", "user", "ended", "id"];

/* ["metrics", "val/loss"] or [null, "status"]. */
export function parts(column) {
  const m = /^(metrics|params|tags)\.([\s\S]+)$/.exec(column);
  return m ? [m[1], m[2]] : [null, column];
}

/* "a,b" of an address; a comma or backslash in a name has a backslash before it. */
export function listOf(text) {
  const out = [];
  let item = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && i + 1 < text.length)
      item += text[++i];
    else if (text[i] === ",") {
      out.push(item);
      item = "";
    } else
      item += text[i];
  }
  return [...out, item].filter(Boolean);
}

export function listText(list) {
  return list.map(x => x.replace(/[\\,]/g, "\\$&")).join(",");
}

/* "-metrics.loss" <-> {key, desc}. */
export function sortOf(text) {
  return text ? { key: text.replace(/^-/, ""), desc: text.startsWith("-") } : { key: "started", desc: true };
}

export function sortText(sort) {
  return sort.key === "started" && sort.desc ? null : (sort.desc ? "-" : "") + sort.key;
}

/* For the server: the order as its language writes it, or [] for its own. */
export function orderBy(sort) {
  const [entity, key] = parts(sort.key), name = entity ? written(entity, key) : ATTRIBUTES[key];
  return name ? [`${name} ${sort.desc ? "DESC" : "ASC"}`] : [];
}

export function sortable(column) {
  const [entity, key] = parts(column);
  return entity !== null || key in ATTRIBUTES;
}

/* What is shown when nobody chose: metrics that most runs have, first those whose name says what is better; parameters that differ. */
export function usualColumns(known, several) {
  const often = list => [...(list ?? [])].sort((a, b) => b.runs - a.runs), telling = often(known?.metrics).sort((a, b) => (betterOf(a.key) === 0) - (betterOf(b.key) === 0));
  const metrics = telling.filter(m => !m.key.startsWith("system/")).slice(0, 5).map(m => "metrics." + m.key);
  const params = often(known?.params).filter(p => p.distinct > 1).slice(0, 5).map(p => "params." + p.key);
  return ["status", "started", ...metrics, ...params, "duration", ...(several ? ["experiment"] : [])];
}

/* The body of POST runs/search but for the place. */
export function searchBody({ experiments, filter, sort, columns, deleted }) {
  return { experiments, filter, sort: orderBy(sort), columns: columns.filter(c => parts(c)[0]), view: deleted ? "deleted" : "active" };
}

/* The address of the comparison of all that a search finds, but for a few ids. Short, whatever it finds. */
export function compareQuery({ exp, q, sort, except = [] }) {
  const not = except.length ? `attributes.run_id NOT IN (${except.map(id => `'${id}'`).join(", ")})` : "", filter = not ? toFilter(q) : q;
  return { exp: exp.join(","), q: (not && filter ? `(${filter}) AND ${not}` : not || filter) || " ", sort: sortText(sort) };
}

/* The same address as a search that the server answers. */
export function searchOf(query, max) {
  const limit = Math.floor(Number(query.get("limit"))), experiments = (query.get("exp") ?? "").split(",").filter(text => /^\d+$/.test(text)).map(Number);
  return { experiments, filter: toFilter(query.get("q") ?? ""), sort: orderBy(sortOf(query.get("sort") ?? "")), limit: limit >= 1 && limit < max ? limit : max };
}

/* A text as one cell of a CSV: quoted where needed, and what a spreadsheet would take for a formula begins with an apostrophe. */
export function csvCell(value) {
  const raw = value === null || value === undefined ? "" : String(value);
  const text = typeof value !== "number" && /^[=+\-@\t\r\n]/.test(raw) && !/^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/.test(raw) ? "'" + raw : raw;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, "\"\"")}"` : text;
}

/* One row of values in the order of `columns`, the name and id first. Times in ISO form, durations in seconds. */
export function csvRow(run, columns, asked, experimentName) {
  const at = new Map(asked.map((c, i) => [c, run.values[i]]));
  const own = { status: run.status, started: new Date(run.start_ms).toISOString(), ended: run.end_ms ? new Date(run.end_ms).toISOString() : null,
    duration: run.end_ms ? (run.end_ms - run.start_ms) / 1000 : null, user: run.user, experiment: experimentName(run.experiment), id: run.id };
  return [run.id, run.name, ...columns.filter(c => c !== "id").map(c => (c in own && !parts(c)[0] ? own[c] : at.get(c)))].map(csvCell).join(",");
}
