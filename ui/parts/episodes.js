/* episodes.js - when what was wrong: a row of bars for each thing, over one axis of time. Used by monitors for alerts.
 *   Episodes({ rows: [{key, name, title?, bars: [{from, to, kind, title}]}], from, to, marks: [{at, text, kind}], label, max })
 * Times in milliseconds. A bar is at least 3 px wide. Rows above `max` are shown on demand. Marks are lines with a number that the caller explains. */
import { html, useState } from "../lib/html.js";
import { day } from "../lib/format.js";
import { t } from "../lib/words.js";

const TICKS = 6;

const MARK_PER_CENT = 2.4; /* about its width: marks of one time stand beside each other */

/* Where each mark stands: at its time, but right of the one before and left of those behind it. They come in order. */
export function markPlaces(marks, from, to) {
  const out = [], each = Math.min(MARK_PER_CENT, 100 / marks.length);
  for (const m of marks)
    out.push(Math.max(place(m.at, from, to), out.length ? out[out.length - 1] + each : 0));
  for (let i = out.length - 1, room = 100; i >= 0; i--, room -= each)
    out[i] = Math.min(out[i], room);
  return out;
}

/* Per cent of the width, kept inside. */
export function place(at, from, to) {
  return to > from ? Math.min(100, Math.max(0, 100 * (at - from) / (to - from))) : 0;
}

function Bar({ bar, from, to }) {
  const left = place(bar.from, from, to), width = place(bar.to, from, to) - left;
  return html`<i class=${"bar bar-" + bar.kind} style=${{ left: `${left}%`, width: `max(3px, ${width}%)` }} title=${bar.title}></i>`;
}

export function Episodes({ rows, from, to, marks = [], label, max = 14 }) {
  const places = markPlaces(marks, from, to);
  const [all, showAll] = useState(false), shown = all ? rows : rows.slice(0, max), ticks = Array.from({ length: TICKS }, (_, i) => from + (to - from) * i / (TICKS - 1));
  return html`<figure class="episodes" aria-label=${label}><div class="episode-marks">${marks.map((m, i) => html`<span key=${i} class=${"mark mark-" + m.kind} style=${{ left: `${places[i]}%` }} title=${`${day(m.at)} ${m.text}`}>${i + 1}</span>`)}</div>
    <ul>${shown.map(row => html`<li key=${row.key}><span class="episode-name" title=${row.title ?? row.name}>${row.name}</span><span class="episode-line">${marks.map((m, i) => html`<i key=${"m" + i} class="line" style=${{ left: `${place(m.at, from, to)}%` }}></i>`)}
      ${row.bars.map((bar, i) => html`<${Bar} key=${i} bar=${bar} from=${from} to=${to} />`)}<span class="visually-hidden">${row.bars.map(bar => bar.title).join("; ")}</span></span></li>`)}</ul>
    <div class="episode-axis soft num" aria-hidden="true">${ticks.map((at, i) => html`<span key=${i}>${day(at)}</span>`)}</div>
    ${rows.length > shown.length && html`<button type="button" class="link" onClick=${() => showAll(true)}>${t("and {n} more|and {n} more", { n: rows.length - shown.length })}</button>`}</figure>`;
}
