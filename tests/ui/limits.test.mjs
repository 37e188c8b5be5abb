/* limits.test.mjs - charts, graphs and figures at their edges: ranges no wider than a double's last digit, logarithms of nothing, times that no clock shows, equal
 * values, points that are gone, ids that are words of the language, very many lines. */
import assert from "node:assert/strict";
import test from "node:test";
import "./page_globals.mjs";
import { axisOf, axisTicks } from "../../ui/lib/axes.js";
import { chooseColour, distinctStyles, palette, seriesStyle, stylesOf } from "../../ui/lib/colour.js";
import { ago, bytes, day, duration, when } from "../../ui/lib/format.js";
import { mapping, padded, pearson, spearman, ticks, widened, zoomed } from "../../ui/lib/scale.js";
import { tickTimes } from "../../ui/parts/chart_axis.js";
import { again, prepare, rangeY, usable } from "../../ui/parts/chart_data.js";
import { paintBands, paintMarks } from "../../ui/parts/chart_paint.js";
import { markPlaces } from "../../ui/parts/episodes.js";
import { brushEnd } from "../../ui/parts/parallel.js";
import { byDay } from "../../ui/parts/timeline_days.js";

const NONE = new Set();

test("ticks end where steps are smaller than a double's last digit, and stand where they say", () => {
  for (const range of [[1e17, 1e17 + 16], [1, 1 + 2 ** -52], [-1e300, -1e300 * (1 - 2 ** -52)]])
    assert.ok(ticks(range, 5).length <= 21);
  assert.deepEqual(ticks([1700000000123, 1700000000128], 5), [123, 124, 125, 126, 127, 128].map(ms => 1700000000000 + ms));
  const axis = axisOf(["1234567890123456789", "1234567890123457045"]);
  assert.equal(axis.kind, "number");
  assert.ok(axisTicks(axis, 5, String).length <= 21);
});

test("a range is wide enough to be stepped through, whatever was zoomed into", () => {
  for (const middle of [0, 1e-300, 3, -7e5, 1.7e18]) {
    let range = padded([middle, middle]);
    for (let i = 0; i < 200; i++) {
      range = zoomed(range, middle, 0.5);
      assert.ok(range[0] <= middle && middle <= range[1], `${range} around ${middle}`);
    }
    range = widened(range);
    const step = (range[1] - range[0]) / 100;
    assert.ok(middle === 0 || middle === 1e-300 || range[0] + step > range[0], String(range));
  }
  assert.ok(padded([1e17, 1e17 + 16])[1] > 1.05e17);
  for (const [low, high] of [[1e-320, 1e300], [5e-324, 5e-324]]) {
    const range = padded([low, high], true), map = mapping(range, [0, 100], true);
    assert.ok(range.every(v => v > 0 && Number.isFinite(v)) && Number.isFinite(map(low)) && Number.isFinite(map(high)));
  }
});

test("a logarithmic axis is zoomed in factors, and never to nothing", () => {
  const out = zoomed([1, 100], 10, 2, true);
  assert.ok(Math.abs(out[0] - 0.1) < 1e-9 && Math.abs(out[1] - 1000) < 1e-6);
  assert.equal(usable([-5, 10], true), null);
  assert.equal(usable([NaN, 10], false), null);
  assert.equal(usable([3, 3], false), null);
  assert.deepEqual(usable([1, 10], true), [1, 10]);
});

test("between two points the line's height counts", () => {
  const list = prepare([{ id: "a", x: [0, 10, 20], y: [100, 200, 50] }]);
  const [low, high] = rangeY(list, NONE, [4, 5], false);
  assert.ok(low <= 100 && high >= 200 && low > 50, `${low} ${high}`);
  assert.deepEqual(rangeY(list, NONE, [30, 40], false), padded([0, 1]));
  assert.ok(rangeY(list, NONE, [0, 20], false, [1e17, 5])[1] > 1e17);
});

test("what is pointed at is found again in newer data, and let go where it is gone", () => {
  const [old] = prepare([{ id: "a", x: [0, 1, 2, 3], y: [1, 2, 3, 4] }]), at = { series: old, index: 3 };
  const fresh = prepare([{ id: "b", x: [9], y: [9] }, { id: "a", x: [1, 3], y: [2, 40] }]), now = again(at, fresh);
  assert.deepEqual([now.series, now.index], [fresh[1], 1]);
  assert.equal(again(at, prepare([{ id: "b", x: [1], y: [1] }])), null);
  assert.equal(again(at, prepare([{ id: "a", x: [], y: [] }])), null);
  assert.equal(again(null, fresh), null);
});

test("equal values correlate with nothing, also where their mean is rounded", () => {
  assert.equal(pearson([0.1, 0.1, 0.1], [0.1, 0.1, 0.1]), null);
  assert.equal(pearson([0.1, 0.1, 0.1], [1, 2, 4]), null);
  assert.equal(spearman([0.1, 0.1, 0.1], [1, 2, 4]), null);
  assert.ok(Math.abs(pearson([0.1, 0.2, 0.3], [3, 2, 1]) + 1) < 1e-12);
});

