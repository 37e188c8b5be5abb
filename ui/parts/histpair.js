/* histpair.js - two distributions over the same bins: the reference behind, the current one in front. HistogramPair({ edges, labels, reference, current,
 * psi, ks, label, height }): n bins have n + 1 edges (the outer ones may be infinite or null) or n labels (categories). reference and current are
 * counts or shares; each is divided by its sum, so that windows of different size compare. Bins are equally wide on the page: they are quantiles of the
 * reference, and what is compared are their shares. */
import { html } from "../lib/html.js";
import { number, percent } from "../lib/format.js";
import { t } from "../lib/words.js";

/* Shares of the sum; all NaN if there is nothing. Pure. */
export function shares(counts) {
  const sum = counts.reduce((a, v) => a + (Number.isFinite(v) ? v : 0), 0);
  return counts.map(v => (sum > 0 && Number.isFinite(v) ? v / sum : NaN));
}

/* The words of each bin. Pure. */
export function binNames(edges, labels) {
  if (labels)
    return labels.map(String);
  const bound = v => (v === null || v === undefined || !Number.isFinite(Number(v)) ? null : number(Number(v)));
  return edges.slice(1).map((to, i) => {
    const a = bound(edges[i]), b = bound(to);
    return a === null ? (b === null ? t("all") : `< ${b}`) : b === null ? `≥ ${a}` : `${a} … ${b}`;
  });
}

function Bars({ values, n, top, height, width, className, share }) {
  const each = width / n, wide = each * share;
  return values.map((v, i) => Number.isFinite(v) && html`<rect key=${i} class=${className} x=${i * each + (each - wide) / 2} width=${wide} y=${height - v / top * height} height=${v / top * height} />`);
}

export function HistogramPair({ edges, labels, reference, current, psi, ks, label, height = 120 }) {
  const a = shares(reference ?? []), b = shares(current ?? []), names = binNames(edges ?? [], labels), n = names.length, width = 300;
  const top = Math.max(...a.filter(Number.isFinite), ...b.filter(Number.isFinite), 0) * 1.08;
  if (!(top > 0))
    return html`<figure class="histpair" aria-label=${label}><figcaption>${label}</figcaption><div class="chart-empty" style=${{ minHeight: `${height}px` }}>${t("No data")}</div></figure>`;
  const line = i => `${names[i]}: ${t("reference")} ${percent(a[i])}, ${t("current")} ${percent(b[i])}`;
  return html`<figure class="histpair" aria-label=${label}><figcaption><span class="chart-name" title=${label}>${label}</span>
      <span class="hist-figures">${psi !== undefined && html`<span>PSI <b>${number(psi)}</b></span>`}${ks !== undefined && html`<span>KS <b>${number(ks)}</b></span>`}</span></figcaption>
    <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" style=${{ height: `${height}px` }} aria-hidden="true"><${Bars} values=${a} n=${n} top=${top} height=${height} width=${width} className="hist-reference" share=${0.94} />
      <${Bars} values=${b} n=${n} top=${top} height=${height} width=${width} className="hist-current" share=${0.5} />
      ${names.map((_, i) => html`<rect key=${"t" + i} x=${i * width / n} width=${width / n} y="0" height=${height} fill="transparent"><title>${line(i)}</title></rect>`)}</svg>
    <div class="hist-axis soft"><span title=${names[0]}>${names[0]}</span>${n > 1 && html`<span title=${names[n - 1]}>${names[n - 1]}</span>`}</div>
    <div class="hist-key soft"><span><i class="key-reference" />${t("reference")}</span><span><i class="key-current" />${t("current")}</span></div>
    <div class="visually-hidden"><table><caption>${label}</caption><thead><tr><th>${t("Bin")}</th><th>${t("reference")}</th><th>${t("current")}</th></tr></thead><tbody>
      ${names.map((name, i) => html`<tr key=${i}><th scope="row">${name}</th><td>${percent(a[i])}</td><td>${percent(b[i])}</td></tr>`)}</tbody></table></div></figure>`;
}
