/* dialog.js - a question over the page, on the browser's own <dialog>: it traps the focus, Escape closes it, the focus returns. A dialog of an act
 * says in one sentence what will happen and names the object; a destructive one has the name typed. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { t } from "../lib/words.js";
import { Icon } from "./icons.js";

export function Dialog({ title, onClose, children, wide }) {
  const box = useRef(null);
  useEffect(() => {
    const dialog = box.current, before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const outside = event => event.target === box.current && onClose();
  return html`<dialog ref=${box} class=${wide ? "wide" : null} aria-label=${title} onCancel=${e => { e.preventDefault(); onClose(); }} onMouseDown=${outside}>
    <div class="dialog-box"><header><h2>${visible(title)}</h2><button type="button" class="icon-button" aria-label=${t("Close")} onClick=${onClose}><${Icon} name="close" /></button></header>${children}</div></dialog>`;
}

/* act(): a promise; the dialog stays with its error if it fails. `typed`: what must be typed first. `extra`: fields of the caller's. */
export function Confirm({ title, says, verb, act, onClose, typed, danger, extra }) {
  const [busy, setBusy] = useState(false), [error, setError] = useState(null), [text, setText] = useState("");
  const run = async event => {
    event.preventDefault();
    setBusy(true);
    try {
      await act();
      onClose(true);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${() => onClose(false)}><form onSubmit=${run}>
    <p class="says">${typeof says === "string" ? visible(says) : says}</p>${extra}
    ${typed && html`<label class="field"><span>${t("Type {name} to confirm", { name: typed })}</span><input value=${text} onInput=${e => setText(e.target.value)} autocomplete="off" spellcheck="false" /></label>`}
    ${error && html`<p class="problem" role="alert">${error.message}${error.requestId && html` <span class="soft">${t("Request")} <code>${error.requestId}</code></span>`}</p>`}
    <footer><button type="button" class="button" onClick=${() => onClose(false)}>${t("Cancel")}</button>
      <button type="submit" class="button ${danger ? "danger" : "primary"}" disabled=${busy || (typed && text !== typed)}>${verb}</button></footer></form></${Dialog}>`;
}
