/* timeline.js - what happened, newest first, in days. Used for the history of models and alerts. */
import { html } from "../lib/html.js";
import { locale } from "../lib/words.js";
import { stateKind } from "./badge.js";
import { byDay } from "./timeline_days.js";
import { Time } from "./values.js";

function Item({ item }) {
  const kind = item.kind ?? stateKind(item.state);
  return html`<li class="event event-${kind}"><span class="badge badge-${kind}" aria-hidden="true"><i class="mark"></i></span>
    <div class="event-what"><div>${item.title}</div>${item.text && html`<p class="event-why">${item.text}</p>`}</div><div class="event-who soft">${item.who && html`<span>${item.who}</span>`} <${Time} ms=${item.time_ms} /></div></li>`;
}

/* items: [{key, time_ms, title (words or markup), text? (why), who?, state? or kind? (badge.js)}], newest first. */
export function Timeline({ items, label }) {
  return html`<div class="timeline" aria-label=${label} role="group">${byDay(items, locale()).map(([name, list], i) => html`<section key=${i}><h3 class="soft">${name}</h3><ol>${list.map(item => html`<${Item} key=${item.key} item=${item} />`)}</ol></section>`)}</div>`;
}
