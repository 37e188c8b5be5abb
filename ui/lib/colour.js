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

/* {stroke, dash} of a run or any other named thing. */
export function seriesStyle(id) {
  const chosen = load("colours", {})[id];
  const n = chosen ?? hash(id) % (palette.length * 2);
  return { stroke: palette[n % palette.length], dash: dashes[Math.floor(n / palette.length) % dashes.length] };
}

/* Styles for things shown together, all different as long as there are 32 or fewer: those which chose or hash to a free place keep it. */
export function distinctStyles(ids) {
  const places = palette.length * dashes.length, taken = new Set(), out = new Map(), chosen = load("colours", {});
  for (const id of ids) {
    let n = chosen[id] ?? hash(id) % (palette.length * 2);
    for (let i = 0; i < places && taken.has(n) && chosen[id] === undefined; i++)
      n = (n + 1) % places;
    taken.add(n);
    out.set(id, { stroke: palette[n % palette.length], dash: dashes[Math.floor(n / palette.length) % dashes.length] });
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
