/* chart.test.mjs - what charts compute: columns, ranges, the nearest line, files, axes, relations. */
import assert from "node:assert/strict";
import test from "node:test";
import { asNumber, axisOf, axisTicks, suitsLog } from "../../ui/lib/axes.js";
import { baseFirst, bestOf, chartSeries, decodeLines, figures, numberCells, textCells } from "../../ui/lib/compared.js";
import { lineDiff } from "../../ui/lib/linediff.js";
import { inkOn, luminance, ramp } from "../../ui/lib/ramp.js";
import { distanceToSegment, extent, lowerBound, mapping, nearestIndex, padded, pearson, ranks, spearman, ticks, toNumbers, trend } from "../../ui/lib/scale.js";
import { csvCell, csvText, fileName } from "../../ui/lib/sheet.js";
import { tickDuration, tickNumber } from "../../ui/parts/chart_axis.js";
import { csvRows, leftOut, nearest, prepare, rangeX, rangeY, summary } from "../../ui/parts/chart_data.js";

const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-12 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);
const NONE = new Set();

test("null and words are NaN, never 0; the server's largest number is infinity", () => {
  assert.deepEqual([...toNumbers([1, null, undefined, "", "x", 0])], [1, NaN, NaN, NaN, NaN, 0]);
  assert.deepEqual([...toNumbers([Number.MAX_VALUE, -Number.MAX_VALUE])], [Infinity, -Infinity]);
  assert.equal(extent(toNumbers([null, Number.MAX_VALUE])), null);
  assert.deepEqual(extent([3, -1, NaN, 2]), [-1, 3]);
  assert.deepEqual(extent([3, -1, 0, 2], true), [2, 3]);
});

test("ranges have air, and height where all values are the same", () => {
  assert.deepEqual(padded([0, 10]), [-0.5, 10.5]);
  assert.ok(padded([5, 5])[0] < 5 && padded([5, 5])[1] > 5);
  assert.ok(padded([0, 0])[0] < 0);
  const [low, high] = padded([1, 100], true);
  assert.ok(low > 0 && low < 1 && high > 100);
});

test("mappings go there and back, also logarithmic ones", () => {
  for (const log of [false, true]) {
    const map = mapping([1, 1000], [0, 300], log);
    for (const v of [1, 7, 500, 1000])
      near(map.at(map(v)), v);
  }
  assert.ok(Number.isNaN(mapping([1, 10], [0, 1], true)(0)));
  assert.ok(Number.isNaN(mapping([1, 10], [0, 1], true)(-3)));
  near(mapping([1, 100], [0, 2], true)(10), 1);
});

test("the nearest place in a column", () => {
  const xs = Float64Array.from([0, 10, 20, 20, 30]);
  assert.equal(lowerBound(xs, 20), 2);
  assert.equal(lowerBound(xs, 31), 5);
  for (const [v, i] of [[-5, 0], [4, 0], [6, 1], [29, 4], [99, 4]])
    assert.equal(nearestIndex(xs, v), i);
  assert.equal(nearestIndex(new Float64Array(0), 1), -1);
});

