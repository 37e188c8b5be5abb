/* palette.test.mjs - the colours of series: seen on every ground of both themes (WCAG 2.1, 1.4.11: 3 to 1), and told apart also with red-green blindness.
 *
 * Blindness to red or green is simulated by the matrices of Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
 * deficiency" (IEEE TVCG 2009), severity 1, on linear light; differences are CIEDE2000 (Sharma, Wu, Dalal 2005). 10 is about five just noticeable ones. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { palette } from "../../ui/lib/colour.js";

const file = name => readFileSync(new URL("../../ui/" + name, import.meta.url), "utf8");
const GROUNDS = [...file("style/tokens.css").matchAll(/--(page|surface|hover):\s*(#[0-9a-f]{6})/g)].map(m => m[2]);
const EYES = {
  usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
};
const LEAST = { usual: 15, protanopia: 10, deuteranopia: 10 };

function linear(hex) {
  return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255).map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
}

function times(matrix, v) {
  return matrix.map(row => row.reduce((sum, m, i) => sum + m * v[i], 0));
}

function contrast(a, b) {
  const [x, y] = [a, b].map(hex => times([[0.2126, 0.7152, 0.0722]], linear(hex))[0]).sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

function lab(rgb) {
  const xyz = times([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]], rgb.map(c => Math.min(1, Math.max(0, c))));
  const [x, y, z] = xyz.map((v, i) => v / [0.95047, 1, 1.08883][i]).map(v => (v > 216 / 24389 ? Math.cbrt(v) : (24389 / 27 * v + 16) / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function ciede2000([l1, a1, b1], [l2, a2, b2]) {
  const rad = Math.PI / 180, far = c => Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)), g = 1.5 - 0.5 * far((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2);
  const c1 = Math.hypot(a1 * g, b1), c2 = Math.hypot(a2 * g, b2), h = (a, b) => (Math.atan2(b, a * g) / rad + 360) % 360, h1 = h(a1, b1), h2 = h(a2, b2);
  const none = c1 * c2 === 0, turn = h2 - h1, dh = none ? 0 : turn > 180 ? turn - 360 : turn < -180 ? turn + 360 : turn;
  const hm = none ? h1 + h2 : Math.abs(turn) <= 180 ? (h1 + h2) / 2 : (h1 + h2 + (h1 + h2 < 360 ? 360 : -360)) / 2, lm = (l1 + l2) / 2, cm = (c1 + c2) / 2;
  const t = 1 - 0.17 * Math.cos((hm - 30) * rad) + 0.24 * Math.cos(2 * hm * rad) + 0.32 * Math.cos((3 * hm + 6) * rad) - 0.2 * Math.cos((4 * hm - 63) * rad);
  const dl = (l2 - l1) / (1 + 0.015 * (lm - 50) ** 2 / Math.sqrt(20 + (lm - 50) ** 2)), dc = (c2 - c1) / (1 + 0.045 * cm), dH = 2 * Math.sqrt(c1 * c2) * Math.sin(dh / 2 * rad) / (1 + 0.015 * cm * t);
  return Math.sqrt(dl * dl + dc * dc + dH * dH - Math.sin(60 * Math.exp(-(((hm - 275) / 25) ** 2)) * rad) * 2 * far(cm) * dc * dH);
}

test("the difference of colours is as published", () => { /* Sharma's pairs 1, 7, 17, 25 */
  for (const [a, b, want] of [[[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425], [[50, 0, 0], [50, -1, 2], 2.3669], [[50, 2.5, 0], [73, 25, -18], 27.1492], [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644]])
    assert.equal(ciede2000(a, b).toFixed(4), want.toFixed(4));
});

test("each colour is seen on every ground of both themes", () => {
  assert.equal(GROUNDS.length, 6);
  const poor = palette.flatMap(colour => GROUNDS.filter(ground => contrast(colour, ground) < 3).map(ground => `${colour} on ${ground}: ${contrast(colour, ground).toFixed(2)}`));
  assert.deepEqual(poor, []);
});

for (const [eye, matrix] of Object.entries(EYES))
  test(`all colours differ, seen with ${eye === "usual" ? "usual eyes" : eye}`, () => {
    const seen = palette.map(colour => lab(times(matrix, linear(colour)))), near = [];
    seen.forEach((a, i) => seen.slice(0, i).forEach((b, k) => {
      if (ciede2000(a, b) < LEAST[eye])
        near.push(`${palette[k]} and ${palette[i]}: ${ciede2000(a, b).toFixed(1)}`);
    }));
    assert.deepEqual(near, []);
  });

test("the report that stands alone has the same colours", () => {
  assert.deepEqual(JSON.parse(/const COLORS = (\[.*?\]);/.exec(file("report.html"))[1]), palette);
});
