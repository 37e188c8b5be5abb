/* states.js - what stands where data is not: empty (what this is, the one command that fills it), failed (what happened, its request id, try again),
 * waiting (skeleton lines of the final height, drawn only after 200 ms by the style sheet). */
import { html } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { t } from "../lib/words.js";
import { Icon } from "./icons.js";
import { Scroll } from "./scroll.js";

/* command: the line that fills it, shown as code to copy; null if there is none. */
export function Empty({ title, text, command, icon = "info" }) {
  return html`<div class="empty"><${Icon} name=${icon} /><strong>${title}</strong>${text && html`<p>${text}</p>`}${command && html`<${Command} text=${command} />`}</div>`;
}

export function Command({ text }) {
  const copy = event => navigator.clipboard?.writeText(text).then(() => event.target.closest("button")?.classList.add("done"));
  return html`<div class="command"><${Scroll} as="code">${text.split("\n").map(visible).join("\n")}</${Scroll}><button type="button" class="icon-button" title=${t("Copy")} aria-label=${t("Copy")} onClick=${copy}><${Icon} name="copy" /></button></div>`;
}

export function Failed({ error, retry }) {
  const title = error.status === 404 ? t("Not found") : error.status === 403 ? t("You may not see this") : error.status === 0 ? t("The server does not answer.") : t("This did not work");
  return html`<div class="empty failed" role="alert"><${Icon} name="warn" /><strong>${title}</strong>${error.status !== 0 && html`<p>${error.message}</p>`}
    ${error.requestId && html`<p class="soft">${t("Request")} <code>${error.requestId}</code></p>`}
    ${retry && html`<button type="button" class="button" onClick=${retry}>${t("Try again")}</button>`}</div>`;
}

export function Skeleton({ lines = 3 }) {
  return html`<div class="skeleton" aria-busy="true" aria-label=${t("Loading")}>${Array.from({ length: lines }, (_, i) => html`<i key=${i} />`)}</div>`;
}

/* The usual three ways of a useData(): waiting, failed without data, or children(data); a failure beside old data is a line above it. */
export function Loaded({ of, lines, children }) {
  if (of.data === undefined)
    return of.error ? html`<${Failed} error=${of.error} retry=${of.refresh} />` : html`<${Skeleton} lines=${lines} />`;
  return html`${of.error && html`<p class="stale" role="status"><${Icon} name="warn" /> ${t("Not up to date:")} ${of.error.message} <button type="button" class="link" onClick=${of.refresh}>${t("Try again")}</button></p>`}${children(of.data)}`;
}
