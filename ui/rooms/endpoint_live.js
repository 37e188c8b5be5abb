/* endpoint_live.js - what an endpoint does: charts of its recent past, that go on by themselves, and what waits and lies in memory now. Part of endpoint.js.
 * The server keeps each second for 15 minutes and each ten seconds for a day; null there is a gap here, 0 is 0. */
import { html, useCallback, useMemo, useState } from "../lib/html.js";
import { useData } from "../lib/api.js";
import { bytes, duration, integer, number, percent } from "../lib/format.js";
import { href, useParam } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Icon } from "../parts/icons.js";
import { Chart } from "../parts/chart.js";
import { Card } from "../parts/page.js";
import { Scroll } from "../parts/scroll.js";
import { Empty, Loaded } from "../parts/states.js";
import { Toggles } from "../parts/toggle.js";
import { columnsOf, lastMinute, rangeOf, ranges, seriesOf, thresholds } from "./endpoint_series.js";

function Tile({ name, value, hint, id }) {
  return html`<div class="tile" title=${hint} data-figure=${id}><p class="name">${name}</p><p class="figure">${value}</p></div>`;
}

function us(value) {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : duration(value / 1000);
}

function Tiles({ data }) {
  const m = lastMinute(data.past), now = data.now, sum = key => now.reduce((n, v) => n + v[key], 0), lookups = sum("cache_hits") + sum("cache_misses");
  return html`<div class="grid tiles">
    <${Tile} id="rate" name=${t("Requests/s")} value=${number(m?.rate)} hint=${t("mean of the last minute")} />
    <${Tile} id="p50" name=${t("Latency p50")} value=${us(m?.p50)} hint=${t("half of the requests of the newest step were faster")} />
    <${Tile} id="p99" name="p99" value=${us(m?.p99)} hint=${t("1 of 100 requests of the newest step was slower")} />
    <${Tile} id="errors" name=${t("Errors")} value=${m?.errors === null || m === null ? "–" : percent(m.errors)} hint=${t("share of the last minute's requests")} />
    <${Tile} id="queued" name=${t("Waiting now")} value=${integer(sum("queued"))} hint=${t("requests in the queue")} />
    ${lookups > 0 && html`<${Tile} id="cache" name=${t("Cache hits")} value=${percent(sum("cache_hits") / lookups)} hint=${t("since the versions were loaded")} />`}
    <${Tile} id="memory" name=${t("Memory")} value=${bytes(sum("memory_bytes"))} hint=${t("of the loaded versions")} /></div>`;
}

function Versions({ now, endpoint }) {
  const roles = new Map(endpoint.rollout.active ? [[endpoint.rollout.control, t("control")], [endpoint.rollout.candidate, t("candidate")]] : [[endpoint.version, t("live")]]);
  return html`<${Card} title=${t("Loaded versions")}><${Scroll}><table class="plain"><thead><tr><th>${t("Version")}</th><th>${t("Role")}</th><th class="right">${t("Requests")}</th><th class="right">${t("Errors")}</th><th class="right">${t("Rows")}</th>
    <th class="right">${t("Model runs")}</th><th class="right">${t("Waiting")}</th><th class="right">${t("Running")}</th><th class="right">${t("Memory")}</th></tr></thead>
    <tbody>${now.map(v => html`<tr key=${v.version} data-version=${v.version}><td>v${v.version}</td><td>${roles.get(v.version) ?? "–"}</td><td class="right" data-requests=${v.requests}>${integer(v.requests)}</td><td class="right" data-errors=${v.errors}>${integer(v.errors)}</td><td class="right">${integer(v.rows)}</td>
      <td class="right">${integer(v.runs)}</td><td class="right">${integer(v.queued)}</td><td class="right">${integer(v.running)}</td><td class="right">${bytes(v.memory_bytes)}</td></tr>`)}</tbody></table></${Scroll}>
    <p class="soft">${t("Counted since each version was loaded.")}</p></${Card}>`;
}

function reasonWord(code) {
  return { INVALID: t("the request was wrong"), NOT_FOUND: t("no such version"), BUSY: t("the queue was full or the model was not ready"), TIMEOUT: t("it waited too long"), CANCELLED: t("the client left"),
    TOO_LARGE: t("a limit was exceeded"), IO: t("the engine failed"), UNSUPPORTED: t("not supported"), INTERNAL: t("a fault of the server") }[code] ?? "";
}

function Errors({ past }) {
  const rows = Object.entries(past.errors_by_code ?? {}).sort((a, b) => b[1] - a[1]);
  return html`<${Card} title=${t("Errors by kind")}>${rows.length === 0 ? html`<p class="soft calm"><${Icon} name="check" /> ${t("None in this range.")}</p>`
    : html`<ul class="list">${rows.map(([code, n]) => html`<li key=${code}><span><code>${code}</code> <span class="soft">${reasonWord(code)}</span></span><span class="num" data-code=${code}>${number(n)}</span></li>`)}</ul>`}
    <p class="soft">${t("Of requests that reached a version. What could not be read at all is in /metrics: ingot_http_requests_total.")}</p></${Card}>`;
}

