/* table_grammar.test.mjs - the filter language: what is right, where it is wrong, what may stand at the caret. */
import assert from "node:assert/strict";
import test from "node:test";
import { check, complete, field, isPlain, toFilter, tokens, written } from "../../ui/lib/grammar.js";

const columns = { metrics: [{ key: "loss", runs: 9 }, { key: "val/loss", runs: 4 }], params: [{ key: "lr", runs: 9, values: ["0.1", "0.01"] }, { key: "o'k", runs: 1, values: ["it's"] }], tags: [{ key: "team", runs: 2, values: ["vision"] }] };
const texts = (text, caret = text.length) => complete(text, caret, columns).options.map(o => o.text);

test("filters that the server takes are right", () => {
  for (const f of ["metrics.loss < 0.1", "metrics.loss<-1e-3 and params.opt = 'adam'", "metrics.`val/loss` >= .5", "params.\"learning rate\" != \"0.1\"", "(metrics.a > 1 OR metrics.b > 2) AND tags.x IS NULL",
    "status = 'RUNNING'", "attributes.run_name ILIKE '%x%'", "params.lr IN ('0.1', '0.01')", "metrics.m not in (1, 2)", "tags.mlflow.user = 'x'", "datasets.name = 'd'", "start_time > 1700000000000", "params.x IS NOT NULL",
    "((metrics.a = 1))", "params.q = 'it''s'"])
    assert.equal(check(f), null, f);
});

test("what is wrong is told with its place and what was expected", () => {
  const wrong = { "metrics.loss": [12, "comparison"], "metrics.loss <": [14, "number"], "metrics.loss < 'a'": [15, "number"], "params.lr < '1'": [10, "comparison"], "params.lr = 0.1": [12, "text"], "params.lr = 'x": [12, "quote"],
    "metrics.a > 1 metrics.b > 2": [14, "and"], "(metrics.a > 1": [14, "close"], "metrics.a > 1)": [13, "and"], "nothing = 'x'": [0, "known"], "params.a IN '1'": [12, "list"], "params.a IN ('1'": [16, "close"],
    "tags.a IS x": [10, "null"], "metrics.a > 1 AND ": [17, "name"], "metrics.a LIKE 1": [10, "comparison"], "= 3": [0, "name"] };
  for (const [f, [at, expected]] of Object.entries(wrong))
    assert.deepEqual([check(f)?.at, check(f)?.expected], [at, expected], f);
});

test("parentheses do not go deep in the program", () => {
  assert.equal(check("(".repeat(100000) + "metrics.a > 1" + ")".repeat(100000)), null);
  assert.equal(check("(".repeat(100000) + "metrics.a > 1").expected, "close");
});

test("plain words look for names", () => {
  assert.ok(isPlain("resnet 50"));
  assert.ok(isPlain("v1.2"));
  assert.ok(!isPlain("metrics.loss"));
  assert.ok(!isPlain("a = 1"));
  for (const name of ["nothing is called this", "it's", "run (copy)", "status", "tag 3", "in", "v1, v2", "metrical.x"])
    assert.ok(isPlain(name), name);
  for (const filter of ["params.x is", "status in ('a'", "(metrics.a", "status not in", "params", "tags.", "metrics.`a b"])
    assert.ok(!isPlain(filter), filter);
  assert.equal(toFilter("  it's  "), "attributes.run_name ILIKE '%it_s%'");
  assert.equal(toFilter("resnet"), "attributes.run_name ILIKE '%resnet%'");
  assert.equal(toFilter(" "), "");
});

test("names of fields", () => {
  assert.deepEqual(field("metrics.`a b`"), { entity: "metrics", key: "a b", type: "number" });
  assert.equal(field("attributes.nothing"), null);
  assert.equal(field("run.status").key, "status");
  assert.equal(written("metrics", "val/loss"), "metrics.`val/loss`");
  assert.equal(written("params", "lr"), "params.lr");
});

test("completion: names, comparisons, values, and what follows", () => {
  assert.ok(texts("").includes("metrics.loss"));
  assert.deepEqual(texts("los"), ["metrics.loss", "metrics.`val/loss`"]);
  assert.deepEqual(texts("metrics.val"), ["metrics.`val/loss`"]);
  assert.ok(texts("metrics.loss ").includes("<"));
  assert.ok(!texts("params.lr ").includes("<"));
  assert.deepEqual(texts("params.lr = "), ["'0.1'", "'0.01'"]);
  assert.deepEqual(texts("params.lr = '0.01"), ["'0.01'"]);
  assert.deepEqual(texts("status = 'R"), ["'RUNNING'"]);
  assert.deepEqual(texts("params.lr = '0.1' "), ["AND", "OR"]);
  assert.ok(texts("params.lr = '0.1' AND te").includes("tags.team"));
  assert.deepEqual(texts("params.lr IN ("), ["'0.1'", "'0.01'"]);
  assert.deepEqual(texts("tags.team IS "), ["NULL", "NOT NULL"]);
  assert.deepEqual(complete("metrics.lo < 3", 10, columns).to, 10);
});

test("every character belongs to a token or a space", () => {
  const text = "metrics.`a b` >= -1.5e3 and x ~~ 'unclosed \u{1f600} ; %";
  assert.equal(tokens(text).map(x => x.text).join("").replace(/\s/g, ""), text.replace(/\s/g, ""));
});
