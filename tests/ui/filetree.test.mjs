/* The rows of a tree of files. */
import assert from "node:assert/strict";
import test from "node:test";
import { above, nameOf, treeRows } from "../../ui/lib/filerows.js";

test("folders first, open ones with what is below", () => {
  const folders = new Map([["", { files: [{ path: "z", is_dir: false }, { path: "b", is_dir: true }, { path: "a", is_dir: true }] }], ["a", { files: [{ path: "a/1", is_dir: false }] }]]);
  assert.deepEqual(treeRows(folders, new Set(["a"])).map(r => [r.file.path, r.depth]), [["a", 0], ["a/1", 1], ["b", 0], ["z", 0]]);
  assert.equal(treeRows(folders, new Set(["b"])).find(r => r.note !== undefined).note, "");
});

test("names", () => {
  assert.equal(nameOf("a/b/c.txt"), "c.txt");
  assert.deepEqual(above("a/b/c"), ["a", "a/b"]);
});