test("ticks are round and within the range", () => {
  assert.deepEqual(ticks([0, 10], 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticks([0.1, 0.35], 5), [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]);
  assert.deepEqual(ticks([1, 1000], 5, true), [1, 10, 100, 1000]);
  assert.ok(ticks([2, 9], 5, true).length > 1);
  assert.deepEqual(ticks([4, 4], 5), [4]);
});

test("words of ticks are as fine as the ticks", () => {
  assert.equal(tickNumber(1.25, 0.25), "1.25");
  assert.equal(tickNumber(0, 0.25), "0.00");
  assert.equal(tickNumber(123456, 1000), "123 k");
  assert.equal(tickNumber(-2, 1), "−2");
  assert.equal(tickNumber(1e-7, 1e-7), "1e−7");
  assert.equal(tickNumber(3, 0), "");
  assert.equal(tickNumber(50, 0), "50");
  assert.equal(tickDuration(0.12346, 0.00001), "123.46 µs");
  assert.equal(tickDuration(90000, 30000), "1 m 30 s");
});

test("a range follows what is seen", () => {
  const list = prepare([{ id: "a", x: [0, 1, 2, 3], y: [0, 10, null, -5] }, { id: "b", x: [5], y: [100] }]);
  assert.deepEqual(rangeX(list, NONE, false), [0, 5]);
  assert.deepEqual(rangeX(list, new Set(["b"]), false), [0, 3]);
  assert.deepEqual(rangeX(list, NONE, true), [1, 5]);
  assert.deepEqual(rangeY(list, NONE, [0, 1], false), [-0.5, 10.5]);
  assert.deepEqual(rangeY(list, NONE, [0, 1], false, [0, null]), [0, 10.5]);
  assert.deepEqual(rangeY([], NONE, [0, 1], false), padded([0, 1]));
  assert.equal(leftOut(list, false, true), 2);
  assert.equal(leftOut(list, false, false), 0);
});

test("series in another order are sorted, with all their columns", () => {
  const [s] = prepare([{ id: "a", x: [3, 1, 2], y: [30, 10, 20], min: [29, 9, 19], max: [31, 11, 21] }]);
  assert.deepEqual([[...s.x], [...s.y], [...s.min]], [[1, 2, 3], [10, 20, 30], [9, 19, 29]]);
});

test("the nearest line is the one whose piece passes nearest, not the one with the nearest point", () => {
  const list = prepare([{ id: "flat", x: [0, 100], y: [0, 0] }, { id: "steep", x: [0, 100], y: [50, 50] }, { id: "pale", x: [50], y: [4], faint: true }]);
  const same = v => v;
  assert.equal(nearest(list, NONE, 50, 5, same, same, same).series.id, "flat");
  assert.equal(nearest(list, NONE, 50, 46, same, same, same).series.id, "steep");
  assert.equal(nearest(list, new Set(["flat"]), 50, 5, same, same, same), null);
  assert.equal(distanceToSegment(5, 5, 0, 0, 10, 0), 5);
  assert.equal(distanceToSegment(13, 4, 0, 0, 10, 0), 5);
});

test("the nearest of ten thousand lines is found", () => {
  const list = prepare(Array.from({ length: 10000 }, (_, k) => ({ id: k, x: Float64Array.from({ length: 32 }, (_, i) => i * 10), y: Float64Array.from({ length: 32 }, (_, i) => k + i) })));
  const same = v => v;
  assert.equal(nearest(list, NONE, 155, 5015.5, same, same, same).series.id, 5000);
});

test("the table for readers and the file tell the same values", () => {
  const list = prepare([{ id: "a", name: "=cmd()", x: [0, 1, 2], y: [1, null, 3], min: [0, null, 2], max: [2, null, 4] }, { id: "e", name: "none", x: [], y: [] }]);
  const [a, e] = summary(list);
  assert.deepEqual([a.n, a.missing, a.first, a.to, a.last, a.min, a.max], [2, 1, 0, 2, 3, 0, 4]);
  assert.equal(e.n, 0);
  assert.ok(Number.isNaN(e.last));
  assert.equal(csvText(csvRows(list, "step", "loss")), "series,id,step,loss,min,max\r\n'=cmd(),a,0,1,0,2\r\n'=cmd(),a,1,,,\r\n'=cmd(),a,2,3,2,4\r\n");
});

test("cells of files are no formulas, numbers stay numbers", () => {
  for (const [value, cell] of [["=1+1", "'=1+1"], ["+x", "'+x"], ["-x", "'-x"], ["@x", "'@x"], ["\t=1", "'\t=1"], [" =1", "' =1"], ["＝1", "'＝1"], [-1.5, "-1.5"], ["a,b", '"a,b"'], ['"', '""""'], [null, ""], [NaN, ""], ["x", "x"]])
    assert.equal(csvCell(value), cell);
  assert.equal(fileName("train/loss: <x>", ".csv"), "train-loss-x.csv");
  assert.equal(fileName("../..", ".csv"), "chart.csv");
});

test("correlations: computed by hand", () => {
  near(pearson([1, 2, 3, 4], [2, 4, 6, 8]), 1);
  near(pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), 0.8);
  near(spearman([1, 10, 100, 1000], [1, 2, 3, 4]), 1);
  near(spearman([1, 2, 3, NaN], [3, 2, 1, 9]), -1);
  assert.deepEqual(ranks([10, 20, 20, 5]), [2, 3.5, 3.5, 1]);
  assert.equal(pearson([1, 1, 1], [1, 2, 3]), null);
  assert.equal(pearson([1], [1]), null);
  const line = trend([0, 1, 2], [1, 3, 5]);
  near(line.slope, 2);
  near(line.intercept, 1);
  assert.equal(trend([1, 1], [1, 2]), null);
});

test("columns are numbers only where all of them are", () => {
  assert.equal(asNumber("1e-3"), 0.001);
  for (const text of ["", "0x10", "1e", "nan", "1,5", "Infinity"])
    assert.ok(Number.isNaN(asNumber(text)), text);
  assert.ok(Number.isNaN(asNumber("1".repeat(1000000) + "x"))); /* the square of that is half an hour */
  const numbers = axisOf(["0.1", "1", null, "10"], { log: true });
  assert.deepEqual([numbers.kind, numbers.domain, numbers.log], ["number", [0.1, 10], true]);
  assert.ok(Number.isNaN(numbers.values[2]));
  const names = axisOf(["b", "a10", null, "a2", "1"]);
  assert.deepEqual([names.kind, names.names, names.values[0]], ["category", ["1", "a2", "a10", "b"], 3]);
  assert.deepEqual(axisTicks(names, 5).map(p => p[1]), names.names);
  assert.ok(suitsLog(["0.0001", "0.1"]) && !suitsLog(["0", "1000"]) && !suitsLog(["1", "2"]) && !suitsLog(["a", "b"]));
});

const answer = {
  runs: [{ run_id: "a" }, { run_id: "b" }], code: [], datasets: [], tags: [],
  params: [{ key: "lr", differs: true, values: ["1", "2"] }],
  metrics: [{ key: "loss", differs: true, values: [0.5, "NaN"], extremes: [{ points: 3, min: 0.4, max: 9 }, { points: 1 }] }],
};

