/* tryit_request.js - a form from an endpoint's signature (GET /endpoints/{name}/signature), and the requests that a filled form makes. Pure; used by tryit.js
 * and its test. Times are microseconds of event time for the protocol and text for people. */
import { shellQuote } from "../lib/shellword.js";

/* How a field of that datatype is asked for. */
function inputKind(datatype) {
  if (datatype === "BYTES")
    return "text";
  if (datatype === "BOOL")
    return "bool";
  return /^(U?INT|FP|BF)/.test(datatype) ? (datatype.includes("INT") ? "whole" : "number") : "text";
}

function one(shape) {
  return shape.every((n, i) => n === 1 || (n === -1 && i === 0)) || shape.length === 0;
}

/* The ways to ask: [{name: "columns" | "features" | "tensors", fields: [{name, kind, datatype, optional, role}]}]; the first is offered first. */
export function waysToAsk(sig) {
  const ways = [], view = sig.view;
  if (view) {
    const fields = [];
    if (view.id || sig.id_field)
      fields.push({ name: sig.id_field || view.id, kind: "whole", datatype: "INT64", optional: true, role: "id" });
    fields.push({ name: view.time, kind: "time", datatype: "INT64", optional: false, role: "time" });
    for (const name of view.keys)
      fields.push({ name, kind: "text", datatype: "BYTES", optional: false, role: "key" });
    for (const name of view.numbers)
      fields.push({ name, kind: "number", datatype: "FP64", optional: false, role: "number" });
    ways.push({ name: "columns", fields });
  }
  const single = sig.inputs.length === 1 ? sig.inputs[0] : null, wide = single && single.shape.length === 2 && single.shape[1] > 0 ? single.shape[1] : 0;
  if (single && wide > 0 && sig.joins) {
    const names = sig.features.length === wide ? sig.features : Array.from({ length: wide }, (_, i) => `${single.name}[${i}]`);
    ways.push({ name: "features", tensor: single, fields: names.map(name => ({ name, kind: "number", datatype: single.datatype, optional: false, role: "feature" })) });
  } else if (sig.inputs.length > 0 && sig.inputs.every(i => one(i.shape))) {
    ways.push({ name: "tensors", fields: sig.inputs.map(i => ({ name: i.name, kind: inputKind(i.datatype), datatype: i.datatype, optional: i.optional, role: "input", shape: i.shape })) });
  }
  return ways;
}

/* [value] or {problem}: "missing", "number", "whole", "time". An optional field left empty is undefined. */
function readValue(field, text) {
  const s = text.trim();
  if (s === "" && field.kind !== "text")
    return field.optional ? [undefined] : { problem: "missing" };
  if (field.kind === "text")
    return s === "" && field.optional ? [undefined] : [text];
  if (field.kind === "bool")
    return [s === "true"];
  if (field.kind === "time") {
    if (/^-?\d+$/.test(s))
      return Number.isSafeInteger(Number(s)) ? [Number(s)] : { problem: "time" };
    const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(s) ? s : s.replace(" ", "T") + "Z");
    return Number.isNaN(ms) ? { problem: "time" } : [ms * 1000];
  }
  const x = Number(s);
  if (field.kind === "number" && /^nan$/i.test(s))
    return [null];
  if (!Number.isFinite(x))
    return { problem: field.kind };
  return field.kind === "whole" && !Number.isSafeInteger(x) ? { problem: "whole" } : [x];
}

/* {values, problems}: by name of the field. */
export function readForm(way, texts) {
  const values = {}, problems = {};
  for (const field of way.fields) {
    const got = readValue(field, texts[field.name] ?? "");
    if (got.problem)
      problems[field.name] = got.problem;
    else if (got[0] !== undefined)
      values[field.name] = got[0];
  }
  return { values, problems };
}

/* The body of POST /v2/models/{name}/infer for one row. */
export function v2Body(way, values) {
  if (way.name === "features")
    return { inputs: [{ name: way.tensor.name, datatype: way.tensor.datatype, shape: [1, way.fields.length], data: way.fields.map(f => values[f.name] ?? null) }] };
  return { inputs: way.fields.filter(f => values[f.name] !== undefined).map(f => ({ name: f.name, datatype: f.datatype, shape: f.shape ? f.shape.map(n => (n === -1 ? 1 : n)) : [1], data: [values[f.name]] })) };
}

/* The same row for MLflow's /invocations. */
export function invocationsBody(way, values) {
  const fields = way.fields.filter(f => values[f.name] !== undefined);
  return { dataframe_split: { columns: fields.map(f => f.name), data: [fields.map(f => values[f.name])] } };
}

export function curlLine(address, body) {
  return `curl -s ${shellQuote(address)} -H 'Content-Type: application/json' -d ${shellQuote(JSON.stringify(body))}`;
}

/* Which fields an error's text names: in quotes, longest first, so that "rate" is not found within "rate_1h". */
export function namedFields(fields, message) {
  return fields.filter(f => ['"', "'", "`"].some(q => message.includes(q + f.name + q))).map(f => f.name);
}

/* Rows of {output, index, value} of a V2 answer, at most `max`. */
export function answerRows(answer, max = 50) {
  const rows = [];
  for (const out of answer.outputs ?? [])
    for (let i = 0; i < out.data.length && rows.length < max; i++)
      rows.push({ output: out.name, datatype: out.datatype, index: i, of: out.data.length, value: out.data[i] });
  return rows;
}
