/* dotplot.js - one value per thing: a row each with a dot on a common scale and the number. DotPlot({ label, rows: [{ id, name, value, stroke }], highlight, onHover,
 * actions, height, log }). Dots, not bars: the scale need not begin at 0. Missing values are said, not drawn. */
import { cls, html } from "../lib/html.js";
import { full, number } from "../lib/format.js";
import { extent, mapping, padded, toNumbers } from "../lib/scale.js";
import { t } from "../lib/words.js";

export function DotPlot({ label, rows, highlight, onHover, actions, height = 220, log = false }) {
  const values = toNumbers(rows.map(row => row.value)), range = extent(values, log);
  const place = range && mapping(padded(range, log, 0.08), [0, 100], log);
  return html`<figure class="chart dotplot" aria-label=${label}><figcaption><span class="chart-name" title=${label}>${label}</span><span class="chart-tools">${actions}</span></figcaption>
    <div class="dot-rows" style=${{ maxHeight: `${height + 24}px` }} tabindex="0"><table class="chart-table"><caption class="visually-hidden">${label}</caption><tbody>${rows.map((row, i) => html`<tr key=${row.id} data-id=${row.id} data-points=${Number.isFinite(values[i]) ? 1 : 0} data-missing=${Number.isFinite(values[i]) ? 0 : 1}
      data-min=${values[i]} data-max=${values[i]} data-last=${values[i]} class=${cls(row.id === highlight && "lit")} onMouseEnter=${() => onHover?.(row.id)} onMouseLeave=${() => onHover?.(null)}>
      <th scope="row" title=${row.name}>${row.name}</th><td class="dot-track">${place && Number.isFinite(place(values[i])) && html`<i style=${{ left: `${place(values[i])}%`, background: row.stroke }} />`}</td>
      <td class="num" title=${full(row.value)}>${row.value === null || row.value === undefined ? t("no data") : number(values[i])}</td></tr>`)}</tbody></table></div></figure>`;
}
