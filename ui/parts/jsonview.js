/* jsonview.js - a JSON value as a tree that opens and closes. The first two levels are open. <${JsonView} value=${...} label=... /> */
import { cls, html, useState } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { CHILDREN_MAX, isBranch, jsonRows, sizeOf } from "../lib/jsonrows.js";
import { integer } from "../lib/format.js";
import { t } from "../lib/words.js";
import { Icon } from "./icons.js";

const OPEN_DEPTH = 2;
const OPEN_MAX = 50;      /* a branch with more is closed at first */
const TEXT_SHOWN = 500;
const QUOTE = "\u0022";

function Leaf({ value }) {
  if (typeof value !== "string")
    return html`<span class="json-${value === null ? "null" : typeof value === "bigint" ? "number" : typeof value}">${String(value)}</span>`;
  const more = value.length - TEXT_SHOWN, rest = more > 0 && html`<em class="soft"> … ${t("{n} more character|{n} more characters", { n: more })}</em>`;
  return html`<span class="json-string">${QUOTE}${visible(value.slice(0, TEXT_SHOWN))}${rest}${QUOTE}</span>`;
}

function Row({ row, open, toggle }) {
  const { key, value, path, depth } = row, indent = { paddingLeft: `${16 * depth}px` };
  if (key === null)
    return html`<div class="json-row soft" style=${indent}>${t("{n} more item|{n} more items", { n: value })}</div>`;
  const name = key === undefined ? null : html`<span class="json-key">${typeof key === "number" ? key : visible(key)}</span>: `;
  if (!isBranch(value))
    return html`<div class="json-row" style=${indent}><i class="json-gap" />${name}<${Leaf} value=${value} /></div>`;
  const [a, b] = Array.isArray(value) ? "[]" : "{}";
  return html`<div class="json-row" style=${indent}><button type="button" class="json-fold" aria-expanded=${String(open)} onClick=${() => toggle(path, !open)}><${Icon} name=${open ? "down" : "right"} />${name}${a}${!open && "…"}${!open && b}
    <span class="soft"> ${integer(sizeOf(value))}</span></button></div>`;
}

export function JsonView({ value, label }) {
  const [folds, setFolds] = useState(() => new Map());
  const isOpen = (path, depth, v) => folds.get(path) ?? (depth < OPEN_DEPTH && (depth === 0 || sizeOf(v) <= Math.min(OPEN_MAX, CHILDREN_MAX)));
  const values = new Map();
  const rows = jsonRows(value, (path, depth) => isOpen(path, depth, values.get(path) ?? find(value, path)));
  const toggle = (path, open) => setFolds(new Map(folds).set(path, open));
  return html`<div class=${cls("json", "code")} role="region" aria-label=${label ?? "JSON"} tabindex="0">${rows.map(row => html`<${Row} key=${row.path} row=${row}
    open=${row.key !== null && isBranch(row.value) && isOpen(row.path, row.depth, row.value)} toggle=${toggle} />`)}</div>`;
}

/* The value at a JSON pointer (RFC 6901). */
function find(value, path) {
  let at = value;
  for (const part of path.split("/").slice(1))
    at = at?.[part.replace(/~1/g, "/").replace(/~0/g, "~")];
  return at;
}
