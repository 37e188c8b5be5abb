/* monitors.test.mjs - what the monitors' page draws, from rows as the API gives them. */
import assert from "node:assert/strict";
import test from "node:test";
import { markPlaces, place } from "../../ui/parts/episodes.js";
import { ruleBody } from "../../ui/rooms/alert_rules.js";
import { coverage, driftGrid, episodes, measured, shapeOf, story, thresholdOf, wholeWindows } from "../../ui/rooms/monitor_data.js";

const DAY = 86400e6;
const feature = (name, psi, more = {}) => ({ name, psi, ks_d: null, ks_p: null, missing: 0, drifted: false, ...more });
const one = (n, features, more = {}) => ({ start_us: n * DAY, end_us: (n + 1) * DAY, revision: 0, predictions: 100, labelled: 50, features, score: feature("score", 0.01), ...more });

test("windows of one start are one: the fuller revision; in order of time", () => {
  const list = wholeWindows([one(2, []), one(1, []), one(1, [], { revision: 1, predictions: 5 })]);
  assert.deepEqual(list.map(w => [w.start_us / DAY, w.predictions, w.revisions]), [[1, 100, 2], [2, 100, 1]]);
});

test("a cell that was not measured is null, and missing is a share", () => {
  assert.equal(measured(undefined, one(1, []), "psi"), null);
  assert.equal(measured(feature("a", null), one(1, []), "psi"), null);
  assert.equal(measured(feature("a", 0, { missing: 25 }), one(1, []), "missing"), 0.25);
  assert.equal(measured(feature("a", 0, { missing: 0 }), one(1, [], { predictions: 0 }), "missing"), null);
  assert.deepEqual(coverage([one(1, []), one(2, [], { predictions: 0 })]), [0.5, null]);
});

test("the grid: the score first, then by the worst or by name, features that come and go have holes", () => {
  const windows = [one(1, [feature("b", 0.3), feature("a", 0.1)]), one(2, [feature("a", 0.9), feature("<i>", null)])];
  const worst = driftGrid(windows, { measure: "psi", sort: "worst", filter: "" });
  assert.deepEqual(worst.rows.map(r => r.name), ["score", "a", "b", "<i>"]);
  assert.deepEqual(worst.rows[2].values, [0.3, null]);
  assert.deepEqual(worst.cols.map(c => c.label), ["01-02", "01-03"]);
  assert.deepEqual(driftGrid(windows, { measure: "psi", sort: "name", filter: "A" }).rows.map(r => r.name), ["score", "a"]);
  assert.deepEqual(driftGrid([], { measure: "psi", sort: "name", filter: "" }), { cols: [], rows: [] });
});

test("a feature named score is not the score", () => {
  const grid = driftGrid([one(1, [feature("score", 0.7)])], { measure: "psi", sort: "name", filter: "" });
  assert.deepEqual(grid.rows.map(r => r.values[0]), [0.01, 0.7]);
});

test("small p is bad", () => {
  const windows = [one(1, [feature("a", 0, { ks_p: 0.5 }), feature("b", 0, { ks_p: 1e-9 })])];
  assert.deepEqual(driftGrid(windows, { measure: "ks_p", sort: "worst", filter: "" }).rows.map(r => r.name), ["score", "b", "a"]);
  assert.equal(thresholdOf("ks_d", { ks_min_d: 0.1 }), 0.1);
  assert.equal(thresholdOf("missing", {}), undefined);
});

test("500 features of 400 days are each looked at once", () => {
  let looked = 0;
  const features = Array.from({ length: 500 }, (_, i) => ({ name: `f${i}`, missing: 0, get psi() { looked++; return i / 1000; } }));
  const windows = Array.from({ length: 400 }, (_, i) => one(i, features));
  assert.equal(driftGrid(windows, { measure: "psi", sort: "worst", filter: "" }).rows.length, 501);
  assert.equal(looked, 500 * 400);
});

test("episodes: a row for each rule and subject, those that fire first", () => {
  const rows = episodes([
    { rule: "feature_psi", subject: "a", state: "resolved", fired_us: 1e6, resolved_us: 2e6, value: 1, limit: 0.2 },
    { rule: "feature_psi", subject: "a", state: "resolved", fired_us: 5e6, resolved_us: 6e6 },
    { rule: "auc_drop", subject: "", state: "firing", fired_us: 3e6, resolved_us: null }], 10000);
  assert.deepEqual(rows.map(r => [r.rule, r.bars.length]), [["auc_drop", 1], ["feature_psi", 2]]);
  assert.deepEqual(rows[0].bars[0], { from: 3000, to: 10000, firing: true, value: undefined, limit: undefined });
  assert.deepEqual(markPlaces([{ at: 5 }, { at: 5 }, { at: 9 }], 0, 10), [50, 52.4, 90]);
  assert.equal(place(5, 0, 10), 50);
  assert.equal(place(-5, 0, 10), 0);
  assert.equal(place(1, 1, 1), 0);
});

test("the story in order: retrained, rolled out, promoted", () => {
  const items = story([{ id: 1, state: "succeeded", time_us: 5e6, result: { version: 2, run_id: "r" } }],
    [{ id: 7, candidate: 2, state: "promoted", started_us: 5e6, finished_us: 9e6, decisions: [{ verdict: "promote" }] }, { id: 8, candidate: 3, state: "running", started_us: 12e6, finished_us: null }]);
  assert.deepEqual(items.map(s => [s.kind, s.at]), [["retrain", 5000], ["rollout", 5000], ["promoted", 9000], ["rollout", 12000]]);
});

test("shapes go by the name's place, null where there are none", () => {
  const answer = { revisions: [{ figures: { predictions: 5, features: [{ name: "a" }, { name: "b" }] }, shapes: { score: { edges: [] }, features: [1, 2] } }, { figures: { predictions: 1, features: [] }, shapes: null }] };
  assert.equal(shapeOf(answer, "b", false), 2);
  assert.deepEqual(shapeOf(answer, "score", true), { edges: [] });
  assert.equal(shapeOf(answer, "c", false), null);
  assert.equal(shapeOf({ revisions: [{ figures: { predictions: 9 }, shapes: null }] }, "a", false), null);
});

test("a rule's body holds what its kind needs", () => {
  const form = { name: " n ", kind: "metric", metric: "loss", comparison: ">", threshold: "5", points: "3", after: "10m", filter: "" };
  assert.deepEqual(ruleBody(form), { name: "n", kind: "metric", metric: "loss", comparison: ">", threshold: 5, points: 3 });
  assert.deepEqual(ruleBody({ ...form, kind: "stale", metric: "" }), { name: "n", kind: "stale", after: "10m" });
  assert.deepEqual(ruleBody({ ...form, kind: "failed", filter: "a = 1" }), { name: "n", kind: "failed", filter: "a = 1" });
});
