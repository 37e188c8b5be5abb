/* Durations and order of stages. */
import assert from "node:assert/strict";
import test from "node:test";
import { followers, runMs, usualMs } from "../../ui/lib/spans.js";

test("durations", () => {
  assert.equal(runMs({ started_us: 1000000, ended_us: 3000000 }), 2000);
  assert.equal(runMs({ started_us: 1000000, state: "running" }, 5000), 4000);
  assert.equal(runMs({ started_us: 1000000, state: "lost" }, 5000), null);
  assert.equal(runMs({}), null);
});

test("the usual is the median of what went well", () => {
  const run = (ms, state) => ({ started_us: 1, ended_us: 1 + ms * 1000, state });
  assert.equal(usualMs([run(10, "succeeded"), run(30, "succeeded"), run(20, "succeeded"), run(9999, "failed")]), 20);
  assert.equal(usualMs([run(5, "failed")]), null);
});

test("what follows from a stage", () => {
  const stages = [{ name: "a" }, { name: "b", needs: ["a"] }, { name: "c", needs: ["a"] }, { name: "d", needs: ["b", "c"] }, { name: "e", needs: ["c"] }];
  assert.deepEqual(followers(stages, "b"), ["b", "d"]);
  assert.deepEqual(followers(stages, "a"), ["a", "b", "c", "d", "e"]);
});
