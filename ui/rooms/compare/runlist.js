/* runlist.js - the runs that are compared, beside the charts: colour, name, an eye that hides the line, a cross that takes the run out. Pointing at a run
 * highlights its line everywhere, and the reverse. */
import { cls, html } from "../../lib/html.js";
import { href, setParams } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { stateWord } from "../../parts/badge.js";
import { Swatch } from "../../parts/chart.js";
import { Icon } from "../../parts/icons.js";

function without(runs, id) {
  setParams({ runs: runs.map(run => run.run_id).filter(one => one !== id).join(",") || null, exp: null, q: null, sort: null, limit: null });
}

function Item({ run, runs, style, off, lit, settings, onHover }) {
  const flip = () => {
    const next = new Set(settings.off);
    if (!next.delete(run.run_id))
      next.add(run.run_id);
    settings.set({ off: [...next].join(",") }, { replace: true });
  };
  const eye = off ? t("Show {name}", { name: run.name }) : t("Hide {name}", { name: run.name });
  return html`<li class=${cls(lit && "lit", off && "off")} data-run=${run.run_id} onMouseEnter=${() => onHover(run.run_id)} onMouseLeave=${() => onHover(null)}>
    <button type="button" class="icon-button" aria-pressed=${off ? "true" : "false"} title=${eye} aria-label=${eye} onClick=${flip}><${Icon} name=${off ? "eyeOff" : "eye"} /></button>
    <${Swatch} ...${style} /><a href=${href("/runs/{id}", { id: run.run_id })} title=${`${run.name} · ${stateWord(run.status)} · ${run.run_id}`} onFocus=${() => onHover(run.run_id)} onBlur=${() => onHover(null)}>${run.name}</a>
    ${runs.length > 1 && html`<button type="button" class="icon-button" title=${t("Take {name} out", { name: run.name })} aria-label=${t("Take {name} out", { name: run.name })} onClick=${() => without(runs, run.run_id)}><${Icon} name="close" /></button>`}</li>`;
}

export function RunList({ runs, styles, settings, hover, onHover }) {
  return html`<aside class="compare-runs card" aria-label=${t("Runs")}><ul>${runs.map(run => html`<${Item} key=${run.run_id} run=${run} runs=${runs} style=${styles.get(run.run_id)} off=${settings.off.has(run.run_id)}
    lit=${hover === run.run_id} settings=${settings} onHover=${onHover} />`)}</ul></aside>`;
}
