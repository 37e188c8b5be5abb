/* The rows of a JSON tree. */
import assert from "node:assert/strict";
import test from "node:test";
import { CHILDREN_MAX, jsonRows } from "../../ui/lib/jsonrows.js";

test("open and closed branches", () => {
  const value = { a: [1, { "b/c": null }], d: "x" };
  assert.deepEqual(jsonRows(value, () => false).map(r => r.path), [""]);
  assert.deepEqual(jsonRows(value, () => true).map(r => [r.path, r.depth]), [["", 0], ["/a", 1], ["/a/0", 2], ["/a/1", 2], ["/a/1/b~1c", 3], ["/d", 1]]);
});

test("bounds: wide, deep, long", () => {
  const wide = jsonRows(Array.from({ length: CHILDREN_MAX + 5 }, () => 0), () => true);
  assert.equal(wide.length, CHILDREN_MAX + 2);
  assert.equal(wide[wide.length - 1].value, 5);
  let deep = 1;
  for (let i = 0; i < 50000; i++)
    deep = [deep];
  assert.equal(jsonRows(deep, () => true, 3000).length, 3000);
});
