/* Rollouts in words, as tracks, as series and as forms. */
import assert from "node:assert/strict";
import test from "node:test";
import { changedFields, commonFields, fieldsOf, toText } from "../../ui/rooms/rollout_plan.js";
import { armSeries, changeMarks, differences, guardrails, samples, shadowSeries } from "../../ui/rooms/rollout_series.js";
import { actWords, comparison, decisionWords, kindWord, measuredShares, share, trackSteps, trafficWords, verdictKind } from "../../ui/rooms/rollout_words.js";

const t = (text, args) => (args ? text.replace(/\{(\w+)\}/g, (_, key) => String(args[key])) : text);
const f = { number: x => String(Number(x.toPrecision(4))), percent: (x, n = 1) => (100 * x).toFixed(n) + " %" };
const plan = { kind: "canary", steps_permille: [50, 100, 250, 500, 1000], min_samples: 300, margin: 0.05 };

test("a rollback says where, what, how sure and the limit", () => {
  const d = { verdict: "rollback", reason: "worse", from_permille: 50, to_permille: 0, diff: 0.1410411, lo: 0.0547879, hi: 0.2272943, note: "" };
  assert.equal(decisionWords(t, f, plan, d), "Rolled back at 5 %: log-loss worse by 0.141 [0.05479, 0.2273], limit 0.05");
});

test("what is better is said so, bounds in order, and more can be better", () => {
  assert.equal(comparison(t, f, plan, { diff: -0.02, lo: -0.05, hi: 0.01 }), "log-loss better by 0.02 [-0.01, 0.05], limit 0.05");
  assert.equal(comparison(t, f, { kind: "ab", metrics: ["accuracy"] }, { diff: 0.03, lo: 0.01, hi: 0.05 }), "accuracy better by 0.03 [0.01, 0.05]");
  assert.equal(comparison(t, f, { kind: "ab", metrics: ["accuracy"] }, { diff: -0.03, lo: -0.05, hi: -0.01 }), "accuracy worse by 0.03 [0.01, 0.05]");
  assert.equal(comparison(t, f, plan, { diff: 0.2, lo: null, hi: null }), "log-loss worse by 0.2, limit 0.05");
  assert.equal(comparison(t, f, plan, { diff: null }), "");
});

test("every verdict and reason has words", () => {
  for (const verdict of ["hold", "advance", "promote", "rollback", "pause", "resume", "shift", "none"])
    for (const reason of ["worse", "errors", "latency", "latency_quantile", "not_worse", "held", "inconclusive", "samples", "min_time", "by_hand", "paused", "passed", "won", "srm", "learned", "barred", "control_best", "agreement", "psi", ""])
      assert.match(decisionWords(t, f, plan, { verdict, reason, from_permille: 50, to_permille: 100, diff: null }), /^[A-Z]/);
  assert.equal(decisionWords(t, f, plan, { verdict: "rollback", reason: "errors", from_permille: 100, to_permille: 0, diff: null, report: { guards: [{ name: "errors", limit: 0.01, control: 0.001, candidate: 0.06 }] } }),
    "Rolled back at 10 %: errors 6.00 % against 0.10 %, limit 1.0 %");
  assert.equal(decisionWords(t, f, plan, { verdict: "pause", reason: "by_hand", note: "<b>holidays</b>", from_permille: 50, to_permille: 50, diff: null }), "Paused at 5 %: by hand: <b>holidays</b>");
  assert.equal(verdictKind("rollback"), "bad");
  assert.equal(kindWord(t, "new_kind"), "new_kind");
  assert.equal(share(125), "12.5 %");
});

test("the sentence of an act is computed from the present state", () => {
  const state = { kind: "canary", control: 2, candidate: 3, permille: 50, shares: [{ version: 2, permille: 950 }, { version: 3, permille: 50 }] };
  const text = actWords(t, "promote", state, "log-loss better by 0.02");
  assert.match(text, /^v3 becomes the version that answers everybody/);
  assert.match(text, /v2 answers 95 %, v3 answers 5 %/);
  assert.match(text, /log-loss better by 0.02/);
  assert.match(actWords(t, "rollback", state, ""), /^v2 answers everybody again.*no evidence/);
  assert.match(trafficWords(t, { kind: "shadow", control: 1, candidate: 2, shadow_permille: 300 }), /copies of 30 %/);
});

test("the track lights the present step, and a broken one", () => {
  const rollout = { state: "running", step: 2, started_us: 5, course: [{ verdict: "advance", step: 0, at_us: 10 }, { verdict: "hold", step: 1, at_us: 11 }, { verdict: "advance", step: 1, at_us: 20 }] };
  assert.deepEqual(trackSteps(plan, rollout).map(s => s.state), ["done", "done", "here", "ahead", "ahead"]);
  assert.deepEqual(trackSteps(plan, rollout).map(s => s.at_us), [5, 10, 20, null, null]);
  const broken = trackSteps(plan, { ...rollout, state: "rolled_back", finished_us: 30 });
  assert.deepEqual(broken.map(s => s.state), ["done", "done", "failed", "unreached", "unreached"]);
  assert.equal(broken[2].at_us, 30);
  assert.deepEqual(trackSteps(plan, { ...rollout, state: "promoted", step: 4 }).map(s => s.state), Array(5).fill("done"));
});

