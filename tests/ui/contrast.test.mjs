/* contrast.test.mjs - every pair of colours that text or marks are drawn with, from tokens.css, in both themes (WCAG 2.1, 1.4.3 and 1.4.11). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const css = readFileSync(new URL("../../ui/style/tokens.css", import.meta.url), "utf8");

function tokensOf(selector) {
  const at = css.indexOf(selector + " {");
  assert.notEqual(at, -1, `tokens.css has no ${selector}`);
  const block = css.slice(at, css.indexOf("\n}", at));
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/gi)].map(m => [m[1], m[2]]));
}

const light = tokensOf(":root"), dark = { ...light, ...tokensOf(':root[data-theme="dark"]') };

function luminance(hex) {
  const part = i => {
    const c = parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2);
}

function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

/* Text of these colours stands on these grounds. */
const TEXT = [
  [["text", "soft", "accent", "ok", "warn", "bad"], ["page", "surface", "hover", "code", "chosen"]],
  [["text", "ok"], ["ok-soft"]], [["text", "warn"], ["warn-soft"]], [["text", "bad"], ["bad-soft"]],
  [["on-accent"], ["accent"]], [["ansi-magenta", "ansi-cyan"], ["surface", "code"]],
];
/* Edges of fields, and the marks of states. */
const MARKS = [[["edge", "accent", "ok", "warn", "bad"], ["page", "surface", "hover"]]];

for (const [theme, tokens] of [["light", light], ["dark", dark]])
  for (const [name, pairs, least] of [["text", TEXT, 4.5], ["marks", MARKS, 3]])
    test(`${name} in the ${theme} theme`, () => {
      const poor = [];
      for (const [fronts, grounds] of pairs)
        for (const front of fronts)
          for (const ground of grounds) {
            assert.ok(tokens[front] && tokens[ground], `no token ${front} or ${ground}`);
            const ratio = contrast(tokens[front], tokens[ground]);
            if (ratio < least)
              poor.push(`${front} on ${ground}: ${ratio.toFixed(2)}`);
          }
      assert.deepEqual(poor, []);
    });

test("black on white is 21", () => assert.equal(contrast("#000000", "#ffffff").toFixed(3), "21.000"));

test("no other style sheet writes a colour", async () => {
  const { readdirSync } = await import("node:fs");
  const folder = new URL("../../ui/style/", import.meta.url), found = [];
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    if (name !== "tokens.css")
      for (const m of text.matchAll(/#[0-9a-f]{3,8}\b(?![\w-]*\s*\{)|\b(?:rgb|hsl)a?\(/gi))
        found.push(`${name}: ${m[0]}`);
  }
  assert.deepEqual(found, []);
});