function Batches({ now }) {
  const sizes = new Map();
  for (const v of now)
    for (const b of v.batches)
      sizes.set(b.size, (sizes.get(b.size) ?? 0) + b.runs);
  const rows = [...sizes].sort((a, b) => a[0] - b[0]), most = Math.max(1, ...rows.map(r => r[1]));
  return html`<${Card} title=${t("Rows per run of the model")}>${rows.length === 0 ? html`<p class="soft">${t("Nothing ran yet.")}</p>`
    : html`<table class="plain bars"><tbody>${rows.map(([size, n]) => html`<tr key=${size}><td class="right">${integer(size)}</td><td class="wide"><i class="bar" style=${{ width: `${(100 * n) / most}%` }}></i></td><td class="right">${integer(n)}</td></tr>`)}</tbody></table>`}</${Card}>`;
}

function Charts({ data, endpoint, by, range }) {
  const [zoom, setZoom] = useState(null), past = data.past, zoomed = useCallback((from, to) => setZoom(from === null ? null : [from, to]), []);
  const x = useMemo(() => ({ kind: "time", range: zoom ?? [data.now_us / 1000 - range.ms, data.now_us / 1000], zoomed: Boolean(zoom) }), [data.now_us, range.ms, zoom]);
  const series = useMemo(() => seriesOf(t, past, by), [past, by]), marks = useMemo(() => thresholds(t, endpoint), [endpoint.config, endpoint.rollout.active]);
  const chart = (key, label, y, extra = {}) => html`<${Card} label=${label}><${Chart} label=${label} series=${series[key]} x=${x} y=${y} sync=${"endpoint"} onZoom=${zoomed} height=${200} empty=${t("Nothing was asked in this range.")} gaps=${t("Nothing was asked in this range.")} ...${extra} /></${Card}>`;
  return html`<div class="grid charts">
    ${chart("rate", t("Requests per second"), { range: [0, null] })}
    ${chart("latency", t("Latency of answered requests"), { unit: "ms", log: true }, { marks: marks.latency })}
    ${zoom && html`<p class="soft wide-row"><button type="button" class="link" onClick=${() => setZoom(null)}>${t("Back to the whole range")}</button></p>`}
    ${chart("errors", t("Errors, per cent of the requests"), { unit: "%", range: [0, null] }, { marks: marks.errors })}
    ${chart("queue", t("Requests waiting"), { range: [0, null] })}
    ${chart("batch", t("Rows per run of the model, mean"), { range: [0, null] })}
    ${columnsOf(past, "cache_hits") + columnsOf(past, "cache_misses") > 0 && chart("cache", t("Cache hits, per cent of the lookups"), { unit: "%", range: [0, 100] })}
    <${Batches} now=${data.now} /></div>`;
}

export function EndpointLive({ endpoint, at }) {
  const [name, setName] = useParam("range", "15m"), [by, setBy] = useParam("by", "version"), [paused, pause] = useState(false);
  const range = rangeOf(name), data = useData(`${at}/live?span_us=${range.ms * 1000}&step_us=${range.step_ms * 1000}`, { every_ms: paused ? 0 : range.refresh_ms });
  return html`<div class="bar-row"><${Toggles} label=${t("Time range")} options=${ranges.map(r => [r.name, r.text])} value=${range.name} onChoose=${setName} />
      <${Toggles} label=${t("Lines")} options=${[["version", t("By version")], ["all", t("All together")]]} value=${by} onChoose=${setBy} />
      <button type="button" class="button" aria-pressed=${paused ? "true" : "false"} onClick=${() => pause(!paused)}>${paused ? t("Go on") : t("Pause")}</button>
      <span class="soft" role="status">${paused ? t("stopped") : t("every {time}", { time: duration(range.refresh_ms) })}</span></div>
    <${Loaded} of=${data} lines=${10}>${live => html`<${Tiles} data=${live} />
      ${live.now.every(v => v.requests === 0) && !(live.past?.total?.requests ?? []).some(n => n > 0) && html`<${Card}><${Empty} icon="endpoints" title=${t("Nobody has asked yet")} text=${html`${t("Requests appear here within a second.")} <a href=${href("/endpoints/{name}", endpoint, { tab: "try" })}>${t("Try it")}</a>`} /></${Card}>`}
      ${live.past && html`<${Charts} data=${live} endpoint=${endpoint} by=${by} range=${range} />
      <${Versions} now=${live.now} endpoint=${endpoint} /><${Errors} past=${live.past} />`}`}</${Loaded}>`;
}
