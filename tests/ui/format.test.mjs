/* format.test.mjs - numbers, sizes and times as people read them; names of states, colours, addresses; the items of the home page. */
import assert from "node:assert/strict";
import test from "node:test";
import { ago, bytes, delta, duration, full, number, percent, shortId } from "../../ui/lib/format.js";
import { fill } from "../../ui/lib/words.js";
import { match, path } from "../../ui/lib/route.js";
import { safeHref } from "../../ui/lib/safe.js";
import { distinctStyles, hash, seriesStyle } from "../../ui/lib/colour.js";

test("numbers have four digits, the whole is kept beside", () => {
  const cases = [[0, "0"], [-0, "0"], [1, "1"], [9999, "9999"], [10000, "10 k"], [12345, "12.35 k"], [-12345, "\u221212.35 k"], [1234567, "1.235 M"], [999999, "1 M"], [999949, "999.9 k"],
    [1e9, "1 G"], [2.5e12, "2.5 T"], [1e18, "1.000e18"], [0.1 + 0.2, "0.3"], [3.14159265, "3.142"], [0.000123456, "0.0001235"], [1e-7, "1e-7"], [-2.5, "\u22122.5"],
    [NaN, "NaN"], [Infinity, "∞"], [-Infinity, "\u2212∞"], [null, "–"], [undefined, "–"], ["", "–"], ["0.25", "0.25"], [9999.4, "9999"], [9999.9, "10 k"]];
  for (const [x, text] of cases)
    assert.equal(number(x), text, String(x));
  assert.equal(full(0.1 + 0.2), "0.30000000000000004");
  assert.equal(full(null), "–");
  assert.equal(delta(0.5), "+0.5");
  assert.equal(delta(-0.5), "\u22120.5");
  assert.equal(delta(0), "0");
  assert.equal(percent(0.1234), "12.3 %");
  assert.equal(percent(null), "–");
});

test("sizes and durations", () => {
  for (const [n, text] of [[0, "0 B"], [1023, "1023 B"], [1024, "1 KiB"], [1536, "1.5 KiB"], [5 * 1024 ** 3, "5 GiB"], [null, "–"]])
    assert.equal(bytes(n), text);
  for (const [ms, text] of [[0.5, "500 µs"], [12.34, "12.3 ms"], [999, "999 ms"], [12400, "12.4 s"], [187000, "3 m 07 s"], [3780000, "1 h 03 m"], [187200000, "2 d 04 h"], [null, "–"], [NaN, "–"]])
    assert.equal(duration(ms), text);
});

test("relative times", () => {
  const now = Date.UTC(2026, 0, 10);
  assert.equal(ago(now - 3000, now), "just now");
  assert.match(ago(now - 3 * 60000, now), /3 min/);
  assert.match(ago(now - 26 * 3600000, now), /yesterday|1 day/);
  assert.equal(ago(null, now), "–");
});

test("texts are filled, and have one form or many", () => {
  const rules = new Intl.PluralRules("en");
  assert.equal(fill("{n} run|{n} runs", { n: 1 }, rules), "1 run");
  assert.equal(fill("{n} run|{n} runs", { n: 0 }, rules), "0 runs");
  assert.equal(fill("{n} 个运行", { n: 5 }, new Intl.PluralRules("zh")), "5 个运行");
  assert.equal(fill("{a} and {b}", { a: "{b}", b: "x" }, rules), "{b} and x", "what was filled in is not filled again");
  assert.equal(fill("{a}|{b}", { a: 1 }, rules), "1|{b}", "no number: a bar is a bar");
});

test("paths take names whole", () => {
  for (const name of ["a/b", "a b", "ü?#&", "..", "%2F", "<img>"])
    assert.deepEqual(match("/models/{name}/{version}", path("/models/{name}/{version}", { name, version: "3" })), { name, version: "3" });
  assert.equal(match("/models/{name}", "/models"), null);
  assert.equal(match("/models/{name}", "/models/"), null);
  assert.equal(match("/models/{name}", "/models/%ff"), null);
  assert.deepEqual(match("/", "/"), {});
});

test("only http and https lead anywhere", () => {
  assert.equal(safeHref("https://example.org/x?y"), "https://example.org/x?y");
  for (const text of ["javascript:alert(1)", " https://x", "data:text/html,x", "//x", "/x", "", null, 5, "http://", "JaVaScRiPt:1", "https:\nx"])
    assert.equal(safeHref(text), null, String(text));
});

test("a run keeps its colour; runs shown together differ", () => {
  assert.equal(hash(""), 0x811c9dc5);
  assert.equal(hash("a"), 0xe40c292c);
  assert.deepEqual(seriesStyle("run-1"), seriesStyle("run-1"));
  const ids = Array.from({ length: 32 }, (_, i) => `run ${i}`), styles = distinctStyles(ids);
  assert.equal(new Set([...styles.values()].map(s => JSON.stringify(s))).size, 32);
  assert.ok(ids.slice(0, 8).every(id => styles.get(id).dash.length === 0), "colours before dashes");
  assert.deepEqual(styles.get("run 0"), seriesStyle("run 0"));
  assert.equal(shortId("0123456789abcdef"), "01234567");
  assert.equal(shortId("short"), "short");
});
