/* timeline.test.mjs - events in days. */
import assert from "node:assert/strict";
import test from "node:test";
import { byDay } from "../../ui/parts/timeline_days.js";

test("one group a day, in the zone of the reader", () => {
  const at = text => Date.parse(text);
  const items = [{ time_ms: at("2026-03-02T01:30:00Z") }, { time_ms: at("2026-03-02T00:10:00Z") }, { time_ms: at("2026-03-01T23:50:00Z") }, { time_ms: null }];
  assert.deepEqual(byDay(items, "en", "UTC").map(([name, list]) => [name, list.length]), [["Mar 2, 2026", 2], ["Mar 1, 2026", 1], ["–", 1]]);
  assert.deepEqual(byDay(items, "en", "Asia/Shanghai").map(([name, list]) => [name, list.length]), [["Mar 2, 2026", 3], ["–", 1]]);
  assert.deepEqual(byDay([], "en"), []);
});
