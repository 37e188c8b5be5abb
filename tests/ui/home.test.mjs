/* home.test.mjs - what the home page says of the rows it gets. */
import assert from "node:assert/strict";
import test from "node:test";
import { href } from "../../ui/lib/route.js";
import { changeText, changed, decisions, reasonText, ruleWord } from "../../ui/rooms/home_items.js";

const EMPTY = { approvals: [], rollouts: [], endpoint_alerts: [], run_alerts: [], pipelines: [] };

test("nothing waits on an empty server", () => {
  assert.deepEqual(decisions(EMPTY), []);
});

test("requests, stuck rollouts, alerts and failed pipelines wait", () => {
  const items = decisions({
    approvals: [{ id: 7, model: "a/b", kind: "alias", subject: "champion", version: 3, requested_by: "ana", reason: "", requested_us: 5000 },
      { id: 8, model: "m", kind: "stage", subject: "Production", version: 2, requested_by: "bo", reason: "better", requested_us: 6000 }],
    rollouts: [{ id: 1, endpoint: "e", candidate: 2, paused: "", verdict: "advance", reason: "", started_us: 0 }, { id: 2, endpoint: "f", candidate: 4, verdict: "inconclusive", reason: "too few samples", decided_us: 86400e6 }],
    endpoint_alerts: [{ endpoint: "e", rule: "feature_psi", subject: "x1", fired_us: 1 }, { endpoint: "e", rule: "feature_psi", subject: "x2", fired_us: 2 }, { endpoint: "e", rule: "auc_drop", subject: "", fired_us: 86400e6 }],
    run_alerts: [{ id: 3, rule: "nan", run_id: "r1", run_name: "", metric: "loss", reason: "loss is NaN", fired_us: 9000 }],
    pipelines: [{ id: 1, endpoint: "e", state: "failed", reason: "by hand", started_us: 1000, ended_us: 2000 }],
  });
  assert.deepEqual(items.map(i => i.key), ["approval 7", "approval 8", "rollout 2", "alerts e", "run alert 3", "pipeline 1"]);
  assert.equal(items[0].title, "a/b: point champion at version 3");
  assert.match(items[0].to, /\/models\/a%2Fb\?approval=7$/);
  assert.equal(items[1].text, "bo asks: better");
  assert.equal(items[2].day, "1970-01-02");
  assert.equal(items[3].word, "3 alerts");
  assert.equal(items[3].text, "PSI of features: x1, x2 · AUC fell");
  assert.equal(items[4].title, "r1");
  assert.equal(items[5].ms, 2);
});

test("only the newest pipeline run counts as failed", () => {
  assert.deepEqual(decisions({ ...EMPTY, pipelines: [{ id: 2, endpoint: "e", state: "succeeded", reason: "" }, { id: 1, endpoint: "e", state: "failed", reason: "" }] }), []);
});

test("changes and reasons in words", () => {
  assert.equal(changeText({ kind: "alias", verb: "x_y", detail: {} }), "x y");
  assert.equal(changeText({ kind: "model", verb: "alias.set", detail: { alias: "champion", to: "3" } }), "Alias champion now points at version 3");
  assert.equal(reasonText("by hand"), "by hand");
  assert.equal(reasonText("{broken"), "{broken");
  assert.equal(reasonText('{"rule":"dataset_drift","subject":"","value":0.51851,"limit":0.5}'), "Drift of the data: 0.5185, limit 0.5");
  assert.equal(ruleWord("a_new_rule"), "a_new_rule");
});

test("a change names its thing and leads to it", () => {
  const at = (kind, verb, object, detail = {}) => { /* without the prefix that a server may stand below */
    const { name, to } = changed({ kind, verb, object, detail });
    return { name, to: to && to.slice(href("/").length - 1) };
  };
  assert.deepEqual(at("endpoint", "promote", "a/b"), { name: "a/b", to: "/endpoints/a%2Fb" });
  assert.deepEqual(at("run", "run.create", "00ff", { name: "train" }), { name: "train", to: "/runs/00ff" });
  assert.deepEqual(at("run", "run.create", "00ff", null), { name: "00ff", to: "/runs/00ff" });
  assert.deepEqual(at("experiment", "experiment.create", "1", { name: "flights" }), { name: "flights", to: "/runs?exp=1" });
  assert.deepEqual(at("pipeline_run", "end", "7"), { name: "#7", to: null });
  assert.deepEqual(at("pipeline_run", "end", "7", { pipeline: "a/b" }), { name: "a/b #7", to: "/pipelines/a%2Fb/7" });
  assert.deepEqual(at("model", "model.delete", "m"), { name: "m", to: null });
  assert.deepEqual(at("webhook", "create", "w"), { name: "w", to: null });
});

test("a rollout's steps are told in shares", () => {
  assert.equal(changeText({ kind: "endpoint", verb: "rollout_advance", detail: { decision: { candidate: 2, from_permille: 50, to_permille: 125 } } }), "Rollout of v2: 5 % → 12.5 %");
  assert.equal(changeText({ kind: "endpoint", verb: "promote", detail: { version: 3 } }), "v3 serves");
});
