/* chart_parts.test.mjs - what the pictures beside the line chart compute, and what the room that compares runs is set to. */
import assert from "node:assert/strict";
import test from "node:test";
import "./page_globals.mjs";
import { axisOf } from "../../ui/lib/axes.js";
import { DotPlot } from "../../ui/parts/dotplot.js";
import { binNames, HistogramPair, shares as histShares } from "../../ui/parts/histpair.js";
import { kept, shares } from "../../ui/parts/parallel.js";
import { relation } from "../../ui/parts/scatter.js";
import { Sparkline, sparkPaths } from "../../ui/parts/sparkline.js";
import { chartBody } from "../../ui/rooms/compare/charts.js";
import { pointsPerLine } from "../../ui/rooms/compare/many.js";
import { panelOrder } from "../../ui/rooms/compare/panels.js";
import { usualAxes } from "../../ui/rooms/compare/parallel.js";
import { readSettings, writeBrushes } from "../../ui/rooms/compare/settings.js";
import { usualMetrics } from "../../ui/rooms/strip.js";

test("a sparkline has gaps where values are missing, and lone points", () => {
  const same = v => v, { lines, dots } = sparkPaths([0, 1, 2, 3, 4, 5], [1, 2, NaN, 4, NaN, 6], same, same);
  assert.deepEqual(lines, ["M0.0 1.0L1.0 2.0"]);
  assert.deepEqual(dots, [[3, 4], [5, 6]]);
});

test("histograms compare shares, and name open bins", () => {
  assert.deepEqual(histShares([1, 3, null]), [0.25, 0.75, NaN]);
  assert.deepEqual(histShares([0, 0]), [NaN, NaN]);
  assert.deepEqual(binNames([null, 1, 2.5, Infinity]), ["< 1", "1 … 2.5", "≥ 2.5"]);
  assert.deepEqual(binNames([], ["a", 1]), ["a", "1"]);
});

test("brushes keep the rows within all of them; what is missing is without", () => {
  const axes = [{ key: "a", axis: axisOf([1, 2, 3, null]) }, { key: "b", axis: axisOf(["x", "y", "x", "y"]) }], rows = [0, 1, 2, 3];
  assert.deepEqual(kept(axes, rows, {}), [true, true, true, true]);
  assert.deepEqual(kept(axes, rows, { a: [1.5, 3] }), [false, true, true, false]);
  assert.deepEqual(kept(axes, rows, { a: [1.5, 3], b: [0, 0] }), [false, false, true, false]);
  assert.deepEqual(shares(axisOf([1, 10, 100], { log: true })).map(v => Math.round(v * 1e9) / 1e9), [0, 0.5, 1]);
  assert.deepEqual(shares(axisOf([5, 5])), [0.5, 0.5]);
});

test("a relation leaves out pairs that lack a value, and fits logarithms on a logarithmic axis", () => {
  const found = relation([1, 10, 100, NaN], [0, 1, 2, 3], true, false);
  assert.equal(found.n, 3);
  assert.ok(Math.abs(found.line.slope - 1) < 1e-12 && Math.abs(found.line.intercept) < 1e-12 && Math.abs(found.rho - 1) < 1e-12);
  assert.deepEqual([relation([1], [2], false, false).r, relation([1], [2], false, false).line], [null, null]);
});

test("panels: pins first, system metrics last, all words must be there", () => {
  const names = ["system/cpu", "val/loss", "loss 10", "loss 9", "acc"];
  assert.deepEqual(panelOrder(names, "", ["val/loss", "gone"]), ["val/loss", "acc", "loss 9", "loss 10", "system/cpu"]);
  assert.deepEqual(panelOrder(names, "LOSS va", []), ["val/loss"]);
  assert.deepEqual(panelOrder(names, "loss", ["acc"]), ["loss 9", "loss 10", "val/loss"]);
});

/* All nodes of what a part returned, and its words. */
function nodes(tree) {
  return tree === null || typeof tree !== "object" ? [tree] : Array.isArray(tree) ? tree.flatMap(nodes) : [tree, ...nodes(tree.props?.children ?? null)];
}

test("a sparkline that begins with a gap tells its first value; one without a place is drawn", () => {
  assert.equal(Sparkline({ values: [null, 2, 3] }).props["aria-label"], "2 → 3");
  assert.equal(Sparkline({ values: [1, 2], x: [null, null] }).type, "svg");
});

