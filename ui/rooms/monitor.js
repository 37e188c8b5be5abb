/* monitor.js - one endpoint's monitor: what drifted when, how good the answers were, which alerts fired and what followed from them. The range, the measure, the
 * order, the filter and the chosen cell stand in the address. */
import { html, useCallback, useMemo } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { day, duration, integer, number, percent } from "../lib/format.js";
import { href, setParams, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "../parts/badge.js";
import { Episodes } from "../parts/episodes.js";
import { HeatMap } from "../parts/heatmap.js";
import { Card, Page } from "../parts/page.js";
import { Empty, Failed, Loaded, Skeleton } from "../parts/states.js";
import { Toggles } from "../parts/toggle.js";
import { ruleWord } from "./home_items.js";
import { MonitorCell } from "./monitor_cell.js";
import { MonitorCharts } from "./monitor_charts.js";
import { MEASURES, driftGrid, episodes, story, thresholdOf, wholeWindows } from "./monitor_data.js";

const RANGES = ["30", "92", "366", "all"], DAY_US = 86400e6;

/* One feature that is far off (a weekday, day by day) must not wash out all others: colours end at a few times the limit. */
const FULL_COLOUR = 5;
function colourScale(limit, grid) {
  const high = Math.max(0, ...grid.rows.flatMap(row => row.values.filter(Number.isFinite)));
  return { min: 0, max: Math.min(high, FULL_COLOUR * limit) };
}

function measureWord(measure) {
  return { psi: "PSI", ks_d: "KS D", ks_p: "KS p", missing: t("Missing") }[measure];
}

function Choice({ name, label, options, words, fallback }) {
  const [value, set] = useParam(name, fallback);
  return html`<${Toggles} label=${label} options=${options.map(o => [o, words(o)])} value=${value} onChoose=${set} />`;
}

function Tiles({ window: w }) {
  const tiles = [[t("Newest window"), day(w.start_us / 1000)], [t("Predictions"), integer(w.predictions)], [t("Labelled"), w.predictions ? percent(w.labelled / w.predictions) : "–"],
    [t("Drifted features"), `${w.drifted} / ${w.features.length}`], ["AUC", number(w.auc)], [t("Log-loss"), number(w.logloss)], [t("Errors"), percent(w.error_rate)], ["p99", w.p99_us === null ? "–" : duration(w.p99_us / 1000)]];
  return html`<div class="grid tiles wide">${tiles.map(([name, figure]) => html`<div class="tile" key=${name}><div class="name">${name}</div><div class="figure small" title=${figure}>${figure}</div></div>`)}</div>`;
}

function storyText(s) {
  switch (s.kind) {
  case "retrain": return s.version ? t("Retrained: version {version}", { version: s.version }) : t("Retraining");
  case "rollout": return t("Rollout of v{version} began", { version: s.version });
  case "promoted": return t("v{version} was promoted", { version: s.version });
  case "rolled_back": return t("v{version} was rolled back", { version: s.version });
  default: return s.kind;
  }
}

function storyKind(s) {
  return { retrain: { succeeded: "ok", running: "running", queued: "off" }[s.state] ?? "bad", rollout: "off", promoted: "ok", rolled_back: "bad" }[s.kind] ?? "off";
}

function Story({ name, items }) {
  return items.length > 0 && html`<ol class="story">${items.map((s, i) => html`<li key=${i}><span class=${"story-number mark-" + storyKind(s)}>${i + 1}</span><span class="num soft">${day(s.at)}</span>
    <${Badge} kind=${storyKind(s)}>${storyText(s)}</${Badge}>
    ${s.kind === "retrain" ? html`<span class="soft">${s.reason?.rule ? `${ruleWord(s.reason.rule)}: ${number(s.reason.value)}, ${t("limit {bound}", { bound: number(s.reason.limit) })}` : ""}</span>${s.run && html`<a href=${href("/runs/{id}", { id: s.run })}>${t("Run")}</a>`}`
      : html`<a href=${href("/endpoints/{name}", { name }, { rollout: s.id })}>${t("Rollout")}</a>`}</li>`)}</ol>`;
}

function AlertCard({ name, alerts, items, from, to }) {
  const rows = useMemo(() => episodes(alerts, to).map(row => ({ key: row.rule + row.subject, name: row.subject ? `${ruleWord(row.rule)}: ${row.subject}` : ruleWord(row.rule),
    bars: row.bars.filter(b => b.to >= from).map(b => ({ from: b.from, to: b.to, kind: b.firing ? "bad" : "off",
      title: `${day(b.from)} – ${b.firing ? t("still firing") : day(b.to)}: ${number(b.value)}, ${t("limit {bound}", { bound: number(b.limit) })}` })) })).filter(row => row.bars.length), [alerts, from, to]);
  return html`<${Card} title=${t("Alerts and what followed")}>${rows.length === 0 ? html`<p class="soft">${t("No alert fired in this time.")}</p>`
    : html`<${Episodes} rows=${rows} from=${from} to=${to} label=${t("Alerts over time")} marks=${items.map(s => ({ at: s.at, text: storyText(s), kind: storyKind(s) }))} />`}<${Story} name=${name} items=${items} /></${Card}>`;
}

function Drift({ name, windows, config }) {
  const [measure] = useParam("measure", "psi"), [sort] = useParam("sort", "worst"), [filter, setFilter] = useParam("filter"), [cell] = useParam("cell");
  const how = MEASURES.includes(measure) ? measure : "psi";
  const grid = useMemo(() => driftGrid(windows, { measure: how, sort, filter }), [windows, how, sort, filter]);
  const value = useCallback((r, c) => grid.rows[r].values[c], [grid]), limit = thresholdOf(how, config);
  const colours = useMemo(() => (how === "psi" ? colourScale(limit, grid) : undefined), [how, limit, grid]);
  const rows = useMemo(() => grid.rows.map((row, i) => (i === 0 ? { label: t("score"), title: t("what the model answered") } : { label: row.name, title: row.name })), [grid]);
  const [at, ...rest] = cell.split("~"), picked = rest.join("~");
  const c = windows.findIndex(w => String(w.start_us) === at), r = picked === "" && c >= 0 ? 0 : grid.rows.findIndex((row, i) => i > 0 && row.name === picked);
  const pick = (row, col) => setParams({ cell: `${windows[col].start_us}~${row === 0 ? "" : grid.rows[row].name}` });
  return html`<${Card} title=${t("Drift")} actions=${html`<input type="search" class="narrow" aria-label=${t("Filter features")} placeholder=${t("Filter features")} value=${filter} onInput=${e => setFilter(e.target.value, { replace: true })} />
      <${Choice} name="measure" label=${t("Measure")} fallback="psi" options=${MEASURES} words=${measureWord} /><${Choice} name="sort" label=${t("Order")} fallback="worst" options=${["worst", "name"]} words=${o => (o === "worst" ? t("Worst first") : t("By name"))} />`}>
    <${HeatMap} rows=${rows} cols=${grid.cols} value=${value} label=${t("{measure} by feature and window", { measure: measureWord(how) })} onPick=${pick} scale=${colours} threshold=${how === "ks_p" ? undefined : limit} highlight=${r >= 0 && c >= 0 ? [r, c] : undefined} />
    ${c >= 0 && r >= 0 && html`<${MonitorCell} endpoint=${name} window=${windows[c]} windows=${windows} name=${grid.rows[r].name} score=${r === 0} config=${config} onClose=${() => setParams({ cell: null })} />`}</${Card}>`;
}

function Shown({ name, windows, config }) {
  const alerts = useData(`${API}/endpoints/${encodeURIComponent(name)}/alerts`, { events: ["alert"] }), retrains = useData(`${API}/endpoints/${encodeURIComponent(name)}/retrains`, { events: ["retrain", "pipeline"] });
  const rollouts = useData(`${API}/endpoints/${encodeURIComponent(name)}/rollouts?brief=true`, { events: ["rollout"] });
  const from = windows[0].start_us / 1000, to = windows[windows.length - 1].end_us / 1000;
  const items = useMemo(() => story(retrains.data?.retrains ?? [], rollouts.data?.rollouts ?? []).filter(s => s.at >= from && s.at <= to + 86400e3), [retrains.data, rollouts.data, from, to]);
  const failed = alerts.error ?? retrains.error ?? rollouts.error;
  return html`<${Tiles} window=${windows[windows.length - 1]} />${failed ? html`<${Failed} error=${failed} />` : alerts.data ? html`<${AlertCard} name=${name} alerts=${alerts.data.alerts} items=${items} from=${from} to=${to} />` : html`<${Skeleton} lines=${6} />`}
    <${Drift} name=${name} windows=${windows} config=${config} /><${MonitorCharts} windows=${windows} config=${config} story=${items} storyKind=${storyKind} />`;
}

/* Only the range's windows are asked for: the newest one says where it ends. */
export default function Monitor({ name }) {
  const [range] = useParam("range", "92"), list = useData(API + "/monitors", { events: ["window"] });
  const mine = list.data?.monitors.find(m => m.endpoint === name), days = RANGES.includes(range) ? range : "92";
  const from = mine && days !== "all" ? mine.last.end_us - Number(days) * DAY_US : null;
  const path = `${API}/endpoints/${encodeURIComponent(name)}/windows${from === null ? "" : "?from_us=" + from}`;
  const answer = useData(list.data ? path : null, { events: e => e.kind === "window" && (!e.name || e.name === name) });
  const windows = useMemo(() => (answer.data ? wholeWindows(answer.data.windows) : []), [answer.data]);
  const waiting = list.data ? answer : list;
  return html`<${Page} title=${name} crumbs=${[[t("Monitors"), href("/monitors")]]} badge=${mine?.firing > 0 && html`<${Badge} kind="bad">${t("{n} firing|{n} firing", { n: mine.firing })}</${Badge}>`}
    actions=${html`<${Choice} name="range" label=${t("Time range")} fallback="92" options=${RANGES} words=${o => (o === "all" ? t("All") : t("{n} day|{n} days", { n: Number(o) }))} /><a class="button" href=${href("/endpoints/{name}", { name })}>${t("Endpoint")}</a>`}>
    <${Loaded} of=${waiting} lines=${10}>${() => (windows.length === 0 ? html`<${Card}><${Empty} icon="monitors" title=${t("No window has closed yet")}
      text=${t("Predictions are gathered by day and judged when their labels have come. Deliver labels to this endpoint:")} command=${`POST /api/ingot/v1/endpoints/${encodeURIComponent(name)}/labels`} /></${Card}>`
      : html`<${Shown} name=${name} windows=${windows} config=${answer.data.config} />`)}</${Loaded}></${Page}>`;
}
