/* grid.js - what parts/table.js computes, without a page: which rows are in view, where a key moves to, order and widths of columns. Pure. */
export const ROW_PX = 32;
export const DENSE_PX = 26;
export const MAX_PX = 12000000; /* browsers draw nothing behind some 17 million: longer tables scroll by more than a pixel per pixel */
const NEARBY = 200;
const WIDTH_MIN = 48, WIDTH_MAX = 1200;

/* Height of the body, and how many pixels of rows one pixel of scrolling is. */
export function bodySize(count, view_px, row_px = ROW_PX) {
  const full = count * row_px, body = Math.min(full, MAX_PX);
  return { body_px: body, ratio: full > body ? (full - view_px) / (body - view_px) : 1 };
}

/* The rows [from, to) to be drawn at a place of scrolling, and where row 0 would stand. */
export function rowsInView(scroll_px, view_px, count, beyond = 6, row_px = ROW_PX) {
  const { ratio } = bodySize(count, view_px, row_px), at = Math.max(0, scroll_px) * ratio;
  const from = Math.max(0, Math.min(Math.floor(at / row_px), count) - beyond);
  const to = Math.min(count, Math.ceil((at + view_px) / row_px) + beyond);
  return { from, to, origin_px: ratio === 1 ? 0 : scroll_px - at };
}

/* Where to scroll so that row i is wholly in view; the same place if it is. */
export function scrollTo(i, scroll_px, view_px, count, row_px = ROW_PX) {
  const { ratio } = bodySize(count, view_px, row_px), at = scroll_px * ratio, top = i * row_px;
  if (top < at)
    return top / ratio;
  return top + row_px > at + view_px ? (top + row_px - view_px) / ratio : scroll_px;
}

/* The row that a key leads to, or -1 where the key is not ours. */
export function keyTarget(key, active, count, page) {
  const last = count - 1, steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
  if (count === 0)
    return -1;
  if (key === "Home" || key === "End")
    return key === "Home" ? 0 : last;
  if (!(key in steps))
    return -1;
  return active < 0 ? 0 : Math.max(0, Math.min(last, active + steps[key]));
}

const collator = new Intl.Collator(undefined, { numeric: true });

function missing(v) {
  return v === null || v === undefined || v === "" || (typeof v === "number" && Number.isNaN(v));
}

/* Below, at or above 0; what is missing stands last whatever the direction. */
export function compareValues(a, b, desc) {
  if (missing(a) || missing(b))
    return missing(a) - missing(b);
  const order = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  return desc ? -order : order;
}

/* A sorted copy; equal rows stay in their order. */
export function sortRows(rows, column, desc) {
  const keyed = rows.map(row => ({ row, value: column.value(row) }));
  keyed.sort((a, b) => compareValues(a.value, b.value, desc));
  return keyed.map(k => k.row);
}

/* What a click on a head asks for: numbers begin with the greatest, texts with A. */
export function nextSort(sort, column) {
  return sort?.key === column.key ? { key: column.key, desc: !sort.desc } : { key: column.key, desc: column.align === "right" };
}

/* The columns in the user's order with the user's widths; those that the layout does not know stand where they stood, behind their neighbour. */
export function laidOut(columns, layout) {
  const order = layout?.order ?? [], widths = layout?.widths ?? {};
  const known = order.map(key => columns.find(c => c.key === key && !c.fixed)).filter(Boolean);
  const out = columns.filter(c => c.fixed).concat(known);
  columns.forEach((c, i) => {
    if (out.includes(c))
      return;
    const left = i > 0 ? out.indexOf(columns[i - 1]) : -1;
    out.splice(left + 1, 0, c);
  });
  return out.map(c => ({ ...c, width: clampWidth(widths[c.key] ?? c.width ?? (c.align === "right" ? 110 : 160)) }));
}

export function clampWidth(px) {
  return Math.round(Math.max(WIDTH_MIN, Math.min(WIDTH_MAX, px)));
}

/* Keys with `key` moved before `before` (null: to the end). */
export function moved(keys, key, before) {
  const rest = keys.filter(k => k !== key), at = before === null ? rest.length : rest.indexOf(before);
  if (key === before || at < 0)
    return keys;
  rest.splice(at, 0, key);
  return rest;
}

/* Where the row `key` that stood at `i` stands now, at most NEARBY rows away; -1: not there. */
export function movedTo(key, i, keyAt, count) {
  for (let far = 1; far <= NEARBY; far++)
    for (const at of [i + far, i - far])
      if (at >= 0 && at < count && keyAt(at) === key)
        return at;
  return -1;
}

/* The next set of chosen keys after a click on row i. `range`: from the row chosen last to this one, which takes on the state of this one. */
export function selected(old, keys, i, anchor, range) {
  const out = new Set(old), on = !old.has(keys(i));
  const from = range && anchor >= 0 ? Math.min(anchor, i) : i, to = range && anchor >= 0 ? Math.max(anchor, i) : i;
  for (let n = from; n <= to; n++) {
    const key = keys(n);
    if (key !== undefined)
      out[on ? "add" : "delete"](key);
  }
  return out;
}
