/* Rows of separated text, as RFC 4180 has them. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseRows } from "../../ui/lib/csv.js";

test("quotes, doubled quotes, line ends", () => {
  assert.deepEqual(parseRows("a,b\r\n1,\"x,\"\"y\"\"\nz\"\n"), [["a", "b"], ["1", "x,\"y\"\nz"]]);
  assert.deepEqual(parseRows("\ufeffa\tb\n\t\n", { separator: "\t" }), [["a", "b"], ["", ""]]);
  assert.deepEqual(parseRows("a\n\n\"\"\n"), [["a"], [""]]);
});

test("bounds", () => {
  assert.equal(parseRows("a\n".repeat(100), { max: 7 }).length, 7);
  assert.deepEqual(parseRows("a,b\n1,2\n3,", { cut: true }), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(parseRows("a,b\n1,2\n3,"), [["a", "b"], ["1", "2"], ["3", ""]]);
});
