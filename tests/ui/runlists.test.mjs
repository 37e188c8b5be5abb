/* runlists.test.mjs - long lists of runs in addresses, and columns of very many runs. */
import "./page_globals.mjs";
import assert from "node:assert/strict";
import test from "node:test";
import { manyColumns } from "../../ui/lib/compared.js";
import { ADDRESS_MAX, listOf, listText } from "../../ui/lib/runlists.js";

test("a short list is itself, a long one a name that is remembered; the oldest is forgotten", () => {
  assert.equal(listText(["a", "b"]), "a,b");
  assert.deepEqual(listOf(" a,b,,a "), ["a", "b"]);
  assert.deepEqual(listOf(""), []);
  const lists = [0, 1, 2, 3].map(k => Array.from({ length: ADDRESS_MAX + 1 }, (_, i) => `r${k}-${i}`)), names = lists.map(listText);
  assert.equal(listText(lists[3]), names[3]);
  assert.ok(names.every(name => /^~[0-9a-z]+$/.test(name)));
  assert.deepEqual(listOf(names[3]), lists[3]);
  assert.deepEqual(listOf(names[1]), lists[1]);
  assert.equal(listOf(names[0]), null);
  assert.equal(listOf("~nobody"), null);
});

test("columns of very many runs: all that are known, values where they were told", () => {
  const known = { runs: 4, params: [{ key: "lr", runs: 3, distinct: 2 }, { key: "one", runs: 4, distinct: 1 }], metrics: [{ key: "loss", runs: 4 }] };
  const answer = { run_ids: ["a", "b", "c"], start_ms: [1, 2, 3], end_ms: [11, null, 4], params: [{ key: "lr", texts: ["0.1", "0.2"], at: [1, null, 0] }], metrics: [{ key: "loss", values: [0.5, null, "NaN"] }], tags: [] };
  const columns = new Map(manyColumns(known, answer).map(c => [c.key, c]));
  assert.deepEqual(columns.get("param:lr").values, ["0.2", null, "0.1"]);
  assert.deepEqual(columns.get("metric:loss").values, [0.5, null, NaN]);
  assert.deepEqual(columns.get("attr:duration").values, [10, null, 1]);
  assert.deepEqual(columns.get("param:one").values, []);
  assert.deepEqual([columns.get("param:lr").telling, columns.get("param:one").telling], [true, false]);
  assert.equal(manyColumns(known, null).length, 5);
});
