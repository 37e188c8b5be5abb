/* linediff.js - what changed between two texts, line by line: the longest common subsequence (Hunt and McIlroy's problem, by dynamic programming on
 * what is left after the common beginning and end). Beyond CELLS_MAX the middle is told as wholly replaced. Pure. */
const CELLS_MAX = 4e6;

/* JSON with one value per line, keys in their order; other text as it is. */
function linesOf(text) {
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object")
      return JSON.stringify(value, null, 2).split("\n");
  } catch { /* not JSON */ }
  return String(text).split(/\r\n|\r|\n/);
}

function middle(a, b) {
  const wide = b.length + 1;
  if ((a.length + 1) * wide > CELLS_MAX)
    return [...a.map(text => ({ kind: "gone", text })), ...b.map(text => ({ kind: "new", text }))];
  const length = new Uint32Array((a.length + 1) * wide), out = [];
  for (let i = a.length - 1; i >= 0; i--)
    for (let k = b.length - 1; k >= 0; k--)
      length[i * wide + k] = a[i] === b[k] ? length[(i + 1) * wide + k + 1] + 1 : Math.max(length[(i + 1) * wide + k], length[i * wide + k + 1]);
  let i = 0, k = 0;
  while (i < a.length || k < b.length)
    if (i < a.length && k < b.length && a[i] === b[k]) {
      out.push({ kind: "same", text: a[i] });
      i++;
      k++;
    } else if (k >= b.length || (i < a.length && length[(i + 1) * wide + k] >= length[i * wide + k + 1]))
      out.push({ kind: "gone", text: a[i++] });
    else
      out.push({ kind: "new", text: b[k++] });
  return out;
}

/* [{kind: "same" | "gone" | "new", text}] */
export function lineDiff(before, after) {
  const a = linesOf(before), b = linesOf(after);
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head])
    head++;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail++;
  const same = lines => lines.map(text => ({ kind: "same", text }));
  return [...same(a.slice(0, head)), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...same(tail ? a.slice(-tail) : [])];
}
