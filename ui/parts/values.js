/* values.js - numbers, times and ids in their short form, the whole value on hover and on copy. */
import { html } from "../lib/html.js";
import { ago, bytes, duration, full, isTime, number, shortId, when } from "../lib/format.js";

/* What is copied from a marked <data> is its full value: see startCopying(). */
function Value({ text, whole, kind }) {
  return html`<data class="value ${kind ?? ""}" value=${whole} title=${whole === text ? null : whole}>${text}</data>`;
}

export function Num({ value }) {
  return html`<${Value} text=${number(value)} whole=${full(value)} kind="num" />`;
}
export function Bytes({ value }) {
  return html`<${Value} text=${bytes(value)} whole=${value === null || value === undefined ? "–" : `${value} B`} kind="num" />`;
}
export function Duration({ ms }) {
  return html`<${Value} text=${duration(ms)} whole=${ms === null || ms === undefined ? "–" : `${ms} ms`} kind="num" />`;
}
/* Relative, the absolute local time with its zone on hover. */
export function Time({ ms }) {
  return html`<time class="value" datetime=${isTime(ms) ? new Date(ms).toISOString() : null} title=${when(ms)}>${ago(ms)}</time>`;
}
export function Id({ value }) {
  return html`<${Value} text=${shortId(value)} whole=${value} kind="code" />`;
}

/* A selection inside one value copies its whole. */
export function startCopying() {
  document.addEventListener("copy", event => {
    const picked = getSelection();
    const holder = picked.anchorNode?.parentElement?.closest("data.value");
    if (!holder || picked.focusNode?.parentElement?.closest("data.value") !== holder)
      return;
    event.clipboardData.setData("text/plain", holder.value);
    event.preventDefault();
  });
}
