/* table_query.test.mjs - what the table of runs asks for, keeps in its address and writes into a file. */
import assert from "node:assert/strict";
import test from "node:test";
import { compareQuery, csvCell, csvRow, listOf, listText, orderBy, parts, searchBody, searchOf, sortOf, sortText, sortable, usualColumns } from "../../ui/rooms/runs/query.js";

test("lists of an address hold any name", () => {
  for (const list of [[], ["a"], ["a,b", "c\\", "\\,"], ["metrics.val/loss", "params.x y"]])
    assert.deepEqual(listOf(listText(list)), list);
});

test("sorting", () => {
  assert.deepEqual(sortOf(""), { key: "started", desc: true });
  assert.equal(sortText({ key: "started", desc: true }), null);
  assert.deepEqual(sortOf(sortText({ key: "metrics.a-b", desc: true })), { key: "metrics.a-b", desc: true });
  assert.deepEqual(orderBy({ key: "metrics.val/loss", desc: false }), ["metrics.`val/loss` ASC"]);
  assert.deepEqual(orderBy({ key: "started", desc: true }), ["attributes.start_time DESC"]);
  assert.deepEqual(orderBy({ key: "duration", desc: true }), []);
  assert.ok(sortable("params.x") && sortable("name") && !sortable("duration"));
});

test("columns that nobody chose", () => {
  const known = { metrics: [{ key: "rare", runs: 1 }, { key: "loss", runs: 9 }, { key: "system/cpu", runs: 9 }], params: [{ key: "same", runs: 9, distinct: 1 }, { key: "lr", runs: 9, distinct: 3 }] };
  assert.deepEqual(usualColumns(known, false), ["status", "started", "metrics.loss", "metrics.rare", "params.lr", "duration"]);
  assert.ok(usualColumns(null, true).includes("experiment"));
});

test("bodies", () => {
  assert.deepEqual(searchBody({ experiments: ["1"], filter: "", sort: { key: "name", desc: false }, columns: ["status", "metrics.a"], deleted: true }),
    { experiments: ["1"], filter: "", sort: ["attributes.run_name ASC"], columns: ["metrics.a"], view: "deleted" });
  assert.deepEqual(parts("params.a.b"), ["params", "a.b"]);
});

test("formulas are defused, numbers stay", () => {
  assert.equal(csvCell("=1+1"), "'=1+1");
  assert.equal(csvCell("@SUM(A1)"), "'@SUM(A1)");
  assert.equal(csvCell("-0.5"), "-0.5");
  assert.equal(csvCell("-cmd|' /C calc'!A0"), "'-cmd|' /C calc'!A0");
  assert.equal(csvCell("a \"b\",c"), "\"a \"\"b\"\",c\"");
  assert.equal(csvCell(null), "");
  assert.equal(csvCell(-1e-7), "-1e-7");
  const run = { id: "r1", name: "=x", status: "FINISHED", start_ms: 0, end_ms: 1500, user: "u", experiment: 3, values: [0.5, "adam"] };
  assert.equal(csvRow(run, ["status", "duration", "metrics.a", "params.o"], ["metrics.a", "params.o"], () => "e"), "r1,'=x,FINISHED,1.5,0.5,adam");
});

test("the comparison of a search is a short address, and comes back as the same search", () => {
  const back = query => searchOf(new URLSearchParams(Object.entries(query).filter(([, v]) => v)), 10000), sort = { key: "metrics.a", desc: true };
  assert.deepEqual(back(compareQuery({ exp: ["1", "2"], q: "train", sort })), { experiments: [1, 2], filter: "attributes.run_name ILIKE '%train%'", sort: ["metrics.a DESC"], limit: 10000 });
  assert.deepEqual(back(compareQuery({ exp: [], q: "", sort: sortOf("") })), { experiments: [], filter: "", sort: ["attributes.start_time DESC"], limit: 10000 });
  assert.equal(back(compareQuery({ exp: [], q: "params.a = 'x' OR params.a = 'y'", sort, except: ["r1", "r2"] })).filter, "(params.a = 'x' OR params.a = 'y') AND attributes.run_id NOT IN ('r1', 'r2')");
  assert.equal(back(compareQuery({ exp: [], q: "", sort, except: ["r1"] })).filter, "attributes.run_id NOT IN ('r1')");
  for (const [limit, want] of [["50", 50], ["0", 10000], ["-1", 10000], ["x", 10000], ["99999", 10000], ["7.9", 7]])
    assert.equal(searchOf(new URLSearchParams({ limit }), 10000).limit, want);
});