test("what came of late, of the arms that were meant", () => {
  const past = { t_us: [0, 1, 2], versions: [{ version: 2, requests: [100, 5, 2.5] }, { version: 3, requests: [null, 4, 0] }, { version: 9, requests: [100, 1, 1] }] };
  assert.deepEqual(measuredShares(past, [{ version: 2 }, { version: 3 }]), [{ version: 2, part: 7.5 }, { version: 3, part: 4 }]);
  assert.deepEqual(measuredShares(past, [{ version: 2 }, { version: 4 }]), [{ version: 2, part: 0 }, { version: 4, part: 0 }]);
});

const report = { arms: [{ version: 2, requests: 10, step_labels: 5, loss: 0.5 }, { version: 3, requests: 12, step_labels: 6, loss: 0.6 }], guards: [{ name: "errors", log_e: -1.5, boundary: 4.38 }, { name: "latency", log_e: null, boundary: 4.38 }] };
const canary = { kind: "canary", plan, course: [{ at_us: 1000, verdict: "hold", diff: 0.1, lo: null, hi: null, report }, { at_us: 2000, verdict: "advance", diff: 0.02, lo: -0.01, hi: 0.04, report }], now: { step: 1, report } };

test("series of a canary: gaps stay gaps", () => {
  const [line] = differences(t, canary);
  assert.deepEqual(line.x, [1, 2]);
  assert.deepEqual([line.y, line.min, line.max], [[0.1, 0.02], [null, -0.01], [null, 0.04]]);
  const g = guardrails(t, canary);
  assert.deepEqual(g.series.map(s => s.y), [[-1.5, -1.5], [null, null]]);
  assert.deepEqual(g.boundaries.map(b => b.y), [4.38]);
  assert.deepEqual(changeMarks(t, canary).map(m => m.x), [2]);
  assert.deepEqual(samples(t, canary).map(s => [s.have, s.want]), [[5, 300], [6, 300]]);
  assert.deepEqual(samples(t, { ...canary, now: { step: 4, report } }).map(s => s.have), [6]); /* nobody beside it at 100 % */
});

test("series of an A/B test, a bandit and a shadow", () => {
  const at = diff => ({ comparisons: [{ version: 3, metric: "accuracy", diff, lo: diff - 1, hi: diff + 1, n_control: 40, n: 41 }], arms: [{ version: 2, permille: 500 }, { version: 3, permille: 500, units: 7 }] });
  const ab = { kind: "ab", plan: { metrics: ["accuracy"], min_samples: 300 }, course: [{ at_us: 0, report: at(1) }, { at_us: 1e6, report: { arms: [] } }], now: { report: at(2) } };
  assert.deepEqual(differences(t, ab, "accuracy")[0].y, [1, null]);
  assert.deepEqual(samples(t, ab).map(s => [s.name, s.have]), [["control", 40], ["v3", 41]]);
  assert.deepEqual(armSeries(ab, "permille", 0.1).map(s => s.y), [[50, null], [50, null]]);
  const shadow = { kind: "shadow", plan: { min_samples: 5, min_labels: 0 }, course: [{ at_us: 0, report: { agreement: { value: 0.5 }, loss_delta: { value: null } } }], now: { report: { pairs: 3 } } };
  assert.deepEqual(shadowSeries(shadow, [["agreement.value", "a", 100], ["psi", "p"]]).map(s => s.y), [[50], [null]]);
  assert.deepEqual(differences(t, shadow)[0].y, [null]);
});

test("the form of a plan: what is untouched is not sent, what cannot be read is named", () => {
  const base = { ...plan, min_step_us: 86400e6, max_error_rate: 0.01, max_p95_us: 100000, alpha: 0.05, max_step_us: 604800e6, on_inconclusive: "hold" };
  const fields = [...fieldsOf("canary"), ...commonFields("canary")], of = (key, text) => x => (x.key === key ? text : toText(x, base[x.key]));
  assert.deepEqual(changedFields(fields, base, of("none", "")), { plan: {}, problems: [] });
  assert.deepEqual(changedFields(fields, base, of("steps_permille", "1, 12.5,100")).plan, { steps_permille: [10, 125, 1000] });
  assert.deepEqual(changedFields(fields, base, of("min_step_us", "1.5")).plan, { min_step_us: 5400e6 });
  assert.deepEqual(changedFields(fields, base, of("max_error_rate", "2.5")).plan, { max_error_rate: 0.025 });
  assert.deepEqual(changedFields(fields, base, of("max_p95_us", "50")).plan, { max_p95_us: 50000 });
  for (const [key, text] of [["steps_permille", "5, x"], ["steps_permille", "500"], ["min_samples", "1.5"], ["alpha", ""], ["margin", "-1"], ["min_step_us", "NaN"]])
    assert.deepEqual(changedFields(fields, base, of(key, text)).problems.map(p => p.key), [key], text);
  for (const kind of ["canary", "blue_green", "shadow", "ab", "bandit"])
    for (const field of [...fieldsOf(kind), ...commonFields(kind)])
      assert.ok(field.text(t).length > 3);
});
