/* charts.js - the metrics of a run as charts, in groups by what stands before the last slash. Settings live in the address. Only charts that were seen are
 * asked for; a panel keeps its place whatever happens. */
import { cls, html, useEffect, useMemo, useRef, useState } from "../../lib/html.js";
import { useData, useKept } from "../../lib/api.js";
import { seriesStyle } from "../../lib/colour.js";
import { setParams, useParam } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { visible } from "../../lib/ansi.js";
import { Chart } from "../../parts/chart.js";
import { Failed } from "../../parts/states.js";
import { Empty } from "../../parts/states.js";
import { Toggles } from "../../parts/toggle.js";
import { groupKeys, unitOf } from "./data.js";

const HEIGHT = 220;
const POINTS = 600;
const AXES = { step: "step", time: "time", relative: "duration" };

function useSeen() {
  const box = useRef(null), [seen, set] = useState(false);
  useEffect(() => {
    if (seen)
      return undefined;
    const watch = new IntersectionObserver(entries => entries.some(e => e.isIntersecting) && set(true), { rootMargin: "300px" });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [seen]);
  return [box, seen];
}

function axisLabel(x) {
  return { step: t("Step"), time: t("Time"), relative: t("Time since the first point") }[x];
}

function Panel({ run, metric, settings, range, setRange }) {
  const [box, seen] = useSeen(), { x, smooth, log } = settings;
  const body = { run_ids: [run.id], metric, x, points: POINTS, ...(range ? { range } : {}), ...(smooth > 0 ? { smoothing: { kind: "ema", weight: smooth } } : {}) };
  const chart = useData(seen ? "/api/ingot/v1/metrics/chart" : null, { body, events: event => (event.kind === "metric" || event.kind === "run") && event.id === run.id });
  const data = useKept(chart, x), line = data?.lines?.[0];
  const series = useMemo(() => (line && line.x.length ? [{ id: run.id, name: visible(metric), x: line.x, y: line.smooth ?? line.mean, min: line.min, max: line.max, ...(line.smooth ? { faint: line.mean } : {}), ...seriesStyle(run.id) }] : []), [line, smooth > 0]);
  return html`<div class="card panel" ref=${box} data-metric=${metric}>${chart.error && !data ? html`<${Failed} error=${chart.error} retry=${chart.refresh} />`
    : html`<${Chart} label=${visible(metric)} series=${series} x=${{ kind: AXES[x], label: axisLabel(x), range: range ?? null, zoomed: Boolean(range) }} y=${{ log, unit: unitOf(metric) ?? undefined }} height=${HEIGHT} sync=${`run-${x}`} legend=${false}
      onZoom=${(from, to) => setRange(from === null ? null : [from, to])} empty=${chart.loading || !seen ? "" : undefined} />`}</div>`;
}

function Controls({ settings, word, setWord, count }) {
  const { x, smooth, log } = settings, pick = name => setParams({ x: name === settings.first ? null : name }, { replace: true });
  return html`<div class="chart-controls"><input type="search" class="filter" value=${word} placeholder=${t("Filter metrics")} aria-label=${t("Filter metrics")} onInput=${e => setWord(e.target.value, { replace: true })} />
    <${Toggles} label=${t("Horizontal axis")} options=${[["step", t("Step")], ["relative", t("Relative")], ["time", t("Time")]]} value=${x} onChoose=${pick} />
    <label class="slider">${t("Smoothing")} <input type="range" min="0" max="0.99" step="0.01" value=${smooth} onInput=${e => setParams({ smooth: e.target.value === "0" ? null : e.target.value }, { replace: true })} /> <output class="num">${smooth.toFixed(2)}</output></label>
    <label><input type="checkbox" checked=${log} onChange=${e => setParams({ log: e.target.checked ? 1 : null }, { replace: true })} /> ${t("Log scale")}</label><span class="soft">${count}</span></div>`;
}

/* keys: of the metrics that are drawn; axis: the one that is taken where the address names none. */
export function RunCharts({ run, keys, axis = "step", empty }) {
  const [word, setWord] = useParam("q"), [x] = useParam("x", axis), [smoothText] = useParam("smooth", "0"), [logText] = useParam("log");
  const [range, setRange] = useState(null), smooth = Math.min(0.99, Math.max(0, Number(smoothText) || 0));
  const settings = { x: AXES[x] ? x : axis, smooth, log: logText === "1", first: axis };
  useEffect(() => setRange(null), [settings.x]);
  const shown = keys.filter(key => key.toLowerCase().includes(word.toLowerCase())), groups = groupKeys(shown);
  if (!keys.length)
    return empty;
  return html`<${Controls} settings=${settings} word=${word} setWord=${setWord} count=${t("{n} metric|{n} metrics", { n: shown.length })} />
    ${groups.map(([name, list]) => html`<section key=${name} aria-label=${name || t("Metrics")}>${name && html`<h2 class="group-head">${visible(name)} <span class="soft">${list.length}</span></h2>`}
      <div class=${cls("panels", list.length === 1 && groups.length === 1 && "one")}>${list.map(key => html`<${Panel} key=${key} run=${run} metric=${key} settings=${settings} range=${range} setRange=${setRange} />`)}</div></section>`)}
    ${!shown.length && html`<${Empty} title=${t("No metric is called that.")} />`}`;
}