test("a brush keeps the digits that its axis needs", () => {
  const day_ms = [1795412000000, 1795498400000], end = brushEnd(1795450123456, day_ms);
  assert.ok(Math.abs(end - 1795450123456) < 86400000 / 1000, String(end));
  assert.equal(brushEnd(0.123456, [0, 1]), 0.1235);
  assert.equal(brushEnd(5, [0, 1]), 1);
});

test("times that no clock shows are told as they came, and break nothing", () => {
  const ns = 1795412000000000000;
  assert.equal(when(ns), String(ns));
  assert.deepEqual([ago(ns), day(ns), day(Infinity), when(NaN), when(null)], ["–", "–", "–", "–", "–"]);
  assert.deepEqual(tickTimes([ns, null], 1000), ["", ""]);
  assert.deepEqual(byDay([{ time_ms: ns }, { time_ms: 0 }], "en", "UTC").map(([name]) => name), ["–", "Jan 1, 1970"]);
  const now = Date.UTC(2026, 0, 31);
  assert.match(ago(now - 30.2 * 86400000, now), /^last mo/); /* not "this mo" */
  assert.match(ago(now - 365.1 * 86400000, now), /^last yr/);
});

test("durations and sizes are rounded before their unit is chosen", () => {
  assert.deepEqual([duration(-5000), duration(59990), duration(999.9), duration(0.9999), duration(3599999)], ["−5 s", "1 m 00 s", "1 s", "1 ms", "59 m 59 s"]);
  assert.deepEqual([bytes(1023 * 1024), bytes(-2048), bytes(NaN), bytes(0), bytes(0.125)], ["1023 KiB", "−2 KiB", "NaN", "0 B", "0.125 B"]);
});

test("marks of one time stay beside each other and inside", () => {
  const places = markPlaces(Array.from({ length: 10 }, () => ({ at: 10 })), 0, 10);
  assert.ok(places.every((p, i) => p <= 100 && (i === 0 || p - places[i - 1] > 2)), String(places));
  const many = markPlaces(Array.from({ length: 200 }, (_, i) => ({ at: i / 20 })), 0, 10);
  assert.ok(many.every(p => p >= -1e-9 && p <= 100 + 1e-9));
});

test("ids may be any words; a choice is kept before hashes are", () => {
  for (const id of ["constructor", "__proto__", "toString", "valueOf"])
    assert.ok(palette.includes(seriesStyle(id).stroke), id);
  const ids = Array.from({ length: 8 }, (_, i) => `run-${i}`), taken = palette.indexOf(seriesStyle(ids[0]).stroke);
  chooseColour(ids[7], taken);
  chooseColour("__proto__", 3);
  assert.equal(seriesStyle("__proto__").stroke, palette[3]);
  const styles = distinctStyles(ids), looks = new Set([...styles.values()].map(s => s.stroke + s.dash));
  assert.equal(styles.get(ids[7]).stroke, palette[taken]);
  assert.equal(looks.size, 8, "the one that chose and the one whose hash it is differ");
  chooseColour(ids[7], null);
  assert.equal(seriesStyle("run-0").stroke, palette[taken]);
  assert.equal(stylesOf(Array.from({ length: 10000 }, (_, i) => `r${i}`)).size, 10000);
});

/* A canvas that writes down what is drawn; each character is 11 wide, as Chinese ones are. */
function paper() {
  const drawn = [], ctx = { drawn, measureText: text => ({ width: 11 * [...text].length }), fillRect: (...where) => drawn.push(["rect", ...where]), fillText: (...what) => drawn.push(["text", ...what]) };
  for (const name of ["save", "restore", "beginPath", "rect", "clip", "moveTo", "lineTo", "stroke", "setLineDash"])
    ctx[name] = () => {};
  return ctx;
}

test("bands from 0 begin at the foot of a logarithmic axis; words of marks end inside", () => {
  const view = { left: 0, top: 0, width: 200, height: 100, ratio: 1, toX: mapping([0, 10], [0, 200]), toY: mapping([1, 100], [100, 0], true) }, ctx = paper();
  paintBands(ctx, [{ y: [0, 10], kind: "ok" }], view, () => "red");
  assert.deepEqual(ctx.drawn.map(([what, ...where]) => [what, ...where.map(Math.round)]), [["rect", 0, 50, 200, 50]]);
  ctx.drawn.length = 0;
  paintMarks(ctx, [{ y: 10, text: "错误率上限" }, { x: 9.5, text: "已经晋升" }], view, () => "red");
  for (const [, text, x] of ctx.drawn)
    assert.ok(x >= 0 && x + 11 * [...text].length <= 200, `${text} at ${x}`);
  assert.equal(ctx.drawn.length, 2);
});
