/* colour.js - the colours of series: eight of Okabe and Ito's hues, of a lightness that is seen in both themes and which people with red-green blindness tell
 * apart (docs/decisions/018, tests/ui/palette.test.mjs), then the same with dashes. A run keeps its colour on every page: a hash of its id picks it, unless the user chose another (kept in this browser). */
import { load, save, watch } from "./store.js";

export const palette = ["#0772b4", "#d44d46", "#009e73", "#c9759f", "#0c9ace", "#cb7e00", "#6d6d6d", "#707100"];
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
let chosen = null; /* read once: ten thousand lines ask for it */
watch("colours", () => {
  chosen = null;
});

/* FNV-1a, 32 bits. */
export function hash(text) {
  let x = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    x ^= text.charCodeAt(i);
    x = Math.imul(x, 0x01000193);
  }
  return x >>> 0;
}

/* What the user chose for it: a place, or undefined. Ids are anybody's words, also "constructor". */
function choiceOf(id) {
  chosen ??= new Map(Object.entries(load("colours", {})).filter(([, n]) => Number.isInteger(n) && n >= 0));
  return chosen.get(String(id));
}

function styleAt(n) {
  return { stroke: palette[n % palette.length], dash: dashes[Math.floor(n / palette.length) % dashes.length] };
}

/* {stroke, dash} of a run or any other named thing. */
export function seriesStyle(id) {
  return styleAt(choiceOf(id) ?? hash(id) % palette.length);
}

/* Styles for things shown together, all different as long as there are 32 or fewer. Those which chose, or come first to their hash's colour, keep it; the others
 * take the next free colour, and a dash only when all eight are taken. */
export function distinctStyles(ids) {
  const taken = new Set(ids.map(choiceOf)), out = new Map();
  for (const id of ids) {
    const first = hash(id) % palette.length;
    let n = choiceOf(id) ?? first;
    for (let k = 1; taken.has(n) && choiceOf(id) === undefined && k < palette.length * dashes.length; k++)
      n = Math.floor(k / palette.length) * palette.length + (first + k) % palette.length;
    taken.add(n);
    out.set(id, styleAt(n));
  }
  return out;
}

/* The styles of any number of things: beyond what distinctStyles() can tell apart each has its own colour. */
export function stylesOf(ids) {
  return ids.length <= palette.length * dashes.length ? distinctStyles(ids) : new Map(ids.map(id => [id, seriesStyle(id)]));
}

/* n: a place in the palette, or null for the hash's again. */
export function chooseColour(id, n) {
  save("colours", Object.fromEntries([...Object.entries(load("colours", {})).filter(([key]) => key !== id), ...(n === null ? [] : [[id, n]])]));
}

export function onColours(f) {
  return watch("colours", f);
}
