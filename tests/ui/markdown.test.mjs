/* Markdown becomes a tree that holds no address but http and https. */
import assert from "node:assert/strict";
import test from "node:test";
import { inline, parseMarkdown } from "../../ui/lib/markdown.js";

test("blocks", () => {
  const got = parseMarkdown("# Title\ntext\nmore\n\n- a\n  - [x] b\n\n```py\n# not a title\n```\n> said\n\n|a|b|\n|-|-|\n|1|`2`|\n\n---\n3. three\n");
  assert.deepEqual(got.map(b => b.kind), ["heading", "paragraph", "list", "code", "quote", "table", "rule", "list"]);
  assert.equal(got[3].text, "# not a title");
  assert.deepEqual(got[2].items.map(i => [i.depth, i.checked]), [[0, undefined], [1, true]]);
  assert.equal(got[7].start, 3);
  assert.deepEqual(got[5].rows[0][1], [{ kind: "code", text: "2" }]);
});

test("addresses of other kinds are text", () => {
  for (const bad of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil", "\u0001javascript:x", "vbscript:x", "file:///etc/passwd"])
    for (const x of inline(`[a](${bad}) ![b](${bad}) <${bad}>`))
      assert.ok(!x.href, JSON.stringify(x));
  assert.equal(inline("[a](https://x.org/?q=1)")[0].href, "https://x.org/?q=1");
  assert.equal(inline("see https://x.org/a.")[1].text, "https://x.org/a");
});

test("underscores within words are letters", () => {
  assert.deepEqual(inline("a.__b=1 c.__d snake_case_name"), [{ kind: "text", text: "a.__b=1 c.__d snake_case_name" }]);
  assert.deepEqual(inline("__so__ and _so_").map(x => x.kind), ["strong", "text", "em"]);
});

test("HTML is text", () => {
  assert.deepEqual(inline("<img src=x onerror=1>"), [{ kind: "text", text: "<img src=x onerror=1>" }]);
});

test("hostile text takes bounded time", () => {
  for (const bit of ["[", "**", "`", "![", "_a", "> ", "| ", "- ", "https://", "[a](", "```\n", "*a "]) {
    const begin = process.hrtime.bigint();
    parseMarkdown(bit.repeat(20000));
    parseMarkdown((bit + "\n").repeat(5000));
    assert.ok(process.hrtime.bigint() - begin < 10000000000n, bit);
  }
});

test("lines made to take for ever are text", () => {
  const blanks = " ".repeat(190000); /* the square of that is a minute */
  for (const text of [`# a${blanks}b`, `|\n-${blanks}`, `|\n${blanks}-`])
    assert.ok(parseMarkdown(text).every(b => b.kind !== "heading" && b.kind !== "table"), text.slice(0, 10));
});
