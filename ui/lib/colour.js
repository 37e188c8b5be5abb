/* colour.js - the colours of series: Okabe and Ito's eight, which people with red-green blindness tell apart, then the same with dashes. A run
 * keeps its colour on every page: a hash of its id picks it, unless the user chose another (kept in this browser). */
import { load, save, watch } from "./store.js";

export const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b6b6b", "#b8a600"];
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

/* FNV-1a, 32 bits. */
export function hash(text) {
  let x = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    x ^= text.charCodeAt(i);
    x = Math.imul(x, 0x01000193);
  }
  return x >>> 0;
}

function styleAt(n) {
  return { stroke: palette[n % palette.length], dash: dashes[Math.floor(n / palette.length) % dashes.length] };
}

/* {stroke, dash} of a run or any other named thing. */
export function seriesStyle(id) {
  return styleAt(load("colours", {})[id] ?? hash(id) % palette.length);
}

/* Styles for things shown together, all different as long as there are 32 or fewer. Those which chose, or come first to their hash's colour, keep it; the others
 * take the next free colour, and a dash only when all eight are taken. */
export function distinctStyles(ids) {
  const taken = new Set(), out = new Map(), chosen = load("colours", {});
  for (const id of ids) {
    const first = hash(id) % palette.length;
    let n = chosen[id] ?? first;
    for (let k = 1; taken.has(n) && chosen[id] === undefined && k < palette.length * dashes.length; k++)
      n = Math.floor(k / palette.length) * palette.length + (first + k) % palette.length;
    taken.add(n);
    out.set(id, styleAt(n));
  }
  return out;
}

/* n: a place in the palette, or null for the hash's again. */
export function chooseColour(id, n) {
  const all = { ...load("colours", {}) };
  if (n === null)
    delete all[id];
  else
    all[id] = n;
  save("colours", all);
}

export function onColours(f) {
  return watch("colours", f);
}
