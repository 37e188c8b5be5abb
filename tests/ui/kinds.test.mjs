/* How files are looked at. */
import assert from "node:assert/strict";
import test from "node:test";
import { hexLines, kindOf, looksLikeText } from "../../ui/lib/kinds.js";

test("by name", () => {
  for (const [name, kind] of [["a/b.PNG", "image"], ["x.svg", "page"], ["x.html", "page"], ["m/MLmodel", "text"], ["a.csv", "csv"], ["a.b.parquet", "parquet"], [".png", null], ["model", null], ["x.pkl", null], ["a.svg/x.txt", "text"]])
    assert.equal(kindOf(name), kind, name);
});

test("by bytes", () => {
  assert.ok(looksLikeText(new TextEncoder().encode("é").subarray(0, 1)));
  assert.ok(!looksLikeText(new Uint8Array([65, 0])));
  assert.ok(!looksLikeText(new Uint8Array([0xff, 0x41])));
  assert.equal(hexLines(new Uint8Array([65, 10])), `00000000  ${"41 0a".padEnd(47)}  A.`);
});
