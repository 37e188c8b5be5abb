/* models.test.mjs - what the rooms of models say and show, without a page. */
import assert from "node:assert/strict";
import test from "node:test";
import { betterOf, judge } from "../../ui/lib/better.js";
import { fold, pageOf, partsOf } from "../../ui/rooms/models/folded.js";
import { asks, changed, says } from "../../ui/rooms/models/says.js";
import { columnsOf, sideBySide, typeText } from "../../ui/rooms/models/signature.js";

const t = (text, args = {}) => text.split("|")[args.n > 1 ? text.split("|").length - 1 : 0].replace(/\{(\w+)\}/g, (_, key) => String(args[key]));
const preview = { model: "m", changed: true, needs_approval: false, self_approval: false, refused: null, archives: [], endpoints: [], expires_in_s: 604800 };

test("what an act will do", () => {
  const one = (act, p) => says(act, { ...preview, ...p }, t, "7 d").sentences.join(" ");
  assert.equal(one({ act: "alias" }, { alias: "champion", from: "3", version: 4 }), "Alias champion will name version 4 instead of 3.");
  assert.equal(one({ act: "alias" }, { alias: "champion", from: null, version: 4 }), "Alias champion will name version 4.");
  assert.equal(one({ act: "alias" }, { alias: "champion", from: "4", version: null }), "Alias champion, which names version 4, will be removed.");
  assert.equal(one({ act: "stage" }, { stage: "Production", from: "None", version: 4, archives: [2, 3] }), "Version 4 will move from None to Production. Versions 2, 3 will become Archived.");
  assert.equal(one({ act: "rollback" }, { alias: "champion", from: "4", version: 3, endpoints: [{ endpoint: "flights", version: 4, moves: true }, { endpoint: "other", version: 2, moves: false }] }),
    "Alias champion will name version 3 instead of 4. Endpoint flights will serve version 3 instead of 4. Endpoint other goes on answering with version 2.");
  assert.match(one({ act: "delete", version: 2 }, { from: null, version: null }), /^Version 2 of m will be deleted\. /);
});

test("what needs somebody else, what cannot be done, what is so already", () => {
  const waits = says({ act: "alias" }, { ...preview, changed: false, needs_approval: true, alias: "champion", from: "3", version: 4 }, t, "7 d");
  assert.deepEqual([waits.waits, waits.blocked], [true, false]);
  assert.equal(waits.sentences.join(" "), "It is protected: nothing changes until another person approves. The request waits 7 d. Then: Alias champion will name version 4 instead of 3.");
  const no = says({ act: "delete", version: 2 }, { ...preview, changed: false, refused: { code: "CONFLICT", error: "endpoint 'e' serves it" } }, t);
  assert.deepEqual([no.blocked, no.sentences], [true, ["This cannot be done: endpoint 'e' serves it"]]);
  assert.deepEqual(says({ act: "alias" }, { ...preview, changed: false, alias: "champion", from: "4", version: 4 }, t).blocked, true);
});

test("requests and history as lines", () => {
  assert.equal(asks({ kind: "alias", subject: "champion", version: 4, from: "3" }, t), "Point alias champion at version 4 instead of 3");
  assert.equal(asks({ kind: "stage", subject: "Production", version: 4, from: "Staging" }, t), "Move version 4 from Staging to Production");
  assert.equal(changed({ kind: "alias", subject: "champion", from: null, to: "1" }, t), "Alias champion set to version 1");
  assert.equal(changed({ kind: "stage", subject: "2", from: "None", to: "Archived" }, t), "Version 2 moved from None to Archived");
});

test("the direction of better", () => {
  for (const [name, way] of [["valid_auc", 1], ["final_log_loss", -1], ["eval/rmse", -1], ["accuracy_loss", -1], ["r2", 1], ["logloss", -1], ["learning_rate", 0], ["F1", 1]])
    assert.equal(betterOf(name), way, name);
  assert.equal(judge("auc", 0.8, 0.7), "better");
  assert.equal(judge("loss", 0.8, 0.7), "worse");
  assert.equal(judge("loss", 0.7, 0.7), "same");
  assert.equal(judge("auc", NaN, 0.7), null);
  assert.equal(judge("weight", 2, 1), null);
});

test("lineage: windows that led to nothing are one node", () => {
  const windows = [1, 2, 3, 4].map(i => ({ id: `window/e/${i}`, kind: "window", label: "e", state: "10", depth: 2, time: "2001-04-04T00:00:00Z" }));
  const lineage = { nodes: [{ id: "version/a%2Fb/2", kind: "version", label: "1.0.0", state: "None", depth: 0 }, { id: "endpoint/e", kind: "endpoint", label: "e", state: "2", depth: 1 }, ...windows, { id: "retrain/1", kind: "retrain", label: "x", state: "succeeded", depth: 3 }],
    edges: [{ from: "version/a%2Fb/2", to: "endpoint/e", relation: "served" }, ...windows.map(w => ({ from: "endpoint/e", to: w.id, relation: "watched" })), { from: "window/e/4", to: "retrain/1", relation: "triggered" }] };
  const g = fold(lineage, n => `${n} windows`);
  assert.equal(g.folded, 3);
  assert.deepEqual(g.nodes.map(n => n.title), ["a/b v2", "e", "2001-04-04", "x", "3 windows"]);
  assert.ok(g.edges.some(e => e.from === "endpoint/e" && e.to === "windows/e"));
  assert.equal(g.edges.length, 4);
  assert.equal(pageOf("version/a%2Fb/2"), "/models/a%2Fb/2");
  assert.deepEqual([pageOf("retrain/1"), pageOf("retrain/1", "a b"), pageOf("rollout/7", "e"), pageOf("logged_model/m")], [undefined, "/monitors/a%20b", "/endpoints/e", undefined]);
  assert.deepEqual(partsOf("run/%zz"), ["run", "%zz"]);
});

test("signatures", () => {
  const inputs = JSON.stringify([{ type: "double", name: "x", required: true }, { type: "string", name: "y", required: false }]);
  assert.deepEqual(columnsOf(inputs).map(c => [c.name, c.type, c.required]), [["x", "double", true], ["y", "string", false]]);
  assert.deepEqual(columnsOf([{ type: "tensor", "tensor-spec": { dtype: "float32", shape: [-1, 28] } }])[0], { name: "0", type: "tensor float32 [-1, 28]", required: true, fallback: null });
  assert.equal(typeText({ type: "array", items: { type: "object", properties: { a: { type: "long" }, b: { type: "string", required: false } } } }), "array({a: long, b?: string})");
  assert.deepEqual(columnsOf("no json"), []);
  assert.deepEqual(columnsOf(undefined), []);
  const rows = sideBySide([{ name: "x", type: "double" }, { name: "old", type: "long" }], [{ name: "x", type: "float" }, { name: "new", type: "long" }]);
  assert.deepEqual(rows.map(r => [r.name, r.a?.type ?? null, r.b?.type ?? null, r.differs]), [["x", "double", "float", true], ["old", "long", null, true], ["new", null, "long", true]]);
});
