/* features.js - /features: the feature views that are served online; /features/{view}: its columns, how fresh it is, and the values of one entity. */
import { html, useMemo, useState } from "../lib/html.js";
import { API, get, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { duration, integer, number, when } from "../lib/format.js";
import { href, path } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge, Chip } from "../parts/badge.js";
import { KeyValues } from "../parts/kv.js";
import { Card, Page, useTabs } from "../parts/page.js";
import { Scroll } from "../parts/scroll.js";
import { Empty, Loaded } from "../parts/states.js";
import { Table } from "../parts/table.js";
import { Bytes, Num } from "../parts/values.js";
import { lookupBody, lookupTime } from "./features_lookup.js";

const REFRESH_MS = 10000;

/* Event times of data lie long ago: relative ones say nothing there. */
function eventTime(us) {
  const text = us === undefined ? null : new Date(us / 1000).toISOString();
  return text === null ? html`<span class="soft">${t("no events yet")}</span>` : html`<time datetime=${text} title=${when(us / 1000)}>${text.slice(0, 16).replace("T", " ")} UTC</time>`;
}

function State({ view }) {
  return html`<${Badge} kind=${view.online ? (view.newest_us === undefined ? "off" : "ok") : "off"}>${view.online ? (view.newest_us === undefined ? t("Empty") : t("Online")) : t("Offline only")}</${Badge}>`;
}

function columns() {
  return [
    { key: "name", title: t("Name"), value: v => v.name, cell: v => visible(v.name), width: 140, grow: true },
    { key: "state", title: t("State"), value: v => v.newest_us ?? null, width: 96, cell: v => html`<${State} view=${v} />` },
    { key: "entities", title: t("Entities"), value: v => v.entities.map(e => e.name).join(), width: 240, cell: v => v.entities.map(e => html`<${Chip} key=${e.name}>${visible(e.name)}</${Chip}> `) },
    { key: "features", title: t("Features"), value: v => v.features.length, width: 84, align: "right" },
    { key: "events", title: t("Events"), value: v => v.events, width: 90, align: "right", cell: v => html`<${Num} value=${v.events} />` },
    { key: "keys", title: t("Entity keys"), value: v => v.entity_keys, width: 100, align: "right", cell: v => html`<${Num} value=${v.entity_keys} />` },
    { key: "memory", title: t("Memory"), value: v => v.memory_bytes, width: 96, align: "right", cell: v => html`<${Bytes} value=${v.memory_bytes} />` },
    { key: "newest", title: t("Newest event"), value: v => v.newest_us ?? null, width: 196, cell: v => eventTime(v.newest_us) },
  ];
}

function List() {
  const got = useData(`${API}/features`, { every_ms: REFRESH_MS }), shown = useMemo(columns, []);
  return html`<${Page} title=${t("Features")} sub=${t("Views computed by the same code for training and for serving.")}><${Loaded} of=${got} lines=${6}>${data => (data.views.length === 0 ?
    html`<${Card}><${Empty} icon="features" title=${t("No feature views yet")} text=${t("A view says which columns make an entity, which windows are counted and when an event becomes known.")} command="ingot features apply features.yaml" /></${Card}>` :
    html`<${Card} flush label=${t("Feature views")}><${Table} id="features" label=${t("Feature views")} columns=${shown} rows=${data.views} rowKey=${v => v.name} rowName=${v => v.name} rowHref=${v => href("/features/{view}", { view: v.name })} /></${Card}>`)}</${Loaded}></${Page}>`;
}

function kindWord(kind) {
  return { count: t("events in the window"), rate: t("share of labelled events"), hour: t("hour of the request"), weekday: t("weekday of the request"), request: t("sent with the request") }[kind] ?? kind;
}