test("of one value per thing, nothing is nothing and NaN is NaN; infinity does not stretch the scale", () => {
  const tree = nodes(DotPlot({ label: "m", rows: [null, NaN, 1, 2, Number.MAX_VALUE].map((value, i) => ({ id: String(i), name: String(i), value, stroke: "red" })) }));
  assert.deepEqual(tree.filter(n => n?.props?.class === "num").map(n => n.props.children), ["no data", "NaN", "1", "2", "∞"]);
  const places = tree.filter(n => n?.type === "i").map(n => parseFloat(n.props.style.left));
  assert.ok(places.length === 2 && places[0] < 20 && places[1] > 80, String(places));
});

test("bars stand over their own bins, also where one side has fewer", () => {
  const bars = nodes(HistogramPair({ label: "h", labels: ["a", "b", "c"], reference: [1, 1], current: [1, 1, 1] })).filter(n => typeof n?.type === "function" && n.props.values);
  const x = bars.map(bar => bar.type(bar.props).map(n => n.props.x + n.props.width / 2));
  assert.deepEqual(x, [[50, 150], [50, 150, 250]]);
});

const set = text => readSettings(new URLSearchParams(text));

test("settings are read from the address, and nonsense is the default", () => {
  const plain = set("");
  assert.deepEqual([plain.x, plain.smooth, plain.group, plain.zoom, plain.only, plain.figure], ["step", 0, "", null, true, "last"]);
  const odd = set("x=epoch&smooth=7&group=what&zoom=3,2&only=0&figure=median&band=x");
  assert.deepEqual([odd.x, odd.smooth, odd.group, odd.zoom, odd.only, odd.figure, odd.band], ["step", 0, "", null, false, "last", "std"]);
  const some = set("x=time&smooth=0.6&group=param%3Aa%3Ab&zoom=1,2.5&off=x,y&pin=a%0Ab");
  assert.deepEqual([some.x, some.smooth, some.group, some.zoom, [...some.off], some.pins], ["time", 0.6, "param:a:b", [1, 2.5], ["x", "y"], ["a", "b"]]);
  assert.equal(set("zoom=").zoom, null);
  const brushes = { "param:lr": [0.1, 1], "metric:a,b": [-1, 2] };
  assert.deepEqual(set("brush=" + encodeURIComponent(writeBrushes(brushes))).brushes, brushes);
});

test("a request holds what is set, groups leave hidden runs out", () => {
  assert.deepEqual(chartBody(["a", "b"], "loss", set("off=b"), 333), { run_ids: ["a", "b"], metric: "loss", x: "step", log: false, points: 350 });
  assert.deepEqual(chartBody(["a", "b"], "loss", set("off=b&group=tag%3Ax%3Ay&smooth=0.5&zoom=1,2&xlog=1"), 5000), { run_ids: ["a"], metric: "loss", x: "step", log: true, points: 2000, range: [1, 2],
    smoothing: { kind: "ema", weight: 0.5 }, group_by: { tag: "x:y" } });
});

test("very many lines have few points each", () => {
  assert.equal(pointsPerLine(10000, 1000), 40);
  assert.equal(pointsPerLine(1, 1000), 2000);
  assert.equal(pointsPerLine(0, 10), 400);
});

test("without a choice: parameters that say something, and the metric whose name tells what is better", () => {
  const column = (kind, title, values, differs = true) => ({ key: `${kind}:${title}`, kind, title, values, differs });
  assert.deepEqual(usualAxes([column("param", "lr", ["1", "2", "3"]), column("param", "same", ["1", "1", null]), column("param", "rare", [null, null, "1"]), column("metric", "count", [1, 2, 3]), column("metric", "loss", [1, 2, 3])]), ["param:lr", "metric:loss"]);
  assert.deepEqual(usualMetrics([{ key: "system/cpu", runs: 9 }, { key: "n", runs: 8 }, { key: "val/loss", runs: 3 }, { key: "loss", runs: 5 }]), ["loss"]);
  assert.deepEqual(usualMetrics([{ key: "n", runs: 8 }]), ["n"]);
  assert.deepEqual(usualMetrics([{ key: "system/cpu", runs: 9 }]), []);
});