test("comparison: what differs from the base, by how much, and which is best", () => {
  assert.deepEqual(textCells(["x", "x", "y", null]).map(c => c.kind), ["base", "same", "changed", "missing"]);
  const cells = numberCells("val_loss", [0.5, 0.25, 0.75, null, NaN]);
  assert.deepEqual(cells.map(c => c.kind), ["base", "best", "worse", "missing", "same"]);
  assert.equal(cells[1].note, "▲ −0.25");
  assert.equal(cells[2].note, "▼ +0.25");
  assert.equal(cells[4].text, "NaN");
  assert.equal(bestOf("accuracy", [0.5, 0.9, 0.7]), 1);
  assert.equal(bestOf("something", [0.5, 0.9]), -1);
  assert.equal(bestOf("loss", [1, 1]), -1);
  const turned = baseFirst(answer, "b");
  assert.deepEqual([turned.runs[0].run_id, turned.params[0].values, turned.metrics[0].extremes[1].min], ["b", ["2", "1"], 0.4]);
  assert.equal(baseFirst(answer, "nobody"), answer);
  assert.deepEqual(figures(answer.metrics[0], "best"), [0.4, null]);
  assert.deepEqual(figures(answer.metrics[0], "max"), [9, null]);
  assert.ok(Number.isNaN(figures(answer.metrics[0], "last")[1]));
});

test("series of a chart: bands only where points were put together, the raw line behind the smooth one", () => {
  const run = { run_id: "a", name: "A", x: [0, 1], mean: [1, 2], min: [0, 2], max: [2, 2], count: [2, 1] };
  const styles = new Map([["a", { stroke: "#123456" }]]);
  const [s] = chartSeries({ lines: [run] }, { styles });
  assert.deepEqual([s.y, s.min, s.faint, s.stroke], [[1, 2], [0, 2], null, "#123456"]);
  assert.equal(chartSeries({ lines: [{ ...run, count: [1, 1] }] }, { styles })[0].min, undefined);
  assert.deepEqual(chartSeries({ lines: [{ ...run, smooth: [1, 1.5] }] }, { styles })[0].faint, [1, 2]);
  assert.deepEqual(chartSeries({ lines: [run] }, { styles, off: new Set(["a"]) }), []);
  const group = { group: "1", run_ids: ["a", "b"], x: [0, 1], mean: [1, null], std: [0.5, null], stderr: [0.25, null], min: [0, null], max: [2, null], count: [2, 2] };
  const band = kind => chartSeries({ lines: [group] }, { styles, band: kind, groupName: line => `lr = ${line.group} (${line.run_ids.length})` })[0];
  assert.deepEqual([band("std").min, band("stderr").max, band("minmax").max, band("none").min, band("std").name], [[0.5, null], [1.25, null], [2, null], undefined, "lr = 1 (2)"]);
});

test("lines in binary are views of the answer", () => {
  const head = new TextEncoder().encode(JSON.stringify({ run_ids: ["a", "b"], names: ["A", "B"], start: [0, 2, 3] })), length = Math.ceil(head.length / 8) * 8;
  const buffer = new ArrayBuffer(8 + length + 48), bytes = new Uint8Array(buffer);
  new DataView(buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(32, 8, 8 + length);
  bytes.set(head, 8);
  new Float64Array(buffer, 8 + length).set([1, 2, 3, 10, NaN, Number.MAX_VALUE]);
  const { lines } = decodeLines(buffer);
  assert.deepEqual(lines.map(l => [l.id, l.name, [...l.x], [...l.y]]), [["a", "A", [1, 2], [10, NaN]], ["b", "B", [3], [Infinity]]]);
  assert.equal(lines[0].x.buffer, buffer);
});

test("what changed between two texts, JSON by its values", () => {
  assert.deepEqual(lineDiff("a\nb\nc", "a\nx\nc").map(l => l.kind[0] + l.text), ["sa", "gb", "nx", "sc"]);
  assert.deepEqual(lineDiff('{"a":1,"b":2}', '{"a":1,"b":3}').filter(l => l.kind !== "same").map(l => l.text.trim()), ['"b": 2', '"b": 3']);
  assert.ok(lineDiff("same", "same").every(l => l.kind === "same"));
  assert.deepEqual(lineDiff("", "a").map(l => l.kind), ["gone", "new"]);
});

test("colours of numbers rise evenly in lightness and carry readable ink", () => {
  for (const dark of [false, true]) {
    const light = [0, 0.25, 0.5, 0.75, 1].map(s => luminance(ramp(s, { dark })));
    for (let i = 1; i < light.length; i++)
      assert.ok(dark ? light[i] > light[i - 1] : light[i] < light[i - 1]);
    for (let s = -1; s <= 1; s += 0.1)
      for (const both of [false, true]) {
        const rgb = ramp(s, { dark, both }), ink = luminance(inkOn(rgb) === "#ffffff" ? [255, 255, 255] : [0, 0, 0]), ground = luminance(rgb);
        assert.ok((Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) >= 4.5);
      }
  }
});
