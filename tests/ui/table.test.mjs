/* table.test.mjs - what the table computes: rows in view, keys, sorting, layout, ranges. */
import assert from "node:assert/strict";
import test from "node:test";
import { MAX_PX, ROW_PX, bodySize, clampWidth, compareValues, keyTarget, laidOut, moved, movedTo, nextSort, rowsInView, scrollTo, selected, sortRows } from "../../ui/lib/grid.js";

test("only rows in view and a few beyond are drawn", () => {
  const at = rowsInView(32 * 1000, 640, 100000, 6);
  assert.deepEqual(at, { from: 994, to: 1026, origin_px: 0 });
  assert.deepEqual(rowsInView(0, 640, 3, 6), { from: 0, to: 3, origin_px: 0 });
  assert.deepEqual(rowsInView(0, 640, 0, 6), { from: 0, to: 0, origin_px: 0 });
});

test("a table that is taller than browsers draw reaches its last row", () => {
  const count = 5000000, view = 640, { body_px } = bodySize(count, view);
  assert.equal(body_px, MAX_PX);
  const end = rowsInView(body_px - view, view, count, 0);
  assert.equal(end.to, count);
  const last_px = (count - 1) * ROW_PX + end.origin_px; /* where the last row stands in the body */
  assert.ok(Math.abs(last_px + ROW_PX - body_px) < 1);
  assert.equal(Math.round(scrollTo(count - 1, 0, view, count)), body_px - view);
});

test("scrolling to a row moves only as far as needed", () => {
  assert.equal(scrollTo(5, 0, 640, 100), 0);
  assert.equal(scrollTo(20, 0, 640, 100), 32);
  assert.equal(scrollTo(3, 320, 640, 100), 96);
});

test("keys", () => {
  assert.equal(keyTarget("ArrowDown", -1, 10, 5), 0);
  assert.equal(keyTarget("ArrowDown", 9, 10, 5), 9);
  assert.equal(keyTarget("PageDown", 2, 10, 5), 7);
  assert.equal(keyTarget("PageUp", 2, 10, 5), 0);
  assert.equal(keyTarget("End", 2, 10, 5), 9);
  assert.equal(keyTarget("x", 2, 10, 5), -1);
  assert.equal(keyTarget("End", -1, 0, 5), -1);
});

test("what is missing stands last in both directions", () => {
  const rows = [{ v: 2 }, { v: NaN }, { v: 10 }, { v: null }, { v: 1 }], column = { key: "v", value: r => r.v };
  assert.deepEqual(sortRows(rows, column, false).map(r => r.v), [1, 2, 10, NaN, null]);
  assert.deepEqual(sortRows(rows, column, true).map(r => r.v), [10, 2, 1, NaN, null]);
  assert.ok(compareValues("v2", "v10", false) < 0);
  assert.equal(compareValues(null, undefined, false), 0);
});

test("a click sorts numbers from the greatest, texts from A, and turns round", () => {
  assert.deepEqual(nextSort(null, { key: "a", align: "right" }), { key: "a", desc: true });
  assert.deepEqual(nextSort(null, { key: "a" }), { key: "a", desc: false });
  assert.deepEqual(nextSort({ key: "a", desc: false }, { key: "a" }), { key: "a", desc: true });
});

test("order and widths of columns", () => {
  const columns = [{ key: "eye", fixed: true }, { key: "a" }, { key: "b", align: "right" }, { key: "c", width: 80 }];
  assert.deepEqual(laidOut(columns, null).map(c => c.key), ["eye", "a", "b", "c"]);
  assert.deepEqual(laidOut(columns, { order: ["c", "gone", "a"] }).map(c => c.key), ["eye", "c", "a", "b"]);
  assert.deepEqual(laidOut(columns, { widths: { a: 5, b: 99999 } }).map(c => c.width), [160, 48, 1200, 80]);
  assert.equal(clampWidth(100.4), 100);
  assert.deepEqual(moved(["a", "b", "c"], "c", "a"), ["c", "a", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], "a", null), ["b", "c", "a"]);
  assert.deepEqual(moved(["a", "b", "c"], "a", "a"), ["a", "b", "c"]);
});

test("ranges take on what the row clicked becomes; rows that are not here are left out", () => {
  const keys = i => [..."abcdef"][i];
  assert.deepEqual([...selected(new Set(), keys, 2, -1, false)], ["c"]);
  assert.deepEqual([...selected(new Set(["b"]), keys, 4, 1, true)], ["b", "c", "d", "e"]);
  assert.deepEqual([...selected(new Set(["b", "c", "d"]), keys, 3, 1, true)], []);
  assert.deepEqual([...selected(new Set(), keys, 9, 4, true)], ["e", "f"]);
});

test("a row that moved is found nearby, or not at all", () => {
  const keys = i => `r${i}`;
  assert.equal(movedTo("r7", 5, keys, 100), 7);
  assert.equal(movedTo("r0", 5, keys, 100), 0);
  assert.equal(movedTo("r99", 5, keys, 50), -1);
  assert.equal(movedTo("gone", 5, keys, 1e6), -1);
});
