/* The rows of a JSON tree. */
import assert from "node:assert/strict";
import test from "node:test";
import { CHILDREN_MAX, jsonRows, parseJson } from "../../ui/lib/jsonrows.js";

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

test("large integers keep their digits where the browser tells them, and depth breaks nothing", () => {
  const parse = JSON.parse;
  JSON.parse = (text, f) => parse(text, f && ((key, value) => f(key, value, { source: typeof value === "number" ? "12345678901234567890" : undefined }))); /* as browsers do, which Node learns with 22 */
  try {
    assert.deepEqual(parseJson('{"a": 12345678901234567890, "b": "x"}'), { a: 12345678901234567890n, b: "x" });
  } finally {
    JSON.parse = parse;
  }
  assert.deepEqual(parseJson("[1, 2.5, null]"), [1, 2.5, null]);
  const deep = "[".repeat(20000) + "1234567890123456" + "]".repeat(20000);
  assert.ok(Array.isArray(parseJson(deep)));
  assert.throws(() => parseJson("{1234567890123456789"), SyntaxError);
});
