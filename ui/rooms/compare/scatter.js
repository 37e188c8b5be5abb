/* scatter.js - any column of the compared runs against any other. */
import { html, useMemo } from "../../lib/html.js";
import { axisOf, suitsLog } from "../../lib/axes.js";
import { css, ramp } from "../../lib/ramp.js";
import { go, path } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { shares } from "../../parts/parallel.js";
import { Scatter } from "../../parts/scatter.js";
import { Toggles } from "../../parts/toggle.js";
import { isDark } from "../../shell/theme.js";
import { PickOne, columnTitle } from "./columns.js";
import { usualAxes } from "./parallel.js";

export function ScatterTab({ columns, runs, styles, settings, hover, onHover }) {
  const usual = usualAxes(columns);
  const pick = (key, otherwise) => columns.find(c => c.key === key) ?? columns.find(c => c.key === otherwise) ?? columns[0];
  const cx = pick(settings.sx, usual[0] ?? "attr:duration"), cy = pick(settings.sy, usual[usual.length - 1] ?? "attr:duration"), by = columns.find(c => c.key === settings.colour);
  const shown = useMemo(() => runs.map((run, i) => i).filter(i => !settings.off.has(runs[i].run_id)), [runs, settings.off]);
  const axis = column => {
    const values = shown.map(i => column.values[i]), log = settings.logs.has(column.key) || (!settings.logs.has("-" + column.key) && column.kind === "param" && suitsLog(values));
    return { label: columnTitle(column), axis: axisOf(values, { log }) };
  };
  const x = useMemo(() => axis(cx), [cx, shown, settings.logs]), y = useMemo(() => axis(cy), [cy, shown, settings.logs]);
  const points = useMemo(() => {
    const share = by && shares(axisOf(shown.map(i => by.values[i])));
    return shown.map((i, k) => ({ id: runs[i].run_id, name: runs[i].name, stroke: share ? (Number.isNaN(share[k]) ? "#8a8f98" : css(ramp(0.4 + 0.6 * share[k], { dark: isDark() }))) : styles.get(runs[i].run_id)?.stroke }));
  }, [runs, styles, shown, by]);
  const flip = (column, now) => {
    const next = new Set([...settings.logs].filter(key => key !== column.key && key !== "-" + column.key));
    next.add(now ? "-" + column.key : column.key);
    settings.set({ logs: [...next].join("\n") });
  };
  return html`<div class="controls"><${PickOne} label=${t("X axis")} columns=${columns} value=${cx.key} onChange=${key => settings.set({ sx: key })} /><${PickOne} label=${t("Y axis")} columns=${columns} value=${cy.key} onChange=${key => settings.set({ sy: key })} />
      <${PickOne} label=${t("Colour by")} columns=${columns} value=${by?.key ?? ""} none=${t("the run")} onChange=${key => settings.set({ by: key || null })} />
      <${Toggles} label=${t("Logarithmic")} options=${[x.axis.kind === "number" && ["x", "log x"], y.axis.kind === "number" && ["y", "log y"]]} value=${[x.axis.log && "x", y.axis.log && "y"]} onChoose=${key => (key === "x" ? flip(cx, x.axis.log) : flip(cy, y.axis.log))} /></div>
    <div class="card"><${Scatter} label=${t("{y} against {x}", { x: x.label, y: y.label })} points=${points} x=${x} y=${y} highlight=${hover} onHover=${onHover} onPick=${id => go(path("/runs/{id}", { id }))} /></div>`;
}
