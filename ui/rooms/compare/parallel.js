/* parallel.js - the compared runs as parallel coordinates. Without a choice the axes are the parameters that differ and the metric that is best known. */
import { html, useMemo } from "../../lib/html.js";
import { axisOf, suitsLog } from "../../lib/axes.js";
import { betterOf } from "../../lib/better.js";
import { t } from "../../lib/words.js";
import { Parallel } from "../../parts/parallel.js";
import { Toggles } from "../../parts/toggle.js";
import { PickOne, PickSome, columnTitle } from "./columns.js";
import { writeBrushes } from "./settings.js";

const AXES_FIRST = 7;

/* Parameters that say something: half of the runs have them, with more than one value. */
function telling(column) {
  if (column.telling !== undefined)
    return column.telling;
  const there = column.values.filter(v => v !== null && v !== undefined);
  return column.kind === "param" && there.length * 2 >= column.values.length && new Set(there).size > 1;
}

/* Keys of the axes where the user has chosen none. Pure. */
export function usualAxes(columns) {
  const params = columns.filter(telling).slice(0, AXES_FIRST), metrics = columns.filter(c => c.kind === "metric" && !c.title.startsWith("system/"));
  const judged = metrics.find(c => betterOf(c.title) !== 0 && c.differs) ?? metrics.find(c => c.differs) ?? metrics[0];
  return [...params, ...(judged ? [judged] : [])].map(c => c.key);
}

/* columns: as of lib/compared.js; runs: [{run_id, name}] in the order of their values. */
export function ParallelTab({ columns, runs, styles, settings, hover, onHover }) {
  const chosen = settings.axes.length ? settings.axes : usualAxes(columns);
  const shown = useMemo(() => runs.map((run, i) => i).filter(i => !settings.off.has(runs[i].run_id)), [runs, settings.off]);
  const rows = useMemo(() => shown.map(i => ({ id: runs[i].run_id, name: runs[i].name, ...styles.get(runs[i].run_id) })), [runs, styles, settings.off]);
  const axes = useMemo(() => chosen.map(key => columns.find(c => c.key === key)).filter(c => c?.values.length === runs.length).map(c => {
    const values = shown.map(i => c.values[i]), log = settings.logs.has(c.key) || (!settings.logs.has("-" + c.key) && c.kind === "param" && suitsLog(values));
    return { key: c.key, title: columnTitle(c), axis: axisOf(values, { log }) };
  }), [columns, chosen.join("\n"), settings.logs, settings.off]);
  const last = axes.length ? axes[axes.length - 1].key : "", colour = settings.colour === "-" ? null : axes.some(a => a.key === settings.colour) ? settings.colour : last;
  const brush = (key, range) => {
    const next = { ...settings.brushes };
    if (range)
      next[key] = range;
    else
      delete next[key];
    settings.set({ brush: writeBrushes(next) || null });
  };
  const flip = axis => {
    const next = new Set([...settings.logs].filter(key => key !== axis.key && key !== "-" + axis.key));
    next.add(axis.axis.log ? "-" + axis.key : axis.key);
    settings.set({ logs: [...next].join("\n") });
  };
  return html`<div class="controls"><${PickSome} columns=${columns} chosen=${chosen} onChange=${keys => settings.set({ axes: keys.join("\n") || null })} />
      <${PickOne} label=${t("Colour by")} columns=${columns.filter(c => chosen.includes(c.key))} value=${settings.colour === "-" ? "" : colour ?? ""} none=${t("the run")} onChange=${key => settings.set({ by: key === "" ? "-" : key })} />
      <${Toggles} label=${t("Logarithmic")} options=${axes.map(a => a.axis.kind === "number" && [a.key, `log ${a.title}`, t("Logarithmic axis of {name}", { name: a.title })])} value=${axes.filter(a => a.axis.log).map(a => a.key)} onChoose=${key => flip(axes.find(a => a.key === key))} />
      ${Object.keys(settings.brushes).length > 0 && html`<button type="button" class="button small" onClick=${() => settings.set({ brush: null })}>${t("Show all runs")}</button>`}</div>
    <div class="card">${axes.length < 2 ? html`<p class="chart-empty">${t("Choose two axes or more.")}</p>` : html`<${Parallel} label=${t("Parallel coordinates")} axes=${axes} rows=${rows} colour=${colour} onColour=${key => settings.set({ by: key })} brushes=${settings.brushes} onBrush=${brush} highlight=${hover} onHover=${onHover} />`}</div>`;
}
