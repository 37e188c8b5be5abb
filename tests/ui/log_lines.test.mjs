/* Lines of a text that comes in pieces are those of the whole. */
import assert from "node:assert/strict";
import test from "node:test";
import { heightOf, ROW_PX, scrollTo, visibleLines } from "../../ui/lib/lineplace.js";
import { Lines, Search } from "../../ui/lib/lines.js";
import { tailStart } from "../../ui/lib/tail.js";

function whole(text) {
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "")
    lines.pop();
  return lines;
}

function all(l) {
  return Array.from({ length: l.count }, (_, i) => l.line(i));
}

test("pieces in any order", () => {
  let x = 99;
  const next = n => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) % n;
  for (let round = 0; round < 500; round++) {
    const text = Array.from({ length: next(60) }, () => "ab\n"[next(3)]).join("");
    const cuts = Array.from({ length: next(6) }, () => next(text.length + 1)).sort((a, b) => a - b);
    const parts = [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length));
    const l = new Lines(), middle = next(parts.length);
    for (let i = middle; i < parts.length; i++)
      l.append(parts[i]);
    for (let i = middle - 1; i >= 0; i--)
      l.prepend(parts[i]);
    assert.deepEqual(all(l), whole(text), JSON.stringify(parts));
    assert.equal(l.length, text.length);
  }
});

test("a million lines: few blocks, any line at once", () => {
  const l = new Lines();
  for (let i = 0; i < 1000; i++)
    l.append(Array.from({ length: 1000 }, (_, k) => `line ${i * 1000 + k}\n`).join(""));
  assert.equal(l.count, 1e6);
  assert.ok(l.blocks.length < 40, `${l.blocks.length} blocks`);
  for (const i of [0, 1, 999, 1000, 123456, 999999])
    assert.equal(l.line(i), `line ${i}`);
  assert.equal(l.line(1e6), "");
});

test("a line without end is cut", () => {
  const l = new Lines();
  for (let i = 0; i < 20; i++)
    l.append("x".repeat(1e6));
  assert.equal(l.count, 1);
  assert.equal(l.line(0, 5000).length, 5001);
});

test("a search pauses and goes on, also when lines come before", () => {
  const l = new Lines();
  l.append(Array.from({ length: 5000 }, (_, i) => (i % 100 ? "-\n" : "Needle\n")).join(""));
  let now = 0;
  const s = new Search(l, "needle");
  s.step(1, () => (now += 0.9));
  assert.ok(!s.done && s.found.length > 0);
  s.moved(l.prepend("needle\nfirst\n"));
  while (!s.done)
    s.step(1000);
  assert.equal(s.found.length, 50);
  assert.ok(s.found.every(i => l.line(i) === "Needle"));
  const few = new Search(l, "needle", { max: 3 });
  few.step(1000);
  assert.equal(few.found.length, 3);
});

test("the first whole line, or the first whole character", () => {
  const bytes = text => new TextEncoder().encode(text);
  assert.equal(tailStart(bytes("rest\nline\n")), 5);
  assert.equal(tailStart(bytes("no end")), 0);
  assert.equal(tailStart(bytes("é").subarray(1)), 1);
  assert.equal(tailStart(bytes("x\n")), 0);
});

test("lines that are seen, also where pixels do not reach", () => {
  for (const count of [0, 1, 50, 5000, 444444, 444445, 1e6, 2e7]) {
    const view = 500, height = heightOf(count);
    for (const scroll of [0, 1, 17, 18, height / 3, Math.max(0, height - view)]) {
      const { from, to, top } = visibleLines(scroll, view, count);
      assert.ok(from >= 0 || count === 0);
      assert.ok(to <= count && top + (to - from) * ROW_PX >= Math.min(height, scroll + view) - 1, `${count} ${scroll}`);
      assert.ok(top <= scroll + ROW_PX);
    }
    const end = visibleLines(Math.max(0, height - view), view, count);
    assert.equal(end.to, count);
    if (count > 100) {
      const place = scrollTo(Math.floor(count / 2), 0, view, count), { from, to } = visibleLines(place, view, count);
      assert.ok(from <= count / 2 && to > count / 2);
    }
  }
});
