/* An endpoint's past as series, and requests from a form. */
import assert from "node:assert/strict";
import test from "node:test";
import { shellWord } from "../../ui/lib/shellword.js";
import { columnsOf, lastMinute, rangeOf, ranges, seriesOf, thresholds } from "../../ui/rooms/endpoint_series.js";
import { answerRows, curlLine, invocationsBody, namedFields, readForm, v2Body, waysToAsk } from "../../ui/rooms/tryit_request.js";

const t = text => text;
const column = (requests, more = {}) => ({ requests, errors: requests.map(n => n && 0), cache_hits: requests.map(n => n && 1), cache_misses: requests.map(n => n && 3), queued: requests.map(n => n && 2),
  batch: requests.map(n => (n ? 4 : null)), p50_us: requests.map(n => (n ? 1500 : null)), p95_us: requests.map(n => (n ? 2500 : null)), p99_us: requests.map(n => (n ? 3500 : null)), ...more });
const past = { t_us: [0, 5e6, 10e6], step_us: 5e6, total: column([null, 0, 50]), versions: [{ version: 1, ...column([null, 0, 40], { errors: [null, 0, 4] }) }, { version: 2, ...column([null, null, 10]) }] };

test("unknown is a gap, nothing is nothing", () => {
  const s = seriesOf(t, past, "all");
  assert.deepEqual(s.rate[0].y, [null, 0, 10]);
  assert.deepEqual(s.rate[0].x, [5000, 10000, 15000]);
  assert.deepEqual(s.latency.map(l => l.y[2]), [1.5, 2.5, 3.5]);
  assert.deepEqual(s.latency[0].y, [null, null, 1.5]);
  assert.deepEqual(s.errors[0].y, [null, null, 0]); /* a share of nothing is not 0 */
  const v = seriesOf(t, past, "version");
  assert.deepEqual(v.rate.map(r => r.name), ["v1", "v2"]);
  assert.deepEqual(v.rate[1].y, [null, null, 2]);
  assert.deepEqual(v.errors[0].y, [null, null, 10]);
  assert.deepEqual(seriesOf(t, { t_us: [] }, "all").rate, []);
  assert.equal(columnsOf(past, "cache_hits"), 1);
});

test("the last minute is of what is known", () => {
  assert.deepEqual(lastMinute(past), { rate: 5, errors: 0, p50: 1500, p99: 3500 });
  assert.equal(lastMinute({ ...past, total: column([null, null, null]) }), null);
  assert.equal(lastMinute(undefined), null);
  assert.deepEqual(lastMinute({ ...past, total: column([0, 0, 0]) }), { rate: 0, errors: null, p50: null, p99: null });
  assert.equal(rangeOf("1h").ms, 3600000);
  assert.equal(rangeOf("nonsense"), ranges[1]);
});

test("guardrails as lines only where there are some", () => {
  assert.deepEqual(thresholds(t, { config: {}, rollout: { active: false } }).latency, []);
  assert.equal(thresholds(t, { config: { rollout: { max_p95_us: 20000 } }, rollout: {} }).latency[0].y, 20);
  assert.equal(thresholds(t, { config: {}, rollout: { active: true } }).errors[0].y, 1);
});

const signature = { inputs: [{ name: "features", datatype: "FP32", shape: [-1, 2], optional: false }], outputs: [], features: ["a", "b\"c"], joins: true, view: { name: "v", time: "date", id: "flight", keys: ["origin"], numbers: ["distance"] } };

test("ways to ask: columns of the view, features by name, tensors; images only as JSON", () => {
  const ways = waysToAsk(signature);
  assert.deepEqual(ways.map(w => w.name), ["columns", "features"]);
  assert.deepEqual(ways[0].fields.map(x => [x.name, x.kind]), [["flight", "whole"], ["date", "time"], ["origin", "text"], ["distance", "number"]]);
  assert.deepEqual(ways[1].fields.map(x => x.name), ["a", "b\"c"]);
  assert.deepEqual(waysToAsk({ ...signature, view: undefined, features: [] })[0].fields.map(x => x.name), ["features[0]", "features[1]"]);
  const tensors = waysToAsk({ inputs: [{ name: "x", datatype: "INT64", shape: [-1, 1], optional: true }, { name: "s", datatype: "BYTES", shape: [-1] }], features: [] });
  assert.deepEqual(tensors[0].fields.map(x => x.kind), ["whole", "text"]);
  assert.deepEqual(waysToAsk({ inputs: [{ name: "image", datatype: "FP32", shape: [-1, 3, 224, 224] }], features: [], joins: true }), []);
});

test("a form becomes the row of a request", () => {
  const [columns, features] = waysToAsk(signature);
  const read = readForm(columns, { date: "2001-06-30 12:00", origin: "O'Hare", distance: "1e2", flight: "" });
  assert.deepEqual(read, { values: { date: Date.UTC(2001, 5, 30, 12) * 1000, origin: "O'Hare", distance: 100 }, problems: {} });
  assert.deepEqual(v2Body(columns, read.values).inputs.map(i => [i.name, i.datatype, i.data]), [["date", "INT64", [993902400000000]], ["origin", "BYTES", ["O'Hare"]], ["distance", "FP64", [100]]]);
  assert.deepEqual(readForm(columns, { date: "soon", origin: "", distance: "x", flight: "1.5" }).problems, { date: "time", distance: "number", flight: "whole" });
  assert.deepEqual(readForm(features, { a: "", "b\"c": "nan" }), { values: { "b\"c": null }, problems: { a: "missing" } });
  assert.deepEqual(v2Body(features, { a: 1, "b\"c": 2 }), { inputs: [{ name: "features", datatype: "FP32", shape: [1, 2], data: [1, 2] }] });
  assert.deepEqual(invocationsBody(features, { a: 1, "b\"c": 2 }), { dataframe_split: { columns: ["a", "b\"c"], data: [[1, 2]] } });
});

test("a shell reads the line as text alone", () => {
  assert.equal(curlLine("http://h/x", { a: "O'Hare $(rm -rf /) `x`" }), `curl -s 'http://h/x' -H 'Content-Type: application/json' -d '{"a":"O'\\''Hare $(rm -rf /) \`x\`"}'`);
});

test("errors find their fields, and only those", () => {
  const fields = [{ name: "rate" }, { name: "rate_1h" }, { name: "age" }];
  assert.deepEqual(namedFields(fields, "column 'rate_1h' is above 1"), ["rate_1h"]);
  assert.deepEqual(namedFields(fields, "\"age\" and \"rate\" are wrong"), ["rate", "age"]);
  assert.equal(answerRows({ outputs: [{ name: "s", datatype: "FP32", data: [1, 2, 3] }] }, 2).length, 2);
});

test("names in commands are words of a shell", () => {
  assert.deepEqual(["flights-delay", "a.b/c:1", "", "-rf", "a b", "$(touch x)", "a'b", "a;b", "a\nb"].map(shellWord),
    ["flights-delay", "a.b/c:1", "''", "'-rf'", "'a b'", "'$(touch x)'", "'a'\\''b'", "'a;b'", "'a\nb'"]);
});
