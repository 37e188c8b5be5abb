/* What a program's output looks like: nothing that it wrote is hidden, and nothing of it is markup. */
import assert from "node:assert/strict";
import test from "node:test";
import { lastWriting, pieces, plain, visible } from "../../ui/lib/ansi.js";

test("colours and weights become classes", () => {
  assert.deepEqual(pieces("a \x1b[1;31mred\x1b[0m b"), [["a ", ""], ["red", "a1 a-bold"], [" b", ""]]);
  assert.deepEqual(pieces("\x1b[92mok\x1b[39m."), [["ok", "a2"], [".", ""]]);
  assert.deepEqual(pieces("\x1b[38;5;196mx\x1b[48;2;0;0;255my"), [["x", "a1"], ["y", "a1 ab4"]]);
  assert.deepEqual(pieces("\x1b[4;3;2mu\x1b[22;23;24mv"), [["u", "a-dim a-italic a-underline"], ["v", ""]]);
});

test("what wants to hide is shown", () => {
  assert.deepEqual(pieces("\x1b[8mrm -rf /\x1b[28m"), [["rm -rf /", ""]]);
  assert.deepEqual(pieces("\x1b[30;40mblack\x1b[0m"), [["black", "ab0"]]);
  assert.equal(plain("evil\x1b[1A\x1b[2Kgood"), "evilgood");
  assert.equal(plain("\x1b]0;title\x07text"), "text");
  assert.equal(plain("\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\"), "link");
  assert.equal(plain("a\x08\x08b\u202ec"), "a\u2408\u2408b\u27e8U+202E\u27e9c");
  assert.equal(plain("half \x1b[3"), "half ");
  assert.equal(plain("\x1b]0;no end"), "0;no end");
});

test("hostile lines take linear time", () => {
  for (const bit of ["\x1b]", "\x1b[", "\x1b[1;", "\x9b", "\x1b", "\x1b[31m", "\x1bP\x1b"])
    assert.ok(plain(bit.repeat(60000)).length >= 0);
});

test("a line that is written over shows the last writing", () => {
  assert.equal(lastWriting("10%\r20%\r30%"), "30%");
  assert.equal(lastWriting("windows\r"), "windows");
  assert.equal(lastWriting("plain"), "plain");
});

test("pieces always hold the plain text", () => {
  let x = 12345;
  const next = n => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) % n;
  const parts = ["a", "<b>", "\x1b[", "31", ";", "m", "\x1b[0m", "\x1b]0;", "\x07", "\x1b\\", "\u202e", "\x9b1m", "\x00", "38;5", "K"];
  for (let i = 0; i < 3000; i++) {
    const line = Array.from({ length: next(12) }, () => parts[next(parts.length)]).join("");
    assert.equal(pieces(line).map(p => p[0]).join(""), plain(line), JSON.stringify(line));
    assert.ok(!/[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(plain(line)));
  }
});

test("what joins one picture stays, what hides is shown", () => {
  assert.equal(visible("\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u2764\ufe0f\u200d\u{1f525} \u{1f9d1}\u{1f3fd}\u200d\u{1f680}"), "\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u2764\ufe0f\u200d\u{1f525} \u{1f9d1}\u{1f3fd}\u200d\u{1f680}");
  assert.equal(visible("a\u200db \u200d\u{1f467} \u{1f467}\u200d"), "a\u27e8U+200D\u27e9b \u27e8U+200D\u27e9\u{1f467} \u{1f467}\u27e8U+200D\u27e9");
  assert.equal(visible("safe\u202egnp.exe\n"), "safe\u27e8U+202E\u27e9gnp.exe\u240a");
});
