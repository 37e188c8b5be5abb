/* toast.js - a line at the foot of the page that says what was done, with a way back where there is one. It stays SHOWN_MS and waits while pointed at. */
import { html, useEffect, useState } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { t } from "../lib/words.js";

const SHOWN_MS = 8000;
let show = () => {};

/* undo: a function or nothing. kind: "ok" or "bad". */
export function toast(text, { undo, kind = "ok" } = {}) {
  show({ text, undo, kind, id: Date.now() + Math.random() });
}

function Toast({ item, gone }) {
  const [held, hold] = useState(false);
  useEffect(() => {
    if (held)
      return undefined;
    const timer = setTimeout(gone, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held]);
  return html`<div class="toast toast-${item.kind}" role="status" onMouseEnter=${() => hold(true)} onMouseLeave=${() => hold(false)}>
    <span>${visible(item.text)}</span>${item.undo && html`<button type="button" class="link" onClick=${() => { gone(); item.undo(); }}>${t("Undo")}</button>`}</div>`;
}

export function Toasts() {
  const [items, set] = useState([]);
  show = item => set(list => [...list, item]);
  return html`<div class="toasts" aria-live="polite">${items.map(item => html`<${Toast} key=${item.id} item=${item} gone=${() => set(list => list.filter(x => x !== item))} />`)}</div>`;
}
