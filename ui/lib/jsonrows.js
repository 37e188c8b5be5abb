/* jsonrows.js - a JSON value as the rows of a tree of which parts are open. Without recursion: what a file holds may be nested deeply. Pure. */

export const CHILDREN_MAX = 1000; /* of one object or list that are shown */

/* A value of JSON whose integers beyond 2^53 are BigInts, where the browser tells how a number was written: no digit is lost. */
export function parseJson(text) {
  const whole = (key, value, at) => (typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(at?.source) ? BigInt(at.source) : value);
  try {
    return JSON.parse(text, /\d{16}/.test(text) ? whole : undefined);
  } catch (error) {
    if (error instanceof RangeError) /* nested too deeply to be walked */
      return JSON.parse(text);
    throw error;
  }
}

export function isBranch(value) {
  return value !== null && typeof value === "object";
}

/* "{3}" or "[120]": what a closed branch says. */
export function sizeOf(value) {
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

function children(value, path) {
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value), out = [];
  let n = 0;
  for (const key of keys) {
    if (n++ === CHILDREN_MAX) {
      out.push({ key: null, value: sizeOf(value) - CHILDREN_MAX, path: `${path}/~more` });
      break;
    }
    out.push({ key, value: value[key], path: `${path}/${String(key).replace(/~/g, "~0").replace(/\//g, "~1")}` });
  }
  return out;
}

/* [{key, value, path (JSON pointer), depth}]; open(path, depth) says whether a branch is. At most `max` rows. A row with key null counts what is left out. */
export function jsonRows(value, open, max = 20000) {
  const out = [], todo = [{ key: undefined, value, path: "", depth: 0 }];
  while (todo.length && out.length < max) {
    const row = todo.pop();
    out.push(row);
    if (row.key !== null && isBranch(row.value) && open(row.path, row.depth))
      for (const child of children(row.value, row.path).reverse())
        todo.push({ ...child, depth: row.depth + 1 });
  }
  return out;
}