function Lookup({ view }) {
  const [fields, set] = useState(() => ({ time: lookupTime(view.newest_us) })), [answer, setAnswer] = useState(null), [error, setError] = useState(null);
  const field = (key, title, more) => html`<label class="field" key=${key}><span>${title}</span><input value=${fields[key] ?? ""} onInput=${e => set({ ...fields, [key]: e.target.value })} ...${more} /></label>`;
  const ask = async event => {
    event.preventDefault();
    setError(null);
    try {
      setAnswer(await get(`${API}${path("/features/{view}/get", { view: view.name })}`, { body: lookupBody(view, fields) }));
    } catch (e) {
      setAnswer(null);
      setError(e);
    }
  };
  return html`<${Card} title=${t("Look up one entity")}><form class="lookup" onSubmit=${ask}>${view.keys.map(k => field("key." + k, k, { autocomplete: "off", spellcheck: "false" }))}${view.numbers.map(n => field("number." + n, n, { type: "number", step: "any" }))}
    ${field("time", t("As of (UTC)"), { type: "datetime-local", step: "1" })}<button type="submit" class="button primary">${t("Look up")}</button></form>
    ${error && html`<p class="problem" role="alert">${error.message}</p>`}
    ${answer && html`<${Scroll} class="view-columns scroll-x" aria-live="polite"><table class="plain" aria-label=${t("Values")}><thead><tr><th>${t("Feature")}</th><th class="right">${t("Value")}</th></tr></thead><tbody>${answer.features.map((name, i) => html`<tr key=${name}><th scope="row">${visible(name)}</th><td class="right">${answer.rows[0][i] === null ? html`<span class="soft">${t("missing")}</span>` : html`<${Num} value=${answer.rows[0][i]} />`}</td></tr>`)}</tbody></table></${Scroll}>`}</${Card}>`;
}

function Found({ view }) {
  const [tab, bar] = useTabs([["columns", t("Columns")], ["definition", t("Definition")]]);
  return html`<${Page} title=${visible(view.name)} sub=${view.description && visible(view.description)} crumbs=${[[t("Features"), href("/features")]]} badge=${html`<${State} view=${view} />`}>
    <div class="grid"><${Card} title=${t("In short")}><${KeyValues} rows=${[[t("Entities"), view.entities.map(e => html`<${Chip} key=${e.name} title=${e.keys.join(", ")}>${visible(e.name)}: ${visible(e.keys.join(" + "))}</${Chip}> `)], [t("Events"), html`<span title=${integer(view.events)}>${number(view.events)}</span>`], [t("Entity keys"), html`<${Num} value=${view.entity_keys} />`],
      [t("Newest event"), eventTime(view.newest_us)], [t("Oldest readable instant"), eventTime(view.oldest_read_us)], [t("An event counts for"), duration(view.ttl_us / 1000)], [t("Memory"), html`<${Bytes} value=${view.memory_bytes} />`], [t("Source"), html`<code class="wrap">${visible(view.source)}</code>`],
      [t("Digest"), html`<data class="value code" value=${view.digest} title=${view.digest}>${view.digest.slice(0, 12)}</data>`]]} /></${Card}><${Lookup} view=${view} /></div>
    ${bar}<div role="tabpanel">${tab === "definition" ? html`<${Card} title=${t("Definition")}><pre>${visible(view.definition.trimEnd())}</pre></${Card}>` :
      html`<${Card} title=${t("{n} feature|{n} features", { n: view.columns.length })}><${Scroll}><table class="plain"><thead><tr><th class="right index">#</th><th>${t("Name")}</th><th>${t("Type")}</th><th>${t("What it is")}</th><th>${t("Entity")}</th><th>${t("Window")}</th></tr></thead><tbody>${view.columns.map((c, i) => html`<tr key=${c.name}><td class="right soft index">${i + 1}</td><th scope="row">${visible(c.name)}</th><td><code>${c.type}</code></td><td>${kindWord(c.kind)}</td><td>${visible(c.entity ?? "–")}</td><td>${c.window ?? "–"}</td></tr>`)}</tbody></table></${Scroll}></${Card}>`}</div></${Page}>`;
}

function One({ view }) {
  const got = useData(`${API}${path("/features/{view}", { view })}`, { every_ms: REFRESH_MS });
  if (got.data === undefined)
    return html`<${Page} title=${visible(view)} crumbs=${[[t("Features"), href("/features")]]}><${Loaded} of=${got} lines=${8}>${() => null}</${Loaded}></${Page}>`;
  return html`<${Loaded} of=${got}>${data => html`<${Found} view=${data} />`}</${Loaded}>`;
}

export default function Features({ view }) {
  return view === undefined ? html`<${List} />` : html`<${One} view=${view} />`;
}
