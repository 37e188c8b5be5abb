/* controls.js - the bar over the charts: which metrics, the axes, smoothing, groups. */
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { useKey } from "../../lib/keys.js";
import { t } from "../../lib/words.js";
import { Icon } from "../../parts/icons.js";
import { Toggles } from "../../parts/toggle.js";

export const AXES = { step: "step", time: "time", relative: "duration" }; /* the server's word -> the chart's kind */

/* What stands at the axis. */
export function axisName(x) {
  return x === "time" ? t("time") : x === "relative" ? t("since the run's first point") : t("step");
}

/* A field that follows the fingers and tells `onChange` when they rest. */
function Rested({ value, onChange, ms = 250, children }) {
  const [now, set] = useState(value), timer = useRef(0);
  useEffect(() => set(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return children(now, next => {
    set(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(next), ms);
  });
}

export function Smoothing({ settings }) {
  return html`<${Rested} value=${settings.smooth} ms=${120} onChange=${v => settings.set({ smooth: v || null }, { replace: true })}>${(now, set) => html`<label class="control smooth" title=${t("Exponential mean without bias, as TensorBoard's; the raw line stays behind it")}><span>${t("Smoothing")}</span>
    <input type="range" min="0" max="0.99" step="0.01" value=${now} onInput=${e => set(Number(e.target.value))} aria-valuetext=${String(now)} /><output>${now.toFixed(2)}</output></label>`}</${Rested}>`;
}

export function AxisControls({ settings }) {
  const { x, xlog, ylog, set } = settings;
  return html`<label class="control"><span>${t("X axis")}</span><select value=${x} onChange=${e => set({ x: e.target.value === "step" ? null : e.target.value, zoom: null, xlog: e.target.value === "time" ? null : xlog ? 1 : null })}>
      <option value="step">${t("step")}</option><option value="time">${t("time")}</option><option value="relative">${t("relative time")}</option></select></label>
    <${Toggles} label=${t("Logarithmic")} options=${[x !== "time" && ["x", "log x", t("Logarithmic x axis")], ["y", "log y", t("Logarithmic y axis")]]} value=${[xlog && "x", ylog && "y"]}
      onChoose=${key => set(key === "x" ? { xlog: xlog ? null : 1, zoom: null } : { ylog: ylog ? null : 1 })} />`;
}

export function GroupControls({ settings, answer }) {
  const { group, band, set } = settings;
  const options = (kind, rows) => rows.map(row => html`<option key=${row.key} value=${`${kind}:${row.key}`}>${row.key}</option>`);
  return html`<label class="control"><span>${t("Group by")}</span><select value=${group} onChange=${e => set({ group: e.target.value || null })}><option value="">${t("no groups")}</option>
      <optgroup label=${t("Parameters")}>${options("param", answer.params)}</optgroup>${answer.tags.length > 0 && html`<optgroup label=${t("Tags")}>${options("tag", answer.tags)}</optgroup>`}</select></label>
    ${group && html`<label class="control"><span>${t("Band")}</span><select value=${band} onChange=${e => set({ band: e.target.value === "std" ? null : e.target.value })}><option value="std">${t("standard deviation")}</option>
      <option value="stderr">${t("standard error")}</option><option value="minmax">${t("lowest to highest")}</option><option value="none">${t("none")}</option></select></label>`}`;
}

export function MetricSearch({ settings }) {
  useKey("m", t("Find metrics"), () => document.querySelector(".metric-search input")?.focus());
  return html`<${Rested} value=${settings.search} onChange=${v => settings.set({ m: v || null }, { replace: true })}>${(now, set) => html`<label class="metric-search"><span class="visually-hidden">${t("Find metrics")}</span><${Icon} name="search" />
    <input type="search" value=${now} placeholder=${t("Find metrics")} onInput=${e => set(e.target.value)} spellcheck="false" /></label>`}</${Rested}>`;
}

export function ZoomBack({ settings }) {
  return settings.zoom && html`<button type="button" class="button small" onClick=${() => settings.set({ zoom: null })}>${t("Zoom out")}</button>`;
}
